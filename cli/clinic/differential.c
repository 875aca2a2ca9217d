#include "cli/clinic/differential.h"

#include <stdlib.h>

bool disease_fits(const struct disease *disease, const struct patient *patient) {
    double years = patient_years(patient);
    if (years < disease->age_min || years > disease->age_max) return false;
    return !disease->sex || !patient->sex || disease->sex == patient->sex;
}

bool disease_is_supported(const struct disease *disease, const struct findings *findings) {
    double total = 0;
    for (size_t i = 0; i < findings->positive.count; i++)
        total += fmax(0, disease_weight(disease, findings->positive.items[i].symptom, 0));
    return total >= 2;
}

struct candidate disease_rate(const struct disease *disease, const struct patient *patient,
                              const struct findings *findings) {
    double sum = 0;
    for (size_t i = 0; i < findings->positive.count; i++)
        sum += disease_weight(disease, findings->positive.items[i].symptom, -1);
    for (size_t i = 0; i < findings->negative.count; i++)
        sum -= 0.5 * disease_weight(disease, findings->negative.items[i].symptom, 0);
    double present = fmax(2, (double)findings->positive.count);
    bool supported = disease_fits(disease, patient) && disease_is_supported(disease, findings);
    double support = supported ? fmin(1, fmax(0, sum / (3 * present))) : 0;
    return (struct candidate){disease, sum + 0.25 * disease->commonness, support};
}

static bool explains_any(const struct disease *disease, const struct findings *findings) {
    for (size_t i = 0; i < findings->positive.count; i++)
        if (disease_weight(disease, findings->positive.items[i].symptom, 0) > 0) return true;
    return false;
}

static int compare_candidates(const void *left, const void *right) {
    const struct candidate *a = left, *b = right;
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    return a->disease < b->disease ? -1 : a->disease > b->disease;
}

bool differential_rank(const struct kb *kb, const struct patient *patient, const struct findings *findings,
                       struct arena *arena, struct candidates *candidates) {
    *candidates = (struct candidates){arena_new(arena, kb->n_diseases * sizeof *candidates->items), 0};
    if (!candidates->items) return false;
    for (size_t i = 0; i < kb->n_diseases; i++) {
        const struct disease *disease = &kb->diseases[i];
        if (disease_fits(disease, patient) && explains_any(disease, findings))
            candidates->items[candidates->count++] = disease_rate(disease, patient, findings);
    }
    if (candidates->count)
        qsort(candidates->items, candidates->count, sizeof *candidates->items, compare_candidates);
    return true;
}
