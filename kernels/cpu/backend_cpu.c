/* The CPU as a device: what it allocates, and the table of its operations. */
#include "device.h"
#include "libyoutu/array.h"
#include "libyoutu/error.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 64 /* a cache line, and the widest vector register */

/* The sizes that follow from a config, and where each buffer lies in the one block that holds them all. */
typedef struct layout {
    size_t total; /* bytes */
    bool overflow;
} layout;

/* Room for rows x width floats; its offset in bytes. */
static size_t place(layout *l, size_t rows, size_t width, size_t size) {
    size_t bytes, offset = l->total;
    if (!size_multiply(rows, width, &bytes) || !size_multiply(bytes, size, &bytes) ||
        __builtin_add_overflow(bytes, (size_t)ALIGNMENT - 1, &bytes) ||
        __builtin_add_overflow(l->total, bytes / ALIGNMENT * ALIGNMENT, &l->total))
        l->overflow = true;
    return offset;
}

static int32_t larger(int32_t a, int32_t b) {
    return a > b ? a : b;
}

static void set_sizes(device *d, const device_config *config) {
    const model_config *m = config->model;
    d->model = *m;
    d->cache_type = config->cache == YOUTU_CACHE_F32 ? DTYPE_F32 : DTYPE_F16;
    d->n_threads = config->n_threads > 0 ? config->n_threads : omp_get_num_procs();
    d->n_batch = config->n_batch;
    d->max_rank = config->max_rank;
    d->n_cache_blocks = config->n_cache_blocks;
    d->cached_size = m->kv_lora_rank + m->qk_rope_head_dim;
    d->embedding = &config->weights->embedding;
    d->width[ACT_HIDDEN] = m->hidden_size;
    d->width[ACT_Q_A] = m->q_lora_rank;
    d->width[ACT_KV_A] = d->cached_size;
    d->width[ACT_Q] = m->n_heads * (m->qk_nope_head_dim + m->qk_rope_head_dim);
    d->width[ACT_ATTENDED] = m->n_heads * m->v_head_dim;
    d->width[ACT_GATED] = m->intermediate_size;
    size_t attention = attention_scratch(d), adapter = low_rank_scratch(d);
    d->scratch_floats = ((attention > adapter ? attention : adapter) + 15) / 16 * 16;
}

/* Where everything lies; with d->memory set, the pointers too. */
static layout place_all(device *d) {
    const model_config *m = &d->model;
    layout l = {0};
    unsigned char *start = d->memory; /* aligned for a double only: vector loads would straddle two lines */
    if (start) start += (ALIGNMENT - (uintptr_t)start % ALIGNMENT) % ALIGNMENT;
    size_t n = (size_t)d->n_batch, projected = (size_t)larger(d->n_batch, EXPAND_TOKENS);
    size_t pairs = (size_t)m->qk_rope_head_dim / 2;
    struct {
        float **pointer;
        size_t rows, width;
    } floats[] = {
        {&d->up, n, (size_t)m->intermediate_size},
        {&d->normed, n, (size_t)larger(m->hidden_size, m->q_lora_rank)},
        {&d->projected[0], projected, (size_t)d->max_rank},
        {&d->projected[1], projected, (size_t)d->max_rank},
        {&d->cosine, n, pairs},
        {&d->sine, n, pairs},
        {&d->scratch, (size_t)d->n_threads, d->scratch_floats},
        {&d->query, n * (size_t)m->n_heads, (size_t)d->cached_size},
        {&d->latents, EXPAND_TOKENS, (size_t)d->cached_size},
        {&d->expanded, EXPAND_TOKENS, (size_t)(m->n_heads * (m->qk_nope_head_dim + m->v_head_dim))},
    };
    for (int i = 0; i < ACT_COUNT; i++) {
        size_t at = place(&l, n, (size_t)d->width[i], sizeof(float));
        if (start) d->activation[i] = (float *)(void *)(start + at);
    }
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
        size_t at = place(&l, floats[i].rows, floats[i].width, sizeof(float));
        if (start) *floats[i].pointer = (float *)(void *)(start + at);
    }
    size_t cached = (size_t)d->n_cache_blocks * CACHE_BLOCK;
    if (!size_multiply(cached, (size_t)m->n_layers, &cached)) l.overflow = true;
    size_t at = place(&l, cached, (size_t)d->cached_size, dtype_bytes(d->cache_type));
    if (start) d->cache = start + at;
    return l;
}

static uint64_t cpu_memory(const device_config *config) {
    device sizes = {0};
    set_sizes(&sizes, config);
    layout l = place_all(&sizes);
    return l.overflow ? UINT64_MAX : l.total;
}

static void cpu_close(device *d) {
    if (!d) return;
    free(d->memory);
    free(d->tasks);
    free(d->partial);
    free(d->partial_max);
    free(d->partial_sum);
    free(d);
}

static youtu_status cpu_begin(device *d, const step *s, youtu_error *error) {
    d->step = s;
    rope_angles(d);
    return attention_plan(d, error);
}

/* Every operation is complete when it returns. */
static youtu_status cpu_finish(device *d, youtu_error *error) {
    (void)error;
    d->step = NULL;
    return YOUTU_OK;
}

static void cpu_copy_block(void *device_, int32_t from, int32_t to) {
    device *d = device_;
    size_t bytes = CACHE_BLOCK * (size_t)d->cached_size * dtype_bytes(d->cache_type);
    for (int32_t layer = 0; layer < d->model.n_layers; layer++)
        memcpy(cache_block(d, layer, to), cache_block(d, layer, from), bytes);
}

static const cpu_kernels *const tables[] = {&kernels_avx2, &kernels_portable}; /* best first */

/* The best table that this CPU runs, or the one named; NULL when there is none. */
static const cpu_kernels *choose_kernels(const char *name) {
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (tables[i]->supported() && (!name || strcmp(name, tables[i]->name) == 0)) return tables[i];
    return NULL;
}

static youtu_status cpu_open(const device_config *config, device **out, youtu_error *error) {
    device *d = calloc(1, sizeof *d);
    if (!d) return youtu_fail_memory(error, "a context", sizeof *d);
    set_sizes(d, config);
    d->kernels = choose_kernels(config->instructions);
    layout l = place_all(d);
    /* Pages of the cache come into being as they are written: calloc takes them untouched from the system. */
    d->memory = l.overflow ? NULL : calloc(1, l.total + ALIGNMENT);
    if (!d->kernels || !d->memory) {
        youtu_status status = d->kernels ? youtu_fail_memory(error, "activations and cache", l.total)
                                         : youtu_fail(error, YOUTU_E_DEVICE, "no CPU kernels \"%s\"",
                                                      config->instructions ? config->instructions : "");
        cpu_close(d);
        return status;
    }
    place_all(d);
    *out = d;
    return YOUTU_OK;
}

static const backend cpu = {
    .name = "cpu",
    .is_adaptable = true,
    .memory = cpu_memory,
    .open = cpu_open,
    .close = cpu_close,
    .begin = cpu_begin,
    .embed = cpu_embed,
    .norm_linear = cpu_norm_linear,
    .rope_and_store = cpu_rope_and_store,
    .attend = cpu_attend,
    .linear_residual = cpu_linear_residual,
    .gated_mlp = cpu_gated_mlp,
    .head = cpu_head,
    .finish = cpu_finish,
    .copy_block = cpu_copy_block,
};

youtu_status backend_cpu(const char *instructions, const backend **out, const char **label,
                         youtu_error *error) {
    const cpu_kernels *kernels = choose_kernels(instructions);
    if (!kernels)
        return youtu_fail(
            error, YOUTU_E_ARGUMENT,
            "CPU instructions \"%s\" are unknown or not in this CPU; there are \"avx2\", \"portable\"",
            instructions);
    *out = &cpu;
    *label = kernels->name;
    return YOUTU_OK;
}
