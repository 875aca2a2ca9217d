/* What a patient's text says, found by rules alone: symptoms present and denied, times, sites, vital signs.
 */
#ifndef CLINIC_FINDINGS_H
#define CLINIC_FINDINGS_H

#include "cli/clinic/kb.h"
#include "cli/clinic/lexicon.h"
#include "cli/clinic/mentions.h"
#include "cli/clinic/quantities.h"

enum pregnancy { PREGNANCY_UNKNOWN, PREGNANCY_NO, PREGNANCY_YES };

struct patient {
    bool has_age;
    int age;
    const char *age_unit; /* "岁", "月", "天"; NULL without an age */
    enum sex sex;
    enum pregnancy pregnancy;
};

/* "男", "女", or NULL when unknown. */
const char *sex_name(enum sex sex);

/* From these ages on patients see the departments of adults, and that of the old. */
enum { ADULT_YEARS = 14, OLD_YEARS = 65 };

/* The age in years; NAN when unknown. */
double patient_years(const struct patient *patient);

/* passage_open for a patient of whom something is known: a text does not speak for a man when the patient is a woman,
 * nor for a father when it is a child. */
bool passage_open_for(struct passage *passage, struct arena *arena, struct span source,
                      const struct lexicon *lexicon, const struct patient *patient);

/* A symptom with the patient's own words for it. */
struct finding {
    size_t symptom; /* term of the knowledge base's symptoms */
    const char *name, *text;
};

struct finding_list {
    struct finding *items;
    size_t count;
};

struct duration {
    const char *text;
    double days; /* NAN when vague */
};

enum entity_kind {
    ENTITY_SYMPTOM,
    ENTITY_SITE,
    ENTITY_QUALITY,
    ENTITY_SEVERITY,
    ENTITY_AGGRAVATING,
    ENTITY_RELIEVING,
    ENTITY_DURATION,
    ENTITY_HISTORY,
    ENTITY_MEDICATION,
    ENTITY_ALLERGY,
    ENTITY_VITAL,
    ENTITY_TREND,
    ENTITY_MENSTRUAL
};

/* "symptom", "site", "quality", "severity", "aggravating", "relieving", "duration", "history", "medication",
 * "allergy", "vital", "trend", "menstrual". */
const char *entity_kind_name(enum entity_kind kind);

/* One thing that the text says, wherever and however often: with its place and how it is meant. */
struct entity {
    enum entity_kind kind;
    enum polarity polarity;
    const char *name, *text; /* the term; the patient's own words */
    size_t start, end;       /* bytes [start, end) of the source */
};

struct findings {
    struct entity *entities; /* in the order of the text */
    size_t n_entities;
    const char *chief_complaint;            /* NULL when there is no symptom */
    struct finding_list positive, negative; /* each symptom once; one that is also present is not negative */
    struct finding_list circumstances;      /* present, but no complaints by themselves: 夜间加重 */
    struct duration *durations;
    size_t n_durations;
    struct strings sites, qualities, aggravating, relieving, history, medications, allergies;
    const char *severity;     /* "重", "中", "轻" or NULL */
    const char *trend;        /* "加重", "减轻", "反复", "稳定", as it was told last, or NULL */
    struct strings menstrual; /* what is told of the periods, in the patient's words: 末次月经上周 */
    struct vitals vitals;
};

/* Whether a symptom is among the list's. */
bool finding_listed(const struct finding_list *list, size_t symptom);

/* Fills *findings, and in *patient what the caller does not know yet. Owned by the arena. false: memory
 * refused. */
bool findings_extract(const struct passage *passage, const struct kb *kb, const struct lexicon *lexicon,
                      struct arena *arena, struct patient *patient, struct findings *findings);

#endif
