#include "cli/clinic/findings.h"

#include "cli/clinic/ages.h"
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

const struct entity *add_entity(const struct extraction *in, enum entity_kind kind, enum polarity polarity,
                                const char *name, size_t start, size_t end) {
    struct findings *findings = in->findings;
    struct entity *entities =
        arena_grow(in->arena, findings->entities, findings->n_entities, sizeof *entities);
    if (!entities) return NULL;
    findings->entities = entities;
    struct span text = passage_source(in->passage, start, end);
    size_t at = (size_t)(text.data - in->passage->source.data);
    const char *words = arena_copy(in->arena, text);
    if (!words) return NULL;
    entities[findings->n_entities] =
        (struct entity){kind, polarity, name ? name : words, words, at, at + text.length};
    return &entities[findings->n_entities++];
}

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

/* ---- durations and the chief complaint */

static bool add_duration(const struct extraction *in, size_t start, size_t end, double days) {
    struct findings *findings = in->findings;
    struct duration *durations =
        arena_grow(in->arena, findings->durations, findings->n_durations, sizeof *durations);
    if (!durations) return false;
    findings->durations = durations;
    const char *text = arena_copy(in->arena, passage_source(in->passage, start, end));
    durations[findings->n_durations++] = (struct duration){text, days};
    return text != NULL;
}

static bool add_durations(const struct extraction *in) {
    for (size_t i = 0; i < in->passage->n_clauses; i++) {
        struct clause clause = in->passage->clauses[i];
        struct span text = span_between(plain_span(&in->passage->plain), 0, clause.end);
        for (size_t at = clause.start; at < clause.end;) {
            double days;
            size_t end;
            struct quantity number;
            struct age age;
            if (age_read(in->passage, at, &age)) {
                at = age.end;
            } else if (duration_read(text, at, &days, &end)) {
                if (!add_duration(in, at, end, days)) return false;
                at = end;
            } else {
                at = quantity_read(text, at, &number) ? number.end : at + 1;
            }
        }
    }
    return true;
}

/* A duration in a doctor's shorthand: "3天", "2周", "半个月" as "15天". */
static char *shorthand(struct arena *arena, double days) {
    if (days >= 365) return arena_format(arena, "%g年", round(days / 36.5) / 10);
    if (days >= 60 || days == 30) return arena_format(arena, "%g个月", round(days / 3) / 10);
    if (days >= 14 && fmod(days, 7) == 0) return arena_format(arena, "%g周", days / 7);
    if (days >= 0.5) return arena_format(arena, "%g天", days);
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
        length = shorthand(in->arena, findings->durations[i].days);
        break;
    }
    if (!length) return false;
    findings->chief_complaint = arena_format(in->arena, "%s%s", symptom, length);
    return findings->chief_complaint != NULL;
}

/* ---- sites, qualities, severity, triggers */

static bool add_present_terms(const struct extraction *in, const struct wordlist *words,
                              struct strings *names) {
    struct mentions mentions;
    if (!mentions_find(in->passage, words, in->arena, &mentions)) return false;
    for (size_t i = 0; i < mentions.count; i++)
        if (mentions.items[i].polarity == POLARITY_PRESENT &&
            !strings_add(names, in->arena, words->terms[mentions.items[i].term]))
            return false;
    return true;
}

/* The worst degree that is mentioned; the lexicon lists degrees from worst to least. */
static bool find_severity(const struct extraction *in, const struct lexicon *lexicon) {
    struct mentions mentions;
    if (!mentions_find(in->passage, &lexicon->severities, in->arena, &mentions)) return false;
    size_t worst = TERM_NONE;
    for (size_t i = 0; i < mentions.count; i++)
        if (mentions.items[i].polarity == POLARITY_PRESENT && mentions.items[i].term < worst)
            worst = mentions.items[i].term;
    if (worst != TERM_NONE) in->findings->severity = lexicon->severities.terms[worst];
    return true;
}

/* ---- the patient */

/* 男 or 女 as a statement on the patient, not in 男朋友 or 女儿. */
static enum sex find_sex(const struct passage *passage) {
    static const char *const OTHERS[] = {"朋友", "儿", "友", "婿", "同学", "同事", "生", "人", "的", NULL};
    static const char *const PEOPLE[] = {"性", "孩", "童", "婴", "士", "患", NULL};
    static const char *const BEFORE[] = {"患者", "性别", "岁", "月", "月龄", "天", "大",
                                         "患儿", "本人", "我", "是", "者",   NULL};
    if (passage->patient_sex) return passage->patient_sex == 'm' ? SEX_MALE : SEX_FEMALE;
    struct span text = plain_span(&passage->plain);
    for (size_t at = 0; at < text.length; at++) {
        struct span rest = span_between(text, at, text.length);
        enum sex sex = span_starts(rest, span_of("男"))   ? SEX_MALE
                       : span_starts(rest, span_of("女")) ? SEX_FEMALE
                                                          : SEX_UNKNOWN;
        if (sex == SEX_UNKNOWN) continue;
        struct span after = span_between(rest, strlen("男"), rest.length), before = span_between(text, 0, at);
        if (starts_with_any(after, OTHERS)) continue;
        bool starts_clause =
            at == 0 || (unsigned char)text.data[at - 1] < 0x80 || span_ends(before, span_of("。"));
        if (starts_with_any(after, PEOPLE) || starts_clause || ends_with_any(before, BEFORE)) return sex;
    }
    return SEX_UNKNOWN;
}

/* The first present age that is not told of another person. */
static void find_age(const struct passage *passage, struct patient *patient) {
    struct span text = plain_span(&passage->plain);
    for (size_t i = 0; i < passage->n_clauses; i++)
        for (size_t start = passage->clauses[i].start, at = start; at < passage->clauses[i].end;) {
            struct age age;
            struct quantity number;
            if (!age_read(passage, at, &age)) {
                at = quantity_read(text, at, &number) ? number.end : at + 1;
                continue;
            }
            const struct person_mention *person = passage_person(passage, start, at);
            at = age.end;
            if (age.past || (person && person->person != passage->patient)) continue;
            patient->has_age = true;
            patient->age = age.value;
            patient->age_unit = age.unit;
            return;
        }
}

static enum pregnancy find_pregnancy(const struct passage *passage) {
    static const char *const DENIED[] = {"未怀孕",   "没怀孕",   "没有怀孕", "未孕",
                                         "否认怀孕", "排除怀孕", NULL};
    static const char *const EXPECTING[] = {"怀孕", "妊娠", "孕妇", NULL};
    static const char *const UNSURE[] = {"怀疑怀孕", "是不是怀孕", "会不会怀孕", "备孕",
                                         "避孕",     "可能怀孕",   "曾怀孕",     NULL};
    struct span text = plain_span(&passage->plain);
    if (contains_any(text, UNSURE)) return PREGNANCY_UNKNOWN;
    if (contains_any(text, DENIED)) return PREGNANCY_NO;
    if (contains_any(text, EXPECTING)) return PREGNANCY_YES;
    for (size_t at = 0; (at = span_find(text, span_of("孕"), at)) != SIZE_MAX; at += strlen("孕")) {
        struct quantity weeks;
        if (quantity_read(text, at + strlen("孕"), &weeks) &&
            starts_with_any(span_between(text, weeks.end, text.length),
                            (const char *const[]){"周", "个月", "月", "+", NULL}))
            return PREGNANCY_YES;
    }
    return PREGNANCY_UNKNOWN;
}

static void complete_patient(const struct passage *passage, struct patient *patient) {
    if (!patient->has_age) find_age(passage, patient);
    if (patient->pregnancy == PREGNANCY_UNKNOWN && patient->sex != SEX_MALE)
        patient->pregnancy = find_pregnancy(passage);
    if (patient->sex == SEX_UNKNOWN)
        patient->sex = patient->pregnancy == PREGNANCY_YES ? SEX_FEMALE : find_sex(passage);
}

bool findings_extract(const struct passage *passage, const struct kb *kb, const struct lexicon *lexicon,
                      struct arena *arena, struct patient *patient, struct findings *findings) {
    *findings = (struct findings){.vitals = vitals_read(plain_span(&passage->plain))};
    struct extraction in = {passage, kb, arena, findings, {0}};
    complete_patient(passage, patient);
    return mentions_find(passage, &kb->symptoms, arena, &in.symptoms) && add_symptoms(&in) &&
           add_durations(&in) && name_chief_complaint(&in) && add_sites(&in) &&
           add_present_terms(&in, &lexicon->qualities, &findings->qualities) && find_severity(&in, lexicon) &&
           add_triggers(&in) && add_backgrounds(&in);
}
