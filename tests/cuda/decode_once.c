/* Opens a model and a context on a CUDA device, computes a prompt and draws tokens after it, so that a profiler
 * sees what that takes: test_traffic.py. Prints the context's bytes and how many were uploaded; an error as
 * "STATUS: MESSAGE". */
#include "libyoutu/youtu.h"

#include <stdio.h>
#include <stdlib.h>

static youtu_error error;
static uint64_t uploaded;

static void count_upload(void *user, uint64_t done, uint64_t total) {
    (void)user, (void)total;
    uploaded = done;
}

/* A step a token after the first, which the prompt's last rows give. */
static youtu_status generate(youtu_context *context, int32_t vocab_size, size_t n_prompt, int32_t n_tokens) {
    int32_t *prompt = calloc(n_prompt, sizeof *prompt);
    if (!prompt) return YOUTU_E_MEMORY;
    for (size_t i = 0; i < n_prompt; i++) prompt[i] = (int32_t)i % vocab_size;
    youtu_sampler_options sampling = youtu_sampler_options_default(NULL);
    sampling.top_k = 20;
    sampling.top_p = 0.95f;
    youtu_generate_options options = youtu_generate_options_default();
    options.max_tokens = n_tokens;
    options.ignore_end = true;
    youtu_sampler *sampler = NULL;
    youtu_status status = youtu_sampler_new(&sampling, vocab_size, &sampler, &error);
    if (status == YOUTU_OK)
        status = youtu_generate(context, NULL, 0, prompt, n_prompt, &options, sampler, NULL, &error);
    youtu_sampler_free(sampler);
    free(prompt);
    return status;
}

int main(int argc, char **argv) {
    if (argc != 6) return fprintf(stderr, "usage: decode_once MODEL CONTEXT BATCH PROMPT TOKENS\n"), 1;
    youtu_model *model = NULL;
    youtu_context *context = NULL;
    youtu_model_options options = youtu_model_options_default();
    options.device = "cuda";
    options.progress = count_upload;
    youtu_context_options sizes = youtu_context_options_default();
    sizes.n_tokens = atoi(argv[2]);
    sizes.n_batch = atoi(argv[3]);
    int32_t n_prompt = atoi(argv[4]), n_tokens = atoi(argv[5]);
    youtu_model_info info = {.size = sizeof info};
    uint64_t bytes = 0;

    youtu_status status = youtu_model_open(argv[1], &options, &model, &error);
    uploaded = 0; /* opening tells of checking the file */
    if (status == YOUTU_OK) youtu_model_get_info(model, &info);
    if (status == YOUTU_OK) status = youtu_context_memory(model, &sizes, &bytes, &error);
    if (status == YOUTU_OK) status = youtu_context_new(model, &sizes, &context, &error);
    if (status == YOUTU_OK && n_prompt > 0)
        status = generate(context, info.vocab_size, (size_t)n_prompt, n_tokens);
    printf("context %llu\nuploaded %llu\n", (unsigned long long)bytes, (unsigned long long)uploaded);
    if (status != YOUTU_OK) printf("%s: %s\n", youtu_status_name(status), error.message);
    youtu_context_free(context);
    youtu_model_close(model);
    return status != YOUTU_OK;
}
