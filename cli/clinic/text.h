/* UTF-8 text: views of it, what is accepted from outside, and a form in which rules can match. */
#ifndef CLINIC_TEXT_H
#define CLINIC_TEXT_H

#include "cli/clinic/failure.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bytes that someone else owns; no terminator. */
struct span {
    const char *data;
    size_t length;
};

static inline struct span span_of(const char *text) {
    return (struct span){text, strlen(text)};
}

static inline bool span_is(struct span span, const char *text) {
    return span.length == strlen(text) && memcmp(span.data, text, span.length) == 0;
}

/* Whether `length` bytes are equal. Word lists are tried one word after the other, and nearly all differ in
 * their last byte. */
static inline bool bytes_equal(const char *a, const char *b, size_t length) {
    return length == 0 || (a[length - 1] == b[length - 1] && memcmp(a, b, length) == 0);
}

static inline bool span_starts(struct span span, struct span prefix) {
    return span.length >= prefix.length && bytes_equal(span.data, prefix.data, prefix.length);
}

/* The length of a word that the span starts with, or 0. Asked at every place of a text: most words are settled by
 * their first byte, without their length. */
static inline size_t span_word(struct span span, const char *word) {
    size_t length = 0;
    while (length < span.length && word[length] && word[length] == span.data[length]) length++;
    return word[length] ? 0 : length;
}

static inline bool span_ends(struct span span, struct span suffix) {
    return span.length >= suffix.length &&
           bytes_equal(span.data + span.length - suffix.length, suffix.data, suffix.length);
}

static inline struct span span_between(struct span span, size_t start, size_t end) {
    return (struct span){span.data + start, end - start};
}

/* Whether a byte continues a character: no word starts there. */
static inline bool utf8_continues(char byte) {
    return ((unsigned char)byte & 0xC0) == 0x80;
}

static inline bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The first position of `part` in the span at or after `from`, or SIZE_MAX. */
size_t span_find(struct span span, struct span part, size_t from);

/* The longest of the words (NULL-terminated) at the start or the end of a span: its length, or 0. */
size_t starts_with_any(struct span span, const char *const *words);
size_t ends_with_any(struct span span, const char *const *words);

/* The position behind the longest of the words that stands at text[at], or `at`. */
size_t skip_any(struct span text, size_t at, const char *const *words);

/* Whether one of the words stands anywhere in the span. */
bool contains_any(struct span span, const char *const *words);

/* Without the white space (ideographic space and line ends included) at both ends. */
struct span span_trim(struct span span);

/* The bytes of the well-formed UTF-8 character at the start of the span, its value in *character; 0 when
 * there is none. */
size_t utf8_read(struct span span, uint32_t *character);

/* The bytes written to out: the character's UTF-8. */
size_t utf8_write(uint32_t character, char out[4]);

/* The simplified form of a traditional character, or the character itself. */
uint32_t simplified(uint32_t c);

/* The most bytes a patient's text may have. */
#define TEXT_LIMIT_BYTES ((size_t)4 * 1024 * 1024)

/* Refuses what is no UTF-8 or holds a NUL. where: for messages. */
bool text_check_encoding(struct span text, const char *where, struct failure *failure);

/* Whether the text can be worked on: valid UTF-8 without NUL bytes, not blank, within the limit. `where`
 * names its source in the message, which gives the byte offset of what is wrong. */
bool text_check(struct span text, const char *where, struct failure *failure);

/* A text in which rules match: full-width forms are ASCII, traditional characters simplified, Latin letters lower case, zero-width characters
 * gone, every blank but the line end a space. */
struct plain_text {
    char *data;
    uint32_t *origin; /* [length + 1]: byte offset in the source of each byte */
    size_t length;
};

struct arena;

/* source: valid UTF-8 of at most TEXT_LIMIT_BYTES. false when memory is refused. */
bool text_plain(struct arena *arena, struct span source, struct plain_text *plain);

static inline struct span plain_span(const struct plain_text *plain) {
    return (struct span){plain->data, plain->length};
}

#endif
