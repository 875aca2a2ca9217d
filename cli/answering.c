#include "cli/answering.h"

#include "cli/form.h"

/* Lines of one part on their way through the filter. */
struct line_stream {
    enum answer_part part;
    struct buffer *source;   /* as written */
    struct buffer *filtered; /* lines taken so far */
    size_t taken;            /* bytes of source */
    struct dose_filter filter;
};

struct run {
    struct answering *answering;
    struct progress *progress;
    line_taker take_line;
    void *user;
    struct line_stream lines;
    struct buffer reasoning_source;
    int32_t reasoning_start, reasoning_end; /* the tokens <think> and </think>; -1 when not asked to reason */
    bool began, out_of_memory, stopped_by_taker;
};

/* Filters source[taken, end) as one line and hands it on. Blank lines before the first are dropped. */
static bool take_line(struct run *run, size_t end) {
    struct line_stream *lines = &run->lines;
    struct span line = span_between(buffer_span(lines->source), lines->taken, end);
    if (lines->filtered->length == 0 && span_trim(line).length == 0) return true;
    if (lines->filtered->length) buffer_put(lines->filtered, "\n");
    size_t start = lines->filtered->length;
    if (!dose_filter_line(&lines->filter, line, lines->filtered)) return run->out_of_memory = true, false;
    struct span shown = span_between(buffer_span(lines->filtered), start, lines->filtered->length);
    if (run->take_line && !run->take_line(run->user, lines->part, shown))
        return run->stopped_by_taker = true, false;
    return true;
}

static bool take_complete_lines(struct run *run) {
    struct line_stream *lines = &run->lines;
    while (lines->taken < lines->source->length) {
        const char *start = lines->source->data + lines->taken;
        const char *end = memchr(start, '\n', lines->source->length - lines->taken);
        if (!end) return true;
        size_t line_end = lines->taken + (size_t)(end - start);
        if (!take_line(run, line_end)) return false;
        lines->taken = line_end + 1;
    }
    return true;
}

static bool take_rest(struct run *run) {
    struct line_stream *lines = &run->lines;
    if (!take_complete_lines(run)) return false;
    if (lines->taken < lines->source->length && !take_line(run, lines->source->length)) return false;
    lines->taken = lines->source->length;
    return true;
}

static void begin_part(struct run *run, enum answer_part part) {
    struct answering *answering = run->answering;
    const struct wordlist *drugs = run->lines.filter.drugs;
    struct removals removed = run->lines.filter.removals;
    run->lines = (struct line_stream){
        .part = part,
        .source = part == PART_ANSWER ? &answering->answer : &run->reasoning_source,
        .filtered = part == PART_ANSWER ? &answering->narrative : &answering->reasoning,
        .filter = {.drugs = drugs, .arena = &answering->arena, .removals = removed},
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
    buffer_append(run->lines.source, event->text, event->length);
    if (run->lines.source->failed) return run->out_of_memory = true, false;
    if (run->lines.part == PART_REASONING && event->token == run->reasoning_end) {
        drop_ending(reasoning, "</think>");
        if (!take_rest(run)) return false;
        return begin_part(run, PART_ANSWER), true;
    }
    if (run->lines.part == PART_ANSWER && !add_mark(run->answering, event->log_probability))
        return run->out_of_memory = true, false;
    return take_complete_lines(run);
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
                   line_taker taker, void *user, struct failure *failure) {
    *answering = (struct answering){.generation = {.size = sizeof answering->generation}};
    struct run run = {.answering = answering,
                      .progress = progress,
                      .take_line = taker,
                      .user = user,
                      .lines = {.filter = {.drugs = drugs}},
                      .reasoning_start = -1,
                      .reasoning_end = -1};
    if (options->think) {
        run.reasoning_start = youtu_token_find(engine->tokenizer, "<think>");
        run.reasoning_end = youtu_token_find(engine->tokenizer, "</think>");
    }
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
    if (done && !run.stopped_by_taker && !run.out_of_memory) take_rest(&run);
    answering->interrupted = terminal_interrupted();
    answering->removed = run.lines.filter.removals;
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
