/* Rotary embedding, and the cache's write.
 *
 * A pair (a, b) at position p is turned by the angle p f_i, f_i the pair's inverse frequency:
 *   a' = a cos - b sin,  b' = a sin + b cos.
 * Interleaved layout: pair i is (2i, 2i + 1); half layout: (i, i + rope / 2). Angles: rope_turn. */
#include "device.h"

void rope_angles(device *d) {
    int32_t pairs = d->model.qk_rope_head_dim / 2;
    for (int32_t i = 0; i < d->step->n_rows; i++)
        for (int32_t j = 0; j < pairs; j++) {
            size_t at = (size_t)i * (size_t)pairs + (size_t)j;
            rope_turn(&d->model, d->step->position[i], j, &d->cosine[at], &d->sine[at]);
        }
}

/* x [rope] of row i, in place. */
static void rotate(const device *d, int32_t row, float *x) {
    int32_t pairs = d->model.qk_rope_head_dim / 2;
    const float *cosine = d->cosine + (size_t)row * (size_t)pairs,
                *sine = d->sine + (size_t)row * (size_t)pairs;
    bool interleave = d->model.rope.interleave;
    for (int32_t j = 0; j < pairs; j++) {
        float *a = interleave ? x + 2 * j : x + j, *b = interleave ? a + 1 : a + pairs;
        float turned = *a * cosine[j] - *b * sine[j];
        *b = *a * sine[j] + *b * cosine[j];
        *a = turned;
    }
}

void cpu_rope_and_store(device *d, int32_t layer, const matrix *kv_a_norm) {
    const model_config *m = &d->model;
    int32_t head_size = m->qk_nope_head_dim + m->qk_rope_head_dim;
    size_t latent = (size_t)m->kv_lora_rank, cached = (size_t)d->cached_size;
#pragma omp parallel for num_threads(d->n_threads) if (d->step->n_rows >= 8)
    for (int32_t i = 0; i < d->step->n_rows; i++) {
        float *q = d->activation[ACT_Q] + (size_t)i * (size_t)d->width[ACT_Q];
        for (int32_t h = 0; h < m->n_heads; h++) rotate(d, i, q + h * head_size + m->qk_nope_head_dim);

        float *row = d->activation[ACT_KV_A] + (size_t)i * cached; /* [latent | rope] */
        d->kernels->rms_norm(row, kv_a_norm->data, kv_a_norm->type, latent, LATENT_NORM_EPSILON, row);
        rotate(d, i, row + latent);
        void *to = (unsigned char *)cache_block(d, layer, d->step->block[i]) +
                   (size_t)d->step->slot[i] * cached * dtype_bytes(d->cache_type);
        if (d->cache_type == DTYPE_F32)
            d->kernels->to_f32(row, DTYPE_F32, cached, to);
        else
            d->kernels->to_f16(row, cached, to);
    }
}
