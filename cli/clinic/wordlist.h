/* Terms and the words that express them, found in running text by longest match.
 *
 * The words are kept sorted: a binary search that narrows the list byte by byte walks it like a trie. */
#ifndef CLINIC_WORDLIST_H
#define CLINIC_WORDLIST_H

#include "cli/clinic/arena.h"

#define TERM_NONE SIZE_MAX

struct word {
    struct span text; /* in plain form */
    size_t term;
};

struct infixes;

/* Zero-initialise; owned by the arena. A term is its index in `terms`. */
struct wordlist {
    const char **terms;
    size_t n_terms;
    struct word *words;
    size_t n_words;
    const struct infixes *infixes; /* that may divide its words (infix.h); NULL: none */
};

/* Adds a term, unless it is there already. Its name is no word until it is added as one. false: memory
 * refused. */
bool wordlist_add_term(struct wordlist *list, struct arena *arena, const char *name, size_t *term);

/* Adds one more word for a term. false: memory refused. */
bool wordlist_add_word(struct wordlist *list, struct arena *arena, size_t term, const char *word);

/* The term with this name, or TERM_NONE. */
size_t wordlist_find(const struct wordlist *list, struct span name);

/* To be called once after all words were added and before the first match. A word that was given to two terms
 * is returned (with *other, the other term); NULL when there is none. */
const struct word *wordlist_sort(struct wordlist *list, size_t *other);

/* The length of the longest word that stands at text[at..], its term in *term; 0 when there is none. */
size_t wordlist_match(const struct wordlist *list, struct span text, size_t at, size_t *term);

#endif
