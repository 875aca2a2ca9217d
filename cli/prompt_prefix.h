/* The beginning that all prompts of a department's template share: computed once, kept in a sequence of its
 * own, and lent to the sequences of patients. (In one sequence youtu_generate reuses it without this.) */
#ifndef CLI_PROMPT_PREFIX_H
#define CLI_PROMPT_PREFIX_H

#include "cli/clinic/prompt.h"
#include "cli/engine.h"

/* Cache tokens that a prefix takes besides its own, and a prompt that begins with it: parts of blocks (of 32). */
enum { PREFIX_SPARE_TOKENS = 32, SHARING_SPARE_TOKENS = 64 };

struct prompt_prefix {
    youtu_tokens tokens;
    int32_t sequence; /* of the engine's context, which holds them */
    uint64_t used;    /* when it was lent last */
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

/* How many of its first tokens a prompt shares with the prefix. */
size_t prompt_prefix_shared(const struct prompt_prefix *prefix, const youtu_tokens *prompt);

enum { MOST_PREFIXES = 16 };

/* The prefixes that the patients of a while have in common; zero-initialise, and set first_sequence. */
struct prompt_prefixes {
    struct prompt_prefix items[MOST_PREFIXES]; /* the first `count` are computed */
    size_t count;
    int32_t first_sequence; /* of MOST_PREFIXES of the engine's context, for them alone */
    uint64_t now;           /* counts the questions */
};

/* The cache tokens that all of them take. */
size_t prompt_prefixes_tokens(const struct prompt_prefixes *prefixes);

/* The prefix of this template, or NULL in *found. `encoded` (zero-initialised, the caller's to free) receives its
 * tokens. */
bool prompt_prefixes_find(struct prompt_prefixes *prefixes, const struct engine *engine,
                          const struct prompt_template *template, youtu_tokens *encoded,
                          struct prompt_prefix **found, struct failure *failure);

/* Forgets the one that was not used for the longest time; false when there is none. */
bool prompt_prefixes_drop(struct prompt_prefixes *prefixes, struct engine *engine);

/* Computes the prefix of a template that has none yet, in the place of another when there are MOST_PREFIXES. */
bool prompt_prefixes_add(struct prompt_prefixes *prefixes, struct engine *engine,
                         const struct prompt_template *template, struct prompt_prefix **added,
                         struct failure *failure);

void prompt_prefixes_free(struct prompt_prefixes *prefixes);

#endif
