// The tensor-core instructions that the kernels use, as functions. Names of fragments as in the PTX manual
// (mma.m16n8k16): a lane is (g, t) = (lane / 4, lane % 4);
//   A [16, 16]  a0 = (row g, k 2t..2t+1)  a1 = (row g+8, same k)  a2 = (row g, k 2t+8..)  a3 = (row g+8, k 2t+8..)
//   B [16, 8]   b0 = (k 2t..2t+1, column g)  b1 = (k 2t+8..2t+9, column g)
//   C [16, 8]   c0, c1 = (row g, columns 2t, 2t+1)  c2, c3 = (row g+8, the same columns)
#ifndef KERNELS_CUDA_MMA_CUH
#define KERNELS_CUDA_MMA_CUH

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cstdint>

// C += A B, fp32 sums.
template <typename T>
__device__ inline void mma(float (&c)[4], uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t b0,
                           uint32_t b1);

template <>
__device__ inline void mma<half>(float (&c)[4], uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,
                                 uint32_t b0, uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

template <>
__device__ inline void mma<__nv_bfloat16>(float (&c)[4], uint32_t a0, uint32_t a1, uint32_t a2, uint32_t a3,
                                          uint32_t b0, uint32_t b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

__device__ inline uint32_t shared_address(const void *p) {
    return (uint32_t)__cvta_generic_to_shared(p);
}

// Four 8 x 8 matrices of 16-bit values; lane i gives the address of row i % 8 of matrix i / 8. Each lane receives
// of matrix j the pair (row g, columns 2t..2t+1) in r[j]; transposed: (rows 2t..2t+1, column g).
__device__ inline void load_matrices(uint32_t (&r)[4], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row)));
}

__device__ inline void load_matrices_transposed(uint32_t (&r)[4], const void *row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(shared_address(row)));
}

// 16 bytes from global to shared memory behind the thread's back; bytes 0 writes zeros and reads nothing.
__device__ inline void copy_async(void *to_shared, const void *from_global, int bytes = 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to_shared)),
                 "l"(from_global), "r"(bytes));
}

__device__ inline void copy_commit() {
    asm volatile("cp.async.commit_group;");
}

// Until at most N of the thread's groups are on their way.
template <int N> __device__ inline void copy_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(N));
}

// 16 bytes of weights: read once, so they need no place in L1.
__device__ inline uint4 load_streamed(const void *p) {
    uint4 v;
    asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
                 : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
                 : "l"(p));
    return v;
}

__device__ inline uint32_t pack(half a, half b) {
    half2 v = __halves2half2(a, b);
    return *reinterpret_cast<uint32_t *>(&v);
}

__device__ inline uint32_t pack(__nv_bfloat16 a, __nv_bfloat16 b) {
    __nv_bfloat162 v = __halves2bfloat162(a, b);
    return *reinterpret_cast<uint32_t *>(&v);
}

#endif
