/* Which diseases of the knowledge base fit the findings, and how probable each is.
 *
 * Naive Bayes in log-odds. The knowledge base gives no frequencies but steps that doctors can judge: how
 * common a disease is (1 to 5) and how much a finding speaks for or against it (-3 to 3). Likelihood ratios are
 * what such steps mean, so they are added as logarithms:
 *
 *   score(d) = prior(d) + sum over signs of L(d, sign)
 *   prior(d) = COMMON (commonness - 5) + AGE ln(100 / width of its ages) [age known]
 *            + SEX [known, and only this sex has it] + DEPARTMENT [the department treats it]
 *
 * A disease of few ages or one sex is the more frequent among these people, the more so the fewer they are.
 * With w the weight that d gives a sign (0: not listed):
 *   seen sign           RATIO[w] for w > 0, -RATIO[-w] for w < 0
 *   denied sign         -DENIED_SHARE RATIO[w] for w > 0, +REFUTED_SHARE RATIO[-w] for w < 0
 *   symptom told that d does not explain       -UNEXPLAINED
 *   the chief complaint (told first)           -UNEXPLAINED_CHIEF besides when not explained, half of it
 *                                              when its weight is 1
 *   none of d's weight-3 signs seen            -NOT_TYPICAL
 *   not mentioned                              nothing: it was not asked
 * d explains a symptom when it lists it, a broader one, or a kind of it ("腹痛" by 右下腹痛). Related symptoms
 * count once: a broader symptom adds only what exceeds the sum of its kinds that are seen, and a denied kind
 * adds nothing beside its denied broader one.
 *
 *   P(d) = (1 - LAPSE) exp(score(d) / SPREAD) / (exp(OTHER / SPREAD) + sum over candidates of exp(score / SPREAD))
 *
 * LAPSE is the chance that the findings were misread altogether: nothing is certain. OTHER stands for all that the knowledge base does not know; SPREAD says how much a step of score is worth.
 * The steps (differential.c) were chosen on the tuning half of tests/eval/differential.jsonl, whose other half
 * only judges them. SPREAD is wider than that half alone would have it: written cases are clearer than
 * patients, and a probability that is too modest costs a question, one that is too bold an illness. */
#ifndef CLINIC_DIFFERENTIAL_H
#define CLINIC_DIFFERENTIAL_H

#include "cli/clinic/observations.h"

struct candidate {
    const struct disease *disease;
    double score;       /* natural logarithm of odds, up to a constant */
    double probability; /* of the disease, or of any of its near relations when it stands for them */
    double support;     /* the probability, or 0 when present findings do not speak for the disease */
};

struct candidates {
    struct observations observations;
    struct candidate *items; /* most probable first; then those that a near relation stands for */
    size_t count;
    size_t n_leading; /* that stand for themselves and their near relations */
};

/* Whether what is seen speaks for the disease: one sign of weight 2 or more, or two of weight 1, a
 * complaint among them. What is denied supports nothing by itself. */
bool disease_is_supported(const struct disease *disease, const struct observations *observations);

/* By which factor an answer about a sign of this weight changes a disease's odds. */
double answer_odds(double weight, enum sighting answer);

/* The diseases that fit the patient and explain a complaint, most probable first, the knowledge base's order
 * among equals. Diseases that are kinds of one another (kind_of) are near relations: the best of them leads
 * with the probability of all, the others follow behind all leading ones, so that one illness under several
 * names does not fill the top. department: where the patient is seen, or NULL. false: memory refused. */
bool differential_rank(const struct kb *kb, const struct patient *patient, const struct findings *findings,
                       const char *department, struct arena *arena, struct candidates *candidates);

/* The candidate of a disease; NULL when it is none. */
const struct candidate *candidate_of(const struct candidates *candidates, const struct disease *disease);

#endif
