/* Timed runs through youtu_decode, and what they say about memory traffic and arithmetic. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "youtu.h"

#define MEASURE_MAX_REPETITIONS 1000

typedef struct measurement {
    const char *test; /* "prefill": n_tokens in one batch; "decode": n_tokens one by one */
    int32_t n_threads;
    int32_t depth; /* tokens in the cache before */
    int32_t n_tokens;
    double tokens_per_s; /* median of the repetitions */
    double slowest, fastest;
    double bytes_per_s; /* at the median: weights and cache that decoding reads; 0 for prefill */
    double flops_per_s; /* at the median: the weights' products, attention aside */
} measurement;

/* Makes sequence 0 hold `depth` tokens. */
youtu_status measure_set_depth(youtu_context *context, const youtu_model_info *info, int32_t depth,
                               youtu_error *error);

/* One row from an empty cache, untimed: brings weights and buffers into memory. Sequence 0 is emptied. */
youtu_status measure_warm_up(youtu_context *context, const youtu_model_info *info, youtu_error *error);

/* Each appends n_tokens (known beforehand: nothing is sampled) to sequence 0 as it is, `repetitions` times,
 * and truncates it again. Only *m's results are filled, not n_threads. Errors: as youtu_decode; MEMORY. */
youtu_status measure_prefill(youtu_context *context, const youtu_model_info *info, int32_t n_tokens,
                             int32_t repetitions, measurement *m, youtu_error *error);
youtu_status measure_decode(youtu_context *context, const youtu_model_info *info, youtu_cache_type cache,
                            int32_t n_tokens, int32_t repetitions, measurement *m, youtu_error *error);

/* Of n values, n >= 1, which it sorts. */
double measure_median(double *values, int32_t n);

/* Resident bytes that no file backs: heap, cache, activations, stacks; not the mapped weights. 0 where the
 * system does not say. */
uint64_t measure_anonymous_memory(void);

#endif
