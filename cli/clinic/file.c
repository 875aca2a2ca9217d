#include "cli/clinic/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool stream_read(int descriptor, const char *name, size_t limit_bytes, enum exit_status status,
                 struct buffer *text, struct failure *failure) {
    char block[65536];
    for (;;) {
        ssize_t got = read(descriptor, block, sizeof block);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(failure, status, "%s:不能读取:%s", name, strerror(errno));
        if (got == 0) return true;
        buffer_append(text, block, (size_t)got);
        if (text->failed) return fail_memory(failure);
        if (text->length > limit_bytes)
            return fail(failure, status, "%s:超过上限 %zu 字节", name, limit_bytes);
    }
}

bool file_read(const char *path, size_t limit_bytes, enum exit_status status, struct arena *arena,
               struct span *text, struct failure *failure) {
    struct buffer content = {0};
    bool done = false;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return fail(failure, status, "%s:不能打开:%s", path, strerror(errno));
    if (!stream_read(descriptor, path, limit_bytes, status, &content, failure)) goto cleanup;
    char *copy = arena_copy(arena, buffer_span(&content));
    if (!copy) {
        fail_memory(failure);
        goto cleanup;
    }
    *text = (struct span){copy, content.length};
    done = true;
cleanup:
    buffer_free(&content);
    close(descriptor);
    return done;
}
