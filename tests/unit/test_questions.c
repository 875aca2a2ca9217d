/* Next questions: what they ask for, and what they leave. */
#include "clinic_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct question *asked(const struct report *report, const char *symptom) {
    for (size_t i = 0; i < report->questions.count; i++)
        if (strcmp(report->questions.items[i].symptom, symptom) == 0) return &report->questions.items[i];
    return NULL;
}

static void test_what_would_raise_the_urgency_is_asked_for(void **state) {
    (void)state;
    static const struct {
        const char *text, *symptoms[4];
    } CASES[] = {
        {"男,45岁,腰痛三天", {"会阴麻木", "大小便失禁", "排尿困难", NULL}},
        {"男,56岁,胸闷两天", {"冷汗", "压榨样胸痛", "放射至左臂", NULL}},
        {"头痛两天,发烧", {"颈项强直", "意识障碍", "皮疹", NULL}},
        {"女,30岁,月经推迟两周,恶心", {"腹痛", "下腹痛", "阴道出血", NULL}},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct report report;
        bool found = false;
        begin_report(&report, "全科", CASES[i].text);
        print_message("%s\n", CASES[i].text);
        for (size_t j = 0; j < report.questions.count; j++)
            print_message("  %s %s\n", report.questions.items[j].text, report.questions.items[j].reason);
        for (size_t j = 0; CASES[i].symptoms[j]; j++) found = found || asked(&report, CASES[i].symptoms[j]);
        assert_true(found);
        report_free(&report);
    }
}

static void test_what_is_known_is_not_asked_again(void **state) {
    (void)state;
    static const char *const TEXTS[] = {
        "腰痛三天,没有大小便失禁,会阴不麻木,无发热",
        "头痛,怕光,恶心,没有发烧,没有呕吐",
        "咳嗽一周,有黄痰,发热,无咯血",
        "肚子疼,拉肚子,没有便血",
        "孩子2岁,发烧39度,流鼻涕,没有抽搐",
    };
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        struct report report;
        begin_report(&report, "全科", TEXTS[i]);
        assert_true(report.questions.count > 0 && report.questions.count <= 5);
        for (size_t j = 0; j < report.questions.count; j++) {
            const struct question *question = &report.questions.items[j];
            size_t symptom = wordlist_find(&clinic.kb.symptoms, span_of(question->symptom));
            assert_int_equal(report.candidates.observations.signs[symptom].sighting, NOT_MENTIONED);
            assert_true(span_ends(span_of(question->text), span_of("?")) ||
                        span_ends(span_of(question->text), span_of("？")));
            for (size_t k = 0; k < j; k++)
                assert_string_not_equal(report.questions.items[k].symptom, question->symptom);
        }
        report_free(&report);
    }
}

static void test_a_question_may_have_its_own_wording(void **state) {
    (void)state;
    struct report report;
    begin_report(&report, "全科", "突然头晕,恶心,呕吐");
    for (size_t i = 0; i < report.questions.count; i++) {
        const struct question *question = &report.questions.items[i];
        const char *own = clinic.kb.questions[wordlist_find(&clinic.kb.symptoms, span_of(question->symptom))];
        if (own) assert_string_equal(question->text, own);
        if (!own) assert_true(span_starts(span_of(question->text), span_of("有没有")));
    }
    report_free(&report);
}

static void test_nothing_is_asked_of_nothing(void **state) {
    (void)state;
    struct report report;
    begin_report(&report, "全科", "你好");
    assert_int_equal(report.questions.count, 0);
    report_free(&report);
}

/* ---- dangers */

static bool in_view(const struct report *report, const char *name) {
    for (size_t i = 0; i < report->must_not_miss.count; i++)
        if (strcmp(report->must_not_miss.items[i].disease->name, name) == 0) return true;
    return false;
}

static void test_dangers_stay_in_view_without_an_emergency(void **state) {
    (void)state;
    static const struct {
        const char *text, *danger;
    } CASES[] = {
        {"男,58岁,胸闷两天,走路就加重,有高血压", "急性心肌梗死"},
        {"咳嗽一个月,夜里出汗,瘦了五斤", "肺结核"},
        {"男,66岁,吞咽困难两个月,瘦了", "食管恶性肿瘤"},
    };
    struct report report;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        begin_report(&report, "全科", CASES[i].text);
        assert_true(report.warnings.urgency != URGENCY_EMERGENCY);
        assert_true(in_view(&report, CASES[i].danger));
        assert_true(report.must_not_miss.count <= 3);
        for (size_t j = 0; j < report.must_not_miss.count; j++)
            assert_true(report.must_not_miss.items[j].evidence.count > 0);
        report_free(&report);
    }
    begin_report(&report, "全科", "流鼻涕,打喷嚏,鼻子痒");
    assert_int_equal(report.must_not_miss.count, 0);
    report_free(&report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_would_raise_the_urgency_is_asked_for),
        cmocka_unit_test(test_what_is_known_is_not_asked_again),
        cmocka_unit_test(test_a_question_may_have_its_own_wording),
        cmocka_unit_test(test_nothing_is_asked_of_nothing),
        cmocka_unit_test(test_dangers_stay_in_view_without_an_emergency),
    };
    return cmocka_run_group_tests(tests, open_clinic, close_clinic);
}
