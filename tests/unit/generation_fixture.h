/* A small random model, a tokenizer for its ids and a prompt, opened once for all tests of a group. */
#ifndef GENERATION_FIXTURE_H
#define GENERATION_FIXTURE_H

#include "youtu.h"

#define MODEL "tests/golden/models/default"

/* The tokenizer has more ids than the model: every id that the model can draw has a text. */
#define TOKENIZER "models/youtu-demo"

enum { VOCAB = 320, END_TOKEN = 1, N_PROMPT = 10 };

extern youtu_model *model;
extern youtu_tokenizer *tokenizer;
extern const int32_t prompt[N_PROMPT];

/* For cmocka's group setup and teardown. */
int open_model(void **state);
int close_model(void **state);

#endif
