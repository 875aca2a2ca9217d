// attend_expanded against the formula of backend.h in double precision, from the same fp16 queries, cache and weights.
//
// Tolerance: keys, values and softmax weights are rounded to fp16 once each (relative error up to 2^-11), and a key's
// rounding moves a weight by about as much again, scores being a few units. So an output, a weighted mean of values,
// may differ by 4 * 2^-11 of the weighted mean of their magnitudes; fp32 sums add nothing that shows.
#include "device_array.cuh"
#include "heads.cuh"
#include "kernels/cuda/kernels.cuh"

#include <math.h>
#include <string.h>
#include <vector>

namespace {

constexpr double TOLERANCE = 4.0 / 2048;
constexpr int ROWS_BEFORE = 3, ROWS_AFTER = 2; // of other sequences in the step
constexpr int OTHER_BLOCKS = 3;                // of other sequences in the cache and in the tables
constexpr size_t STRIDE_GAP = 8;               // `attended` may be wider than its values

constexpr heads PUBLISHED = {16, 128, 64, 128, 512}, PUBLISHED_FEW = {2, 128, 64, 128, 512};
constexpr heads ODD = {3, 20, 12, 28, 24}, SMALL = {8, 16, 16, 32, 64};
constexpr heads ONE = {1, 20, 12, 28, 24}, MANY = {17, 40, 34, 72, 100};

// Uniform with the given standard deviation; a seed a call, so that cases do not depend on each other.
struct source {
    uint64_t state;
};

float draw(source *from, float deviation) {
    from->state = from->state * 6364136223846793005u + 1442695040888963407u;
    return ((float)(from->state >> 40) / (1 << 23) - 1.0f) * 1.7320508f * deviation;
}

// Rows of two padded parts: first_p values of which `first` are drawn, then second_p of which `second` are.
void draw_parts(source *from, half *row, int first, int first_p, float first_deviation, int second,
                int second_p, float second_deviation) {
    for (int i = 0; i < first_p + second_p; i++) {
        bool in_first = i < first_p, exists = in_first ? i < first : i - first_p < second;
        row[i] = __float2half(exists ? draw(from, in_first ? first_deviation : second_deviation) : 0.0f);
    }
}

// Inputs in host memory. The context lies in blocks of the cache that `table` names, in no order; all else is NaN.
struct inputs {
    head_shape s;
    expanded_run run;
    int n_step, context;
    std::vector<half> queries, cache, w_uk, w_uv;
    std::vector<int> table, table_offset;
};

void make_table(inputs *in, int n_blocks) {
    in->table.assign(OTHER_BLOCKS + n_blocks, INT32_MAX);
    for (int b = 0; b < n_blocks; b++) in->table[OTHER_BLOCKS + b] = OTHER_BLOCKS + n_blocks - 1 - b;
    for (int b = 0; b + 2 < n_blocks; b += 3) {
        int *pair = &in->table[OTHER_BLOCKS + b];
        int first = pair[0];
        pair[0] = pair[2], pair[2] = first;
    }
    in->table_offset.assign(in->n_step, INT32_MAX);
    for (int r = 0; r < in->run.n_rows; r++) in->table_offset[in->run.first_row + r] = OTHER_BLOCKS;
}

const half *cached_row(const inputs *in, int position) {
    int block = in->table[OTHER_BLOCKS + position / CACHE_BLOCK];
    return &in->cache[(size_t)(block * CACHE_BLOCK + position % CACHE_BLOCK) * in->s.cached()];
}

// Queries such that scores deviate by 3 powers of two; keys and values of deviation 1.
inputs make_inputs(const heads &h, int start, int n_rows) {
    inputs in = {};
    head_shape s = in.s = shape_of(h);
    in.run = {ROWS_BEFORE, n_rows, start};
    in.n_step = ROWS_BEFORE + n_rows + ROWS_AFTER;
    in.context = start + n_rows;
    source from = {(uint64_t)start * 1000003 + n_rows};

    int n_blocks = (in.context + CACHE_BLOCK - 1) / CACHE_BLOCK;
    make_table(&in, n_blocks);
    in.cache.resize((size_t)(OTHER_BLOCKS + n_blocks) * CACHE_BLOCK * s.cached());
    memset(static_cast<void *>(in.cache.data()), 0xff, in.cache.size() * sizeof(half));
    for (int p = 0; p < in.context; p++)
        draw_parts(&from, const_cast<half *>(cached_row(&in, p)), s.latent, s.latent_p, 1, s.rope, s.rope_p,
                   1);

    in.queries.resize((size_t)in.n_step * s.n_heads * s.query_head());
    float deviation = 3 / sqrtf((float)(s.nope + s.rope));
    for (size_t at = 0; at < in.queries.size(); at += s.query_head())
        draw_parts(&from, &in.queries[at], s.nope, s.nope_p, deviation, s.rope, s.rope_p, deviation);

    float weight = 1 / sqrtf((float)s.latent);
    in.w_uk.resize((size_t)s.n_heads * s.latent_p * s.nope_p);
    for (size_t row = 0; row < (size_t)s.n_heads * s.latent_p; row++)
        draw_parts(&from, &in.w_uk[row * s.nope_p], row % s.latent_p < (size_t)s.latent ? s.nope : 0,
                   s.nope_p, weight, 0, 0, 0);
    in.w_uv.resize((size_t)s.n_heads * s.v_p * s.latent_p);
    for (size_t row = 0; row < (size_t)s.n_heads * s.v_p; row++)
        draw_parts(&from, &in.w_uv[row * s.latent_p], row % s.v_p < (size_t)s.v ? s.latent : 0, s.latent_p,
                   weight, 0, 0, 0);
    return in;
}

// ---- the reference ----

// A head's keys [context, nope + rope] and values [context, v].
struct head_context {
    std::vector<double> keys, values;
};

head_context expand_head(const inputs *in, int h) {
    const head_shape &s = in->s;
    size_t key = s.nope + s.rope, v = s.v;
    std::vector<double> w_uk((size_t)s.latent * s.nope),
        w_uv((size_t)s.latent * v); // [latent, nope], [latent, v]
    for (int l = 0; l < s.latent; l++) {
        for (int i = 0; i < s.nope; i++)
            w_uk[(size_t)l * s.nope + i] =
                __half2float(in->w_uk[((size_t)h * s.latent_p + l) * s.nope_p + i]);
        for (int i = 0; i < s.v; i++)
            w_uv[l * v + i] = __half2float(in->w_uv[((size_t)h * s.v_p + i) * s.latent_p + l]);
    }
    head_context out = {std::vector<double>(in->context * key), std::vector<double>(in->context * v)};
    for (int p = 0; p < in->context; p++) {
        const half *c = cached_row(in, p);
        double *k = &out.keys[p * key], *value = &out.values[p * v];
        for (int l = 0; l < s.latent; l++) {
            double x = __half2float(c[l]);
            for (int i = 0; i < s.nope; i++) k[i] += x * w_uk[(size_t)l * s.nope + i];
            for (int i = 0; i < s.v; i++) value[i] += x * w_uv[l * v + i];
        }
        for (int i = 0; i < s.rope; i++) k[s.nope + i] = __half2float(c[s.latent_p + i]);
    }
    return out;
}

// out [v] = the weighted mean of values, magnitude [v] = of their magnitudes, for a row of the run.
void attend_row(const inputs *in, int h, const head_context *of, int row, double *out, double *magnitude) {
    const head_shape &s = in->s;
    size_t key = s.nope + s.rope, v = s.v;
    const half *q = &in->queries[((size_t)(in->run.first_row + row) * s.n_heads + h) * s.query_head()];
    std::vector<double> query(key), score(in->run.start + row + 1);
    for (size_t i = 0; i < key; i++)
        query[i] = __half2float(q[i < (size_t)s.nope ? i : i - s.nope + s.nope_p]);
    double max = -INFINITY, sum = 0;
    for (size_t p = 0; p < score.size(); p++) {
        for (size_t i = 0; i < key; i++) score[p] += query[i] * of->keys[p * key + i];
        max = fmax(max, score[p]);
    }
    memset(out, 0, v * sizeof *out);
    memset(magnitude, 0, v * sizeof *magnitude);
    for (size_t p = 0; p < score.size(); p++) {
        double weight = exp2(score[p] - max);
        sum += weight;
        for (size_t i = 0; i < v; i++) {
            out[i] += weight * of->values[p * v + i];
            magnitude[i] += weight * fabs(of->values[p * v + i]);
        }
    }
    for (size_t i = 0; i < v; i++) out[i] /= sum, magnitude[i] /= sum;
}

// ---- the device ----

// n values that nothing has been written to yet.
template <typename T> T *allocate(size_t n) {
    T *p;
    expect_cuda(cudaMalloc(&p, n * sizeof(T)), "cudaMalloc");
    return p;
}

template <typename T> T *upload(const std::vector<T> &values) {
    return to_device(values.data(), values.size());
}

// `attended` of the whole step, which held NaN before. Scratch is as large as the context needs and holds nothing.
std::vector<float> attended_on_device(const inputs *in) {
    const head_shape &s = in->s;
    size_t tokens = in->context < EXPAND_TOKENS ? in->context : EXPAND_TOKENS;
    size_t stride = (size_t)s.n_heads * s.v_p + STRIDE_GAP;
    half *queries = upload(in->queries), *cache = upload(in->cache), *w_uk = upload(in->w_uk),
         *w_uv = upload(in->w_uv);
    int *tables = upload(in->table), *table_offset = upload(in->table_offset);
    expand_scratch scratch = {allocate<half>(tokens * s.cached()),
                              allocate<half>(tokens * s.n_heads * s.expanded_head()),
                              allocate<float2>((size_t)in->n_step * s.n_heads)};
    std::vector<float> out(in->n_step * stride, NAN);
    float *attended = upload(out);
    step_rows rows = {};
    rows.tables = tables, rows.table_offset = table_offset;

    cudaStream_t stream;
    cublasHandle_t cublas;
    expect_cuda(cudaStreamCreate(&stream), "cudaStreamCreate");
    assert_int_equal(cublasCreate(&cublas), CUBLAS_STATUS_SUCCESS);
    assert_int_equal(cublasSetStream(cublas, stream), CUBLAS_STATUS_SUCCESS);
    expect_cuda(attend_expanded(stream, cublas, s, rows, in->run, queries, cache, w_uk, w_uv, scratch,
                                attended, stride),
                "attend_expanded");
    expect_cuda(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
    expect_cuda(cudaMemcpy(out.data(), attended, out.size() * sizeof(float), cudaMemcpyDeviceToHost),
                "cudaMemcpy");

    void *buffers[] = {
        queries,          cache,           w_uk,    w_uv, tables, table_offset, scratch.latents,
        scratch.expanded, scratch.max_sum, attended};
    for (void *p : buffers) expect_cuda(cudaFree(p), "cudaFree");
    cublasDestroy(cublas);
    expect_cuda(cudaStreamDestroy(stream), "cudaStreamDestroy");
    return out;
}

// ---- the comparison ----

void check_untouched(const inputs *in, const std::vector<float> &attended) {
    size_t width = (size_t)in->s.n_heads * in->s.v_p, stride = width + STRIDE_GAP;
    for (size_t i = 0; i < attended.size(); i++) {
        size_t row = i / stride;
        bool in_run = row >= ROWS_BEFORE && row < (size_t)(ROWS_BEFORE + in->run.n_rows);
        if ((!in_run || i % stride >= width) && !isnan(attended[i]))
            fail_msg("wrote to row %zu, column %zu", row, i % stride);
    }
}

// The largest error in units of the tolerance.
double check_row(const inputs *in, int h, const head_context *of, int row, const float *got) {
    std::vector<double> want(in->s.v), magnitude(in->s.v);
    attend_row(in, h, of, row, want.data(), magnitude.data());
    double worst = 0;
    for (int i = 0; i < in->s.v_p; i++) {
        double expected = i < in->s.v ? want[i] : 0, allowed = i < in->s.v ? TOLERANCE * magnitude[i] : 0;
        double error = fabs(got[i] - expected);
        if (!(error <= allowed))
            fail_msg("row %d, head %d, value %d: %g, expected %g +- %g", row, h, i, (double)got[i], expected,
                     allowed);
        if (allowed > 0) worst = fmax(worst, error / allowed);
    }
    return worst;
}

void compare(const heads &h, int start, int n_rows) {
    inputs in = make_inputs(h, start, n_rows);
    std::vector<float> attended = attended_on_device(&in);
    check_untouched(&in, attended);
    size_t stride = (size_t)h.n * in.s.v_p + STRIDE_GAP;
    double worst = 0;
    for (int head = 0; head < h.n; head++) {
        head_context of = expand_head(&in, head);
        for (int row = 0; row < n_rows; row++)
            worst = fmax(worst, check_row(&in, head, &of, row,
                                          &attended[(ROWS_BEFORE + row) * stride + (size_t)head * in.s.v_p]));
    }
    print_message("%d heads, %d rows from %d: largest error %.2f of the tolerance\n", h.n, n_rows, start,
                  worst);
}

// ---- the tests ----

void published_shape(void **) {
    compare(PUBLISHED, 0, 512);
}

void published_heads_later_in_a_sequence(void **) {
    compare(PUBLISHED_FEW, 301, 65);
}

void odd_shapes(void **) {
    compare(ODD, 0, 130);
    compare(ODD, 95, 17);
    compare(SMALL, 700, 64);
    compare(MANY, 45, 65);
    compare(MANY, 0, 1);
}

void every_run_length_around_a_tile(void **) {
    const int lengths[] = {1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 130};
    for (int n : lengths) {
        compare(ONE, 0, n);
        compare(ONE, 61, n);
    }
}

void several_stretches(void **) {
    compare(ODD, EXPAND_TOKENS - 90, 190);      // some tiles, and some rows of a tile, end before the border
    compare(ONE, EXPAND_TOKENS + 50, 50);       // all rows see both stretches
    compare(ONE, EXPAND_TOKENS - 64, 64);       // the context ends at the border
    compare(ONE, EXPAND_TOKENS - 1, 2);         // a row on either side
    compare(ONE, 2 * EXPAND_TOKENS - 100, 165); // three, the last one of 65 tokens
}

void same_bits_every_run(void **) {
    inputs in = make_inputs(ODD, EXPAND_TOKENS - 40, 100);
    std::vector<float> first = attended_on_device(&in), second = attended_on_device(&in);
    assert_memory_equal(first.data(), second.data(), first.size() * sizeof(float));
}

} // namespace

int main(void) {
    const CMUnitTest tests[] = {
        cmocka_unit_test(published_shape),   cmocka_unit_test(published_heads_later_in_a_sequence),
        cmocka_unit_test(odd_shapes),        cmocka_unit_test(every_run_length_around_a_tile),
        cmocka_unit_test(several_stretches), cmocka_unit_test(same_bits_every_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
