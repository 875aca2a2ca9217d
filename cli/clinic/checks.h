/* Looks every diagnosis up in the knowledge base and says how far it can be trusted. */
#ifndef CLINIC_CHECKS_H
#define CLINIC_CHECKS_H

#include "cli/clinic/answer.h"
#include "cli/clinic/differential.h"

enum diagnosis_status {
    DIAGNOSIS_SUPPORTED,          /* the findings support it, and the confidence reaches the threshold */
    DIAGNOSIS_NEEDS_CONFIRMATION, /* known, but not so */
    DIAGNOSIS_UNSUPPORTED         /* not in the knowledge base */
};

/* "supported", "needs_confirmation", "unsupported". */
const char *diagnosis_status_name(enum diagnosis_status status);

struct diagnosis {
    const char *name;
    const char *icd10; /* NULL when unknown */
    const struct disease *disease;
    const char *source; /* "model", "kb", "model+kb" */
    double support;     /* by the findings (differential.h): a probability */
    double confidence;  /* 0..1 */
    enum diagnosis_status status;
    struct strings evidence, against; /* in the patient's own words */
};

struct differential {
    struct diagnosis *items; /* rank 1 first */
    size_t count;
    double confidence; /* of rank 1; 0 without one */
    bool needs_confirmation;
};

/* A token of the answer: where its text ends, and the natural logarithm of its probability. */
struct token_mark {
    size_t end;
    float log_probability;
};

/* The geometric mean of the probabilities of the tokens that touch answer[start, end); 0 when there are none.
 */
double name_probability(const struct token_mark *marks, size_t n_marks, size_t start, size_t end);

/* A name, and how probable the model finds it as the first diagnosis. */
struct name_score {
    const struct disease *disease; /* that it names; NULL when unknown */
    const char *name;
    double share; /* of all names scored, 0..1 */
};

/* The model's part in the confidence: measured in docs/confidence.md. */
#define MODEL_WEIGHT 0.7

/* What is needed to check an answer. */
struct check_request {
    const struct kb *kb;
    const struct candidates *candidates; /* as the findings rank them */
    double threshold;                    /* of confidence */
    const struct answer *answer;         /* NULL when no model was asked */
    struct span answer_text;             /* that `answer` was read from */
    const struct token_mark *marks;
    size_t n_marks;
    const struct name_score *scores; /* [n_scores]; none: the marks stand in for them */
    size_t n_scores;
};

/* The differential of the model and the knowledge base together, at most 5 entries unless the model names
 * more.
 *
 * With s = the disease's support by the findings (differential.h; 0 when the knowledge base does not know it), and
 * p = the model's probability for it as the first diagnosis: the sum of the shares of its names among all names
 * scored, which are those of the answer and the knowledge base's candidates (cli/scoring.h):
 *   confidence = MODEL_WEIGHT p + (1 - MODEL_WEIGHT) s, or s when no model was asked.
 * Where no names were scored (an answer that was interrupted before its first name, or a free one), p is the geometric
 * mean of the probabilities of the name's tokens, divided by the rank that the model gave it: a name at rank r is, as
 * the prompt asks, no more probable than 1/r of all.
 *
 * A name behind the mark of ANSWER_UNLISTED is unknown. If the knowledge base has it all the same, it is no entry: what
 * the findings say of that disease is the rules' to tell.
 * Diseases that the findings support come first, then known ones without support, then unknown ones; within
 * each the most confident first. false: memory refused. */
bool checks_run(const struct check_request *request, struct arena *arena, struct differential *differential);

#endif
