/* Options come from callers that may know fewer fields than this library: what their struct has replaces
 * defaults. */
#ifndef YOUTU_OPTIONS_H
#define YOUTU_OPTIONS_H

#include "error.h"

#include <string.h>

/* Copies the caller's struct over *options, which holds the defaults and is `size` bytes. Both begin with
 * their size; NULL means the defaults. Errors: ARGUMENT (a size of 0: not made by the _default function). */
static inline youtu_status options_take(void *options, size_t size, const void *given, const char *name,
                                        youtu_error *error) {
    if (!given) return YOUTU_OK;
    size_t given_size;
    memcpy(&given_size, given, sizeof given_size);
    if (given_size < sizeof given_size)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "%s.size is %zu; initialise it with %s_default()", name,
                          given_size, name);
    memcpy(options, given, given_size < size ? given_size : size);
    return YOUTU_OK;
}

#endif
