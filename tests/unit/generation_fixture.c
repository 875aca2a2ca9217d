#include "generation_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

youtu_model *model;
youtu_tokenizer *tokenizer;
const int32_t prompt[N_PROMPT] = {0, 17, 203, 45, 45, 99, 310, 7, 128, 64};

int open_model(void **state) {
    (void)state;
    youtu_error error;
    if (youtu_model_open(MODEL, NULL, &model, &error) ||
        youtu_tokenizer_open(TOKENIZER, &tokenizer, &error)) {
        print_error("%s\n", error.message);
        return -1;
    }
    return 0;
}

int close_model(void **state) {
    (void)state;
    youtu_tokenizer_close(tokenizer);
    youtu_model_close(model);
    return 0;
}
