/* How probable a text is to a model: the log-probability of each token after those before it, their sum, and
 * the perplexity, e to the power of minus their mean.
 *
 *   cc score.c $(pkg-config --cflags --libs youtu) -lm -o score
 *   ./score MODEL_DIRECTORY "TEXT"
 */
#include <youtu.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ROWS 64 /* at once: their logits take ROWS x vocabulary x 4 bytes */

/* Prints the log-probability of every token but the first; *sum: of all. */
static youtu_status score_tokens(youtu_context *context, int32_t vocab_size, const youtu_tokens *tokens,
                                 double *sum, youtu_error *error) {
    bool all[ROWS];
    size_t i, first, n_scored = tokens->count - 1;
    memset(all, true, sizeof all);
    *sum = 0;
    for (first = 0; first < n_scored; first += ROWS) {
        youtu_batch batch = {tokens->ids + first, NULL, all,
                             n_scored - first < ROWS ? n_scored - first : ROWS};
        youtu_status status = youtu_decode(context, &batch, error);
        if (status) return status;
        for (i = 0; i < batch.count; i++) {
            /* The logits of a row are about the token that follows it. */
            int32_t token = tokens->ids[first + i + 1];
            float score = youtu_log_probability(youtu_logits(context, i), vocab_size, token);
            printf("%d\t%.5f\n", token, score);
            *sum += score;
        }
    }
    return YOUTU_OK;
}

int main(int argc, char **argv) {
    youtu_model *model = NULL;
    youtu_context *context = NULL;
    youtu_context_options options = youtu_context_options_default();
    youtu_tokens tokens = {NULL, 0, 0};
    const youtu_tokenizer *tokenizer;
    youtu_model_info info;
    youtu_error error;
    double sum;
    int exit_status = 1;

    if (argc != 3) {
        fprintf(stderr, "usage: score MODEL_DIRECTORY TEXT\n");
        return 1;
    }
    if (youtu_model_open(argv[1], NULL, &model, &error)) goto failed;
    info.size = sizeof info;
    youtu_model_get_info(model, &info);
    tokenizer = youtu_model_tokenizer(model);
    if (!tokenizer) {
        fprintf(stderr, "score: %s has no tokenizer.json\n", argv[1]);
        goto done;
    }
    if (youtu_encode_begin(tokenizer, &tokens, &error)) goto failed;
    if (youtu_encode(tokenizer, argv[2], strlen(argv[2]), YOUTU_TEXT_PLAIN, &tokens, &error)) goto failed;
    if (tokens.count < 2) {
        fprintf(stderr, "score: %zu tokens; it takes two to score one\n", tokens.count);
        goto done;
    }

    options.n_tokens = (int32_t)tokens.count;
    options.n_batch = ROWS;
    if (youtu_context_new(model, &options, &context, &error)) goto failed;
    if (score_tokens(context, info.vocab_size, &tokens, &sum, &error)) goto failed;
    printf("%zu tokens, log-likelihood %.4f, perplexity %.4f\n", tokens.count - 1, sum,
           exp(-sum / (double)(tokens.count - 1)));
    exit_status = 0;
    goto done;

failed:
    fprintf(stderr, "score: %s\n", error.message);
done:
    youtu_context_free(context);
    youtu_tokens_free(&tokens);
    youtu_model_close(model);
    return exit_status;
}
