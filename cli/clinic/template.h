/* Department templates: files that say what the model is told and asked. */
#ifndef CLINIC_TEMPLATE_H
#define CLINIC_TEMPLATE_H

#include "cli/clinic/department.h"

/* A template file is UTF-8 text in parts, each opened by a line of its own: "[system]", what the model is,
 * and optionally "[user]", the layout of the question; without it TEMPLATE_LAYOUT is taken. Braces enclose
 * placeholders, each at most once in a part:
 *   {rules}       in both parts: the conduct that the program asks of every department
 *   {form}        in both parts: the form of the answer, which the program reads
 *   {patient} {complaint} {findings} {candidates}
 *                 in [user] only: sex and age; the patient's words; what the rules found; the knowledge base's
 *                 candidates. {complaint} and {findings} must be there.
 * What stands before the first of these four is the same for every patient: the model computes it once. */
struct prompt_template {
    const char *department; /* as it was asked for, or proposed */
    struct span system, user;
};

extern const char TEMPLATE_RULES[], TEMPLATE_FORM[], TEMPLATE_LAYOUT[];

/* A template's placeholders. */
enum slot { SLOT_RULES, SLOT_FORM, SLOT_PATIENT, SLOT_COMPLAINT, SLOT_FINDINGS, SLOT_CANDIDATES, N_SLOTS };

/* A piece of a part: text as it stands, then a slot; N_SLOTS behind the last piece's text. */
struct template_piece {
    struct span text;
    enum slot slot;
};

/* The next piece of a checked part from *at on, which moves behind it; false at the end. */
bool template_next(struct span part, size_t *at, struct template_piece *piece);

/* Reads a template; refuses it with the line of what is wrong. source: its name in messages. */
bool template_parse(struct span text, const char *source, struct prompt_template *out,
                    struct failure *failure);

/* Finds a department's template: DEPARTMENT.txt of the directory (NULL: none), else the compiled-in one; then
 * both again under the name of the department that has this one as an alias. Texts live as long as the arena.
 */
bool template_open(const char *department, const char *directory, const struct departments *departments,
                   struct arena *arena, struct prompt_template *out, struct failure *failure);

/* Reads every *.txt of the directory: what is wrong with a clinic's own templates shows before any is used.
 */
bool template_check_all(const char *directory, struct failure *failure);

#endif
