/* A safetensors file: 8 bytes header length N, little endian; N bytes JSON, {"NAME": {"dtype", "shape",
 * "data_offsets": [begin, end]}, ..., "__metadata__": {...}}; then the data that the offsets count in. */
#include "safetensors.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "array.h"
#include "error.h"
#include "file.h"
#include "json.h"

#define LENGTH_BYTES 8
#define MAX_HEADER_BYTES 100000000

static youtu_status map_file(const char *path, safetensors_file *file, youtu_error *error) {
    int fd;
    youtu_status status = file_open(path, &fd, &file->size, error);
    if (status != YOUTU_OK) return status;
    void *mapping = MAP_FAILED;
    if (file->size < LENGTH_BYTES + 2)
        status = youtu_fail(error, YOUTU_E_FORMAT, "%s: is %zu bytes, expected a safetensors header", path,
                            file->size);
    else
        mapping = mmap(NULL, file->size, PROT_READ, MAP_SHARED, fd, 0);
    if (status == YOUTU_OK && mapping == MAP_FAILED)
        status = youtu_fail(error, YOUTU_E_IO, "%s: %zu bytes cannot be mapped: %m", path, file->size);
    close(fd);
    if (status == YOUTU_OK) file->mapping = mapping;
    return status;
}

static youtu_status header_length(const safetensors_file *file, size_t *length, youtu_error *error) {
    const unsigned char *bytes = file->mapping;
    uint64_t found = 0;
    for (int i = LENGTH_BYTES; i-- > 0;) found = found << 8 | bytes[i];
    uint64_t most = file->size - LENGTH_BYTES;
    if (most > MAX_HEADER_BYTES) most = MAX_HEADER_BYTES;
    if (found < 2 || found > most)
        return youtu_fail(error, YOUTU_E_FORMAT,
                          "%s: header length is %llu bytes, expected 2 to %llu in a file of %zu bytes",
                          file->name, (unsigned long long)found, (unsigned long long)most, file->size);
    if (bytes[LENGTH_BYTES] != '{')
        return youtu_fail(error, YOUTU_E_FORMAT, "%s: header begins with byte 0x%02X, expected '{'",
                          file->name, bytes[LENGTH_BYTES]);
    *length = (size_t)found;
    return YOUTU_OK;
}

static youtu_status check_metadata(const json *header, json_node metadata, youtu_error *error) {
    if (json_kind_of(header, metadata) != JSON_OBJECT)
        return json_refuse(header, metadata, YOUTU_E_FORMAT, "an object of strings", error);
    for (json_node key = json_first(header, metadata); key != JSON_NONE;
         key = json_next(header, metadata, key)) {
        json_node value = json_value(header, key);
        if (json_kind_of(header, value) != JSON_STRING)
            return json_refuse(header, value, YOUTU_E_FORMAT, "a string", error);
    }
    return YOUTU_OK;
}

static youtu_status read_dtype(const json *header, json_node entry, tensor_view *tensor, youtu_error *error) {
    static const struct {
        const char *name;
        dtype type;
    } known[] = {{"BF16", DTYPE_BF16}, {"F16", DTYPE_F16}, {"F32", DTYPE_F32}};
    static const char expected[] = "\"BF16\", \"F16\" or \"F32\"";
    json_node node = json_get(header, entry, "dtype");
    if (node == JSON_NONE) return json_missing(header, entry, "dtype", expected, error);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!json_equals(header, node, known[i].name)) continue;
        tensor->type = known[i].type;
        return YOUTU_OK;
    }
    return json_refuse(header, node, YOUTU_E_UNSUPPORTED, expected, error);
}

/* The shape, and from it the bytes. */
static youtu_status read_shape(const json *header, json_node entry, tensor_view *tensor, youtu_error *error) {
    static const char expected[] = "an array of at most 4 sizes";
    json_node shape = json_get(header, entry, "shape");
    if (shape == JSON_NONE) return json_missing(header, entry, "shape", expected, error);
    if (json_kind_of(header, shape) != JSON_ARRAY || json_count(header, shape) > TENSOR_MAX_DIMS)
        return json_refuse(header, shape, YOUTU_E_FORMAT, expected, error);
    size_t bytes = dtype_bytes(tensor->type);
    for (json_node n = json_first(header, shape); n != JSON_NONE; n = json_next(header, shape, n)) {
        int64_t *size = &tensor->shape[tensor->n_dims++];
        youtu_status status = json_to_int(header, n, NULL, 0, INT64_MAX, size, error);
        if (status != YOUTU_OK) return status;
        if ((uint64_t)*size > SIZE_MAX || !size_multiply(bytes, (size_t)*size, &bytes))
            return json_refuse(header, shape, YOUTU_E_FORMAT, "sizes whose product fits 64 bits", error);
    }
    tensor->bytes = bytes;
    return YOUTU_OK;
}

static youtu_status read_offsets(const json *header, json_node entry, const char *data, size_t data_bytes,
                                 tensor_view *tensor, youtu_error *error) {
    json_node offsets = json_get(header, entry, "data_offsets");
    if (offsets == JSON_NONE) return json_missing(header, entry, "data_offsets", "[begin, end]", error);
    if (json_kind_of(header, offsets) != JSON_ARRAY || json_count(header, offsets) != 2)
        return json_refuse(header, offsets, YOUTU_E_FORMAT, "[begin, end]", error);
    json_node first = json_first(header, offsets);
    int64_t begin = 0, end = 0;
    youtu_status status = json_to_int(header, first, NULL, 0, INT64_MAX, &begin, error);
    if (status == YOUTU_OK)
        status = json_to_int(header, json_next(header, offsets, first), NULL, begin, INT64_MAX, &end, error);
    if (status != YOUTU_OK) return status;
    if ((uint64_t)end > data_bytes)
        return youtu_fail(error, YOUTU_E_FORMAT,
                          "%s: tensor \"%s\" ends at byte %lld of the data, the file has %zu: truncated",
                          header->name, tensor->name, (long long)end, data_bytes);
    if ((uint64_t)(end - begin) != tensor->bytes)
        return youtu_fail(error, YOUTU_E_FORMAT,
                          "%s: tensor \"%s\" has %lld bytes of data, expected %zu for its dtype and shape",
                          header->name, tensor->name, (long long)(end - begin), tensor->bytes);
    tensor->data = data + begin;
    return YOUTU_OK;
}

static youtu_status read_tensor(const json *header, json_node key, const char *data, size_t data_bytes,
                                tensor_view *tensor, youtu_error *error) {
    json_node entry = json_value(header, key);
    if (json_kind_of(header, entry) != JSON_OBJECT)
        return json_refuse(header, entry, YOUTU_E_FORMAT, "an object", error);
    size_t length;
    youtu_status status = json_unescape(header, key, &tensor->name, &length, error);
    if (status == YOUTU_OK && strlen(tensor->name) != length)
        status = youtu_fail(error, YOUTU_E_FORMAT, "%s: tensor %.*s has a NUL in its name", header->name,
                            JSON_SHOW(header, key));
    if (status == YOUTU_OK) status = read_dtype(header, entry, tensor, error);
    if (status == YOUTU_OK) status = read_shape(header, entry, tensor, error);
    if (status == YOUTU_OK) status = read_offsets(header, entry, data, data_bytes, tensor, error);
    return status;
}

static youtu_status read_tensors(safetensors_file *file, const json *header, const char *data,
                                 size_t data_bytes, youtu_error *error) {
    size_t count = (size_t)json_count(header, 0);
    file->tensors = array_new(count, sizeof *file->tensors);
    if (!file->tensors) return youtu_fail_memory(error, file->name, count * sizeof *file->tensors);
    youtu_status status = YOUTU_OK;
    for (json_node key = json_first(header, 0); key != JSON_NONE && status == YOUTU_OK;
         key = json_next(header, 0, key)) {
        if (json_equals(header, key, "__metadata__")) {
            status = check_metadata(header, json_value(header, key), error);
            continue;
        }
        tensor_view *tensor = &file->tensors[file->n_tensors++];
        tensor->file = file->name;
        status = read_tensor(header, key, data, data_bytes, tensor, error);
    }
    return status;
}

/* By where the data begins; a tensor without data before the one that begins there. */
static int compare_data(const void *a, const void *b) {
    const tensor_view *left = a, *right = b;
    uintptr_t x = (uintptr_t)left->data, y = (uintptr_t)right->data;
    if (x != y) return x < y ? -1 : 1;
    return (left->bytes > right->bytes) - (left->bytes < right->bytes);
}

/* The format allows neither overlaps nor holes: either means a damaged header. */
static youtu_status check_layout(safetensors_file *file, const char *data, size_t data_bytes,
                                 youtu_error *error) {
    qsort(file->tensors, file->n_tensors, sizeof *file->tensors, compare_data);
    size_t end = 0;
    for (size_t i = 0; i < file->n_tensors; i++) {
        const tensor_view *tensor = &file->tensors[i];
        size_t begin = (size_t)((const char *)tensor->data - data);
        if (begin < end)
            return youtu_fail(
                error, YOUTU_E_FORMAT,
                "%s: tensor \"%s\" begins at byte %zu of the data and overlaps \"%s\", which ends "
                "at byte %zu",
                file->name, tensor->name, begin, tensor[-1].name, end);
        if (begin > end)
            return youtu_fail(
                error, YOUTU_E_FORMAT,
                "%s: tensor \"%s\" begins at byte %zu of the data, expected %zu: no tensor holds the "
                "bytes between",
                file->name, tensor->name, begin, end);
        end += tensor->bytes;
    }
    if (end != data_bytes)
        return youtu_fail(error, YOUTU_E_FORMAT,
                          "%s: has %zu bytes of data, expected %zu, where the tensors end", file->name,
                          data_bytes, end);
    return YOUTU_OK;
}

static youtu_status read_header(safetensors_file *file, youtu_error *error) {
    size_t length = 0;
    youtu_status status = header_length(file, &length, error);
    if (status != YOUTU_OK) return status;
    const char *text = (const char *)file->mapping + LENGTH_BYTES;
    const char *data = text + length;
    size_t data_bytes = file->size - LENGTH_BYTES - length;
    json header = {0};
    status = json_parse(file->name, text, length, &header, error);
    if (status == YOUTU_OK) status = read_tensors(file, &header, data, data_bytes, error);
    if (status == YOUTU_OK) status = check_layout(file, data, data_bytes, error);
    json_free(&header);
    return status;
}

youtu_status safetensors_open(const char *directory, const char *name, safetensors_file *out,
                              youtu_error *error) {
    safetensors_file file = {.name = strdup(name)};
    char *path = file_join(directory, name);
    youtu_status status =
        file.name && path ? map_file(path, &file, error) : youtu_fail_memory(error, name, strlen(name) + 1);
    free(path);
    if (file.mapping) status = read_header(&file, error);
    if (status != YOUTU_OK)
        safetensors_close(&file);
    else
        *out = file;
    return status;
}

void safetensors_close(safetensors_file *file) {
    for (size_t i = 0; i < file->n_tensors; i++) free(file->tensors[i].name);
    free(file->tensors);
    if (file->mapping) munmap(file->mapping, file->size);
    free(file->name);
    *file = (safetensors_file){0};
}
