/* How text is cut into the words that are encoded one by one: the pre_tokenizer of tokenizer.json. Built
 * once, then only read. */
#ifndef YOUTU_PRETOKENIZE_H
#define YOUTU_PRETOKENIZE_H

#include "json.h"
#include "regex.h"

/* Steps in the pre_tokenizer, each of which cuts what the one before it left: far more than any file has. */
#define PRETOKENIZER_MAX_STAGES 16

/* What to do with the matches of a Split and with what lies between them. */
typedef enum split_behavior {
    SPLIT_ISOLATED,
    SPLIT_REMOVED,
    SPLIT_MERGED_WITH_PREVIOUS,
    SPLIT_MERGED_WITH_NEXT,
    SPLIT_CONTIGUOUS
} split_behavior;

typedef struct stage {
    enum {
        STAGE_PATTERN, /* cut at matches of a regular expression */
        STAGE_SCRIPTS, /* at those of scanner_script_pattern */
        STAGE_WORDS,   /* at those of scanner_word_pattern */
        STAGE_NUMBERS, /* at numeric characters */
        STAGE_SPACE    /* not cut: put a space before what does not begin with one */
    } kind;
    split_behavior behavior;
    bool is_inverted; /* what lies between takes the part of the matches */
    regex *pattern;   /* of STAGE_PATTERN, owned */
} stage;

typedef struct pretokenizer {
    const uint8_t *classes; /* of unicode_classes_new; not owned */
    stage stages[PRETOKENIZER_MAX_STAGES];
    size_t n_stages;
} pretokenizer;

/* Reads ByteLevel, Split, Digits and Sequence; the last one must be ByteLevel. classes must outlive *out.
 * Errors: FORMAT, UNSUPPORTED (named), MEMORY. */
youtu_status pretokenizer_load(const json *document, json_node node, const uint8_t *classes,
                               pretokenizer *out, youtu_error *error);

void pretokenizer_free(pretokenizer *pre); /* accepts a zeroed struct */

/* Memory of one thread's pre-tokenizing. Zero-initialise; free with pretokenize_scratch_free. */
typedef struct pretokenize_scratch {
    regex_scratch regex;
    char *prefixed; /* a piece with a space before it */
    size_t prefixed_capacity;
} pretokenize_scratch;

void pretokenize_scratch_free(pretokenize_scratch *scratch);

/* Receives the words in order, each not empty; an error ends the work. */
typedef youtu_status (*pretokenize_word)(void *user, const char *word, size_t length, youtu_error *error);

/* Cuts valid UTF-8. Errors: UNSUPPORTED (a pattern that fails on the text), MEMORY, on_word's. */
youtu_status pretokenize(const pretokenizer *pre, pretokenize_scratch *scratch, const char *text,
                         size_t length, pretokenize_word on_word, void *user, youtu_error *error);

#endif
