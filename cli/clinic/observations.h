/* What a patient's findings say of each sign of the knowledge base. */
#ifndef CLINIC_OBSERVATIONS_H
#define CLINIC_OBSERVATIONS_H

#include "cli/clinic/findings.h"

enum sighting { NOT_MENTIONED, SEEN, DENIED };

struct observation {
    enum sighting sighting;
    const char *words; /* the patient's own, or the measured value; NULL when not mentioned */
};

/* Symptoms are seen or denied as the findings have them, and besides:
 *   - whoever has one kind of a symptom has the symptom, and whoever denies a symptom denies its kinds;
 *   - a measured value (kb.measured) makes its symptoms seen, or denies those that it does not reach and that
 *     are no kind of another (38.5℃ is no denial of 高热: the fever may rise);
 *   - a trigger shows the symptom that says the same (kb.synonyms);
 *   - a course or an age is seen when one of the patient's durations (the age) is within the bound, and denied
 *     when none is; not mentioned while none is known.
 * Sites, qualities, triggers, history and medicines are seen or not mentioned. */
struct observations {
    const struct kb *kb;
    const struct patient *patient;
    struct observation *signs; /* [kb.n_signs] */
    size_t *told;              /* complaints seen of which no kind is seen: what a disease must explain */
    size_t n_told;
    size_t chief; /* the complaint told first, for which the patient comes; TERM_NONE without one */
};

/* The patient and the findings must outlive *observations. false: memory refused. */
bool observe(const struct kb *kb, const struct patient *patient, const struct findings *findings,
             struct arena *arena, struct observations *observations);

/* What speaks for a disease and what against it, each in the patient's own words; what is denied begins with
 * a negation. Age and sex that do not fit speak against. false: memory refused. */
bool evidence_find(const struct observations *observations, const struct disease *disease,
                   struct arena *arena, struct strings *evidence, struct strings *against);

/* Whether a sign is a symptom, and no circumstance. */
bool is_complaint(const struct kb *kb, size_t sign);

/* Whether the disease occurs in a patient of this age and sex, as far as they are known. */
bool disease_fits(const struct disease *disease, const struct patient *patient);

#endif
