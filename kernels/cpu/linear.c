/* The linear maps: embedding rows, norm + projections, residual projections, the gated MLP, the head.
 *
 * y [n, out] = x [n, in] W^T, W [out, in] as stored. The outputs are cut into pieces that the threads take in
 * turn; every weight is read from memory once a call. For one row the limit is memory: 2 bytes a weight; from
 * about thirty rows on it is the FMA units: 2 n FLOP a weight. */
#include "device.h"

#include <omp.h>
#include <string.h>

/* Outputs a thread takes at a time: small enough that the last pieces even out, and large enough that
 * preparing the rows again for every piece (packed when there are many, split when there is one) stays cheap.
 */
static int32_t piece_of(const device *d, int32_t n_rows, int32_t n_out) {
    int32_t least = n_rows > 16 ? 256 : 48;
    int32_t even = n_out / (d->n_threads * (n_rows > 1 ? 4 : 12));
    int32_t piece = even > least ? even : least;
    return (piece + 47) / 48 * 48; /* whole tiles of 16 and whole groups of 3 and 4 */
}

static void add_bias(const device *d, int32_t n, const matrix *w, int32_t first, int32_t count, float *out,
                     size_t stride) {
    for (int32_t j = 0; j < count; j++) {
        float bias;
        d->kernels->to_f32(element_at(w->bias, w->bias_type, (size_t)(first + j)), w->bias_type, 1, &bias);
        for (int32_t i = 0; i < n; i++) out[(size_t)i * stride + (size_t)j] += bias;
    }
}

/* ---- what an adapter adds ---- */

#define PROJECTED_ROWS 64 /* rows of a piece of A x */
#define PROJECTED_RANK 16 /* and how much of the rank; a quarter of it for a single row */
#define ADDED_ROWS 16     /* rows that add_low_rank takes at a time */

/* projected [n, rank] = scale * in A^T, before the threads part for the outputs: every piece of these needs all
 * of it. The pieces do not depend on the number of threads. */
static void project(const device *d, int32_t n, const float *in, size_t in_stride, const matrix *w,
                    float *projected) {
    const low_rank *added = &w->added;
    if (added->rank == 0) return;
    int32_t depth = n > 1 ? PROJECTED_RANK : PROJECTED_RANK / 4;
    int32_t cuts = (added->rank + depth - 1) / depth,
            pieces = (n + PROJECTED_ROWS - 1) / PROJECTED_ROWS * cuts;
    size_t rank = (size_t)added->rank, k = (size_t)w->n_in;
#pragma omp parallel for num_threads(d->n_threads) schedule(dynamic) if (pieces > 1)
    for (int32_t p = 0; p < pieces; p++) {
        int32_t row = p / cuts * PROJECTED_ROWS, first = p % cuts * depth;
        int32_t rows = n - row < PROJECTED_ROWS ? n - row : PROJECTED_ROWS;
        int32_t count = added->rank - first < depth ? added->rank - first : depth;
        float *out = projected + (size_t)row * rank + first;
        operand a = {element_at(added->a, added->type, (size_t)first * k), added->type, k};
        d->kernels->product_nt(rows, count, w->n_in, in + (size_t)row * in_stride, in_stride, a, out, rank,
                               false, thread_scratch(d, omp_get_thread_num()));
        for (int32_t i = 0; i < rows; i++)
            d->kernels->multiply(out + (size_t)i * rank, (size_t)count, added->scale);
    }
}

size_t low_rank_scratch(const device *d) {
    return PRODUCT_SCRATCH_FLOATS + (size_t)ADDED_ROWS * (size_t)d->max_rank;
}

void add_low_rank(const device *d, int32_t n, const float *in, size_t in_stride, int32_t k, operand first,
                  const low_rank *added, int32_t m, operand second, float *out, size_t out_stride,
                  float *scratch) {
    size_t rank = (size_t)added->rank;
    float *between = scratch + PRODUCT_SCRATCH_FLOATS; /* [ADDED_ROWS, rank] */
    for (int32_t row = 0; row < n; row += ADDED_ROWS) {
        int32_t rows = n - row < ADDED_ROWS ? n - row : ADDED_ROWS;
        d->kernels->product_nt(rows, added->rank, k, in + (size_t)row * in_stride, in_stride, first, between,
                               rank, false, scratch);
        d->kernels->multiply(between, (size_t)rows * rank, added->scale);
        d->kernels->product_nn(rows, m, added->rank, between, rank, second, out + (size_t)row * out_stride,
                               out_stride, true, scratch);
    }
}

/* ---- maps ---- */

/* Outputs first .. first + count - 1 of a map; `projected` as project left it. */
static void linear_piece(const device *d, int32_t n, const float *in, size_t in_stride, const matrix *w,
                         const float *projected, int32_t first, int32_t count, float *out, size_t out_stride,
                         bool add, float *scratch) {
    operand rows = {element_at(w->data, w->type, (size_t)first * (size_t)w->n_in), w->type, (size_t)w->n_in};
    d->kernels->product_nt(n, count, w->n_in, in, in_stride, rows, out, out_stride, add, scratch);
    const low_rank *added = &w->added;
    if (added->rank > 0) {
        operand b = {element_at(added->b, added->type, (size_t)first), added->type, (size_t)w->n_out};
        d->kernels->product_nn(n, count, added->rank, projected, (size_t)added->rank, b, out, out_stride,
                               true, scratch);
    }
    if (w->bias) add_bias(d, n, w, first, count, out, out_stride);
}

void linear(const device *d, int32_t n, const float *in, size_t in_stride, const matrix *w, float *out,
            size_t out_stride, bool add) {
    int32_t piece = piece_of(d, n, w->n_out);
    project(d, n, in, in_stride, w, d->projected[0]);
#pragma omp parallel for num_threads(d->n_threads) schedule(dynamic)
    for (int32_t first = 0; first < w->n_out; first += piece) {
        int32_t count = w->n_out - first < piece ? w->n_out - first : piece;
        linear_piece(d, n, in, in_stride, w, d->projected[0], first, count, out + first, out_stride, add,
                     thread_scratch(d, omp_get_thread_num()));
    }
}

void cpu_embed(device *d) {
    const matrix *table = d->embedding;
    size_t width = (size_t)table->n_in;
    for (int32_t i = 0; i < d->step->n_rows; i++)
        d->kernels->to_f32(element_at(table->data, table->type, (size_t)d->step->token[i] * width),
                           table->type, width, d->activation[ACT_HIDDEN] + (size_t)i * width);
}

/* normed [n, width of in] */
static void norm_rows(device *d, activation in, const matrix *norm, float epsilon) {
    size_t width = (size_t)d->width[in];
#pragma omp parallel for num_threads(d->n_threads) if (d->step->n_rows >= 8)
    for (int32_t i = 0; i < d->step->n_rows; i++)
        d->kernels->rms_norm(d->activation[in] + (size_t)i * width, norm->data, norm->type, width, epsilon,
                             d->normed + (size_t)i * width);
}

void cpu_norm_linear(device *d, activation in, const matrix *norm, float epsilon, int32_t count,
                     const linear_output *outputs) {
    norm_rows(d, in, norm, epsilon);
    for (int32_t k = 0; k < count; k++)
        linear(d, d->step->n_rows, d->normed, (size_t)d->width[in], outputs[k].w,
               d->activation[outputs[k].out], (size_t)d->width[outputs[k].out], false);
}

void cpu_linear_residual(device *d, activation in, const matrix *w) {
    linear(d, d->step->n_rows, d->activation[in], (size_t)d->width[in], w, d->activation[ACT_HIDDEN],
           (size_t)d->width[ACT_HIDDEN], true);
}

/* A piece of gate and the same piece of up, so that the product of the two is made while both are in cache.
 */
void cpu_gated_mlp(device *d, const matrix *norm, float epsilon, const matrix *gate, const matrix *up) {
    norm_rows(d, ACT_HIDDEN, norm, epsilon);
    int32_t n = d->step->n_rows, piece = piece_of(d, n, gate->n_out);
    size_t width = (size_t)d->width[ACT_GATED], in_width = (size_t)d->width[ACT_HIDDEN];
    float *gated = d->activation[ACT_GATED];
    project(d, n, d->normed, in_width, gate, d->projected[0]);
    project(d, n, d->normed, in_width, up, d->projected[1]);
#pragma omp parallel for num_threads(d->n_threads) schedule(dynamic)
    for (int32_t first = 0; first < gate->n_out; first += piece) {
        int32_t count = gate->n_out - first < piece ? gate->n_out - first : piece;
        float *scratch = thread_scratch(d, omp_get_thread_num());
        linear_piece(d, n, d->normed, in_width, gate, d->projected[0], first, count, gated + first, width,
                     false, scratch);
        linear_piece(d, n, d->normed, in_width, up, d->projected[1], first, count, d->up + first, width,
                     false, scratch);
        for (int32_t i = 0; i < n; i++) {
            size_t at = (size_t)i * width + (size_t)first;
            d->kernels->silu_multiply(gated + at, d->up + at, (size_t)count);
        }
    }
}

void cpu_head(device *d, const matrix *norm, float epsilon, const matrix *w, float *logits) {
    size_t width = (size_t)d->width[ACT_HIDDEN];
    for (int32_t k = 0; k < d->step->n_outputs; k++)
        d->kernels->rms_norm(d->activation[ACT_HIDDEN] + (size_t)d->step->output_row[k] * width, norm->data,
                             norm->type, width, epsilon, d->normed + (size_t)k * width);
    linear(d, d->step->n_outputs, d->normed, width, w, logits, (size_t)w->n_out, false);
}
