/* One context's share of the CPU: activations, cache, per-thread scratch. */
#ifndef KERNELS_CPU_DEVICE_H
#define KERNELS_CPU_DEVICE_H

#include "kernels.h"
#include "libyoutu/backend.h"
#include "libyoutu/kvcache.h"

typedef struct attend_task attend_task;

struct device {
    const cpu_kernels *kernels;
    model_config model;
    dtype cache_type;
    int32_t n_threads;
    int32_t n_batch;
    int32_t max_rank; /* of what adapters add to maps; 0 = none */
    int32_t n_cache_blocks;
    int32_t cached_size; /* values a cached token a layer: latent, then rope key */
    const matrix *embedding;

    unsigned char *memory; /* holds all buffers below but those that grow */
    void *cache;           /* [n_layers, n_cache_blocks, CACHE_BLOCK, cached_size] of cache_type */
    float *activation[ACT_COUNT];
    int32_t width[ACT_COUNT];
    float *up;     /* [n_batch, intermediate] */
    float *normed; /* [n_batch, widest input of a norm] */
    float *projected
        [2]; /* [larger of n_batch and EXPAND_TOKENS, max_rank]: low_rank's A x, of gate and up at once */
    float *cosine, *sine; /* [n_batch, rope / 2] of this step's positions */
    float *scratch;       /* [n_threads, scratch_floats] */
    size_t scratch_floats;

    /* attention.c: absorbed queries [n_batch, H, cached_size]; a step's tasks and, for each query and
     * segment, running maximum, sum and weighted latents [latent] (grown by attention_plan); one stretch of
     * the expanded form: latents [EXPAND_TOKENS, cached_size], keys and values [EXPAND_TOKENS, H * (nope +
     * v)]. */
    float *query;
    attend_task *tasks;
    float *partial, *partial_max, *partial_sum;
    size_t n_tasks, task_capacity, partial_capacity, max_capacity, sum_capacity;
    float *latents, *expanded;

    const step *step;
};

static inline float *thread_scratch(const device *d, int thread) {
    return d->scratch + (size_t)thread * d->scratch_floats;
}

/* Cached rows of a block: [CACHE_BLOCK, cached_size] of cache_type. */
static inline void *cache_block(const device *d, int32_t layer, int32_t block) {
    size_t index =
        ((size_t)layer * (size_t)d->n_cache_blocks + (size_t)block) * CACHE_BLOCK * (size_t)d->cached_size;
    return (unsigned char *)d->cache + index * dtype_bytes(d->cache_type);
}

/* out [n, w.n_out] (+)= in [n, w.n_in] W^T + bias, and what an adapter adds, split over the threads along W's rows (linear.c). */
void linear(const device *d, int32_t n, const float *in, size_t in_stride, const matrix *w, float *out,
            size_t out_stride, bool add);

/* Floats of scratch that add_low_rank needs, of which the first PRODUCT_SCRATCH_FLOATS are the products'. */
size_t low_rank_scratch(const device *d);

/* out [n, m] += scale * in [n, k] first^T second, first [rank, k], second [rank, m]; by one thread. */
void add_low_rank(const device *d, int32_t n, const float *in, size_t in_stride, int32_t k, operand first,
                  const low_rank *added, int32_t m, operand second, float *out, size_t out_stride,
                  float *scratch);

/* The operations of backend.h. */
void cpu_embed(device *d);
void cpu_norm_linear(device *d, activation in, const matrix *norm, float epsilon, int32_t count,
                     const linear_output *outputs);
void cpu_linear_residual(device *d, activation in, const matrix *w);
void cpu_gated_mlp(device *d, const matrix *norm, float epsilon, const matrix *gate, const matrix *up);
void cpu_head(device *d, const matrix *norm, float epsilon, const matrix *w, float *logits);
void cpu_rope_and_store(device *d, int32_t layer, const matrix *kv_a_norm);
void cpu_attend(device *d, int32_t layer, const matrix *kv_b);

/* rope.c: cosine and sine of the step's positions. */
void rope_angles(device *d);

/* attention.c: floats of scratch a thread needs; a step's tasks and room for their results (errors: MEMORY).
 */
size_t attention_scratch(const device *d);
youtu_status attention_plan(device *d, youtu_error *error);

/* Tokens of context for which the expanded form computes keys and values at once. */
#define EXPAND_TOKENS 256

#endif
