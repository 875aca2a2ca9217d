/* The tokens of a byte-level vocabulary: from an id to its bytes, from bytes to an id. Built once, then only
 * read. */
#ifndef YOUTU_VOCABULARY_H
#define YOUTU_VOCABULARY_H

#include "json.h"

/* Ids up to here are taken: far above any vocabulary, and small enough for a table indexed by id. */
#define VOCABULARY_MAX_ID ((1 << 22) - 1)

typedef struct token_span {
    uint32_t start, length; /* in bytes; length 0: no such token */
} token_span;

/* How a token's bytes are known. BPE makes SPELLED ones only. */
typedef enum token_spelling {
    SPELLING_BYTES,  /* spelled in the byte-level alphabet: the bytes are what it stands for */
    SPELLING_LITERAL /* has a character outside that alphabet: the bytes are the entry itself */
} token_spelling;

typedef struct word_slot {
    uint32_t tag;     /* of the hash */
    int32_t id;       /* -1: empty */
    uint8_t spelling; /* a token_spelling */
    bool is_word;     /* a text of just these bytes is encoded as this one token: set by bpe_find_words */
} word_slot;

typedef struct vocabulary {
    char *bytes; /* of all tokens, one after the other */
    size_t n_bytes, bytes_capacity;
    token_span *spans; /* [n_ids] */
    int32_t n_ids;     /* one more than the largest id */
    word_slot *slots;  /* [mask + 1], open addressing */
    size_t mask;
} vocabulary;

/* Reads model.vocab, an object of spellings with their ids. Errors: FORMAT (an id out of range or given
 * twice, an empty spelling), MEMORY. */
youtu_status vocabulary_load(const json *document, json_node vocab, vocabulary *out, youtu_error *error);

void vocabulary_free(vocabulary *vocab); /* accepts a zeroed struct */

/* The id of a token by its bytes, or -1. */
int32_t vocabulary_find(const vocabulary *vocab, token_spelling kind, const char *bytes, size_t length);

/* The slot of the token that these bytes are as SPELLING_BYTES, or NULL. */
word_slot *vocabulary_slot(const vocabulary *vocab, const char *bytes, size_t length);

/* The bytes of an id within [0, n_ids); *length 0 where there is no such token. */
static inline const char *vocabulary_bytes(const vocabulary *vocab, int32_t id, size_t *length) {
    *length = vocab->spans[id].length;
    return vocab->bytes + vocab->spans[id].start;
}

/* Gives an id the bytes of an added token, in place of what it had; the ids grow to hold it. It is not found
 * by vocabulary_find. Errors: MEMORY. */
youtu_status vocabulary_set(vocabulary *vocab, int32_t id, const char *bytes, size_t length,
                            youtu_error *error);

#endif
