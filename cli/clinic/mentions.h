/* Where a text mentions the terms of a word list, and what it says of them: present, denied, past, another's.
 */
#ifndef CLINIC_MENTIONS_H
#define CLINIC_MENTIONS_H

#include "cli/clinic/passage.h"

enum polarity {
    POLARITY_PRESENT,
    POLARITY_UNCERTAIN, /* "好像有点" */
    POLARITY_DENIED,
    POLARITY_PAST,         /* of earlier times */
    POLARITY_RESOLVED,     /* of this illness, and over by now */
    POLARITY_HYPOTHETICAL, /* asked or feared */
    POLARITY_OTHER         /* of another person */
};

/* "present", "uncertain", "denied", "past", "resolved", "hypothetical", "other-person". */
const char *polarity_name(enum polarity polarity);

struct mention {
    size_t term;
    size_t start, end;  /* in the plain text */
    size_t shown_start; /* where its wording starts: at the negation or an adverb before it */
    size_t shown_end;   /* where it ends: behind a negation that follows */
    size_t clause;
    size_t part_start;  /* of the body part named before, for a complaint that was joined to it; else start */
    bool denied_inside; /* "头不疼" for 头疼 */
    bool from_denying;  /* denied, or doubtful, by a list that another clause opened */
    enum polarity polarity;
};

/* In the order of the text. Owned by an arena. */
struct mentions {
    struct mention *items;
    size_t count;
};

/* The longest words of the list in every clause, left to right; found once for a list and kept with the
 * passage, whose arena must be this one. false: memory refused. */
bool mentions_find(const struct passage *passage, const struct wordlist *list, struct arena *arena,
                   struct mentions *mentions);

/* The first mention that ends behind `at`; mentions->count when there is none. */
size_t mentions_from(const struct mentions *mentions, size_t at);

#endif
