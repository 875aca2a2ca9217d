/* The expressions of a prescription: how much, how often, for how long. */
#ifndef CLINIC_DOSE_EXPRESSIONS_H
#define CLINIC_DOSE_EXPRESSIONS_H

#include "cli/clinic/dose_words.h"

enum dose_kind {
    EXPRESSION_AMOUNT,    /* "0.5g", "每次1-2片" */
    EXPRESSION_FREQUENCY, /* "每日三次", "q8h", "睡前服" */
    EXPRESSION_COURSE     /* "连用5天" */
};

struct dose_expression {
    size_t end; /* behind it */
    enum dose_kind kind;
    bool certain;       /* tells of a drug by itself: "500mg", "每次2片", "bid" */
    bool drug_unit;     /* an amount in mg or the like */
    bool beside;        /* "睡前", "7天": part of a dose only right beside one or its drug */
    bool concentration; /* "5mg/ml": of a drug only right behind its name */
};

/* Reads the longest expression at `at` of the text; false when there is none there. */
bool dose_expression_read(const struct dose_words *words, struct dose_text *text, size_t at,
                          struct dose_expression *expression);

#endif
