// Sizes as the kernels see them. Every inner dimension is padded with zeros, so that no kernel has a tail
// along the direction it sums: a head's parts and the latent to HEAD_PAD values, flat inputs of linear maps
// to INPUT_PAD, outputs to TILE_OUTPUTS rows. At the published shape nothing is padded.
#ifndef KERNELS_CUDA_LAYOUT_CUH
#define KERNELS_CUDA_LAYOUT_CUH

#include <cuda_bf16.h>
#include <cuda_fp16.h>

extern "C" {
#include "libyoutu/config.h"
#include "libyoutu/kvcache.h"
}

constexpr int HEAD_PAD = 32;     // two k-steps of mma.m16n8k16
constexpr int INPUT_PAD = 64;    // 128 bytes of 16-bit weights: a cache line a row
constexpr int TILE_OUTPUTS = 16; // rows of an mma tile
constexpr int DECODE_ROWS = 16;  // most rows of a step that goes through the decode kernels and a graph

__host__ __device__ constexpr int padded(int n, int unit) {
    return (n + unit - 1) / unit * unit;
}

// Where column c of a linear map's weights lies in its row. A lane of linear.cu takes 8 neighbouring weights (16 bytes)
// and the 8 inputs they belong to; the inputs come from fp32 rows in two loads of 16 bytes, each of which should fall
// beside those of the next lane. So of every 32 columns lane t takes 4t.. and 16 + 4t.., and these lie together.
__host__ __device__ constexpr int packed_column(int c) {
    int lane = c % 16 / 4, load = c % 32 / 16;
    return c / 32 * 32 + 8 * lane + 4 * load + c % 4;
}

// Head sizes; *_p padded to HEAD_PAD.
struct head_shape {
    int n_heads;
    int nope, rope, v, latent;
    int nope_p, rope_p, v_p, latent_p;
    bool interleave;  // rotary pairs (2i, 2i + 1); false: (i, i + rope / 2)
    float scale_log2; // softmax scale times log2(e): queries carry it, so that scores are exponents of 2

    __host__ __device__ int query_head() const {
        return nope_p + rope_p;
    } // ACT_Q: [n, H, nope_p + rope_p]
    __host__ __device__ int cached() const {
        return latent_p + rope_p;
    } // a cached token: [latent_p | rope_p]
    __host__ __device__ int expanded_head() const {
        return nope_p + v_p;
    } // a head's key part, then its value
};

inline head_shape head_shape_of(const model_config *m) {
    head_shape s = {};
    s.n_heads = m->n_heads;
    s.nope = m->qk_nope_head_dim, s.rope = m->qk_rope_head_dim, s.v = m->v_head_dim,
    s.latent = m->kv_lora_rank;
    s.nope_p = padded(s.nope, HEAD_PAD), s.rope_p = padded(s.rope, HEAD_PAD);
    s.v_p = padded(s.v, HEAD_PAD), s.latent_p = padded(s.latent, HEAD_PAD);
    s.interleave = m->rope.interleave;
    s.scale_log2 = m->softmax_scale * 1.44269504f;
    return s;
}

// What a step says of its rows, in device memory; rewritten before every step, at the same addresses.
struct step_rows {
    const int *token;        // [n]
    const int *position;     // [n]
    const int *cache_row;    // [n] where the row's latent goes: block * CACHE_BLOCK + slot
    const int *table_offset; // [n] where the block table of the row's sequence begins in `tables`
    const int *tables;     // position p of that sequence: tables[table_offset + p / CACHE_BLOCK] is its block
    const float2 *angle;   // [n, rope / 2] cosine and sine of position x inverse frequency, times the factor
    const int *output_row; // [n_outputs]
    const int *absorbed_row; // [n_absorbed] rows whose attention works on the latents themselves
};

// Cache of one layer: [n_blocks * CACHE_BLOCK, cached()] of fp16, latent_p values, then rope_p.
__device__ inline const half *cached_token(const half *cache, const step_rows &rows, int row, int position,
                                           int cached) {
    int block = rows.tables[rows.table_offset[row] + position / CACHE_BLOCK];
    return cache + (size_t)(block * CACHE_BLOCK + position % CACHE_BLOCK) * cached;
}

#endif
