// absorb_queries and store_rows against the formulas of kernels.cuh in double precision, from the same q rounded to fp16.
//
// Tolerance: the result is rounded to fp16 (2^-11 of it, 2^-25 near zero), after fp32 arithmetic that differs by some
// 1e-6 of the magnitudes it adds.
#include "device_array.cuh"
#include "heads.cuh"
#include "kernels/cuda/kernels.cuh"

#include <math.h>
#include <string.h>
#include <vector>

namespace {

constexpr heads PUBLISHED = {16, 128, 64, 128, 512, true}, ODD = {3, 20, 12, 28, 24, false};
constexpr heads SMALL = {8, 16, 16, 32, 64, true}, ONE = {1, 20, 12, 28, 25, true},
                MANY = {17, 72, 34, 36, 100, false};

constexpr int CACHE_TOKENS = 3 * CACHE_BLOCK;

// A step of n rows; every other one, from row 1 on, is absorbed when `half_absorbed`.
struct inputs {
    head_shape s;
    int n;
    size_t q_stride, kv_a_stride;
    std::vector<float> q, kv_a, norm;
    std::vector<float2> angle;
    std::vector<half> w_uk;
    std::vector<int> cache_row, absorbed_row;
};

inputs make_inputs(const heads &h, int n, bool half_absorbed) {
    inputs in;
    in.s = shape_of(h);
    in.s.scale_log2 = 0.1f;
    head_shape s = in.s;
    in.n = n, in.q_stride = s.n_heads * s.query_head() + 4, in.kv_a_stride = s.latent + s.rope + 3;
    in.q.assign(n * in.q_stride, 0), in.kv_a.resize(n * in.kv_a_stride), in.norm.resize(s.latent);
    for (int r = 0; r < n; r++)
        for (int k = 0; k < s.n_heads * s.query_head(); k++) {
            int i = k % s.query_head();
            if (i < s.nope_p ? i < s.nope : i - s.nope_p < s.rope)
                in.q[r * in.q_stride + k] = 3 * next_random();
        }
    for (float &x : in.kv_a) x = 2 * next_random();
    for (float &x : in.norm) x = 1 + next_random() / 2;
    in.w_uk.assign((size_t)s.n_heads * s.latent_p * s.nope_p, __float2half(0));
    for (int i = 0; i < s.n_heads * s.latent; i++)
        for (int k = 0; k < s.nope; k++)
            in.w_uk[((size_t)(i / s.latent) * s.latent_p + i % s.latent) * s.nope_p + k] =
                __float2half(next_random());
    for (int i = 0; i < n * (s.rope / 2); i++) {
        float angle = 40 * next_random();
        in.angle.push_back(make_float2(cosf(angle), sinf(angle)));
    }
    for (int r = 0; r < n; r++) {
        in.cache_row.push_back((7 * r + 5) % CACHE_TOKENS);
        if (!half_absorbed || r % 2) in.absorbed_row.push_back(r);
    }
    return in;
}

// What the launches left; all bytes are 0xff where they wrote nothing.
struct results {
    std::vector<half> query, cache, queries;
};

std::vector<half> fetch(half *device, size_t n) {
    half *host = to_host(device, n);
    std::vector<half> v(host, host + n);
    free(host);
    expect_cuda(cudaFree(device), "cudaFree");
    return v;
}

// stores: the rows go to the cache in the same launch; else store_rows does it, with or without `queries`.
results run(const inputs &in, bool stores, bool with_queries) {
    const head_shape &s = in.s;
    size_t n_query = (size_t)in.n * s.n_heads * s.cached(),
           n_queries = (size_t)in.n * s.n_heads * s.query_head();
    size_t n_cache = (size_t)CACHE_TOKENS * s.cached();
    half *query = on_device<half>(n_query, 0xff), *queries = on_device<half>(n_queries, 0xff);
    half *cache = on_device<half>(n_cache, 0xff), *w_uk = to_device(in.w_uk.data(), in.w_uk.size());
    float *q = to_device(in.q.data(), in.q.size()), *kv_a = to_device(in.kv_a.data(), in.kv_a.size());
    float *norm = to_device(in.norm.data(), in.norm.size());
    float2 *angle = to_device(in.angle.data(), in.angle.size());
    int *cache_row = to_device(in.cache_row.data(), in.cache_row.size());
    int *absorbed_row = to_device(in.absorbed_row.data(), in.absorbed_row.size());

    step_rows rows = {};
    rows.cache_row = cache_row, rows.angle = angle, rows.absorbed_row = absorbed_row;
    projected_rows from = {q, in.q_stride, kv_a, in.kv_a_stride, norm};
    if (!stores)
        expect_cuda(store_rows(nullptr, s, rows, in.n, from, cache, with_queries ? queries : nullptr),
                    "store_rows");
    expect_cuda(absorb_queries(nullptr, s, rows, (int)in.absorbed_row.size(), from, w_uk, query,
                               stores ? in.n : 0, cache),
                "absorb_queries");
    results out = {fetch(query, n_query), fetch(cache, n_cache), fetch(queries, n_queries)};
    void *inputs_d[] = {w_uk, q, kv_a, norm, angle, cache_row, absorbed_row};
    for (void *p : inputs_d) expect_cuda(cudaFree(p), "cudaFree");
    return out;
}

void expect_near(half found, double expected, double magnitude, const char *what, int row, int i) {
    double difference = fabs(__half2float(found) - expected);
    double allowed = fabs(expected) / 2047 + 1e-6 * magnitude + 1.0 / (1 << 25);
    if (!(difference <= allowed))
        fail_msg("%s, row %d, value %d: %g, expected %g", what, row, i, __half2float(found), expected);
}

void expect_untouched(const half *values, int n, const char *what, int row) {
    for (int i = 0; i < n; i++) {
        uint16_t bits;
        memcpy(&bits, values + i, sizeof bits);
        if (bits != 0xffff) fail_msg("%s, row %d: value %d was written", what, row, i);
    }
}

// found [rope_p] against scale * rotated x [rope]
void expect_rotated(const inputs &in, int row, const float *x, double scale, const half *found,
                    const char *what) {
    int pairs = in.s.rope / 2;
    for (int j = 0; j < pairs; j++) {
        int first = in.s.interleave ? 2 * j : j, second = in.s.interleave ? first + 1 : j + pairs;
        double a = x[first], b = x[second], cosine = in.angle[row * pairs + j].x,
               sine = in.angle[row * pairs + j].y;
        double magnitude = scale * (fabs(a) + fabs(b));
        expect_near(found[first], scale * (a * cosine - b * sine), magnitude, what, row, first);
        expect_near(found[second], scale * (a * sine + b * cosine), magnitude, what, row, second);
    }
    for (int i = in.s.rope; i < in.s.rope_p; i++) expect_near(found[i], 0, 0, what, row, i);
}

void check_query(const inputs &in, const std::vector<half> &query, int row) {
    const head_shape &s = in.s;
    for (int h = 0; h < s.n_heads; h++) {
        const float *q = &in.q[row * in.q_stride + h * s.query_head()];
        const half *found = &query[((size_t)row * s.n_heads + h) * s.cached()];
        for (int l = 0; l < s.latent_p; l++) {
            double sum = 0, magnitude = 0;
            for (int k = 0; k < s.nope; k++) {
                double term = (double)__half2float(__float2half_rn(q[k])) *
                              __half2float(in.w_uk[((size_t)h * s.latent_p + l) * s.nope_p + k]);
                sum += term, magnitude += fabs(term);
            }
            expect_near(found[l], s.scale_log2 * sum, s.scale_log2 * magnitude, "query", row, l);
        }
        expect_rotated(in, row, q + s.nope_p, s.scale_log2, found + s.latent_p, "query's rope part");
    }
}

void check_cache(const inputs &in, const std::vector<half> &cache) {
    const head_shape &s = in.s;
    std::vector<bool> stored(CACHE_TOKENS, false);
    for (int r = 0; r < in.n; r++) {
        const float *x = &in.kv_a[r * in.kv_a_stride];
        const half *found = &cache[(size_t)in.cache_row[r] * s.cached()];
        double squares = 0;
        for (int l = 0; l < s.latent; l++) squares += (double)x[l] * x[l];
        double scale = 1 / sqrt(squares / s.latent + LATENT_NORM_EPSILON);
        for (int l = 0; l < s.latent_p; l++) {
            double expected = l < s.latent ? x[l] * scale * in.norm[l] : 0;
            expect_near(found[l], expected, fabs(expected), "cache", r, l);
        }
        expect_rotated(in, r, x + s.latent, 1, found + s.latent_p, "cache's rope part");
        stored[in.cache_row[r]] = true;
    }
    for (int t = 0; t < CACHE_TOKENS; t++)
        if (!stored[t]) expect_untouched(&cache[(size_t)t * s.cached()], s.cached(), "cache", t);
}

void check_queries(const inputs &in, const std::vector<half> &queries) {
    const head_shape &s = in.s;
    for (int i = 0; i < in.n * s.n_heads; i++) {
        int row = i / s.n_heads, h = i % s.n_heads;
        const float *q = &in.q[row * in.q_stride + h * s.query_head()];
        const half *found = &queries[(size_t)i * s.query_head()];
        for (int k = 0; k < s.nope_p; k++)
            expect_near(found[k], (double)s.scale_log2 * q[k], 0.1 * fabs(q[k]), "queries", row, k);
        expect_rotated(in, row, q + s.nope_p, s.scale_log2, found + s.nope_p, "queries' rope part");
    }
}

void check(const heads &h, int n, bool half_absorbed, bool stores, bool with_queries) {
    inputs in = make_inputs(h, n, half_absorbed);
    results out = run(in, stores, with_queries);
    size_t row_size = (size_t)in.s.n_heads * in.s.cached(), next = 0;
    for (int r = 0; r < n; r++) {
        if (next < in.absorbed_row.size() && in.absorbed_row[next] == r)
            check_query(in, out.query, r), next++;
        else
            expect_untouched(&out.query[r * row_size], (int)row_size, "query", r);
    }
    check_cache(in, out.cache);
    if (with_queries)
        check_queries(in, out.queries);
    else
        expect_untouched(out.queries.data(), (int)out.queries.size(), "queries", 0);
}

void published_shape(void **) {
    check(PUBLISHED, 1, false, true, false);
    check(PUBLISHED, 16, false, true, false);
}

void odd_shapes(void **) {
    for (int n : {1, 2, 8, 9, 16}) {
        check(ODD, n, false, true, false);
        check(SMALL, n, false, true, false);
        check(ONE, n, false, true, false);
    }
    check(MANY, 3, false, true, false);
}

void some_rows_of_a_long_step(void **) {
    check(ODD, 67, true, false, true); // 33 absorbed rows: three groups, the last of one row
    check(MANY, 4, true, false, true);
    check(SMALL, 3, true, false, false);
}

void same_bits_every_run(void **) {
    inputs in = make_inputs(SMALL, 11, false);
    results first = run(in, true, false), second = run(in, true, false);
    assert_memory_equal(first.query.data(), second.query.data(), first.query.size() * sizeof(half));
    assert_memory_equal(first.cache.data(), second.cache.data(), first.cache.size() * sizeof(half));
}

} // namespace

int main(void) {
    const CMUnitTest tests[] = {
        cmocka_unit_test(published_shape),
        cmocka_unit_test(odd_shapes),
        cmocka_unit_test(some_rows_of_a_long_step),
        cmocka_unit_test(same_bits_every_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
