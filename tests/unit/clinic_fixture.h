/* The knowledge base, red flags and lexicon that are compiled in, opened once for all tests of a group; texts read
 * with them, and reports begun on texts. */
#ifndef CLINIC_FIXTURE_H
#define CLINIC_FIXTURE_H

#include "cli/clinic/clinic.h"
#include "cli/clinic/report.h"

extern struct clinic clinic;

/* For cmocka's group setup and teardown. */
int open_clinic(void **state);
int close_clinic(void **state);

/* What the rules find in a text by itself: arena_free(&reading.arena) at the end. */
struct reading {
    struct arena arena;
    struct passage passage;
    struct patient patient;
    struct findings findings;
};
void read_text(struct reading *reading, const char *text);

/* Reads a text; the names found and denied, each list divided by spaces: "头痛 恶心". */
void assert_findings(const char *text, const char *positive, const char *negative);

/* The report on a text whose patient is known from it alone; department: NULL proposes one. */
void begin_report(struct report *report, const char *department, const char *text);

bool holds(const struct buffer *out, const char *words);

/* Between the two, jansson gets memory only for its first `allowed` requests. */
void limit_json_memory(size_t allowed);
void unlimit_json_memory(void);

/* Writes a report while JSON is refused its first request for memory, then its second, and so on, until there is
 * enough: what fails leaves no output. Returns how many were refused. */
size_t write_with_refused_memory(bool write(const struct report *report, bool colour, struct buffer *out),
                                 const struct report *report);

#endif
