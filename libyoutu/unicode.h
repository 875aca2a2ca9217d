/* Characters and the classes of them that tokenizers tell apart, of one version of Unicode (16.0), whatever
 * the libraries on a machine know: a text's tokens must not depend on these. */
#ifndef YOUTU_UNICODE_H
#define YOUTU_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNICODE_POINTS 0x110000

typedef enum char_class {
    CLASS_OTHER,
    CLASS_SPACE,    /* White_Space */
    CLASS_UPPER,    /* Lu */
    CLASS_TITLE,    /* Lt */
    CLASS_LOWER,    /* Ll */
    CLASS_MODIFIER, /* Lm */
    CLASS_LETTER,   /* Lo */
    CLASS_MARK,     /* M */
    CLASS_DIGIT,    /* Nd */
    CLASS_NUMERAL,  /* Nl */
    CLASS_NUMBER,   /* No */
    CLASS_CONNECTOR /* Pc */
} char_class;

/* Sets of classes are masks of these bits. */
#define CLASS_BIT(class) (1u << (class))
#define CLASSES_LETTERS                                                                                     \
    (CLASS_BIT(CLASS_UPPER) | CLASS_BIT(CLASS_TITLE) | CLASS_BIT(CLASS_LOWER) | CLASS_BIT(CLASS_MODIFIER) | \
     CLASS_BIT(CLASS_LETTER))
#define CLASSES_NUMBERS (CLASS_BIT(CLASS_DIGIT) | CLASS_BIT(CLASS_NUMERAL) | CLASS_BIT(CLASS_NUMBER))

/* The class of each code point, [UNICODE_POINTS]; free() it. NULL when memory is refused. */
uint8_t *unicode_classes_new(void);

/* Whether a character is of a word: \w of Unicode's regular expressions (UTS #18, annex C). */
bool unicode_is_word(const uint8_t *classes, uint32_t point);

/* The first character of valid UTF-8; *bytes receives its length. */
static inline uint32_t unicode_point(const char *text, size_t *bytes) {
    const uint8_t *b = (const uint8_t *)text;
    uint32_t lead = b[0];
    if (lead < 0x80) {
        *bytes = 1;
        return lead;
    }
    if (lead < 0xE0) {
        *bytes = 2;
        return (lead & 0x1F) << 6 | (b[1] & 0x3Fu);
    }
    if (lead < 0xF0) {
        *bytes = 3;
        return (lead & 0x0F) << 12 | (b[1] & 0x3Fu) << 6 | (b[2] & 0x3Fu);
    }
    *bytes = 4;
    return (lead & 0x07) << 18 | (b[1] & 0x3Fu) << 12 | (b[2] & 0x3Fu) << 6 | (b[3] & 0x3Fu);
}

/* The last character of valid UTF-8 that is not empty; *bytes receives its length. */
static inline uint32_t unicode_last_point(const char *text, size_t length, size_t *bytes) {
    size_t start = length - 1;
    while (((uint8_t)text[start] & 0xC0) == 0x80) start--;
    return unicode_point(text + start, bytes);
}

#endif
