/* Red-flag rules as they are held in memory: between redflags_load.c, which reads them, and redflags.c, which
 * runs them. */
#ifndef CLINIC_REDFLAG_RULES_H
#define CLINIC_REDFLAG_RULES_H

#include "cli/clinic/redflags.h"

/* A sign is a symptom (its term) or a cue (n_symptoms + its term). */
struct redflag_term {
    size_t *includes; /* signs */
    size_t n_includes;
    bool history; /* what was once is still so: cancer, an operation */
};

enum condition_kind {
    CONDITION_SIGN,
    CONDITION_QUANTITY,
    CONDITION_SEX,
    CONDITION_PREGNANT,
    CONDITION_CHILD,
    CONDITION_ELDER
};
enum {
    QUANTITY_AGE,
    QUANTITY_COURSE,
    QUANTITY_TEMPERATURE,
    QUANTITY_SYSTOLIC,
    QUANTITY_DIASTOLIC,
    QUANTITY_HEART_RATE,
    QUANTITY_RESPIRATION,
    QUANTITY_OXYGEN,
    N_QUANTITIES
};

struct condition {
    enum condition_kind kind;
    bool negated;
    size_t sign;
    bool or_over; /* also when it is over by now */
    int quantity;
    bool at_least; /* else: below */
    double bound;
    enum sex sex;
};

/* Conditions joined by '+'. */
struct alternative {
    struct condition *conditions;
    size_t n_conditions;
};

struct alternatives {
    struct alternative *items;
    size_t count;
};

struct redflag_rule {
    const char *id, *message;
    char level;
    struct alternatives *all;
    size_t n_all;
};

#endif
