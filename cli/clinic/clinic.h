/* What the rules know, loaded once for any number of reports. */
#ifndef CLINIC_CLINIC_H
#define CLINIC_CLINIC_H

#include "cli/clinic/department.h"
#include "cli/clinic/impression.h"
#include "cli/clinic/kb.h"
#include "cli/clinic/lexicon.h"
#include "cli/clinic/redflags.h"

/* Never changes after clinic_open. */
struct clinic {
    struct arena arena;
    const char *rules; /* the directory of a clinic's own rules, or NULL */
    struct lexicon lexicon;
    struct kb kb; /* the clinic's own or the compiled-in one */
    struct redflags redflags;
    struct impression impression;
    struct departments departments;
};

/* kb_path: a clinic's own knowledge base, or NULL. rules: a directory with any of lexicon.json, scope.json,
 * redflags.json and departments.json, each instead of the compiled-in one, or NULL; outlives the clinic. Free with
 * clinic_close, also after a failure. */
bool clinic_open(struct clinic *clinic, const char *kb_path, const char *rules, struct failure *failure);
void clinic_close(struct clinic *clinic);

#endif
