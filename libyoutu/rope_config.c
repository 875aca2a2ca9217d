#include "rope_config.h"

#include <stdio.h>

static youtu_status require_whole_rotary(const json *document, json_node object, youtu_error *error) {
    double fraction;
    if (json_opt_double(document, object, "partial_rotary_factor", 1, 1, &fraction, NULL) == YOUTU_OK)
        return YOUTU_OK;
    return json_refuse(document, json_get(document, object, "partial_rotary_factor"), YOUTU_E_UNSUPPORTED,
                       "1", error);
}

static youtu_status check_rope_keys(const json *document, json_node rope, youtu_error *error) {
    static const char *const known[] = {"rope_type",
                                        "type",
                                        "rope_theta",
                                        "factor",
                                        "beta_fast",
                                        "beta_slow",
                                        "mscale",
                                        "mscale_all_dim",
                                        "attention_factor",
                                        "truncate",
                                        "original_max_position_embeddings",
                                        "partial_rotary_factor"};
    if (json_kind_of(document, rope) != JSON_OBJECT)
        return json_refuse(document, rope, YOUTU_E_FORMAT, "an object", error);
    for (json_node key = json_first(document, rope); key != JSON_NONE; key = json_next(document, rope, key)) {
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            is_known |= json_equals(document, key, known[i]);
        if (!is_known)
            return json_refuse(document, json_value(document, key), YOUTU_E_UNSUPPORTED, "it absent", error);
    }
    return require_whole_rotary(document, rope, error);
}

/* "rope_type", which older configs call "type"; both only if they agree. */
static youtu_status read_rope_type(const json *document, json_node rope, bool *yarn, youtu_error *error) {
    static const char *const keys[] = {"rope_type", "type"};
    bool found = false;
    for (size_t i = 0; i < 2; i++) {
        json_node node = json_get(document, rope, keys[i]);
        if (node == JSON_NONE) continue;
        bool is_yarn = json_equals(document, node, "yarn");
        if (!is_yarn && !json_equals(document, node, "default"))
            return json_refuse(document, node, YOUTU_E_UNSUPPORTED, "\"default\" or \"yarn\"", error);
        if (found && is_yarn != *yarn)
            return json_refuse(document, node, YOUTU_E_FORMAT, "the same as rope_type", error);
        *yarn = is_yarn;
        found = true;
    }
    return YOUTU_OK;
}

/* From the rope object or, in older configs, from beside it: both only if they agree. */
static youtu_status read_rope_theta(const json *document, json_node rope, double *theta, youtu_error *error) {
    double inside = 0, beside = 0;
    youtu_status status = json_opt_double(document, 0, "rope_theta", 2, 1e15, &beside, error);
    if (status == YOUTU_OK && rope != JSON_NONE)
        status = json_opt_double(document, rope, "rope_theta", 2, 1e15, &inside, error);
    if (status != YOUTU_OK) return status;
    if (inside == 0 && beside == 0) return json_missing(document, 0, "rope_theta", "a number", error);
    if (inside != 0 && beside != 0 && inside != beside) {
        char expected[80];
        snprintf(expected, sizeof expected, "%.17g as in the other place", inside);
        return json_refuse(document, json_get(document, 0, "rope_theta"), YOUTU_E_FORMAT, expected, error);
    }
    *theta = inside != 0 ? inside : beside;
    return YOUTU_OK;
}

/* Numbers that a YaRN object may leave out or give as 0, which means the same. */
static youtu_status read_yarn_numbers(const json *document, json_node node, rope_config *rope,
                                      youtu_error *error) {
    const struct {
        const char *key;
        double most;
        double *value;
    } numbers[] = {
        {"beta_fast", 1e6, &rope->beta_fast},
        {"beta_slow", 1e6, &rope->beta_slow},
        {"mscale", 1e3, &rope->mscale},
        {"mscale_all_dim", 1e3, &rope->mscale_all_dim},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double found = 0;
        youtu_status status =
            json_opt_double(document, node, numbers[i].key, 0, numbers[i].most, &found, error);
        if (status != YOUTU_OK) return status;
        if (found != 0) *numbers[i].value = found;
    }
    return YOUTU_OK;
}

/* original_max_position_embeddings: as the theta, from either place; else what the model was made for. */
static youtu_status read_original_positions(const json *document, json_node node, model_config *config,
                                            youtu_error *error) {
    static const char key[] = "original_max_position_embeddings";
    int64_t inside = 0, beside = 0;
    youtu_status status = json_opt_int(document, 0, key, 1, CONFIG_MAX_POSITIONS, &beside, error);
    if (status == YOUTU_OK)
        status = json_opt_int(document, node, key, 1, CONFIG_MAX_POSITIONS, &inside, error);
    if (status != YOUTU_OK) return status;
    if (inside != 0 && beside != 0 && inside != beside) {
        char expected[80];
        snprintf(expected, sizeof expected, "%lld as in the other place", (long long)inside);
        return json_refuse(document, json_get(document, 0, key), YOUTU_E_FORMAT, expected, error);
    }
    int64_t found = inside != 0 ? inside : beside;
    config->rope.original_max_positions = found != 0 ? (int32_t)found : config->max_positions;
    return YOUTU_OK;
}

static youtu_status read_yarn(const json *document, json_node node, model_config *config,
                              youtu_error *error) {
    rope_config *rope = &config->rope;
    rope->beta_fast = 32;
    rope->beta_slow = 1;
    rope->truncate = true;
    youtu_status status = json_get_double(document, node, "factor", 1, 1e6, &rope->factor, error);
    if (status == YOUTU_OK) status = read_yarn_numbers(document, node, rope, error);
    if (status == YOUTU_OK)
        status =
            json_opt_double(document, node, "attention_factor", 1e-6, 1e6, &rope->attention_factor, error);
    if (status == YOUTU_OK) status = json_opt_bool(document, node, "truncate", &rope->truncate, error);
    if (status == YOUTU_OK) status = read_original_positions(document, node, config, error);
    return status;
}

youtu_status rope_config_read(const json *document, model_config *config, youtu_error *error) {
    json_node rope = json_get(document, 0, "rope_parameters");
    json_node scaling = json_get(document, 0, "rope_scaling");
    if (rope != JSON_NONE && scaling != JSON_NONE)
        return json_refuse(document, scaling, YOUTU_E_FORMAT, "it absent beside rope_parameters", error);
    if (rope == JSON_NONE) rope = scaling;

    config->rope.interleave = true;
    youtu_status status = json_opt_bool(document, 0, "rope_interleave", &config->rope.interleave, error);
    if (status == YOUTU_OK) status = require_whole_rotary(document, 0, error);
    if (status == YOUTU_OK && rope != JSON_NONE) status = check_rope_keys(document, rope, error);
    if (status == YOUTU_OK) status = read_rope_theta(document, rope, &config->rope.theta, error);
    if (status != YOUTU_OK || rope == JSON_NONE) return status;

    status = read_rope_type(document, rope, &config->rope.yarn, error);
    if (status != YOUTU_OK) return status;
    if (config->rope.yarn) return read_yarn(document, rope, config, error);
    double factor;
    if (json_opt_double(document, rope, "factor", 1, 1, &factor, NULL) != YOUTU_OK)
        return json_refuse(document, json_get(document, rope, "factor"), YOUTU_E_UNSUPPORTED,
                           "1 where rope_type is \"default\"", error);
    return YOUTU_OK;
}
