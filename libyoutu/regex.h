/* Regular expressions as tokenizer.json means them: in Oniguruma's syntax, which Hugging Face's tokenizers
 * runs, matched by PCRE2. regex_translate.c says where the two differ. */
#ifndef YOUTU_REGEX_H
#define YOUTU_REGEX_H

#include "youtu.h"

#define REGEX_REASON_BYTES 192

typedef struct regex regex; /* immutable: any number of threads */

/* Compiles a pattern, or with is_literal a text to be found as it stands. On failure `reason` says what is
 * wrong and at which byte. Errors: FORMAT (no regular expression), UNSUPPORTED (a construct that PCRE2 does
 * not have or understands otherwise), MEMORY. */
youtu_status regex_compile(const char *pattern, size_t length, bool is_literal, regex **out,
                           char reason[REGEX_REASON_BYTES]);
void regex_free(regex *expression);

/* Memory of one thread's matching. Zero-initialise; free with regex_scratch_free. */
typedef struct regex_scratch {
    struct pcre2_real_match_data_8 *match;
    struct pcre2_real_match_context_8 *context;
    struct pcre2_real_jit_stack_8 *stack;
} regex_scratch;

void regex_scratch_free(regex_scratch *scratch);

typedef struct regex_match {
    size_t start, end;
} regex_match;

/* The first match in valid UTF-8 at or after `from`, the beginning of a character. Errors: UNSUPPORTED (the
 * pattern needs more steps than any for words should), MEMORY. */
youtu_status regex_find(const regex *expression, regex_scratch *scratch, const char *text, size_t length,
                        size_t from, bool *found, regex_match *match, youtu_error *error);

/* A pattern in PCRE2's syntax. */
typedef struct regex_translation {
    char *pattern;
    size_t length, capacity;
    uint32_t *origins; /* [length] the byte of the original pattern that each byte comes from */
    size_t origins_capacity;
} regex_translation;

/* Zero-initialise *out; free its arrays. Errors: UNSUPPORTED, MEMORY, with the reason. */
youtu_status regex_translate(const char *pattern, size_t length, regex_translation *out,
                             char reason[REGEX_REASON_BYTES]);

#endif
