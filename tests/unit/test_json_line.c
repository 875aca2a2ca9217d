/* The lines that messages about data files name. */
#include "cli/clinic/json_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const char TEXT[] = "{\n"
                           " \"schema\": \"x/1\",\n"
                           " \"rules\": [\n"
                           "  {\"id\": \"A\", \"all\": [\"头\", \"{\"]},\n"
                           "  {\"id\": \"B\",\n"
                           "   \"all\": [\"痛\",\n"
                           "    \"头\"]}\n"
                           " ],\n"
                           " \"ages\": {\"min\": 1,\n"
                           "  \"max\": 2}\n"
                           "}";

static void test_a_path_leads_to_its_line(void **state) {
    (void)state;
    static const struct {
        struct json_path path;
        size_t line;
    } CASES[] = {
        {{.depth = 0}, 1},
        {{{{"schema", JSON_NO_INDEX}}, 1}, 2},
        {{{{"rules", JSON_NO_INDEX}}, 1}, 3},
        {{{{"rules", 0}}, 1}, 4},
        {{{{"rules", 1}}, 1}, 5},
        {{{{"rules", 1}, {"all", JSON_NO_INDEX}}, 2}, 6},
        {{{{"rules", 1}, {"all", 1}}, 2}, 7},
        {{{{"ages", JSON_NO_INDEX}, {"max", JSON_NO_INDEX}}, 2}, 10},
        /* what is not there: the last on the way that is */
        {{{{"rules", 2}}, 1}, 3},
        {{{{"rules", 1}, {"level", JSON_NO_INDEX}}, 2}, 5},
        {{{{"schema", 0}}, 1}, 2},
        {{{{"nothing", JSON_NO_INDEX}}, 1}, 1},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        assert_int_equal(json_line(span_of(TEXT), &CASES[i].path), CASES[i].line);
}

static void test_what_is_no_json_has_no_line(void **state) {
    (void)state;
    static const struct json_path TOP = {.depth = 0};
    assert_int_equal(json_line(span_of("{\"a\":"), &TOP), 0);
    assert_int_equal(json_line(span_of(""), &TOP), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_leads_to_its_line),
        cmocka_unit_test(test_what_is_no_json_has_no_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
