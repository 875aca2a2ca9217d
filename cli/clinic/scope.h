/* How a text says that a finding is absent, over, supposed or another person's: the words, as data. What they
 * reach is mentions.c's. */
#ifndef CLINIC_SCOPE_H
#define CLINIC_SCOPE_H

#include "cli/clinic/json_record.h"
#include "cli/clinic/wordlist.h"

/* Whom a text may speak of besides the person who speaks. */
enum person {
    PERSON_SELF,
    PERSON_CHILD,
    PERSON_MOTHER,
    PERSON_FATHER,
    PERSON_SPOUSE,
    PERSON_ELDER, /* 老人, who may be anybody's */
    PERSON_GRANDPARENT,
    PERSON_SIBLING,
    PERSON_OTHERS
};

struct person_word {
    struct span word;
    enum person person;
    char sex; /* 'm', 'f' when the word tells, else 0 */
};

/* Owned by the arena it was loaded into. What is looked for at every place of a text is a word list; the other
 * lists end with NULL. */
struct scope {
    struct wordlist strong_negations;   /* run over a list: 否认发热、咳嗽 */
    struct wordlist weak_negations;     /* deny the next word alone: 不 */
    struct wordlist connectors;         /* of a list */
    struct wordlist fillers;            /* between a negation and what it denies */
    struct wordlist adverbs;            /* part of a finding's wording */
    const char *const *undoing;         /* before a negation they undo it (不是没有) or ask (会不会) */
    const char *const *list_ends;       /* a new verb or subject ends a list of denied findings */
    const char *const *doubtful_before; /* 好像, 可能: before a finding that is uncertain */
    const char *const *doubtful_negations; /* 不太, 不怎么: the finding is partly there */
    const char *const *absent_after;       /* deny what stands before them */
    struct wordlist absent_after_fillers;
    const char *const *over_by_now;        /* 好了, 不疼了 */
    const char *const *still_there_before; /* before one of over_by_now they undo it */
    const char *const *still_there_after;  /* behind it, too */
    const char *const *earlier_times;
    const char *const *now_again; /* behind one of earlier_times they bring back the present */
    const char *const *supposed;  /* 如果, 担心 */
    const char *const *asked;     /* at a clause's end: 吗 */
    const char *const *history_suffixes;
    const char *const *self;      /* the speaker */
    const char *const *observing; /* behind 我 they tell of another: 我看他喘 */
    const char *const *noticing;  /* behind any person they do: 奶奶发现 */
    struct person_word *persons;
    size_t n_persons;
};

/* Reads scope words of schema youtu.scope/1. */
bool scope_load(struct scope *scope, struct arena *arena, struct span text, const char *source,
                struct failure *failure);

#endif
