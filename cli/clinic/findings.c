#include "cli/clinic/codes.h"
#include "cli/clinic/extraction.h"

const char *sex_name(enum sex sex) {
    return sex == SEX_MALE ? "男" : sex == SEX_FEMALE ? "女" : NULL;
}

const char *entity_kind_name(enum entity_kind kind) {
    static const char *const NAMES[] = {
        [ENTITY_SYMPTOM] = "symptom",
        [ENTITY_SITE] = "site",
        [ENTITY_QUALITY] = "quality",
        [ENTITY_SEVERITY] = "severity",
        [ENTITY_AGGRAVATING] = "aggravating",
        [ENTITY_RELIEVING] = "relieving",
        [ENTITY_DURATION] = "duration",
        [ENTITY_HISTORY] = "history",
        [ENTITY_MEDICATION] = "medication",
        [ENTITY_ALLERGY] = "allergy",
        [ENTITY_VITAL] = "vital",
        [ENTITY_TREND] = "trend",
        [ENTITY_MENSTRUAL] = "menstrual",
    };
    return NAMES[kind];
}

double patient_years(const struct patient *patient) {
    if (!patient->has_age) return NAN;
    if (strcmp(patient->age_unit, "月") == 0) return patient->age / 12.0;
    return strcmp(patient->age_unit, "天") == 0 ? patient->age / 365.0 : patient->age;
}

bool finding_listed(const struct finding_list *list, size_t symptom) {
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].symptom == symptom) return true;
    return false;
}

/* ---- symptoms */

static bool add_finding(const struct extraction *in, struct finding_list *list, const char *name,
                        const struct mention *mention) {
    if (finding_listed(list, mention->term)) return true;
    struct finding *items = arena_grow(in->arena, list->items, list->count, sizeof *items);
    if (!items) return false;
    list->items = items;
    struct span text = passage_source(in->passage, mention->shown_start, mention->shown_end);
    items[list->count] = (struct finding){mention->term, name, arena_copy(in->arena, text)};
    return items[list->count++].text != NULL;
}

static bool add_symptoms(const struct extraction *in) {
    const struct kb *kb = in->kb;
    const struct mentions *mentions = &in->symptoms;
    struct findings *findings = in->findings;
    for (size_t i = 0; i < mentions->count; i++) {
        const struct mention *mention = &mentions->items[i];
        if (!add_entity(in, ENTITY_SYMPTOM, mention->polarity, kb->symptoms.terms[mention->term],
                        mention->shown_start, mention->shown_end))
            return false;
        bool positive = mention->polarity == POLARITY_PRESENT || mention->polarity == POLARITY_UNCERTAIN;
        struct finding_list *list = lexicon_is_told(in->passage->lexicon, mention->term)
                                        ? &findings->positive
                                        : &findings->circumstances;
        if (positive && !add_finding(in, list, kb->symptoms.terms[mention->term], mention)) return false;
    }
    for (size_t i = 0; i < mentions->count; i++) {
        const struct mention *mention = &mentions->items[i];
        if (mention->polarity == POLARITY_DENIED && lexicon_is_told(in->passage->lexicon, mention->term) &&
            !finding_listed(&findings->positive, mention->term) &&
            !add_finding(in, &findings->negative, kb->symptoms.terms[mention->term], mention))
            return false;
    }
    return true;
}

/* ---- the chief complaint */

/* A duration in a doctor's shorthand: "3天", "2周", "半个月" as "15天". */
static char *shorthand(struct arena *arena, double days) {
    static const double HALF_YEAR_DAYS = 182.5;
    if (days >= 365) return arena_format(arena, "%g年", round(days / 36.5) / 10);
    if (days == HALF_YEAR_DAYS) return arena_copy(arena, span_of("半年"));
    if (days >= 60 || days == 30) return arena_format(arena, "%g个月", round(days / 3) / 10);
    if (days >= 14 && fmod(days, 7) == 0) return arena_format(arena, "%g周", days / 7);
    if (days == 0.5) return arena_copy(arena, span_of("半天"));
    if (days > 0.5) return arena_format(arena, "%g天", days);
    if (days >= 1.0 / 24) return arena_format(arena, "%g小时", round(days * 240) / 10);
    return arena_format(arena, "%g分钟", round(days * 1440));
}

/* The first symptom with the first duration that tells a length. */
static bool name_chief_complaint(const struct extraction *in) {
    struct findings *findings = in->findings;
    if (findings->positive.count == 0) return true;
    const char *symptom = findings->positive.items[0].name, *length = "";
    for (size_t i = 0; i < findings->n_durations; i++) {
        if (isnan(findings->durations[i].days)) continue;
        /* "好几年" has a usual middle, but is not told as one. */
        static const char *const VAGUE[] = {"几", NULL};
        bool vague = contains_any(span_of(findings->durations[i].text), VAGUE);
        length = vague ? findings->durations[i].text : shorthand(in->arena, findings->durations[i].days);
        break;
    }
    if (!length) return false;
    findings->chief_complaint = arena_format(in->arena, "%s%s", symptom, length);
    return findings->chief_complaint != NULL;
}

/* ---- sites, qualities, severity, triggers */

/* Every mention as an entity; the present ones also by name. */
static bool add_terms(const struct extraction *in, enum entity_kind kind, const struct wordlist *words,
                      struct strings *names) {
    struct mentions mentions;
    if (!mentions_find(in->passage, words, in->arena, &mentions)) return false;
    for (size_t i = 0; i < mentions.count; i++) {
        const struct mention *mention = &mentions.items[i];
        const char *name = words->terms[mention->term];
        if (!add_entity(in, kind, mention->polarity, name, mention->start, mention->end) ||
            (mention->polarity == POLARITY_PRESENT && !strings_add(names, in->arena, name)))
            return false;
    }
    return true;
}

/* The worst degree that is mentioned; the lexicon lists degrees from worst to least. */
static bool find_severity(const struct extraction *in, const struct wordlist *severities) {
    struct strings degrees = {0};
    if (!add_terms(in, ENTITY_SEVERITY, severities, &degrees)) return false;
    for (size_t i = severities->n_terms; i-- > 0;)
        for (size_t j = 0; j < degrees.count; j++)
            if (strcmp(degrees.items[j], severities->terms[i]) == 0)
                in->findings->severity = degrees.items[j];
    return true;
}

/* How it has gone of late: the last that is told holds. */
static bool find_trend(const struct extraction *in, const struct wordlist *trends) {
    struct mentions mentions;
    if (!mentions_find(in->passage, trends, in->arena, &mentions)) return false;
    for (size_t i = 0; i < mentions.count; i++) {
        const struct mention *mention = &mentions.items[i];
        const char *name = trends->terms[mention->term];
        if (!add_entity(in, ENTITY_TREND, mention->polarity, name, mention->start, mention->end))
            return false;
        if (mention->polarity == POLARITY_PRESENT) in->findings->trend = name;
    }
    return true;
}

/* The patient's own clauses that speak of periods; a long one from the word on. */
static bool add_menstrual(const struct extraction *in, const struct wordlist *words) {
    enum { LONGEST_BYTES = 60 };
    struct mentions mentions;
    if (!mentions_find(in->passage, words, in->arena, &mentions)) return false;
    size_t told_until = 0;
    for (size_t i = 0; i < mentions.count; i++) {
        const struct mention *mention = &mentions.items[i];
        struct clause clause = in->passage->clauses[mention->clause];
        size_t start = clause.end - clause.start > LONGEST_BYTES ? mention->start : clause.start,
               end = clause.end;
        while (end - start > LONGEST_BYTES || utf8_continues(in->passage->plain.data[end])) end--;
        if (mention->polarity == POLARITY_OTHER || mention->polarity == POLARITY_HYPOTHETICAL ||
            start < told_until)
            continue;
        const struct entity *entity = add_entity(in, ENTITY_MENSTRUAL, mention->polarity, NULL, start, end);
        if (!entity || !strings_add(&in->findings->menstrual, in->arena, entity->text)) return false;
        told_until = end;
    }
    return true;
}

static bool add_vitals(const struct extraction *in) {
    struct vital_places places;
    in->findings->vitals = vitals_read(plain_span(&in->passage->plain), &places);
    for (size_t i = 0; i < N_VITALS; i++)
        if (!isnan(vital_value(&in->findings->vitals, &VITALS[i])) &&
            !add_entity(in, ENTITY_VITAL, POLARITY_PRESENT, VITALS[i].loinc.title, places.of[i].start,
                        places.of[i].end))
            return false;
    return true;
}

bool findings_extract(const struct passage *passage, const struct kb *kb, const struct lexicon *lexicon,
                      struct arena *arena, struct patient *patient, struct findings *findings) {
    *findings = (struct findings){0};
    struct extraction in = {passage, kb, arena, findings, {0}};
    complete_patient(passage, patient);
    bool read = mentions_find(passage, &kb->symptoms, arena, &in.symptoms) && add_symptoms(&in) &&
                add_durations(&in) && name_chief_complaint(&in) && add_sites(&in) &&
                add_terms(&in, ENTITY_QUALITY, &lexicon->qualities, &findings->qualities) &&
                find_severity(&in, &lexicon->severities) && find_trend(&in, &lexicon->trends) &&
                add_menstrual(&in, &lexicon->menstrual) && add_vitals(&in) && add_triggers(&in) &&
                add_background(&in, kb, lexicon);
    sort_entities(findings);
    return read;
}
