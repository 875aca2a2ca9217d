#include "cli/clinic/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16 * 1024 };

struct arena_block {
    struct arena_block *older;
    size_t used, size;
    _Alignas(max_align_t) char bytes[];
};

void arena_free(struct arena *arena) {
    while (arena->newest) {
        struct arena_block *older = arena->newest->older;
        free(arena->newest);
        arena->newest = older;
    }
}

void *arena_new(struct arena *arena, size_t bytes) {
    const size_t alignment = _Alignof(max_align_t);
    if (bytes > SIZE_MAX / 2) return NULL;
    bytes = (bytes + alignment - 1) / alignment * alignment;
    struct arena_block *block = arena->newest;
    if (!block || block->size - block->used < bytes) {
        size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        block = calloc(1, sizeof *block + size);
        if (!block) return NULL;
        block->size = size;
        block->older = arena->newest;
        arena->newest = block;
    }
    void *start = block->bytes + block->used;
    block->used += bytes;
    return start;
}

char *arena_copy(struct arena *arena, struct span text) {
    char *copy = arena_new(arena, text.length + 1);
    if (copy && text.length) memcpy(copy, text.data, text.length);
    return copy;
}

char *arena_format(struct arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) return NULL;
    char *text = arena_new(arena, (size_t)length + 1);
    if (!text) return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

void *arena_grow(struct arena *arena, void *items, size_t count, size_t item_size) {
    if (count & (count - 1)) return items;
    size_t capacity = count ? 2 * count : 1, bytes;
    if (__builtin_mul_overflow(capacity, item_size, &bytes)) return NULL;
    void *moved = arena_new(arena, bytes);
    if (moved && count) memcpy(moved, items, count * item_size);
    return moved;
}

bool strings_add(struct strings *strings, struct arena *arena, const char *text) {
    for (size_t i = 0; i < strings->count; i++)
        if (strcmp(strings->items[i], text) == 0) return true;
    const char **items = arena_grow(arena, strings->items, strings->count, sizeof *items);
    if (!items) return false;
    items[strings->count++] = text;
    strings->items = items;
    return true;
}
