/* The formats for machines, from inside: the same report gives the same bytes, escapes are right, refused memory
 * is told, numbers and columns are what they should be. Validators judge them in tests/cli/test_cli_formats.py. */
#include "cli/clinic/columns.h"
#include "cli/clinic/format.h"
#include "cli/clinic/markup.h"
#include "cli/clinic/wording.h"
#include "clinic_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>

static const char TEXT[] =
    "女,35岁,孕20周,今天突然剧烈头痛|^~\\&,<恶心>,无发热,体温36.8℃,血压150/95,对青霉素过敏";
static const char ID[] = "0c3151bd-1cbf-4d64-b04d-ffffffffffff";

static void begin(struct report *report, const char *text) {
    begin_report(report, "全科", text);
    report->id = ID;
    report->created = "2026-01-02T03:04:05-03:30";
}

static void test_a_report_is_written_the_same_again(void **state) {
    (void)state;
    static const char *const NAMES[] = {"text", "json", "xml", "fhir", "hl7"};
    struct report report;
    begin(&report, TEXT);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        struct buffer once = {0}, again = {0};
        assert_true(format_find(NAMES[i])->write(&report, false, &once));
        assert_true(format_find(NAMES[i])->write(&report, false, &again));
        assert_int_equal(once.length, again.length);
        assert_memory_equal(once.data, again.data, once.length);
        buffer_free(&once);
        buffer_free(&again);
    }
    report_free(&report);
}

static void test_hl7_key_time_and_escapes(void **state) {
    (void)state;
    struct report report;
    struct buffer out = {0};
    begin(&report, TEXT);
    assert_true(format_hl7(&report, false, &out));
    assert_true(holds(&out, "|20260102030405-0330||ORU^R01^ORU_R01|0c3151bd1cbf4d64b04d|P|2.5.1|"));
    assert_true(holds(&out, "头痛\\F\\\\S\\\\R\\\\E\\\\T\\,<恶心>"));
    assert_true(holds(&out, "YT.PREGNANT^妊娠^L||Y^是^HL70136|"));
    assert_true(holds(&out, "8310-5^Body temperature^LN||36.8|Cel^℃^UCUM|"));
    buffer_free(&out);
    report_free(&report);
}

static void test_hl7_tells_lines_apart(void **state) {
    (void)state;
    struct report report;
    struct buffer out = {0};
    begin(&report, "头痛\r\n\n  \n恶心\x01\x1c\x0b发热");
    assert_true(format_hl7(&report, false, &out));
    assert_true(holds(&out, "LN|1|头痛 ||||||P\r"));
    assert_true(holds(&out, "LN|2|恶心   发热||||||P\r"));
    assert_int_equal(out.data[out.length - 1], '\r');
    buffer_free(&out);
    report_free(&report);
}

/* The last group of the report's own UUID overflows: numbers go on from 0. */
static void test_fhir_names_resources_after_the_report(void **state) {
    (void)state;
    struct report report;
    struct buffer out = {0};
    begin(&report, TEXT);
    assert_true(format_fhir(&report, false, &out));
    assert_true(holds(&out, "\"value\": \"urn:uuid:0c3151bd-1cbf-4d64-b04d-ffffffffffff\""));
    assert_true(holds(&out, "\"fullUrl\": \"urn:uuid:0c3151bd-1cbf-4d64-b04d-000000000000\""));
    assert_false(holds(&out, "null") || holds(&out, "MedicationRequest"));
    buffer_free(&out);
    report_free(&report);
}

static void test_markup_drops_and_escapes(void **state) {
    (void)state;
    struct buffer out = {0};
    markup_keep(&out, span_of("a\x01\x1f\t\n\r\x7f<&>\xef\xbf\xbe\xef\xbf\xbf\xff\xf0\x9f\x98\x80"));
    assert_true(span_is(buffer_span(&out), "a\t\n\r\x7f<&>\xf0\x9f\x98\x80"));
    out.length = 0;
    markup_escape(&out, span_of("<a&b]]>"));
    assert_true(span_is(buffer_span(&out), "&lt;a&amp;b]]&gt;"));
    buffer_free(&out);
}

static void test_decimals_have_no_exponent(void **state) {
    (void)state;
    static const struct {
        double value;
        int decimals;
        const char *expected;
    } CASES[] = {{0, 3, "0"},          {150, 1, "150"},   {36.8, 1, "36.8"},
                 {0.7, 3, "0.7"},      {0.00001, 4, "0"}, {1e7, 3, "10000000"},
                 {0.6666, 3, "0.667"}, {100, 0, "100"},   {1825, 4, "1825"}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        struct buffer out = {0};
        put_decimal(&out, CASES[i].value, CASES[i].decimals);
        assert_true(span_is(buffer_span(&out), CASES[i].expected));
        buffer_free(&out);
    }
}

static void test_columns(void **state) {
    (void)state;
    assert_int_equal(text_columns(span_of("")), 0);
    assert_int_equal(text_columns(span_of("CT 37℃")), 6);
    assert_int_equal(text_columns(span_of("头痛（G43.9）")), 13);
    assert_int_equal(text_columns(span_of("e\xcc\x81\xe2\x80\x8b\xf0\x9f\x98\x80\xf0\xa0\x80\x80")), 5);
}

static void test_a_full_line_is_continued_below_its_first_item(void **state) {
    (void)state;
    struct report report;
    struct buffer out = {0};
    begin(&report, "咳嗽,恶心,呕吐,腹痛,腹泻,乏力,头晕,心悸,胸闷,盗汗,咽痛,发热,失眠,皮疹,便秘,鼻塞,流涕");
    assert_true(report.findings.positive.count > 14);
    assert_true(format_text(&report, false, &out));
    assert_true(holds(&out, "、\n        "));
    for (struct span rest = buffer_span(&out); rest.length;) {
        const char *end = memchr(rest.data, '\n', rest.length);
        size_t length = end ? (size_t)(end - rest.data) : rest.length;
        assert_true(text_columns(span_between(rest, 0, length)) <= 80);
        rest = span_between(rest, length + (end ? 1 : 0), rest.length);
    }
    buffer_free(&out);
    report_free(&report);
}

/* ---- memory */

static void test_fhir_survives_refused_memory(void **state) {
    (void)state;
    struct report report;
    begin(&report, TEXT);
    assert_true(write_with_refused_memory(format_fhir, &report) > 500);
    report_free(&report);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_report_is_written_the_same_again),
        cmocka_unit_test(test_hl7_key_time_and_escapes),
        cmocka_unit_test(test_hl7_tells_lines_apart),
        cmocka_unit_test(test_fhir_names_resources_after_the_report),
        cmocka_unit_test(test_markup_drops_and_escapes),
        cmocka_unit_test(test_decimals_have_no_exponent),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_a_full_line_is_continued_below_its_first_item),
        cmocka_unit_test(test_fhir_survives_refused_memory),
    };
    return cmocka_run_group_tests(tests, open_clinic, close_clinic);
}
