/* One report: the patient's text through the rules, the model and the checks. */
#include "cli/clinic/file.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/reporting.h"

#include <unistd.h>

/* What a diagnosis holds; zero-initialised, so that any part of it can be freed. */
struct diagnosis_run {
    const struct options *options;
    struct buffer typed; /* standard input */
    struct span text;
    struct desk desk;
    struct report_job job;
    struct output output;
    struct progress progress;
    bool streams, colour;
    enum answer_part part_shown; /* of the answer: its title is out */
    bool any_part_shown;
};

static bool read_text(struct diagnosis_run *run, struct failure *failure) {
    const char *where = "TEXT";
    run->text = span_of(run->options->text ? run->options->text : "");
    if (!run->options->text) {
        where = "标准输入";
        if (isatty(STDIN_FILENO) && !run->options->quiet) fprintf(stderr, "请输入患者的话,以 Ctrl-D 结束:\n");
        if (!stream_read(STDIN_FILENO, where, TEXT_LIMIT_BYTES, STATUS_INPUT, &run->typed, failure))
            return false;
        run->text = buffer_span(&run->typed);
    }
    if (!text_check(run->text, where, failure)) return false;
    run->text = span_trim(run->text);
    return true;
}

/* ---- showing */

static bool show(struct diagnosis_run *run, struct buffer *text, struct failure *failure) {
    bool shown =
        !text->failed ? output_write(&run->output, buffer_span(text), failure) : fail_memory(failure);
    buffer_free(text);
    return shown;
}

/* What text that could not be shown leaves for the command. */
struct text_display {
    struct diagnosis_run *run;
    struct failure *failure;
    bool failed;
};

static bool show_text(void *user, enum answer_part part, struct span piece) {
    struct text_display *display = user;
    struct diagnosis_run *run = display->run;
    struct buffer text = {0};
    if (!run->any_part_shown || part != run->part_shown)
        (part == PART_ANSWER ? text_answer_title : text_reasoning_title)(run->colour, &text);
    run->any_part_shown = true;
    run->part_shown = part;
    buffer_append(&text, piece.data, piece.length);
    display->failed = !show(run, &text, display->failure);
    return !display->failed;
}

static bool show_head(struct diagnosis_run *run, struct failure *failure) {
    struct buffer text = {0};
    if (!run->streams) return true;
    text_head(&run->job.report, run->colour, &text);
    return show(run, &text, failure);
}

static bool show_rest(struct diagnosis_run *run, struct failure *failure) {
    struct buffer text = {0};
    if (run->streams)
        text_tail(&run->job.report, run->colour, &text);
    else if (!run->options->format->write(&run->job.report, run->colour, &text))
        text.failed = true;
    return show(run, &text, failure) && output_finish(&run->output, failure);
}

/* ---- the report */

static bool ask_model(struct diagnosis_run *run, struct failure *failure) {
    struct text_display display = {run, failure, false};
    if (run->streams) {
        run->job.take_text = show_text;
        run->job.user = &display;
    }
    if (!job_start(&run->job, &run->desk, failure)) return false;
    while (!job_answered(&run->job))
        if (!desk_step(&run->desk, failure)) return false;
    progress_clear(&run->progress);
    if (display.failed) return false;
    bool finished = job_finish(&run->job, &run->desk, failure);
    return finished && !display.failed;
}

static bool make_report(struct diagnosis_run *run, struct failure *failure) {
    const struct options *options = run->options;
    if (!read_text(run, failure) || !desk_open(&run->desk, options, &run->progress, failure) ||
        !job_prepare(&run->job, &run->desk, run->text, failure) ||
        (!options->rules_only && !desk_prepare(&run->desk, 1, desk_tokens_for(&run->job), failure)))
        return false;
    terminal_catch_interrupt();
    return show_head(run, failure) && (options->rules_only || ask_model(run, failure)) &&
           show_rest(run, failure);
}

bool command_diagnose(const struct options *options, struct failure *failure) {
    struct diagnosis_run run = {.options = options, .progress = progress_new(options->quiet)};
    run.streams = !options->no_stream && !options->output && options->format == format_find("text");
    run.colour = !options->output && terminal_has_colour(STDOUT_FILENO);
    run.job = (struct report_job){.options = options, .progress = &run.progress, .ends_on_interrupt = true};
    output_open(&run.output, options->output);
    bool done = output_check(options->output, failure) && make_report(&run, failure);
    terminal_release_interrupt();
    progress_clear(&run.progress);
    output_free(&run.output);
    job_free(&run.job, &run.desk);
    desk_close(&run.desk);
    buffer_free(&run.typed);
    return done;
}
