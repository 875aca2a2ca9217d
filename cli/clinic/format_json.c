#include "cli/clinic/codes.h"
#include "cli/clinic/format.h"
#include "cli/clinic/json_writing.h"

static json_t *text_or_null(const char *text) {
    return text ? text_value(text) : json_null();
}

static json_t *number_or_null(double number) {
    return isnan(number) ? json_null() : json_real(number);
}

static json_t *texts(struct json_writing *out, const struct strings *strings) {
    json_t *array = json_array();
    for (size_t i = 0; array && i < strings->count; i++)
        push_value(out, array, text_value(strings->items[i]));
    return array;
}

static json_t *adapter(struct json_writing *out, const struct report_model *model) {
    if (!model->adapter) return json_null();
    json_t *object = json_object();
    put_value(out, object, "name", text_or_null(model->adapter));
    put_value(out, object, "scale", json_real(model->adapter_scale));
    return object;
}

static json_t *model(struct json_writing *out, const struct report_model *model) {
    json_t *object = json_object();
    put_value(out, object, "name", text_or_null(model->name));
    put_value(out, object, "dtype", text_or_null(model->dtype));
    put_value(out, object, "device", text_or_null(model->device));
    put_value(out, object, "notice", text_or_null(model->notice));
    put_value(out, object, "adapter", adapter(out, model));
    return object;
}

/* The sentences that the prompt does not hold as written. */
static json_t *left_out(struct json_writing *out, const struct chart *chart) {
    json_t *array = json_array();
    for (size_t i = 0; i < chart->n_sentences; i++) {
        const struct chart_sentence *sentence = &chart->sentences[i];
        if (sentence->fate == FATE_KEPT) continue;
        json_t *object = json_object();
        put_value(out, object, "text", span_value(span_between(chart->text, sentence->start, sentence->end)));
        put_value(out, object, "start", json_integer((json_int_t)sentence->start));
        put_value(out, object, "end", json_integer((json_int_t)sentence->end));
        put_value(out, object, "segment", json_integer((json_int_t)sentence->segment + 1));
        put_value(out, object, "fate", text_value(fate_name(sentence->fate)));
        put_value(out, object, "reason", text_value(fate_reason(sentence->fate)));
        push_value(out, array, object);
    }
    return array;
}

static json_t *summaries(struct json_writing *out, const struct chart *chart) {
    json_t *array = json_array();
    for (size_t i = 0; i < chart->n_segments; i++) {
        const struct chart_segment *segment = &chart->segments[i];
        if (!segment->summary_shown) continue;
        json_t *object = json_object();
        put_value(out, object, "segment", json_integer((json_int_t)i + 1));
        put_value(out, object, "title", text_value(segment->title));
        put_value(out, object, "summary", text_value(segment->summary));
        push_value(out, array, object);
    }
    return array;
}

static json_t *input(struct json_writing *out, const struct report *report) {
    const struct chart *chart = &report->chart;
    json_t *object = json_object();
    put_value(out, object, "text", span_value(report->input));
    put_value(out, object, "segments", json_integer((json_int_t)chart->n_segments));
    put_value(out, object, "sentences", json_integer((json_int_t)chart->n_sentences));
    put_value(out, object, "kept", json_integer((json_int_t)chart_count(chart, FATE_KEPT)));
    put_value(out, object, "summaries", summaries(out, chart));
    put_value(out, object, "left_out", left_out(out, chart));
    put_value(out, object, "prompt_cuts", texts(out, &report->prompt_cuts));
    return object;
}

static json_t *patient(struct json_writing *out, const struct patient *patient) {
    json_t *object = json_object();
    put_value(out, object, "age", patient->has_age ? json_integer(patient->age) : json_null());
    put_value(out, object, "age_unit", text_or_null(patient->has_age ? patient->age_unit : NULL));
    put_value(out, object, "sex", text_or_null(sex_name(patient->sex)));
    put_value(out, object, "pregnant",
              patient->pregnancy == PREGNANCY_UNKNOWN ? json_null()
                                                      : json_boolean(patient->pregnancy == PREGNANCY_YES));
    return object;
}

static json_t *finding_array(struct json_writing *out, const struct finding_list *list) {
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++) {
        json_t *object = json_object();
        put_value(out, object, "symptom", text_value(list->items[i].name));
        put_value(out, object, "text", text_value(list->items[i].text));
        push_value(out, array, object);
    }
    return array;
}

/* Every mention: its place in input.text, in bytes. */
static json_t *entities(struct json_writing *out, const struct findings *findings) {
    json_t *array = json_array();
    for (size_t i = 0; i < findings->n_entities; i++) {
        const struct entity *entity = &findings->entities[i];
        json_t *object = json_object();
        put_value(out, object, "kind", text_value(entity_kind_name(entity->kind)));
        put_value(out, object, "polarity", text_value(polarity_name(entity->polarity)));
        put_value(out, object, "name", text_value(entity->name));
        put_value(out, object, "text", text_value(entity->text));
        put_value(out, object, "start", json_integer((json_int_t)entity->start));
        put_value(out, object, "end", json_integer((json_int_t)entity->end));
        push_value(out, array, object);
    }
    return array;
}

static json_t *durations(struct json_writing *out, const struct findings *findings) {
    json_t *array = json_array();
    for (size_t i = 0; i < findings->n_durations; i++) {
        json_t *object = json_object();
        put_value(out, object, "text", text_value(findings->durations[i].text));
        put_value(out, object, "days", number_or_null(findings->durations[i].days));
        push_value(out, array, object);
    }
    return array;
}

static json_t *vitals(struct json_writing *out, const struct vitals *vitals) {
    json_t *object = json_object();
    for (size_t i = 0; i < N_VITALS; i++)
        put_value(out, object, VITALS[i].name, number_or_null(vital_value(vitals, &VITALS[i])));
    return object;
}

static json_t *findings(struct json_writing *out, const struct findings *findings) {
    json_t *object = json_object();
    put_value(out, object, "chief_complaint", text_or_null(findings->chief_complaint));
    put_value(out, object, "sites", texts(out, &findings->sites));
    put_value(out, object, "durations", durations(out, findings));
    put_value(out, object, "qualities", texts(out, &findings->qualities));
    put_value(out, object, "severity", text_or_null(findings->severity));
    put_value(out, object, "trend", text_or_null(findings->trend));
    put_value(out, object, "menstrual", texts(out, &findings->menstrual));
    put_value(out, object, "aggravating", texts(out, &findings->aggravating));
    put_value(out, object, "relieving", texts(out, &findings->relieving));
    put_value(out, object, "positive", finding_array(out, &findings->positive));
    put_value(out, object, "negative", finding_array(out, &findings->negative));
    put_value(out, object, "history", texts(out, &findings->history));
    put_value(out, object, "medications", texts(out, &findings->medications));
    put_value(out, object, "allergies", texts(out, &findings->allergies));
    put_value(out, object, "vitals", vitals(out, &findings->vitals));
    put_value(out, object, "entities", entities(out, findings));
    return object;
}

static json_t *differential(struct json_writing *out, const struct differential *differential) {
    json_t *array = json_array();
    for (size_t i = 0; i < differential->count; i++) {
        const struct diagnosis *diagnosis = &differential->items[i];
        json_t *object = json_object();
        put_value(out, object, "name", text_value(diagnosis->name));
        put_value(out, object, "icd10", text_or_null(diagnosis->icd10));
        put_value(out, object, "rank", json_integer((json_int_t)i + 1));
        put_value(out, object, "source", text_value(diagnosis->source));
        put_value(out, object, "confidence", rounded_value(diagnosis->confidence, 1000));
        put_value(out, object, "status", text_value(diagnosis_status_name(diagnosis->status)));
        put_value(out, object, "evidence", texts(out, &diagnosis->evidence));
        put_value(out, object, "against", texts(out, &diagnosis->against));
        push_value(out, array, object);
    }
    return array;
}

static json_t *tests(struct json_writing *out, const struct report *report) {
    json_t *array = json_array();
    for (size_t i = 0; i < report->n_tests; i++) {
        json_t *object = json_object();
        put_value(out, object, "name", text_value(report->tests[i].name));
        put_value(out, object, "reason", text_or_null(report->tests[i].reason));
        push_value(out, array, object);
    }
    return array;
}

static json_t *warnings(struct json_writing *out, const struct warnings *warnings) {
    json_t *array = json_array();
    for (size_t i = 0; i < warnings->count; i++) {
        json_t *object = json_object();
        put_value(out, object, "level", text_value(warning_level_name(warnings->items[i].level)));
        put_value(out, object, "rule", text_value(warnings->items[i].rule));
        put_value(out, object, "message", text_value(warnings->items[i].message));
        push_value(out, array, object);
    }
    return array;
}

static json_t *must_not_miss(struct json_writing *out, const struct dangers *dangers) {
    json_t *array = json_array();
    for (size_t i = 0; i < dangers->count; i++) {
        json_t *object = json_object();
        put_value(out, object, "name", text_value(dangers->items[i].disease->name));
        put_value(out, object, "icd10", text_value(dangers->items[i].disease->icd10));
        put_value(out, object, "evidence", texts(out, &dangers->items[i].evidence));
        push_value(out, array, object);
    }
    return array;
}

static json_t *next_questions(struct json_writing *out, const struct questions *questions) {
    json_t *array = json_array();
    for (size_t i = 0; i < questions->count; i++) {
        json_t *object = json_object();
        put_value(out, object, "symptom", text_value(questions->items[i].symptom));
        put_value(out, object, "question", text_value(questions->items[i].text));
        put_value(out, object, "reason", text_value(questions->items[i].reason));
        push_value(out, array, object);
    }
    return array;
}

/* The model's answer with the remark on it; "" without an answer. */
static json_t *narrative(const char *answer) {
    return *answer ? json_sprintf("%s\n\n%s", answer, REPORT_MODEL_REMARK) : text_value("");
}

static json_t *removed(struct json_writing *out, const struct removals *removals) {
    json_t *array = json_array();
    for (size_t i = 0; i < removals->count; i++) {
        json_t *object = json_object();
        put_value(out, object, "kind", text_value(removals->items[i].kind));
        put_value(out, object, "text", text_value(removals->items[i].text));
        push_value(out, array, object);
    }
    return array;
}

static json_t *usage(struct json_writing *out, const struct report_usage *usage) {
    json_t *object = json_object();
    put_value(out, object, "prompt_tokens", json_integer(usage->prompt_tokens));
    put_value(out, object, "cached_tokens", json_integer(usage->cached_tokens));
    put_value(out, object, "completion_tokens", json_integer(usage->completion_tokens));
    put_value(out, object, "prefill_ms", rounded_value(usage->prefill_ms, 10));
    put_value(out, object, "decode_ms", rounded_value(usage->decode_ms, 10));
    return object;
}

static json_t *whole(struct json_writing *out, const struct report *report) {
    json_t *object = json_object();
    put_value(out, object, "schema", text_value("youtu.diagnose/1"));
    put_value(out, object, "id", text_value(report->id));
    put_value(out, object, "created", text_value(report->created));
    put_value(out, object, "model", model(out, &report->model));
    put_value(out, object, "department", text_value(report->department));
    put_value(out, object, "department_proposed", json_boolean(report->department_proposed));
    put_value(out, object, "patient", patient(out, &report->patient));
    put_value(out, object, "input", input(out, report));
    put_value(out, object, "findings", findings(out, &report->findings));
    put_value(out, object, "differential", differential(out, &report->differential));
    put_value(out, object, "tests", tests(out, report));
    put_value(out, object, "warnings", warnings(out, &report->warnings));
    put_value(out, object, "urgency", text_value(urgency_name(report->warnings.urgency)));
    put_value(out, object, "must_not_miss", must_not_miss(out, &report->must_not_miss));
    put_value(out, object, "next_questions", next_questions(out, &report->questions));
    put_value(out, object, "narrative", narrative(report->narrative));
    put_value(out, object, "reasoning", text_or_null(report->reasoning));
    put_value(out, object, "removed", removed(out, &report->removed));
    put_value(out, object, "confidence", rounded_value(report->differential.confidence, 1000));
    put_value(out, object, "needs_confirmation", json_boolean(report->differential.needs_confirmation));
    put_value(out, object, "finish", text_or_null(finish_name(report->finish)));
    put_value(out, object, "interrupted", json_boolean(report->finish == FINISH_INTERRUPTED));
    put_value(out, object, "disclaimer", text_value(REPORT_DISCLAIMER));
    put_value(out, object, "seed",
              report->finish == FINISH_NONE ? json_null() : json_integer((json_int_t)report->seed));
    put_value(out, object, "usage", usage(out, &report->usage));
    return object;
}

bool format_json(const struct report *report, bool colour, struct buffer *out) {
    (void)colour;
    struct json_writing writing = {false};
    json_t *object = whole(&writing, report);
    return json_write(&writing, object, out);
}
