/* A growing text. A refused allocation is remembered: append freely, look at `failed` once at the end. */
#ifndef CLINIC_BUFFER_H
#define CLINIC_BUFFER_H

#include "cli/clinic/text.h"

/* Zero-initialise; free with buffer_free. data is NULL while nothing was appended. */
struct buffer {
    char *data;
    size_t length, capacity;
    bool failed;
};

void buffer_free(struct buffer *buffer);
void buffer_append(struct buffer *buffer, const char *data, size_t length);
void buffer_put(struct buffer *buffer, const char *text);
void buffer_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline struct span buffer_span(const struct buffer *buffer) {
    return (struct span){buffer->length ? buffer->data : "", buffer->length};
}

#endif
