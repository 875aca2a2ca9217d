/* Opening a regular file for reading. */
#ifndef YOUTU_FILE_H
#define YOUTU_FILE_H

#include "youtu.h"

/* The part after the last '/'. */
const char *file_base_name(const char *path);

/* The last part of a directory's path, without trailing slashes, allocated; NULL when memory is refused. */
char *file_last_part(const char *path);

/* "DIRECTORY/NAME", allocated; NULL when memory is refused. */
char *file_join(const char *directory, const char *name);

/* Whether DIRECTORY has an entry NAME, of any kind. Errors: MEMORY. */
youtu_status file_exists(const char *directory, const char *name, bool *exists, youtu_error *error);

/* Opens a regular file read-only; never blocks on a FIFO. *fd: close() it. Errors: IO (cannot be opened; a
 * directory, FIFO or device), naming the path. */
youtu_status file_open(const char *path, int *fd, size_t *size, youtu_error *error);

#endif
