#include "cli/clinic/redflag_rules.h"

static const char *const QUANTITIES[N_QUANTITIES] = {"年龄",   "病程", "体温", "收缩压",
                                                     "舒张压", "心率", "呼吸", "血氧"};

static const char *const FIELDS[] = {"schema", "terms", "rules", NULL};
static const char *const TERM_FIELDS[] = {"name", "words", "includes", "history", NULL};
static const char *const RULE_FIELDS[] = {"id", "level", "all", "message", NULL};

struct loading {
    struct redflags *redflags;
    struct arena *arena;
    struct failure *failure;
};

static size_t find_sign(const struct redflags *redflags, struct span name) {
    size_t term = wordlist_find(&redflags->lexicon->symptoms, name);
    if (term != TERM_NONE) return term;
    term = wordlist_find(&redflags->cues, name);
    return term == TERM_NONE ? TERM_NONE : redflags->lexicon->symptoms.n_terms + term;
}

static bool load_term(const struct loading *in, const struct record *entry) {
    struct wordlist *cues = &in->redflags->cues;
    const char *name;
    struct strings words, includes;
    bool history = false;
    if (!record_string(entry, "name", in->arena, &name, in->failure) ||
        !record_strings(entry, "words", in->arena, &words, in->failure) ||
        !record_strings(entry, "includes", in->arena, &includes, in->failure) ||
        (record_has(entry, "history") && !record_bool(entry, "history", &history, in->failure)))
        return false;
    if (find_sign(in->redflags, span_of(name)) != TERM_NONE)
        return record_refuse(entry, "name", "没有出现过、也不是症状的名称", in->failure);
    struct redflag_term *terms = arena_grow(in->arena, in->redflags->terms, cues->n_terms, sizeof *terms);
    size_t *signs = arena_new(in->arena, includes.count * sizeof *signs), cue;
    if (!terms || !signs) return fail_memory(in->failure);
    in->redflags->terms = terms;
    for (size_t i = 0; i < includes.count; i++) {
        signs[i] = find_sign(in->redflags, span_of(includes.items[i]));
        if (signs[i] == TERM_NONE)
            return record_refuse(entry, "includes", "症状或前面的 terms 的名称", in->failure);
    }
    terms[cues->n_terms] = (struct redflag_term){signs, includes.count, history};
    if (!wordlist_add_term(cues, in->arena, name, &cue) || !wordlist_add_word(cues, in->arena, cue, name))
        return fail_memory(in->failure);
    for (size_t i = 0; i < words.count; i++)
        if (!lexicon_add_word(in->redflags->lexicon, cues, cue, words.items[i], entry->place, in->arena,
                              in->failure))
            return false;
    return true;
}

/* "体温>=38". */
static bool parse_quantity(struct span text, struct condition *condition) {
    for (int i = 0; i < N_QUANTITIES; i++) {
        struct span name = span_of(QUANTITIES[i]);
        if (!span_starts(text, name)) continue;
        struct span rest = span_between(text, name.length, text.length);
        bool at_least = span_starts(rest, span_of(">="));
        if (!at_least && !span_starts(rest, span_of("<"))) continue;
        size_t start = at_least ? 2 : 1;
        struct quantity bound;
        if (!quantity_read(rest, start, &bound) || bound.end != rest.length || isnan(bound.value))
            return false;
        *condition = (struct condition){
            .kind = CONDITION_QUANTITY, .quantity = i, .at_least = at_least, .bound = bound.value};
        return true;
    }
    return false;
}

static bool parse_statement(const struct redflags *redflags, struct span text, struct condition *condition) {
    if (span_is(text, "怀孕")) return *condition = (struct condition){.kind = CONDITION_PREGNANT}, true;
    if (span_is(text, "男"))
        return *condition = (struct condition){.kind = CONDITION_SEX, .sex = SEX_MALE}, true;
    if (span_is(text, "女"))
        return *condition = (struct condition){.kind = CONDITION_SEX, .sex = SEX_FEMALE}, true;
    if (span_is(text, "小儿")) return *condition = (struct condition){.kind = CONDITION_CHILD}, true;
    if (span_is(text, "老人")) return *condition = (struct condition){.kind = CONDITION_ELDER}, true;
    if (parse_quantity(text, condition)) return true;
    bool or_over = span_starts(text, span_of("~"));
    if (or_over) text = span_between(text, 1, text.length);
    *condition =
        (struct condition){.kind = CONDITION_SIGN, .sign = find_sign(redflags, text), .or_over = or_over};
    return condition->sign != TERM_NONE;
}

static bool parse_condition(const struct redflags *redflags, struct span text, struct condition *condition) {
    bool negated = span_starts(text, span_of("!"));
    if (!parse_statement(redflags, span_between(text, negated ? 1 : 0, text.length), condition)) return false;
    condition->negated = negated;
    return true;
}

/* The part up to the next `mark`, which it and the mark leave from *rest. */
static struct span take_part(struct span *rest, char mark) {
    const char *end = memchr(rest->data, mark, rest->length);
    size_t length = end ? (size_t)(end - rest->data) : rest->length;
    struct span part = span_between(*rest, 0, length);
    *rest = span_between(*rest, end ? length + 1 : length, rest->length);
    return part;
}

static bool load_alternatives(const struct loading *in, const struct record *entry, const char *text,
                              struct alternatives *out) {
    for (struct span rest = span_of(text); rest.length;) {
        struct alternative *items = arena_grow(in->arena, out->items, out->count, sizeof *items);
        if (!items) return fail_memory(in->failure);
        out->items = items;
        struct alternative *alternative = &items[out->count++];
        for (struct span part = take_part(&rest, '|'); part.length;) {
            struct condition *conditions =
                arena_grow(in->arena, alternative->conditions, alternative->n_conditions, sizeof *conditions);
            if (!conditions) return fail_memory(in->failure);
            alternative->conditions = conditions;
            struct span name = take_part(&part, '+');
            struct condition *condition = &conditions[alternative->n_conditions++];
            if (!parse_condition(in->redflags, name, condition))
                return fail(
                    in->failure, STATUS_INPUT,
                    "%s:条件“%.*s”应为症状、terms 中的名称、男、女、怀孕、小儿、老人,或“体温>=38”一类的比较",
                    entry->place, (int)name.length, name.data);
        }
    }
    return true;
}

static bool load_rule(const struct loading *in, const struct record *entry, struct redflag_rule *rule) {
    const char *level;
    struct strings all;
    if (!record_string(entry, "id", in->arena, &rule->id, in->failure) ||
        !record_string(entry, "level", in->arena, &level, in->failure) ||
        !record_string(entry, "message", in->arena, &rule->message, in->failure) ||
        !record_strings(entry, "all", in->arena, &all, in->failure))
        return false;
    for (size_t i = 0; i < in->redflags->n_rules; i++)
        if (strcmp(in->redflags->rules[i].id, rule->id) == 0)
            return record_refuse(entry, "id", "没有出现过的编号", in->failure);
    if (strlen(level) != 1 || !strchr("EUR", level[0]))
        return record_refuse(entry, "level", "\"E\"、\"U\" 或 \"R\"", in->failure);
    if (all.count == 0) return record_refuse(entry, "all", "至少一个条件", in->failure);
    rule->level = level[0];
    rule->all = arena_new(in->arena, all.count * sizeof *rule->all);
    if (!rule->all) return fail_memory(in->failure);
    for (; rule->n_all < all.count; rule->n_all++)
        if (!load_alternatives(in, entry, all.items[rule->n_all], &rule->all[rule->n_all])) return false;
    return true;
}

static bool load_all(const struct loading *in, const struct record *root) {
    struct redflags *redflags = in->redflags;
    struct record entry;
    size_t n_terms = 0, n_rules = 0;
    if (!record_count(root, "terms", &n_terms, in->failure) ||
        !record_count(root, "rules", &n_rules, in->failure))
        return false;
    for (size_t i = 0; i < n_terms; i++)
        if (!record_element(root, "terms", i, TERM_FIELDS, &entry, in->failure) || !load_term(in, &entry))
            return false;
    if (!lexicon_finish(&redflags->cues, 0, root, "terms", in->failure)) return false;
    if (n_rules == 0) return record_refuse(root, "rules", "至少一条规则", in->failure);
    redflags->rules = arena_new(in->arena, n_rules * sizeof *redflags->rules);
    if (!redflags->rules) return fail_memory(in->failure);
    for (; redflags->n_rules < n_rules; redflags->n_rules++)
        if (!record_element(root, "rules", redflags->n_rules, RULE_FIELDS, &entry, in->failure) ||
            !load_rule(in, &entry, &redflags->rules[redflags->n_rules]))
            return false;
    return true;
}

bool redflags_load(struct redflags *redflags, struct arena *arena, struct span text, const char *source,
                   const struct lexicon *lexicon, struct failure *failure) {
    *redflags = (struct redflags){.lexicon = lexicon};
    struct document document;
    struct record root;
    if (!document_open(&document, text, source, "youtu.redflags/1", &root, failure)) return false;
    struct loading in = {redflags, arena, failure};
    bool loaded = record_allow(&root, FIELDS, failure) && load_all(&in, &root);
    return document_close(&document, loaded, failure);
}
