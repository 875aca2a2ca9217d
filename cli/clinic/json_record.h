/* Checked reading of the program's data files: every refusal names the file, the entry, the field, the value
 * found and what was expected. */
#ifndef CLINIC_JSON_RECORD_H
#define CLINIC_JSON_RECORD_H

#include "cli/clinic/arena.h"
#include "cli/clinic/json_line.h"

#include <jansson.h>

/* A data file while it is read. */
struct document {
    json_t *json;
    struct span text;
    const char *file;      /* its name in messages */
    struct json_path last; /* what was read last, where a fault is */
};

/* An object of a data file with its place, for messages. */
struct record {
    const json_t *object;
    struct document *document;
    struct json_path path;
    char place[512]; /* "knowledge.json: diseases[12]“偏头痛”" */
};

/* Parses a JSON text; name: its place in messages. The caller owns the document (json_decref). NULL on failure.
 * Not to be called by two threads at once. */
json_t *document_read(struct span text, const char *name, struct failure *failure);

/* Parses a data file whose "schema" must be `schema`; file: its name in messages. text must live as long as the
 * document. root: the document itself as a record. After success to be ended by document_close. Not to be called by
 * two threads at once. */
bool document_open(struct document *document, struct span text, const char *file, const char *schema,
                   struct record *root, struct failure *failure);

/* Frees the document. Where reading it failed, its message gets the line. Returns `loaded`. */
bool document_close(struct document *document, bool loaded, struct failure *failure);

/* Refuses a record with a field that is not in `allowed` (NULL-terminated). */
bool record_allow(const struct record *record, const char *const *allowed, struct failure *failure);

/* Element `index` of the array field `field` of `parent`; refused when it is not an object or has a field
 * that is not in `allowed`. Its "name" or "id", when it has one, joins the place. */
bool record_element(const struct record *parent, const char *field, size_t index, const char *const *allowed,
                    struct record *element, struct failure *failure);

/* Elements of the array field; refused when it is missing or not an array. */
bool record_count(const struct record *record, const char *field, size_t *count, struct failure *failure);

/* An object field as a record of its own, with any fields or with none but those allowed. */
bool record_open(const struct record *record, const char *field, struct record *inner,
                 struct failure *failure);
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

/* Where the fault of a message about to be made is, when that is not what was read last: an element of the array
 * field, or the field (JSON_NO_INDEX). */
void record_point(const struct record *record, const char *field, size_t index);

/* Refuses a field's value. Returns false. */
bool record_refuse(const struct record *record, const char *field, const char *expected,
                   struct failure *failure);

#endif
