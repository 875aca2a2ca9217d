/* Reports, step by step: rules, prompt, the model's tokens, checks. One desk makes any number of them, several at
 * a time over shared batches; the commands differ only in where texts come from and reports go.
 *
 *   desk_open                       what all reports share: rules, model
 *   job_prepare                     a text through the rules, and its prompt
 *   desk_prepare                    once: room for so many answers at a time
 *   desk_has_room, job_start        a place among the answers
 *   desk_step                       every answer one batch further
 *   job_finish                      when job_answered: checks; the report is whole, the place free
 *
 * Without the model (--rules-only) job_prepare makes the whole report and the rest is left out. */
#ifndef CLI_REPORTING_H
#define CLI_REPORTING_H

#include "cli/answering.h"
#include "cli/clinic/report.h"
#include "cli/form.h"
#include "cli/prompt_plan.h"
#include "cli/prompt_prefix.h"

/* Answers at a time: their rows fit one batch in which none depends on the others (youtu_generator_step). */
enum { MOST_ANSWERS = 16 };

/* Where one answer at a time is made: sequence `index` of the context. */
struct answer_place {
    struct form form;
    bool has_form, form_reasons;
    struct report_job *job; /* NULL: free */
    youtu_generator *generator;
};

struct desk {
    const struct options *options; /* the program's */
    struct arena arena;
    struct clinic clinic;
    struct engine engine;
    struct prompt_prefixes prefixes;
    struct answer_place places[MOST_ANSWERS];
    size_t n_places;
    size_t room, taken; /* cache tokens for answers and prefixes; that answers have been promised */
    bool device_failed; /* no later report can be made either */
};

/* One report. */
struct report_job {
    const struct options *options;
    struct progress *progress; /* of its prompt; NULL: nobody waits for it */
    text_taker take_text;      /* NULL, or called with `user` for the model's text as it comes */
    void *user;
    bool ends_on_interrupt; /* Ctrl-C ends the answer */

    struct report report;
    struct arena arena;
    struct prompt_template template;
    struct prompt_plan plan;
    youtu_sampler *sampler;
    struct answering answering;
    struct answer_place *place; /* while the model answers */
    size_t promised;            /* cache tokens */
    size_t shared; /* tokens of the prompt that were computed for this job, as a prefix for others too */
    double shared_ms;
};

/* Opens rules, templates and, unless --rules-only, the model. progress: of loading; lives as long as the desk. Free
 * with desk_close, also after a failure. */
bool desk_open(struct desk *desk, const struct options *options, struct progress *progress,
               struct failure *failure);
void desk_close(struct desk *desk);

/* Makes the context: n_places answers at a time (1 to MOST_ANSWERS) in a cache of n_tokens (desk_tokens). */
bool desk_prepare(struct desk *desk, size_t n_places, size_t n_tokens, struct failure *failure);

/* The cache tokens for one job, and for any n_places jobs, with the prefixes of usual departments. */
size_t desk_tokens_for(const struct report_job *job);
size_t desk_tokens(const struct desk *desk, size_t n_places);

/* Everything that the rules tell of the text, and with the model the prompt. The job is zeroed but for its first
 * fields; text and options outlive it. Free with job_free, also after a failure. */
bool job_prepare(struct report_job *job, struct desk *desk, struct span text, struct failure *failure);

/* Whether the job's answer can begin now: a free place, and room in the cache whatever the others write. Where no
 * answer is being made there is always room. */
bool desk_has_room(struct desk *desk, const struct report_job *job);

/* Begins the answer. */
bool job_start(struct report_job *job, struct desk *desk, struct failure *failure);

/* Takes all begun answers one batch further. */
bool desk_step(struct desk *desk, struct failure *failure);

bool job_answered(const struct report_job *job);

/* Takes the answer into the report, and frees the place. */
bool job_finish(struct report_job *job, struct desk *desk, struct failure *failure);

void job_free(struct report_job *job, struct desk *desk);

#endif
