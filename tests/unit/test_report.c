/* The report and its formats: the contract's fields, absent facts, and every allocation of JSON refused in
 * turn. */
#include "cli/clinic/format.h"
#include "clinic_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>

static const char TEXT[] = "女,35岁,头痛三天,集中在太阳穴,恶心,看强光会加重,无发热,体温36.8℃";
static const char ANSWER[] =
    "1. 可能诊断\n(1) 偏头痛\n2. 鉴别依据\n偏头痛:布洛芬0.3g可缓解\n3. 建议检查\n- 眼底检查:看视乳头";

/* A report to which a model answered. */
static void complete(struct report *report) {
    struct token_mark marks[sizeof ANSWER];
    struct failure failure;
    for (size_t i = 0; i < sizeof ANSWER; i++) marks[i] = (struct token_mark){i + 1, -0.1F};
    static struct removal removed = {"dose", "0.3g"};
    const struct removals removals = {&removed, 1};
    const struct model_output output = {
        .answer = span_of(ANSWER),
        .marks = marks,
        .n_marks = sizeof ANSWER,
        .narrative = span_of("1. 可能诊断\n(1) 偏头痛\n3. 建议检查\n- 眼底检查:看视乳头"),
        .removed = &removals};
    begin_report(report, "全科", TEXT);
    assert_true(report_complete(report, &clinic, &output, 0.5, &failure));
    report->model = (struct report_model){.name = "demo",
                                          .dtype = "bf16",
                                          .device = "cpu",
                                          .notice = "仅供演示",
                                          .adapter = "急诊",
                                          .adapter_scale = 0.5};
    report->finish = FINISH_LENGTH;
    report->seed = 7;
    report->usage = (struct report_usage){100, 20, 50, 12.34, 56.78};
}

static json_t *as_json(const struct report *report) {
    struct buffer out = {0};
    json_error_t error;
    assert_true(format_json(report, false, &out));
    json_t *parsed = json_loadb(out.data, out.length, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(parsed);
    buffer_free(&out);
    return parsed;
}

static const char *text_at(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

static double number_at(const json_t *object, const char *key) {
    const json_t *number = json_object_get(object, key);
    assert_true(json_is_number(number));
    return json_number_value(number);
}

static void assert_keys(const json_t *object, const char *const *keys) {
    for (; *keys; keys++)
        if (!json_object_get(object, *keys)) fail_msg("no %s", *keys);
}

static void test_json_has_the_contracts_fields(void **state) {
    (void)state;
    static const char *const TOP[] = {"schema",
                                      "id",
                                      "created",
                                      "model",
                                      "department",
                                      "patient",
                                      "input",
                                      "findings",
                                      "differential",
                                      "tests",
                                      "warnings",
                                      "urgency",
                                      "narrative",
                                      "removed",
                                      "confidence",
                                      "needs_confirmation",
                                      "disclaimer",
                                      "must_not_miss",
                                      "usage",
                                      "interrupted",
                                      NULL};
    static const char *const FINDINGS[] = {
        "chief_complaint", "sites",    "durations", "qualities",   "severity",  "aggravating", "relieving",
        "positive",        "negative", "history",   "medications", "allergies", "vitals",      NULL};
    static const char *const VITALS[] = {"temperature_c",    "systolic", "diastolic", "heart_rate",
                                         "respiratory_rate", "spo2",     NULL};
    static const char *const DIAGNOSIS[] = {"name",   "icd10",    "rank",    "source", "confidence",
                                            "status", "evidence", "against", NULL};
    struct report report;
    complete(&report);
    json_t *json = as_json(&report);
    const json_t *findings = json_object_get(json, "findings"), *usage = json_object_get(json, "usage");
    const json_t *first = json_array_get(json_object_get(json, "differential"), 0);
    assert_keys(json, TOP);
    assert_keys(findings, FINDINGS);
    assert_keys(json_object_get(findings, "vitals"), VITALS);
    assert_keys(first, DIAGNOSIS);
    assert_string_equal(text_at(json, "schema"), "youtu.diagnose/1");
    assert_string_equal(text_at(json_object_get(json, "model"), "notice"), "仅供演示");
    const json_t *adapter = json_object_get(json_object_get(json, "model"), "adapter");
    assert_string_equal(text_at(adapter, "name"), "急诊");
    assert_true(fabs(json_real_value(json_object_get(adapter, "scale")) - 0.5) < 1e-9);
    assert_string_equal(text_at(json_object_get(json, "patient"), "sex"), "女");
    assert_true(number_at(json_object_get(json, "patient"), "age") == 35);
    assert_string_equal(text_at(json_object_get(json, "input"), "text"), TEXT);
    assert_string_equal(text_at(findings, "chief_complaint"), "头痛3天");
    assert_true(number_at(json_array_get(json_object_get(findings, "durations"), 0), "days") == 3);
    assert_true(number_at(json_object_get(findings, "vitals"), "temperature_c") == 36.8);
    assert_string_equal(text_at(first, "name"), "偏头痛");
    assert_string_equal(text_at(first, "source"), "model+kb");
    assert_string_equal(text_at(first, "status"), "supported");
    assert_true(number_at(first, "rank") == 1);
    assert_string_equal(text_at(json_array_get(json_object_get(json, "tests"), 0), "reason"), "看视乳头");
    assert_string_equal(text_at(json_array_get(json_object_get(json, "removed"), 0), "text"), "0.3g");
    assert_string_equal(text_at(json, "finish"), "length");
    assert_true(json_is_false(json_object_get(json, "interrupted")));
    assert_string_equal(text_at(json, "disclaimer"),
                        "本系统为辅助工具,不替代医生诊断,所有输出须由医生复核。");
    assert_true(number_at(usage, "cached_tokens") == 20 && number_at(usage, "prefill_ms") == 12.3);
    json_decref(json);
    report_free(&report);
}

static void test_absent_facts_are_null_or_empty(void **state) {
    (void)state;
    struct report report;
    begin_report(&report, "全科", "你好");
    json_t *json = as_json(&report);
    const json_t *findings = json_object_get(json, "findings"), *patient = json_object_get(json, "patient");
    assert_true(json_is_null(json_object_get(json_object_get(json, "model"), "name")));
    assert_true(json_is_null(json_object_get(json_object_get(json, "model"), "adapter")));
    assert_true(json_is_null(json_object_get(patient, "age")) &&
                json_is_null(json_object_get(patient, "age_unit")));
    assert_true(json_is_null(json_object_get(patient, "sex")) &&
                json_is_null(json_object_get(patient, "pregnant")));
    assert_true(json_is_null(json_object_get(findings, "chief_complaint")));
    assert_true(json_is_null(json_object_get(findings, "severity")));
    assert_true(json_is_null(json_object_get(json_object_get(findings, "vitals"), "spo2")));
    assert_int_equal(json_array_size(json_object_get(json, "differential")), 0);
    assert_true(json_is_null(json_object_get(json, "finish")));
    assert_string_equal(text_at(json, "urgency"), "routine");
    assert_string_equal(text_at(json, "narrative"), "");
    assert_true(json_is_true(json_object_get(json, "needs_confirmation")));
    json_decref(json);
    report_free(&report);
}

static bool matches(const char *text, const char *pattern) {
    for (; *pattern; text++, pattern++) {
        bool digit = *text >= '0' && *text <= '9', hex = digit || (*text >= 'a' && *text <= 'f');
        if (*pattern == '9'   ? !digit
            : *pattern == 'h' ? !hex
            : *pattern == 's' ? *text != '+' && *text != '-'
                              : *text != *pattern)
            return false;
    }
    return !*text;
}

static void test_identity(void **state) {
    (void)state;
    struct report one, two;
    begin_report(&one, "全科", TEXT);
    begin_report(&two, "全科", TEXT);
    assert_true(matches(one.id, "hhhhhhhh-hhhh-4hhh-hhhh-hhhhhhhhhhhh"));
    assert_non_null(strchr("89ab", one.id[19]));
    assert_string_not_equal(one.id, two.id);
    assert_true(matches(one.created, "9999-99-99T99:99:99s99:99"));
    report_free(&one);
    report_free(&two);
}

static void test_text_has_its_parts_in_order(void **state) {
    (void)state;
    static const char *const PARTS[] = {"门诊预问诊报告",
                                        "患者：女，35岁",
                                        "仅供演示",
                                        "问诊要点",
                                        "主诉：头痛3天",
                                        "阴性：发热（“无发热”）",
                                        "体温 36.8℃",
                                        "模型分析",
                                        "1. 可能诊断",
                                        "达到长度上限",
                                        "已删去 1 处剂量或用法",
                                        "核对后的鉴别诊断",
                                        "1. 偏头痛（G43.9）",
                                        "支持：“头痛”",
                                        REPORT_DISCLAIMER};
    struct report report;
    struct buffer out = {0};
    complete(&report);
    assert_true(format_text(&report, false, &out));
    size_t at = 0;
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++) {
        at = span_find(buffer_span(&out), span_of(PARTS[i]), at);
        if (at == SIZE_MAX) fail_msg("no %s, or not in its place", PARTS[i]);
    }
    assert_true(span_find(buffer_span(&out), span_of("\033"), 0) == SIZE_MAX);
    buffer_free(&out);
    assert_true(format_text(&report, true, &out));
    assert_true(span_find(buffer_span(&out), span_of("\033[1m"), 0) != SIZE_MAX);
    buffer_free(&out);
    report_free(&report);
}

static void test_warnings_come_first(void **state) {
    (void)state;
    struct report report;
    struct buffer out = {0};
    begin_report(&report, "全科", "胸口像压了块石头,疼到左肩左臂,出冷汗");
    assert_true(format_text(&report, false, &out));
    size_t warning = span_find(buffer_span(&out), span_of("[急诊] 警惕急性冠脉综合征"), 0);
    assert_true(warning < span_find(buffer_span(&out), span_of("问诊要点"), 0));
    buffer_free(&out);
    report_free(&report);
}

static void test_the_head_names_patient_and_time(void **state) {
    (void)state;
    static const char *const CASES[][2] = {
        {"55岁,头痛", "  患者：55岁\n"}, {"女,55岁,头痛", "  患者：女，55岁\n"}, {"头痛", "科室：全科\n"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct report report;
        struct buffer out = {0};
        begin_report(&report, "全科", CASES[i][0]);
        assert_true(format_text(&report, false, &out));
        assert_true(holds(&out, CASES[i][1]));
        assert_false(holds(&out, report.id) || holds(&out, report.created) || holds(&out, " \n"));
        report.created = "2026-01-02T03:04:05+08:00";
        buffer_free(&out);
        assert_true(format_text(&report, false, &out));
        assert_true(holds(&out, "\n2026-01-02 03:04\n"));
        buffer_free(&out);
        report_free(&report);
    }
}

static void test_what_a_model_wrote_is_marked_once(void **state) {
    (void)state;
    struct report report;
    struct buffer out = {0};
    complete(&report);
    json_t *json = as_json(&report);
    assert_true(span_ends(span_of(text_at(json, "narrative")), span_of("\n\n" REPORT_MODEL_REMARK)));
    json_decref(json);
    assert_true(format_text(&report, false, &out));
    size_t at = span_find(buffer_span(&out), span_of(REPORT_MODEL_REMARK), 0);
    assert_true(at != SIZE_MAX && at > span_find(buffer_span(&out), span_of("看视乳头"), 0));
    assert_true(span_find(buffer_span(&out), span_of(REPORT_MODEL_REMARK), at + 1) == SIZE_MAX);
    buffer_free(&out);
    report_free(&report);
}

static void test_a_diagnosis_without_any_basis_says_so(void **state) {
    (void)state;
    struct report report;
    struct buffer out = {0};
    begin_report(&report, "全科", TEXT);
    static const struct diagnosis BARE = {
        .name = "痔", .source = "model", .status = DIAGNOSIS_NEEDS_CONFIRMATION};
    struct diagnosis items[] = {BARE};
    report.differential = (struct differential){items, 1, 0, true};
    assert_true(format_text(&report, false, &out));
    assert_true(holds(&out, "所述中无支持依据"));
    buffer_free(&out);
    report_free(&report);
}

static void test_a_dose_is_no_diagnosis(void **state) {
    (void)state;
    static const char WRITTEN[] = "1. 可能诊断\n(1) 罕见的病\n(2) 布洛芬0.3g";
    struct report report;
    struct failure failure;
    const struct removals none = {0};
    const struct model_output output = {
        .answer = span_of(WRITTEN),
        .narrative = span_of("1. 可能诊断\n(1) 罕见的病\n(2) 布洛芬〔剂量由医师决定〕"),
        .removed = &none};
    begin_report(&report, "全科", TEXT);
    assert_true(report_complete(&report, &clinic, &output, 0.5, &failure));
    bool rare = false;
    for (size_t i = 0; i < report.differential.count; i++) {
        assert_null(strstr(report.differential.items[i].name, "0.3g"));
        rare |= strcmp(report.differential.items[i].name, "罕见的病") == 0;
    }
    assert_true(rare);
    report_free(&report);
}

static void test_an_emergency_keeps_dangerous_diseases_in_view(void **state) {
    (void)state;
    struct report report;
    struct buffer out = {0};
    begin_report(&report, "全科", "今天突然剧烈头痛");
    json_t *json = as_json(&report);
    const json_t *first = json_array_get(json_object_get(json, "must_not_miss"), 0);
    assert_string_equal(text_at(first, "name"), "蛛网膜下腔出血");
    assert_string_equal(text_at(first, "icd10"), "I60.9");
    assert_true(json_array_size(json_object_get(first, "evidence")) > 0);
    json_decref(json);
    assert_true(format_text(&report, false, &out));
    assert_true(holds(&out, "\n不可漏诊\n  - 蛛网膜下腔出血（I60.9）\n    依据："));
    buffer_free(&out);
    report_free(&report);
    begin_report(&report, "全科", TEXT); /* no emergency */
    json = as_json(&report);
    assert_int_equal(json_array_size(json_object_get(json, "must_not_miss")), 0);
    json_decref(json);
    report_free(&report);
}

/* ---- memory */

/* Every JSON allocation refused in turn: a clear refusal each time, until there are enough. */
static void test_json_survives_refused_memory(void **state) {
    (void)state;
    struct report report;
    complete(&report);
    assert_true(write_with_refused_memory(format_json, &report) > 100);
    report_free(&report);
}

static void test_a_knowledge_base_survives_refused_memory(void **state) {
    (void)state;
    static const char TEXT_OF_KB[] =
        "{\"schema\":\"youtu.kb/1\",\"version\":\"1\",\"note\":\"n\",\"departments\":[\"a\"],\"symptoms\":[{\"name\":\"s\","
        "\"aliases\":[\"t\"]}],\"diseases\":[]}";
    for (size_t refused = 0;; refused++) {
        struct arena arena = {0};
        struct kb kb;
        struct failure failure;
        limit_json_memory(refused);
        assert_false(kb_load(&kb, &arena, span_of(TEXT_OF_KB), "k", &clinic.lexicon, &failure));
        unlimit_json_memory();
        arena_free(&arena);
        if (strcmp(failure.message, "k:第 1 行:字段 diseases 为 [],应为 至少一种疾病") ==
            0) { /* enough memory */
            assert_true(refused > 20);
            return;
        }
        assert_int_equal(failure.status, STATUS_RESOURCE);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_has_the_contracts_fields),
        cmocka_unit_test(test_absent_facts_are_null_or_empty),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_text_has_its_parts_in_order),
        cmocka_unit_test(test_warnings_come_first),
        cmocka_unit_test(test_the_head_names_patient_and_time),
        cmocka_unit_test(test_what_a_model_wrote_is_marked_once),
        cmocka_unit_test(test_a_diagnosis_without_any_basis_says_so),
        cmocka_unit_test(test_a_dose_is_no_diagnosis),
        cmocka_unit_test(test_an_emergency_keeps_dangerous_diseases_in_view),
        cmocka_unit_test(test_json_survives_refused_memory),
        cmocka_unit_test(test_a_knowledge_base_survives_refused_memory),
    };
    return cmocka_run_group_tests(tests, open_clinic, close_clinic);
}
