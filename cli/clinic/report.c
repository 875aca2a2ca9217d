#include "cli/clinic/report.h"

#include <sys/random.h>
#include <time.h>

/* The most tests taken from the knowledge base. */
enum { MOST_TESTS = 4 };

const char *finish_name(enum report_finish finish) {
    static const char *const NAMES[] = {NULL, "end", "length", "context_full", "interrupted"};
    return NAMES[finish];
}

/* RFC 9562, version 4. */
static char *new_uuid(struct arena *arena) {
    unsigned char b[16];
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b) return NULL;
    b[6] = (unsigned char)(0x40 | (b[6] & 0x0F));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3F));
    return arena_format(arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                        b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                        b[14], b[15]);
}

/* "2026-01-01T08:00:00+08:00". */
static char *local_time(struct arena *arena) {
    time_t now = time(NULL);
    struct tm local;
    char date[32], zone[8];
    if (!localtime_r(&now, &local) || strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &local) == 0 ||
        strftime(zone, sizeof zone, "%z", &local) != 5)
        return NULL;
    return arena_format(arena, "%s%.3s:%s", date, zone, zone + 3);
}

/* The tests that the knowledge base lists for rank 1. */
static void suggest_tests(struct report *report) {
    const struct differential *differential = &report->differential;
    const struct disease *first = differential->count ? differential->items[0].disease : NULL;
    report->tests = first ? first->tests : NULL;
    report->n_tests = first ? first->n_tests : 0;
    if (report->n_tests > MOST_TESTS) report->n_tests = MOST_TESTS;
}

static bool choose_questions(struct report *report, const struct clinic *clinic,
                             const struct passage *passage) {
    struct missing_signs missing;
    size_t chief = report->candidates.observations.chief;
    return redflags_missing(&clinic->redflags, passage, &report->patient, &report->findings,
                            chief == TERM_NONE ? NULL : clinic->kb.symptoms.terms[chief],
                            report->warnings.urgency, &report->arena, &missing) &&
           questions_choose(&report->candidates, &missing, &report->arena, &report->questions);
}

bool report_begin(struct report *report, const struct clinic *clinic, const struct patient *patient,
                  const char *department, struct span input, double threshold, struct failure *failure) {
    *report = (struct report){.patient = *patient,
                              .department = department,
                              .input = input,
                              .narrative = "",
                              .finish = FINISH_NONE};
    struct arena *arena = &report->arena;
    report->id = new_uuid(arena);
    report->created = local_time(arena);
    struct passage passage;
    if (!report->id || !report->created ||
        !passage_open_for(&passage, arena, input, &clinic->lexicon, &report->patient))
        return fail_memory(failure);
    if (!findings_extract(&passage, &clinic->kb, &clinic->lexicon, arena, &report->patient,
                          &report->findings) ||
        !chart_divide(&passage, &report->findings, arena, &report->chart) ||
        !redflags_check(&clinic->redflags, &passage, &report->patient, &report->findings, arena,
                        &report->warnings) ||
        !impression_check(&clinic->impression, &passage, &report->patient, arena, &report->warnings) ||
        !differential_rank(&clinic->kb, &report->patient, &report->findings, department, arena,
                           &report->candidates) ||
        !dangers_find(&report->candidates, &report->warnings, arena, &report->must_not_miss) ||
        !choose_questions(report, clinic, &passage))
        return fail_memory(failure);
    struct check_request request = {
        .kb = &clinic->kb, .candidates = &report->candidates, .threshold = threshold};
    if (!checks_run(&request, arena, &report->differential)) return fail_memory(failure);
    suggest_tests(report);
    report->department_proposed = !department;
    if (!department)
        report->department = department_propose(&clinic->departments, &report->patient,
                                                report->warnings.urgency, &report->differential);
    return true;
}

/* What the knowledge base does not have and the filters did not let through, "布洛芬0.3g", is no diagnosis. */
static void drop_filtered_names(struct differential *differential, struct span narrative) {
    size_t kept = 0;
    for (size_t i = 0; i < differential->count; i++) {
        const struct diagnosis *diagnosis = &differential->items[i];
        if (diagnosis->disease || span_find(narrative, span_of(diagnosis->name), 0) != SIZE_MAX)
            differential->items[kept++] = *diagnosis;
    }
    differential->count = kept;
}

bool report_complete(struct report *report, const struct clinic *clinic, const struct model_output *output,
                     double threshold, struct failure *failure) {
    struct arena *arena = &report->arena;
    struct answer answer, shown;
    report->narrative = arena_copy(arena, output->narrative);
    if (!report->narrative || !answer_parse(output->answer, arena, &answer) ||
        !answer_parse(output->narrative, arena, &shown))
        return fail_memory(failure);
    if (output->reasoning.data && !(report->reasoning = arena_copy(arena, output->reasoning)))
        return fail_memory(failure);
    report->removed = *output->removed;
    struct check_request request = {.kb = &clinic->kb,
                                    .candidates = &report->candidates,
                                    .threshold = threshold,
                                    .answer = &answer,
                                    .answer_text = output->answer,
                                    .marks = output->marks,
                                    .n_marks = output->n_marks,
                                    .scores = output->scores,
                                    .n_scores = output->n_scores};
    if (!checks_run(&request, arena, &report->differential)) return fail_memory(failure);
    drop_filtered_names(&report->differential, output->narrative);
    suggest_tests(report);
    if (shown.n_tests) {
        report->tests = shown.tests;
        report->n_tests = shown.n_tests;
    }
    return true;
}

void report_free(struct report *report) {
    arena_free(&report->arena);
    *report = (struct report){0};
}
