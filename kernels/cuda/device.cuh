// One context's share of a CUDA device: activations, cache, scratch, and the graphs of its decode steps.
#ifndef KERNELS_CUDA_DEVICE_CUH
#define KERNELS_CUDA_DEVICE_CUH

#include "resident.cuh"

// How the operations between begin and finish reach the card. Steps of up to DECODE_ROWS rows are recorded once as a
// graph for each number of rows and of outputs, and then replayed: everything that differs from step to step lies in
// device memory (step_rows). Longer steps are launched directly.
enum step_mode { STEP_DIRECT, STEP_RECORD, STEP_REPLAY };

// Step inputs: the same layout in pinned host memory and on the device. step_rows says what each is.
struct step_buffers {
    int *token, *position, *cache_row, *table_offset, *output_row,
        *absorbed_row; // [n_batch] each, in one piece
    int *tables;       // [table_capacity], behind them
    float2 *angle;     // [n_batch, rope / 2]
};

// Requests and results of draws, at most DECODE_ROWS.
struct draw_buffers {
    draw_request *requests;
    draw_result *results;
};

// What a launch must do at least.
struct launch_work {
    double bytes, flops;
};

// A point on the stream while a step is timed: the end of a kernel's launch.
struct launch_mark {
    cudaEvent_t event;
    const char *kernel;
    launch_work work;
};

struct device {
    resident *weights;
    model_config model;
    head_shape shape;
    int n_batch, n_cache_blocks;
    size_t table_capacity;

    cudaStream_t stream;
    cublasHandle_t cublas;
    void *memory, *pinned; // hold all buffers below
    size_t bytes, pinned_bytes;

    step_buffers host, inputs;
    draw_buffers host_draws, device_draws;
    step_rows rows; // `inputs` as the kernels take it

    // Activations: fp32 rows; strides are the padded widths.
    float *hidden, *projected, *q, *attended, *gated;
    size_t hidden_stride, projected_stride, q_stride, attended_stride, gated_stride;
    float *hidden_squares, *projected_squares; // sums of squares of 16 values, [DECODE_ROWS, stride / 16]
    float *gate_up;                            // [n_batch, gate_up_stride]
    size_t gate_up_stride;
    void *high, *low;      // [n_batch, widest input] rounded for cuBLAS; low only with bf16
    half *query, *queries; // [n_batch, H, cached()] absorbed, [n_batch, H, query_head()] expanded
    latent_partials partials;
    expand_scratch expand;
    float *normed; // [DECODE_ROWS, hidden_stride]
    float *logits; // [DECODE_ROWS, vocab]
    int *accepted; // [DECODE_ROWS, vocab]
    void *draw_scratch;
    void *workspace; // cuBLAS's
    half *cache;     // [n_layers, n_cache_blocks * CACHE_BLOCK, cached()]

    // The step under way.
    const step *step_;
    step_mode mode;
    bool decoding; // at most DECODE_ROWS rows: every run absorbed, the few-row kernels
    int n_absorbed;
    float *host_logits;
    token_draw *draws;
    cudaError_t failure; // the first since the last finish
    const char *failed;  // what failed
    launch_mark *marks;  // [n_marks], the first n_marked of this step; grown while a step is timed
    int n_marks, n_marked;
    cudaGraphExec_t graphs[DECODE_ROWS + 1][DECODE_ROWS + 1]; // [rows][outputs]
};

// Keeps the first failure; finish reports it.
inline void note(device *d, cudaError_t e, const char *what) {
    if (e == cudaSuccess || d->failure != cudaSuccess) return;
    d->failure = e;
    d->failed = what;
}

// Nothing is to be launched: a graph stands for it, or the step has failed.
inline bool passes_over(const device *d) {
    return d->mode == STEP_REPLAY || d->failure != cudaSuccess;
}

inline half *layer_cache(const device *d, int layer) {
    size_t tokens = (size_t)d->n_cache_blocks * CACHE_BLOCK;
    return d->cache + layer * tokens * d->shape.cached();
}

// After a kernel's launch: keeps its failure, and marks its end when the step is timed.
void launched(device *d, cudaError_t e, const char *kernel, const launch_work &work);

// step.cu and layers.cu: the operations of backend.h.
youtu_status cuda_begin(device *d, const step *s, youtu_error *error);
void cuda_embed(device *d);
void cuda_norm_linear(device *d, activation in, const matrix *norm, float epsilon, int32_t count,
                      const linear_output *outputs);
void cuda_rope_and_store(device *d, int32_t layer, const matrix *kv_a_norm);
void cuda_attend(device *d, int32_t layer, const matrix *kv_b);
void cuda_linear_residual(device *d, activation in, const matrix *w);
void cuda_gated_mlp(device *d, const matrix *norm, float epsilon, const matrix *gate, const matrix *up);
void cuda_head(device *d, const matrix *norm, float epsilon, const matrix *w, float *logits);
void cuda_draw(device *d, token_draw *draws);
youtu_status cuda_fetch_logits(device *d, int32_t n, float *logits, youtu_error *error);
youtu_status cuda_finish(device *d, youtu_error *error);
void cuda_copy_block(void *d, int32_t from, int32_t to);

#endif
