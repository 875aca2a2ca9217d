/* What the rest of the library may see of a context. */
#ifndef YOUTU_CONTEXT_H
#define YOUTU_CONTEXT_H

#include "backend.h"
#include "youtu.h"

const youtu_model *context_model(const youtu_context *context);

/* youtu_decode of a batch whose last row alone is wanted (want_logits NULL, at least one row), with the draw
 * from its logits where the device can make it: then draw->token is the token, and the logits stay on the
 * device (youtu_logits gives NULL). Else draw->token is -1 and the logits are those of youtu_decode. */
youtu_status context_decode_draw(youtu_context *context, const youtu_batch *batch, token_draw *draw,
                                 youtu_error *error);

/* The tokens that a sequence holds: [youtu_sequence_length]. The sequence must be in range. */
const int32_t *context_tokens(const youtu_context *context, int32_t sequence);

/* Rows computed at once. */
int32_t context_batch(const youtu_context *context);

/* Cache tokens that `sequence` could still take. */
int32_t context_room(const youtu_context *context, int32_t sequence);

#endif
