// The operations as launches: plain pointers and sizes, device memory, on a stream. Each returns what
// cudaGetLastError said after its launches. Formulas: libyoutu/backend.h; layouts: layout.cuh; how: at the head of
// each file. Activations are float32; `_p` is a padded size, the padding holds zeros.
#ifndef KERNELS_CUDA_KERNELS_CUH
#define KERNELS_CUDA_KERNELS_CUH

#include "layout.cuh"

#include <cublas_v2.h>
#include <cuda_runtime.h>

extern "C" {
#include "libyoutu/backend.h"
}

// What a status of cuBLAS is as an error of CUDA.
cudaError_t cublas_error(cublasStatus_t status);

// ---- weights.cu ----

// A linear map on the device: [n_out_p, n_in_p] of fp16 or bf16, zeros where padded, columns as packed_column says.
struct device_matrix {
    const void *data;
    const float *bias; // [n_out_p] or NULL
    int n_out, n_out_p, n_in_p;
};

// Where a stored matrix goes: of each `group` rows those from `first` to `end` - 1; column c of the i-th of
// group g to value  g * group_stride + i * row_stride + j * column_stride, where j is the column with its groups set
// apart, c / column_group * column_group_stride + c % column_group, and in packed order if the map says so.
struct pack_map {
    int group, first, end;
    size_t group_stride, row_stride;
    int column_group, column_group_stride;
    size_t column_stride;
    bool packed;
};

// `rows` rows of n_in stored values (dtype stored) that begin with row first_row of the matrix.
cudaError_t pack_rows(cudaStream_t stream, const void *stored, dtype stored_type, int first_row, int rows,
                      int n_in, const pack_map &map, void *out, dtype out_type);

// ---- rows.cu: embedding, norms, gating: what works along single rows ----

// hidden[i] = embedding[token[i]] (packed columns), rows of width_p values; squares[i, tile] = sum of squares of 16 values (may be NULL).
cudaError_t embed_rows(cudaStream_t stream, const step_rows &rows, int n, const void *embedding, dtype type,
                       int width_p, float *hidden, float *squares);

// out[k] = x[row[k]] / sqrt(mean(x^2) + epsilon) * norm; row NULL = k.
cudaError_t norm_rows(cudaStream_t stream, const float *x, size_t x_stride, const int *row, int n, int width,
                      const float *norm, float epsilon, float *out, size_t out_stride);

// high = x as 16 bits, columns as packed_column says; low = what is left of it, or NULL. norm NULL = x as it is.
cudaError_t round_rows(cudaStream_t stream, const float *x, size_t x_stride, int n, int width, int width_p,
                       const float *norm, float epsilon, dtype type, void *high, void *low);

// gated = silu(gate) * up; gate_up [n, stride] in groups of 8 gates, then their 8 ups.
cudaError_t gate_rows(cudaStream_t stream, const float *gate_up, size_t stride, int n, int width,
                      float *gated, size_t gated_stride);

// ---- linear.cu: few rows, weights streamed once ----

// x[r] for r < n; with norm: x / sqrt(sum of squares / width + epsilon) * norm, the sum from n_squares partial sums
// of the row, squares[r * squares_stride ..]; both are multiples of 4.
struct linear_input {
    const float *x;
    size_t stride;
    int n;
    const float *norm; // NULL = x as it is
    const float *squares;
    int squares_stride, n_squares;
    float width, epsilon;
};

enum linear_effect {
    LINEAR_STORE,    // out = W x + bias
    LINEAR_RESIDUAL, // out += W x + bias
    LINEAR_GATE      // W in groups of 8 gates and 8 ups: out = silu(gate) * up
};

struct linear_result {
    linear_effect effect;
    float *out;
    size_t stride;
    float *squares; // [n, squares_stride]: sum of squares of each tile of 16 outputs, or NULL
    int squares_stride;
};

cudaError_t linear_rows(cudaStream_t stream, dtype type, const linear_input &in, const device_matrix &w,
                        const linear_result &result);

// ---- absorb.cu: queries into the latent space, and what the step adds to the cache ----

// Rows of a step as they leave the projections: q [n, H, query_head()] and kv_a [n, latent | rope] (not padded).
struct projected_rows {
    const float *q;
    size_t q_stride;
    const float *kv_a;
    size_t kv_a_stride;
    const float *kv_a_norm; // [latent]
};

// query [row, H, cached()] fp16 = scale_log2 * [q_nope W_uk | rotated q_rope] for the n_absorbed rows of
// rows.absorbed_row; w_uk [H, latent_p, nope_p]. With n_store > 0 the same launch stores rows 0 .. n_store - 1 as
// store_rows does (without its `queries`).
cudaError_t absorb_queries(cudaStream_t stream, const head_shape &s, const step_rows &rows, int n_absorbed,
                           const projected_rows &from, const half *w_uk, half *query, int n_store,
                           half *cache);

// cache[cache_row[i]] = fp16 of [rmsnorm(kv_a latent) | rotated kv_a rope], i < n; queries (may be NULL)
// [n, H, query_head()] = fp16 of scale_log2 * [q_nope | rotated q_rope].
cudaError_t store_rows(cudaStream_t stream, const head_shape &s, const step_rows &rows, int n,
                       const projected_rows &from, half *cache, half *queries);

// ---- attend_latent.cu: attention on the latents themselves ----

// Splits of a context: at most MAX_SPLITS, so that one warp combines them.
constexpr int MAX_SPLITS = 32;
int latent_splits(int n_absorbed, int n_multiprocessors);

// partial [n_absorbed, n_splits, H, latent_p] fp16: softmax-weighted mean of each split's latents; partial_max_sum
// [n_absorbed, n_splits, H] float2: its largest score and its sum of 2^(score - largest).
struct latent_partials {
    half *mean;
    float2 *max_sum;
    int n_splits;
};
cudaError_t attend_latents(cudaStream_t stream, const head_shape &s, const step_rows &rows, int n_absorbed,
                           const half *query, const half *cache, const latent_partials &out);

// attended [row, H, v_p] = W_uv (the splits' combined mean); w_uv [H, v_p, latent_p]. row from rows.absorbed_row.
cudaError_t project_values(cudaStream_t stream, const head_shape &s, const step_rows &rows, int n_absorbed,
                           const latent_partials &in, const half *w_uv, float *attended,
                           size_t attended_stride);

// ---- attend_expanded.cu: attention on keys and values made from the latents ----

constexpr int EXPAND_TOKENS = 2048; // context whose keys and values exist at once

struct expand_scratch {
    half *latents;   // [EXPAND_TOKENS, cached()]
    half *expanded;  // [EXPAND_TOKENS, H, expanded_head()]; its padding holds zeros
    float2 *max_sum; // [n_batch, H] carried from stretch to stretch
};

// Rows first_row .. first_row + n_rows - 1 of the step, at positions start .. of one sequence.
struct expanded_run {
    int first_row, n_rows, start;
};

// attended [row, H, v_p]; queries [row, H, query_head()] as store_rows made them. cublas is set to `stream`.
cudaError_t attend_expanded(cudaStream_t stream, cublasHandle_t cublas, const head_shape &s,
                            const step_rows &rows, const expanded_run &run, const half *queries,
                            const half *cache, const half *w_uk, const half *w_uv,
                            const expand_scratch &scratch, float *attended, size_t attended_stride);

// ---- draw.cu: logits to tokens ----

// A row's request in device memory; as struct token_draw of backend.h, its accepted tokens at `accepted` + accepted_first.
struct draw_request {
    float temperature, top_p, min_p, repetition_penalty;
    int top_k;
    int accepted_first, n_accepted;
    double uniform;
};

struct draw_result {
    int token; // -1: a logit, or the largest score, is not finite
    float log_probability;
};

size_t draw_scratch_bytes(int n, int vocab);
cudaError_t draw_tokens(cudaStream_t stream, const float *logits, size_t stride, int vocab, int n,
                        const draw_request *requests, const int *accepted, void *scratch,
                        draw_result *results);

#endif
