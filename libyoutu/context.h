/* What the rest of the library may see of a context. */
#ifndef YOUTU_CONTEXT_H
#define YOUTU_CONTEXT_H

#include "youtu.h"

const youtu_model *context_model(const youtu_context *context);

/* The tokens that a sequence holds: [youtu_sequence_length]. The sequence must be in range. */
const int32_t *context_tokens(const youtu_context *context, int32_t sequence);

/* Rows computed at once. */
int32_t context_batch(const youtu_context *context);

/* Cache tokens that `sequence` could still take. */
int32_t context_room(const youtu_context *context, int32_t sequence);

#endif
