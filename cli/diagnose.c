/* One report: the patient's text through the rules, the model and the checks. */
#include "cli/answering.h"
#include "cli/clinic/file.h"
#include "cli/commands.h"
#include "cli/form.h"
#include "cli/output.h"
#include "cli/prompt_plan.h"
#include "cli/scoring.h"

#include <unistd.h>

/* What a diagnosis holds; zero-initialised, so that any part of it can be freed. */
struct diagnosis_run {
    const struct options *options;
    struct arena arena;
    struct buffer typed; /* standard input */
    struct span text;
    struct clinic clinic;
    struct prompt_template template;
    struct engine engine;
    struct form form;
    struct prompt_plan plan;
    struct answering answering;
    struct report report;
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

/* ---- the model */

static bool prepare_model(struct diagnosis_run *run, struct failure *failure) {
    const char *directory = engine_find_model(run->options->model, &run->arena, failure);
    if (!directory || !engine_open(&run->engine, run->options, directory, &run->progress, failure) ||
        !form_open(&run->form, run->engine.model, &run->clinic.kb, run->options->think, failure) ||
        !prompt_plan(&run->plan, &run->engine, run->options, &run->template, &run->report, failure))
        return false;
    run->engine.form = &run->form;
    run->engine.scoring_tokens = SCORING_TOKENS;
    run->engine.scoring_sequences = MOST_SCORED_NAMES;
    return engine_prepare(&run->engine, run->options,
                          run->plan.tokens.count + (size_t)run->options->max_tokens, failure);
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
    text_head(&run->report, run->colour, &text);
    return show(run, &text, failure);
}

static bool show_rest(struct diagnosis_run *run, struct failure *failure) {
    struct buffer text = {0};
    if (run->streams)
        text_tail(&run->report, run->colour, &text);
    else if (!run->options->format->write(&run->report, run->colour, &text))
        text.failed = true;
    return show(run, &text, failure) && output_finish(&run->output, failure);
}

/* ---- the model's part */

static enum report_finish finish_of(const struct answering *answering) {
    if (answering->interrupted) return FINISH_INTERRUPTED;
    switch (answering->generation.finish) {
    case YOUTU_FINISH_LENGTH: return FINISH_LENGTH;
    case YOUTU_FINISH_FULL: return FINISH_FULL;
    case YOUTU_FINISH_CALLBACK: return FINISH_INTERRUPTED;
    case YOUTU_FINISH_GUIDE:
    case YOUTU_FINISH_END:
    case YOUTU_FINISH_STRING: break;
    }
    return FINISH_END;
}

static void name_model(struct diagnosis_run *run) {
    const youtu_model_info *info = &run->engine.info;
    youtu_lora_info lora = {.size = sizeof lora};
    if (run->engine.lora) youtu_lora_get_info(run->engine.lora, &lora);
    run->report.model = (struct report_model){.name = info->name,
                                              .dtype = info->dtype,
                                              .device = info->device,
                                              .notice = info->notice,
                                              .adapter = lora.name,
                                              .adapter_scale = run->options->lora_scale};
    run->report.seed = run->engine.seed;
}

/* The answer's names and the rules' candidates by the model's probability; none when the answer has no name. */
static bool score_answer(struct diagnosis_run *run, struct name_score *scores, size_t *count,
                         struct failure *failure) {
    struct answer answer;
    struct engine *engine = &run->engine;
    size_t prefix = run->plan.tokens.count + run->form.before_name;
    *count = 0;
    if (run->form.before_name == 0 || (size_t)youtu_sequence_length(engine->context, 0) < prefix) return true;
    if (!answer_parse(buffer_span(&run->answering.answer), &run->arena, &answer) ||
        !scored_names(&run->clinic.kb, &run->report.differential, &answer, &run->arena, scores, count))
        return fail_memory(failure);
    return score_names(engine, (int32_t)prefix, form_opening_end(&run->form), scores, *count, failure);
}

static bool ask_model(struct diagnosis_run *run, struct failure *failure) {
    struct answering *answering = &run->answering;
    struct text_display display = {run, failure, false};
    bool answered =
        answering_run(answering, &run->engine, &run->plan.tokens, run->options, &run->clinic.lexicon.drugs,
                      &run->progress, run->streams ? show_text : NULL, &display, failure);
    struct name_score scores[MOST_SCORED_NAMES];
    size_t n_scores;
    if (!answered || display.failed || !score_answer(run, scores, &n_scores, failure)) return false;
    const youtu_generation *generation = &answering->generation;
    run->report.finish = finish_of(answering);
    run->report.usage =
        (struct report_usage){generation->prompt_tokens, generation->cached_tokens,
                              generation->completion_tokens, generation->prefill_ms, generation->decode_ms};
    const struct model_output output = {
        .answer = buffer_span(&answering->answer),
        .marks = answering->marks,
        .n_marks = answering->n_marks,
        .narrative = span_trim(buffer_span(&answering->narrative)),
        .reasoning = run->options->think ? buffer_span(&answering->reasoning) : (struct span){0},
        .removed = &answering->removed,
        .scores = scores,
        .n_scores = n_scores,
    };
    return report_complete(&run->report, &run->clinic, &output, run->options->confidence, failure);
}

/* Everything that the rules tell, and the template that the model is asked with. */
static bool prepare_rules(struct diagnosis_run *run, struct failure *failure) {
    const struct options *options = run->options;
    return read_text(run, failure) && clinic_open(&run->clinic, options->kb, failure) &&
           (!options->templates || template_check_all(options->templates, failure)) &&
           report_begin(&run->report, &run->clinic, &options->patient, options->department, run->text,
                        options->confidence, failure) &&
           template_open(run->report.department, options->templates, &run->clinic.departments, &run->arena,
                         &run->template, failure);
}

static bool make_report(struct diagnosis_run *run, struct failure *failure) {
    const struct options *options = run->options;
    if (!prepare_rules(run, failure) || (!options->rules_only && !prepare_model(run, failure))) return false;
    terminal_catch_interrupt();
    if (!options->rules_only) name_model(run);
    return show_head(run, failure) && (options->rules_only || ask_model(run, failure)) &&
           show_rest(run, failure);
}

bool command_diagnose(const struct options *options, struct failure *failure) {
    struct diagnosis_run run = {.options = options, .progress = progress_new(options->quiet)};
    run.streams = !options->no_stream && !options->output && options->format == format_find("text");
    run.colour = !options->output && terminal_has_colour(STDOUT_FILENO);
    output_open(&run.output, options->output);
    bool done = make_report(&run, failure);
    terminal_release_interrupt();
    output_free(&run.output);
    report_free(&run.report);
    answering_free(&run.answering);
    prompt_plan_free(&run.plan);
    form_free(&run.form);
    engine_close(&run.engine);
    clinic_close(&run.clinic);
    buffer_free(&run.typed);
    arena_free(&run.arena);
    return done;
}
