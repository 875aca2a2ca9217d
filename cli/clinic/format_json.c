#include "cli/clinic/format.h"

#include <jansson.h>
#include <stdlib.h>

/* Every call of jansson may fail for want of memory: each value goes through put or push, which take it over
 * and remember a failure. */
struct writing {
    bool failed;
};

static void put(struct writing *out, json_t *object, const char *key, json_t *value) {
    if (!value || json_object_set_new(object, key, value) != 0) out->failed = true;
}

static void push(struct writing *out, json_t *array, json_t *value) {
    if (!value || json_array_append_new(array, value) != 0) out->failed = true;
}

static json_t *span_text(struct span span) {
    return json_stringn(span.data, span.length);
}

static json_t *text_value(const char *text) {
    return span_text(span_of(text));
}

static json_t *text_or_null(const char *text) {
    return text ? text_value(text) : json_null();
}

static json_t *number_or_null(double number) {
    return isnan(number) ? json_null() : json_real(number);
}

static double rounded(double value, double step) {
    return round(value / step) * step;
}

static json_t *texts(struct writing *out, const struct strings *strings) {
    json_t *array = json_array();
    for (size_t i = 0; array && i < strings->count; i++) push(out, array, text_value(strings->items[i]));
    return array;
}

static json_t *model(struct writing *out, const struct report_model *model) {
    json_t *object = json_object();
    put(out, object, "name", text_or_null(model->name));
    put(out, object, "dtype", text_or_null(model->dtype));
    put(out, object, "device", text_or_null(model->device));
    put(out, object, "notice", text_or_null(model->notice));
    return object;
}

static json_t *patient(struct writing *out, const struct patient *patient) {
    json_t *object = json_object();
    put(out, object, "age", patient->has_age ? json_integer(patient->age) : json_null());
    put(out, object, "age_unit", text_or_null(patient->has_age ? patient->age_unit : NULL));
    put(out, object, "sex", text_or_null(sex_name(patient->sex)));
    put(out, object, "pregnant",
        patient->pregnancy == PREGNANCY_UNKNOWN ? json_null()
                                                : json_boolean(patient->pregnancy == PREGNANCY_YES));
    return object;
}

/* The sentences that the prompt does not hold as written. */
static json_t *left_out(struct writing *out, const struct chart *chart) {
    json_t *array = json_array();
    for (size_t i = 0; i < chart->n_sentences; i++) {
        const struct chart_sentence *sentence = &chart->sentences[i];
        if (sentence->fate == FATE_KEPT) continue;
        json_t *object = json_object();
        put(out, object, "text", span_text(span_between(chart->text, sentence->start, sentence->end)));
        put(out, object, "start", json_integer((json_int_t)sentence->start));
        put(out, object, "end", json_integer((json_int_t)sentence->end));
        put(out, object, "segment", json_integer((json_int_t)sentence->segment + 1));
        put(out, object, "fate", text_value(fate_name(sentence->fate)));
        put(out, object, "reason", text_value(fate_reason(sentence->fate)));
        push(out, array, object);
    }
    return array;
}

static json_t *summaries(struct writing *out, const struct chart *chart) {
    json_t *array = json_array();
    for (size_t i = 0; i < chart->n_segments; i++) {
        const struct chart_segment *segment = &chart->segments[i];
        if (!segment->summary_shown) continue;
        json_t *object = json_object();
        put(out, object, "segment", json_integer((json_int_t)i + 1));
        put(out, object, "title", text_value(segment->title));
        put(out, object, "summary", text_value(segment->summary));
        push(out, array, object);
    }
    return array;
}

static json_t *input(struct writing *out, const struct report *report) {
    const struct chart *chart = &report->chart;
    json_t *object = json_object();
    put(out, object, "text", span_text(report->input));
    put(out, object, "segments", json_integer((json_int_t)chart->n_segments));
    put(out, object, "sentences", json_integer((json_int_t)chart->n_sentences));
    put(out, object, "kept", json_integer((json_int_t)chart_count(chart, FATE_KEPT)));
    put(out, object, "summaries", summaries(out, chart));
    put(out, object, "left_out", left_out(out, chart));
    put(out, object, "prompt_cuts", texts(out, &report->prompt_cuts));
    return object;
}

static json_t *finding_array(struct writing *out, const struct finding_list *list) {
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++) {
        json_t *object = json_object();
        put(out, object, "symptom", text_value(list->items[i].name));
        put(out, object, "text", text_value(list->items[i].text));
        push(out, array, object);
    }
    return array;
}

static json_t *durations(struct writing *out, const struct findings *findings) {
    json_t *array = json_array();
    for (size_t i = 0; i < findings->n_durations; i++) {
        json_t *object = json_object();
        put(out, object, "text", text_value(findings->durations[i].text));
        put(out, object, "days", number_or_null(findings->durations[i].days));
        push(out, array, object);
    }
    return array;
}

static json_t *vitals(struct writing *out, const struct vitals *vitals) {
    json_t *object = json_object();
    put(out, object, "temperature_c", number_or_null(vitals->temperature_c));
    put(out, object, "systolic", number_or_null(vitals->systolic));
    put(out, object, "diastolic", number_or_null(vitals->diastolic));
    put(out, object, "heart_rate", number_or_null(vitals->heart_rate));
    put(out, object, "respiratory_rate", number_or_null(vitals->respiratory_rate));
    put(out, object, "spo2", number_or_null(vitals->spo2));
    return object;
}

static json_t *findings(struct writing *out, const struct findings *findings) {
    json_t *object = json_object();
    put(out, object, "chief_complaint", text_or_null(findings->chief_complaint));
    put(out, object, "sites", texts(out, &findings->sites));
    put(out, object, "durations", durations(out, findings));
    put(out, object, "qualities", texts(out, &findings->qualities));
    put(out, object, "severity", text_or_null(findings->severity));
    put(out, object, "aggravating", texts(out, &findings->aggravating));
    put(out, object, "relieving", texts(out, &findings->relieving));
    put(out, object, "positive", finding_array(out, &findings->positive));
    put(out, object, "negative", finding_array(out, &findings->negative));
    put(out, object, "history", texts(out, &findings->history));
    put(out, object, "medications", texts(out, &findings->medications));
    put(out, object, "allergies", texts(out, &findings->allergies));
    put(out, object, "vitals", vitals(out, &findings->vitals));
    return object;
}

static json_t *differential(struct writing *out, const struct differential *differential) {
    json_t *array = json_array();
    for (size_t i = 0; i < differential->count; i++) {
        const struct diagnosis *diagnosis = &differential->items[i];
        json_t *object = json_object();
        put(out, object, "name", text_value(diagnosis->name));
        put(out, object, "icd10", text_or_null(diagnosis->icd10));
        put(out, object, "rank", json_integer((json_int_t)i + 1));
        put(out, object, "source", text_value(diagnosis->source));
        put(out, object, "confidence", json_real(rounded(diagnosis->confidence, 0.001)));
        put(out, object, "status", text_value(diagnosis_status_name(diagnosis->status)));
        put(out, object, "evidence", texts(out, &diagnosis->evidence));
        put(out, object, "against", texts(out, &diagnosis->against));
        push(out, array, object);
    }
    return array;
}

static json_t *tests(struct writing *out, const struct report *report) {
    json_t *array = json_array();
    for (size_t i = 0; i < report->n_tests; i++) {
        json_t *object = json_object();
        put(out, object, "name", text_value(report->tests[i].name));
        put(out, object, "reason", text_or_null(report->tests[i].reason));
        push(out, array, object);
    }
    return array;
}

static json_t *warnings(struct writing *out, const struct warnings *warnings) {
    json_t *array = json_array();
    for (size_t i = 0; i < warnings->count; i++) {
        json_t *object = json_object();
        put(out, object, "level", text_value(warning_level_name(warnings->items[i].level)));
        put(out, object, "rule", text_value(warnings->items[i].rule));
        put(out, object, "message", text_value(warnings->items[i].message));
        push(out, array, object);
    }
    return array;
}

static json_t *must_not_miss(struct writing *out, const struct dangers *dangers) {
    json_t *array = json_array();
    for (size_t i = 0; i < dangers->count; i++) {
        json_t *object = json_object();
        put(out, object, "name", text_value(dangers->items[i].disease->name));
        put(out, object, "icd10", text_value(dangers->items[i].disease->icd10));
        put(out, object, "evidence", texts(out, &dangers->items[i].evidence));
        push(out, array, object);
    }
    return array;
}

/* The model's answer with the remark on it; "" without an answer. */
static json_t *narrative(const char *answer) {
    return *answer ? json_sprintf("%s\n\n%s", answer, REPORT_MODEL_REMARK) : text_value("");
}

static json_t *removed(struct writing *out, const struct removals *removals) {
    json_t *array = json_array();
    for (size_t i = 0; i < removals->count; i++) {
        json_t *object = json_object();
        put(out, object, "kind", text_value(removals->items[i].kind));
        put(out, object, "text", text_value(removals->items[i].text));
        push(out, array, object);
    }
    return array;
}

static json_t *usage(struct writing *out, const struct report_usage *usage) {
    json_t *object = json_object();
    put(out, object, "prompt_tokens", json_integer(usage->prompt_tokens));
    put(out, object, "cached_tokens", json_integer(usage->cached_tokens));
    put(out, object, "completion_tokens", json_integer(usage->completion_tokens));
    put(out, object, "prefill_ms", json_real(rounded(usage->prefill_ms, 0.1)));
    put(out, object, "decode_ms", json_real(rounded(usage->decode_ms, 0.1)));
    return object;
}

static const char *finish_name(enum report_finish finish) {
    static const char *const NAMES[] = {NULL, "end", "length", "context_full", "interrupted"};
    return NAMES[finish];
}

static json_t *whole(struct writing *out, const struct report *report) {
    json_t *object = json_object();
    put(out, object, "schema", text_value("youtu.diagnose/1"));
    put(out, object, "id", text_value(report->id));
    put(out, object, "created", text_value(report->created));
    put(out, object, "model", model(out, &report->model));
    put(out, object, "department", text_value(report->department));
    put(out, object, "department_proposed", json_boolean(report->department_proposed));
    put(out, object, "patient", patient(out, &report->patient));
    put(out, object, "input", input(out, report));
    put(out, object, "findings", findings(out, &report->findings));
    put(out, object, "differential", differential(out, &report->differential));
    put(out, object, "tests", tests(out, report));
    put(out, object, "warnings", warnings(out, &report->warnings));
    put(out, object, "urgency", text_value(urgency_name(report->warnings.urgency)));
    put(out, object, "must_not_miss", must_not_miss(out, &report->must_not_miss));
    put(out, object, "narrative", narrative(report->narrative));
    put(out, object, "reasoning", text_or_null(report->reasoning));
    put(out, object, "removed", removed(out, &report->removed));
    put(out, object, "confidence", json_real(rounded(report->differential.confidence, 0.001)));
    put(out, object, "needs_confirmation", json_boolean(report->differential.needs_confirmation));
    put(out, object, "finish", text_or_null(finish_name(report->finish)));
    put(out, object, "interrupted", json_boolean(report->finish == FINISH_INTERRUPTED));
    put(out, object, "disclaimer", text_value(REPORT_DISCLAIMER));
    put(out, object, "seed",
        report->finish == FINISH_NONE ? json_null() : json_integer((json_int_t)report->seed));
    put(out, object, "usage", usage(out, &report->usage));
    return object;
}

bool format_json(const struct report *report, bool colour, struct buffer *out) {
    (void)colour;
    struct writing writing = {false};
    json_t *object = whole(&writing, report);
    char *text =
        writing.failed || !object ? NULL : json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    json_decref(object);
    if (!text) return false;
    buffer_put(out, text);
    buffer_put(out, "\n");
    free(text);
    return !out->failed;
}
