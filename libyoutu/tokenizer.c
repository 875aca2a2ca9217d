#include "tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "error.h"
#include "normalize.h"
#include "utf8.h"

/* One call of youtu_encode. */
typedef struct encoding {
    const youtu_tokenizer *tokenizer;
    pretokenize_scratch pre_scratch;
    bpe_scratch scratch;
    youtu_tokens *tokens;
} encoding;

youtu_status youtu_tokenizer_open(const char *directory, youtu_tokenizer **tokenizer, youtu_error *error) {
    youtu_tokenizer *opened = array_new(1, sizeof *opened);
    if (!opened) return youtu_fail_memory(error, "a tokenizer", sizeof *opened);
    youtu_status status = tokenizer_load(directory, opened, error);
    if (status != YOUTU_OK)
        youtu_tokenizer_close(opened);
    else
        *tokenizer = opened;
    return status;
}

void youtu_tokenizer_close(youtu_tokenizer *tokenizer) {
    if (!tokenizer) return;
    bpe_free(&tokenizer->model);
    pretokenizer_free(&tokenizer->pre);
    added_tokens_free(&tokenizer->added);
    vocabulary_free(&tokenizer->vocab);
    free(tokenizer->is_special);
    free(tokenizer->classes);
    free(tokenizer->bos_name);
    free(tokenizer);
}

int32_t youtu_tokenizer_vocab_size(const youtu_tokenizer *tokenizer) {
    return tokenizer->vocab.n_ids;
}

void youtu_tokens_free(youtu_tokens *tokens) {
    free(tokens->ids);
    *tokens = (youtu_tokens){0};
}

static youtu_status append_token(youtu_tokens *tokens, int32_t id, youtu_error *error) {
    if (!array_reserve((void **)&tokens->ids, &tokens->capacity, tokens->count + 1, sizeof *tokens->ids))
        return youtu_fail_memory(error, "a list of tokens", (tokens->count + 1) * sizeof *tokens->ids);
    tokens->ids[tokens->count++] = id;
    return YOUTU_OK;
}

static youtu_status encode_word(void *user, const char *word, size_t length, youtu_error *error) {
    encoding *e = user;
    return bpe_encode(&e->tokenizer->model, &e->scratch, word, length, e->tokens, error);
}

static youtu_status encode_words(encoding *e, const char *text, size_t length, youtu_error *error) {
    return pretokenize(&e->tokenizer->pre, &e->pre_scratch, text, length, encode_word, e, error);
}

/* What becomes of text between two added tokens. */
typedef youtu_status (*encode_between)(encoding *e, const char *text, size_t length, youtu_error *error);

static youtu_status encode_added(encoding *e, bool in_normalized, const char *text, size_t length,
                                 encode_between encode, youtu_error *error) {
    added_cursor cursor = {0};
    youtu_status status = YOUTU_OK;
    for (const added_token *found = NULL; status == YOUTU_OK;) {
        size_t done = cursor.done, start;
        found = added_tokens_next(&e->tokenizer->added, e->tokenizer->classes, in_normalized, text, length,
                                  &cursor, &start);
        if (!found) return done < length ? encode(e, text + done, length - done, error) : YOUTU_OK;
        if (start > done) status = encode(e, text + done, start - done, error);
        if (status == YOUTU_OK) status = append_token(e->tokens, found->id, error);
    }
    return status;
}

/* Text without added tokens to be found as it came: normalised, and with `is_marked` searched once more. */
static youtu_status encode_normalized(encoding *e, bool is_marked, const char *text, size_t length,
                                      youtu_error *error) {
    char *normalized = NULL;
    youtu_status status =
        e->tokenizer->is_nfc ? normalize_nfc(text, length, &normalized, &length, error) : YOUTU_OK;
    if (normalized) text = normalized;
    if (status == YOUTU_OK)
        status = is_marked ? encode_added(e, true, text, length, encode_words, error)
                           : encode_words(e, text, length, error);
    free(normalized);
    return status;
}

static youtu_status encode_unmarked(encoding *e, const char *text, size_t length, youtu_error *error) {
    return encode_normalized(e, true, text, length, error);
}

youtu_status tokenizer_fail_missing(youtu_error *error) {
    return youtu_fail(
        error, YOUTU_E_ARGUMENT,
        "the tokenizer is NULL: a model whose directory has no tokenizer.json takes tokens, not text");
}

youtu_status youtu_encode(const youtu_tokenizer *tokenizer, const char *text, size_t length,
                          youtu_text_kind kind, youtu_tokens *tokens, youtu_error *error) {
    if (!tokenizer) return tokenizer_fail_missing(error);
    size_t valid = utf8_valid_prefix(text, length);
    if (valid < length)
        return youtu_fail(error, YOUTU_E_TEXT, "the text is not valid UTF-8 at byte %zu of %zu (0x%02X)",
                          valid, length, (unsigned char)text[valid]);
    size_t before = tokens->count;
    encoding e = {.tokenizer = tokenizer, .tokens = tokens};
    youtu_status status = kind == YOUTU_TEXT_MARKED
                              ? encode_added(&e, false, text, length, encode_unmarked, error)
                              : encode_normalized(&e, false, text, length, error);
    pretokenize_scratch_free(&e.pre_scratch);
    bpe_scratch_free(&e.scratch);
    if (status != YOUTU_OK) tokens->count = before;
    return status;
}

youtu_status youtu_encode_begin(const youtu_tokenizer *tokenizer, youtu_tokens *tokens, youtu_error *error) {
    if (!tokenizer) return tokenizer_fail_missing(error);
    return tokenizer->begin < 0 ? YOUTU_OK : append_token(tokens, tokenizer->begin, error);
}

int32_t youtu_token_find(const youtu_tokenizer *tokenizer, const char *spelling) {
    const added_token *found = added_tokens_find(&tokenizer->added, spelling, strlen(spelling));
    return found ? found->id : -1;
}

const char *youtu_token_bytes(const youtu_tokenizer *tokenizer, int32_t token, size_t *length) {
    *length = 0;
    if (token < 0 || token >= tokenizer->vocab.n_ids) return NULL;
    const char *bytes = vocabulary_bytes(&tokenizer->vocab, token, length);
    return *length > 0 ? bytes : NULL;
}

bool youtu_token_is_special(const youtu_tokenizer *tokenizer, int32_t token) {
    return token >= 0 && token < tokenizer->vocab.n_ids && tokenizer->is_special[token];
}
