#include "cli/reporting.h"

#include "cli/scoring.h"

#include <time.h>

/* ---- the desk */

bool desk_open(struct desk *desk, const struct options *options, struct progress *progress,
               struct failure *failure) {
    *desk = (struct desk){.options = options};
    if (!clinic_open(&desk->clinic, options->kb, options->rules, failure) ||
        (options->templates && !template_check_all(options->templates, failure)))
        return false;
    if (options->rules_only) return true;
    const char *directory = engine_find_model(options->model, &desk->arena, failure);
    return directory && engine_open(&desk->engine, options, directory, progress, failure);
}

void desk_close(struct desk *desk) {
    prompt_prefixes_free(&desk->prefixes);
    for (size_t i = 0; i < desk->n_places; i++)
        if (desk->places[i].has_form) form_free(&desk->places[i].form);
    engine_close(&desk->engine);
    clinic_close(&desk->clinic);
    arena_free(&desk->arena);
}

/* The sequences: one a place, then those of names to be scored, then the prefixes'. */
static int32_t scoring_sequence(const struct desk *desk) {
    return (int32_t)desk->n_places;
}

/* The prefix's last tokens, which open an answer, are no part of any prompt. */
enum { PREFIX_TAIL_TOKENS = 64 };

size_t desk_tokens_for(const struct report_job *job) {
    return job->plan.tokens.count + (size_t)job->options->max_tokens + PREFIX_TAIL_TOKENS +
           PREFIX_SPARE_TOKENS + SHARING_SPARE_TOKENS;
}

size_t desk_tokens(const struct desk *desk, size_t n_places) {
    enum { USUAL_TOKENS = 2048, PREFIX_TOKENS = 2048 };
    size_t most = (size_t)engine_context_size(&desk->engine, desk->options, SIZE_MAX);
    size_t usual = most < USUAL_TOKENS ? most : USUAL_TOKENS;
    return most + (n_places - 1) * usual + PREFIX_TOKENS;
}

bool desk_prepare(struct desk *desk, size_t n_places, size_t n_tokens, struct failure *failure) {
    struct engine *engine = &desk->engine;
    size_t most = (size_t)engine_context_size(engine, desk->options, n_tokens);
    desk->n_places = n_places;
    desk->room = n_tokens > most ? n_tokens : most;
    desk->prefixes.first_sequence = scoring_sequence(desk) + MOST_SCORED_NAMES;
    engine->n_sequences = desk->prefixes.first_sequence + MOST_PREFIXES;
    engine->extra_tokens = (int32_t)(desk->room - most) + SCORING_TOKENS;
    return engine_prepare(engine, desk->options, n_tokens, failure);
}

bool desk_step(struct desk *desk, struct failure *failure) {
    youtu_generator *running[MOST_ANSWERS];
    size_t n = 0;
    youtu_error error;
    for (size_t i = 0; i < desk->n_places; i++)
        if (desk->places[i].generator) running[n++] = desk->places[i].generator;
    return youtu_generator_step(running, n, &error) == YOUTU_OK || engine_fail(failure, "生成", &error);
}

/* ---- a job before the model */

static void name_model(struct report_job *job, const struct desk *desk, uint64_t seed) {
    const youtu_model_info *info = &desk->engine.info;
    youtu_lora_info lora = {.size = sizeof lora};
    if (desk->engine.lora) youtu_lora_get_info(desk->engine.lora, &lora);
    job->report.model = (struct report_model){.name = info->name,
                                              .dtype = info->dtype,
                                              .device = info->device,
                                              .notice = info->notice,
                                              .adapter = lora.name,
                                              .adapter_scale = desk->options->lora_scale};
    job->report.seed = seed;
}

static bool prepare_model(struct report_job *job, struct desk *desk, struct failure *failure) {
    uint64_t seed;
    if (!engine_seed(job->options, &seed, failure) ||
        !prompt_plan(&job->plan, &desk->engine, job->options, &job->template, &job->report, failure))
        return false;
    name_model(job, desk, seed);
    return true;
}

/* The rules need no template, and a clinic's own department that they propose may have none; one that was asked for
 * must be known either way. */
static bool takes_proposal(const struct options *options) {
    return options->rules_only && !options->department;
}

bool job_prepare(struct report_job *job, struct desk *desk, struct span text, struct failure *failure) {
    const struct options *options = job->options;
    return report_begin(&job->report, &desk->clinic, &options->patient, options->department, text,
                        options->confidence, failure) &&
           (takes_proposal(options) ||
            template_open(job->report.department, options->templates, &desk->clinic.departments, &job->arena,
                          &job->template, failure)) &&
           (options->rules_only || prepare_model(job, desk, failure));
}

/* ---- a place */

static struct answer_place *free_place(struct desk *desk) {
    for (size_t i = 0; i < desk->n_places; i++)
        if (!desk->places[i].job) return &desk->places[i];
    return NULL;
}

static bool is_idle(const struct desk *desk) {
    for (size_t i = 0; i < desk->n_places; i++)
        if (desk->places[i].job) return false;
    return true;
}

/* What the job may take, the prefix that it shares left out. Its rows and the prefix's need parts of blocks more. */
static size_t job_tokens(const struct report_job *job) {
    return job->plan.tokens.count + (size_t)job->options->max_tokens + SHARING_SPARE_TOKENS;
}

bool desk_has_room(struct desk *desk, const struct report_job *job) {
    if (!free_place(desk)) return false;
    if (is_idle(desk)) return true;
    /* With a prefix of its own to be computed, at the worst as long as the prompt. */
    size_t needed = job_tokens(job) + job->plan.tokens.count + PREFIX_SPARE_TOKENS;
    while (desk->taken + prompt_prefixes_tokens(&desk->prefixes) + needed > desk->room)
        if (!prompt_prefixes_drop(&desk->prefixes, &desk->engine)) return false;
    return true;
}

static bool prepare_form(struct answer_place *place, const struct desk *desk, bool reasons,
                         struct failure *failure) {
    if (place->has_form && place->form_reasons == reasons) return true;
    if (place->has_form) form_free(&place->form);
    place->has_form = true;
    place->form_reasons = reasons;
    if (form_open(&place->form, desk->engine.model, &desk->clinic.kb, reasons, failure)) return true;
    form_free(&place->form);
    return place->has_form = false;
}

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* The job's sequence begins with its template's prefix, which is computed when it is not there. */
static bool share_prefix(struct report_job *job, struct desk *desk, int32_t sequence,
                         struct failure *failure) {
    struct prompt_prefix *prefix;
    youtu_tokens encoded = {0};
    bool found =
        prompt_prefixes_find(&desk->prefixes, &desk->engine, &job->template, &encoded, &prefix, failure);
    size_t length = encoded.count;
    youtu_tokens_free(&encoded);
    if (!found) return false;
    if (!prefix) {
        size_t needed = desk->taken + job_tokens(job) + PREFIX_TAIL_TOKENS + PREFIX_SPARE_TOKENS;
        if (is_idle(desk))
            while (prompt_prefixes_tokens(&desk->prefixes) + needed + length > desk->room)
                if (!prompt_prefixes_drop(&desk->prefixes, &desk->engine)) break;
        double start = now_ms();
        if (!prompt_prefixes_add(&desk->prefixes, &desk->engine, &job->template, &prefix, failure))
            return false;
        job->shared_ms = now_ms() - start;
        job->shared = prompt_prefix_shared(prefix, &job->plan.tokens);
    }
    return prompt_prefix_lend(prefix, &desk->engine, &job->plan.tokens, sequence, failure);
}

static void leave_place(struct report_job *job, struct desk *desk) {
    if (!job->place) return;
    youtu_sequence_truncate(desk->engine.context, (int32_t)(job->place - desk->places), 0, NULL);
    desk->taken -= job->promised;
    job->place->job = NULL;
    job->place->generator = NULL;
    job->place = NULL;
}

static bool begin_answer(struct report_job *job, struct desk *desk, struct failure *failure) {
    int32_t sequence = (int32_t)(job->place - desk->places);
    const struct options *options = job->options;
    if (!prepare_form(job->place, desk, options->think, failure) ||
        !engine_sampler(&desk->engine, options, job->report.seed, &job->sampler, failure) ||
        !share_prefix(job, desk, sequence, failure))
        return false;
    const struct answer_request request = {.engine = &desk->engine,
                                           .sequence = sequence,
                                           .prompt = &job->plan.tokens,
                                           .options = options,
                                           .sampler = job->sampler,
                                           .form = &job->place->form,
                                           .drugs = &desk->clinic.lexicon.drugs,
                                           .progress = job->progress,
                                           .take_text = job->take_text,
                                           .user = job->user,
                                           .ends_on_interrupt = job->ends_on_interrupt};
    return answering_begin(&job->answering, &request, &job->place->generator, failure);
}

bool job_start(struct report_job *job, struct desk *desk, struct failure *failure) {
    struct answer_place *place = free_place(desk);
    job->place = place;
    if (begin_answer(job, desk, failure)) {
        place->job = job;
        job->promised = job_tokens(job);
        desk->taken += job->promised;
        return true;
    }
    leave_place(job, desk);
    return false;
}

bool job_answered(const struct report_job *job) {
    return youtu_generator_finished(job->place->generator);
}

/* ---- the answer */

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

/* The answer's names and the rules' candidates by the model's probability; none when the answer has no name. */
static bool score_answer(struct report_job *job, struct desk *desk, struct name_score *scores, size_t *count,
                         struct failure *failure) {
    struct answer answer;
    const struct form *form = &job->place->form;
    int32_t sequence = (int32_t)(job->place - desk->places);
    size_t prefix = job->plan.tokens.count + form->before_name;
    *count = 0;
    if (form->before_name == 0 || (size_t)youtu_sequence_length(desk->engine.context, sequence) < prefix)
        return true;
    if (!answer_parse(buffer_span(&job->answering.answer), &job->arena, &answer) ||
        !scored_names(&desk->clinic.kb, &job->report.differential, &answer, &job->arena, scores, count))
        return fail_memory(failure);
    return score_names(&desk->engine, sequence, scoring_sequence(desk), (int32_t)prefix,
                       form_opening_end(form), scores, *count, failure);
}

static struct report_usage usage_of(const struct report_job *job) {
    const youtu_generation *generation = &job->answering.generation;
    return (struct report_usage){generation->prompt_tokens, generation->cached_tokens - (int32_t)job->shared,
                                 generation->completion_tokens, generation->prefill_ms + job->shared_ms,
                                 generation->decode_ms};
}

static bool complete(struct report_job *job, struct desk *desk, struct failure *failure) {
    const struct answering *answering = &job->answering;
    struct name_score scores[MOST_SCORED_NAMES];
    size_t n_scores;
    if (!score_answer(job, desk, scores, &n_scores, failure)) return false;
    job->report.finish = finish_of(answering);
    job->report.usage = usage_of(job);
    const struct model_output output = {
        .answer = buffer_span(&answering->answer),
        .marks = answering->marks,
        .n_marks = answering->n_marks,
        .narrative = span_trim(buffer_span(&answering->narrative)),
        .reasoning = job->options->think ? buffer_span(&answering->reasoning) : (struct span){0},
        .removed = &answering->removed,
        .scores = scores,
        .n_scores = n_scores,
    };
    return report_complete(&job->report, &desk->clinic, &output, job->options->confidence, failure);
}

bool job_finish(struct report_job *job, struct desk *desk, struct failure *failure) {
    youtu_error error;
    if (youtu_generator_result(job->place->generator, NULL, &error) == YOUTU_E_DEVICE)
        desk->device_failed = true;
    bool done = answering_end(&job->answering, failure) && complete(job, desk, failure);
    leave_place(job, desk);
    return done;
}

void job_free(struct report_job *job, struct desk *desk) {
    leave_place(job, desk);
    answering_free(&job->answering);
    youtu_sampler_free(job->sampler);
    prompt_plan_free(&job->plan);
    report_free(&job->report);
    arena_free(&job->arena);
    *job = (struct report_job){0};
}
