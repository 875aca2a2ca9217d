#include "cli/answering.h"

#include "cli/form.h"

#include <stdlib.h>

/* One part on its way through the filter. */
struct part_stream {
    enum answer_part part;
    struct buffer *source;   /* as written */
    struct buffer *filtered; /* what the filter gave so far */
    size_t taken;            /* bytes of source that the filter has */
    size_t shown;            /* bytes of filtered that were handed on */
};

struct answer_stream {
    struct answering *answering;
    struct answer_request request;
    youtu_generator *generator;
    struct part_stream stream;
    struct dose_words dose_words;
    struct dose_filter filter;
    struct buffer reasoning_source;
    int32_t reasoning_start, reasoning_end; /* the tokens <think> and </think>; -1 when not asked to reason */
    bool began, out_of_memory, stopped_by_taker;
};

static bool hand_on(struct answer_stream *run, struct span text) {
    if (text.length == 0 || !run->request.take_text) return true;
    run->stopped_by_taker = !run->request.take_text(run->request.user, run->stream.part, text);
    return !run->stopped_by_taker;
}

/* Hands on what the filter gave. Blank lines before the first are dropped. */
static bool show_filtered(struct answer_stream *run) {
    struct part_stream *stream = &run->stream;
    if (stream->filtered->failed) return run->out_of_memory = true, false;
    if (stream->shown == 0) {
        struct span all = buffer_span(stream->filtered);
        size_t blank = all.length;
        for (size_t at = 0; at < all.length && strchr(" \t\r\n", all.data[at]); at++)
            if (all.data[at] == '\n') blank = at + 1;
        if (span_trim(all).length == 0) return true;
        if (blank < all.length) {
            stream->filtered->length -= blank;
            memmove(stream->filtered->data, all.data + blank, stream->filtered->length);
        }
    }
    size_t start = stream->shown;
    stream->shown = stream->filtered->length;
    return hand_on(run, span_between(buffer_span(stream->filtered), start, stream->shown));
}

/* Passes on what the source has grown by. */
static bool take_grown(struct answer_stream *run) {
    struct part_stream *stream = &run->stream;
    struct span grown = span_between(buffer_span(stream->source), stream->taken, stream->source->length);
    stream->taken = stream->source->length;
    if (!dose_filter_feed(&run->filter, grown, stream->filtered)) return run->out_of_memory = true, false;
    return show_filtered(run);
}

/* The part is over: passes on what is held back, and ends its last line for the taker. */
static bool end_part(struct answer_stream *run) {
    struct part_stream *stream = &run->stream;
    if (!take_grown(run)) return false;
    if (!dose_filter_end(&run->filter, stream->filtered)) return run->out_of_memory = true, false;
    if (!show_filtered(run)) return false;
    bool line_open = stream->shown > 0 && stream->filtered->data[stream->shown - 1] != '\n';
    return !line_open || hand_on(run, span_of("\n"));
}

static void begin_part(struct answer_stream *run, enum answer_part part) {
    struct answering *answering = run->answering;
    struct removals removed = run->filter.removals;
    dose_filter_free(&run->filter);
    dose_filter_begin(&run->filter, &run->dose_words, &answering->arena);
    run->filter.removals = removed;
    run->stream = (struct part_stream){
        .part = part,
        .source = part == PART_ANSWER ? &answering->answer : &run->reasoning_source,
        .filtered = part == PART_ANSWER ? &answering->narrative : &answering->reasoning,
    };
}

static bool add_mark(struct answering *answering, float log_probability) {
    struct token_mark *marks =
        arena_grow(&answering->arena, answering->marks, answering->n_marks, sizeof *marks);
    if (!marks) return false;
    marks[answering->n_marks++] = (struct token_mark){answering->answer.length, log_probability};
    answering->marks = marks;
    return true;
}

static void drop_ending(struct buffer *text, const char *ending) {
    if (span_ends(buffer_span(text), span_of(ending))) text->length -= strlen(ending);
}

/* Takes a token's text into the part that it belongs to. A model that reasons opens and closes its reasoning
 * with tokens of their own, whose spelling, where it is given as text, is part of neither. */
static bool take_token(struct answer_stream *run, const youtu_event *event, bool is_first) {
    struct buffer *reasoning = &run->reasoning_source;
    if (is_first && run->reasoning_start >= 0 && event->token == run->reasoning_start)
        return begin_part(run, PART_REASONING), true;
    buffer_append(run->stream.source, event->text, event->length);
    if (run->stream.source->failed) return run->out_of_memory = true, false;
    if (run->stream.part == PART_REASONING && event->token == run->reasoning_end) {
        drop_ending(reasoning, "</think>");
        if (!end_part(run)) return false;
        return begin_part(run, PART_ANSWER), true;
    }
    if (run->stream.part == PART_ANSWER && !add_mark(run->answering, event->log_probability))
        return run->out_of_memory = true, false;
    return take_grown(run);
}

static bool is_interrupted(const struct answer_stream *run) {
    return run->request.ends_on_interrupt && terminal_interrupted();
}

static bool on_token(void *user, const youtu_event *event) {
    struct answer_stream *run = user;
    bool is_first = !run->began;
    run->began = true;
    if (run->request.progress) progress_clear(run->request.progress);
    return take_token(run, event, is_first) && !is_interrupted(run);
}

static bool on_prompt(void *user, size_t done, size_t total) {
    struct answer_stream *run = user;
    if (run->request.progress) progress_show(run->request.progress, "正在阅读文本", done, total);
    return !is_interrupted(run);
}

static youtu_generate_options generate_options(struct answer_stream *run) {
    youtu_generate_options options = youtu_generate_options_default();
    options.max_tokens = run->request.options->max_tokens;
    options.on_token = on_token;
    options.on_prompt = on_prompt;
    options.user = run;
    if (run->request.form) {
        form_begin(run->request.form);
        options.guide = form_guide;
        options.guide_user = run->request.form;
    }
    return options;
}

bool answering_begin(struct answering *answering, const struct answer_request *request,
                     youtu_generator **generator, struct failure *failure) {
    *answering = (struct answering){.generation = {.size = sizeof answering->generation}};
    struct answer_stream *run = answering->stream = calloc(1, sizeof *run);
    if (!run) return fail_memory(failure);
    *run = (struct answer_stream){
        .answering = answering, .request = *request, .reasoning_start = -1, .reasoning_end = -1};
    const struct engine *engine = request->engine;
    if (request->options->think) {
        run->reasoning_start = youtu_token_find(engine->tokenizer, "<think>");
        run->reasoning_end = youtu_token_find(engine->tokenizer, "</think>");
    }
    if (!dose_words_open(&run->dose_words, &answering->arena, request->drugs)) return fail_memory(failure);
    begin_part(run, PART_ANSWER);
    const youtu_generate_options options = generate_options(run);
    youtu_error error;
    if (youtu_generator_new(engine->context, engine->tokenizer, request->sequence, request->prompt->ids,
                            request->prompt->count, &options, request->sampler, &run->generator,
                            &error) != YOUTU_OK)
        return engine_fail(failure, "生成", &error);
    *generator = run->generator;
    return true;
}

bool answering_end(struct answering *answering, struct failure *failure) {
    struct answer_stream *run = answering->stream;
    youtu_error error;
    youtu_status status = youtu_generator_result(run->generator, &answering->generation, &error);
    if (run->request.progress) progress_clear(run->request.progress);
    bool done = status == YOUTU_OK || engine_fail(failure, "生成", &error);
    if (done && !run->stopped_by_taker && !run->out_of_memory) end_part(run);
    answering->interrupted = is_interrupted(run);
    answering->removed = run->filter.removals;
    if (run->request.form && run->request.form->failed) run->out_of_memory = true;
    if (run->out_of_memory || answering->narrative.failed || answering->reasoning.failed)
        return fail_memory(failure);
    return done;
}

bool answering_run(struct answering *answering, const struct answer_request *request,
                   struct failure *failure) {
    youtu_generator *generator = NULL;
    youtu_error error;
    if (!answering_begin(answering, request, &generator, failure)) return false;
    while (!youtu_generator_finished(generator))
        if (youtu_generator_step(&generator, 1, &error) != YOUTU_OK)
            return engine_fail(failure, "生成", &error);
    return answering_end(answering, failure);
}

void answering_free(struct answering *answering) {
    struct answer_stream *run = answering->stream;
    if (run) {
        youtu_generator_free(run->generator);
        dose_filter_free(&run->filter);
        buffer_free(&run->reasoning_source);
        free(run);
    }
    buffer_free(&answering->answer);
    buffer_free(&answering->narrative);
    buffer_free(&answering->reasoning);
    arena_free(&answering->arena);
    *answering = (struct answering){0};
}
