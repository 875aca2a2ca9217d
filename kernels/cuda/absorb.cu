// Queries into the latent space, and what a step adds to the cache.
//
//   query[row, h] = scale_log2 * [q_nope W_uk[h] | rotated q_rope]     cache[cache_row] = [rmsnorm(c) | rotated k_rope]
//
// Nothing here waits for anything else of the launch, so its warps are a list of independent tasks: a row for the
// cache, the rope part of a head's query, or a tile: 16 latents of a head for up to 16 rows, over the whole of nope.
// A tile is mma.m16n8k16 with W_uk as A. A sum does not care for the order of its terms, so lane (g, t) takes for two
// k-steps the 8 consecutive k = 32j + 8t .. of its two rows of W_uk, 16 bytes each, and the same k of q; its rows are
// the latents 2g and 2g + 1, so that its two sums of a query lie side by side and 8 lanes fill a sector. All weights
// of a tile are on their way before the first product.
//
//   w_uk     [H, latent_p, nope_p] fp16, zeros where padded
//   query    [row, H, cached()] fp16, cache [token, cached()] fp16: a row is written whole, its padding as zeros
//   rounding q_nope is rounded to fp16 before the product (fp32 sums), scaled after it
//
// Traffic of a layer of the published model, one row: 2.1 MB of W_uk, read once, and 50 KB besides: the memory is the
// limit. 529 warps with 4 KB of loads each. Rows beyond 16 read W_uk again, from L2.
#include "mma.cuh"
#include "rope.cuh"

namespace {

constexpr int WARPS = 4;
constexpr int MAX_NOPE = 128;
constexpr int CHUNK = 32; // k that a lane's 16 bytes, four lanes beside each other, cover
constexpr int MAX_CHUNKS = MAX_NOPE / CHUNK;
constexpr int STORE_WARPS = 8; // of store_rows

// fp32 values 8t .. 8t + 7 of 32 as the B operands of two steps: b0, b1 of one, then of the other. Each of the two
// loads falls beside those of the other three lanes (64 bytes); then the lanes exchange what they hold.
__device__ void load_operands(const float *x, uint32_t (&b)[4]) {
    int t = threadIdx.x % 4, from = threadIdx.x % 32 / 4 * 4 + t % 2 * 2;
    uint32_t held[2][2];
#pragma unroll
    for (int i = 0; i < 2; i++) {
        float4 v = *reinterpret_cast<const float4 *>(x + 16 * i + 4 * t);
        held[i][0] = pack(__float2half_rn(v.x), __float2half_rn(v.y));
        held[i][1] = pack(__float2half_rn(v.z), __float2half_rn(v.w));
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        uint32_t lower = __shfl_sync(~0u, held[0][i % 2], from + i / 2);
        uint32_t upper = __shfl_sync(~0u, held[1][i % 2], from + i / 2);
        b[i] = t < 2 ? lower : upper;
    }
}

// Latents first_latent .. + 15 of head h for the absorbed rows first .. first + 8 * ROW_TILES - 1.
template <int ROW_TILES>
__device__ void absorb_tile(const head_shape &s, const step_rows &rows, int n_absorbed,
                            const projected_rows &from, const half *w_uk, half *query, int h,
                            int first_latent, int first) {
    int lane = threadIdx.x % 32, g = lane / 4, t = lane % 4, latent = first_latent + 2 * g;
    const half *w = w_uk + ((size_t)h * s.latent_p + latent) * s.nope_p + 8 * t;
    uint4 even[MAX_CHUNKS], odd[MAX_CHUNKS];
#pragma unroll
    for (int j = 0; j < MAX_CHUNKS; j++)
        if (CHUNK * j < s.nope_p)
            even[j] = load_streamed(w + CHUNK * j), odd[j] = load_streamed(w + s.nope_p + CHUNK * j);
#pragma unroll
    for (int r = 0; r < ROW_TILES; r++) {
        // Columns beyond the last row repeat it: a column's sums are its own, and these are not written.
        int column = first + 8 * r;
        size_t row = rows.absorbed_row[min(column + g, n_absorbed - 1)];
        const float *q = from.q + row * from.q_stride + h * s.query_head();
        float sums[4] = {};
#pragma unroll
        for (int j = 0; j < MAX_CHUNKS; j++) {
            if (CHUNK * j >= s.nope_p) continue;
            uint32_t b[4];
            load_operands(q + CHUNK * j, b);
            mma<half>(sums, even[j].x, odd[j].x, even[j].y, odd[j].y, b[0], b[1]);
            mma<half>(sums, even[j].z, odd[j].z, even[j].w, odd[j].w, b[2], b[3]);
        }
#pragma unroll
        for (int i = 0; i < 2; i++) {
            if (column + 2 * t + i >= n_absorbed) continue;
            size_t to = rows.absorbed_row[column + 2 * t + i];
            *reinterpret_cast<half2 *>(query + (to * s.n_heads + h) * s.cached() + latent) =
                __floats2half2_rn(s.scale_log2 * sums[i], s.scale_log2 * sums[2 + i]);
        }
    }
}

// A warp a task: n_store rows for the cache, n_absorbed * H rope parts, then the tiles of the first 8 * ROW_TILES rows,
// of the next, and so on.
template <int ROW_TILES>
__global__ void __launch_bounds__(WARPS * 32)
    absorb_kernel(head_shape s, step_rows rows, int n_absorbed, projected_rows from, const half *w_uk,
                  half *query, int n_store, half *cache) {
    int task = blockIdx.x * WARPS + threadIdx.x / 32;
    if (task < n_store) {
        store_row(s, rows, task, from, cache);
        return;
    }
    task -= n_store;
    if (task < n_absorbed * s.n_heads) {
        size_t row = rows.absorbed_row[task / s.n_heads];
        int h = task % s.n_heads;
        rotate(s, rows.angle + row * (s.rope / 2),
               from.q + row * from.q_stride + h * s.query_head() + s.nope_p, s.scale_log2,
               query + (row * s.n_heads + h) * s.cached() + s.latent_p);
        return;
    }
    task -= n_absorbed * s.n_heads;
    int head_tiles = s.latent_p / TILE_OUTPUTS, tiles = s.n_heads * head_tiles;
    int first = task / tiles * 8 * ROW_TILES, tile = task % tiles;
    if (first < n_absorbed)
        absorb_tile<ROW_TILES>(s, rows, n_absorbed, from, w_uk, query, tile / head_tiles,
                               tile % head_tiles * TILE_OUTPUTS, first);
}

template <int ROW_TILES>
void launch_absorb(cudaStream_t stream, const head_shape &s, const step_rows &rows, int n_absorbed,
                   const projected_rows &from, const half *w_uk, half *query, int n_store, half *cache) {
    int tiles = s.n_heads * (s.latent_p / TILE_OUTPUTS),
        groups = (n_absorbed + 8 * ROW_TILES - 1) / (8 * ROW_TILES);
    int tasks = n_store + n_absorbed * s.n_heads + tiles * groups;
    absorb_kernel<ROW_TILES><<<(tasks + WARPS - 1) / WARPS, WARPS * 32, 0, stream>>>(
        s, rows, n_absorbed, from, w_uk, query, n_store, cache);
}

// Block: a row. Its first warp stores it, then all take the heads of its query in turn.
__global__ void __launch_bounds__(STORE_WARPS * 32)
    store_kernel(head_shape s, step_rows rows, projected_rows from, half *cache, half *queries) {
    int row = blockIdx.x, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    if (warp == 0) store_row(s, rows, row, from, cache);
    if (!queries) return;
    for (int h = (warp + STORE_WARPS - 1) % STORE_WARPS; h < s.n_heads; h += STORE_WARPS) {
        const float *q = from.q + row * from.q_stride + h * s.query_head();
        half *out = queries + ((size_t)row * s.n_heads + h) * s.query_head();
        for (int i = 2 * lane; i < s.nope_p; i += 64) {
            float2 v = *reinterpret_cast<const float2 *>(q + i);
            *reinterpret_cast<half2 *>(out + i) = __floats2half2_rn(s.scale_log2 * v.x, s.scale_log2 * v.y);
        }
        rotate(s, rows.angle + (size_t)row * (s.rope / 2), q + s.nope_p, s.scale_log2, out + s.nope_p);
    }
}

} // namespace

cudaError_t absorb_queries(cudaStream_t stream, const head_shape &s, const step_rows &rows, int n_absorbed,
                           const projected_rows &from, const half *w_uk, half *query, int n_store,
                           half *cache) {
    if (n_absorbed <= 8)
        launch_absorb<1>(stream, s, rows, n_absorbed, from, w_uk, query, n_store, cache);
    else
        launch_absorb<2>(stream, s, rows, n_absorbed, from, w_uk, query, n_store, cache);
    return cudaGetLastError();
}

cudaError_t store_rows(cudaStream_t stream, const head_shape &s, const step_rows &rows, int n,
                       const projected_rows &from, half *cache, half *queries) {
    store_kernel<<<n, STORE_WARPS * 32, 0, stream>>>(s, rows, from, cache, queries);
    return cudaGetLastError();
}
