/* Takes a model once through all that the CUDA backend does: opening, many rows, few rows, a recorded step and its
 * replay, a copied cache block, logits and drawn tokens. Prints "ok", or the first error as "STATUS: MESSAGE". For
 * the tests that let each CUDA call fail in turn (test_failing_calls.py) and that overflow fp16 (test_overflow.py). */
#include "libyoutu/youtu.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_PROMPT = 40, N_TOKENS = 128 };

static youtu_error error;

/* A failed decode must leave every sequence as it was. */
static bool decode(youtu_context *context, int32_t sequence, int32_t count) {
    int32_t tokens[N_PROMPT], sequences[N_PROMPT], before = youtu_sequence_length(context, sequence);
    for (int32_t i = 0; i < count; i++) tokens[i] = (before + i) % 97, sequences[i] = sequence;
    youtu_batch batch = {.token = tokens, .sequence = sequences, .count = (size_t)count};
    if (youtu_decode(context, &batch, &error) == YOUTU_OK) return true;
    if (youtu_sequence_length(context, sequence) != before || youtu_logits(context, 0)) {
        fprintf(stderr, "a failed decode changed sequence %d\n", sequence);
        exit(1);
    }
    return false;
}

static bool generate(youtu_context *context, const youtu_model *model) {
    const int32_t prompt[] = {1, 2, 3};
    youtu_sampler_options sampling = youtu_sampler_options_default(NULL);
    sampling.top_k = 20;
    sampling.repetition_penalty = 1.1f;
    youtu_generate_options options = youtu_generate_options_default();
    options.max_tokens = 3;
    options.ignore_end = true;
    youtu_model_info info = {.size = sizeof info};
    youtu_model_get_info(model, &info);
    youtu_sampler *sampler;
    if (youtu_sampler_new(&sampling, info.vocab_size, &sampler, &error) != YOUTU_OK) return false;
    youtu_status status = youtu_generate(context, NULL, 1, prompt, 3, &options, sampler, NULL, &error);
    youtu_sampler_free(sampler);
    return status == YOUTU_OK;
}

static bool run(youtu_context *context, const youtu_model *model) {
    return decode(context, 0, N_PROMPT) && decode(context, 0, 1) && decode(context, 0, 1) &&
           youtu_sequence_fork(context, 0, 1, N_PROMPT + 1, &error) == YOUTU_OK && decode(context, 1, 2) &&
           generate(context, model);
}

int main(int argc, char **argv) {
    if (argc != 2 && argc != 3) return fprintf(stderr, "usage: every_call MODEL [bf16]\n"), 1;
    youtu_model *model = NULL;
    youtu_context *context = NULL;
    youtu_model_options options = youtu_model_options_default();
    options.device = "cuda";
    if (argc == 3) options.weights = YOUTU_WEIGHTS_BF16;
    youtu_context_options sizes = youtu_context_options_default();
    sizes.n_tokens = N_TOKENS;
    sizes.n_sequences = 2;
    sizes.n_batch = N_PROMPT;
    bool done = youtu_model_open(argv[1], &options, &model, &error) == YOUTU_OK &&
                youtu_context_new(model, &sizes, &context, &error) == YOUTU_OK && run(context, model);
    fputs("closing\n", stderr);
    youtu_context_free(context);
    youtu_model_close(model);
    if (done)
        puts("ok");
    else
        printf("%s: %s\n", youtu_status_name(error.status), error.message);
    return 0;
}
