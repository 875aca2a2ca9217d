#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "pretokenize.h"
#include "scanner.h"

/* What ByteLevel cuts by where use_regex is true: GPT-2's pattern. */
static const char byte_level_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

typedef struct loader {
    const json *document;
    pretokenizer *pre;
    bool has_byte_level;
    youtu_error *error;
} loader;

static youtu_status add_stage(loader *l, stage added) {
    if (l->pre->n_stages == PRETOKENIZER_MAX_STAGES) {
        regex_free(added.pattern);
        return youtu_fail(l->error, YOUTU_E_UNSUPPORTED, "%s: pre_tokenizer has more than %d steps",
                          l->document->name, PRETOKENIZER_MAX_STAGES);
    }
    l->pre->stages[l->pre->n_stages++] = added;
    return YOUTU_OK;
}

/* node: the pattern's, for messages. */
static youtu_status compile_pattern(loader *l, json_node node, const char *text, size_t length,
                                    bool is_literal, stage *out) {
    char reason[REGEX_REASON_BYTES], expected[REGEX_REASON_BYTES + 32];
    youtu_status status = regex_compile(text, length, is_literal, &out->pattern, reason);
    if (status == YOUTU_OK || status == YOUTU_E_MEMORY)
        return status == YOUTU_OK ? status : youtu_fail_memory(l->error, "a pattern", length);
    snprintf(expected, sizeof expected, "a pattern known here (%s)", reason);
    return json_refuse(l->document, node, status, expected, l->error);
}

/* A regular expression, or the scanner that does the same. */
static youtu_status choose_matcher(loader *l, json_node node, const char *text, size_t length, stage *out) {
    bool has_nul = memchr(text, '\0', length) != NULL;
    if (!has_nul && strcmp(text, scanner_script_pattern) == 0)
        out->kind = STAGE_SCRIPTS;
    else if (!has_nul && strcmp(text, scanner_word_pattern) == 0)
        out->kind = STAGE_WORDS;
    else
        return compile_pattern(l, node, text, length, false, out);
    return YOUTU_OK;
}

/* {"Regex": text} or {"String": text} */
static youtu_status load_pattern(loader *l, json_node split, stage *out) {
    static const char expected[] = "{\"Regex\": ...} or {\"String\": ...}";
    json_node pattern = json_get(l->document, split, "pattern");
    if (pattern == JSON_NONE) return json_missing(l->document, split, "pattern", expected, l->error);
    json_node regex_node = json_get(l->document, pattern, "Regex");
    json_node string_node = json_get(l->document, pattern, "String");
    if ((regex_node == JSON_NONE) == (string_node == JSON_NONE))
        return json_refuse(l->document, pattern, YOUTU_E_FORMAT, expected, l->error);
    bool is_literal = string_node != JSON_NONE;
    json_node node = is_literal ? string_node : regex_node;
    char *text;
    size_t length;
    youtu_status status = json_unescape(l->document, node, &text, &length, l->error);
    if (status != YOUTU_OK) return status;
    status = is_literal ? compile_pattern(l, node, text, length, true, out)
                        : choose_matcher(l, node, text, length, out);
    free(text);
    return status;
}

static youtu_status load_behavior(loader *l, json_node split, split_behavior *out) {
    static const char *const names[] = {[SPLIT_ISOLATED] = "Isolated",
                                        [SPLIT_REMOVED] = "Removed",
                                        [SPLIT_MERGED_WITH_PREVIOUS] = "MergedWithPrevious",
                                        [SPLIT_MERGED_WITH_NEXT] = "MergedWithNext",
                                        [SPLIT_CONTIGUOUS] = "Contiguous"};
    static const char expected[] = "Isolated, Removed, MergedWithPrevious, MergedWithNext or Contiguous";
    json_node behavior = json_get(l->document, split, "behavior");
    if (behavior == JSON_NONE) return json_missing(l->document, split, "behavior", expected, l->error);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (json_equals(l->document, behavior, names[i])) {
            *out = (split_behavior)i;
            return YOUTU_OK;
        }
    return json_refuse(l->document, behavior, YOUTU_E_UNSUPPORTED, expected, l->error);
}

static youtu_status load_split(loader *l, json_node node) {
    stage added = {.kind = STAGE_PATTERN};
    youtu_status status = load_behavior(l, node, &added.behavior);
    if (status == YOUTU_OK) status = json_get_bool(l->document, node, "invert", &added.is_inverted, l->error);
    if (status == YOUTU_OK) status = load_pattern(l, node, &added);
    return status == YOUTU_OK ? add_stage(l, added) : status;
}

static youtu_status load_digits(loader *l, json_node node) {
    bool is_single;
    youtu_status status = json_get_bool(l->document, node, "individual_digits", &is_single, l->error);
    if (status != YOUTU_OK) return status;
    return add_stage(
        l, (stage){.kind = STAGE_NUMBERS, .behavior = is_single ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS});
}

static youtu_status load_byte_level(loader *l, json_node node) {
    bool has_space, has_pattern = true;
    youtu_status status = json_get_bool(l->document, node, "add_prefix_space", &has_space, l->error);
    if (status == YOUTU_OK) status = json_opt_bool(l->document, node, "use_regex", &has_pattern, l->error);
    if (status == YOUTU_OK && has_space) status = add_stage(l, (stage){.kind = STAGE_SPACE});
    if (status == YOUTU_OK && has_pattern) {
        stage added = {.kind = STAGE_PATTERN, .behavior = SPLIT_ISOLATED};
        status = compile_pattern(l, node, byte_level_pattern, strlen(byte_level_pattern), false, &added);
        if (status == YOUTU_OK) status = add_stage(l, added);
    }
    l->has_byte_level = true;
    return status;
}

static youtu_status load_step(loader *l, json_node node);

static youtu_status load_sequence(loader *l, json_node node) {
    json_node steps = json_get(l->document, node, "pretokenizers");
    if (steps == JSON_NONE || json_kind_of(l->document, steps) != JSON_ARRAY)
        return json_missing(l->document, node, "pretokenizers", "an array", l->error);
    youtu_status status = YOUTU_OK;
    for (json_node s = json_first(l->document, steps); s != JSON_NONE && status == YOUTU_OK;
         s = json_next(l->document, steps, s))
        status = load_step(l, s);
    return status;
}

/* ByteLevel respells the text in its alphabet, so nothing may follow it. Sequences within sequences are as
 * deep as the JSON reader lets them be. */
static youtu_status load_step(loader *l, json_node node) {
    static const char expected[] = "Sequence, Split, Digits or ByteLevel";
    json_node type = json_get(l->document, node, "type");
    if (type == JSON_NONE) return json_missing(l->document, node, "type", expected, l->error);
    if (l->has_byte_level)
        return json_refuse(l->document, type, YOUTU_E_UNSUPPORTED, "nothing after ByteLevel", l->error);
    if (json_equals(l->document, type, "Sequence")) return load_sequence(l, node);
    if (json_equals(l->document, type, "Split")) return load_split(l, node);
    if (json_equals(l->document, type, "Digits")) return load_digits(l, node);
    if (json_equals(l->document, type, "ByteLevel")) return load_byte_level(l, node);
    return json_refuse(l->document, type, YOUTU_E_UNSUPPORTED, expected, l->error);
}

youtu_status pretokenizer_load(const json *document, json_node node, const uint8_t *classes,
                               pretokenizer *out, youtu_error *error) {
    pretokenizer pre = {.classes = classes};
    loader l = {.document = document, .pre = &pre, .error = error};
    youtu_status status = load_step(&l, node);
    if (status == YOUTU_OK && !l.has_byte_level)
        status = json_refuse(document, node, YOUTU_E_UNSUPPORTED,
                             "ByteLevel, or a Sequence that ends with it", error);
    if (status != YOUTU_OK)
        pretokenizer_free(&pre);
    else
        *out = pre;
    return status;
}

void pretokenizer_free(pretokenizer *pre) {
    for (size_t i = 0; i < pre->n_stages; i++) regex_free(pre->stages[i].pattern);
    *pre = (pretokenizer){0};
}
