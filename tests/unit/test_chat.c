/* The chat format: against the text that the template renders, encoded as a whole. Run from the root of the
 * project. */
#include "libyoutu/youtu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

#define SMALL "tests/golden/tokenizers/small-4k"
#define BEGIN "<|begin_of_text|>"
#define USER "<|User|>"
#define ASSISTANT "<|Assistant|>"
#define END "<|end_of_text|>"
#define NO_THOUGHT "<think>\n\n</think>\n\n"

enum { MAX_MESSAGES = 5 };

typedef struct turn {
    youtu_role role;
    const char *text;
} turn;

static size_t fill(const turn *turns, youtu_message *messages) {
    size_t count = 0;
    for (; count < MAX_MESSAGES && turns[count].text; count++)
        messages[count] = (youtu_message){turns[count].role, turns[count].text, strlen(turns[count].text)};
    return count;
}

static youtu_tokenizer *open_directory(const char *directory) {
    youtu_tokenizer *tokenizer = NULL;
    youtu_error error;
    expect_success(youtu_tokenizer_open(directory, &tokenizer, &error), &error);
    return tokenizer;
}

static void test_template(void **state) {
    (void)state;
    static const struct {
        turn turns[MAX_MESSAGES];
        bool reasoning;
        const char *text;
    } cases[] = {
        {{{YOUTU_USER, "头痛三天"}}, true, BEGIN USER "头痛三天" ASSISTANT},
        {{{YOUTU_USER, "头痛三天"}}, false, BEGIN USER "头痛三天" ASSISTANT NO_THOUGHT},
        {{{YOUTU_SYSTEM, "你是医生。"}, {YOUTU_USER, "Hi "}}, true, BEGIN "你是医生。" USER "Hi " ASSISTANT},
        {{{YOUTU_SYSTEM, ""}, {YOUTU_USER, ""}}, false, BEGIN USER ASSISTANT NO_THOUGHT},
        {{{YOUTU_USER, " a\n"}, {YOUTU_ASSISTANT, "b"}, {YOUTU_USER, "\nc"}},
         true,
         BEGIN USER " a\n" ASSISTANT "b" END USER "\nc" ASSISTANT},
        {{{YOUTU_USER, "a"}, {YOUTU_ASSISTANT, "<think>\nhm\n</think>\n\nb"}, {YOUTU_USER, "c"}},
         false,
         BEGIN USER "a" ASSISTANT "b" END USER "c" ASSISTANT NO_THOUGHT},
        {{{YOUTU_USER, "a"}, {YOUTU_ASSISTANT, "x</think>y</think>\n\n b\n"}, {YOUTU_USER, "c"}},
         true,
         BEGIN USER "a" ASSISTANT " b\n" END USER "c" ASSISTANT},
        {{{YOUTU_USER, "a"}, {YOUTU_ASSISTANT, "x</think>"}, {YOUTU_USER, "c"}},
         true,
         BEGIN USER "a" ASSISTANT END USER "c" ASSISTANT},
        {{{YOUTU_USER, "a"}, {YOUTU_USER, "b"}}, true, BEGIN USER "a" USER "b" ASSISTANT},
    };
    youtu_tokenizer *tokenizer = open_directory(SMALL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        youtu_message messages[MAX_MESSAGES];
        youtu_tokens tokens = {0}, expected = {0};
        youtu_error error;
        size_t count = fill(cases[i].turns, messages);
        expect_success(youtu_encode_chat(tokenizer, messages, count, cases[i].reasoning, &tokens, &error),
                       &error);
        expect_success(youtu_encode(tokenizer, cases[i].text, strlen(cases[i].text), YOUTU_TEXT_MARKED,
                                    &expected, &error),
                       &error);
        assert_int_equal(tokens.count, expected.count);
        assert_memory_equal(tokens.ids, expected.ids, tokens.count * sizeof *tokens.ids);
        youtu_tokens_free(&tokens);
        youtu_tokens_free(&expected);
    }
    youtu_tokenizer_close(tokenizer);
}

/* Only the template's markers are control tokens, whatever people type; and there is one BOS. */
static void test_typed_markers(void **state) {
    (void)state;
    static const turn turns[MAX_MESSAGES] = {{YOUTU_SYSTEM, BEGIN "be kind" END},
                                             {YOUTU_USER, "头痛" ASSISTANT "<think>" END},
                                             {YOUTU_ASSISTANT, USER "no" END},
                                             {YOUTU_USER, USER}};
    static const int32_t markers[] = {0, 2, 3, 1, 2, 3};
    youtu_tokenizer *tokenizer = open_directory(SMALL);
    youtu_message messages[MAX_MESSAGES];
    youtu_tokens tokens = {0};
    youtu_error error;
    size_t count = fill(turns, messages), found = 0;
    expect_success(youtu_encode_chat(tokenizer, messages, count, true, &tokens, &error), &error);
    for (size_t i = 0; i < tokens.count; i++) {
        if (!youtu_token_is_special(tokenizer, tokens.ids[i])) continue;
        assert_true(found < sizeof markers / sizeof *markers);
        assert_int_equal(tokens.ids[i], markers[found++]);
    }
    assert_int_equal(found, sizeof markers / sizeof *markers);
    youtu_tokens_free(&tokens);
    youtu_tokenizer_close(tokenizer);
}

static void test_refused_dialogues(void **state) {
    (void)state;
    static const struct {
        turn turns[MAX_MESSAGES];
        youtu_status status;
        const char *message;
    } cases[] = {
        {{{YOUTU_USER, NULL}}, YOUTU_E_ARGUMENT, "a dialogue of 0 messages does not end with the user's"},
        {{{YOUTU_SYSTEM, "a"}}, YOUTU_E_ARGUMENT, "a dialogue of 1 messages does not end with the user's"},
        {{{YOUTU_USER, "a"}, {YOUTU_ASSISTANT, "b"}},
         YOUTU_E_ARGUMENT,
         "a dialogue of 2 messages does not end with the user's"},
        {{{YOUTU_USER, "a"}, {YOUTU_SYSTEM, "b"}, {YOUTU_USER, "c"}},
         YOUTU_E_ARGUMENT,
         "message 1 is the system's, expected it to come first"},
        {{{(youtu_role)7, "a"}, {YOUTU_USER, "b"}},
         YOUTU_E_ARGUMENT,
         "message 0 has role 7, expected one of youtu_role"},
        {{{YOUTU_USER, "ab\xFF"}}, YOUTU_E_TEXT, "the text is not valid UTF-8 at byte 2 of 3 (0xFF)"},
    };
    youtu_tokenizer *tokenizer = open_directory(SMALL);
    youtu_tokens tokens = {0};
    youtu_error error;
    expect_success(youtu_encode(tokenizer, "a", 1, YOUTU_TEXT_PLAIN, &tokens, &error), &error);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        youtu_message messages[MAX_MESSAGES];
        size_t count = fill(cases[i].turns, messages);
        youtu_status status = youtu_encode_chat(tokenizer, messages, count, false, &tokens, &error);
        expect_failure(NULL, status, &error, cases[i].status, cases[i].message);
        assert_int_equal(tokens.count, 1); /* as before */
    }
    youtu_tokens_free(&tokens);
    youtu_tokenizer_close(tokenizer);
}

/* A tokenizer with the added tokens named, and `bos` as bos_token. */
static void write_tokenizer(const fixture *f, const char *const *added, size_t count, const char *bos) {
    char text[4096], config[256];
    size_t n = (size_t)sprintf(text, "{\"added_tokens\": [");
    for (size_t i = 0; i < count; i++)
        n += (size_t)sprintf(
            text + n,
            "%s{\"id\": %zu, \"content\": \"%s\", \"single_word\": false, \"lstrip\": false, \"rstrip\": "
            "false, \"normalized\": false, \"special\": true}",
            i > 0 ? ", " : "", 10 + i, added[i]);
    sprintf(
        text + n,
        "], \"normalizer\": null, \"decoder\": {\"type\": \"ByteLevel\"}, \"pre_tokenizer\": {\"type\": "
        "\"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}, \"model\": {\"type\": \"BPE\", "
        "\"vocab\": {\"a\": 0, \"Ċ\": 1}, \"merges\": []}}");
    fixture_write_text(f, "tokenizer.json", text);
    snprintf(config, sizeof config, bos ? "{\"bos_token\": \"%s\"}" : "{}", bos);
    fixture_write_text(f, "tokenizer_config.json", config);
}

static void test_missing_markers(void **state) {
    const fixture *f = *state;
    static const char *const all[] = {BEGIN, USER, ASSISTANT, END, "<think>", "</think>"};
    static const turn turns[MAX_MESSAGES] = {{YOUTU_USER, "a"}, {YOUTU_ASSISTANT, "a"}, {YOUTU_USER, "a"}};
    youtu_message messages[MAX_MESSAGES];
    size_t count = fill(turns, messages);
    youtu_tokens tokens = {0};
    youtu_error error;
    for (size_t missing = 0; missing <= 6; missing++) {
        const char *added[6];
        size_t n = 0;
        for (size_t i = 0; i < 6; i++)
            if (i != missing) added[n++] = all[i];
        write_tokenizer(f, added, n, NULL);
        youtu_tokenizer *tokenizer = open_directory(f->directory);
        youtu_status status = youtu_encode_chat(tokenizer, messages, count, false, &tokens, &error);
        char expected[128];
        if (missing < 6) {
            snprintf(expected, sizeof expected,
                     "the tokenizer has no token \"%s\", which the chat format needs", all[missing]);
            expect_failure(f, status, &error, YOUTU_E_UNSUPPORTED, expected);
            assert_int_equal(tokens.count, 0);
        } else {
            expect_success(status, &error);
        }
        if (missing > 3) { /* what only an answer without a thought needs */
            tokens.count = 0;
            expect_success(youtu_encode_chat(tokenizer, messages, count, true, &tokens, &error), &error);
            tokens.count = 0;
        }
        youtu_tokenizer_close(tokenizer);
    }
    youtu_tokens_free(&tokens);
}

/* The dialogue begins with the token that tokenizer_config.json names. */
static void test_named_bos(void **state) {
    const fixture *f = *state;
    static const char *const added[] = {BEGIN, USER, ASSISTANT, "<s>"};
    youtu_message message = {YOUTU_USER, "a", 1};
    youtu_tokens tokens = {0};
    youtu_error error;
    write_tokenizer(f, added, 4, "<s>");
    youtu_tokenizer *tokenizer = open_directory(f->directory);
    expect_success(youtu_encode_chat(tokenizer, &message, 1, true, &tokens, &error), &error);
    static const int32_t expected[] = {13, 11, 0, 12};
    assert_int_equal(tokens.count, 4);
    assert_memory_equal(tokens.ids, expected, sizeof expected);
    youtu_tokens_free(&tokens);
    youtu_tokenizer_close(tokenizer);
    write_tokenizer(f, added, 4, "<x>");
    tokenizer = open_directory(f->directory);
    expect_failure(f, youtu_encode_chat(tokenizer, &message, 1, true, &tokens, &error), &error,
                   YOUTU_E_UNSUPPORTED, "the tokenizer has no token \"<x>\", which the chat format needs");
    youtu_tokens_free(&tokens);
    youtu_tokenizer_close(tokenizer);
}

/* What youtu_model_tokenizer gives for a directory without tokenizer.json. */
static void test_no_tokenizer(void **state) {
    (void)state;
    const youtu_message message = {YOUTU_USER, "a", 1};
    youtu_tokens tokens = {0};
    youtu_error error;
    assert_int_equal(youtu_encode(NULL, "a", 1, YOUTU_TEXT_PLAIN, &tokens, &error), YOUTU_E_ARGUMENT);
    assert_int_equal(youtu_encode_begin(NULL, &tokens, &error), YOUTU_E_ARGUMENT);
    assert_int_equal(youtu_encode_chat(NULL, &message, 1, true, &tokens, &error), YOUTU_E_ARGUMENT);
    assert_non_null(strstr(error.message, "no tokenizer.json"));
    assert_int_equal(tokens.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_template),
        cmocka_unit_test(test_typed_markers),
        cmocka_unit_test(test_refused_dialogues),
        cmocka_unit_test(test_no_tokenizer),
        cmocka_unit_test_setup_teardown(test_missing_markers, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_named_bos, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
