/* What the rules know, loaded once for any number of reports. */
#ifndef CLINIC_CLINIC_H
#define CLINIC_CLINIC_H

#include "cli/clinic/department.h"
#include "cli/clinic/kb.h"
#include "cli/clinic/lexicon.h"
#include "cli/clinic/redflags.h"

/* Never changes after clinic_open. */
struct clinic {
    struct arena arena;
    struct lexicon lexicon;
    struct kb kb; /* the clinic's own or the compiled-in one */
    struct redflags redflags;
    struct departments departments;
};

/* kb_path: a clinic's own knowledge base, or NULL. Free with clinic_close, also after a failure. */
bool clinic_open(struct clinic *clinic, const char *kb_path, struct failure *failure);
void clinic_close(struct clinic *clinic);

#endif
