/* The prompt in the room that a context has: what is asked, in tokens. */
#ifndef CLI_PROMPT_PLAN_H
#define CLI_PROMPT_PLAN_H

#include "cli/clinic/prompt.h"
#include "cli/engine.h"

/* What the model is asked; zero-initialise. */
struct prompt_plan {
    struct buffer system, user;
    youtu_tokens tokens; /* both in the chat format */
};

/* Plans a prompt of at most as many tokens as --ctx, or what the model allows, leaves beside --max-tokens:
 * the patient's words whole where they fit, else as many as report->chart can choose, and only where even
 * none of them fit fewer candidates, denied symptoms and evidence. report->chart and report->prompt_cuts tell
 * what is not in it. Refused when the template and the present signs alone do not fit. Free with
 * prompt_plan_free, also after a failure. */
bool prompt_plan(struct prompt_plan *plan, const struct engine *engine, const struct options *options,
                 const struct prompt_template *template, struct report *report, struct failure *failure);

void prompt_plan_free(struct prompt_plan *plan);

#endif
