/* The files of a checkpoint directory as one list of tensors. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "error.h"
#include "file.h"
#include "json.h"
#include "safetensors.h"

#define SINGLE_NAME "model.safetensors"
#define INDEX_NAME "model.safetensors.index.json"
#define INDEX_LIMIT_BYTES ((size_t)64 << 20)

struct checkpoint {
    safetensors_file *files; /* [n_files] */
    size_t n_files;
    tensor_view *tensors; /* [n_tensors], sorted by name; the names belong to the files */
    size_t n_tensors;
    const char *name; /* of the file that lists them all */
};

static int compare_names(const void *a, const void *b) {
    const tensor_view *left = a, *right = b;
    return strcmp(left->name, right->name);
}

/* Lists the tensors of all files by name, each only once. */
static youtu_status sort_tensors(checkpoint *all, youtu_error *error) {
    size_t count = 0;
    for (size_t f = 0; f < all->n_files; f++) count += all->files[f].n_tensors;
    all->tensors = array_new(count, sizeof *all->tensors);
    if (!all->tensors) return youtu_fail_memory(error, "the list of tensors", count * sizeof *all->tensors);
    for (size_t f = 0; f < all->n_files; f++)
        for (size_t t = 0; t < all->files[f].n_tensors; t++)
            all->tensors[all->n_tensors++] = all->files[f].tensors[t];
    qsort(all->tensors, count, sizeof *all->tensors, compare_names);
    for (size_t i = 1; i < count; i++) {
        const tensor_view *a = &all->tensors[i - 1], *b = &all->tensors[i];
        if (strcmp(a->name, b->name) == 0)
            return youtu_fail(error, YOUTU_E_FORMAT, "%s: tensor \"%s\" is in %s too, expected in one file",
                              a->file, a->name, b->file);
    }
    return YOUTU_OK;
}

static youtu_status open_single(const char *directory, checkpoint *all, youtu_error *error) {
    all->files = array_new(1, sizeof *all->files);
    if (!all->files) return youtu_fail_memory(error, SINGLE_NAME, sizeof *all->files);
    youtu_status status = safetensors_open(directory, SINGLE_NAME, &all->files[0], error);
    if (status != YOUTU_OK) return status;
    all->n_files = 1;
    return sort_tensors(all, error);
}

static int compare_strings(const void *a, const void *b) {
    const char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

static void free_names(char **names, size_t count) {
    for (size_t i = 0; i < count; i++) free(names[i]);
    free(names);
}

/* A shard's name from the index: a plain file name, so that an index opens nothing outside its directory. */
static youtu_status shard_name(const json *index, json_node node, char **name, youtu_error *error) {
    size_t length;
    youtu_status status = json_unescape(index, node, name, &length, error);
    if (status != YOUTU_OK) return status;
    if (length > 0 && strlen(*name) == length && !strchr(*name, '/') && strcmp(*name, ".") != 0 &&
        strcmp(*name, "..") != 0)
        return YOUTU_OK;
    free(*name);
    *name = NULL;
    return json_refuse(index, node, YOUTU_E_FORMAT, "the name of a file in the same directory", error);
}

/* The different shards that the index names: *names [*count], sorted. */
static youtu_status list_shards(const json *index, json_node map, char ***names, size_t *count,
                                youtu_error *error) {
    size_t entries = (size_t)json_count(index, map), used = 0;
    char **list = array_new(entries, sizeof *list);
    if (!list) return youtu_fail_memory(error, INDEX_NAME, entries * sizeof *list);
    for (json_node key = json_first(index, map); key != JSON_NONE; key = json_next(index, map, key)) {
        youtu_status status = shard_name(index, json_value(index, key), &list[used], error);
        if (status != YOUTU_OK) {
            free_names(list, used);
            return status;
        }
        used++;
    }
    qsort(list, used, sizeof *list, compare_strings);
    size_t kept = 0;
    for (size_t i = 0; i < used; i++) {
        if (kept > 0 && strcmp(list[kept - 1], list[i]) == 0)
            free(list[i]);
        else
            list[kept++] = list[i];
    }
    *names = list;
    *count = kept;
    return YOUTU_OK;
}

static youtu_status open_shards(const char *directory, char *const *names, size_t count, checkpoint *all,
                                youtu_error *error) {
    all->files = array_new(count, sizeof *all->files);
    if (!all->files) return youtu_fail_memory(error, INDEX_NAME, count * sizeof *all->files);
    for (; all->n_files < count; all->n_files++) {
        const char *name = names[all->n_files];
        bool exists;
        youtu_status status = file_exists(directory, name, &exists, error);
        if (status != YOUTU_OK) return status;
        if (!exists)
            return youtu_fail(error, YOUTU_E_IO, "%s/%s: shard \"%s\" is missing from the directory",
                              directory, INDEX_NAME, name);
        status = safetensors_open(directory, name, &all->files[all->n_files], error);
        if (status != YOUTU_OK) return status;
    }
    return YOUTU_OK;
}

/* The index and the shards must list the same tensors: one that stands in only one of them is a sign of files
 * from different versions. */
static youtu_status check_index(const json *index, json_node map, const checkpoint *all, bool *listed,
                                youtu_error *error) {
    for (json_node key = json_first(index, map); key != JSON_NONE; key = json_next(index, map, key)) {
        json_node shard = json_value(index, key);
        char *name;
        youtu_status status = json_unescape(index, key, &name, NULL, error);
        if (status != YOUTU_OK) return status;
        const tensor_view *found = checkpoint_find(all, name);
        if (!found)
            status = youtu_fail(error, YOUTU_E_FORMAT, "%s: tensor \"%s\" is missing from %.*s", index->name,
                                name, JSON_SHOW(index, shard));
        else if (!json_equals(index, shard, found->file))
            status = youtu_fail(error, YOUTU_E_FORMAT, "%s: tensor \"%s\" is in %s, expected in %.*s",
                                index->name, name, found->file, JSON_SHOW(index, shard));
        free(name);
        if (status != YOUTU_OK) return status;
        listed[found - all->tensors] = true;
    }
    for (size_t i = 0; i < all->n_tensors; i++)
        if (!listed[i])
            return youtu_fail(error, YOUTU_E_FORMAT, "%s: tensor \"%s\" of %s is missing from the index",
                              index->name, all->tensors[i].name, all->tensors[i].file);
    return YOUTU_OK;
}

static youtu_status open_indexed(const char *directory, const json *index, checkpoint *all,
                                 youtu_error *error) {
    static const char expected[] = "an object of tensor and file names";
    json_node map = json_get(index, 0, "weight_map");
    if (map == JSON_NONE) return json_missing(index, 0, "weight_map", expected, error);
    if (json_kind_of(index, map) != JSON_OBJECT || json_count(index, map) == 0)
        return json_refuse(index, map, YOUTU_E_FORMAT, expected, error);
    char **names = NULL;
    size_t count = 0;
    bool *listed = NULL;
    youtu_status status = list_shards(index, map, &names, &count, error);
    if (status == YOUTU_OK) status = open_shards(directory, names, count, all, error);
    if (status == YOUTU_OK) status = sort_tensors(all, error);
    if (status == YOUTU_OK) {
        listed = array_new(all->n_tensors, sizeof *listed);
        status = listed ? check_index(index, map, all, listed, error)
                        : youtu_fail_memory(error, INDEX_NAME, all->n_tensors);
    }
    free(listed);
    free_names(names, count);
    return status;
}

static bool has_suffix(const char *name, const char *suffix) {
    size_t length = strlen(name), wanted = strlen(suffix);
    return length >= wanted && strcmp(name + length - wanted, suffix) == 0;
}

/* Neither file is there: says so, and which weights in another format are. */
static youtu_status fail_without_weights(const char *directory, youtu_error *error) {
    static const char *const others[] = {".bin", ".gguf", ".pt", ".pth", ".safetensors"};
    DIR *entries = opendir(directory);
    if (!entries) return youtu_fail(error, YOUTU_E_IO, "%s: cannot be opened: %m", directory);
    char other[256] = "";
    /* cppcheck-suppress readdirCalled ; a stream of its own: no other thread reads it */
    for (struct dirent *entry; !other[0] && (entry = readdir(entries));)
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            if (has_suffix(entry->d_name, others[i])) memcpy(other, entry->d_name, strlen(entry->d_name) + 1);
    closedir(entries);
    return youtu_fail(error, YOUTU_E_IO, "%s: no weights: neither " SINGLE_NAME " nor " INDEX_NAME "%s%s%s",
                      directory, other[0] ? " (" : "", other, other[0] ? " is not read)" : "");
}

static youtu_status open_with_index(const char *directory, checkpoint *all, youtu_error *error) {
    json index = {0};
    char *path = file_join(directory, INDEX_NAME);
    if (!path) return youtu_fail_memory(error, INDEX_NAME, strlen(directory) + sizeof INDEX_NAME + 1);
    youtu_status status = json_read_file(path, INDEX_LIMIT_BYTES, &index, error);
    if (status == YOUTU_OK) status = open_indexed(directory, &index, all, error);
    json_free(&index);
    free(path);
    return status;
}

youtu_status checkpoint_open(const char *directory, checkpoint **out, youtu_error *error) {
    checkpoint *all = array_new(1, sizeof *all);
    if (!all) return youtu_fail_memory(error, "the checkpoint", sizeof *all);
    bool single = false, sharded = false;
    youtu_status status = file_exists(directory, SINGLE_NAME, &single, error);
    if (status == YOUTU_OK) status = file_exists(directory, INDEX_NAME, &sharded, error);
    if (status == YOUTU_OK) {
        all->name = single ? SINGLE_NAME : INDEX_NAME;
        status = single    ? open_single(directory, all, error)
                 : sharded ? open_with_index(directory, all, error)
                           : fail_without_weights(directory, error);
    }
    if (status == YOUTU_OK)
        *out = all;
    else
        checkpoint_close(all);
    return status;
}

void checkpoint_close(checkpoint *files) {
    if (!files) return;
    for (size_t i = 0; i < files->n_files; i++) safetensors_close(&files->files[i]);
    free(files->files);
    free(files->tensors);
    free(files);
}

const tensor_view *checkpoint_find(const checkpoint *files, const char *name) {
    size_t low = 0, high = files->n_tensors;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, files->tensors[middle].name);
        if (order == 0) return &files->tensors[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const tensor_view *checkpoint_tensors(const checkpoint *files, size_t *count) {
    *count = files->n_tensors;
    return files->tensors;
}

const char *checkpoint_name(const checkpoint *files) {
    return files->name;
}
