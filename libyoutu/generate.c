/* The loop of generation: prompt into the cache, then token after token until something ends it. */
#include "array.h"
#include "context.h"
#include "error.h"
#include "model.h"
#include "options.h"
#include "sampler.h"
#include "stop_strings.h"
#include "utf8.h"

#include <math.h>
#include <string.h>
#include <time.h>

typedef struct generator {
    youtu_context *context;
    const youtu_model *model;
    youtu_sampler *sampler;
    youtu_generate_options options;
    int32_t sequence;
    youtu_detokenizer *detokenizer; /* NULL without a tokenizer */
    stop_strings stops;             /* the text on its way out */
    youtu_token_score *top;         /* [n_top] */
    int32_t chunk;                  /* most rows of one batch */
    int32_t *row_sequence;          /* [chunk] all `sequence` */
    bool *no_logits;                /* [chunk] all false */
    token_draw draw;                /* from the last row decoded; token -1: the host draws */
    youtu_tokens answer;            /* drawn and fed so far; the last n_pending are not in the cache yet */
    size_t n_pending;
    youtu_guide_step step; /* what may come next */
    bool finished;         /* result.finish says why */
    youtu_generation result;
} generator;

youtu_generate_options youtu_generate_options_default(void) {
    return (youtu_generate_options){.size = sizeof(youtu_generate_options), .max_tokens = 512};
}

/* ---- arguments ---- */

static youtu_status check_ids(const char *name, const int32_t *ids, size_t count, int32_t vocab_size,
                              youtu_error *error) {
    if (!ids && count > 0)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_generate: %s is NULL, expected %zu tokens", name,
                          count);
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || ids[i] >= vocab_size)
            return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_generate: %s[%zu] is %d, expected 0 to %d",
                              name, i, ids[i], vocab_size - 1);
    return YOUTU_OK;
}

static youtu_status check_stop_strings(const youtu_generate_options *o, const youtu_tokenizer *tokenizer,
                                       youtu_error *error) {
    if (o->n_stop_strings == 0) return YOUTU_OK;
    if (!tokenizer)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_generate: stop strings need a tokenizer");
    if (!o->stop_strings)
        return youtu_fail(error, YOUTU_E_ARGUMENT,
                          "youtu_generate: stop_strings is NULL, expected %zu strings", o->n_stop_strings);
    for (size_t i = 0; i < o->n_stop_strings; i++) {
        const char *string = o->stop_strings[i];
        if (!string || !*string)
            return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_generate: stop_strings[%zu] is empty", i);
        size_t length = strlen(string), valid = utf8_valid_prefix(string, length);
        if (valid < length)
            return youtu_fail(error, YOUTU_E_ARGUMENT,
                              "youtu_generate: stop_strings[%zu] is not valid UTF-8 at byte %zu", i, valid);
    }
    return YOUTU_OK;
}

static youtu_status check_arguments(const generator *g, const youtu_tokenizer *tokenizer,
                                    const int32_t *prompt, size_t n_prompt, youtu_error *error) {
    const youtu_generate_options *o = &g->options;
    int32_t vocab_size = g->model->config.vocab_size;
    if (youtu_sequence_length(g->context, g->sequence) < 0)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_generate: the context has no sequence %d",
                          g->sequence);
    if (sampler_vocab_size(g->sampler) != vocab_size)
        return youtu_fail(error, YOUTU_E_ARGUMENT,
                          "youtu_generate: the sampler has a vocabulary of %d, expected %d, the model's",
                          sampler_vocab_size(g->sampler), vocab_size);
    if (o->max_tokens < 0)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_generate: max_tokens is %d, expected 0 or more",
                          o->max_tokens);
    if (o->n_top < 0 || o->n_top > vocab_size)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_generate: n_top is %d, expected 0 to %d", o->n_top,
                          vocab_size);
    if (n_prompt == 0) return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_generate: the prompt is empty");
    youtu_status status = check_ids("prompt", prompt, n_prompt, vocab_size, error);
    if (status == YOUTU_OK)
        status = check_ids("stop_tokens", o->stop_tokens, o->n_stop_tokens, vocab_size, error);
    if (status == YOUTU_OK) status = check_stop_strings(o, tokenizer, error);
    return status;
}

/* ---- prompt ---- */

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void finish(generator *g, youtu_finish reason) {
    g->finished = true;
    g->result.finish = reason;
}

static void report_prompt(generator *g, size_t done, size_t total) {
    if (g->options.on_prompt && !g->options.on_prompt(g->options.user, done, total))
        finish(g, YOUTU_FINISH_CALLBACK);
}

/* Keeps what the sequence shares with the prompt, but for its last token, whose logits are wanted. */
static youtu_status reuse_prefix(generator *g, const int32_t *prompt, size_t n_prompt, youtu_error *error) {
    const int32_t *held = context_tokens(g->context, g->sequence);
    int32_t n_held = youtu_sequence_length(g->context, g->sequence), n = 0;
    while (n < n_held && (size_t)n < n_prompt - 1 && held[n] == prompt[n]) n++;
    youtu_status status = youtu_sequence_truncate(g->context, g->sequence, n, error);
    if (status != YOUTU_OK) return status;
    int32_t room = context_room(g->context, g->sequence);
    if (n_prompt - (size_t)n > (size_t)room)
        return youtu_fail(error, YOUTU_E_FULL,
                          "the prompt has %zu tokens, %d of them cached; the context has room for %d more",
                          n_prompt, n, room);
    g->result.prompt_tokens = (int32_t)n_prompt;
    g->result.cached_tokens = n;
    return YOUTU_OK;
}

/* Decodes rows from whose last one the next token is drawn. The device draws where it can, unless an event is
 * to show more than the token, or the guide does not allow every token: that needs the logits. */
static youtu_status decode_last(generator *g, const youtu_batch *batch, youtu_error *error) {
    sampler_request(g->sampler, &g->draw);
    if (g->options.n_top > 0 || g->options.max_tokens == 0 || g->step.guidance != YOUTU_GUIDE_FREE)
        return youtu_decode(g->context, batch, error);
    return context_decode_draw(g->context, batch, &g->draw, error);
}

/* The next rows of tokens [count]: at most a chunk, with logits only behind the last of all. */
static youtu_status decode_chunk(generator *g, const int32_t *tokens, size_t count, size_t *done,
                                 youtu_error *error) {
    size_t left = count - *done;
    bool last = left <= (size_t)g->chunk;
    youtu_batch batch = {.token = tokens + *done,
                         .sequence = g->row_sequence,
                         .want_logits = last ? NULL : g->no_logits,
                         .count = last ? left : (size_t)g->chunk};
    youtu_status status = last ? decode_last(g, &batch, error) : youtu_decode(g->context, &batch, error);
    if (status == YOUTU_OK) *done += batch.count;
    return status;
}

/* Computes prompt tokens chunk by chunk. */
static youtu_status prefill(generator *g, const int32_t *prompt, size_t n_prompt, youtu_error *error) {
    youtu_status status = YOUTU_OK;
    double start = now_ms();
    size_t done = (size_t)g->result.cached_tokens;
    report_prompt(g, done, n_prompt);
    while (done < n_prompt && !g->finished && status == YOUTU_OK) {
        status = decode_chunk(g, prompt, n_prompt, &done, error);
        if (status == YOUTU_OK) report_prompt(g, done, n_prompt);
    }
    g->result.prefill_ms = now_ms() - start;
    return status;
}

/* ---- guide ---- */

/* Tokens that the answer may still take; `uncached` of what came before are not in the cache. Its last token
 * needs no place there. */
static int32_t tokens_left(const generator *g, size_t uncached) {
    int32_t room = context_room(g->context, g->sequence) + 1, left;
    room = uncached < (size_t)room ? room - (int32_t)uncached : 0;
    left = g->options.max_tokens - g->result.completion_tokens;
    return left < room ? left : room;
}

static youtu_status check_step(const generator *g, youtu_error *error) {
    const youtu_guide_step *answer = &g->step;
    if (answer->guidance < YOUTU_GUIDE_FREE || answer->guidance > YOUTU_GUIDE_END)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_generate: the guide answers %d, expected 0 to %d",
                          (int)answer->guidance, YOUTU_GUIDE_END);
    if (answer->guidance == YOUTU_GUIDE_FREE || answer->guidance == YOUTU_GUIDE_END) return YOUTU_OK;
    if (answer->n_tokens == 0 && answer->guidance != YOUTU_GUIDE_EXCEPT)
        return youtu_fail(error, YOUTU_E_ARGUMENT,
                          "youtu_generate: the guide names no token, expected at least one");
    return check_ids("guide tokens", answer->tokens, answer->n_tokens, g->model->config.vocab_size, error);
}

/* Asks what may come next; `uncached` of the tokens before it are not in the cache. */
static youtu_status ask_guide(generator *g, size_t uncached, youtu_error *error) {
    g->step = (youtu_guide_step){.size = sizeof g->step};
    if (!g->options.guide) return YOUTU_OK;
    const youtu_guide_state state = {.size = sizeof state,
                                     .tokens = g->answer.ids,
                                     .n_tokens = g->answer.count,
                                     .n_left = tokens_left(g, uncached)};
    g->options.guide(g->options.guide_user, &state, &g->step);
    return check_step(g, error);
}

/* ---- tokens ---- */

static bool ends(const generator *g, int32_t token) {
    for (size_t i = 0; i < g->options.n_stop_tokens; i++)
        if (g->options.stop_tokens[i] == token) return true;
    return !g->options.ignore_end && youtu_model_is_end(g->model, token);
}

/* Adds a token's text to what is on its way out. */
static youtu_status add_text(generator *g, int32_t token, youtu_error *error) {
    if (!g->detokenizer) return YOUTU_OK;
    const char *text;
    size_t length;
    youtu_status status = youtu_detokenizer_push(g->detokenizer, token, &text, &length, error);
    return status == YOUTU_OK ? stop_strings_push(&g->stops, text, length, error) : status;
}

/* Adds what the detokenizer still holds back. */
static youtu_status end_text(generator *g, youtu_error *error) {
    if (!g->detokenizer) return YOUTU_OK;
    const char *text;
    size_t length;
    youtu_detokenizer_finish(g->detokenizer, &text, &length);
    return stop_strings_push(&g->stops, text, length, error);
}

static void report_token(generator *g, int32_t token, bool is_fed) {
    const youtu_generate_options *o = &g->options;
    youtu_event event = {.size = sizeof event, .token = token, .is_fed = is_fed};
    stop_strings_take(&g->stops, g->finished, &event.text, &event.length);
    if (!o->on_token) return;
    event.top = g->top;
    event.n_top = is_fed ? 0 : o->n_top;
    if (is_fed) {
        event.log_probability = NAN;
    } else if (g->draw.token >= 0) {
        event.log_probability = g->draw.log_probability;
    } else {
        const float *logits = youtu_logits(g->context, 0);
        int32_t vocab_size = g->model->config.vocab_size;
        event.log_probability = youtu_log_probability(logits, vocab_size, token);
        youtu_top_tokens(logits, vocab_size, o->n_top, g->top);
    }
    if (!o->on_token(o->user, &event) && !g->finished) finish(g, YOUTU_FINISH_CALLBACK);
}

/* What the device drew, or a draw from the logits. The sampler knows of it only now: a prompt's callback may
 * have ended the generation first. */
static youtu_status sample(generator *g, int32_t *token, youtu_error *error) {
    const token_limit limit = {.tokens = g->step.tokens,
                               .count = g->step.n_tokens,
                               .excludes = g->step.guidance == YOUTU_GUIDE_EXCEPT};
    if (g->draw.token < 0)
        return sampler_sample_within(g->sampler, youtu_logits(g->context, 0),
                                     g->step.guidance == YOUTU_GUIDE_FREE ? NULL : &limit, token, error);
    *token = g->draw.token;
    return sampler_take(g->sampler, *token, error);
}

/* Adds a token to the answer and its text to what is on its way out. */
static youtu_status add_token(generator *g, int32_t token, youtu_error *error) {
    youtu_tokens *answer = &g->answer;
    if (!array_reserve((void **)&answer->ids, &answer->capacity, answer->count + 1, sizeof *answer->ids))
        return youtu_fail_memory(error, "an answer", (answer->count + 1) * sizeof *answer->ids);
    answer->ids[answer->count++] = token;
    g->n_pending++;
    g->result.completion_tokens++;
    if (g->result.completion_tokens == g->options.max_tokens)
        finish(g, YOUTU_FINISH_LENGTH);
    else if ((size_t)context_room(g->context, g->sequence) < g->n_pending)
        finish(g, YOUTU_FINISH_FULL);
    return add_text(g, token, error);
}

/* Hands out the token that was added last. Whether it is the last of all is known by now. */
static youtu_status hand_out(generator *g, int32_t token, bool is_fed, youtu_error *error) {
    if (!g->finished && g->step.guidance == YOUTU_GUIDE_END) finish(g, YOUTU_FINISH_GUIDE);
    youtu_status status = g->finished ? end_text(g, error) : YOUTU_OK;
    if (status != YOUTU_OK) return status;
    if (g->stops.found) finish(g, YOUTU_FINISH_STRING);
    report_token(g, token, is_fed);
    return YOUTU_OK;
}

/* Draws a token, asks what comes after it, and hands it out. */
static youtu_status draw_token(generator *g, youtu_error *error) {
    int32_t token;
    youtu_status status = sample(g, &token, error);
    if (status != YOUTU_OK) return status;
    if (ends(g, token))
        finish(g, YOUTU_FINISH_END);
    else
        status = add_token(g, token, error);
    if (status == YOUTU_OK && !g->finished && !g->stops.found) status = ask_guide(g, g->n_pending, error);
    return status == YOUTU_OK ? hand_out(g, token, false, error) : status;
}

/* Adds the tokens of the guide's step and hands them out. The guide keeps them until it is asked again: behind
 * the last. */
static youtu_status feed_tokens(generator *g, youtu_error *error) {
    const youtu_guide_step fed = g->step;
    youtu_status status = YOUTU_OK;
    for (size_t i = 0; i < fed.n_tokens && !g->finished && status == YOUTU_OK; i++) {
        int32_t token = fed.tokens[i];
        status = youtu_sampler_accept(g->sampler, token, error);
        if (status == YOUTU_OK) status = add_token(g, token, error);
        bool asks = i + 1 == fed.n_tokens && !g->finished && !g->stops.found;
        if (status == YOUTU_OK && asks) status = ask_guide(g, g->n_pending, error);
        if (status == YOUTU_OK) status = hand_out(g, token, true, error);
    }
    return status;
}

/* Computes the tokens that the cache does not have yet. */
static youtu_status decode_pending(generator *g, youtu_error *error) {
    const int32_t *pending = g->answer.ids + (g->answer.count - g->n_pending);
    size_t done = 0;
    youtu_status status = YOUTU_OK;
    while (done < g->n_pending && status == YOUTU_OK)
        status = decode_chunk(g, pending, g->n_pending, &done, error);
    g->n_pending = 0;
    return status;
}

/* Tokens enter the cache only when one is to be drawn behind them. */
static youtu_status decode_tokens(generator *g, youtu_error *error) {
    double start = now_ms();
    if (g->options.max_tokens == 0)
        finish(g, YOUTU_FINISH_LENGTH);
    else if (g->step.guidance == YOUTU_GUIDE_END)
        finish(g, YOUTU_FINISH_GUIDE);
    youtu_status status = YOUTU_OK;
    while (!g->finished && status == YOUTU_OK) {
        bool feeds = g->step.guidance == YOUTU_GUIDE_FEED;
        if (!feeds && g->n_pending > 0) status = decode_pending(g, error);
        if (status == YOUTU_OK) status = feeds ? feed_tokens(g, error) : draw_token(g, error);
    }
    g->result.decode_ms = now_ms() - start;
    return status;
}

/* ---- the whole ---- */

static void give_result(generator *g, youtu_generation *result) {
    g->result.size = result->size;
    memcpy(result, &g->result, result->size < sizeof g->result ? result->size : sizeof g->result);
}

static youtu_status allocate(generator *g, const youtu_tokenizer *tokenizer, size_t n_prompt,
                             youtu_error *error) {
    g->chunk = context_batch(g->context);
    if (n_prompt < (size_t)g->chunk && !g->options.guide) g->chunk = (int32_t)n_prompt;
    g->row_sequence = array_new((size_t)g->chunk, sizeof *g->row_sequence);
    g->no_logits = array_new((size_t)g->chunk, sizeof *g->no_logits);
    g->top = array_new((size_t)g->options.n_top, sizeof *g->top);
    if (!g->row_sequence || !g->no_logits || !g->top)
        return youtu_fail(error, YOUTU_E_MEMORY, "out of memory: generation in batches of %d", g->chunk);
    for (int32_t i = 0; i < g->chunk; i++) g->row_sequence[i] = g->sequence;
    return tokenizer ? youtu_detokenizer_new(tokenizer, false, &g->detokenizer, error) : YOUTU_OK;
}

/* All that comes before the first row: the prompt's place in the cache, its tokens under the penalty, and what
 * may follow it. */
static youtu_status begin(generator *g, const int32_t *prompt, size_t n_prompt, youtu_error *error) {
    youtu_status status = reuse_prefix(g, prompt, n_prompt, error);
    for (size_t i = 0; i < n_prompt && status == YOUTU_OK; i++)
        status = youtu_sampler_accept(g->sampler, prompt[i], error);
    if (status != YOUTU_OK || g->options.max_tokens == 0) return status;
    return ask_guide(g, n_prompt - (size_t)g->result.cached_tokens, error);
}

youtu_status youtu_generate(youtu_context *context, const youtu_tokenizer *tokenizer, int32_t sequence,
                            const int32_t *prompt, size_t n_prompt, const youtu_generate_options *options,
                            youtu_sampler *sampler, youtu_generation *result, youtu_error *error) {
    if (!context || !sampler)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_generate: context or sampler is NULL");
    if (result && result->size < sizeof result->size)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_generation.size is %zu, expected its sizeof",
                          result->size);
    generator g = {.context = context,
                   .model = context_model(context),
                   .sampler = sampler,
                   .options = youtu_generate_options_default(),
                   .sequence = sequence};
    youtu_status status =
        options_take(&g.options, sizeof g.options, options, "youtu_generate_options", error);
    if (status == YOUTU_OK) status = check_arguments(&g, tokenizer, prompt, n_prompt, error);
    if (status != YOUTU_OK) return status;
    g.stops.strings = g.options.stop_strings;
    g.stops.count = g.options.n_stop_strings;

    status = allocate(&g, tokenizer, n_prompt, error);
    if (status == YOUTU_OK) {
        status = begin(&g, prompt, n_prompt, error);
        if (status == YOUTU_OK) status = prefill(&g, prompt, n_prompt, error);
        if (status == YOUTU_OK && !g.finished) status = decode_tokens(&g, error);
        if (result) give_result(&g, result);
    }
    youtu_detokenizer_free(g.detokenizer);
    stop_strings_free(&g.stops);
    youtu_tokens_free(&g.answer);
    free(g.row_sequence);
    free(g.no_logits);
    free(g.top);
    return status;
}
