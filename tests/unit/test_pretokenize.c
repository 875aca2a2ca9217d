/* Cutting text into words: Youtu's scanners against the patterns that they stand for, matched by PCRE2; every
 * behaviour of Split; what the translation of patterns makes of them; runs that are long. */
#include "libyoutu/pretokenize.h"
#include "libyoutu/scanner.h"
#include "libyoutu/unicode.h"
#include "libyoutu/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fixture.h"

static uint8_t *classes;

static int set_up(void **state) {
    (void)state;
    classes = unicode_classes_new();
    return classes ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    free(classes);
    return 0;
}

static youtu_status load(const char *text, pretokenizer *pre, youtu_error *error) {
    json document;
    youtu_status status = json_parse("tokenizer.json", text, strlen(text), &document, error);
    if (status != YOUTU_OK) return status;
    status = pretokenizer_load(&document, 0, classes, pre, error);
    json_free(&document);
    return status;
}

/* Words put one after the other, each followed by '|'. */
typedef struct joined {
    char *text;
    size_t length, capacity, n_words;
} joined;

static youtu_status join_word(void *user, const char *word, size_t length, youtu_error *error) {
    (void)error;
    joined *j = user;
    assert_true(length > 0);
    if (j->length + length + 1 > j->capacity) {
        j->capacity = 2 * (j->length + length + 1);
        j->text = realloc(j->text, j->capacity);
        assert_non_null(j->text);
    }
    memcpy(j->text + j->length, word, length);
    j->length += length;
    j->text[j->length++] = '|';
    j->n_words++;
    return YOUTU_OK;
}

static void cut_text(const pretokenizer *pre, const char *text, size_t length, joined *j) {
    pretokenize_scratch scratch = {0};
    youtu_error error;
    j->length = j->n_words = 0;
    expect_success(pretokenize(pre, &scratch, text, length, join_word, j, &error), &error);
    pretokenize_scratch_free(&scratch);
}

static void expect_words(const char *definition, const char *text, const char *expected) {
    pretokenizer pre;
    youtu_error error;
    joined j = {0};
    expect_success(load(definition, &pre, &error), &error);
    cut_text(&pre, text, strlen(text), &j);
    join_word(&j, "", 1, NULL); /* ends the string */
    assert_string_equal(j.text, expected);
    free(j.text);
    pretokenizer_free(&pre);
}

/* ---- the scanners ---- */

static uint64_t random_state = 1;

static uint32_t draw(uint32_t below) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

/* Characters of every class and bracket of the patterns, all older than any Unicode in use. */
static const char *const units[] = {"a",
                                    "z",
                                    "A",
                                    "Z",
                                    "é",
                                    "É",
                                    "ǅ",
                                    "ß",
                                    "ſ",
                                    "ﬁ",
                                    "ж",
                                    "Ж",
                                    "σ",
                                    "Σ",
                                    "ʰ",
                                    "ª",
                                    "א",
                                    "ب",
                                    "ก",
                                    "क",
                                    "ि",
                                    "\xCC\x81",
                                    "\xCC\x96",
                                    "\xE2\x83\x9D",
                                    "0",
                                    "9",
                                    "٣",
                                    "Ⅷ",
                                    "½",
                                    "²",
                                    "〇",
                                    "〡",
                                    "々",
                                    "〆",
                                    "、",
                                    "。",
                                    "〿",
                                    "頭",
                                    "一",
                                    "龥",
                                    "\xE9\xBE\xA6",
                                    "㐀",
                                    "𠀀",
                                    "ぁ",
                                    "ゟ",
                                    "\xE3\x81\x80",
                                    "゠",
                                    "・",
                                    "ー",
                                    "ヿ",
                                    "ㄅ",
                                    "ㄯ",
                                    "ㄱ",
                                    "ㆎ",
                                    "\xE3\x86\x8F",
                                    "가",
                                    "힣",
                                    "ᄀ",
                                    "！",
                                    "…",
                                    "“",
                                    "”",
                                    "‘",
                                    "’",
                                    "—",
                                    "：",
                                    "；",
                                    "，",
                                    "︰",
                                    "﹏",
                                    "﹐",
                                    "‥",
                                    "'",
                                    "'",
                                    "'s",
                                    "'S",
                                    "'ſ",
                                    "'t",
                                    "'re",
                                    "'VE",
                                    "'m",
                                    "'ll",
                                    "'lL",
                                    "'d",
                                    "'r",
                                    "'v",
                                    "'l",
                                    "!",
                                    "/",
                                    "//",
                                    "-",
                                    "_",
                                    "‿",
                                    "$",
                                    "+",
                                    "©",
                                    "😀",
                                    "\xE2\x80\x8D",
                                    "\xEF\xB8\x8F",
                                    " ",
                                    " ",
                                    "  ",
                                    "\t",
                                    "\n",
                                    "\r",
                                    "\r\n",
                                    "\v",
                                    "\f",
                                    "\x1C",
                                    "\xC2\x85",
                                    "\xC2\xA0",
                                    "\xE1\x9A\x80",
                                    "\xE1\xA0\x8E",
                                    "\xE2\x80\x80",
                                    "\xE2\x80\xA8",
                                    "\xE3\x80\x80",
                                    "\x01",
                                    "\x7F",
                                    "\xEE\x80\x80",
                                    "ⓐ"};

static size_t random_text(char *out, uint32_t most_units) {
    size_t n = 0;
    for (uint32_t i = 1 + draw(most_units); i > 0; i--) {
        const char *unit = units[draw(sizeof units / sizeof *units)];
        for (uint32_t r = draw(6) ? 1 : 1 + draw(9); r > 0; r--, n += strlen(unit))
            memcpy(out + n, unit, strlen(unit));
    }
    return n;
}

/* {"type": "Sequence", ...} of Splits by patterns, each between `before` and `after`. */
static void define(char *out, const char *const *patterns, size_t n, const char *before, const char *after) {
    out += sprintf(out, "{\"type\": \"Sequence\", \"pretokenizers\": [");
    for (size_t i = 0; i < n; i++) {
        out += sprintf(out, "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"%s", before);
        for (const char *c = patterns[i]; *c; c++) out += sprintf(out, *c == '\\' ? "\\\\" : "%c", *c);
        out += sprintf(out, "%s\"}, \"behavior\": \"Isolated\", \"invert\": false}, ", after);
    }
    sprintf(out, "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}]}");
}

static void test_scanners(void **state) {
    (void)state;
    const char *const patterns[] = {scanner_script_pattern, scanner_word_pattern};
    char definition[4096];
    pretokenizer scanned[3], matched[3];
    youtu_error error;
    for (size_t i = 0; i < 3; i++) { /* each alone, then both */
        define(definition, i < 2 ? &patterns[i] : patterns, i < 2 ? 1 : 2, "", "");
        expect_success(load(definition, &scanned[i], &error), &error);
        define(definition, i < 2 ? &patterns[i] : patterns, i < 2 ? 1 : 2, "(?:", ")");
        expect_success(load(definition, &matched[i], &error), &error);
        assert_int_equal(matched[i].stages[0].kind, STAGE_PATTERN);
        assert_int_not_equal(scanned[i].stages[0].kind, STAGE_PATTERN);
    }
    joined a = {0}, b = {0};
    for (int round = 0; round < 30000; round++) {
        char text[2048];
        size_t length = random_text(text, 12);
        for (size_t i = 0; i < 3; i++) {
            cut_text(&scanned[i], text, length, &a);
            cut_text(&matched[i], text, length, &b);
            if (a.length != b.length || memcmp(a.text, b.text, a.length) != 0)
                fail_msg("%.*s: scanned %.*s, matched %.*s", (int)length, text, (int)a.length, a.text,
                         (int)b.length, b.text);
        }
    }
    free(a.text);
    free(b.text);
    for (size_t i = 0; i < 3; i++) {
        pretokenizer_free(&scanned[i]);
        pretokenizer_free(&matched[i]);
    }
}

/* ---- long runs ---- */

/* Neither machine code nor interpreter may take quadratic time or give up, whatever is repeated. */
static void test_long_runs(void **state) {
    (void)state;
    enum { BYTES = 1000000 };
    static const char *const repeated[] = {"a",        "A",         "aA", " ",        "\n", " \n", "\t ", "7",
                                           "!",        "/",         "'",  "a'",       "頭", "ж",   "Ж",   "ב",
                                           "\xCC\x81", "A\xCC\x81", "😀",  "\xC2\xA0", "，", "가",  "\x01"};
    const char *const patterns[] = {scanner_script_pattern, scanner_word_pattern};
    char definition[4096];
    pretokenizer pre[2];
    youtu_error error;
    define(definition, patterns, 2, "", "");
    expect_success(load(definition, &pre[0], &error), &error);
    define(definition, patterns, 2, "(?:", ")");
    expect_success(load(definition, &pre[1], &error), &error);
    char *text = malloc(BYTES + 8);
    assert_non_null(text);
    clock_t start = clock();
    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
        size_t unit = strlen(repeated[i]), length = 0;
        for (; length + unit <= BYTES; length += unit) memcpy(text + length, repeated[i], unit);
        text[length++] = 'x';
        joined a = {0}, b = {0};
        cut_text(&pre[0], text, length, &a);
        cut_text(&pre[1], text, length, &b);
        assert_int_equal(a.length, b.length);
        assert_memory_equal(a.text, b.text, a.length);
        free(a.text);
        free(b.text);
    }
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC <
                60); /* a second or two; a quadratic way: hours */
    free(text);
    pretokenizer_free(&pre[0]);
    pretokenizer_free(&pre[1]);
}

/* A pattern that takes exponential time on this text is stopped; one that uses up the machine code's stack is
 * matched all the same. */
static void test_hard_patterns(void **state) {
    (void)state;
    pretokenizer pre;
    youtu_error error;
    pretokenize_scratch scratch = {0};
    joined j = {0};
    const char *evil = "((a+)+)+[bc]";
    char definition[1024], text[60];
    define(definition, &evil, 1, "", "");
    expect_success(load(definition, &pre, &error), &error);
    memset(text, 'a', sizeof text);
    youtu_status status = pretokenize(&pre, &scratch, text, sizeof text, join_word, &j, &error);
    expect_failure(NULL, status, &error, YOUTU_E_UNSUPPORTED,
                   "the pre-tokenizer's pattern fails on 60 bytes of text: match limit exceeded, at byte 0");
    pretokenizer_free(&pre);
    const char *deep = "(?:ab?|c)*d";
    size_t length = 2000000;
    char *run = malloc(length);
    assert_non_null(run);
    memset(run, 'a', length);
    run[length - 1] = 'd';
    define(definition, &deep, 1, "", "");
    expect_success(load(definition, &pre, &error), &error);
    cut_text(&pre, run, length, &j);
    assert_int_equal(j.n_words, 1);
    pretokenizer_free(&pre);
    pretokenize_scratch_free(&scratch);
    free(j.text);
    free(run);
}

/* ---- steps ---- */

#define BYTE_LEVEL \
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": false}"
#define SEQUENCE(steps) "{\"type\": \"Sequence\", \"pretokenizers\": [" steps ", " BYTE_LEVEL "]}"
#define SPLIT(pattern, behavior, invert)                                                                    \
    "{\"type\": \"Split\", \"pattern\": {" pattern "}, \"behavior\": \"" behavior "\", \"invert\": " invert \
    "}"
#define ONE_SPLIT(pattern, behavior, invert) SEQUENCE(SPLIT(pattern, behavior, invert))

/* The expected words are those of `tokenizers`. */
static void test_steps(void **state) {
    (void)state;
    static const struct {
        const char *definition, *text, *expected;
    } cases[] = {
        {BYTE_LEVEL, "a b", "a b|"},
        {ONE_SPLIT("\"Regex\": \"-\"", "Isolated", "false"), "the-final--countdown",
         "the|-|final|-|-|countdown|"},
        {ONE_SPLIT("\"Regex\": \"-\"", "Removed", "false"), "the-final--countdown", "the|final|countdown|"},
        {ONE_SPLIT("\"Regex\": \"-\"", "MergedWithPrevious", "false"), "the-final--countdown",
         "the-|final-|-|countdown|"},
        {ONE_SPLIT("\"Regex\": \"-\"", "MergedWithNext", "false"), "the-final--countdown",
         "the|-final|-|-countdown|"},
        {ONE_SPLIT("\"Regex\": \"-\"", "Contiguous", "false"), "the-final--countdown",
         "the|-|final|--|countdown|"},
        {ONE_SPLIT("\"Regex\": \"[a-z]+\"", "Removed", "true"), "the-final--countdown",
         "the|final|countdown|"},
        {ONE_SPLIT("\"Regex\": \"[a-z]\"", "Contiguous", "true"), "ab--c", "ab|--|c|"},
        {ONE_SPLIT("\"Regex\": \"[a-z]\"", "MergedWithNext", "true"), "-ab-c-", "-a|b|-c|-|"},
        {ONE_SPLIT("\"Regex\": \"[a-z]\"", "MergedWithPrevious", "true"), "-ab-c-", "-|a|b-|c-|"},
        {ONE_SPLIT("\"Regex\": \"-\"", "MergedWithPrevious", "false"), "--a-", "-|-|a-|"},
        {ONE_SPLIT("\"Regex\": \"-\"", "MergedWithNext", "false"), "-a--", "-a|-|-|"},
        {ONE_SPLIT("\"String\": \".*\"", "Isolated", "false"), "a.*b.c", "a|.*|b.c|"},
        {ONE_SPLIT("\"String\": \" \"", "MergedWithNext", "false"), "a b  c", "a| b| | c|"},
        {ONE_SPLIT("\"String\": \"\"", "Isolated", "false"), "a頭b", "a|頭|b|"},
        {ONE_SPLIT("\"Regex\": \"x*\"", "Isolated", "false"), "axxb", "a|xx|b|"},
        {ONE_SPLIT("\"Regex\": \"\\\\s+(?!\\\\S)|\\\\s+\"", "Isolated", "false"), "a   b  ", "a|  | |b|  |"},
        {SEQUENCE("{\"type\": \"Digits\", \"individual_digits\": true}"), "a12½b", "a|1|2|½|b|"},
        {SEQUENCE("{\"type\": \"Digits\", \"individual_digits\": false}"), "a12½b", "a|12½|b|"},
        {SEQUENCE(SPLIT("\"String\": \"b\"", "Isolated", "false") ", " SPLIT("\"Regex\": \"^.\"", "Isolated",
                                                                             "false")),
         "aabaa", "a|a|b|a|a|"},
        {"{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true}",
         "Hello my friend's 12 days!!  Yes", "Hello| my| friend|'s| 12| days|!!| | Yes|"},
        {"{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"use_regex\": true}", "Hi there",
         " Hi| there|"},
        {"{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"use_regex\": true}", " Hi there",
         " Hi| there|"},
        {"{\"type\": \"Sequence\", \"pretokenizers\": [" SPLIT(
             "\"String\": \"-\"", "Removed", "false") ", {\"type\": \"Sequence\", "
                                                      "\"pretokenizers\": [{\"type\": "
                                                      "\"ByteLevel\", \"add_prefix_space\": "
                                                      "true, \"use_regex\": false}]}]}",
         "a-b- c", " a| b| c|"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_words(cases[i].definition, cases[i].text, cases[i].expected);
}

/* ---- patterns ---- */

static void test_translation(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *expected;
    } cases[] = {
        {"", ""},
        {"a|b*?c++d{2,3}?", "a|b*?c++d{2,3}?"},
        {"\\p{L}\\P{Lu}\\p{^N}[^\\p{M}]", "\\p{L}\\P{Lu}\\p{^N}[^\\p{M}]"},
        {"\\p{Han}[\\p{^Hiragana}]", "\\p{sc:Han}[\\p{^sc:Hiragana}]"},
        {"a{,3}", "a{0,3}"},
        {"a{2}b{2,}", "a{2}b{2,}"},
        {"{a}{,}x{", "\\{a}\\{,}x\\{"},
        {"\\u4e00[\\u4E00-\\u9fa5]", "\\x{4e00}[\\x{4E00}-\\x{9fa5}]"},
        {"\\x{1F600}\\x41", "\\x{1F600}\\x{41}"},
        {"\\r\\n\\t\\.\\-\\頭", "\\r\\n\\t\\.\\-\\頭"},
        {"(?:a)(?=b)(?!c)(?<=d)(?<!e)(?>f)(?i:g)(h)", "(?:a)(?=b)(?!c)(?<=d)(?<!e)(?>f)(?i:g)(h)"},
        {"[a\\d-f]", "[a\\d\\-f]"},
        {"[+-\\d]", "[+\\-\\d]"},
        {"[^]a]", NULL}, /* refused, see below */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        regex_translation out = {0};
        char reason[REGEX_REASON_BYTES];
        youtu_status status = regex_translate(cases[i].pattern, strlen(cases[i].pattern), &out, reason);
        if (cases[i].expected) {
            assert_int_equal(status, YOUTU_OK);
            assert_int_equal(out.length, strlen(cases[i].expected));
            assert_memory_equal(out.pattern, cases[i].expected, out.length);
        } else {
            assert_int_equal(status, YOUTU_E_UNSUPPORTED);
        }
        free(out.pattern);
        free(out.origins);
    }
}

/* What \s, \w and their complements are, character by character. */
static void test_class_escapes(void **state) {
    (void)state;
    static const char *const patterns[] = {"\\s",    "[\\s]", "[^\\S]", "\\w", "[\\w]",
                                           "[^\\s]", "\\S",   "[\\S]",  "\\W"};
    enum { FIRST_WORD = 3, FIRST_NOT_SPACE = 5, NOT_WORD = 8 };
    static const char latin_numbers[] = "\xB2\xB3\xB9\xBC\xBD\xBE"; /* of \w in Oniguruma only */
    for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
        regex *expression;
        regex_scratch scratch = {0};
        char reason[REGEX_REASON_BYTES];
        assert_int_equal(regex_compile(patterns[p], strlen(patterns[p]), false, &expression, reason),
                         YOUTU_OK);
        for (uint32_t point = 0; point < 0x3100; point++) {
            char character[4];
            size_t length = utf8_encode(point, character);
            bool found, is_space = classes[point] == CLASS_SPACE;
            bool is_word = (unicode_is_word(classes, point) && point != 0x200C && point != 0x200D) ||
                           (point > 0 && point < 256 && strchr(latin_numbers, (char)point));
            bool expected = p < FIRST_WORD        ? is_space
                            : p < FIRST_NOT_SPACE ? is_word
                            : p < NOT_WORD        ? !is_space
                                                  : !is_word;
            regex_match match;
            youtu_error error;
            expect_success(regex_find(expression, &scratch, character, length, 0, &found, &match, &error),
                           &error);
            bool is_old = point < 0x700; /* above are words that only some PCRE2 know */
            if (found != expected && (is_old || p < FIRST_WORD))
                fail_msg("%s and U+%04X", patterns[p], point);
        }
        regex_scratch_free(&scratch);
        regex_free(expression);
    }
}

static void test_refused(void **state) {
    (void)state;
#define PATTERN(text)                                                 \
    SEQUENCE("{\"type\": \"Split\", \"pattern\": {\"Regex\": \"" text \
             "\"}, \"behavior\": \"Isolated\", \"invert\": false}")
#define REASON(text, reason)                                                             \
    PATTERN(text), "tokenizer.json: field \"pretokenizers[0].pattern.Regex\" is \"" text \
                   "\", expected a pattern known here (" reason ")"
    static const struct {
        youtu_status status;
        const char *definition, *message;
    } cases[] = {
        {YOUTU_E_UNSUPPORTED, "{\"type\": \"Metaspace\"}",
         "tokenizer.json: field \"type\" is \"Metaspace\", expected Sequence, Split, Digits or ByteLevel"},
        {YOUTU_E_UNSUPPORTED, SEQUENCE("{\"type\": \"Whitespace\"}"),
         "tokenizer.json: field \"pretokenizers[0].type\" is \"Whitespace\", expected Sequence, Split, Digits or "
         "ByteLevel"},
        {YOUTU_E_UNSUPPORTED, SEQUENCE(BYTE_LEVEL),
         "tokenizer.json: field \"pretokenizers[1].type\" is \"ByteLevel\", expected nothing after ByteLevel"},
        {YOUTU_E_UNSUPPORTED, "{\"type\": \"Digits\", \"individual_digits\": true}",
         "tokenizer.json: is {\"type\": \"Digits\", \"individual_digits\": true}, expected ByteLevel, or a Sequence "
         "that ends with it"},
        {YOUTU_E_FORMAT, "{\"type\": \"Sequence\"}",
         "tokenizer.json: field \"pretokenizers\" is missing, expected an array"},
        {YOUTU_E_FORMAT, "{\"pretokenizers\": []}",
         "tokenizer.json: field \"type\" is missing, expected Sequence, Split, Digits or ByteLevel"},
        {YOUTU_E_UNSUPPORTED, ONE_SPLIT("\"String\": \"a\"", "Merged", "false"),
         "tokenizer.json: field \"pretokenizers[0].behavior\" is \"Merged\", expected Isolated, Removed, "
         "MergedWithPrevious, MergedWithNext or Contiguous"},
        {YOUTU_E_FORMAT, ONE_SPLIT("", "Isolated", "false"),
         "tokenizer.json: field \"pretokenizers[0].pattern\" is {}, expected {\"Regex\": ...} or {\"String\": ...}"},
        {YOUTU_E_FORMAT, ONE_SPLIT("\"Regex\": 5", "Isolated", "false"),
         "tokenizer.json: field \"pretokenizers[0].pattern.Regex\" is 5, expected a string"},
        {YOUTU_E_FORMAT, ONE_SPLIT("\"Regex\": \"a\"", "Isolated", "7"),
         "tokenizer.json: field \"pretokenizers[0].invert\" is 7, expected true or false"},
        {YOUTU_E_FORMAT, REASON("ab(", "missing closing parenthesis, at byte 3")},
        {YOUTU_E_FORMAT, REASON("*a", "quantifier does not follow a repeatable item, at byte 0")},
        {YOUTU_E_FORMAT, REASON("a[z-a]", "range out of order in character class, at byte 4")},
        {YOUTU_E_UNSUPPORTED, REASON("a[b", "a set is not closed, at byte 3")},
        {YOUTU_E_UNSUPPORTED, REASON("[]a]", "] is the first of a set, at byte 1")},
        {YOUTU_E_UNSUPPORTED, REASON("[a[bc]]", "[ inside a set is not supported, at byte 2")},
        {YOUTU_E_UNSUPPORTED, REASON("[a&&b]", "&& inside a set is not supported, at byte 2")},
        {YOUTU_E_UNSUPPORTED, REASON("a\\\\h", "\\h is not supported, at byte 1")},
        {YOUTU_E_UNSUPPORTED, REASON("\\\\bword", "\\b is not supported, at byte 0")},
        {YOUTU_E_UNSUPPORTED, REASON("(a)\\\\1", "\\1 is not supported, at byte 3")},
        {YOUTU_E_UNSUPPORTED, REASON("[\\\\W]", "\\W inside a set is not supported, at byte 1")},
        {YOUTU_E_UNSUPPORTED, REASON("(?<n>a)", "(?<n begins a group that is not supported, at byte 0")},
        {YOUTU_E_UNSUPPORTED, REASON("(?i)a", "(?i) begins a group that is not supported, at byte 0")},
        {YOUTU_E_UNSUPPORTED, REASON("(*UTF)a", "(* is not supported, at byte 0")},
        {YOUTU_E_UNSUPPORTED, REASON("a{2}?", "{2}? is not supported, at byte 1")},
        {YOUTU_E_UNSUPPORTED, REASON("a{2,3}+", "{2,3}+ is not supported, at byte 1")},
        {YOUTU_E_UNSUPPORTED, REASON("\\\\pL", "\\p has no {name}, at byte 0")},
        {YOUTU_E_UNSUPPORTED, REASON("\\\\u12", "\\u is not followed by a code point, at byte 0")},
        {YOUTU_E_UNSUPPORTED, REASON("\\\\x{110000000}", "\\x{ is not followed by a code point, at byte 0")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        youtu_error error;
        pretokenizer pre;
        youtu_status status = load(cases[i].definition, &pre, &error);
        /* A message shows a string as it stands in the file, its backslashes doubled. */
        expect_failure(NULL, status, &error, cases[i].status, cases[i].message);
    }
}

static void test_too_many_steps(void **state) {
    (void)state;
    char text[4096], *end = text;
    end += sprintf(end, "{\"type\": \"Sequence\", \"pretokenizers\": [");
    for (int i = 0; i <= PRETOKENIZER_MAX_STAGES; i++)
        end += sprintf(end, "{\"type\": \"Digits\", \"individual_digits\": true}, ");
    sprintf(end, BYTE_LEVEL "]}");
    youtu_error error;
    pretokenizer pre;
    expect_failure(NULL, load(text, &pre, &error), &error, YOUTU_E_UNSUPPORTED,
                   "tokenizer.json: pre_tokenizer has more than 16 steps");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scanners),      cmocka_unit_test(test_long_runs),
        cmocka_unit_test(test_hard_patterns), cmocka_unit_test(test_steps),
        cmocka_unit_test(test_translation),   cmocka_unit_test(test_class_escapes),
        cmocka_unit_test(test_refused),       cmocka_unit_test(test_too_many_steps),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
