/* Words for what a text says around its symptoms: sites, qualities, degrees, triggers, drugs, conditions. */
#ifndef CLINIC_LEXICON_H
#define CLINIC_LEXICON_H

#include "cli/clinic/infix.h"
#include "cli/clinic/json_record.h"
#include "cli/clinic/wordlist.h"

/* Owned by the arena it was loaded into. */
struct lexicon {
    struct wordlist sites, qualities;
    struct wordlist severities; /* 重, 中, 轻: names of degrees, not words for them */
    struct wordlist triggers;   /* what may make a complaint worse or better */
    struct wordlist drugs;      /* names and classes */
    struct wordlist conditions; /* of the patient's history */
    struct infixes infixes;     /* between a body part and its complaint */
};

/* Reads a lexicon of schema youtu.lexicon/1. */
bool lexicon_load(struct lexicon *lexicon, struct arena *arena, struct span text, const char *source,
                  struct failure *failure);

#endif
