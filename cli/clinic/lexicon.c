#include "cli/clinic/lexicon.h"

#include <stddef.h>

static const char *const FIELDS[] = {
    "schema",     "classes",          "symptoms",      "sites",      "qualities",
    "severities", "trends",           "menstrual",     "triggers",   "drugs",
    "conditions", "body_parts",       "infixes",       "decoys",     "subjects",
    "sides",      "positions",        "broad_parts",   "worse",      "better",
    "not_better", "bare_complaints",  "trigger_links", "firm_links", "never_triggers",
    "needs",      "trigger_openings", "no_triggers",   NULL};
static const char *const ENTRY_FIELDS[] = {"name", "words", NULL};
static const char *const TRIGGER_FIELDS[] = {"name", "words", "moment", NULL};
static const char *const SYMPTOM_FIELDS[] = {"name", "words", "denials", "circumstance", "event", NULL};

bool lexicon_is_complaint(const struct lexicon *lexicon, size_t symptom) {
    return symptom >= lexicon->symptoms.n_terms || !lexicon->circumstances[symptom];
}

static bool add_phrases(const struct lexicon *lexicon, struct wordlist *list, size_t term,
                        const char *pattern, bool denies, const char *place, struct arena *arena,
                        struct failure *failure) {
    struct strings phrases = {0};
    if (!classes_expand(&lexicon->classes, pattern, place, arena, &phrases, failure)) return false;
    for (size_t i = 0; i < phrases.count; i++)
        if (!wordlist_add_phrase(list, arena, term, span_of(phrases.items[i]), phrases.count == 1, denies))
            return fail_memory(failure);
    return true;
}

bool lexicon_is_told(const struct lexicon *lexicon, size_t symptom) {
    return lexicon_is_complaint(lexicon, symptom) || lexicon->events[symptom];
}

bool lexicon_add_word(const struct lexicon *lexicon, struct wordlist *list, size_t term, const char *pattern,
                      const char *place, struct arena *arena, struct failure *failure) {
    return add_phrases(lexicon, list, term, pattern, false, place, arena, failure);
}

static const char *term_name(const struct wordlist *list, size_t term) {
    return term == TERM_NONE ? "decoys" : list->terms[term];
}

/* The entry of a list that holds the later of two words: the terms of a field stand behind those of the fields before
 * it, and the decoys behind all, where they are of this file. */
static void point_at_later(const struct record *root, const char *field, size_t first_term, size_t term,
                           size_t other) {
    size_t later = term > other ? term : other;
    if (later == TERM_NONE && !record_has(root, "decoys")) later = term < other ? term : other;
    if (later == TERM_NONE)
        record_point(root, "decoys", JSON_NO_INDEX);
    else
        record_point(root, field, later >= first_term ? later - first_term : JSON_NO_INDEX);
}

bool lexicon_finish(struct wordlist *list, size_t first_term, const struct record *root, const char *field,
                    struct failure *failure) {
    size_t other;
    const struct word *shared = wordlist_sort(list, &other);
    if (!shared) return true;
    point_at_later(root, field, first_term, shared->term, other);
    return fail(failure, STATUS_INPUT, "%s:%s 中“%.*s”同时属于“%s”和“%s”,应只属于一个", root->place, field,
                (int)shared->text.length, shared->text.data, term_name(list, other),
                term_name(list, shared->term));
}

/* One file being read. */
struct loading {
    struct lexicon *lexicon;
    const struct record *root;
    struct arena *arena;
    struct failure *failure;
};

/* An entry {"name", "words"} as a term; names_too: its name is also a word for it. */
static bool load_entry(const struct loading *loading, const struct record *entry, bool names_too,
                       struct wordlist *list, size_t *term) {
    const char *name;
    struct strings words;
    if (!record_string(entry, "name", loading->arena, &name, loading->failure) ||
        !record_strings(entry, "words", loading->arena, &words, loading->failure))
        return false;
    size_t before = list->n_terms;
    if (!wordlist_add_term(list, loading->arena, name, term)) return fail_memory(loading->failure);
    if (list->n_terms == before) return record_refuse(entry, "name", "没有出现过的名称", loading->failure);
    if (names_too && !wordlist_add_word(list, loading->arena, *term, name))
        return fail_memory(loading->failure);
    for (size_t i = 0; i < words.count; i++)
        if (!lexicon_add_word(loading->lexicon, list, *term, words.items[i], entry->place, loading->arena,
                              loading->failure))
            return false;
    return true;
}

static bool load_words(const struct loading *loading, const char *field, bool names_too,
                       struct wordlist *list) {
    size_t count = 0, term, first_term = list->n_terms;
    if (!record_count(loading->root, field, &count, loading->failure)) return false;
    for (size_t i = 0; i < count; i++) {
        struct record entry;
        if (!record_element(loading->root, field, i, ENTRY_FIELDS, &entry, loading->failure) ||
            !load_entry(loading, &entry, names_too, list, &term))
            return false;
    }
    return lexicon_finish(list, first_term, loading->root, field, loading->failure);
}

/* The ways to say that a symptom is absent without a word of denial: "胃口好". */
static bool load_denials(const struct loading *loading, const struct record *entry, size_t term) {
    struct lexicon *lexicon = loading->lexicon;
    struct strings words = {0};
    if (!record_has(entry, "denials")) return true;
    if (!record_strings(entry, "denials", loading->arena, &words, loading->failure)) return false;
    for (size_t i = 0; i < words.count; i++)
        if (!add_phrases(lexicon, &lexicon->symptoms, term, words.items[i], true, entry->place,
                         loading->arena, loading->failure))
            return false;
    return true;
}

static bool load_decoys(const struct loading *loading) {
    struct strings words;
    if (!record_strings(loading->root, "decoys", loading->arena, &words, loading->failure)) return false;
    for (size_t i = 0; i < words.count; i++)
        if (!add_phrases(loading->lexicon, &loading->lexicon->symptoms, TERM_NONE, words.items[i], false,
                         loading->root->place, loading->arena, loading->failure))
            return false;
    return true;
}

static bool load_symptoms(const struct loading *loading) {
    struct lexicon *lexicon = loading->lexicon;
    size_t count = 0, term;
    if (!record_count(loading->root, "symptoms", &count, loading->failure)) return false;
    lexicon->circumstances = arena_new(loading->arena, count * sizeof *lexicon->circumstances);
    lexicon->events = arena_new(loading->arena, count * sizeof *lexicon->events);
    if (!lexicon->circumstances || !lexicon->events) return fail_memory(loading->failure);
    for (size_t i = 0; i < count; i++) {
        struct record entry;
        if (!record_element(loading->root, "symptoms", i, SYMPTOM_FIELDS, &entry, loading->failure) ||
            !load_entry(loading, &entry, true, &lexicon->symptoms, &term) ||
            !load_denials(loading, &entry, term) ||
            (record_has(&entry, "circumstance") &&
             !record_bool(&entry, "circumstance", &lexicon->circumstances[term], loading->failure)) ||
            (record_has(&entry, "event") &&
             !record_bool(&entry, "event", &lexicon->events[term], loading->failure)))
            return false;
    }
    return load_decoys(loading) &&
           lexicon_finish(&lexicon->symptoms, 0, loading->root, "symptoms", loading->failure);
}

static bool load_triggers(const struct loading *loading) {
    struct lexicon *lexicon = loading->lexicon;
    size_t count = 0, term;
    if (!record_count(loading->root, "triggers", &count, loading->failure)) return false;
    lexicon->moments = arena_new(loading->arena, count * sizeof *lexicon->moments);
    if (!lexicon->moments) return fail_memory(loading->failure);
    for (size_t i = 0; i < count; i++) {
        struct record entry;
        if (!record_element(loading->root, "triggers", i, TRIGGER_FIELDS, &entry, loading->failure) ||
            !load_entry(loading, &entry, true, &lexicon->triggers, &term) ||
            (record_has(&entry, "moment") &&
             !record_bool(&entry, "moment", &lexicon->moments[term], loading->failure)))
            return false;
    }
    return lexicon_finish(&lexicon->triggers, 0, loading->root, "triggers", loading->failure);
}

/* A word of two of the lists is of the later one, unless both write it out. */
static bool load_changes(const struct loading *loading) {
    static const char *const CHANGES[] = {
        [WORD_BETTER] = "better", [WORD_WORSE] = "worse", [WORD_NOT_BETTER] = "not_better"};
    struct wordlist *changes = &loading->lexicon->changes;
    for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; i++) {
        struct strings patterns;
        size_t term;
        if (!record_strings(loading->root, CHANGES[i], loading->arena, &patterns, loading->failure))
            return false;
        if (!wordlist_add_term(changes, loading->arena, CHANGES[i], &term))
            return fail_memory(loading->failure);
        for (size_t j = 0; j < patterns.count; j++)
            if (!lexicon_add_word(loading->lexicon, changes, term, patterns.items[j], loading->root->place,
                                  loading->arena, loading->failure))
                return false;
        if (!lexicon_finish(changes, changes->n_terms, loading->root, CHANGES[i], loading->failure))
            return false;
    }
    return true;
}

static bool load_infixes(const struct loading *loading, struct infixes *infixes) {
    if (!load_words(loading, "body_parts", true, &infixes->body_parts)) return false;
    infixes->n_body_parts = infixes->body_parts.n_terms;
    if (!load_words(loading, "subjects", true, &infixes->body_parts) ||
        !load_words(loading, "infixes", false, &infixes->words))
        return false;
    infixes->denial = wordlist_find(&infixes->words, span_of("否定"));
    return infixes->denial != TERM_NONE ||
           fail(loading->failure, STATUS_INPUT, "%s:infixes 中缺少“否定”", loading->root->place);
}

static const struct {
    const char *field;
    size_t offset;
} LISTS[] = {
    {"sides", offsetof(struct lexicon, sides)},
    {"positions", offsetof(struct lexicon, positions)},
    {"broad_parts", offsetof(struct lexicon, broad_parts)},
    {"bare_complaints", offsetof(struct lexicon, bare_complaints)},
    {"trigger_links", offsetof(struct lexicon, trigger_links)},
    {"firm_links", offsetof(struct lexicon, firm_links)},
    {"never_triggers", offsetof(struct lexicon, never_triggers)},
    {"needs", offsetof(struct lexicon, needs)},
    {"trigger_openings", offsetof(struct lexicon, trigger_openings)},
    {"no_triggers", offsetof(struct lexicon, no_triggers)},
};

/* Plain lists of patterns. */
static bool load_lists(const struct loading *loading) {
    for (size_t i = 0; i < sizeof LISTS / sizeof *LISTS; i++) {
        struct strings patterns, words = {0}, phrases = {0};
        if (!record_strings(loading->root, LISTS[i].field, loading->arena, &patterns, loading->failure))
            return false;
        for (size_t j = 0; j < patterns.count; j++) {
            if (!classes_expand(&loading->lexicon->classes, patterns.items[j], loading->root->place,
                                loading->arena, &phrases, loading->failure))
                return false;
            for (size_t k = 0; k < phrases.count; k++)
                if (!strings_add(&words, loading->arena, phrases.items[k]))
                    return fail_memory(loading->failure);
        }
        const char **list = arena_new(loading->arena, (words.count + 1) * sizeof *list);
        if (!list) return fail_memory(loading->failure);
        if (words.count) memcpy(list, words.items, words.count * sizeof *list);
        *(const char *const **)((char *)loading->lexicon + LISTS[i].offset) = list;
    }
    return true;
}

bool lexicon_load(struct lexicon *lexicon, struct arena *arena, struct span text, const char *source,
                  struct failure *failure) {
    *lexicon = (struct lexicon){0};
    struct document document;
    struct record root;
    if (!document_open(&document, text, source, "youtu.lexicon/1", &root, failure)) return false;
    const struct loading loading = {lexicon, &root, arena, failure};
    bool loaded = record_allow(&root, FIELDS, failure) &&
                  classes_load(&lexicon->classes, &root, "classes", arena, failure) &&
                  load_symptoms(&loading) && load_words(&loading, "sites", true, &lexicon->sites) &&
                  load_words(&loading, "qualities", true, &lexicon->qualities) &&
                  load_words(&loading, "severities", false, &lexicon->severities) &&
                  load_words(&loading, "trends", false, &lexicon->trends) &&
                  load_words(&loading, "menstrual", false, &lexicon->menstrual) && load_triggers(&loading) &&
                  load_changes(&loading) && load_words(&loading, "drugs", true, &lexicon->drugs) &&
                  load_words(&loading, "conditions", true, &lexicon->conditions) &&
                  load_infixes(&loading, &lexicon->infixes) && load_lists(&loading);
    lexicon->symptoms.infixes = &lexicon->infixes;
    return document_close(&document, loaded, failure);
}
