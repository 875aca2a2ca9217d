/* json.c against the grammar of RFC 8259, where jsmn alone is lax; json_field.c against wrong types and
 * values: every message names file, field, found and expected. */
#include "libyoutu/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fixture.h"

#define BYTES(text) text, sizeof(text) - 1

/* Parses a copy without terminator, so that a sanitizer sees any read past the end. */
static youtu_status parse(const char *text, size_t length, json *document, youtu_error *error) {
    *document = (json){0};
    char *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    youtu_status status = json_parse("x.json", copy, length, document, error);
    if (status == YOUTU_OK)
        document->owned = copy;
    else
        free(copy);
    return status;
}

static json parsed(const char *text) {
    json document;
    youtu_error error;
    expect_success(parse(text, strlen(text), &document, &error), &error);
    return document;
}

static void test_refuses_what_is_not_json(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t length;
        const char *message;
    } cases[] = {
        /* no value, or a root that is no container */
        {BYTES(""), "x.json: byte 0: the text ends, expected '{' or '['"},
        {BYTES(" \n"), "x.json: byte 2: the text ends, expected '{' or '['"},
        {BYTES("12 "), "x.json: byte 0: found '1', expected '{' or '['"},
        {BYTES("\"a\""), "x.json: byte 0: found '\"', expected '{' or '['"},
        {BYTES("\xEF\xBB\xBF{}"), "x.json: byte 0: found '\xEF\xBB\xBF', expected '{' or '['"},
        {BYTES("}"), "x.json: byte 0: found '}', expected '{' or '['"},
        /* cut short */
        {BYTES("{"), "x.json: byte 1: the text ends, expected the rest of a value"},
        {BYTES("[1"), "x.json: byte 2: the text ends, expected the rest of a value"},
        {BYTES("[\"ab"), "x.json: byte 4: the text ends, expected the rest of a value"},
        {BYTES("[\"ab\\"), "x.json: byte 5: the text ends, expected the rest of a value"},
        {BYTES("[\"\\u12"), "x.json: byte 6: the text ends, expected the rest of a value"},
        {BYTES("{\"a\":[1, 2]"), "x.json: byte 11: the text ends, expected the rest of a value"},
        /* something after the end */
        {BYTES("{} {}"), "x.json: byte 3: found '{', expected the end of the text"},
        {BYTES("[] 1 "), "x.json: byte 3: found '1', expected the end of the text"},
        {BYTES("[],"), "x.json: byte 2: found ',', expected the end of the text"},
        {BYTES("[]]"), "x.json: byte 2: found ']', expected a value, a key or the matching bracket"},
        {BYTES("[]\0"), "x.json: byte 2: found byte 0x00, expected no control character"},
        /* punctuation */
        {BYTES("[1 2]"), "x.json: byte 3: found '2', expected ',' or ']'"},
        {BYTES("[1,]"), "x.json: byte 3: found ']', expected a value"},
        {BYTES("[,]"), "x.json: byte 1: found ',', expected a value or ']'"},
        {BYTES("{:}"), "x.json: byte 1: found ':', expected a key or '}'"},
        {BYTES("[,1]"), "x.json: byte 1: found ',', expected a value"},
        {BYTES("[1,,2]"), "x.json: byte 3: found ',', expected a value"},
        {BYTES("[:1]"), "x.json: byte 1: found ':', expected a value"},
        {BYTES("[\"a\":1]"), "x.json: byte 4: found ':', expected ',' or ']'"},
        {BYTES("[1}"), "x.json: byte 2: found '}', expected a value, a key or the matching bracket"},
        {BYTES("{\"a\":1]"), "x.json: byte 6: found ']', expected a value, a key or the matching bracket"},
        {BYTES("{\"a\"}"), "x.json: byte 4: found '}', expected ':'"},
        {BYTES("{\"a\":}"), "x.json: byte 5: found '}', expected a value"},
        {BYTES("{\"a\" 1}"), "x.json: byte 5: found '1', expected a value, a key or the matching bracket"},
        {BYTES("{\"a\" \"b\"}"), "x.json: byte 5: found '\"', expected ':'"},
        {BYTES("{\"a\"::1}"), "x.json: byte 5: found ':', expected a value"},
        {BYTES("{\"a\":1,}"), "x.json: byte 7: found '}', expected a key"},
        {BYTES("{\"a\":1 \"b\":2}"), "x.json: byte 7: found '\"', expected ',' or '}'"},
        {BYTES("{\"a\":\"b\":\"c\"}"), "x.json: byte 8: found ':', expected ',' or '}'"},
        {BYTES("{,\"a\":1}"), "x.json: byte 1: found ',', expected a key"},
        /* keys */
        {BYTES("{1:2}"), "x.json: byte 1: found '1', expected a value, a key or the matching bracket"},
        {BYTES("{[]:2}"), "x.json: byte 1: found '[', expected a value, a key or the matching bracket"},
        {BYTES("{\"a\":1,null:2}"),
         "x.json: byte 7: found 'n', expected a value, a key or the matching bracket"},
        {BYTES("{\"a\":1,\"b\":2,\"a\":3}"), "x.json: byte 13: key \"a\" stands twice in one object"},
        {BYTES("{\"a\":1,\"\\u0061\":3}"), "x.json: byte 7: key \"\\u0061\" stands twice in one object"},
        {BYTES("[{\"k\":{\"\":1,\"\":1}}]"), "x.json: byte 12: key \"\" stands twice in one object"},
        /* words and numbers */
        {BYTES("[True]"), "x.json: byte 1: found 'T', expected a value, a key or the matching bracket"},
        {BYTES("[nul]"), "x.json: byte 1: found 'n', expected true, false, null, a number or a string"},
        {BYTES("[nullx]"), "x.json: byte 1: found 'n', expected true, false, null, a number or a string"},
        {BYTES("[NaN]"), "x.json: byte 1: found 'N', expected a value, a key or the matching bracket"},
        {BYTES("[01]"), "x.json: byte 1: found '0', expected true, false, null, a number or a string"},
        {BYTES("[-]"), "x.json: byte 1: found '-', expected true, false, null, a number or a string"},
        {BYTES("[1.]"), "x.json: byte 1: found '1', expected true, false, null, a number or a string"},
        {BYTES("[.5]"), "x.json: byte 1: found '.', expected a value, a key or the matching bracket"},
        {BYTES("[1e]"), "x.json: byte 1: found '1', expected true, false, null, a number or a string"},
        {BYTES("[1e+]"), "x.json: byte 1: found '1', expected true, false, null, a number or a string"},
        {BYTES("[0x10]"), "x.json: byte 1: found '0', expected true, false, null, a number or a string"},
        {BYTES("[-Infinity]"), "x.json: byte 1: found '-', expected true, false, null, a number or a string"},
        {BYTES("[1:2]"), "x.json: byte 1: found '1', expected true, false, null, a number or a string"},
        /* strings */
        {BYTES("[\"a\nb\"]"), "x.json: byte 3: found byte 0x0A, expected no control character"},
        {BYTES("[\"a\0b\"]"), "x.json: byte 3: found byte 0x00, expected no control character"},
        {BYTES("[\"\\x\"]"), "x.json: byte 1: found '\"', expected a value, a key or the matching bracket"},
        {BYTES("[\"\\u12g4\"]"),
         "x.json: byte 1: found '\"', expected a value, a key or the matching bracket"},
        {BYTES("['a']"), "x.json: byte 1: found ''', expected a value, a key or the matching bracket"},
        {BYTES("[1 /* one */]"),
         "x.json: byte 3: found '/', expected a value, a key or the matching bracket"},
        {BYTES("[\f1]"), "x.json: byte 1: found byte 0x0C, expected no control character"},
        /* UTF-8: a lone continuation, cut short, overlong, a surrogate, past U+10FFFF */
        {BYTES("[\"\x80\"]"), "x.json: byte 2: found byte 0x80, expected UTF-8"},
        {BYTES("[\"\xE4\xB8\"]"), "x.json: byte 2: found byte 0xE4, expected UTF-8"},
        {BYTES("[\"\xC0\xAF\"]"), "x.json: byte 2: found byte 0xC0, expected UTF-8"},
        {BYTES("[\"\xE0\x80\xAF\"]"), "x.json: byte 2: found byte 0xE0, expected UTF-8"},
        {BYTES("[\"\xED\xA0\x80\"]"), "x.json: byte 2: found byte 0xED, expected UTF-8"},
        {BYTES("[\"\xF4\x90\x80\x80\"]"), "x.json: byte 2: found byte 0xF4, expected UTF-8"},
        {BYTES("{\"a\":\xFF}"), "x.json: byte 5: found byte 0xFF, expected UTF-8"},
        {BYTES("[\"\xF0\x9F\x98"), "x.json: byte 2: found byte 0xF0, expected UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json document;
        youtu_error error;
        youtu_status status = parse(cases[i].text, cases[i].length, &document, &error);
        expect_failure(NULL, status, &error, YOUTU_E_FORMAT, cases[i].message);
        assert_null(document.name); /* the caller's struct is as before */
    }
}

static void test_bounds_depth(void **state) {
    (void)state;
    char text[2 * (JSON_MAX_DEPTH + 1)];
    json document;
    youtu_error error;
    memset(text, '[', JSON_MAX_DEPTH);
    memset(text + JSON_MAX_DEPTH, ']', JSON_MAX_DEPTH);
    expect_success(parse(text, 2 * JSON_MAX_DEPTH, &document, &error), &error);
    json_free(&document);
    memset(text, '[', JSON_MAX_DEPTH + 1);
    memset(text + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
    expect_failure(NULL, parse(text, sizeof text, &document, &error), &error, YOUTU_E_FORMAT,
                   "x.json: byte 64: nested 65 deep, expected at most 64");
    /* brackets inside strings are text */
    memset(text, '[', sizeof text);
    text[1] = text[sizeof text - 2] = '"';
    text[sizeof text - 1] = ']';
    expect_success(parse(text, sizeof text, &document, &error), &error);
    json_free(&document);
}

static void test_walks_a_document(void **state) {
    (void)state;
    json d = parsed(" {\"a\": 1, \"b\": [true, [], {\"x\": null}, \"s\"], \"c\": {}, \"d\": -0.5e+1 }\r\n\t");
    static const char *const keys[] = {"a", "b", "c", "d"};
    static const json_kind kinds[] = {JSON_NUMBER, JSON_ARRAY, JSON_OBJECT, JSON_NUMBER};
    int n = 0;
    for (json_node key = json_first(&d, 0); key != JSON_NONE; key = json_next(&d, 0, key), n++) {
        assert_true(json_equals(&d, key, keys[n]));
        assert_int_equal(json_kind_of(&d, json_value(&d, key)), kinds[n]);
    }
    assert_int_equal(n, 4);
    assert_int_equal(json_count(&d, 0), 4);

    json_node b = json_get(&d, 0, "b");
    static const json_kind elements[] = {JSON_BOOL, JSON_ARRAY, JSON_OBJECT, JSON_STRING};
    n = 0;
    for (json_node e = json_first(&d, b); e != JSON_NONE; e = json_next(&d, b, e))
        assert_int_equal(json_kind_of(&d, e), elements[n++]);
    assert_int_equal(n, 4);
    json_node empty = json_next(&d, b, json_first(&d, b)), object = json_next(&d, b, empty);
    assert_int_equal(json_first(&d, empty), JSON_NONE);
    assert_int_equal(json_first(&d, json_get(&d, 0, "c")), JSON_NONE);
    assert_int_equal(json_first(&d, json_get(&d, 0, "a")), JSON_NONE); /* no container */

    assert_int_equal(json_get(&d, object, "x"), JSON_NONE);                    /* null is absent ... */
    assert_int_equal(json_kind_of(&d, json_find(&d, object, "x")), JSON_NULL); /* ... but found */
    assert_int_equal(json_get(&d, 0, "x"), JSON_NONE);
    assert_int_equal(json_get(&d, b, "a"), JSON_NONE); /* no object */
    json_free(&d);
}

static void test_unescapes_strings(void **state) {
    (void)state;
    static const struct {
        const char *raw;
        const char *text;
        size_t length;
    } cases[] = {
        {"[\"\"]", BYTES("")},
        {"[\"plain \xE4\xB8\xAD\"]", BYTES("plain \xE4\xB8\xAD")},
        {"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", BYTES("\"\\/\b\f\n\r\t")},
        {"[\"\\u0041\\u00e9\\u4E2d\"]", BYTES("A\xC3\xA9\xE4\xB8\xAD")},
        {"[\"\\ud83d\\ude00!\"]", BYTES("\xF0\x9F\x98\x80!")},
        {"[\"\\uDBFF\\uDFFF\"]", BYTES("\xF4\x8F\xBF\xBF")},
        {"[\"a\\u0000b\"]", BYTES("a\0b")},
        {"[\"\\\\u0041\"]", BYTES("\\u0041")},
        {"[\"\x7F\"]", BYTES("\x7F")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json d = parsed(cases[i].raw);
        char *text = NULL;
        size_t length = 0;
        youtu_error error;
        expect_success(json_unescape(&d, 1, &text, &length, &error), &error);
        assert_int_equal(length, cases[i].length);
        assert_memory_equal(text, cases[i].text, length + 1);
        assert_int_equal(json_equals(&d, 1, text), strlen(text) == length); /* a NUL equals no C string */
        assert_false(json_equals(&d, 1, "plain"));
        assert_false(json_equals(&d, 1, "plain \xE4\xB8\xAD\xE4"));
        free(text);
        json_free(&d);
    }
}

static void test_refuses_strings(void **state) {
    (void)state;
    static const struct {
        const char *raw;
        const char *message;
    } cases[] = {
        {"[\"\\ud83d\"]", "x.json: field \"[0]\" is \"\\ud83d\", expected no lone surrogate"},
        {"[\"\\ude00\"]", "x.json: field \"[0]\" is \"\\ude00\", expected no lone surrogate"},
        {"[\"\\ud83d\\u0041\"]", "x.json: field \"[0]\" is \"\\ud83d\\u0041\", expected no lone surrogate"},
        {"[\"\\ud83dA\"]", "x.json: field \"[0]\" is \"\\ud83dA\", expected no lone surrogate"},
        {"[\"\\ud83d\\ud83d\\ude00\"]",
         "x.json: field \"[0]\" is \"\\ud83d\\ud83d\\ude00\", expected no lone surrogate"},
        {"[1]", "x.json: field \"[0]\" is 1, expected a string"},
        {"[null]", "x.json: field \"[0]\" is null, expected a string"},
        {"[{\"a\":1}]", "x.json: field \"[0]\" is {\"a\":1}, expected a string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json d = parsed(cases[i].raw);
        char *text = NULL;
        youtu_error error;
        expect_failure(NULL, json_unescape(&d, 1, &text, NULL, &error), &error, YOUTU_E_FORMAT,
                       cases[i].message);
        assert_null(text);
        assert_false(json_equals(&d, 1, "a"));
        json_free(&d);
    }
}

static void test_reads_integers(void **state) {
    (void)state;
    static const struct {
        const char *raw;
        int64_t value;
    } cases[] = {{"[0]", 0},
                 {"[-0]", 0},
                 {"[17]", 17},
                 {"[-17]", -17},
                 {"[9223372036854775807]", INT64_MAX},
                 {"[-9223372036854775808]", INT64_MIN}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json d = parsed(cases[i].raw);
        int64_t value = 99;
        youtu_error error;
        expect_success(json_to_int(&d, 1, NULL, INT64_MIN, INT64_MAX, &value, &error), &error);
        assert_int_equal(value, cases[i].value);
        json_free(&d);
    }
}

static void test_reads_doubles_in_any_locale(void **state) {
    (void)state;
    static const struct {
        const char *raw;
        double value;
    } cases[] = {{"{\"v\":0}", 0},
                 {"{\"v\":1e-06}", 1e-06},
                 {"{\"v\":1600000}", 1600000},
                 {"{\"v\":0.22360679774997896}", 0.22360679774997896},
                 {"{\"v\":-2.5E+3}", -2500},
                 {"{\"v\":123456789012345678901234567890}", 123456789012345678901234567890.0}};
    setlocale(LC_ALL, "de_DE.UTF-8"); /* decimal comma; where it is not installed the test says less */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json d = parsed(cases[i].raw);
        double value = 99;
        youtu_error error;
        expect_success(json_get_double(&d, 0, "v", -1e30, 1e30, &value, &error), &error);
        assert_true(value == cases[i].value);
        json_free(&d);
    }
    setlocale(LC_ALL, "C");
}

static youtu_status get_int(const json *d, youtu_error *error) {
    int64_t value;
    return json_get_int(d, 0, "v", 1, 16, &value, error);
}
static youtu_status opt_int(const json *d, youtu_error *error) {
    int64_t value;
    return json_opt_int(d, 0, "v", 1, 16, &value, error);
}
static youtu_status get_double(const json *d, youtu_error *error) {
    double value;
    return json_get_double(d, 0, "v", 0, 1, &value, error);
}
static youtu_status opt_double(const json *d, youtu_error *error) {
    double value;
    return json_opt_double(d, 0, "v", 0, 1, &value, error);
}
static youtu_status get_bool(const json *d, youtu_error *error) {
    bool value;
    return json_get_bool(d, 0, "v", &value, error);
}
static youtu_status opt_bool(const json *d, youtu_error *error) {
    bool value;
    return json_opt_bool(d, 0, "v", &value, error);
}

static void test_names_field_found_and_expected(void **state) {
    (void)state;
    static const struct {
        const char *raw;
        youtu_status (*get)(const json *d, youtu_error *error);
        const char *message;
    } cases[] = {
        {"{}", get_int, "x.json: field \"v\" is missing, expected an integer"},
        {"{\"v\":null}", get_int, "x.json: field \"v\" is missing, expected an integer"},
        {"{\"v\":0}", get_int, "x.json: field \"v\" is 0, expected an integer from 1 to 16"},
        {"{\"v\":17}", opt_int, "x.json: field \"v\" is 17, expected an integer from 1 to 16"},
        {"{\"v\":-1}", get_int, "x.json: field \"v\" is -1, expected an integer from 1 to 16"},
        {"{\"v\":2.0}", get_int, "x.json: field \"v\" is 2.0, expected an integer from 1 to 16"},
        {"{\"v\":1e1}", get_int, "x.json: field \"v\" is 1e1, expected an integer from 1 to 16"},
        {"{\"v\":\"2\"}", get_int, "x.json: field \"v\" is \"2\", expected an integer from 1 to 16"},
        {"{\"v\":true}", opt_int, "x.json: field \"v\" is true, expected an integer from 1 to 16"},
        {"{\"v\":[2]}", get_int, "x.json: field \"v\" is [2], expected an integer from 1 to 16"},
        {"{\"v\":18446744073709551618}", get_int,
         "x.json: field \"v\" is 18446744073709551618, expected an integer from 1 to 16"},
        {"{\"v\":-9223372036854775809}", get_int,
         "x.json: field \"v\" is -9223372036854775809, expected an integer from 1 to 16"},
        {"{}", get_double, "x.json: field \"v\" is missing, expected a number"},
        {"{\"v\":1.5}", get_double, "x.json: field \"v\" is 1.5, expected a number from 0 to 1"},
        {"{\"v\":1e999}", opt_double, "x.json: field \"v\" is 1e999, expected a number from 0 to 1"},
        {"{\"v\":-0.1}", opt_double, "x.json: field \"v\" is -0.1, expected a number from 0 to 1"},
        {"{\"v\":\"0.5\"}", get_double, "x.json: field \"v\" is \"0.5\", expected a number from 0 to 1"},
        {"{}", get_bool, "x.json: field \"v\" is missing, expected true or false"},
        {"{\"v\":1}", get_bool, "x.json: field \"v\" is 1, expected true or false"},
        {"{\"v\":\"true\"}", opt_bool, "x.json: field \"v\" is \"true\", expected true or false"},
        /* what is shown is cut at a whole character */
        {"{\"v\":\"0123456789012345678901234567890123456789012345678901234567\xE4\xB8\xAD and more\"}",
         get_bool,
         "x.json: field \"v\" is \"0123456789012345678901234567890123456789012345678901234567, expected true or "
         "false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json d = parsed(cases[i].raw);
        youtu_error error;
        expect_failure(NULL, cases[i].get(&d, &error), &error, YOUTU_E_FORMAT, cases[i].message);
        assert_int_equal(cases[i].get(&d, NULL), YOUTU_E_FORMAT);
        json_free(&d);
    }
}

static void test_leaves_absent_values(void **state) {
    (void)state;
    json d = parsed("{\"n\":null,\"t\":true,\"f\":false}");
    youtu_error error;
    int64_t whole = 7;
    double real = 7.5;
    bool truth = true;
    expect_success(json_opt_int(&d, 0, "n", 0, 1, &whole, &error), &error);
    expect_success(json_opt_int(&d, 0, "none", 0, 1, &whole, &error), &error);
    expect_success(json_opt_double(&d, 0, "n", 0, 1, &real, &error), &error);
    expect_success(json_opt_bool(&d, 0, "none", &truth, &error), &error);
    assert_int_equal(whole, 7);
    assert_true(real == 7.5);
    assert_true(truth);
    expect_success(json_opt_bool(&d, 0, "f", &truth, &error), &error);
    assert_false(truth);
    expect_success(json_get_bool(&d, 0, "t", &truth, &error), &error);
    assert_true(truth);
    json_free(&d);
}

static void test_shows_the_path(void **state) {
    (void)state;
    json d = parsed("{\"a\":{\"b\":[0,{\"c d\":\"x\"}]}}");
    json_node a = json_get(&d, 0, "a"), b = json_get(&d, a, "b");
    json_node object = json_next(&d, b, json_first(&d, b));
    json_node leaf = json_get(&d, object, "c d");
    youtu_error error;
    json_refuse(&d, leaf, YOUTU_E_UNSUPPORTED, "\"y\"", &error);
    assert_string_equal(error.message, "x.json: field \"a.b[1].c d\" is \"x\", expected \"y\"");
    assert_int_equal(error.status, YOUTU_E_UNSUPPORTED);
    json_missing(&d, object, "k", "more", &error);
    assert_string_equal(error.message, "x.json: field \"a.b[1].k\" is missing, expected more");
    json_refuse(&d, 0, YOUTU_E_FORMAT, "an array", &error);
    assert_string_equal(error.message, "x.json: is {\"a\":{\"b\":[0,{\"c d\":\"x\"}]}}, expected an array");
    int64_t value;
    json_to_int(&d, leaf, "id of a token", 0, 9, &value, &error);
    assert_string_equal(error.message,
                        "x.json: field \"id of a token\" is \"x\", expected an integer from 0 to 9");
    json_free(&d);
}

/* A path longer than the message is cut at a whole character. */
static void test_cuts_a_long_path(void **state) {
    (void)state;
    char text[1200];
    int used = snprintf(text, sizeof text, "{\"x");
    for (int i = 0; i < 300; i++) used += snprintf(text + used, sizeof text - (size_t)used, "\xE4\xB8\xAD");
    snprintf(text + used, sizeof text - (size_t)used, "\":1}");
    json d = parsed(text);
    youtu_error error;
    json_refuse(&d, 2, YOUTU_E_FORMAT, "it absent", &error);
    assert_non_null(strstr(error.message, "\xE4\xB8\xAD\" is 1, expected it absent"));
    json_free(&d);
}

/* As tokenizer.json's merges: linear in jsmn thanks to the parent links, and one step a pair here. */
static void test_many_pairs(void **state) {
    (void)state;
    enum { N = 100000 };
    char *text = malloc(16 * N + 16);
    assert_non_null(text);
    size_t used = (size_t)sprintf(text, "{\"merges\":[");
    for (int i = 0; i < N; i++) used += (size_t)sprintf(text + used, "%s[\"a\",\"b\"]", i ? "," : "");
    used += (size_t)sprintf(text + used, "]}");
    json d = parsed(text);
    json_node merges = json_get(&d, 0, "merges");
    int n = 0;
    for (json_node pair = json_first(&d, merges); pair != JSON_NONE; pair = json_next(&d, merges, pair)) {
        assert_int_equal(json_count(&d, pair), 2);
        n++;
    }
    assert_int_equal(n, N);
    json_free(&d);
    free(text);
}

static void test_many_keys(void **state) {
    (void)state;
    enum { N = 50000 };
    char *text = malloc(16 * N + 16);
    assert_non_null(text);
    size_t used = (size_t)sprintf(text, "{");
    for (int i = 0; i < N; i++) used += (size_t)sprintf(text + used, "\"k%d\":0,", i);
    sprintf(text + used, "\"k%d\":1}", N - 1);
    json d;
    youtu_error error;
    expect_failure(NULL, parse(text, strlen(text), &d, &error), &error, YOUTU_E_FORMAT,
                   "x.json: byte 538891: key \"k49999\" stands twice in one object");
    free(text);
}

static void test_reads_a_file(void **state) {
    const fixture *f = *state;
    json d = {0};
    youtu_error error;
    fixture_write_text(f, "ok.json", "{\"a\":3}");
    expect_success(json_read_file(fixture_path(f, "ok.json"), 7, &d, &error), &error);
    int64_t value = 0;
    expect_success(json_get_int(&d, 0, "a", 0, 9, &value, &error), &error);
    assert_int_equal(value, 3);
    assert_string_equal(d.name, "ok.json");
    json_free(&d);
    json_free(&d); /* a zeroed struct */
}

static void test_refuses_files(void **state) {
    const fixture *f = *state;
    fixture_write_text(f, "long.json", "{\"a\":33}");
    fixture_write_text(f, "empty.json", "");
    fixture_write_text(f, "cut.json", "{\"a\":");
    assert_int_equal(mkdir(fixture_path(f, "folder.json"), 0700), 0);
    assert_int_equal(mkfifo(fixture_path(f, "pipe.json"), 0600), 0);
    static const struct {
        const char *name;
        youtu_status status;
        const char *message;
    } cases[] = {
        {"none.json", YOUTU_E_IO, "@/none.json: cannot be opened: No such file or directory"},
        {"folder.json", YOUTU_E_IO, "@/folder.json: is a directory, expected a file"},
        {"pipe.json", YOUTU_E_IO, "@/pipe.json: is a pipe, expected a file"},
        {"long.json", YOUTU_E_FORMAT, "@/long.json: is 8 bytes, expected at most 7"},
        {"empty.json", YOUTU_E_FORMAT, "empty.json: byte 0: the text ends, expected '{' or '['"},
        {"cut.json", YOUTU_E_FORMAT, "cut.json: byte 5: the text ends, expected the rest of a value"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        json d = {0};
        youtu_error error;
        youtu_status status = json_read_file(fixture_path(f, cases[i].name), 7, &d, &error);
        expect_failure(f, status, &error, cases[i].status, cases[i].message);
    }
    json d = {0};
    youtu_error error;
    expect_failure(f, json_read_file("/dev/null", 7, &d, &error), &error, YOUTU_E_IO,
                   "/dev/null: is a device or socket, expected a file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refuses_what_is_not_json),
        cmocka_unit_test(test_bounds_depth),
        cmocka_unit_test(test_walks_a_document),
        cmocka_unit_test(test_unescapes_strings),
        cmocka_unit_test(test_refuses_strings),
        cmocka_unit_test(test_reads_integers),
        cmocka_unit_test(test_reads_doubles_in_any_locale),
        cmocka_unit_test(test_names_field_found_and_expected),
        cmocka_unit_test(test_leaves_absent_values),
        cmocka_unit_test(test_shows_the_path),
        cmocka_unit_test(test_cuts_a_long_path),
        cmocka_unit_test(test_many_pairs),
        cmocka_unit_test(test_many_keys),
        cmocka_unit_test_setup_teardown(test_reads_a_file, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_refuses_files, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
