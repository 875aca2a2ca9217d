// Attention of a run of rows over its sequence's whole context, on keys and values made from the latents (prefill).
//
// For row r at position p and head h, over the positions j <= p, with the query's scores as exponents of 2:
//   key_j = [W_uk c_j | rope key of j]   value_j = W_uv c_j   out = sum_j 2^(q . key_j) value_j / sum_j 2^(q . key_j)
//
// The context is taken in stretches of EXPAND_TOKENS tokens, so that the scratch does not grow with it. For each:
//   gather   the stretch's cached rows, contiguous: latents [T, latent_p | rope_p]
//   expand   cuBLAS, a batch a head: expanded [T, H, nope_p | v_p] = latents times W_uk, then W_uv, fp16. All padded
//            columns are written; the weights' padding is zeros, and so is the result's
//   attend   a kernel in the manner of FlashAttention-2 (Dao 2023): scores and weights of a tile live in registers
//            only, each row keeps its largest score so far and its sum (Milakov & Gimelshein 2018)
// A row that sees a further stretch leaves its output unnormalised in `attended`, its maximum and sum in max_sum.
//
// The attention kernel. Block = (64 queries, head), 4 warps of 16 queries; tiles of 32 keys, double buffered.
//   registers  the queries as A operands of all 12 k-steps (48), the output [16, 128] fp32 (64), scores [16, 32] (16):
//              their exponentials, rounded to fp16, are the A operand of the second product as they lie
//   shared     [32 tokens][nope 128 | rope 64 | value 128 | 8 halfs of padding] twice: 42 KB, so that two blocks share
//              a multiprocessor and one's softmax runs beside the other's products. 656 bytes a token: 8 rows of
//              ldmatrix lie in 32 different banks. The queries pass through the same memory first
//   sizes      tiles hold the largest head that there is; columns that a smaller one lacks, and tokens beyond the
//              stretch, are zero-filled as they are copied, so that no product has a tail
// Key tiles wholly after a warp's last query are skipped, only those that cross the diagonal are masked. Blocks with
// the most keys come first, so that short ones fill the last wave.
//
// Traffic of a layer of the published model, 512 rows from position 0: gather 0.6 MB twice; expand 4 MB of weights,
// 4.2 MB written; attend reads queries 3.1 MB, keys and values 4.2 MB (23 MB from L2: each tile of queries reads
// what it sees), writes 4.2 MB. Products: 1.34 GFLOP under the diagonal, 1.43 done. A warp does 80 mma a tile for 40
// ldmatrix and about 300 other instructions: the tensor cores are the limit (half rate with fp32 sums on these
// cards: an mma takes 8 clocks of a multiprocessor, its operands 2 of the shared memory's). 225 registers and 42 KB:
// two blocks a multiprocessor on either card. vgpu estimates 76 us on an RTX 3060, 73 % of its tensor peak (69 % by
// what lies under the diagonal), and 56 us on a 4060, 84 % (79 %); the rest is the last wave.
#include "kernels.cuh"
#include "mma.cuh"

namespace {

constexpr int WARPS = 4, THREADS = WARPS * 32;
constexpr int QUERIES = WARPS * 16, KEYS = 32;
constexpr int NOPE = 128, ROPE = 64, VALUE = 128; // columns of a tile: the largest head
constexpr int KEY = NOPE + ROPE;
constexpr int STRIDE = KEY + VALUE + 8; // halfs from token to token
constexpr float LOWEST = -1e30f;        // below any score of fp16 values; finite, so that differences exist

static_assert(QUERIES <= 2 * KEYS, "the queries pass through the two tiles");
static_assert(EXPAND_TOKENS % CACHE_BLOCK == 0, "a stretch begins with a cache block");

// A stretch of the context: positions first .. first + tokens - 1.
struct stretch {
    int first, tokens;
};

// ---- gather ----

// latents [tokens, cached()]; block (x, y): cache block x of the stretch, 16 bytes a thread.
__global__ void __launch_bounds__(256)
    gather_kernel(stretch of, step_rows rows, int row, int cached, const half *cache, half *latents) {
    int first = blockIdx.x * CACHE_BLOCK;
    int values = min(CACHE_BLOCK, of.tokens - first) * cached;
    int i = (blockIdx.y * blockDim.x + threadIdx.x) * 8;
    if (i >= values) return;
    const half *from = cached_token(cache, rows, row, of.first + first, cached);
    *reinterpret_cast<uint4 *>(latents + (size_t)first * cached + i) =
        *reinterpret_cast<const uint4 *>(from + i);
}

cudaError_t gather_latents(cudaStream_t stream, const head_shape &s, const step_rows &rows, int row,
                           stretch of, const half *cache, half *latents) {
    int block_chunks = CACHE_BLOCK * s.cached() / 8;
    dim3 grid((of.tokens + CACHE_BLOCK - 1) / CACHE_BLOCK, (block_chunks + 255) / 256);
    gather_kernel<<<grid, 256, 0, stream>>>(of, rows, row, s.cached(), cache, latents);
    return cudaGetLastError();
}

// ---- expand ----

// expanded[t][h][0 .. width) = latents[t] times the head's weights. In cuBLAS's columns: C [width, T] = op(W) latents
// [latent_p, T]; W is [width, latent_p] (CUBLAS_OP_N) or its transpose (CUBLAS_OP_T).
cudaError_t expand(cublasHandle_t cublas, const head_shape &s, int tokens, cublasOperation_t op,
                   const half *weights, int width, const half *latents, half *expanded) {
    float one = 1, zero = 0;
    return cublas_error(cublasGemmStridedBatchedEx(
        cublas, op, CUBLAS_OP_N, width, tokens, s.latent_p, &one, weights, CUDA_R_16F,
        op == CUBLAS_OP_N ? width : s.latent_p, (long long)width * s.latent_p, latents, CUDA_R_16F,
        s.cached(), 0, &zero, expanded, CUDA_R_16F, s.n_heads * s.expanded_head(), s.expanded_head(),
        s.n_heads, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
}

// ---- attend ----

// Starts copying n rows of `width` values; what is missing to ROWS x COLUMNS becomes zeros.
template <int ROWS, int COLUMNS>
__device__ void copy_part(half *to, const half *from, size_t from_stride, int width, int n) {
    constexpr int CHUNKS = COLUMNS / 8;
    int column = threadIdx.x % CHUNKS * 8, first = threadIdx.x / CHUNKS;
#pragma unroll
    for (int i = 0; i < ROWS; i += THREADS / CHUNKS) {
        bool exists = first + i < n && column < width;
        copy_async(to + (first + i) * STRIDE + column,
                   exists ? from + (first + i) * from_stride + column : from, exists ? 16 : 0);
    }
}

// Tokens `first` .. first + KEYS - 1 of the stretch, of which n exist.
__device__ void copy_tile(half *tile, const head_shape &s, int head, const expand_scratch &scratch, int first,
                          int n) {
    size_t token = (size_t)s.n_heads * s.expanded_head();
    const half *expanded = scratch.expanded + first * token + (size_t)head * s.expanded_head();
    copy_part<KEYS, NOPE>(tile, expanded, token, s.nope_p, n);
    copy_part<KEYS, ROPE>(tile + NOPE, scratch.latents + (size_t)first * s.cached() + s.latent_p, s.cached(),
                          s.rope_p, n);
    copy_part<KEYS, VALUE>(tile + KEY, expanded + s.nope_p, token, s.v_p, n);
    copy_commit();
}

// The A operands of a warp's 16 queries; all of the block's pass through `shared`. n: queries that exist.
__device__ void load_queries(uint32_t (&q)[KEY / 16][4], half *shared, const head_shape &s,
                             const half *queries, int n) {
    size_t row = (size_t)s.n_heads * s.query_head();
    copy_part<QUERIES, NOPE>(shared, queries, row, s.nope_p, n);
    copy_part<QUERIES, ROPE>(shared + NOPE, queries + s.nope_p, row, s.rope_p, n);
    copy_commit();
    copy_wait<0>();
    __syncthreads();
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const half *from = shared + (warp * 16 + lane % 16) * STRIDE + lane / 16 * 8;
#pragma unroll
    for (int k = 0; k < KEY / 16; k++) load_matrices(q[k], from + k * 16);
    __syncthreads();
}

// What a lane knows of rows g and g + 8 of its warp's 16 queries: its columns of the weighted sum of values, the
// largest score, and the sum over the lane's columns (of all four lanes of a row, when finished).
struct row_state {
    float out[VALUE / 8][4];
    float max[2], sum[2];
};

// scores [16, KEYS] of the warp's queries.
__device__ void score_tile(float (&scores)[KEYS / 8][4], const uint32_t (&q)[KEY / 16][4], const half *tile) {
    int lane = threadIdx.x % 32;
    const half *from = tile + (lane / 16 * 8 + lane % 8) * STRIDE + lane / 8 % 2 * 8;
#pragma unroll
    for (int k = 0; k < KEY / 16; k++)
#pragma unroll
        for (int n = 0; n < KEYS / 16; n++) {
            uint32_t b[4];
            load_matrices(b, from + n * 16 * STRIDE + k * 16);
            mma<half>(scores[2 * n], q[k][0], q[k][1], q[k][2], q[k][3], b[0], b[1]);
            mma<half>(scores[2 * n + 1], q[k][0], q[k][1], q[k][2], q[k][3], b[2], b[3]);
        }
}

// Row i of the lane sees the tile's first visible[i] keys.
__device__ void mask_tile(float (&scores)[KEYS / 8][4], const int (&visible)[2]) {
    int t = threadIdx.x % 4;
#pragma unroll
    for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
        for (int c = 0; c < 4; c++)
            if (n * 8 + 2 * t + c % 2 >= visible[c / 2]) scores[n][c] = -INFINITY;
}

__device__ float exp2_approximate(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// Scores become weights 2^(score - largest so far); what was summed before is scaled to the new largest.
__device__ void weigh_tile(row_state &state, float (&scores)[KEYS / 8][4]) {
#pragma unroll
    for (int i = 0; i < 2; i++) {
        float max = state.max[i];
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++) max = fmaxf(max, fmaxf(scores[n][2 * i], scores[n][2 * i + 1]));
        max = fmaxf(max, __shfl_xor_sync(~0u, max, 1));
        max = fmaxf(max, __shfl_xor_sync(~0u, max, 2));
        float factor = exp2_approximate(state.max[i] - max);
        state.max[i] = max;
        state.sum[i] *= factor;
#pragma unroll
        for (int n = 0; n < VALUE / 8; n++) state.out[n][2 * i] *= factor, state.out[n][2 * i + 1] *= factor;
#pragma unroll
        for (int n = 0; n < KEYS / 8; n++) {
            scores[n][2 * i] = exp2_approximate(scores[n][2 * i] - max);
            scores[n][2 * i + 1] = exp2_approximate(scores[n][2 * i + 1] - max);
            state.sum[i] += scores[n][2 * i] + scores[n][2 * i + 1];
        }
    }
}

// out += weights values. The C fragments of two tiles of 8 keys are the A fragment of a k-step of 16.
__device__ void add_values(row_state &state, const float (&weights)[KEYS / 8][4], const half *tile) {
    int lane = threadIdx.x % 32;
    const half *from = tile + KEY + lane % 16 * STRIDE + lane / 16 * 8;
#pragma unroll
    for (int k = 0; k < KEYS / 16; k++) {
        uint32_t a[4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const float *pair = &weights[2 * k + i / 2][i % 2 * 2];
            a[i] = pack(__float2half_rn(pair[0]), __float2half_rn(pair[1]));
        }
#pragma unroll
        for (int n = 0; n < VALUE / 16; n++) {
            uint32_t b[4];
            load_matrices_transposed(b, from + k * 16 * STRIDE + n * 16);
            mma<half>(state.out[2 * n], a[0], a[1], a[2], a[3], b[0], b[1]);
            mma<half>(state.out[2 * n + 1], a[0], a[1], a[2], a[3], b[2], b[3]);
        }
    }
}

// A row's part of `attended` and max_sum that a lane continues from the stretch before, or leaves to the next.
struct carried_row {
    float *out; // columns 2t, 2t + 1 of every 8
    float2 *max_sum;
};

__device__ void resume_row(row_state &state, int i, const carried_row &row, int v_p) {
    float2 max_sum = *row.max_sum;
    state.max[i] = max_sum.x;
    state.sum[i] = threadIdx.x % 4 == 0 ? max_sum.y : 0;
#pragma unroll
    for (int n = 0; n < VALUE / 8; n++) {
        if (n * 8 >= v_p) continue;
        float2 pair = *reinterpret_cast<const float2 *>(row.out + n * 8);
        state.out[n][2 * i] = pair.x, state.out[n][2 * i + 1] = pair.y;
    }
}

__device__ void leave_row(const row_state &state, int i, float sum, bool last, const carried_row &row,
                          int v_p) {
    float scale = last ? 1.0f / sum : 1.0f;
#pragma unroll
    for (int n = 0; n < VALUE / 8; n++)
        if (n * 8 < v_p)
            *reinterpret_cast<float2 *>(row.out + n * 8) =
                make_float2(state.out[n][2 * i] * scale, state.out[n][2 * i + 1] * scale);
    if (!last && threadIdx.x % 4 == 0) *row.max_sum = make_float2(state.max[i], sum);
}

// Block (head, tile of queries counted from the last). first_tile: the first that sees the stretch.
__global__ void __launch_bounds__(THREADS, 2)
    attend_kernel(head_shape s, expanded_run chunk, stretch of, int first_tile, const half *queries,
                  expand_scratch scratch, float *attended, size_t attended_stride) {
    __shared__ __align__(16) half tiles[2][KEYS * STRIDE];
    int head = blockIdx.x, warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    int tile_row = (first_tile + gridDim.y - 1 - blockIdx.y) * QUERIES, warp_row = tile_row + warp * 16;
    int tile_end = min(tile_row + QUERIES, chunk.n_rows);

    uint32_t q[KEY / 16][4];
    load_queries(q, tiles[0], s,
                 queries + ((size_t)(chunk.first_row + tile_row) * s.n_heads + head) * s.query_head(),
                 tile_end - tile_row);

    // Row r of the chunk sees the stretch's first seen + r + 1 tokens; none if that is negative or 0.
    int seen = chunk.start - of.first;
    int block_sees = min(of.tokens, seen + tile_end);
    int warp_sees = warp_row < chunk.n_rows ? min(block_sees, seen + warp_row + 16) : 0;
    copy_tile(tiles[0], s, head, scratch, 0, block_sees);

    row_state state = {{}, {LOWEST, LOWEST}, {}};
    int row_sees[2];
    carried_row rows[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
        int row = warp_row + g + 8 * i;
        size_t of_step = chunk.first_row + row;
        row_sees[i] = row < chunk.n_rows ? seen + row + 1 : 0;
        rows[i].out = attended + of_step * attended_stride + (size_t)head * s.v_p + 2 * t;
        rows[i].max_sum = scratch.max_sum + of_step * s.n_heads + head;
        if (of.first > 0 && row_sees[i] > 0) resume_row(state, i, rows[i], s.v_p);
    }

    for (int key = 0; key < block_sees; key += KEYS) {
        const half *tile = tiles[key / KEYS % 2];
        copy_wait<0>();
        __syncthreads();
        if (key + KEYS < block_sees)
            copy_tile(tiles[(key / KEYS + 1) % 2], s, head, scratch, key + KEYS, block_sees - key - KEYS);
        if (key >= warp_sees) continue;
        float scores[KEYS / 8][4] = {};
        score_tile(scores, q, tile);
        if (key + KEYS > seen + warp_row + 1) mask_tile(scores, {row_sees[0] - key, row_sees[1] - key});
        weigh_tile(state, scores);
        add_values(state, scores, tile);
    }

#pragma unroll
    for (int i = 0; i < 2; i++) {
        float sum = state.sum[i];
        sum += __shfl_xor_sync(~0u, sum, 1);
        sum += __shfl_xor_sync(~0u, sum, 2);
        if (row_sees[i] > 0) leave_row(state, i, sum, row_sees[i] <= of.tokens, rows[i], s.v_p);
    }
}

cudaError_t attend_stretch(cudaStream_t stream, const head_shape &s, const expanded_run &chunk, stretch of,
                           const half *queries, const expand_scratch &scratch, float *attended,
                           size_t attended_stride) {
    int first_tile = of.first > chunk.start ? (of.first - chunk.start) / QUERIES : 0;
    dim3 grid(s.n_heads, (chunk.n_rows + QUERIES - 1) / QUERIES - first_tile);
    attend_kernel<<<grid, THREADS, 0, stream>>>(s, chunk, of, first_tile, queries, scratch, attended,
                                                attended_stride);
    return cudaGetLastError();
}

} // namespace

cudaError_t attend_expanded(cudaStream_t stream, cublasHandle_t cublas, const head_shape &s,
                            const step_rows &rows, const expanded_run &chunk, const half *queries,
                            const half *cache, const half *w_uk, const half *w_uv,
                            const expand_scratch &scratch, float *attended, size_t attended_stride) {
    int context = chunk.start + chunk.n_rows;
    cudaError_t e = cudaSuccess;
    for (int first = 0; first < context && e == cudaSuccess; first += EXPAND_TOKENS) {
        stretch of = {first, min(context - first, EXPAND_TOKENS)};
        e = gather_latents(stream, s, rows, chunk.first_row, of, cache, scratch.latents);
        if (e == cudaSuccess)
            e = expand(cublas, s, of.tokens, CUBLAS_OP_N, w_uk, s.nope_p, scratch.latents, scratch.expanded);
        if (e == cudaSuccess)
            e = expand(cublas, s, of.tokens, CUBLAS_OP_T, w_uv, s.v_p, scratch.latents,
                       scratch.expanded + s.nope_p);
        if (e == cudaSuccess)
            e = attend_stretch(stream, s, chunk, of, queries, scratch, attended, attended_stride);
    }
    return e;
}
