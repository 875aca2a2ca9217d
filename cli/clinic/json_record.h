/* Checked reading of the program's data files: every refusal names the file, the entry, the field, the value
 * found and what was expected. */
#ifndef CLINIC_JSON_RECORD_H
#define CLINIC_JSON_RECORD_H

#include "cli/clinic/arena.h"

#include <jansson.h>

/* An object of a data file with its place, for messages. */
struct record {
    const json_t *object;
    char place[256]; /* "knowledge.json: diseases[12]“偏头痛”" */
};

/* Parses a JSON text; name: its place in messages. The caller owns the document (json_decref). NULL on failure.
 * Not to be called by two threads at once. */
json_t *document_read(struct span text, const char *name, struct failure *failure);

/* Parses a data file whose "schema" must be `schema`; file: its name in messages. The caller owns the
 * document (json_decref). NULL on failure. Not to be called by two threads at once. */
json_t *document_parse(struct span text, const char *file, const char *schema, struct failure *failure);

/* The document itself as a record. */
struct record record_root(const json_t *document, const char *file);

/* Refuses a record with a field that is not in `allowed` (NULL-terminated). */
bool record_allow(const struct record *record, const char *const *allowed, struct failure *failure);

/* Element `index` of the array field `field` of `parent`; refused when it is not an object or has a field
 * that is not in `allowed`. Its "name" or "id", when it has one, joins the place. */
bool record_element(const struct record *parent, const char *field, size_t index, const char *const *allowed,
                    struct record *element, struct failure *failure);

/* Elements of the array field; refused when it is missing or not an array. */
bool record_count(const struct record *record, const char *field, size_t *count, struct failure *failure);

/* An object field as a record of its own. */
bool record_object(const struct record *record, const char *field, const char *const *allowed,
                   struct record *inner, struct failure *failure);

/* Typed fields. Strings are copied to the arena and are never empty; NULL stands behind the last of several. */
bool record_string(const struct record *record, const char *field, struct arena *arena, const char **value,
                   struct failure *failure);
bool record_strings(const struct record *record, const char *field, struct arena *arena,
                    struct strings *values, struct failure *failure);
bool record_number(const struct record *record, const char *field, double least, double most, double *value,
                   struct failure *failure);
bool record_bool(const struct record *record, const char *field, bool *value, struct failure *failure);

/* Whether the field is there and not null. */
bool record_has(const struct record *record, const char *field);

/* Refuses a field's value. Returns false. */
bool record_refuse(const struct record *record, const char *field, const char *expected,
                   struct failure *failure);

#endif
