// attend_latents and project_values against the formulas of kernels.cuh in double precision, each from the same fp16
// inputs: the first from queries and cache, the second from the splits' means that the first left.
//
// Tolerances. A token's weight is rounded to fp16 before it is used in mean and sum (2^-11 of it on either side of the
// fraction; 2^-25 of the largest weight where it is small), a split's mean is rounded to fp16: 3 * 2^-11 of the weighted
// mean of magnitudes; scores in fp32 move the weights by less than another 2^-11. The combined mean is rounded to fp16
// once: 2^-11 of the magnitudes that the product with W_uv adds, and fp32 sums 1e-5.
#include "device_array.cuh"
#include "heads.cuh"
#include "kernels/cuda/kernels.cuh"

#include <math.h>
#include <string.h>
#include <vector>

namespace {

constexpr heads PUBLISHED = {16, 128, 64, 128, 512}, ODD = {3, 20, 12, 28, 24}, SMALL = {8, 16, 16, 32, 64};
constexpr heads ONE = {1, 20, 12, 28, 24}, MANY = {17, 72, 34, 36, 100};

constexpr int MULTIPROCESSORS = 28;
constexpr size_t STRIDE_GAP = 8; // `attended` may be wider than its values

// Rows of a step, one before them that is not absorbed. Each is the last of its own sequence, whose blocks lie in the
// cache in no order; what no row may read is NaN, or a block that does not exist.
struct inputs {
    head_shape s;
    int n, n_splits;
    std::vector<int> position, table_offset, tables, absorbed_row;
    std::vector<half> query, cache, w_uv;
    size_t attended_stride;
};

void draw_parts(half *row, const head_shape &s, float magnitude) {
    for (int i = 0; i < s.cached(); i++) {
        bool exists = i < s.latent_p ? i < s.latent : i - s.latent_p < s.rope;
        row[i] = __float2half(exists ? magnitude * next_random() : 0.0f);
    }
}

inputs make_inputs(const heads &h, const std::vector<int> &lengths, int n_splits) {
    inputs in;
    head_shape s = in.s = shape_of(h);
    in.n = (int)lengths.size(), in.n_splits = n_splits;
    const half nan = __float2half(NAN);
    in.position.push_back(INT32_MAX), in.table_offset.push_back(INT32_MAX);
    int n_blocks = 0;
    for (int length : lengths) n_blocks += (length + CACHE_BLOCK - 1) / CACHE_BLOCK;
    in.cache.assign((size_t)n_blocks * CACHE_BLOCK * s.cached(), nan);
    int block = n_blocks;
    for (int i = 0; i < in.n; i++) {
        in.absorbed_row.push_back(i + 1);
        in.position.push_back(lengths[i] - 1);
        in.table_offset.push_back((int)in.tables.size());
        for (int p = 0; p < lengths[i]; p++) {
            if (p % CACHE_BLOCK == 0) in.tables.push_back(--block);
            draw_parts(&in.cache[(size_t)(block * CACHE_BLOCK + p % CACHE_BLOCK) * s.cached()], s, 1.5f);
        }
        in.tables.push_back(INT32_MAX / s.cached()); // beyond the sequence
    }
    // Scores of some units of deviation, as in a model: products of 1.5 u v over latent + rope values.
    float magnitude = 8.0f / sqrtf((float)(s.latent + s.rope));
    in.query.assign((size_t)(in.n + 1) * s.n_heads * s.cached(), nan);
    for (int i = s.n_heads; i < (in.n + 1) * s.n_heads; i++)
        draw_parts(&in.query[(size_t)i * s.cached()], s, magnitude);
    in.w_uv.assign((size_t)s.n_heads * s.v_p * s.latent_p, __float2half(0));
    for (int i = 0; i < s.n_heads * s.v; i++)
        for (int l = 0; l < s.latent; l++)
            in.w_uv[((size_t)(i / s.v) * s.v_p + i % s.v) * s.latent_p + l] = __float2half(next_random());
    in.attended_stride = s.n_heads * s.v_p + STRIDE_GAP;
    return in;
}

// What the launches left; all bytes are 0xff where they wrote nothing.
struct results {
    std::vector<half> mean;
    std::vector<float2> max_sum;
    std::vector<float> attended;
};

template <typename T> std::vector<T> fetch(T *device, size_t n) {
    T *host = to_host(device, n);
    std::vector<T> v(host, host + n);
    free(host);
    expect_cuda(cudaFree(device), "cudaFree");
    return v;
}

results run(const inputs &in) {
    const head_shape &s = in.s;
    size_t n_partials = (size_t)in.n * in.n_splits * s.n_heads, n_attended = (in.n + 1) * in.attended_stride;
    latent_partials partials = {on_device<half>(n_partials * s.latent_p, 0xff),
                                on_device<float2>(n_partials, 0xff), in.n_splits};
    float *attended = on_device<float>(n_attended, 0xff);
    half *query = to_device(in.query.data(), in.query.size()),
         *cache = to_device(in.cache.data(), in.cache.size());
    half *w_uv = to_device(in.w_uv.data(), in.w_uv.size());
    int *position = to_device(in.position.data(), in.position.size());
    int *table_offset = to_device(in.table_offset.data(), in.table_offset.size());
    int *tables = to_device(in.tables.data(), in.tables.size());
    int *absorbed_row = to_device(in.absorbed_row.data(), in.absorbed_row.size());

    step_rows rows = {};
    rows.position = position, rows.table_offset = table_offset, rows.tables = tables,
    rows.absorbed_row = absorbed_row;
    expect_cuda(attend_latents(nullptr, s, rows, in.n, query, cache, partials), "attend_latents");
    expect_cuda(project_values(nullptr, s, rows, in.n, partials, w_uv, attended, in.attended_stride),
                "project_values");
    results out = {fetch(partials.mean, n_partials * s.latent_p), fetch(partials.max_sum, n_partials),
                   fetch(attended, n_attended)};
    void *inputs_d[] = {query, cache, w_uv, position, table_offset, tables, absorbed_row};
    for (void *p : inputs_d) expect_cuda(cudaFree(p), "cudaFree");
    return out;
}

const half *token_of(const inputs &in, int i, int position) {
    int block = in.tables[in.table_offset[i + 1] + position / CACHE_BLOCK];
    return &in.cache[(size_t)(block * CACHE_BLOCK + position % CACHE_BLOCK) * in.s.cached()];
}

// A head's mean over all its tokens, and the mean of magnitudes [latent_p].
struct weighted {
    std::vector<double> mean, magnitude;
};

weighted expected_mean(const inputs &in, int i, int h) {
    const head_shape &s = in.s;
    int length = in.position[i + 1] + 1;
    const half *q = &in.query[((size_t)(i + 1) * s.n_heads + h) * s.cached()];
    std::vector<double> score(length);
    double largest = -INFINITY, sum = 0;
    for (int p = 0; p < length; p++) {
        const half *c = token_of(in, i, p);
        for (int k = 0; k < s.cached(); k++) score[p] += (double)__half2float(q[k]) * __half2float(c[k]);
        largest = fmax(largest, score[p]);
    }
    for (double &x : score) sum += x = exp2(x - largest);
    weighted w = {std::vector<double>(s.latent_p), std::vector<double>(s.latent_p)};
    for (int p = 0; p < length; p++) {
        const half *c = token_of(in, i, p);
        for (int l = 0; l < s.latent_p; l++) {
            double term = score[p] / sum * __half2float(c[l]);
            w.mean[l] += term, w.magnitude[l] += fabs(term);
        }
    }
    return w;
}

// The splits' means combined; those without tokens must have left nothing but (-inf, 0).
weighted combined_mean(const inputs &in, const results &out, int i, int h) {
    const head_shape &s = in.s;
    weighted w = {std::vector<double>(s.latent_p), std::vector<double>(s.latent_p)};
    double largest = -INFINITY, total = 0;
    for (int pass = 0; pass < 3; pass++)
        for (int split = 0; split < in.n_splits; split++) {
            size_t at = ((size_t)i * in.n_splits + split) * s.n_heads + h;
            float2 v = out.max_sum[at];
            const half *mean = &out.mean[at * s.latent_p];
            if (v.y == 0) {
                assert_true(v.x == -INFINITY);
                for (int b = 0; b < s.latent_p * 2; b++)
                    assert_int_equal(reinterpret_cast<const unsigned char *>(mean)[b], 0xff);
                continue;
            }
            assert_true(isfinite(v.x) && v.y >= 1);
            if (pass == 0) largest = fmax(largest, v.x);
            if (pass == 1) total += exp2(v.x - largest) * v.y;
            for (int l = 0; pass == 2 && l < s.latent_p; l++) {
                double term = exp2(v.x - largest) * v.y / total * __half2float(mean[l]);
                w.mean[l] += term, w.magnitude[l] += fabs(term);
            }
        }
    return w;
}

void expect_close(double found, double expected, double allowed, const char *what, int row, int h, int i) {
    if (!(fabs(found - expected) <= allowed))
        fail_msg("%s, row %d, head %d, value %d: %g, expected %g within %g", what, row, h, i, found, expected,
                 allowed);
}

void check_head(const inputs &in, const results &out, int i, int h) {
    const head_shape &s = in.s;
    weighted expected = expected_mean(in, i, h), found = combined_mean(in, out, i, h);
    double small_weights = (in.position[i + 1] + 1) * 1.5 / (1 << 25);
    for (int l = 0; l < s.latent_p; l++)
        expect_close(found.mean[l], expected.mean[l], 4.0 / 2048 * expected.magnitude[l] + small_weights,
                     "mean", i, h, l);
    for (int v = 0; v < s.v; v++) {
        double y = 0, magnitude = 0;
        for (int l = 0; l < s.latent; l++) {
            double term = found.mean[l] * __half2float(in.w_uv[((size_t)h * s.v_p + v) * s.latent_p + l]);
            y += term, magnitude += fabs(term);
        }
        double attended = out.attended[(i + 1) * in.attended_stride + h * s.v_p + v];
        expect_close(attended, y, (1.0 / 2048 + 1e-5) * magnitude + 1e-6, "attended", i, h, v);
    }
}

void expect_values_alone(const inputs &in, const results &out) {
    const head_shape &s = in.s;
    for (size_t i = 0; i < out.attended.size(); i++) {
        size_t row = i / in.attended_stride, column = i % in.attended_stride;
        bool value = row > 0 && column < (size_t)s.n_heads * s.v_p && (int)(column % s.v_p) < s.v;
        uint32_t bits;
        memcpy(&bits, &out.attended[i], sizeof bits);
        if (!value && bits != 0xffffffff) fail_msg("attended, row %zu: column %zu was written", row, column);
    }
}

void check(const heads &h, const std::vector<int> &lengths, int n_splits) {
    inputs in = make_inputs(h, lengths, n_splits);
    results out = run(in);
    for (int i = 0; i < in.n; i++)
        for (int head = 0; head < in.s.n_heads; head++) check_head(in, out, i, head);
    expect_values_alone(in, out);
}

void published_shape(void **) {
    check(PUBLISHED, {2048}, latent_splits(1, MULTIPROCESSORS));
    check(PUBLISHED, {5, 130, 700}, latent_splits(3, MULTIPROCESSORS));
}

void odd_shapes(void **) {
    check(ODD, {100, 1, 33, 64, 257}, 7);
    check(SMALL, {31, 32, 96}, 2);
    check(MANY, {77}, 3); // two tiles of heads
}

void every_length_around_a_tile(void **) {
    std::vector<int> lengths = {1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 95, 96, 97};
    check(ONE, lengths, 1);
    check(ONE, lengths, MAX_SPLITS);
}

void many_rows(void **) {
    check(ODD, std::vector<int>(8, 40), 2);
    check(ODD, std::vector<int>(9, 40), 2);
    check(SMALL, std::vector<int>(17, 70), 1); // two groups, the second of one row
}

// A score that is not a number shows in what it touches, and in nothing else.
void not_a_number_shows(void **) {
    inputs in = make_inputs(ODD, {40, 40}, 2);
    in.query[(size_t)(2 * in.s.n_heads + 1) * in.s.cached()] = __float2half(NAN); // second row, head 1
    results out = run(in);
    for (int i = 0; i < in.n * in.s.n_heads; i++) {
        float y = out.attended[(i / in.s.n_heads + 1) * in.attended_stride + i % in.s.n_heads * in.s.v_p];
        assert_int_equal(isnan(y) != 0, i == in.s.n_heads + 1);
    }
}

void same_bits_every_run(void **) {
    inputs in = make_inputs(SMALL, {300, 41}, 5);
    results first = run(in), second = run(in);
    assert_memory_equal(first.mean.data(), second.mean.data(), first.mean.size() * sizeof(half));
    assert_memory_equal(first.attended.data(), second.attended.data(), first.attended.size() * sizeof(float));
}

// One row takes every SM, few rows come out even, many rows are not split without end.
void splits_fill_the_card(void **) {
    assert_int_equal(latent_splits(1, 28), 28);
    assert_int_equal(latent_splits(1, 24), 24);
    assert_int_equal(latent_splits(1, 128), MAX_SPLITS);
    assert_int_equal(latent_splits(16, 28), 7);
    for (int n = 1; n <= 600; n++)
        for (int sms : {1, 24, 28, 128}) {
            int splits = latent_splits(n, sms);
            assert_in_range(splits, 1, MAX_SPLITS);
            assert_true(splits == 1 || n * splits <= 4 * sms);
        }
}

} // namespace

int main(void) {
    const CMUnitTest tests[] = {
        cmocka_unit_test(published_shape),
        cmocka_unit_test(odd_shapes),
        cmocka_unit_test(every_length_around_a_tile),
        cmocka_unit_test(many_rows),
        cmocka_unit_test(not_a_number_shows),
        cmocka_unit_test(same_bits_every_run),
        cmocka_unit_test(splits_fill_the_card),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
