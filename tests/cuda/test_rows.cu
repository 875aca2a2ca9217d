// What works along single rows, against double precision: sums of squares in fp32 are good to 1e-6.
#include "device_array.cuh"
#include "kernels/cuda/kernels.cuh"

#include <math.h>

namespace {

void test_embedding(void **state) {
    (void)state;
    constexpr int VOCAB = 5, WIDTH = 72, WIDTH_P = 128, N = 3, TILES = WIDTH_P / TILE_OUTPUTS;
    const int token[N] = {4, 0, 4};
    half *embedding = new_host<half>(VOCAB * WIDTH_P);
    for (int v = 0; v < VOCAB; v++)
        for (int i = 0; i < WIDTH; i++)
            embedding[v * WIDTH_P + packed_column(i)] = __float2half_rn(next_random());
    half *embedding_d = to_device(embedding, VOCAB * WIDTH_P);
    int *token_d = to_device(token, N);
    float *hidden_d = on_device<float>(N * WIDTH_P, 0xff), *squares_d = on_device<float>(N * TILES, 0xff);
    step_rows rows = {};
    rows.token = token_d;
    expect_cuda(embed_rows(nullptr, rows, N, embedding_d, DTYPE_F16, WIDTH_P, hidden_d, squares_d),
                "embed_rows");
    float *hidden = to_host(hidden_d, N * WIDTH_P), *squares = to_host(squares_d, N * TILES);
    for (int r = 0; r < N; r++) {
        double square = 0;
        for (int i = 0; i < WIDTH_P; i++) {
            float expected = __half2float(embedding[token[r] * WIDTH_P + packed_column(i)]);
            assert_true(hidden[r * WIDTH_P + i] == expected);
            square += (double)expected * expected;
            if (i % TILE_OUTPUTS != TILE_OUTPUTS - 1) continue;
            assert_true(fabs(squares[r * TILES + i / TILE_OUTPUTS] - square) <= 1e-6 * square);
            square = 0;
        }
    }
    expect_cuda(embed_rows(nullptr, rows, N, embedding_d, DTYPE_F16, WIDTH_P, hidden_d, nullptr),
                "embed_rows");
    void *on_card[] = {embedding_d, token_d, hidden_d, squares_d};
    for (void *p : on_card) expect_cuda(cudaFree(p), "cudaFree");
    free(embedding), free(hidden), free(squares);
}

// norm_rows, and round_rows in both types, of the same rows.
void check_norms(int n, int width, bool normed) {
    int width_p = padded(width, INPUT_PAD), stride = width + 5, out_stride = width + 1;
    float *x = new_host<float>(n * stride), *norm = new_host<float>(width_p);
    int *row = new_host<int>(n);
    for (int i = 0; i < n * stride; i++) x[i] = 20 * next_random();
    for (int i = 0; i < width; i++) norm[i] = 1 + next_random();
    for (int r = 0; r < n; r++) row[r] = (r * 3 + 1) % n;
    float *x_d = to_device(x, n * stride), *norm_d = to_device(norm, width_p),
          *out_d = on_device<float>(n * out_stride, 0xff);
    int *row_d = to_device(row, n);
    half *high_d = on_device<half>(n * width_p, 0xff);
    __nv_bfloat16 *top_d = on_device<__nv_bfloat16>(n * width_p, 0xff),
                  *low_d = on_device<__nv_bfloat16>(n * width_p, 0xff);
    const float *weight = normed ? norm_d : nullptr;
    expect_cuda(norm_rows(nullptr, x_d, stride, row_d, n, width, norm_d, 1e-6f, out_d, out_stride),
                "norm_rows");
    expect_cuda(
        round_rows(nullptr, x_d, stride, n, width, width_p, weight, 1e-6f, DTYPE_F16, high_d, nullptr),
        "round_rows");
    expect_cuda(round_rows(nullptr, x_d, stride, n, width, width_p, weight, 1e-6f, DTYPE_BF16, top_d, low_d),
                "round_rows");
    float *out = to_host(out_d, n * out_stride);
    half *high = to_host(high_d, n * width_p);
    __nv_bfloat16 *top = to_host(top_d, n * width_p), *low = to_host(low_d, n * width_p);
    for (int r = 0; r < n; r++) {
        double squares = 0, gathered = 0;
        for (int i = 0; i < width; i++)
            squares += pow(x[r * stride + i], 2), gathered += pow(x[row[r] * stride + i], 2);
        for (int i = 0; i < width_p; i++) {
            double value = i >= width ? 0 : x[r * stride + i];
            if (normed && i < width) value *= norm[i] / sqrt(squares / width + 1e-6);
            int at = r * width_p + packed_column(i);
            assert_true(fabs(__half2float(high[at]) - value) <= 5e-4 * fabs(value) + 1e-7);
            double both = (double)__bfloat162float(top[at]) + __bfloat162float(low[at]);
            assert_true(fabs(both - value) <= 2e-5 * fabs(value) + 1e-30);
            if (i >= width) continue;
            double expected = x[row[r] * stride + i] * norm[i] / sqrt(gathered / width + 1e-6);
            assert_true(fabs(out[r * out_stride + i] - expected) <= 2e-6 * fabs(expected));
        }
        assert_true(isnan(out[r * out_stride + width]));
    }
    void *on_card[] = {x_d, norm_d, out_d, row_d, high_d, top_d, low_d};
    for (void *p : on_card) expect_cuda(cudaFree(p), "cudaFree");
    void *on_host[] = {x, norm, row, out, high, top, low};
    for (void *p : on_host) free(p);
}

void test_norms(void **state) {
    (void)state;
    const int widths[] = {1, 40, 72, 257, 2048};
    for (int width : widths)
        for (int n = 1; n <= 5; n += 2) check_norms(n, width, n != 3);
}

void test_gates(void **state) {
    (void)state;
    constexpr int N = 2, WIDTH = 21, STRIDE = 48 + 3;
    float *gate_up = new_host<float>(N * STRIDE);
    for (int i = 0; i < N * STRIDE; i++) gate_up[i] = 100 * next_random();
    float *gate_up_d = to_device(gate_up, N * STRIDE), *gated_d = on_device<float>(N * (WIDTH + 1), 0xff);
    expect_cuda(gate_rows(nullptr, gate_up_d, STRIDE, N, WIDTH, gated_d, WIDTH + 1), "gate_rows");
    float *gated = to_host(gated_d, N * (WIDTH + 1));
    for (int r = 0; r < N; r++) {
        for (int i = 0; i < WIDTH; i++) {
            double gate = gate_up[r * STRIDE + i / 8 * 16 + i % 8],
                   up = gate_up[r * STRIDE + i / 8 * 16 + 8 + i % 8];
            double expected = gate / (1 + exp(-gate)) * up;
            assert_true(fabs(gated[r * (WIDTH + 1) + i] - expected) <= 1e-5 * fabs(expected) + 1e-35);
        }
        assert_true(isnan(gated[r * (WIDTH + 1) + WIDTH]));
    }
    expect_cuda(cudaFree(gate_up_d), "cudaFree");
    expect_cuda(cudaFree(gated_d), "cudaFree");
    free(gate_up), free(gated);
}

} // namespace

int main() {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_embedding), cmocka_unit_test(test_norms),
                                       cmocka_unit_test(test_gates)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
