#include "lora_config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "file.h"

#define FILE_NAME "adapter_config.json"
#define LIMIT_BYTES ((size_t)1 << 20)
#define MAX_ALPHA 1e6

/* ---- names of modules */

module_name lora_module_of(const tensor_spec *weight) {
    module_name module;
    size_t length = strlen(weight->name) - strlen(".weight");
    memcpy(module.text, weight->name, length);
    module.text[length] = '\0';
    return module;
}

/* Whether a string stands for a module: its whole name, or the end of it from a '.' on. */
static bool stands_for(const json *document, json_node name, const char *module) {
    while (!json_equals(document, name, module)) {
        module = strchr(module, '.');
        if (!module) return false;
        module++;
    }
    return true;
}

/* An adapter can have a term for every linear map inside the layers. */
static bool is_adaptable(const tensor_spec *weight) {
    return weight->layer >= 0 && weight->n_dims == 2;
}

static bool stands_for_any(const json *document, json_node name, const model_config *model) {
    for (tensor_spec weight = {0}; weights_next(model, &weight);)
        if (is_adaptable(&weight) && stands_for(document, name, lora_module_of(&weight).text)) return true;
    return false;
}

/* ---- what is refused */

static bool is_one_of(const char *const *names, size_t count, const json *document, json_node node) {
    for (size_t i = 0; i < count; i++)
        if (json_equals(document, node, names[i])) return true;
    return false;
}

#define IS_ONE_OF(names, document, node) is_one_of(names, sizeof(names) / sizeof *(names), document, node)

/* The kinds of LoRA are many, and new ones come with fields of their own: a field that is neither read here
 * nor known to concern only the training must be off. */
static youtu_status refuse_other_kinds(const json *document, youtu_error *error) {
    static const char *const read_here[] = {"peft_type",
                                            "r",
                                            "lora_alpha",
                                            "use_rslora",
                                            "bias",
                                            "target_modules",
                                            "rank_pattern",
                                            "alpha_pattern",
                                            "layers_to_transform",
                                            "layers_pattern",
                                            "init_lora_weights"};
    static const char *const of_training[] = {"auto_mapping",       "base_model_name_or_path",
                                              "revision",           "inference_mode",
                                              "lora_dropout",       "task_type",
                                              "peft_version",       "loftq_config",
                                              "eva_config",         "corda_config",
                                              "lora_ga_config",     "megatron_core",
                                              "runtime_config",     "qalora_group_size",
                                              "ensure_weight_tying"};
    for (json_node key = json_first(document, 0); key != JSON_NONE; key = json_next(document, 0, key)) {
        if (IS_ONE_OF(read_here, document, key) || IS_ONE_OF(of_training, document, key)) continue;
        json_node value = json_value(document, key);
        if (!json_is_off(document, value))
            return json_refuse(document, value, YOUTU_E_UNSUPPORTED,
                               "it absent, null, false, 0 or empty: plain LoRA", error);
    }
    return YOUTU_OK;
}

static youtu_status require_word(const json *document, const char *key, const char *word, bool may_be_absent,
                                 youtu_error *error) {
    char expected[40];
    snprintf(expected, sizeof expected, "\"%s\"", word);
    json_node node = json_get(document, 0, key);
    if (node == JSON_NONE && !may_be_absent) return json_missing(document, 0, key, expected, error);
    if (node == JSON_NONE || json_equals(document, node, word)) return YOUTU_OK;
    return json_refuse(document, node, YOUTU_E_UNSUPPORTED, expected, error);
}

/* Ways to begin a training; some (PiSSA, OLoRA, LoftQ ...) also change the base weights, which the published
 * ones then do not fit. */
static youtu_status check_beginning(const json *document, youtu_error *error) {
    static const char *const keep_the_base[] = {"gaussian", "eva", "orthogonal"};
    json_node node = json_get(document, 0, "init_lora_weights");
    if (node == JSON_NONE || json_kind_of(document, node) == JSON_BOOL ||
        IS_ONE_OF(keep_the_base, document, node))
        return YOUTU_OK;
    return json_refuse(
        document, node, YOUTU_E_UNSUPPORTED,
        "true, false, \"gaussian\", \"eva\" or \"orthogonal\", which leave the base weights as they are",
        error);
}

/* ---- which modules */

static youtu_status check_targets(const json *document, const model_config *model, youtu_error *error) {
    static const char expected[] = "a list of names of modules";
    json_node targets = json_get(document, 0, "target_modules");
    if (targets == JSON_NONE) return json_missing(document, 0, "target_modules", expected, error);
    if (json_kind_of(document, targets) != JSON_ARRAY || json_count(document, targets) == 0)
        return json_refuse(document, targets, YOUTU_E_UNSUPPORTED, expected, error);
    for (json_node n = json_first(document, targets); n != JSON_NONE; n = json_next(document, targets, n)) {
        if (json_kind_of(document, n) != JSON_STRING)
            return json_refuse(document, n, YOUTU_E_FORMAT, "the name of a module", error);
        if (!stands_for_any(document, n, model))
            return json_refuse(
                document, n, YOUTU_E_UNSUPPORTED,
                "a projection of this model's layers (embed_tokens and lm_head are not adapted)", error);
    }
    return YOUTU_OK;
}

static youtu_status check_layers(const json *document, const model_config *model, youtu_error *error) {
    json_node layers = json_get(document, 0, "layers_to_transform");
    json_node pattern = json_get(document, 0, "layers_pattern");
    int64_t index;
    if (layers != JSON_NONE && json_kind_of(document, layers) != JSON_ARRAY)
        return json_to_int(document, layers, NULL, 0, model->n_layers - 1, &index, error);
    for (json_node n = layers == JSON_NONE ? JSON_NONE : json_first(document, layers); n != JSON_NONE;
         n = json_next(document, layers, n)) {
        youtu_status status = json_to_int(document, n, NULL, 0, model->n_layers - 1, &index, error);
        if (status != YOUTU_OK) return status;
    }
    if (pattern == JSON_NONE || json_is_off(document, pattern) || json_equals(document, pattern, "layers"))
        return YOUTU_OK;
    if (json_count(document, pattern) == 1 && json_equals(document, json_first(document, pattern), "layers"))
        return YOUTU_OK;
    return json_refuse(document, pattern, YOUTU_E_UNSUPPORTED, "\"layers\"", error);
}

/* layers_to_transform: an index, or a list, of which an empty one stands for all. */
static bool takes_layer(const json *document, int32_t layer) {
    json_node layers = json_get(document, 0, "layers_to_transform");
    int64_t index;
    if (layers == JSON_NONE) return true;
    if (json_kind_of(document, layers) != JSON_ARRAY)
        return json_to_int(document, layers, NULL, layer, layer, &index, NULL) == YOUTU_OK;
    if (json_count(document, layers) == 0) return true;
    for (json_node n = json_first(document, layers); n != JSON_NONE; n = json_next(document, layers, n))
        if (json_to_int(document, n, NULL, layer, layer, &index, NULL) == YOUTU_OK) return true;
    return false;
}

/* ---- rank and alpha */

static const char rank_pattern[] = "rank_pattern", alpha_pattern[] = "alpha_pattern";

/* PEFT takes the keys for regular expressions; what is written are names. */
static youtu_status check_pattern_key(const json *document, json_node key, youtu_error *error) {
    const char *text = json_show_text(document, key);
    size_t length = (size_t)json_show_length(document, key);
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\\' || strchr("^$*+?()[]{}|", text[i]))
            return youtu_fail(error, YOUTU_E_UNSUPPORTED,
                              "%s: key %.*s, expected the name of a module, not a regular expression",
                              document->name, JSON_SHOW(document, key));
    return YOUTU_OK;
}

/* An object of names and numbers; its values go through the same check as the one that they replace. */
static youtu_status check_pattern(const json *document, const char *field, youtu_error *error) {
    json_node pattern = json_get(document, 0, field);
    if (pattern == JSON_NONE) return YOUTU_OK;
    if (json_kind_of(document, pattern) != JSON_OBJECT)
        return json_refuse(document, pattern, YOUTU_E_FORMAT, "an object of names and numbers", error);
    for (json_node key = json_first(document, pattern); key != JSON_NONE;
         key = json_next(document, pattern, key)) {
        int64_t rank;
        double alpha;
        json_node value = json_value(document, key);
        youtu_status status = check_pattern_key(document, key, error);
        if (status == YOUTU_OK && field == rank_pattern)
            status = json_to_int(document, value, NULL, 1, LORA_MAX_RANK, &rank, error);
        else if (status == YOUTU_OK)
            status = json_to_double(document, value, -MAX_ALPHA, MAX_ALPHA, &alpha, error);
        if (status != YOUTU_OK) return status;
    }
    return YOUTU_OK;
}

/* The first entry whose key stands for the module, or JSON_NONE. */
static json_node find_pattern(const json *document, const char *field, const char *module) {
    json_node pattern = json_get(document, 0, field);
    for (json_node key = pattern == JSON_NONE ? JSON_NONE : json_first(document, pattern); key != JSON_NONE;
         key = json_next(document, pattern, key))
        if (stands_for(document, key, module)) return json_value(document, key);
    return JSON_NONE;
}

/* ---- the file */

static youtu_status read_config(lora_config *config, const model_config *model, youtu_error *error) {
    const json *document = &config->document;
    if (json_kind_of(document, 0) != JSON_OBJECT)
        return json_refuse(document, 0, YOUTU_E_FORMAT, "an object", error);
    youtu_status status = require_word(document, "peft_type", "LORA", false, error);
    if (status == YOUTU_OK) status = require_word(document, "bias", "none", true, error);
    if (status == YOUTU_OK) status = refuse_other_kinds(document, error);
    if (status == YOUTU_OK) status = check_beginning(document, error);
    if (status == YOUTU_OK) status = json_get_int(document, 0, "r", 1, LORA_MAX_RANK, &config->rank, error);
    if (status == YOUTU_OK)
        status = json_get_double(document, 0, "lora_alpha", -MAX_ALPHA, MAX_ALPHA, &config->alpha, error);
    if (status == YOUTU_OK) status = json_opt_bool(document, 0, "use_rslora", &config->rslora, error);
    if (status == YOUTU_OK) status = check_pattern(document, rank_pattern, error);
    if (status == YOUTU_OK) status = check_pattern(document, alpha_pattern, error);
    if (status == YOUTU_OK) status = check_targets(document, model, error);
    if (status == YOUTU_OK) status = check_layers(document, model, error);
    return status;
}

youtu_status lora_config_read(const char *directory, const model_config *model, lora_config *config,
                              youtu_error *error) {
    *config = (lora_config){0};
    char *path = file_join(directory, FILE_NAME);
    if (!path) return youtu_fail_memory(error, FILE_NAME, strlen(directory) + sizeof FILE_NAME + 1);
    youtu_status status = json_read_file(path, LIMIT_BYTES, &config->document, error);
    if (status == YOUTU_OK) status = read_config(config, model, error);
    free(path);
    return status;
}

void lora_config_free(lora_config *config) {
    json_free(&config->document);
}

static bool is_target(const json *document, const char *module, int32_t layer) {
    json_node targets = json_get(document, 0, "target_modules");
    for (json_node n = json_first(document, targets); n != JSON_NONE; n = json_next(document, targets, n)) {
        if (json_equals(document, n, module)) return true; /* a whole name says the layer itself */
        if (stands_for(document, n, module) && takes_layer(document, layer)) return true;
    }
    return false;
}

bool lora_config_adapts(const lora_config *config, const tensor_spec *weight, int32_t *rank, float *factor) {
    const json *document = &config->document;
    if (!is_adaptable(weight)) return false;
    module_name module = lora_module_of(weight);
    if (!is_target(document, module.text, weight->layer)) return false;
    int64_t r = config->rank;
    double alpha = config->alpha;
    json_node found = find_pattern(document, rank_pattern, module.text);
    if (found != JSON_NONE) json_to_int(document, found, NULL, 1, LORA_MAX_RANK, &r, NULL);
    found = find_pattern(document, alpha_pattern, module.text);
    if (found != JSON_NONE) json_to_double(document, found, -MAX_ALPHA, MAX_ALPHA, &alpha, NULL);
    *rank = (int32_t)r;
    *factor = (float)(alpha / (config->rslora ? sqrt((double)r) : (double)r));
    return true;
}
