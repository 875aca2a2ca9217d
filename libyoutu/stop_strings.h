/* Finds stop strings in streamed text, wherever the pieces are cut, and holds back what may be the beginning
 * of one. */
#ifndef YOUTU_STOP_STRINGS_H
#define YOUTU_STOP_STRINGS_H

#include "youtu.h"

typedef struct stop_strings {
    const char *const *strings; /* [count], NUL-terminated, not empty; the caller's */
    size_t count;
    char *text; /* what was taken last, then what is pending */
    size_t length;
    size_t capacity;
    size_t taken;
    bool found; /* a stop string was completed: text ends where it began */
} stop_strings;

/* Adds a piece; after a match nothing more is added. The match is the first stop string to be completed, of
 * several at once the longest: the same however the text is cut into pieces. Errors: MEMORY. */
youtu_status stop_strings_push(stop_strings *stops, const char *piece, size_t length, youtu_error *error);

/* The pending text that no stop string can take any more, or all of it when the text has ended. Valid until
 * the next push. */
void stop_strings_take(stop_strings *stops, bool ended, const char **out, size_t *length);

void stop_strings_free(stop_strings *stops);

#endif
