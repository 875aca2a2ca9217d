#include "weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "error.h"

/* ---- what a config calls for */

typedef enum width {
    VECTOR,
    VOCAB,
    HIDDEN,
    INTERMEDIATE,
    Q_LORA,
    Q_HEADS,
    KV_A,
    KV_LORA,
    KV_HEADS,
    V_HEADS
} width;

static int32_t width_of(const model_config *c, width which) {
    switch (which) {
    case VOCAB: return c->vocab_size;
    case HIDDEN: return c->hidden_size;
    case INTERMEDIATE: return c->intermediate_size;
    case Q_LORA: return c->q_lora_rank;
    case Q_HEADS: return c->n_heads * (c->qk_nope_head_dim + c->qk_rope_head_dim);
    case KV_A: return c->kv_lora_rank + c->qk_rope_head_dim;
    case KV_LORA: return c->kv_lora_rank;
    case KV_HEADS: return c->n_heads * (c->qk_nope_head_dim + c->v_head_dim);
    case V_HEADS: return c->n_heads * c->v_head_dim;
    case VECTOR: break;
    }
    return 1;
}

typedef enum condition { ALWAYS, LOW_RANK_Q, DIRECT_Q, BIASED, BIASED_LOW_RANK_Q, UNTIED } condition;

static bool applies(const model_config *c, condition when) {
    switch (when) {
    case LOW_RANK_Q: return c->q_lora_rank > 0;
    case DIRECT_Q: return c->q_lora_rank == 0;
    case BIASED: return c->attention_bias;
    case BIASED_LOW_RANK_Q: return c->attention_bias && c->q_lora_rank > 0;
    case UNTIED: return !c->tie_word_embeddings;
    case ALWAYS: break;
    }
    return true;
}

typedef struct entry {
    const char *name;
    size_t offset;
    width out, in;
    condition when;
    bool is_bias;
} entry;

#define OF_MODEL(member) offsetof(model_weights, member)
#define OF_LAYER(member) offsetof(layer_weights, member)

static const entry first_entries[] = {
    {"model.embed_tokens.weight", OF_MODEL(embedding), VOCAB, HIDDEN, ALWAYS, false},
};

static const entry layer_entries[] = {
    {"input_layernorm.weight", OF_LAYER(attention_norm), HIDDEN, VECTOR, ALWAYS, false},
    {"self_attn.q_a_proj.weight", OF_LAYER(q_a), Q_LORA, HIDDEN, LOW_RANK_Q, false},
    {"self_attn.q_a_proj.bias", OF_LAYER(q_a), Q_LORA, VECTOR, BIASED_LOW_RANK_Q, true},
    {"self_attn.q_a_layernorm.weight", OF_LAYER(q_a_norm), Q_LORA, VECTOR, LOW_RANK_Q, false},
    {"self_attn.q_b_proj.weight", OF_LAYER(q_b), Q_HEADS, Q_LORA, LOW_RANK_Q, false},
    {"self_attn.q_proj.weight", OF_LAYER(q_b), Q_HEADS, HIDDEN, DIRECT_Q, false},
    {"self_attn.kv_a_proj_with_mqa.weight", OF_LAYER(kv_a), KV_A, HIDDEN, ALWAYS, false},
    {"self_attn.kv_a_proj_with_mqa.bias", OF_LAYER(kv_a), KV_A, VECTOR, BIASED, true},
    {"self_attn.kv_a_layernorm.weight", OF_LAYER(kv_a_norm), KV_LORA, VECTOR, ALWAYS, false},
    {"self_attn.kv_b_proj.weight", OF_LAYER(kv_b), KV_HEADS, KV_LORA, ALWAYS, false},
    {"self_attn.o_proj.weight", OF_LAYER(o), HIDDEN, V_HEADS, ALWAYS, false},
    {"self_attn.o_proj.bias", OF_LAYER(o), HIDDEN, VECTOR, BIASED, true},
    {"post_attention_layernorm.weight", OF_LAYER(mlp_norm), HIDDEN, VECTOR, ALWAYS, false},
    {"mlp.gate_proj.weight", OF_LAYER(gate), INTERMEDIATE, HIDDEN, ALWAYS, false},
    {"mlp.up_proj.weight", OF_LAYER(up), INTERMEDIATE, HIDDEN, ALWAYS, false},
    {"mlp.down_proj.weight", OF_LAYER(down), HIDDEN, INTERMEDIATE, ALWAYS, false},
};

static const entry last_entries[] = {
    {"model.norm.weight", OF_MODEL(final_norm), HIDDEN, VECTOR, ALWAYS, false},
    {"lm_head.weight", OF_MODEL(head), VOCAB, HIDDEN, UNTIED, false},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Group 0 comes before the layers, groups 1 .. n_layers are these, the one after them is the last. */
static const entry *group_entries(const model_config *config, int32_t group, size_t *count) {
    if (group == 0) {
        *count = COUNT(first_entries);
        return first_entries;
    }
    if (group <= config->n_layers) {
        *count = COUNT(layer_entries);
        return layer_entries;
    }
    *count = COUNT(last_entries);
    return last_entries;
}

static void describe(const model_config *config, const entry *e, tensor_spec *spec) {
    spec->layer = spec->next_group <= config->n_layers ? spec->next_group - 1 : -1;
    if (spec->layer >= 0)
        snprintf(spec->name, sizeof spec->name, "model.layers.%d.%s", spec->layer, e->name);
    else
        snprintf(spec->name, sizeof spec->name, "%s", e->name);
    spec->n_dims = e->in == VECTOR ? 1 : 2;
    spec->shape[0] = width_of(config, e->out);
    spec->shape[1] = width_of(config, e->in);
    spec->offset = e->offset;
    spec->is_bias = e->is_bias;
}

bool weights_next(const model_config *config, tensor_spec *spec) {
    for (; spec->next_group <= config->n_layers + 1; spec->next_group++, spec->next_entry = 0) {
        size_t count;
        const entry *entries = group_entries(config, spec->next_group, &count);
        while (spec->next_entry < count) {
            const entry *e = &entries[spec->next_entry++];
            if (!applies(config, e->when)) continue;
            describe(config, e, spec);
            return true;
        }
    }
    return false;
}

/* ---- what the files hold */

const char *weights_show_shape(const int64_t *shape, int32_t n_dims, char text[SHAPE_BYTES]) {
    int used = snprintf(text, SHAPE_BYTES, "[");
    for (int32_t i = 0; i < n_dims; i++)
        used += snprintf(text + used, SHAPE_BYTES - (size_t)used, "%s%lld", i > 0 ? ", " : "",
                         (long long)shape[i]);
    snprintf(text + used, SHAPE_BYTES - (size_t)used, "]");
    return text;
}

youtu_status weights_check_shape(const tensor_spec *spec, const tensor_view *found, youtu_error *error) {
    if (found->n_dims == spec->n_dims &&
        memcmp(found->shape, spec->shape, (size_t)spec->n_dims * sizeof *spec->shape) == 0)
        return YOUTU_OK;
    char is[SHAPE_BYTES], wanted[SHAPE_BYTES];
    return youtu_fail(error, YOUTU_E_FORMAT, "%s: tensor \"%s\" has shape %s, expected %s", found->file,
                      spec->name, weights_show_shape(found->shape, found->n_dims, is),
                      weights_show_shape(spec->shape, spec->n_dims, wanted));
}

static void place(const tensor_spec *spec, const tensor_view *found, model_weights *weights) {
    char *base = spec->layer >= 0 ? (char *)&weights->layers[spec->layer] : (char *)weights;
    matrix *to = (matrix *)(void *)(base + spec->offset);
    if (spec->is_bias) {
        to->bias = found->data;
        to->bias_type = found->type;
    } else {
        to->data = found->data;
        to->type = found->type;
        to->n_out = (int32_t)spec->shape[0];
        to->n_in = (int32_t)spec->shape[1];
    }
    weights->n_parameters += found->bytes / dtype_bytes(found->type);
    weights->bytes += found->bytes;
}

/* used [all tensors of files]: which of them have a place. */
static youtu_status bind_all(const model_config *config, const checkpoint *files, bool *used,
                             model_weights *weights, youtu_error *error) {
    size_t count;
    const tensor_view *all = checkpoint_tensors(files, &count);
    for (tensor_spec spec = {0}; weights_next(config, &spec);) {
        const tensor_view *found = checkpoint_find(files, spec.name);
        char wanted[SHAPE_BYTES];
        if (!found)
            return youtu_fail(error, YOUTU_E_FORMAT, "%s: tensor \"%s\" is missing, expected with shape %s",
                              checkpoint_name(files), spec.name,
                              weights_show_shape(spec.shape, spec.n_dims, wanted));
        youtu_status status = weights_check_shape(&spec, found, error);
        if (status != YOUTU_OK) return status;
        place(&spec, found, weights);
        used[found - all] = true;
    }
    return YOUTU_OK;
}

/* A tied head is the embedding; files may hold it a second time under the head's name. */
static youtu_status bind_tied_head(const model_config *config, const checkpoint *files, bool *used,
                                   model_weights *weights, youtu_error *error) {
    weights->head = weights->embedding;
    tensor_spec spec = {
        .name = "lm_head.weight", .n_dims = 2, .shape = {config->vocab_size, config->hidden_size}};
    const tensor_view *found = checkpoint_find(files, spec.name);
    if (!found) return YOUTU_OK;
    size_t count;
    used[found - checkpoint_tensors(files, &count)] = true;
    return weights_check_shape(&spec, found, error);
}

/* Old conversions store the rotary frequencies, which follow from the config. */
static bool is_rotary_buffer(const char *name) {
    static const char suffix[] = ".rotary_emb.inv_freq";
    size_t length = strlen(name);
    return length >= sizeof suffix - 1 && strcmp(name + length - (sizeof suffix - 1), suffix) == 0;
}

static youtu_status refuse_others(const checkpoint *files, const bool *used, youtu_error *error) {
    size_t count;
    const tensor_view *all = checkpoint_tensors(files, &count);
    char is[SHAPE_BYTES];
    for (size_t i = 0; i < count; i++)
        if (!used[i] && !is_rotary_buffer(all[i].name))
            return youtu_fail(error, YOUTU_E_FORMAT,
                              "%s: tensor \"%s\" of shape %s, expected none of this name in the model that "
                              "config.json describes",
                              all[i].file, all[i].name, weights_show_shape(all[i].shape, all[i].n_dims, is));
    return YOUTU_OK;
}

youtu_status weights_bind(const model_config *config, const checkpoint *files, model_weights *weights,
                          youtu_error *error) {
    size_t count;
    checkpoint_tensors(files, &count);
    size_t layers = (size_t)config->n_layers;
    model_weights bound = {.layers = array_new(layers, sizeof(layer_weights))};
    bool *used = array_new(count, sizeof *used);
    if (!bound.layers || !used) {
        free(bound.layers);
        free(used);
        return youtu_fail_memory(error, "the list of weights", layers * sizeof(layer_weights) + count);
    }
    youtu_status status = bind_all(config, files, used, &bound, error);
    if (status == YOUTU_OK && config->tie_word_embeddings)
        status = bind_tied_head(config, files, used, &bound, error);
    if (status == YOUTU_OK) status = refuse_others(files, used, error);
    free(used);
    if (status != YOUTU_OK)
        weights_free(&bound);
    else
        *weights = bound;
    return status;
}

void weights_free(model_weights *weights) {
    free(weights->layers);
    *weights = (model_weights){0};
}
