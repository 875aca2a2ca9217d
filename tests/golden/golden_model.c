#include "golden_model.h"

#include "kernels/cpu/kernels.h"
#include "libyoutu/model.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char *const golden_model_names[] = {"default", "half-rope", "no-q-lora",  "untied",
                                          "biased",  "sharded",   "stored-f16", "stored-f32",
                                          "yarn",    "odd-sizes", "medium",     "long"};
const size_t n_golden_models = sizeof golden_model_names / sizeof *golden_model_names;

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

bool golden_model_open(const char *name, const youtu_model_options *options, golden_model *g) {
    char path[256];
    youtu_error error;
    g->name = name;
    snprintf(path, sizeof path, "tests/golden/models/%s", name);
    youtu_status status = youtu_model_open(path, options, &g->model, &error);
    if (status == YOUTU_E_ARGUMENT && options->instructions) return false; /* not in this CPU */
    if (status != YOUTU_OK) fail_msg("%s", error.message);
    if (strncmp(name, "../exact/", 9) != 0) round_frequencies(g->model);
    snprintf(path, sizeof path, "tests/golden/models/%s/golden.safetensors", name);
    g->file = golden_open(path);
    int64_t ids_shape[2], logits_shape[2];
    g->ids = golden_i32(g->file, "input_ids", ids_shape);
    g->expected = golden_f32(g->file, "logits", logits_shape);
    g->n = (size_t)ids_shape[0];
    g->n_expected = (size_t)logits_shape[0];
    g->vocab = (size_t)logits_shape[1];
    return true;
}

void golden_model_close(golden_model *g) {
    golden_close(g->file);
    youtu_model_close(g->model);
}

void golden_decode(youtu_context *context, const golden_model *g, int32_t sequence, size_t from, size_t chunk,
                   float *logits) {
    int32_t *sequences = malloc(chunk * sizeof *sequences);
    bool *wants = malloc(chunk * sizeof *wants);
    assert_non_null(sequences);
    assert_non_null(wants);
    for (size_t i = 0; i < chunk; i++) sequences[i] = sequence, wants[i] = true;
    youtu_error error;
    for (size_t first = from; first < g->n; first += chunk) {
        size_t count = g->n - first < chunk ? g->n - first : chunk;
        youtu_batch batch = {
            .token = g->ids + first, .sequence = sequences, .want_logits = wants, .count = count};
        if (youtu_decode(context, &batch, &error) != YOUTU_OK) fail_msg("%s", error.message);
        for (size_t i = 0; i < count; i++)
            memcpy(logits + (first + i) * g->vocab, youtu_logits(context, i), g->vocab * sizeof *logits);
        assert_null(youtu_logits(context, count));
    }
    free(sequences);
    free(wants);
}

void golden_decode_mixed(youtu_context *context, const golden_model *g, float *first, float *third) {
    size_t done[3] = {0, 0, 0}, turn = 0;
    while (done[0] < g->n || done[1] < g->n || done[2] < g->n) {
        /* Sequence 0 in prefill pieces of 29, 1 token by token, 2 in pieces of 5, and rows in turn among them. */
        const size_t pieces[3] = {29, 1, turn >= 3 ? 5 : 0};
        int32_t tokens[64], sequences[64];
        bool wants[64];
        size_t row_of[64], count = 0, left[3];
        for (int s = 0; s < 3; s++) left[s] = pieces[s] < g->n - done[s] ? pieces[s] : g->n - done[s];
        for (int s = 0; left[0] + left[1] + left[2] > 0; s = (s + 1) % 3)
            for (size_t taken = 0; taken < 4 && left[s] > 0; taken++, left[s]--) {
                tokens[count] = g->ids[done[s]];
                sequences[count] = s;
                wants[count] = s == 0 || s == 2;
                row_of[count++] = done[s]++;
            }
        youtu_batch batch = {.token = tokens, .sequence = sequences, .want_logits = wants, .count = count};
        youtu_error error;
        if (youtu_decode(context, &batch, &error) != YOUTU_OK) fail_msg("%s", error.message);
        size_t output = 0;
        for (size_t i = 0; i < count; i++)
            if (wants[i])
                memcpy((sequences[i] == 0 ? first : third) + row_of[i] * g->vocab,
                       youtu_logits(context, output++), g->vocab * sizeof *first);
        assert_null(youtu_logits(context, output));
        turn++;
    }
    for (int s = 0; s < 3; s++) assert_int_equal(youtu_sequence_length(context, s), g->n);
}

golden_model golden_decode_forked(youtu_context *context, const golden_model *g, float *forked,
                                  float *truncated) {
    youtu_error error;
    golden_decode(context, g, 0, 0, g->n, forked);
    int32_t half = (int32_t)g->n / 2 | 1;
    assert_int_equal(youtu_sequence_fork(context, 0, 1, half, &error), YOUTU_OK);
    assert_int_equal(youtu_sequence_truncate(context, 0, half - 3, &error), YOUTU_OK);
    const int32_t strange[] = {5, 6, 7, 8, 9, 10}, zeros[6] = {0};
    youtu_batch batch = {.token = strange, .sequence = zeros, .count = 6};
    assert_int_equal(youtu_decode(context, &batch, &error), YOUTU_OK);
    memset(forked, 0, g->n * g->vocab * sizeof *forked);
    golden_decode(context, g, 1, (size_t)half, 7, forked);

    assert_int_equal(youtu_sequence_truncate(context, 0, half - 3, &error), YOUTU_OK);
    golden_decode(context, g, 0, (size_t)half - 3, 1, truncated);
    golden_model rest = *g;
    size_t recomputed = g->n - (size_t)half;
    if (rest.n_expected > recomputed) {
        rest.expected += (rest.n_expected - recomputed) * g->vocab;
        rest.n_expected = recomputed;
    }
    return rest;
}

/* ---- distances ---- */

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

double golden_divergence(const golden_model *g, const float *logits) {
    const float *found = logits + (g->n - g->n_expected) * g->vocab;
    double kl = 0;
    for (size_t i = 0; i < g->n_expected; i++)
        kl += divergence(g->expected + i * g->vocab, found + i * g->vocab, g->vocab) / (double)g->n_expected;
    return kl;
}

int64_t golden_other_best(const golden_model *g, const float *logits, float gap) {
    const float *found = logits + (g->n - g->n_expected) * g->vocab;
    for (size_t i = 0; i < g->n_expected; i++) {
        const float *expected = g->expected + i * g->vocab;
        size_t best = argmax(expected, g->vocab);
        float second = -INFINITY;
        for (size_t j = 0; j < g->vocab; j++)
            if (j != best && expected[j] > second) second = expected[j];
        if (expected[best] - second > gap && argmax(found + i * g->vocab, g->vocab) != best)
            return (int64_t)i;
    }
    return -1;
}
