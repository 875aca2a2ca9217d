/* Which diseases of the knowledge base fit the findings, and how well. */
#ifndef CLINIC_DIFFERENTIAL_H
#define CLINIC_DIFFERENTIAL_H

#include "cli/clinic/findings.h"

struct candidate {
    const struct disease *disease;
    double score;   /* orders candidates */
    double support; /* 0..1: how much of the findings the disease explains */
};

struct candidates {
    struct candidate *items; /* best first */
    size_t count;
};

/* Whether the disease occurs in a patient of this age and sex, as far as they are known. */
bool disease_fits(const struct disease *disease, const struct patient *patient);

/* Whether present symptoms alone speak for the disease: one of weight 2 or more, or two of weight 1. What is
 * denied supports nothing by itself. */
bool disease_is_supported(const struct disease *disease, const struct findings *findings);

/* With w(s) the weight of symptom s for the disease:
 *   sum     = sum over present s of (w(s), or -1 when not listed) - 1/2 sum over denied s of (w(s), or 0)
 *   score   = sum + commonness / 4
 *   support = sum / (3 max(2, number of present symptoms)), within 0..1; 0 when the patient does not fit
 *             or present symptoms alone do not speak for it.
 * An unexplained symptom costs 1, a denied one half of what its presence would give. Full support needs two
 * or more symptoms, all nearly decisive. */
struct candidate disease_rate(const struct disease *disease, const struct patient *patient,
                              const struct findings *findings);

/* The diseases that fit the patient and share a present symptom, best score first, the knowledge base's order
 * among equals; a single weak symptom gives a place, but no support. false: memory refused. */
bool differential_rank(const struct kb *kb, const struct patient *patient, const struct findings *findings,
                       struct arena *arena, struct candidates *candidates);

#endif
