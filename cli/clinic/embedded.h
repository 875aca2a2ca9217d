/* The data files that are compiled into the program. */
#ifndef CLINIC_EMBEDDED_H
#define CLINIC_EMBEDDED_H

#include "cli/clinic/text.h"

struct embedded_file {
    const char *name;
    const char *start, *end;
};

extern const struct embedded_file EMBEDDED_KNOWLEDGE, EMBEDDED_REDFLAGS, EMBEDDED_LEXICON, EMBEDDED_SCOPE,
    EMBEDDED_DEPARTMENTS, EMBEDDED_IMPRESSION;

/* Department templates; a name is the department's. */
extern const struct embedded_file EMBEDDED_TEMPLATES[];
extern const size_t N_EMBEDDED_TEMPLATES;

static inline struct span embedded_span(const struct embedded_file *file) {
    return (struct span){file->start, (size_t)(file->end - file->start)};
}

#endif
