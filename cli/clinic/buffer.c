#include "cli/clinic/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_free(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){0};
}

/* Room for `more` bytes beyond the length. */
static bool reserve(struct buffer *buffer, size_t more) {
    if (buffer->failed) return false;
    size_t needed;
    if (__builtin_add_overflow(buffer->length, more, &needed)) return buffer->failed = true, false;
    if (needed <= buffer->capacity) return true;
    size_t capacity = buffer->capacity ? buffer->capacity : 256;
    while (capacity < needed) capacity = capacity > SIZE_MAX / 2 ? needed : 2 * capacity;
    char *moved = realloc(buffer->data, capacity);
    if (!moved) return buffer->failed = true, false;
    buffer->data = moved;
    buffer->capacity = capacity;
    return true;
}

void buffer_append(struct buffer *buffer, const char *data, size_t length) {
    if (length == 0 || !reserve(buffer, length)) return;
    memcpy(buffer->data + buffer->length, data, length);
    buffer->length += length;
}

void buffer_put(struct buffer *buffer, const char *text) {
    buffer_append(buffer, text, strlen(text));
}

void buffer_format(struct buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0 || !reserve(buffer, (size_t)length + 1)) {
        buffer->failed = true;
        return;
    }
    va_start(arguments, format);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
}
