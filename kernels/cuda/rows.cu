// What works along single rows: embedding, norms, rounding to 16 bits for the matrix library, gating. A block of 256
// threads takes a row; each launch reads its rows once and writes its result once, a few KB a row.
#include "kernels.cuh"
#include "rounding.cuh"

namespace {

constexpr int THREADS = 256;

// The sum over the block, in a fixed order; every thread gets it.
__device__ float block_sum(float value) {
    __shared__ float warps[THREADS / 32];
#pragma unroll
    for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(~0u, value, step);
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
    __syncthreads();
    float sum = 0;
#pragma unroll
    for (int i = 0; i < THREADS / 32; i++) sum += warps[i];
    return sum;
}

__device__ float inverse_rms(const float *x, int width, float epsilon) {
    float squares = 0;
    for (int i = threadIdx.x; i < width; i += THREADS) squares += x[i] * x[i];
    return rsqrtf(block_sum(squares) / (float)width + epsilon);
}

// hidden [n, width_p] = embedding [vocab, width_p] rows; a tile of 16 values is half a warp's, and width_p a multiple
// of 64, so that whole warps take part or none of their lanes.
template <typename T>
__global__ void __launch_bounds__(THREADS)
    embed_kernel(step_rows rows, const T *embedding, int width_p, float *hidden, float *squares) {
    int row = blockIdx.x;
    const T *from = embedding + (size_t)rows.token[row] * width_p;
    for (int i = threadIdx.x; i < width_p; i += THREADS) {
        float x = widened(from[packed_column(i)]), square = x * x;
        hidden[(size_t)row * width_p + i] = x;
#pragma unroll
        for (int step = 8; step > 0; step /= 2) square += __shfl_xor_sync(~0u, square, step, 16);
        if (squares && i % TILE_OUTPUTS == 0)
            squares[(size_t)row * (width_p / TILE_OUTPUTS) + i / TILE_OUTPUTS] = square;
    }
}

__global__ void __launch_bounds__(THREADS)
    norm_kernel(const float *x, size_t stride, const int *row, int width, const float *norm, float epsilon,
                float *out, size_t out_stride) {
    x += (size_t)(row ? row[blockIdx.x] : blockIdx.x) * stride;
    float scale = inverse_rms(x, width, epsilon);
    for (int i = threadIdx.x; i < width; i += THREADS)
        out[blockIdx.x * out_stride + i] = x[i] * scale * norm[i];
}

template <typename T>
__global__ void __launch_bounds__(THREADS) round_kernel(const float *x, size_t stride, int width, int width_p,
                                                        const float *norm, float epsilon, T *high, T *low) {
    x += blockIdx.x * stride;
    float scale = norm ? inverse_rms(x, width, epsilon) : 1.0f;
    for (int i = threadIdx.x; i < width_p; i += THREADS) {
        float value = i >= width ? 0.0f : norm ? x[i] * scale * norm[i] : x[i];
        T top = rounded<T>(value);
        size_t to = (size_t)blockIdx.x * width_p + packed_column(i);
        high[to] = top;
        if (low) low[to] = rounded<T>(value - widened(top));
    }
}

__global__ void __launch_bounds__(THREADS)
    gate_kernel(const float *gate_up, size_t stride, int width, float *gated, size_t gated_stride) {
    gate_up += blockIdx.x * stride;
    for (int i = threadIdx.x; i < width; i += THREADS) {
        float gate = gate_up[i / 8 * 16 + i % 8], up = gate_up[i / 8 * 16 + 8 + i % 8];
        gated[blockIdx.x * gated_stride + i] = gate / (1.0f + expf(-gate)) * up;
    }
}

} // namespace

cudaError_t embed_rows(cudaStream_t stream, const step_rows &rows, int n, const void *embedding, dtype type,
                       int width_p, float *hidden, float *squares) {
    if (type == DTYPE_BF16)
        embed_kernel<<<n, THREADS, 0, stream>>>(rows, static_cast<const __nv_bfloat16 *>(embedding), width_p,
                                                hidden, squares);
    else
        embed_kernel<<<n, THREADS, 0, stream>>>(rows, static_cast<const half *>(embedding), width_p, hidden,
                                                squares);
    return cudaGetLastError();
}

cudaError_t norm_rows(cudaStream_t stream, const float *x, size_t x_stride, const int *row, int n, int width,
                      const float *norm, float epsilon, float *out, size_t out_stride) {
    norm_kernel<<<n, THREADS, 0, stream>>>(x, x_stride, row, width, norm, epsilon, out, out_stride);
    return cudaGetLastError();
}

cudaError_t round_rows(cudaStream_t stream, const float *x, size_t x_stride, int n, int width, int width_p,
                       const float *norm, float epsilon, dtype type, void *high, void *low) {
    if (type == DTYPE_BF16)
        round_kernel<<<n, THREADS, 0, stream>>>(x, x_stride, width, width_p, norm, epsilon,
                                                static_cast<__nv_bfloat16 *>(high),
                                                static_cast<__nv_bfloat16 *>(low));
    else
        round_kernel<<<n, THREADS, 0, stream>>>(x, x_stride, width, width_p, norm, epsilon,
                                                static_cast<half *>(high), static_cast<half *>(low));
    return cudaGetLastError();
}

cudaError_t gate_rows(cudaStream_t stream, const float *gate_up, size_t stride, int n, int width,
                      float *gated, size_t gated_stride) {
    gate_kernel<<<n, THREADS, 0, stream>>>(gate_up, stride, width, gated, gated_stride);
    return cudaGetLastError();
}
