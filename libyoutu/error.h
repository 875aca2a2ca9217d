/* How the library reports failure: one sentence into the caller's youtu_error, its status as the return
 * value. */
#ifndef YOUTU_ERROR_H
#define YOUTU_ERROR_H

#include "youtu.h"

/* Fills *error (when not NULL) and returns status. Overlong sentences are cut at a whole UTF-8 character;
 * control characters from hostile files become '?', so that a message is always one line. */
youtu_status youtu_fail(youtu_error *error, youtu_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The sentence for refused memory: what it was for and how much. */
youtu_status youtu_fail_memory(youtu_error *error, const char *purpose, size_t bytes);

#endif
