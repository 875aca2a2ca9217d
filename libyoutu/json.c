#include "json.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "error.h"
#include "file.h"
#include "utf8.h"

/* Parent links keep jsmn linear: without them it searches backwards for the container at every comma. */
#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <jsmn.h>
#pragma GCC diagnostic pop

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static youtu_status fail_at(const json *document, size_t offset, const char *expected, youtu_error *error) {
    if (offset >= document->length)
        return youtu_fail(error, YOUTU_E_FORMAT, "%s: byte %zu: the text ends, expected %s", document->name,
                          offset, expected);
    const char *found = document->text + offset;
    size_t bytes = utf8_character_bytes(found, document->length - offset);
    if (bytes == 0 || (unsigned char)*found < 0x20)
        return youtu_fail(error, YOUTU_E_FORMAT, "%s: byte %zu: found byte 0x%02X, expected %s",
                          document->name, offset, (unsigned char)*found, expected);
    return youtu_fail(error, YOUTU_E_FORMAT, "%s: byte %zu: found '%.*s', expected %s", document->name,
                      offset, (int)bytes, found, expected);
}

/* What jsmn does not look at, or must not be shown: it stops at a NUL, lets any byte into strings, and takes
 * quadratic time over brackets nested without bound. */
static youtu_status check_characters(const json *document, youtu_error *error) {
    const char *text = document->text;
    size_t length = document->length;
    bool in_string = false;
    int depth = 0;
    for (size_t i = 0; i < length;) {
        char c = text[i];
        if ((unsigned char)c >= 0x80) {
            size_t bytes = utf8_character_bytes(text + i, length - i);
            if (bytes == 0) return fail_at(document, i, "UTF-8", error);
            i += bytes;
            continue;
        }
        if ((unsigned char)c < 0x20 && (in_string || !is_space(c)))
            return fail_at(document, i, "no control character", error);
        if (c == '"') in_string = !in_string;
        /* An escape's second byte is looked at as any other, unless it is a quote or another backslash. */
        if (in_string && c == '\\' && i + 1 < length && (text[i + 1] == '"' || text[i + 1] == '\\')) i++;
        if (!in_string && (c == '{' || c == '[') && ++depth > JSON_MAX_DEPTH)
            return youtu_fail(error, YOUTU_E_FORMAT, "%s: byte %zu: nested %d deep, expected at most %d",
                              document->name, i, depth, JSON_MAX_DEPTH);
        if (!in_string && (c == '}' || c == ']')) depth--;
        i++;
    }
    return YOUTU_OK;
}

static youtu_status fail_jsmn(const json *document, const jsmn_parser *parser, int result,
                              youtu_error *error) {
    if (result == JSMN_ERROR_PART) return fail_at(document, document->length, "the rest of a value", error);
    return fail_at(document, parser->pos, "a value, a key or the matching bracket", error);
}

/* jsmn's tokens, allocated. The text's root was seen to be a container, so jsmn meets no primitive at its
 * end, which it could not tell from a cut one. */
static youtu_status find_tokens(const json *document, jsmntok_t **out, int32_t *count, youtu_error *error) {
    jsmn_parser parser;
    jsmn_init(&parser);
    int counted = jsmn_parse(&parser, document->text, document->length, NULL, 0);
    if (counted < 0) return fail_jsmn(document, &parser, counted, error);
    jsmntok_t *tokens = array_new((size_t)counted, sizeof *tokens);
    if (!tokens) return youtu_fail_memory(error, document->name, (size_t)counted * sizeof *tokens);
    jsmn_init(&parser);
    int found = jsmn_parse(&parser, document->text, document->length, tokens, (unsigned)counted);
    if (found < 0) {
        free(tokens);
        return fail_jsmn(document, &parser, found, error);
    }
    *out = tokens;
    *count = found;
    return YOUTU_OK;
}

/* The way along the text from token to token. Of jsmn's tokens only type, start and end are used: where they
 * hang follows from these, and between them only the punctuation that the grammar calls for may stand. */
typedef struct walk {
    json *document;
    size_t at;                    /* all before it is in order */
    int32_t open[JSON_MAX_DEPTH]; /* containers around `at`, outermost first */
    int32_t depth;
    int32_t key; /* the key whose value comes next, or JSON_NONE */
    youtu_error *error;
} walk;

static void skip_space(walk *w) {
    while (w->at < w->document->length && is_space(w->document->text[w->at])) w->at++;
}

/* Passes one punctuation character, if it comes next, and the space around it. */
static bool pass(walk *w, char punctuation) {
    skip_space(w);
    if (w->at >= w->document->length || w->document->text[w->at] != punctuation) return false;
    w->at++;
    skip_space(w);
    return true;
}

static youtu_status fail_here(walk *w, const char *expected) {
    skip_space(w);
    return fail_at(w->document, w->at, expected, w->error);
}

/* What may come next in a container, a pending value aside. */
static const char *expected_in(const json_token *container) {
    if (container->kind == JSON_OBJECT) return container->count > 0 ? "',' or '}'" : "a key or '}'";
    return container->count > 0 ? "',' or ']'" : "a value or ']'";
}

/* Leaves the innermost container; `next` is the first token after it. */
static youtu_status close_container(walk *w, int32_t next) {
    json_token *container = &w->document->tokens[w->open[w->depth - 1]];
    bool is_object = container->kind == JSON_OBJECT;
    if (w->key != JSON_NONE) return fail_here(w, pass(w, ':') ? "a value" : "':'");
    if (!pass(w, is_object ? '}' : ']')) {
        if (container->count > 0 && pass(w, ',')) return fail_here(w, is_object ? "a key" : "a value");
        return fail_here(w, expected_in(container));
    }
    container->next = next;
    w->depth--;
    return YOUTU_OK;
}

/* Passes what must stand before a token in its container and says where it hangs. */
static youtu_status enter_token(walk *w, json_token *token, int32_t index) {
    int32_t around = w->open[w->depth - 1];
    json_token *container = &w->document->tokens[around];
    bool is_value = w->key != JSON_NONE;
    bool is_key = !is_value && container->kind == JSON_OBJECT;
    if (is_value && !pass(w, ':')) return fail_here(w, "':'");
    if (!is_value && container->count > 0 && !pass(w, ',')) return fail_here(w, expected_in(container));
    if (is_key && token->kind != JSON_STRING) return fail_here(w, "a key");
    token->parent = is_value ? w->key : around;
    if (!is_value) container->count++;
    w->key = is_key ? index : JSON_NONE;

    skip_space(w);
    size_t start = (size_t)token->start - (token->kind == JSON_STRING);
    if (w->at != start) return fail_here(w, is_key ? "a key" : "a value");
    return YOUTU_OK;
}

/* A number as RFC 8259 spells it: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? */
static bool is_number(const char *at, const char *end) {
    if (at < end && *at == '-') at++;
    const char *digits = at;
    while (at < end && *at >= '0' && *at <= '9') at++;
    if (at == digits || (*digits == '0' && at - digits > 1)) return false;
    if (at < end && *at == '.') {
        digits = ++at;
        while (at < end && *at >= '0' && *at <= '9') at++;
        if (at == digits) return false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        digits = at;
        while (at < end && *at >= '0' && *at <= '9') at++;
        if (at == digits) return false;
    }
    return at == end;
}

static bool classify_primitive(const char *text, size_t length, json_kind *kind) {
    if (length == 4 && memcmp(text, "null", 4) == 0)
        *kind = JSON_NULL;
    else if ((length == 4 && memcmp(text, "true", 4) == 0) || (length == 5 && memcmp(text, "false", 5) == 0))
        *kind = JSON_BOOL;
    else if (is_number(text, text + length))
        *kind = JSON_NUMBER;
    else
        return false;
    return true;
}

static youtu_status take_token(walk *w, const jsmntok_t *found, int32_t index) {
    json_token *token = &w->document->tokens[index];
    token->start = found->start;
    token->end = found->end;
    token->next = index + 1;
    if (found->type == JSMN_OBJECT) token->kind = JSON_OBJECT;
    if (found->type == JSMN_ARRAY) token->kind = JSON_ARRAY;
    if (found->type == JSMN_STRING) token->kind = JSON_STRING;
    if (found->type == JSMN_PRIMITIVE &&
        !classify_primitive(w->document->text + found->start, (size_t)(found->end - found->start),
                            &token->kind))
        return fail_at(w->document, (size_t)found->start, "true, false, null, a number or a string",
                       w->error);
    if (w->depth > 0) {
        youtu_status status = enter_token(w, token, index);
        if (status != YOUTU_OK) return status;
    } else if (index > 0) {
        return fail_here(w, "the end of the text");
    } else {
        token->parent = JSON_NONE;
    }
    if (token->kind == JSON_OBJECT || token->kind == JSON_ARRAY) {
        w->at = (size_t)token->start + 1;
        w->open[w->depth++] = index; /* check_characters bounds the depth */
    } else {
        w->at = (size_t)token->end + (token->kind == JSON_STRING);
    }
    return YOUTU_OK;
}

static youtu_status link_tokens(json *document, const jsmntok_t *found, youtu_error *error) {
    walk w = {.document = document, .key = JSON_NONE, .error = error};
    int32_t n = document->n_tokens;
    for (int32_t i = 0; i <= n; i++) {
        while (w.depth > 0 && (i == n || found[i].start >= document->tokens[w.open[w.depth - 1]].end)) {
            youtu_status status = close_container(&w, i);
            if (status != YOUTU_OK) return status;
        }
        youtu_status status = i < n ? take_token(&w, &found[i], i) : YOUTU_OK;
        if (status != YOUTU_OK) return status;
    }
    skip_space(&w);
    if (w.at != document->length) return fail_at(document, w.at, "the end of the text", error);
    return YOUTU_OK;
}

static uint32_t hash_string(const json *document, json_node node) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    json_reader reader = json_read_string(document, node);
    char character[4];
    for (size_t n; (n = json_read_character(&reader, character)) > 0;)
        for (size_t i = 0; i < n; i++) hash = (hash ^ (unsigned char)character[i]) * 16777619u;
    return hash;
}

static bool same_string(const json *document, json_node a, json_node b) {
    json_reader left = json_read_string(document, a), right = json_read_string(document, b);
    char c[4], d[4];
    for (;;) {
        size_t n = json_read_character(&left, c), m = json_read_character(&right, d);
        if (n != m || memcmp(c, d, n) != 0) return false;
        if (n == 0) return true;
    }
}

/* slots [n_slots], a power of two and at least twice the members, all JSON_NONE. */
static youtu_status check_keys(const json *document, json_node object, json_node *slots, size_t n_slots,
                               youtu_error *error) {
    for (json_node key = json_first(document, object); key != JSON_NONE;
         key = json_next(document, object, key)) {
        size_t slot = hash_string(document, key) & (n_slots - 1);
        for (; slots[slot] != JSON_NONE; slot = (slot + 1) & (n_slots - 1))
            if (same_string(document, slots[slot], key))
                return youtu_fail(error, YOUTU_E_FORMAT, "%s: byte %d: key %.*s stands twice in one object",
                                  document->name, document->tokens[key].start - 1, JSON_SHOW(document, key));
        slots[slot] = key;
    }
    return YOUTU_OK;
}

static size_t slots_for(int32_t members) {
    size_t n = 2;
    while (n < 2 * (size_t)members) n *= 2;
    return n;
}

static youtu_status check_all_keys(const json *document, youtu_error *error) {
    int32_t most = 0;
    for (int32_t i = 0; i < document->n_tokens; i++)
        if (document->tokens[i].kind == JSON_OBJECT && document->tokens[i].count > most)
            most = document->tokens[i].count;
    json_node *slots = array_new(slots_for(most), sizeof *slots);
    if (!slots) return youtu_fail_memory(error, document->name, slots_for(most) * sizeof *slots);
    youtu_status status = YOUTU_OK;
    for (int32_t i = 0; i < document->n_tokens && status == YOUTU_OK; i++) {
        if (document->tokens[i].kind != JSON_OBJECT) continue;
        size_t n_slots = slots_for(document->tokens[i].count);
        for (size_t s = 0; s < n_slots; s++) slots[s] = JSON_NONE;
        status = check_keys(document, i, slots, n_slots, error);
    }
    free(slots);
    return status;
}

static youtu_status check_root(const json *document, youtu_error *error) {
    if (document->length > INT32_MAX)
        return youtu_fail(error, YOUTU_E_FORMAT, "%s: is %zu bytes of JSON, expected at most %d",
                          document->name, document->length, INT32_MAX);
    size_t i = 0;
    while (i < document->length && is_space(document->text[i])) i++;
    if (i == document->length || (document->text[i] != '{' && document->text[i] != '['))
        return fail_at(document, i, "'{' or '['", error);
    return YOUTU_OK;
}

static youtu_status parse_text(json *document, youtu_error *error) {
    youtu_status status = check_root(document, error);
    if (status == YOUTU_OK) status = check_characters(document, error);
    jsmntok_t *found = NULL;
    if (status == YOUTU_OK) status = find_tokens(document, &found, &document->n_tokens, error);
    if (status != YOUTU_OK) return status;
    document->tokens = array_new((size_t)document->n_tokens, sizeof *document->tokens);
    status = document->tokens ? link_tokens(document, found, error)
                              : youtu_fail_memory(error, document->name,
                                                  (size_t)document->n_tokens * sizeof *document->tokens);
    free(found);
    return status == YOUTU_OK ? check_all_keys(document, error) : status;
}

youtu_status json_parse(const char *name, const char *text, size_t length, json *out, youtu_error *error) {
    json document = {.name = strdup(name), .text = text, .length = length};
    if (!document.name) return youtu_fail_memory(error, name, strlen(name) + 1);
    youtu_status status = parse_text(&document, error);
    if (status != YOUTU_OK)
        json_free(&document);
    else
        *out = document;
    return status;
}

/* size bytes of a file; never NULL for size 0. */
static youtu_status read_all(const char *path, int fd, size_t size, char **out, youtu_error *error) {
    char *text = array_new(size, 1);
    if (!text) return youtu_fail_memory(error, file_base_name(path), size);
    for (size_t done = 0; done < size;) {
        ssize_t got = read(fd, text + done, size - done);
        if (got <= 0) {
            free(text);
            return got < 0
                       ? youtu_fail(error, YOUTU_E_IO, "%s: cannot be read: %m", path)
                       : youtu_fail(error, YOUTU_E_IO, "%s: ends after %zu of %zu bytes", path, done, size);
        }
        done += (size_t)got;
    }
    *out = text;
    return YOUTU_OK;
}

youtu_status json_read_file(const char *path, size_t limit_bytes, json *out, youtu_error *error) {
    int fd;
    size_t size;
    char *text = NULL;
    youtu_status status = file_open(path, &fd, &size, error);
    if (status != YOUTU_OK) return status;
    if (size > limit_bytes)
        status = youtu_fail(error, YOUTU_E_FORMAT, "%s: is %zu bytes, expected at most %zu", path, size,
                            limit_bytes);
    else
        status = read_all(path, fd, size, &text, error);
    close(fd);
    if (!text) return status;
    status = json_parse(file_base_name(path), text, size, out, error);
    if (status == YOUTU_OK)
        out->owned = text;
    else
        free(text);
    return status;
}

void json_free(json *document) {
    free(document->name);
    free(document->owned);
    free(document->tokens);
    *document = (json){0};
}

json_kind json_kind_of(const json *document, json_node node) {
    return document->tokens[node].kind;
}

json_node json_first(const json *document, json_node parent) {
    return document->tokens[parent].count > 0 ? parent + 1 : JSON_NONE;
}

json_node json_next(const json *document, json_node parent, json_node node) {
    const json_token *tokens = document->tokens;
    json_node next = tokens[parent].kind == JSON_OBJECT ? tokens[node + 1].next : tokens[node].next;
    return next < tokens[parent].next ? next : JSON_NONE;
}

json_node json_value(const json *document, json_node key) {
    (void)document;
    return key + 1;
}

int32_t json_count(const json *document, json_node parent) {
    return document->tokens[parent].count;
}

json_node json_find(const json *document, json_node object, const char *key) {
    if (json_kind_of(document, object) != JSON_OBJECT) return JSON_NONE;
    for (json_node k = json_first(document, object); k != JSON_NONE; k = json_next(document, object, k))
        if (json_equals(document, k, key)) return json_value(document, k);
    return JSON_NONE;
}

json_node json_get(const json *document, json_node object, const char *key) {
    json_node value = json_find(document, object, key);
    return value == JSON_NONE || json_kind_of(document, value) == JSON_NULL ? JSON_NONE : value;
}
