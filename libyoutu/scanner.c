/* Why not PCRE2 alone. Measured on one core of an AMD EPYC (Zen 4), in MB of prose a second of processor time,
 * with a vocabulary of 128,000:
 *                                        English   Chinese
 *   cut into words by PCRE2 10.42, JIT        90       116
 *   cut into words by this file              183       274
 *   youtu_encode with PCRE2                   42        30
 *   youtu_encode with this file               63        35
 * And its classes of characters are those of one version of Unicode, whichever PCRE2 is installed.
 * tests/unit/test_pretokenize.c compares the two. */
#include "scanner.h"

#include "unicode.h"

const char scanner_script_pattern[] =
    "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥\u3040-ゟ゠-ヿ]+";

const char scanner_word_pattern[] =
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    "|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*"
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    "|\\p{N}"
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*"
    "|\\s*[\\r\\n]+"
    "|\\s+(?!\\S)"
    "|\\s+";

/* ---- scripts ---- */

typedef enum script {
    SCRIPT_NONE,
    SCRIPT_HANGUL,
    SCRIPT_PUNCTUATION,
    SCRIPT_BOPOMOFO,
    SCRIPT_HAN_KANA
} script;

/* The bracket of the script pattern that a character is in. */
static script script_of(uint32_t c) {
    if (c >= 0x4E00 && c <= 0x9FA5) return SCRIPT_HAN_KANA;
    if (c < 0x2014) return SCRIPT_NONE;
    if (c < 0x3000)
        return c == 0x2014 || c == 0x2018 || c == 0x2019 || c == 0x201C || c == 0x201D || c == 0x2026
                   ? SCRIPT_PUNCTUATION
                   : SCRIPT_NONE;
    if (c >= 0x3001 && c <= 0x303F) return SCRIPT_PUNCTUATION;
    if (c >= 0x3040 && c <= 0x30FF) return SCRIPT_HAN_KANA;
    if (c >= 0x3105 && c <= 0x312F) return SCRIPT_BOPOMOFO;
    if ((c >= 0x3131 && c <= 0x318E) || (c >= 0xAC00 && c <= 0xD7A3)) return SCRIPT_HANGUL;
    bool is_punctuation =
        (c >= 0xFE30 && c <= 0xFE4F) || c == 0xFF01 || c == 0xFF0C || c == 0xFF1A || c == 0xFF1B;
    return is_punctuation ? SCRIPT_PUNCTUATION : SCRIPT_NONE;
}

bool scan_scripts(const char *text, size_t length, size_t from, size_t *start, size_t *end) {
    script found = SCRIPT_NONE;
    size_t at = from, bytes;
    for (; at < length && found == SCRIPT_NONE; at += bytes) {
        bytes = 1;
        if ((uint8_t)text[at] >= 0x80) found = script_of(unicode_point(text + at, &bytes));
        *start = at;
    }
    if (found == SCRIPT_NONE) return false;
    while (at < length && (uint8_t)text[at] >= 0x80 && script_of(unicode_point(text + at, &bytes)) == found)
        at += bytes;
    *end = at;
    return true;
}

/* ---- words ---- */

#define UPPERS                                                                                               \
    (CLASS_BIT(CLASS_UPPER) | CLASS_BIT(CLASS_TITLE) | CLASS_BIT(CLASS_MODIFIER) | CLASS_BIT(CLASS_LETTER) | \
     CLASS_BIT(CLASS_MARK))
#define LOWERS \
    (CLASS_BIT(CLASS_LOWER) | CLASS_BIT(CLASS_MODIFIER) | CLASS_BIT(CLASS_LETTER) | CLASS_BIT(CLASS_MARK))

typedef struct scan {
    const uint8_t *classes;
    const char *text;
    size_t length;
} scan;

/* The class, as a bit, and the length of the character at `at`; 0 at the end of the text. */
static unsigned class_at(const scan *s, size_t at, size_t *bytes) {
    *bytes = 0;
    return at < s->length ? CLASS_BIT(s->classes[unicode_point(s->text + at, bytes)]) : 0;
}

static size_t skip_classes(const scan *s, size_t at, unsigned classes) {
    size_t bytes;
    while (class_at(s, at, &bytes) & classes) at += bytes;
    return at;
}

static bool is_line_end(char c) {
    return c == '\r' || c == '\n';
}

/* U for UPPERS, L for LOWERS: where U*L+ ends, else where U+L* does; `at` when neither matches. *has_lower
 * tells the first. U* takes all it can; without an L after it, it gives back until L+ finds one of the
 * characters that are in both. */
static size_t match_letters(const scan *s, size_t at, bool *has_lower) {
    size_t bytes, last_common = at, end = at;
    for (unsigned class; (class = class_at(s, end, &bytes)) & UPPERS;) {
        end += bytes;
        if (class & LOWERS) last_common = end;
    }
    size_t lower_end = skip_classes(s, end, LOWERS);
    *has_lower = lower_end > end || last_common > at;
    if (lower_end > end) return lower_end;
    return *has_lower ? last_common : end;
}

/* Past (?i:'s|'t|'re|'ve|'m|'ll|'d)?. A long s is an s. */
static size_t match_ending(const scan *s, size_t at) {
    size_t left = s->length - at;
    if (left < 2 || s->text[at] != '\'') return at;
    char first = s->text[at + 1] | 0x20, second = left > 2 ? s->text[at + 2] | 0x20 : 0;
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return at + 2;
    if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l'))
        return at + 3;
    bool is_long_s = left > 2 && s->text[at + 1] == '\xC5' && s->text[at + 2] == '\xBF';
    return is_long_s ? at + 3 : at;
}

/* The first two alternatives: a word, with or without a character before it. */
static size_t match_word(const scan *s, size_t from) {
    size_t bytes;
    unsigned class = class_at(s, from, &bytes);
    bool takes_prefix = !(class & (CLASSES_LETTERS | CLASSES_NUMBERS)) && !is_line_end(s->text[from]);
    size_t after = from + bytes, with_prefix = from, without = from;
    bool has_lower = false;
    if (takes_prefix) {
        with_prefix = match_letters(s, after, &has_lower);
        if (has_lower) return match_ending(s, with_prefix);
        if (with_prefix == after) with_prefix = from;
    }
    if (class & (UPPERS | LOWERS)) without = match_letters(s, from, &has_lower);
    if (has_lower || with_prefix == from) with_prefix = without;
    return with_prefix > from ? match_ending(s, with_prefix) : from;
}

/* Past " ?[^\s\p{L}\p{N}]+[\r\n/]*", or `from`. */
static size_t match_symbols(const scan *s, size_t from) {
    size_t start = from + (s->text[from] == ' ');
    size_t end = skip_classes(s, start, ~(CLASSES_LETTERS | CLASSES_NUMBERS | CLASS_BIT(CLASS_SPACE)));
    if (end == start) return from;
    while (end < s->length && (is_line_end(s->text[end]) || s->text[end] == '/')) end++;
    return end;
}

/* Past the last line end in the white space here, else past all of it that does not stand before a word,
 * else past the one character. */
static size_t match_space(const scan *s, size_t from) {
    size_t bytes, end = from, last = from, after_line = from;
    while (class_at(s, end, &bytes) & CLASS_BIT(CLASS_SPACE)) {
        last = end;
        end += bytes;
        if (is_line_end(s->text[last])) after_line = end;
    }
    if (after_line > from) return after_line;
    return end == s->length || last == from ? end : last;
}

size_t scan_word(const uint8_t *classes, const char *text, size_t length, size_t from) {
    scan s = {classes, text, length};
    size_t bytes, end = match_word(&s, from);
    if (end > from) return end;
    if (class_at(&s, from, &bytes) & CLASSES_NUMBERS) return from + bytes;
    end = match_symbols(&s, from);
    return end > from ? end : match_space(&s, from);
}
