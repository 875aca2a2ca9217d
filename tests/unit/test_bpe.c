/* Byte pair encoding against its definition, taken literally, over small random vocabularies: in order and
 * not, with tokens that several merges make, on words short and long enough for every way that bpe.c has. */
#include "libyoutu/bpe.h"
#include "libyoutu/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

enum { MAX_TOKENS = 400, MAX_MERGES = 300, MAX_TOKEN_BYTES = 12, MAX_WORD = 40000 };

/* Bytes of the words: ASCII and the three of two Han characters, so that whole characters and pieces of them
 * both become tokens. The spelling of each in the byte-level alphabet. */
static const char letters[] = "abcd\xE5\xA4\xB4\xE7\x97\x9B";
static const char *const spelled[] = {"a", "b", "c", "d", "å", "¤", "´", "ç", "Ĺ", "Ľ"};
enum { N_LETTERS = sizeof letters - 1 };

typedef struct token {
    char letters[MAX_TOKEN_BYTES + 1]; /* indices into spelled, + 1, so that it is a C string */
} token;

typedef struct world {
    token tokens[MAX_TOKENS];
    int n_tokens;
    int merges[MAX_MERGES][3]; /* left, right, merged, as tokens */
    int n_merges;
    bool few_letters;
    bool forbidden[MAX_TOKENS];
    char text[1 << 16]; /* the vocabulary and merges as JSON */
    json document;
    vocabulary vocab;
    bpe model;
} world;

static uint64_t random_state;

static uint32_t draw(uint32_t below) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % below;
}

static int find_token(const world *w, const char *text) {
    for (int i = 0; i < w->n_tokens; i++)
        if (strcmp(w->tokens[i].letters, text) == 0) return i;
    return -1;
}

/* A token for a merge: with few_letters only such as are made of the first two letters or one Han character,
 * so that the same letters meet often. */
static int draw_token(const world *w) {
    for (;;) {
        int t = (int)draw((uint32_t)w->n_tokens);
        bool is_of_few = true;
        for (const char *c = w->tokens[t].letters; *c; c++)
            is_of_few = is_of_few && (*c <= 2 || (*c > 4 && *c <= 7));
        if (is_of_few || !w->few_letters) return t;
    }
}

static void add_merge(world *w, int left, int right) {
    char joined[2 * MAX_TOKEN_BYTES + 1];
    snprintf(joined, sizeof joined, "%s%s", w->tokens[left].letters, w->tokens[right].letters);
    if (strlen(joined) > MAX_TOKEN_BYTES || w->n_merges == MAX_MERGES) return;
    int merged = find_token(w, joined);
    if (merged < 0) {
        merged = w->n_tokens++;
        memcpy(w->tokens[merged].letters, joined, strlen(joined));
    }
    int *merge = w->merges[w->n_merges++];
    merge[0] = left;
    merge[1] = right;
    merge[2] = merged;
}

/* All ways to make a token from two others. */
static void add_pairs_of(world *w, int t) {
    for (size_t cut = 1; cut < strlen(w->tokens[t].letters) && w->n_merges < MAX_MERGES; cut++) {
        char left[MAX_TOKEN_BYTES + 1];
        snprintf(left, sizeof left, "%.*s", (int)cut, w->tokens[t].letters);
        int *merge = w->merges[w->n_merges];
        merge[0] = find_token(w, left);
        merge[1] = find_token(w, w->tokens[t].letters + cut);
        merge[2] = t;
        w->n_merges += merge[0] >= 0 && merge[1] >= 0;
    }
}

/* Other merges of tokens that there are already. */
static void add_ambiguous_merges(world *w) {
    for (int t = N_LETTERS; t < w->n_tokens; t++) add_pairs_of(w, t);
}

/* A list as it is made from ranks: for each token, in order, every pair that spells it, also of tokens that are
 * made only later. */
static void list_all_pairs(world *w) {
    w->n_merges = 0;
    for (int t = N_LETTERS; t < w->n_tokens; t++) add_pairs_of(w, t);
}

static void shuffle_merges(world *w) {
    for (int i = w->n_merges - 1; i > 0; i--) {
        int j = (int)draw((uint32_t)i + 1), kept[3];
        memcpy(kept, w->merges[i], sizeof kept);
        memcpy(w->merges[i], w->merges[j], sizeof kept);
        memcpy(w->merges[j], kept, sizeof kept);
    }
}

static size_t put_spelling(char *out, const token *t) {
    size_t n = 0;
    for (const char *c = t->letters; *c; c++) n += (size_t)sprintf(out + n, "%s", spelled[*c - 1]);
    return n;
}

static void load_world(world *w, bool ignore_merges, bool as_pairs) {
    size_t n = (size_t)sprintf(w->text, "{\"vocab\": {");
    for (int i = 0; i < w->n_tokens; i++) {
        n += (size_t)sprintf(w->text + n, "%s\"", i > 0 ? ", " : "");
        n += put_spelling(w->text + n, &w->tokens[i]);
        n += (size_t)sprintf(w->text + n, "\": %d", i);
    }
    n += (size_t)sprintf(w->text + n, "}, \"merges\": [");
    for (int i = 0; i < w->n_merges; i++) {
        n += (size_t)sprintf(w->text + n, i > 0 ? ", " : "");
        n += (size_t)sprintf(w->text + n, as_pairs ? "[\"" : "\"");
        n += put_spelling(w->text + n, &w->tokens[w->merges[i][0]]);
        n += (size_t)sprintf(w->text + n, as_pairs ? "\", \"" : " ");
        n += put_spelling(w->text + n, &w->tokens[w->merges[i][1]]);
        n += (size_t)sprintf(w->text + n, as_pairs ? "\"]" : "\"");
    }
    n += (size_t)sprintf(w->text + n, "]}");
    assert_true(n < sizeof w->text);
    youtu_error error;
    expect_success(json_parse("test", w->text, n, &w->document, &error), &error);
    json_node vocab = json_get(&w->document, 0, "vocab"), merges = json_get(&w->document, 0, "merges");
    expect_success(vocabulary_load(&w->document, vocab, &w->vocab, &error), &error);
    expect_success(bpe_load(&w->document, merges, &w->vocab, w->forbidden, ignore_merges, &w->model, &error),
                   &error);
}

static void free_world(world *w) {
    bpe_free(&w->model);
    vocabulary_free(&w->vocab);
    json_free(&w->document);
    free(w);
}

/* The merge of two tokens with its rank, or -1: the last of equal ones counts. */
static int rank_of(const world *w, int left, int right) {
    for (int i = w->n_merges - 1; i >= 0; i--)
        if (w->merges[i][0] == left && w->merges[i][1] == right && !w->forbidden[w->merges[i][2]]) return i;
    return -1;
}

/* The definition: while any two neighbours merge, merge those of the least rank that stand leftmost. */
static size_t merge_by_definition(const world *w, const char *word, size_t length, int32_t *ids) {
    size_t n = 0;
    for (size_t i = 0; i < length; i++) ids[n++] = (int32_t)(strchr(letters, word[i]) - letters);
    for (;;) {
        int least = -1;
        size_t at = 0;
        for (size_t i = 0; i + 1 < n; i++) {
            int rank = rank_of(w, ids[i], ids[i + 1]);
            if (rank >= 0 && (least < 0 || rank < least)) {
                least = rank;
                at = i;
            }
        }
        if (least < 0) return n;
        ids[at] = w->merges[least][2];
        memmove(ids + at + 1, ids + at + 2, (n - at - 2) * sizeof *ids);
        n--;
    }
}

/* Words of whole characters. */
static size_t random_word(char *out, size_t most_bytes, uint32_t most_repeats) {
    size_t n = 0, bytes = 1 + draw((uint32_t)most_bytes);
    while (n + 3 <= bytes || n == 0) {
        const char *unit;
        size_t length = 1;
        switch (draw(8)) {
        case 0:
            unit = letters + 4;
            length = 3;
            break;
        case 1:
            unit = letters + 7;
            length = 3;
            break;
        default: unit = letters + draw(4);
        }
        for (uint32_t r = 1 + draw(most_repeats); r > 0 && n + length <= bytes + 3; r--, n += length)
            memcpy(out + n, unit, length);
    }
    return n;
}

static void check_word(const world *w, bpe_scratch *scratch, const char *word, size_t length,
                       bool ignore_merges) {
    int32_t *expected = malloc(length * sizeof *expected);
    assert_non_null(expected);
    size_t n = merge_by_definition(w, word, length, expected);
    for (int t = 0; t < w->n_tokens && ignore_merges; t++) {
        size_t bytes;
        const char *whole = vocabulary_bytes(&w->vocab, t, &bytes);
        if (bytes == length && memcmp(whole, word, bytes) == 0 && !w->forbidden[t]) {
            expected[0] = t;
            n = 1;
        }
    }
    youtu_tokens tokens = {0};
    youtu_error error;
    expect_success(bpe_encode(&w->model, scratch, word, length, &tokens, &error), &error);
    assert_int_equal(tokens.count, n);
    assert_memory_equal(tokens.ids, expected, n * sizeof *expected);
    youtu_tokens_free(&tokens);
    free(expected);
}

/* Whether bytes are characters from beginning to end. */
static bool is_whole(const char *bytes, size_t length) {
    size_t at = 0;
    while (at < length) {
        size_t n = utf8_character_bytes(bytes + at, length - at);
        if (n == 0) return false;
        at += n;
    }
    return true;
}

static world *new_world(int round) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    for (int i = 0; i < N_LETTERS; i++) w->tokens[w->n_tokens++].letters[0] = (char)(i + 1);
    w->few_letters = round % 2 == 0;
    if (round % 4 == 0) add_merge(w, 0, 0); /* "a" "a", and then "a" "aa", which never comes to its turn */
    if (round % 4 == 0) add_merge(w, 0, N_LETTERS);
    for (int i = 0; i < 60; i++) add_merge(w, draw_token(w), draw_token(w));
    if (round % 3 == 1) add_ambiguous_merges(w);
    if (round % 6 == 5) list_all_pairs(w);
    if (round % 4 == 2) shuffle_merges(w);
    for (int i = N_LETTERS; i < w->n_tokens && round % 5 == 4; i++) w->forbidden[i] = draw(10) == 0;
    return w;
}

static void test_definition(void **state) {
    (void)state;
    int n_ordered = 0, n_from_ranks = 0, n_rounds = 120;
    for (int round = 0; round < n_rounds; round++) {
        random_state = (uint64_t)round;
        world *w = new_world(round);
        bool ignore_merges = round % 7 == 6;
        load_world(w, ignore_merges, round % 2 == 0);
        n_ordered += w->model.is_ordered;
        n_from_ranks += w->model.is_ordered && round % 6 == 5;
        bpe_scratch scratch = {0};
        char word[600];
        for (int i = 0; i < 150; i++) {
            size_t length = random_word(word, i % 10 ? 40 : 400, i % 3 ? 2 : 30);
            check_word(w, &scratch, word, length, ignore_merges);
        }
        for (int t = 0; t < w->n_tokens; t++) { /* every token's own bytes */
            size_t bytes;
            const char *own = vocabulary_bytes(&w->vocab, t, &bytes);
            if (is_whole(own, bytes)) check_word(w, &scratch, own, bytes, ignore_merges);
        }
        bpe_scratch_free(&scratch);
        free_world(w);
    }
    assert_in_range(n_ordered, n_rounds / 3, n_rounds - n_rounds / 8); /* both kinds were tried */
    assert_in_range(n_from_ranks, n_rounds / 6 - 4, n_rounds / 6); /* pairs that never happen do no harm */
}

/* The same by the heap alone, for words of many windows. */
static void test_long_words(void **state) {
    (void)state;
    char *word = malloc(MAX_WORD + 3);
    assert_non_null(word);
    for (int round = 0; round < 24; round++) {
        random_state = 1000 + (uint64_t)round;
        world *w = new_world(round);
        load_world(w, false, true);
        size_t length = random_word(word, MAX_WORD, round % 2 ? 3 : 5000);
        bpe_scratch scratch = {0};
        youtu_tokens tokens = {0}, plain = {0};
        youtu_error error;
        expect_success(bpe_encode(&w->model, &scratch, word, length, &tokens, &error), &error);
        w->model.is_ordered = false; /* no short cuts */
        expect_success(bpe_encode(&w->model, &scratch, word, length, &plain, &error), &error);
        assert_int_equal(tokens.count, plain.count);
        assert_memory_equal(tokens.ids, plain.ids, plain.count * sizeof *plain.ids);
        youtu_tokens_free(&tokens);
        youtu_tokens_free(&plain);
        bpe_scratch_free(&scratch);
        free_world(w);
    }
    free(word);
}

/* Every pair of neighbours in the word merges, each before the one to its left: which of them do follows from
 * where the word ends, far beyond what a window sees. */
static void test_unsettled_windows(void **state) {
    (void)state;
    enum { FIRST = '0', N_USED = 70, LENGTH = N_USED * N_USED };
    static char word[LENGTH + 1], text[1 << 18];
    static bool is_used[N_USED][N_USED];
    size_t length = 1;
    word[0] = FIRST;
    for (int here = 0, next; length < LENGTH; here = next) { /* a walk that goes no step twice */
        for (next = N_USED - 1; next >= 0 && (next == here || is_used[here][next]);) next--;
        if (next < 0) break;
        is_used[here][next] = true;
        word[length++] = (char)(FIRST + next);
    }
    assert_true(length > 4000);
    size_t n = (size_t)sprintf(text, "{\"vocab\": {");
    for (int i = 0; i < N_USED; i++)
        n += (size_t)sprintf(text + n, "\"%s%c\": %d, ", FIRST + i == '\\' ? "\\" : "", FIRST + i, i);
    for (size_t i = 0; i + 1 < length; i++)
        n += (size_t)sprintf(text + n, "%s\"%s%c%s%c\": %zu", i > 0 ? ", " : "", word[i] == '\\' ? "\\" : "",
                             word[i], word[i + 1] == '\\' ? "\\" : "", word[i + 1], N_USED + i);
    n += (size_t)sprintf(text + n, "}, \"merges\": [");
    for (size_t i = length - 1; i-- > 0;)
        n += (size_t)sprintf(text + n, "\"%s%c %s%c\"%s", word[i] == '\\' ? "\\" : "", word[i],
                             word[i + 1] == '\\' ? "\\" : "", word[i + 1], i > 0 ? ", " : "]}");
    assert_true(n < sizeof text);
    json document;
    youtu_error error;
    vocabulary vocab;
    bpe model;
    static bool forbidden[N_USED + LENGTH];
    expect_success(json_parse("test", text, n, &document, &error), &error);
    expect_success(vocabulary_load(&document, json_get(&document, 0, "vocab"), &vocab, &error), &error);
    expect_success(
        bpe_load(&document, json_get(&document, 0, "merges"), &vocab, forbidden, false, &model, &error),
        &error);
    assert_true(model.is_ordered);
    for (size_t cut = 0; cut < 2; cut++) {
        size_t used = length - cut, expected = 0;
        bpe_scratch scratch = {0};
        youtu_tokens tokens = {0};
        expect_success(bpe_encode(&model, &scratch, word, used, &tokens, &error), &error);
        if (used % 2 == 1) assert_int_equal(tokens.ids[expected++], word[0] - FIRST);
        for (size_t i = used % 2; i < used; i += 2) assert_int_equal(tokens.ids[expected++], N_USED + (int)i);
        assert_int_equal(tokens.count, expected);
        youtu_tokens_free(&tokens);
        bpe_scratch_free(&scratch);
    }
    bpe_free(&model);
    vocabulary_free(&vocab);
    json_free(&document);
}

static void test_missing_byte(void **state) {
    (void)state;
    random_state = 5;
    world *w = new_world(0);
    load_world(w, false, true);
    bpe_scratch scratch = {0};
    youtu_tokens tokens = {0};
    youtu_error error;
    youtu_status status = bpe_encode(&w->model, &scratch, "abx", 3, &tokens, &error);
    expect_failure(NULL, status, &error, YOUTU_E_TEXT,
                   "the text has byte 0x78, for which the vocabulary has no token");
    char word[200];
    memset(word, 'a', sizeof word);
    word[150] = 'x';
    status = bpe_encode(&w->model, &scratch, word, sizeof word, &tokens, &error);
    expect_failure(NULL, status, &error, YOUTU_E_TEXT,
                   "the text has byte 0x78, for which the vocabulary has no token");
    youtu_tokens_free(&tokens);
    bpe_scratch_free(&scratch);
    free_world(w);
}

static youtu_status load_text(const char *text, youtu_error *error) {
    json document;
    vocabulary vocab = {0};
    bpe model = {0};
    bool forbidden[16] = {false};
    youtu_status status = json_parse("tokenizer.json", text, strlen(text), &document, error);
    if (status != YOUTU_OK) return status;
    status = vocabulary_load(&document, json_get(&document, 0, "vocab"), &vocab, error);
    if (status == YOUTU_OK)
        status =
            bpe_load(&document, json_get(&document, 0, "merges"), &vocab, forbidden, false, &model, error);
    bpe_free(&model);
    vocabulary_free(&vocab);
    json_free(&document);
    return status;
}

static void test_bad_files(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{\"vocab\": [1], \"merges\": []}",
         "tokenizer.json: field \"vocab\" is [1], expected an object of tokens"},
        {"{\"vocab\": {\"a\": 1000000000}, \"merges\": []}",
         "tokenizer.json: field \"vocab.a\" is 1000000000, expected an integer from 0 to 4194303"},
        {"{\"vocab\": {\"a\": -1}, \"merges\": []}",
         "tokenizer.json: field \"vocab.a\" is -1, expected an integer from 0 to 4194303"},
        {"{\"vocab\": {\"a\": \"x\"}, \"merges\": []}",
         "tokenizer.json: field \"vocab.a\" is \"x\", expected an integer from 0 to 4194303"},
        {"{\"vocab\": {\"a\": 1, \"b\": 1}, \"merges\": []}",
         "tokenizer.json: field \"vocab.b\" is 1, expected an id that no other token has"},
        {"{\"vocab\": {\"\": 1}, \"merges\": []}",
         "tokenizer.json: model.vocab has an empty key, expected the spelling of a token"},
        {"{\"vocab\": {\"a\": 0}, \"merges\": {}}",
         "tokenizer.json: field \"merges\" is {}, expected an array of merges"},
        {"{\"vocab\": {\"a\": 0}, \"merges\": [\"a a\"]}",
         "tokenizer.json: field \"merges[0]\" is \"a a\", expected two tokens that make one of model.vocab"},
        {"{\"vocab\": {\"a\": 0, \"aa\": 1}, \"merges\": [\"a a\", \"a b\"]}",
         "tokenizer.json: field \"merges[1]\" is \"a b\", expected two tokens of model.vocab"},
        {"{\"vocab\": {\"a\": 0, \"aa\": 1}, \"merges\": [[\"a\", \"a\"], [\"a\"]]}",
         "tokenizer.json: field \"merges[1]\" is [\"a\"], expected \"a b\" or [\"a\", \"b\"]"},
        {"{\"vocab\": {\"a\": 0, \"aa\": 1}, \"merges\": [[\"a\", 7]]}",
         "tokenizer.json: field \"merges[0]\" is [\"a\", 7], expected \"a b\" or [\"a\", \"b\"]"},
        {"{\"vocab\": {\"a\": 0, \"aa\": 1}, \"merges\": [\"aa\"]}",
         "tokenizer.json: field \"merges[0]\" is \"aa\", expected two tokens in the byte-level alphabet"},
        {"{\"vocab\": {\"a\": 0, \"aa\": 1}, \"merges\": [\"a a a\"]}",
         "tokenizer.json: field \"merges[0]\" is \"a a a\", expected two tokens in the byte-level alphabet"},
        {"{\"vocab\": {\"a\": 0, \"aa\": 1}, \"merges\": [\" a\"]}",
         "tokenizer.json: field \"merges[0]\" is \" a\", expected two tokens in the byte-level alphabet"},
        {"{\"vocab\": {\"a\": 0, \"头a\": 1}, \"merges\": [\"头 a\"]}",
         "tokenizer.json: field \"merges[0]\" is \"头 a\", expected two tokens in the byte-level alphabet"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        youtu_error error;
        youtu_status status = load_text(cases[i].text, &error);
        expect_failure(NULL, status, &error, YOUTU_E_FORMAT, cases[i].message);
    }
}

/* Entries outside the alphabet are tokens that merging never makes; a first line "#version" is none. */
static void test_odd_files(void **state) {
    (void)state;
    youtu_error error;
    expect_success(
        load_text("{\"vocab\": {\"a\": 0, \"aa\": 1, \"头\": 5, \"Ń\": 3, \"Ā\": 2, \"\\u0144\": 9}, "
                  "\"merges\": [\"#version: 0.2\", \"a a\"]}",
                  &error),
        &error);
    expect_success(load_text("{\"vocab\": {}, \"merges\": []}", &error), &error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),        cmocka_unit_test(test_long_words),
        cmocka_unit_test(test_unsettled_windows), cmocka_unit_test(test_missing_byte),
        cmocka_unit_test(test_bad_files),         cmocka_unit_test(test_odd_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
