/* The tokenizer as a whole: the reference's tokens for small-4k, added tokens, BOS, text that is no UTF-8,
 * streaming, threads, and every file that must be refused. Run from the root of the project. */
#include "libyoutu/array.h"
#include "libyoutu/youtu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

#define SMALL "tests/golden/tokenizers/small-4k"

static youtu_tokenizer *open_small(void) {
    youtu_tokenizer *tokenizer = NULL;
    youtu_error error;
    expect_success(youtu_tokenizer_open(SMALL, &tokenizer, &error), &error);
    return tokenizer;
}

static void expect_ids(const youtu_tokens *tokens, const int32_t *expected, size_t count) {
    assert_int_equal(tokens->count, count);
    if (count > 0) assert_memory_equal(tokens->ids, expected, count * sizeof *expected);
}

static void encode(const youtu_tokenizer *tokenizer, const char *text, size_t length, youtu_text_kind kind,
                   youtu_tokens *tokens) {
    youtu_error error;
    tokens->count = 0;
    expect_success(youtu_encode(tokenizer, text, length, kind, tokens, &error), &error);
}

/* The text of tokens, streamed; *length without the terminator. */
static char *stream(const youtu_tokenizer *tokenizer, const int32_t *ids, size_t count, bool with_special,
                    size_t *length) {
    youtu_detokenizer *detokenizer;
    youtu_error error;
    expect_success(youtu_detokenizer_new(tokenizer, with_special, &detokenizer, &error), &error);
    char *out = NULL;
    size_t capacity = 0;
    *length = 0;
    for (size_t i = 0; i <= count; i++) {
        const char *text;
        size_t n;
        if (i < count)
            expect_success(youtu_detokenizer_push(detokenizer, ids[i], &text, &n, &error), &error);
        else
            youtu_detokenizer_finish(detokenizer, &text, &n);
        assert_true(array_reserve((void **)&out, &capacity, *length + n + 1, 1));
        memcpy(out + *length, text, n);
        *length += n;
        out[*length] = '\0';
    }
    youtu_detokenizer_free(detokenizer);
    return out;
}

/* ---- the reference ---- */

static void expect_case(const youtu_tokenizer *tokenizer, const json_t *line, const char *key,
                        youtu_text_kind kind, youtu_tokens *tokens) {
    const json_t *text = json_object_get(line, "text"), *ids = json_object_get(line, key);
    encode(tokenizer, json_string_value(text), json_string_length(text), kind, tokens);
    assert_int_equal(tokens->count, json_array_size(ids));
    for (size_t i = 0; i < tokens->count; i++)
        assert_int_equal(tokens->ids[i], json_integer_value(json_array_get(ids, i)));
    size_t length;
    char *back = stream(tokenizer, tokens->ids, tokens->count, true, &length);
    assert_int_equal(length, json_string_length(text));
    assert_memory_equal(back, json_string_value(text), length);
    free(back);
}

/* All of a directory's cases. */
static void expect_cases(const char *directory, size_t expected_cases) {
    youtu_tokenizer *tokenizer = NULL;
    youtu_error error;
    char path[128];
    expect_success(youtu_tokenizer_open(directory, &tokenizer, &error), &error);
    snprintf(path, sizeof path, "%s/cases.jsonl", directory);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    youtu_tokens tokens = {0};
    char *line = NULL;
    size_t capacity = 0, n_cases = 0;
    for (ssize_t length; (length = getline(&line, &capacity, file)) > 0; n_cases++) {
        json_error_t problem;
        json_t *parsed = json_loadb(line, (size_t)length, JSON_ALLOW_NUL, &problem);
        assert_non_null(parsed);
        expect_case(tokenizer, parsed, "ids", YOUTU_TEXT_MARKED, &tokens);
        expect_case(tokenizer, parsed, "ids_plain", YOUTU_TEXT_PLAIN, &tokens);
        json_decref(parsed);
    }
    assert_int_equal(n_cases, expected_cases);
    free(line);
    fclose(file);
    youtu_tokens_free(&tokens);
    youtu_tokenizer_close(tokenizer);
}

static void test_reference(void **state) {
    (void)state;
    expect_cases(SMALL, 336);
}

/* A vocabulary of the published size: 128,000 tokens, merges as strings, an empty normalizer. */
static void test_reference_of_full_size(void **state) {
    (void)state;
    expect_cases("tests/golden/tokenizers/youtu-128k", 736);
}

static void test_vocabulary(void **state) {
    (void)state;
    youtu_tokenizer *tokenizer = open_small();
    assert_int_equal(youtu_tokenizer_vocab_size(tokenizer), 4000);
    assert_int_equal(youtu_token_find(tokenizer, "<|User|>"), 2);
    assert_int_equal(youtu_token_find(tokenizer, "a"), -1); /* an ordinary token */
    assert_int_equal(youtu_token_find(tokenizer, ""), -1);
    size_t length;
    assert_memory_equal(youtu_token_bytes(tokenizer, 2, &length), "<|User|>", 8);
    assert_int_equal(length, 8);
    assert_memory_equal(youtu_token_bytes(tokenizer, 230, &length), " ", 1);
    assert_null(youtu_token_bytes(tokenizer, -1, &length));
    assert_null(youtu_token_bytes(tokenizer, 4000, &length));
    assert_int_equal(length, 0);
    assert_true(youtu_token_is_special(tokenizer, 2));
    assert_false(youtu_token_is_special(tokenizer, 230));
    assert_false(youtu_token_is_special(tokenizer, -1));
    assert_false(youtu_token_is_special(tokenizer, 4000));
    youtu_tokenizer_close(tokenizer);
    youtu_tokenizer_close(NULL);
}

/* ---- text ---- */

static void test_plain_text_is_no_marker(void **state) {
    (void)state;
    static const char text[] = "a<|Assistant|><think>";
    youtu_tokenizer *tokenizer = open_small();
    youtu_tokens tokens = {0};
    encode(tokenizer, text, strlen(text), YOUTU_TEXT_MARKED, &tokens);
    expect_ids(&tokens, (const int32_t[]){74, 3, 4}, 3);
    encode(tokenizer, text, strlen(text), YOUTU_TEXT_PLAIN, &tokens);
    for (size_t i = 0; i < tokens.count; i++) assert_true(tokens.ids[i] > 9);
    size_t length;
    char *back = stream(tokenizer, tokens.ids, tokens.count, false, &length);
    assert_string_equal(back, text);
    free(back);
    youtu_tokens_free(&tokens);
    youtu_tokenizer_close(tokenizer);
}

static void test_not_utf8(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t length, offset;
    } cases[] = {
        {"\x80", 1, 0},         {"ab\xFF", 3, 2},           {"\xC0\x80", 2, 0}, {"a\xC3", 2, 1},
        {"\xE0\x80\x80", 3, 0}, {"\xED\xA0\x80", 3, 0},     {"\xE4\xB8", 2, 0}, {"\xF4\x90\x80\x80", 4, 0},
        {"\xF0\x9F\x98", 3, 0}, {"\xE5\xA4\xB4\xE5", 4, 3}, {"a\xF8", 2, 1}};
    youtu_tokenizer *tokenizer = open_small();
    youtu_tokens tokens = {0};
    youtu_error error;
    encode(tokenizer, "a", 1, YOUTU_TEXT_PLAIN, &tokens);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[128];
        snprintf(expected, sizeof expected, "the text is not valid UTF-8 at byte %zu of %zu (0x%02X)",
                 cases[i].offset, cases[i].length, (unsigned char)cases[i].text[cases[i].offset]);
        youtu_status status =
            youtu_encode(tokenizer, cases[i].text, cases[i].length, YOUTU_TEXT_PLAIN, &tokens, &error);
        expect_failure(NULL, status, &error, YOUTU_E_TEXT, expected);
        expect_ids(&tokens, (const int32_t[]){74}, 1); /* as before */
        assert_int_equal(
            youtu_encode(tokenizer, cases[i].text, cases[i].length, YOUTU_TEXT_MARKED, &tokens, NULL),
            YOUTU_E_TEXT);
    }
    youtu_tokens_free(&tokens);
    youtu_tokenizer_close(tokenizer);
}

static void test_nul_and_nothing(void **state) {
    (void)state;
    youtu_tokenizer *tokenizer = open_small();
    youtu_tokens tokens = {0};
    encode(tokenizer, "", 0, YOUTU_TEXT_PLAIN, &tokens);
    expect_ids(&tokens, NULL, 0);
    encode(tokenizer, "", 0, YOUTU_TEXT_MARKED, &tokens);
    expect_ids(&tokens, NULL, 0);
    static const char text[] = "a\0b\0";
    encode(tokenizer, text, 4, YOUTU_TEXT_PLAIN, &tokens);
    size_t length;
    char *back = stream(tokenizer, tokens.ids, tokens.count, true, &length);
    assert_int_equal(length, 4);
    assert_memory_equal(back, text, 4);
    free(back);
    youtu_tokens_free(&tokens);
    youtu_tokenizer_close(tokenizer);
}

/* Two megabytes without a break: Chinese, then the same with a joiner that no token has. */
static void test_long_text(void **state) {
    (void)state;
    static const char *const units[] = {"头痛", "头痛\xE2\x80\x8D", "A", " ", "\n \t"};
    youtu_tokenizer *tokenizer = open_small();
    youtu_tokens tokens = {0};
    char *text = malloc(2000016);
    assert_non_null(text);
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        size_t unit = strlen(units[u]), length = 0;
        for (; length < 2000000; length += unit) memcpy(text + length, units[u], unit);
        encode(tokenizer, text, length, YOUTU_TEXT_PLAIN, &tokens);
        size_t back_length;
        char *back = stream(tokenizer, tokens.ids, tokens.count, true, &back_length);
        assert_int_equal(back_length, length);
        assert_memory_equal(back, text, length);
        free(back);
    }
    free(text);
    youtu_tokens_free(&tokens);
    youtu_tokenizer_close(tokenizer);
}

typedef struct worker {
    const youtu_tokenizer *tokenizer;
    const char *text;
    const youtu_tokens *expected;
    bool agrees;
} worker;

static void *work(void *user) {
    worker *w = user;
    youtu_tokens tokens = {0};
    w->agrees = true;
    for (int i = 0; i < 200; i++) {
        tokens.count = 0;
        youtu_status status =
            youtu_encode(w->tokenizer, w->text, strlen(w->text), YOUTU_TEXT_MARKED, &tokens, NULL);
        w->agrees = w->agrees && status == YOUTU_OK && tokens.count == w->expected->count &&
                    memcmp(tokens.ids, w->expected->ids, tokens.count * sizeof *tokens.ids) == 0;
    }
    youtu_tokens_free(&tokens);
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    youtu_tokenizer *tokenizer = open_small();
    youtu_tokens tokens = {0};
    static const char text[] =
        "<|User|>我最近三天一直头痛,集中在太阳穴位置。I don't know 12.5℃  \n😀<|Assistant|>";
    encode(tokenizer, text, strlen(text), YOUTU_TEXT_MARKED, &tokens);
    worker workers[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        workers[i] = (worker){tokenizer, text, &tokens, false};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_true(workers[i].agrees);
    }
    youtu_tokens_free(&tokens);
    youtu_tokenizer_close(tokenizer);
}

/* ---- files made here ---- */

/* Parts of a tokenizer.json; NULL stands for the usual one. */
typedef struct parts {
    const char *added, *normalizer, *pre_tokenizer, *post_processor, *decoder, *model, *more;
} parts;

#define MODEL                                                                                                  \
    "{\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"c\": 2, \"<\": 3, \">\": 4, \"Ġ\": 5, \"ab\": 6, " \
    "\"Ġa\": 7, \"e\": 8, \"Ì\": 9, \"ģ\": 10, \"Ã\": 11, \"©\": 12, \"<a\": 13, \"<a>\": 14}, "          \
    "\"merges\": [\"a b\", \"Ġ a\", \"< a\", [\"<a\", \">\"]]}"
#define BYTE_LEVEL \
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": false}"
#define ADDED(id, content, flags) "{\"id\": " id ", \"content\": \"" content "\", " flags "}"
#define FLAGS(single, left, right, normalized, special)                                                     \
    "\"single_word\": " single ", \"lstrip\": " left ", \"rstrip\": " right ", \"normalized\": " normalized \
    ", \"special\": " special
#define NO_FLAGS FLAGS("false", "false", "false", "false", "false")
#define SPECIAL FLAGS("false", "false", "false", "false", "true")

static void write_parts(const fixture *f, parts p) {
    static char text[1 << 16];
#define OR(part, usual) (p.part ? p.part : (usual))
    int length = snprintf(
        text, sizeof text,
        "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": [%s], "
        "\"normalizer\": %s, \"pre_tokenizer\": %s, \"post_processor\": %s, \"decoder\": %s, \"model\": "
        "%s%s}",
        OR(added, ""), OR(normalizer, "null"), OR(pre_tokenizer, BYTE_LEVEL), OR(post_processor, "null"),
        OR(decoder, BYTE_LEVEL), OR(model, MODEL), OR(more, ""));
#undef OR
    assert_in_range(length, 1, sizeof text - 1);
    fixture_write_text(f, "tokenizer.json", text);
}

static youtu_tokenizer *open_parts(const fixture *f, parts p) {
    youtu_tokenizer *tokenizer = NULL;
    youtu_error error;
    write_parts(f, p);
    expect_success(youtu_tokenizer_open(f->directory, &tokenizer, &error), &error);
    return tokenizer;
}

static void expect_encoded(const youtu_tokenizer *tokenizer, const char *text, youtu_text_kind kind,
                           const int32_t *expected, size_t count) {
    youtu_tokens tokens = {0};
    encode(tokenizer, text, strlen(text), kind, &tokens);
    expect_ids(&tokens, expected, count);
    youtu_tokens_free(&tokens);
}

#define EXPECT_MARKED(tokenizer, text, ...)                                            \
    expect_encoded(tokenizer, text, YOUTU_TEXT_MARKED, (const int32_t[]){__VA_ARGS__}, \
                   sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))
#define EXPECT_PLAIN(tokenizer, text, ...)                                            \
    expect_encoded(tokenizer, text, YOUTU_TEXT_PLAIN, (const int32_t[]){__VA_ARGS__}, \
                   sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

/* What merging would make of plain text stops before an added token: "<a" and ">" stay two. */
static void test_merges_make_no_marker(void **state) {
    const fixture *f = *state;
    youtu_tokenizer *t = open_parts(f, (parts){0});
    EXPECT_PLAIN(t, "<a>", 14);
    youtu_tokenizer_close(t);
    static const char *const flags[] = {ADDED("14", "<a>", SPECIAL), ADDED("14", "<a>", NO_FLAGS)};
    for (size_t i = 0; i < 2; i++) {
        t = open_parts(f, (parts){.added = flags[i]});
        EXPECT_PLAIN(t, "<a>", 13, 4);
        EXPECT_MARKED(t, "<a>", 14);
        youtu_tokenizer_close(t);
        t = open_parts(f,
                       (parts){.added = flags[i],
                               .model = "{\"type\": \"BPE\", \"ignore_merges\": true, \"vocab\": {\"a\": 0, "
                                        "\"<\": 3, \">\": 4, \"<a>\": 14, \"<a\": 5}, \"merges\": []}"});
        EXPECT_PLAIN(t, "<a>", 3, 0, 4);
        EXPECT_PLAIN(t, "<a", 5);
        EXPECT_MARKED(t, "<a<a>", 5, 14);
        youtu_tokenizer_close(t);
    }
}

/* As `tokenizers` finds them. */
static void test_added_tokens(void **state) {
    const fixture *f = *state;
    youtu_tokenizer *t = open_parts(
        f,
        (parts){
            .added = ADDED("20", "<m>", NO_FLAGS) ", " ADDED("21", "<m>b", NO_FLAGS) ", " ADDED(
                "22", "<l>",
                FLAGS("false", "true", "false", "false",
                      "true")) ", " ADDED("23", "<r>",
                                          FLAGS("false", "false", "true", "false",
                                                "true")) ", " ADDED("24", "<w>",
                                                                    FLAGS("true", "false", "false", "false",
                                                                          "true")) ", " ADDED("25", "头",
                                                                                              NO_FLAGS)});
    EXPECT_MARKED(t, "<m><m>b<m>a", 20, 21, 20, 0); /* the longest */
    EXPECT_MARKED(t, "a  <l>  a", 0, 22, 5, 7);     /* takes the space before it */
    EXPECT_MARKED(t, "a <r> \xE3\x80\x80\n<r>a", 0, 5, 23, 23, 0);
    EXPECT_MARKED(t, "<r>  <l>", 23, 22);
    EXPECT_MARKED(t, "<w> <w>", 24, 5, 24);
    EXPECT_MARKED(t, "头<m>头头a", 25, 20, 25, 25, 0);
    assert_int_equal(youtu_tokenizer_vocab_size(t), 26);
    assert_false(youtu_token_is_special(t, 20));
    assert_true(youtu_token_is_special(t, 22));
    size_t length;
    assert_null(youtu_token_bytes(t, 17, &length)); /* between the vocabulary and the added tokens */
    youtu_detokenizer *d;
    youtu_error error;
    const char *text;
    expect_success(youtu_detokenizer_new(t, true, &d, &error), &error);
    expect_success(youtu_detokenizer_push(d, 17, &text, &length, &error), &error);
    assert_int_equal(length, 0);
    youtu_detokenizer_free(d);
    youtu_tokenizer_close(t);
}

/* A character of a word next to it keeps <a> from being found. */
static void test_single_word(void **state) {
    const fixture *f = *state;
    youtu_tokenizer *t = open_parts(
        f, (parts){.added = ADDED("14", "<a>", FLAGS("true", "false", "false", "false", "false"))});
    EXPECT_MARKED(t, "<a>", 14);
    EXPECT_MARKED(t, "b<a>", 1, 13, 4);
    EXPECT_MARKED(t, "<a>b", 13, 4, 1);
    EXPECT_MARKED(t, "\xC3\xA9<a>", 11, 12, 13, 4); /* é is of a word */
    EXPECT_MARKED(t, "><a><a>>", 4, 14, 14, 4);
    youtu_tokenizer_close(t);
}

/* "é" in two characters becomes one, and so does the spelling that is looked for after that. */
static void test_nfc(void **state) {
    const fixture *f = *state;
    static const char *const normalizers[] = {
        "{\"type\": \"NFC\"}",
        "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Sequence\", \"normalizers\": []}, {\"type\": "
        "\"NFC\"}]}"};
    for (size_t i = 0; i < 2; i++) {
        youtu_tokenizer *t =
            open_parts(f, (parts){.normalizer = normalizers[i],
                                  .added = ADDED("20", "<e\xCC\x81>",
                                                 FLAGS("false", "false", "false", "true",
                                                       "false")) ", " ADDED("21", "b\xCC\x81", NO_FLAGS)});
        EXPECT_PLAIN(t, "ae\xCC\x81", 0, 11, 12);
        EXPECT_MARKED(t, "<e\xCC\x81><\xC3\xA9>", 20, 20);
        EXPECT_MARKED(t,
                      "ab\xCC\x81"
                      "e\xCC\x81",
                      0, 21, 11, 12);
        size_t length;
        assert_non_null(youtu_token_bytes(t, 20, &length));
        assert_int_equal(length, 5); /* its content, as it stands in the file */
        youtu_tokenizer_close(t);
    }
    youtu_tokenizer *t = open_parts(f, (parts){0});
    EXPECT_PLAIN(t, "e\xCC\x81", 8, 9, 10);
    youtu_tokenizer_close(t);
}

/* ---- BOS ---- */

#define TEMPLATE(single, tokens)                              \
    "{\"type\": \"TemplateProcessing\", \"single\": [" single \
    "], \"pair\": [], \"special_tokens\": {" tokens "}}"
#define TEXT_A "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}"
#define PIECE(name) "{\"SpecialToken\": {\"id\": \"" name "\", \"type_id\": 0}}"
#define KNOWN(name, ids) \
    "\"" name "\": {\"id\": \"" name "\", \"ids\": [" ids "], \"tokens\": [\"" name "\"]}"

static void expect_begin(const fixture *f, parts p, const char *config, const int32_t *expected,
                         size_t count) {
    p.added = ADDED("20", "<s>", SPECIAL) ", " ADDED("21", "<t>", SPECIAL);
    fixture_clear(f);
    if (config) fixture_write_text(f, "tokenizer_config.json", config);
    youtu_tokenizer *t = open_parts(f, p);
    youtu_tokens tokens = {0};
    youtu_error error;
    expect_success(youtu_encode_begin(t, &tokens, &error), &error);
    expect_ids(&tokens, expected, count);
    youtu_tokens_free(&tokens);
    youtu_tokenizer_close(t);
}

static void test_begin(void **state) {
    const fixture *f = *state;
    static const int32_t s = 20, t = 21;
    parts template = {.post_processor = TEMPLATE(PIECE("<s>") ", " TEXT_A, KNOWN("<s>", "20"))};
    parts sequence = {.post_processor =
                          "{\"type\": \"Sequence\", \"processors\": [{\"type\": \"ByteLevel\"}, " TEMPLATE(
                              PIECE("x") ", " TEXT_A, KNOWN("x", "20")) "]}"};
    parts nothing = {.post_processor = TEMPLATE(TEXT_A, "")};
    expect_begin(f, (parts){0}, NULL, NULL, 0);
    expect_begin(f, template, NULL, &s, 1);
    expect_begin(f, sequence, NULL, &s, 1);
    expect_begin(f, nothing, NULL, NULL, 0);
    expect_begin(f, (parts){0}, "{\"bos_token\": \"<t>\"}", NULL, 0);
    expect_begin(f, (parts){0}, "{\"bos_token\": \"<t>\", \"add_bos_token\": false}", NULL, 0);
    expect_begin(f, (parts){0}, "{\"bos_token\": \"<t>\", \"add_bos_token\": true}", &t, 1);
    expect_begin(f, (parts){0},
                 "{\"bos_token\": {\"content\": \"<t>\", \"lstrip\": false}, \"add_bos_token\": true}", &t,
                 1);
    expect_begin(f, (parts){0}, "{\"bos_token\": null, \"add_bos_token\": true}", NULL, 0);
    expect_begin(f, template, "{\"bos_token\": \"<t>\", \"add_bos_token\": true}", &s, 1);
}

/* ---- streaming ---- */

/* Bytes as tokens: the vocabulary's first 256 ids are the bytes in their order. */
static void write_byte_vocabulary(const fixture *f) {
    static char model[1 << 14];
    size_t n = (size_t)sprintf(model, "{\"type\": \"BPE\", \"merges\": [], \"vocab\": {");
    int beyond = 256;
    for (int b = 0; b < 256; b++) {
        bool is_itself = (b > 0x20 && b < 0x7F) || (b > 0xA0 && b != 0xAD);
        n += (size_t)sprintf(model + n, "%s\"\\u%04x\": %d", b > 0 ? ", " : "", is_itself ? b : beyond, b);
        beyond += !is_itself;
    }
    sprintf(model + n, "}}");
    write_parts(f, (parts){.model = model, .added = ADDED("256", "<s>", SPECIAL)});
}

static void test_streaming(void **state) {
    const fixture *f = *state;
    static const struct {
        const char *bytes, *expected;
    } cases[] = {
        {"abc", "abc"},
        {"\xE5\xA4\xB4\xF0\x9F\x98\x80\xC3\xA9", "\xE5\xA4\xB4\xF0\x9F\x98\x80\xC3\xA9"},
        {"\xE5\xA4", "\xEF\xBF\xBD"},
        {"\xE5\xA4z", "\xEF\xBF\xBDz"},
        {"\xE5\xA4\xE5\xA4\xB4", "\xEF\xBF\xBD\xE5\xA4\xB4"},
        {"\xF0\x9F\x98", "\xEF\xBF\xBD"},
        {"\xF0\x9F\x41", "\xEF\xBF\xBD\x41"},
        {"\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xE0\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xF0\x80\x80\x41", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\x41"},
        {"\xF8\x88\x80\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xE0\xA4\x85\xED\x9F\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF",
         "\xE0\xA4\x85\xED\x9F\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"},
    };
    write_byte_vocabulary(f);
    youtu_tokenizer *t;
    youtu_error error;
    expect_success(youtu_tokenizer_open(f->directory, &t, &error), &error);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int32_t ids[32];
        size_t count = 0, length;
        for (const char *c = cases[i].bytes; *c; c++) ids[count++] = (unsigned char)*c;
        char *text = stream(t, ids, count, true, &length);
        assert_string_equal(text, cases[i].expected);
        free(text);
    }
    youtu_tokenizer_close(t);
}

/* Held back until whole; a special token between the bytes of a character is left out or ends it. */
static void test_streaming_steps(void **state) {
    const fixture *f = *state;
    write_byte_vocabulary(f);
    youtu_tokenizer *t;
    youtu_detokenizer *d;
    youtu_error error;
    const char *text;
    size_t length;
    expect_success(youtu_tokenizer_open(f->directory, &t, &error), &error);
    for (int with_special = 0; with_special < 2; with_special++) {
        expect_success(youtu_detokenizer_new(t, with_special, &d, &error), &error);
        for (int round = 0; round < 2; round++) { /* finish makes it new */
            expect_success(youtu_detokenizer_push(d, 0xE5, &text, &length, &error), &error);
            assert_int_equal(length, 0);
            expect_success(youtu_detokenizer_push(d, 256, &text, &length, &error), &error);
            assert_int_equal(length, with_special ? 6 : 0);
            assert_memory_equal(text, "\xEF\xBF\xBD<s>", length);
            expect_success(youtu_detokenizer_push(d, 0xA4, &text, &length, &error), &error);
            assert_int_equal(length, with_special ? 3 : 0);
            assert_int_equal(youtu_detokenizer_push(d, 257, &text, &length, &error), YOUTU_E_ARGUMENT);
            assert_string_equal(error.message, "token 257 is out of range, expected 0 to 256");
            assert_int_equal(youtu_detokenizer_push(d, -1, &text, &length, NULL), YOUTU_E_ARGUMENT);
            youtu_detokenizer_finish(d, &text, &length);
            assert_int_equal(length, with_special ? 0 : 3);
            assert_memory_equal(text, "\xEF\xBF\xBD", length);
        }
        youtu_detokenizer_free(d);
    }
    youtu_detokenizer_free(NULL);
    youtu_tokenizer_close(t);
}

/* ---- files that are refused ---- */

static void test_refused_files(void **state) {
    const fixture *f = *state;
#define PAIR_MODEL(more, vocab, merges) \
    "{\"type\": \"BPE\"" more ", \"vocab\": {" vocab "}, \"merges\": [" merges "]}"
    static const struct {
        parts parts;
        youtu_status status;
        const char *message;
    } cases[] = {
        {{.model = "{\"type\": \"Unigram\"}"},
         YOUTU_E_UNSUPPORTED,
         "field \"model.type\" is \"Unigram\", expected BPE"},
        {{.model = "{}"}, YOUTU_E_FORMAT, "field \"model.type\" is missing, expected BPE"},
        {{.model = "null"}, YOUTU_E_FORMAT, "field \"model\" is missing, expected a BPE model"},
        {{.model = "{\"type\": \"BPE\", \"merges\": []}"},
         YOUTU_E_FORMAT,
         "field \"model.vocab\" is missing, expected an object of tokens"},
        {{.model = "{\"type\": \"BPE\", \"vocab\": {}}"},
         YOUTU_E_FORMAT,
         "field \"model.merges\" is missing, expected an array of merges"},
        {{.model = PAIR_MODEL(", \"byte_fallback\": true", "", "")},
         YOUTU_E_UNSUPPORTED,
         "field \"model.byte_fallback\" is true, expected false"},
        {{.model = PAIR_MODEL(", \"dropout\": 0.1", "", "")},
         YOUTU_E_UNSUPPORTED,
         "field \"model.dropout\" is 0.1, expected null"},
        {{.model = PAIR_MODEL(", \"unk_token\": \"<unk>\"", "", "")},
         YOUTU_E_UNSUPPORTED,
         "field \"model.unk_token\" is \"<unk>\", expected null"},
        {{.model = PAIR_MODEL(", \"continuing_subword_prefix\": \"##\"", "", "")},
         YOUTU_E_UNSUPPORTED,
         "field \"model.continuing_subword_prefix\" is \"##\", expected null"},
        {{.model = PAIR_MODEL(", \"end_of_word_suffix\": \"</w>\"", "", "")},
         YOUTU_E_UNSUPPORTED,
         "field \"model.end_of_word_suffix\" is \"</w>\", expected null"},
        {{.model = PAIR_MODEL(", \"ignore_merges\": 1", "", "")},
         YOUTU_E_FORMAT,
         "field \"model.ignore_merges\" is 1, expected true or false"},
        {{.model = PAIR_MODEL("", "\"a\": 5000000000", "")},
         YOUTU_E_FORMAT,
         "field \"model.vocab.a\" is 5000000000, expected an integer from 0 to 4194303"},
        {{.model = PAIR_MODEL("", "\"a\": 1", "\"a b\"")},
         YOUTU_E_FORMAT,
         "field \"model.merges[0]\" is \"a b\", expected two tokens of model.vocab"},
        {{.normalizer = "{\"type\": \"NFKC\"}"},
         YOUTU_E_UNSUPPORTED,
         "field \"normalizer.type\" is \"NFKC\", expected NFC or a Sequence of it"},
        {{.normalizer = "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Lowercase\"}]}"},
         YOUTU_E_UNSUPPORTED,
         "field \"normalizer.normalizers[0].type\" is \"Lowercase\", expected NFC or a Sequence of it"},
        {{.normalizer = "{\"type\": \"Sequence\"}"},
         YOUTU_E_FORMAT,
         "field \"normalizer.normalizers\" is missing, expected an array"},
        {{.pre_tokenizer = "null"},
         YOUTU_E_FORMAT,
         "field \"pre_tokenizer\" is missing, expected ByteLevel, or a Sequence that ends with it"},
        {{.pre_tokenizer = "{\"type\": \"BertPreTokenizer\"}"},
         YOUTU_E_UNSUPPORTED,
         "field \"pre_tokenizer.type\" is \"BertPreTokenizer\", expected Sequence, Split, Digits or ByteLevel"},
        {{.decoder = "null"},
         YOUTU_E_FORMAT,
         "field \"decoder\" is missing, expected ByteLevel or a Sequence of just it"},
        {{.decoder = "{\"type\": \"WordPiece\"}"},
         YOUTU_E_UNSUPPORTED,
         "field \"decoder.type\" is \"WordPiece\", expected ByteLevel or a Sequence of just it"},
        {{.decoder = "{\"type\": \"Sequence\", \"decoders\": []}"},
         YOUTU_E_UNSUPPORTED,
         "field \"decoder.decoders\" is [], expected ByteLevel or a Sequence of just it"},
        {{.post_processor = "{\"type\": \"RobertaProcessing\"}"},
         YOUTU_E_UNSUPPORTED,
         "field \"post_processor.type\" is \"RobertaProcessing\", expected ByteLevel, TemplateProcessing or a Sequence "
         "of them"},
        {{.post_processor = TEMPLATE(TEXT_A ", " PIECE("x"), KNOWN("x", "1"))},
         YOUTU_E_UNSUPPORTED,
         "field \"post_processor.single[1]\" is {\"SpecialToken\": {\"id\": \"x\", \"type_id\": 0}}, expected one token, "
         "then the sequence A and nothing more"},
        {{.post_processor = TEMPLATE(PIECE("x") ", " PIECE("x") ", " TEXT_A, KNOWN("x", "1"))},
         YOUTU_E_UNSUPPORTED,
         "field \"post_processor.special_tokens.x\" is {\"id\": \"x\", \"ids\": [1], \"tokens\": [\"x\"]}, expected one "
         "token before the text"},
        {{.post_processor = TEMPLATE(PIECE("x") ", " TEXT_A, KNOWN("x", "1, 2"))},
         YOUTU_E_UNSUPPORTED,
         "field \"post_processor.special_tokens.x\" is {\"id\": \"x\", \"ids\": [1, 2], \"tokens\": [\"x\"]}, expected "
         "one token before the text"},
        {{.post_processor = TEMPLATE(PIECE("x") ", " TEXT_A, KNOWN("x", "15"))},
         YOUTU_E_FORMAT,
         "field \"post_processor.special_tokens.x.ids[0]\" is 15, expected an integer from 0 to 14"},
        {{.post_processor = TEMPLATE(PIECE("x") ", " TEXT_A, "")},
         YOUTU_E_FORMAT,
         "field \"post_processor.single[0].SpecialToken.id\" is \"x\", expected a name that special_tokens has"},
        {{.post_processor = TEMPLATE(PIECE("x"), KNOWN("x", "1"))},
         YOUTU_E_UNSUPPORTED,
         "field \"post_processor.single\" is [{\"SpecialToken\": {\"id\": \"x\", \"type_id\": 0}}], expected the sequence "
         "A"},
        {{.added = "7"}, YOUTU_E_FORMAT, "field \"added_tokens[0].id\" is missing, expected an integer"},
        {{.added = ADDED("-1", "x", NO_FLAGS)},
         YOUTU_E_FORMAT,
         "field \"added_tokens[0].id\" is -1, expected an integer from 0 to 4194303"},
        {{.added = ADDED("1000000000", "x", NO_FLAGS)},
         YOUTU_E_FORMAT,
         "field \"added_tokens[0].id\" is 1000000000, expected an integer from 0 to 4194303"},
        {{.added = "{\"id\": 20, \"content\": \"x\"}"},
         YOUTU_E_FORMAT,
         "field \"added_tokens[0].single_word\" is missing, expected true or false"},
        {{.added = ADDED("20", "", NO_FLAGS)},
         YOUTU_E_FORMAT,
         "field \"added_tokens[0].content\" is \"\", expected a spelling of 1 to 1024 bytes"},
        {{.added = ADDED("20", "\\ud800", NO_FLAGS)},
         YOUTU_E_FORMAT,
         "field \"added_tokens[0].content\" is \"\\ud800\", expected no lone surrogate"},
        {{.added = ADDED("20", "xy", NO_FLAGS) ", " ADDED("21", "xy", NO_FLAGS)},
         YOUTU_E_FORMAT,
         "added_tokens has \"xy\" for id 20 and for id 21, expected once"},
        {{.added = ADDED("20", "xy", NO_FLAGS) ", " ADDED("20", "yx", NO_FLAGS)},
         YOUTU_E_FORMAT,
         "added token \"yx\" has id 20, which another one has too"},
        {{.added = ADDED("6", "xy", NO_FLAGS)},
         YOUTU_E_FORMAT,
         "added token \"xy\" has id 6, which is that of another token in model.vocab"},
        {{.added = ADDED("7", "ab", NO_FLAGS)},
         YOUTU_E_FORMAT,
         "added token \"ab\" has id 7, but in model.vocab id 6"},
        {{.added = ADDED("20", "ab", NO_FLAGS)},
         YOUTU_E_FORMAT,
         "added token \"ab\" has id 20, but in model.vocab id 6"},
        {{.added = ADDED("0", "a", NO_FLAGS)},
         YOUTU_E_UNSUPPORTED,
         "added token \"a\" is the entry of a byte in model.vocab"},
        {{.more = ", \"version\": 2"}, YOUTU_E_FORMAT, NULL}, /* a key twice: the JSON reader's message */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char message[512];
        youtu_tokenizer *tokenizer = NULL;
        youtu_error error;
        write_parts(f, cases[i].parts);
        youtu_status status = youtu_tokenizer_open(f->directory, &tokenizer, &error);
        assert_null(tokenizer);
        if (cases[i].message) {
            snprintf(message, sizeof message, "tokenizer.json: %s", cases[i].message);
            expect_failure(f, status, &error, cases[i].status, message);
        } else {
            assert_int_equal(status, cases[i].status);
        }
    }
}

static void test_refused_directories(void **state) {
    const fixture *f = *state;
    youtu_tokenizer *t = NULL;
    youtu_error error;
    expect_failure(f, youtu_tokenizer_open(f->directory, &t, &error), &error, YOUTU_E_IO,
                   "@/tokenizer.json: cannot be opened: No such file or directory");
    fixture_write_text(f, "tokenizer.json", "[]");
    expect_failure(f, youtu_tokenizer_open(f->directory, &t, &error), &error, YOUTU_E_FORMAT,
                   "tokenizer.json: is [], expected an object");
    fixture_write_text(f, "tokenizer.json", "{\"version\": \"2.0\"}");
    expect_failure(f, youtu_tokenizer_open(f->directory, &t, &error), &error, YOUTU_E_UNSUPPORTED,
                   "tokenizer.json: field \"version\" is \"2.0\", expected \"1.0\"");
    static const struct {
        const char *config, *message;
    } cases[] = {
        {"{\"bos_token\": 5}", "tokenizer_config.json: field \"bos_token\" is 5, expected a string"},
        {"{\"bos_token\": {}}",
         "tokenizer_config.json: field \"bos_token.content\" is missing, expected a string"},
        {"{\"bos_token\": \"<x>\", \"add_bos_token\": true}",
         "tokenizer_config.json: field \"bos_token\" is \"<x>\", expected one of the added_tokens of tokenizer.json"},
        {"{\"bos_token\": \"<x>\", \"add_bos_token\": \"no\"}",
         "tokenizer_config.json: field \"add_bos_token\" is \"no\", expected true or false"},
    };
    write_parts(f, (parts){0});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fixture_write_text(f, "tokenizer_config.json", cases[i].config);
        expect_failure(f, youtu_tokenizer_open(f->directory, &t, &error), &error, YOUTU_E_FORMAT,
                       cases[i].message);
    }
    assert_null(t);
}

int main(void) {
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_reference_of_full_size),
        cmocka_unit_test(test_vocabulary),
        cmocka_unit_test(test_plain_text_is_no_marker),
        cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_nul_and_nothing),
        cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_threads),
        WITH_FILES(test_merges_make_no_marker),
        WITH_FILES(test_added_tokens),
        WITH_FILES(test_single_word),
        WITH_FILES(test_nfc),
        WITH_FILES(test_begin),
        WITH_FILES(test_streaming),
        WITH_FILES(test_streaming_steps),
        WITH_FILES(test_refused_files),
        WITH_FILES(test_refused_directories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
