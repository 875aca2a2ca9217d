/* The whole model against the reference's logits (tests/golden/models), for every way in which the same
 * tokens can be computed. Tolerances: with an fp32 cache both sides compute in fp32 and differ in the order
 * of sums, some 1e-5 here; 5e-4 leaves room for every order. `long` reaches position 3,000, where one
 * rounding of an angle is 1e-4 radians: 2e-3. With the 16-bit cache latents carry 11 bits: the distributions
 * must agree (mean KL below 1e-3) and so must the best token wherever the reference's two best are more than
 * 0.05 apart. */
#include "tests/golden/golden_model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const instruction_sets[] = {"portable", "avx2"};

static bool open_golden(const char *name, const char *instructions, golden_model *f) {
    youtu_model_options options = youtu_model_options_default();
    options.device = "cpu";
    options.instructions = instructions;
    return golden_model_open(name, &options, f);
}

static youtu_context *new_context(const golden_model *f, youtu_cache_type cache, int32_t n_sequences,
                                  int32_t n_batch, int32_t n_threads) {
    youtu_context_options options = youtu_context_options_default();
    options.n_tokens = (int32_t)f->n * n_sequences + 64;
    options.n_sequences = n_sequences;
    options.n_batch = n_batch;
    options.n_threads = n_threads;
    options.cache = cache;
    youtu_context *context;
    youtu_error error;
    if (youtu_context_new(f->model, &options, &context, &error) != YOUTU_OK) fail_msg("%s", error.message);
    return context;
}

static void assert_close(const golden_model *f, const float *logits, const char *what) {
    double tolerance = strstr(f->name, "long") ? 2e-3 : 5e-4;
    const float *found = logits + (f->n - f->n_expected) * f->vocab;
    double worst = 0;
    for (size_t i = 0; i < f->n_expected * f->vocab; i++) {
        double difference = fabs((double)found[i] - (double)f->expected[i]);
        if (!(difference <= worst)) worst = difference;
    }
    if (!(worst <= tolerance))
        fail_msg("%s, %s: largest difference %g, tolerance %g", f->name, what, worst, tolerance);
}

static float *new_logits(const golden_model *f) {
    float *logits = calloc(f->n * f->vocab, sizeof *logits);
    assert_non_null(logits);
    return logits;
}

/* ---- one sequence, every chunking ---- */

static void check_chunkings(const char *name, const char *instructions) {
    golden_model f;
    if (!open_golden(name, instructions, &f)) return;
    float *logits = new_logits(&f);
    const size_t chunks[] = {1, 7, 64, f.n};
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        /* Batches above n_batch are cut inside: 64 rows for the whole text, all for the others. */
        youtu_context *context = new_context(&f, YOUTU_CACHE_F32, 1, chunks[i] == f.n ? 300 : 64, 2);
        char what[128];
        snprintf(what, sizeof what, "%s, calls of %zu", instructions, chunks[i]);
        memset(logits, 0, f.n * f.vocab * sizeof *logits);
        golden_decode(context, &f, 0, 0, chunks[i], logits);
        assert_close(&f, logits, what);
        youtu_context_free(context);
    }
    free(logits);
    golden_model_close(&f);
}

static void test_chunkings(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof instruction_sets / sizeof *instruction_sets; s++)
        for (size_t m = 0; m < n_golden_models; m++)
            if (strcmp(instruction_sets[s], "portable") != 0 || !strstr(golden_model_names[m], "long"))
                check_chunkings(golden_model_names[m], instruction_sets[s]);
}

/* The definition in plain C is slow: one chunking is enough where there are 3,000 positions. */
static void test_long_portable(void **state) {
    (void)state;
    golden_model f;
    assert_true(open_golden("long", "portable", &f));
    float *logits = new_logits(&f);
    youtu_context *context = new_context(&f, YOUTU_CACHE_F32, 1, 256, 2);
    golden_decode(context, &f, 0, 0, f.n, logits);
    assert_close(&f, logits, "long, portable");
    youtu_context_free(context);
    free(logits);
    golden_model_close(&f);
}

/* ---- several sequences in one batch ---- */

static void test_mixed_sequences(void **state) {
    (void)state;
    for (size_t m = 0; m + 2 < n_golden_models; m++) {
        golden_model f;
        if (!open_golden(golden_model_names[m], NULL, &f)) continue;
        youtu_context *context = new_context(&f, YOUTU_CACHE_F32, 3, 37, 2);
        float *logits = new_logits(&f), *other = new_logits(&f);
        golden_decode_mixed(context, &f, logits, other);
        assert_close(&f, logits, "sequence 0 of 3");
        assert_close(&f, other, "sequence 2 of 3");
        free(logits);
        free(other);
        youtu_context_free(context);
        golden_model_close(&f);
    }
}

/* ---- fork and truncate ---- */

static void test_fork_and_truncate(void **state) {
    (void)state;
    for (size_t m = 0; m + 2 < n_golden_models; m++) {
        golden_model f;
        if (!open_golden(golden_model_names[m], NULL, &f)) continue;
        youtu_context *context = new_context(&f, YOUTU_CACHE_F32, 3, 64, 2);
        float *forked = new_logits(&f), *truncated = new_logits(&f);
        golden_model rest = golden_decode_forked(context, &f, forked, truncated);
        assert_close(&rest, forked, "after a fork");
        assert_close(&rest, truncated, "after a truncation");
        free(forked);
        free(truncated);
        youtu_context_free(context);
        golden_model_close(&f);
    }
}

/* ---- the 16-bit cache ---- */

static void test_f16_cache(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof instruction_sets / sizeof *instruction_sets; s++)
        for (size_t m = 0; m < n_golden_models; m++) {
            golden_model f;
            if (!open_golden(golden_model_names[m], instruction_sets[s], &f)) continue;
            float *logits = new_logits(&f);
            youtu_context *context = new_context(&f, YOUTU_CACHE_F16, 1, 256, 2);
            golden_decode(context, &f, 0, 0, f.n > 1000 ? f.n : 11, logits);
            int64_t row = golden_other_best(&f, logits, 0.05f);
            if (row >= 0) fail_msg("%s: row %lld has another best token", f.name, (long long)row);
            double kl = golden_divergence(&f, logits);
            if (!(kl < 1e-3)) fail_msg("%s: mean KL %g", f.name, kl);
            youtu_context_free(context);
            free(logits);
            golden_model_close(&f);
        }
}

/* ---- the thread count changes no bit ---- */

static void test_thread_counts(void **state) {
    (void)state;
    golden_model f;
    assert_true(open_golden("medium", NULL, &f));
    float *one = new_logits(&f), *many = new_logits(&f);
    const size_t chunks[] = {1, f.n};
    for (size_t c = 0; c < 2; c++)
        for (int32_t threads = 2; threads <= 5; threads += 3) {
            youtu_context *context = new_context(&f, YOUTU_CACHE_F16, 1, 256, 1);
            golden_decode(context, &f, 0, 0, chunks[c], one);
            youtu_context_free(context);
            context = new_context(&f, YOUTU_CACHE_F16, 1, 256, threads);
            golden_decode(context, &f, 0, 0, chunks[c], many);
            youtu_context_free(context);
            assert_memory_equal(one, many, f.n * f.vocab * sizeof *one);
        }
    free(one);
    free(many);
    golden_model_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunkings),       cmocka_unit_test(test_long_portable),
        cmocka_unit_test(test_mixed_sequences), cmocka_unit_test(test_fork_and_truncate),
        cmocka_unit_test(test_f16_cache),       cmocka_unit_test(test_thread_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
