/* Opening a model's directory, and what can be asked of an opened model. */
#include "error.h"
#include "file.h"
#include "model.h"
#include "options.h"
#include "plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *youtu_version(void) {
    return VERSION_TEXT;
}

youtu_model_options youtu_model_options_default(void) {
    return (youtu_model_options){.size = sizeof(youtu_model_options)};
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

/* ---- the device ---- */

/* What a device's name allows; "auto" allows both. */
typedef struct device_choice {
    const char *name;
    bool cuda, cpu;
    int32_t ordinal; /* of the CUDA device */
} device_choice;

static youtu_status read_device_name(const char *name, device_choice *choice, youtu_error *error) {
    *choice = (device_choice){.name = name};
    if (strncmp(name, "cuda:", 5) == 0) {
        const char *digits = name + 5;
        size_t count = strspn(digits, "0123456789");
        choice->cuda = digits[count] == '\0' && (count == 1 || (count == 2 && *digits != '0'));
        if (choice->cuda) choice->ordinal = (int32_t)strtol(digits, NULL, 10);
    } else {
        bool is_auto = strcmp(name, "auto") == 0;
        choice->cuda = is_auto || strcmp(name, "cuda") == 0;
        choice->cpu = is_auto || strcmp(name, "cpu") == 0;
    }
    if (choice->cuda || choice->cpu) return YOUTU_OK;
    return youtu_fail(error, YOUTU_E_ARGUMENT,
                      "device \"%s\" is unknown; expected auto, cpu, cuda or cuda:N with N from 0 to 99",
                      name);
}

static youtu_status use_cpu(youtu_model *model, const youtu_model_options *options, youtu_error *error) {
    const char *label;
    youtu_status status = backend_cpu(options->instructions, &model->backend, &label, error);
    if (status != YOUTU_OK) return status;
    model->instructions = label;
    snprintf(model->device_facts.label, sizeof model->device_facts.label, "%s (%s)", model->backend->name,
             label);
    return YOUTU_OK;
}

/* CUDA cannot be had: the end, or the CPU with a note. */
static youtu_status do_without_cuda(youtu_model *model, const device_choice *choice,
                                    const youtu_model_options *options, const youtu_error *reason,
                                    youtu_error *error) {
    if (!choice->cpu)
        return youtu_fail(error, reason->status, "device \"%s\": %s", choice->name, reason->message);
    snprintf(model->device_note, sizeof model->device_note, "%s", reason->message);
    return use_cpu(model, options, error);
}

/* Finds the backend before the weights are looked at, so that a device that is not there costs nothing. */
static youtu_status find_backend(youtu_model *model, const device_choice *choice,
                                 const youtu_model_options *options, youtu_error *error) {
    if (!choice->cuda) return use_cpu(model, options, error);
    youtu_error reason;
    youtu_status status = plugin_load(&model->backend, &reason);
    if (status == YOUTU_OK && options->lora && !model->backend->is_adaptable)
        status = youtu_fail(&reason, YOUTU_E_UNSUPPORTED, "adapters (LoRA) are applied on the CPU only");
    if (status == YOUTU_OK) return YOUTU_OK;
    return do_without_cuda(model, choice, options, &reason, error);
}

/* The weights of `model` find their device, which may still refuse them. */
static youtu_status attach_device(youtu_model *model, const device_choice *choice,
                                  const youtu_model_options *options, youtu_error *error) {
    if (!model->backend->attach) return YOUTU_OK;
    const attach_request request = {
        .ordinal = choice->ordinal,
        .model = &model->config,
        .weights = &model->weights,
        .type = options->weights == YOUTU_WEIGHTS_BF16 ? DTYPE_BF16 : DTYPE_F16,
        .progress = options->progress,
        .progress_user = options->progress_user,
    };
    youtu_error reason;
    if (model->backend->attach(&request, &model->resident, &model->device_facts, &reason) != YOUTU_OK)
        return do_without_cuda(model, choice, options, &reason, error);
    model->weights_type = request.type;
    return YOUTU_OK;
}

/* Where weights are used as they are mapped, their stored type is all there is. */
static youtu_status take_stored_type(youtu_model *model, youtu_weights wanted, youtu_error *error) {
    dtype stored = model->weights.embedding.type;
    model->weights_type = stored;
    if (wanted == YOUTU_WEIGHTS_AUTO || stored == (wanted == YOUTU_WEIGHTS_BF16 ? DTYPE_BF16 : DTYPE_F16))
        return YOUTU_OK;
    bool noted = model->device_note[0] != '\0';
    return youtu_fail(error, YOUTU_E_UNSUPPORTED,
                      "weights as %s: they are stored as %s, and the CPU computes with them as stored%s%s",
                      wanted == YOUTU_WEIGHTS_BF16 ? "bf16" : "fp16", dtype_name(stored),
                      noted ? "; CUDA cannot be used: " : "", model->device_note);
}

static youtu_status place_weights(youtu_model *model, const device_choice *choice,
                                  const youtu_model_options *options, youtu_error *error) {
    youtu_status status = attach_device(model, choice, options, error);
    if (status == YOUTU_OK && !model->resident) status = take_stored_type(model, options->weights, error);
    return status;
}

/* ---- the model ---- */

youtu_status youtu_model_open(const char *directory, const youtu_model_options *options, youtu_model **out,
                              youtu_error *error) {
    if (!directory || !out)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_model_open: directory or model is NULL");
    youtu_model_options o = youtu_model_options_default();
    youtu_status status = options_take(&o, sizeof o, options, "youtu_model_options", error);
    if (status != YOUTU_OK) return status;
    if (o.weights > YOUTU_WEIGHTS_F16)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_model_options.weights is %d, expected 0 to %d",
                          (int)o.weights, YOUTU_WEIGHTS_F16);
    device_choice choice;
    status = read_device_name(o.device ? o.device : "auto", &choice, error);
    if (status != YOUTU_OK) return status;
    youtu_model *model = calloc(1, sizeof *model);
    if (!model) return youtu_fail_memory(error, "a model", sizeof *model);

    status = find_backend(model, &choice, &o, error);
    if (status != YOUTU_OK) goto fail;
    model->name = file_last_part(directory);
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
    status = place_weights(model, &choice, &o, error);
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
    if (model->resident) model->backend->detach(model->resident);
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
static void count_matrix(const youtu_model *model, const matrix *w, youtu_model_info *info) {
    if (!w->data) return;
    uint64_t values = (uint64_t)w->n_out * (uint64_t)w->n_in;
    info->bytes_per_token += values * dtype_bytes(model->resident ? model->weights_type : w->type);
    if (w->n_in > 1) info->flops_per_token += 2 * values;
}

void youtu_model_get_info(const youtu_model *model, youtu_model_info *out) {
    const model_config *c = &model->config;
    youtu_model_info info = {
        .size = out->size,
        .name = model->name,
        .notice = c->notice,
        .dtype = dtype_name(model->weights_type),
        .device = model->device_facts.label,
        .vocab_size = c->vocab_size,
        .hidden_size = c->hidden_size,
        .n_layers = c->n_layers,
        .n_heads = c->n_heads,
        .max_positions = c->max_positions,
        .n_parameters = model->weights.n_parameters,
        .weight_bytes = model->weights.bytes,
        .latent_size = c->kv_lora_rank + c->qk_rope_head_dim,
        .device_note = model->device_note[0] ? model->device_note : NULL,
        .device_details = model->device_facts.details[0] ? model->device_facts.details : NULL,
        .device_bandwidth = model->device_facts.bandwidth,
        .device_flops = model->device_facts.flops,
    };
    for (int32_t i = 0; i < c->n_layers; i++) {
        const layer_weights *w = &model->weights.layers[i];
        const matrix *all[] = {&w->attention_norm, &w->q_a, &w->q_a_norm, &w->q_b,  &w->kv_a, &w->kv_a_norm,
                               &w->kv_b,           &w->o,   &w->mlp_norm, &w->gate, &w->up,   &w->down};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++) count_matrix(model, all[k], &info);
    }
    count_matrix(model, &model->weights.final_norm, &info);
    count_matrix(model, &model->weights.head, &info);
    memcpy(out, &info, out->size < sizeof info ? out->size : sizeof info);
}
