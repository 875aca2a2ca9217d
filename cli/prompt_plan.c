#include "cli/prompt_plan.h"

/* A token has seldom more bytes of Chinese text than this; a guess that only saves work. */
static const size_t BYTES_PER_TOKEN = 16;

struct planning {
    struct prompt_plan *plan;
    const struct engine *engine;
    const struct prompt_template *template;
    struct report *report;
    const struct options *options;
    size_t room; /* tokens */
    struct failure *failure;
};

static void forget(struct prompt_plan *plan) {
    buffer_free(&plan->user);
    youtu_tokens_free(&plan->tokens);
    plan->user = (struct buffer){0};
    plan->tokens = (youtu_tokens){0};
}

/* Renders and encodes with at most `text_bytes` of the patient's words. */
static bool encode(const struct planning *in, const struct prompt_size *size, size_t text_bytes) {
    struct prompt_plan *plan = in->plan;
    youtu_error error;
    forget(plan);
    chart_choose(&in->report->chart, text_bytes);
    prompt_user(in->template, in->report, size, &plan->user);
    if (plan->system.failed || plan->user.failed) return fail_memory(in->failure);
    const youtu_message messages[] = {
        {YOUTU_SYSTEM, plan->system.data, plan->system.length},
        {YOUTU_USER, plan->user.data, plan->user.length},
    };
    return youtu_encode_chat(in->engine->tokenizer, messages, 2, in->options->think, &plan->tokens, &error) ==
               YOUTU_OK ||
           engine_fail(in->failure, "编码", &error);
}

static bool fits(const struct planning *in) {
    return in->plan->tokens.count <= in->room;
}

/* The most of the patient's words that fits beside the rest, which fits without any. */
static bool fill(const struct planning *in, const struct prompt_size *size) {
    size_t length = in->report->chart.text.length;
    size_t least = 0, most = in->room < length / BYTES_PER_TOKEN ? in->room * BYTES_PER_TOKEN : length;
    if (most == length) {
        if (!encode(in, size, length)) return false;
        if (fits(in)) return true;
    }
    while (most - least > 1) {
        size_t middle = least + (most - least) / 2;
        if (!encode(in, size, middle)) return false;
        *(fits(in) ? &least : &most) = middle;
    }
    return encode(in, size, least);
}

static bool note_cut(const struct planning *in, const char *format, size_t count) {
    struct report *report = in->report;
    const char *text = arena_format(&report->arena, format, count);
    return (text && strings_add(&report->prompt_cuts, &report->arena, text)) || fail_memory(in->failure);
}

/* The longest of the lists that n_minor bounds. */
static size_t longest_minor(const struct findings *findings) {
    const size_t counts[] = {findings->negative.count,    findings->n_durations,
                             findings->sites.count,       findings->qualities.count,
                             findings->aggravating.count, findings->relieving.count};
    size_t most = 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i] > most) most = counts[i];
    return most;
}

/* What a smaller size costs this report. */
static bool note_cuts(const struct planning *in, const struct prompt_size *size) {
    const struct report *report = in->report;
    const struct prompt_size *full = &PROMPT_SIZES[0];
    size_t candidates = report->differential.count;
    if (candidates > full->n_candidates) candidates = full->n_candidates;
    bool less_evidence = size->n_evidence < full->n_evidence && candidates && size->n_candidates;
    return (longest_minor(&report->findings) <= size->n_minor ||
            note_cut(in, "否认的症状、时间、部位、性质、诱因各只写入前 %zu 个", size->n_minor)) &&
           (candidates <= size->n_candidates ||
            note_cut(in, "候选疾病只写入前 %zu 个", size->n_candidates)) &&
           (!less_evidence || note_cut(in, "每个候选疾病的依据只写入前 %zu 条", size->n_evidence));
}

static bool plan_in_room(const struct planning *in) {
    for (size_t i = 0; i < N_PROMPT_SIZES; i++) {
        const struct prompt_size *size = &PROMPT_SIZES[i];
        if (!encode(in, size, 0)) return false;
        if (fits(in)) return note_cuts(in, size) && fill(in, size);
    }
    return fail(in->failure, STATUS_INPUT,
                "上下文太小:模板和患者的阳性表现、用药、过敏至少需 %zu 个词元,上下文 %d 个减去 "
                "--max-tokens %d 只余 %zu 个;请加大 --ctx(模型上限 %d),或减小 --max-tokens",
                in->plan->tokens.count, engine_context_size(in->engine, in->options, SIZE_MAX),
                in->options->max_tokens, in->room, in->engine->info.max_positions);
}

bool prompt_plan(struct prompt_plan *plan, const struct engine *engine, const struct options *options,
                 const struct prompt_template *template, struct report *report, struct failure *failure) {
    size_t most = (size_t)engine_context_size(engine, options, SIZE_MAX);
    size_t answer = (size_t)options->max_tokens;
    struct planning in = {plan,   engine, template, report, options, most > answer ? most - answer : 0,
                          failure};
    prompt_system(template, &plan->system);
    return plan_in_room(&in);
}

void prompt_plan_free(struct prompt_plan *plan) {
    forget(plan);
    buffer_free(&plan->system);
}
