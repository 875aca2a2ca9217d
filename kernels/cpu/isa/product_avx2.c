/* The two products with AVX2 and FMA; formulas in kernels.h.
 *
 * Few rows (decoding): dot products along k. B is streamed once from memory, 2 bytes a weight, and converted
 * in registers; 2 rows of A share a loaded row of B, more rows find it in L1. A weight costs one FMA a
 * row, so the limit is the memory: weights x 2 bytes / bandwidth. Up to SHARED_ROWS rows each element is summed
 * in the order of a single row, so that what other rows a batch holds changes no bit of it.
 *
 * Many rows (prefill): C in tiles of 6 x 16, twelve accumulators, so that two loads of B and six broadcasts
 * of A feed twelve FMAs. For a block of KC along k, A is packed as [n / 6][KC][6] (270 KB at 264 rows: L2)
 * and B as [KC][16] (16 KB: L1), converted once for all n rows. The limit is two FMAs a cycle.
 *
 * Edges: rows and columns past the end are computed on clamped copies and not stored; along k the rest below
 * 8 is loaded into zeroed registers. Nothing past an operand's end is read. */
#include "vector_avx2.h"

#include "libyoutu/backend.h"

#define KC 256               /* depth of a packed block */
#define NB 264               /* rows of A in a packed block, a multiple of MR */
#define MR 6                 /* rows of a tile */
#define NR 16                /* columns of a tile */
#define FEW_ROWS SHARED_ROWS /* up to here packing costs more than it saves */
#define LONG_ROW \
    4096           /* a longer row of A, split, does not stay in L1 beside the weights that stream through */
#define FAR_ROWS 6 /* rows of B that then share it */
#define FAR_GROUP 48   /* divides the pieces of linear.c, so that no sum depends on them */
#define NEAR_ROWS 2    /* rows of A that share a loaded row of B: three would spill */
#define NEAR_COLUMNS 4 /* and rows of B that share those of A, where each has one chain */

_Static_assert(PRODUCT_SCRATCH_FLOATS >= KC * (NB + NR),
               "scratch holds a packed block of A and a panel of B");

#define INLINE static inline __attribute__((always_inline))

/* ---- tiles ---- */

/* C [rows, cols <= 16] (+)= A B over k; A's element (i, x) at a[i * row_step + x * k_step]; B [k, 16]. */
INLINE void tile(const int rows, int32_t k, const float *a, size_t row_step, size_t k_step, const float *b,
                 size_t ldb, float *c, size_t ldc, int32_t cols, bool add) {
    __m256 sum[MR][2];
    for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = _mm256_setzero_ps();
    for (int32_t x = 0; x < k; x++) {
        __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
        for (int i = 0; i < rows; i++) {
            __m256 ai = _mm256_broadcast_ss(a + (size_t)i * row_step);
            sum[i][0] = _mm256_fmadd_ps(ai, b0, sum[i][0]);
            sum[i][1] = _mm256_fmadd_ps(ai, b1, sum[i][1]);
        }
        a += k_step;
        b += ldb;
    }
    for (int i = 0; i < rows; i++) {
        float *out = c + (size_t)i * ldc;
        float part[NR] = {0};
        float *to = cols == NR ? out : part;
        if (cols < NR && add) memcpy(part, out, (size_t)cols * sizeof *out);
        if (add) {
            sum[i][0] = _mm256_add_ps(sum[i][0], _mm256_loadu_ps(to));
            sum[i][1] = _mm256_add_ps(sum[i][1], _mm256_loadu_ps(to + 8));
        }
        _mm256_storeu_ps(to, sum[i][0]);
        _mm256_storeu_ps(to + 8, sum[i][1]);
        if (cols < NR) memcpy(out, part, (size_t)cols * sizeof *out);
    }
}

/* All rows of a column of tiles. A step between tiles of MR rows: packed blocks or plain rows. */
static void tile_column(int32_t n, int32_t k, const float *a, size_t row_step, size_t k_step,
                        size_t tile_step, const float *b, size_t ldb, float *c, size_t ldc, int32_t cols,
                        bool add) {
    for (; n >= MR; n -= MR, a += tile_step, c += MR * ldc)
        tile(MR, k, a, row_step, k_step, b, ldb, c, ldc, cols, add);
    switch (n) {
    case 5: tile(5, k, a, row_step, k_step, b, ldb, c, ldc, cols, add); break;
    case 4: tile(4, k, a, row_step, k_step, b, ldb, c, ldc, cols, add); break;
    case 3: tile(3, k, a, row_step, k_step, b, ldb, c, ldc, cols, add); break;
    case 2: tile(2, k, a, row_step, k_step, b, ldb, c, ldc, cols, add); break;
    case 1: tile(1, k, a, row_step, k_step, b, ldb, c, ldc, cols, add); break;
    default: break;
    }
}

/* ---- packing ---- */

INLINE void transpose8(__m256 r[8]) {
    __m256 t[8], u[8];
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            u[4 * i + 2 * j] = _mm256_shuffle_ps(t[4 * i + j], t[4 * i + 2 + j], 0x44);
            u[4 * i + 2 * j + 1] = _mm256_shuffle_ps(t[4 * i + j], t[4 * i + 2 + j], 0xEE);
        }
    for (int i = 0; i < 4; i++) {
        r[i] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
        r[i + 4] = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
    }
}

/* A [n, k] as [n / MR][k][MR]; a last tile of fewer rows keeps the step of MR, its missing rows unset. */
static void pack_a(int32_t n, int32_t k, const float *a, size_t lda, float *out) {
    for (int32_t i = 0; i < n; i++) {
        float *to = out + (size_t)(i / MR) * MR * (size_t)k + (size_t)(i % MR);
        const float *row = a + (size_t)i * lda;
        for (int32_t x = 0; x < k; x++) to[(size_t)x * MR] = row[x];
    }
}

/* Rows of B [cols, k] as [k][16]: a transpose with conversion. Columns past `cols` repeat the last. */
INLINE void pack_rows(dtype type, int32_t cols, int32_t k, operand b, float *out) {
    const void *row[NR];
    for (int32_t j = 0; j < NR; j++)
        row[j] = element_at(b.data, type, (size_t)(j < cols ? j : cols - 1) * b.stride);
    for (int32_t x = 0; x < k; x += 8) {
        int32_t depth = k - x < 8 ? k - x : 8;
        for (int half = 0; half < 2; half++) {
            __m256 r[8];
            for (int j = 0; j < 8; j++) {
                const void *at = element_at(row[half * 8 + j], type, (size_t)x);
                r[j] = depth == 8 ? load8(at, type) : load_part(at, type, (size_t)depth);
            }
            transpose8(r);
            for (int j = 0; j < depth; j++) _mm256_storeu_ps(out + (size_t)(x + j) * NR + half * 8, r[j]);
        }
    }
}

/* Columns of B [k, cols] as [k][16]; columns past `cols` are zero. */
INLINE void pack_columns(dtype type, int32_t cols, int32_t k, operand b, float *out) {
    for (int32_t x = 0; x < k; x++, out += NR)
        for (int half = 0; half < 2; half++) {
            const void *at = element_at(b.data, type, (size_t)x * b.stride + (size_t)half * 8);
            int32_t left = cols - half * 8;
            __m256 v = left >= 8  ? load8(at, type)
                       : left > 0 ? load_part(at, type, (size_t)left)
                                  : _mm256_setzero_ps();
            _mm256_storeu_ps(out + half * 8, v);
        }
}

/* Each layout of B with its type made constant. transposed: B [m, k], else [k, m]. */
static void pack_panel(bool transposed, int32_t cols, int32_t k, operand b, float *out) {
    switch (b.type) {
    case DTYPE_BF16:
        if (transposed)
            pack_rows(DTYPE_BF16, cols, k, b, out);
        else
            pack_columns(DTYPE_BF16, cols, k, b, out);
        break;
    case DTYPE_F16:
        if (transposed)
            pack_rows(DTYPE_F16, cols, k, b, out);
        else
            pack_columns(DTYPE_F16, cols, k, b, out);
        break;
    case DTYPE_F32:
        if (transposed)
            pack_rows(DTYPE_F32, cols, k, b, out);
        else
            pack_columns(DTYPE_F32, cols, k, b, out);
        break;
    }
}

static void product_packed(bool transposed, int32_t n, int32_t m, int32_t k, const float *a, size_t lda,
                           operand b, float *c, size_t ldc, bool add, float *scratch) {
    float *panel = scratch, *rows = scratch + KC * NR;
    for (int32_t n0 = 0; n0 < n; n0 += NB)
        for (int32_t k0 = 0; k0 < k; k0 += KC) {
            int32_t n_part = n - n0 < NB ? n - n0 : NB, depth = k - k0 < KC ? k - k0 : KC;
            pack_a(n_part, depth, a + (size_t)n0 * lda + (size_t)k0, lda, rows);
            for (int32_t j = 0; j < m; j += NR) {
                int32_t cols = m - j < NR ? m - j : NR;
                size_t at =
                    transposed ? (size_t)j * b.stride + (size_t)k0 : (size_t)k0 * b.stride + (size_t)j;
                operand part = {element_at(b.data, b.type, at), b.type, b.stride};
                pack_panel(transposed, cols, depth, part, panel);
                tile_column(n_part, depth, rows, 1, MR, (size_t)MR * (size_t)depth, panel, NR,
                            c + (size_t)n0 * ldc + (size_t)j, ldc, cols, add || k0 > 0);
            }
        }
}

/* ---- few rows, nt: dot products ---- */

/* C [rows <= 2, cols <= 4] of dot products along k, rows x cols at most 6. Two chains an element hide the FMA's
 * latency for one row; two rows have them too, for the same sums. */
INLINE void dots(const int rows, const int cols, dtype type, int32_t k, const float *a, size_t lda,
                 const void *b, size_t ldb, float *c, size_t ldc, bool add) {
    __m256 sum[2][4], odd[2][4];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++) sum[i][j] = odd[i][j] = _mm256_setzero_ps();
    int32_t x = 0;
    for (; x + 16 <= k; x += 16)
        for (int j = 0; j < cols; j++) {
            const void *at = element_at(b, type, (size_t)j * ldb + (size_t)x);
            __m256 b0 = load8(at, type), b1 = load8(element_at(at, type, 8), type);
            for (int i = 0; i < rows; i++) {
                const float *ai = a + (size_t)i * lda + (size_t)x;
                sum[i][j] = _mm256_fmadd_ps(_mm256_loadu_ps(ai), b0, sum[i][j]);
                odd[i][j] = _mm256_fmadd_ps(_mm256_loadu_ps(ai + 8), b1, odd[i][j]);
            }
        }
    for (; x < k; x += 8) {
        size_t left = k - x < 8 ? (size_t)(k - x) : 8;
        for (int j = 0; j < cols; j++) {
            __m256 bj = load_part(element_at(b, type, (size_t)j * ldb + (size_t)x), type, left);
            for (int i = 0; i < rows; i++) {
                __m256 ai = load_part(a + (size_t)i * lda + (size_t)x, DTYPE_F32, left);
                sum[i][j] = _mm256_fmadd_ps(ai, bj, sum[i][j]);
            }
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++) {
            float *out = c + (size_t)i * ldc + j;
            float value = sum8(_mm256_add_ps(sum[i][j], odd[i][j]));
            *out = add ? *out + value : value;
        }
}

/* Rows in twos, so that each group of B's rows comes from memory for the first and from L1 for the others.
 */
INLINE void dots_group(const int cols, dtype type, int32_t n, int32_t k, const float *a, size_t lda,
                       const void *b, size_t ldb, float *c, size_t ldc, bool add) {
    for (; n >= 2; n -= 2, a += 2 * lda, c += 2 * ldc) dots(2, cols, type, k, a, lda, b, ldb, c, ldc, add);
    if (n == 1) dots(1, cols, type, k, a, lda, b, ldb, c, ldc, add);
}

/* Three of B's rows at a time (12 accumulators with two rows of A), four for a single row of A. */
INLINE void product_dots(dtype type, int32_t n, int32_t m, int32_t k, const float *a, size_t lda, operand b,
                         float *c, size_t ldc, bool add) {
    int32_t j = 0;
    if (n == 1)
        for (; j + 4 <= m; j += 4)
            dots(1, 4, type, k, a, lda, element_at(b.data, type, (size_t)j * b.stride), b.stride, c + j, ldc,
                 add);
    else
        for (; j + 3 <= m; j += 3)
            dots_group(3, type, n, k, a, lda, element_at(b.data, type, (size_t)j * b.stride), b.stride, c + j,
                       ldc, add);
    for (; j < m; j++)
        dots_group(1, type, n, k, a, lda, element_at(b.data, type, (size_t)j * b.stride), b.stride, c + j,
                   ldc, add);
}

/* ---- few rows of A over BF16: decoding ----
 *
 * A load of 32 bytes gives 16 weights: the even ones shifted up, the odd ones with the even ones masked off;
 * A is split the same way beforehand. Fewer instructions a byte leave more loads in flight. B is read as few
 * contiguous streams, which the prefetchers follow from row to row; rows side by side, each broken off after
 * k, stop them. */

INLINE __m256 even_weights(__m256i w) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(w, 16));
}

INLINE __m256 odd_weights(__m256i w) {
    return _mm256_castsi256_ps(_mm256_and_si256(w, _mm256_set1_epi32((int)0xFFFF0000)));
}

/* Blocks of 16: the 8 even elements, then the 8 odd ones. */
static void split_even_odd(int32_t k, const float *a, float *out) {
    for (int32_t x = 0; x + 16 <= k; x += 16) {
        __m256 a0 = _mm256_loadu_ps(a + x), a1 = _mm256_loadu_ps(a + x + 8);
        __m256d even = _mm256_castps_pd(_mm256_shuffle_ps(a0, a1, 0x88));
        __m256d odd = _mm256_castps_pd(_mm256_shuffle_ps(a0, a1, 0xDD));
        _mm256_storeu_ps(out + x, _mm256_castpd_ps(_mm256_permute4x64_pd(even, 0xD8)));
        _mm256_storeu_ps(out + x + 8, _mm256_castpd_ps(_mm256_permute4x64_pd(odd, 0xD8)));
    }
}

/* Dot products of A with `rows` rows of B, `ldb` elements apart; results c_step apart. A single row has four
 * chains to hide the FMA's latency, six have one each. */
INLINE void dots_bf16(const int rows, int32_t k, const float *split, const float *a, const uint16_t *b,
                      size_t ldb, float *c, size_t c_step, bool add) {
    const int chains = rows == 1 ? 4 : 1, unroll = rows == 1 ? 32 : 16;
    __m256 sum[FAR_ROWS * 4];
    for (int i = 0; i < rows * chains; i++) sum[i] = _mm256_setzero_ps();
    int32_t x = 0;
    for (; x + unroll <= k; x += unroll)
        for (int h = 0; h < unroll; h += 16) {
            __m256 even = _mm256_loadu_ps(split + x + h), odd = _mm256_loadu_ps(split + x + h + 8);
#pragma GCC unroll 6
            for (int r = 0; r < rows; r++) {
                __m256i w = _mm256_loadu_si256((const void *)(b + (size_t)r * ldb + x + h));
                __m256 *even_sum = &sum[r * chains + h / 8 % chains];
                __m256 *odd_sum = &sum[r * chains + (h / 8 + 1) % chains];
                *even_sum = _mm256_fmadd_ps(even, even_weights(w), *even_sum);
                *odd_sum = _mm256_fmadd_ps(odd, odd_weights(w), *odd_sum);
            }
        }
    for (; x < k; x += 8) {
        size_t left = k - x < 8 ? (size_t)(k - x) : 8;
        __m256 part = load_part(a + x, DTYPE_F32, left);
        for (int r = 0; r < rows; r++)
            sum[r * chains] =
                _mm256_fmadd_ps(part, load_part(b + (size_t)r * ldb + x, DTYPE_BF16, left), sum[r * chains]);
    }
    for (int r = 0; r < rows; r++) {
        for (int i = 1; i < chains; i++)
            sum[r * chains] = _mm256_add_ps(sum[r * chains], sum[r * chains + i]);
        float value = sum8(sum[r * chains]), *out = c + (size_t)r * c_step;
        *out = add ? *out + value : value;
    }
}

/* Dot products of `rows` rows of A, split, with `cols` rows of B, each summed as dots_bf16 sums it: in four chains,
 * or, where a single row takes B's rows six at a time, in one. rows x cols x chains is at most 8. */
INLINE void near_dots(const int rows, const int cols, const int chains, int32_t k, const float *split,
                      const float *a, size_t lda, const uint16_t *b, size_t ldb, float *c, size_t ldc,
                      bool add) {
    const int unroll = chains == 4 ? 32 : 16;
    __m256 sum[NEAR_ROWS * NEAR_COLUMNS];
    for (int i = 0; i < rows * cols * chains; i++) sum[i] = _mm256_setzero_ps();
    int32_t x = 0;
    for (; x + unroll <= k; x += unroll)
        for (int h = 0; h < unroll; h += 16)
            for (int j = 0; j < cols; j++) {
                __m256i w = _mm256_loadu_si256((const void *)(b + (size_t)j * ldb + x + h));
                __m256 even = even_weights(w), odd = odd_weights(w);
                for (int i = 0; i < rows; i++) {
                    const float *from = split + (size_t)i * (size_t)k + x + h;
                    __m256 *own = &sum[(i * cols + j) * chains];
                    own[h / 8 % chains] = _mm256_fmadd_ps(_mm256_loadu_ps(from), even, own[h / 8 % chains]);
                    own[(h / 8 + 1) % chains] =
                        _mm256_fmadd_ps(_mm256_loadu_ps(from + 8), odd, own[(h / 8 + 1) % chains]);
                }
            }
    for (; x < k; x += 8) {
        size_t left = k - x < 8 ? (size_t)(k - x) : 8;
        for (int j = 0; j < cols; j++) {
            __m256 weights = load_part(b + (size_t)j * ldb + x, DTYPE_BF16, left);
            for (int i = 0; i < rows; i++) {
                __m256 part = load_part(a + (size_t)i * lda + (size_t)x, DTYPE_F32, left);
                __m256 *own = &sum[(i * cols + j) * chains];
                own[0] = _mm256_fmadd_ps(part, weights, own[0]);
            }
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < cols; j++) {
            __m256 *own = &sum[(i * cols + j) * chains];
            for (int h = 1; h < chains; h++) own[0] = _mm256_add_ps(own[0], own[h]);
            float value = sum8(own[0]), *out = c + (size_t)i * ldc + j;
            *out = add ? *out + value : value;
        }
}

/* `rows` rows of A, which stay in L1 where they fit it, with m rows of B. */
INLINE void near_rows(const int rows, int32_t far, int32_t m, int32_t k, const float *split, const float *a,
                      size_t lda, const uint16_t *b, size_t ldb, float *c, size_t ldc, bool add) {
    int32_t j = 0;
    for (; j < far; j += NEAR_COLUMNS)
        near_dots(rows, NEAR_COLUMNS, 1, k, split, a, lda, b + (size_t)j * ldb, ldb, c + j, ldc, add);
    for (; j < m; j++) near_dots(rows, 1, 4, k, split, a, lda, b + (size_t)j * ldb, ldb, c + j, ldc, add);
}

/* The first rows of B, of which a single row of A takes six at a time. */
static int32_t far_rows(int32_t m, int32_t k) {
    return k > LONG_ROW ? m / FAR_GROUP * FAR_GROUP : 0;
}

/* nt: row after row as one stream. A long A would have to come from L2 again for every row; there each load
 * of it serves six rows, each from its own sixth of B. */
static void row_nt_bf16(int32_t m, int32_t k, const float *a, operand b, float *c, bool add, float *split) {
    const uint16_t *rows = b.data;
    int32_t far = far_rows(m, k) / FAR_ROWS;
    split_even_odd(k, a, split);
    for (int32_t j = 0; j < far; j++)
        dots_bf16(FAR_ROWS, k, split, a, rows + (size_t)j * b.stride, (size_t)far * b.stride, c + j,
                  (size_t)far, add);
    for (int32_t j = far * FAR_ROWS; j < m; j++)
        dots_bf16(1, k, split, a, rows + (size_t)j * b.stride, 0, c + j, 0, add);
}

/* nt for several rows of A: as many at a time as can lie split in the scratch. */
static void rows_nt_bf16(int32_t n, int32_t m, int32_t k, const float *a, size_t lda, operand b, float *c,
                         size_t ldc, bool add, float *split) {
    const uint16_t *rows = b.data;
    int32_t most = PRODUCT_SCRATCH_FLOATS / k, far = far_rows(m, k);
    for (int32_t i = 0; i < n; i += most) {
        int32_t part = n - i < most ? n - i : most;
        const float *from = a + (size_t)i * lda;
        float *to = c + (size_t)i * ldc;
        for (int32_t r = 0; r < part; r++)
            split_even_odd(k, from + (size_t)r * lda, split + (size_t)r * (size_t)k);
        /* A group of B's rows comes from memory for the first two of A, and from L2 for the others. */
        for (int32_t j = 0; j < m; j += FAR_GROUP) {
            const uint16_t *from_b = rows + (size_t)j * b.stride;
            int32_t cols = m - j < FAR_GROUP ? m - j : FAR_GROUP, far_cols = j < far ? cols : 0, r = 0;
            for (; r + NEAR_ROWS <= part; r += NEAR_ROWS)
                near_rows(NEAR_ROWS, far_cols, cols, k, split + (size_t)r * (size_t)k, from + (size_t)r * lda,
                          lda, from_b, b.stride, to + (size_t)r * ldc + j, ldc, add);
            const float *rest = split + (size_t)r * (size_t)k, *rest_a = from + (size_t)r * lda;
            float *rest_c = to + (size_t)r * ldc + j;
            if (part - r == 1)
                near_rows(1, far_cols, cols, k, rest, rest_a, lda, from_b, b.stride, rest_c, ldc, add);
        }
    }
}

/* nn, m a multiple of 16 and k of 4: C, split, stays in L1 while four rows of B a quarter of k apart are
 * added at a time. */
static void row_nn_bf16(int32_t m, int32_t k, const float *a, operand b, float *c, bool add, float *split) {
    const uint16_t *rows = b.data;
    int32_t quarter = k / 4;
    memset(split, 0, (size_t)m * sizeof *split);
    for (int32_t x = 0; x < quarter; x++)
        for (int32_t j = 0; j < m; j += 16) {
            __m256 even = _mm256_loadu_ps(split + j), odd = _mm256_loadu_ps(split + j + 8);
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) {
                __m256 factor = _mm256_broadcast_ss(a + x + i * quarter);
                __m256i w =
                    _mm256_loadu_si256((const void *)(rows + (size_t)(x + i * quarter) * b.stride + j));
                even = _mm256_fmadd_ps(factor, even_weights(w), even);
                odd = _mm256_fmadd_ps(factor, odd_weights(w), odd);
            }
            _mm256_storeu_ps(split + j, even);
            _mm256_storeu_ps(split + j + 8, odd);
        }
    for (int32_t j = 0; j < m; j++) {
        float sum = split[j / 16 * 16 + j % 2 * 8 + j % 16 / 2];
        c[j] = add ? c[j] + sum : sum;
    }
}

void product_nt_avx2(int32_t n, int32_t m, int32_t k, const float *a, size_t lda, operand b, float *c,
                     size_t ldc, bool add, float *scratch) {
    if (n > FEW_ROWS) {
        product_packed(true, n, m, k, a, lda, b, c, ldc, add, scratch);
        return;
    }
    if (b.type == DTYPE_BF16 && k > 0 && k <= PRODUCT_SCRATCH_FLOATS) {
        if (n == 1)
            row_nt_bf16(m, k, a, b, c, add, scratch);
        else
            rows_nt_bf16(n, m, k, a, lda, b, c, ldc, add, scratch);
        return;
    }
    switch (b.type) {
    case DTYPE_BF16: product_dots(DTYPE_BF16, n, m, k, a, lda, b, c, ldc, add); break;
    case DTYPE_F16: product_dots(DTYPE_F16, n, m, k, a, lda, b, c, ldc, add); break;
    case DTYPE_F32: product_dots(DTYPE_F32, n, m, k, a, lda, b, c, ldc, add); break;
    }
}

/* ---- few rows, nn: sums of B's rows ---- */

/* c [m] (+)= sum over four rows of B: each pass reads 4 rows and c once. */
INLINE void add_rows(dtype type, int32_t m, const float a[4], const void *const row[4], float *c, bool add) {
    __m256 a0 = _mm256_set1_ps(a[0]), a1 = _mm256_set1_ps(a[1]), a2 = _mm256_set1_ps(a[2]),
           a3 = _mm256_set1_ps(a[3]);
    for (int32_t j = 0; j < m; j += 8) {
        size_t left = m - j < 8 ? (size_t)(m - j) : 8;
        __m256 b[4], old = _mm256_setzero_ps();
        for (int i = 0; i < 4; i++) {
            const void *at = element_at(row[i], type, (size_t)j);
            b[i] = left == 8 ? load8(at, type) : load_part(at, type, left);
        }
        if (add) old = left == 8 ? _mm256_loadu_ps(c + j) : load_part(c + j, DTYPE_F32, left);
        __m256 sum = _mm256_fmadd_ps(a0, b[0], _mm256_fmadd_ps(a1, b[1], old));
        sum = _mm256_add_ps(sum, _mm256_fmadd_ps(a2, b[2], _mm256_mul_ps(a3, b[3])));
        if (left == 8)
            _mm256_storeu_ps(c + j, sum);
        else
            store_part(c + j, sum, left);
    }
}

INLINE void product_rows(dtype type, int32_t n, int32_t m, int32_t k, const float *a, size_t lda, operand b,
                         float *c, size_t ldc, bool add) {
    for (int32_t x = 0; x < k; x += 4) {
        int32_t left = k - x < 4 ? k - x : 4;
        const void *row[4]; /* past the end: the last row with factor 0 would turn an infinity into NaN, so
                             * the first of the four, whose own factor already lets it in, is repeated */
        for (int i = 0; i < 4; i++)
            row[i] = element_at(b.data, type, (size_t)(i < left ? x + i : x) * b.stride);
        for (int32_t r = 0; r < n; r++) {
            float factor[4] = {0};
            memcpy(factor, a + (size_t)r * lda + (size_t)x, (size_t)left * sizeof *factor);
            add_rows(type, m, factor, row, c + (size_t)r * ldc, add || x > 0);
        }
    }
}

void product_nn_avx2(int32_t n, int32_t m, int32_t k, const float *a, size_t lda, operand b, float *c,
                     size_t ldc, bool add, float *scratch) {
    if (n > FEW_ROWS) {
        product_packed(false, n, m, k, a, lda, b, c, ldc, add, scratch);
        return;
    }
    if (b.type == DTYPE_BF16) {
        int32_t whole = k % 4 == 0 && m <= PRODUCT_SCRATCH_FLOATS ? m / 16 * 16 : 0;
        operand rest = {element_at(b.data, DTYPE_BF16, (size_t)whole), DTYPE_BF16, b.stride};
        for (int32_t r = 0; r < n && whole > 0; r++)
            row_nn_bf16(whole, k, a + (size_t)r * lda, b, c + (size_t)r * ldc, add, scratch);
        if (whole < m) product_rows(DTYPE_BF16, n, m - whole, k, a, lda, rest, c + whole, ldc, add);
        return;
    }
    if (b.type == DTYPE_F16) {
        product_rows(DTYPE_F16, n, m, k, a, lda, b, c, ldc, add);
        return;
    }
    /* Floats in place: B's rows already have the layout of a panel, but for a last one of fewer columns. */
    int32_t j = 0;
    for (; j + NR <= m; j += NR)
        tile_column(n, k, a, lda, 1, MR * lda, (const float *)b.data + j, b.stride, c + j, ldc, NR, add);
    if (j < m) {
        operand rest = {(const float *)b.data + j, b.type, b.stride};
        product_packed(false, n, m - j, k, a, lda, rest, c + j, ldc, add, scratch);
    }
}
