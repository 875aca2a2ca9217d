// linear_rows against sums in double precision over the same rounded operands: fp32 sums of k terms in another order
// differ by some k roundings of the sum of magnitudes. With bf16 the inputs are two terms, whose sum is the input to
// 2^-16.
#include "device_array.cuh"
#include "kernels/cuda/kernels.cuh"

#include <math.h>

namespace {

struct shape {
    int n_out, n_in, n;
};

// Weights as the device holds them, and as doubles.
template <typename T> T narrow(float x);
template <> half narrow<half>(float x) {
    return __float2half_rn(x);
}
template <> __nv_bfloat16 narrow<__nv_bfloat16>(float x) {
    return __float2bfloat16_rn(x);
}
dtype type_of(half) {
    return DTYPE_F16;
}
dtype type_of(__nv_bfloat16) {
    return DTYPE_BF16;
}
double widen(half x) {
    return __half2float(x);
}
double widen(__nv_bfloat16 x) {
    return __bfloat162float(x);
}

template <typename T> void check(shape s, linear_effect effect, bool normed, bool biased) {
    device_matrix w = {nullptr, nullptr, s.n_out, padded(s.n_out, TILE_OUTPUTS), padded(s.n_in, INPUT_PAD)};
    int in_p = w.n_in_p, out_stride = s.n_out + 3, tiles = w.n_out_p / TILE_OUTPUTS,
        in_tiles = in_p / TILE_OUTPUTS;
    T *weights = new_host<T>((size_t)w.n_out_p * in_p);
    float *x = new_host<float>(s.n * in_p), *norm = new_host<float>(in_p),
          *squares = new_host<float>(s.n * in_tiles);
    float *bias = new_host<float>(w.n_out_p), *out = new_host<float>(s.n * out_stride);
    for (int o = 0; o < s.n_out; o++)
        for (int k = 0; k < s.n_in; k++)
            weights[(size_t)o * in_p + packed_column(k)] = narrow<T>(next_random());
    for (int o = 0; o < s.n_out; o++) bias[o] = biased ? next_random() : 0;
    for (int k = 0; k < s.n_in; k++) norm[k] = 1 + next_random() / 2;
    for (int i = 0; i < s.n * out_stride; i++) out[i] = next_random();
    for (int r = 0; r < s.n; r++)
        for (int k = 0; k < s.n_in; k++) {
            x[r * in_p + k] = 3 * next_random();
            squares[r * in_tiles + k / TILE_OUTPUTS] += x[r * in_p + k] * x[r * in_p + k];
        }

    T *weights_d = to_device(weights, (size_t)w.n_out_p * in_p);
    float *x_d = to_device(x, s.n * in_p), *norm_d = to_device(norm, in_p),
          *bias_d = to_device(bias, w.n_out_p);
    float *squares_d = to_device(squares, s.n * in_tiles), *out_d = to_device(out, s.n * out_stride);
    float *out_squares_d = on_device<float>(s.n * tiles, 0);
    w.data = weights_d, w.bias = biased ? bias_d : nullptr;
    linear_input in = {x_d, (size_t)in_p, s.n, nullptr, nullptr, 0, 0, 0, 0};
    if (normed) in.norm = norm_d, in.squares = squares_d, in.squares_stride = in.n_squares = in_tiles;
    in.width = (float)s.n_in, in.epsilon = 1e-6f;
    linear_result result = {effect, out_d, (size_t)out_stride,
                            effect == LINEAR_GATE ? nullptr : out_squares_d, tiles};
    dtype type = type_of(T());
    expect_cuda(linear_rows(nullptr, type, in, w, result), "linear_rows");
    float *found = to_host(out_d, s.n * out_stride), *found_squares = to_host(out_squares_d, s.n * tiles);

    double *y = new_host<double>(w.n_out_p), *bound = new_host<double>(w.n_out_p);
    for (int r = 0; r < s.n; r++) {
        double sum = 0;
        for (int t = 0; t < in_tiles; t++) sum += squares[r * in_tiles + t];
        double scale = normed ? 1 / sqrt(sum / s.n_in + 1e-6) : 1;
        for (int o = 0; o < s.n_out; o++) {
            y[o] = bias[o], bound[o] = 1e-7;
            for (int k = 0; k < s.n_in; k++) {
                double value = x[r * in_p + k] * scale * (normed ? norm[k] : 1);
                double used = type == DTYPE_F16 ? __half2float(__float2half_rn((float)value)) : value;
                double term = used * widen(weights[(size_t)o * in_p + packed_column(k)]);
                y[o] += term;
                // With a norm the input's own fp32 rounding may tip its rounding to 16 bits: one unit of fp16.
                bound[o] += fabs(term) * (type == DTYPE_BF16 ? 1e-5 : normed ? 2e-6 : 1e-6);
            }
            if (type == DTYPE_F16 && normed) bound[o] += 2e-3;
        }
        for (int i = 0; i < out_stride; i++) {
            double expected = out[r * out_stride + i], allowed = 0;
            if (effect == LINEAR_GATE) {
                int gate = i / 8 * 16 + i % 8;
                if (i < s.n_out / 2) {
                    expected = y[gate] / (1 + exp(-y[gate])) * y[gate + 8];
                    allowed =
                        (bound[gate] * 1.2 * fabs(y[gate + 8]) + bound[gate + 8] * fabs(y[gate])) + 1e-6;
                }
            } else if (i < s.n_out) {
                expected = y[i] + (effect == LINEAR_RESIDUAL ? expected : 0), allowed = bound[i];
            }
            double difference = fabs(found[r * out_stride + i] - expected);
            if (!(difference <= allowed))
                fail_msg(
                    "out %d in %d n %d effect %d norm %d bias %d: row %d output %d: %g, expected %g within %g",
                    s.n_out, s.n_in, s.n, effect, normed, biased, r, i, found[r * out_stride + i], expected,
                    allowed);
        }
        for (int t = 0; t < tiles && effect != LINEAR_GATE; t++) {
            double square = 0;
            for (int o = t * TILE_OUTPUTS; o < s.n_out && o < (t + 1) * TILE_OUTPUTS; o++)
                square += pow(found[r * out_stride + o], 2);
            assert_true(fabs(found_squares[r * tiles + t] - square) <= 1e-5 * square + 1e-9);
        }
    }
    void *on_card[] = {weights_d, x_d, norm_d, bias_d, squares_d, out_d, out_squares_d};
    for (void *p : on_card) expect_cuda(cudaFree(p), "cudaFree");
    void *on_host[] = {weights, x, norm, squares, bias, out, found, found_squares, y, bound};
    for (void *p : on_host) free(p);
}

void test_odd_sizes(void **state) {
    (void)state;
    const int outs[] = {1, 8, 17, 72, 112}, ins[] = {1, 40, 64, 72, 200, 650},
              ns[] = {1, 2, 7, 8, 9, 15, 16, 33};
    int turn = 0;
    for (int n_out : outs)
        for (int n_in : ins)
            for (int n : ns) {
                linear_effect effect = turn % 3 == 2   ? LINEAR_GATE
                                       : turn % 3 == 1 ? LINEAR_RESIDUAL
                                                       : LINEAR_STORE;
                shape s = {effect == LINEAR_GATE ? padded(n_out, 16) : n_out, n_in, n};
                if (turn % 2)
                    check<half>(s, effect, turn % 5 < 2, turn % 7 < 2);
                else
                    check<__nv_bfloat16>(s, effect, turn % 5 < 2, turn % 7 < 2);
                turn++;
            }
}

void test_published_sizes(void **state) {
    (void)state;
    check<half>({2112, 2048, 1}, LINEAR_STORE, true, false);
    check<half>({256, 6144, 1}, LINEAR_RESIDUAL, false, false);
    check<half>({512, 1536, 16}, LINEAR_STORE, true, false);
    check<__nv_bfloat16>({512, 2048, 1}, LINEAR_GATE, true, false);
}

} // namespace

int main() {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_odd_sizes),
                                       cmocka_unit_test(test_published_sizes)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
