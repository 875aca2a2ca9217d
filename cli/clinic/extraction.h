/* What one extraction of findings has in hand: between findings.c and the files that each find one kind. */
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

/* Adds what stands at [start, end) of the plain text. name NULL: the patient's own words are the name. Returns
 * the entity, or NULL when memory is refused. */
const struct entity *add_entity(const struct extraction *in, enum entity_kind kind, enum polarity polarity,
                                const char *name, size_t start, size_t end);

/* The sites of present complaints: findings->sites, in the patient's own words (sites.c). */
bool add_sites(const struct extraction *in);

/* What makes complaints worse or better: findings->aggravating and relieving (triggers.c). */
bool add_triggers(const struct extraction *in);

/* findings->history, medications and allergies (background.c). */
bool add_backgrounds(const struct extraction *in);

#endif
