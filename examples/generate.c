/* Answers a question with a model and prints the answer as it comes.
 *
 *   cc generate.c $(pkg-config --cflags --libs youtu) -o generate
 *   ./generate MODEL_DIRECTORY "QUESTION"
 */
#include <youtu.h>

#include <stdio.h>
#include <string.h>

/* Called for each token: its text, as far as whole characters of it are known. */
static bool print_text(void *user, const youtu_event *event) {
    FILE *out = (FILE *)user;
    fwrite(event->text, 1, event->length, out);
    return fflush(out) == 0; /* a reader who has gone away ends the generation */
}

int main(int argc, char **argv) {
    youtu_model *model = NULL;
    youtu_context *context = NULL;
    youtu_sampler *sampler = NULL;
    youtu_tokens prompt = {NULL, 0, 0};
    const youtu_tokenizer *tokenizer;
    youtu_model_info info;
    youtu_message question;
    youtu_sampler_options sampling;
    youtu_generate_options options = youtu_generate_options_default();
    youtu_generation result;
    youtu_error error;
    int exit_status = 1;

    if (argc != 3) {
        fprintf(stderr, "usage: generate MODEL_DIRECTORY QUESTION\n");
        return 1;
    }

    /* The model, and what it can do. */
    if (youtu_model_open(argv[1], NULL, &model, &error)) goto failed;
    info.size = sizeof info;
    youtu_model_get_info(model, &info);
    if (info.notice) fprintf(stderr, "%s: %s\n", info.name, info.notice);
    tokenizer = youtu_model_tokenizer(model);
    if (!tokenizer) {
        fprintf(stderr, "generate: %s has no tokenizer.json\n", argv[1]);
        goto done;
    }

    /* The question in the model's chat format, as tokens. */
    question.role = YOUTU_USER;
    question.text = argv[2];
    question.length = strlen(argv[2]);
    if (youtu_encode_chat(tokenizer, &question, 1, false, &prompt, &error)) goto failed;

    /* A place to compute in, and a way to choose among the tokens that the model finds probable. */
    if (youtu_context_new(model, NULL, &context, &error)) goto failed;
    sampling = youtu_sampler_options_default(model);
    sampling.seed = 1;
    if (youtu_sampler_new(&sampling, info.vocab_size, &sampler, &error)) goto failed;

    options.on_token = print_text;
    options.user = stdout;
    result.size = sizeof result;
    if (youtu_generate(context, tokenizer, 0, prompt.ids, prompt.count, &options, sampler, &result, &error))
        goto failed;
    printf("\n");
    fprintf(stderr, "%d prompt tokens in %.0f ms, %d tokens in %.0f ms\n", result.prompt_tokens,
            result.prefill_ms, result.completion_tokens, result.decode_ms);
    exit_status = 0;
    goto done;

failed:
    fprintf(stderr, "generate: %s\n", error.message);
done:
    youtu_sampler_free(sampler);
    youtu_context_free(context);
    youtu_tokens_free(&prompt);
    youtu_model_close(model);
    return exit_status;
}
