/* The model's answer: its sections, its diagnoses held against the knowledge base. */
#include "cli/clinic/checks.h"
#include "clinic_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>

/* ---- sections */

/* The diagnoses and tests of an answer, divided by '|'. */
static void assert_answer(const char *text, const char *diagnoses, const char *tests) {
    struct arena arena = {0};
    struct answer answer;
    char found[512] = "";
    assert_true(answer_parse(span_of(text), &arena, &answer));
    for (size_t i = 0; i < answer.n_diagnoses; i++) {
        if (i) strcat(found, "|");
        strncat(found, answer.diagnoses[i].name.data, answer.diagnoses[i].name.length);
        assert_true(answer.diagnoses[i].name.data >= text); /* they lie in the text itself */
    }
    assert_string_equal(found, diagnoses);
    found[0] = '\0';
    for (size_t i = 0; i < answer.n_tests; i++) {
        if (i) strcat(found, "|");
        strcat(found, answer.tests[i].name);
        if (answer.tests[i].reason) strcat(strcat(found, "="), answer.tests[i].reason);
    }
    assert_string_equal(found, tests);
    arena_free(&arena);
}

static void test_sections_are_read_however_they_are_marked(void **state) {
    (void)state;
    assert_answer("1. 可能诊断\n(1) 偏头痛\n(2) 紧张型头痛\n(3) 颅内压增高\n2. 鉴别依据\n偏头痛:一侧\n"
                  "3. 建议检查\n- 神经系统查体:排除局灶体征\n- 眼底检查:看视乳头\n4. 风险提示\n- 立即急诊。",
                  "偏头痛|紧张型头痛|颅内压增高", "神经系统查体=排除局灶体征|眼底检查=看视乳头");
    assert_answer(
        "**1. 可能诊断**\n\n1. **偏头痛**(可能性大):搏动样\n   - 依据:畏光\n2. **紧张型头痛** - 常见\n\n"
        "**3. 建议检查**\n* 头颅CT(首发时)\n* 血常规\n",
        "偏头痛|紧张型头痛", "头颅CT=首发时|血常规");
    assert_answer("### 一、可能诊断\n① 感冒\n② 流感\n### 三、建议检查:\n1、胸片:排除肺炎", "感冒|流感",
                  "胸片=排除肺炎");
    assert_answer(
        "\uff11\uff0e 可能诊断\n\uff08\uff11\uff09偏头痛\uff1a搏动样\n\uff13\uff0e 建议检查\n\u2022 眼底检查",
        "偏头痛", "眼底检查");
    assert_answer("【可能诊断】\n- 偏头痛\n- 紧张型头痛", "偏头痛|紧张型头痛", "");
    assert_answer("1. 可能诊断:偏头痛、紧张型头痛\n3. 建议检查:眼底检查;血常规。", "偏头痛|紧张型头痛",
                  "眼底检查|血常规");
}

static void test_no_diagnosis_is_invented(void **state) {
    (void)state;
    assert_answer("", "", "");
    assert_answer("你好,请描述症状。\n(1) 偏头痛", "", "");
    assert_answer("1. 可能诊断\n(1) 信息不足,无法判断\n3. 建议检查\n- 补充病史:请说明不适", "",
                  "补充病史=请说明不适");
    assert_answer("1. 可能诊断\n目前看来可能是头部的问题。\n(1) 偏头", "偏头", ""); /* cut in the middle */
    assert_answer("1. 可能诊断\n体温1.5倍\n1.5 倍\n", "", "");
}

/* ---- the differential */

static void test_probability_of_a_name(void **state) {
    (void)state;
    static const struct token_mark MARKS[] = {{3, -1}, {6, -2}, {6, -3}, {9, -4}, {12, -5}};
    assert_true(fabs(name_probability(MARKS, 5, 3, 6) - exp(-2)) < 1e-12);
    assert_true(fabs(name_probability(MARKS, 5, 4, 6) - exp(-2)) < 1e-12); /* a token that only touches it */
    assert_true(fabs(name_probability(MARKS, 5, 6, 9) - exp(-3.5)) <
                1e-12); /* the empty token belongs to what follows */
    assert_true(fabs(name_probability(MARKS, 5, 0, 12) - exp(-3)) < 1e-12);
    assert_true(name_probability(MARKS, 5, 12, 15) == 0);
    assert_true(name_probability(NULL, 0, 0, 3) == 0);
}

struct checked {
    struct reading reading;
    struct candidates candidates;
    struct differential differential;
};

/* complaint: the patient's; text: the model's answer, or NULL for none. Every byte of it is a token of
 * probability 1. */
static void check(struct checked *checked, const char *complaint, const char *text, double threshold) {
    struct answer answer;
    struct token_mark marks[1024];
    *checked = (struct checked){0};
    struct arena *arena = &checked->reading.arena;
    read_text(&checked->reading, complaint);
    assert_true(differential_rank(&clinic.kb, &checked->reading.patient, &checked->reading.findings, NULL,
                                  arena, &checked->candidates));
    struct check_request request = {
        .kb = &clinic.kb, .candidates = &checked->candidates, .threshold = threshold};
    if (text) {
        assert_true(strlen(text) < sizeof marks / sizeof *marks);
        for (size_t i = 0; i < strlen(text); i++) marks[i] = (struct token_mark){i + 1, 0};
        assert_true(answer_parse(span_of(text), arena, &answer));
        request.answer = &answer;
        request.answer_text = span_of(text);
        request.marks = marks;
        request.n_marks = strlen(text);
    }
    assert_true(checks_run(&request, arena, &checked->differential));
}

static const char MIGRAINE[] = "我最近三天一直头痛,集中在太阳穴位置,伴有恶心,看强光会加重。";

static const struct diagnosis *entry(const struct checked *checked, const char *name) {
    for (size_t i = 0; i < checked->differential.count; i++)
        if (strcmp(checked->differential.items[i].name, name) == 0) return &checked->differential.items[i];
    return NULL;
}

static void test_rules_alone_rank_the_knowledge_base(void **state) {
    (void)state;
    struct checked checked;
    check(&checked, MIGRAINE, NULL, 0.5);
    const struct diagnosis *first = &checked.differential.items[0];
    assert_string_equal(first->name, "偏头痛");
    assert_string_equal(first->icd10, "G43.9");
    assert_string_equal(first->source, "kb");
    assert_int_equal(first->status, DIAGNOSIS_SUPPORTED);
    assert_false(checked.differential.needs_confirmation);
    assert_true(checked.differential.count <= 5);
    assert_true(first->confidence == candidate_of(&checked.candidates, first->disease)->support);
    arena_free(&checked.reading.arena);
    check(&checked, MIGRAINE, NULL, 0.99);
    assert_int_equal(checked.differential.items[0].status, DIAGNOSIS_NEEDS_CONFIRMATION);
    assert_true(checked.differential.needs_confirmation);
    arena_free(&checked.reading.arena);
    check(&checked, "你好", NULL, 0.5);
    assert_int_equal(checked.differential.count, 0);
    assert_true(checked.differential.needs_confirmation);
    arena_free(&checked.reading.arena);
}

static void test_model_and_knowledge_base_agree_or_not(void **state) {
    (void)state;
    struct checked checked;
    check(&checked, MIGRAINE, "1. 可能诊断\n(1) 火星综合征\n(2) 偏头痛\n(3) 痔", 0.5);
    const struct diagnosis *unknown = entry(&checked, "火星综合征"), *known = entry(&checked, "偏头痛"),
                           *unfit = entry(&checked, "痔");
    double support = candidate_of(&checked.candidates, known->disease)->support;
    double expected =
        MODEL_WEIGHT * 0.5 + (1 - MODEL_WEIGHT) * support; /* second in the model's list: p = 1/2 */
    assert_true(fabs(known->confidence - expected) < 1e-12);
    assert_string_equal(known->source, "model+kb");
    assert_int_equal(known->status, DIAGNOSIS_SUPPORTED);
    assert_true(known == &checked.differential.items[0]);
    assert_int_equal(unknown->status, DIAGNOSIS_UNSUPPORTED);
    assert_null(unknown->icd10);
    assert_true(unknown == &checked.differential.items[checked.differential.count - 1]); /* never first */
    assert_string_equal(unfit->source, "model");
    assert_int_equal(unfit->status, DIAGNOSIS_NEEDS_CONFIRMATION);
    arena_free(&checked.reading.arena);
}

static void test_a_marked_name_is_unknown_and_stands_last(void **state) {
    (void)state;
    struct checked checked;
    check(&checked, MIGRAINE, "1. 可能诊断\n(1) 痔\n(2) 未收录:丛集性某病\n(3) 未收录：偏头痛", 0.5);
    const struct diagnosis *unknown = entry(&checked, "丛集性某病");
    assert_int_equal(unknown->status, DIAGNOSIS_UNSUPPORTED);
    assert_null(unknown->disease);
    assert_true(unknown > &checked.differential.items[0]);
    assert_string_equal(entry(&checked, "偏头痛")->source, "kb"); /* the mark is false */
    arena_free(&checked.reading.arena);
}

static void test_shares_of_scored_names_are_the_models_part(void **state) {
    (void)state;
    struct checked checked;
    struct answer answer;
    check(&checked, MIGRAINE, NULL, 0.5);
    struct arena *arena = &checked.reading.arena;
    const struct disease *first = checked.differential.items[0].disease;
    const struct disease *second = checked.differential.items[1].disease;
    double support = checked.differential.items[0].support;
    const struct name_score scores[] = {
        {first, first->name, 0.4}, {first, "别名", 0.1}, {second, second->name, 0.3}, {NULL, "某病", 0.2}};
    const struct span text = span_of("1. 可能诊断\n(1) 偏头痛\n(2) 未收录:某病");
    assert_true(answer_parse(text, arena, &answer));
    const struct check_request request = {.kb = &clinic.kb,
                                          .candidates = &checked.candidates,
                                          .answer = &answer,
                                          .answer_text = text,
                                          .scores = scores,
                                          .n_scores = 4};
    assert_true(checks_run(&request, arena, &checked.differential));
    const struct diagnosis *named = entry(&checked, "偏头痛"), *other = entry(&checked, second->name);
    assert_true(fabs(named->confidence - (MODEL_WEIGHT * 0.5 + (1 - MODEL_WEIGHT) * support)) < 1e-12);
    assert_string_equal(other->source, "kb"); /* not named, but scored */
    assert_true(fabs(other->confidence - (MODEL_WEIGHT * 0.3 + (1 - MODEL_WEIGHT) * other->support)) < 1e-12);
    assert_true(fabs(entry(&checked, "某病")->confidence - MODEL_WEIGHT * 0.2) < 1e-12);
    arena_free(arena);
}

/* What is denied supports nothing by itself, and an entry without support is never before one with it. */
static void test_support_needs_a_present_finding(void **state) {
    (void)state;
    static const char *const NOTHING_FITS[] = {"无发热", "没有头晕,没有乏力", "否认皮疹、瘙痒"};
    struct checked checked;
    for (size_t i = 0; i < sizeof NOTHING_FITS / sizeof *NOTHING_FITS; i++) {
        check(&checked, NOTHING_FITS[i], NULL, 0);
        assert_int_equal(checked.differential.count, 0);
        arena_free(&checked.reading.arena);
    }
    check(&checked, "头痛三天,恶心,怕光,无发热", "1. 可能诊断\n(1) 荨麻疹\n(2) 缺铁性贫血", 0);
    assert_true(checked.differential.items[0].support > 0);
    static const char *const UNFIT[] = {"荨麻疹", "缺铁性贫血"};
    for (size_t i = 0; i < sizeof UNFIT / sizeof *UNFIT; i++) {
        const struct diagnosis *unfit = entry(&checked, UNFIT[i]);
        assert_true(unfit->support == 0 && unfit->confidence > 0);
        assert_string_equal(unfit->source, "model");
        assert_int_equal(unfit->status, DIAGNOSIS_NEEDS_CONFIRMATION);
    }
    bool supported = true;
    for (size_t i = 0; i < checked.differential.count; i++) {
        bool here = checked.differential.items[i].support > 0;
        assert_true(supported || !here);
        supported = here;
    }
    arena_free(&checked.reading.arena);
}

static void test_an_alias_and_its_name_are_one_entry(void **state) {
    (void)state;
    struct checked checked;
    check(&checked, MIGRAINE, "1. 可能诊断\n(1) 血管性头痛\n(2) 偏头痛", 0.5);
    size_t count = 0;
    for (size_t i = 0; i < checked.differential.count; i++)
        count += strcmp(checked.differential.items[i].name, "偏头痛") == 0;
    assert_int_equal(count, 1);
    arena_free(&checked.reading.arena);
}

static void test_age_and_sex_speak_against(void **state) {
    (void)state;
    struct checked checked;
    check(&checked, "男,40岁,下腹痛", "1. 可能诊断\n(1) 异位妊娠", 0.1);
    const struct diagnosis *diagnosis = entry(&checked, "异位妊娠");
    assert_int_equal(diagnosis->status, DIAGNOSIS_NEEDS_CONFIRMATION);
    assert_string_equal(diagnosis->against.items[diagnosis->against.count - 1], "年龄或性别不符");
    arena_free(&checked.reading.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections_are_read_however_they_are_marked),
        cmocka_unit_test(test_no_diagnosis_is_invented),
        cmocka_unit_test(test_probability_of_a_name),
        cmocka_unit_test(test_rules_alone_rank_the_knowledge_base),
        cmocka_unit_test(test_model_and_knowledge_base_agree_or_not),
        cmocka_unit_test(test_a_marked_name_is_unknown_and_stands_last),
        cmocka_unit_test(test_shares_of_scored_names_are_the_models_part),
        cmocka_unit_test(test_support_needs_a_present_finding),
        cmocka_unit_test(test_an_alias_and_its_name_are_one_entry),
        cmocka_unit_test(test_age_and_sex_speak_against),
    };
    return cmocka_run_group_tests(tests, open_clinic, close_clinic);
}
