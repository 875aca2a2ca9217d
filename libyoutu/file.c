#include "file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"

const char *file_base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *file_last_part(const char *path) {
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') start--;
    return strndup(path + start, end - start);
}

char *file_join(const char *directory, const char *name) {
    size_t size = strlen(directory) + strlen(name) + 2;
    char *path = malloc(size);
    if (path) snprintf(path, size, "%s/%s", directory, name);
    return path;
}

youtu_status file_exists(const char *directory, const char *name, bool *exists, youtu_error *error) {
    char *path = file_join(directory, name);
    if (!path) return youtu_fail_memory(error, name, strlen(directory) + strlen(name) + 2);
    struct stat about; /* lstat: a link into nowhere is there, and opening it says what is wrong */
    *exists = lstat(path, &about) == 0;
    free(path);
    return YOUTU_OK;
}

/* What a thing that is not a regular file is, for the message. */
static const char *kind_of_file(mode_t mode) {
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a pipe";
    return "a device or socket";
}

youtu_status file_open(const char *path, int *fd, size_t *size, youtu_error *error) {
    int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (opened < 0) return youtu_fail(error, YOUTU_E_IO, "%s: cannot be opened: %m", path);
    struct stat about;
    youtu_status status = YOUTU_OK;
    if (fstat(opened, &about) != 0)
        status = youtu_fail(error, YOUTU_E_IO, "%s: cannot be examined: %m", path);
    else if (!S_ISREG(about.st_mode))
        status =
            youtu_fail(error, YOUTU_E_IO, "%s: is %s, expected a file", path, kind_of_file(about.st_mode));
    if (status != YOUTU_OK) {
        close(opened);
        return status;
    }
    *fd = opened;
    *size = (size_t)about.st_size;
    return YOUTU_OK;
}
