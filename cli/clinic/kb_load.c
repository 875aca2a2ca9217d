#include "cli/clinic/kb_signs.h"

#include <stdio.h>

/* Ages above any person's: an open end. */
static const double OLDEST_YEARS = 150;

static const char *const KB_FIELDS[] = {"schema",        "version",   "note",     "departments",
                                        "symptoms",      "broader",   "measured", "synonyms",
                                        "circumstances", "questions", "diseases", NULL};
static const char *const SYMPTOM_FIELDS[] = {"name", "aliases", NULL};
static const char *const DISEASE_FIELDS[] = {
    "name",     "aliases", "icd10",         "departments", "ages",       "sex",     "commonness", "basis",
    "findings", "tests",   "differentials", "risk",        "never_miss", "kind_of", NULL};
static const char *const AGE_FIELDS[] = {"min", "max", NULL};
static const char *const TEST_FIELDS[] = {"name", "reason", NULL};

/* A new term with its aliases; the name must not be there already. */
static bool add_names(const struct kb_loading *loading, struct wordlist *list, const struct record *entry,
                      const char **name, struct strings *aliases) {
    size_t term, before = list->n_terms;
    if (!record_string(entry, "name", loading->arena, name, loading->failure) ||
        !record_strings(entry, "aliases", loading->arena, aliases, loading->failure))
        return false;
    if (!wordlist_add_term(list, loading->arena, *name, &term)) return fail_memory(loading->failure);
    if (list->n_terms == before) return record_refuse(entry, "name", "没有出现过的名称", loading->failure);
    if (!wordlist_add_word(list, loading->arena, term, *name)) return fail_memory(loading->failure);
    for (size_t i = 0; i < aliases->count; i++)
        if (!wordlist_add_word(list, loading->arena, term, aliases->items[i]))
            return fail_memory(loading->failure);
    return true;
}

static bool load_symptoms(const struct kb_loading *loading, const struct record *root) {
    struct wordlist *symptoms = &loading->kb->symptoms;
    size_t count = 0;
    if (!record_has(root, "symptoms")) return *symptoms = loading->lexicon->symptoms, true;
    if (!wordlist_copy(symptoms, loading->arena, &loading->lexicon->symptoms))
        return fail_memory(loading->failure);
    if (!record_count(root, "symptoms", &count, loading->failure)) return false;
    for (size_t i = 0; i < count; i++) {
        struct record entry;
        const char *name;
        struct strings aliases;
        if (!record_element(root, "symptoms", i, SYMPTOM_FIELDS, &entry, loading->failure) ||
            !add_names(loading, symptoms, &entry, &name, &aliases))
            return false;
    }
    return lexicon_finish(symptoms, loading->lexicon->symptoms.n_terms, root, "symptoms", loading->failure);
}

static bool is_icd10(const char *code) {
    size_t length = strlen(code);
    if (length < 3 || length == 4 || length > 6 || code[0] < 'A' || code[0] > 'Z') return false;
    for (size_t i = 1; i < length; i++)
        if (i == 3 ? code[i] != '.' : code[i] < '0' || code[i] > '9') return false;
    return true;
}

static bool load_age_limit(const struct record *ages, const char *field, double open, double *years,
                           struct failure *failure) {
    *years = open;
    return !record_has(ages, field) || record_number(ages, field, 0, OLDEST_YEARS, years, failure);
}

static bool load_ages(const struct record *entry, struct disease *disease, struct failure *failure) {
    struct record ages;
    if (!record_object(entry, "ages", AGE_FIELDS, &ages, failure) ||
        !load_age_limit(&ages, "min", 0, &disease->age_min, failure) ||
        !load_age_limit(&ages, "max", OLDEST_YEARS, &disease->age_max, failure))
        return false;
    if (disease->age_min > disease->age_max) return record_refuse(&ages, "min", "不大于 max 的数", failure);
    return true;
}

static bool load_sex(const struct record *entry, struct arena *arena, enum sex *sex,
                     struct failure *failure) {
    *sex = SEX_UNKNOWN;
    if (!record_has(entry, "sex")) return true;
    const char *text;
    if (!record_string(entry, "sex", arena, &text, failure)) return false;
    if (strcmp(text, "男") == 0) return *sex = SEX_MALE, true;
    if (strcmp(text, "女") == 0) return *sex = SEX_FEMALE, true;
    return record_refuse(entry, "sex", "\"男\"、\"女\"或 null", failure);
}

static bool load_weights(const struct kb_loading *loading, const struct record *entry,
                         struct disease *disease) {
    size_t count = 0;
    if (!record_count(entry, "findings", &count, loading->failure)) return false;
    disease->weights = arena_new(loading->arena, count * sizeof *disease->weights);
    if (!disease->weights) return fail_memory(loading->failure);
    for (size_t i = 0; i < count; i++) {
        struct record finding;
        struct weight *weight = &disease->weights[i];
        if (!record_element(entry, "findings", i, FINDING_FIELDS, &finding, loading->failure) ||
            !sign_read(loading, &finding, &weight->sign) ||
            !record_number(&finding, "weight", -3, 3, &weight->weight, loading->failure))
            return false;
        if (disease_weight(disease, weight->sign, 0) != 0)
            return record_refuse(&finding, sign_field(&finding), "本病没有列过的表现", loading->failure);
        disease->n_weights++;
    }
    return true;
}

static bool load_tests(const struct kb_loading *loading, const struct record *entry,
                       struct disease *disease) {
    size_t count = 0;
    if (!record_count(entry, "tests", &count, loading->failure)) return false;
    disease->tests = arena_new(loading->arena, count * sizeof *disease->tests);
    if (!disease->tests) return fail_memory(loading->failure);
    for (; disease->n_tests < count; disease->n_tests++) {
        struct record test;
        struct suggested_test *out = &disease->tests[disease->n_tests];
        if (!record_element(entry, "tests", disease->n_tests, TEST_FIELDS, &test, loading->failure) ||
            !record_string(&test, "name", loading->arena, &out->name, loading->failure) ||
            !record_string(&test, "reason", loading->arena, &out->reason, loading->failure))
            return false;
    }
    return true;
}

/* Only a disease that stands before may be named, so that no disease is a kind of itself. */
static bool load_kind_of(const struct kb_loading *loading, const struct record *entry,
                         struct disease *disease) {
    const char *name;
    if (!record_has(entry, "kind_of")) return true;
    if (!record_string(entry, "kind_of", loading->arena, &name, loading->failure)) return false;
    size_t term = wordlist_find(&loading->kb->disease_names, span_of(name));
    if (term >= loading->kb->n_diseases)
        return record_refuse(entry, "kind_of", "前面的疾病的名称", loading->failure);
    disease->kind_of = &loading->kb->diseases[term];
    return true;
}

static bool load_disease(const struct kb_loading *loading, const struct record *entry,
                         struct disease *disease) {
    struct arena *arena = loading->arena;
    struct failure *failure = loading->failure;
    if (!add_names(loading, &loading->kb->disease_names, entry, &disease->name, &disease->aliases) ||
        !record_string(entry, "icd10", arena, &disease->icd10, failure))
        return false;
    if (!is_icd10(disease->icd10)) return record_refuse(entry, "icd10", "ICD-10 编码(如 \"G43.9\")", failure);
    return record_strings(entry, "departments", arena, &disease->departments, failure) &&
           load_ages(entry, disease, failure) && load_sex(entry, arena, &disease->sex, failure) &&
           record_number(entry, "commonness", 1, 5, &disease->commonness, failure) &&
           load_weights(loading, entry, disease) &&
           record_strings(entry, "differentials", arena, &disease->differentials, failure) &&
           record_string(entry, "basis", arena, &disease->basis, failure) &&
           load_tests(loading, entry, disease) &&
           record_string(entry, "risk", arena, &disease->risk, failure) &&
           record_bool(entry, "never_miss", &disease->never_miss, failure) &&
           load_kind_of(loading, entry, disease);
}

/* Every differential names a disease of this knowledge base. */
static bool check_differentials(const struct kb_loading *loading, const struct record *root) {
    for (size_t i = 0; i < loading->kb->n_diseases; i++) {
        const struct strings *named = &loading->kb->diseases[i].differentials;
        for (size_t j = 0; j < named->count; j++) {
            if (wordlist_find(&loading->kb->disease_names, span_of(named->items[j])) != TERM_NONE) continue;
            struct record entry;
            return record_element(root, "diseases", i, DISEASE_FIELDS, &entry, loading->failure) &&
                   record_refuse(&entry, "differentials", "diseases 中的名称的数组", loading->failure);
        }
    }
    return true;
}

static bool load_diseases(const struct kb_loading *loading, const struct record *root) {
    struct kb *kb = loading->kb;
    size_t count = 0;
    if (!record_count(root, "diseases", &count, loading->failure)) return false;
    if (count == 0) return record_refuse(root, "diseases", "至少一种疾病", loading->failure);
    kb->diseases = arena_new(loading->arena, count * sizeof *kb->diseases);
    if (!kb->diseases) return fail_memory(loading->failure);
    for (; kb->n_diseases < count; kb->n_diseases++) {
        struct record entry;
        if (!record_element(root, "diseases", kb->n_diseases, DISEASE_FIELDS, &entry, loading->failure) ||
            !load_disease(loading, &entry, &kb->diseases[kb->n_diseases]))
            return false;
    }
    return lexicon_finish(&kb->disease_names, 0, root, "diseases", loading->failure) &&
           check_differentials(loading, root);
}

bool kb_load(struct kb *kb, struct arena *arena, struct span text, const char *source,
             const struct lexicon *lexicon, struct failure *failure) {
    *kb = (struct kb){.source = source};
    struct document document;
    struct record root;
    if (!document_open(&document, text, source, "youtu.kb/1", &root, failure)) return false;
    struct kb_loading loading = {kb, lexicon, arena, failure};
    bool loaded = record_allow(&root, KB_FIELDS, failure) &&
                  record_string(&root, "version", arena, &kb->version, failure) &&
                  record_strings(&root, "departments", arena, &kb->departments, failure) &&
                  load_symptoms(&loading, &root) && signs_begin(&loading) &&
                  symptom_relations_load(&loading, &root) && load_diseases(&loading, &root);
    return document_close(&document, loaded, failure);
}
