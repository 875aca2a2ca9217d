/* Oniguruma's syntax and PCRE2's agree on most of what patterns for words use. Where they do not:
 *   \s          PCRE2 adds U+180E                   spelled out
 *   \w          PCRE2 has other numbers, no marks   spelled out
 *   \uHHHH      unknown to PCRE2                    \x{HHHH}
 *   {,n}        literal in PCRE2                    {0,n}
 *   {           literal where no interval follows   \{
 *   \p{Han}     PCRE2: script extensions            \p{sc:Han}
 * What is read otherwise and has no use in words is refused: sets within sets and &&, \h \b \v \K \R \X \G
 * and others, back references, named groups, options but (?i:...), {n}? and {n,m}+ (not lazy, not
 * possessive). Both fold case alike for ASCII letters (U+017F is an s). \p{..} of characters newer than
 * PCRE2's own version of Unicode may differ. */
#include "regex.h"

#include <stdio.h>
#include <string.h>

#include "array.h"
#include "utf8.h"

/* White_Space, as the inside of a set. Between ranges, so that no hyphen next to it can make another. */
#define SPACES \
    "\\x{9}-\\x{D}\\x{20}\\x{85}\\x{A0}\\x{1680}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}\\x{2000}-\\x{200A}"
#define NOT_SPACES                                                                                  \
    "\\x{0}-\\x{8}\\x{E}-\\x{1F}\\x{21}-\\x{84}\\x{86}-\\x{9F}\\x{A1}-\\x{167F}\\x{1681}-\\x{1FFF}" \
    "\\x{200B}-\\x{2027}\\x{202A}-\\x{202E}\\x{2030}-\\x{205E}\\x{2060}-\\x{2FFF}\\x{3001}-\\x{10FFFF}"
/* Letters, marks, digits, letter numbers, connectors, letters in circles and squares; six fractions and
 * exponents of Latin-1 that Oniguruma counts among them. */
#define WORDS                                                               \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}" \
    "\\x{24B6}-\\x{24E9}\\x{1F130}-\\x{1F149}\\x{1F150}-\\x{1F169}\\x{1F170}-\\x{1F189}"

typedef struct translator {
    const char *pattern;
    size_t length, at;
    regex_translation *out;
    char *reason;
} translator;

/* The byte `ahead` of the one at hand; 0 past the end, which is no part of any construct. */
static char peek(const translator *t, size_t ahead) {
    return ahead < t->length - t->at ? t->pattern[t->at + ahead] : '\0';
}

static bool starts_with(const translator *t, const char *text) {
    size_t n = strlen(text);
    return n <= t->length - t->at && memcmp(t->pattern + t->at, text, n) == 0;
}

static youtu_status put_bytes(translator *t, const char *bytes, size_t n) {
    regex_translation *out = t->out;
    if (n == 0) return YOUTU_OK;
    if (!array_reserve((void **)&out->pattern, &out->capacity, out->length + n, 1) ||
        !array_reserve((void **)&out->origins, &out->origins_capacity, out->length + n,
                       sizeof *out->origins)) {
        snprintf(t->reason, REGEX_REASON_BYTES, "out of memory");
        return YOUTU_E_MEMORY;
    }
    memcpy(out->pattern + out->length, bytes, n);
    for (size_t i = 0; i < n; i++) out->origins[out->length + i] = (uint32_t)t->at;
    out->length += n;
    return YOUTU_OK;
}

static youtu_status put(translator *t, const char *text) {
    return put_bytes(t, text, strlen(text));
}

/* Copies n bytes of the pattern and passes them. */
static youtu_status copy(translator *t, size_t n) {
    youtu_status status = YOUTU_OK;
    for (size_t i = 0; i < n && status == YOUTU_OK; i++, t->at++)
        status = put_bytes(t, t->pattern + t->at, 1);
    return status;
}

/* Puts what stands for n bytes of the pattern and passes them. */
static youtu_status replace(translator *t, size_t n, const char *text) {
    youtu_status status = put(t, text);
    t->at += n;
    return status;
}

static youtu_status refuse(translator *t, size_t n, const char *why) {
    if (n > t->length - t->at) n = t->length - t->at;
    snprintf(t->reason, REGEX_REASON_BYTES, "%.*s%s%s, at byte %zu", (int)n, t->pattern + t->at,
             n > 0 ? " " : "", why, t->at);
    return YOUTU_E_UNSUPPORTED;
}

/* \p{..} and \P{..}: categories stand as they are, longer names are scripts. */
static youtu_status translate_property(translator *t) {
    size_t name = 3, end = 3;
    if (peek(t, 2) != '{') return refuse(t, 2, "has no {name}");
    if (peek(t, name) == '^') name++;
    for (end = name; peek(t, end) != '}'; end++) {
        char c = peek(t, end);
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'))
            return refuse(t, end + 1, "is no category or script");
    }
    if (end - name <= 2) return copy(t, end + 1);
    youtu_status status = copy(t, name);
    if (status == YOUTU_OK) status = put(t, "sc:");
    return status == YOUTU_OK ? copy(t, end + 1 - name) : status;
}

static size_t skip_hex(const translator *t, size_t ahead, size_t most) {
    size_t end = ahead;
    while (end < ahead + most && peek(t, end) != '\0' && strchr("0123456789abcdefABCDEF", peek(t, end)))
        end++;
    return end;
}

/* \uHHHH, \xHH, \x{H..} */
static youtu_status translate_point(translator *t) {
    bool is_braced = starts_with(t, "\\x{");
    size_t most = is_braced ? 8 : peek(t, 1) == 'u' ? 4 : 2, start = is_braced ? 3 : 2;
    size_t end = skip_hex(t, start, most);
    if (is_braced ? end == start || peek(t, end) != '}' : end < start + most)
        return refuse(t, start, "is not followed by a code point");
    if (is_braced) return copy(t, end + 1);
    youtu_status status = replace(t, 2, "\\x{");
    if (status == YOUTU_OK) status = copy(t, most);
    return status == YOUTU_OK ? put(t, "}") : status;
}

/* \s, \S, \w, \W: inside a set their content, outside a set of it. */
static youtu_status translate_set_escape(translator *t, char letter, bool in_set) {
    const char *content = letter == 's' || letter == 'S' ? SPACES : WORDS;
    if (in_set && letter == 'W') return refuse(t, 2, "inside a set is not supported");
    if (in_set) return replace(t, 2, letter == 'S' ? NOT_SPACES : content);
    youtu_status status = put(t, letter == 'S' || letter == 'W' ? "[^" : "[");
    if (status == YOUTU_OK) status = put(t, content);
    return status == YOUTU_OK ? replace(t, 2, "]") : status;
}

static youtu_status translate_escape(translator *t, bool in_set) {
    char letter = peek(t, 1);
    size_t bytes = utf8_character_bytes(t->pattern + t->at + 1, t->length - t->at - 1);
    if (bytes == 0) return refuse(t, 1, "ends the pattern");
    bool is_alphanumeric = (letter >= '0' && letter <= '9') || (letter >= 'A' && letter <= 'Z') ||
                           (letter >= 'a' && letter <= 'z');
    if (!is_alphanumeric) return copy(t, 1 + bytes);
    if (strchr("sSwW", letter)) return translate_set_escape(t, letter, in_set);
    if (letter == 'p' || letter == 'P') return translate_property(t);
    if (letter == 'u' || letter == 'x') return translate_point(t);
    if (strchr("dDrntfea", letter) || (!in_set && strchr("AzZ", letter))) return copy(t, 2);
    return refuse(t, 2, "is not supported");
}

/* Whether an escape for many characters is `ahead`: next to it a hyphen is one. */
static bool is_set_escape(const translator *t, size_t ahead) {
    return peek(t, ahead) == '\\' && peek(t, ahead + 1) != '\0' && strchr("sSwWdDpP", peek(t, ahead + 1));
}

/* [...] from its bracket past its end. */
static youtu_status translate_set(translator *t) {
    youtu_status status = copy(t, peek(t, 1) == '^' ? 2 : 1);
    if (peek(t, 0) == ']') return refuse(t, 1, "is the first of a set");
    while (status == YOUTU_OK && peek(t, 0) != ']') {
        if (t->at == t->length) return refuse(t, 0, "a set is not closed");
        bool is_many = is_set_escape(t, 0);
        if (peek(t, 0) == '[') return refuse(t, 1, "inside a set is not supported");
        if (starts_with(t, "&&")) return refuse(t, 2, "inside a set is not supported");
        if (peek(t, 0) == '\\')
            status = translate_escape(t, true);
        else if (peek(t, 0) == '-' && is_set_escape(t, 1))
            status = replace(t, 1, "\\-");
        else
            status = copy(t, 1);
        if (is_many && status == YOUTU_OK && peek(t, 0) == '-') status = replace(t, 1, "\\-");
    }
    return status == YOUTU_OK ? copy(t, 1) : status;
}

static youtu_status translate_group(translator *t) {
    static const char *const known[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (starts_with(t, known[i])) return copy(t, strlen(known[i]));
    if (peek(t, 1) == '?') return refuse(t, 4, "begins a group that is not supported");
    if (peek(t, 1) == '*') return refuse(t, 2, "is not supported");
    return copy(t, 1);
}

static size_t skip_digits(const translator *t, size_t ahead) {
    while (peek(t, ahead) >= '0' && peek(t, ahead) <= '9') ahead++;
    return ahead;
}

/* {n}, {n,}, {n,m}, {,m}, or a brace that stands for itself. */
static youtu_status translate_brace(translator *t) {
    size_t first_end = skip_digits(t, 1), end = first_end;
    bool is_range = peek(t, first_end) == ',';
    if (is_range) end = skip_digits(t, first_end + 1);
    bool has_first = first_end > 1, has_second = is_range && end > first_end + 1;
    if (peek(t, end) != '}' || (!has_first && !has_second)) return replace(t, 1, "\\{");
    if (peek(t, end + 1) == '+') return refuse(t, end + 2, "is not supported");
    if (!is_range && peek(t, end + 1) == '?') return refuse(t, end + 2, "is not supported");
    if (has_first) return copy(t, end + 1);
    youtu_status status = replace(t, 1, "{0");
    return status == YOUTU_OK ? copy(t, end) : status;
}

youtu_status regex_translate(const char *pattern, size_t length, regex_translation *out,
                             char reason[REGEX_REASON_BYTES]) {
    translator t = {.pattern = pattern, .length = length, .out = out, .reason = reason};
    youtu_status status = put(&t, ""); /* arrays even for an empty pattern */
    while (t.at < length && status == YOUTU_OK) {
        switch (pattern[t.at]) {
        case '\\': status = translate_escape(&t, false); break;
        case '[': status = translate_set(&t); break;
        case '(': status = translate_group(&t); break;
        case '{': status = translate_brace(&t); break;
        default: status = copy(&t, 1);
        }
    }
    return status;
}
