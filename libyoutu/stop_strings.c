#include "stop_strings.h"

#include "array.h"
#include "error.h"

#include <string.h>

/* The length of the longest stop string at the end of the pending text, or 0. */
static size_t match_at_end(const stop_strings *stops) {
    size_t longest = 0, pending = stops->length - stops->taken;
    for (size_t i = 0; i < stops->count; i++) {
        size_t length = strlen(stops->strings[i]);
        if (length > longest && length <= pending &&
            memcmp(stops->text + stops->length - length, stops->strings[i], length) == 0)
            longest = length;
    }
    return longest;
}

/* Whether text[start..] is the beginning of a stop string. */
static bool may_become_match(const stop_strings *stops, size_t start) {
    size_t length = stops->length - start;
    for (size_t i = 0; i < stops->count; i++)
        if (strlen(stops->strings[i]) > length && memcmp(stops->text + start, stops->strings[i], length) == 0)
            return true;
    return false;
}

youtu_status stop_strings_push(stop_strings *stops, const char *piece, size_t length, youtu_error *error) {
    if (stops->found || length == 0) return YOUTU_OK;
    size_t pending = stops->length - stops->taken;
    void *text = stops->text;
    if (!array_reserve(&text, &stops->capacity, pending + length, 1))
        return youtu_fail_memory(error, "generated text", pending + length);
    stops->text = text;
    memmove(stops->text, stops->text + stops->taken, pending);
    stops->taken = 0;
    stops->length = pending;
    for (size_t i = 0; i < length && !stops->found; i++) {
        stops->text[stops->length++] = piece[i];
        size_t match = match_at_end(stops);
        stops->length -= match;
        stops->found = match > 0;
    }
    return YOUTU_OK;
}

void stop_strings_take(stop_strings *stops, bool ended, const char **out, size_t *length) {
    size_t start = stops->taken, end = stops->length;
    if (!ended && !stops->found)
        for (end = start; end < stops->length && !may_become_match(stops, end);) end++;
    stops->taken = end;
    *out = stops->text ? stops->text + start : "";
    *length = end - start;
}

void stop_strings_free(stop_strings *stops) {
    free(stops->text);
    *stops = (stop_strings){0};
}
