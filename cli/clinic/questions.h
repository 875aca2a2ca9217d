/* What to ask next: the findings not mentioned that would change the order or the urgency most. */
#ifndef CLINIC_QUESTIONS_H
#define CLINIC_QUESTIONS_H

#include "cli/clinic/differential.h"
#include "cli/clinic/redflags.h"

struct question {
    const char *symptom; /* its name */
    const char *text;    /* as a patient is asked */
    const char *reason;  /* what an answer "yes" would mean, for the doctor */
};

struct questions {
    struct question *items; /* the most telling first */
    size_t count;
};

/* Up to five. For a symptom s that was not mentioned, with the leading candidates' probabilities P(d) and the
 * weight w that d gives s:
 *   P(s)      = sum over d of P(d) HAVE[w], how often a patient with d has a symptom of that weight
 *   P(d | s)  ~ P(d) exp(L(w, seen) / SPREAD), and without s with L(w, denied): as differential.h has them
 *   change(s) = P(s) D(s) + (1 - P(s)) D(not s)
 * where D is how much the answer moves probabilities: half the sum of their differences, those of never-miss
 * diseases counted twice (missing one costs more). A symptom that alone is missing to a red-flag rule of a higher
 * urgency gains URGENCY, whatever its probability: that answer decides what happens today; one
 * question a rule, three in all. Of related
 * symptoms (kb.broader) only the most telling is asked for, and what the answer hardly moves is not. false:
 * memory refused. */
bool questions_choose(const struct candidates *candidates, const struct missing_signs *missing,
                      struct arena *arena, struct questions *questions);

#endif
