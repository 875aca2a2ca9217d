#include "cli/name_trie.h"

#include "cli/clinic/answer.h"
#include "cli/clinic/buffer.h"
#include "cli/engine.h"

#include <stdlib.h>

/* A name must be read from an answer as what it is: one that holds a comma or a parenthesis is not. */
static bool reads_back(const struct kb *kb, const char *name, const struct disease *disease, bool *reads) {
    struct arena arena = {0};
    struct answer answer;
    const struct disease *found = NULL;
    const char *text = arena_format(&arena, "1. 可能诊断\n(1) %s\n", name);
    bool done = text && answer_parse(span_of(text), &arena, &answer) &&
                (answer.n_diagnoses != 1 || kb_find_disease(kb, &arena, answer.diagnoses[0].name, &found));
    *reads = done && found == disease && span_is(answer.diagnoses[0].name, name);
    arena_free(&arena);
    return done;
}

static bool add_entry(struct name_trie *trie, const youtu_tokenizer *tokenizer, enum name_kind kind,
                      const struct disease *disease, const char *name, struct failure *failure) {
    struct name_entry *entry = &trie->entries[trie->count++];
    struct buffer spaced = {0}, label = {0};
    youtu_error error;
    *entry = (struct name_entry){.kind = kind, .disease = disease};
    buffer_format(&spaced, " %s", name);
    buffer_format(&label, kind == NAME_KNOWN ? "%s:" : "%s", name);
    bool added = (!spaced.failed && !label.failed) || fail_memory(failure);
    if (added &&
        (youtu_encode(tokenizer, spaced.data, spaced.length, YOUTU_TEXT_PLAIN, &entry->name, &error) ||
         youtu_encode(tokenizer, label.data, label.length, YOUTU_TEXT_PLAIN, &entry->label, &error)))
        added = engine_fail(failure, "知识库的病名", &error);
    buffer_free(&spaced);
    buffer_free(&label);
    return added;
}

static bool add_known(struct name_trie *trie, const youtu_tokenizer *tokenizer, const struct kb *kb,
                      const struct disease *disease, const char *name, struct failure *failure) {
    bool reads;
    if (!reads_back(kb, name, disease, &reads)) return fail_memory(failure);
    return !reads || add_entry(trie, tokenizer, NAME_KNOWN, disease, name, failure);
}

static int compare_entries(const void *left, const void *right) {
    const youtu_tokens *a = &((const struct name_entry *)left)->name;
    const youtu_tokens *b = &((const struct name_entry *)right)->name;
    for (size_t i = 0; i < a->count && i < b->count; i++)
        if (a->ids[i] != b->ids[i]) return a->ids[i] < b->ids[i] ? -1 : 1;
    return a->count < b->count ? -1 : a->count > b->count;
}

bool name_trie_build(struct name_trie *trie, const youtu_tokenizer *tokenizer, const struct kb *kb,
                     struct failure *failure) {
    size_t most = 2;
    for (size_t i = 0; i < kb->n_diseases; i++) most += 1 + kb->diseases[i].aliases.count;
    *trie = (struct name_trie){.entries = calloc(most, sizeof *trie->entries)};
    if (!trie->entries) return fail_memory(failure);
    if (!add_entry(trie, tokenizer, NAME_UNLISTED, NULL, ANSWER_UNLISTED, failure) ||
        !add_entry(trie, tokenizer, NAME_UNDECIDED, NULL, ANSWER_UNDECIDED, failure))
        return false;
    for (size_t i = 0; i < kb->n_diseases; i++) {
        const struct disease *disease = &kb->diseases[i];
        if (!add_known(trie, tokenizer, kb, disease, disease->name, failure)) return false;
        for (size_t j = 0; j < disease->aliases.count; j++)
            if (!add_known(trie, tokenizer, kb, disease, disease->aliases.items[j], failure)) return false;
    }
    qsort(trie->entries, trie->count, sizeof *trie->entries, compare_entries);
    return true;
}

void name_trie_free(struct name_trie *trie) {
    for (size_t i = 0; i < trie->count; i++) {
        youtu_tokens_free(&trie->entries[i].name);
        youtu_tokens_free(&trie->entries[i].label);
    }
    free(trie->entries);
    *trie = (struct name_trie){0};
}

struct name_walk name_walk_begin(const struct name_trie *trie) {
    return (struct name_walk){0, trie->count, 0};
}

void name_walk_take(const struct name_trie *trie, struct name_walk *walk, int32_t token) {
    size_t depth = walk->depth++;
    const struct name_entry *entries = trie->entries;
    while (walk->first < walk->last &&
           (entries[walk->first].name.count <= depth || entries[walk->first].name.ids[depth] != token))
        walk->first++;
    size_t last = walk->first;
    while (last < walk->last && entries[last].name.ids[depth] == token) last++;
    walk->last = last;
}

static bool is_allowed(const struct name_filter *filter, const struct name_entry *entry) {
    if (entry->kind == NAME_UNLISTED) return filter->unlisted;
    if (entry->kind == NAME_UNDECIDED) return filter->undecided;
    for (size_t i = 0; i < filter->n_used; i++)
        if (filter->used[i] == entry->disease) return false;
    return entry->name.count + entry->label.count <= filter->most_tokens;
}

size_t name_choices(const struct name_trie *trie, const struct name_walk *walk,
                    const struct name_filter *filter, int32_t *ids, const struct name_entry **whole) {
    size_t count = 0;
    *whole = NULL;
    for (size_t i = walk->first; i < walk->last; i++) {
        const struct name_entry *entry = &trie->entries[i];
        if (!is_allowed(filter, entry)) continue;
        if (entry->name.count == walk->depth)
            *whole = entry;
        else if (count == 0 || ids[count - 1] != entry->name.ids[walk->depth])
            ids[count++] = entry->name.ids[walk->depth];
    }
    return count;
}
