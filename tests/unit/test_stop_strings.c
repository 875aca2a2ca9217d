/* Stop strings against a search over the whole text, however it is cut into pieces. */
#include "libyoutu/stop_strings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXT = 64 };

static bool begins_with(const char *text, size_t length, const char *string) {
    return strlen(string) <= length && memcmp(text, string, strlen(string)) == 0;
}

/* Where the answer ends: before the match whose end comes first; the longest of those that end there. */
static bool slow_match(const char *text, size_t length, const char *const *strings, size_t count,
                       size_t *answer) {
    for (size_t end = 1; end <= length; end++)
        for (size_t start = 0; start < end; start++)
            for (size_t i = 0; i < count; i++)
                if (strlen(strings[i]) == end - start &&
                    begins_with(text + start, length - start, strings[i])) {
                    *answer = start;
                    return true;
                }
    *answer = length;
    return false;
}

/* What may go out of a text without a match: all but the longest end that begins a stop string. */
static size_t slow_certain(const char *text, size_t length, const char *const *strings, size_t count) {
    for (size_t start = 0; start < length; start++)
        for (size_t i = 0; i < count; i++)
            if (strncmp(strings[i], text + start, length - start) == 0) return start;
    return length;
}

static void random_texts_in_random_pieces(void **state) {
    (void)state;
    srand(4);
    int n_found = 0;
    for (int round = 0; round < 20000; round++) {
        char strings[3][8];
        const char *pointers[3];
        size_t count = (size_t)(rand() % 4);
        for (size_t i = 0; i < count; i++) {
            size_t length = (size_t)(1 + rand() % 6);
            for (size_t k = 0; k < length; k++) strings[i][k] = (char)('a' + rand() % 2);
            strings[i][length] = '\0';
            pointers[i] = strings[i];
        }
        char text[MAX_TEXT], out[MAX_TEXT];
        size_t length = (size_t)(rand() % MAX_TEXT), out_length = 0, answer, at = 0;
        for (size_t i = 0; i < length; i++) text[i] = (char)('a' + rand() % (rand() % 8 ? 2 : 3));
        bool expect_found = slow_match(text, length, pointers, count, &answer);

        stop_strings stops = {.strings = pointers, .count = count};
        const char *piece;
        size_t n;
        while (at < length && !stops.found) {
            size_t step = (size_t)(rand() % 5);
            if (step > length - at) step = length - at;
            assert_int_equal(stop_strings_push(&stops, text + at, step, NULL), YOUTU_OK);
            at += step;
            if (rand() % 4 == 0) continue;
            stop_strings_take(&stops, false, &piece, &n);
            memcpy(out + out_length, piece, n);
            out_length += n;
            if (!stops.found) assert_int_equal(out_length, slow_certain(text, at, pointers, count));
        }
        stop_strings_take(&stops, true, &piece, &n);
        memcpy(out + out_length, piece, n);
        out_length += n;
        assert_int_equal(stops.found, expect_found);
        assert_int_equal(out_length, answer);
        assert_memory_equal(out, text, answer);
        n_found += expect_found;
        stop_strings_free(&stops);
    }
    assert_in_range(n_found, 5000, 19000);
}

static void holds_back_across_pieces(void **state) {
    (void)state;
    const char *const strings[] = {"。\n", "结束"};
    stop_strings stops = {.strings = strings, .count = 2};
    const char *text;
    size_t length;
    stop_strings_push(&stops, "头痛。", strlen("头痛。"), NULL);
    stop_strings_take(&stops, false, &text, &length);
    assert_int_equal(length, strlen("头痛"));
    stop_strings_push(&stops, "结", strlen("结"), NULL);
    stop_strings_take(&stops, false, &text, &length);
    assert_memory_equal(text, "。", length);
    stop_strings_push(&stops, "束 more", strlen("束 more"), NULL);
    assert_true(stops.found);
    stop_strings_take(&stops, false, &text, &length);
    assert_int_equal(length, 0);
    stop_strings_push(&stops, "more", 4, NULL);
    stop_strings_take(&stops, true, &text, &length);
    assert_int_equal(length, 0);
    stop_strings_free(&stops);
}

static void nothing_pushed_is_nothing_taken(void **state) {
    (void)state;
    stop_strings stops = {0};
    const char *text;
    size_t length;
    stop_strings_take(&stops, true, &text, &length);
    assert_non_null(text);
    assert_int_equal(length, 0);
    assert_int_equal(stop_strings_push(&stops, "a\0b", 3, NULL), YOUTU_OK);
    stop_strings_take(&stops, false, &text, &length);
    assert_int_equal(length, 3);
    assert_memory_equal(text, "a\0b", 3);
    stop_strings_free(&stops);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_texts_in_random_pieces),
        cmocka_unit_test(holds_back_across_pieces),
        cmocka_unit_test(nothing_pushed_is_nothing_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
