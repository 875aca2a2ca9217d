/* Tokens end anywhere in a character. What is held back is always the beginning of one: as soon as a byte
 * shows that it never becomes whole, it is given out as U+FFFD, one for each such beginning, as in Rust's
 * String::from_utf8_lossy. */
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "error.h"
#include "tokenizer.h"
#include "utf8.h"

#define REPLACEMENT_BYTES 3
#define MOST_HELD 3 /* bytes of a character that is not whole */

static const char replacement[REPLACEMENT_BYTES] = {'\xEF', '\xBF', '\xBD'}; /* U+FFFD */

struct youtu_detokenizer {
    const youtu_tokenizer *tokenizer;
    bool with_special;
    char held[MOST_HELD];
    size_t n_held;
    char *text; /* what the last push completed */
    size_t capacity;
};

youtu_status youtu_detokenizer_new(const youtu_tokenizer *tokenizer, bool with_special,
                                   youtu_detokenizer **detokenizer, youtu_error *error) {
    youtu_detokenizer *made = array_new(1, sizeof *made);
    if (!made) return youtu_fail_memory(error, "a detokenizer", sizeof *made);
    made->tokenizer = tokenizer;
    made->with_special = with_special;
    *detokenizer = made;
    return YOUTU_OK;
}

void youtu_detokenizer_free(youtu_detokenizer *detokenizer) {
    if (!detokenizer) return;
    free(detokenizer->text);
    free(detokenizer);
}

/* Whether bytes [n], n up to MOST_HELD, begin a character that more bytes can complete. */
static bool begins_character(const char *bytes, size_t n) {
    static const char *const rests[] = {"\x80\x80\x80", "\xA0\x80\x80", "\x90\x80\x80"};
    for (size_t r = 0; r < sizeof rests / sizeof *rests;
         r++) { /* after E0 and F0 the second byte is larger */
        char whole[4];
        memcpy(whole, bytes, n);
        memcpy(whole + n, rests[r] + (n > 1), sizeof whole - n);
        if (utf8_character_bytes(whole, sizeof whole) > n) return true;
    }
    return false;
}

/* Gives out the whole characters of bytes [n] and holds back the beginning of one at their end. out takes
 * REPLACEMENT_BYTES * n; it may overlap the bytes if it begins 2 * n or more before them. Returns the bytes
 * written. */
static size_t complete(youtu_detokenizer *d, const char *bytes, size_t n, char *out) {
    size_t written = 0;
    d->n_held = 0;
    for (size_t at = 0; at < n;) {
        size_t whole = utf8_character_bytes(bytes + at, n - at);
        if (whole > 0) {
            memmove(out + written, bytes + at, whole);
            written += whole;
            at += whole;
            continue;
        }
        size_t begun = 0;
        while (begun < MOST_HELD && at + begun < n && begins_character(bytes + at, begun + 1)) begun++;
        if (begun > 0 && at + begun == n) {
            memcpy(d->held, bytes + at, begun);
            d->n_held = begun;
            break;
        }
        memcpy(out + written, replacement, REPLACEMENT_BYTES);
        written += REPLACEMENT_BYTES;
        at += begun > 0 ? begun : 1;
    }
    return written;
}

youtu_status youtu_detokenizer_push(youtu_detokenizer *detokenizer, int32_t token, const char **text,
                                    size_t *length, youtu_error *error) {
    youtu_detokenizer *d = detokenizer;
    int32_t n_ids = youtu_tokenizer_vocab_size(d->tokenizer);
    if (token < 0 || token >= n_ids)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "token %d is out of range, expected 0 to %d", token,
                          n_ids - 1);
    size_t n = 0;
    const char *bytes = youtu_token_bytes(d->tokenizer, token, &n);
    if (!bytes || (youtu_token_is_special(d->tokenizer, token) && !d->with_special)) n = 0;
    size_t total = d->n_held + n; /* far below SIZE_MAX: tokens are parts of one file of bounded size */
    if (!array_reserve((void **)&d->text, &d->capacity, (REPLACEMENT_BYTES + 1) * total + 1, 1))
        return youtu_fail_memory(error, "a token's text", (REPLACEMENT_BYTES + 1) * total + 1);
    char *joined = d->text + REPLACEMENT_BYTES * total;
    memcpy(joined, d->held, d->n_held);
    if (n > 0) memcpy(joined + d->n_held, bytes, n);
    *length = complete(d, joined, total, d->text);
    *text = d->text;
    return YOUTU_OK;
}

void youtu_detokenizer_finish(youtu_detokenizer *detokenizer, const char **text, size_t *length) {
    *text = replacement;
    *length = detokenizer->n_held > 0 ? REPLACEMENT_BYTES : 0;
    detokenizer->n_held = 0;
}
