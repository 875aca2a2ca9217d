/* Opening a model's directory, and what can be asked of an opened model. */
#include "error.h"
#include "model.h"
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *youtu_version(void) {
#define TEXT_OF(x) #x
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)
    return VERSION_TEXT(YOUTU_VERSION_MAJOR, YOUTU_VERSION_MINOR, YOUTU_VERSION_PATCH);
}

youtu_model_options youtu_model_options_default(void) {
    return (youtu_model_options){.size = sizeof(youtu_model_options)};
}

/* The last part of a path, without trailing slashes. */
static char *last_part(const char *path) {
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') start--;
    return strndup(path + start, end - start);
}

/* Chooses the device before the weights are looked at, so that a wrong name costs nothing. */
static youtu_status choose_device(youtu_model *model, const youtu_model_options *options,
                                  youtu_error *error) {
    const char *name = options->device ? options->device : "auto";
    if (strncmp(name, "cuda", 4) == 0 && (name[4] == '\0' || name[4] == ':'))
        return youtu_fail(error, YOUTU_E_DEVICE, "device \"%s\": this build has no CUDA backend; use \"cpu\"",
                          name);
    if (strcmp(name, "auto") != 0 && strcmp(name, "cpu") != 0)
        return youtu_fail(error, YOUTU_E_ARGUMENT,
                          "device \"%s\" is unknown; expected auto, cpu, cuda or cuda:N", name);
    const char *label;
    youtu_status status = backend_cpu(options->instructions, &model->backend, &label, error);
    if (status != YOUTU_OK) return status;
    model->instructions = label;
    snprintf(model->device_label, sizeof model->device_label, "%s (%s)", model->backend->name, label);
    return YOUTU_OK;
}

/* The tokenizer is optional: ids may come from elsewhere. */
static youtu_status open_tokenizer(youtu_model *model, const char *directory, youtu_error *error) {
    char *path;
    if (asprintf(&path, "%s/tokenizer.json", directory) < 0)
        return youtu_fail_memory(error, "a path", strlen(directory) + 16);
    bool there = access(path, F_OK) == 0;
    free(path);
    if (!there) return YOUTU_OK;
    youtu_status status = youtu_tokenizer_open(directory, &model->tokenizer, error);
    if (status != YOUTU_OK) return status;
    int32_t ids = youtu_tokenizer_vocab_size(model->tokenizer);
    if (ids > model->config.vocab_size)
        return youtu_fail(
            error, YOUTU_E_FORMAT,
            "%s/tokenizer.json: has ids up to %d, but config.json \"vocab_size\" is %d: the tokenizer and the "
            "model's head do not belong together",
            directory, ids - 1, model->config.vocab_size);
    return YOUTU_OK;
}

youtu_status youtu_model_open(const char *directory, const youtu_model_options *options, youtu_model **out,
                              youtu_error *error) {
    if (!directory || !out)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_model_open: directory or model is NULL");
    youtu_model_options o = youtu_model_options_default();
    youtu_status status = options_take(&o, sizeof o, options, "youtu_model_options", error);
    if (status != YOUTU_OK) return status;
    youtu_model *model = calloc(1, sizeof *model);
    if (!model) return youtu_fail_memory(error, "a model", sizeof *model);

    status = choose_device(model, &o, error);
    if (status != YOUTU_OK) goto fail;
    model->name = last_part(directory);
    if (!model->name) {
        status = youtu_fail_memory(error, "the model's name", strlen(directory));
        goto fail;
    }
    status = config_read(directory, &model->config, error);
    if (status != YOUTU_OK) goto fail;
    status = open_tokenizer(model, directory, error);
    if (status != YOUTU_OK) goto fail;
    status = checkpoint_open(directory, &model->files, error);
    if (status != YOUTU_OK) goto fail;
    status = weights_bind(&model->config, model->files, &model->weights, error);
    if (status != YOUTU_OK) goto fail;
    if (o.progress) o.progress(o.progress_user, model->weights.bytes, model->weights.bytes);
    *out = model;
    return YOUTU_OK;
fail:
    youtu_model_close(model);
    return status;
}

void youtu_model_close(youtu_model *model) {
    if (!model) return;
    youtu_tokenizer_close(model->tokenizer);
    weights_free(&model->weights);
    checkpoint_close(model->files);
    config_free(&model->config);
    free(model->name);
    free(model);
}

const youtu_tokenizer *youtu_model_tokenizer(const youtu_model *model) {
    return model->tokenizer;
}

bool youtu_model_is_end(const youtu_model *model, int32_t token) {
    for (int32_t i = 0; i < model->config.n_end_tokens; i++)
        if (model->config.end_tokens[i] == token) return true;
    return false;
}

/* Adds a matrix to what decoding a token reads and multiplies. */
static void count_matrix(const matrix *w, youtu_model_info *info) {
    if (!w->data) return;
    uint64_t values = (uint64_t)w->n_out * (uint64_t)w->n_in;
    info->bytes_per_token += values * dtype_bytes(w->type);
    if (w->n_in > 1) info->flops_per_token += 2 * values;
}

void youtu_model_get_info(const youtu_model *model, youtu_model_info *out) {
    const model_config *c = &model->config;
    youtu_model_info info = {
        .size = out->size,
        .name = model->name,
        .notice = c->notice,
        .dtype = dtype_name(model->weights.embedding.type),
        .device = model->device_label,
        .vocab_size = c->vocab_size,
        .hidden_size = c->hidden_size,
        .n_layers = c->n_layers,
        .n_heads = c->n_heads,
        .max_positions = c->max_positions,
        .n_parameters = model->weights.n_parameters,
        .weight_bytes = model->weights.bytes,
        .latent_size = c->kv_lora_rank + c->qk_rope_head_dim,
    };
    for (int32_t i = 0; i < c->n_layers; i++) {
        const layer_weights *w = &model->weights.layers[i];
        const matrix *all[] = {&w->attention_norm, &w->q_a, &w->q_a_norm, &w->q_b,  &w->kv_a, &w->kv_a_norm,
                               &w->kv_b,           &w->o,   &w->mlp_norm, &w->gate, &w->up,   &w->down};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) count_matrix(all[k], &info);
    }
    count_matrix(&model->weights.final_norm, &info);
    count_matrix(&model->weights.head, &info);
    memcpy(out, &info, out->size < sizeof info ? out->size : sizeof info);
}
