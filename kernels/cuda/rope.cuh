// Rotary embedding, and what a row adds to the cache, each by one warp with its lanes along the row.
//
// A pair (a, b) at position p is turned by its angle: a' = a cos - b sin, b' = a sin + b cos. Interleaved layout: pair i
// is (2i, 2i + 1); half layout: (i, i + rope / 2). step_rows holds cosines and sines, made on the host.
#ifndef KERNELS_CUDA_ROPE_CUH
#define KERNELS_CUDA_ROPE_CUH

#include "kernels.cuh"

constexpr int MAX_LATENT = 512;

// out [rope_p] = fp16 of scale * rotated x [rope], zeros in the padding; angle [rope / 2].
__device__ inline void rotate(const head_shape &s, const float2 *angle, const float *x, float scale,
                              half *out) {
    int pairs = s.rope / 2;
    for (int i = threadIdx.x % 32; i < s.rope_p; i += 32) {
        float turned = 0.0f;
        if (i < s.rope) {
            bool second = s.interleave ? i % 2 : i >= pairs;
            int partner = s.interleave ? i ^ 1 : second ? i - pairs : i + pairs;
            float2 a = angle[s.interleave ? i / 2 : second ? partner : i];
            turned = second ? x[partner] * a.y + x[i] * a.x : x[i] * a.x - x[partner] * a.y;
        }
        out[i] = __float2half_rn(scale * turned);
    }
}

// cache[cache_row[row]] = fp16 of [rmsnorm(latent) | rotated rope], both padded with zeros. The row's latent stays in
// registers between its sum of squares and its write.
__device__ inline void store_row(const head_shape &s, const step_rows &rows, int row,
                                 const projected_rows &from, half *cache) {
    int lane = threadIdx.x % 32;
    const float *x = from.kv_a + row * from.kv_a_stride;
    half *out = cache + (size_t)rows.cache_row[row] * s.cached();
    rotate(s, rows.angle + (size_t)row * (s.rope / 2), x + s.latent, 1.0f, out + s.latent_p);

    float latent[MAX_LATENT / 32], norm[MAX_LATENT / 32], squares = 0.0f;
#pragma unroll
    for (int i = 0; i < MAX_LATENT / 32; i++) {
        int at = lane + 32 * i;
        latent[i] = at < s.latent ? x[at] : 0.0f;
        norm[i] = at < s.latent ? from.kv_a_norm[at] : 0.0f;
    }
#pragma unroll
    for (int i = 0; i < MAX_LATENT / 32; i++) squares += latent[i] * latent[i];
#pragma unroll
    for (int step = 16; step > 0; step /= 2) squares += __shfl_xor_sync(~0u, squares, step);
    float scale = rsqrtf(squares / (float)s.latent + LATENT_NORM_EPSILON);
#pragma unroll
    for (int i = 0; i < MAX_LATENT / 32; i++)
        if (32 * i < s.latent_p) out[lane + 32 * i] = __float2half_rn(latent[i] * scale * norm[i]);
}

#endif
