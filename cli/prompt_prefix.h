/* The beginning that all prompts of a department's template share: computed once, kept in a sequence of its
 * own, and lent to the sequences of patients. (In one sequence youtu_generate reuses it without this.) */
#ifndef CLI_PROMPT_PREFIX_H
#define CLI_PROMPT_PREFIX_H

#include "cli/clinic/prompt.h"
#include "cli/engine.h"

struct prompt_prefix {
    youtu_tokens tokens;
    int32_t sequence; /* of the engine's context, which holds them */
};

/* Computes a template's beginning into `sequence`, which nothing else may use. Free with prompt_prefix_free,
 * also after a failure. */
bool prompt_prefix_compute(struct prompt_prefix *prefix, struct engine *engine,
                           const struct prompt_template *template, int32_t sequence, struct failure *failure);

/* Makes `sequence` begin with the tokens that the prompt shares with the prefix; youtu_generate then computes
 * only the rest and counts these as cached. */
bool prompt_prefix_lend(const struct prompt_prefix *prefix, struct engine *engine, const youtu_tokens *prompt,
                        int32_t sequence, struct failure *failure);

void prompt_prefix_free(struct prompt_prefix *prefix);

#endif
