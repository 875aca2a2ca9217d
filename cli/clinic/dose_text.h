/* Text as the rules of doses read it: characters in a folded form, arriving in pieces of any size.
 *
 * A rule that looks at a character that has not arrived yet is told so by `starved`: whatever it found may turn
 * out otherwise. So a rule is written once, for whole texts, and the filter knows by this alone what it must
 * hold back. */
#ifndef CLINIC_DOSE_TEXT_H
#define CLINIC_DOSE_TEXT_H

#include "cli/clinic/buffer.h"

/* Folded: full-width forms are ASCII, Latin letters lower case, traditional characters of prescriptions
 * simplified, look-alike letters Latin, other scripts' digits ASCII, ㎎ two letters; what shows nothing is gone. */
struct dose_character {
    uint32_t code;
    size_t start, end; /* bytes of the source */
};

/* Zero-initialise; free with dose_text_free. */
struct dose_text {
    struct buffer source; /* not yet let go */
    struct dose_character *characters;
    size_t count, capacity;
    size_t folded;   /* bytes of the source */
    uint32_t before; /* the character before the first; 0: none */
    bool ended;      /* nothing will follow */
    bool starved;    /* a rule looked behind the last character; the one who asks sets it to false before */
};

void dose_text_free(struct dose_text *text);

/* Adds a piece, which may begin and end inside a character. false: memory refused. */
bool dose_text_append(struct dose_text *text, struct span piece);

/* Nothing will follow. false: memory refused. */
bool dose_text_end(struct dose_text *text);

/* Lets the first `count` characters go. */
void dose_text_drop(struct dose_text *text, size_t count);

/* Where character `at` begins in the source, or where the folded part ends. */
size_t dose_text_offset(const struct dose_text *text, size_t at);

/* The character at `at`; 0 behind the last one. */
static inline uint32_t dose_text_at(struct dose_text *text, size_t at) {
    if (at < text->count) return text->characters[at].code;
    if (!text->ended) text->starved = true;
    return 0;
}

/* The character before `at`; 0 when there is none. */
static inline uint32_t dose_text_before(const struct dose_text *text, size_t at) {
    return at == 0 ? text->before : text->characters[at - 1].code;
}

static inline bool is_latin_letter(uint32_t c) {
    return c >= 'a' && c <= 'z';
}

/* What may stand between the parts of a dose without dividing them: blanks, line ends, bullets, emphasis, the
 * borders of table cells. */
bool is_gap(uint32_t c);

/* The position behind the gaps at `at`. */
size_t skip_gaps(struct dose_text *text, size_t at);

/* The folded form of a character; 0 when it shows nothing. *second: the letter behind it, or 0. */
uint32_t dose_fold(uint32_t c, uint32_t *second);

#endif
