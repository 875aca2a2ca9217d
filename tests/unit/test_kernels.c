/* Every instruction set's kernels against the portable definition: odd sizes, strides, misaligned operands,
 * denormal and large values; each buffer ends at a page that may not be touched. */
#include "kernels/cpu/kernels.h"
#include "libyoutu/backend.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static const cpu_kernels *const variants[] = {&kernels_avx2};

/* `bytes` bytes that end at an inaccessible page. */
typedef struct guarded {
    unsigned char *map;
    size_t mapped;
    void *data;
} guarded;

static guarded guarded_new(size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (bytes + page - 1) / page * page;
    guarded g = {.mapped = body + page};
    g.map = mmap(NULL, g.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.map != MAP_FAILED);
    assert_int_equal(mprotect(g.map + body, page, PROT_NONE), 0);
    g.data = g.map + body - bytes;
    return g;
}

static void guarded_free(guarded g) {
    assert_int_equal(munmap(g.map, g.mapped), 0);
}

static uint32_t state = 1;

static uint32_t next_random(void) {
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

/* Mostly in (-1, 1); now and then a denormal, a zero or a value in the thousands. */
static float random_value(void) {
    float value = (float)next_random() / 8388608.0f - 1.0f;
    switch (next_random() % 64) {
    case 0: return value * 1e-40f;
    case 1: return 0.0f;
    case 2: return value * 4000.0f;
    default: return value;
    }
}

static void fill(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = random_value();
}

/* n random values stored as `type`. */
static void fill_stored(void *out, dtype type, size_t n) {
    for (size_t i = 0; i < n; i++) {
        float value = random_value();
        uint16_t half;
        if (type == DTYPE_F16) {
            kernels_portable.to_f16(&value, 1, &half);
        } else {
            uint32_t bits;
            memcpy(&bits, &value, sizeof bits);
            half = (uint16_t)(bits >> 16);
        }
        memcpy((char *)out + i * dtype_bytes(type), type == DTYPE_F32 ? (void *)&value : (void *)&half,
               dtype_bytes(type));
    }
}

/* The sum of |a b| bounds what reordering a sum can change: k roundings of half an ulp each, both sides. */
static void check_product(const cpu_kernels *variant, bool transposed, dtype type, int32_t n, int32_t m,
                          int32_t k, bool add) {
    size_t lda = (size_t)k + 1, ldb = (size_t)(transposed ? k : m) + 3, ldc = (size_t)m + 2;
    size_t rows_b = (size_t)(transposed ? m : k), used_b = (rows_b - 1) * ldb + (size_t)(transposed ? k : m);
    guarded a = guarded_new((((size_t)n - 1) * lda + (size_t)k) * 4),
            b = guarded_new(used_b * dtype_bytes(type));
    size_t used_c = ((size_t)n - 1) * ldc + (size_t)m;
    guarded c = guarded_new(used_c * 4), expected = guarded_new(used_c * 4),
            magnitude = guarded_new(used_c * 4);
    guarded abs_a = guarded_new((((size_t)n - 1) * lda + (size_t)k) * 4), abs_b = guarded_new(used_b * 4);
    float *scratch = malloc(PRODUCT_SCRATCH_FLOATS * sizeof *scratch);
    assert_non_null(scratch);
    fill(a.data, ((size_t)n - 1) * lda + (size_t)k);
    fill_stored(b.data, type, used_b);
    fill(c.data, used_c);
    memcpy(expected.data, c.data, used_c * 4);
    for (size_t i = 0; i < ((size_t)n - 1) * lda + (size_t)k; i++)
        ((float *)abs_a.data)[i] = fabsf(((float *)a.data)[i]);
    kernels_portable.to_f32(b.data, type, used_b, abs_b.data);
    for (size_t i = 0; i < used_b; i++) ((float *)abs_b.data)[i] = fabsf(((float *)abs_b.data)[i]);
    for (size_t i = 0; i < used_c; i++) ((float *)magnitude.data)[i] = add ? fabsf(((float *)c.data)[i]) : 0;

    operand stored = {b.data, type, ldb}, absolute = {abs_b.data, DTYPE_F32, ldb};
    product_fn reference = transposed ? kernels_portable.product_nt : kernels_portable.product_nn;
    reference(n, m, k, a.data, lda, stored, expected.data, ldc, add, scratch);
    reference(n, m, k, abs_a.data, lda, absolute, magnitude.data, ldc, true, scratch);
    (transposed ? variant->product_nt : variant->product_nn)(n, m, k, a.data, lda, stored, c.data, ldc, add,
                                                             scratch);
    for (size_t i = 0; i < used_c; i++) {
        bool written = i % ldc < (size_t)m;
        float difference = fabsf(((float *)c.data)[i] - ((float *)expected.data)[i]);
        float bound = written ? (float)(k + 2) * 1.2e-7f * ((float *)magnitude.data)[i] + 1e-37f : 0.0f;
        if (!(difference <= bound))
            fail_msg("%s %s type %d n %d m %d k %d add %d: element %zu off by %g, bound %g", variant->name,
                     transposed ? "nt" : "nn", type, n, m, k, add, i, (double)difference, (double)bound);
    }
    free(scratch);
    const guarded all[] = {a, b, c, expected, magnitude, abs_a, abs_b};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) guarded_free(all[i]);
}

static void test_products(void **unused) {
    (void)unused;
    const int32_t ns[] = {1, 2, 3, 4, 5, 6, 7, 13, 24, 25, 30, 65, 266};
    const int32_t ms[] = {1, 3, 7, 16, 17, 63, 65};
    const int32_t ks[] = {1, 7, 8, 17, 63, 65, 257, 300};
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        if (!variants[v]->supported()) continue;
        for (int shape = 0;
             shape < (int)(sizeof ns / sizeof *ns * (sizeof ms / sizeof *ms) * (sizeof ks / sizeof *ks));
             shape++) {
            int32_t n = ns[shape % 13], m = ms[shape / 13 % 7], k = ks[shape / 13 / 7];
            for (int way = 0; way < 4; way++)
                check_product(variants[v], way & 1, (dtype)((shape + way) % 3), n, m, k, way & 2);
        }
    }
}

/* Rows longer than what stays in L1 go another way. */
static void test_long_rows(void **unused) {
    (void)unused;
    const int32_t ms[] = {1, 5, 6, 13, 64}, ks[] = {4096, 4097, 6144, 6150};
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++)
        for (int shape = 0; shape < 20 && variants[v]->supported(); shape++)
            for (int way = 0; way < 12; way++)
                check_product(variants[v], way & 1, (dtype)(way / 4), 1 + shape % 2, ms[shape % 5],
                              ks[shape / 5], way & 2);
}

/* linear.c cuts outputs into pieces, multiples of 48, whose size depends on the number of threads: bit by bit
 * they must be those of the whole. */
static void test_pieces(void **unused) {
    (void)unused;
    enum { MOST_N = 30, M = 48 * 5 + 35, MOST_K = 4100, PIECE = 48 };
    const int32_t ns[] = {1, 2, 5, 24, MOST_N}, ks[] = {65, MOST_K};
    float *a = malloc(MOST_N * MOST_K * sizeof *a),
          *scratch = malloc(PRODUCT_SCRATCH_FLOATS * sizeof *scratch);
    float *whole = malloc(MOST_N * M * sizeof *whole), *pieces = malloc(MOST_N * M * sizeof *pieces);
    uint16_t *b = malloc((size_t)M * MOST_K * sizeof *b);
    assert_true(a && scratch && whole && pieces && b);
    fill(a, MOST_N * MOST_K);
    fill_stored(b, DTYPE_BF16, (size_t)M * MOST_K);
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++)
        for (int i = 0; i < 10 && variants[v]->supported(); i++) {
            int32_t n = ns[i % 5], k = ks[i / 5];
            operand rows = {b, DTYPE_BF16, (size_t)k};
            variants[v]->product_nt(n, M, k, a, (size_t)k, rows, whole, M, false, scratch);
            for (int32_t first = 0; first < M; first += PIECE) {
                operand part = {b + (size_t)first * (size_t)k, DTYPE_BF16, (size_t)k};
                variants[v]->product_nt(n, M - first < PIECE ? M - first : PIECE, k, a, (size_t)k, part,
                                        pieces + first, M, false, scratch);
            }
            assert_memory_equal(whole, pieces, (size_t)n * M * sizeof *whole);
        }
    free(a);
    free(scratch);
    free(whole);
    free(pieces);
    free(b);
}

/* Up to SHARED_ROWS rows each comes out bit by bit as it does alone, whatever the width of the pieces. */
static void test_rows_do_not_see_each_other(void **unused) {
    (void)unused;
    enum { MOST_M = 48 * 4 + 35, MOST_K = 4100, PIECE = 48 };
    const int32_t ks[] = {12, 16, 65, 128, 300, MOST_K}, ns[] = {2, 3, 5, 6, 8, 23, SHARED_ROWS};
    float *a = malloc(SHARED_ROWS * MOST_K * sizeof *a),
          *scratch = malloc(PRODUCT_SCRATCH_FLOATS * sizeof *scratch);
    float *alone = malloc(SHARED_ROWS * MOST_M * sizeof *alone),
          *shared = malloc(SHARED_ROWS * MOST_M * sizeof *shared);
    float *b = malloc((size_t)MOST_M * MOST_K * sizeof *b); /* of any type */
    assert_true(a && scratch && alone && shared && b);
    fill(a, SHARED_ROWS * MOST_K);
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++)
        for (int shape = 0; shape < 6 * 7 * 2 * 3 && variants[v]->supported(); shape++) {
            int32_t k = ks[shape % 6], n = ns[shape / 6 % 7];
            bool transposed = shape / 42 % 2;
            dtype type = (dtype)(shape / 84);
            size_t stride = transposed ? (size_t)k : MOST_M;
            product_fn product = transposed ? variants[v]->product_nt : variants[v]->product_nn;
            fill_stored(b, type, (size_t)MOST_M * (size_t)k);
            for (int32_t first = 0; first < MOST_M; first += PIECE) {
                operand part = {element_at(b, type, (size_t)first * (transposed ? stride : 1)), type, stride};
                for (int32_t r = 0; r < n; r++)
                    product(1, MOST_M - first < PIECE ? MOST_M - first : PIECE, k, a + (size_t)r * (size_t)k,
                            (size_t)k, part, alone + (size_t)r * MOST_M + first, MOST_M, false, scratch);
            }
            product(n, MOST_M, k, a, (size_t)k, (operand){b, type, stride}, shared, MOST_M, false, scratch);
            if (memcmp(alone, shared, (size_t)n * MOST_M * sizeof *alone) != 0)
                fail_msg("%s %s type %d n %d k %d: a row differs", variants[v]->name,
                         transposed ? "nt" : "nn", (int)type, n, k);
        }
    free(a);
    free(scratch);
    free(alone);
    free(shared);
    free(b);
}

/* ---- conversions ---- */

/* Every half-precision number to float and back; every float between two of them to the nearest, ties to
 * even. */
static void test_conversions(void **unused) {
    (void)unused;
    const cpu_kernels *all[] = {&kernels_portable, &kernels_avx2};
    for (size_t v = 0; v < 2; v++) {
        if (!all[v]->supported()) continue;
        for (uint32_t bits = 0; bits < 65536; bits++) {
            uint16_t half = (uint16_t)bits, back;
            float wide, brain;
            all[v]->to_f32(&half, DTYPE_F16, 1, &wide);
            all[v]->to_f16(&wide, 1, &back);
            if ((bits & 0x7C00) == 0x7C00 && bits & 0x3FF)
                assert_true(isnan(wide));
            else
                assert_int_equal(back, half);
            all[v]->to_f32(&half, DTYPE_BF16, 1, &brain);
            uint32_t brain_bits;
            memcpy(&brain_bits, &brain, sizeof brain_bits);
            if (!isnan(brain)) assert_int_equal(brain_bits, bits << 16);
        }
        for (uint16_t half = 0; half < 0x7BFF; half++) {
            uint16_t next = half + 1, found[3];
            float low, high, between[3];
            kernels_portable.to_f32(&half, DTYPE_F16, 1, &low);
            kernels_portable.to_f32(&next, DTYPE_F16, 1, &high);
            between[0] = low + (high - low) * 0.5f;
            between[1] = nextafterf(between[0], 0);
            between[2] = nextafterf(between[0], INFINITY);
            all[v]->to_f16(between, 3, found);
            assert_int_equal(found[0], half & 1 ? next : half);
            assert_int_equal(found[1], half);
            assert_int_equal(found[2], next);
        }
        const float edges[] = {65519.0f, 65520.0f, -1e30f, INFINITY, 0x1p-25f, 0x1.8p-25f};
        const uint16_t expected[] = {0x7BFF, 0x7C00, 0xFC00, 0x7C00, 0, 1};
        uint16_t found[6];
        all[v]->to_f16(edges, 6, found);
        assert_memory_equal(found, expected, sizeof expected);
    }
}

/* ---- element-wise ---- */

static void check_near(const char *what, const float *found, const float *expected, size_t n,
                       float relative) {
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(found[i] - expected[i]) <= relative * fabsf(expected[i]) + 2e-38f))
            fail_msg("%s: element %zu of %zu is %.9g, expected %.9g", what, i, n, (double)found[i],
                     (double)expected[i]);
}

static void test_elementwise(void **unused) {
    (void)unused;
    const size_t sizes[] = {1, 7, 8, 9, 63, 65, 576};
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int type = 0; type < 3; type++) {
                const cpu_kernels *k = variants[v];
                if (!k->supported()) continue;
                size_t n = sizes[s];
                guarded x = guarded_new(n * 4), y = guarded_new(n * 4), z = guarded_new(n * 4),
                        u = guarded_new(n * 4);
                guarded w = guarded_new(n * dtype_bytes((dtype)type));
                fill(x.data, n);
                fill(u.data, n);
                fill_stored(w.data, (dtype)type, n);

                k->to_f32(w.data, (dtype)type, n, y.data);
                kernels_portable.to_f32(w.data, (dtype)type, n, z.data);
                assert_memory_equal(y.data, z.data, n * 4);

                k->rms_norm(x.data, w.data, (dtype)type, n, 1e-6f, y.data);
                kernels_portable.rms_norm(x.data, w.data, (dtype)type, n, 1e-6f, z.data);
                check_near("rms_norm", y.data, z.data, n, 1e-5f);

                memcpy(y.data, x.data, n * 4);
                memcpy(z.data, x.data, n * 4);
                k->multiply(y.data, n, 0.37f);
                kernels_portable.multiply(z.data, n, 0.37f);
                assert_memory_equal(y.data, z.data, n * 4);

                float largest = kernels_portable.row_max(x.data, n);
                assert_true(k->row_max(x.data, n) == largest);

                memcpy(y.data, x.data, n * 4);
                memcpy(z.data, x.data, n * 4);
                float sum = k->exp_sum(y.data, n, 0.5f, 0.5f * largest);
                float expected = kernels_portable.exp_sum(z.data, n, 0.5f, 0.5f * largest);
                for (size_t i = 0; i < n; i++) { /* arguments in the thousands carry their own rounding */
                    float a = fabsf(0.5f * ((float *)x.data)[i]) + fabsf(0.5f * largest);
                    assert_true(fabsf(((float *)y.data)[i] - ((float *)z.data)[i]) <=
                                (1e-6f + 1.2e-7f * a) * ((float *)z.data)[i] + 2e-38f);
                }
                assert_true(fabsf(sum - expected) <= 1e-3f * expected);

                memcpy(y.data, x.data, n * 4);
                memcpy(z.data, x.data, n * 4);
                k->silu_multiply(y.data, u.data, n);
                kernels_portable.silu_multiply(z.data, u.data, n);
                for (size_t i = 0; i < n; i++) {
                    float scale = fabsf(((float *)x.data)[i] * ((float *)u.data)[i]);
                    assert_true(fabsf(((float *)y.data)[i] - ((float *)z.data)[i]) <=
                                2e-6f * fabsf(((float *)z.data)[i]) + 3e-38f * scale + 1e-37f);
                }
                const guarded all[] = {x, y, z, u, w};
                for (size_t i = 0; i < sizeof all / sizeof *all; i++) guarded_free(all[i]);
            }
}

/* exp over its whole range, against the C library's. */
static void test_exp(void **unused) {
    (void)unused;
    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++) {
        if (!variants[v]->supported()) continue;
        for (float x = -87.0f; x < 88.5f; x += 0.00317f) {
            float found = x;
            variants[v]->exp_sum(&found, 1, 1.0f, 0.0f);
            assert_true(fabs((double)found - exp((double)x)) <= 3e-7 * exp((double)x));
        }
        float edges[] = {0.0f, -1000.0f, -INFINITY, NAN};
        variants[v]->exp_sum(edges, 4, 1.0f, 0.0f);
        assert_true(edges[0] == 1.0f && edges[1] >= 0 && edges[1] < 2e-38f && edges[2] < 2e-38f &&
                    isnan(edges[3]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),    cmocka_unit_test(test_long_rows),
        cmocka_unit_test(test_pieces),      cmocka_unit_test(test_rows_do_not_see_each_other),
        cmocka_unit_test(test_conversions), cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_exp)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
