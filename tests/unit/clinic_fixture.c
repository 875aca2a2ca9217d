#include "clinic_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>

struct clinic clinic;

int open_clinic(void **state) {
    (void)state;
    struct failure failure;
    if (clinic_open(&clinic, NULL, NULL, &failure)) return 0;
    print_error("%s\n", failure.message);
    return -1;
}

int close_clinic(void **state) {
    (void)state;
    clinic_close(&clinic);
    return 0;
}

void read_text(struct reading *reading, const char *text) {
    *reading = (struct reading){0};
    print_message("%s\n", text);
    assert_true(passage_open(&reading->passage, &reading->arena, span_of(text), &clinic.lexicon));
    assert_true(findings_extract(&reading->passage, &clinic.kb, &clinic.lexicon, &reading->arena,
                                 &reading->patient, &reading->findings));
}

static void assert_names(const struct finding_list *list, const char *expected) {
    char names[512] = "";
    for (size_t i = 0; i < list->count; i++) {
        assert_true(strlen(names) + strlen(list->items[i].name) + 1 < sizeof names);
        if (i) strcat(names, " ");
        strcat(names, list->items[i].name);
    }
    assert_string_equal(names, expected);
}

void assert_findings(const char *text, const char *positive, const char *negative) {
    struct reading reading;
    read_text(&reading, text);
    assert_names(&reading.findings.positive, positive);
    assert_names(&reading.findings.negative, negative);
    arena_free(&reading.arena);
}

void begin_report(struct report *report, const char *department, const char *text) {
    static const struct patient NOBODY = {0};
    struct failure failure;
    assert_true(report_begin(report, &clinic, &NOBODY, department, span_of(text), 0.5, &failure));
}

bool holds(const struct buffer *out, const char *words) {
    return span_find(buffer_span(out), span_of(words), 0) != SIZE_MAX;
}

static size_t allocations_left;

static void *counted_malloc(size_t size) {
    if (allocations_left == 0) return NULL;
    allocations_left--;
    return malloc(size);
}

void limit_json_memory(size_t allowed) {
    allocations_left = allowed;
    json_set_alloc_funcs(counted_malloc, free);
}

void unlimit_json_memory(void) {
    json_set_alloc_funcs(malloc, free);
}

size_t write_with_refused_memory(bool write(const struct report *report, bool colour, struct buffer *out),
                                 const struct report *report) {
    size_t refused = 0;
    for (bool written = false; !written; refused++) {
        struct buffer out = {0};
        limit_json_memory(refused);
        written = write(report, false, &out);
        unlimit_json_memory();
        assert_int_equal(out.length > 0, written);
        buffer_free(&out);
    }
    return refused;
}
