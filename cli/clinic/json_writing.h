/* Writing JSON: every call of jansson may fail for want of memory, so each value goes through put_value or
 * push_value, which take it over and remember a failure. */
#ifndef CLINIC_JSON_WRITING_H
#define CLINIC_JSON_WRITING_H

#include "cli/clinic/buffer.h"

#include <jansson.h>

/* Zero-initialise. */
struct json_writing {
    bool failed;
};

/* value: NULL counts as refused memory, of an object or array too. */
void put_value(struct json_writing *out, json_t *object, const char *key, json_t *value);
void push_value(struct json_writing *out, json_t *array, json_t *value);

/* What UTF-8 a text holds. */
json_t *span_value(struct span text);
json_t *text_value(const char *text);

/* A multiple of 1/parts: rounded_value(0.71234, 1000) is 0.712. */
json_t *rounded_value(double value, double parts);

/* Appends the document with a line end and lets go of it. false: memory refused, now or at any value. */
bool json_write(const struct json_writing *writing, json_t *document, struct buffer *out);

#endif
