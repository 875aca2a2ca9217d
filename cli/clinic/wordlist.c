#include "cli/clinic/wordlist.h"

#include <stdlib.h>

bool wordlist_add_phrase(struct wordlist *list, struct arena *arena, size_t term, struct span phrase,
                         bool written, bool denies) {
    struct word *words = arena_grow(arena, list->words, list->n_words, sizeof *words);
    if (!words) return false;
    words[list->n_words++] = (struct word){phrase, term, denies, written};
    list->words = words;
    return true;
}

bool wordlist_add_word(struct wordlist *list, struct arena *arena, size_t term, const char *word) {
    struct plain_text plain;
    return text_plain(arena, span_of(word), &plain) &&
           wordlist_add_phrase(list, arena, term, plain_span(&plain), true, false);
}

bool wordlist_copy(struct wordlist *list, struct arena *arena, const struct wordlist *from) {
    *list = (struct wordlist){.infixes = from->infixes};
    for (size_t i = 0; i < from->n_terms; i++) {
        const char **terms = arena_grow(arena, list->terms, list->n_terms, sizeof *terms);
        if (!terms) return false;
        list->terms = terms;
        terms[list->n_terms++] = from->terms[i];
    }
    for (size_t i = 0; i < from->n_words; i++) {
        struct word *words = arena_grow(arena, list->words, list->n_words, sizeof *words);
        if (!words) return false;
        list->words = words;
        words[list->n_words++] = from->words[i];
    }
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
    if (a->written != b->written) return a->written ? -1 : 1;
    return a->term > b->term ? -1 : a->term < b->term;
}

static bool same_text(const struct word *a, const struct word *b) {
    return a->text.length == b->text.length && memcmp(a->text.data, b->text.data, a->text.length) == 0;
}

/* The number of the pair of bytes that starts a character of three bytes, or WORD_STARTS. */
static size_t pair_at(struct span text, size_t at) {
    if (at + 1 >= text.length) return WORD_STARTS;
    unsigned first = (unsigned char)text.data[at], second = (unsigned char)text.data[at + 1];
    return first >> 4 == 0xE ? (first & 0xF) << 6 | (second & 0x3F) : WORD_STARTS;
}

/* The number of the character of three bytes whose first two are `pair`, at text[at..]. */
static size_t character_of(size_t pair, struct span text, size_t at) {
    return pair << 6 | (at + 2 < text.length ? (unsigned char)text.data[at + 2] & 0x3F : 0);
}

static void note_character(uint8_t *set, size_t character) {
    set[character / 8] |= (uint8_t)(1U << character % 8);
}

static bool has_character(const uint8_t *set, size_t character) {
    return set[character / 8] >> character % 8 & 1;
}

/* The number of the character of three bytes that ends at `end`; CHARACTERS for another. */
static size_t last_character(struct span text, size_t end) {
    size_t pair = end < 3 ? WORD_STARTS : pair_at(text, end - 3);
    return pair == WORD_STARTS ? CHARACTERS : character_of(pair, text, end - 3);
}

static void note_characters(struct wordlist *list) {
    size_t pair = 0;
    uint32_t i = 0;
    memset(list->begins, 0, sizeof list->begins);
    memset(list->ends, 0, sizeof list->ends);
    for (; i < list->n_words; i++) {
        struct span word = list->words[i].text;
        size_t of_word = pair_at(word, 0), last = last_character(word, word.length);
        if (last < CHARACTERS) note_character(list->ends, last);
        if (of_word == WORD_STARTS && (unsigned char)word.data[0] < 0xE0) continue;
        while (pair <= of_word) list->starts[pair++] = i;
        if (of_word < WORD_STARTS) note_character(list->begins, character_of(of_word, word, 0));
    }
    while (pair <= WORD_STARTS) list->starts[pair++] = i;
}

const struct word *wordlist_sort(struct wordlist *list, size_t *other) {
    struct word *words = list->words;
    size_t kept = 0;
    if (list->n_words) qsort(words, list->n_words, sizeof *words, compare_words);
    for (size_t i = 0; i < list->n_words; i++) {
        if (words[i].text.length > list->longest) list->longest = words[i].text.length;
        const struct word *before = kept ? &words[kept - 1] : NULL;
        if (!before || !same_text(before, &words[i]))
            words[kept++] = words[i];
        else if (before->term != words[i].term && before->written && words[i].written)
            return *other = words[i].term, before;
    }
    list->n_words = kept;
    note_characters(list);
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

/* On the way through the words that a text may begin with: words[low, high) share its first `depth` bytes. */
struct walk {
    size_t low, high, depth;
};

static struct walk begin_walk(const struct wordlist *list, struct span text, size_t at) {
    size_t pair = pair_at(text, at);
    if (at < text.length && utf8_continues(text.data[at])) return (struct walk){0};
    if (pair == WORD_STARTS) return (struct walk){0, list->n_words, 0};
    if (!has_character(list->begins, character_of(pair, text, at))) return (struct walk){0};
    return (struct walk){list->starts[pair], list->starts[pair + 1], 2};
}

/* The next longer word; length 0: none. */
static struct word_match next_word(const struct wordlist *list, struct span text, size_t at,
                                   struct walk *walk) {
    const struct word *words = list->words;
    while (walk->low < walk->high && at + walk->depth < text.length) {
        unsigned byte = (unsigned char)text.data[at + walk->depth];
        walk->low = first_with_byte(words, walk->low, walk->high, walk->depth, byte);
        walk->high = first_with_byte(words, walk->low, walk->high, walk->depth, byte + 1);
        walk->depth++;
        if (walk->low == walk->high || words[walk->low].text.length != walk->depth) continue;
        /* A word that ends here sorts before those that go on. */
        const struct word *word = &words[walk->low++];
        return (struct word_match){walk->depth, word->term, word->denies};
    }
    return (struct word_match){0};
}

struct word_match wordlist_match(const struct wordlist *list, struct span text, size_t at) {
    struct walk walk = begin_walk(list, text, at);
    struct word_match longest = {0}, next;
    while ((next = next_word(list, text, at, &walk)).length) longest = next;
    return longest;
}

size_t wordlist_all(const struct wordlist *list, struct span text, size_t at, struct word_match *found,
                    size_t most) {
    struct walk walk = begin_walk(list, text, at);
    size_t count = 0;
    while (count < most && (found[count] = next_word(list, text, at, &walk)).length) count++;
    return count;
}

size_t wordlist_before(const struct wordlist *list, struct span text, size_t start, size_t end) {
    struct span before = span_between(text, 0, end);
    size_t last = last_character(before, end);
    if (last < CHARACTERS && !has_character(list->ends, last)) return end;
    for (size_t at = end - start > list->longest ? end - list->longest : start; at < end; at++)
        if (wordlist_match(list, before, at).length == end - at) return at;
    return end;
}

bool wordlist_within(const struct wordlist *list, struct span text) {
    for (size_t at = 0; at < text.length; at++)
        if (wordlist_match(list, text, at).length) return true;
    return false;
}
