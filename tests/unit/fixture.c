#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fixture_setup(void **state) {
    fixture *f = malloc(sizeof *f);
    if (!f) return -1;
    const char *base = getenv("TMPDIR");
    int length = snprintf(f->directory, sizeof f->directory, "%s/youtu-test-XXXXXX", base ? base : "/tmp");
    if (length < 0 || (size_t)length >= sizeof f->directory || !mkdtemp(f->directory)) {
        free(f);
        return -1;
    }
    *state = f;
    return 0;
}

int fixture_teardown(void **state) {
    fixture *f = *state;
    fixture_clear(f);
    int result = rmdir(f->directory);
    free(f);
    return result;
}

const char *fixture_path(const fixture *f, const char *name) {
    static char path[512];
    int length = snprintf(path, sizeof path, "%s/%s", f->directory, name);
    assert_in_range(length, 1, sizeof path - 1);
    return path;
}

void fixture_clear(const fixture *f) {
    DIR *entries = opendir(f->directory);
    assert_non_null(entries);
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        const char *path = fixture_path(f, entry->d_name);
        if (unlink(path) != 0) assert_int_equal(rmdir(path), 0);
    }
    closedir(entries);
}

static FILE *create(const fixture *f, const char *name) {
    FILE *file = fopen(fixture_path(f, name), "wb");
    assert_non_null(file);
    return file;
}

static void put(FILE *file, const void *bytes, size_t length) {
    if (length > 0) assert_int_equal(fwrite(bytes, 1, length, file), length);
}

void fixture_write(const fixture *f, const char *name, const void *bytes, size_t length) {
    FILE *file = create(f, name);
    put(file, bytes, length);
    assert_int_equal(fclose(file), 0);
}

void fixture_write_text(const fixture *f, const char *name, const char *text) {
    fixture_write(f, name, text, strlen(text));
}

void fixture_write_safetensors(const fixture *f, const char *name, const char *header, size_t data_bytes) {
    FILE *file = create(f, name);
    uint64_t length = strlen(header);
    for (int i = 0; i < 8; i++) assert_int_not_equal(fputc((int)(length >> 8 * i & 0xFF), file), EOF);
    put(file, header, strlen(header));
    for (size_t i = 0; i < data_bytes; i++) assert_int_not_equal(fputc((int)(i % 251), file), EOF);
    assert_int_equal(fclose(file), 0);
}

void expect_failure(const fixture *f, youtu_status status, const youtu_error *error, youtu_status expected,
                    const char *message) {
    const char *found = error->message;
    if (*message == '@') {
        size_t length = strlen(f->directory);
        assert_memory_equal(found, f->directory, length);
        found += length;
        message++;
    }
    assert_string_equal(found, message);
    assert_string_equal(youtu_status_name(status), youtu_status_name(expected));
    assert_int_equal(error->status, expected);
}

void expect_success(youtu_status status, const youtu_error *error) {
    if (status != YOUTU_OK) fail_msg("%s", error->message);
}
