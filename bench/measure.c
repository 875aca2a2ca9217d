#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Tokens spread over the vocabulary, the same in every run. */
static int32_t token_at(int32_t position, int32_t vocab_size) {
    return (int32_t)((uint32_t)position * 2654435761u % (uint32_t)vocab_size);
}

/* Appends n tokens to sequence 0, `step` in one batch. */
static youtu_status append(youtu_context *context, const youtu_model_info *info, int32_t n, int32_t step,
                           youtu_error *error) {
    int32_t *tokens = malloc((size_t)step * sizeof *tokens);
    if (!tokens) {
        error->status = YOUTU_E_MEMORY;
        snprintf(error->message, sizeof error->message, "out of memory: a batch of %d tokens", (int)step);
        return YOUTU_E_MEMORY;
    }
    youtu_status status = YOUTU_OK;
    for (int32_t done = 0; done < n && status == YOUTU_OK; done += step) {
        int32_t count = n - done < step ? n - done : step;
        int32_t position = youtu_sequence_length(context, 0);
        for (int32_t i = 0; i < count; i++) tokens[i] = token_at(position + i, info->vocab_size);
        status = youtu_decode(context, &(youtu_batch){.token = tokens, .count = (size_t)count}, error);
    }
    free(tokens);
    return status;
}

youtu_status measure_set_depth(youtu_context *context, const youtu_model_info *info, int32_t depth,
                               youtu_error *error) {
    int32_t length = youtu_sequence_length(context, 0);
    if (depth < length) return youtu_sequence_truncate(context, 0, depth, error);
    return depth > length ? append(context, info, depth - length, depth - length, error) : YOUTU_OK;
}

youtu_status measure_warm_up(youtu_context *context, const youtu_model_info *info, youtu_error *error) {
    youtu_status status = measure_set_depth(context, info, 0, error);
    if (status == YOUTU_OK) status = append(context, info, 1, 1, error);
    return status == YOUTU_OK ? youtu_sequence_truncate(context, 0, 0, error) : status;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double measure_median(double *values, int32_t n) {
    qsort(values, (size_t)n, sizeof *values, compare_doubles);
    return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

static youtu_status repeat(youtu_context *context, const youtu_model_info *info, int32_t step,
                           int32_t repetitions, measurement *m, youtu_error *error) {
    double rates[MEASURE_MAX_REPETITIONS] = {0};
    for (int32_t r = 0; r < repetitions; r++) {
        double start = now_s();
        youtu_status status = append(context, info, m->n_tokens, step, error);
        if (status != YOUTU_OK) return status;
        rates[r] = m->n_tokens / (now_s() - start);
        status = youtu_sequence_truncate(context, 0, m->depth, error);
        if (status != YOUTU_OK) return status;
    }
    m->tokens_per_s = measure_median(rates, repetitions);
    m->slowest = rates[0];
    m->fastest = rates[repetitions - 1];
    return YOUTU_OK;
}

youtu_status measure_prefill(youtu_context *context, const youtu_model_info *info, int32_t n_tokens,
                             int32_t repetitions, measurement *m, youtu_error *error) {
    m->test = "prefill";
    m->depth = youtu_sequence_length(context, 0);
    m->n_tokens = n_tokens;
    youtu_status status = repeat(context, info, n_tokens, repetitions, m, error);
    if (status != YOUTU_OK) return status;
    /* Only the last row goes through the head. */
    double head = 2.0 * info->vocab_size * info->hidden_size;
    double flops = (double)info->flops_per_token * n_tokens - head * (n_tokens - 1);
    m->bytes_per_s = 0;
    m->flops_per_s = flops / n_tokens * m->tokens_per_s;
    return YOUTU_OK;
}

youtu_status measure_decode(youtu_context *context, const youtu_model_info *info, youtu_cache_type cache,
                            int32_t n_tokens, int32_t repetitions, measurement *m, youtu_error *error) {
    m->test = "decode";
    m->depth = youtu_sequence_length(context, 0);
    m->n_tokens = n_tokens;
    youtu_status status = repeat(context, info, 1, repetitions, m, error);
    if (status != YOUTU_OK) return status;
    double cached_bytes = (double)info->latent_size * info->n_layers * (cache == YOUTU_CACHE_F32 ? 4 : 2);
    double mean_length = m->depth + (n_tokens + 1) / 2.0; /* itself included */
    m->bytes_per_s = ((double)info->bytes_per_token + cached_bytes * mean_length) * m->tokens_per_s;
    m->flops_per_s = (double)info->flops_per_token * m->tokens_per_s;
    return YOUTU_OK;
}

uint64_t measure_anonymous_memory(void) {
    static const char field[] = "RssAnon:";
    FILE *status = fopen("/proc/self/status", "re");
    if (!status) return 0;
    char line[256];
    uint64_t kib = 0;
    while (fgets(line, sizeof line, status))
        if (strncmp(line, field, sizeof field - 1) == 0) kib = strtoull(line + sizeof field - 1, NULL, 10);
    fclose(status);
    return 1024 * kib;
}
