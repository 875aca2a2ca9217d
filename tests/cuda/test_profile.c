/* youtu_profile: the step that it times is the step that youtu_decode computes, kernel by kernel. */
#include "tests/golden/golden_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_SEEN = 64 };

typedef struct seen {
    youtu_kernel_time kernels[MAX_SEEN];
    int32_t count, launches;
} seen;

static void see(void *user, const youtu_kernel_time *kernel) {
    seen *s = user;
    assert_true(s->count < MAX_SEEN);
    assert_int_equal(kernel->size, sizeof *kernel);
    assert_true(kernel->launches > 0 && kernel->ms > 0 && kernel->bytes > 0 && kernel->flops >= 0);
    for (int32_t i = 0; i < s->count; i++) assert_string_not_equal(s->kernels[i].name, kernel->name);
    s->kernels[s->count++] = *kernel;
    s->launches += kernel->launches;
}

static int32_t launches_of(const seen *s, const char *name) {
    for (int32_t i = 0; i < s->count; i++)
        if (strcmp(s->kernels[i].name, name) == 0) return s->kernels[i].launches;
    return 0;
}

static void check(int32_t n_tokens, const char *const *of_every_layer, seen *s) {
    golden_model g;
    youtu_model_options options = youtu_model_options_default();
    options.device = "cuda";
    assert_true(golden_model_open("medium", &options, &g));
    youtu_model_info info = {.size = sizeof info};
    youtu_model_get_info(g.model, &info);
    assert_true(info.device_bandwidth > 1e11 && info.device_flops > 1e12);
    assert_non_null(strstr(info.device_details, "compute capability "));
    youtu_context *timed, *plain;
    youtu_error error;
    assert_int_equal(youtu_context_new(g.model, NULL, &timed, &error), YOUTU_OK);
    assert_int_equal(youtu_context_new(g.model, NULL, &plain, &error), YOUTU_OK);
    const youtu_batch before = {.token = g.ids, .count = 20};
    const youtu_batch batch = {.token = g.ids + 20, .count = (size_t)n_tokens};
    youtu_context *both[] = {timed, plain};
    for (int i = 0; i < 2; i++) assert_int_equal(youtu_decode(both[i], &before, &error), YOUTU_OK);
    if (youtu_profile(timed, &batch, see, s, &error) != YOUTU_OK) fail_msg("%s", error.message);
    assert_int_equal(youtu_decode(plain, &batch, &error), YOUTU_OK);
    assert_memory_equal(youtu_logits(timed, 0), youtu_logits(plain, 0), g.vocab * sizeof(float));
    assert_int_equal(youtu_sequence_length(timed, 0), 20 + n_tokens);
    for (int i = 0; of_every_layer[i]; i++)
        assert_int_equal(launches_of(s, of_every_layer[i]), info.n_layers);
    assert_int_equal(launches_of(s, "head"), 1);
    for (int i = 0; i < 2; i++) youtu_context_free(both[i]);
    golden_model_close(&g);
}

static void test_decode(void **state) {
    (void)state;
    static const char *const names[] = {"in",      "q_b",  "absorb", "attend latents", "values", "o",
                                        "gate|up", "down", NULL};
    seen s = {0};
    check(1, names, &s);
    assert_int_equal(s.launches, 8 * 3 + 3); /* 3 layers; embedding, final norm, head */
}

static void test_prefill(void **state) {
    (void)state;
    static const char *const names[] = {
        "in", "q_b", "store rows", "attend keys and values", "o", "gate|up", "gate rows", "down", NULL};
    seen s = {0};
    check(100, names, &s);
    assert_int_equal(launches_of(&s, "round rows"), 5 * 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_decode), cmocka_unit_test(test_prefill)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
