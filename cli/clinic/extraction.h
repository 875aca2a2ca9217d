/* What one reading of a text has in hand, for the parts that fill its findings. */
#ifndef CLINIC_EXTRACTION_H
#define CLINIC_EXTRACTION_H

#include "cli/clinic/findings.h"

struct extraction {
    const struct passage *passage;
    const struct kb *kb;
    struct arena *arena;
    struct findings *findings;
    struct mentions symptoms;
};

static inline struct span text_of(const struct extraction *in) {
    return plain_span(&in->passage->plain);
}

/* Adds what plain[start, end) says. name: outlives the findings; NULL: the patient's own words. Returns it, or
 * NULL when memory is refused. */
const struct entity *add_entity(const struct extraction *in, enum entity_kind kind, enum polarity polarity,
                                const char *name, size_t start, size_t end);

/* Into the order of the text, once all are there. */
void sort_entities(struct findings *findings);

/* The sites of present complaints, in the patient's own words. false: memory refused. */
bool add_sites(const struct extraction *in);

/* What makes complaints worse or better. false: memory refused. */
bool add_triggers(const struct extraction *in);

/* Past and present illnesses, operations, medicines and allergies. false: memory refused. */
bool add_background(const struct extraction *in, const struct kb *kb, const struct lexicon *lexicon);

/* How long complaints have lasted, and when they began. false: memory refused. */
bool add_durations(const struct extraction *in);

/* Fills in what the patient's record does not know yet: age, sex, pregnancy. */
void complete_patient(const struct passage *passage, struct patient *patient);

#endif
