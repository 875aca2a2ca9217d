/* Patterns for words are matched in one pass by PCRE2's just-in-time code: what they repeat are single
 * characters, for which it needs no stack however long the run. A pattern that does use up its stack is
 * matched by PCRE2's interpreter, which takes memory from the heap. The limit on steps grows with the text,
 * as an honest pattern's steps do; it stops one that takes exponential time. */
#include "regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#include "array.h"
#include "error.h"

#define STACK_START_BYTES ((size_t)32 << 10)
#define STACK_LIMIT_BYTES ((size_t)1 << 20)
#define STEPS_A_BYTE 100
#define STEPS_AT_LEAST 1000000

struct regex {
    pcre2_code *code;
    bool has_machine_code;
};

/* In Oniguruma's syntax "^" and "$" stand at every line, and lines end with "\n" alone. */
static pcre2_code *compile(const char *pattern, size_t length, uint32_t options, int *code, size_t *offset) {
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    *offset = 0;
    if (!context) {
        *code = PCRE2_ERROR_NOMEMORY;
        return NULL;
    }
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)pattern, length, PCRE2_UTF | options, code, offset, context);
    pcre2_compile_context_free(context);
    return compiled;
}

static youtu_status describe(int code, size_t byte, char *reason) {
    char message[128];
    if (pcre2_get_error_message(code, (PCRE2_UCHAR *)message, sizeof message) < 0)
        snprintf(message, sizeof message, "PCRE2 error %d", code);
    snprintf(reason, REGEX_REASON_BYTES, "%s, at byte %zu", message, byte);
    return code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAP_FAILED ? YOUTU_E_MEMORY : YOUTU_E_FORMAT;
}

static youtu_status wrap(pcre2_code *code, regex **out, char *reason) {
    regex *made = array_new(1, sizeof *made);
    if (!made) {
        pcre2_code_free(code);
        return describe(PCRE2_ERROR_NOMEMORY, 0, reason);
    }
    made->code = code;
    made->has_machine_code = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0; /* else interpreted */
    *out = made;
    return YOUTU_OK;
}

static youtu_status compile_translated(const char *pattern, size_t length, regex **out, char *reason) {
    regex_translation translated = {0};
    youtu_status status = regex_translate(pattern, length, &translated, reason);
    if (status == YOUTU_OK) {
        int code;
        size_t offset;
        pcre2_code *compiled =
            compile(translated.pattern, translated.length, PCRE2_UCP | PCRE2_MULTILINE, &code, &offset);
        bool within = offset < translated.length;
        status = compiled ? wrap(compiled, out, reason)
                          : describe(code, within ? translated.origins[offset] : length, reason);
    }
    free(translated.pattern);
    free(translated.origins);
    return status;
}

youtu_status regex_compile(const char *pattern, size_t length, bool is_literal, regex **out,
                           char reason[REGEX_REASON_BYTES]) {
    if (!is_literal) return compile_translated(pattern, length, out, reason);
    int code;
    size_t offset;
    pcre2_code *compiled = compile(pattern, length, PCRE2_LITERAL, &code, &offset);
    return compiled ? wrap(compiled, out, reason) : describe(code, offset, reason);
}

void regex_free(regex *expression) {
    if (!expression) return;
    pcre2_code_free(expression->code);
    free(expression);
}

static bool reserve_scratch(regex_scratch *scratch) {
    if (scratch->stack) return true;
    if (!scratch->match) scratch->match = pcre2_match_data_create(1, NULL);
    if (!scratch->context) scratch->context = pcre2_match_context_create(NULL);
    scratch->stack = pcre2_jit_stack_create(STACK_START_BYTES, STACK_LIMIT_BYTES, NULL);
    if (!scratch->match || !scratch->context || !scratch->stack) return false;
    pcre2_jit_stack_assign(scratch->context, NULL, scratch->stack);
    return true;
}

void regex_scratch_free(regex_scratch *scratch) {
    pcre2_match_data_free(scratch->match);
    pcre2_match_context_free(scratch->context);
    pcre2_jit_stack_free(scratch->stack);
    *scratch = (regex_scratch){0};
}

static uint32_t step_limit(size_t length) {
    return length > (UINT32_MAX - STEPS_AT_LEAST) / STEPS_A_BYTE
               ? UINT32_MAX
               : (uint32_t)(STEPS_AT_LEAST + STEPS_A_BYTE * length);
}

youtu_status regex_find(const regex *expression, regex_scratch *scratch, const char *text, size_t length,
                        size_t from, bool *found, regex_match *match, youtu_error *error) {
    if (!reserve_scratch(scratch)) return youtu_fail_memory(error, "matching a pattern", STACK_START_BYTES);
    pcre2_set_match_limit(scratch->context, step_limit(length));
    PCRE2_SPTR subject = (PCRE2_SPTR)text;
    int code = PCRE2_ERROR_JIT_STACKLIMIT;
    if (expression->has_machine_code)
        code = pcre2_jit_match(expression->code, subject, length, from, PCRE2_NO_UTF_CHECK, scratch->match,
                               scratch->context);
    if (code == PCRE2_ERROR_JIT_STACKLIMIT)
        code = pcre2_match(expression->code, subject, length, from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                           scratch->match, scratch->context);
    *found = code > 0;
    if (code > 0) {
        const size_t *pair = pcre2_get_ovector_pointer(scratch->match);
        *match = (regex_match){pair[0], pair[1]};
    }
    if (code > 0 || code == PCRE2_ERROR_NOMATCH) return YOUTU_OK;
    if (code == PCRE2_ERROR_NOMEMORY || code == PCRE2_ERROR_HEAPLIMIT)
        return youtu_fail_memory(error, "matching a pattern", length);
    char reason[REGEX_REASON_BYTES];
    describe(code, from, reason);
    return youtu_fail(error, YOUTU_E_UNSUPPORTED,
                      "the pre-tokenizer's pattern fails on %zu bytes of text: %s", length, reason);
}
