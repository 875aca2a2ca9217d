/* adapter_config.json of a PEFT adapter: which maps of a model it adapts, with what rank and factor. */
#ifndef YOUTU_LORA_CONFIG_H
#define YOUTU_LORA_CONFIG_H

#include "config.h"
#include "json.h"
#include "weights.h"

/* Trained adapters have ranks up to some hundred. */
#define LORA_MAX_RANK 1024

typedef struct lora_config {
    json document;
    bool rslora; /* the factor is alpha / sqrt(rank), not alpha / rank: arXiv 2312.03732 */
    int64_t rank;
    double alpha;
} lora_config;

/* Reads DIRECTORY/adapter_config.json, for an adapter of a model. Whatever would change the computation and
 * is not known here is refused by name and value. Free *config also after a failure. Errors: IO, FORMAT,
 * UNSUPPORTED, MEMORY. */
youtu_status lora_config_read(const char *directory, const model_config *model, lora_config *config,
                              youtu_error *error);
void lora_config_free(lora_config *config); /* accepts a zeroed struct */

/* Whether the adapter has a term for the matrix of a weight; with which rank and factor. */
bool lora_config_adapts(const lora_config *config, const tensor_spec *weight, int32_t *rank, float *factor);

/* The name of the module that holds a weight: the weight's without ".weight". */
typedef struct module_name {
    char text[sizeof((tensor_spec *)0)->name];
} module_name;
module_name lora_module_of(const tensor_spec *weight);

#endif
