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
    const char *instructions; /* the CPU kernels chosen; NULL on another device */
    resident *resident; /* the weights on the device; NULL: the backend uses them where they are mapped */
    dtype weights_type; /* in which the device computes with them */
    device_facts device_facts;
    char device_note[sizeof((youtu_error *)0)->message]; /* why "auto" took the CPU, or "" */
};

/* The forward pass with `layers`, the model's or an adapter's version of them: logits [s->n_outputs, vocab]; or, with draws [s->n_outputs] (only where the backend has
 * `draw`), tokens drawn from them on the device, where they stay. */
youtu_status model_forward(const youtu_model *model, const layer_weights *layers, device *d, const step *s,
                           float *logits, token_draw *draws, youtu_error *error);

#endif
