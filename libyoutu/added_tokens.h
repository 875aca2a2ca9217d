/* The added tokens of tokenizer.json: markers such as "<|User|>", found in text by their spelling before it
 * is cut into words. Built once, then only read. */
#ifndef YOUTU_ADDED_TOKENS_H
#define YOUTU_ADDED_TOKENS_H

#include "json.h"

/* Bytes of a spelling: they bound the time that a place in the text takes. */
#define ADDED_TOKEN_MAX_BYTES 1024

typedef struct added_token {
    int32_t id;
    char *content; /* [length], terminated */
    size_t length;
    char *spelling; /* [spelling_length] what is looked for: the content, normalised where is_normalized */
    size_t spelling_length;
    bool is_single_word; /* not next to a character of a word */
    bool strips_left;    /* takes the white space before it */
    bool strips_right;   /* and after it */
    bool is_normalized;  /* looked for in normalised text, the others in the text as it came */
    bool is_special;
} added_token;

typedef struct added_tokens {
    added_token *tokens; /* [count], those looked for in raw text first, each part sorted by spelling */
    size_t count;
    size_t n_raw;
    bool begins_raw[256], begins_normalized[256]; /* bytes that some spelling begins with */
} added_tokens;

/* Reads added_tokens, an array of objects, or JSON_NONE. is_nfc: the normaliser that spellings go through.
 * Errors: FORMAT (a field missing or out of range, a spelling empty, twice or no UTF-8), MEMORY. */
youtu_status added_tokens_load(const json *document, json_node node, bool is_nfc, added_tokens *out,
                               youtu_error *error);

void added_tokens_free(added_tokens *added); /* accepts a zeroed struct */

/* The token with this content, or NULL. */
const added_token *added_tokens_find(const added_tokens *added, const char *content, size_t length);

/* Where the search in a text goes on. Zero-initialise. */
typedef struct added_cursor {
    size_t from;      /* the next match is looked for here */
    size_t done;      /* the text before it belongs to the tokens found and to what was before them */
    size_t space_end; /* of the white space that a token last took from its right */
} added_cursor;

/* The next added token in valid UTF-8, or NULL: at the leftmost place, there the longest, as Hugging Face's
 * tokenizers finds them. Between cursor->done as it was before and *start lies plain text (none when *start
 * is not above it). classes: of unicode_classes_new. */
const added_token *added_tokens_next(const added_tokens *added, const uint8_t *classes, bool in_normalized,
                                     const char *text, size_t length, added_cursor *cursor, size_t *start);

#endif
