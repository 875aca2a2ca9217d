/* The knowledge base: diseases with what speaks for and against them. */
#ifndef CLINIC_KB_H
#define CLINIC_KB_H

#include "cli/clinic/json_record.h"
#include "cli/clinic/wordlist.h"

enum sex { SEX_UNKNOWN, SEX_MALE, SEX_FEMALE };

/* A finding's weight for a disease: 3 nearly decisive, 1 weak; negative speaks against. */
struct weight {
    size_t symptom; /* term of kb.symptoms */
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
};

/* Owned by the arena it was loaded into. */
struct kb {
    const char *source; /* the file's path, or that it is compiled in */
    const char *version;
    struct strings departments;
    struct wordlist symptoms; /* the lexicon's, then its own */
    struct disease *diseases;
    size_t n_diseases;
    struct wordlist disease_names; /* a term is an index in diseases */
};

/* Reads a knowledge base of schema youtu.kb/1. symptoms: the lexicon's, to which it may add its own; they keep
 * their terms. source: its name in messages; it must outlive *kb. */
bool kb_load(struct kb *kb, const struct wordlist *symptoms, struct arena *arena, struct span text,
             const char *source, struct failure *failure);

/* The disease that a diagnosis names: a name or alias, words of degree ("急性", "发作") aside; NULL when
 * unknown. false: memory refused. */
bool kb_find_disease(const struct kb *kb, struct arena *arena, struct span name,
                     const struct disease **disease);

/* The weight of a symptom for a disease, or `absent` when the disease does not list it. */
double disease_weight(const struct disease *disease, size_t symptom, double absent);

#endif
