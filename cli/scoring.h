/* How probable the model finds each of several names as the first diagnosis. */
#ifndef CLI_SCORING_H
#define CLI_SCORING_H

#include "cli/clinic/report.h"
#include "cli/engine.h"

enum { MOST_SCORED_NAMES = 8, SCORED_NAME_TOKENS = 32 };

/* Cache tokens that score_names needs besides the prompt and the answer: each name's sequence copies the prefix's last
 * block and may begin one more (of 32 tokens). */
enum { SCORING_TOKENS = MOST_SCORED_NAMES * 2 * 32 };

/* The names to score: the differential's diseases and those that the answer names, as it spells them too. scores has
 * room for MOST_SCORED_NAMES. false: memory refused. */
bool scored_names(const struct kb *kb, const struct differential *differential, const struct answer *answer,
                  struct arena *arena, struct name_score *scores, size_t *count);

/* Fills the shares. `sequence` holds prompt and answer; its first `prefix` tokens, `last` the last of them, end where
 * the first name begins. The names are computed behind it in one batch, each in a sequence of its own, `first_free` and
 * those after it, that shares the prefix:
 *   l(name)     = sum of the log-probabilities of the name's tokens
 *   share(name) = e^l(name) / sum over all names scored
 * A name's end is no part of it. Errors: the library's. */
bool score_names(struct engine *engine, int32_t sequence, int32_t first_free, int32_t prefix, int32_t last,
                 struct name_score *scores, size_t count, struct failure *failure);

#endif
