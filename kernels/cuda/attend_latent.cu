// Attention on the cached latents themselves, for the absorbed rows, and the way out of the latent space:
//
//   score_j = query[row, h] . c_j,  mean = sum_j 2^score_j c_j[0 .. latent) / sum_j 2^score_j,  j <= position[row]
//   attended[row, h] = W_uv[h] mean
//
// Queries carry scale * log2(e), so that scores are exponents of 2. The heads of a row share the cache: 16 of them are
// the rows of an mma tile, and each cached token is read once for all. The context is cut into splits, one a block,
// each of which leaves the mean of its own tokens with its largest score and its sum; project_values combines them.
//
// attend_latents, block (split, row, 16 heads) of 8 warps. Tokens come in tiles of 32 through cp.async, two tiles on
// their way; a row of the tile lies an odd number of 16-byte pieces after the one before, so that 8 rows of ldmatrix
// meet all banks once. For each tile:
//   scores   S [16, 32] = Q C^T. Warp w: tokens w / 4 * 16 .., k-steps w % 4, + 4, ...: its share of Q stays in registers.
//            The 4 parts add up in shared memory.
//   softmax  16 lanes a head, two tokens each; largest score and sum so far stay in their registers.
//   mean     O [16, latent_p] = O * 2^(largest before - now) + P C. Warp w: columns 16 (w, w + 8, ...), in registers.
// Tokens beyond the split are zeros in the tile and weigh nothing: they are never read.
//
// project_values, block (16 outputs of a head, up to 16 rows) of 8 warps: combines the splits into fp16 means in shared
// memory, then multiplies like linear.cu: W_uv as A straight from global memory, 8 k of a row a lane and two k-steps,
// the warps share k and add up in shared memory. A block starts with its weights and combines while they come.
//
// Traffic of a layer of the published model, one row at depth 2048, 28 splits (RTX 3060):
//   attend_latents  2.36 MB of cache, 0.46 MB of means written;  project_values  2.1 MB of W_uv, 0.46 MB of means (read
//   by 8 blocks each, from L2)
// The memory is the limit of both. attend_latents: 93 KB of shared memory, so one block an SM, with 72 KB on their way.
// The order of all sums is fixed by the shape, the number of splits and the position.
#include "kernels.cuh"
#include "mma.cuh"

namespace {

constexpr int WARPS = 8;
constexpr int THREADS = WARPS * 32;
constexpr int HEADS = 16;
constexpr int TOKENS = 32; // a tile; 8 threads a token
constexpr int K_PARTS = 4; // warps that share a score
constexpr int MAX_LATENT = 512, MAX_ROPE = 64;
constexpr int MAX_STEPS = (MAX_LATENT + MAX_ROPE) / 16 / K_PARTS; // of 16 k, a warp's share of a score
constexpr int MAX_UNITS = MAX_LATENT / 16 / WARPS;                // of 16 columns, a warp's share of the mean
constexpr int ROW_PAD = 8;                                        // halves: 16 bytes

constexpr int SCORE_STRIDE = 40;  // floats: 4 rows of 8 values, as fragments are written, meet all banks once
constexpr int WEIGHT_STRIDE = 40; // halves: an odd number of 16-byte pieces

// What the warps tell each other of a tile; it takes the place of the queries once these are in registers.
struct tile_state {
    float scores[K_PARTS][HEADS * SCORE_STRIDE];
    half weights[HEADS * WEIGHT_STRIDE];
    float factor[HEADS]; // of what was summed before
};

__host__ __device__ inline int row_stride(const head_shape &s) {
    return s.cached() + ROW_PAD;
}

__host__ __device__ inline size_t state_bytes(const head_shape &s) {
    size_t queries = HEADS * row_stride(s) * sizeof(half);
    return queries > sizeof(tile_state) ? queries : sizeof(tile_state);
}

size_t attend_shared_bytes(const head_shape &s) {
    return state_bytes(s) + 2 * TOKENS * row_stride(s) * sizeof(half);
}

// Rows of a tile of tokens or of heads: 8 threads a row, so that 8 lanes copy 128 bytes side by side.
__device__ void copy_row(const head_shape &s, half *to, const half *from, bool exists) {
    for (int i = threadIdx.x % 8 * 8; i < s.cached(); i += 64) copy_async(to + i, from + i, exists ? 16 : 0);
}

// Positions first .. of the row's sequence, those before `end`; zeros after them.
__device__ void copy_tokens(const head_shape &s, const step_rows &rows, int row, const half *cache, int first,
                            int end, half *tile) {
    int token = threadIdx.x / 8;
    bool exists = first + token < end;
    const half *from = exists ? cached_token(cache, rows, row, first + token, s.cached()) : cache;
    copy_row(s, tile + token * row_stride(s), from, exists);
}

__device__ void copy_queries(const head_shape &s, const half *query, int row, int first_head, half *tile) {
    int h = threadIdx.x / 8;
    if (h >= HEADS) return;
    bool exists = first_head + h < s.n_heads;
    const half *from = exists ? query + ((size_t)row * s.n_heads + first_head + h) * s.cached() : query;
    copy_row(s, tile + h * row_stride(s), from, exists);
}

// The warp's part of the scores of a tile, from its share of the queries.
__device__ void score_tokens(const head_shape &s, const uint32_t (&q)[MAX_STEPS][4], const half *tile,
                             tile_state *state) {
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    int part = warp % K_PARTS, first_token = warp / K_PARTS * 16;
    const half *row = tile + (first_token + lane / 16 * 8 + lane % 8) * row_stride(s) + lane / 8 % 2 * 8;
    float sums[2][4] = {};
#pragma unroll
    for (int i = 0; i < MAX_STEPS; i++) {
        int step = part + K_PARTS * i;
        if (16 * step >= s.cached()) continue;
        uint32_t c[4];
        load_matrices(c, row + 16 * step);
        mma<half>(sums[0], q[i][0], q[i][1], q[i][2], q[i][3], c[0], c[1]);
        mma<half>(sums[1], q[i][0], q[i][1], q[i][2], q[i][3], c[2], c[3]);
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float *to = state->scores[part] + (g + i / 2 * 8) * SCORE_STRIDE + first_token + i % 2 * 8 + 2 * t;
        *reinterpret_cast<float2 *>(to) = make_float2(sums[i % 2][i / 2 * 2], sums[i % 2][i / 2 * 2 + 1]);
    }
}

// A lane's head and tokens 2i, 2i + 1 of the tile, i = lane % 16. Heads 4 apart in a warp: 16 banks in the weights.
__device__ inline int softmax_head() {
    int warp = threadIdx.x / 32;
    return warp / 4 * 8 + warp % 4 + threadIdx.x % 32 / 16 * 4;
}

// Scores to weights; `largest` is the head's, `sum` the lane's own share. n_tokens >= 1 of the tile exist.
__device__ void weigh_tokens(tile_state *state, int n_tokens, float &largest, float &sum) {
    int head = softmax_head(), token = threadIdx.x % 16 * 2;
    float2 score = make_float2(0.0f, 0.0f);
#pragma unroll
    for (int part = 0; part < K_PARTS; part++) {
        float2 v = *reinterpret_cast<const float2 *>(state->scores[part] + head * SCORE_STRIDE + token);
        score.x += v.x, score.y += v.y;
    }
    if (token >= n_tokens) score.x = -INFINITY;
    if (token + 1 >= n_tokens) score.y = -INFINITY;
    float now = fmaxf(largest, fmaxf(score.x, score.y));
#pragma unroll
    for (int step = 8; step > 0; step /= 2) now = fmaxf(now, __shfl_xor_sync(~0u, now, step, 16));
    float factor = exp2f(largest - now);
    // The sum is that of the weights as rounded: the mean's weights add up to 1.
    half2 weights = __floats2half2_rn(exp2f(score.x - now), exp2f(score.y - now));
    *reinterpret_cast<half2 *>(state->weights + head * WEIGHT_STRIDE + token) = weights;
    if (threadIdx.x % 16 == 0) state->factor[head] = factor;
    sum = sum * factor + (__low2float(weights) + __high2float(weights));
    largest = now;
}

__device__ void add_tokens(const head_shape &s, const half *tile, const tile_state *state,
                           float (&mean)[MAX_UNITS][2][4]) {
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4;
    float factor[2] = {state->factor[g], state->factor[g + 8]};
    uint32_t p[2][4];
#pragma unroll
    for (int k = 0; k < 2; k++)
        load_matrices(p[k], state->weights + lane % 16 * WEIGHT_STRIDE + 16 * k + lane / 16 * 8);
    const half *row = tile + lane % 16 * row_stride(s) + lane / 16 * 8;
#pragma unroll
    for (int u = 0; u < MAX_UNITS; u++) {
        int column = 16 * (warp + WARPS * u);
        if (column >= s.latent_p) continue;
#pragma unroll
        for (int i = 0; i < 8; i++) mean[u][i / 4][i % 4] *= factor[i % 4 / 2];
#pragma unroll
        for (int k = 0; k < 2; k++) {
            uint32_t c[4];
            load_matrices_transposed(c, row + 16 * k * row_stride(s) + column);
            mma<half>(mean[u][0], p[k][0], p[k][1], p[k][2], p[k][3], c[0], c[1]);
            mma<half>(mean[u][1], p[k][0], p[k][1], p[k][2], p[k][3], c[2], c[3]);
        }
    }
}

// 16 values of a head at `out`: lane t of four holds the pairs 2t of the first 8 and of the last 8, and writes values
// 4t .. 4t + 3, so that the four fill a sector.
__device__ void store_sector(half *out, uint32_t first, uint32_t last, bool exists) {
    int t = threadIdx.x % 4, from = threadIdx.x % 32 / 4 * 4 + t % 2 * 2;
    uint32_t pairs[2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
        uint32_t a = __shfl_sync(~0u, first, from + i), b = __shfl_sync(~0u, last, from + i);
        pairs[i] = t < 2 ? a : b;
    }
    if (exists) *reinterpret_cast<uint2 *>(out + 4 * t) = make_uint2(pairs[0], pairs[1]);
}

// The block's means, each head's divided by its sum; out [H, latent_p] of the split, from head first_head on.
__device__ void store_means(const head_shape &s, const float (&mean)[MAX_UNITS][2][4],
                            const float *inverse_sum, int first_head, half *out) {
    int warp = threadIdx.x / 32, g = threadIdx.x % 32 / 4;
#pragma unroll
    for (int u = 0; u < MAX_UNITS; u++) {
        int column = 16 * (warp + WARPS * u);
        if (column >= s.latent_p) continue;
#pragma unroll
        for (int i = 0; i < 2; i++) {
            int head = g + 8 * i;
            float scale = inverse_sum[head];
            half2 first = __floats2half2_rn(mean[u][0][2 * i] * scale, mean[u][0][2 * i + 1] * scale);
            half2 last = __floats2half2_rn(mean[u][1][2 * i] * scale, mean[u][1][2 * i + 1] * scale);
            store_sector(out + (size_t)(first_head + head) * s.latent_p + column,
                         pack(__low2half(first), __high2half(first)),
                         pack(__low2half(last), __high2half(last)), first_head + head < s.n_heads);
        }
    }
}

__global__ void __launch_bounds__(THREADS, 1)
    attend_kernel(head_shape s, step_rows rows, const half *query, const half *cache, latent_partials out) {
    extern __shared__ __align__(16) unsigned char shared[];
    tile_state *state = reinterpret_cast<tile_state *>(shared);
    half *queries = reinterpret_cast<half *>(shared);
    half *tiles[2] = {reinterpret_cast<half *>(shared + state_bytes(s)),
                      reinterpret_cast<half *>(shared + state_bytes(s)) + TOKENS * row_stride(s)};
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int row = rows.absorbed_row[blockIdx.y], first_head = blockIdx.z * HEADS;
    size_t partial = ((size_t)blockIdx.y * out.n_splits + blockIdx.x) * s.n_heads;

    // The split's tokens: an equal share, but no less than a tile.
    copy_queries(s, query, row, first_head, queries);
    copy_commit();
    int length = rows.position[row] + 1, share = max(TOKENS, (length + out.n_splits - 1) / out.n_splits);
    int first = blockIdx.x * share, end = min(first + share, length);
    if (first >= length) {
        int head = first_head + threadIdx.x;
        if (threadIdx.x < HEADS && head < s.n_heads)
            out.max_sum[partial + head] = make_float2(-INFINITY, 0.0f);
        copy_wait<0>();
        return;
    }
    for (int i = 0; i < 2; i++) {
        if (first + i * TOKENS < end) copy_tokens(s, rows, row, cache, first + i * TOKENS, end, tiles[i]);
        copy_commit();
    }

    copy_wait<2>();
    __syncthreads();
    uint32_t q[MAX_STEPS][4];
#pragma unroll
    for (int i = 0; i < MAX_STEPS; i++) {
        int step = warp % K_PARTS + K_PARTS * i;
        if (16 * step < s.cached())
            load_matrices(q[i], queries + lane % 16 * row_stride(s) + 16 * step + lane / 16 * 8);
    }

    float mean[MAX_UNITS][2][4] = {};
    float largest = -INFINITY, sum = 0.0f;
    for (int at = first, i = 0; at < end; at += TOKENS, i ^= 1) {
        half *tile = tiles[0] + i * TOKENS * row_stride(s);
        copy_wait<1>();
        __syncthreads();
        score_tokens(s, q, tile, state);
        __syncthreads();
        weigh_tokens(state, end - at, largest, sum);
        __syncthreads();
        add_tokens(s, tile, state, mean);
        __syncthreads();
        if (at + 2 * TOKENS < end) copy_tokens(s, rows, row, cache, at + 2 * TOKENS, end, tile);
        copy_commit();
    }

#pragma unroll
    for (int step = 8; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step, 16);
    int head = softmax_head();
    if (threadIdx.x % 16 == 0) {
        state->factor[head] = 1.0f / sum;
        if (first_head + head < s.n_heads)
            out.max_sum[partial + first_head + head] = make_float2(largest, sum);
    }
    __syncthreads();
    store_means(s, mean, state->factor, first_head, out.mean + partial * s.latent_p);
}

// ---- project_values ----

constexpr int CHUNK = 32; // k that a lane's 16 bytes, four lanes side by side, cover
constexpr int MAX_CHUNKS = MAX_LATENT / CHUNK / WARPS; // a warp's
constexpr int MAX_MEAN_STRIDE = MAX_LATENT + 32;
constexpr int SUM_STRIDE =
    20; // floats: sums [row][16 outputs]; neither writing nor reading meets a bank twice

// Halves from a row of means to the next: 64 bytes beyond a multiple of 128, so that the 64 bytes that two rows give to
// 8 lanes lie in different banks.
__device__ inline int mean_stride(const head_shape &s) {
    return s.latent_p % 64 ? s.latent_p : s.latent_p + 32;
}

// weight [n_splits]: what a split's mean counts in the whole, by one warp; returns how many splits hold tokens (they
// come first). A sum that is not a number counts, so that it shows.
__device__ int weigh_splits(const head_shape &s, const latent_partials &in, int index, int h, float *weight) {
    int lane = threadIdx.x % 32;
    float2 v = make_float2(-INFINITY, 0.0f);
    if (lane < in.n_splits) v = in.max_sum[((size_t)index * in.n_splits + lane) * s.n_heads + h];
    bool used = v.y != 0.0f;
    float largest = v.x, total;
#pragma unroll
    for (int step = 16; step > 0; step /= 2) largest = fmaxf(largest, __shfl_xor_sync(~0u, largest, step));
    float w = total = used ? exp2f(v.x - largest) * v.y : 0.0f;
#pragma unroll
    for (int step = 16; step > 0; step /= 2) total += __shfl_xor_sync(~0u, total, step);
    weight[lane] = w / total;
    return __popc(__ballot_sync(~0u, used));
}

// Values 2 pair, + 1 of the combined mean; mean [n_splits, H, latent_p] from the row's and head's first on.
__device__ half2 combine_splits(const half *mean, size_t split_stride, const float *weight, int n_used,
                                int pair) {
    float2 sum = make_float2(0.0f, 0.0f);
#pragma unroll 8
    for (int i = 0; i < n_used; i++) {
        float2 v = __half22float2(*reinterpret_cast<const half2 *>(mean + i * split_stride + 2 * pair));
        sum.x += weight[i] * v.x, sum.y += weight[i] * v.y;
    }
    return __floats2half2_rn(sum.x, sum.y);
}

template <int ROW_TILES>
__global__ void __launch_bounds__(THREADS, 4 - ROW_TILES)
    project_kernel(head_shape s, step_rows rows, int n_absorbed, latent_partials in, const half *w_uv,
                   float *attended, size_t attended_stride) {
    constexpr int ROWS = 8 * ROW_TILES;
    __shared__ __align__(16) half means[ROWS * MAX_MEAN_STRIDE];
    __shared__ float weights[ROWS][MAX_SPLITS];
    __shared__ int n_used[ROWS];
    __shared__ float partial[WARPS][ROWS * SUM_STRIDE];
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
    int tiles = s.v_p / TILE_OUTPUTS, h = blockIdx.x / tiles,
        first_output = blockIdx.x % tiles * TILE_OUTPUTS;
    int first_row = blockIdx.y * ROWS, n = min(ROWS, n_absorbed - first_row);

    const half *w = w_uv + ((size_t)h * s.v_p + first_output + g) * s.latent_p + 8 * t;
    uint4 upper[MAX_CHUNKS], lower[MAX_CHUNKS];
#pragma unroll
    for (int j = 0; j < MAX_CHUNKS; j++) {
        int k = CHUNK * (warp + WARPS * j);
        if (k < s.latent_p)
            upper[j] = load_streamed(w + k), lower[j] = load_streamed(w + (size_t)8 * s.latent_p + k);
    }

    for (int r = warp; r < n; r += WARPS) {
        int used = weigh_splits(s, in, first_row + r, h, weights[r]);
        if (lane == 0) n_used[r] = used;
    }
    __syncthreads();
    for (int i = threadIdx.x; i < n * (s.latent_p / 2); i += THREADS) {
        int r = i / (s.latent_p / 2), pair = i % (s.latent_p / 2);
        const half *mean = in.mean + ((size_t)(first_row + r) * in.n_splits * s.n_heads + h) * s.latent_p;
        *reinterpret_cast<half2 *>(means + r * mean_stride(s) + 2 * pair) =
            combine_splits(mean, (size_t)s.n_heads * s.latent_p, weights[r], n_used[r], pair);
    }
    __syncthreads();

#pragma unroll
    for (int r = 0; r < ROW_TILES; r++) {
        // Columns beyond the last row repeat it: a column's sums are its own, and these are not written.
        const half *x = means + min(8 * r + g, n - 1) * mean_stride(s) + 8 * t;
        float sums[4] = {};
#pragma unroll
        for (int j = 0; j < MAX_CHUNKS; j++) {
            int k = CHUNK * (warp + WARPS * j);
            if (k >= s.latent_p) continue;
            uint4 b = *reinterpret_cast<const uint4 *>(x + k);
            mma<half>(sums, upper[j].x, lower[j].x, upper[j].y, lower[j].y, b.x, b.y);
            mma<half>(sums, upper[j].z, lower[j].z, upper[j].w, lower[j].w, b.z, b.w);
        }
#pragma unroll
        for (int c = 0; c < 4; c++)
            partial[warp][(8 * r + 2 * t + c % 2) * SUM_STRIDE + g + c / 2 * 8] = sums[c];
    }
    __syncthreads();
    if (warp >= 4 * ROW_TILES) return;
    // Warp w adds rows w and w + 4 of its group of 8: 20 w + 80 lies 16 banks further.
    int r = warp / 4 * 8 + warp % 4 + lane / 16 * 4, output = first_output + lane % 16;
    float y = 0.0f;
#pragma unroll
    for (int i = 0; i < WARPS; i++) y += partial[i][r * SUM_STRIDE + lane % 16];
    if (r < n && output < s.v)
        attended[rows.absorbed_row[first_row + r] * attended_stride + h * s.v_p + output] = y;
}

} // namespace

// The fewest splits with the shortest way through the SMs, a block each: ceil(n * splits / SMs) blocks in turn, each a
// split's share of the context and what it costs to begin and end one, as much as 1/128 of a context of some thousand
// tokens. Many rows fill the SMs by themselves: splits of them would only take room.
int latent_splits(int n_absorbed, int n_multiprocessors) {
    int best = 1, best_turns = (n_absorbed + n_multiprocessors - 1) / n_multiprocessors;
    for (int splits = 2; splits <= MAX_SPLITS && n_absorbed * splits <= 4 * n_multiprocessors; splits++) {
        int turns = (n_absorbed * splits + n_multiprocessors - 1) / n_multiprocessors;
        // turns * (1 / splits + 1 / 128), without fractions
        if (turns * (128 + splits) * best < best_turns * (128 + best) * splits)
            best = splits, best_turns = turns;
    }
    return best;
}

cudaError_t attend_latents(cudaStream_t stream, const head_shape &s, const step_rows &rows, int n_absorbed,
                           const half *query, const half *cache, const latent_partials &out) {
    size_t bytes = attend_shared_bytes(s);
    cudaError_t e =
        cudaFuncSetAttribute(attend_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, (int)bytes);
    if (e != cudaSuccess) return e;
    dim3 grid(out.n_splits, n_absorbed, (s.n_heads + HEADS - 1) / HEADS);
    attend_kernel<<<grid, THREADS, bytes, stream>>>(s, rows, query, cache, out);
    return cudaGetLastError();
}

cudaError_t project_values(cudaStream_t stream, const head_shape &s, const step_rows &rows, int n_absorbed,
                           const latent_partials &in, const half *w_uv, float *attended,
                           size_t attended_stride) {
    unsigned tiles = s.n_heads * (s.v_p / TILE_OUTPUTS);
    if (n_absorbed <= 8)
        project_kernel<1>
            <<<tiles, THREADS, 0, stream>>>(s, rows, n_absorbed, in, w_uv, attended, attended_stride);
    else
        project_kernel<2><<<dim3(tiles, (n_absorbed + 15) / 16), THREADS, 0, stream>>>(
            s, rows, n_absorbed, in, w_uv, attended, attended_stride);
    return cudaGetLastError();
}
