/* Generation on a small random model against the same loop written out with youtu_decode. */
#include "libyoutu/model.h"
#include "generation_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_EVENTS = 2048, MAX_TEXT = 65536 };

/* What a generation's callbacks saw. */
typedef struct record {
    youtu_event events[MAX_EVENTS]; /* without the pointers */
    youtu_token_score best[MAX_EVENTS];
    int32_t n_events;
    char text[MAX_TEXT];
    size_t length;
    size_t done[64]; /* on_prompt */
    size_t n_done;
    int32_t stop_after; /* events or prompt reports; 0 = never */
} record;

static bool on_token(void *user, const youtu_event *event) {
    record *r = user;
    assert_true(r->n_events < MAX_EVENTS && r->length + event->length < MAX_TEXT);
    assert_int_equal(event->size, sizeof *event);
    r->events[r->n_events] = *event;
    if (event->n_top > 0) r->best[r->n_events] = event->top[0];
    r->n_events++;
    memcpy(r->text + r->length, event->text, event->length);
    r->length += event->length;
    r->text[r->length] = '\0';
    return r->n_events != r->stop_after;
}

static bool on_prompt(void *user, size_t done, size_t total) {
    record *r = user;
    assert_true(done <= total && r->n_done < 64);
    r->done[r->n_done++] = done;
    return (int32_t)r->n_done != r->stop_after;
}

static youtu_context *context_with(int32_t n_tokens, int32_t n_batch) {
    youtu_context_options options = youtu_context_options_default();
    options.n_tokens = n_tokens;
    options.n_sequences = 2;
    options.n_batch = n_batch;
    options.n_threads = 1;
    options.cache = YOUTU_CACHE_F32;
    youtu_context *context = NULL;
    youtu_error error;
    if (youtu_context_new(model, &options, &context, &error)) fail_msg("%s", error.message);
    return context;
}

static youtu_sampler *sampler_at(float temperature) {
    youtu_sampler_options options = youtu_sampler_options_default(NULL);
    options.temperature = temperature;
    options.repetition_penalty = 1.1f;
    options.seed = 7;
    youtu_sampler *sampler = NULL;
    assert_int_equal(youtu_sampler_new(&options, VOCAB, &sampler, NULL), YOUTU_OK);
    return sampler;
}

static youtu_generate_options options_for(record *r, int32_t max_tokens) {
    memset(r, 0, sizeof *r);
    youtu_generate_options options = youtu_generate_options_default();
    options.max_tokens = max_tokens;
    options.on_token = on_token;
    options.user = r;
    return options;
}

/* Generates into sequence 0 with a fresh sampler. */
static youtu_generation generate(youtu_context *context, const int32_t *tokens, size_t count,
                                 const youtu_generate_options *options, float temperature) {
    youtu_generation result = {.size = sizeof result};
    youtu_error error;
    youtu_sampler *sampler = sampler_at(temperature);
    youtu_status status =
        youtu_generate(context, tokenizer, 0, tokens, count, options, sampler, &result, &error);
    youtu_sampler_free(sampler);
    if (status != YOUTU_OK) fail_msg("%s", error.message);
    return result;
}

static youtu_generation generate_afresh(const youtu_generate_options *options, float temperature) {
    youtu_context *context = context_with(2048, 256);
    youtu_generation result = generate(context, prompt, N_PROMPT, options, temperature);
    youtu_context_free(context);
    return result;
}

/* ---- the loop */

static void tokens_are_those_of_the_loop_written_out(void **state) {
    (void)state;
    static record r;
    static const float temperatures[] = {0, 1};
    for (size_t t = 0; t < 2; t++) {
        youtu_context *context = context_with(256, 256);
        youtu_generate_options options = options_for(&r, 20);
        options.n_top = 1;
        youtu_generation result = generate(context, prompt, N_PROMPT, &options, temperatures[t]);
        assert_int_equal(result.finish, YOUTU_FINISH_LENGTH);
        assert_int_equal(result.prompt_tokens, N_PROMPT);
        assert_int_equal(result.cached_tokens, 0);
        assert_int_equal(result.completion_tokens, 20);
        assert_true(result.prefill_ms > 0 && result.decode_ms > 0);
        assert_int_equal(r.n_events, 20);
        assert_int_equal(youtu_sequence_length(context, 0), N_PROMPT + 19); /* the last is not decoded */

        youtu_sampler *sampler = sampler_at(temperatures[t]);
        int32_t tokens[N_PROMPT + 20];
        memcpy(tokens, prompt, sizeof prompt);
        for (int32_t i = 0; i < N_PROMPT; i++)
            assert_int_equal(youtu_sampler_accept(sampler, prompt[i], NULL), YOUTU_OK);
        assert_int_equal(youtu_sequence_truncate(context, 0, 0, NULL), YOUTU_OK);
        for (int32_t i = 0; i < 20; i++) {
            youtu_batch batch = {.token = i ? &tokens[N_PROMPT + i - 1] : tokens, .count = i ? 1 : N_PROMPT};
            assert_int_equal(youtu_decode(context, &batch, NULL), YOUTU_OK);
            const float *logits = youtu_logits(context, 0);
            int32_t *token = &tokens[N_PROMPT + i];
            assert_int_equal(youtu_sampler_sample(sampler, logits, token, NULL), YOUTU_OK);
            assert_int_equal(*token, r.events[i].token);
            assert_float_equal(youtu_log_probability(logits, VOCAB, *token), r.events[i].log_probability,
                               1e-4f);
            youtu_token_score best;
            youtu_top_tokens(logits, VOCAB, 1, &best);
            assert_int_equal(best.token, r.best[i].token);
        }
        youtu_sampler_free(sampler);
        youtu_context_free(context);
    }
}

static void a_prefix_in_the_cache_is_reused(void **state) {
    (void)state;
    static record first, second, afresh;
    youtu_context *context = context_with(256, 8);
    youtu_generate_options options = options_for(&first, 12);
    generate(context, prompt, N_PROMPT, &options, 0);

    options = options_for(&second, 5); /* the whole of it again: the last prompt token is computed */
    youtu_generation result = generate(context, prompt, N_PROMPT, &options, 0);
    assert_int_equal(result.cached_tokens, N_PROMPT - 1);
    for (int32_t i = 0; i < 5; i++) assert_int_equal(second.events[i].token, first.events[i].token);
    assert_int_equal(youtu_sequence_length(context, 0), N_PROMPT + 4);

    int32_t longer[N_PROMPT + 7]; /* the answer, all but its last token in the cache, and a new turn */
    memcpy(longer, prompt, sizeof prompt);
    for (int32_t i = 0; i < 5; i++) longer[N_PROMPT + i] = second.events[i].token;
    longer[N_PROMPT + 5] = 200;
    longer[N_PROMPT + 6] = 201;
    options = options_for(&second, 6);
    result = generate(context, longer, N_PROMPT + 7, &options, 0);
    assert_int_equal(result.cached_tokens, N_PROMPT + 4);
    youtu_context *other = context_with(256, 256);
    options = options_for(&afresh, 6);
    generate(other, longer, N_PROMPT + 7, &options, 0);
    for (int32_t i = 0; i < 6; i++) assert_int_equal(second.events[i].token, afresh.events[i].token);

    longer[3] = 46; /* a change in the middle */
    options = options_for(&second, 1);
    result = generate(context, longer, N_PROMPT, &options, 0);
    assert_int_equal(result.cached_tokens, 3);
    assert_int_equal(youtu_sequence_length(context, 0), N_PROMPT);
    youtu_context_free(other);
    youtu_context_free(context);
}

static void other_sequences_stay_as_they_are(void **state) {
    (void)state;
    static record r, expected;
    youtu_context *context = context_with(256, 256);
    youtu_generate_options options = options_for(&expected, 8);
    generate(context, prompt, N_PROMPT, &options, 0);
    assert_int_equal(youtu_sequence_fork(context, 0, 1, 6, NULL), YOUTU_OK);
    options = options_for(&r, 8);
    youtu_sampler *sampler = sampler_at(0);
    youtu_generation result = {.size = sizeof result};
    assert_int_equal(youtu_generate(context, NULL, 1, prompt, N_PROMPT, &options, sampler, &result, NULL),
                     YOUTU_OK);
    assert_int_equal(result.cached_tokens, 6);
    for (int32_t i = 0; i < 8; i++) assert_int_equal(r.events[i].token, expected.events[i].token);
    assert_int_equal(r.length, 0); /* no tokenizer, no text */
    assert_int_equal(youtu_sequence_length(context, 0), N_PROMPT + 7);
    youtu_sampler_free(sampler);
    youtu_context_free(context);
}

/* ---- a device that draws: the CPU, which keeps its logits back */

static struct {
    const backend *cpu;
    backend table;
    float logits[VOCAB];
    token_draw *draw; /* under way */
    int32_t n_draws;
    bool refuses; /* reports -1 for every draw */
    bool damaged; /* has a logit that is not finite, and reports -1 for that */
} drawing;

static void head_of_drawing(device *d, const matrix *norm, float epsilon, const matrix *w, float *logits) {
    drawing.cpu->head(d, norm, epsilon, w, logits ? logits : drawing.logits);
    if (drawing.damaged) drawing.logits[5] = NAN;
}

static void draw_of_drawing(device *d, token_draw *draws) {
    (void)d;
    drawing.draw = draws;
}

static youtu_status fetch_of_drawing(device *d, int32_t n, float *logits, youtu_error *error) {
    (void)d;
    (void)error;
    assert_int_equal(n, 1);
    memcpy(logits, drawing.logits, sizeof drawing.logits);
    return YOUTU_OK;
}

static int32_t token_at(const float *probabilities, double uniform) {
    double sum = 0;
    for (int32_t i = 0; i < VOCAB; i++)
        if ((sum += (double)probabilities[i]) > uniform) return i;
    return VOCAB - 1;
}

static void make_draw(token_draw *draw) {
    youtu_sampler_options options = youtu_sampler_options_default(NULL);
    options.temperature = draw->temperature;
    options.top_k = draw->top_k;
    options.top_p = draw->top_p;
    options.min_p = draw->min_p;
    options.repetition_penalty = draw->repetition_penalty;
    youtu_sampler *sampler = NULL;
    float probabilities[VOCAB];
    assert_int_equal(youtu_sampler_new(&options, VOCAB, &sampler, NULL), YOUTU_OK);
    for (int32_t i = 0; i < draw->n_accepted; i++)
        assert_int_equal(youtu_sampler_accept(sampler, draw->accepted[i], NULL), YOUTU_OK);
    assert_int_equal(youtu_sampler_probabilities(sampler, drawing.logits, probabilities, NULL), YOUTU_OK);
    youtu_sampler_free(sampler);
    draw->token = token_at(probabilities, draw->uniform);
    draw->log_probability = youtu_log_probability(drawing.logits, VOCAB, draw->token);
}

static youtu_status finish_of_drawing(device *d, youtu_error *error) {
    token_draw *draw = drawing.draw;
    drawing.draw = NULL;
    if (draw) {
        drawing.n_draws++;
        draw->token = -1;
        if (!drawing.refuses && !drawing.damaged) make_draw(draw);
    }
    return drawing.cpu->finish(d, error);
}

static int begin_drawing(void **state) {
    (void)state;
    memset(&drawing, 0, sizeof drawing);
    drawing.cpu = model->backend;
    drawing.table = *drawing.cpu;
    drawing.table.head = head_of_drawing;
    drawing.table.draw = draw_of_drawing;
    drawing.table.fetch_logits = fetch_of_drawing;
    drawing.table.finish = finish_of_drawing;
    model->backend = &drawing.table;
    return 0;
}

static int end_drawing(void **state) {
    (void)state;
    model->backend = drawing.cpu;
    return 0;
}

/* Generates 20 tokens in batches of 4 on the device (or, with n_top, on the host) and draws one more: the
 * sampler is as far as it should be. */
static void generate_20(record *r, float temperature, int32_t n_top, int32_t *next) {
    youtu_context *context = context_with(256, 4);
    youtu_sampler *sampler = sampler_at(temperature);
    youtu_generate_options options = options_for(r, 20);
    options.n_top = n_top;
    youtu_error error;
    if (youtu_generate(context, tokenizer, 0, prompt, N_PROMPT, &options, sampler, NULL, &error))
        fail_msg("%s", error.message);
    assert_int_equal(r->n_events, 20);
    assert_int_equal(youtu_sequence_length(context, 0), N_PROMPT + 19);
    bool on_host = n_top > 0 || drawing.refuses;
    assert_true((youtu_logits(context, 0) != NULL) == on_host);
    static float flat[VOCAB];
    assert_int_equal(youtu_sampler_sample(sampler, flat, next, NULL), YOUTU_OK);
    youtu_sampler_free(sampler);
    youtu_context_free(context);
}

static void a_device_draws_the_tokens_of_the_host(void **state) {
    (void)state;
    static record host, r;
    static const float temperatures[] = {0, 1};
    for (size_t t = 0; t < 2; t++) {
        int32_t next, host_next;
        drawing.n_draws = 0;
        generate_20(&host, temperatures[t], 1, &host_next);
        assert_int_equal(drawing.n_draws, 0);
        for (int refuses = 0; refuses < 2; refuses++) {
            drawing.refuses = refuses;
            drawing.n_draws = 0;
            generate_20(&r, temperatures[t], 0, &next);
            assert_int_equal(drawing.n_draws, 20);
            assert_int_equal(next, host_next);
            for (int32_t i = 0; i < 20; i++) {
                assert_int_equal(r.events[i].token, host.events[i].token);
                assert_float_equal(r.events[i].log_probability, host.events[i].log_probability, 1e-6f);
            }
        }
        drawing.refuses = false;
    }
}

/* Free, then without the first token of the vocabulary, then fed, and so on. */
static void alternate(void *user, const youtu_guide_state *state, youtu_guide_step *next) {
    static const int32_t tokens[] = {0, 40};
    const youtu_guidance turns[] = {YOUTU_GUIDE_FREE, YOUTU_GUIDE_EXCEPT, YOUTU_GUIDE_FEED};
    int32_t *n_free = user;
    next->guidance = turns[state->n_tokens % 3];
    next->tokens = tokens + (next->guidance == YOUTU_GUIDE_FEED);
    next->n_tokens = next->guidance == YOUTU_GUIDE_FREE ? 0 : 1;
    *n_free += next->guidance == YOUTU_GUIDE_FREE;
}

/* A guide's limits are for the host; what it leaves free, the device draws. */
static void a_device_draws_what_a_guide_leaves_free(void **state) {
    (void)state;
    static record r[2];
    for (int on_device = 0; on_device < 2; on_device++) {
        youtu_context *context = context_with(256, 4);
        youtu_sampler *sampler = sampler_at(1);
        youtu_generate_options options = options_for(&r[on_device], 21);
        int32_t n_free = 0;
        options.guide = alternate;
        options.guide_user = &n_free;
        options.n_top = !on_device;
        drawing.n_draws = 0;
        youtu_error error;
        if (youtu_generate(context, tokenizer, 0, prompt, N_PROMPT, &options, sampler, NULL, &error))
            fail_msg("%s", error.message);
        assert_int_equal(n_free, 7);
        assert_int_equal(drawing.n_draws, on_device ? 7 : 0);
        youtu_sampler_free(sampler);
        youtu_context_free(context);
    }
    for (int32_t i = 0; i < 21; i++) {
        assert_int_equal(r[0].events[i].token, r[1].events[i].token);
        assert_int_equal(r[0].events[i].is_fed, i % 3 == 2);
        if (i % 3 != 2)
            assert_float_equal(r[0].events[i].log_probability, r[1].events[i].log_probability, 1e-6f);
    }
}

static void a_draw_that_is_not_taken_changes_no_sampler(void **state) {
    (void)state;
    static record r;
    static float flat[VOCAB];
    int32_t token, expected;
    youtu_context *context = context_with(256, 256);
    youtu_sampler *sampler = sampler_at(1), *fresh = sampler_at(1);
    youtu_generate_options options = options_for(&r, 20);
    options.on_prompt = on_prompt;
    r.stop_after = 2; /* at its end */
    assert_int_equal(youtu_generate(context, tokenizer, 0, prompt, N_PROMPT, &options, sampler, NULL, NULL),
                     YOUTU_OK);
    assert_int_equal(drawing.n_draws, 1);
    options = options_for(&r, 0); /* no token is wanted: none is drawn */
    assert_int_equal(youtu_generate(context, tokenizer, 0, prompt, N_PROMPT, &options, sampler, NULL, NULL),
                     YOUTU_OK);
    assert_int_equal(drawing.n_draws, 1);
    assert_non_null(youtu_logits(context, 0));
    for (int32_t i = 0; i < N_PROMPT; i++)
        assert_int_equal(youtu_sampler_accept(fresh, prompt[i], NULL), YOUTU_OK);
    for (int32_t i = 0; i < 5; i++) {
        assert_int_equal(youtu_sampler_sample(sampler, flat, &token, NULL), YOUTU_OK);
        assert_int_equal(youtu_sampler_sample(fresh, flat, &expected, NULL), YOUTU_OK);
        assert_int_equal(token, expected);
    }
    youtu_sampler_free(sampler);
    youtu_sampler_free(fresh);
    youtu_context_free(context);
}

static void logits_that_a_device_cannot_draw_from_are_reported(void **state) {
    (void)state;
    static record r;
    youtu_context *context = context_with(256, 256);
    youtu_sampler *sampler = sampler_at(1);
    youtu_generate_options options = options_for(&r, 20);
    youtu_error error;
    drawing.damaged = true;
    assert_int_equal(youtu_generate(context, tokenizer, 0, prompt, N_PROMPT, &options, sampler, NULL, &error),
                     YOUTU_E_NUMERIC);
    assert_string_equal(error.message,
                        "the logits after position 9 are not finite (token 5: nan): the weights "
                        "of model \"default\" are damaged");
    assert_int_equal(youtu_sequence_length(context, 0), 0);
    assert_null(youtu_logits(context, 0));

    dtype type = model->weights_type;
    model->resident = (resident *)&drawing; /* as if the device held the weights; the CPU does not look */
    model->weights_type = DTYPE_F16;
    assert_int_equal(youtu_generate(context, tokenizer, 0, prompt, N_PROMPT, &options, sampler, NULL, &error),
                     YOUTU_E_NUMERIC);
    assert_non_null(strstr(error.message, " are damaged, or too large for fp16: try bf16 (--dtype bf16)"));
    model->resident = NULL;
    model->weights_type = type;
    assert_int_equal(r.n_events, 0);
    youtu_sampler_free(sampler);
    youtu_context_free(context);
}

/* ---- how it ends */

static void progress_is_reported_and_can_stop_the_prompt(void **state) {
    (void)state;
    static record r;
    youtu_context *context = context_with(256, 4);
    youtu_generate_options options = options_for(&r, 2);
    options.on_prompt = on_prompt;
    options.on_token = NULL;
    r.stop_after = 3;
    youtu_generation result = generate(context, prompt, N_PROMPT, &options, 0);
    assert_int_equal(result.finish, YOUTU_FINISH_CALLBACK);
    assert_int_equal(result.completion_tokens, 0);
    assert_int_equal(youtu_sequence_length(context, 0), 8);

    r.stop_after = 0; /* goes on where it was */
    result = generate(context, prompt, N_PROMPT, &options, 0);
    static const size_t expected[] = {0, 4, 8, 8, 10};
    assert_int_equal(r.n_done, 5);
    assert_memory_equal(r.done, expected, sizeof expected);
    assert_int_equal(result.cached_tokens, 8);
    assert_int_equal(result.completion_tokens, 2);
    youtu_context_free(context);
}

static void a_callback_can_stop_it(void **state) {
    (void)state;
    static record r;
    youtu_generate_options options = options_for(&r, 20);
    r.stop_after = 3;
    youtu_generation result = generate_afresh(&options, 0);
    assert_int_equal(result.finish, YOUTU_FINISH_CALLBACK);
    assert_int_equal(result.completion_tokens, 3);
    assert_int_equal(r.n_events, 3);

    options = options_for(&r, 0); /* the prompt alone */
    result = generate_afresh(&options, 0);
    assert_int_equal(result.finish, YOUTU_FINISH_LENGTH);
    assert_int_equal(result.completion_tokens, 0);
    assert_int_equal(r.n_events, 0);
}

static void stop_tokens_end_it_and_are_not_text(void **state) {
    (void)state;
    static record all, r;
    youtu_generate_options options = options_for(&all, 20);
    generate_afresh(&options, 0);
    int32_t stop = all.events[6].token, at = 0;
    while (all.events[at].token != stop) at++;
    options = options_for(&r, 20);
    options.stop_tokens = &stop;
    options.n_stop_tokens = 1;
    youtu_generation result = generate_afresh(&options, 0);
    assert_int_equal(result.finish, YOUTU_FINISH_END);
    assert_int_equal(result.completion_tokens, at);
    assert_int_equal(r.n_events, at + 1); /* the end token has its event */
    assert_int_equal(r.events[at].token, stop);
    assert_true(r.length <= all.length);
}

static void end_tokens_can_be_ignored(void **state) {
    (void)state;
    static record r, on;
    youtu_generate_options options = options_for(&r, 1500);
    youtu_generation result = generate_afresh(&options, 50);
    assert_int_equal(result.finish, YOUTU_FINISH_END);
    int32_t n = result.completion_tokens;
    assert_int_equal(r.events[n].token, END_TOKEN);
    options = options_for(&on, n + 3);
    options.ignore_end = true;
    result = generate_afresh(&options, 50);
    assert_int_equal(result.finish, YOUTU_FINISH_LENGTH);
    assert_int_equal(on.events[n].token, END_TOKEN);
    assert_int_equal(on.n_events, n + 3);
}

static void a_full_context_is_an_end_not_an_error(void **state) {
    (void)state;
    static record r;
    youtu_context *context = context_with(32, 256);
    youtu_generate_options options = options_for(&r, 100);
    youtu_generation result = generate(context, prompt, N_PROMPT, &options, 0);
    assert_int_equal(result.finish, YOUTU_FINISH_FULL);
    assert_int_equal(result.completion_tokens, 32 - N_PROMPT + 1);
    assert_int_equal(youtu_sequence_length(context, 0), 32);

    int32_t tokens[33] = {0};
    options = options_for(&r, 100);
    result = generate(context, tokens, 32, &options, 0);
    assert_int_equal(result.finish, YOUTU_FINISH_FULL);
    assert_int_equal(result.completion_tokens, 1);

    youtu_sampler *sampler = sampler_at(0);
    youtu_error error;
    assert_int_equal(youtu_generate(context, NULL, 0, tokens, 33, &options, sampler, &result, &error),
                     YOUTU_E_FULL);
    assert_non_null(strstr(error.message, "the prompt has 33 tokens"));
    youtu_sampler_free(sampler);
    youtu_context_free(context);
}

/* ---- text */

static void text_is_the_detokenized_answer(void **state) {
    (void)state;
    static record r;
    youtu_generate_options options = options_for(&r, 200);
    options.ignore_end = true;
    generate_afresh(&options, 1);
    youtu_detokenizer *detokenizer;
    assert_int_equal(youtu_detokenizer_new(tokenizer, false, &detokenizer, NULL), YOUTU_OK);
    size_t at = 0, length;
    const char *text;
    for (int32_t i = 0; i <= r.n_events; i++) {
        if (i == r.n_events)
            youtu_detokenizer_finish(detokenizer, &text, &length);
        else
            youtu_detokenizer_push(detokenizer, r.events[i].token, &text, &length, NULL);
        assert_memory_equal(r.text + at, text, length);
        at += length;
    }
    assert_int_equal(at, r.length);
    youtu_detokenizer_free(detokenizer);
}

static void stop_strings_cut_the_text_anywhere(void **state) {
    (void)state;
    static record all, r;
    youtu_generate_options options = options_for(&all, 60);
    options.ignore_end = true;
    generate_afresh(&options, 1);
    youtu_context *context = context_with(256, 256);
    for (size_t start = 0; start + 12 < all.length; start += 3) {
        if (((unsigned char)all.text[start] & 0xC0) == 0x80) continue;
        size_t length = 1 + start % 11;
        while (((unsigned char)all.text[start + length] & 0xC0) == 0x80) length++;
        char stop[32] = {0};
        memcpy(stop, all.text + start, length);
        if (strlen(stop) != length) continue; /* a NUL in it */
        options = options_for(&r, 60);
        options.ignore_end = true;
        options.stop_strings = (const char *const[]){"never in it", stop};
        options.n_stop_strings = 2;
        youtu_generation result = generate(context, prompt, N_PROMPT, &options, 1);
        assert_int_equal(result.finish, YOUTU_FINISH_STRING);
        const char *match = memmem(all.text, all.length, stop, length);
        assert_int_equal(r.length, match - all.text);
        assert_memory_equal(r.text, all.text, r.length);
    }
    youtu_context_free(context);
}

/* ---- what is refused */

static void arguments_are_checked_and_named(void **state) {
    (void)state;
    youtu_context *context = context_with(64, 256);
    youtu_sampler *sampler = sampler_at(0), *small = NULL;
    youtu_sampler_options small_options = youtu_sampler_options_default(NULL);
    assert_int_equal(youtu_sampler_new(&small_options, 5, &small, NULL), YOUTU_OK);
    youtu_generate_options ok = youtu_generate_options_default(), options;
    static const int32_t bad_id[] = {0, VOCAB}, negative[] = {-1};
    static const char *const strings[] = {"a", "", "\xE5\xA4"};
    youtu_error error;
#define REFUSED(says, ...)                                                                   \
    do {                                                                                     \
        assert_int_equal(youtu_generate(__VA_ARGS__, NULL, &error), YOUTU_E_ARGUMENT);       \
        if (!strstr(error.message, says)) fail_msg("\"%s\" in \"%s\"", says, error.message); \
    } while (0)
#define REFUSED_OPTION(says, field, value) \
    options = ok;                          \
    options.field = value;                 \
    REFUSED(says, context, tokenizer, 0, prompt, N_PROMPT, &options, sampler)
    REFUSED("context or sampler", NULL, NULL, 0, prompt, N_PROMPT, &ok, sampler);
    REFUSED("context or sampler", context, NULL, 0, prompt, N_PROMPT, &ok, NULL);
    REFUSED("no sequence 2", context, NULL, 2, prompt, N_PROMPT, &ok, sampler);
    REFUSED("no sequence -1", context, NULL, -1, prompt, N_PROMPT, &ok, sampler);
    REFUSED("prompt is empty", context, NULL, 0, prompt, 0, &ok, sampler);
    REFUSED("prompt is NULL", context, NULL, 0, NULL, 3, &ok, sampler);
    REFUSED("prompt[1] is 320, expected 0 to 319", context, NULL, 0, bad_id, 2, &ok, sampler);
    REFUSED("vocabulary of 5, expected 320", context, NULL, 0, prompt, N_PROMPT, &ok, small);
    REFUSED_OPTION("options.size is 0", size, 0);
    REFUSED_OPTION("max_tokens is -1", max_tokens, -1);
    REFUSED_OPTION("n_top is 321, expected 0 to 320", n_top, VOCAB + 1);
    REFUSED_OPTION("n_top is -2", n_top, -2);
    REFUSED_OPTION("stop_tokens is NULL, expected 1", n_stop_tokens, 1);
    REFUSED_OPTION("stop_strings is NULL, expected 2", n_stop_strings, 2);
    ok.stop_tokens = negative;
    REFUSED_OPTION("stop_tokens[0] is -1", n_stop_tokens, 1);
    ok.stop_strings = strings;
    REFUSED_OPTION("stop_strings[1] is empty", n_stop_strings, 2);
    ok.stop_strings = strings + 2;
    REFUSED_OPTION("stop_strings[0] is not valid UTF-8 at byte 0", n_stop_strings, 1);
    options.n_stop_strings = 1;
    REFUSED("need a tokenizer", context, NULL, 0, prompt, N_PROMPT, &options, sampler);
    youtu_generation result = {.size = 0};
    assert_int_equal(youtu_generate(context, NULL, 0, prompt, N_PROMPT, NULL, sampler, &result, &error),
                     YOUTU_E_ARGUMENT);
    assert_int_equal(youtu_sequence_length(context, 0), 0);
    youtu_sampler_free(small);
    youtu_sampler_free(sampler);
    youtu_context_free(context);
}

/* ---- several at a time */

enum { SEVERAL = 5 };

static youtu_context *shared_context(int32_t n_tokens) {
    youtu_context_options options = youtu_context_options_default();
    options.n_tokens = n_tokens;
    options.n_sequences = SEVERAL;
    options.n_batch = 32;
    options.n_threads = 1;
    youtu_context *context = NULL;
    assert_int_equal(youtu_context_new(model, &options, &context, NULL), YOUTU_OK);
    return context;
}

/* Generation i has a prompt of its own length, from one row to several chunks. */
static youtu_generator *begin(youtu_context *context, int32_t i, youtu_sampler *sampler, record *r) {
    static int32_t prompts[SEVERAL][80];
    static const size_t lengths[SEVERAL] = {1, 10, 80, 33, 24};
    for (int32_t k = 0; k < 80; k++) prompts[i][k] = 2 + (k * 7 + i * 31) % (VOCAB - 2);
    youtu_generate_options options = options_for(r, 12 + i);
    options.ignore_end = true;
    youtu_generator *g = NULL;
    youtu_error error;
    if (youtu_generator_new(context, tokenizer, i, prompts[i], lengths[i], &options, sampler, &g, &error))
        fail_msg("%s", error.message);
    return g;
}

/* Each begins while the others run; token by token, and bit by bit in its probabilities, it is as it is alone. */
static void none_depends_on_its_neighbours(void **state) {
    (void)state;
    static record alone[SEVERAL], together[SEVERAL];
    youtu_generator *running[SEVERAL];
    youtu_sampler *samplers[SEVERAL];
    youtu_error error;
    for (int32_t i = 0; i < SEVERAL; i++) {
        youtu_context *context = shared_context(2048);
        youtu_sampler *sampler = sampler_at(1);
        youtu_generator *g = begin(context, i, sampler, &alone[i]);
        while (!youtu_generator_finished(g)) assert_int_equal(youtu_generator_step(&g, 1, &error), YOUTU_OK);
        assert_int_equal(youtu_generator_result(g, NULL, &error), YOUTU_OK);
        youtu_generator_free(g);
        youtu_sampler_free(sampler);
        youtu_context_free(context);
    }
    youtu_context *context = shared_context(2048);
    size_t n = 0;
    for (int32_t turn = 0; turn < 60; turn++) {
        if (turn % 3 == 0 && n < SEVERAL) {
            samplers[n] = sampler_at(1);
            running[n] = begin(context, (int32_t)n, samplers[n], &together[n]);
            n++;
        }
        assert_int_equal(youtu_generator_step(running, n, &error), YOUTU_OK);
    }
    for (size_t i = 0; i < SEVERAL; i++) {
        youtu_generation result = {.size = sizeof result};
        assert_true(youtu_generator_finished(running[i]));
        assert_int_equal(youtu_generator_result(running[i], &result, &error), YOUTU_OK);
        assert_int_equal(result.finish, YOUTU_FINISH_LENGTH);
        assert_int_equal(together[i].n_events, 12 + (int32_t)i);
        for (int32_t k = 0; k < together[i].n_events; k++) {
            assert_int_equal(together[i].events[k].token, alone[i].events[k].token);
            assert_true(together[i].events[k].log_probability == alone[i].events[k].log_probability);
        }
        assert_string_equal(together[i].text, alone[i].text);
        youtu_generator_free(running[i]);
        youtu_sampler_free(samplers[i]);
    }
    youtu_context_free(context);
}

/* A prompt that does not fit fails alone; what cannot be stepped together is refused by name. */
static void errors_are_the_ones_that_have_them(void **state) {
    (void)state;
    static record r[3];
    youtu_context *context = shared_context(64), *other = shared_context(64);
    youtu_sampler *samplers[] = {sampler_at(1), sampler_at(1), sampler_at(1)};
    youtu_generator *both[] = {begin(context, 1, samplers[0], &r[0]), begin(context, 2, samplers[1], &r[1])};
    youtu_error error;
    assert_true(youtu_generator_finished(both[1]));
    assert_int_equal(youtu_generator_result(both[1], NULL, &error), YOUTU_E_FULL);
    while (!youtu_generator_finished(both[0]))
        assert_int_equal(youtu_generator_step(both, 2, &error), YOUTU_OK);
    assert_int_equal(youtu_generator_result(both[0], NULL, &error), YOUTU_OK);
    assert_int_equal(r[0].n_events, 13);
    youtu_generator *foreign = begin(other, 0, samplers[2], &r[2]);
    assert_int_equal(youtu_generator_step((youtu_generator *[]){both[0], foreign}, 2, &error),
                     YOUTU_E_ARGUMENT);
    assert_non_null(strstr(error.message, "different contexts"));
    assert_int_equal(youtu_generator_step((youtu_generator *[]){foreign, foreign}, 2, &error),
                     YOUTU_E_ARGUMENT);
    assert_non_null(strstr(error.message, "both have sequence 0"));
    youtu_generator_free(NULL);
    youtu_generator_free(foreign);
    for (size_t i = 0; i < 2; i++) youtu_generator_free(both[i]);
    for (size_t i = 0; i < 3; i++) youtu_sampler_free(samplers[i]);
    youtu_context_free(context);
    youtu_context_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_those_of_the_loop_written_out),
        cmocka_unit_test(a_prefix_in_the_cache_is_reused),
        cmocka_unit_test(other_sequences_stay_as_they_are),
        cmocka_unit_test_setup_teardown(a_device_draws_the_tokens_of_the_host, begin_drawing, end_drawing),
        cmocka_unit_test_setup_teardown(a_device_draws_what_a_guide_leaves_free, begin_drawing, end_drawing),
        cmocka_unit_test_setup_teardown(a_draw_that_is_not_taken_changes_no_sampler, begin_drawing,
                                        end_drawing),
        cmocka_unit_test_setup_teardown(logits_that_a_device_cannot_draw_from_are_reported, begin_drawing,
                                        end_drawing),
        cmocka_unit_test(progress_is_reported_and_can_stop_the_prompt),
        cmocka_unit_test(a_callback_can_stop_it),
        cmocka_unit_test(stop_tokens_end_it_and_are_not_text),
        cmocka_unit_test(end_tokens_can_be_ignored),
        cmocka_unit_test(a_full_context_is_an_end_not_an_error),
        cmocka_unit_test(text_is_the_detokenized_answer),
        cmocka_unit_test(stop_strings_cut_the_text_anywhere),
        cmocka_unit_test(arguments_are_checked_and_named),
        cmocka_unit_test(none_depends_on_its_neighbours),
        cmocka_unit_test(errors_are_the_ones_that_have_them),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
