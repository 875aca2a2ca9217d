#include "tests/golden/golden_file.h"

#include "libyoutu/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The file: uint64 little-endian length of a JSON header, the header, the tensors' data. */
struct golden_file {
    char *path;
    char *bytes;
    const char *data;
    size_t data_bytes;
    json header;
};

static size_t read_whole(const char *path, char **bytes) {
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s: cannot be opened (tests run in the root of the tree)", path);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    assert_true(size > 8);
    rewind(file);
    *bytes = malloc((size_t)size);
    assert_non_null(*bytes);
    assert_int_equal(fread(*bytes, 1, (size_t)size, file), size);
    fclose(file);
    return (size_t)size;
}

golden_file *golden_open(const char *path) {
    golden_file *golden = calloc(1, sizeof *golden);
    assert_non_null(golden);
    golden->path = strdup(path);
    assert_non_null(golden->path);
    size_t size = read_whole(path, &golden->bytes);
    uint64_t header_bytes;
    memcpy(&header_bytes, golden->bytes, sizeof header_bytes);
    assert_true(header_bytes <= size - 8 && header_bytes % 4 == 0);
    golden->data = golden->bytes + 8 + header_bytes;
    golden->data_bytes = size - 8 - header_bytes;
    youtu_error error;
    if (json_parse(path, golden->bytes + 8, header_bytes, &golden->header, &error) != YOUTU_OK)
        fail_msg("%s", error.message);
    return golden;
}

void golden_close(golden_file *golden) {
    json_free(&golden->header);
    free(golden->bytes);
    free(golden->path);
    free(golden);
}

/* The integers of an array member; *count of them, at most 2. */
static void read_pair(const json *header, json_node tensor, const char *key, int64_t pair[2], int *count) {
    *count = 0;
    json_node array = json_get(header, tensor, key);
    assert_int_not_equal(array, JSON_NONE);
    for (json_node n = json_first(header, array); n != JSON_NONE; n = json_next(header, array, n)) {
        assert_true(*count < 2);
        assert_int_equal(json_to_int(header, n, key, 0, INT32_MAX, &pair[(*count)++], NULL), YOUTU_OK);
    }
}

static const void *find_tensor(const golden_file *golden, const char *name, const char *type,
                               int64_t shape[2]) {
    const json *header = &golden->header;
    json_node tensor = json_get(header, 0, name);
    if (tensor == JSON_NONE) fail_msg("%s: no tensor \"%s\"", golden->path, name);
    if (!json_equals(header, json_get(header, tensor, "dtype"), type))
        fail_msg("%s: tensor \"%s\" is not %s", golden->path, name, type);
    int64_t span[2];
    int n_dims, n_offsets;
    shape[1] = 1;
    read_pair(header, tensor, "shape", shape, &n_dims);
    read_pair(header, tensor, "data_offsets", span, &n_offsets);
    assert_true(n_dims >= 1 && n_offsets == 2);
    assert_int_equal(span[1] - span[0], shape[0] * shape[1] * 4);
    assert_true((size_t)span[1] <= golden->data_bytes && span[0] % 4 == 0);
    return golden->data + span[0];
}

const int32_t *golden_i32(const golden_file *golden, const char *name, int64_t shape[2]) {
    return find_tensor(golden, name, "I32", shape);
}

const float *golden_f32(const golden_file *golden, const char *name, int64_t shape[2]) {
    return find_tensor(golden, name, "F32", shape);
}
