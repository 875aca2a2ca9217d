/* Eight floats at a time: loads of every stored type, partial loads that read nothing past the end, exp. */
#ifndef KERNELS_CPU_ISA_VECTOR_AVX2_H
#define KERNELS_CPU_ISA_VECTOR_AVX2_H

#include "../kernels.h"

#include <immintrin.h>
#include <string.h>

void product_nt_avx2(int32_t n, int32_t m, int32_t k, const float *a, size_t lda, operand b, float *c,
                     size_t ldc, bool add, float *scratch);
void product_nn_avx2(int32_t n, int32_t m, int32_t k, const float *a, size_t lda, operand b, float *c,
                     size_t ldc, bool add, float *scratch);

/* Callers pass a constant `type`, so that the choice is made at compile time. */
static inline __attribute__((always_inline)) __m256 load8(const void *p, dtype type) {
    if (type == DTYPE_F32) return _mm256_loadu_ps(p);
    __m128i half = _mm_loadu_si128(p);
    if (type == DTYPE_F16) return _mm256_cvtph_ps(half);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

/* The first `count` < 8 elements, then zeros. */
static inline __m256 load_part(const void *p, dtype type, size_t count) {
    unsigned char padded[32] = {0};
    memcpy(padded, p, count * dtype_bytes(type));
    return load8(padded, type);
}

static inline void store_part(float *p, __m256 v, size_t count) {
    float whole[8];
    _mm256_storeu_ps(whole, v);
    memcpy(p, whole, count * sizeof *p);
}

static inline float sum8(__m256 v) {
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(four, _mm_movehdup_ps(four)));
}

/* exp(x) = 2^n e^r with n = round(x / ln 2), |r| <= ln 2 / 2, e^r by its Taylor polynomial of degree 7 (error
 * below 2^-27 relative); n ln 2 is subtracted in two parts so that r keeps its bits. Inputs are clamped to
 * where the result is a normal float: below -87.3 it is 1.2e-38 instead of 0, which no sum here can tell. NaN
 * stays NaN. */
static inline __m256 exp8(__m256 x) {
    const __m256 least = _mm256_set1_ps(-87.3f), most = _mm256_set1_ps(88.7f);
    __m256 bounded =
        _mm256_max_ps(least, _mm256_min_ps(most, x)); /* the second operand wins when one is NaN */
    __m256 n = _mm256_round_ps(_mm256_mul_ps(bounded, _mm256_set1_ps(1.44269504f)),
                               _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0x1.62e4p-1f), bounded);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0x1.7f7d1cp-20f), r);
    __m256 p = _mm256_set1_ps(1.0f / 5040);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 720));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 120));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 24));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 6));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
    /* 2^n in two factors: n reaches 128, whose power is no float. */
    __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    __m256i bias = _mm256_set1_epi32(127);
    __m256 first = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
    __m256 second =
        _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), bias), 23));
    return _mm256_mul_ps(_mm256_mul_ps(p, first), second);
}

#endif
