/* Memory with one lifetime: everything that a report or a knowledge base owns, freed at once. */
#ifndef CLINIC_ARENA_H
#define CLINIC_ARENA_H

#include "cli/clinic/text.h"

struct arena_block;

/* Zero-initialise; free with arena_free. Not for more than one thread at a time. */
struct arena {
    struct arena_block *newest;
};

void arena_free(struct arena *arena);

/* `bytes` zeroed bytes, aligned for any type; NULL when memory is refused. */
void *arena_new(struct arena *arena, size_t bytes);

/* A NUL-terminated copy; NULL when memory is refused. */
char *arena_copy(struct arena *arena, struct span text);
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for one more element behind the `count` that `items` holds (NULL for 0): returns the array, moved
 * when count is 0 or a power of two, or NULL when memory is refused. An array grown by this alone needs no
 * capacity field. The new element is zeroed. */
void *arena_grow(struct arena *arena, void *items, size_t count, size_t item_size);

/* A list of texts, owned by an arena; zero-initialise. */
struct strings {
    const char **items;
    size_t count;
};

/* Appends a text that lives at least as long, unless an equal one is there. false: memory refused. */
bool strings_add(struct strings *strings, struct arena *arena, const char *text);

#endif
