/* The knowledge base: diseases with what speaks for and against them. */
#ifndef CLINIC_KB_H
#define CLINIC_KB_H

#include "cli/clinic/json_record.h"
#include "cli/clinic/lexicon.h"
#include "cli/clinic/wordlist.h"

enum sex { SEX_UNKNOWN, SEX_MALE, SEX_FEMALE };

/* What a weight may hang on. */
enum sign_kind {
    SIGN_SYMPTOM,
    SIGN_SITE,
    SIGN_QUALITY,
    SIGN_AGGRAVATING,
    SIGN_RELIEVING,
    SIGN_HISTORY,
    SIGN_MEDICATION,
    SIGN_COURSE, /* days since the illness began */
    SIGN_AGE,    /* years */
    SIGN_PREGNANT
};

struct sign {
    enum sign_kind kind;
    const char *name; /* of the symptom or the lexicon's term; the bound as it is written, ">=14" */
    bool at_least;    /* SIGN_COURSE, SIGN_AGE: not below the bound; else not above it */
    double bound;
};

/* A finding's weight for a disease: 3 nearly decisive, 1 weak; negative speaks against. */
struct weight {
    size_t sign; /* of kb.signs */
    double weight;
};

struct suggested_test {
    const char *name, *reason;
};

struct disease {
    const char *name;
    struct strings aliases;
    const char *icd10;
    struct strings departments;
    double age_min, age_max; /* years, both included */
    enum sex sex;            /* SEX_UNKNOWN: both */
    double commonness;       /* 1 rare to 5 daily */
    struct weight *weights;
    size_t n_weights;
    struct strings differentials;
    const char *basis;
    struct suggested_test *tests;
    size_t n_tests;
    const char *risk;
    bool never_miss;
    const struct disease *kind_of; /* the broader disease that it is a kind of; NULL: none */
};

/* A vital sign that makes a symptom present from a bound on; one below all of its bounds denies it. */
struct measured {
    enum measured_vital { MEASURED_TEMPERATURE, MEASURED_SYSTOLIC, MEASURED_DIASTOLIC } vital;
    double at_least;
    size_t symptom;
};

/* A trigger that says the same as a symptom: "吃饭后加重" is 饭后加重. */
struct synonym {
    size_t sign, symptom;
};

/* Owned by the arena it was loaded into. */
struct kb {
    const char *source; /* the file's path, or that it is compiled in */
    const char *version;
    struct strings departments;
    struct wordlist symptoms; /* the lexicon's, then its own */
    struct sign *signs;       /* the symptoms first: a symptom's sign is its term */
    size_t n_signs;
    bool *circumstance; /* [symptoms.n_terms]: how or when a complaint comes, no complaint by itself */
    size_t *broader;    /* [symptoms.n_terms]: the symptom that it is a kind of, or TERM_NONE */
    const char *
        *questions; /* [symptoms.n_terms]: how a patient is asked for it; NULL: "有没有" and its name */
    struct measured *measured;
    size_t n_measured;
    struct synonym *synonyms;
    size_t n_synonyms;
    struct disease *diseases;
    size_t n_diseases;
    struct wordlist disease_names; /* a term is an index in diseases */
};

/* Reads a knowledge base of schema youtu.kb/1. A finding names one of
 *   "symptom"                              of the lexicon's symptoms or this file's
 *   "site", "quality", "history" (a condition), "medication", "aggravating", "relieving" (a trigger)
 *                                          of the lexicon
 *   "course": "<=N" or ">=N"               days since the illness began
 *   "age": "<=N" or ">=N"                  years
 *   "patient": "怀孕"
 * source: its name in messages; it and the lexicon must outlive *kb. */
bool kb_load(struct kb *kb, struct arena *arena, struct span text, const char *source,
             const struct lexicon *lexicon, struct failure *failure);

/* The disease that a diagnosis names: a name or alias, words of degree ("急性", "发作") aside; NULL when
 * unknown. false: memory refused. */
bool kb_find_disease(const struct kb *kb, struct arena *arena, struct span name,
                     const struct disease **disease);

/* The weight of a sign for a disease, or `absent` when the disease does not list it. */
double disease_weight(const struct disease *disease, size_t sign, double absent);

#endif
