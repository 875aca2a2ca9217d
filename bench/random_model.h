/* A checkpoint with random weights, for measuring without the published ones: the speed is the same. */
#ifndef BENCH_RANDOM_MODEL_H
#define BENCH_RANDOM_MODEL_H

#include "youtu.h"

typedef struct random_model_shape {
    int32_t vocab_size;
    int32_t hidden_size;
    int32_t intermediate_size;
    int32_t n_layers;
    int32_t n_heads;
    int32_t q_lora_rank;
    int32_t kv_lora_rank;
    int32_t qk_nope_head_dim;
    int32_t qk_rope_head_dim;
    int32_t v_head_dim;
} random_model_shape;

/* Youtu-LLM-2B: 1,961,560,064 parameters. */
extern const random_model_shape random_model_2b;

/* The largest value of each field; no product of them overflows. */
extern const random_model_shape random_model_limit;

/* Writes DIRECTORY/config.json and DIRECTORY/model.safetensors, BF16: matrices normal with standard deviation
 * 0.02, norms 1, so that logits stay finite at any depth. The same shape and seed give the same bytes. The
 * weights go to disk as they are made. The directory is made when it does not exist; a model that is there
 * already is left alone. *n_parameters receives their number. shape: every field from 1 to its maximum above,
 * qk_rope_head_dim even. Errors: IO (also: not enough room, the directory holds a model), MEMORY. */
youtu_status random_model_write(const char *directory, const random_model_shape *shape, uint64_t seed,
                                uint64_t *n_parameters, youtu_error *error);

#endif
