#include "cli/clinic/codes.h"
#include "cli/clinic/format.h"
#include "cli/clinic/markup.h"
#include "cli/clinic/wording.h"

#include <libxml/xmlwriter.h>
#include <stdlib.h>

/* The schema is cli/data/report.xsd. Every call of libxml2 may fail for want of memory: a failure is
 * remembered, and what follows does nothing. */
struct xml {
    xmlTextWriterPtr writer;
    struct buffer text; /* what is written next, as XML can hold it */
    bool failed;
};

static void keep(struct xml *xml, int result) {
    if (result < 0) xml->failed = true;
}

/* The text without what XML cannot hold; it lasts until the next one. */
static const xmlChar *kept(struct xml *xml, struct span text) {
    xml->text.length = 0;
    markup_keep(&xml->text, text);
    buffer_append(&xml->text, "", 1);
    if (xml->text.failed) xml->failed = true;
    return xml->failed ? BAD_CAST "" : BAD_CAST xml->text.data;
}

static void open_element(struct xml *xml, const char *name) {
    if (!xml->failed) keep(xml, xmlTextWriterStartElement(xml->writer, BAD_CAST name));
}

static void close_element(struct xml *xml) {
    if (!xml->failed) keep(xml, xmlTextWriterEndElement(xml->writer));
}

/* An attribute; none for NULL. */
static void put_attribute(struct xml *xml, const char *name, const char *value) {
    if (!value) return;
    const xmlChar *text = kept(xml, span_of(value));
    if (!xml->failed) keep(xml, xmlTextWriterWriteAttribute(xml->writer, BAD_CAST name, text));
}

static void put_count(struct xml *xml, const char *name, uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    put_attribute(xml, name, text);
}

static void put_number(struct xml *xml, const char *name, double value, int decimals) {
    struct buffer text = {0};
    put_decimal(&text, value, decimals);
    buffer_append(&text, "", 1);
    if (text.failed)
        xml->failed = true;
    else
        put_attribute(xml, name, text.data);
    buffer_free(&text);
}

static void put_bool(struct xml *xml, const char *name, bool value) {
    put_attribute(xml, name, value ? "true" : "false");
}

static void put_content(struct xml *xml, struct span text) {
    const xmlChar *content = kept(xml, text);
    if (!xml->failed) keep(xml, xmlTextWriterWriteString(xml->writer, content));
}

/* An element that holds a text alone; none for NULL. */
static void put_element(struct xml *xml, const char *name, const char *text) {
    if (!text) return;
    open_element(xml, name);
    put_content(xml, span_of(text));
    close_element(xml);
}

static void put_elements(struct xml *xml, const char *name, const struct strings *texts) {
    for (size_t i = 0; i < texts->count; i++) put_element(xml, name, texts->items[i]);
}

/* ---- the parts of a report */

static void put_patient(struct xml *xml, const struct patient *patient) {
    open_element(xml, "patient");
    if (patient->has_age) {
        put_count(xml, "age", (uint64_t)patient->age);
        put_attribute(xml, "age-unit", patient->age_unit);
    }
    put_attribute(xml, "sex", sex_name(patient->sex));
    if (patient->pregnancy != PREGNANCY_UNKNOWN)
        put_bool(xml, "pregnant", patient->pregnancy == PREGNANCY_YES);
    close_element(xml);
}

static void put_input(struct xml *xml, struct span text) {
    open_element(xml, "input");
    put_content(xml, text);
    close_element(xml);
}

static void put_left_out(struct xml *xml, const struct chart *chart) {
    for (size_t i = 0; i < chart->n_sentences; i++) {
        const struct chart_sentence *sentence = &chart->sentences[i];
        if (sentence->fate == FATE_KEPT) continue;
        open_element(xml, "left-out");
        put_attribute(xml, "fate", fate_name(sentence->fate));
        put_count(xml, "start", sentence->start);
        put_count(xml, "end", sentence->end);
        put_content(xml, span_of(fate_reason(sentence->fate)));
        close_element(xml);
    }
}

static void put_entities(struct xml *xml, const struct findings *findings) {
    for (size_t i = 0; i < findings->n_entities; i++) {
        const struct entity *entity = &findings->entities[i];
        open_element(xml, "entity");
        put_attribute(xml, "type", entity_kind_name(entity->kind));
        put_attribute(xml, "polarity", polarity_name(entity->polarity));
        put_attribute(xml, "name", entity->name);
        put_count(xml, "start", entity->start);
        put_count(xml, "end", entity->end);
        put_content(xml, span_of(entity->text));
        close_element(xml);
    }
}

static void open_finding(struct xml *xml, enum entity_kind kind) {
    open_element(xml, "finding");
    put_attribute(xml, "type", entity_kind_name(kind));
}

static void put_symptoms(struct xml *xml, const struct finding_list *list, enum polarity polarity) {
    for (size_t i = 0; i < list->count; i++) {
        open_finding(xml, ENTITY_SYMPTOM);
        put_attribute(xml, "polarity", polarity_name(polarity));
        put_attribute(xml, "words", list->items[i].text);
        put_content(xml, span_of(list->items[i].name));
        close_element(xml);
    }
}

static void put_durations(struct xml *xml, const struct findings *findings) {
    for (size_t i = 0; i < findings->n_durations; i++) {
        const struct duration *duration = &findings->durations[i];
        open_finding(xml, ENTITY_DURATION);
        if (!isnan(duration->days)) put_number(xml, "days", duration->days, 4);
        put_content(xml, span_of(duration->text));
        close_element(xml);
    }
}

static void put_terms(struct xml *xml, enum entity_kind kind, const struct strings *terms) {
    for (size_t i = 0; i < terms->count; i++) {
        open_finding(xml, kind);
        put_content(xml, span_of(terms->items[i]));
        close_element(xml);
    }
}

static void put_findings(struct xml *xml, const struct findings *findings) {
    put_symptoms(xml, &findings->positive, POLARITY_PRESENT);
    put_symptoms(xml, &findings->negative, POLARITY_DENIED);
    put_durations(xml, findings);
    put_terms(xml, ENTITY_SITE, &findings->sites);
    put_terms(xml, ENTITY_QUALITY, &findings->qualities);
    if (findings->severity)
        put_terms(xml, ENTITY_SEVERITY, &(struct strings){(const char *[]){findings->severity}, 1});
    if (findings->trend)
        put_terms(xml, ENTITY_TREND, &(struct strings){(const char *[]){findings->trend}, 1});
    put_terms(xml, ENTITY_MENSTRUAL, &findings->menstrual);
    put_terms(xml, ENTITY_AGGRAVATING, &findings->aggravating);
    put_terms(xml, ENTITY_RELIEVING, &findings->relieving);
    put_terms(xml, ENTITY_HISTORY, &findings->history);
    put_terms(xml, ENTITY_MEDICATION, &findings->medications);
    put_terms(xml, ENTITY_ALLERGY, &findings->allergies);
}

static void put_vitals(struct xml *xml, const struct vitals *vitals) {
    for (size_t i = 0; i < N_VITALS; i++) {
        struct buffer text = {0};
        double value = vital_value(vitals, &VITALS[i]);
        if (isnan(value)) continue;
        put_decimal(&text, value, 1);
        if (text.failed) xml->failed = true;
        open_element(xml, "vital");
        put_attribute(xml, "name", VITALS[i].name);
        put_attribute(xml, "unit", VITALS[i].ucum);
        put_content(xml, buffer_span(&text));
        close_element(xml);
        buffer_free(&text);
    }
}

static void put_differential(struct xml *xml, const struct differential *differential) {
    for (size_t i = 0; i < differential->count; i++) {
        const struct diagnosis *diagnosis = &differential->items[i];
        open_element(xml, "diagnosis");
        put_count(xml, "rank", i + 1);
        put_attribute(xml, "name", diagnosis->name);
        put_attribute(xml, "icd10", diagnosis->icd10);
        put_number(xml, "confidence", diagnosis->confidence, 3);
        put_bool(xml, "verified", diagnosis->status == DIAGNOSIS_SUPPORTED);
        put_attribute(xml, "status", diagnosis_status_name(diagnosis->status));
        put_attribute(xml, "source", diagnosis->source);
        put_elements(xml, "basis", &diagnosis->evidence);
        put_elements(xml, "against", &diagnosis->against);
        close_element(xml);
    }
}

static void put_must_not_miss(struct xml *xml, const struct dangers *dangers) {
    for (size_t i = 0; i < dangers->count; i++) {
        open_element(xml, "must-not-miss");
        put_attribute(xml, "name", dangers->items[i].disease->name);
        put_attribute(xml, "icd10", dangers->items[i].disease->icd10);
        put_elements(xml, "basis", &dangers->items[i].evidence);
        close_element(xml);
    }
}

static void put_questions(struct xml *xml, const struct questions *questions) {
    for (size_t i = 0; i < questions->count; i++) {
        const struct question *question = &questions->items[i];
        open_element(xml, "question");
        put_attribute(xml, "symptom", question->symptom);
        put_attribute(xml, "reason", *question->reason ? question->reason : NULL);
        put_content(xml, span_of(question->text));
        close_element(xml);
    }
}

static void put_tests(struct xml *xml, const struct report *report) {
    for (size_t i = 0; i < report->n_tests; i++) {
        open_element(xml, "test");
        put_attribute(xml, "reason", report->tests[i].reason);
        put_content(xml, span_of(report->tests[i].name));
        close_element(xml);
    }
}

static void put_warnings(struct xml *xml, const struct warnings *warnings) {
    for (size_t i = 0; i < warnings->count; i++) {
        const struct warning *warning = &warnings->items[i];
        open_element(xml, "risk");
        put_attribute(xml, "level", (const char[]){warning->level, '\0'});
        put_attribute(xml, "rule", warning->rule);
        put_content(xml, span_of(warning->message));
        close_element(xml);
    }
}

/* What a model wrote, with the remark on it, and how it came to be; nothing when none was asked. */
static void put_model_part(struct xml *xml, const struct report *report) {
    if (!report->model.name) return;
    put_element(xml, "narrative", report->narrative);
    if (*report->narrative) put_element(xml, "narrative-notice", REPORT_MODEL_REMARK);
    put_element(xml, "reasoning", report->reasoning);
    for (size_t i = 0; i < report->removed.count; i++) {
        open_element(xml, "removed");
        put_attribute(xml, "kind", report->removed.items[i].kind);
        put_content(xml, span_of(report->removed.items[i].text));
        close_element(xml);
    }
    open_element(xml, "model");
    put_attribute(xml, "name", report->model.name);
    put_attribute(xml, "dtype", report->model.dtype);
    put_attribute(xml, "device", report->model.device);
    put_attribute(xml, "adapter", report->model.adapter);
    if (report->model.adapter) put_number(xml, "adapter-scale", report->model.adapter_scale, 6);
    put_attribute(xml, "finish", finish_name(report->finish));
    put_count(xml, "seed", report->seed);
    put_count(xml, "prompt-tokens", (uint64_t)report->usage.prompt_tokens);
    put_count(xml, "cached-tokens", (uint64_t)report->usage.cached_tokens);
    put_count(xml, "completion-tokens", (uint64_t)report->usage.completion_tokens);
    put_number(xml, "prefill-ms", report->usage.prefill_ms, 1);
    put_number(xml, "decode-ms", report->usage.decode_ms, 1);
    if (report->model.notice) put_content(xml, span_of(report->model.notice));
    close_element(xml);
}

static void put_report(struct xml *xml, const struct report *report) {
    const char *complaint = report->findings.chief_complaint;
    open_element(xml, "report");
    put_attribute(xml, "xmlns", "urn:youtu-diagnose:report:1");
    put_attribute(xml, "id", report->id);
    put_attribute(xml, "time", report->created);
    put_attribute(xml, "department", report->department);
    put_bool(xml, "department-proposed", report->department_proposed);
    put_attribute(xml, "urgency", urgency_name(report->warnings.urgency));
    put_number(xml, "confidence", report->differential.confidence, 3);
    put_bool(xml, "needs-confirmation", report->differential.needs_confirmation);
    put_element(xml, "complaint", complaint ? complaint : "");
    put_patient(xml, &report->patient);
    put_input(xml, report->input);
    put_left_out(xml, &report->chart);
    put_entities(xml, &report->findings);
    put_findings(xml, &report->findings);
    put_vitals(xml, &report->findings.vitals);
    put_differential(xml, &report->differential);
    put_must_not_miss(xml, &report->must_not_miss);
    put_questions(xml, &report->questions);
    put_tests(xml, report);
    put_warnings(xml, &report->warnings);
    put_model_part(xml, report);
    put_element(xml, "notice", REPORT_DISCLAIMER);
    close_element(xml);
}

static void put_document(struct xml *xml, const struct report *report) {
    keep(xml, xmlTextWriterSetIndent(xml->writer, 1));
    keep(xml, xmlTextWriterSetIndentString(xml->writer, BAD_CAST "  "));
    if (!xml->failed) keep(xml, xmlTextWriterStartDocument(xml->writer, "1.0", "UTF-8", NULL));
    put_report(xml, report);
    if (!xml->failed) keep(xml, xmlTextWriterEndDocument(xml->writer));
    if (!xml->failed) keep(xml, xmlTextWriterFlush(xml->writer));
}

/* ---- memory: where libxml2 2.9 is refused some, it may go on and write less, so refusals are noted here */

static _Thread_local bool memory_refused;

static void *noted(void *memory) {
    if (!memory) memory_refused = true;
    return memory;
}

static void *noting_malloc(size_t bytes) {
    return noted(malloc(bytes));
}

static void *noting_realloc(void *memory, size_t bytes) {
    return noted(realloc(memory, bytes));
}

static char *noting_strdup(const char *text) {
    return noted(strdup(text));
}

/* It would tell of refused memory on standard error itself. */
static void say_nothing(void *user, xmlErrorPtr error) {
    (void)user;
    (void)error;
}

static bool prepare_libxml2(void) {
    memory_refused = false;
    xmlSetStructuredErrorFunc(NULL, say_nothing);
    return xmlMemSetup(free, noting_malloc, noting_realloc, noting_strdup) == 0;
}

bool format_xml(const struct report *report, bool colour, struct buffer *out) {
    (void)colour;
    struct xml xml = {0};
    xmlBufferPtr document = prepare_libxml2() ? xmlBufferCreate() : NULL;
    xml.writer = document ? xmlNewTextWriterMemory(document, 0) : NULL;
    if (xml.writer) put_document(&xml, report);
    bool written = xml.writer && !xml.failed && !memory_refused;
    xmlFreeTextWriter(xml.writer);
    if (written) buffer_append(out, (const char *)document->content, document->use);
    if (document) xmlBufferFree(document);
    buffer_free(&xml.text);
    return written && !out->failed;
}
