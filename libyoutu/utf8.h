/* The one definition of what valid UTF-8 is (RFC 3629): no overlong forms, no surrogates, nothing past
 * U+10FFFF. */
#ifndef YOUTU_UTF8_H
#define YOUTU_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes (1 to 4) of the character that text[0..length) begins with; 0 when it begins with none that is valid
 * and whole. */
static inline size_t utf8_character_bytes(const char *text, size_t length) {
    const uint8_t *b = (const uint8_t *)text;
    if (length == 0) return 0;
    if (b[0] < 0x80) return 1;
    if (b[0] < 0xC2 || b[0] > 0xF4) return 0;
    size_t n = b[0] < 0xE0 ? 2 : b[0] < 0xF0 ? 3 : 4;
    if (n > length) return 0;
    uint8_t least = b[0] == 0xE0 ? 0xA0 : b[0] == 0xF0 ? 0x90 : 0x80; /* overlong below */
    uint8_t most = b[0] == 0xED ? 0x9F : b[0] == 0xF4 ? 0x8F : 0xBF;  /* surrogates, past U+10FFFF above */
    if (b[1] < least || b[1] > most) return 0;
    for (size_t i = 2; i < n; i++)
        if ((b[i] & 0xC0) != 0x80) return 0;
    return n;
}

/* The offset of the first byte that is not part of a valid character; length when all of it is valid. */
static inline size_t utf8_valid_prefix(const char *text, size_t length) {
    size_t i = 0;
    while (i < length) {
        size_t n = utf8_character_bytes(text + i, length - i);
        if (n == 0) break;
        i += n;
    }
    return i;
}

/* Writes code point c (at most U+10FFFF) and returns its bytes. A surrogate is written as if it were a
 * character: the caller refuses it where it matters. */
static inline size_t utf8_encode(uint32_t c, char out[4]) {
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    out[0] = (char)(lead[n] | c);
    return n;
}

#endif
