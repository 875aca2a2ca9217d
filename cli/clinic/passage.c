#include "cli/clinic/passage.h"

#include "cli/clinic/infix.h"

/* ---- clauses */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

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

static const struct person_word {
    const char *word;
    enum person person;
    char sex;
} PERSON_WORDS[] = {
    {"孩子", PERSON_CHILD, 0},     {"宝宝", PERSON_CHILD, 0},     {"小孩", PERSON_CHILD, 0},
    {"小朋友", PERSON_CHILD, 0},   {"宝贝", PERSON_CHILD, 0},     {"患儿", PERSON_CHILD, 0},
    {"娃", PERSON_CHILD, 0},       {"儿子", PERSON_CHILD, 'm'},   {"小男孩", PERSON_CHILD, 'm'},
    {"婴儿", PERSON_CHILD, 0},     {"新生儿", PERSON_CHILD, 0},   {"男婴", PERSON_CHILD, 'm'},
    {"女婴", PERSON_CHILD, 'f'},   {"男宝", PERSON_CHILD, 'm'},   {"孙子", PERSON_CHILD, 'm'},
    {"女儿", PERSON_CHILD, 'f'},   {"闺女", PERSON_CHILD, 'f'},   {"小女孩", PERSON_CHILD, 'f'},
    {"女宝", PERSON_CHILD, 'f'},   {"孙女", PERSON_CHILD, 'f'},   {"我妈", PERSON_MOTHER, 'f'},
    {"妈妈", PERSON_MOTHER, 'f'},  {"母亲", PERSON_MOTHER, 'f'},  {"老妈", PERSON_MOTHER, 'f'},
    {"我爸", PERSON_FATHER, 'm'},  {"爸爸", PERSON_FATHER, 'm'},  {"父亲", PERSON_FATHER, 'm'},
    {"老爸", PERSON_FATHER, 'm'},  {"爱人", PERSON_SPOUSE, 0},    {"老公", PERSON_SPOUSE, 'm'},
    {"丈夫", PERSON_SPOUSE, 'm'},  {"老婆", PERSON_SPOUSE, 'f'},  {"妻子", PERSON_SPOUSE, 'f'},
    {"媳妇", PERSON_SPOUSE, 'f'},  {"老人", PERSON_ELDER, 0},     {"爷爷", PERSON_ELDER, 'm'},
    {"外公", PERSON_ELDER, 'm'},   {"姥爷", PERSON_ELDER, 'm'},   {"奶奶", PERSON_ELDER, 'f'},
    {"外婆", PERSON_ELDER, 'f'},   {"姥姥", PERSON_ELDER, 'f'},   {"我哥", PERSON_SIBLING, 'm'},
    {"哥哥", PERSON_SIBLING, 'm'}, {"弟弟", PERSON_SIBLING, 'm'}, {"我姐", PERSON_SIBLING, 'f'},
    {"姐姐", PERSON_SIBLING, 'f'}, {"妹妹", PERSON_SIBLING, 'f'}, {"同事", PERSON_OTHERS, 0},
    {"同学", PERSON_OTHERS, 0},    {"邻居", PERSON_OTHERS, 0},    {"朋友", PERSON_OTHERS, 0},
    {"室友", PERSON_OTHERS, 0},    {"家人", PERSON_OTHERS, 0},    {"家里人", PERSON_OTHERS, 0},
    {"家族", PERSON_OTHERS, 0},    {"亲戚", PERSON_OTHERS, 0},    {"亲属", PERSON_OTHERS, 0},
    {"别人", PERSON_OTHERS, 0},
};

/* The person word at the start of a span; its length, or 0. */
static size_t read_person(struct span text, enum person *person, char *sex) {
    static const char *const SELF[] = {"我自己", "自己", "本人", "我", NULL};
    size_t longest = starts_with_any(text, SELF);
    *person = PERSON_SELF;
    *sex = 0;
    if (utf8_continues(text.data[0])) return 0;
    for (size_t i = 0; i < sizeof PERSON_WORDS / sizeof *PERSON_WORDS; i++) {
        struct span word = span_of(PERSON_WORDS[i].word);
        if (word.length <= longest || !span_starts(text, word)) continue;
        longest = word.length;
        *person = PERSON_WORDS[i].person;
        *sex = PERSON_WORDS[i].sex;
    }
    return longest;
}

static bool find_persons(struct passage *passage, struct arena *arena) {
    struct span text = plain_span(&passage->plain);
    for (size_t at = 0; at < text.length;) {
        struct person_mention found = {.start = at};
        size_t length = read_person(span_between(text, at, text.length), &found.person, &found.sex);
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

/* The first symptom at or after `from`; text.length when there is none. */
static size_t next_symptom(struct span text, const struct wordlist *symptoms, size_t from) {
    while (from < text.length && infix_match(symptoms, text, from).length == 0) from++;
    return from;
}

/* The patient is the last person named before the first symptom ("帮我妈问一下,头痛三天"), unless that is a
 * stranger and the speaker has symptoms too ("同事咳嗽,我也咳嗽了"). */
static void find_patient(struct passage *passage, const struct wordlist *symptoms) {
    struct span text = plain_span(&passage->plain);
    size_t first = next_symptom(text, symptoms, 0);
    const struct person_mention *named = passage_person(passage, 0, first);
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
        passage->patient = PERSON_SELF;
        return;
    }
}

bool passage_open(struct passage *passage, struct arena *arena, struct span source,
                  const struct wordlist *symptoms) {
    *passage = (struct passage){.source = source};
    if (!text_plain(arena, source, &passage->plain) || !divide(passage, arena) ||
        !find_persons(passage, arena))
        return false;
    find_patient(passage, symptoms);
    return true;
}

struct span passage_source(const struct passage *passage, size_t start, size_t end) {
    return span_between(passage->source, passage->plain.origin[start], passage->plain.origin[end]);
}
