/* Values of a JSON document as C types, and the messages when they are others. */
#include <float.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "error.h"
#include "json.h"
#include "utf8.h"

#define SHOWN_BYTES 60
#define PATH_BYTES 200

json_reader json_read_string(const json *document, json_node node) {
    const json_token *token = &document->tokens[node];
    return (json_reader){document->text + token->start, document->text + token->end};
}

/* Four hexadecimal digits, which the parser has seen. */
static uint32_t read_hex(const char *digits) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = digits[i];
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* After "\u": the code point, of a surrogate pair when one stands here. */
static uint32_t read_code_point(json_reader *reader) {
    uint32_t first = read_hex(reader->at);
    reader->at += 4;
    if (first < 0xD800 || first > 0xDBFF) return first;
    if (reader->end - reader->at < 6 || reader->at[0] != '\\' || reader->at[1] != 'u') return first;
    uint32_t second = read_hex(reader->at + 2);
    if (second < 0xDC00 || second > 0xDFFF) return first;
    reader->at += 6;
    return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
}

size_t json_read_character(json_reader *reader, char character[4]) {
    if (reader->at == reader->end) return 0;
    if (*reader->at != '\\') {
        size_t n = utf8_character_bytes(reader->at, (size_t)(reader->end - reader->at));
        memcpy(character, reader->at, n);
        reader->at += n;
        return n;
    }
    static const char names[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    char escape = reader->at[1];
    reader->at += 2;
    if (escape == 'u') return utf8_encode(read_code_point(reader), character);
    const char *named = strchr(names, escape);
    character[0] = named ? meanings[named - names] : escape;
    return 1;
}

bool json_equals(const json *document, json_node node, const char *text) {
    if (json_kind_of(document, node) != JSON_STRING) return false;
    json_reader reader = json_read_string(document, node);
    char character[4];
    for (size_t n; (n = json_read_character(&reader, character)) > 0; text += n)
        if (strncmp(character, text, n) != 0 || character[0] == '\0') return false;
    return *text == '\0';
}

/* The keys and indices that lead to a node, "rope_scaling.factor" or "added_tokens[3].id", cut to fit. */
static const char *node_path(const json *document, json_node node, char path[PATH_BYTES]) {
    const json_token *tokens = document->tokens;
    json_node chain[2 * JSON_MAX_DEPTH + 2];
    int depth = 0;
    for (json_node n = node; n > 0; n = tokens[n].parent) chain[depth++] = n;
    size_t used = 0;
    path[0] = '\0';
    while (depth-- > 0 && used < PATH_BYTES - 1) {
        json_node n = chain[depth];
        json_kind around = tokens[tokens[n].parent].kind;
        int wrote = 0;
        if (around == JSON_OBJECT) {
            json_token key = tokens[n];
            wrote = snprintf(path + used, PATH_BYTES - used, "%s%.*s", used > 0 ? "." : "",
                             key.end - key.start, document->text + key.start);
        } else if (around == JSON_ARRAY) {
            int index = 0;
            for (json_node e = tokens[n].parent + 1; e != n; e = tokens[e].next) index++;
            wrote = snprintf(path + used, PATH_BYTES - used, "[%d]", index);
        }
        used += (size_t)wrote;
    }
    path[utf8_valid_prefix(path, strlen(path))] = '\0'; /* a character that the cut went through */
    return path;
}

int json_show_length(const json *document, json_node node) {
    const json_token *token = &document->tokens[node];
    int length = token->end - token->start + (token->kind == JSON_STRING ? 2 : 0);
    if (length <= SHOWN_BYTES) return length;
    const char *text = json_show_text(document, node);
    length = SHOWN_BYTES;
    while (((unsigned char)text[length] & 0xC0) == 0x80) length--;
    return length;
}

const char *json_show_text(const json *document, json_node node) {
    const json_token *token = &document->tokens[node];
    return document->text + token->start - (token->kind == JSON_STRING ? 1 : 0);
}

youtu_status json_refuse(const json *document, json_node node, youtu_status status, const char *expected,
                         youtu_error *error) {
    char path[PATH_BYTES];
    if (node == 0)
        return youtu_fail(error, status, "%s: is %.*s, expected %s", document->name,
                          JSON_SHOW(document, node), expected);
    return youtu_fail(error, status, "%s: field \"%s\" is %.*s, expected %s", document->name,
                      node_path(document, node, path), JSON_SHOW(document, node), expected);
}

youtu_status json_missing(const json *document, json_node object, const char *key, const char *expected,
                          youtu_error *error) {
    char path[PATH_BYTES];
    node_path(document, object, path);
    return youtu_fail(error, YOUTU_E_FORMAT, "%s: field \"%s%s%s\" is missing, expected %s", document->name,
                      path, path[0] ? "." : "", key, expected);
}

youtu_status json_unescape(const json *document, json_node node, char **text, size_t *length,
                           youtu_error *error) {
    if (json_kind_of(document, node) != JSON_STRING)
        return json_refuse(document, node, YOUTU_E_FORMAT, "a string", error);
    json_reader reader = json_read_string(document, node);
    size_t room = (size_t)(reader.end - reader.at) + 1; /* no escape is shorter than what it stands for */
    char *copy = array_new(room, 1);
    if (!copy) return youtu_fail_memory(error, document->name, room);
    size_t used = 0;
    char character[4];
    for (size_t n; (n = json_read_character(&reader, character)) > 0; used += n) {
        if (utf8_character_bytes(character, n) != n) {
            free(copy);
            return json_refuse(document, node, YOUTU_E_FORMAT, "no lone surrogate", error);
        }
        memcpy(copy + used, character, n);
    }
    *text = copy;
    if (length) *length = used;
    return YOUTU_OK;
}

/* The digits of an integer that fits int64_t: no fraction, no exponent. */
static bool read_int(const char *at, const char *end, int64_t *value) {
    bool negative = *at == '-';
    if (negative) at++;
    int64_t sum = 0;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9') return false;
        int64_t digit = negative ? '0' - *at : *at - '0';
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_add_overflow(sum, digit, &sum)) return false;
    }
    *value = sum;
    return true;
}

youtu_status json_to_int(const json *document, json_node node, const char *field, int64_t least, int64_t most,
                         int64_t *value, youtu_error *error) {
    const json_token *token = &document->tokens[node];
    int64_t found;
    if (token->kind == JSON_NUMBER &&
        read_int(document->text + token->start, document->text + token->end, &found) && found >= least &&
        found <= most) {
        *value = found;
        return YOUTU_OK;
    }
    char expected[80];
    snprintf(expected, sizeof expected, "an integer from %lld to %lld", (long long)least, (long long)most);
    if (!field) return json_refuse(document, node, YOUTU_E_FORMAT, expected, error);
    return youtu_fail(error, YOUTU_E_FORMAT, "%s: field \"%s\" is %.*s, expected %s", document->name, field,
                      JSON_SHOW(document, node), expected);
}

bool json_is_off(const json *document, json_node node) {
    int64_t number;
    switch (json_kind_of(document, node)) {
    case JSON_NULL: return true;
    case JSON_BOOL: return *json_show_text(document, node) == 'f';
    case JSON_NUMBER: return json_to_int(document, node, NULL, 0, 0, &number, NULL) == YOUTU_OK;
    case JSON_STRING: return false;
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    return json_count(document, node) == 0;
}

/* A number never ends the text (the root is a container), so strtod stops inside it. Its decimal point must
 * not follow the process's locale; the C locale is static, which makes newlocale free of cost and failure. */
static double read_double(const json *document, json_node node) {
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double value = strtod_l(document->text + document->tokens[node].start, NULL, c_locale);
    freelocale(c_locale);
    return value;
}

youtu_status json_to_double(const json *document, json_node node, double least, double most, double *value,
                            youtu_error *error) {
    if (json_kind_of(document, node) == JSON_NUMBER) {
        double found = read_double(document, node);
        if (found >= least && found <= most) {
            *value = found;
            return YOUTU_OK;
        }
    }
    char expected[80];
    snprintf(expected, sizeof expected, "a number from %g to %g", least, most);
    return json_refuse(document, node, YOUTU_E_FORMAT, expected, error);
}

static youtu_status to_bool(const json *document, json_node node, bool *value, youtu_error *error) {
    if (json_kind_of(document, node) != JSON_BOOL)
        return json_refuse(document, node, YOUTU_E_FORMAT, "true or false", error);
    *value = document->text[document->tokens[node].start] == 't';
    return YOUTU_OK;
}

youtu_status json_get_int(const json *document, json_node object, const char *key, int64_t least,
                          int64_t most, int64_t *value, youtu_error *error) {
    json_node node = json_get(document, object, key);
    if (node == JSON_NONE) return json_missing(document, object, key, "an integer", error);
    return json_to_int(document, node, NULL, least, most, value, error);
}

youtu_status json_get_double(const json *document, json_node object, const char *key, double least,
                             double most, double *value, youtu_error *error) {
    json_node node = json_get(document, object, key);
    if (node == JSON_NONE) return json_missing(document, object, key, "a number", error);
    return json_to_double(document, node, least, most, value, error);
}

youtu_status json_get_bool(const json *document, json_node object, const char *key, bool *value,
                           youtu_error *error) {
    json_node node = json_get(document, object, key);
    if (node == JSON_NONE) return json_missing(document, object, key, "true or false", error);
    return to_bool(document, node, value, error);
}

youtu_status json_opt_int(const json *document, json_node object, const char *key, int64_t least,
                          int64_t most, int64_t *value, youtu_error *error) {
    json_node node = json_get(document, object, key);
    return node == JSON_NONE ? YOUTU_OK : json_to_int(document, node, NULL, least, most, value, error);
}

youtu_status json_opt_double(const json *document, json_node object, const char *key, double least,
                             double most, double *value, youtu_error *error) {
    json_node node = json_get(document, object, key);
    return node == JSON_NONE ? YOUTU_OK : json_to_double(document, node, least, most, value, error);
}

youtu_status json_opt_bool(const json *document, json_node object, const char *key, bool *value,
                           youtu_error *error) {
    json_node node = json_get(document, object, key);
    return node == JSON_NONE ? YOUTU_OK : to_bool(document, node, value, error);
}
