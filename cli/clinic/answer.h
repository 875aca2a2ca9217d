/* The model's answer in its four sections: 1. 可能诊断 2. 鉴别依据 3. 建议检查 4. 风险提示. */
#ifndef CLINIC_ANSWER_H
#define CLINIC_ANSWER_H

#include "cli/clinic/arena.h"
#include "cli/clinic/kb.h"

struct answer {
    struct span *diagnoses; /* the names, in the model's order, as they lie in its text; none where it says
                               that nothing can be told */
    size_t n_diagnoses;
    struct suggested_test *tests; /* reason NULL when none is given */
    size_t n_tests;
};

/* Reads the sections from a finished or cut answer. Tolerant of how a model marks them up: Markdown,
 * full-width forms, "1." or "(1)" or "①" or "-" before an item, reasons in parentheses or behind a colon.
 * What is not recognised is left out. false: memory refused. */
bool answer_parse(struct span text, struct arena *arena, struct answer *answer);

#endif
