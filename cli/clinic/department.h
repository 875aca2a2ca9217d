/* Departments: under which names one is asked for, and which one a patient's findings propose. */
#ifndef CLINIC_DEPARTMENT_H
#define CLINIC_DEPARTMENT_H

#include "cli/clinic/checks.h"
#include "cli/clinic/redflags.h"

/* The department of a patient of whom nothing tells another. */
#define DEPARTMENT_GENERAL "全科"

struct department {
    const char *name; /* its template's */
    struct strings aliases;
};

/* Owned by the arena it was loaded into. */
struct departments {
    struct department *items;
    size_t count;
};

/* Reads names of schema youtu.departments/1. source: its name in messages. */
bool departments_load(struct departments *departments, struct arena *arena, struct span text,
                      const char *source, struct failure *failure);

/* The department with this name or alias ("心内科": 内科), or NULL. */
const struct department *department_find(const struct departments *departments, struct span name);

/* The same, or the one with the longest name or alias that this one ends with ("甲状腺外科": 外科). */
const struct department *department_nearest(const struct departments *departments, struct span name);

/* The department that the findings propose, the first that holds:
 *   儿科    younger than 14
 *   妇产科  pregnant
 *   急诊    an emergency warning stands
 *   the first department of the most probable disease, 老年科 in place of 内科 and 全科 from 65 years on
 *   全科 */
const char *department_propose(const struct departments *departments, const struct patient *patient,
                               enum urgency urgency, const struct differential *differential);

#endif
