#include "cli/clinic/json_writing.h"

#include <math.h>
#include <stdlib.h>

void put_value(struct json_writing *out, json_t *object, const char *key, json_t *value) {
    if (!value || json_object_set_new(object, key, value) != 0) out->failed = true;
}

void push_value(struct json_writing *out, json_t *array, json_t *value) {
    if (!value || json_array_append_new(array, value) != 0) out->failed = true;
}

json_t *span_value(struct span text) {
    return json_stringn(text.data, text.length);
}

json_t *text_value(const char *text) {
    return span_value(span_of(text));
}

json_t *rounded_value(double value, double parts) {
    return json_real(round(value * parts) / parts);
}

bool json_write(const struct json_writing *writing, json_t *document, struct buffer *out) {
    /* 12 digits show no trace of how a rounded number is stored. */
    char *text =
        writing->failed || !document ? NULL : json_dumps(document, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
    json_decref(document);
    if (!text) return false;
    buffer_put(out, text);
    buffer_put(out, "\n");
    free(text);
    return !out->failed;
}
