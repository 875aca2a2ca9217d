/* Where a report goes: standard output as it comes, or a file that is written whole or not at all. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "cli/clinic/buffer.h"

struct output {
    const char *path;    /* NULL: standard output */
    struct buffer whole; /* what the file will hold */
};

/* Writes all of the text; name: for messages. */
bool descriptor_write(int descriptor, struct span text, const char *name, struct failure *failure);

/* Refuses a file that could not be put in place, before the work for it is done. path: or NULL. */
bool output_check(const char *path, struct failure *failure);

/* path: a file's, or NULL for standard output; it must outlive the output. Free with output_free. */
void output_open(struct output *output, const char *path);

/* Writes now (standard output) or keeps for output_finish (a file). */
bool output_write(struct output *output, struct span text, struct failure *failure);

/* Puts the file in place: a temporary one beside it, synced, then renamed. What is no regular file is written
 * to directly. */
bool output_finish(struct output *output, struct failure *failure);

void output_free(struct output *output);

#endif
