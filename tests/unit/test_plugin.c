/* The CUDA plugin as the library meets it: what is refused and why, what "auto" does without it, and that
 * what is attached is used and let go. fake_plugin.c stands in for it. */
#include "fake_plugin.h"
#include "fixture.h"

#include "libyoutu/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT "tests/golden/models/default"

/* The plugin beside this program. To be freed. */
static char *plugin_path(void) {
    char *program = realpath("/proc/self/exe", NULL), *path;
    assert_non_null(program);
    assert_true(asprintf(&path, "%.*s/" CUDA_PLUGIN_FILE, (int)(strrchr(program, '/') - program), program) >
                0);
    free(program);
    return path;
}

/* What the plugin was called for since `behave`; it must be loaded. */
static fake_plugin_record *calls(void) {
    char *path = plugin_path();
    void *library = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    free(path);
    assert_non_null(library);
    fake_plugin_record *(*found)(void) = (fake_plugin_record * (*)(void)) dlsym(library, "fake_plugin_calls");
    assert_non_null(found);
    dlclose(library);
    return found();
}

/* From now on the plugin behaves so; NULL: it finds no card. Loads it, with nothing counted. */
static void behave(const char *how) {
    const backend *table;
    youtu_error error;
    unsetenv("FAKE_PLUGIN");
    expect_success(plugin_load(&table, &error), &error);
    *calls() = (fake_plugin_record){0};
    if (how) setenv("FAKE_PLUGIN", how, 1);
}

static youtu_status open_on(const char *name, youtu_weights weights, const char *directory,
                            youtu_model **model, youtu_error *error) {
    youtu_model_options options = youtu_model_options_default();
    options.device = name;
    options.weights = weights;
    return youtu_model_open(directory, &options, model, error);
}

static youtu_model_info info_of(const youtu_model *model) {
    youtu_model_info info = {.size = sizeof info};
    youtu_model_get_info(model, &info);
    return info;
}

/* ---- files ---- */

/* The first test: the plugin is refused before it was ever taken, and unloaded again. */
static void test_other_builds(void **state) {
    (void)state;
    char *path = plugin_path(), expected[512];
    const backend *table = NULL;
    youtu_error error;
    setenv("FAKE_PLUGIN", "old", 1);
    snprintf(expected, sizeof expected, "%s is of version 0.0.1, expected libyoutu's %s", path,
             youtu_version());
    expect_failure(NULL, plugin_load(&table, &error), &error, YOUTU_E_DEVICE, expected);
    setenv("FAKE_PLUGIN", "other", 1);
    snprintf(expected, sizeof expected,
             "%s is of version %s as libyoutu, but of another build: its table has %zu bytes, expected %zu",
             path, youtu_version(), sizeof(backend) - sizeof(void *), sizeof(backend));
    expect_failure(NULL, plugin_load(&table, &error), &error, YOUTU_E_DEVICE, expected);
    assert_null(table);
    assert_null(dlopen(path, RTLD_NOW | RTLD_NOLOAD));
    free(path);
}

static void test_files_that_are_no_plugin(void **state) {
    const fixture *f = *state;
    const backend *table = NULL;
    youtu_error error;
    expect_failure(NULL, plugin_open("libm.so.6", &table, &error), &error, YOUTU_E_DEVICE,
                   "libm.so.6 has no function youtu_cuda_plugin: it is no plugin of libyoutu");
    expect_failure(NULL, plugin_open("libyoutu_absent.so", &table, &error), &error, YOUTU_E_DEVICE,
                   "libyoutu_absent.so: cannot open shared object file: No such file or directory");
    fixture_write_text(f, CUDA_PLUGIN_FILE, "no library");
    assert_int_equal(plugin_open(fixture_path(f, CUDA_PLUGIN_FILE), &table, &error), YOUTU_E_DEVICE);
    assert_memory_equal(error.message, f->directory, strlen(f->directory));
    assert_null(table);
}

/* ---- a device that refuses ---- */

static void test_cuda_fails_with_the_reason(void **state) {
    (void)state;
    youtu_model *model = NULL;
    youtu_error error;
    behave(NULL);
    expect_failure(NULL, open_on("cuda:7", YOUTU_WEIGHTS_AUTO, DEFAULT, &model, &error), &error,
                   YOUTU_E_DEVICE, "device \"cuda:7\": " FAKE_PLUGIN_REFUSAL);
    assert_int_equal(calls()->request.ordinal, 7);
    behave("old");
    assert_int_equal(open_on("cuda", YOUTU_WEIGHTS_AUTO, "/nonexistent", &model, &error), YOUTU_E_DEVICE);
    assert_non_null(strstr(error.message, "device \"cuda\": "));
    assert_non_null(strstr(error.message, "is of version 0.0.1"));
    assert_null(model);
}

static void test_auto_takes_the_cpu_and_says_why(void **state) {
    (void)state;
    youtu_model *model = NULL;
    youtu_error error;
    behave(NULL);
    expect_success(open_on("auto", YOUTU_WEIGHTS_AUTO, DEFAULT, &model, &error), &error);
    assert_string_equal(info_of(model).device_note, FAKE_PLUGIN_REFUSAL);
    assert_string_equal(info_of(model).dtype, "bf16");
    assert_memory_equal(info_of(model).device, "cpu (", 5);
    youtu_model_close(model);
    assert_int_equal(calls()->attached + calls()->detached, 0);

    model = NULL;
    expect_failure(NULL, open_on("auto", YOUTU_WEIGHTS_F16, DEFAULT, &model, &error), &error,
                   YOUTU_E_UNSUPPORTED,
                   "weights as fp16: they are stored as bf16, and the CPU computes with them as stored; CUDA "
                   "cannot be used: " FAKE_PLUGIN_REFUSAL);
    assert_null(model);

    behave("old");
    expect_success(open_on(NULL, YOUTU_WEIGHTS_AUTO, DEFAULT, &model, &error), &error);
    assert_non_null(strstr(info_of(model).device_note, "is of version 0.0.1, expected libyoutu's "));
    assert_memory_equal(info_of(model).device, "cpu (", 5);
    youtu_model_close(model);
}

/* ---- a device that is there ---- */

/* Two models compute the same. */
static void expect_same_logits(const youtu_model *a, const youtu_model *b) {
    const youtu_model *models[] = {a, b};
    youtu_context *contexts[2] = {NULL};
    youtu_context_options options = youtu_context_options_default();
    youtu_batch batch = {.token = (int32_t[]){1, 2, 3}, .count = 3};
    youtu_error error;
    options.n_tokens = 64;
    options.n_threads = 1;
    for (int i = 0; i < 2; i++) {
        expect_success(youtu_context_new(models[i], &options, &contexts[i], &error), &error);
        expect_success(youtu_decode(contexts[i], &batch, &error), &error);
    }
    assert_memory_equal(youtu_logits(contexts[0], 0), youtu_logits(contexts[1], 0),
                        (size_t)info_of(a).vocab_size * sizeof(float));
    for (int i = 0; i < 2; i++) youtu_context_free(contexts[i]);
}

static void test_what_is_attached_is_used_and_let_go(void **state) {
    (void)state;
    youtu_model *model = NULL, *cpu = NULL;
    youtu_error error;
    behave("works");
    expect_success(open_on("cpu", YOUTU_WEIGHTS_AUTO, DEFAULT, &cpu, &error), &error);
    assert_int_equal(calls()->attached, 0);
    expect_success(open_on("cuda:1", YOUTU_WEIGHTS_AUTO, DEFAULT, &model, &error), &error);
    assert_int_equal(calls()->attached, 1);
    assert_int_equal(calls()->request.ordinal, 1);
    assert_int_equal(calls()->request.type, DTYPE_F16);
    assert_ptr_equal(calls()->request.model, &model->config);
    assert_ptr_equal(calls()->request.weights, &model->weights);
    assert_string_equal(info_of(model).device, FAKE_PLUGIN_LABEL);
    assert_string_equal(info_of(model).dtype, "fp16");
    assert_null(info_of(model).device_note);
    assert_int_equal(calls()->opened, 0);
    expect_same_logits(cpu, model);
    assert_int_equal(calls()->opened, 1);
    assert_ptr_equal(calls()->opened_with, model->resident);
    assert_int_equal(calls()->detached, 0);
    youtu_model_close(model);
    assert_int_equal(calls()->detached, 1);
    youtu_model_close(cpu);
    assert_int_equal(calls()->detached, 1);
}

/* A device that applies no adapters is not taken for one; without the option it is, and the adapter refused. */
static void test_adapters(void **state) {
    (void)state;
    youtu_model *model = NULL;
    youtu_lora *lora = NULL;
    youtu_error error;
    youtu_model_options options = youtu_model_options_default();
    options.lora = true;
    behave("works");
    options.device = "cuda";
    expect_failure(NULL, youtu_model_open(DEFAULT, &options, &model, &error), &error, YOUTU_E_UNSUPPORTED,
                   "device \"cuda\": adapters (LoRA) are applied on the CPU only");
    assert_null(model);
    options.device = "auto";
    expect_success(youtu_model_open(DEFAULT, &options, &model, &error), &error);
    assert_memory_equal(info_of(model).device, "cpu (", 5);
    assert_string_equal(info_of(model).device_note, "adapters (LoRA) are applied on the CPU only");
    assert_int_equal(calls()->attached, 0);
    youtu_model_close(model);

    model = NULL;
    expect_success(open_on("cuda", YOUTU_WEIGHTS_AUTO, DEFAULT, &model, &error), &error);
    expect_failure(
        NULL, youtu_lora_open(model, "tests/golden/adapters/all", &lora, &error), &error, YOUTU_E_UNSUPPORTED,
        "adapter tests/golden/adapters/all: device " FAKE_PLUGIN_LABEL " applies no adapters; the CPU does");
    assert_null(lora);
    youtu_model_close(model);
}

static void count_progress(void *user, uint64_t done, uint64_t total) {
    assert_true(done <= total);
    ++*(int *)user;
}

static void test_what_a_device_is_asked_for(void **state) {
    (void)state;
    youtu_model *model = NULL, *cpu = NULL;
    youtu_error error;
    int shown = 0;
    youtu_model_options options = youtu_model_options_default();
    options.weights = YOUTU_WEIGHTS_BF16;
    options.progress = count_progress;
    options.progress_user = &shown;
    behave("works");
    expect_success(youtu_model_open("tests/golden/models/stored-f32", &options, &model, &error), &error);
    assert_int_equal(calls()->request.ordinal, 0); /* device "auto" is the first */
    assert_int_equal(calls()->request.type, DTYPE_BF16);
    assert_ptr_equal(calls()->request.progress, count_progress);
    assert_ptr_equal(calls()->request.progress_user, &shown);
    assert_int_equal(shown, 1);
    assert_string_equal(info_of(model).dtype, "bf16");
    /* Stored in 32 bits, read in 16. */
    expect_success(open_on("cpu", YOUTU_WEIGHTS_AUTO, "tests/golden/models/stored-f32", &cpu, &error),
                   &error);
    assert_int_equal(info_of(model).weight_bytes, info_of(cpu).weight_bytes);
    assert_int_equal(2 * info_of(model).bytes_per_token, info_of(cpu).bytes_per_token);
    youtu_model_close(cpu);
    youtu_model_close(model);
}

/* The device comes last: nothing is attached for a model that cannot be loaded. */
static void test_a_damaged_model_attaches_nothing(void **state) {
    const fixture *f = *state;
    youtu_model *model = NULL;
    youtu_error error;
    behave("works");
    expect_failure(f, open_on("cuda", YOUTU_WEIGHTS_AUTO, f->directory, &model, &error), &error, YOUTU_E_IO,
                   "@/config.json: cannot be opened: No such file or directory");
    assert_null(model);
    assert_int_equal(calls()->attached + calls()->detached, 0);
}

int main(void) {
#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_builds),
        IN_DIRECTORY(test_files_that_are_no_plugin),
        cmocka_unit_test(test_cuda_fails_with_the_reason),
        cmocka_unit_test(test_auto_takes_the_cpu_and_says_why),
        cmocka_unit_test(test_what_is_attached_is_used_and_let_go),
        cmocka_unit_test(test_adapters),
        cmocka_unit_test(test_what_a_device_is_asked_for),
        IN_DIRECTORY(test_a_damaged_model_attaches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
