#include "added_tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "error.h"
#include "normalize.h"
#include "unicode.h"
#include "vocabulary.h"

/* ---- finding ---- */

/* The longest of sorted spellings [n] that the text begins with, or NULL. Narrows the range of those that
 * agree with it byte by byte; in the range the shortest comes first. */
static const added_token *longest_match(const added_token *tokens, size_t n, const char *text,
                                        size_t length) {
    const added_token *best = NULL, *first = tokens, *end = tokens + n;
    for (size_t depth = 0; first < end; depth++) {
        if (first->spelling_length == depth) best = first++;
        if (depth == length) break;
        unsigned char byte = (unsigned char)text[depth];
        const added_token *low = first;
        for (size_t left = (size_t)(end - low); left > 0;) { /* the first not below the byte */
            size_t half = left / 2;
            bool is_below = (unsigned char)low[half].spelling[depth] < byte;
            low += is_below ? half + 1 : 0;
            left = is_below ? left - half - 1 : half;
        }
        first = low;
        for (size_t left = (size_t)(end - low); left > 0;) { /* the first above it */
            size_t half = left / 2;
            bool is_within = (unsigned char)low[half].spelling[depth] == byte;
            low += is_within ? half + 1 : 0;
            left = is_within ? left - half - 1 : half;
        }
        end = low;
    }
    return best;
}

static bool stands_alone(const uint8_t *classes, const char *text, size_t length, size_t start, size_t end) {
    size_t bytes;
    if (start > 0 && unicode_is_word(classes, unicode_last_point(text, start, &bytes))) return false;
    return end == length || !unicode_is_word(classes, unicode_point(text + end, &bytes));
}

/* Where the white space before `at` begins, not before `least`. */
static size_t strip_left(const uint8_t *classes, const char *text, size_t at, size_t least) {
    size_t bytes;
    while (at > least && classes[unicode_last_point(text, at, &bytes)] == CLASS_SPACE) at -= bytes;
    return at > least ? at : least;
}

/* Where the white space from `at` on ends. Kept, so that a run of it is gone through once. */
static size_t strip_right(const uint8_t *classes, const char *text, size_t length, size_t at,
                          added_cursor *cursor) {
    size_t bytes;
    if (at < cursor->space_end) return cursor->space_end;
    while (at < length && classes[unicode_point(text + at, &bytes)] == CLASS_SPACE) at += bytes;
    return cursor->space_end = at;
}

/* A match that does not stand alone is passed over whole. After white space that a token took from its right
 * the search goes on in that white space: a spelling may begin with some. */
const added_token *added_tokens_next(const added_tokens *added, const uint8_t *classes, bool in_normalized,
                                     const char *text, size_t length, added_cursor *cursor, size_t *start) {
    const added_token *tokens = in_normalized ? added->tokens + added->n_raw : added->tokens;
    size_t n = in_normalized ? added->count - added->n_raw : added->n_raw;
    const bool *begins = in_normalized ? added->begins_normalized : added->begins_raw;
    for (size_t at = cursor->from; n > 0 && at < length;) {
        const added_token *found =
            begins[(unsigned char)text[at]] ? longest_match(tokens, n, text + at, length - at) : NULL;
        size_t end = at + (found ? found->spelling_length : 1);
        if (found && (!found->is_single_word || stands_alone(classes, text, length, at, end))) {
            *start = found->strips_left ? strip_left(classes, text, at, cursor->done) : at;
            cursor->from = end;
            cursor->done = found->strips_right ? strip_right(classes, text, length, end, cursor) : end;
            return found;
        }
        at = end;
    }
    cursor->from = length;
    return NULL;
}

const added_token *added_tokens_find(const added_tokens *added, const char *content, size_t length) {
    for (size_t i = 0; i < added->count; i++)
        if (added->tokens[i].length == length && memcmp(added->tokens[i].content, content, length) == 0)
            return &added->tokens[i];
    return NULL;
}

/* ---- loading ---- */

static youtu_status load_content(const json *document, json_node node, bool is_nfc, added_token *token,
                                 youtu_error *error) {
    json_node content = json_get(document, node, "content");
    if (content == JSON_NONE) return json_missing(document, node, "content", "a string", error);
    youtu_status status = json_unescape(document, content, &token->content, &token->length, error);
    if (status != YOUTU_OK) return status;
    if (token->length == 0 || token->length > ADDED_TOKEN_MAX_BYTES)
        return json_refuse(document, content, YOUTU_E_FORMAT, "a spelling of 1 to 1024 bytes", error);
    if (is_nfc && token->is_normalized)
        status =
            normalize_nfc(token->content, token->length, &token->spelling, &token->spelling_length, error);
    if (status != YOUTU_OK || token->spelling) return status;
    token->spelling = malloc(token->length);
    if (!token->spelling) return youtu_fail_memory(error, "an added token", token->length);
    memcpy(token->spelling, token->content, token->length);
    token->spelling_length = token->length;
    return YOUTU_OK;
}

static youtu_status load_token(const json *document, json_node node, bool is_nfc, added_token *token,
                               youtu_error *error) {
    int64_t id = 0;
    youtu_status status = json_get_int(document, node, "id", 0, VOCABULARY_MAX_ID, &id, error);
    token->id = (int32_t)id;
    struct {
        const char *key;
        bool *value;
    } flags[] = {{"single_word", &token->is_single_word},
                 {"lstrip", &token->strips_left},
                 {"rstrip", &token->strips_right},
                 {"normalized", &token->is_normalized},
                 {"special", &token->is_special}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags && status == YOUTU_OK; i++)
        status = json_get_bool(document, node, flags[i].key, flags[i].value, error);
    return status == YOUTU_OK ? load_content(document, node, is_nfc, token, error) : status;
}

static int compare_spellings(const void *a, const void *b) {
    const added_token *left = a, *right = b;
    if (left->is_normalized != right->is_normalized) return left->is_normalized ? 1 : -1;
    size_t common =
        left->spelling_length < right->spelling_length ? left->spelling_length : right->spelling_length;
    int order = memcmp(left->spelling, right->spelling, common);
    if (order != 0) return order;
    return (left->spelling_length > right->spelling_length) -
           (left->spelling_length < right->spelling_length);
}

/* Sorts the tokens and marks what spellings begin with. */
static youtu_status index_tokens(const json *document, added_tokens *added, youtu_error *error) {
    qsort(added->tokens, added->count, sizeof *added->tokens, compare_spellings);
    for (size_t i = 0; i < added->count; i++) {
        const added_token *t = &added->tokens[i];
        if (i > 0 && compare_spellings(t - 1, t) == 0)
            return youtu_fail(error, YOUTU_E_FORMAT,
                              "%s: added_tokens has \"%s\" for id %d and for id %d, expected once",
                              document->name, t->content, (t - 1)->id, t->id);
        bool *begins = t->is_normalized ? added->begins_normalized : added->begins_raw;
        begins[(unsigned char)t->spelling[0]] = true;
        added->n_raw += !t->is_normalized;
    }
    return YOUTU_OK;
}

youtu_status added_tokens_load(const json *document, json_node node, bool is_nfc, added_tokens *out,
                               youtu_error *error) {
    added_tokens added = {0};
    if (node == JSON_NONE) {
        *out = added;
        return YOUTU_OK;
    }
    if (json_kind_of(document, node) != JSON_ARRAY)
        return json_refuse(document, node, YOUTU_E_FORMAT, "an array of added tokens", error);
    size_t most = (size_t)json_count(document, node);
    added.tokens = array_new(most, sizeof *added.tokens);
    if (!added.tokens) return youtu_fail_memory(error, "the added tokens", most * sizeof *added.tokens);
    youtu_status status = YOUTU_OK;
    for (json_node t = json_first(document, node); t != JSON_NONE && status == YOUTU_OK;
         t = json_next(document, node, t))
        status = load_token(document, t, is_nfc, &added.tokens[added.count++], error);
    if (status == YOUTU_OK) status = index_tokens(document, &added, error);
    if (status != YOUTU_OK)
        added_tokens_free(&added);
    else
        *out = added;
    return status;
}

void added_tokens_free(added_tokens *added) {
    for (size_t i = 0; i < added->count; i++) {
        free(added->tokens[i].content);
        free(added->tokens[i].spelling);
    }
    free(added->tokens);
    *added = (added_tokens){0};
}
