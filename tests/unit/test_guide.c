/* Guided generation on a small random model: what may be drawn, what is fed, and how it ends. */
#include "generation_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 256 };

/* A guide that plays a script: step i when it is asked for the i-th time, free afterwards. */
typedef struct script {
    const youtu_guide_step *steps;
    size_t n_steps, n_asked;
    size_t seen[MOST]; /* state.n_tokens of each call */
    int32_t left[MOST];
    int32_t tokens[MOST]; /* the answer as the guide was shown it last */
} script;

typedef struct record {
    youtu_event events[MOST];
    size_t n_events, stop_after;
    char text[4096];
    size_t length;
} record;

typedef struct setting {
    int32_t n_tokens, n_batch, max_tokens, n_top;
    float temperature, top_p;
    const char *stop;
} setting;

static const setting USUAL = {256, 256, 12, 0, 1, 1, NULL};

static void play(void *user, const youtu_guide_state *state, youtu_guide_step *step) {
    script *s = user;
    assert_int_equal(state->size, sizeof *state);
    assert_int_equal(step->guidance, YOUTU_GUIDE_FREE);
    assert_true(s->n_asked < MOST && state->n_tokens < MOST);
    s->seen[s->n_asked] = state->n_tokens;
    s->left[s->n_asked] = state->n_left;
    if (state->n_tokens > 0) memcpy(s->tokens, state->tokens, state->n_tokens * sizeof *state->tokens);
    if (s->n_asked < s->n_steps) *step = s->steps[s->n_asked];
    s->n_asked++;
}

static bool on_token(void *user, const youtu_event *event) {
    record *r = user;
    assert_true(r->n_events < MOST && r->length + event->length < sizeof r->text);
    r->events[r->n_events++] = *event;
    memcpy(r->text + r->length, event->text, event->length);
    r->length += event->length;
    r->text[r->length] = '\0';
    return r->n_events != r->stop_after;
}

static youtu_context *context_for(const setting *set) {
    youtu_context_options options = youtu_context_options_default();
    options.n_tokens = set->n_tokens;
    options.n_batch = set->n_batch;
    options.n_threads = 1;
    options.cache = YOUTU_CACHE_F32;
    youtu_context *context = NULL;
    assert_int_equal(youtu_context_new(model, &options, &context, NULL), YOUTU_OK);
    return context;
}

static youtu_sampler *sampler_for(const setting *set) {
    youtu_sampler_options options = youtu_sampler_options_default(NULL);
    options.temperature = set->temperature;
    options.top_p = set->top_p;
    options.repetition_penalty = 1.1f;
    options.seed = 7;
    youtu_sampler *sampler = NULL;
    assert_int_equal(youtu_sampler_new(&options, VOCAB, &sampler, NULL), YOUTU_OK);
    return sampler;
}

static youtu_status run(const setting *set, script *s, record *r, youtu_generation *result, int32_t *length,
                        youtu_error *error) {
    youtu_context *context = context_for(set);
    youtu_sampler *sampler = sampler_for(set);
    youtu_generate_options options = youtu_generate_options_default();
    options.max_tokens = set->max_tokens;
    options.n_top = set->n_top;
    options.on_token = on_token;
    options.user = r;
    options.guide = s ? play : NULL;
    options.guide_user = s;
    options.stop_strings = &set->stop;
    options.n_stop_strings = set->stop != NULL;
    *result = (youtu_generation){.size = sizeof *result};
    youtu_status status =
        youtu_generate(context, tokenizer, 0, prompt, N_PROMPT, &options, sampler, result, error);
    *length = youtu_sequence_length(context, 0);
    youtu_sampler_free(sampler);
    youtu_context_free(context);
    return status;
}

static youtu_generation generate(const setting *set, script *s, record *r) {
    size_t stop_after = r->stop_after;
    memset(r, 0, sizeof *r);
    r->stop_after = stop_after;
    youtu_generation result;
    youtu_error error;
    int32_t length;
    if (run(set, s, r, &result, &length, &error)) fail_msg("%s", error.message);
    return result;
}

#define SCRIPT(...)                                                                     \
    (script) {                                                                          \
        .steps = (const youtu_guide_step[]){__VA_ARGS__},                               \
        .n_steps = sizeof((youtu_guide_step[]){__VA_ARGS__}) / sizeof(youtu_guide_step) \
    }
#define TOKENS(...) .tokens = (const int32_t[]){__VA_ARGS__}, .n_tokens = sizeof((int32_t[]){__VA_ARGS__}) / 4
#define FREE \
    { .guidance = YOUTU_GUIDE_FREE }
#define FEED(...) \
    { .guidance = YOUTU_GUIDE_FEED, TOKENS(__VA_ARGS__) }
#define AMONG(...) \
    { .guidance = YOUTU_GUIDE_AMONG, TOKENS(__VA_ARGS__) }
#define EXCEPT(...) \
    { .guidance = YOUTU_GUIDE_EXCEPT, TOKENS(__VA_ARGS__) }
#define END \
    { .guidance = YOUTU_GUIDE_END }

/* ---- what may be drawn */

static void a_guide_that_allows_all_changes_nothing(void **state) {
    (void)state;
    static record plain, guided;
    script s = {0};
    generate(&USUAL, NULL, &plain);
    youtu_generation result = generate(&USUAL, &s, &guided);
    assert_int_equal(result.finish, YOUTU_FINISH_LENGTH);
    assert_int_equal(guided.n_events, 12);
    assert_int_equal(s.n_asked, 12); /* not behind the last */
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(plain.events[i].token, guided.events[i].token);
        assert_false(guided.events[i].is_fed);
        assert_int_equal(s.seen[i], i);
        assert_int_equal(s.left[i], 12 - (int32_t)i);
        if (i < 11) assert_int_equal(s.tokens[i], guided.events[i].token);
    }
}

static void tokens_are_drawn_among_those_allowed(void **state) {
    (void)state;
    static record r;
    static const float top_p[] = {1, 0.3F};
    for (size_t i = 0; i < 4; i++) {
        setting set = USUAL;
        set.temperature = i & 1 ? 2.0F : 0.0F;
        set.top_p = top_p[i / 2];
        script s = SCRIPT(AMONG(7, 250, 7), AMONG(END_TOKEN + 1), EXCEPT(5), AMONG(12, 13, 14));
        generate(&set, &s, &r);
        assert_true(r.events[0].token == 7 || r.events[0].token == 250);
        assert_int_equal(r.events[1].token, 2);
        assert_true(r.events[2].token != 5);
        assert_in_range(r.events[3].token, 12, 14);
        assert_true(r.events[3].log_probability < 0);
    }
}

/* The distribution within a limit is the sampler's over the logits of the limit alone. */
static void a_limit_leaves_the_ratios_of_the_rest(void **state) {
    (void)state;
    static record r;
    setting set = USUAL;
    set.max_tokens = 1;
    set.temperature = 0;
    generate(&set, NULL, &r);
    int32_t best = r.events[0].token;
    script s = SCRIPT(EXCEPT(best));
    generate(&set, &s, &r);
    int32_t second = r.events[0].token;
    assert_true(second != best);
    s = SCRIPT(AMONG(second, best));
    generate(&set, &s, &r);
    assert_int_equal(r.events[0].token, best);
    static int32_t all[VOCAB];
    size_t n = 0;
    for (int32_t i = 0; i < VOCAB; i++)
        if (i != second) all[n++] = i;
    const youtu_guide_step but_one = {.guidance = YOUTU_GUIDE_EXCEPT, .tokens = all, .n_tokens = n};
    s = (script){.steps = &but_one, .n_steps = 1};
    set.temperature = 2;
    generate(&set, &s, &r);
    assert_int_equal(r.events[0].token, second);
}

/* ---- what is fed */

static void fed_tokens_are_as_a_longer_prompt(void **state) {
    (void)state;
    static record r, one_by_one, other;
    script s = SCRIPT(FEED(40, 41, 42), FEED(END_TOKEN), FREE, FREE, FEED(43, 44));
    setting set = USUAL;
    youtu_generation result = generate(&set, &s, &r);
    assert_int_equal(result.completion_tokens, 12);
    assert_int_equal(result.prompt_tokens, N_PROMPT);
    static const int32_t fed[] = {40, 41, 42, END_TOKEN, -1, -1, 43, 44};
    for (size_t i = 0; i < r.n_events; i++) {
        assert_int_equal(r.events[i].is_fed, i < 8 && fed[i] >= 0);
        assert_int_equal(isnan(r.events[i].log_probability), r.events[i].is_fed);
        if (r.events[i].is_fed) assert_int_equal(r.events[i].token, fed[i]);
    }
    assert_int_equal(s.seen[1], 3);
    assert_int_equal(s.left[1], 9);
    assert_int_equal(s.seen[2], 4);

    s = SCRIPT(FEED(40), FEED(41), FEED(42), FEED(END_TOKEN), FREE, FREE, FEED(43), FEED(44));
    set.n_batch = 2;
    set.n_top = 3; /* draws on the host */
    generate(&set, &s, &one_by_one);
    for (size_t i = 0; i < 12; i++) {
        assert_int_equal(one_by_one.events[i].token, r.events[i].token);
        assert_int_equal(one_by_one.events[i].n_top, r.events[i].is_fed ? 0 : 3);
    }
    s = SCRIPT(FEED(40, 41, 45)); /* what is fed counts */
    generate(&set, &s, &other);
    assert_true(other.events[4].token != r.events[4].token || other.events[5].token != r.events[5].token);
}

static void the_cache_holds_what_was_fed(void **state) {
    (void)state;
    static record r;
    youtu_generation result;
    int32_t length;
    script s = SCRIPT(FEED(40, 41, 42), FREE, FEED(43, 44), END);
    memset(&r, 0, sizeof r);
    assert_int_equal(run(&USUAL, &s, &r, &result, &length, NULL), YOUTU_OK);
    assert_int_equal(result.finish, YOUTU_FINISH_GUIDE);
    assert_int_equal(r.n_events, 6);
    assert_int_equal(length, N_PROMPT + 3); /* nothing is drawn behind the rest */
}

/* ---- how it ends */

static void the_guide_ends_it(void **state) {
    (void)state;
    static record r;
    script s = SCRIPT(END);
    youtu_generation result;
    int32_t length;
    memset(&r, 0, sizeof r);
    assert_int_equal(run(&USUAL, &s, &r, &result, &length, NULL), YOUTU_OK);
    assert_int_equal(result.finish, YOUTU_FINISH_GUIDE);
    assert_int_equal(r.n_events, 0);
    assert_int_equal(length, N_PROMPT); /* the prompt is computed all the same */

    s = SCRIPT(FREE, FREE, END);
    result = generate(&USUAL, &s, &r);
    assert_int_equal(result.finish, YOUTU_FINISH_GUIDE);
    assert_int_equal(r.n_events, 2);
    assert_int_equal(result.completion_tokens, 2);
}

/* Text held back for a stop string comes with the last token, fed or drawn, that the guide allows. */
static void text_that_was_held_back_comes_at_the_end(void **state) {
    (void)state;
    static record r;
    youtu_tokens tokens = {0};
    assert_int_equal(youtu_encode(tokenizer, "ab", 2, YOUTU_TEXT_PLAIN, &tokens, NULL), YOUTU_OK);
    const youtu_guide_step steps[] = {
        {.guidance = YOUTU_GUIDE_FEED, .tokens = tokens.ids, .n_tokens = tokens.count},
        END,
    };
    script s = {.steps = steps, .n_steps = 2};
    setting set = USUAL;
    set.stop = "abc";
    generate(&set, &s, &r);
    assert_string_equal(r.text, "ab");
    set.stop = "b";
    s.n_asked = 0;
    youtu_generation result = generate(&set, &s, &r);
    assert_int_equal(result.finish, YOUTU_FINISH_STRING);
    assert_string_equal(r.text, "a");
    youtu_tokens_free(&tokens);
}

static void limits_cut_what_is_fed(void **state) {
    (void)state;
    static record r;
    script s = SCRIPT(FREE, FEED(40, 41, 42, 43));
    setting set = USUAL;
    set.max_tokens = 3;
    youtu_generation result = generate(&set, &s, &r);
    assert_int_equal(result.finish, YOUTU_FINISH_LENGTH);
    assert_int_equal(r.n_events, 3);
    assert_int_equal(s.n_asked, 2);

    s = SCRIPT(FREE, FEED(40, 41, 42, 43));
    set.max_tokens = 100;
    set.n_tokens = 32; /* the context: 23 tokens behind the prompt, the last one not cached */
    result = generate(&set, &s, &r);
    assert_int_equal(result.finish, YOUTU_FINISH_FULL);
    assert_int_equal(r.n_events, 23);
    assert_int_equal(s.left[0], 23);
    assert_int_equal(s.left[2], 18);
    assert_int_equal(s.left[s.n_asked - 1], 1);

    s = SCRIPT(FEED(40, 41, 42, 43));
    r.stop_after = 2; /* a callback */
    result = generate(&USUAL, &s, &r);
    assert_int_equal(result.finish, YOUTU_FINISH_CALLBACK);
    assert_int_equal(r.n_events, 2);
    r.stop_after = 0;
}

static void a_guide_that_errs_is_told(void **state) {
    (void)state;
    static int32_t all[VOCAB];
    for (int32_t i = 0; i < VOCAB; i++) all[i] = i;
    static const int32_t bad[] = {3, VOCAB}, negative[] = {-1};
    static record r;
    const struct {
        youtu_guide_step step;
        const char *says;
    } cases[] = {
        {{.guidance = YOUTU_GUIDE_FEED}, "names no token"},
        {{.guidance = YOUTU_GUIDE_AMONG}, "names no token"},
        {{.guidance = YOUTU_GUIDE_FEED, .n_tokens = 2}, "guide tokens is NULL, expected 2"},
        {{.guidance = YOUTU_GUIDE_FEED, .tokens = bad, .n_tokens = 2}, "guide tokens[1] is 320"},
        {{.guidance = YOUTU_GUIDE_EXCEPT, .tokens = negative, .n_tokens = 1}, "guide tokens[0] is -1"},
        {{.guidance = YOUTU_GUIDE_EXCEPT, .tokens = all, .n_tokens = VOCAB}, "leaves no token"},
        {{.guidance = (youtu_guidance)9}, "the guide answers 9"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int later = 0; later < 2; later++) {
            const youtu_guide_step steps[] = {FREE, cases[i].step};
            script s = {.steps = steps + !later, .n_steps = 1 + (size_t)later};
            youtu_generation result;
            youtu_error error;
            int32_t length;
            memset(&r, 0, sizeof r);
            assert_int_equal(run(&USUAL, &s, &r, &result, &length, &error), YOUTU_E_ARGUMENT);
            if (!strstr(error.message, cases[i].says)) fail_msg("%s: %s", cases[i].says, error.message);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guide_that_allows_all_changes_nothing),
        cmocka_unit_test(tokens_are_drawn_among_those_allowed),
        cmocka_unit_test(a_limit_leaves_the_ratios_of_the_rest),
        cmocka_unit_test(fed_tokens_are_as_a_longer_prompt),
        cmocka_unit_test(the_cache_holds_what_was_fed),
        cmocka_unit_test(the_guide_ends_it),
        cmocka_unit_test(text_that_was_held_back_comes_at_the_end),
        cmocka_unit_test(limits_cut_what_is_fed),
        cmocka_unit_test(a_guide_that_errs_is_told),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
