// Arrays on the device for one test: made of exactly their values, so that every access beyond them is seen, and
// freed by the test. Failing calls fail the cmocka test.
#ifndef TESTS_CUDA_DEVICE_ARRAY_CUH
#define TESTS_CUDA_DEVICE_ARRAY_CUH

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

extern "C" {
#include <cmocka.h>
}

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdlib.h>

inline void expect_cuda(cudaError_t e, const char *what) {
    if (e != cudaSuccess) fail_msg("%s: %s", what, cudaGetErrorString(e));
}

template <typename T> T *new_host(size_t n) {
    T *p = static_cast<T *>(calloc(n, sizeof(T)));
    assert_non_null(p);
    return p;
}

template <typename T> T *to_device(const T *values, size_t n) {
    T *p;
    expect_cuda(cudaMalloc(&p, n * sizeof(T)), "cudaMalloc");
    expect_cuda(cudaMemcpy(p, values, n * sizeof(T), cudaMemcpyHostToDevice), "cudaMemcpy");
    return p;
}

// n values, all bytes `byte`.
template <typename T> T *on_device(size_t n, int byte) {
    T *p;
    expect_cuda(cudaMalloc(&p, n * sizeof(T)), "cudaMalloc");
    expect_cuda(cudaMemset(p, byte, n * sizeof(T)), "cudaMemset");
    return p;
}

template <typename T> T *to_host(const T *values, size_t n) {
    T *p = new_host<T>(n);
    expect_cuda(cudaMemcpy(p, values, n * sizeof(T), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return p;
}

// In (-1, 1), from a fixed sequence.
inline float next_random() {
    static uint32_t state = 1;
    state = state * 1664525u + 1013904223u;
    return (float)(state >> 8) / 8388608.0f - 1.0f;
}

#endif
