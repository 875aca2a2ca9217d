/* Words that come between a body part and its complaint: "头有点疼" says 头疼, "头不疼" denies it. */
#ifndef CLINIC_INFIX_H
#define CLINIC_INFIX_H

#include "cli/clinic/wordlist.h"

/* Owned by the arena it was loaded into. */
struct infixes {
    struct wordlist body_parts; /* then what else complaints are told of: 大便, 说话 */
    size_t n_body_parts;
    struct wordlist words; /* of degree, of course in time, of denial */
    size_t denial;         /* the term of `words` that denies */
};

/* The longest word of the list at text[at..], whole or divided by the list's infixes. */
struct word_match infix_match(const struct wordlist *list, struct span text, size_t at);

/* The longest word that a part named before makes with text[at..]: 肿 with 关节 of "关节不疼不肿". Its length
 * is what stands at `at` alone. */
struct word_match infix_match_joined(const struct wordlist *list, struct span part, struct span text,
                                     size_t at);

#endif
