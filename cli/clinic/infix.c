#include "cli/clinic/infix.h"

/* More than the longest word of a list; what is longer is not found divided. */
enum { JOINED_BYTES = 128 };

/* Longer runs of infixes are no way to speak. */
enum { MOST_INFIX_BYTES = 48 };

/* The part and what follows the infixes, matched as if nothing stood between them. */
static struct word_match match_joined(const struct wordlist *list, struct span text, size_t at,
                                      size_t part_length, size_t infix_length) {
    char joined[JOINED_BYTES];
    struct word_match match = {0};
    size_t tail_at = at + part_length + infix_length;
    if (part_length >= sizeof joined) return match;
    size_t tail = text.length - tail_at;
    if (tail > sizeof joined - part_length) tail = sizeof joined - part_length;
    memcpy(joined, text.data + at, part_length);
    memcpy(joined + part_length, text.data + tail_at, tail);
    size_t length = wordlist_match(list, (struct span){joined, part_length + tail}, 0, &match.term);
    if (length > part_length) match.length = length + infix_length;
    return match;
}

/* After each infix the rest is tried: 不 of "肚子有点不舒服" belongs to the complaint. */
struct word_match infix_match(const struct wordlist *list, struct span text, size_t at) {
    const struct infixes *infixes = list->infixes;
    struct word_match longest = {0};
    longest.length = wordlist_match(list, text, at, &longest.term);
    if (!infixes) return longest;
    size_t term, part = wordlist_match(&infixes->body_parts, text, at, &term), infix = 0, length;
    bool denied = false;
    while (part && infix < MOST_INFIX_BYTES &&
           (length = wordlist_match(&infixes->words, text, at + part + infix, &term))) {
        denied = denied || term == infixes->denial;
        infix += length;
        struct word_match divided = match_joined(list, text, at, part, infix);
        divided.denied = denied;
        if (divided.length > longest.length) longest = divided;
    }
    return longest;
}
