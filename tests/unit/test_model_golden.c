/* The whole model against the reference's logits (tests/golden/models), for every way in which the same
 * tokens can be computed. Tolerances: with an fp32 cache both sides compute in fp32 and differ in the order
 * of sums, some 1e-5 here; 5e-4 leaves room for every order. `long` reaches position 3,000, where one
 * rounding of an angle is 1e-4 radians: 2e-3. With the 16-bit cache latents carry 11 bits: the distributions
 * must agree (mean KL below 1e-3) and so must the best token wherever the reference's two best are more than
 * 0.05 apart. */
#include "kernels/cpu/kernels.h"
#include "libyoutu/model.h"
#include "tests/golden/golden_file.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* `exact/` fixtures hold the reference as it loads a checkpoint, the others with rounded frequencies:
 * round_frequencies. */
static const char *const model_names[] = {"default", "half-rope", "no-q-lora",  "untied",
                                          "biased",  "sharded",   "stored-f16", "stored-f32",
                                          "yarn",    "odd-sizes", "medium",     "long"};
static const char *const instruction_sets[] = {"portable", "avx2"};

typedef struct fixture {
    youtu_model *model;
    golden_file *golden;
    const int32_t *ids;
    size_t n;
    const float *expected; /* [n_expected, vocab], the last positions */
    size_t n_expected, vocab;
    double tolerance;
} fixture;

/* What the fixtures' generator did: it cast the whole module to the stored type, the buffer of rotary
 * frequencies with it (tests/golden/README.md). Rounds to nearest by adding half of what is cut off, ties to
 * even. */
static void round_frequencies(youtu_model *model) {
    const model_config *config = &model->config;
    dtype type = model->weights.embedding.type;
    for (int32_t i = 0; i < config->qk_rope_head_dim / 2; i++) {
        float *frequency = &config->inverse_frequency[i];
        if (type == DTYPE_F16) {
            uint16_t half;
            kernels_portable.to_f16(frequency, 1, &half);
            kernels_portable.to_f32(&half, DTYPE_F16, 1, frequency);
        } else if (type == DTYPE_BF16) {
            uint32_t bits;
            memcpy(&bits, frequency, sizeof bits);
            bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000;
            memcpy(frequency, &bits, sizeof bits);
        }
    }
}

static bool open_fixture(const char *name, const char *instructions, fixture *f) {
    char path[256];
    youtu_error error;
    youtu_model_options options = youtu_model_options_default();
    options.instructions = instructions;
    snprintf(path, sizeof path, "tests/golden/models/%s", name);
    youtu_status status = youtu_model_open(path, &options, &f->model, &error);
    if (status == YOUTU_E_ARGUMENT) return false; /* not in this CPU */
    if (status != YOUTU_OK) fail_msg("%s", error.message);
    if (strncmp(name, "../exact/", 9) != 0) round_frequencies(f->model);
    snprintf(path, sizeof path, "tests/golden/models/%s/golden.safetensors", name);
    f->golden = golden_open(path);
    int64_t ids_shape[2], logits_shape[2];
    f->ids = golden_i32(f->golden, "input_ids", ids_shape);
    f->expected = golden_f32(f->golden, "logits", logits_shape);
    f->n = (size_t)ids_shape[0];
    f->n_expected = (size_t)logits_shape[0];
    f->vocab = (size_t)logits_shape[1];
    f->tolerance = strstr(name, "long") ? 2e-3 : 5e-4;
    return true;
}

static void close_fixture(fixture *f) {
    golden_close(f->golden);
    youtu_model_close(f->model);
}

static youtu_context *new_context(const fixture *f, youtu_cache_type cache, int32_t n_sequences,
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

/* Logits [n, vocab] of all tokens of the fixture, in calls of `chunk` tokens, for one sequence. */
static void decode_in_chunks(youtu_context *context, const fixture *f, int32_t sequence, size_t from,
                             size_t chunk, float *logits) {
    int32_t *sequences = malloc(chunk * sizeof *sequences);
    bool *wants = malloc(chunk * sizeof *wants);
    assert_non_null(sequences);
    assert_non_null(wants);
    for (size_t i = 0; i < chunk; i++) sequences[i] = sequence, wants[i] = true;
    youtu_error error;
    for (size_t first = from; first < f->n; first += chunk) {
        size_t count = f->n - first < chunk ? f->n - first : chunk;
        youtu_batch batch = {
            .token = f->ids + first, .sequence = sequences, .want_logits = wants, .count = count};
        if (youtu_decode(context, &batch, &error) != YOUTU_OK) fail_msg("%s", error.message);
        for (size_t i = 0; i < count; i++)
            memcpy(logits + (first + i) * f->vocab, youtu_logits(context, i), f->vocab * sizeof *logits);
        assert_null(youtu_logits(context, count));
    }
    free(sequences);
    free(wants);
}

static void assert_close(const fixture *f, const float *logits, const char *what) {
    const float *found = logits + (f->n - f->n_expected) * f->vocab;
    double worst = 0;
    for (size_t i = 0; i < f->n_expected * f->vocab; i++) {
        double difference = fabs((double)found[i] - (double)f->expected[i]);
        if (!(difference <= worst)) worst = difference;
    }
    if (!(worst <= f->tolerance))
        fail_msg("%s: largest difference %g, tolerance %g", what, worst, f->tolerance);
}

static float *new_logits(const fixture *f) {
    float *logits = calloc(f->n * f->vocab, sizeof *logits);
    assert_non_null(logits);
    return logits;
}

/* ---- one sequence, every chunking ---- */

static void check_chunkings(const char *name, const char *instructions) {
    fixture f;
    if (!open_fixture(name, instructions, &f)) return;
    float *logits = new_logits(&f);
    const size_t chunks[] = {1, 7, 64, f.n};
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        /* Batches above n_batch are cut inside: 64 rows for the whole text, all for the others. */
        youtu_context *context = new_context(&f, YOUTU_CACHE_F32, 1, chunks[i] == f.n ? 300 : 64, 2);
        char what[128];
        snprintf(what, sizeof what, "%s, %s, calls of %zu", name, instructions, chunks[i]);
        memset(logits, 0, f.n * f.vocab * sizeof *logits);
        decode_in_chunks(context, &f, 0, 0, chunks[i], logits);
        assert_close(&f, logits, what);
        youtu_context_free(context);
    }
    free(logits);
    close_fixture(&f);
}

static void test_chunkings(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof instruction_sets / sizeof *instruction_sets; s++)
        for (size_t m = 0; m < sizeof model_names / sizeof *model_names; m++)
            if (strcmp(instruction_sets[s], "portable") != 0 || !strstr(model_names[m], "long"))
                check_chunkings(model_names[m], instruction_sets[s]);
}

/* The definition in plain C is slow: one chunking is enough where there are 3,000 positions. */
static void test_long_portable(void **state) {
    (void)state;
    fixture f;
    assert_true(open_fixture("long", "portable", &f));
    float *logits = new_logits(&f);
    youtu_context *context = new_context(&f, YOUTU_CACHE_F32, 1, 256, 2);
    decode_in_chunks(context, &f, 0, 0, f.n, logits);
    assert_close(&f, logits, "long, portable");
    youtu_context_free(context);
    free(logits);
    close_fixture(&f);
}

/* ---- several sequences in one batch ---- */

/* Three sequences of the same text, begun at different times, their rows interleaved: each must not notice.
 */
static void test_mixed_sequences(void **state) {
    (void)state;
    for (size_t m = 0; m + 2 < sizeof model_names / sizeof *model_names; m++) {
        fixture f;
        if (!open_fixture(model_names[m], NULL, &f)) continue;
        youtu_context *context = new_context(&f, YOUTU_CACHE_F32, 3, 37, 2);
        float *logits = new_logits(&f), *other = new_logits(&f);
        size_t done[3] = {0, 0, 0}, turn = 0;
        while (done[0] < f.n || done[1] < f.n || done[2] < f.n) {
            /* Sequence 0 in prefill pieces of 29, 1 token by token, 2 in pieces of 5, and rows in turn among
             * them. */
            const size_t pieces[3] = {29, 1, turn >= 3 ? 5 : 0};
            int32_t tokens[64], sequences[64];
            bool wants[64];
            size_t row_of[64], count = 0, left[3];
            for (int s = 0; s < 3; s++) left[s] = pieces[s] < f.n - done[s] ? pieces[s] : f.n - done[s];
            for (int s = 0; left[0] + left[1] + left[2] > 0; s = (s + 1) % 3)
                for (size_t taken = 0; taken < 4 && left[s] > 0; taken++, left[s]--) {
                    tokens[count] = f.ids[done[s]];
                    sequences[count] = s;
                    wants[count] = s == 0 || s == 2;
                    row_of[count++] = done[s]++;
                }
            youtu_batch batch = {
                .token = tokens, .sequence = sequences, .want_logits = wants, .count = count};
            youtu_error error;
            if (youtu_decode(context, &batch, &error) != YOUTU_OK) fail_msg("%s", error.message);
            size_t output = 0;
            for (size_t i = 0; i < count; i++)
                if (wants[i])
                    memcpy((sequences[i] == 0 ? logits : other) + row_of[i] * f.vocab,
                           youtu_logits(context, output++), f.vocab * sizeof *logits);
            assert_null(youtu_logits(context, output));
            turn++;
        }
        assert_close(&f, logits, "sequence 0 of 3");
        assert_close(&f, other, "sequence 2 of 3");
        for (int s = 0; s < 3; s++) assert_int_equal(youtu_sequence_length(context, s), f.n);
        free(logits);
        free(other);
        youtu_context_free(context);
        close_fixture(&f);
    }
}

/* ---- fork and truncate ---- */

static void test_fork_and_truncate(void **state) {
    (void)state;
    for (size_t m = 0; m + 2 < sizeof model_names / sizeof *model_names; m++) {
        fixture f;
        if (!open_fixture(model_names[m], NULL, &f)) continue;
        youtu_context *context = new_context(&f, YOUTU_CACHE_F32, 3, 64, 2);
        float *logits = new_logits(&f);
        youtu_error error;
        decode_in_chunks(context, &f, 0, 0, f.n, logits);

        /* A fork in the middle of a block; the original goes on with other tokens; the fork must not notice.
         */
        int32_t half = (int32_t)f.n / 2 | 1;
        assert_int_equal(youtu_sequence_fork(context, 0, 1, half, &error), YOUTU_OK);
        assert_int_equal(youtu_sequence_truncate(context, 0, half - 3, &error), YOUTU_OK);
        const int32_t strange[] = {5, 6, 7, 8, 9, 10};
        const int32_t zeros[6] = {0};
        youtu_batch batch = {.token = strange, .sequence = zeros, .count = 6};
        assert_int_equal(youtu_decode(context, &batch, &error), YOUTU_OK);
        memset(logits, 0, f.n * f.vocab * sizeof *logits);
        decode_in_chunks(context, &f, 1, (size_t)half, 7, logits);
        size_t recomputed = f.n - (size_t)half;
        fixture rest = f;
        if (rest.n_expected > recomputed) {
            rest.expected += (rest.n_expected - recomputed) * f.vocab;
            rest.n_expected = recomputed;
        }
        assert_close(&rest, logits, "after a fork");

        /* The truncated and altered sequence, taken back and computed again. */
        assert_int_equal(youtu_sequence_truncate(context, 0, half - 3, &error), YOUTU_OK);
        memset(logits, 0, f.n * f.vocab * sizeof *logits);
        decode_in_chunks(context, &f, 0, (size_t)half - 3, 1, logits);
        assert_close(&rest, logits, "after a truncation");
        free(logits);
        youtu_context_free(context);
        close_fixture(&f);
    }
}

/* ---- the 16-bit cache ---- */

static size_t argmax(const float *row, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (row[i] > row[best]) best = i;
    return best;
}

/* KL(p || q) of the softmaxes of two rows of logits. */
static double divergence(const float *p, const float *q, size_t n) {
    double max_p = p[argmax(p, n)], max_q = q[argmax(q, n)], sum_p = 0, sum_q = 0, kl = 0;
    for (size_t i = 0; i < n; i++) sum_p += exp(p[i] - max_p), sum_q += exp(q[i] - max_q);
    for (size_t i = 0; i < n; i++) {
        double log_p = p[i] - max_p - log(sum_p), log_q = q[i] - max_q - log(sum_q);
        kl += exp(log_p) * (log_p - log_q);
    }
    return kl;
}

static void test_f16_cache(void **state) {
    (void)state;
    for (size_t s = 0; s < sizeof instruction_sets / sizeof *instruction_sets; s++)
        for (size_t m = 0; m < sizeof model_names / sizeof *model_names; m++) {
            fixture f;
            if (!open_fixture(model_names[m], instruction_sets[s], &f)) continue;
            float *logits = new_logits(&f);
            youtu_context *context = new_context(&f, YOUTU_CACHE_F16, 1, 256, 2);
            decode_in_chunks(context, &f, 0, 0, f.n > 1000 ? f.n : 11, logits);
            double kl = 0;
            for (size_t i = 0; i < f.n_expected; i++) {
                const float *expected = f.expected + i * f.vocab,
                            *found = logits + (f.n - f.n_expected + i) * f.vocab;
                size_t best = argmax(expected, f.vocab);
                float second = -INFINITY;
                for (size_t j = 0; j < f.vocab; j++)
                    if (j != best && expected[j] > second) second = expected[j];
                if (expected[best] - second > 0.05f && argmax(found, f.vocab) != best)
                    fail_msg("%s: row %zu has another best token", model_names[m], i);
                kl += divergence(expected, found, f.vocab) / (double)f.n_expected;
            }
            if (!(kl < 1e-3)) fail_msg("%s: mean KL %g", model_names[m], kl);
            youtu_context_free(context);
            free(logits);
            close_fixture(&f);
        }
}

/* ---- the thread count changes no bit ---- */

static void test_thread_counts(void **state) {
    (void)state;
    fixture f;
    assert_true(open_fixture("medium", NULL, &f));
    float *one = new_logits(&f), *many = new_logits(&f);
    const size_t chunks[] = {1, f.n};
    for (size_t c = 0; c < 2; c++)
        for (int32_t threads = 2; threads <= 5; threads += 3) {
            youtu_context *context = new_context(&f, YOUTU_CACHE_F16, 1, 256, 1);
            decode_in_chunks(context, &f, 0, 0, chunks[c], one);
            youtu_context_free(context);
            context = new_context(&f, YOUTU_CACHE_F16, 1, 256, threads);
            decode_in_chunks(context, &f, 0, 0, chunks[c], many);
            youtu_context_free(context);
            assert_memory_equal(one, many, f.n * f.vocab * sizeof *one);
        }
    free(one);
    free(many);
    close_fixture(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunkings),       cmocka_unit_test(test_long_portable),
        cmocka_unit_test(test_mixed_sequences), cmocka_unit_test(test_fork_and_truncate),
        cmocka_unit_test(test_f16_cache),       cmocka_unit_test(test_thread_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
