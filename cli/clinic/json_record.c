#include "cli/clinic/json_record.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Where its lexer is refused memory, jansson speaks of bad syntax. While a document is parsed, its
 * allocations pass here, so that the two can be told apart. */
static struct {
    json_malloc_t allocate;
    bool refused;
} allocations;

static void *allocate_noting(size_t bytes) {
    void *memory = allocations.allocate(bytes);
    if (!memory) allocations.refused = true;
    return memory;
}

static json_t *parse_noting(struct span text, json_error_t *error, bool *memory_refused) {
    json_free_t release;
    json_get_alloc_funcs(&allocations.allocate, &release);
    allocations.refused = false;
    json_set_alloc_funcs(allocate_noting, release);
    json_t *document = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, error);
    json_set_alloc_funcs(allocations.allocate, release);
    *memory_refused = allocations.refused;
    return document;
}

json_t *document_read(struct span text, const char *name, struct failure *failure) {
    json_error_t error;
    bool memory_refused;
    json_t *document = parse_noting(text, &error, &memory_refused);
    if (!document && memory_refused)
        fail_memory(failure);
    else if (!document)
        fail(failure, STATUS_INPUT, "%s:第 %d 行第 %d 列:不是有效的 JSON:%s", name, error.line, error.column,
             error.text);
    return document;
}

static bool check_schema(struct document *document, const char *schema, struct record *root,
                         struct failure *failure) {
    const char *found = json_string_value(json_object_get(document->json, "schema"));
    char expected[80];
    *root = (struct record){.object = document->json, .document = document};
    snprintf(root->place, sizeof root->place, "%s", document->file);
    if (!json_is_object(document->json))
        return fail(failure, STATUS_INPUT, "%s:应为 JSON 对象", document->file);
    if (found && strcmp(found, schema) == 0) return true;
    snprintf(expected, sizeof expected, "\"%s\"", schema);
    return record_refuse(root, "schema", expected, failure);
}

bool document_open(struct document *document, struct span text, const char *file, const char *schema,
                   struct record *root, struct failure *failure) {
    *document = (struct document){.text = text, .file = file};
    document->json = document_read(text, file, failure);
    if (!document->json) return false;
    return check_schema(document, schema, root, failure) || document_close(document, false, failure);
}

/* "redflags.json:rules[3]..." becomes "redflags.json:第 12 行:rules[3]...". */
static void add_line(const struct document *document, struct failure *failure) {
    struct span message = span_of(failure->message), file = span_of(document->file);
    size_t line = json_line(document->text, &document->last);
    struct failure told = *failure;
    if (line == 0 || failure->status != STATUS_INPUT || !span_starts(message, file) ||
        message.length <= file.length || message.data[file.length] != ':')
        return;
    fail(failure, told.status, "%s:第 %zu 行%s", document->file, line, told.message + file.length);
}

bool document_close(struct document *document, bool loaded, struct failure *failure) {
    if (!loaded) add_line(document, failure);
    json_decref(document->json);
    document->json = NULL;
    return loaded;
}

/* field: as long-lived as the document. */
static struct json_path path_to(const struct record *parent, const char *field, size_t index) {
    struct json_path path = parent->path;
    if (path.depth < sizeof path.steps / sizeof *path.steps)
        path.steps[path.depth++] = (struct json_step){field, index};
    return path;
}

/* Notes that a field of a record, or the record itself (NULL), is being read. */
static void note(const struct record *record, const char *field) {
    record->document->last = field ? path_to(record, field, JSON_NO_INDEX) : record->path;
}

void record_point(const struct record *record, const char *field, size_t index) {
    record->document->last = path_to(record, field, index);
}

bool record_refuse(const struct record *record, const char *field, const char *expected,
                   struct failure *failure) {
    const json_t *value = json_object_get(record->object, field);
    note(record, field);
    if (!value) return fail(failure, STATUS_INPUT, "%s:缺少字段 %s,应为 %s", record->place, field, expected);
    char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    if (!shown) return fail_memory(failure);
    fail(failure, STATUS_INPUT, "%s:字段 %s 为 %.80s,应为 %s", record->place, field, shown, expected);
    free(shown);
    return false;
}

bool record_allow(const struct record *record, const char *const *allowed, struct failure *failure) {
    const char *key;
    json_t *value;
    note(record, NULL);
    json_object_foreach((json_t *)record->object, key, value) {
        const char *const *known = allowed;
        while (*known && strcmp(*known, key) != 0) known++;
        if (*known) continue;
        note(record, key);
        return fail(failure, STATUS_INPUT, "%s:不认识的字段 %.80s", record->place, key);
    }
    return true;
}

bool record_has(const struct record *record, const char *field) {
    const json_t *value = json_object_get(record->object, field);
    return value && !json_is_null(value);
}

bool record_count(const struct record *record, const char *field, size_t *count, struct failure *failure) {
    const json_t *array = json_object_get(record->object, field);
    note(record, field);
    if (!json_is_array(array)) return record_refuse(record, field, "数组", failure);
    *count = json_array_size(array);
    return true;
}

bool record_element(const struct record *parent, const char *field, size_t index, const char *const *allowed,
                    struct record *element, struct failure *failure) {
    const json_t *object = json_array_get(json_object_get(parent->object, field), index);
    const char *name = json_string_value(json_object_get(object, "name"));
    if (!name) name = json_string_value(json_object_get(object, "id"));
    element->object = object;
    element->document = parent->document;
    element->path = path_to(parent, field, index);
    note(element, NULL);
    int length = snprintf(element->place, sizeof element->place, "%.360s%s%s[%zu]", parent->place,
                          strchr(parent->place, '[') ? "." : ":", field, index);
    if (name && length > 0 && (size_t)length < sizeof element->place)
        snprintf(element->place + length, sizeof element->place - (size_t)length, "“%.60s”", name);
    if (!json_is_object(object)) return fail(failure, STATUS_INPUT, "%s:应为对象", element->place);
    return record_allow(element, allowed, failure);
}

bool record_open(const struct record *record, const char *field, struct record *inner,
                 struct failure *failure) {
    inner->object = json_object_get(record->object, field);
    inner->document = record->document;
    inner->path = path_to(record, field, JSON_NO_INDEX);
    snprintf(inner->place, sizeof inner->place, "%.400s.%s", record->place, field);
    return json_is_object(inner->object) || record_refuse(record, field, "对象", failure);
}

bool record_object(const struct record *record, const char *field, const char *const *allowed,
                   struct record *inner, struct failure *failure) {
    return record_open(record, field, inner, failure) && record_allow(inner, allowed, failure);
}

static bool copy_string(const json_t *value, struct arena *arena, const char **copy) {
    struct span text = {json_string_value(value), json_string_length(value)};
    *copy = arena_copy(arena, text);
    return *copy != NULL;
}

static bool is_text(const json_t *value) {
    return json_is_string(value) && json_string_length(value) > 0 &&
           strlen(json_string_value(value)) == json_string_length(value);
}

bool record_string(const struct record *record, const char *field, struct arena *arena, const char **value,
                   struct failure *failure) {
    const json_t *found = json_object_get(record->object, field);
    note(record, field);
    if (!is_text(found)) return record_refuse(record, field, "非空字符串", failure);
    return copy_string(found, arena, value) || fail_memory(failure);
}

bool record_strings(const struct record *record, const char *field, struct arena *arena,
                    struct strings *values, struct failure *failure) {
    size_t count = 0;
    if (!record_count(record, field, &count, failure)) return false;
    const json_t *array = json_object_get(record->object, field);
    *values = (struct strings){arena_new(arena, (count + 1) * sizeof *values->items), 0};
    if (!values->items) return fail_memory(failure);
    for (; values->count < count; values->count++) {
        const json_t *item = json_array_get(array, values->count);
        if (!is_text(item)) {
            record_refuse(record, field, "非空字符串的数组", failure);
            record_point(record, field, values->count);
            return false;
        }
        if (!copy_string(item, arena, &values->items[values->count])) return fail_memory(failure);
    }
    return true;
}

bool record_number(const struct record *record, const char *field, double least, double most, double *value,
                   struct failure *failure) {
    const json_t *found = json_object_get(record->object, field);
    double number = json_is_number(found) ? json_number_value(found) : NAN;
    if (number >= least && number <= most) return *value = number, true;
    char expected[80];
    snprintf(expected, sizeof expected, "%g 到 %g 的数", least, most);
    return record_refuse(record, field, expected, failure);
}

bool record_bool(const struct record *record, const char *field, bool *value, struct failure *failure) {
    const json_t *found = json_object_get(record->object, field);
    if (!json_is_boolean(found)) return record_refuse(record, field, "true 或 false", failure);
    return *value = json_is_true(found), true;
}
