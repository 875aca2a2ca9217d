/* Names scored in one batch over a shared prefix, against each name decoded by itself. */
#include "cli/scoring.h"
#include "tests/unit/clinic_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>

static struct engine engine;

static const char PREFIX[] = "头痛三天。\n1. 可能诊断\n(1)";

static youtu_context *open_context(int32_t n_sequences) {
    youtu_context_options options = youtu_context_options_default();
    options.n_tokens = 64 + SCORING_TOKENS;
    options.n_sequences = n_sequences;
    options.n_threads = 1;
    youtu_context *context = NULL;
    assert_int_equal(youtu_context_new(engine.model, &options, &context, NULL), YOUTU_OK);
    return context;
}

static youtu_tokens encode(const char *text) {
    youtu_tokens tokens = {0};
    assert_int_equal(youtu_encode(engine.tokenizer, text, strlen(text), YOUTU_TEXT_PLAIN, &tokens, NULL),
                     YOUTU_OK);
    return tokens;
}

/* The log-probability of the name behind the prefix, one token after the other. */
static double score_alone(youtu_context *context, const youtu_tokens *prefix, const char *name) {
    char text[64] = " ";
    strncat(text, name, sizeof text - 2);
    youtu_tokens tokens = encode(text);
    double sum = 0;
    assert_int_equal(youtu_sequence_truncate(context, 0, 0, NULL), YOUTU_OK);
    youtu_batch batch = {.token = prefix->ids, .count = prefix->count};
    for (size_t i = 0; i < tokens.count; i++) {
        assert_int_equal(youtu_decode(context, &batch, NULL), YOUTU_OK);
        sum += (double)youtu_log_probability(youtu_logits(context, 0), engine.info.vocab_size, tokens.ids[i]);
        batch = (youtu_batch){.token = &tokens.ids[i], .count = 1};
    }
    youtu_tokens_free(&tokens);
    return sum;
}

static void shares_are_those_of_the_names_by_themselves(void **state) {
    (void)state;
    static const char *const NAMES[] = {"偏头痛", "紧张型头痛", "COPD", "火星综合征"};
    enum { N = sizeof NAMES / sizeof *NAMES };
    struct name_score scores[N];
    double expected[N], total = 0;
    struct failure failure;
    youtu_tokens prefix = encode(PREFIX);
    youtu_context *alone = open_context(1);
    engine.context = open_context(1 + MOST_SCORED_NAMES);
    for (size_t i = 0; i < N; i++) {
        scores[i] = (struct name_score){.name = NAMES[i]};
        expected[i] = exp(score_alone(alone, &prefix, NAMES[i]));
        total += expected[i];
    }
    /* What follows the prefix in sequence 0 plays no part. */
    youtu_tokens answer = encode("1. 可能诊断\n(1) 流感\n");
    youtu_batch batch = {.token = prefix.ids, .count = prefix.count};
    assert_int_equal(youtu_decode(engine.context, &batch, NULL), YOUTU_OK);
    batch = (youtu_batch){.token = answer.ids, .count = answer.count};
    assert_int_equal(youtu_decode(engine.context, &batch, NULL), YOUTU_OK);
    int32_t length = youtu_sequence_length(engine.context, 0), last = prefix.ids[prefix.count - 1];
    for (int again = 0; again < 2; again++) {
        assert_true(score_names(&engine, 0, 1, (int32_t)prefix.count, last, scores, N, &failure));
        for (size_t i = 0; i < N; i++) assert_true(fabs(scores[i].share - expected[i] / total) < 1e-3);
        assert_int_equal(youtu_sequence_length(engine.context, 0), length);
        assert_int_equal(youtu_sequence_length(engine.context, 1), 0);
    }
    assert_true(score_names(&engine, 0, 1, (int32_t)prefix.count, last, scores, 0, &failure));
    youtu_context_free(alone);
    youtu_context_free(engine.context);
    youtu_tokens_free(&prefix);
    youtu_tokens_free(&answer);
}

static void names_are_the_answers_and_the_rules(void **state) {
    (void)state;
    struct arena arena = {0};
    struct answer answer;
    struct name_score scores[MOST_SCORED_NAMES];
    size_t count;
    struct diagnosis items[] = {{.disease = &clinic.kb.diseases[3]}, {.disease = &clinic.kb.diseases[4]}};
    const struct differential differential = {.items = items, .count = 2};
    const char *text =
        arena_format(&arena, "1. 可能诊断\n(1) %s\n(2) 未收录:某病\n", clinic.kb.diseases[4].name);
    assert_true(answer_parse(span_of(text), &arena, &answer));
    assert_true(scored_names(&clinic.kb, &differential, &answer, &arena, scores, &count));
    assert_int_equal(count, 3);
    assert_ptr_equal(scores[0].disease, &clinic.kb.diseases[4]);
    assert_null(scores[1].disease);
    assert_string_equal(scores[1].name, "某病");
    assert_ptr_equal(scores[2].disease, &clinic.kb.diseases[3]);
    arena_free(&arena);
}

static int open_all(void **state) {
    if (open_clinic(state) || youtu_model_open("models/youtu-demo", NULL, &engine.model, NULL)) return -1;
    engine.tokenizer = youtu_model_tokenizer(engine.model);
    engine.info.size = sizeof engine.info;
    youtu_model_get_info(engine.model, &engine.info);
    return 0;
}

static int close_all(void **state) {
    youtu_model_close(engine.model);
    return close_clinic(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_those_of_the_names_by_themselves),
        cmocka_unit_test(names_are_the_answers_and_the_rules),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
