#include "cli/clinic/passage.h"

#include "cli/clinic/infix.h"

/* ---- clauses */

/* The length of the separator between clauses at `at`, or 0. A full stop between digits is a decimal point;
 * a space separates only Chinese words. */
static size_t separator(struct span text, size_t at) {
    static const char *const MARKS[] = {",", ";", ":", "!", "?", "\n", "。", "…", NULL};
    size_t length = starts_with_any(span_between(text, at, text.length), MARKS);
    if (length) return length;
    char before = at > 0 ? text.data[at - 1] : ' ', after = at + 1 < text.length ? text.data[at + 1] : ' ';
    if (text.data[at] == '.') return !(is_digit(before) && is_digit(after));
    if (text.data[at] == ' ') return ((unsigned char)before & (unsigned char)after & 0x80) != 0;
    return 0;
}

static bool add_clause(struct passage *passage, struct arena *arena, size_t start, size_t end) {
    if (start == end) return true;
    struct clause *clauses = arena_grow(arena, passage->clauses, passage->n_clauses, sizeof *clauses);
    if (!clauses) return false;
    clauses[passage->n_clauses++] = (struct clause){start, end};
    passage->clauses = clauses;
    return true;
}

static bool divide(struct passage *passage, struct arena *arena) {
    struct span text = plain_span(&passage->plain);
    size_t start = 0;
    for (size_t at = 0; at < text.length;) {
        size_t length = separator(text, at);
        if (length == 0) {
            at++;
            continue;
        }
        if (!add_clause(passage, arena, start, at)) return false;
        start = at += length;
    }
    return add_clause(passage, arena, start, text.length);
}

/* ---- persons */

/* The person word at the start of a span; its length, or 0. */
static size_t read_person(const struct scope *scope, struct span text, enum person *person, char *sex) {
    size_t longest = starts_with_any(text, scope->self);
    *person = PERSON_SELF;
    *sex = 0;
    if (utf8_continues(text.data[0])) return 0;
    for (size_t i = 0; i < scope->n_persons; i++) {
        const struct person_word *known = &scope->persons[i];
        if (known->word.length <= longest || !span_starts(text, known->word)) continue;
        longest = known->word.length;
        *person = known->person;
        *sex = known->sex;
    }
    return longest;
}

static bool is_grown_kin(enum person person) {
    return person == PERSON_MOTHER || person == PERSON_FATHER || person == PERSON_SPOUSE ||
           person == PERSON_GRANDPARENT;
}

bool person_may_be(enum person a, enum person b) {
    return a == b || (a == PERSON_ELDER && is_grown_kin(b)) || (b == PERSON_ELDER && is_grown_kin(a));
}

bool passage_goes_on(const struct passage *passage, size_t i) {
    static const char *const SENTENCE_ENDS[] = {"。", ".", "!", "?", "\n", ";", NULL};
    if (i == 0) return false;
    size_t end = passage->clauses[i - 1].end;
    return !contains_any(span_between(plain_span(&passage->plain), end, passage->clauses[i].start),
                         SENTENCE_ENDS);
}

static bool find_persons(struct passage *passage, struct arena *arena) {
    struct span text = plain_span(&passage->plain);
    for (size_t at = 0; at < text.length;) {
        struct person_mention found = {.start = at};
        size_t length = read_person(&passage->lexicon->scope, span_between(text, at, text.length),
                                    &found.person, &found.sex);
        at += length ? length : 1;
        if (length == 0) continue;
        struct person_mention *persons =
            arena_grow(arena, passage->persons, passage->n_persons, sizeof *persons);
        if (!persons) return false;
        found.end = at;
        persons[passage->n_persons++] = found;
        passage->persons = persons;
    }
    return true;
}

const struct person_mention *passage_person(const struct passage *passage, size_t start, size_t end) {
    size_t low = 0, high = passage->n_persons;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (passage->persons[middle].end <= end)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && passage->persons[low - 1].start >= start ? &passage->persons[low - 1] : NULL;
}

/* "生完孩子两周", "照顾孩子累了" and "跟我吵架" speak of the one who does it. */
static bool is_object(const struct passage *passage, const struct person_mention *person) {
    static const char *const DOING[] = {"生",   "生完", "生了", "生下", "怀",   "怀了", "带",   "带着", "抱",
                                        "抱着", "照顾", "喂",   "送",   "接",   "陪",   "背",   "和",   "跟",
                                        "与",   "像",   "带的", "接送", "生过", "教",   "看着", "哄",   "奶",
                                        "刚生", "生第", "二胎", "对",   "向",   "找",   "骂",   NULL};
    static const char *const OTHER_WORDS[] = {"医生", "先生", "学生", "陌生", "请教",
                                              "手背", "后背", "脚背", NULL};
    struct span before = span_between(plain_span(&passage->plain), 0, person->start);
    return ends_with_any(before, DOING) && !ends_with_any(before, OTHER_WORDS);
}

const struct person_mention *passage_subject(const struct passage *passage, size_t start, size_t end) {
    const struct person_mention *named = passage_person(passage, start, end);
    while (named && is_object(passage, named)) named = passage_person(passage, start, named->start);
    return named;
}

/* The first symptom at or after `from`; text.length when there is none. */
static size_t next_symptom(struct span text, const struct wordlist *symptoms, size_t from) {
    struct word_match match = {0};
    while (from < text.length) {
        match = infix_match(symptoms, text, from);
        if (match.length && match.term != TERM_NONE) break;
        from += match.length ? match.length : 1;
    }
    return from;
}

static void be_self(struct passage *passage) {
    passage->patient = PERSON_SELF;
    passage->patient_sex = 0;
}

/* The patient is the last person named before the first symptom ("帮我妈问一下,头痛三天"), unless that is a
 * stranger and the speaker has symptoms too ("同事咳嗽,我也咳嗽了"). */
static void find_patient(struct passage *passage, const struct wordlist *symptoms) {
    struct span text = plain_span(&passage->plain);
    size_t first = next_symptom(text, symptoms, 0);
    const struct person_mention *named = passage_subject(passage, 0, first);
    if (!named) return;
    passage->patient = named->person;
    passage->patient_sex = named->sex;
    if (named->person != PERSON_OTHERS) return;
    for (size_t i = 0; i < passage->n_clauses; i++) {
        struct clause clause = passage->clauses[i];
        if (clause.start <= first) continue;
        size_t symptom = next_symptom(span_between(text, 0, clause.end), symptoms, clause.start);
        const struct person_mention *subject = passage_person(passage, clause.start, symptom);
        if (symptom == clause.end || !subject || subject->person != PERSON_SELF) continue;
        be_self(passage);
        return;
    }
}

bool passage_open(struct passage *passage, struct arena *arena, struct span source,
                  const struct lexicon *lexicon) {
    *passage = (struct passage){
        .lexicon = lexicon, .source = source, .found = arena_new(arena, sizeof *passage->found)};
    if (!passage->found || !text_plain(arena, source, &passage->plain) || !divide(passage, arena) ||
        !find_persons(passage, arena))
        return false;
    find_patient(passage, &lexicon->symptoms);
    return true;
}

struct span passage_source(const struct passage *passage, size_t start, size_t end) {
    return span_between(passage->source, passage->plain.origin[start], passage->plain.origin[end]);
}

void passage_speak_for_child(struct passage *passage) {
    if (passage->patient != PERSON_SELF && !is_grown_kin(passage->patient)) return;
    for (size_t i = 0; i < passage->n_persons; i++) {
        if (passage->persons[i].person != PERSON_CHILD) continue;
        passage->patient = PERSON_CHILD;
        passage->patient_sex = passage->persons[i].sex;
        return;
    }
}

void passage_speak_for_self(struct passage *passage) {
    size_t i = 0;
    while (i < passage->n_persons && passage->persons[i].person != PERSON_SELF) i++;
    if (i < passage->n_persons) be_self(passage);
}
