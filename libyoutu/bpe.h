/* Byte pair encoding: the bytes of a word become tokens by merging neighbours, always the pair that stands
 * first in the list of merges, the leftmost of equals (as Hugging Face's tokenizers does it). Built once,
 * then only read; each encoding call brings its own scratch memory. */
#ifndef YOUTU_BPE_H
#define YOUTU_BPE_H

#include "vocabulary.h"

typedef struct merge_slot {
    int32_t left, right; /* left -1: empty */
    uint32_t rank;       /* place in the list of merges: lower goes first */
    int32_t merged;
} merge_slot;

/* The merge that makes a token of its own bytes, the last of those that merging performs on them. */
typedef struct token_origin {
    int32_t left, right;
    uint32_t made; /* 1 + its rank; 0: a single byte; NOT_MADE: merging never makes this token */
} token_origin;

#define NOT_MADE UINT32_MAX

typedef struct bpe {
    const vocabulary *vocab;
    merge_slot *slots; /* [mask + 1], open addressing */
    size_t mask;
    uint64_t
        *filter; /* bits of the merges' hashes: most pairs do not merge, and this much stays in the cache */
    token_origin *origins;    /* [vocab->n_ids as it was when loaded] */
    int32_t *characters;      /* [0x10000] the token that a character of 2 or 3 bytes is by itself, or -1 */
    int32_t byte_tokens[256]; /* -1: the vocabulary lacks the byte */
    bool
        is_ordered; /* no merge that happens stands before those that make its sides: the origins are right */
} bpe;

/* Reads model.merges: strings "a b" or pairs ["a", "b"]. A pair given twice has its last place. Merges that
 * would make a token of forbidden [vocab->n_ids] are left out. Marks as words the tokens that merging gives
 * back whole; with ignore_merges all that are not forbidden. vocab must outlive *out. Errors: FORMAT (a merge
 * of or into what is no token), MEMORY. */
youtu_status bpe_load(const json *document, json_node merges, vocabulary *vocab, const bool *forbidden,
                      bool ignore_merges, bpe *out, youtu_error *error);

void bpe_free(bpe *model); /* accepts a zeroed struct */

/* Memory of one encoding call. Zero-initialise; free with bpe_scratch_free. */
typedef struct bpe_scratch {
    struct symbol *symbols; /* [capacity] */
    uint64_t *heap;         /* [2 * capacity] */
    size_t capacity;
} bpe_scratch;

void bpe_scratch_free(bpe_scratch *scratch);

/* Appends the tokens of a word of any length: O(length log length), stack O(1). Errors: TEXT (a byte that the
 * vocabulary lacks), MEMORY; *tokens may then hold a part of the word. */
youtu_status bpe_encode(const bpe *model, bpe_scratch *scratch, const char *word, size_t length,
                        youtu_tokens *tokens, youtu_error *error);

#endif
