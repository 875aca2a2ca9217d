/* The words of the rules: symptoms as patients say them, and what stands around them: sites, qualities,
 * degrees, triggers, drugs, conditions. */
#ifndef CLINIC_LEXICON_H
#define CLINIC_LEXICON_H

#include "cli/clinic/classes.h"
#include "cli/clinic/infix.h"
#include "cli/clinic/scope.h"
#include "cli/clinic/wordlist.h"

enum change_word { WORD_BETTER, WORD_WORSE, WORD_NOT_BETTER };

/* Owned by the arena it was loaded into. */
struct lexicon {
    struct classes classes;
    struct wordlist symptoms;
    bool *circumstances; /* [symptoms.n_terms]: what is no complaint by itself, as 夜间加重 or 长期吸烟 */
    bool *events;        /* [symptoms.n_terms]: circumstances that are told among the findings, as a fall */
    struct wordlist sites, qualities;
    struct wordlist severities; /* 重, 中, 轻: names of degrees, not words for them */
    struct wordlist trends;     /* 加重, 减轻, ...: names of ways it goes, not words for them */
    struct wordlist menstrual;  /* words that speak of periods */
    struct wordlist triggers;   /* what may make a complaint worse or better */
    bool *moments; /* [triggers.n_terms]: times of day and habits, which are triggers only where a word of
                    * change says so */
    struct wordlist changes;    /* words of change; a term is an enum change_word */
    struct wordlist drugs;      /* names and classes */
    struct wordlist conditions; /* of the patient's history */
    struct infixes infixes;     /* between a body part and its complaint */
    /* Lists that end with NULL. */
    const char *const *sides;           /* before a body part */
    const char *const *positions;       /* behind one */
    const char *const *broad_parts;     /* that are no site without a side or a position: 头, 浑身 */
    const char *const *bare_complaints; /* what a trigger may bring without a part of the body: 疼, 难受 */
    const char *const *trigger_links;   /* between a trigger and the change */
    const char *const *firm_links;      /* links that let any words before them be a trigger */
    const char *const
        *never_triggers;      /* what holds one of them is no trigger, not even a known one: 突然, 像 */
    const char *const *needs; /* before what a patient has to do */
    const char *const *trigger_openings; /* before a trigger */
    const char *const *no_triggers;      /* what holds one of them is none that the lexicon does not know */
    struct scope scope;                  /* negation and its reach */
};

/* Reads a lexicon of schema youtu.lexicon/1; its words are patterns (classes.h). Its "decoys" are words that
 * hold a symptom's word and are none: 火烧 of 烧. The scope is loaded apart. */
bool lexicon_load(struct lexicon *lexicon, struct arena *arena, struct span text, const char *source,
                  struct failure *failure);

/* Adds every phrase of a pattern as a word for a term. place: for messages. */
bool lexicon_add_word(const struct lexicon *lexicon, struct wordlist *list, size_t term, const char *pattern,
                      const char *place, struct arena *arena, struct failure *failure);

/* Sorts a list to which the field's words have been added; refuses a word that two terms share. first_term: of the
 * field's entries; the list's n_terms where its entries are no terms. */
bool lexicon_finish(struct wordlist *list, size_t first_term, const struct record *root, const char *field,
                    struct failure *failure);

/* Whether the symptom is a complaint, not a circumstance of one. */
bool lexicon_is_complaint(const struct lexicon *lexicon, size_t symptom);

/* Whether the symptom is told among the findings: a complaint or an event. */
bool lexicon_is_told(const struct lexicon *lexicon, size_t symptom);

#endif
