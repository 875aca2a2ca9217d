#include "cli/clinic/scope.h"

#include <stddef.h>

#define LIST(name) \
    { #name, false, offsetof(struct scope, name) }
#define SEARCHED(name) \
    { #name, true, offsetof(struct scope, name) }

static const struct {
    const char *field;
    bool searched; /* a word list; else an array of words */
    size_t offset;
} LISTS[] = {
    SEARCHED(strong_negations),
    SEARCHED(weak_negations),
    LIST(undoing),
    SEARCHED(connectors),
    SEARCHED(fillers),
    LIST(list_ends),
    SEARCHED(adverbs),
    LIST(doubtful_before),
    LIST(doubtful_negations),
    LIST(absent_after),
    SEARCHED(absent_after_fillers),
    LIST(over_by_now),
    LIST(still_there_before),
    LIST(still_there_after),
    LIST(earlier_times),
    LIST(now_again),
    LIST(supposed),
    LIST(asked),
    LIST(history_suffixes),
    LIST(self),
    LIST(observing),
    LIST(noticing),
};
enum { N_LISTS = sizeof LISTS / sizeof *LISTS };

static const char *const PERSON_FIELDS[] = {"person", "sex", "words", NULL};

static bool allow_fields(const struct record *root, struct failure *failure) {
    const char *fields[N_LISTS + 3] = {"schema", "persons"};
    for (size_t i = 0; i < N_LISTS; i++) fields[i + 2] = LISTS[i].field;
    return record_allow(root, fields, failure);
}

static bool read_person(const struct record *entry, struct arena *arena, enum person *person,
                        struct failure *failure) {
    static const char *const NAMES[] = {
        [PERSON_CHILD] = "child",     [PERSON_MOTHER] = "mother", [PERSON_FATHER] = "father",
        [PERSON_SPOUSE] = "spouse",   [PERSON_ELDER] = "elder",   [PERSON_GRANDPARENT] = "grandparent",
        [PERSON_SIBLING] = "sibling", [PERSON_OTHERS] = "others"};
    const char *name;
    if (!record_string(entry, "person", arena, &name, failure)) return false;
    for (size_t i = PERSON_CHILD; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(name, NAMES[i]) == 0) return *person = (enum person)i, true;
    return record_refuse(entry, "person",
                         "child、mother、father、spouse、elder、grandparent、sibling 或 others", failure);
}

static bool read_sex(const struct record *entry, struct arena *arena, char *sex, struct failure *failure) {
    const char *name;
    *sex = 0;
    if (!record_has(entry, "sex")) return true;
    if (!record_string(entry, "sex", arena, &name, failure)) return false;
    *sex = strcmp(name, "男") == 0 ? 'm' : strcmp(name, "女") == 0 ? 'f' : 0;
    return *sex || record_refuse(entry, "sex", "\"男\"、\"女\" 或 null", failure);
}

static bool load_persons(struct scope *scope, const struct record *root, struct arena *arena,
                         struct failure *failure) {
    size_t count = 0;
    if (!record_count(root, "persons", &count, failure)) return false;
    for (size_t i = 0; i < count; i++) {
        struct record entry;
        struct person_word word = {0};
        struct strings words;
        if (!record_element(root, "persons", i, PERSON_FIELDS, &entry, failure) ||
            !read_person(&entry, arena, &word.person, failure) ||
            !read_sex(&entry, arena, &word.sex, failure) ||
            !record_strings(&entry, "words", arena, &words, failure))
            return false;
        for (size_t j = 0; j < words.count; j++) {
            struct person_word *persons =
                arena_grow(arena, scope->persons, scope->n_persons, sizeof *persons);
            if (!persons) return fail_memory(failure);
            word.word = span_of(words.items[j]);
            persons[scope->n_persons++] = word;
            scope->persons = persons;
        }
    }
    return true;
}

static bool list_words(struct wordlist *list, const struct strings *words, struct arena *arena,
                       struct failure *failure) {
    size_t term, other;
    if (!wordlist_add_term(list, arena, "scope", &term)) return fail_memory(failure);
    for (size_t i = 0; i < words->count; i++)
        if (!wordlist_add_word(list, arena, term, words->items[i])) return fail_memory(failure);
    wordlist_sort(list, &other);
    return true;
}

bool scope_load(struct scope *scope, struct arena *arena, struct span text, const char *source,
                struct failure *failure) {
    *scope = (struct scope){0};
    struct document document;
    struct record root;
    if (!document_open(&document, text, source, "youtu.scope/1", &root, failure)) return false;
    bool loaded = allow_fields(&root, failure) && load_persons(scope, &root, arena, failure);
    for (size_t i = 0; loaded && i < N_LISTS; i++) {
        struct strings words;
        void *list = (char *)scope + LISTS[i].offset;
        loaded = record_strings(&root, LISTS[i].field, arena, &words, failure) &&
                 (words.count || record_refuse(&root, LISTS[i].field, "至少一个词", failure));
        if (!loaded) break;
        if (LISTS[i].searched)
            loaded = list_words(list, &words, arena, failure);
        else
            *(const char *const **)list = words.items;
    }
    return document_close(&document, loaded, failure);
}
