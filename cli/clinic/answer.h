/* The model's answer in its four sections: 1. 可能诊断 2. 鉴别依据 3. 建议检查 4. 风险提示. */
#ifndef CLINIC_ANSWER_H
#define CLINIC_ANSWER_H

#include "cli/clinic/arena.h"
#include "cli/clinic/kb.h"

/* Before a diagnosis that the knowledge base does not have: "(2) 未收录:某病". In a guided answer (cli/form.h) no
 * other name than the knowledge base's can stand without it. */
#define ANSWER_UNLISTED "未收录:"

/* In the place of the first diagnosis where nothing can be told. */
#define ANSWER_UNDECIDED "信息不足,无法判断"

struct named_diagnosis {
    struct span name;
    bool is_unlisted; /* behind ANSWER_UNLISTED, which is not part of the name */
};

struct answer {
    struct named_diagnosis
        *diagnoses; /* in the model's order, as they lie in its text; none where it says that
                                          nothing can be told */
    size_t n_diagnoses;
    struct suggested_test *tests; /* reason NULL when none is given */
    size_t n_tests;
};

/* Reads the sections from a finished or cut answer. Tolerant of how a model marks them up: Markdown,
 * full-width forms, "1." or "(1)" or "①" or "-" before an item, reasons in parentheses or behind a colon.
 * What is not recognised is left out. false: memory refused. */
bool answer_parse(struct span text, struct arena *arena, struct answer *answer);

/* Whether a line (in plain form) begins with the words of a section's title; whether it is the beginning of such
 * words. What follows them decides whether it is a title. */
bool answer_begins_title(struct span line);
bool answer_may_become_title(struct span line);

#endif
