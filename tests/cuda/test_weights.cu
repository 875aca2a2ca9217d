// Packing: every stored value at the place that its map names, in the type asked for, and nothing else written.
#include "device_array.cuh"
#include "kernels/cuda/kernels.cuh"

#include <limits.h>
#include <string.h>

namespace {

void check(const pack_map &map, int rows, int n_in, dtype from, dtype to, size_t n_out) {
    size_t from_bytes = dtype_bytes(from), to_bytes = dtype_bytes(to);
    unsigned char *stored = new_host<unsigned char>(rows * n_in * from_bytes);
    float *expected = new_host<float>(n_out), *value = new_host<float>(rows * n_in);
    for (int i = 0; i < rows * n_in; i++) {
        value[i] = next_random();
        half h = __float2half_rn(value[i]);
        __nv_bfloat16 b = __float2bfloat16_rn(value[i]);
        if (from == DTYPE_F16) value[i] = __half2float(h);
        if (from == DTYPE_BF16) value[i] = __bfloat162float(b);
        const void *bytes = from == DTYPE_F16    ? (const void *)&h
                            : from == DTYPE_BF16 ? (const void *)&b
                                                 : &value[i];
        memcpy(stored + i * from_bytes, bytes, from_bytes);
    }
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < n_in; c++) {
            int i = r % map.group;
            if (i < map.first || i >= map.end) continue;
            int j = c / map.column_group * map.column_group_stride + c % map.column_group;
            if (map.packed) j = packed_column(j);
            size_t at =
                r / map.group * map.group_stride + (i - map.first) * map.row_stride + j * map.column_stride;
            assert_true(at < n_out);
            float v = value[r * n_in + c];
            expected[at] = to == DTYPE_F16    ? __half2float(__float2half_rn(v))
                           : to == DTYPE_BF16 ? __bfloat162float(__float2bfloat16_rn(v))
                                              : v;
        }
    unsigned char *stored_d = to_device(stored, rows * n_in * from_bytes),
                  *out_d = on_device<unsigned char>(n_out * to_bytes, 0);
    // In two chunks, as an upload does it.
    int half_way = rows / 2;
    if (half_way > 0)
        expect_cuda(pack_rows(nullptr, stored_d, from, 0, half_way, n_in, map, out_d, to), "pack_rows");
    expect_cuda(pack_rows(nullptr, stored_d + half_way * n_in * from_bytes, from, half_way, rows - half_way,
                          n_in, map, out_d, to),
                "pack_rows");
    unsigned char *out = to_host(out_d, n_out * to_bytes);
    for (size_t i = 0; i < n_out; i++) {
        const void *at = out + i * to_bytes;
        float found = to == DTYPE_F16    ? __half2float(*static_cast<const half *>(at))
                      : to == DTYPE_BF16 ? __bfloat162float(*static_cast<const __nv_bfloat16 *>(at))
                                         : *static_cast<const float *>(at);
        if (found != expected[i]) fail_msg("value %zu is %g, expected %g", i, found, expected[i]);
    }
    expect_cuda(cudaFree(stored_d), "cudaFree");
    expect_cuda(cudaFree(out_d), "cudaFree");
    free(stored), free(expected), free(value), free(out);
}

const dtype types[] = {DTYPE_BF16, DTYPE_F16, DTYPE_F32};

void test_plain_rows(void **state) {
    (void)state;
    for (dtype from : types)
        for (dtype to : types)
            check(pack_map{7, 0, 7, 0, 128, INT_MAX, 0, 1, true}, 7, 72, from, to, 16 * 128);
}

// 8 gates go to rows 0 - 7 of every 16.
void test_gates(void **state) {
    (void)state;
    check(pack_map{8, 0, 8, 16 * 64, 64, INT_MAX, 0, 1, true}, 20, 40, DTYPE_BF16, DTYPE_F16, 48 * 64);
}

// The rope part of each head's query rows.
void test_parts_of_heads(void **state) {
    (void)state;
    check(pack_map{32, 20, 32, 64 * 64, 64, INT_MAX, 0, 1, true}, 96, 40, DTYPE_BF16, DTYPE_BF16,
          3 * 64 * 64);
}

// The K half of kv_b, each head's transposed; and o's columns, head by head.
void test_transposed_and_columns(void **state) {
    (void)state;
    check(pack_map{48, 0, 20, 32 * 32, 1, INT_MAX, 0, 32, false}, 144, 24, DTYPE_F16, DTYPE_F16, 3 * 32 * 32);
    check(pack_map{72, 0, 72, 0, 128, 28, 32, 1, true}, 72, 84, DTYPE_F32, DTYPE_F16, 80 * 128);
}

} // namespace

int main() {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plain_rows), cmocka_unit_test(test_gates),
                                       cmocka_unit_test(test_parts_of_heads),
                                       cmocka_unit_test(test_transposed_and_columns)};
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
