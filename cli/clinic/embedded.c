#include "cli/clinic/embedded.h"

/* The file at `path` (from the root of the source tree) between the symbols NAME_start and NAME_end. */
#define EMBED(name, path)                                 \
    __asm__(".pushsection .rodata\n"                      \
            ".global " #name "_start\n" #name "_start:\n" \
            ".incbin \"" path "\"\n"                      \
            ".global " #name "_end\n" #name "_end:\n"     \
            ".byte 0\n"                                   \
            ".popsection\n");                             \
    extern const char name##_start[], name##_end[]

EMBED(embedded_knowledge, "cli/data/knowledge.json");
EMBED(embedded_redflags, "cli/data/redflags.json");
EMBED(embedded_lexicon, "cli/data/lexicon.json");
EMBED(embedded_scope, "cli/data/scope.json");
EMBED(embedded_general, "cli/data/templates/全科.txt");

const struct embedded_file EMBEDDED_KNOWLEDGE = {"knowledge.json(内置)", embedded_knowledge_start,
                                                 embedded_knowledge_end};
const struct embedded_file EMBEDDED_REDFLAGS = {"redflags.json(内置)", embedded_redflags_start,
                                                embedded_redflags_end};
const struct embedded_file EMBEDDED_LEXICON = {"lexicon.json(内置)", embedded_lexicon_start,
                                               embedded_lexicon_end};
const struct embedded_file EMBEDDED_SCOPE = {"scope.json(内置)", embedded_scope_start, embedded_scope_end};

const struct embedded_file EMBEDDED_TEMPLATES[] = {{"全科", embedded_general_start, embedded_general_end}};
const size_t N_EMBEDDED_TEMPLATES = sizeof EMBEDDED_TEMPLATES / sizeof *EMBEDDED_TEMPLATES;
