/* A model and a context: what is refused, by name and value, and that nothing is lost when something is. */
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT "tests/golden/models/default" /* vocabulary 320, no tokenizer.json */

static youtu_model *open_model(const char *directory) {
    youtu_model *model = NULL;
    youtu_error error;
    expect_success(youtu_model_open(directory, NULL, &model, &error), &error);
    return model;
}

static youtu_context *new_context(const youtu_model *model, int32_t n_tokens, int32_t n_sequences) {
    youtu_context_options options = youtu_context_options_default();
    options.n_tokens = n_tokens;
    options.n_sequences = n_sequences;
    options.n_threads = 1;
    youtu_context *context = NULL;
    youtu_error error;
    expect_success(youtu_context_new(model, &options, &context, &error), &error);
    return context;
}

/* A file of the project into the fixture's directory, after `edit`; the text is terminated. */
static void copy_file(const fixture *f, const char *from, const char *name, void (*edit)(char *, size_t *)) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", from, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t capacity = 1 << 20;
    char *bytes = malloc(capacity);
    assert_non_null(bytes);
    size_t length = fread(bytes, 1, capacity - 1, file);
    assert_true(feof(file) && !ferror(file));
    fclose(file);
    bytes[length] = '\0';
    if (edit) edit(bytes, &length);
    fixture_write(f, name, bytes, length);
    free(bytes);
}

/* ---- options ---- */

static void test_options_out_of_range(void **state) {
    (void)state;
    static const struct {
        size_t size;
        int32_t n_tokens, n_sequences, n_batch, n_threads;
        int cache;
        const char *message;
    } cases[] = {
        {0, 64, 1, 8, 1, 0,
         "youtu_context_options.size is 0; initialise it with youtu_context_options_default()"},
        {sizeof(youtu_context_options), 0, 1, 8, 1, 0,
         "youtu_context_options.n_tokens is 0, expected 1 to 1073741823"},
        {sizeof(youtu_context_options), 64, -1, 8, 1, 0,
         "youtu_context_options.n_sequences is -1, expected 1 to 65536"},
        {sizeof(youtu_context_options), 64, 1, 65537, 1, 0,
         "youtu_context_options.n_batch is 65537, expected 1 to 65536"},
        {sizeof(youtu_context_options), 64, 1, 8, -2, 0,
         "youtu_context_options.n_threads is -2, expected 0 to 1024"},
        {sizeof(youtu_context_options), 64, 1, 8, 1, 2, "youtu_context_options.cache is 2, expected 0 to 1"},
    };
    youtu_model *model = open_model(DEFAULT);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        youtu_context_options options = {.size = cases[i].size,
                                         .n_tokens = cases[i].n_tokens,
                                         .n_sequences = cases[i].n_sequences,
                                         .n_batch = cases[i].n_batch,
                                         .n_threads = cases[i].n_threads,
                                         .cache = (youtu_cache_type)cases[i].cache};
        youtu_context *context = NULL;
        uint64_t bytes = 7;
        youtu_error error;
        expect_failure(NULL, youtu_context_new(model, &options, &context, &error), &error, YOUTU_E_ARGUMENT,
                       cases[i].message);
        expect_failure(NULL, youtu_context_memory(model, &options, &bytes, &error), &error, YOUTU_E_ARGUMENT,
                       cases[i].message);
        assert_null(context);
        assert_int_equal(bytes, 7);
    }
    youtu_model_close(model);
}

/* Options of a caller who knows fewer fields: the rest keep their defaults. */
static void test_shorter_options(void **state) {
    (void)state;
    youtu_model *model = open_model(DEFAULT);
    youtu_context_options options = youtu_context_options_default(),
                          wrong = {.n_tokens = 64, .n_sequences = 1};
    options.n_tokens = 64;
    uint64_t whole, shorter;
    youtu_error error;
    expect_success(youtu_context_memory(model, &options, &whole, &error), &error);
    wrong.size = offsetof(youtu_context_options, n_batch);
    wrong.n_batch = wrong.n_threads = -1; /* not read */
    expect_success(youtu_context_memory(model, &wrong, &shorter, &error), &error);
    assert_int_equal(whole, shorter);
    youtu_model_close(model);
}

/* Names are read before the directory is: a wrong one costs nothing. */
static void test_devices(void **state) {
    (void)state;
#define UNKNOWN(name) "device \"" name "\" is unknown; expected auto, cpu, cuda or cuda:N with N from 0 to 99"
    static const struct {
        const char *device, *instructions;
        youtu_status status;
        const char *message;
    } cases[] = {
        {"gpu", NULL, YOUTU_E_ARGUMENT, UNKNOWN("gpu")},
        {"", NULL, YOUTU_E_ARGUMENT, UNKNOWN("")},
        {"cpu:0", NULL, YOUTU_E_ARGUMENT, UNKNOWN("cpu:0")},
        {"cuda:", NULL, YOUTU_E_ARGUMENT, UNKNOWN("cuda:")},
        {"cuda:x", NULL, YOUTU_E_ARGUMENT, UNKNOWN("cuda:x")},
        {"cuda:1x", NULL, YOUTU_E_ARGUMENT, UNKNOWN("cuda:1x")},
        {"cuda: 1", NULL, YOUTU_E_ARGUMENT, UNKNOWN("cuda: 1")},
        {"cuda:01", NULL, YOUTU_E_ARGUMENT, UNKNOWN("cuda:01")},
        {"cuda:-1", NULL, YOUTU_E_ARGUMENT, UNKNOWN("cuda:-1")},
        {"cuda:99999999999", NULL, YOUTU_E_ARGUMENT, UNKNOWN("cuda:99999999999")},
        {"cpu", "sse9", YOUTU_E_ARGUMENT,
         "CPU instructions \"sse9\" are unknown or not in this CPU; there are \"avx2\", \"portable\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        youtu_model_options options = youtu_model_options_default();
        options.device = cases[i].device;
        options.instructions = cases[i].instructions;
        youtu_model *model = NULL;
        youtu_error error;
        expect_failure(NULL, youtu_model_open("/nonexistent", &options, &model, &error), &error,
                       cases[i].status, cases[i].message);
        assert_null(model);
    }
}

/* The CPU computes with weights as they are stored. */
static void test_types_of_weights(void **state) {
    (void)state;
    static const struct {
        const char *directory;
        int weights;
        youtu_status status;
        const char *told; /* the type in use, or the message */
    } cases[] = {
        {DEFAULT, YOUTU_WEIGHTS_AUTO, YOUTU_OK, "bf16"},
        {DEFAULT, YOUTU_WEIGHTS_BF16, YOUTU_OK, "bf16"},
        {DEFAULT, YOUTU_WEIGHTS_F16, YOUTU_E_UNSUPPORTED,
         "weights as fp16: they are stored as bf16, and the CPU computes with them as stored"},
        {"tests/golden/models/stored-f16", YOUTU_WEIGHTS_F16, YOUTU_OK, "fp16"},
        {"tests/golden/models/stored-f32", YOUTU_WEIGHTS_AUTO, YOUTU_OK, "fp32"},
        {"tests/golden/models/stored-f32", YOUTU_WEIGHTS_BF16, YOUTU_E_UNSUPPORTED,
         "weights as bf16: they are stored as fp32, and the CPU computes with them as stored"},
        {"/nonexistent", 3, YOUTU_E_ARGUMENT, "youtu_model_options.weights is 3, expected 0 to 2"},
        {"/nonexistent", -1, YOUTU_E_ARGUMENT, "youtu_model_options.weights is -1, expected 0 to 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        youtu_model_options options = youtu_model_options_default();
        options.device = "cpu";
        options.weights = (youtu_weights)cases[i].weights;
        youtu_model *model = NULL;
        youtu_error error;
        youtu_status status = youtu_model_open(cases[i].directory, &options, &model, &error);
        if (cases[i].status != YOUTU_OK) {
            expect_failure(NULL, status, &error, cases[i].status, cases[i].told);
            continue;
        }
        expect_success(status, &error);
        youtu_model_info info = {.size = sizeof info};
        youtu_model_get_info(model, &info);
        assert_string_equal(info.dtype, cases[i].told);
        assert_null(info.device_note);
        youtu_model_close(model);
    }
}

/* ---- batches ---- */

static youtu_status decode(youtu_context *context, const int32_t *tokens, const int32_t *sequences,
                           size_t count, youtu_error *error) {
    youtu_batch batch = {.token = tokens, .sequence = sequences, .count = count};
    return youtu_decode(context, &batch, error);
}

static void visit_nothing(void *user, const youtu_kernel_time *kernel) {
    (void)user, (void)kernel;
    fail();
}

static void test_profile_of_a_device_without(void **state) {
    (void)state;
    youtu_model *model = open_model(DEFAULT);
    youtu_context *context = new_context(model, 64, 1);
    youtu_model_info info = {.size = sizeof info};
    youtu_model_get_info(model, &info);
    assert_true(info.device_bandwidth == 0 && info.device_flops == 0 && !info.device_details);
    char message[128];
    snprintf(message, sizeof message, "device \"%s\" does not time its kernels", info.device);
    const int32_t token = 1;
    const youtu_batch batch = {.token = &token, .count = 1};
    youtu_error error;
    expect_failure(NULL, youtu_profile(context, &batch, visit_nothing, NULL, &error), &error,
                   YOUTU_E_UNSUPPORTED, message);
    assert_int_equal(youtu_sequence_length(context, 0), 0);
    expect_failure(NULL, youtu_profile(context, &batch, NULL, NULL, &error), &error, YOUTU_E_ARGUMENT,
                   "youtu_profile: the context or visit is NULL");
    youtu_context_free(context);
    youtu_model_close(model);
}

static void test_rows_out_of_range(void **state) {
    (void)state;
    youtu_model *model = open_model(DEFAULT);
    youtu_context *context = new_context(model, 64, 2);
    youtu_error error;
    expect_success(decode(context, (int32_t[]){1, 2, 3}, NULL, 3, &error), &error);
    expect_failure(NULL, decode(context, (int32_t[]){4, 320}, NULL, 2, &error), &error, YOUTU_E_ARGUMENT,
                   "youtu_decode: row 1 has token 320, expected 0 to 319");
    expect_failure(NULL, decode(context, (int32_t[]){-1}, NULL, 1, &error), &error, YOUTU_E_ARGUMENT,
                   "youtu_decode: row 0 has token -1, expected 0 to 319");
    expect_failure(NULL, decode(context, (int32_t[]){4, 5}, (int32_t[]){1, 2}, 2, &error), &error,
                   YOUTU_E_ARGUMENT, "youtu_decode: row 1 has sequence 2, expected 0 to 1");
    expect_failure(NULL, decode(context, NULL, NULL, 1, &error), &error, YOUTU_E_ARGUMENT,
                   "youtu_decode: the batch or its tokens are NULL");
    expect_failure(NULL, youtu_sequence_truncate(context, 0, 4, &error), &error, YOUTU_E_ARGUMENT,
                   "length 4 of sequence 0, expected 0 to 3, which it holds");
    expect_failure(NULL, youtu_sequence_truncate(context, 2, 0, &error), &error, YOUTU_E_ARGUMENT,
                   "sequence 2, expected 0 to 1");
    expect_failure(NULL, youtu_sequence_fork(context, 0, 0, 1, &error), &error, YOUTU_E_ARGUMENT,
                   "fork of sequence 0 to itself");
    assert_int_equal(youtu_sequence_length(context, 0), 3);
    assert_int_equal(youtu_sequence_length(context, 1), 0);
    assert_int_equal(youtu_sequence_length(context, 2), -1);
    youtu_context_free(context);
    youtu_model_close(model);
}

/* 64 cached tokens for two sequences: what does not fit leaves both as they were, and both go on. */
static void test_full_context(void **state) {
    (void)state;
    youtu_model *model = open_model(DEFAULT);
    youtu_context *context = new_context(model, 64, 2);
    int32_t tokens[48], sequences[48];
    for (int32_t i = 0; i < 48; i++) tokens[i] = i, sequences[i] = i % 2;
    youtu_error error;
    expect_success(decode(context, tokens, NULL, 20, &error), &error);
    expect_failure(NULL, decode(context, tokens, NULL, 48, &error), &error, YOUTU_E_FULL,
                   "context full: sequence 0 holds 20 tokens and has room for 44 more, not 48");
    /* Sequence 0 could have its share of these, sequence 1 not. */
    for (int32_t i = 0; i < 48; i++) sequences[i] = i >= 10;
    expect_failure(NULL, decode(context, tokens, sequences, 48, &error), &error, YOUTU_E_FULL,
                   "context full: sequence 1 holds 0 tokens and has room for 32 more, not 38");
    assert_int_equal(youtu_sequence_length(context, 0), 20);
    assert_int_equal(youtu_sequence_length(context, 1), 0);
    assert_null(youtu_logits(context, 0));
    expect_success(decode(context, tokens, sequences, 42, &error), &error);
    assert_int_equal(youtu_sequence_length(context, 0), 30);
    assert_int_equal(youtu_sequence_length(context, 1), 32);
    assert_non_null(youtu_logits(context, 0));
    youtu_context_free(context);
    youtu_model_close(model);
}

/* ---- damaged and mismatched directories ---- */

static void shorten_positions(char *text, size_t *length) {
    static const char before[] = "\"max_position_embeddings\": 8192",
                      after[] = "\"max_position_embeddings\":   40";
    _Static_assert(sizeof before == sizeof after, "the text keeps its length");
    char *at = strstr(text, before);
    assert_non_null(at);
    memcpy(at, after, strlen(after));
    assert_int_equal(strlen(text), *length);
}

static void test_past_the_models_positions(void **state) {
    const fixture *f = *state;
    copy_file(f, DEFAULT, "config.json", shorten_positions);
    copy_file(f, DEFAULT, "model.safetensors", NULL);
    youtu_model *model = open_model(f->directory);
    youtu_context *context = new_context(model, 64, 1);
    int32_t tokens[30] = {0};
    youtu_error error;
    expect_success(decode(context, tokens, NULL, 30, &error), &error);
    expect_failure(NULL, decode(context, tokens, NULL, 11, &error), &error, YOUTU_E_FULL,
                   "sequence 0 holds 30 tokens; 11 more would pass the model's max_position_embeddings 40");
    expect_success(decode(context, tokens, NULL, 10, &error), &error);
    youtu_context_free(context);
    youtu_model_close(model);
}

/* The last tensor of the file is model.norm.weight: its last value becomes a NaN, and with it every logit. */
static void break_last_weight(char *bytes, size_t *length) {
    memcpy(bytes + *length - 2, "\xC0\x7F", 2);
}

static void test_weights_that_are_not_finite(void **state) {
    const fixture *f = *state;
    copy_file(f, DEFAULT, "config.json", NULL);
    copy_file(f, DEFAULT, "model.safetensors", break_last_weight);
    youtu_model *model = open_model(f->directory);
    youtu_context *context = new_context(model, 64, 1);
    bool none[2] = {false, false};
    youtu_batch batch = {.token = (int32_t[]){1, 2}, .want_logits = none, .count = 2};
    youtu_error error;
    expect_success(youtu_decode(context, &batch, &error), &error); /* no logits, nothing to see */
    assert_int_equal(decode(context, (int32_t[]){3}, NULL, 1, &error), YOUTU_E_NUMERIC);
    assert_non_null(strstr(error.message, "the logits after position 2 are not finite (token 0: "));
    assert_non_null(strstr(error.message, "the weights of model \""));
    assert_non_null(strstr(error.message, " are damaged"));
    assert_int_equal(youtu_sequence_length(context, 0), 2);
    assert_null(youtu_logits(context, 0));
    youtu_context_free(context);
    youtu_model_close(model);
}

/* A tokenizer of 4,000 ids beside a head of 320. */
static void test_vocabulary_and_head_disagree(void **state) {
    const fixture *f = *state;
    copy_file(f, DEFAULT, "config.json", NULL);
    copy_file(f, DEFAULT, "model.safetensors", NULL);
    copy_file(f, "tests/golden/tokenizers/small-4k", "tokenizer.json", NULL);
    youtu_model *model = NULL;
    youtu_error error;
    expect_failure(
        f, youtu_model_open(f->directory, NULL, &model, &error), &error, YOUTU_E_FORMAT,
        "@/tokenizer.json: has ids up to 3999, but config.json \"vocab_size\" is 320: the tokenizer and "
        "the model's head do not belong together");
    assert_null(model);
}

int main(void) {
#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_out_of_range),
        cmocka_unit_test(test_shorter_options),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_types_of_weights),
        cmocka_unit_test(test_profile_of_a_device_without),
        cmocka_unit_test(test_rows_out_of_range),
        cmocka_unit_test(test_full_context),
        IN_DIRECTORY(test_past_the_models_positions),
        IN_DIRECTORY(test_weights_that_are_not_finite),
        IN_DIRECTORY(test_vocabulary_and_head_disagree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
