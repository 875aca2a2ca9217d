/* Stands between the program and the C library: counts the calls that can fail and makes chosen ones fail.
 * Linked into a program, its definitions come before the C library's for every shared library too, PCRE2
 * among them. The OpenMP runtime's allocations are let through: it ends the process when memory is refused.
 */
#ifndef FAILING_CALLS_H
#define FAILING_CALLS_H

#include <stdbool.h>

typedef enum call_family {
    CALLS_MEMORY, /* malloc, calloc, realloc, aligned_alloc, posix_memalign */
    CALLS_FILES   /* open, fstat, read, mmap */
} call_family;

/* From now on call number `first` (1 = the next) of a family fails, and with all_after every one after it. */
void fail_calls(call_family family, long first, bool all_after);

/* Ends that; returns how many calls failed. */
long stop_failing(void);

typedef struct held_resources {
    long blocks, mappings, files;
} held_resources;

/* What is held now. */
held_resources count_held(void);

#endif
