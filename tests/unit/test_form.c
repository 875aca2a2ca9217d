/* The form of an answer under a model that draws any allowed token with equal probability: worse than every real one,
 * and needing no weights. */
#include "cli/clinic/answer.h"
#include "cli/form.h"
#include "tests/unit/clinic_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>

#define MODEL "models/youtu-demo"

enum { MOST_TOKENS = 2048, ANSWERS = 150 };

static youtu_model *model;
static struct form form, reasoning_form;

struct drawn {
    int32_t tokens[MOST_TOKENS];
    size_t count;
    struct buffer text;
    bool ended; /* by the guide or an end token: not by the budget */
    size_t n_questions;
};

static uint64_t state;

static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static void put_token(struct drawn *drawn, int32_t token) {
    size_t length = 0;
    const char *bytes = youtu_token_bytes(form.tokenizer, token, &length);
    assert_true(token >= 0 && drawn->count < MOST_TOKENS);
    drawn->tokens[drawn->count++] = token;
    if (!youtu_token_is_special(form.tokenizer, token)) buffer_append(&drawn->text, bytes, length);
}

static bool likes_marks; /* the way out is one token of hundreds: half of the answers look for it */

static int32_t draw_among(const youtu_guide_step *step) {
    size_t first = 0;
    while (form.trie.entries[first].kind != NAME_UNLISTED) first++;
    int32_t mark = form.trie.entries[first].name.ids[1];
    for (size_t i = 0; likes_marks && i < step->n_tokens; i++)
        if (step->tokens[i] == mark) return mark;
    return step->tokens[next_random() % step->n_tokens];
}

/* Any token that the step allows. */
static int32_t draw(const youtu_guide_step *step, bool *left_out, int32_t vocab_size) {
    if (step->guidance == YOUTU_GUIDE_AMONG) return draw_among(step);
    memset(left_out, 0, (size_t)vocab_size);
    for (size_t i = 0; i < step->n_tokens; i++) left_out[step->tokens[i]] = true;
    int32_t token;
    do token = (int32_t)(next_random() % (uint64_t)vocab_size);
    while (left_out[token]);
    return token;
}

/* Plays youtu_generate with a budget of n tokens. */
static void answer(struct form *guide, int32_t n, struct drawn *drawn) {
    static bool left_out[1 << 17];
    const int32_t vocab_size = guide->classes.vocab_size;
    buffer_free(&drawn->text);
    memset(drawn, 0, sizeof *drawn);
    form_begin(guide);
    while ((int32_t)drawn->count < n && !drawn->ended) {
        youtu_guide_state at = {sizeof at, drawn->tokens, drawn->count, n - (int32_t)drawn->count};
        youtu_guide_step step = {.size = sizeof step};
        form_guide(guide, &at, &step);
        drawn->n_questions++;
        if (step.guidance == YOUTU_GUIDE_END) {
            drawn->ended = true;
        } else if (step.guidance == YOUTU_GUIDE_FEED) {
            assert_true(step.n_tokens > 0);
            for (size_t i = 0; i < step.n_tokens && (int32_t)drawn->count < n; i++)
                put_token(drawn, step.tokens[i]);
        } else {
            assert_true(step.guidance != YOUTU_GUIDE_FREE);
            int32_t token = draw(&step, left_out, vocab_size);
            drawn->ended = youtu_model_is_end(model, token);
            if (!drawn->ended) put_token(drawn, token);
        }
    }
    assert_false(guide->failed);
}

static struct span next_line(struct span *rest) {
    const char *end = memchr(rest->data, '\n', rest->length);
    size_t length = end ? (size_t)(end - rest->data) : rest->length;
    struct span line = span_between(*rest, 0, length);
    *rest = span_between(*rest, end ? length + 1 : length, rest->length);
    return line;
}

/* Lines up to the next heading. */
static size_t count_lines(struct span *rest, const char *heading) {
    size_t lines = 0;
    while (rest->length > 0) {
        struct span line = next_line(rest);
        if (heading && span_is(line, heading)) return lines;
        assert_true(line.length > 0 && !utf8_continues(line.data[0]));
        lines++;
    }
    assert_null(heading);
    return lines;
}

/* The four sections stand in order and read back; returns the number of names. */
static size_t check_answer(struct span text, struct arena *arena) {
    struct answer read;
    struct span rest = text;
    for (size_t at = 0, length; at < text.length; at += length) {
        uint32_t c;
        length = utf8_read(span_between(text, at, text.length), &c);
        assert_true(length > 0 && c != 0xFFFD && c != 0x200B && c != 0xFEFF && (c >= 0x20 || c == '\n'));
    }
    assert_true(span_is(next_line(&rest), "1. 可能诊断"));
    size_t names = count_lines(&rest, "2. 鉴别依据");
    assert_in_range(names, 1, 3);
    assert_int_equal(count_lines(&rest, "3. 建议检查"), names);
    size_t tests = count_lines(&rest, "4. 风险提示");
    assert_in_range(tests, 1, 5);
    assert_in_range(count_lines(&rest, NULL), 1, 4);
    assert_true(ends_sentence(span_trim(text)));

    assert_true(answer_parse(text, arena, &read));
    assert_int_equal(read.n_tests, tests);
    const struct disease *found[3] = {NULL};
    for (size_t i = 0; i < read.n_diagnoses; i++) {
        assert_true(kb_find_disease(&clinic.kb, arena, read.diagnoses[i].name, &found[i]));
        if (read.diagnoses[i].is_unlisted) {
            assert_true(i > 0);
            found[i] = NULL;
            continue;
        }
        assert_non_null(found[i]);
        for (size_t j = 0; j < i; j++) assert_true(found[j] != found[i]);
    }
    return read.n_diagnoses;
}

static void the_form_holds_under_any_draws(void **unused) {
    (void)unused;
    static struct drawn drawn;
    size_t unlisted = 0, three = 0;
    for (uint64_t seed = 1; seed <= ANSWERS; seed++) {
        struct arena arena = {0};
        state = seed * 0x9E3779B97F4A7C15U;
        likes_marks = seed % 2 == 0;
        answer(&form, 512, &drawn);
        assert_true(drawn.ended);
        three += check_answer(buffer_span(&drawn.text), &arena) == 3;
        unlisted += span_find(buffer_span(&drawn.text), span_of(ANSWER_UNLISTED), 0) != SIZE_MAX;
        arena_free(&arena);
    }
    assert_true(three > ANSWERS / 2);
    assert_true(unlisted > ANSWERS / 4 && unlisted < ANSWERS);
    buffer_free(&drawn.text);
}

static void every_budget_from_the_least_on_holds_the_form(void **unused) {
    (void)unused;
    static struct drawn drawn;
    for (int32_t n = form_least(&form) + 1; n < 300; n++) {
        struct arena arena = {0};
        state = (uint64_t)n * 0x9E3779B97F4A7C15U;
        likes_marks = n % 2 == 0;
        answer(&form, n, &drawn);
        assert_true(drawn.ended && (int32_t)drawn.count < n);
        check_answer(buffer_span(&drawn.text), &arena);
        arena_free(&arena);
    }
    answer(&form, form_least(&form), &drawn);
    assert_false(drawn.ended); /* cut, as without a form */
    buffer_free(&drawn.text);
}

static void reasoning_has_an_end(void **unused) {
    (void)unused;
    static struct drawn drawn;
    struct span mark = span_of("1. 可能诊断");
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct arena arena = {0};
        state = seed * 0x9E3779B97F4A7C15U;
        answer(&reasoning_form, 400, &drawn);
        assert_true(drawn.ended);
        assert_int_equal(drawn.tokens[0], reasoning_form.reasoning_start);
        size_t end = 1;
        while (drawn.tokens[end] != reasoning_form.reasoning_end) end++;
        assert_true(end < 200);
        struct span text = buffer_span(&drawn.text);
        size_t at = span_find(text, mark, 0);
        check_answer(span_between(text, at, text.length), &arena);
        arena_free(&arena);
    }
    buffer_free(&drawn.text);
}

/* ---- names */

static void names_that_are_used_are_not_offered_again(void **unused) {
    (void)unused;
    int32_t ids[2048];
    const struct name_entry *whole;
    const struct disease *used[] = {&clinic.kb.diseases[0]};
    struct name_filter all = {.most_tokens = 1000}, others = {.used = used, .n_used = 1, .most_tokens = 1000};
    assert_true(form.trie.count < 2048);
    for (size_t i = 0; i < form.trie.count; i++) {
        const struct name_entry *entry = &form.trie.entries[i];
        if (entry->kind != NAME_KNOWN) continue;
        struct name_walk walk = name_walk_begin(&form.trie);
        for (size_t j = 0; j < entry->name.count; j++) {
            size_t n = name_choices(&form.trie, &walk, &all, ids, &whole), k = 0;
            while (k < n && ids[k] != entry->name.ids[j]) k++;
            assert_true(k < n);
            name_walk_take(&form.trie, &walk, entry->name.ids[j]);
        }
        name_choices(&form.trie, &walk, &all, ids, &whole);
        assert_ptr_equal(whole, entry);
        name_choices(&form.trie, &walk, &others, ids, &whole);
        assert_true((whole == NULL) == (entry->disease == used[0]));
    }
}

static int open_all(void **unused) {
    youtu_error error;
    struct failure failure;
    if (open_clinic(unused)) return -1;
    if (youtu_model_open(MODEL, NULL, &model, &error)) return -1;
    return form_open(&form, model, &clinic.kb, false, &failure) &&
                   form_open(&reasoning_form, model, &clinic.kb, true, &failure)
               ? 0
               : -1;
}

static int close_all(void **unused) {
    form_free(&form);
    form_free(&reasoning_form);
    youtu_model_close(model);
    return close_clinic(unused);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_holds_under_any_draws),
        cmocka_unit_test(every_budget_from_the_least_on_holds_the_form),
        cmocka_unit_test(reasoning_has_an_end),
        cmocka_unit_test(names_that_are_used_are_not_offered_again),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
