/* Long records: segments and sentences, what is chosen, and that every sentence is accounted for. */
#include "clinic_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

static const char RECORD[] =
    "胸痛2小时,伴出汗。\n"
    "2023年5月2日 门诊记录\n主诉:咳嗽3天。天气转凉。\n既往史:高血压5年。服用氨氯地平。\n"
    "2021-11-08 复诊\n腹泻两天,无发热。已好转。\n"
    "2024年1月3日\n乏力一周。对青霉素过敏。";

static void begin(struct report *report, struct span text) {
    static const struct patient NOBODY = {0};
    struct failure failure;
    assert_true(report_begin(report, &clinic, &NOBODY, NULL, text, 0.5, &failure));
}

/* RECORD with what rules may find in it. */
struct annotated {
    struct arena arena;
    struct chart chart;
};

static void read_record(struct annotated *reading) {
    static const struct {
        const char *words;
        enum entity_kind kind;
        enum polarity polarity;
    } FOUND[] = {
        {"胸痛", ENTITY_SYMPTOM, POLARITY_PRESENT},   {"2小时", ENTITY_DURATION, POLARITY_PRESENT},
        {"出汗", ENTITY_SYMPTOM, POLARITY_UNCERTAIN}, {"咳嗽", ENTITY_SYMPTOM, POLARITY_PRESENT},
        {"高血压", ENTITY_HISTORY, POLARITY_PAST},    {"氨氯地平", ENTITY_MEDICATION, POLARITY_PRESENT},
        {"腹泻", ENTITY_SYMPTOM, POLARITY_PRESENT},   {"发热", ENTITY_SYMPTOM, POLARITY_DENIED},
        {"乏力", ENTITY_SYMPTOM, POLARITY_PRESENT},   {"青霉素", ENTITY_ALLERGY, POLARITY_PRESENT},
    };
    enum { N_FOUND = sizeof FOUND / sizeof *FOUND };
    struct entity entities[N_FOUND];
    const struct findings findings = {.entities = entities, .n_entities = N_FOUND};
    struct passage passage;
    *reading = (struct annotated){0};
    for (size_t i = 0, from = 0; i < N_FOUND; i++) {
        size_t at = span_find(span_of(RECORD), span_of(FOUND[i].words), from);
        assert_true(at != SIZE_MAX);
        from = at + strlen(FOUND[i].words);
        entities[i] =
            (struct entity){FOUND[i].kind, FOUND[i].polarity, FOUND[i].words, FOUND[i].words, at, from};
    }
    assert_true(passage_open(&passage, &reading->arena, span_of(RECORD), &clinic.lexicon));
    assert_true(chart_divide(&passage, &findings, &reading->arena, &reading->chart));
}

static void assert_segments(const char *text, const char *const *titles, const long *dates, size_t count) {
    struct report report;
    begin(&report, span_of(text));
    const struct chart *chart = &report.chart;
    for (size_t i = 0; i < chart->n_segments && i < count; i++) {
        assert_string_equal(chart->segments[i].title, titles[i]);
        assert_int_equal(chart->segments[i].date, dates[i]);
    }
    assert_int_equal(chart->n_segments, count);
    report_free(&report);
}

static void test_dates_and_headings_open_segments(void **state) {
    (void)state;
    static const char *const TITLES[] = {"",
                                         "2023年5月2日 门诊记录",
                                         "2023年5月2日 门诊记录 主诉:",
                                         "2023年5月2日 门诊记录 既往史:",
                                         "2021-11-08 复诊",
                                         "2024年1月3日"};
    static const long DATES[] = {0, 20230502, 20230502, 20230502, 20211108, 20240103};
    assert_segments(RECORD, TITLES, DATES, 6);
}

static void test_spellings_of_dates_and_headings(void **state) {
    (void)state;
    static const struct {
        const char *text, *title;
        long date;
    } CASES[] = {
        {"２０２３年５月２日:头痛", "２０２３年５月２日", 20230502},
        {"2023.5.2 头痛", "2023.5.2", 20230502},
        {"2023/05/02头痛", "2023/05/02", 20230502},
        {"2023年5月,头痛", "2023年5月", 20230500},
        {"5月2日 头痛", "5月2日", 502},
        {"【现病史】头痛", "【现病史】", 0},
        {"[2023-05-02] 头痛", "[2023-05-02", 20230502},
        {"现病史：头痛", "现病史：", 0},
        {"查体\n头痛", "查体", 0},
        {"头痛3天", "", 0},
        {"2023个", "", 0},
        {"5.2 头痛", "", 0},
        {"38.5度", "", 0},
        {"13月2日头痛", "", 0},
        {"2023年13月2日头痛", "", 0},
        {"诊断不明", "", 0},
        {"检查没问题", "", 0},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_segments(CASES[i].text, &CASES[i].title, &CASES[i].date, 1);
}

static void test_a_date_without_a_year_is_of_the_year_before_it(void **state) {
    (void)state;
    static const char *const TITLES[] = {"2023年5月2日", "6月1日"};
    static const long DATES[] = {20230502, 20230601};
    assert_segments("2023年5月2日 头痛\n6月1日 咳嗽", TITLES, DATES, 2);
}

static void test_recency_and_summaries(void **state) {
    (void)state;
    struct annotated reading;
    read_record(&reading);
    static const size_t RANKS[] = {0, 2, 3, 4, 5, 1};
    static const char *const SUMMARIES[] = {
        "有:胸痛、出汗;时间:2小时", "", "有:咳嗽", "既往:高血压;用药:氨氯地平", "有:腹泻;无:发热",
        "有:乏力;过敏:青霉素"};
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(reading.chart.segments[i].rank, RANKS[i]);
        assert_string_equal(reading.chart.segments[i].summary, SUMMARIES[i]);
    }
    arena_free(&reading.arena);
}

static bool is_blank(struct span text) {
    return span_trim(text).length == 0;
}

/* Sentences are in order, do not overlap, and only blanks lie between them; each lies in its segment. */
static void assert_covers(const struct chart *chart) {
    size_t at = 0;
    for (size_t i = 0; i < chart->n_sentences; i++) {
        const struct chart_sentence *sentence = &chart->sentences[i];
        assert_true(sentence->start >= at && sentence->end > sentence->start);
        assert_true(is_blank(span_between(chart->text, at, sentence->start)));
        assert_true(sentence->start >= chart->segments[sentence->segment].start);
        assert_true(sentence->end <= chart->segments[sentence->segment].end);
        at = sentence->end;
    }
    assert_true(is_blank(span_between(chart->text, at, chart->text.length)));
}

/* What is chosen fits, and is what the fates say: kept sentences and the summaries that stand for others. */
static void assert_choice(struct chart *chart, size_t limit) {
    struct buffer out = {0};
    chart_choose(chart, limit);
    chart_render(chart, &out);
    assert_false(out.failed);
    size_t from = 0;
    for (size_t i = 0; i < chart->n_sentences; i++) {
        const struct chart_sentence *sentence = &chart->sentences[i];
        const struct chart_segment *segment = &chart->segments[sentence->segment];
        struct span text = span_between(chart->text, sentence->start, sentence->end);
        switch (sentence->fate) {
        case FATE_KEPT:
            from = span_find(buffer_span(&out), text, from);
            assert_true(from != SIZE_MAX);
            from += text.length;
            break;
        case FATE_SUMMARISED:
            assert_true(sentence->has_any && segment->summary_shown);
            assert_true(span_find(buffer_span(&out), span_of(segment->summary), 0) != SIZE_MAX);
            break;
        case FATE_LISTED: assert_true(sentence->has_any && !segment->summary_shown); break;
        case FATE_LEFT_OUT: assert_false(sentence->has_any); break;
        }
        assert_true((sentence->fate == FATE_KEPT) == !fate_reason(sentence->fate));
    }
    assert_true(out.length <= (limit < 8 ? 8 : limit)); /* "…" stands even for nothing */
    buffer_free(&out);
}

static void test_every_sentence_is_accounted_for_at_every_limit(void **state) {
    (void)state;
    struct annotated reading;
    bool seen[FATE_LEFT_OUT + 1] = {false};
    read_record(&reading);
    assert_covers(&reading.chart);
    for (size_t limit = 0; limit <= strlen(RECORD); limit++) {
        assert_choice(&reading.chart, limit);
        for (size_t i = 0; i < reading.chart.n_sentences; i++) seen[reading.chart.sentences[i].fate] = true;
    }
    assert_true(seen[FATE_SUMMARISED] && seen[FATE_LISTED] && seen[FATE_LEFT_OUT]);
    assert_int_equal(chart_count(&reading.chart, FATE_KEPT), reading.chart.n_sentences);
    arena_free(&reading.arena);
}

static enum fate fate_of(const struct chart *chart, const char *words) {
    size_t at = span_find(chart->text, span_of(words), 0), i = 0;
    while (chart->sentences[i].end <= at) i++;
    return chart->sentences[i].fate;
}

static void test_the_most_recent_and_signs_come_first(void **state) {
    (void)state;
    struct annotated reading;
    read_record(&reading);
    chart_choose(&reading.chart, 60);
    assert_int_equal(fate_of(&reading.chart, "胸痛"), FATE_KEPT);
    assert_int_equal(fate_of(&reading.chart, "腹泻"), FATE_LISTED);
    assert_int_equal(fate_of(&reading.chart, "天气"), FATE_LEFT_OUT);
    chart_choose(&reading.chart, 180);
    assert_int_equal(fate_of(&reading.chart, "青霉素"), FATE_KEPT);
    assert_int_equal(fate_of(&reading.chart, "乏力"), FATE_KEPT);
    assert_int_equal(fate_of(&reading.chart, "天气"), FATE_LEFT_OUT);
    arena_free(&reading.arena);
}

static void test_sentences_end_somewhere(void **state) {
    (void)state;
    struct buffer text = {0};
    for (int i = 0; i < 400; i++) buffer_put(&text, "一二三四五六七八九十");
    for (int i = 0; i < 400; i++) buffer_put(&text, "头痛三天,咳嗽,");
    struct report report;
    begin(&report, buffer_span(&text));
    assert_covers(&report.chart);
    for (size_t i = 0; i < report.chart.n_sentences; i++)
        assert_true(report.chart.sentences[i].end - report.chart.sentences[i].start < 800);
    for (size_t limit = 0; limit < text.length; limit += 997) assert_choice(&report.chart, limit);
    report_free(&report);
    buffer_free(&text);
}

static void test_texts_of_few_bytes(void **state) {
    (void)state;
    static const char *const TEXTS[] = {"。", "a", "\n\n。\n", "头痛", "\n2023年5月2日", "主诉:", "!?;"};
    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        struct report report;
        begin(&report, span_of(TEXTS[i]));
        assert_covers(&report.chart);
        assert_true(report.chart.n_segments >= 1);
        for (size_t limit = 0; limit < 20; limit++) assert_choice(&report.chart, limit);
        report_free(&report);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates_and_headings_open_segments),
        cmocka_unit_test(test_spellings_of_dates_and_headings),
        cmocka_unit_test(test_a_date_without_a_year_is_of_the_year_before_it),
        cmocka_unit_test(test_recency_and_summaries),
        cmocka_unit_test(test_every_sentence_is_accounted_for_at_every_limit),
        cmocka_unit_test(test_the_most_recent_and_signs_come_first),
        cmocka_unit_test(test_sentences_end_somewhere),
        cmocka_unit_test(test_texts_of_few_bytes),
    };
    return cmocka_run_group_tests(tests, open_clinic, close_clinic);
}
