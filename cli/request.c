#include "cli/request.h"

#include "cli/clinic/json_record.h"

#include <stdlib.h>

/* What a message calls the request. */
static const char PLACE[] = "请求";

static bool refuse(const char *field, const json_t *value, const char *expected, struct failure *failure) {
    char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    if (!shown) return fail_memory(failure);
    fail(failure, STATUS_INPUT, "%s:字段 %s 为 %.80s,应为 %s", PLACE, field, shown, expected);
    free(shown);
    return false;
}

/* A text without NUL bytes, in the arena. */
static bool read_text(const json_t *value, const char *field, struct arena *arena, struct span *text,
                      struct failure *failure) {
    if (!json_is_string(value)) return refuse(field, value, "字符串", failure);
    const char *copy = arena_copy(arena, (struct span){json_string_value(value), json_string_length(value)});
    if (!copy) return fail_memory(failure);
    *text = (struct span){copy, json_string_length(value)};
    return true;
}

/* A value as the command line would have it: "0.7", "true" as a flag that is given. */
static bool spell(const json_t *value, const char *field, struct arena *arena, const char **spelling,
                  struct failure *failure) {
    struct span text = {0};
    if (json_is_integer(value))
        *spelling = arena_format(arena, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_real(value))
        *spelling = arena_format(arena, "%.17g", json_real_value(value));
    else if (read_text(value, field, arena, &text, failure))
        *spelling = text.data;
    else
        return false;
    return *spelling || fail_memory(failure);
}

/* "max_tokens" sets --max-tokens. */
static bool set_option(struct request *request, const char *field, const json_t *value, struct arena *arena,
                       struct failure *failure) {
    char *name = arena_copy(arena, span_of(field));
    if (!name) return fail_memory(failure);
    if (strchr(field, '-')) return fail(failure, STATUS_INPUT, "不认识的字段“%.80s”", field);
    for (char *c = name; *c; c++)
        if (*c == '_') *c = '-';
    if (json_is_boolean(value))
        return options_set_flag(&request->options, name, json_is_true(value), failure);
    const char *spelling;
    return spell(value, field, arena, &spelling, failure) &&
           options_set(&request->options, name, spelling, failure);
}

static bool set_age(struct request *request, const json_t *object, struct arena *arena,
                    struct failure *failure) {
    const json_t *age = json_object_get(object, "age"), *unit = json_object_get(object, "age_unit");
    const char *spelling;
    struct span unit_text = {"", 0};
    if (!age || json_is_null(age)) return true;
    if (unit && !json_is_null(unit) && !read_text(unit, "age_unit", arena, &unit_text, failure)) return false;
    if (!spell(age, "age", arena, &spelling, failure)) return false;
    spelling = arena_format(arena, "%s%s", spelling, unit_text.data);
    return spelling ? options_set(&request->options, "age", spelling, failure) : fail_memory(failure);
}

static bool set_field(struct request *request, const char *field, const json_t *value, struct arena *arena,
                      struct failure *failure) {
    struct span text = {0};
    if (json_is_null(value) || strcmp(field, "age") == 0 || strcmp(field, "age_unit") == 0) return true;
    if (strcmp(field, "symptoms") == 0)
        return read_text(value, field, arena, &request->symptoms, failure) &&
               text_check(request->symptoms, field, failure);
    if (strcmp(field, "stream") == 0) {
        if (!json_is_boolean(value)) return refuse(field, value, "true 或 false", failure);
        request->options.no_stream = json_is_false(value);
        return true;
    }
    if (strcmp(field, "id") == 0) {
        if (!read_text(value, field, arena, &text, failure)) return false;
        request->id = text.data;
        return true;
    }
    return set_option(request, field, value, arena, failure);
}

/* A request's temperature takes the place of a --greedy of the command line; beside its own it contradicts. */
static bool settle_greedy(struct request *request, const json_t *object, struct failure *failure) {
    const json_t *temperature = json_object_get(object, "temperature");
    struct options *options = &request->options;
    if (!temperature || json_is_null(temperature) || options->temperature <= 0) return true;
    if (json_is_true(json_object_get(object, "greedy")))
        return refuse("temperature", temperature, "0,或不给出:greedy 为 true", failure);
    options->greedy = false;
    return true;
}

bool request_parse(struct span line, const struct options *base, struct arena *arena, struct request *request,
                   struct failure *failure) {
    *request = (struct request){.options = *base};
    json_t *document = document_read(line, PLACE, failure);
    if (!document) return false;
    bool parsed = json_is_object(document) || fail(failure, STATUS_INPUT, "%s:应为 JSON 对象", PLACE);
    const char *field;
    json_t *value;
    json_object_foreach(document, field, value) {
        if (parsed) parsed = set_field(request, field, value, arena, failure);
    }
    if (parsed)
        parsed = set_age(request, document, arena, failure) && settle_greedy(request, document, failure);
    if (parsed && !request->symptoms.data)
        parsed = fail(failure, STATUS_INPUT, "%s:缺少字段 symptoms,应为患者的话", PLACE);
    if (parsed) request->options.text = request->symptoms.data;
    json_decref(document);
    return parsed;
}
