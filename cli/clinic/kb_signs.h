/* How the signs of a knowledge base are read: between kb_load.c and kb_signs.c. */
#ifndef CLINIC_KB_SIGNS_H
#define CLINIC_KB_SIGNS_H

#include "cli/clinic/kb.h"

/* What one load has in hand. */
struct kb_loading {
    struct kb *kb;
    const struct lexicon *lexicon;
    struct arena *arena;
    struct failure *failure;
};

/* Fields of a finding. */
extern const char *const FINDING_FIELDS[];

/* The symptoms become signs; to be called once, when they are complete. */
bool signs_begin(const struct kb_loading *loading);

/* The field that names the finding's sign; NULL when there is not exactly one. */
const char *sign_field(const struct record *finding);

/* The sign that a finding names, added to kb.signs when it is new. */
bool sign_read(const struct kb_loading *loading, const struct record *finding, size_t *sign);

/* The optional fields "broader", "measured", "synonyms", "circumstances" and "questions" of the file. */
bool symptom_relations_load(const struct kb_loading *loading, const struct record *root);

#endif
