// A step's rows from the projections to the attended values: absorb_queries with store_rows' part, attend_latents and
// project_values, each against double precision over the operands as the kernel before rounded them. One rounding to
// fp16 is 2^-11 of a value; weighted means bound the rest.
#include "device_array.cuh"
#include "kernels/cuda/kernels.cuh"

#include <math.h>
#include <string.h>

namespace {

constexpr double ROUNDING = 1.0 / 2048;
constexpr int N_LAST = 3; // cache blocks beyond those in use

struct problem {
    int n_heads, nope, rope, v, latent;
    bool interleave;
    int n;               // rows, each of a sequence of its own
    const int *position; // [n]
    bool fused;          // storing in the launch that absorbs
};

head_shape shape_of(const problem &p) {
    model_config m = {};
    m.n_heads = p.n_heads, m.qk_nope_head_dim = p.nope, m.qk_rope_head_dim = p.rope, m.v_head_dim = p.v;
    m.kv_lora_rank = p.latent, m.rope.interleave = p.interleave;
    m.softmax_scale = 1.0f / sqrtf((float)(p.nope + p.rope));
    return head_shape_of(&m);
}

void rotate(const head_shape &s, const float2 *angle, const float *x, double *out) {
    for (int i = 0; i < s.rope / 2; i++) {
        int a = s.interleave ? 2 * i : i, b = s.interleave ? 2 * i + 1 : i + s.rope / 2;
        out[a] = (double)x[a] * angle[i].x - (double)x[b] * angle[i].y;
        out[b] = (double)x[a] * angle[i].y + (double)x[b] * angle[i].x;
    }
}

void expect_near(double found, double expected, double allowed, const char *what, int row, int h, int i) {
    if (!(fabs(found - expected) <= allowed))
        fail_msg("%s, row %d head %d value %d: %g, expected %g within %g", what, row, h, i, found, expected,
                 allowed);
}

void check(const problem &p) {
    head_shape s = shape_of(p);
    int H = s.n_heads, n = p.n, cached = s.cached(), kv = s.latent + s.rope, pairs = s.rope / 2;
    int q_stride = padded(H * s.query_head(), INPUT_PAD), kv_stride = kv + 7, out_stride = H * s.v_p + 5;
    int n_blocks = N_LAST, n_tables = 0;
    for (int r = 0; r < n; r++) n_blocks += p.position[r] / CACHE_BLOCK + 1;

    // Every row's context, in blocks from the last to the first; what lies beyond it is not a number.
    int *tables = new_host<int>(n_blocks), *offset = new_host<int>(n), *cache_row = new_host<int>(n),
        *rows = new_host<int>(n);
    float2 *angle = new_host<float2>(n * pairs);
    half *cache = new_host<half>((size_t)n_blocks * CACHE_BLOCK * cached);
    memset((void *)cache, 0xff, (size_t)n_blocks * CACHE_BLOCK * cached * sizeof *cache);
    for (int r = 0, next = n_blocks; r < n; r++) {
        offset[r] = n_tables, rows[r] = n - 1 - r;
        for (int b = 0; b <= p.position[r] / CACHE_BLOCK; b++) tables[n_tables++] = --next;
        for (int at = 0; at < p.position[r]; at++) {
            half *token =
                cache +
                (size_t)(tables[offset[r] + at / CACHE_BLOCK] * CACHE_BLOCK + at % CACHE_BLOCK) * cached;
            for (int i = 0; i < cached; i++) {
                bool exists = i < s.latent || (i >= s.latent_p && i < s.latent_p + s.rope);
                token[i] = __float2half_rn(exists ? 2 * next_random() : 0.0f);
            }
        }
        cache_row[r] =
            tables[offset[r] + p.position[r] / CACHE_BLOCK] * CACHE_BLOCK + p.position[r] % CACHE_BLOCK;
        memset((void *)(cache + (size_t)cache_row[r] * cached), 0, cached * sizeof *cache);
        for (int i = 0; i < pairs; i++) angle[r * pairs + i] = make_float2(cosf(r + i), sinf(r + i));
    }
    float *q = new_host<float>(n * q_stride), *kv_a = new_host<float>(n * kv_stride),
          *norm = new_host<float>(s.latent);
    for (int i = 0; i < n * q_stride; i++)
        q[i] = i % q_stride % s.query_head() < s.nope || (i % q_stride % s.query_head() >= s.nope_p &&
                                                          i % q_stride % s.query_head() < s.nope_p + s.rope)
                   ? next_random()
                   : 0.0f;
    for (int i = 0; i < n * kv_stride; i++) kv_a[i] = 3 * next_random();
    for (int i = 0; i < s.latent; i++) norm[i] = 1 + next_random() / 2;
    half *w_uk = new_host<half>(H * s.latent_p * s.nope_p), *w_uv = new_host<half>(H * s.v_p * s.latent_p);
    for (int h = 0; h < H; h++)
        for (int l = 0; l < s.latent; l++) {
            for (int d = 0; d < s.nope; d++)
                w_uk[(h * s.latent_p + l) * s.nope_p + d] = __float2half_rn(next_random() / 4);
            for (int d = 0; d < s.v; d++)
                w_uv[(h * s.v_p + d) * s.latent_p + l] = __float2half_rn(next_random());
        }

    int *tables_d = to_device(tables, n_tables), *offset_d = to_device(offset, n),
        *position_d = to_device(p.position, n);
    int *cache_row_d = to_device(cache_row, n), *rows_d = to_device(rows, n);
    float2 *angle_d = to_device(angle, n * pairs);
    half *cache_d = to_device(cache, (size_t)n_blocks * CACHE_BLOCK * cached);
    float *q_d = to_device(q, n * q_stride), *kv_a_d = to_device(kv_a, n * kv_stride),
          *norm_d = to_device(norm, s.latent);
    half *w_uk_d = to_device(w_uk, H * s.latent_p * s.nope_p),
         *w_uv_d = to_device(w_uv, H * s.v_p * s.latent_p);
    half *query_d = on_device<half>(n * H * cached, 0),
         *queries_d = on_device<half>(n * H * s.query_head(), 0);
    float *attended_d = on_device<float>(n * out_stride, 0);
    int splits = latent_splits(n, 28);
    assert_true(splits >= 1 && splits <= MAX_SPLITS);
    latent_partials partials = {on_device<half>((size_t)n * splits * H * s.latent_p, 0),
                                on_device<float2>(n * splits * H, 0), splits};
    step_rows on_card = {nullptr, position_d, cache_row_d, offset_d, tables_d, angle_d, nullptr, rows_d};
    projected_rows from = {q_d, (size_t)q_stride, kv_a_d, (size_t)kv_stride, norm_d};
    if (!p.fused) expect_cuda(store_rows(nullptr, s, on_card, n, from, cache_d, queries_d), "store_rows");
    expect_cuda(absorb_queries(nullptr, s, on_card, n, from, w_uk_d, query_d, p.fused ? n : 0, cache_d),
                "absorb_queries");
    expect_cuda(attend_latents(nullptr, s, on_card, n, query_d, cache_d, partials), "attend_latents");
    expect_cuda(project_values(nullptr, s, on_card, n, partials, w_uv_d, attended_d, out_stride),
                "project_values");

    half *stored = to_host(cache_d, (size_t)n_blocks * CACHE_BLOCK * cached),
         *query = to_host(query_d, n * H * cached);
    half *queries = to_host(queries_d, n * H * s.query_head());
    float *attended = to_host(attended_d, n * out_stride);
    double *turned = new_host<double>(s.rope), *mean = new_host<double>(s.latent),
           *spread = new_host<double>(s.latent);
    double *score = new_host<double>(1 << 17);
    for (int r = 0; r < n; r++) {
        const float *c = kv_a + r * kv_stride;
        const half *row = stored + (size_t)cache_row[r] * cached;
        double squares = 0;
        for (int i = 0; i < s.latent; i++) squares += (double)c[i] * c[i];
        for (int i = 0; i < s.latent; i++) {
            double expected = c[i] / sqrt(squares / s.latent + 1e-6) * norm[i];
            expect_near(__half2float(row[i]), expected, ROUNDING * fabs(expected) + 1e-7, "latent", r, 0, i);
        }
        rotate(s, angle + r * pairs, c + s.latent, turned);
        for (int i = 0; i < s.rope; i++)
            expect_near(__half2float(row[s.latent_p + i]), turned[i], ROUNDING * fabs(turned[i]) + 1e-5,
                        "rope key", r, 0, i);
        for (int h = 0; h < H; h++) {
            const float *head = q + r * q_stride + h * s.query_head();
            const half *absorbed = query + (r * H + h) * cached;
            for (int l = 0; l < s.latent; l++) {
                double sum = 0, magnitude = 0;
                for (int d = 0; d < s.nope; d++) {
                    double term = (double)head[d] * __half2float(w_uk[(h * s.latent_p + l) * s.nope_p + d]) *
                                  s.scale_log2;
                    sum += term, magnitude += fabs(term);
                }
                expect_near(__half2float(absorbed[l]), sum, 2 * ROUNDING * magnitude + 1e-6, "absorbed", r, h,
                            l);
            }
            rotate(s, angle + r * pairs, head + s.nope_p, turned);
            for (int i = 0; i < s.rope; i++) {
                double expected = turned[i] * s.scale_log2;
                expect_near(__half2float(absorbed[s.latent_p + i]), expected,
                            ROUNDING * fabs(expected) + 1e-6, "rope", r, h, i);
                if (!p.fused)
                    expect_near(__half2float(queries[(r * H + h) * s.query_head() + s.nope_p + i]), expected,
                                ROUNDING * fabs(expected) + 1e-6, "expanded rope", r, h, i);
            }
            for (int d = 0; d < s.nope && !p.fused; d++)
                expect_near(__half2float(queries[(r * H + h) * s.query_head() + d]),
                            (double)head[d] * s.scale_log2, ROUNDING * fabs(head[d] * s.scale_log2) + 1e-7,
                            "expanded query", r, h, d);

            int length = p.position[r] + 1;
            double largest = -INFINITY, sum = 0;
            memset(mean, 0, s.latent * sizeof *mean), memset(spread, 0, s.latent * sizeof *spread);
            for (int pass = 0; pass < 2; pass++)
                for (int at = 0; at < length; at++) {
                    const half *token = stored + (size_t)(tables[offset[r] + at / CACHE_BLOCK] * CACHE_BLOCK +
                                                          at % CACHE_BLOCK) *
                                                     cached;
                    if (pass == 0) {
                        score[at] = 0;
                        for (int i = 0; i < cached; i++)
                            score[at] += (double)__half2float(absorbed[i]) * __half2float(token[i]);
                        largest = fmax(largest, score[at]);
                        continue;
                    }
                    double weight = exp2(score[at] - largest);
                    sum += weight;
                    for (int l = 0; l < s.latent; l++)
                        mean[l] += weight * __half2float(token[l]),
                            spread[l] += weight * fabs(__half2float(token[l]));
                }
            for (int d = 0; d < s.v; d++) {
                double expected = 0, magnitude = 0;
                for (int l = 0; l < s.latent; l++) {
                    double w = __half2float(w_uv[(h * s.v_p + d) * s.latent_p + l]);
                    expected += w * mean[l] / sum, magnitude += fabs(w) * spread[l] / sum;
                }
                // Rounded: a weight, the split's mean, the combined mean.
                expect_near(attended[r * out_stride + h * s.v_p + d], expected,
                            3 * ROUNDING * magnitude + 1e-6, "attended", r, h, d);
            }
            for (int d = s.v; d < s.v_p; d++) assert_true(attended[r * out_stride + h * s.v_p + d] == 0.0f);
        }
    }
    void *device_side[] = {tables_d, offset_d,  position_d, cache_row_d,   rows_d,          angle_d,
                           cache_d,  q_d,       kv_a_d,     norm_d,        w_uk_d,          w_uv_d,
                           query_d,  queries_d, attended_d, partials.mean, partials.max_sum};
    for (void *x : device_side) expect_cuda(cudaFree(x), "cudaFree");
    void *host_side[] = {tables, offset, cache_row, rows,    angle,    cache,  q,    kv_a,   norm, w_uk,
                         w_uv,   stored, query,     queries, attended, turned, mean, spread, score};
    for (void *x : host_side) free(x);
}

void test_odd_shapes(void **state) {
    (void)state;
    const int position[] = {0, 31, 32, 100, 7, 333, 64, 1, 2, 3, 45, 95, 96, 700, 5, 6, 12, 40};
    const problem shapes[] = {
        {3, 20, 12, 28, 24, true, 1, position + 5, true}, {8, 16, 16, 32, 64, false, 5, position, true},
        {1, 32, 8, 16, 40, true, 9, position, true},      {17, 8, 4, 20, 32, true, 3, position + 2, false},
        {4, 16, 8, 16, 32, true, 18, position, false},    {2, 128, 64, 128, 512, false, 16, position, true}};
    for (const problem &p : shapes) check(p);
}

void test_published_shape(void **state) {
    (void)state;
    const int position[] = {2047, 130};
    check({16, 128, 64, 128, 512, true, 1, position, true});
    check({16, 128, 64, 128, 512, true, 2, position, false});
}

} // namespace

int main() {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_odd_shapes),
                                       cmocka_unit_test(test_published_shape)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
