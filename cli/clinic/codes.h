/* Codes under which other systems know the parts of a report: LOINC for sections and vital signs, UCUM for
 * units. */
#ifndef CLINIC_CODES_H
#define CLINIC_CODES_H

#include "cli/clinic/quantities.h"

#include <stddef.h>

struct loinc {
    const char *code, *name; /* as LOINC spells it */
    const char *title;       /* in Chinese */
};

extern const struct loinc LOINC_DOCUMENT, LOINC_COMPLAINT, LOINC_PRESENT_ILLNESS, LOINC_REVIEW, LOINC_PAST,
    LOINC_ALLERGIES, LOINC_MEDICATIONS, LOINC_ASSESSMENT, LOINC_DIAGNOSIS, LOINC_PLAN, LOINC_AGE,
    LOINC_BLOOD_PRESSURE;

struct vital_code {
    size_t field;     /* offset in struct vitals */
    const char *name; /* of the field, for machines */
    struct loinc loinc;
    const char *ucum, *unit; /* for machines; for people */
};

/* By enum vital: systolic and diastolic pressure side by side. */
extern const struct vital_code VITALS[N_VITALS];

/* NAN where the text tells none. */
double vital_value(const struct vitals *vitals, const struct vital_code *code);

/* The UCUM code of an age's unit ("岁", "月", "天"). */
const char *ucum_of_age_unit(const char *unit);

#endif
