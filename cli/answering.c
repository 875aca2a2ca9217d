#include "cli/answering.h"

#include "cli/form.h"

/* One part on its way through the filter. */
struct part_stream {
    enum answer_part part;
    struct buffer *source;   /* as written */
    struct buffer *filtered; /* what the filter gave so far */
    size_t taken;            /* bytes of source that the filter has */
    size_t shown;            /* bytes of filtered that were handed on */
};

struct run {
    struct answering *answering;
    struct progress *progress;
    text_taker take_text;
    void *user;
    struct part_stream stream;
    struct dose_words dose_words;
    struct dose_filter filter;
    struct buffer reasoning_source;
    int32_t reasoning_start, reasoning_end; /* the tokens <think> and </think>; -1 when not asked to reason */
    bool began, out_of_memory, stopped_by_taker;
};

static bool hand_on(struct run *run, struct span text) {
    if (text.length == 0 || !run->take_text) return true;
    run->stopped_by_taker = !run->take_text(run->user, run->stream.part, text);
    return !run->stopped_by_taker;
}

/* Hands on what the filter gave. Blank lines before the first are dropped. */
static bool show_filtered(struct run *run) {
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
static bool take_grown(struct run *run) {
    struct part_stream *stream = &run->stream;
    struct span grown = span_between(buffer_span(stream->source), stream->taken, stream->source->length);
    stream->taken = stream->source->length;
    if (!dose_filter_feed(&run->filter, grown, stream->filtered)) return run->out_of_memory = true, false;
    return show_filtered(run);
}

/* The part is over: passes on what is held back, and ends its last line for the taker. */
static bool end_part(struct run *run) {
    struct part_stream *stream = &run->stream;
    if (!take_grown(run)) return false;
    if (!dose_filter_end(&run->filter, stream->filtered)) return run->out_of_memory = true, false;
    if (!show_filtered(run)) return false;
    bool line_open = stream->shown > 0 && stream->filtered->data[stream->shown - 1] != '\n';
    return !line_open || hand_on(run, span_of("\n"));
}

static void begin_part(struct run *run, enum answer_part part) {
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
static bool take_token(struct run *run, const youtu_event *event, bool is_first) {
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

static bool on_token(void *user, const youtu_event *event) {
    struct run *run = user;
    bool is_first = !run->began;
    run->began = true;
    progress_clear(run->progress);
    return take_token(run, event, is_first) && !terminal_interrupted();
}

static bool on_prompt(void *user, size_t done, size_t total) {
    struct run *run = user;
    progress_show(run->progress, "正在阅读文本", done, total);
    return !terminal_interrupted();
}

bool answering_run(struct answering *answering, struct engine *engine, const youtu_tokens *prompt,
                   const struct options *options, const struct wordlist *drugs, struct progress *progress,
                   text_taker taker, void *user, struct failure *failure) {
    *answering = (struct answering){.generation = {.size = sizeof answering->generation}};
    struct run run = {.answering = answering,
                      .progress = progress,
                      .take_text = taker,
                      .user = user,
                      .reasoning_start = -1,
                      .reasoning_end = -1};
    if (options->think) {
        run.reasoning_start = youtu_token_find(engine->tokenizer, "<think>");
        run.reasoning_end = youtu_token_find(engine->tokenizer, "</think>");
    }
    if (!dose_words_open(&run.dose_words, &answering->arena, drugs)) return fail_memory(failure);
    begin_part(&run, PART_ANSWER);
    youtu_generate_options generate = youtu_generate_options_default();
    generate.max_tokens = options->max_tokens;
    generate.on_token = on_token;
    generate.on_prompt = on_prompt;
    generate.user = &run;
    if (engine->form) {
        form_begin(engine->form);
        generate.guide = form_guide;
        generate.guide_user = engine->form;
    }
    youtu_error error = {0};
    youtu_sampler_reset(engine->sampler, engine->seed);
    youtu_status status = youtu_generate(engine->context, engine->tokenizer, 0, prompt->ids, prompt->count,
                                         &generate, engine->sampler, &answering->generation, &error);
    progress_clear(progress);
    bool done = status == YOUTU_OK || engine_fail(failure, "生成", &error);
    if (done && !run.stopped_by_taker && !run.out_of_memory) end_part(&run);
    answering->interrupted = terminal_interrupted();
    answering->removed = run.filter.removals;
    dose_filter_free(&run.filter);
    buffer_free(&run.reasoning_source);
    if (engine->form && engine->form->failed) run.out_of_memory = true;
    if (run.out_of_memory || answering->narrative.failed || answering->reasoning.failed)
        return fail_memory(failure);
    return done;
}

void answering_free(struct answering *answering) {
    buffer_free(&answering->answer);
    buffer_free(&answering->narrative);
    buffer_free(&answering->reasoning);
    arena_free(&answering->arena);
    *answering = (struct answering){0};
}
