/* Whole files and streams into memory. */
#ifndef CLINIC_FILE_H
#define CLINIC_FILE_H

#include "cli/clinic/arena.h"
#include "cli/clinic/buffer.h"

/* Reads a file of at most limit_bytes into the arena. A failure has the given status. */
bool file_read(const char *path, size_t limit_bytes, enum exit_status status, struct arena *arena,
               struct span *text, struct failure *failure);

/* Reads a stream to its end; refused as soon as it has more than limit_bytes. name: for messages. */
bool stream_read(int descriptor, const char *name, size_t limit_bytes, enum exit_status status,
                 struct buffer *text, struct failure *failure);

#endif
