/* A JSON file with checked access: every wrong type or value ends in an error that names the file, the path
 * of the field, what was found and what was expected. Used for all JSON the library reads, the safetensors
 * header included. jsmn finds the tokens; json.c holds them to the grammar, json_field.c reads values from
 * them. */
#ifndef YOUTU_JSON_H
#define YOUTU_JSON_H

#include "youtu.h"

/* Containers inside one another: far more than any file read here has; no walk over a document recurses. */
#define JSON_MAX_DEPTH 64

typedef enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } json_kind;

/* A key or a value. Offsets into the text: a string's lie inside its quotes. */
typedef struct json_token {
    json_kind kind;
    int32_t start, end;
    int32_t next; /* index just past this token's subtree */
    int32_t
        parent; /* of an element: its array; of a key: its object; of a member's value: its key; root: -1 */
    int32_t count; /* elements or members */
} json_token;

typedef struct json {
    char *name;       /* for messages: "config.json" */
    const char *text; /* [length], not terminated */
    size_t length;
    char *owned;        /* the text when json_read_file allocated it, else NULL */
    json_token *tokens; /* [n_tokens], in the order of the text */
    int32_t n_tokens;
} json;

/* A value: its index in tokens; JSON_NONE where there is none. The root is 0. */
typedef int32_t json_node;
#define JSON_NONE (-1)

/* Parses text[0..length), which must outlive *out. Strict: RFC 8259 grammar, one root, which is an object or
 * an array; valid UTF-8; no key twice in an object; at most JSON_MAX_DEPTH deep. name: the file, for
 * messages. Errors: FORMAT (with the byte offset), MEMORY. */
youtu_status json_parse(const char *name, const char *text, size_t length, json *out, youtu_error *error);

/* Reads and parses a file of at most limit_bytes. Errors: IO, FORMAT, MEMORY. */
youtu_status json_read_file(const char *path, size_t limit_bytes, json *out, youtu_error *error);

void json_free(json *document); /* accepts a zeroed struct */

json_kind json_kind_of(const json *document, json_node node);

/* Members and elements in order: for (n = json_first(d, parent); n != JSON_NONE; n = json_next(d, parent,
 * n)). Over an object the nodes are the keys; json_value(d, key) is the value. A parent that is no container
 * has none. */
json_node json_first(const json *document, json_node parent);
json_node json_next(const json *document, json_node parent, json_node node);
json_node json_value(const json *document, json_node key);
int32_t json_count(const json *document, json_node parent);

/* The value of `key` in an object, or JSON_NONE. Looks at one key after the other. */
json_node json_find(const json *document, json_node object, const char *key);

/* The same with JSON null taken as absent: the two differ hardly anywhere. */
json_node json_get(const json *document, json_node object, const char *key);

/* True when the string node equals `text` after unescaping. */
bool json_equals(const json *document, json_node node, const char *text);

/* The unescaped string, allocated; free() it. *length (may be NULL) without the terminator that follows (a
 * string may hold NUL). Errors: FORMAT when the node is no string or holds a lone surrogate, MEMORY. */
youtu_status json_unescape(const json *document, json_node node, char **text, size_t *length,
                           youtu_error *error);

/* Required typed members. `least` and `most` are inclusive bounds. Errors: FORMAT with file, field, found,
 * expected. */
youtu_status json_get_int(const json *document, json_node object, const char *key, int64_t least,
                          int64_t most, int64_t *value, youtu_error *error);
youtu_status json_get_double(const json *document, json_node object, const char *key, double least,
                             double most, double *value, youtu_error *error);
youtu_status json_get_bool(const json *document, json_node object, const char *key, bool *value,
                           youtu_error *error);

/* As above for a value that need not be there: *value stays when it is absent or null. */
youtu_status json_opt_int(const json *document, json_node object, const char *key, int64_t least,
                          int64_t most, int64_t *value, youtu_error *error);
youtu_status json_opt_double(const json *document, json_node object, const char *key, double least,
                             double most, double *value, youtu_error *error);
youtu_status json_opt_bool(const json *document, json_node object, const char *key, bool *value,
                           youtu_error *error);

/* Whether a setting's value says that it is not in use: null, false, 0, an empty array or object. */
bool json_is_off(const json *document, json_node node);

/* A number node as an integer within bounds; `field` for the message, NULL = the node's path. */
youtu_status json_to_int(const json *document, json_node node, const char *field, int64_t least, int64_t most,
                         int64_t *value, youtu_error *error);

/* A number node within bounds. */
youtu_status json_to_double(const json *document, json_node node, double least, double most, double *value,
                            youtu_error *error);

/* Refuses a value: `FILE: field "PATH" is FOUND, expected EXPECTED`. status: FORMAT, or UNSUPPORTED for what
 * is well formed but not known here. Returns status. */
youtu_status json_refuse(const json *document, json_node node, youtu_status status, const char *expected,
                         youtu_error *error);

/* Refuses an object for what it lacks: `FILE: field "PATH.KEY" is missing, expected EXPECTED`. FORMAT. */
youtu_status json_missing(const json *document, json_node object, const char *key, const char *expected,
                          youtu_error *error);

/* The raw text of a node, cut to 60 bytes, for messages: printf("%.*s", JSON_SHOW(d, n)). */
#define JSON_SHOW(document, node) json_show_length(document, node), json_show_text(document, node)
int json_show_length(const json *document, json_node node);
const char *json_show_text(const json *document, json_node node);

/* A string's characters one by one, unescaped, without allocation. */
typedef struct json_reader {
    const char *at, *end;
} json_reader;

json_reader json_read_string(const json *document, json_node node);

/* Writes the next character as UTF-8 and returns its bytes; 0 at the end. A lone surrogate comes as the three
 * bytes that it would have, which no valid UTF-8 contains. */
size_t json_read_character(json_reader *reader, char character[4]);

#endif
