/* The single-threaded primitives of which every CPU operation is made, one table an instruction set. The
 * portable table is the definition: tests compare each of the others with it on odd sizes, strides and
 * values.
 *
 * Every product in the model is one of two, with activations A in float32 and weights or cached rows B in any
 * dtype: nt:  C[n, m] = A[n, k] B[m, k]^T     (B's rows are along k: a linear map, scores against keys) nn:
 * C[n, m] = A[n, k] B[k, m]       (B's rows are along m: absorbing W_uk, weighted sums of values) An element
 * of C is summed in an order that depends on n, m, k only as a whole call, never on the thread count; up to
 * SHARED_ROWS rows (backend.h) not on n either. */
#ifndef KERNELS_CPU_KERNELS_H
#define KERNELS_CPU_KERNELS_H

#include "libyoutu/dtype.h"

#include <stdbool.h>
#include <stdint.h>

/* Rows `stride` elements apart; aligned to 1 byte only, as tensors lie in their files. */
typedef struct operand {
    const void *data;
    dtype type;
    size_t stride;
} operand;

/* Floats of scratch that a product may use. */
#define PRODUCT_SCRATCH_FLOATS (256 * (264 + 16))

/* C [n, m] with row stride ldc; add: C += instead of C =. B is read from memory once whatever n is. */
typedef void (*product_fn)(int32_t n, int32_t m, int32_t k, const float *a, size_t lda, operand b, float *c,
                           size_t ldc, bool add, float *scratch);

typedef struct cpu_kernels {
    const char *name;
    bool (*supported)(void);
    product_fn product_nt;
    product_fn product_nn;

    void (*to_f32)(const void *source, dtype type, size_t n, float *out);
    void (*to_f16)(const float *source, size_t n, uint16_t *out); /* to nearest, ties to even */

    /* y = x / sqrt(mean(x^2) + epsilon) * weight; y may be x */
    void (*rms_norm)(const float *x, const void *weight, dtype type, size_t n, float epsilon, float *y);
    /* gate = gate / (1 + exp(-gate)) * up */
    void (*silu_multiply)(float *gate, const float *up, size_t n);

    /* For the online softmax. n >= 1 */
    float (*row_max)(const float *x, size_t n);
    float (*exp_sum)(float *x, size_t n, float scale,
                     float max); /* x = exp(scale * x - max); returns the sum */
    void (*multiply)(float *x, size_t n, float factor);
} cpu_kernels;

extern const cpu_kernels kernels_portable, kernels_avx2;

/* The element after `n` others: B's rows are addressed in bytes because their type varies. */
static inline const void *element_at(const void *data, dtype type, size_t n) {
    return (const unsigned char *)data + n * dtype_bytes(type);
}

#endif
