/* A vocabulary sorted by what a token can do to a line of a guided answer (cli/form.h): open it, go on with it, end
 * it, or harm it. */
#ifndef CLI_TOKEN_CLASSES_H
#define CLI_TOKEN_CLASSES_H

#include "cli/clinic/arena.h"

#include "youtu.h"

struct token_list {
    int32_t *ids;
    size_t count;
};

/* Tokens to be left out, for each place of a text. Everywhere these are left out: control tokens; control and
 * invisible characters; bytes that are no UTF-8; a line end that does not stand alone or behind the end of a
 * sentence; and, but for fragments, the rest of a character. *_or_end: the model's end tokens may come. */
struct token_classes {
    const youtu_tokenizer *tokenizer;
    int32_t vocab_size;
    struct token_list reasoning; /* where all but control tokens may come */
    struct token_list anywhere;  /* behind a sentence */
    struct token_list anywhere_or_end;
    struct token_list inside;  /* within a sentence: it ends first, then the line */
    struct token_list opening; /* at a line's start: an ideograph or Latin letter comes, no title */
    struct token_list opening_or_end;
    struct token_list fragments; /* (not to be left out) tokens that begin within a character */
    struct arena arena;
};

/* kept: a control token that reasoning may take, or -1. false: memory refused. Free with token_classes_free. */
bool token_classes_build(struct token_classes *classes, const youtu_model *model, int32_t kept);
void token_classes_free(struct token_classes *classes);

/* The bytes of a character at the text's end that is not whole: at most 3. */
size_t unfinished_bytes(struct span text);

/* Whether a line ends with a sentence's end. */
bool ends_sentence(struct span line);

/* The tokens that carry on the unfinished character at the line's end; opens: it is the line's first. ids has room
 * for fragments.count. Returns their number. */
size_t fragments_after(const struct token_classes *classes, struct span line, bool opens, int32_t *ids);

/* The tokens that would make a line's beginning a title's words: ids has room for the vocabulary. Returns their
 * number. */
size_t tokens_to_title(const struct token_classes *classes, struct span line, int32_t *ids);

#endif
