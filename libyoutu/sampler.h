/* What the rest of the library may see of a sampler. */
#ifndef YOUTU_SAMPLER_H
#define YOUTU_SAMPLER_H

#include "youtu.h"

int32_t sampler_vocab_size(const youtu_sampler *sampler);

#endif
