#include "lora.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "error.h"
#include "file.h"
#include "lora_config.h"

#define FILE_NAME "adapter_model.safetensors"
/* PEFT wraps the model in one of its own, twice; the adapter's name is left out of the files. */
#define PREFIX "base_model.model."
#define ALIGNMENT 64 /* of a term's values: a cache line */

/* ---- the file's tensors by name */

typedef struct tensor_list {
    const tensor_view **tensors; /* [count], sorted */
    bool *used;                  /* [count] */
    size_t count;
} tensor_list;

static int compare_names(const void *a, const void *b) {
    const tensor_view *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

static youtu_status list_tensors(const safetensors_file *file, tensor_list *list, youtu_error *error) {
    list->tensors = array_new(file->n_tensors, sizeof *list->tensors);
    list->used = array_new(file->n_tensors, sizeof *list->used);
    if (!list->tensors || !list->used)
        return youtu_fail_memory(error, "the list of an adapter's tensors",
                                 file->n_tensors * sizeof *list->tensors);
    list->count = file->n_tensors;
    for (size_t i = 0; i < list->count; i++) list->tensors[i] = &file->tensors[i];
    qsort(list->tensors, list->count, sizeof *list->tensors, compare_names);
    return YOUTU_OK;
}

static void free_list(tensor_list *list) {
    free(list->tensors);
    free(list->used);
}

static int compare_name(const void *name, const void *listed) {
    const tensor_view *const *tensor = listed;
    return strcmp(name, (*tensor)->name);
}

/* The tensor that `spec` calls for, of its shape; NULL with a FORMAT error when there is none. */
static const tensor_view *find_tensor(const tensor_list *list, const tensor_spec *spec, youtu_error *error) {
    const tensor_view **place =
        bsearch(spec->name, list->tensors, list->count, sizeof *list->tensors, compare_name);
    char shape[SHAPE_BYTES];
    if (!place) {
        youtu_fail(error, YOUTU_E_FORMAT, "%s: tensor \"%s\" is missing, expected with shape %s", FILE_NAME,
                   spec->name, weights_show_shape(spec->shape, spec->n_dims, shape));
        return NULL;
    }
    list->used[place - list->tensors] = true;
    return weights_check_shape(spec, *place, error) == YOUTU_OK ? *place : NULL;
}

static youtu_status refuse_others(const tensor_list *list, youtu_error *error) {
    char shape[SHAPE_BYTES];
    for (size_t i = 0; i < list->count; i++) {
        const tensor_view *t = list->tensors[i];
        if (!list->used[i])
            return youtu_fail(
                error, YOUTU_E_FORMAT,
                "%s: tensor \"%s\" of shape %s, expected none of this name in the adapter of this "
                "model that adapter_config.json describes",
                t->file, t->name, weights_show_shape(t->shape, t->n_dims, shape));
    }
    return YOUTU_OK;
}

/* ---- the terms */

/* A term's A [rank, n_in] and B [n_out, rank]. */
typedef struct term_tensors {
    const tensor_view *a, *b;
} term_tensors;

static tensor_spec factor_of(const module_name *module, const char *which, int32_t n_out, int32_t n_in) {
    tensor_spec spec = {.n_dims = 2, .shape = {n_out, n_in}};
    /* The longest name of a module, of kv_a_proj_with_mqa in layer 1023, has 46 bytes. */
    snprintf(spec.name, sizeof spec.name, PREFIX "%.60s.%s.weight", module->text, which);
    return spec;
}

/* A and B of a weight's term. */
static youtu_status find_pair(const tensor_list *list, const tensor_spec *weight, int32_t rank,
                              term_tensors *pair, youtu_error *error) {
    module_name module = lora_module_of(weight);
    tensor_spec a = factor_of(&module, "lora_A", rank, (int32_t)weight->shape[1]);
    tensor_spec b = factor_of(&module, "lora_B", (int32_t)weight->shape[0], rank);
    pair->a = find_tensor(list, &a, error);
    pair->b = pair->a ? find_tensor(list, &b, error) : NULL;
    if (!pair->b) return YOUTU_E_FORMAT;
    if (pair->a->type == pair->b->type) return YOUTU_OK;
    return youtu_fail(error, YOUTU_E_UNSUPPORTED, "%s: tensor \"%s\" is %s, expected %s, as lora_A is",
                      FILE_NAME, b.name, dtype_name(pair->b->type), dtype_name(pair->a->type));
}

/* An exponent of all ones: infinity or NaN. */
static bool is_finite(const unsigned char *value, dtype type) {
    uint32_t bits = 0;
    memcpy(&bits, value, dtype_bytes(type)); /* little endian, as the files are */
    uint32_t exponent = type == DTYPE_F32 ? 0x7F800000 : type == DTYPE_F16 ? 0x7C00 : 0x7F80;
    return (bits & exponent) != exponent;
}

/* Copies a tensor to `out`, transposed or not. */
static youtu_status copy_tensor(const tensor_view *tensor, bool transposed, unsigned char *out,
                                youtu_error *error) {
    size_t rows = (size_t)tensor->shape[0], columns = (size_t)tensor->shape[1],
           size = dtype_bytes(tensor->type);
    const unsigned char *value = tensor->data;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++, value += size) {
            if (!is_finite(value, tensor->type))
                return youtu_fail(
                    error, YOUTU_E_FORMAT,
                    "%s: tensor \"%s\" has infinity or NaN at [%zu, %zu], expected finite values",
                    tensor->file, tensor->name, i, j);
            memcpy(out + (transposed ? j * rows + i : i * columns + j) * size, value, size);
        }
    return YOUTU_OK;
}

static size_t aligned(size_t bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* A pair's values, from byte *at of the adapter's on. */
static youtu_status copy_pair(youtu_lora *lora, const term_tensors *pair, size_t *at, low_rank *added,
                              youtu_error *error) {
    unsigned char *a = lora->values + *at, *b = a + aligned(pair->a->bytes);
    *at += aligned(pair->a->bytes) + aligned(pair->b->bytes);
    added->type = pair->a->type;
    added->a = a;
    added->b = b;
    youtu_status status = copy_tensor(pair->a, false, a, error);
    if (status == YOUTU_OK) status = copy_tensor(pair->b, true, b, error);
    return status;
}

static size_t count_terms(const lora_config *config, const model_config *model) {
    size_t count = 0;
    int32_t rank;
    float factor;
    for (tensor_spec weight = {0}; weights_next(model, &weight);)
        count += lora_config_adapts(config, &weight, &rank, &factor);
    return count;
}

/* Terms without their values; pairs [count_terms] of tensors for these. */
static youtu_status find_terms(youtu_lora *lora, const lora_config *config, const tensor_list *list,
                               term_tensors *pairs, youtu_error *error) {
    for (tensor_spec weight = {0}; weights_next(&lora->model->config, &weight);) {
        lora_term term = {.layer = weight.layer, .offset = weight.offset};
        if (!lora_config_adapts(config, &weight, &term.added.rank, &term.added.scale)) continue;
        term_tensors *pair = &pairs[lora->n_terms];
        youtu_status status = find_pair(list, &weight, term.added.rank, pair, error);
        if (status != YOUTU_OK) return status;
        lora->terms[lora->n_terms++] = term;
        lora->bytes += aligned(pair->a->bytes) + aligned(pair->b->bytes);
        lora->n_parameters += (pair->a->bytes + pair->b->bytes) / dtype_bytes(pair->a->type);
        if (term.added.rank > lora->max_rank) lora->max_rank = term.added.rank;
    }
    return YOUTU_OK;
}

static youtu_status copy_values(youtu_lora *lora, const term_tensors *pairs, youtu_error *error) {
    lora->values = aligned_alloc(ALIGNMENT, lora->bytes ? lora->bytes : ALIGNMENT);
    if (!lora->values) return youtu_fail_memory(error, "an adapter's values", lora->bytes);
    size_t at = 0;
    for (size_t i = 0; i < lora->n_terms; i++) {
        youtu_status status = copy_pair(lora, &pairs[i], &at, &lora->terms[i].added, error);
        if (status != YOUTU_OK) return status;
    }
    return YOUTU_OK;
}

static youtu_status read_terms(youtu_lora *lora, const lora_config *config, const safetensors_file *file,
                               youtu_error *error) {
    size_t count = count_terms(config, &lora->model->config);
    tensor_list list = {0};
    term_tensors *pairs = array_new(count, sizeof *pairs);
    lora->terms = array_new(count, sizeof *lora->terms);
    if (!pairs || !lora->terms) {
        free(pairs);
        return youtu_fail_memory(error, "an adapter's terms", count * sizeof *lora->terms);
    }
    youtu_status status = list_tensors(file, &list, error);
    if (status == YOUTU_OK) status = find_terms(lora, config, &list, pairs, error);
    if (status == YOUTU_OK) status = refuse_others(&list, error);
    if (status == YOUTU_OK) status = copy_values(lora, pairs, error);
    free_list(&list);
    free(pairs);
    return status;
}

/* ---- opening */

static youtu_status read_adapter(youtu_lora *lora, const char *directory, youtu_error *error) {
    lora_config config;
    safetensors_file file = {0};
    youtu_status status = lora_config_read(directory, &lora->model->config, &config, error);
    if (status == YOUTU_OK) status = safetensors_open(directory, FILE_NAME, &file, error);
    if (status == YOUTU_OK) status = read_terms(lora, &config, &file, error);
    safetensors_close(&file);
    lora_config_free(&config);
    return status;
}

youtu_status youtu_lora_open(const youtu_model *model, const char *directory, youtu_lora **out,
                             youtu_error *error) {
    if (!model || !directory || !out)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_lora_open: model, directory or lora is NULL");
    if (!model->backend->is_adaptable)
        return youtu_fail(error, YOUTU_E_UNSUPPORTED,
                          "adapter %s: device %s applies no adapters; the CPU does", directory,
                          model->device_facts.label);
    youtu_lora *lora = calloc(1, sizeof *lora);
    if (!lora) return youtu_fail_memory(error, "an adapter", sizeof *lora);
    lora->model = model;
    lora->name = file_last_part(directory);
    youtu_status status = lora->name ? read_adapter(lora, directory, error)
                                     : youtu_fail_memory(error, "an adapter's name", strlen(directory));
    if (status == YOUTU_OK)
        *out = lora;
    else
        youtu_lora_close(lora);
    return status;
}

void youtu_lora_close(youtu_lora *lora) {
    if (!lora) return;
    free(lora->name);
    free(lora->terms);
    free(lora->values);
    free(lora);
}

void youtu_lora_get_info(const youtu_lora *lora, youtu_lora_info *out) {
    youtu_lora_info info = {
        .size = out->size,
        .name = lora->name,
        .n_maps = (int32_t)lora->n_terms,
        .max_rank = lora->max_rank,
        .n_parameters = lora->n_parameters,
        .bytes = lora->bytes,
    };
    memcpy(out, &info, out->size < sizeof info ? out->size : sizeof info);
}

/* ---- for a context */

youtu_status lora_layers(const youtu_lora *lora, float scale, layer_weights **out, youtu_error *error) {
    const youtu_model *model = lora->model;
    size_t count = (size_t)model->config.n_layers;
    layer_weights *layers = array_new(count, sizeof *layers);
    if (!layers) return youtu_fail_memory(error, "the list of adapted weights", count * sizeof *layers);
    memcpy(layers, model->weights.layers, count * sizeof *layers);
    for (size_t i = 0; i < lora->n_terms; i++) {
        const lora_term *term = &lora->terms[i];
        matrix *to = (matrix *)(void *)((char *)&layers[term->layer] + term->offset);
        to->added = term->added;
        to->added.scale *= scale;
    }
    *out = layers;
    return YOUTU_OK;
}
