/* config.json and generation_config.json as checked hyperparameters. */
#ifndef YOUTU_CONFIG_H
#define YOUTU_CONFIG_H

#include "youtu.h"

#define CONFIG_MAX_END_TOKENS 16

/* Bounds of the sizes in config.json. With them no product of two sizes passes 2^44, and positions stay exact
 * in float32. */
#define CONFIG_MAX_VOCAB (1 << 24)
#define CONFIG_MAX_WIDTH (1 << 20) /* of any row: hidden, intermediate, ranks, heads x head size */
#define CONFIG_MAX_HEADS (1 << 12)
#define CONFIG_MAX_HEAD_DIM (1 << 12)
#define CONFIG_MAX_LAYERS 1024
#define CONFIG_MAX_POSITIONS (1 << 24)

/* Rotary embedding. Inverse frequencies and the attention factor follow from these in rope.c. */
typedef struct rope_config {
    bool interleave; /* pairs (2i, 2i+1); false: pairs (i, i + d/2) */
    double theta;
    bool yarn; /* false: the rest is unused */
    double factor;
    double beta_fast, beta_slow;
    double mscale, mscale_all_dim; /* 0 = not given */
    double attention_factor;       /* on cos and sin; 0 = derive it */
    bool truncate;
    int32_t original_max_positions;
} rope_config;

typedef struct model_config {
    int32_t vocab_size;
    int32_t hidden_size;
    int32_t intermediate_size;
    int32_t n_layers;
    int32_t n_heads;
    int32_t q_lora_rank; /* 0 = none: one direct q_proj */
    int32_t kv_lora_rank;
    int32_t qk_nope_head_dim;
    int32_t qk_rope_head_dim;
    int32_t v_head_dim;
    int32_t max_positions;
    float rms_norm_eps; /* the two latent norms use 1e-6 always */
    bool attention_bias;
    bool tie_word_embeddings;
    rope_config rope;
    float *inverse_frequency; /* [qk_rope_head_dim / 2], and the factor on cos and sin: rope_init() */
    float rotary_factor;
    float softmax_scale; /* attention_scale() */

    int32_t bos_token; /* -1 = none */
    int32_t end_tokens[CONFIG_MAX_END_TOKENS];
    int32_t n_end_tokens;
    char *notice; /* config.json "youtu_notice", or NULL */

    /* generation_config.json, where it says; "do_sample": false is temperature 0 */
    float temperature, top_p, min_p, repetition_penalty;
    int32_t top_k;
} model_config;

/* Reads DIRECTORY/config.json and, when present, DIRECTORY/generation_config.json. Whatever would change the
 * computation and is not known here is refused by name and value. Errors: IO, FORMAT, UNSUPPORTED, MEMORY. */
youtu_status config_read(const char *directory, model_config *config, youtu_error *error);
void config_free(model_config *config);

/* inverse_frequency [qk_rope_head_dim / 2] and the factor on cos and sin, as transformers'
 * ROPE_INIT_FUNCTIONS "default" and "yarn" (YaRN: arXiv 2309.00071). */
void rope_init(const model_config *config, float *inverse_frequency, float *attention_factor);

/* Cosine and sine, times the rotary factor, of the angle by which pair j turns at a position. The angle is a
 * product of two floats and its cosine that of a float, as in the reference, which matters from a few
 * thousand positions on. */
void rope_turn(const model_config *config, int32_t position, int32_t j, float *cosine, float *sine);

/* The factor on q . k before the softmax: 1/sqrt(qk_nope + qk_rope), under YaRN times the square of the
 * temperature that mscale_all_dim asks for. */
float attention_scale(const model_config *config);

#endif
