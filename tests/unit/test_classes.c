/* Patterns of the data files: what they mean, and which are refused. */
#include "clinic_fixture.h"

#include "cli/clinic/classes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_means(const char *pattern, const char *const *expected, size_t n_expected) {
    struct arena arena = {0};
    struct strings phrases;
    struct failure failure = {0};
    print_message("%s\n", pattern);
    assert_true(classes_expand(&clinic.lexicon.classes, pattern, "x", &arena, &phrases, &failure));
    assert_int_equal(phrases.count, n_expected);
    for (size_t i = 0; i < n_expected; i++) assert_string_equal(phrases.items[i], expected[i]);
    arena_free(&arena);
}

#define MEANS(pattern, ...)                                   \
    assert_means(pattern, (const char *const[]){__VA_ARGS__}, \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void test_patterns_mean_phrases(void **state) {
    (void)state;
    MEANS("头晕", "头晕");
    MEANS("头[很]晕", "头晕", "头很晕");
    MEANS("(头|脑袋)晕", "头晕", "脑袋晕");
    MEANS("头{痛}", "头疼", "头痛");
    MEANS("经期(腹{痛}|不适)多", "经期腹疼多", "经期腹痛多", "经期不适多");
    MEANS("一弯[就[会]{痛}|更重]", "一弯", "一弯就疼", "一弯就痛", "一弯就会疼", "一弯就会痛", "一弯更重");
}

static void assert_refused(const char *pattern, const char *why) {
    struct arena arena = {0};
    struct strings phrases;
    struct failure failure = {0};
    print_message("%s\n", pattern);
    assert_false(classes_expand(&clinic.lexicon.classes, pattern, "x", &arena, &phrases, &failure));
    assert_non_null(strstr(failure.message, why));
    assert_non_null(strstr(failure.message, pattern));
    arena_free(&arena);
}

static void test_mistakes_are_refused(void **state) {
    (void)state;
    assert_refused("头(晕", "括号不成对");
    assert_refused("头晕)", "括号不成对");
    assert_refused("头[(晕]", "括号不成对");
    assert_refused("头([晕)]", "括号不成对");
    assert_refused("[头晕]", "一字不剩");
    assert_refused("{没有这一类}", "不是 classes 中的名称");
    assert_refused("头[{没有这一类}|晕]", "不是 classes 中的名称");
    assert_refused("{好几}{好几}{好几}{好几}", "展开得太多");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns_mean_phrases),
        cmocka_unit_test(test_mistakes_are_refused),
    };
    return cmocka_run_group_tests(tests, open_clinic, close_clinic);
}
