/* Numbers with a unit in running text: durations, vital signs. All positions are in plain text. */
#ifndef CLINIC_QUANTITIES_H
#define CLINIC_QUANTITIES_H

#include "cli/clinic/text.h"

#include <math.h>

/* A number as written: digits, full or in part Chinese numerals, a range ("两三", "3-5"). */
struct quantity {
    double value; /* the middle of a range; NAN for "几", "数", "好几" */
    size_t end;   /* behind it */
};

/* Reads a number at text[at]; false when there is none. */
bool quantity_read(struct span text, size_t at, struct quantity *quantity);

/* A span of time at text[at], in days; NAN days when it is vague ("好几天"), 4 years for "好几年". false when there is none there,
 * or when it does not tell how long something lasted ("每3天", "孕20周", "一天三次"). */
bool duration_read(struct span text, size_t at, double *days, size_t *end);

/* A point of time at text[at] that tells when something began, as the days since: "昨晚", "前天", "上周五开始".
 */
bool onset_read(struct span text, size_t at, double *days, size_t *end);

/* Vital signs; NAN where the text tells none. */
struct vitals {
    double temperature_c, systolic, diastolic, heart_rate, respiratory_rate, spo2;
};

/* In the order of struct vitals. */
enum vital {
    VITAL_TEMPERATURE,
    VITAL_SYSTOLIC,
    VITAL_DIASTOLIC,
    VITAL_HEART_RATE,
    VITAL_RESPIRATION,
    VITAL_SPO2,
    N_VITALS
};

/* Where the numbers of vital signs stand, [start, end) of the text; start == end where none is told. */
struct vital_places {
    struct vital_place {
        size_t start, end;
    } of[N_VITALS];
};

/* The highest temperature and the first of every other sign in the text, and where they stand (NULL: not wanted). */
struct vitals vitals_read(struct span text, struct vital_places *places);

#endif
