/* The output formats of a report. */
#ifndef CLINIC_FORMAT_H
#define CLINIC_FORMAT_H

#include "cli/clinic/buffer.h"
#include "cli/clinic/report.h"

struct report_format {
    const char *name;
    /* Appends the whole report. colour: may use terminal colours. false: memory refused. */
    bool (*write)(const struct report *report, bool colour, struct buffer *out);
};

/* The format with this name, or NULL. */
const struct report_format *format_find(const char *name);

/* All formats: the one list of them. */
#define REPORT_FORMATS(FORMAT, BETWEEN) \
    FORMAT(text) BETWEEN FORMAT(json)   \
    BETWEEN FORMAT(xml)                 \
    BETWEEN FORMAT(fhir)                \
    BETWEEN FORMAT(hl7)

/* Their names, divided by '|'. */
#define FORMAT_NAME(name) #name
#define FORMAT_NAMES REPORT_FORMATS(FORMAT_NAME, "|")

bool format_text(const struct report *report, bool colour, struct buffer *out);
bool format_json(const struct report *report, bool colour,
                 struct buffer *out); /* cli/data/report.schema.json */
bool format_xml(const struct report *report, bool colour, struct buffer *out); /* cli/data/report.xsd */
bool format_fhir(const struct report *report, bool colour,
                 struct buffer *out); /* FHIR R4, a document Bundle */
bool format_hl7(const struct report *report, bool colour, struct buffer *out); /* HL7 v2.5.1, ORU^R01 */

/* The text format in the parts that a stream shows one after the other: what the rules tell (its
 * warnings also alone, where there are any); the title of the model's reasoning or of its answer, followed by its
 * lines; what the checks tell. */
void text_warnings(const struct warnings *warnings, bool colour, struct buffer *out);
/* How much of a long text the prompt holds; nothing where it holds all. */
void text_left_out(const struct report *report, struct buffer *out);
void text_head(const struct report *report, bool colour, struct buffer *out);
void text_reasoning_title(bool colour, struct buffer *out);
void text_answer_title(bool colour, struct buffer *out);
void text_tail(const struct report *report, bool colour, struct buffer *out);

#endif
