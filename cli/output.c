#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void output_free(struct output *output) {
    buffer_free(&output->whole);
}

static bool refuse(const char *name, const char *doing, struct failure *failure) {
    return fail(failure, STATUS_INTERNAL, "%s:%s:%s", name, doing, strerror(errno));
}

void output_open(struct output *output, const char *path) {
    *output = (struct output){.path = path};
}

bool output_check(const char *path, struct failure *failure) {
    struct stat status;
    if (!path) return true;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        if (!S_ISDIR(status.st_mode)) return access(path, W_OK) == 0 || refuse(path, "不能写入", failure);
        errno = EISDIR;
        return refuse(path, "不能写入", failure);
    }
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    if (!folder) return fail_memory(failure);
    bool right = access(folder, W_OK | X_OK) == 0 || refuse(path, "不能创建", failure);
    free(folder);
    return right;
}

bool descriptor_write(int descriptor, struct span text, const char *name, struct failure *failure) {
    for (size_t done = 0; done < text.length;) {
        ssize_t written = write(descriptor, text.data + done, text.length - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return refuse(name, "不能写入", failure);
        done += (size_t)written;
    }
    return true;
}

bool output_write(struct output *output, struct span text, struct failure *failure) {
    if (!output->path) return descriptor_write(STDOUT_FILENO, text, "标准输出", failure);
    buffer_append(&output->whole, text.data, text.length);
    return !output->whole.failed || fail_memory(failure);
}

static bool write_directly(const struct output *output, struct failure *failure) {
    int descriptor = open(output->path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return refuse(output->path, "不能打开", failure);
    bool written = descriptor_write(descriptor, buffer_span(&output->whole), output->path, failure);
    if (close(descriptor) != 0 && written) written = refuse(output->path, "不能写入", failure);
    return written;
}

static bool fill_file(const struct output *output, const char *path, struct failure *failure) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0) return refuse(output->path, "不能创建", failure);
    bool written = descriptor_write(descriptor, buffer_span(&output->whole), output->path, failure);
    if (written && fsync(descriptor) != 0) written = refuse(output->path, "不能写入", failure);
    if (close(descriptor) != 0 && written) written = refuse(output->path, "不能写入", failure);
    if (!written) unlink(path);
    return written;
}

bool output_finish(struct output *output, struct failure *failure) {
    if (!output->path) return true;
    struct stat status;
    if (stat(output->path, &status) == 0 && !S_ISREG(status.st_mode)) return write_directly(output, failure);
    char *temporary;
    if (asprintf(&temporary, "%s.%ld.tmp", output->path, (long)getpid()) < 0) return fail_memory(failure);
    bool placed = fill_file(output, temporary, failure);
    if (placed && rename(temporary, output->path) != 0) {
        placed = refuse(output->path, "不能替换", failure);
        unlink(temporary);
    }
    free(temporary);
    return placed;
}
