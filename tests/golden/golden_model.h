/* A model of tests/golden/models beside the logits that the reference computed for it, and how far computed
 * logits are from them. What is not as expected fails the cmocka test that asks. */
#ifndef GOLDEN_MODEL_H
#define GOLDEN_MODEL_H

#include "golden_file.h"
#include "libyoutu/youtu.h"

/* All models; names under ../exact hold the reference as it loads a checkpoint, the others with rounded
 * rotary frequencies (golden_model_open rounds likewise). */
extern const char *const golden_model_names[];
extern const size_t n_golden_models;

typedef struct golden_model {
    const char *name;
    youtu_model *model;
    golden_file *file;
    const int32_t *ids; /* [n] */
    size_t n;
    const float *expected; /* [n_expected, vocab], the last positions */
    size_t n_expected, vocab;
} golden_model;

/* False when this machine does not have the instructions that options ask for. */
bool golden_model_open(const char *name, const youtu_model_options *options, golden_model *g);
void golden_model_close(golden_model *g);

/* Logits [n, vocab] of tokens from .. n - 1, in calls of `chunk` tokens, for one sequence. */
void golden_decode(youtu_context *context, const golden_model *g, int32_t sequence, size_t from, size_t chunk,
                   float *logits);

/* Three sequences of the same text in one context (room for three), begun at different times, their rows
 * interleaved: each must not notice. Logits [n, vocab] of sequences 0 and 2. */
void golden_decode_mixed(youtu_context *context, const golden_model *g, float *first, float *third);

/* A fork in the middle of a block; the original goes on with other tokens, and neither must notice: logits of
 * the fork, and of the original once it is truncated and decoded again. Returns *g with the expected rows that
 * both computed. The context has three sequences. */
golden_model golden_decode_forked(youtu_context *context, const golden_model *g, float *forked,
                                  float *truncated);

/* Of logits [n, vocab]: the mean of KL(expected || found) over the expected rows; and the first expected row
 * whose best token is another although the reference's two best are more than `gap` apart, or -1. */
double golden_divergence(const golden_model *g, const float *logits);
int64_t golden_other_best(const golden_model *g, const float *logits, float gap);

#endif
