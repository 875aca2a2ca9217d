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
EMBED(embedded_departments, "cli/data/departments.json");
EMBED(embedded_impression, "cli/data/impression.txt");
EMBED(embedded_general, "cli/data/templates/全科.txt");
EMBED(embedded_internal, "cli/data/templates/内科.txt");
EMBED(embedded_surgery, "cli/data/templates/外科.txt");
EMBED(embedded_paediatrics, "cli/data/templates/儿科.txt");
EMBED(embedded_geriatrics, "cli/data/templates/老年科.txt");
EMBED(embedded_obstetrics, "cli/data/templates/妇产科.txt");
EMBED(embedded_emergency, "cli/data/templates/急诊.txt");
EMBED(embedded_dermatology, "cli/data/templates/皮肤科.txt");
EMBED(embedded_senses, "cli/data/templates/五官科.txt");
EMBED(embedded_psychiatry, "cli/data/templates/精神心理科.txt");

const struct embedded_file EMBEDDED_KNOWLEDGE = {"knowledge.json(内置)", embedded_knowledge_start,
                                                 embedded_knowledge_end};
const struct embedded_file EMBEDDED_REDFLAGS = {"redflags.json(内置)", embedded_redflags_start,
                                                embedded_redflags_end};
const struct embedded_file EMBEDDED_LEXICON = {"lexicon.json(内置)", embedded_lexicon_start,
                                               embedded_lexicon_end};
const struct embedded_file EMBEDDED_SCOPE = {"scope.json(内置)", embedded_scope_start, embedded_scope_end};
const struct embedded_file EMBEDDED_DEPARTMENTS = {"departments.json(内置)", embedded_departments_start,
                                                   embedded_departments_end};
const struct embedded_file EMBEDDED_IMPRESSION = {"impression.txt(内置)", embedded_impression_start,
                                                  embedded_impression_end};

const struct embedded_file EMBEDDED_TEMPLATES[] = {
    {"全科", embedded_general_start, embedded_general_end},
    {"内科", embedded_internal_start, embedded_internal_end},
    {"外科", embedded_surgery_start, embedded_surgery_end},
    {"儿科", embedded_paediatrics_start, embedded_paediatrics_end},
    {"老年科", embedded_geriatrics_start, embedded_geriatrics_end},
    {"妇产科", embedded_obstetrics_start, embedded_obstetrics_end},
    {"急诊", embedded_emergency_start, embedded_emergency_end},
    {"皮肤科", embedded_dermatology_start, embedded_dermatology_end},
    {"五官科", embedded_senses_start, embedded_senses_end},
    {"精神心理科", embedded_psychiatry_start, embedded_psychiatry_end},
};
const size_t N_EMBEDDED_TEMPLATES = sizeof EMBEDDED_TEMPLATES / sizeof *EMBEDDED_TEMPLATES;
