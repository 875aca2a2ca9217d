/* Allocation of arrays with checked sizes. Freed with free(). */
#ifndef YOUTU_ARRAY_H
#define YOUTU_ARRAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* *product = a * b; false when it does not fit. */
static inline bool size_multiply(size_t a, size_t b, size_t *product) {
    return !__builtin_mul_overflow(a, b, product);
}

/* count elements of `size` bytes, zeroed; NULL when refused or when the product overflows. Never NULL for
 * count 0. */
static inline void *array_new(size_t count, size_t size) {
    return calloc(count ? count : 1, size);
}

/* Grows *array (capacity *capacity elements of `size` bytes) to hold at least `needed`, doubling; false when
 * refused, with everything as before. */
static inline bool array_reserve(void **array, size_t *capacity, size_t needed, size_t size) {
    if (needed <= *capacity) return true;
    size_t grown = *capacity < 16 ? 16 : *capacity;
    while (grown < needed)
        if (!size_multiply(grown, 2, &grown)) return false;
    size_t bytes;
    if (!size_multiply(grown, size, &bytes)) return false;
    void *moved = realloc(*array, bytes);
    if (!moved) return false;
    *array = moved;
    *capacity = grown;
    return true;
}

#endif
