/* Dangerous diseases that stay in view, however low they rank. */
#ifndef CLINIC_MUST_NOT_MISS_H
#define CLINIC_MUST_NOT_MISS_H

#include "cli/clinic/differential.h"
#include "cli/clinic/redflags.h"

struct danger {
    const struct disease *disease;
    struct strings evidence; /* for it, in the patient's own words; one at least */
};

struct dangers {
    struct danger *items;
    size_t count;
};

/* The never-miss diseases among the candidates: all that a fired emergency warning names; then, three in all,
 *   - while an emergency warning stands, those that what is seen supports and that are as probable as 1 in
 *     1000;
 *   - without one, those that are supported and at least as probable as 1 in 20: few enough to be asked for,
 *     and above that a missed one costs more than a question;
 * in the order of the differential. false: memory refused. */
bool dangers_find(const struct candidates *candidates, const struct warnings *warnings, struct arena *arena,
                  struct dangers *dangers);

#endif
