/* An adapter (LoRA: arXiv 2106.09685) as PEFT writes it: low-rank terms beside the linear maps of the layers. */
#ifndef YOUTU_LORA_H
#define YOUTU_LORA_H

#include "model.h"

/* A term and its matrix: the one at `offset` in layers[layer]. */
typedef struct lora_term {
    int32_t layer;
    size_t offset;
    low_rank added;
} lora_term;

struct youtu_lora {
    char *name;
    const youtu_model *model;
    lora_term *terms; /* [n_terms] */
    size_t n_terms;
    int32_t max_rank;
    unsigned char *values; /* [bytes] all that the terms point to */
    size_t bytes;
    uint64_t n_parameters;
};

/* The model's layers with the adapter's terms beside their maps, `scale` times as strong: [n_layers],
 * allocated. They share the mapped weights. Errors: MEMORY. */
youtu_status lora_layers(const youtu_lora *lora, float scale, layer_weights **layers, youtu_error *error);

#endif
