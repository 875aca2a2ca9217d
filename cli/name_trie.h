/* What may stand as a diagnosis in section 1 of a guided answer, as paths of tokens: the names and aliases of the
 * knowledge base, the way out for a disease that it does not have, and the phrase that nothing can be told.
 *
 * The entries are sorted by their tokens: a range of them that shares its first tokens is a node of the trie. */
#ifndef CLI_NAME_TRIE_H
#define CLI_NAME_TRIE_H

#include "cli/clinic/kb.h"

#include "youtu.h"

enum name_kind {
    NAME_KNOWN,
    NAME_UNLISTED, /* ANSWER_UNLISTED, behind which the model writes what it likes */
    NAME_UNDECIDED /* ANSWER_UNDECIDED */
};

struct name_entry {
    enum name_kind kind;
    const struct disease *disease; /* of a known name */
    youtu_tokens name;             /* with the blank before it, as it follows "(1)" */
    youtu_tokens label;            /* as it opens a line of section 2: with a colon */
};

struct name_trie {
    struct name_entry *entries;
    size_t count;
};

/* Free with name_trie_free, also after a failure. */
bool name_trie_build(struct name_trie *trie, const youtu_tokenizer *tokenizer, const struct kb *kb,
                     struct failure *failure);
void name_trie_free(struct name_trie *trie);

/* Which entries may be taken. */
struct name_filter {
    const struct disease *const *used; /* [n_used] not again, under no other name either */
    size_t n_used;
    bool unlisted, undecided; /* these may be taken too */
    size_t most_tokens;       /* of name and label together */
};

/* A node: entries first .. last - 1 share their first `depth` tokens. */
struct name_walk {
    size_t first, last, depth;
};

struct name_walk name_walk_begin(const struct name_trie *trie);

/* Goes down by a token that name_choices gave. */
void name_walk_take(const struct name_trie *trie, struct name_walk *walk, int32_t token);

/* The tokens by which an allowed entry goes on from here: ids, room for trie->count; returns their number.
 * *whole: an allowed entry that ends here, or NULL. */
size_t name_choices(const struct name_trie *trie, const struct name_walk *walk,
                    const struct name_filter *filter, int32_t *ids, const struct name_entry **whole);

#endif
