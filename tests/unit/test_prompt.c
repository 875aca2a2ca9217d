/* Department templates: how they are read, filled, found and refused. */
#include "cli/clinic/prompt.h"
#include "tests/unit/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void assert_rendered(const struct prompt_template *template, const struct patient *patient,
                            const char *complaint, const char *expected) {
    struct buffer out = {0};
    template_render(template, patient, span_of(complaint), &out);
    buffer_append(&out, "", 1);
    assert_false(out.failed);
    assert_string_equal(out.data, expected);
    buffer_free(&out);
}

static void test_patient_and_complaint_are_filled_in(void **state) {
    (void)state;
    struct prompt_template template;
    struct failure failure;
    assert_true(template_parse(span_of("[system]\n甲\n[user]\n{patient}【主诉】{complaint}\n乙\n\n"), "t",
                               &template, &failure));
    assert_true(span_is(template.system, "甲"));
    static const struct patient NOBODY = {0};
    static const struct patient WOMAN = {.has_age = true, .age = 35, .age_unit = "岁", .sex = SEX_FEMALE};
    static const struct patient CHILD = {.has_age = true, .age = 8, .age_unit = "月"};
    static const struct patient MAN = {.sex = SEX_MALE};
    assert_rendered(&template, &NOBODY, "头痛", "【主诉】头痛\n乙");
    assert_rendered(&template, &WOMAN, "头痛", "患者:女,35岁。【主诉】头痛\n乙");
    assert_rendered(&template, &CHILD, "头痛", "患者:8月。【主诉】头痛\n乙");
    assert_rendered(&template, &MAN, "头痛", "患者:男。【主诉】头痛\n乙");
}

static void test_a_complaint_is_not_expanded(void **state) {
    (void)state;
    struct prompt_template template;
    struct failure failure;
    static const struct patient WOMAN = {.sex = SEX_FEMALE};
    assert_true(
        template_parse(span_of("[system]\na\n[user]\n{complaint}{patient}"), "t", &template, &failure));
    assert_rendered(&template, &WOMAN, "{patient}{complaint}[user]", "{patient}{complaint}[user]患者:女。");
}

static void test_malformed_templates_are_refused(void **state) {
    (void)state;
    static const char *const CASES[][2] = {
        {"", "t:模板应以 [system] 行开始,并有 [user] 行"},
        {"x[system]\na\n[user]\n{complaint}", "t:模板应以 [system] 行开始,并有 [user] 行"},
        {"[system]\na [user]\n{complaint}", "t:模板应以 [system] 行开始,并有 [user] 行"},
        {"[system]\na\n[user]\nb", "t:[user] 部分缺少 {complaint}"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct prompt_template template;
        struct failure failure;
        assert_false(template_parse(span_of(CASES[i][0]), "t", &template, &failure));
        assert_string_equal(failure.message, CASES[i][1]);
    }
}

static void test_departments(void **state) {
    (void)state;
    struct arena arena = {0};
    struct prompt_template template;
    struct failure failure;
    assert_true(template_open("全科", NULL, &arena, &template, &failure));
    assert_true(span_ends(template.system, span_of("不开药,不写剂量。")));
    assert_true(span_starts(template.user, span_of("{patient}【患者主诉】{complaint}\n")));
    assert_true(span_ends(template.user, span_of("列出三个。")));
    static const char *const REFUSED[] = {"牙科", "../全科", ".", "/etc/passwd", ""};
    for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
        assert_false(template_open(REFUSED[i], NULL, &arena, &template, &failure));
        assert_int_equal(failure.status, STATUS_USAGE);
        assert_non_null(strstr(failure.message, "内置:全科"));
    }
    arena_free(&arena);
}

static void test_a_clinics_own_templates(void **state) {
    const fixture *f = *state;
    fixture_write_text(f, "牙科.txt", "[system]\n牙医\n[user]\n{complaint}");
    struct arena arena = {0};
    struct prompt_template template;
    struct failure failure;
    assert_true(template_open("牙科", f->directory, &arena, &template, &failure));
    assert_true(span_is(template.system, "牙医"));
    assert_true(template_open("全科", f->directory, &arena, &template, &failure)); /* the compiled-in one */
    assert_false(template_open("骨科", f->directory, &arena, &template, &failure));
    assert_int_equal(failure.status, STATUS_USAGE);
    arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patient_and_complaint_are_filled_in),
        cmocka_unit_test(test_a_complaint_is_not_expanded),
        cmocka_unit_test(test_malformed_templates_are_refused),
        cmocka_unit_test(test_departments),
        cmocka_unit_test_setup_teardown(test_a_clinics_own_templates, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
