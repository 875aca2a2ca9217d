#include "cli/clinic/dose_text.h"

#include <stdlib.h>

/* ---- folding */

struct folding {
    uint32_t from, to;
};

/* Letters of other scripts that look like Latin ones, and variants that prescriptions use beside the traditional
 * characters of text.h; sorted. */
static const struct folding FOLDINGS[] = {
    {0x00B5, 'u'}, {0x0131, 'i'},  {0x0261, 'g'},  {0x03B9, 'i'},  {0x03BC, 'u'}, {0x03BF, 'o'},
    {0x0410, 'a'}, {0x0412, 'b'},  {0x0415, 'e'},  {0x041A, 'k'},  {0x041C, 'm'}, {0x041E, 'o'},
    {0x0420, 'p'}, {0x0421, 'c'},  {0x0422, 't'},  {0x0425, 'x'},  {0x0430, 'a'}, {0x0433, 'r'},
    {0x0435, 'e'}, {0x043A, 'k'},  {0x043C, 'm'},  {0x043E, 'o'},  {0x0440, 'p'}, {0x0441, 'c'},
    {0x0442, 't'}, {0x0445, 'x'},  {0x0456, 'i'},  {0x2044, '/'},  {0x2113, 'l'}, {0x2215, '/'},
    {0x301C, '~'}, {U'両', U'两'}, {U'毎', U'每'}, {U'錠', U'片'},
};

static int compare_folding(const void *key, const void *item) {
    uint32_t c = *(const uint32_t *)key, from = ((const struct folding *)item)->from;
    return c < from ? -1 : c > from;
}

static bool within(uint32_t c, uint32_t first, uint32_t last) {
    return c >= first && c <= last;
}

static bool shows_nothing(uint32_t c) {
    return c == 0xAD || c == 0x034F || c == 0x061C || c == 0x115F || c == 0x1160 || c == 0x17B4 ||
           c == 0x17B5 || c == 0x20E3 || c == 0x3164 || c == 0xFEFF || c == 0xFFA0 || c == 0x7F ||
           within(c, 0x0300, 0x036F) || within(c, 0x180B, 0x180F) || within(c, 0x200B, 0x200F) ||
           within(c, 0x202A, 0x202E) || within(c, 0x2060, 0x206F) || within(c, 0xFE00, 0xFE0F) ||
           within(c, 0xE0000, 0xE0FFF) || (c < ' ' && c != '\n' && c != '\t' && c != '\r');
}

static bool is_blank(uint32_t c) {
    return c == '\t' || c == '\r' || c == 0x85 || c == 0xA0 || c == 0x1680 || within(c, 0x2000, 0x200A) ||
           c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000 || c == 0x2800;
}

/* The digit that a digit of another script or style is; 0 when it is none. */
static uint32_t other_digit(uint32_t c) {
    static const uint32_t ZEROS[] = {0x0660, 0x06F0, 0x0966, 0x2070, 0x2080};
    for (size_t i = 0; i < sizeof ZEROS / sizeof *ZEROS; i++)
        if (within(c, ZEROS[i], ZEROS[i] + 9)) return '0' + (c - ZEROS[i]);
    if (within(c, 0x2460, 0x2468)) return '1' + (c - 0x2460);
    if (within(c, 0x2776, 0x277E)) return '1' + (c - 0x2776);
    if (within(c, 0x2780, 0x2788)) return '1' + (c - 0x2780);
    if (within(c, 0x1D7CE, 0x1D7FF)) return '0' + (c - 0x1D7CE) % 10;
    if (c == 0xB9 || c == 0xB2 || c == 0xB3) return c == 0xB9 ? '1' : '0' + (c & 3U);
    return c == 0x24EA ? '0' : 0;
}

static uint32_t unit_sign(uint32_t c, uint32_t *second) {
    switch (c) {
    case 0x338D: return *second = 'g', 'u';
    case 0x338E: return *second = 'g', 'm';
    case 0x338F: return *second = 'g', 'k';
    case 0x3396: return *second = 'l', 'm';
    case 0x33C4: return *second = 'c', 'c';
    default: return 0;
    }
}

uint32_t dose_fold(uint32_t c, uint32_t *second) {
    *second = 0;
    if (c < 0x80) return within(c, 'A', 'Z') ? c + ('a' - 'A') : shows_nothing(c) ? 0 : is_blank(c) ? ' ' : c;
    if (shows_nothing(c)) return 0;
    if (is_blank(c)) return ' ';
    if (within(c, 0xFF01, 0xFF5E)) return dose_fold(c - 0xFEE0, second);
    if (within(c, 0x2010, 0x2015) || c == 0x2212) return '-';
    if (within(c, 0x24B6, 0x24CF) || within(c, 0x24D0, 0x24E9)) /* letters in circles */
        return 'a' + (c - 0x24B6) % 26;
    if (within(c, 0x1D400, 0x1D6A3)) return 'a' + (c - 0x1D400) % 26;     /* bold, italic, ... letters */
    if (within(c, 0xBC, 0xBE) || within(c, 0x2150, 0x215E)) return U'半'; /* fractions in one character */
    uint32_t mapped = other_digit(c);
    if (!mapped) mapped = unit_sign(c, second);
    if (mapped) return mapped;
    const struct folding *folding =
        bsearch(&c, FOLDINGS, sizeof FOLDINGS / sizeof *FOLDINGS, sizeof *FOLDINGS, compare_folding);
    return folding ? folding->to : simplified(c);
}

/* ---- gaps */

bool is_gap(uint32_t c) {
    switch (c) {
    case ' ':
    case '\n':
    case '*':
    case '_':
    case '`':
    case '|':
    case '\\':
    case 0xB7:
    case U'•':
    case U'・':
    case U'‧':
    case U'∙':
    case U'⋅':
    case U'●':
    case U'○':
    case U'▪':
    case U'■': return true;
    default: return false;
    }
}

size_t skip_gaps(struct dose_text *text, size_t at) {
    while (is_gap(dose_text_at(text, at))) at++;
    return at;
}

/* ---- pieces */

void dose_text_free(struct dose_text *text) {
    buffer_free(&text->source);
    free(text->characters);
    *text = (struct dose_text){0};
}

/* Room for the two characters that one may become. */
static bool reserve(struct dose_text *text) {
    if (text->count + 2 <= text->capacity) return true;
    size_t capacity = text->capacity ? 2 * text->capacity : 256, bytes;
    if (__builtin_mul_overflow(capacity, sizeof *text->characters, &bytes)) return false;
    struct dose_character *moved = realloc(text->characters, bytes);
    if (!moved) return false;
    text->characters = moved;
    text->capacity = capacity;
    return true;
}

/* Whether the span may yet become a character: a lead byte with too few bytes behind it. */
static bool is_cut_character(struct span rest) {
    unsigned char lead = (unsigned char)rest.data[0];
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || rest.length >= length) return false;
    for (size_t i = 1; i < rest.length; i++)
        if (!utf8_continues(rest.data[i])) return false;
    return true;
}

static bool fold_source(struct dose_text *text) {
    struct span source = buffer_span(&text->source);
    while (text->folded < source.length) {
        struct span rest = span_between(source, text->folded, source.length);
        uint32_t c = 0xFFFD, second;
        size_t bytes = utf8_read(rest, &c);
        if (bytes == 0 && !text->ended && is_cut_character(rest)) return true;
        if (bytes == 0) bytes = 1; /* no character: a byte of its own */
        if (!reserve(text)) return false;
        struct dose_character character = {dose_fold(c, &second), text->folded, text->folded + bytes};
        text->folded += bytes;
        if (character.code) text->characters[text->count++] = character;
        if (second)
            text->characters[text->count++] = (struct dose_character){second, character.start, text->folded};
    }
    return true;
}

bool dose_text_append(struct dose_text *text, struct span piece) {
    buffer_append(&text->source, piece.data, piece.length);
    return !text->source.failed && fold_source(text);
}

bool dose_text_end(struct dose_text *text) {
    text->ended = true;
    return fold_source(text);
}

size_t dose_text_offset(const struct dose_text *text, size_t at) {
    return at < text->count ? text->characters[at].start : text->folded;
}

void dose_text_drop(struct dose_text *text, size_t count) {
    if (count == 0) return;
    size_t bytes = dose_text_offset(text, count);
    text->before = text->characters[count - 1].code;
    text->count -= count;
    memmove(text->characters, text->characters + count, text->count * sizeof *text->characters);
    for (size_t i = 0; i < text->count; i++) {
        text->characters[i].start -= bytes;
        text->characters[i].end -= bytes;
    }
    text->source.length -= bytes;
    memmove(text->source.data, text->source.data + bytes, text->source.length);
    text->folded -= bytes;
}
