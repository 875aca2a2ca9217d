/* The parts of a tokenizer, all of them built when it opens and only read afterwards.
 *
 * What differs from Hugging Face's tokenizers, on purpose: "truncation" and "padding" of tokenizer.json are
 * not applied (youtu_encode never drops text); the ids of added_tokens are those in the file; merging never
 * makes an added token, so that plain text cannot become one; an added token's bytes are its content. */
#ifndef YOUTU_TOKENIZER_H
#define YOUTU_TOKENIZER_H

#include "added_tokens.h"
#include "bpe.h"
#include "pretokenize.h"
#include "vocabulary.h"

struct youtu_tokenizer {
    uint8_t *classes; /* of unicode_classes_new */
    bool is_nfc;      /* text is normalised before it is cut into words */
    vocabulary vocab;
    added_tokens added;
    bool *is_special; /* [vocab.n_ids] */
    pretokenizer pre;
    bpe model;
    int32_t begin;  /* what youtu_encode_begin appends, or -1 */
    int32_t bos;    /* the token with which a dialogue begins, or -1 */
    char *bos_name; /* its spelling */
};

/* Fills a zeroed tokenizer from DIRECTORY's files; on failure the caller still frees it. */
youtu_status tokenizer_load(const char *directory, youtu_tokenizer *tokenizer, youtu_error *error);

/* The error of a caller who passes the NULL of youtu_model_tokenizer on. */
youtu_status tokenizer_fail_missing(youtu_error *error);

#endif
