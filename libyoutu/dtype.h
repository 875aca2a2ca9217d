/* The types in which weights are stored. */
#ifndef YOUTU_DTYPE_H
#define YOUTU_DTYPE_H

#include <stddef.h>

typedef enum dtype { DTYPE_BF16, DTYPE_F16, DTYPE_F32 } dtype;

static inline size_t dtype_bytes(dtype type) {
    return type == DTYPE_F32 ? 4 : 2;
}

/* As youtu_model_info and the command line name them. */
static inline const char *dtype_name(dtype type) {
    switch (type) {
    case DTYPE_BF16: return "bf16";
    case DTYPE_F16: return "fp16";
    case DTYPE_F32: break;
    }
    return "fp32";
}

#endif
