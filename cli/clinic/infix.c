#include "cli/clinic/infix.h"

/* More than the longest word of a list; what is longer is not found divided. */
enum { JOINED_BYTES = 128 };

/* Longer runs of infixes are no way to speak. */
enum { MOST_INFIX_BYTES = 48 };

struct word_match infix_match_joined(const struct wordlist *list, struct span part, struct span text,
                                     size_t at) {
    char joined[JOINED_BYTES];
    struct word_match none = {0};
    if (part.length >= sizeof joined || at >= text.length || utf8_continues(text.data[at])) return none;
    size_t tail = text.length - at;
    if (tail > sizeof joined - part.length) tail = sizeof joined - part.length;
    memcpy(joined, part.data, part.length);
    memcpy(joined + part.length, text.data + at, tail);
    struct word_match match = wordlist_match(list, (struct span){joined, part.length + tail}, 0);
    if (match.length <= part.length) return none;
    match.length -= part.length;
    return match;
}

/* After each infix the rest is tried: 不 of "肚子有点不舒服" belongs to the complaint. */
struct word_match infix_match(const struct wordlist *list, struct span text, size_t at) {
    const struct infixes *infixes = list->infixes;
    struct word_match longest = wordlist_match(list, text, at), word;
    if (!infixes) return longest;
    size_t part = wordlist_match(&infixes->body_parts, text, at).length, infix = 0;
    bool denied = false;
    while (part && infix < MOST_INFIX_BYTES &&
           (word = wordlist_match(&infixes->words, text, at + part + infix)).length) {
        denied ^= word.term == infixes->denial;
        infix += word.length;
        struct word_match divided =
            infix_match_joined(list, span_between(text, at, at + part), text, at + part + infix);
        if (!divided.length || part + infix + divided.length <= longest.length) continue;
        divided.length += part + infix;
        divided.denied ^= denied;
        longest = divided;
    }
    return longest;
}
