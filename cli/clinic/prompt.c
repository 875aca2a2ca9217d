#include "cli/clinic/prompt.h"

#include <stdint.h>

const struct prompt_size PROMPT_SIZES[] = {
    {.n_candidates = 3, .n_evidence = 4, .n_minor = 40},
    {.n_candidates = 3, .n_evidence = 2, .n_minor = 8},
    {.n_candidates = 2, .n_evidence = 1, .n_minor = 4},
    {.n_candidates = 0, .n_evidence = 0, .n_minor = 0},
};
const size_t N_PROMPT_SIZES = sizeof PROMPT_SIZES / sizeof *PROMPT_SIZES;

/* ---- pieces */

/* Items of one line: "a、b"; at most `left` more. */
struct listing {
    struct buffer *out;
    const char *label;
    size_t count, left;
};

/* The label before the first item. */
static void list_item(struct listing *list, const char *item) {
    if (list->left == 0) return;
    buffer_put(list->out, list->count ? "、" : list->label);
    buffer_put(list->out, item);
    list->count++;
    list->left--;
}

static size_t list_strings(struct buffer *out, const char *label, const struct strings *items, size_t most) {
    struct listing list = {out, label, 0, most};
    for (size_t i = 0; i < items->count; i++) list_item(&list, items->items[i]);
    return list.count;
}

static size_t list_findings(struct buffer *out, const char *label, const struct finding_list *items,
                            size_t most) {
    struct listing list = {out, label, 0, most};
    for (size_t i = 0; i < items->count; i++) list_item(&list, items->items[i].name);
    return list.count;
}

static bool was_said(const struct findings *findings, size_t duration) {
    for (size_t i = 0; i < duration; i++)
        if (strcmp(findings->durations[i].text, findings->durations[duration].text) == 0) return true;
    return false;
}

/* Each once. */
static size_t list_durations(struct buffer *out, const struct findings *findings, size_t most) {
    struct listing list = {out, "时间:", 0, most};
    for (size_t i = 0; i < findings->n_durations && list.left; i++)
        if (!was_said(findings, i)) list_item(&list, findings->durations[i].text);
    return list.count;
}

static bool is_present(const struct findings *findings, const char *name) {
    for (size_t i = 0; i < findings->positive.count; i++)
        if (strcmp(findings->positive.items[i].name, name) == 0) return true;
    return false;
}

static bool was_listed(const struct findings *findings, size_t index) {
    for (size_t i = 0; i < index; i++)
        if (findings->entities[i].kind == ENTITY_SYMPTOM &&
            findings->entities[i].polarity == POLARITY_UNCERTAIN &&
            strcmp(findings->entities[i].name, findings->entities[index].name) == 0)
            return true;
    return false;
}

/* Symptoms that the patient is not sure of, each once. */
static size_t list_uncertain(struct buffer *out, const struct findings *findings) {
    struct listing list = {out, "可能有:", 0, SIZE_MAX};
    for (size_t i = 0; i < findings->n_entities; i++) {
        const struct entity *entity = &findings->entities[i];
        if (entity->kind == ENTITY_SYMPTOM && entity->polarity == POLARITY_UNCERTAIN &&
            !is_present(findings, entity->name) && !was_listed(findings, i))
            list_item(&list, entity->name);
    }
    return list.count;
}

static size_t list_severity(struct buffer *out, const char *severity) {
    struct listing list = {out, "程度:", 0, 1};
    if (severity) list_item(&list, severity);
    return list.count;
}

static void list_vital(struct listing *list, const char *label, double value, const char *unit) {
    if (isnan(value)) return;
    buffer_format(list->out, "%s%s%g%s", list->count++ ? "、" : list->label, label, value, unit);
}

static size_t list_vitals(struct buffer *out, const struct vitals *vitals) {
    struct listing list = {out, "体征:", 0, SIZE_MAX};
    list_vital(&list, "体温", vitals->temperature_c, "℃");
    if (!isnan(vitals->systolic)) {
        list_vital(&list, "血压", vitals->systolic, "");
        if (isnan(vitals->diastolic))
            buffer_put(out, "mmHg");
        else
            buffer_format(out, "/%gmmHg", vitals->diastolic);
    }
    list_vital(&list, "心率", vitals->heart_rate, "次/分");
    list_vital(&list, "呼吸", vitals->respiratory_rate, "次/分");
    list_vital(&list, "血氧", vitals->spo2, "%");
    return list.count;
}

/* ---- the slots */

static void put_patient(const struct patient *patient, struct buffer *out) {
    const char *sex = sex_name(patient->sex);
    if (sex) buffer_put(out, sex);
    if (patient->has_age) buffer_format(out, "%s%d%s", sex ? "," : "", patient->age, patient->age_unit);
    if (patient->pregnancy == PREGNANCY_YES) buffer_put(out, sex || patient->has_age ? ",怀孕" : "怀孕");
    if (!sex && !patient->has_age && patient->pregnancy != PREGNANCY_YES) buffer_put(out, "未说明");
}

/* A line of its own for each kind of finding. */
static void end_line(size_t listed, struct buffer *out) {
    if (listed) buffer_put(out, "\n");
}

static void put_findings(const struct findings *findings, size_t n_minor, struct buffer *out) {
    size_t start = out->length;
    end_line(list_findings(out, "有:", &findings->positive, SIZE_MAX), out);
    end_line(list_uncertain(out, findings), out);
    end_line(list_findings(out, "无:", &findings->negative, n_minor), out);
    end_line(list_durations(out, findings, n_minor), out);
    end_line(list_strings(out, "部位:", &findings->sites, n_minor), out);
    end_line(list_strings(out, "性质:", &findings->qualities, n_minor), out);
    end_line(list_severity(out, findings->severity), out);
    end_line(list_strings(out, "加重:", &findings->aggravating, n_minor), out);
    end_line(list_strings(out, "缓解:", &findings->relieving, n_minor), out);
    end_line(list_vitals(out, &findings->vitals), out);
    end_line(list_strings(out, "既往:", &findings->history, SIZE_MAX), out);
    end_line(list_strings(out, "用药:", &findings->medications, SIZE_MAX), out);
    end_line(list_strings(out, "过敏:", &findings->allergies, SIZE_MAX), out);
    if (out->length > start)
        out->length--; /* the layout ends the last line */
    else
        buffer_put(out, "没有识别到具体表现");
}

static void put_candidate(size_t number, const struct diagnosis *candidate, size_t n_evidence,
                          struct buffer *out) {
    buffer_format(out, "%s%zu. %s", number > 1 ? "\n" : "", number, candidate->name);
    list_strings(out, ":支持 ", &candidate->evidence, n_evidence);
    list_strings(out, ";不支持 ", &candidate->against, n_evidence);
    struct listing tests = {out, ";可查 ", 0, 3};
    for (size_t i = 0; i < candidate->disease->n_tests; i++)
        list_item(&tests, candidate->disease->tests[i].name);
}

static void put_candidates(const struct differential *differential, const struct prompt_size *size,
                           struct buffer *out) {
    size_t number = 0;
    for (size_t i = 0; i < differential->count && number < size->n_candidates; i++)
        if (differential->items[i].disease)
            put_candidate(++number, &differential->items[i], size->n_evidence, out);
    if (number == 0) buffer_put(out, "知识库中没有相符的疾病");
}

static void put_patients_words(const struct chart *chart, struct buffer *out) {
    struct buffer words = {0};
    chart_render(chart, &words);
    struct span text = buffer_span(&words);
    static const char OPEN[] = "【", CLOSE[] = "】";
    for (size_t at = 0; at < text.length;) {
        struct span rest = span_between(text, at, text.length);
        bool open = span_starts(rest, span_of(OPEN)), close = span_starts(rest, span_of(CLOSE));
        size_t step = open ? strlen(OPEN) : close ? strlen(CLOSE) : 1;
        buffer_append(out, open ? "[" : close ? "]" : rest.data, 1);
        at += step;
    }
    out->failed = out->failed || words.failed;
    buffer_free(&words);
}

/* ---- the parts */

static void put_constant(enum slot slot, struct buffer *out) {
    if (slot == SLOT_RULES) buffer_put(out, TEMPLATE_RULES);
    if (slot == SLOT_FORM) buffer_put(out, TEMPLATE_FORM);
}

void prompt_system(const struct prompt_template *template, struct buffer *out) {
    struct template_piece piece;
    for (size_t at = 0; template_next(template->system, &at, &piece);) {
        buffer_append(out, piece.text.data, piece.text.length);
        put_constant(piece.slot, out);
    }
}

void prompt_fixed(const struct prompt_template *template, struct buffer *out) {
    struct template_piece piece;
    for (size_t at = 0; template_next(template->user, &at, &piece);) {
        buffer_append(out, piece.text.data, piece.text.length);
        if (piece.slot >= SLOT_PATIENT) return;
        put_constant(piece.slot, out);
    }
}

void prompt_user(const struct prompt_template *template, const struct report *report,
                 const struct prompt_size *size, struct buffer *out) {
    struct template_piece piece;
    for (size_t at = 0; template_next(template->user, &at, &piece);) {
        buffer_append(out, piece.text.data, piece.text.length);
        switch (piece.slot) {
        case SLOT_RULES:
        case SLOT_FORM: put_constant(piece.slot, out); break;
        case SLOT_PATIENT: put_patient(&report->patient, out); break;
        case SLOT_COMPLAINT: put_patients_words(&report->chart, out); break;
        case SLOT_FINDINGS: put_findings(&report->findings, size->n_minor, out); break;
        case SLOT_CANDIDATES: put_candidates(&report->differential, size, out); break;
        case N_SLOTS: break;
        }
    }
}
