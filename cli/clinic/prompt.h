/* Department templates: what the model is asked. */
#ifndef CLINIC_PROMPT_H
#define CLINIC_PROMPT_H

#include "cli/clinic/buffer.h"
#include "cli/clinic/findings.h"

/* A template file has two parts, "[system]" and "[user]", each opened by such a line. In the user part
 * {patient} and {complaint} stand for the patient's sex and age and for the text. */
struct prompt_template {
    const char *department;
    struct span system, user;
};

/* Finds a department's template: directory/DEPARTMENT.txt when directory is not NULL and has it, else the
 * compiled-in one. Texts live as long as the arena. */
bool template_open(const char *department, const char *directory, struct arena *arena,
                   struct prompt_template *out, struct failure *failure);

/* Reads a template. source: its name in messages. */
bool template_parse(struct span text, const char *source, struct prompt_template *out,
                    struct failure *failure);

/* Appends the user's message. What the text holds is not expanded again. */
void template_render(const struct prompt_template *template, const struct patient *patient,
                     struct span complaint, struct buffer *out);

/* Appends "患者:女,35岁。", leaving out what is unknown; nothing when all is. */
void patient_render(const struct patient *patient, struct buffer *out);

#endif
