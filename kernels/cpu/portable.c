/* The portable kernels: the definition in plain C, element by element. See kernels.h for the formulas. */
#include "kernels.h"

#include <math.h>
#include <string.h>

static float bf16_to_f32(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return value;
}

/* binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. Shifted into a float's place the exponent's bias
 * is 127, so the value is 2^112 too small, denormals included; 31 stands for infinities and NaN. */
static float f16_to_f32(uint16_t bits) {
    uint32_t magnitude = (uint32_t)(bits & 0x7FFF) << 13;
    if (magnitude >= 31u << 23) return bits & 1023 ? NAN : bits & 0x8000 ? -INFINITY : INFINITY;
    float value;
    memcpy(&value, &magnitude, sizeof value);
    value *= 0x1p112f;
    return bits & 0x8000 ? -value : value;
}

static uint16_t f32_to_f16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    float magnitude = fabsf(value);
    if (isnan(value)) return sign | 0x7E00;
    if (magnitude >= 65520.0f)
        return sign | 0x7C00; /* halfway from the largest finite value to 2^16, and beyond */
    if (magnitude < 0x1p-14f) return (uint16_t)(sign | (uint16_t)lrintf(magnitude * 0x1p24f));
    int exponent;
    float fraction = frexpf(magnitude, &exponent); /* [0.5, 1) */
    uint32_t rounded =
        (uint32_t)lrintf(fraction * 2048.0f); /* 1024 .. 2048; 2048 carries into the exponent */
    return (uint16_t)(sign | (((uint32_t)(exponent + 14) << 10) + rounded - 1024));
}

static float load(const void *data, dtype type, size_t i) {
    const unsigned char *at = element_at(data, type, i);
    if (type == DTYPE_F32) {
        float value;
        memcpy(&value, at, sizeof value);
        return value;
    }
    uint16_t bits;
    memcpy(&bits, at, sizeof bits);
    return type == DTYPE_BF16 ? bf16_to_f32(bits) : f16_to_f32(bits);
}

static void product_nt(int32_t n, int32_t m, int32_t k, const float *a, size_t lda, operand b, float *c,
                       size_t ldc, bool add, float *scratch) {
    /* B's row is converted once and used for all rows of A, the first `k` floats of scratch at a time. */
    for (int32_t j = 0; j < m; j++)
        for (int32_t k0 = 0; k0 < k; k0 += PRODUCT_SCRATCH_FLOATS) {
            int32_t part = k - k0 < PRODUCT_SCRATCH_FLOATS ? k - k0 : PRODUCT_SCRATCH_FLOATS;
            for (int32_t i = 0; i < part; i++)
                scratch[i] = load(b.data, b.type, (size_t)j * b.stride + (size_t)(k0 + i));
            for (int32_t r = 0; r < n; r++) {
                float sum = 0;
                for (int32_t i = 0; i < part; i++) sum += a[(size_t)r * lda + (size_t)(k0 + i)] * scratch[i];
                float *out = &c[(size_t)r * ldc + (size_t)j];
                *out = add || k0 > 0 ? *out + sum : sum;
            }
        }
}

static void product_nn(int32_t n, int32_t m, int32_t k, const float *a, size_t lda, operand b, float *c,
                       size_t ldc, bool add, float *scratch) {
    (void)scratch;
    if (!add)
        for (int32_t r = 0; r < n; r++) memset(&c[(size_t)r * ldc], 0, (size_t)m * sizeof *c);
    for (int32_t i = 0; i < k; i++)
        for (int32_t j = 0; j < m; j++) {
            float value = load(b.data, b.type, (size_t)i * b.stride + (size_t)j);
            for (int32_t r = 0; r < n; r++)
                c[(size_t)r * ldc + (size_t)j] += a[(size_t)r * lda + (size_t)i] * value;
        }
}

static void to_f32(const void *source, dtype type, size_t n, float *out) {
    for (size_t i = 0; i < n; i++) out[i] = load(source, type, i);
}

static void to_f16(const float *source, size_t n, uint16_t *out) {
    for (size_t i = 0; i < n; i++) out[i] = f32_to_f16(source[i]);
}

static void rms_norm(const float *x, const void *weight, dtype type, size_t n, float epsilon, float *y) {
    float squares = 0;
    for (size_t i = 0; i < n; i++) squares += x[i] * x[i];
    float scale = 1.0f / sqrtf(squares / (float)n + epsilon);
    for (size_t i = 0; i < n; i++) y[i] = x[i] * scale * load(weight, type, i);
}

static void silu_multiply(float *gate, const float *up, size_t n) {
    for (size_t i = 0; i < n; i++) gate[i] = gate[i] / (1.0f + expf(-gate[i])) * up[i];
}

static float row_max(const float *x, size_t n) {
    float largest = x[0];
    for (size_t i = 1; i < n; i++) largest = x[i] > largest ? x[i] : largest;
    return largest;
}

static float exp_sum(float *x, size_t n, float scale, float max) {
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += x[i] = expf(scale * x[i] - max);
    return sum;
}

static void multiply(float *x, size_t n, float factor) {
    for (size_t i = 0; i < n; i++) x[i] *= factor;
}

static bool supported(void) {
    return true;
}

const cpu_kernels kernels_portable = {
    .name = "portable",
    .supported = supported,
    .product_nt = product_nt,
    .product_nn = product_nn,
    .to_f32 = to_f32,
    .to_f16 = to_f16,
    .rms_norm = rms_norm,
    .silu_multiply = silu_multiply,
    .row_max = row_max,
    .exp_sum = exp_sum,
    .multiply = multiply,
};
