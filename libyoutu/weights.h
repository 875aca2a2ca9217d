/* The model's parameters on one screen. [out, in] row-major, as stored; every pointer lies in a mapped file.
 */
#ifndef YOUTU_WEIGHTS_H
#define YOUTU_WEIGHTS_H

#include "config.h"
#include "safetensors.h"

/* What an adapter adds to a linear map (LoRA: arXiv 2106.09685): y += scale * B (A x). B is kept transposed:
 * its rows then lie along the outputs, as those of A along the inputs, and every product with either reads
 * long rows, whatever part of the outputs it is for. */
typedef struct low_rank {
    int32_t rank; /* 0 = nothing is added */
    float scale;
    dtype type;
    const void *a; /* [rank, n_in] */
    const void *b; /* [rank, n_out] */
} low_rank;

/* A linear map y = W x + bias, or a vector (n_in = 1). data NULL = the model has none. */
typedef struct matrix {
    const void *data; /* [n_out, n_in] of `type` */
    dtype type;
    int32_t n_out;
    int32_t n_in;
    const void *bias; /* [n_out] of bias_type, or NULL */
    dtype bias_type;
    const void *resident; /* a device's own copy, as its backend keeps it; or NULL */
    low_rank added;       /* in a context with an adapter (lora.h); else none */
} matrix;

typedef struct layer_weights {
    matrix attention_norm; /* [hidden] */
    matrix q_a;            /* [q_lora, hidden]; absent when q_lora_rank is 0 */
    matrix q_a_norm;       /* [q_lora] */
    matrix q_b;            /* [heads * (nope + rope), q_lora], or q_proj: [.., hidden] */
    matrix kv_a;           /* [kv_lora + rope, hidden] */
    matrix kv_a_norm;      /* [kv_lora] */
    matrix kv_b;           /* [heads * (nope + v), kv_lora]: a head's K rows, then its V rows */
    matrix o;              /* [hidden, heads * v] */
    matrix mlp_norm;       /* [hidden] */
    matrix gate, up;       /* [intermediate, hidden] */
    matrix down;           /* [hidden, intermediate] */
} layer_weights;

typedef struct model_weights {
    matrix embedding;      /* [vocab, hidden] */
    layer_weights *layers; /* [n_layers] */
    matrix final_norm;     /* [hidden] */
    matrix head;           /* [vocab, hidden]; the embedding when tied */
    uint64_t n_parameters; /* values of the tensors in use, each counted once */
    uint64_t bytes;        /* of the same, as stored */
} model_weights;

/* Finds every tensor that the config calls for and checks its shape; a tensor more or less is an error that
 * names it, with expected and found shape. (lm_head.weight beside a tied head must have the embedding's shape
 * and is not used; rotary_emb.inv_freq of old conversions is passed over.) Errors: FORMAT, MEMORY. */
youtu_status weights_bind(const model_config *config, const checkpoint *files, model_weights *weights,
                          youtu_error *error);
void weights_free(model_weights *weights);

/* A tensor that a config calls for. */
typedef struct tensor_spec {
    char name[96];
    int32_t n_dims; /* 1 or 2 */
    int64_t shape[2];
    /* Where it goes: the matrix at `offset` in layers[layer], or in model_weights when layer is -1. */
    int32_t layer;
    size_t offset;
    bool is_bias;
    /* Where weights_next goes on. */
    int32_t next_group;
    size_t next_entry;
} tensor_spec;

/* All tensors of a config, one a call: for (tensor_spec s = {0}; weights_next(config, &s);). Embedding,
 * layers from the first to the last, final norm, head when it is not tied. */
bool weights_next(const model_config *config, tensor_spec *spec);

/* Errors: FORMAT, a shape other than the spec's. */
youtu_status weights_check_shape(const tensor_spec *spec, const tensor_view *found, youtu_error *error);

/* "[6144, 2048]"; text has room for any shape. */
#define SHAPE_BYTES 96
const char *weights_show_shape(const int64_t *shape, int32_t n_dims, char text[SHAPE_BYTES]);

#endif
