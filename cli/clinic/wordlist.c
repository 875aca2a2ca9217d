#include "cli/clinic/wordlist.h"

#include <stdlib.h>

bool wordlist_add_word(struct wordlist *list, struct arena *arena, size_t term, const char *word) {
    struct plain_text plain;
    if (!text_plain(arena, span_of(word), &plain)) return false;
    struct word *words = arena_grow(arena, list->words, list->n_words, sizeof *words);
    if (!words) return false;
    words[list->n_words++] = (struct word){plain_span(&plain), term};
    list->words = words;
    return true;
}

bool wordlist_add_term(struct wordlist *list, struct arena *arena, const char *name, size_t *term) {
    *term = wordlist_find(list, span_of(name));
    if (*term != TERM_NONE) return true;
    const char **terms = arena_grow(arena, list->terms, list->n_terms, sizeof *terms);
    if (!terms) return false;
    list->terms = terms;
    *term = list->n_terms;
    terms[list->n_terms++] = name;
    return true;
}

size_t wordlist_find(const struct wordlist *list, struct span name) {
    for (size_t i = 0; i < list->n_terms; i++)
        if (span_is(name, list->terms[i])) return i;
    return TERM_NONE;
}

static int compare_words(const void *left, const void *right) {
    const struct word *a = left, *b = right;
    size_t shared = a->text.length < b->text.length ? a->text.length : b->text.length;
    int order = memcmp(a->text.data, b->text.data, shared);
    if (order) return order;
    if (a->text.length != b->text.length) return a->text.length < b->text.length ? -1 : 1;
    return a->term < b->term ? -1 : a->term > b->term;
}

const struct word *wordlist_sort(struct wordlist *list, size_t *other) {
    struct word *words = list->words;
    if (list->n_words) qsort(words, list->n_words, sizeof *words, compare_words);
    for (size_t i = 1; i < list->n_words; i++)
        if (words[i].term != words[i - 1].term && span_starts(words[i].text, words[i - 1].text) &&
            words[i].text.length == words[i - 1].text.length)
            return *other = words[i - 1].term, &words[i];
    return NULL;
}

/* The first of words[low, high) whose byte at `depth` is at least `least`. All share the bytes before it and
 * are longer than `depth`. */
static size_t first_with_byte(const struct word *words, size_t low, size_t high, size_t depth,
                              unsigned least) {
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((unsigned char)words[middle].text.data[depth] < least)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t wordlist_match(const struct wordlist *list, struct span text, size_t at, size_t *term) {
    const struct word *words = list->words;
    size_t low = 0, high = list->n_words, longest = 0;
    if (at < text.length && utf8_continues(text.data[at])) return 0;
    for (size_t depth = 0; low < high && at + depth < text.length; depth++) {
        unsigned byte = (unsigned char)text.data[at + depth];
        low = first_with_byte(words, low, high, depth, byte);
        high = first_with_byte(words, low, high, depth, byte + 1);
        /* A word that ends here sorts before those that go on; the same word may stand twice. */
        while (low < high && words[low].text.length == depth + 1) {
            longest = depth + 1;
            *term = words[low++].term;
        }
    }
    return longest;
}
