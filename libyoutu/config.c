#include "config.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "error.h"
#include "file.h"
#include "json.h"
#include "rope_config.h"

#define CONFIG_LIMIT_BYTES ((size_t)1 << 20)

/* ---- what is refused */

/* Settings of related architectures that would change the computation. (What also brings weights of its own
 * would be found by weights_bind: this says it in the terms of the config.) */
static youtu_status refuse_other_computation(const json *document, youtu_error *error) {
    static const char *const must_be_off[] = {
        "quantization_config",
        "compression_config",
        "n_routed_experts",
        "n_shared_experts",
        "num_experts",
        "num_local_experts",
        "mlp_bias",
        "use_sliding_window",
        "sliding_window",
        "attention_window",
        "attn_logit_softcapping",
        "final_logit_softcapping",
        "use_qk_norm",
        "qk_layernorm",
        "index_topk",
        "alibi",
        "embedding_multiplier",
        "residual_multiplier",
        "attention_multiplier",
        "logits_scaling",
        "logit_scale",
    };
    for (size_t i = 0; i < sizeof must_be_off / sizeof *must_be_off; i++) {
        json_node node = json_find(document, 0, must_be_off[i]);
        if (node != JSON_NONE && !json_is_off(document, node))
            return json_refuse(document, node, YOUTU_E_UNSUPPORTED, "it absent, null, false or 0", error);
    }
    return YOUTU_OK;
}

/* A setting that may be given, but with one value only. */
static youtu_status require_word(const json *document, const char *key, const char *word,
                                 youtu_error *error) {
    json_node node = json_get(document, 0, key);
    if (node == JSON_NONE || json_equals(document, node, word)) return YOUTU_OK;
    char expected[40];
    snprintf(expected, sizeof expected, "\"%s\"", word);
    return json_refuse(document, node, YOUTU_E_UNSUPPORTED, expected, error);
}

static youtu_status require_full_attention(const json *document, youtu_error *error) {
    json_node types = json_get(document, 0, "layer_types");
    if (types == JSON_NONE) return YOUTU_OK;
    if (json_kind_of(document, types) != JSON_ARRAY)
        return json_refuse(document, types, YOUTU_E_FORMAT, "an array", error);
    for (json_node n = json_first(document, types); n != JSON_NONE; n = json_next(document, types, n))
        if (!json_equals(document, n, "full_attention"))
            return json_refuse(document, n, YOUTU_E_UNSUPPORTED, "\"full_attention\"", error);
    return YOUTU_OK;
}

/* DeepSeek's classes are the same dense transformer when they have no experts (refused above), but for the
 * default of tie_word_embeddings. */
static youtu_status read_model_type(const json *document, bool *is_youtu, youtu_error *error) {
    static const char *const known[] = {"youtu", "youtu_llm", "deepseek_v2", "deepseek_v3"};
    static const char expected[] = "\"youtu\", \"youtu_llm\", \"deepseek_v2\" or \"deepseek_v3\"";
    json_node node = json_get(document, 0, "model_type");
    if (node == JSON_NONE) return json_missing(document, 0, "model_type", expected, error);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!json_equals(document, node, known[i])) continue;
        *is_youtu = i < 2;
        return YOUTU_OK;
    }
    return json_refuse(document, node, YOUTU_E_UNSUPPORTED, expected, error);
}

/* ---- sizes */

typedef struct size_field {
    const char *key;
    size_t offset; /* of an int32_t in model_config */
    int32_t most;
} size_field;

static const size_field size_fields[] = {
    {"vocab_size", offsetof(model_config, vocab_size), CONFIG_MAX_VOCAB},
    {"hidden_size", offsetof(model_config, hidden_size), CONFIG_MAX_WIDTH},
    {"intermediate_size", offsetof(model_config, intermediate_size), CONFIG_MAX_WIDTH},
    {"num_hidden_layers", offsetof(model_config, n_layers), CONFIG_MAX_LAYERS},
    {"num_attention_heads", offsetof(model_config, n_heads), CONFIG_MAX_HEADS},
    {"kv_lora_rank", offsetof(model_config, kv_lora_rank), CONFIG_MAX_WIDTH},
    {"qk_nope_head_dim", offsetof(model_config, qk_nope_head_dim), CONFIG_MAX_HEAD_DIM},
    {"qk_rope_head_dim", offsetof(model_config, qk_rope_head_dim), CONFIG_MAX_HEAD_DIM},
    {"v_head_dim", offsetof(model_config, v_head_dim), CONFIG_MAX_HEAD_DIM},
    {"max_position_embeddings", offsetof(model_config, max_positions), CONFIG_MAX_POSITIONS},
};

/* null is a value here (no low rank), absent is not. */
static youtu_status read_q_lora_rank(const json *document, model_config *config, youtu_error *error) {
    json_node node = json_find(document, 0, "q_lora_rank");
    if (node == JSON_NONE) return json_missing(document, 0, "q_lora_rank", "an integer or null", error);
    if (json_kind_of(document, node) == JSON_NULL) return YOUTU_OK;
    int64_t value = 0;
    youtu_status status = json_to_int(document, node, NULL, 1, CONFIG_MAX_WIDTH, &value, error);
    config->q_lora_rank = (int32_t)value;
    return status;
}

/* A key that repeats what follows from others. */
static youtu_status require_size(const json *document, const char *key, int32_t size, int32_t or_size,
                                 const char *meaning, youtu_error *error) {
    json_node node = json_get(document, 0, key);
    int64_t found;
    if (node == JSON_NONE) return YOUTU_OK;
    if (json_to_int(document, node, NULL, INT32_MIN, INT32_MAX, &found, NULL) == YOUTU_OK &&
        (found == size || found == or_size))
        return YOUTU_OK;
    char expected[80];
    snprintf(expected, sizeof expected, "%d, %s", size, meaning);
    return json_refuse(document, node, YOUTU_E_UNSUPPORTED, expected, error);
}

static youtu_status check_head_sizes(const json *document, const model_config *c, youtu_error *error) {
    if (c->qk_rope_head_dim % 2 != 0)
        return json_refuse(document, json_get(document, 0, "qk_rope_head_dim"), YOUTU_E_FORMAT,
                           "an even number", error);
    int32_t qk = c->qk_nope_head_dim + c->qk_rope_head_dim;
    int32_t kv = c->qk_nope_head_dim + c->v_head_dim;
    int32_t widest = c->n_heads * (qk > kv ? qk : kv); /* at most 2^12 x 2^13 */
    if (widest > CONFIG_MAX_WIDTH)
        return youtu_fail(error, YOUTU_E_FORMAT,
                          "%s: num_attention_heads x (qk_nope_head_dim + %s) is %d, expected at most %d",
                          document->name, qk > kv ? "qk_rope_head_dim" : "v_head_dim", widest,
                          CONFIG_MAX_WIDTH);
    youtu_status status = require_size(document, "num_key_value_heads", c->n_heads, c->n_heads,
                                       "the num_attention_heads", error);
    if (status == YOUTU_OK)
        status = require_size(document, "qk_head_dim", qk, qk, "qk_nope_head_dim + qk_rope_head_dim", error);
    /* transformers writes the rotary part here, older conversions the whole head */
    if (status == YOUTU_OK)
        status = require_size(document, "head_dim", c->qk_rope_head_dim, qk, "the qk_rope_head_dim", error);
    return status;
}

static youtu_status read_sizes(const json *document, model_config *config, youtu_error *error) {
    for (size_t i = 0; i < sizeof size_fields / sizeof *size_fields; i++) {
        int64_t value = 0;
        youtu_status status =
            json_get_int(document, 0, size_fields[i].key, 1, size_fields[i].most, &value, error);
        if (status != YOUTU_OK) return status;
        *(int32_t *)((char *)config + size_fields[i].offset) = (int32_t)value;
    }
    youtu_status status = read_q_lora_rank(document, config, error);
    return status == YOUTU_OK ? check_head_sizes(document, config, error) : status;
}

/* ---- tokens */

/* eos_token_id: one id or several. Leaves the config as it is when the document does not say. */
static youtu_status read_end_tokens(const json *document, model_config *config, youtu_error *error) {
    json_node node = json_get(document, 0, "eos_token_id");
    if (node == JSON_NONE) return YOUTU_OK;
    bool several = json_kind_of(document, node) == JSON_ARRAY;
    if (several && json_count(document, node) > CONFIG_MAX_END_TOKENS)
        return json_refuse(document, node, YOUTU_E_UNSUPPORTED, "at most 16 ids", error);
    config->n_end_tokens = 0;
    for (json_node n = several ? json_first(document, node) : node; n != JSON_NONE;
         n = several ? json_next(document, node, n) : JSON_NONE) {
        int64_t id = 0;
        youtu_status status = json_to_int(document, n, NULL, 0, config->vocab_size - 1, &id, error);
        if (status != YOUTU_OK) return status;
        config->end_tokens[config->n_end_tokens++] = (int32_t)id;
    }
    return YOUTU_OK;
}

static youtu_status read_tokens(const json *document, model_config *config, youtu_error *error) {
    int64_t bos = -1;
    youtu_status status = json_opt_int(document, 0, "bos_token_id", 0, config->vocab_size - 1, &bos, error);
    config->bos_token = (int32_t)bos;
    return status == YOUTU_OK ? read_end_tokens(document, config, error) : status;
}

/* ---- the two files */

static youtu_status read_switches(const json *document, model_config *config, bool is_youtu,
                                  youtu_error *error) {
    double epsilon = 0;
    youtu_status status = json_get_double(document, 0, "rms_norm_eps", 1e-30, 1, &epsilon, error);
    config->rms_norm_eps = (float)epsilon;
    if (status == YOUTU_OK)
        status = json_opt_bool(document, 0, "attention_bias", &config->attention_bias, error);
    config->tie_word_embeddings = is_youtu;
    if (status == YOUTU_OK)
        status = json_opt_bool(document, 0, "tie_word_embeddings", &config->tie_word_embeddings, error);
    return status;
}

static youtu_status read_config(const json *document, model_config *config, youtu_error *error) {
    bool is_youtu = true;
    if (json_kind_of(document, 0) != JSON_OBJECT)
        return json_refuse(document, 0, YOUTU_E_FORMAT, "an object", error);
    youtu_status status = read_model_type(document, &is_youtu, error);
    if (status == YOUTU_OK) status = refuse_other_computation(document, error);
    if (status == YOUTU_OK) status = require_word(document, "hidden_act", "silu", error);
    if (status == YOUTU_OK) status = require_full_attention(document, error);
    if (status == YOUTU_OK) status = read_sizes(document, config, error);
    if (status == YOUTU_OK) status = read_switches(document, config, is_youtu, error);
    if (status == YOUTU_OK) status = rope_config_read(document, config, error);
    if (status == YOUTU_OK) status = read_tokens(document, config, error);
    json_node notice = json_get(document, 0, "youtu_notice");
    if (status == YOUTU_OK && notice != JSON_NONE)
        status = json_unescape(document, notice, &config->notice, NULL, error);
    return status;
}

static youtu_status read_generation_config(const json *document, model_config *config, youtu_error *error) {
    double temperature = 1, top_p = 1, min_p = 0, repetition_penalty = 1;
    int64_t top_k = 0;
    bool do_sample = true;
    if (json_kind_of(document, 0) != JSON_OBJECT)
        return json_refuse(document, 0, YOUTU_E_FORMAT, "an object", error);
    youtu_status status = read_end_tokens(document, config, error);
    if (status == YOUTU_OK) status = json_opt_double(document, 0, "temperature", 0, 1e3, &temperature, error);
    if (status == YOUTU_OK) status = json_opt_double(document, 0, "top_p", 0, 1, &top_p, error);
    if (status == YOUTU_OK) status = json_opt_double(document, 0, "min_p", 0, 1, &min_p, error);
    if (status == YOUTU_OK)
        status = json_opt_double(document, 0, "repetition_penalty", 1e-3, 1e3, &repetition_penalty, error);
    if (status == YOUTU_OK) status = json_opt_int(document, 0, "top_k", 0, CONFIG_MAX_VOCAB, &top_k, error);
    if (status == YOUTU_OK) status = json_opt_bool(document, 0, "do_sample", &do_sample, error);
    config->temperature = do_sample ? (float)temperature : 0;
    config->top_p = (float)top_p;
    config->min_p = (float)min_p;
    config->repetition_penalty = (float)repetition_penalty;
    config->top_k = (int32_t)top_k;
    return status;
}

typedef youtu_status reader(const json *document, model_config *config, youtu_error *error);

static youtu_status read_document(const char *directory, const char *name, reader *read, model_config *config,
                                  youtu_error *error) {
    json document = {0};
    char *path = file_join(directory, name);
    youtu_status status = path ? json_read_file(path, CONFIG_LIMIT_BYTES, &document, error)
                               : youtu_fail_memory(error, name, strlen(directory) + strlen(name) + 2);
    if (status == YOUTU_OK) status = read(&document, config, error);
    json_free(&document);
    free(path);
    return status;
}

static youtu_status derive_rotation(model_config *config, youtu_error *error) {
    size_t pairs = (size_t)config->qk_rope_head_dim / 2;
    config->inverse_frequency = array_new(pairs, sizeof *config->inverse_frequency);
    if (!config->inverse_frequency)
        return youtu_fail_memory(error, "rotary frequencies", pairs * sizeof *config->inverse_frequency);
    rope_init(config, config->inverse_frequency, &config->rotary_factor);
    config->softmax_scale = attention_scale(config);
    return YOUTU_OK;
}

youtu_status config_read(const char *directory, model_config *config, youtu_error *error) {
    model_config read = {.temperature = 1, .top_p = 1, .repetition_penalty = 1};
    bool with_generation = false;
    youtu_status status = read_document(directory, "config.json", read_config, &read, error);
    if (status == YOUTU_OK)
        status = file_exists(directory, "generation_config.json", &with_generation, error);
    if (status == YOUTU_OK && with_generation)
        status = read_document(directory, "generation_config.json", read_generation_config, &read, error);
    if (status == YOUTU_OK) status = derive_rotation(&read, error);
    if (status != YOUTU_OK) {
        config_free(&read);
        return status;
    }
    *config = read;
    return YOUTU_OK;
}

void config_free(model_config *config) {
    free(config->notice);
    free(config->inverse_frequency);
    config->notice = NULL;
    config->inverse_frequency = NULL;
}
