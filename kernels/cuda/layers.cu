// The layers' operations (backend.h) as launches. Two ways through a layer:
//
//   few rows (decoding)   8 launches: in, q_b, absorb + rotate + store, attend, values, o, gate|up, down
//   many rows (prefill)   cuBLAS for the linear maps, on rows rounded to 16 bits; attention run by run
//
// With bf16 weights the rounded rows are two terms, high + low, as in linear.cu: two products each.
#include "device.cuh"

namespace {

const resident_layer *layer_of(const matrix *w) {
    return static_cast<const resident_layer *>(w->resident);
}

// A linear map of n rows: weights once, rows in and out.
launch_work linear_work(const device_matrix &w, int n) {
    double in = w.n_in_p, out = w.n_out;
    return {2 * in * out + 4.0 * n * (in + out), 2.0 * n * in * out};
}

// Rows read and written, `values` of `bytes` each in all.
launch_work row_work(double values, double bytes) {
    return {values * bytes, 0};
}

// Of the absorbed rows: tokens that they see, all together.
double tokens_seen(const device *d) {
    double tokens = 0;
    for (int i = 0; i < d->n_absorbed; i++) tokens += d->host.position[d->host.absorbed_row[i]] + 1;
    return tokens;
}

// Absorbing or projecting: W_uk or W_uv (head x latent values a head) once, fp16, for all absorbed rows.
launch_work head_work(const device *d, int head) {
    double weights = (double)d->shape.n_heads * head * d->shape.latent;
    return {2 * weights + 2.0 * d->n_absorbed * d->shape.n_heads * (head + d->shape.latent),
            2 * d->n_absorbed * weights};
}

launch_work latent_work(const device *d) {
    double tokens = tokens_seen(d), heads = d->shape.n_heads, latent = d->shape.latent;
    double means = (double)d->n_absorbed * d->partials.n_splits * heads * latent;
    return {2 * tokens * d->shape.cached() + 2 * means, 2 * tokens * heads * (2 * latent + d->shape.rope)};
}

// Latents to keys and values (written and read once), and the pairs of the run's rows with what they see.
launch_work expanded_work(const device *d, const run *r) {
    const head_shape &s = d->shape;
    double n = r->n_rows, length = r->start + n, pairs = n * r->start + n * (n + 1) / 2, heads = s.n_heads;
    double expanded = length * heads * (s.nope + s.v);
    return {2 * (2 * length * s.cached() + 2 * expanded) + 2 * n * heads * (s.nope + s.rope) +
                4 * n * heads * s.v,
            2 * expanded * s.latent + 2 * pairs * heads * (s.nope + s.rope + s.v)};
}

dtype weight_type(const device *d) {
    return d->weights->request.type;
}

__global__ void __launch_bounds__(256) bias_kernel(float *out, size_t stride, int width, const float *bias) {
    for (int i = threadIdx.x; i < width; i += blockDim.x) out[blockIdx.x * stride + i] += bias[i];
}

// out [n, w.n_out] (+)= rounded [n, w.n_in_p] W^T
void multiply_rounded(device *d, const char *name, const void *rounded, const device_matrix &w, int n,
                      float *out, size_t stride, bool add) {
    if (d->failure != cudaSuccess) return;
    cudaDataType type = weight_type(d) == DTYPE_BF16 ? CUDA_R_16BF : CUDA_R_16F;
    const float one = 1, beta = add ? 1 : 0;
    cublasStatus_t status = cublasGemmEx(d->cublas, CUBLAS_OP_T, CUBLAS_OP_N, w.n_out, n, w.n_in_p, &one,
                                         w.data, type, w.n_in_p, rounded, type, w.n_in_p, &beta, out,
                                         CUDA_R_32F, (int)stride, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
    launched(d, cublas_error(status), name, linear_work(w, n));
}

// out (+)= W x + bias for all rows of the step, x = in or its norm.
void multiply_rows(device *d, const char *name, const float *in, size_t in_stride, int width,
                   const float *norm, float epsilon, const device_matrix &w, float *out, size_t stride,
                   bool add) {
    int n = d->step_->n_rows;
    launched(d,
             round_rows(d->stream, in, in_stride, n, width, w.n_in_p, norm, epsilon, weight_type(d), d->high,
                        d->low),
             "round rows", row_work((double)n * w.n_in_p, d->low ? 8 : 6));
    multiply_rounded(d, name, d->high, w, n, out, stride, add);
    if (d->low) multiply_rounded(d, name, d->low, w, n, out, stride, true);
    if (!w.bias || d->failure != cudaSuccess) return;
    bias_kernel<<<n, 256, 0, d->stream>>>(out, stride, w.n_out, w.bias);
    launched(d, cudaGetLastError(), "bias", row_work((double)n * w.n_out, 8));
}

linear_input plain_input(const device *d, const float *x, size_t stride) {
    linear_input in = {};
    in.x = x, in.stride = stride, in.n = d->step_->n_rows;
    return in;
}

linear_input normed_input(const device *d, const float *x, size_t stride, const float *norm,
                          const float *squares, size_t squares_stride, int width, float epsilon) {
    linear_input in = plain_input(d, x, stride);
    in.norm = norm, in.squares = squares, in.squares_stride = (int)squares_stride;
    in.n_squares = padded(width, INPUT_PAD) / TILE_OUTPUTS, in.width = (float)width, in.epsilon = epsilon;
    return in;
}

linear_input normed_hidden(const device *d, const float *norm, float epsilon) {
    return normed_input(d, d->hidden, d->hidden_stride, norm, d->hidden_squares,
                        d->hidden_stride / TILE_OUTPUTS, d->model.hidden_size, epsilon);
}

projected_rows projected_of(const device *d, const resident_layer *l) {
    projected_rows p = {};
    bool low_rank = l->q_b.n_out > 0;
    p.q = low_rank ? d->q : d->projected, p.q_stride = low_rank ? d->q_stride : d->projected_stride;
    p.kv_a = d->projected + l->kv_a_first, p.kv_a_stride = d->projected_stride;
    p.kv_a_norm = l->kv_a_norm;
    return p;
}

} // namespace

void cuda_embed(device *d) {
    if (passes_over(d)) return;
    const device_matrix &e = d->weights->embedding;
    launched(d,
             embed_rows(d->stream, d->rows, d->step_->n_rows, e.data, weight_type(d), e.n_in_p, d->hidden,
                        d->decoding ? d->hidden_squares : nullptr),
             "embedding", row_work((double)d->step_->n_rows * e.n_in_p, 6));
}

// From HIDDEN both outputs are one map, `in`; from Q_A it is q_b.
void cuda_norm_linear(device *d, activation from, const matrix *norm, float epsilon, int32_t count,
                      const linear_output *outputs) {
    (void)norm, (void)count;
    if (passes_over(d)) return;
    const resident_layer *l = layer_of(outputs[0].w);
    bool hidden = from == ACT_HIDDEN;
    const device_matrix &w = hidden ? l->in : l->q_b;
    float *out = hidden ? d->projected : d->q;
    size_t stride = hidden ? d->projected_stride : d->q_stride;
    const float *weight = hidden ? l->attention_norm : l->q_a_norm;
    const char *name = hidden ? "in" : "q_b";
    if (!d->decoding) {
        const float *in = hidden ? d->hidden : d->projected;
        multiply_rows(d, name, in, hidden ? d->hidden_stride : d->projected_stride,
                      hidden ? d->model.hidden_size : d->model.q_lora_rank, weight, epsilon, w, out, stride,
                      false);
        return;
    }
    linear_input in = hidden
                          ? normed_hidden(d, weight, epsilon)
                          : normed_input(d, d->projected, d->projected_stride, weight, d->projected_squares,
                                         d->projected_stride / TILE_OUTPUTS, d->model.q_lora_rank, epsilon);
    linear_result result = {LINEAR_STORE, out, stride, nullptr, 0};
    if (hidden && l->q_b.n_out > 0)
        result.squares = d->projected_squares,
        result.squares_stride = (int)(d->projected_stride / TILE_OUTPUTS);
    launched(d, linear_rows(d->stream, weight_type(d), in, w, result), name, linear_work(w, in.n));
}

// With few rows this is part of the launch that absorbs the queries (cuda_attend).
void cuda_rope_and_store(device *d, int32_t layer, const matrix *kv_a_norm) {
    (void)kv_a_norm;
    if (passes_over(d) || d->decoding) return;
    double values = (double)d->step_->n_rows * (d->shape.n_heads * d->shape.query_head() + d->shape.cached());
    launched(d,
             store_rows(d->stream, d->shape, d->rows, d->step_->n_rows,
                        projected_of(d, &d->weights->layers[layer]), layer_cache(d, layer), d->queries),
             "store rows", row_work(values, 6));
}

void cuda_attend(device *d, int32_t layer, const matrix *kv_b) {
    (void)kv_b;
    if (passes_over(d)) return;
    const resident_layer *l = &d->weights->layers[layer];
    half *cache = layer_cache(d, layer);
    if (d->n_absorbed > 0) {
        launched(d,
                 absorb_queries(d->stream, d->shape, d->rows, d->n_absorbed, projected_of(d, l), l->w_uk,
                                d->query, d->decoding ? d->step_->n_rows : 0, cache),
                 "absorb", head_work(d, d->shape.nope));
        launched(d, attend_latents(d->stream, d->shape, d->rows, d->n_absorbed, d->query, cache, d->partials),
                 "attend latents", latent_work(d));
        launched(d,
                 project_values(d->stream, d->shape, d->rows, d->n_absorbed, d->partials, l->w_uv,
                                d->attended, d->attended_stride),
                 "values", head_work(d, d->shape.v));
    }
    if (d->decoding) return;
    for (int32_t i = 0; i < d->step_->n_runs && d->failure == cudaSuccess; i++) {
        const run *r = &d->step_->runs[i];
        if (r->form != ATTEND_EXPANDED) continue;
        expanded_run expanded = {r->first_row, r->n_rows, r->start};
        launched(d,
                 attend_expanded(d->stream, d->cublas, d->shape, d->rows, expanded, d->queries, cache,
                                 l->w_uk, l->w_uv, d->expand, d->attended, d->attended_stride),
                 "attend keys and values", expanded_work(d, r));
    }
}

void cuda_linear_residual(device *d, activation from, const matrix *w) {
    if (passes_over(d)) return;
    const resident_layer *l = layer_of(w);
    bool attended = from == ACT_ATTENDED;
    const device_matrix &m = attended ? l->o : l->down;
    const float *in = attended ? d->attended : d->gated;
    size_t stride = attended ? d->attended_stride : d->gated_stride;
    const char *name = attended ? "o" : "down";
    if (!d->decoding) {
        multiply_rows(d, name, in, stride, (int)stride, nullptr, 0, m, d->hidden, d->hidden_stride, true);
        return;
    }
    linear_result result = {LINEAR_RESIDUAL, d->hidden, d->hidden_stride, d->hidden_squares,
                            (int)(d->hidden_stride / TILE_OUTPUTS)};
    launched(d, linear_rows(d->stream, weight_type(d), plain_input(d, in, stride), m, result), name,
             linear_work(m, d->step_->n_rows));
}

void cuda_gated_mlp(device *d, const matrix *norm, float epsilon, const matrix *gate, const matrix *up) {
    (void)norm, (void)up;
    if (passes_over(d)) return;
    const resident_layer *l = layer_of(gate);
    if (d->decoding) {
        linear_result result = {LINEAR_GATE, d->gated, d->gated_stride, nullptr, 0};
        launched(d,
                 linear_rows(d->stream, weight_type(d), normed_hidden(d, l->mlp_norm, epsilon), l->gate_up,
                             result),
                 "gate|up", linear_work(l->gate_up, d->step_->n_rows));
        return;
    }
    multiply_rows(d, "gate|up", d->hidden, d->hidden_stride, d->model.hidden_size, l->mlp_norm, epsilon,
                  l->gate_up, d->gate_up, d->gate_up_stride, false);
    if (d->failure != cudaSuccess) return;
    launched(d,
             gate_rows(d->stream, d->gate_up, d->gate_up_stride, d->step_->n_rows, d->model.intermediate_size,
                       d->gated, d->gated_stride),
             "gate rows", row_work((double)d->step_->n_rows * d->model.intermediate_size, 12));
}

// Outputs go through the head in groups of DECODE_ROWS, which all share one buffer of logits: the last group's stay.
void cuda_head(device *d, const matrix *norm, float epsilon, const matrix *w, float *logits) {
    (void)norm, (void)w;
    d->host_logits = logits;
    if (passes_over(d)) return;
    int vocab = d->model.vocab_size, n_outputs = d->step_->n_outputs;
    for (int first = 0; first < n_outputs && d->failure == cudaSuccess; first += DECODE_ROWS) {
        int n = n_outputs - first < DECODE_ROWS ? n_outputs - first : DECODE_ROWS;
        launched(d,
                 norm_rows(d->stream, d->hidden, d->hidden_stride, d->rows.output_row + first, n,
                           d->model.hidden_size, d->weights->final_norm, epsilon, d->normed,
                           d->hidden_stride),
                 "final norm", row_work((double)n * d->model.hidden_size, 8));
        linear_input in = plain_input(d, d->normed, d->hidden_stride);
        in.n = n;
        linear_result result = {LINEAR_STORE, d->logits, (size_t)vocab, nullptr, 0};
        launched(d, linear_rows(d->stream, weight_type(d), in, d->weights->head, result), "head",
                 linear_work(d->weights->head, n));
        bool last = first + n == n_outputs;
        if (!last && logits)
            note(d,
                 cudaMemcpyAsync(logits + (size_t)first * vocab, d->logits, (size_t)n * vocab * sizeof(float),
                                 cudaMemcpyDeviceToHost, d->stream),
                 "fetching logits");
    }
}
