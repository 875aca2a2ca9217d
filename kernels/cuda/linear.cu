// Linear maps of few rows (decoding): Y [n, out] = X [n, in] W^T, n <= 16 a launch row, each weight read once.
//
// A block owns 16 outputs (a tile of mma.m16n8k16 with the weights as A); its 8 warps share the inputs and add up
// in shared memory. A sum does not care for the order of its terms, so lane (g, t) takes for the k-steps of 16 not
// what the fragment's picture says, but 8 consecutive inputs: 16 bytes of row g and of row g + 8, which serve two
// steps; X's fragment takes the same (packed_column in layout.cuh says which). Nothing is staged: weights go from global memory to registers, 128 bytes of
// a row at a time (a line, two loads of 64 bytes a row), and X, which all blocks read, comes from L2 and L1.
//
//   W        [out_p, in_p] fp16 or bf16; the launch reads it once: 2 out in bytes, the limit of the launch
//   X        [n, in_p] fp32; with a norm: x / rms * norm, where the sum of squares is the sum of what the tiles of
//            the launch before left (`squares`), so that no block waits for another
//   Y        fp32: stored, added to the residual stream, or gated (8 gates, then their 8 ups, in a tile)
//   fp16     X is rounded to fp16. bf16: X = high + low, two bf16, so that 16 of its 24 bits take part; the tensor
//            cores idle otherwise
//
// Traffic of a layer of the published model, one row: 5 launches over 102 MB of weights and 60 KB of activations.
// Work a warp: 4 loads of 16 bytes a lane for 8 mma (16 with two groups of rows): the memory is the limit.
// Sums: fp32; their order is fixed by in_p alone.
#include "kernels.cuh"
#include "mma.cuh"
#include "rounding.cuh"

namespace {

constexpr int WARPS = 8;
constexpr int CHUNK = INPUT_PAD; // inputs that a warp takes at once
constexpr int ROW_STRIDE =
    20; // floats: sums [row][16 outputs]; neither writing nor reading meets a bank twice

// The weights of a chunk: lane (g, t) holds 8 of its first 32 inputs and 8 of the others, of rows g and g + 8.
struct weight_chunk {
    uint4 upper[2], lower[2];
};

__device__ weight_chunk load_weights(const void *tile, int in_p, int k) {
    int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    const uint16_t *row = static_cast<const uint16_t *>(tile) + (size_t)g * in_p + k + 8 * t;
    weight_chunk w;
    for (int i = 0; i < 2; i++) {
        w.upper[i] = load_streamed(row + 32 * i);
        w.lower[i] = load_streamed(row + (size_t)8 * in_p + 32 * i);
    }
    return w;
}

// 1 / rms of a row, by the 4 lanes of its group.
__device__ float inverse_rms(const linear_input &in, int row) {
    const float *squares = in.squares + (size_t)row * in.squares_stride;
    float sum = 0;
    for (int i = threadIdx.x % 4 * 4; i < in.n_squares; i += 16) {
        float4 s = *reinterpret_cast<const float4 *>(squares + i);
        sum += (s.x + s.y) + (s.z + s.w);
    }
    sum += __shfl_xor_sync(~0u, sum, 1);
    sum += __shfl_xor_sync(~0u, sum, 2);
    return rsqrtf(sum / in.width + in.epsilon);
}

// Values 4t.. and 16 + 4t.. of the 32 at p.
__device__ void load8(const float *p, float (&v)[8]) {
    int t = threadIdx.x % 4;
    float4 a = *reinterpret_cast<const float4 *>(p + 4 * t),
           b = *reinterpret_cast<const float4 *>(p + 16 + 4 * t);
    v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w, v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
}

// Eight inputs as the B operands of two steps: term 0 is x rounded, term 1 what rounding left.
template <typename T, int TERMS> __device__ void split(const float (&x)[8], uint32_t (&b)[TERMS][4]) {
#pragma unroll
    for (int i = 0; i < 4; i++) {
        T a = rounded<T>(x[2 * i]), c = rounded<T>(x[2 * i + 1]);
        b[0][i] = pack(a, c);
        if (TERMS == 2)
            b[TERMS - 1][i] = pack(rounded<T>(x[2 * i] - widened(a)), rounded<T>(x[2 * i + 1] - widened(c)));
    }
}

// sums [16 outputs, 8 rows] += 32 inputs of the chunk.
template <typename T, int TERMS>
__device__ void add_products(float (&sums)[4], const uint4 &upper, const uint4 &lower,
                             const uint32_t (&b)[TERMS][4]) {
#pragma unroll
    for (int term = 0; term < TERMS; term++) {
        mma<T>(sums, upper.x, lower.x, upper.y, lower.y, b[term][0], b[term][1]);
        mma<T>(sums, upper.z, lower.z, upper.w, lower.w, b[term][2], b[term][3]);
    }
}

// What becomes of Y[row, tile * 16 + o]; the 16 lanes of a row run together, all of them or none for a row that exists.
__device__ void finish_output(const linear_result &r, const device_matrix &w, int row, int o, bool row_exists,
                              float y) {
    int output = blockIdx.x * TILE_OUTPUTS + o;
    bool exists = row_exists && output < w.n_out;
    if (w.bias) y += w.bias[output];
    if (r.effect == LINEAR_GATE) {
        float up = __shfl_down_sync(~0u, y, 8, 16);
        if (exists && o < 8) r.out[row * r.stride + blockIdx.x * 8 + o] = y / (1.0f + expf(-y)) * up;
        return;
    }
    float *out = r.out + row * r.stride + output;
    if (r.effect == LINEAR_RESIDUAL && exists) y += *out;
    if (exists) *out = y;
    if (!r.squares) return;
    float square = exists ? y * y : 0.0f;
#pragma unroll
    for (int step = 8; step > 0; step /= 2) square += __shfl_xor_sync(~0u, square, step, 16);
    if (row_exists && o == 0) r.squares[(size_t)row * r.squares_stride + blockIdx.x] = square;
}

// Block (tile of outputs, 8 * ROW_TILES rows).
template <typename T, int TERMS, int ROW_TILES>
__global__ void __launch_bounds__(WARPS * 32, 7 - TERMS - ROW_TILES)
    linear_kernel(linear_input in, device_matrix w, linear_result result) {
    __shared__ float partial[WARPS][ROW_TILES * 8 * ROW_STRIDE];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    int first_row = blockIdx.y * ROW_TILES * 8;
    const void *tile = static_cast<const uint16_t *>(w.data) + (size_t)blockIdx.x * TILE_OUTPUTS * w.n_in_p;

    float sums[ROW_TILES][4] = {};
    float scale[ROW_TILES];
    weight_chunk weights = {};
    if (warp * CHUNK < w.n_in_p)
        weights = load_weights(tile, w.n_in_p, warp * CHUNK); // on its way during the norm
#pragma unroll
    for (int j = 0; j < ROW_TILES; j++) {
        int row = first_row + 8 * j + g;
        scale[j] = in.norm ? inverse_rms(in, row < in.n ? row : in.n - 1) : 1.0f;
    }
    for (int k = warp * CHUNK; k < w.n_in_p;) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
            int at = k + 32 * i;
            float norm[8];
            if (in.norm) load8(in.norm + at, norm);
#pragma unroll
            for (int j = 0; j < ROW_TILES; j++) {
                int row = first_row + 8 * j + g;
                float x[8] = {};
                if (row < in.n) load8(in.x + row * in.stride + at, x);
                if (in.norm)
#pragma unroll
                    for (int e = 0; e < 8; e++) x[e] = x[e] * scale[j] * norm[e];
                uint32_t b[TERMS][4];
                split<T, TERMS>(x, b);
                add_products<T, TERMS>(sums[j], weights.upper[i], weights.lower[i], b);
            }
        }
        k += WARPS * CHUNK;
        if (k < w.n_in_p) weights = load_weights(tile, w.n_in_p, k);
    }

#pragma unroll
    for (int j = 0; j < ROW_TILES; j++)
#pragma unroll
        for (int c = 0; c < 4; c++)
            partial[warp][(8 * j + 2 * t + c % 2) * ROW_STRIDE + g + c / 2 * 8] = sums[j][c];
    __syncthreads();
    if (warp >= 4 * ROW_TILES) return;
    // Warp w adds rows w and w + 4 of its group of 8: 20 w + 80 lies 16 banks further.
    int row = warp / 4 * 8 + warp % 4 + lane / 16 * 4, o = lane % 16;
    float y = 0;
#pragma unroll
    for (int i = 0; i < WARPS; i++) y += partial[i][row * ROW_STRIDE + o];
    finish_output(result, w, first_row + row, o, first_row + row < in.n, y);
}

template <typename T, int TERMS>
void launch(cudaStream_t stream, const linear_input &in, const device_matrix &w,
            const linear_result &result) {
    unsigned tiles = w.n_out_p / TILE_OUTPUTS;
    if (in.n <= 8)
        linear_kernel<T, TERMS, 1><<<tiles, WARPS * 32, 0, stream>>>(in, w, result);
    else
        linear_kernel<T, TERMS, 2><<<dim3(tiles, (in.n + 15) / 16), WARPS * 32, 0, stream>>>(in, w, result);
}

} // namespace

cudaError_t linear_rows(cudaStream_t stream, dtype type, const linear_input &in, const device_matrix &w,
                        const linear_result &result) {
    if (type == DTYPE_BF16)
        launch<__nv_bfloat16, 2>(stream, in, w, result);
    else
        launch<half, 1>(stream, in, w, result);
    return cudaGetLastError();
}
