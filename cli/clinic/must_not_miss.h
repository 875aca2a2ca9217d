/* Dangerous diseases that stay in view while an emergency warning stands, however low they rank. */
#ifndef CLINIC_MUST_NOT_MISS_H
#define CLINIC_MUST_NOT_MISS_H

#include "cli/clinic/differential.h"
#include "cli/clinic/redflags.h"

struct danger {
    const struct disease *disease;
    struct strings evidence; /* present symptoms that speak for it; one at least */
};

struct dangers {
    struct danger *items;
    size_t count;
};

/* The never-miss diseases of the knowledge base that fit the patient and share a present symptom: first those
 * that a fired emergency warning names, then as the differential ranks them; three at most, or as many as are
 * named. None without an emergency warning. false: memory refused. */
bool dangers_find(const struct kb *kb, const struct patient *patient, const struct findings *findings,
                  const struct warnings *warnings, struct arena *arena, struct dangers *dangers);

#endif
