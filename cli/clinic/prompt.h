/* What the model is asked: a department's template filled with the patient's text, the findings of the rules
 * and the candidates of the knowledge base. */
#ifndef CLINIC_PROMPT_H
#define CLINIC_PROMPT_H

#include "cli/clinic/buffer.h"
#include "cli/clinic/report.h"
#include "cli/clinic/template.h"

/* How much of each part a prompt holds. What is cut here is cut last: present signs, allergies, medicines,
 * history and vital signs always stay. */
struct prompt_size {
    size_t n_candidates, n_evidence; /* candidates; words for and against each */
    size_t n_minor; /* denied symptoms, times, sites, qualities, triggers: the first of each */
};

/* What is tried in turn until a prompt fits, the first for every short text. */
extern const struct prompt_size PROMPT_SIZES[];
extern const size_t N_PROMPT_SIZES;

/* Appends the system's text. */
void prompt_system(const struct prompt_template *template, struct buffer *out);

/* Appends the part of the question that is the same for every patient. */
void prompt_fixed(const struct prompt_template *template, struct buffer *out);

/* Appends the question, with what report->chart chose of the patient's words. A placeholder or a heading in
 * them means nothing: 【 and 】 become [ and ]. */
void prompt_user(const struct prompt_template *template, const struct report *report,
                 const struct prompt_size *size, struct buffer *out);

#endif
