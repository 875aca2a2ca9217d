#include "cli/clinic/impression.h"

#include <math.h>
#include <stdlib.h>

enum {
    LONGEST_TELLING_BYTES = 3000,
    STRETCH_BYTES = 450,
    LONGEST_QUOTED_BYTES = 90,
    MOST_CHARACTERS = 4, /* of a feature */
};

/* ---- loading */

enum { SCHEMA_LINE = 1, CALM_LINE, URGENT_LINE, EMERGENCY_LINE };

/* The number at *at, which it moves behind it: digits with a sign. */
static bool read_number(const char **at, double *value) {
    enum { LARGEST = 1000000 };
    char *end;
    long number = strtol(*at, &end, 10);
    if (end == *at || labs(number) > LARGEST) return false;
    *value = (double)number;
    *at = end;
    return true;
}

static bool read_hundredths(const char **at, double *value) {
    if (!read_number(at, value)) return false;
    *value /= 100;
    return true;
}

static bool refuse_line(const char *source, size_t number, struct span line, const char *expected,
                        struct failure *failure) {
    return fail(failure, STATUS_INPUT, "%s:第 %zu 行:应为 %s,而是“%.*s”", source, number, expected,
                (int)line.length, line.data);
}

/* "calm 60". */
static bool read_calm(struct impression *impression, struct span line) {
    size_t length = span_word(line, "calm ");
    const char *at = line.data + length;
    return length && read_number(&at, &impression->calm) && at == line.data + line.length &&
           impression->calm >= 0;
}

/* "urgent -120 45". */
static bool read_level(struct impression *impression, int level, struct span line) {
    static const char *const NAMES[N_IMPRESSIONS] = {"urgent ", "emergency "};
    size_t length = span_word(line, NAMES[level]);
    const char *at = line.data + length, *end = line.data + line.length;
    return length && read_hundredths(&at, &impression->bias[level]) && at < end &&
           read_hundredths(&at, &impression->from[level]) && at == end;
}

static bool add_feature(struct impression *impression, struct arena *arena, struct span line, bool *refused) {
    const char *tab = memchr(line.data, '\t', line.length), *end = line.data + line.length;
    struct wordlist *features = &impression->features;
    struct impression_weight weight;
    *refused = !tab || tab == line.data;
    if (*refused) return false;
    const char *at = tab + 1;
    *refused = at >= end || !read_hundredths(&at, &weight.of[IMPRESSION_URGENT]) || at >= end ||
               !read_hundredths(&at, &weight.of[IMPRESSION_EMERGENCY]) || at != end;
    if (*refused) return false;
    struct impression_weight *weights =
        arena_grow(arena, impression->weights, features->n_terms, sizeof *weights);
    const char *name = arena_copy(arena, span_between(line, 0, (size_t)(tab - line.data)));
    size_t term = features->n_terms;
    if (!weights || !name || !wordlist_add_phrase(features, arena, term, span_of(name), true, false))
        return false;
    impression->weights = weights;
    weights[term] = weight;
    features->n_terms++;
    return true;
}

bool impression_load(struct impression *impression, struct arena *arena, struct span text, const char *source,
                     struct failure *failure) {
    *impression = (struct impression){0};
    size_t number = 1, other;
    for (size_t at = 0; at < text.length; number++) {
        const char *newline = memchr(text.data + at, '\n', text.length - at);
        size_t end = newline ? (size_t)(newline - text.data) : text.length;
        struct span line = span_between(text, at, end);
        bool refused = false;
        at = end + 1;
        if (number == SCHEMA_LINE && !span_is(line, "youtu.impression/1"))
            return refuse_line(source, number, line, "youtu.impression/1", failure);
        if (number == CALM_LINE && !read_calm(impression, line))
            return refuse_line(source, number, line, "calm N", failure);
        if (number == URGENT_LINE && !read_level(impression, IMPRESSION_URGENT, line))
            return refuse_line(source, number, line, "urgent BIAS FROM", failure);
        if (number == EMERGENCY_LINE && !read_level(impression, IMPRESSION_EMERGENCY, line))
            return refuse_line(source, number, line, "emergency BIAS FROM", failure);
        if (number > EMERGENCY_LINE && !add_feature(impression, arena, line, &refused))
            return refused ? refuse_line(source, number, line, "特征、制表符和两个整数", failure)
                           : fail_memory(failure);
    }
    if (!impression->features.n_terms)
        return fail(failure, STATUS_INPUT, "%s:第 %zu 行:应为 特征,而文件到此为止", source, number);
    const struct word *twice = wordlist_sort(&impression->features, &other);
    return !twice || fail(failure, STATUS_INPUT, "%s:特征“%.*s”有两个", source, (int)twice->text.length,
                          twice->text.data);
}

/* ---- what is read */

/* Bands of ages: below 3 months, 1, 3, 12, 18, 40, 60, 75 years, and older. */
static const char *age_sign(const struct patient *patient, struct arena *arena) {
    static const double BANDS[] = {0.25, 1, 3, 12, 18, 40, 60, 75};
    size_t band = 0;
    while (band < sizeof BANDS / sizeof *BANDS && patient_years(patient) > BANDS[band]) band++;
    return arena_format(arena, "A%zu", band);
}

static bool is_told_as_present(const struct mention *mention) {
    return mention->polarity == POLARITY_PRESENT || mention->polarity == POLARITY_UNCERTAIN;
}

enum { BLOT = '#' };

/* A part of the text, whose own '#' are no blots. */
static void append_text(struct buffer *out, struct span part) {
    for (size_t at = 0, end; at < part.length; at = end + 1) {
        const char *mark = memchr(part.data + at, BLOT, part.length - at);
        end = mark ? (size_t)(mark - part.data) : part.length;
        buffer_append(out, part.data + at, end - at);
        if (mark) buffer_put(out, " ");
    }
}

bool impression_view(const struct passage *passage, const struct mentions *symptoms,
                     const struct patient *patient, size_t start, size_t end, struct arena *arena,
                     struct impression_view *view) {
    static const char BLOTTED[] = {BLOT};
    const struct wordlist *list = &passage->lexicon->symptoms;
    struct span text = plain_span(&passage->plain);
    size_t at = start;
    *view = (struct impression_view){0};
    for (size_t i = mentions_from(symptoms, start); i < symptoms->count && symptoms->items[i].end <= end;
         i++) {
        const struct mention *mention = &symptoms->items[i];
        bool present = is_told_as_present(mention), denied = mention->polarity == POLARITY_DENIED;
        const char *sign = arena_format(arena, "%c%s", present ? 'P' : 'N', list->terms[mention->term]);
        if ((present || denied) && (!sign || !strings_add(&view->signs, arena, sign))) return false;
        if (present || mention->shown_end <= at) continue;
        if (mention->shown_start > at) append_text(&view->text, span_between(text, at, mention->shown_start));
        buffer_append(&view->text, BLOTTED, sizeof BLOTTED);
        at = mention->shown_end;
    }
    if (end > at) append_text(&view->text, span_between(text, at, end));
    const char *age = isnan(patient_years(patient)) ? NULL : age_sign(patient, arena);
    return !view->text.failed &&
           (isnan(patient_years(patient)) || (age && strings_add(&view->signs, arena, age)));
}

/* ---- scores */

/* One stretch while it is scored. */
struct scoring {
    const struct impression *impression;
    bool *seen; /* [n_terms] */
    size_t n_seen;
    double sums[N_IMPRESSIONS];
};

static void count(struct scoring *in, size_t feature) {
    if (in->seen[feature]) return;
    in->seen[feature] = true;
    in->n_seen++;
    for (int level = 0; level < N_IMPRESSIONS; level++)
        in->sums[level] += in->impression->weights[feature].of[level];
}

static void count_view(struct scoring *in, const struct impression_view *view) {
    const struct wordlist *features = &in->impression->features;
    struct span text = buffer_span(&view->text);
    struct word_match found[MOST_CHARACTERS];
    for (size_t at = 0; at < text.length; at++)
        for (size_t n = wordlist_all(features, text, at, found, MOST_CHARACTERS); n-- > 0;)
            count(in, found[n].term);
    for (size_t i = 0; i < view->signs.count; i++) {
        struct span sign = span_of(view->signs.items[i]);
        struct word_match match = wordlist_match(features, sign, 0);
        if (match.length == sign.length) count(in, match.term);
    }
}

/* The scores of a stretch. false: memory refused. */
static bool score(const struct impression *impression, const struct passage *passage,
                  const struct mentions *symptoms, const struct patient *patient, size_t start, size_t end,
                  struct arena *arena, double scores[N_IMPRESSIONS]) {
    struct impression_view view;
    struct scoring in = {.impression = impression, .seen = arena_new(arena, impression->features.n_terms)};
    bool read = impression_view(passage, symptoms, patient, start, end, arena, &view) && in.seen;
    if (read) count_view(&in, &view);
    double features = impression->calm + (double)in.n_seen;
    for (int level = 0; level < N_IMPRESSIONS; level++)
        scores[level] = impression->bias[level] + (features > 0 ? in.sums[level] / sqrt(features) : 0);
    buffer_free(&view.text);
    return read;
}

/* ---- the warning */

/* The clauses of one telling, and the highest scores of its stretches. */
struct telling {
    double scores[N_IMPRESSIONS];
    size_t first[N_IMPRESSIONS], last[N_IMPRESSIONS]; /* clauses [first, last) of the stretch that has it */
};

/* The clause behind a stretch that begins with clause i: as many sentences as fit, and one at least. */
static size_t stretch_end(const struct passage *passage, size_t i) {
    size_t start = passage->clauses[i].start, end = i;
    for (size_t next = i + 1; next <= passage->n_clauses; next++) {
        if (next < passage->n_clauses && passage_goes_on(passage, next)) continue;
        if (end > i && passage->clauses[next - 1].end - start > STRETCH_BYTES) break;
        end = next;
    }
    return end;
}

static bool read_telling(const struct impression *impression, const struct passage *passage,
                         const struct mentions *symptoms, const struct patient *patient, struct arena *arena,
                         struct telling *telling) {
    *telling = (struct telling){.scores = {-INFINITY, -INFINITY}};
    for (size_t i = 0, end; i < passage->n_clauses; i = end) {
        double scores[N_IMPRESSIONS];
        end = stretch_end(passage, i);
        if (!score(impression, passage, symptoms, patient, passage->clauses[i].start,
                   passage->clauses[end - 1].end, arena, scores))
            return false;
        for (int level = 0; level < N_IMPRESSIONS; level++) {
            if (scores[level] <= telling->scores[level]) continue;
            telling->scores[level] = scores[level];
            telling->first[level] = i;
            telling->last[level] = end;
        }
    }
    return true;
}

/* The clause of the stretch that speaks most for the level, in the patient's words; NULL: memory refused. */
static const char *quote(const struct impression *impression, const struct passage *passage,
                         const struct mentions *symptoms, const struct telling *telling, int level,
                         struct arena *arena) {
    const struct patient nobody = {0};
    double highest = -INFINITY;
    struct clause best = {0};
    for (size_t i = telling->first[level]; i < telling->last[level]; i++) {
        double scores[N_IMPRESSIONS];
        struct clause clause = passage->clauses[i];
        if (!score(impression, passage, symptoms, &nobody, clause.start, clause.end, arena, scores))
            return NULL;
        if (scores[level] <= highest) continue;
        highest = scores[level];
        best = clause;
    }
    struct span plain = plain_span(&passage->plain);
    if (best.end - best.start > LONGEST_QUOTED_BYTES) best.end = best.start + LONGEST_QUOTED_BYTES;
    while (best.end < plain.length && utf8_continues(plain.data[best.end])) best.end--;
    return arena_copy(arena, passage_source(passage, best.start, best.end));
}

/* Before the other warnings, which are less urgent. */
static bool add_first(const struct warning *warning, struct arena *arena, struct warnings *warnings) {
    struct warning *items = arena_grow(arena, warnings->items, warnings->count, sizeof *items);
    if (!items) return false;
    memmove(items + 1, items, warnings->count * sizeof *items);
    items[0] = *warning;
    warnings->items = items;
    warnings->count++;
    return true;
}

bool impression_check(const struct impression *impression, const struct passage *passage,
                      const struct patient *patient, struct arena *arena, struct warnings *warnings) {
    static const struct {
        char level;
        enum urgency urgency;
        const char *rule, *message;
    } LEVELS[N_IMPRESSIONS] = {
        [IMPRESSION_URGENT] = {'U', URGENCY_URGENT, "IM1",
                               "整段叙述像须尽快就诊的情形(没有对应的规则),请尽早核实"},
        [IMPRESSION_EMERGENCY] = {'E', URGENCY_EMERGENCY, "IM2",
                                  "整段叙述像急症(没有对应的规则),请立即核实"}};
    struct mentions symptoms;
    struct telling telling;
    if (passage->plain.length > LONGEST_TELLING_BYTES) return true;
    if (!mentions_find(passage, &passage->lexicon->symptoms, arena, &symptoms) ||
        !read_telling(impression, passage, &symptoms, patient, arena, &telling))
        return false;
    for (int level = N_IMPRESSIONS; level-- > 0;) {
        if (telling.scores[level] < impression->from[level] || warnings->urgency >= LEVELS[level].urgency)
            continue;
        const char *words = quote(impression, passage, &symptoms, &telling, level, arena);
        const char *message = words ? arena_format(arena, "%s:“%s”", LEVELS[level].message, words) : NULL;
        const struct warning warning = {LEVELS[level].level, LEVELS[level].rule, message};
        if (!message || !add_first(&warning, arena, warnings)) return false;
        warnings->urgency = LEVELS[level].urgency;
        break;
    }
    return true;
}
