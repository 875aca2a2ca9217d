/* The CUDA backend, through the library, against the reference's logits: fp16 and bf16 weights, token by token
 * (recorded graphs), in few rows and in many. Weights and activations are rounded to 16 bits, so logits differ in the
 * third digit: the distributions must agree (mean KL below 2e-3), and the best token wherever the reference's two
 * best are more than 0.05 apart. Weights stored as fp16 or fp32 and held as bf16 lose three bits or more themselves:
 * there the gap is 0.1. */
#include "tests/golden/golden_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const youtu_weights kinds[] = {YOUTU_WEIGHTS_F16, YOUTU_WEIGHTS_BF16};

static void open_cuda(const char *name, youtu_weights weights, golden_model *g) {
    youtu_model_options options = youtu_model_options_default();
    options.device = "cuda";
    options.weights = weights;
    assert_true(golden_model_open(name, &options, g));
}

static youtu_context *new_context(const golden_model *g, int32_t n_sequences, int32_t n_batch) {
    youtu_context_options options = youtu_context_options_default();
    options.n_tokens = (int32_t)g->n * n_sequences + 64;
    options.n_sequences = n_sequences;
    options.n_batch = n_batch;
    youtu_context *context;
    youtu_error error;
    if (youtu_context_new(g->model, &options, &context, &error) != YOUTU_OK) fail_msg("%s", error.message);
    return context;
}

static float *new_logits(const golden_model *g) {
    float *logits = calloc(g->n * g->vocab, sizeof *logits);
    assert_non_null(logits);
    return logits;
}

static double worst;

static bool loses_weights(const golden_model *g) {
    youtu_model_info info = {.size = sizeof info};
    youtu_model_get_info(g->model, &info);
    return strncmp(g->name, "stored-", 7) == 0 && strcmp(info.dtype, "bf16") == 0;
}

static void assert_close(const golden_model *g, const float *logits, const char *what, size_t chunk) {
    double kl = golden_divergence(g, logits);
    if (kl > worst) worst = kl;
    if (!(kl < 2e-3)) fail_msg("%s, %s %zu: mean KL %g", g->name, what, chunk, kl);
    int64_t row = golden_other_best(g, logits, loses_weights(g) ? 0.1f : 0.05f);
    if (row >= 0)
        fail_msg("%s, %s %zu: row %lld has another best token", g->name, what, chunk, (long long)row);
}

static void test_chunkings(void **state) {
    (void)state;
    for (size_t m = 0; m < n_golden_models; m++)
        for (size_t k = 0; k < 2; k++) {
            golden_model g;
            open_cuda(golden_model_names[m], kinds[k], &g);
            float *logits = new_logits(&g);
            bool is_long = strcmp(g.name, "long") == 0;
            const size_t chunks[] = {is_long ? g.n : 1, is_long ? 256 : 7, g.n};
            for (size_t c = 0; c < (is_long ? 2 : 3); c++) {
                youtu_context *context = new_context(&g, 1, chunks[c] == g.n ? 300 : 64);
                memset(logits, 0, g.n * g.vocab * sizeof *logits);
                golden_decode(context, &g, 0, 0, chunks[c], logits);
                assert_close(&g, logits, k == 0 ? "fp16, calls of" : "bf16, calls of", chunks[c]);
                youtu_context_free(context);
            }
            free(logits);
            golden_model_close(&g);
        }
    print_message("largest mean KL %g\n", worst);
}

static void test_mixed_sequences(void **state) {
    (void)state;
    for (size_t m = 0; m + 2 < n_golden_models; m++) {
        golden_model g;
        open_cuda(golden_model_names[m], kinds[m % 2], &g);
        float *first = new_logits(&g), *third = new_logits(&g);
        youtu_context *context = new_context(&g, 3, 37);
        golden_decode_mixed(context, &g, first, third);
        assert_close(&g, first, "sequence", 0);
        assert_close(&g, third, "sequence", 2);
        youtu_context_free(context);
        free(first);
        free(third);
        golden_model_close(&g);
    }
}

static void test_fork_and_truncate(void **state) {
    (void)state;
    for (size_t m = 0; m + 2 < n_golden_models; m++) {
        golden_model g;
        open_cuda(golden_model_names[m], kinds[m % 2], &g);
        float *forked = new_logits(&g), *truncated = new_logits(&g);
        youtu_context *context = new_context(&g, 3, 64);
        golden_model rest = golden_decode_forked(context, &g, forked, truncated);
        assert_close(&rest, forked, "after a fork", 0);
        assert_close(&rest, truncated, "after a truncation", 0);
        youtu_context_free(context);
        free(forked);
        free(truncated);
        golden_model_close(&g);
    }
}

/* The same tokens give the same bits: a replayed graph, another context, beside another sequence. */
static void test_repeats(void **state) {
    (void)state;
    golden_model g;
    open_cuda("medium", YOUTU_WEIGHTS_AUTO, &g);
    float *one = new_logits(&g), *other = new_logits(&g);
    for (size_t chunk = 1; chunk <= g.n; chunk += g.n - 1) {
        youtu_context *context = new_context(&g, 1, 256), *second = new_context(&g, 1, 256);
        golden_decode(context, &g, 0, 0, chunk, one);
        golden_decode(second, &g, 0, 0, chunk, other);
        assert_memory_equal(one, other, g.n * g.vocab * sizeof *one);
        youtu_context_free(context);
        youtu_context_free(second);
    }
    free(one);
    free(other);
    golden_model_close(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunkings), cmocka_unit_test(test_mixed_sequences),
        cmocka_unit_test(test_fork_and_truncate), cmocka_unit_test(test_repeats)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
