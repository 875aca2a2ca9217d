/* The line of a JSON text that a value stands in, for messages. */
#ifndef CLINIC_JSON_LINE_H
#define CLINIC_JSON_LINE_H

#include "cli/clinic/text.h"

/* Where a value stands: by fields and indices from the top. */
struct json_path {
    struct json_step {
        const char *field;
        size_t index; /* within the field's array; JSON_NO_INDEX: the field itself */
    } steps[6];
    size_t depth;
};

#define JSON_NO_INDEX SIZE_MAX

/* The line, from 1, of the value that the path leads to, or of the last on the way to it that is there. text: valid
 * JSON. 0: memory refused. */
size_t json_line(struct span text, const struct json_path *path);

#endif
