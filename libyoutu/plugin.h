/* libyoutu_cuda.so: the CUDA backend, in a library of its own that is opened when a CUDA device is asked for,
 * so that libyoutu and its programs run on machines without CUDA.
 *
 * The plugin exports youtu_cuda_plugin and nothing else, and takes nothing from the program that opens it: it
 * carries its own copy of what it needs of libyoutu (error.c, rope.c). Both sides share backend.h, which changes
 * freely from version to version; so a plugin is taken only when its version and the size of its table are
 * the library's. */
#ifndef YOUTU_PLUGIN_H
#define YOUTU_PLUGIN_H

#include "backend.h"

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)
/* "major.minor.patch" */
#define VERSION_TEXT \
    TEXT_OF(YOUTU_VERSION_MAJOR) "." TEXT_OF(YOUTU_VERSION_MINOR) "." TEXT_OF(YOUTU_VERSION_PATCH)

#define CUDA_PLUGIN_FILE "libyoutu_cuda.so"

typedef struct youtu_plugin {
    const char *version; /* VERSION_TEXT of its build */
    size_t backend_size; /* sizeof(backend) of its build */
    const backend *table;
} youtu_plugin;

/* What the plugin exports. Static storage; touches no device. */
YOUTU_API const youtu_plugin *youtu_cuda_plugin(void);

/* The CUDA backend: CUDA_PLUGIN_FILE beside the library (beside the program when the library is linked into
 * it), else where the loader looks for libraries. A plugin once taken stays loaded until the process ends.
 * Any thread. Errors: DEVICE (there is none, or it is another build's: file, found, expected), MEMORY. */
youtu_status plugin_load(const backend **out, youtu_error *error);

/* The same from a file: a path, or a name that the loader looks for. */
youtu_status plugin_open(const char *file, const backend **out, youtu_error *error);

#endif
