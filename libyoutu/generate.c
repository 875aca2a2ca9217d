/* Generations: prompt into the cache, then token after token until something ends it; one at a time
 * (youtu_generate), or several that share their batches (youtu_generator_step). */
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

typedef struct youtu_generator generator;

struct youtu_generator {
    youtu_context *context;
    const youtu_model *model;
    youtu_sampler *sampler;
    youtu_generate_options options;
    int32_t sequence;
    youtu_detokenizer *detokenizer; /* NULL without a tokenizer */
    stop_strings stops;             /* the text on its way out */
    youtu_token_score *top;         /* [n_top] */
    int32_t chunk;                  /* most rows of one batch */
    const int32_t *prompt;          /* [n_prompt] */
    size_t n_prompt;
    bool in_prompt;      /* what is computed is the prompt, else the answer's last n_pending tokens */
    size_t n_computed;   /* of what is computed: in the cache */
    youtu_tokens answer; /* drawn and fed so far; the last n_pending are not in the cache yet */
    size_t n_pending;
    token_draw draw;       /* from the last row decoded; token -1: the host draws */
    const float *logits;   /* of that row then */
    youtu_guide_step step; /* what may come next */
    double start;          /* ms: of the prompt, then of the answer */
    bool finished;         /* result.finish says why, or error */
    youtu_generation result;
    youtu_error error; /* what ended it; status OK: nothing did */
};

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
        int32_t vocab_size = g->model->config.vocab_size;
        event.log_probability = youtu_log_probability(g->logits, vocab_size, token);
        youtu_top_tokens(g->logits, vocab_size, o->n_top, g->top);
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
        return sampler_sample_within(g->sampler, g->logits,
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

/* ---- rows ---- */

/* The tokens whose rows are to be computed: what is left of the prompt, or of the answer. */
static const int32_t *rows_left(const generator *g, size_t *count) {
    const int32_t *tokens = g->prompt;
    *count = g->n_prompt;
    if (!g->in_prompt) {
        tokens = g->answer.ids + (g->answer.count - g->n_pending);
        *count = g->n_pending;
    }
    *count -= g->n_computed;
    return tokens + g->n_computed;
}

/* Of them in the next batch: they and their cuts do not depend on what other generations do. */
static size_t next_rows(const generator *g) {
    size_t count;
    rows_left(g, &count);
    return count < (size_t)g->chunk ? count : (size_t)g->chunk;
}

/* Whether a token is drawn behind these rows. */
static bool draws_behind(const generator *g, size_t rows) {
    size_t count;
    rows_left(g, &count);
    return rows == count;
}

/* Rows from whose last one the next token is drawn. The device draws where it can, unless an event is to show
 * more than the token, or the guide does not allow every token: that needs the logits. */
static youtu_status decode_last(generator *g, const youtu_batch *batch, youtu_error *error) {
    if (g->options.n_top > 0 || g->options.max_tokens == 0 || g->step.guidance != YOUTU_GUIDE_FREE)
        return youtu_decode(g->context, batch, error);
    return context_decode_draw(g->context, batch, &g->draw, error);
}

/* What a batch of several generations takes. */
typedef struct shared_rows {
    int32_t *token, *sequence;
    bool *want_logits;
    size_t count;
} shared_rows;

static youtu_status allocate_rows(shared_rows *rows, size_t count, youtu_error *error) {
    rows->token = array_new(count, sizeof *rows->token);
    rows->sequence = array_new(count, sizeof *rows->sequence);
    rows->want_logits = array_new(count, sizeof *rows->want_logits);
    rows->count = 0;
    if (rows->token && rows->sequence && rows->want_logits) return YOUTU_OK;
    return youtu_fail_memory(
        error, "a batch", count * (sizeof *rows->token + sizeof *rows->sequence + sizeof *rows->want_logits));
}

static void free_rows(shared_rows *rows) {
    free(rows->token);
    free(rows->sequence);
    free(rows->want_logits);
}

static void add_rows(shared_rows *rows, const generator *g) {
    size_t count = next_rows(g), left;
    const int32_t *tokens = rows_left(g, &left);
    for (size_t i = 0; i < count; i++, rows->count++) {
        rows->token[rows->count] = tokens[i];
        rows->sequence[rows->count] = g->sequence;
        rows->want_logits[rows->count] = i + 1 == count && draws_behind(g, count);
    }
}

/* The next rows of these generations in one batch; their logits are valid until the next. */
static youtu_status decode_rows(generator *const *group, size_t count, youtu_error *error) {
    shared_rows rows;
    size_t n_rows = 0, n_logits = 0;
    for (size_t i = 0; i < count; i++) n_rows += next_rows(group[i]);
    youtu_status status = allocate_rows(&rows, n_rows, error);
    for (size_t i = 0; i < count && status == YOUTU_OK; i++) {
        sampler_request(group[i]->sampler, &group[i]->draw);
        group[i]->draw.token = -1;
        add_rows(&rows, group[i]);
    }
    const youtu_batch batch = {rows.token, rows.sequence, rows.want_logits, rows.count};
    if (status == YOUTU_OK && count == 1 && draws_behind(group[0], n_rows)) {
        const youtu_batch last = {rows.token, rows.sequence, NULL, rows.count};
        status = decode_last(group[0], &last, error);
    } else if (status == YOUTU_OK) {
        status = youtu_decode(group[0]->context, &batch, error);
    }
    for (size_t i = 0; i < count && status == YOUTU_OK; i++)
        group[i]->logits =
            draws_behind(group[i], next_rows(group[i])) ? youtu_logits(group[i]->context, n_logits++) : NULL;
    free_rows(&rows);
    return status;
}

/* ---- moves ---- */

/* Draws behind the rows that were computed last, and feeds, until there are rows to compute again. */
static youtu_status go_on(generator *g, youtu_error *error) {
    if (g->options.max_tokens == 0)
        finish(g, YOUTU_FINISH_LENGTH);
    else if (g->step.guidance == YOUTU_GUIDE_END)
        finish(g, YOUTU_FINISH_GUIDE);
    youtu_status status = YOUTU_OK;
    while (!g->finished && status == YOUTU_OK) {
        bool feeds = g->step.guidance == YOUTU_GUIDE_FEED;
        if (!feeds && g->n_pending > 0) break;
        status = feeds ? feed_tokens(g, error) : draw_token(g, error);
    }
    g->result.decode_ms = now_ms() - g->start;
    return status;
}

/* Takes the rows that were computed. */
static youtu_status take_rows(generator *g, size_t rows, youtu_error *error) {
    bool all = draws_behind(g, rows);
    g->n_computed += rows;
    if (g->in_prompt) {
        report_prompt(g, g->n_computed, g->n_prompt);
        g->result.prefill_ms = now_ms() - g->start;
    }
    if (!all || g->finished) return YOUTU_OK;
    if (g->in_prompt) g->start = now_ms();
    g->in_prompt = false;
    g->n_computed = g->n_pending = 0;
    return go_on(g, error);
}

static void fail(generator *g, const youtu_error *error) {
    g->error = *error;
    g->finished = true;
}

/* One batch. Where it fails as a whole, each generation is computed alone: an error is the one's that has it. */
static void move_together(generator *const *group, size_t count) {
    youtu_error error;
    youtu_status status = decode_rows(group, count, &error);
    if (status != YOUTU_OK && count == 1) fail(group[0], &error);
    for (size_t i = 0; i < count && count > 1 && status != YOUTU_OK; i++) move_together(group + i, 1);
    for (size_t i = 0; i < count && status == YOUTU_OK; i++)
        if (take_rows(group[i], next_rows(group[i]), &error) != YOUTU_OK) fail(group[i], &error);
}

/* Those that share batches, in turn: batches of at most SHARED_ROWS rows, and no more than the context takes. */
static void move_shared(generator *const *generators, size_t count) {
    generator *group[SHARED_ROWS];
    size_t n = 0, rows = 0;
    for (size_t i = 0; i < count; i++) {
        generator *g = generators[i];
        size_t own = next_rows(g), most = (size_t)g->chunk < SHARED_ROWS ? (size_t)g->chunk : SHARED_ROWS;
        if (g->finished || own > SHARED_ROWS) continue;
        if (n > 0 && rows + own > most) {
            move_together(group, n);
            n = rows = 0;
        }
        group[n++] = g;
        rows += own;
    }
    if (n > 0) move_together(group, n);
}

/* ---- a generator ---- */

static youtu_status allocate(generator *g, const youtu_tokenizer *tokenizer, youtu_error *error) {
    g->chunk = context_batch(g->context);
    g->top = array_new((size_t)g->options.n_top, sizeof *g->top);
    if (!g->top) return youtu_fail_memory(error, "a generation", (size_t)g->options.n_top * sizeof *g->top);
    return tokenizer ? youtu_detokenizer_new(tokenizer, false, &g->detokenizer, error) : YOUTU_OK;
}

/* All that comes before the first row: the prompt's place in the cache, its tokens under the penalty, and what
 * may follow it. */
static youtu_status begin(generator *g, youtu_error *error) {
    youtu_status status = reuse_prefix(g, g->prompt, g->n_prompt, error);
    for (size_t i = 0; i < g->n_prompt && status == YOUTU_OK; i++)
        status = youtu_sampler_accept(g->sampler, g->prompt[i], error);
    if (status == YOUTU_OK && g->options.max_tokens > 0)
        status = ask_guide(g, g->n_prompt - (size_t)g->result.cached_tokens, error);
    if (status != YOUTU_OK) return status;
    g->in_prompt = true;
    g->n_computed = (size_t)g->result.cached_tokens;
    g->start = now_ms();
    report_prompt(g, g->n_computed, g->n_prompt);
    return YOUTU_OK;
}

youtu_status youtu_generator_new(youtu_context *context, const youtu_tokenizer *tokenizer, int32_t sequence,
                                 const int32_t *prompt, size_t n_prompt,
                                 const youtu_generate_options *options, youtu_sampler *sampler,
                                 youtu_generator **out, youtu_error *error) {
    if (!context || !sampler)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_generate: context or sampler is NULL");
    generator *g = array_new(1, sizeof *g);
    if (!g) return youtu_fail_memory(error, "a generation", sizeof *g);
    *g = (generator){.context = context,
                     .model = context_model(context),
                     .sampler = sampler,
                     .options = youtu_generate_options_default(),
                     .sequence = sequence,
                     .prompt = prompt,
                     .n_prompt = n_prompt};
    youtu_status status =
        options_take(&g->options, sizeof g->options, options, "youtu_generate_options", error);
    if (status == YOUTU_OK) status = check_arguments(g, tokenizer, prompt, n_prompt, error);
    g->stops.strings = g->options.stop_strings;
    g->stops.count = g->options.n_stop_strings;
    if (status == YOUTU_OK) status = allocate(g, tokenizer, error);
    if (status == YOUTU_OK) {
        youtu_error begun;
        if (begin(g, &begun) != YOUTU_OK) fail(g, &begun);
        *out = g;
        return YOUTU_OK;
    }
    youtu_generator_free(g);
    return status;
}

static youtu_status check_step_arguments(generator *const *generators, size_t count, youtu_error *error) {
    if (!generators && count > 0)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_generator_step: the generators are NULL");
    for (size_t i = 0; i < count; i++) {
        if (generators[i]->context != generators[0]->context)
            return youtu_fail(error, YOUTU_E_ARGUMENT,
                              "youtu_generator_step: generators 0 and %zu have different contexts", i);
        for (size_t j = 0; j < i; j++)
            if (generators[i]->sequence == generators[j]->sequence)
                return youtu_fail(error, YOUTU_E_ARGUMENT,
                                  "youtu_generator_step: generators %zu and %zu both have sequence %d", j, i,
                                  generators[i]->sequence);
    }
    return YOUTU_OK;
}

youtu_status youtu_generator_step(youtu_generator *const *generators, size_t count, youtu_error *error) {
    youtu_status status = check_step_arguments(generators, count, error);
    if (status != YOUTU_OK) return status;
    move_shared(generators, count);
    for (size_t i = 0; i < count; i++)
        if (!generators[i]->finished && next_rows(generators[i]) > SHARED_ROWS) {
            move_together(generators + i, 1);
            break;
        }
    return YOUTU_OK;
}

bool youtu_generator_finished(const youtu_generator *g) {
    return g->finished;
}

static youtu_status check_result(const youtu_generation *result, youtu_error *error) {
    if (!result || result->size >= sizeof result->size) return YOUTU_OK;
    return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_generation.size is %zu, expected its sizeof",
                      result->size);
}

youtu_status youtu_generator_result(const youtu_generator *g, youtu_generation *result, youtu_error *error) {
    youtu_status status = check_result(result, error);
    if (status != YOUTU_OK) return status;
    if (result) {
        youtu_generation made = g->result;
        made.size = result->size;
        memcpy(result, &made, made.size < sizeof made ? made.size : sizeof made);
    }
    if (error && g->error.status != YOUTU_OK) *error = g->error;
    return g->error.status;
}

void youtu_generator_free(youtu_generator *g) {
    if (!g) return;
    youtu_detokenizer_free(g->detokenizer);
    stop_strings_free(&g->stops);
    youtu_tokens_free(&g->answer);
    free(g->top);
    free(g);
}

youtu_status youtu_generate(youtu_context *context, const youtu_tokenizer *tokenizer, int32_t sequence,
                            const int32_t *prompt, size_t n_prompt, const youtu_generate_options *options,
                            youtu_sampler *sampler, youtu_generation *result, youtu_error *error) {
    generator *g = NULL;
    youtu_status status = check_result(result, error);
    if (status == YOUTU_OK)
        status =
            youtu_generator_new(context, tokenizer, sequence, prompt, n_prompt, options, sampler, &g, error);
    if (status != YOUTU_OK || !g) return status;
    while (!g->finished) move_together(&g, 1);
    status = youtu_generator_result(g, result, error);
    youtu_generator_free(g);
    return status;
}
