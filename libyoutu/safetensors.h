/* A checkpoint's tensors: named, bounds-checked views of the mapped files, one file or shards with their
 * index. Format: https://github.com/huggingface/safetensors. */
#ifndef YOUTU_SAFETENSORS_H
#define YOUTU_SAFETENSORS_H

#include "dtype.h"
#include "youtu.h"

#define TENSOR_MAX_DIMS 4

typedef struct tensor_view {
    char *name;
    const char *file; /* base name of the file that holds it, for messages */
    dtype type;
    int32_t n_dims; /* 0: a scalar */
    int64_t shape[TENSOR_MAX_DIMS];
    const void *data; /* in the mapping; aligned to 1 byte only */
    size_t bytes;
} tensor_view;

/* ---- one file (safetensors.c) */

typedef struct safetensors_file {
    char *name;    /* base name */
    void *mapping; /* [size], read-only; NULL when nothing is mapped */
    size_t size;
    tensor_view *tensors; /* [n_tensors], in the order of their data */
    size_t n_tensors;
} safetensors_file;

/* Maps DIRECTORY/NAME. Checked: header length against the file and the format's bound of 100 MB; JSON; dtype
 * (BF16, F16, F32); shapes (at most TENSOR_MAX_DIMS, products without overflow); offsets inside the file,
 * agreeing with dtype x shape, not overlapping and without holes. Errors: IO, FORMAT, UNSUPPORTED, MEMORY. */
youtu_status safetensors_open(const char *directory, const char *name, safetensors_file *out,
                              youtu_error *error);
void safetensors_close(safetensors_file *file); /* accepts a zeroed struct */

/* ---- all of a model's files (checkpoint.c) */

typedef struct checkpoint checkpoint;

/* Maps DIRECTORY/model.safetensors; where there is none, the shards that
 * DIRECTORY/model.safetensors.index.json names. Besides each file's checks: a shard lies in the directory
 * itself; a tensor's name only once over all shards; every name of the index in the shard that it gives, and
 * no other. Errors: IO, FORMAT, UNSUPPORTED, MEMORY. */
youtu_status checkpoint_open(const char *directory, checkpoint **out, youtu_error *error);
void checkpoint_close(checkpoint *files); /* accepts NULL */

/* NULL when there is no such tensor. */
const tensor_view *checkpoint_find(const checkpoint *files, const char *name);

/* All tensors [*count], sorted by name. */
const tensor_view *checkpoint_tensors(const checkpoint *files, size_t *count);

/* The file that lists them, for messages: "model.safetensors" or "model.safetensors.index.json". */
const char *checkpoint_name(const checkpoint *files);

#endif
