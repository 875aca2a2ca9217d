/* The AVX2 table: conversions and element-wise kernels; the products are in product_avx2.c. Formulas in
 * kernels.h. */
#include "vector_avx2.h"

#include <cpuid.h>

static void to_f32(const void *source, dtype type, size_t n, float *out) {
    size_t i = 0;
    switch (type) {
    case DTYPE_BF16:
        for (; i + 8 <= n; i += 8) _mm256_storeu_ps(out + i, load8(element_at(source, type, i), DTYPE_BF16));
        break;
    case DTYPE_F16:
        for (; i + 8 <= n; i += 8) _mm256_storeu_ps(out + i, load8(element_at(source, type, i), DTYPE_F16));
        break;
    case DTYPE_F32: memcpy(out, source, n * sizeof *out); return;
    }
    if (i < n) store_part(out + i, load_part(element_at(source, type, i), type, n - i), n - i);
}

static void to_f16(const float *source, size_t n, uint16_t *out) {
    for (size_t i = 0; i < n; i += 8) {
        size_t left = n - i < 8 ? n - i : 8;
        __m256 v = left == 8 ? _mm256_loadu_ps(source + i) : load_part(source + i, DTYPE_F32, left);
        __m128i half = _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        memcpy(out + i, &half, left * sizeof *out);
    }
}

static void rms_norm(const float *x, const void *weight, dtype type, size_t n, float epsilon, float *y) {
    __m256 squares = _mm256_setzero_ps();
    for (size_t i = 0; i < n; i += 8) {
        __m256 v = n - i >= 8 ? _mm256_loadu_ps(x + i) : load_part(x + i, DTYPE_F32, n - i);
        squares = _mm256_fmadd_ps(v, v, squares);
    }
    __m256 scale = _mm256_set1_ps(1.0f / __builtin_sqrtf(sum8(squares) / (float)n + epsilon));
    for (size_t i = 0; i < n; i += 8) {
        size_t left = n - i < 8 ? n - i : 8;
        const void *at = element_at(weight, type, i);
        __m256 w = left < 8             ? load_part(at, type, left)
                   : type == DTYPE_BF16 ? load8(at, DTYPE_BF16)
                   : type == DTYPE_F16  ? load8(at, DTYPE_F16)
                                        : load8(at, DTYPE_F32);
        __m256 v = left == 8 ? _mm256_loadu_ps(x + i) : load_part(x + i, DTYPE_F32, left);
        v = _mm256_mul_ps(_mm256_mul_ps(v, scale), w);
        if (left == 8)
            _mm256_storeu_ps(y + i, v);
        else
            store_part(y + i, v, left);
    }
}

static void silu_multiply(float *gate, const float *up, size_t n) {
    const __m256 one = _mm256_set1_ps(1.0f), zero = _mm256_setzero_ps();
    for (size_t i = 0; i < n; i += 8) {
        size_t left = n - i < 8 ? n - i : 8;
        __m256 g = left == 8 ? _mm256_loadu_ps(gate + i) : load_part(gate + i, DTYPE_F32, left);
        __m256 u = left == 8 ? _mm256_loadu_ps(up + i) : load_part(up + i, DTYPE_F32, left);
        __m256 y = _mm256_mul_ps(_mm256_div_ps(g, _mm256_add_ps(one, exp8(_mm256_sub_ps(zero, g)))), u);
        if (left == 8)
            _mm256_storeu_ps(gate + i, y);
        else
            store_part(gate + i, y, left);
    }
}

static float row_max(const float *x, size_t n) {
    if (n < 8) {
        float largest = x[0];
        for (size_t i = 1; i < n; i++) largest = x[i] > largest ? x[i] : largest;
        return largest;
    }
    __m256 most = _mm256_loadu_ps(x);
    for (size_t i = 8; i + 8 <= n; i += 8) most = _mm256_max_ps(most, _mm256_loadu_ps(x + i));
    most = _mm256_max_ps(most, _mm256_loadu_ps(x + n - 8)); /* the rest, some of it a second time */
    __m128 four = _mm_max_ps(_mm256_castps256_ps128(most), _mm256_extractf128_ps(most, 1));
    four = _mm_max_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}

static float exp_sum(float *x, size_t n, float scale, float max) {
    const __m256 by = _mm256_set1_ps(scale), shift = _mm256_set1_ps(max);
    __m256 sum = _mm256_setzero_ps();
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 e = exp8(_mm256_fmsub_ps(_mm256_loadu_ps(x + i), by, shift));
        _mm256_storeu_ps(x + i, e);
        sum = _mm256_add_ps(sum, e);
    }
    float total = sum8(sum);
    if (i < n) {
        __m256 e = exp8(_mm256_fmsub_ps(load_part(x + i, DTYPE_F32, n - i), by, shift));
        float part[8];
        _mm256_storeu_ps(part, e);
        for (size_t j = 0; i + j < n; j++) total += x[i + j] = part[j];
    }
    return total;
}

static void multiply(float *x, size_t n, float factor) {
    const __m256 by = _mm256_set1_ps(factor);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), by));
    for (; i < n; i++) x[i] *= factor;
}

static bool supported(void) {
    /* F16C has no name in every compiler's list: CPUID leaf 1, ECX bit 29. The others imply that the OS saves
     * YMM. */
    unsigned eax, ebx, ecx, edx;
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}

const cpu_kernels kernels_avx2 = {
    .name = "avx2",
    .supported = supported,
    .product_nt = product_nt_avx2,
    .product_nn = product_nn_avx2,
    .to_f32 = to_f32,
    .to_f16 = to_f16,
    .rms_norm = rms_norm,
    .silu_multiply = silu_multiply,
    .row_max = row_max,
    .exp_sum = exp_sum,
    .multiply = multiply,
};
