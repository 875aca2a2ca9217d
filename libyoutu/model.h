/* An opened model, and one pass of a step through its layers. */
#ifndef YOUTU_MODEL_H
#define YOUTU_MODEL_H

#include "backend.h"
#include "config.h"
#include "safetensors.h"
#include "weights.h"
#include "youtu.h"

struct youtu_model {
    char *name;
    model_config config;
    checkpoint *files;
    model_weights weights;
    youtu_tokenizer *tokenizer; /* NULL: the directory has none */
    const backend *backend;
    const char *instructions; /* the CPU kernels chosen */
    char device_label[32];
};

/* The forward pass: logits [s->n_outputs, vocab]. */
youtu_status model_forward(const youtu_model *model, device *d, const step *s, float *logits,
                           youtu_error *error);

#endif
