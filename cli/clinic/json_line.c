#include "cli/clinic/json_line.h"

#include <stdlib.h>

/* jansson keeps no positions; jsmn is nothing but positions. Set as in the library, of which the clinic includes
 * nothing: parent links keep it linear. */
#define JSMN_STATIC
#define JSMN_STRICT
#define JSMN_PARENT_LINKS
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#include <jsmn.h>
#pragma GCC diagnostic pop

struct tokens {
    struct span text;
    const jsmntok_t *items;
    size_t count;
};

/* The token behind token i and all that it holds. */
static size_t behind(const struct tokens *tokens, size_t i) {
    int end = tokens->items[i].end;
    for (i++; i < tokens->count && tokens->items[i].start < end;) i++;
    return i;
}

/* The value of an object's field, or tokens->count. */
static size_t find_field(const struct tokens *tokens, size_t object, const char *field) {
    if (tokens->items[object].type != JSMN_OBJECT) return tokens->count;
    size_t key = object + 1;
    for (int n = 0; n < tokens->items[object].size; n++) {
        struct span name =
            span_between(tokens->text, (size_t)tokens->items[key].start, (size_t)tokens->items[key].end);
        if (span_is(name, field)) return key + 1;
        key = behind(tokens, key + 1);
    }
    return tokens->count;
}

/* The element of an array, or tokens->count. */
static size_t find_element(const struct tokens *tokens, size_t array, size_t index) {
    if (tokens->items[array].type != JSMN_ARRAY || index >= (size_t)tokens->items[array].size)
        return tokens->count;
    size_t element = array + 1;
    while (index--) element = behind(tokens, element);
    return element;
}

static size_t follow(const struct tokens *tokens, const struct json_path *path) {
    size_t at = 0;
    for (size_t i = 0; i < path->depth; i++) {
        size_t next = find_field(tokens, at, path->steps[i].field);
        if (next == tokens->count) break;
        at = next;
        if (path->steps[i].index == JSON_NO_INDEX) continue;
        if ((next = find_element(tokens, at, path->steps[i].index)) == tokens->count) break;
        at = next;
    }
    return (size_t)tokens->items[at].start;
}

static size_t line_at(struct span text, size_t at) {
    size_t line = 1;
    for (size_t i = 0; i < at; i++) line += text.data[i] == '\n';
    return line;
}

size_t json_line(struct span text, const struct json_path *path) {
    jsmn_parser parser;
    jsmn_init(&parser);
    int count = jsmn_parse(&parser, text.data, text.length, NULL, 0);
    if (count <= 0) return 0;
    jsmntok_t *items = calloc((size_t)count, sizeof *items);
    if (!items) return 0;
    jsmn_init(&parser);
    count = jsmn_parse(&parser, text.data, text.length, items, (unsigned)count);
    struct tokens tokens = {text, items, count > 0 ? (size_t)count : 0};
    size_t line = tokens.count ? line_at(text, follow(&tokens, path)) : 0;
    free(items);
    return line;
}
