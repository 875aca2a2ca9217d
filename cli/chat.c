/* A dialogue in the terminal. The conversation stays in one sequence of the context, so that each turn
 * computes only what is new. */
#include "cli/answering.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/prompt_plan.h"

#include <stdlib.h>
#include <unistd.h>

struct chat {
    const struct options *options;
    struct arena arena;
    struct clinic clinic;
    struct engine engine;
    struct output output;
    struct progress progress;
    bool colour, asks;       /* asks: standard input is a terminal */
    youtu_message *messages; /* the conversation, the system's text first */
    size_t n_messages;
    struct arena conversation; /* what its messages and rules' results live in */
};

static bool say(struct chat *chat, struct buffer *text, struct failure *failure) {
    bool said =
        !text->failed ? output_write(&chat->output, buffer_span(text), failure) : fail_memory(failure);
    buffer_free(text);
    return said;
}

/* ---- the conversation */

static bool add_message(struct chat *chat, youtu_role role, struct span text, struct failure *failure) {
    youtu_message *messages =
        arena_grow(&chat->conversation, chat->messages, chat->n_messages, sizeof *messages);
    char *copy = arena_copy(&chat->conversation, text);
    if (!messages || !copy) return fail_memory(failure);
    messages[chat->n_messages++] = (youtu_message){role, copy, text.length};
    chat->messages = messages;
    return true;
}

static void begin_conversation(struct chat *chat) {
    arena_free(&chat->conversation);
    chat->messages = NULL;
    chat->n_messages = 0;
}

/* What of a long first message the model is not given. */
static bool tell_left_out(struct chat *chat, const struct report *report, struct failure *failure) {
    struct buffer text = {0};
    text_left_out(report, &text);
    return say(chat, &text, failure);
}

/* The first message chooses the department and asks as its template does. */
static bool add_first(struct chat *chat, struct report *report, struct failure *failure) {
    struct prompt_template template;
    struct prompt_plan plan = {0};
    if (!template_open(report->department, chat->options->templates, &chat->clinic.departments,
                       &chat->conversation, &template, failure))
        return false;
    bool added = prompt_plan(&plan, &chat->engine, chat->options, &template, report, failure) &&
                 add_message(chat, YOUTU_SYSTEM, buffer_span(&plan.system), failure) &&
                 add_message(chat, YOUTU_USER, buffer_span(&plan.user), failure);
    prompt_plan_free(&plan);
    return added && tell_left_out(chat, report, failure);
}

/* ---- a turn */

static bool show_warnings(struct chat *chat, const struct report *report, struct failure *failure) {
    struct buffer shown = {0};
    if (report->warnings.count) {
        text_warnings(&report->warnings, chat->colour, &shown);
        buffer_put(&shown, "\n");
    }
    return say(chat, &shown, failure);
}

/* Red flags run on every message and come before the model's answer. */
static bool add_question(struct chat *chat, struct span text, struct failure *failure) {
    struct report report;
    bool done =
        report_begin(&report, &chat->clinic, &chat->options->patient, chat->options->department, text,
                     chat->options->confidence, failure) &&
        show_warnings(chat, &report, failure) &&
        (chat->n_messages ? add_message(chat, YOUTU_USER, text, failure) : add_first(chat, &report, failure));
    report_free(&report);
    return done;
}

struct text_display {
    struct chat *chat;
    struct failure *failure;
    bool failed;
    bool in_line; /* the last line is not complete */
};

/* Every line of the reasoning is marked as such. */
static bool show_text(void *user, enum answer_part part, struct span piece) {
    struct text_display *display = user;
    struct buffer text = {0};
    while (piece.length) {
        const char *end = memchr(piece.data, '\n', piece.length);
        size_t length = end ? (size_t)(end - piece.data) + 1 : piece.length;
        if (part == PART_REASONING && !display->in_line) buffer_put(&text, "(思考) ");
        buffer_append(&text, piece.data, length);
        display->in_line = !end;
        piece = span_between(piece, length, piece.length);
    }
    display->failed = !say(display->chat, &text, display->failure);
    return !display->failed;
}

static bool answer(struct chat *chat, const youtu_tokens *prompt, struct failure *failure) {
    struct answering answering;
    struct text_display display = {chat, failure, false, false};
    bool streams = !chat->options->no_stream;
    terminal_catch_interrupt();
    const struct answer_request request = {.engine = &chat->engine,
                                           .prompt = prompt,
                                           .options = chat->options,
                                           .sampler = chat->engine.sampler,
                                           .drugs = &chat->clinic.lexicon.drugs,
                                           .progress = &chat->progress,
                                           .take_text = streams ? show_text : NULL,
                                           .user = &display,
                                           .ends_on_interrupt = true};
    youtu_sampler_reset(chat->engine.sampler, chat->engine.seed);
    bool done = answering_run(&answering, &request, failure) && !display.failed;
    terminal_release_interrupt();
    if (done) {
        struct buffer text = {0};
        if (!streams)
            buffer_format(&text, "%.*s\n", (int)answering.narrative.length,
                          buffer_span(&answering.narrative).data);
        if (answering.interrupted) buffer_put(&text, "(已中断)\n");
        if (answering.generation.finish == YOUTU_FINISH_LENGTH)
            buffer_put(&text, "(达到 --max-tokens,在此截断)\n");
        if (answering.removed.count)
            buffer_format(&text, "(已删去 %zu 处剂量或用法)\n", answering.removed.count);
        done = say(chat, &text, failure) &&
               add_message(chat, YOUTU_ASSISTANT, buffer_span(&answering.answer), failure);
    }
    answering_free(&answering);
    return done;
}

/* A conversation that has no more room is not cut: the user starts a new one. */
static bool has_room(const struct chat *chat, const youtu_tokens *prompt) {
    return prompt->count + (size_t)chat->options->max_tokens <= (size_t)chat->engine.n_context;
}

static bool take_turn(struct chat *chat, struct span text, struct failure *failure) {
    youtu_tokens prompt = {0};
    youtu_error error;
    struct buffer full = {0};
    bool done = add_question(chat, text, failure);
    if (done && youtu_encode_chat(chat->engine.tokenizer, chat->messages, chat->n_messages,
                                  chat->options->think, &prompt, &error) != YOUTU_OK)
        done = engine_fail(failure, "编码", &error);
    if (done && has_room(chat, &prompt)) {
        done = answer(chat, &prompt, failure);
    } else if (done) {
        chat->n_messages = chat->n_messages > 2 ? chat->n_messages - 1 : 0; /* with the system's text */
        buffer_format(&full, "(对话已有 %zu 个词元,加上回答超过上下文的 %d 个:请用 /new 开始新的对话)\n",
                      prompt.count, chat->engine.n_context);
        done = say(chat, &full, failure);
    }
    youtu_tokens_free(&prompt);
    return done;
}

/* ---- the loop */

static bool greet(struct chat *chat, struct failure *failure) {
    struct buffer text = {0};
    if (chat->engine.info.notice) buffer_format(&text, "%s\n", chat->engine.info.notice);
    buffer_format(&text, "%s\n", REPORT_DISCLAIMER);
    if (chat->asks && !chat->options->quiet)
        buffer_put(&text, "请描述不适。/new 开始新的对话,/exit 或 Ctrl-D 结束,回答时 Ctrl-C 中断。\n");
    return say(chat, &text, failure);
}

static bool take_line(struct chat *chat, struct span line, bool *over, struct failure *failure) {
    struct span text = span_trim(line);
    *over = span_is(text, "/exit");
    if (*over || text.length == 0) return true;
    if (span_is(text, "/new")) return begin_conversation(chat), true;
    struct failure refused;
    if (text_check(text, "输入", &refused)) return take_turn(chat, text, failure);
    struct buffer message = {0};
    buffer_format(&message, "(%s)\n", refused.message);
    return say(chat, &message, failure);
}

static bool converse(struct chat *chat, struct failure *failure) {
    char *line = NULL;
    size_t capacity = 0;
    bool done = true, over = false;
    while (done && !over) {
        struct buffer ask = {0};
        if (chat->asks) buffer_put(&ask, "\n> ");
        if (!(done = say(chat, &ask, failure))) break;
        ssize_t length = getline(&line, &capacity, stdin);
        if (length < 0) break;
        done = take_line(chat, (struct span){line, (size_t)length}, &over, failure);
    }
    free(line);
    if (done && ferror(stdin)) return fail(failure, STATUS_INPUT, "标准输入:不能读取");
    return done;
}

/* What a clinic's templates hold is refused before the first message. */
static bool check_templates(struct chat *chat, struct failure *failure) {
    const struct options *options = chat->options;
    struct prompt_template template;
    if (options->templates && !template_check_all(options->templates, failure)) return false;
    return !options->department || template_open(options->department, options->templates,
                                                 &chat->clinic.departments, &chat->arena, &template, failure);
}

static bool open_chat(struct chat *chat, struct failure *failure) {
    const struct options *options = chat->options;
    if (!clinic_open(&chat->clinic, options->kb, options->rules, failure) || !check_templates(chat, failure))
        return false;
    const char *directory = engine_find_model(options->model, &chat->arena, failure);
    return directory && engine_open(&chat->engine, options, directory, &chat->progress, failure) &&
           engine_prepare(&chat->engine, options, AUTOMATIC_CTX, failure);
}

bool command_chat(const struct options *options, struct failure *failure) {
    struct chat chat = {.options = options,
                        .progress = progress_new(options->quiet),
                        .colour = terminal_has_colour(STDOUT_FILENO),
                        .asks = isatty(STDIN_FILENO) != 0};
    output_open(&chat.output, NULL);
    bool done = open_chat(&chat, failure) && greet(&chat, failure) && converse(&chat, failure);
    output_free(&chat.output);
    engine_close(&chat.engine);
    clinic_close(&chat.clinic);
    arena_free(&chat.conversation);
    arena_free(&chat.arena);
    return done;
}
