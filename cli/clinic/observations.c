#include "cli/clinic/observations.h"

#include <stdio.h>

bool disease_fits(const struct disease *disease, const struct patient *patient) {
    double years = patient_years(patient);
    if (years < disease->age_min || years > disease->age_max) return false;
    return !disease->sex || !patient->sex || disease->sex == patient->sex;
}

bool is_complaint(const struct kb *kb, size_t sign) {
    return sign < kb->symptoms.n_terms && !kb->circumstance[sign];
}

static void note(struct observation *observation, enum sighting sighting, const char *words) {
    if (observation->sighting == SEEN) return;
    *observation = (struct observation){sighting, words};
}

/* ---- symptoms */

static void see_with_broader(const struct observations *in, size_t symptom, const char *words) {
    for (; symptom != TERM_NONE; symptom = in->kb->broader[symptom]) note(&in->signs[symptom], SEEN, words);
}

/* A kind is denied with its broader symptom, however far above. */
static void deny_kinds(const struct observations *in) {
    for (size_t i = 0; i < in->kb->symptoms.n_terms; i++) {
        size_t above = in->kb->broader[i];
        while (above != TERM_NONE && in->signs[above].sighting != DENIED) above = in->kb->broader[above];
        if (above != TERM_NONE && in->signs[i].sighting == NOT_MENTIONED)
            in->signs[i] = (struct observation){DENIED, in->signs[above].words};
    }
}

static double vital_of(const struct vitals *vitals, enum measured_vital vital) {
    return vital == MEASURED_TEMPERATURE ? vitals->temperature_c
           : vital == MEASURED_SYSTOLIC  ? vitals->systolic
                                         : vitals->diastolic;
}

static bool see_measured(const struct observations *in, const struct vitals *vitals, struct arena *arena) {
    static const char *const FORMS[] = {[MEASURED_TEMPERATURE] = "体温%g℃",
                                        [MEASURED_SYSTOLIC] = "收缩压%g",
                                        [MEASURED_DIASTOLIC] = "舒张压%g"};
    for (size_t i = 0; i < in->kb->n_measured; i++) {
        const struct measured *measured = &in->kb->measured[i];
        double value = vital_of(vitals, measured->vital);
        if (isnan(value)) continue;
        char text[64];
        snprintf(text, sizeof text, FORMS[measured->vital], value);
        const char *words = arena_copy(arena, span_of(text));
        if (!words) return false;
        if (value >= measured->at_least)
            see_with_broader(in, measured->symptom, words);
        else if (in->kb->broader[measured->symptom] == TERM_NONE)
            note(&in->signs[measured->symptom], DENIED, words);
    }
    return true;
}

static void see_all(const struct observations *in, const struct finding_list *list) {
    for (size_t i = 0; i < list->count; i++)
        see_with_broader(in, list->items[i].symptom, list->items[i].text);
}

static bool see_symptoms(const struct observations *in, const struct findings *findings,
                         struct arena *arena) {
    see_all(in, &findings->positive);
    see_all(in, &findings->circumstances);
    for (size_t i = 0; i < findings->circumstances.count; i++)
        see_with_broader(in, findings->circumstances.items[i].symptom, findings->circumstances.items[i].text);
    if (!see_measured(in, &findings->vitals, arena)) return false;
    for (size_t i = 0; i < findings->negative.count; i++)
        note(&in->signs[findings->negative.items[i].symptom], DENIED, findings->negative.items[i].text);
    deny_kinds(in);
    return true;
}

static bool find_told(struct observations *in, struct arena *arena) {
    const struct kb *kb = in->kb;
    bool *has_kind = arena_new(arena, kb->symptoms.n_terms * sizeof *has_kind);
    in->told = arena_new(arena, kb->symptoms.n_terms * sizeof *in->told);
    if (!has_kind || !in->told) return false;
    for (size_t i = 0; i < kb->symptoms.n_terms; i++)
        if (in->signs[i].sighting == SEEN && kb->broader[i] != TERM_NONE) has_kind[kb->broader[i]] = true;
    for (size_t i = 0; i < kb->symptoms.n_terms; i++)
        if (in->signs[i].sighting == SEEN && !has_kind[i] && is_complaint(kb, i)) in->told[in->n_told++] = i;
    return true;
}

/* ---- other signs */

/* The patient's words for a term of the lexicon, or its name. */
static const char *words_of(const struct findings *findings, enum entity_kind kind, const char *name) {
    for (size_t i = 0; i < findings->n_entities; i++)
        if (findings->entities[i].kind == kind && strcmp(findings->entities[i].name, name) == 0)
            return findings->entities[i].text;
    return name;
}

static bool within(const struct sign *sign, double value) {
    return sign->at_least ? value >= sign->bound : value <= sign->bound;
}

static bool observe_course(const struct sign *sign, const struct findings *findings, struct arena *arena,
                           struct observation *observation) {
    for (size_t i = 0; i < findings->n_durations && observation->sighting != SEEN; i++) {
        const struct duration *duration = &findings->durations[i];
        if (isnan(duration->days)) continue;
        const char *words = arena_format(arena, "病程%s", duration->text);
        if (!words) return false;
        *observation = (struct observation){within(sign, duration->days) ? SEEN : DENIED, words};
    }
    return true;
}

static bool observe_age(const struct sign *sign, const struct patient *patient, struct arena *arena,
                        struct observation *observation) {
    double years = patient_years(patient);
    if (isnan(years)) return true;
    observation->sighting = within(sign, years) ? SEEN : DENIED;
    observation->words = arena_format(arena, "%d%s", patient->age, patient->age_unit);
    return observation->words != NULL;
}

static struct observation observe_pregnancy(const struct patient *patient) {
    if (patient->pregnancy == PREGNANCY_YES) return (struct observation){SEEN, "怀孕"};
    bool never = patient->pregnancy == PREGNANCY_NO || patient->sex == SEX_MALE;
    return never ? (struct observation){DENIED, "未怀孕"} : (struct observation){NOT_MENTIONED, NULL};
}

static struct observation observe_term(const struct sign *sign, const struct findings *findings) {
    const struct {
        const struct strings *names;
        enum entity_kind kind;
    } LISTS[] = {
        [SIGN_SITE] = {&findings->sites, ENTITY_SITE},
        [SIGN_QUALITY] = {&findings->qualities, ENTITY_QUALITY},
        [SIGN_AGGRAVATING] = {&findings->aggravating, ENTITY_AGGRAVATING},
        [SIGN_RELIEVING] = {&findings->relieving, ENTITY_RELIEVING},
        [SIGN_HISTORY] = {&findings->history, ENTITY_HISTORY},
        [SIGN_MEDICATION] = {&findings->medications, ENTITY_MEDICATION},
    };
    const struct strings *names = LISTS[sign->kind].names;
    for (size_t i = 0; names && i < names->count; i++)
        if (strcmp(names->items[i], sign->name) == 0)
            return (struct observation){SEEN, words_of(findings, LISTS[sign->kind].kind, sign->name)};
    for (size_t i = 0; i < findings->n_entities; i++) {
        const struct entity *entity = &findings->entities[i];
        bool present = entity->polarity == POLARITY_PRESENT || entity->polarity == POLARITY_UNCERTAIN;
        if (entity->kind == LISTS[sign->kind].kind && present && strcmp(entity->name, sign->name) == 0)
            return (struct observation){SEEN, entity->text};
    }
    return (struct observation){NOT_MENTIONED, NULL};
}

/* Not told as complaints of their own, so no disease has to explain them. */
static void see_synonyms(const struct observations *in) {
    for (size_t i = 0; i < in->kb->n_synonyms; i++) {
        const struct synonym *synonym = &in->kb->synonyms[i];
        if (in->signs[synonym->sign].sighting == SEEN)
            note(&in->signs[synonym->symptom], SEEN, in->signs[synonym->sign].words);
    }
}

bool observe(const struct kb *kb, const struct patient *patient, const struct findings *findings,
             struct arena *arena, struct observations *observations) {
    *observations = (struct observations){.kb = kb, .patient = patient, .chief = TERM_NONE};
    for (size_t i = 0; i < findings->positive.count && observations->chief == TERM_NONE; i++)
        if (is_complaint(kb, findings->positive.items[i].symptom))
            observations->chief = findings->positive.items[i].symptom;
    observations->signs = arena_new(arena, kb->n_signs * sizeof *observations->signs);
    if (!observations->signs || !see_symptoms(observations, findings, arena)) return false;
    for (size_t i = kb->symptoms.n_terms; i < kb->n_signs; i++) {
        const struct sign *sign = &kb->signs[i];
        struct observation *observation = &observations->signs[i];
        if (sign->kind == SIGN_PREGNANT)
            *observation = observe_pregnancy(patient);
        else if (sign->kind != SIGN_AGE && sign->kind != SIGN_COURSE)
            *observation = observe_term(sign, findings);
        else if (sign->kind == SIGN_AGE ? !observe_age(sign, patient, arena, observation)
                                        : !observe_course(sign, findings, arena, observation))
            return false;
    }
    if (!find_told(observations, arena)) return false;
    see_synonyms(observations);
    return true;
}

/* ---- evidence */

/* "发热" of "无发热、咳嗽" is quoted as 无发热. */
static const char *denial(struct arena *arena, const struct sign *sign, const char *words) {
    static const char *const NEGATIONS[] = {"无", "没", "未", "否认", "不", "非", "从", "并", NULL};
    bool measured =
        sign->kind != SIGN_SYMPTOM || span_find(span_of(words), span_of(sign->name), 0) == SIZE_MAX;
    if (measured || starts_with_any(span_of(words), NEGATIONS)) return words;
    return arena_format(arena, "无%s", sign->name);
}

/* Whether what is said of a symptom was said of a broader one: "无发热" of 高热. */
static bool is_inherited(const struct observations *in, size_t sign) {
    size_t above = sign < in->kb->symptoms.n_terms ? in->kb->broader[sign] : TERM_NONE;
    return above != TERM_NONE && in->signs[sign].sighting == DENIED &&
           in->signs[above].words == in->signs[sign].words;
}

/* Whether the words stand in what is quoted already: "大脚趾" beside 大脚趾红肿. */
static bool is_quoted(const struct strings *strings, const char *words) {
    for (size_t i = 0; i < strings->count; i++)
        if (span_find(span_of(strings->items[i]), span_of(words), 0) != SIZE_MAX) return true;
    return false;
}

bool evidence_find(const struct observations *observations, const struct disease *disease,
                   struct arena *arena, struct strings *evidence, struct strings *against) {
    for (size_t i = 0; i < disease->n_weights; i++) {
        const struct weight *weight = &disease->weights[i];
        const struct observation *observation = &observations->signs[weight->sign];
        if (observation->sighting == NOT_MENTIONED || is_inherited(observations, weight->sign)) continue;
        bool seen = observation->sighting == SEEN, speaks_for = (weight->weight > 0) == seen;
        const char *words = seen ? observation->words
                                 : denial(arena, &observations->kb->signs[weight->sign], observation->words);
        if (!words) return false;
        if (is_quoted(evidence, words) || is_quoted(against, words)) continue;
        if (!strings_add(speaks_for ? evidence : against, arena, words)) return false;
    }
    return disease_fits(disease, observations->patient) || strings_add(against, arena, "年龄或性别不符");
}
