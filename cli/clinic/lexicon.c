#include "cli/clinic/lexicon.h"

static const char *const FIELDS[] = {"schema", "sites",      "qualities",  "severities", "triggers",
                                     "drugs",  "conditions", "body_parts", "infixes",    NULL};
static const char *const ENTRY_FIELDS[] = {"name", "words", NULL};

/* names_too: a term's name is also a word for it. */
static bool load_words(const struct record *root, const char *field, bool names_too, struct wordlist *list,
                       struct arena *arena, struct failure *failure) {
    size_t count = 0, term;
    if (!record_count(root, field, &count, failure)) return false;
    for (size_t i = 0; i < count; i++) {
        struct record entry;
        const char *name;
        struct strings words;
        if (!record_element(root, field, i, ENTRY_FIELDS, &entry, failure) ||
            !record_string(&entry, "name", arena, &name, failure) ||
            !record_strings(&entry, "words", arena, &words, failure))
            return false;
        if (!wordlist_add_term(list, arena, name, &term) ||
            (names_too && !wordlist_add_word(list, arena, term, name)))
            return fail_memory(failure);
        for (size_t j = 0; j < words.count; j++)
            if (!wordlist_add_word(list, arena, term, words.items[j])) return fail_memory(failure);
    }
    size_t other;
    const struct word *shared = wordlist_sort(list, &other);
    if (!shared) return true;
    return fail(failure, STATUS_INPUT, "%s:%s 中“%.*s”同时属于“%s”和“%s”,应只属于一个", root->place, field,
                (int)shared->text.length, shared->text.data, list->terms[other], list->terms[shared->term]);
}

static bool load_infixes(const struct record *root, struct infixes *infixes, struct arena *arena,
                         struct failure *failure) {
    if (!load_words(root, "body_parts", true, &infixes->body_parts, arena, failure) ||
        !load_words(root, "infixes", false, &infixes->words, arena, failure))
        return false;
    infixes->denial = wordlist_find(&infixes->words, span_of("否定"));
    return infixes->denial != TERM_NONE ||
           fail(failure, STATUS_INPUT, "%s:infixes 中缺少“否定”", root->place);
}

bool lexicon_load(struct lexicon *lexicon, struct arena *arena, struct span text, const char *source,
                  struct failure *failure) {
    *lexicon = (struct lexicon){0};
    json_t *document = document_parse(text, source, "youtu.lexicon/1", failure);
    if (!document) return false;
    struct record root = record_root(document, source);
    bool loaded = record_allow(&root, FIELDS, failure) &&
                  load_words(&root, "sites", true, &lexicon->sites, arena, failure) &&
                  load_words(&root, "qualities", true, &lexicon->qualities, arena, failure) &&
                  load_words(&root, "severities", false, &lexicon->severities, arena, failure) &&
                  load_words(&root, "triggers", true, &lexicon->triggers, arena, failure) &&
                  load_words(&root, "drugs", true, &lexicon->drugs, arena, failure) &&
                  load_words(&root, "conditions", true, &lexicon->conditions, arena, failure) &&
                  load_infixes(&root, &lexicon->infixes, arena, failure);
    json_decref(document);
    return loaded;
}
