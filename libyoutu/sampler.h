/* What the rest of the library may see of a sampler. */
#ifndef YOUTU_SAMPLER_H
#define YOUTU_SAMPLER_H

#include "backend.h"
#include "youtu.h"

int32_t sampler_vocab_size(const youtu_sampler *sampler);

/* The next draw, for a device to make; the sampler stays as it is, and what *draw points to is its own. */
void sampler_request(const youtu_sampler *sampler, token_draw *draw);

/* Takes the token that a device drew on sampler_request, as if youtu_sampler_sample had drawn it. Errors:
 * ARGUMENT (out of range). */
youtu_status sampler_take(youtu_sampler *sampler, int32_t token, youtu_error *error);

/* The tokens that a draw may take: `tokens` alone, or all but them. */
typedef struct token_limit {
    const int32_t *tokens; /* [count], in range; may repeat */
    size_t count;
    bool excludes;
} token_limit;

/* youtu_sampler_sample among the tokens of the limit; NULL: all. Errors: as youtu_sampler_sample; ARGUMENT (the
 * limit leaves no token). */
youtu_status sampler_sample_within(youtu_sampler *sampler, const float *logits, const token_limit *limit,
                                   int32_t *token, youtu_error *error);

#endif
