// The two 16-bit types that weights take, to and from fp32 (to nearest, ties to even).
#ifndef KERNELS_CUDA_ROUNDING_CUH
#define KERNELS_CUDA_ROUNDING_CUH

#include <cuda_bf16.h>
#include <cuda_fp16.h>

template <typename T> __device__ inline T rounded(float x);

template <> __device__ inline half rounded<half>(float x) {
    return __float2half_rn(x);
}

template <> __device__ inline __nv_bfloat16 rounded<__nv_bfloat16>(float x) {
    return __float2bfloat16_rn(x);
}

__device__ inline float widened(half x) {
    return __half2float(x);
}

__device__ inline float widened(__nv_bfloat16 x) {
    return __bfloat162float(x);
}

#endif
