/* Terms and the words that express them, found in running text by longest match.
 *
 * The words are kept sorted: a binary search that narrows the list byte by byte walks it like a trie. Nearly all
 * words begin with a character of three bytes: a set tells at once that none begins with this one, and the first
 * two bytes are looked up in a table. */
#ifndef CLINIC_WORDLIST_H
#define CLINIC_WORDLIST_H

#include "cli/clinic/arena.h"

#define TERM_NONE SIZE_MAX

struct word {
    struct span text; /* in plain form */
    size_t term;
    bool denies;  /* says that the term is absent: "胃口好" */
    bool written; /* word for word in the data, not by a pattern */
};

struct word_match {
    size_t length, term; /* length 0: none; TERM_NONE: a word that is passed over */
    bool denied;         /* by the word itself, or by one inside it */
};

struct infixes;

enum {
    WORD_STARTS = 16 * 64,         /* pairs of the bytes 0xE0..0xEF and 0x80..0xBF */
    CHARACTERS = WORD_STARTS * 64, /* of three bytes */
};

/* Zero-initialise; owned by the arena. A term is its index in `terms`. */
struct wordlist {
    const char **terms;
    size_t n_terms;
    struct word *words;
    size_t n_words;
    size_t longest; /* bytes of the longest word, once sorted */
    /* Once sorted: the words that begin with pair i are [starts[i], starts[i+1]); bit c is set where a word begins, or
     * ends, with character c. */
    uint32_t starts[WORD_STARTS + 1];
    uint8_t begins[CHARACTERS / 8], ends[CHARACTERS / 8];
    const struct infixes *infixes; /* that may divide its words (infix.h); NULL: none */
};

/* Adds a term, unless it is there already. Its name is no word until it is added as one. false: memory
 * refused. */
bool wordlist_add_term(struct wordlist *list, struct arena *arena, const char *name, size_t *term);

/* Adds one more word for a term. false: memory refused. */
bool wordlist_add_word(struct wordlist *list, struct arena *arena, size_t term, const char *word);

/* Adds a phrase in plain form, which must live as long: one that a pattern means, or, unless `denies`, one that says the term's absence. A word that is
 * written out beats a pattern's; of two terms' patterns the later term's holds, so that the special may stand
 * behind the general. false: memory refused. */
bool wordlist_add_phrase(struct wordlist *list, struct arena *arena, size_t term, struct span phrase,
                         bool written, bool denies);

/* Fills an empty list with all of another's, which stays as it is. false: memory refused. */
bool wordlist_copy(struct wordlist *list, struct arena *arena, const struct wordlist *from);

/* The term with this name, or TERM_NONE. */
size_t wordlist_find(const struct wordlist *list, struct span name);

/* To be called after words were added and before the first match. A word that is written out for two
 * terms is returned (with *other, the other term); NULL when there is none. */
const struct word *wordlist_sort(struct wordlist *list, size_t *other);

/* The longest word that stands at text[at..]. */
struct word_match wordlist_match(const struct wordlist *list, struct span text, size_t at);

/* All words that stand there, the shortest first, `most` at the most: how many. */
size_t wordlist_all(const struct wordlist *list, struct span text, size_t at, struct word_match *found,
                    size_t most);

/* The start of the longest word in text[start, end) that ends at `end`, or `end` when there is none. */
size_t wordlist_before(const struct wordlist *list, struct span text, size_t start, size_t end);

/* Whether a word stands anywhere in the text. */
bool wordlist_within(const struct wordlist *list, struct span text);

#endif
