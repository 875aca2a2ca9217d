#include "cli/clinic/kb_signs.h"

#include <math.h>
#include <stdlib.h>

const char *const FINDING_FIELDS[] = {"symptom",   "site",    "quality",    "aggravating",
                                      "relieving", "history", "medication", "course",
                                      "age",       "patient", "weight",     NULL};
static const char *const BROADER_FIELDS[] = {"name", "kinds", NULL};
static const char *const MEASURED_FIELDS[] = {"vital", "at_least", "symptom", NULL};
static const char *const SYNONYM_FIELDS[] = {"aggravating", "relieving", "means", NULL};
static const char *const QUESTION_FIELDS[] = {"symptom", "ask", NULL};

bool signs_begin(const struct kb_loading *loading) {
    struct kb *kb = loading->kb;
    for (size_t i = 0; i < kb->symptoms.n_terms; i++) {
        struct sign *signs = arena_grow(loading->arena, kb->signs, i, sizeof *signs);
        if (!signs) return fail_memory(loading->failure);
        kb->signs = signs;
        signs[kb->n_signs++] = (struct sign){.kind = SIGN_SYMPTOM, .name = kb->symptoms.terms[i]};
    }
    return true;
}

/* ---- a finding's sign */

static bool add_sign(const struct kb_loading *loading, struct sign sign, size_t *index) {
    struct kb *kb = loading->kb;
    for (*index = kb->symptoms.n_terms; *index < kb->n_signs; ++*index)
        if (kb->signs[*index].kind == sign.kind && strcmp(kb->signs[*index].name, sign.name) == 0)
            return true;
    struct sign *signs = arena_grow(loading->arena, kb->signs, kb->n_signs, sizeof *signs);
    if (!signs) return fail_memory(loading->failure);
    kb->signs = signs;
    signs[kb->n_signs++] = sign;
    return true;
}

/* "<=3", ">=14". */
static bool read_bound(const char *text, struct sign *sign) {
    char *end;
    if ((text[0] != '<' && text[0] != '>') || text[1] != '=' || text[2] < '0' || text[2] > '9') return false;
    sign->at_least = text[0] == '>';
    sign->bound = strtod(text + 2, &end);
    return *end == '\0' && isfinite(sign->bound);
}

static bool read_symptom(const struct kb_loading *loading, const struct record *record, const char *field,
                         size_t *symptom) {
    const char *name;
    if (!record_string(record, field, loading->arena, &name, loading->failure)) return false;
    *symptom = wordlist_find(&loading->kb->symptoms, span_of(name));
    return *symptom != TERM_NONE ||
           record_refuse(record, field, "词典或本文件 symptoms 中的名称", loading->failure);
}

const char *sign_field(const struct record *finding) {
    const char *found = NULL;
    for (const char *const *field = FINDING_FIELDS; strcmp(*field, "weight") != 0; field++) {
        if (!record_has(finding, *field)) continue;
        if (found) return NULL;
        found = *field;
    }
    return found;
}

bool sign_read(const struct kb_loading *loading, const struct record *finding, size_t *sign) {
    const struct lexicon *lexicon = loading->lexicon;
    const struct {
        const char *field;
        enum sign_kind kind;
        const struct wordlist *words; /* NULL: a bound */
        const char *expected;
    } FORMS[] = {
        {"site", SIGN_SITE, &lexicon->sites, "词典 sites 中的名称"},
        {"quality", SIGN_QUALITY, &lexicon->qualities, "词典 qualities 中的名称"},
        {"aggravating", SIGN_AGGRAVATING, &lexicon->triggers, "词典 triggers 中的名称"},
        {"relieving", SIGN_RELIEVING, &lexicon->triggers, "词典 triggers 中的名称"},
        {"history", SIGN_HISTORY, &lexicon->conditions, "词典 conditions 中的名称"},
        {"medication", SIGN_MEDICATION, &lexicon->drugs, "词典 drugs 中的名称"},
        {"course", SIGN_COURSE, NULL, "\"<=N\" 或 \">=N\"(天)"},
        {"age", SIGN_AGE, NULL, "\"<=N\" 或 \">=N\"(岁)"},
    };
    const char *field = sign_field(finding);
    struct sign read = {0};
    if (!field) return record_refuse(finding, "symptom", "恰好一个表现(symptom、site 等)", loading->failure);
    if (strcmp(field, "symptom") == 0) return read_symptom(loading, finding, field, sign);
    if (!record_string(finding, field, loading->arena, &read.name, loading->failure)) return false;
    if (strcmp(field, "patient") == 0) {
        read.kind = SIGN_PREGNANT;
        return strcmp(read.name, "怀孕") == 0 ? add_sign(loading, read, sign)
                                              : record_refuse(finding, field, "\"怀孕\"", loading->failure);
    }
    size_t form = 0;
    while (strcmp(FORMS[form].field, field) != 0) form++;
    read.kind = FORMS[form].kind;
    bool known = FORMS[form].words ? wordlist_find(FORMS[form].words, span_of(read.name)) != TERM_NONE
                                   : read_bound(read.name, &read);
    return known ? add_sign(loading, read, sign)
                 : record_refuse(finding, field, FORMS[form].expected, loading->failure);
}

/* ---- relations between symptoms */

/* Whether `symptom` is `other` or a kind of it. */
static bool is_kind_of(const struct kb *kb, size_t symptom, size_t other) {
    for (; symptom != TERM_NONE; symptom = kb->broader[symptom])
        if (symptom == other) return true;
    return false;
}

static bool load_kinds(const struct kb_loading *loading, const struct record *entry) {
    struct kb *kb = loading->kb;
    size_t broad;
    struct strings kinds;
    if (!read_symptom(loading, entry, "name", &broad) ||
        !record_strings(entry, "kinds", loading->arena, &kinds, loading->failure))
        return false;
    for (size_t i = 0; i < kinds.count; i++) {
        size_t kind = wordlist_find(&kb->symptoms, span_of(kinds.items[i]));
        if (kind == TERM_NONE || kb->broader[kind] != TERM_NONE || is_kind_of(kb, broad, kind))
            return record_refuse(entry, "kinds", "词典或本文件 symptoms 中的名称,各只属于一个上位症状",
                                 loading->failure);
        kb->broader[kind] = broad;
    }
    return true;
}

static bool load_measured(const struct kb_loading *loading, const struct record *entry) {
    static const char *const VITALS[] = {"体温", "收缩压", "舒张压"};
    struct kb *kb = loading->kb;
    const char *vital;
    struct measured read = {0};
    if (!record_string(entry, "vital", loading->arena, &vital, loading->failure) ||
        !record_number(entry, "at_least", 0, 300, &read.at_least, loading->failure) ||
        !read_symptom(loading, entry, "symptom", &read.symptom))
        return false;
    while (read.vital <= MEASURED_DIASTOLIC && strcmp(VITALS[read.vital], vital) != 0) read.vital++;
    if (read.vital > MEASURED_DIASTOLIC)
        return record_refuse(entry, "vital", "\"体温\"、\"收缩压\"或\"舒张压\"", loading->failure);
    kb->measured[kb->n_measured++] = read;
    return true;
}

static bool load_circumstances(const struct kb_loading *loading, const struct record *root) {
    struct strings names = {0};
    for (size_t i = 0; i < loading->lexicon->symptoms.n_terms; i++)
        loading->kb->circumstance[i] = !lexicon_is_complaint(loading->lexicon, i);
    if (!record_has(root, "circumstances")) return true;
    if (!record_strings(root, "circumstances", loading->arena, &names, loading->failure)) return false;
    for (size_t i = 0; i < names.count; i++) {
        size_t symptom = wordlist_find(&loading->kb->symptoms, span_of(names.items[i]));
        if (symptom == TERM_NONE)
            return record_refuse(root, "circumstances", "词典或本文件 symptoms 中的名称的数组",
                                 loading->failure);
        loading->kb->circumstance[symptom] = true;
    }
    return true;
}

static bool load_question(const struct kb_loading *loading, const struct record *entry) {
    size_t symptom;
    return read_symptom(loading, entry, "symptom", &symptom) &&
           record_string(entry, "ask", loading->arena, &loading->kb->questions[symptom], loading->failure);
}

static bool load_synonym(const struct kb_loading *loading, const struct record *entry) {
    struct kb *kb = loading->kb;
    struct synonym read;
    if (!sign_read(loading, entry, &read.sign) || !read_symptom(loading, entry, "means", &read.symptom))
        return false;
    kb->synonyms[kb->n_synonyms++] = read;
    return true;
}

/* The entries of one optional array. */
struct entries {
    const char *field;
    const char *const *fields;
    bool (*load)(const struct kb_loading *, const struct record *);
};

static bool load_entries(const struct kb_loading *loading, const struct record *root,
                         const struct entries *entries) {
    size_t count = 0;
    if (!record_has(root, entries->field)) return true;
    if (!record_count(root, entries->field, &count, loading->failure)) return false;
    for (size_t i = 0; i < count; i++) {
        struct record entry;
        if (!record_element(root, entries->field, i, entries->fields, &entry, loading->failure) ||
            !entries->load(loading, &entry))
            return false;
    }
    return true;
}

/* Room for all entries of an optional array. */
static bool new_array(const struct kb_loading *loading, const struct record *root, const char *field,
                      size_t item_size, void **array) {
    size_t count = 0;
    if (record_has(root, field) && !record_count(root, field, &count, loading->failure)) return false;
    *array = arena_new(loading->arena, count * item_size);
    return *array || fail_memory(loading->failure);
}

bool symptom_relations_load(const struct kb_loading *loading, const struct record *root) {
    static const struct entries ARRAYS[] = {{"broader", BROADER_FIELDS, load_kinds},
                                            {"measured", MEASURED_FIELDS, load_measured},
                                            {"synonyms", SYNONYM_FIELDS, load_synonym},
                                            {"questions", QUESTION_FIELDS, load_question}};
    struct kb *kb = loading->kb;
    size_t n_symptoms = kb->symptoms.n_terms;
    void *measured, *synonyms;
    kb->broader = arena_new(loading->arena, n_symptoms * sizeof *kb->broader);
    kb->questions = arena_new(loading->arena, n_symptoms * sizeof *kb->questions);
    kb->circumstance = arena_new(loading->arena, n_symptoms * sizeof *kb->circumstance);
    if (!kb->broader || !kb->questions || !kb->circumstance) return fail_memory(loading->failure);
    if (!new_array(loading, root, "measured", sizeof *kb->measured, &measured) ||
        !new_array(loading, root, "synonyms", sizeof *kb->synonyms, &synonyms))
        return false;
    kb->measured = measured;
    kb->synonyms = synonyms;
    for (size_t i = 0; i < n_symptoms; i++) kb->broader[i] = TERM_NONE;
    for (size_t i = 0; i < sizeof ARRAYS / sizeof *ARRAYS; i++)
        if (!load_entries(loading, root, &ARRAYS[i])) return false;
    return load_circumstances(loading, root);
}
