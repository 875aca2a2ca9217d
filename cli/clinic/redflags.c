#include "cli/clinic/redflag_rules.h"

#include "cli/clinic/infix.h"

#include <stdlib.h>

const char *urgency_name(enum urgency urgency) {
    static const char *const NAMES[] = {"routine", "urgent", "emergency"};
    return NAMES[urgency];
}

const char *warning_level_name(char level) {
    return level == 'E' ? "emergency" : level == 'U' ? "urgent" : "attention";
}

/* Where a sign is present: sorted by sign, then clause, once all are seen. */
struct sighting {
    size_t sign, clause;
};

static int compare_sightings(const void *left, const void *right) {
    const struct sighting *a = left, *b = right;
    if (a->sign != b->sign) return a->sign < b->sign ? -1 : 1;
    return a->clause < b->clause ? -1 : a->clause > b->clause;
}

struct checking {
    const struct redflags *redflags;
    const struct passage *passage;
    size_t n_signs; /* a sign that was present and is over has its number plus this */
    struct sighting *sightings;
    size_t n_sightings;
    const struct patient *patient;
    double quantities[N_QUANTITIES]; /* NAN: unknown */
};

static bool add_sighting(struct checking *in, struct arena *arena, size_t sign, size_t clause) {
    struct sighting *sightings = arena_grow(arena, in->sightings, in->n_sightings, sizeof *sightings);
    if (!sightings) return false;
    sightings[in->n_sightings++] = (struct sighting){sign, clause};
    in->sightings = sightings;
    return true;
}

/* When a sign is or was there. */
enum time { TIME_NOW, TIME_OVER, TIME_EARLIER };

/* A sign and the terms that include it. They include only what stands before them, so this ends. What was once
 * counts for a history alone. */
static bool add_sign(struct checking *in, struct arena *arena, size_t sign, size_t clause, enum time time) {
    size_t n_symptoms = in->redflags->lexicon->symptoms.n_terms;
    if (sign >= n_symptoms && in->redflags->terms[sign - n_symptoms].history) time = TIME_NOW;
    if (time != TIME_EARLIER &&
        !add_sighting(in, arena, time == TIME_OVER ? sign + in->n_signs : sign, clause))
        return false;
    for (size_t cue = 0; cue < in->redflags->cues.n_terms; cue++)
        for (size_t i = 0; i < in->redflags->terms[cue].n_includes; i++)
            if (in->redflags->terms[cue].includes[i] == sign &&
                !add_sign(in, arena, n_symptoms + cue, clause, time))
                return false;
    return true;
}

/* A word of manner that may stand inside a symptom's wording: 突然 of "头突然疼". */
static bool is_infix(const struct checking *in, const struct mention *cue) {
    const struct wordlist *infixes = &in->redflags->lexicon->infixes.words;
    struct span text = plain_span(&in->passage->plain);
    return wordlist_match(infixes, text, cue->start).length == cue->end - cue->start;
}

/* A cue that overlaps a symptom's wording belongs to the symptom ("嗜睡" in 白天嗜睡, "没尿" in 没尿频),
 * unless it contains it, is an infix or goes on beyond it ("疼得打滚" behind 肚子疼). *next: the first symptom mention that may reach the cue, moved on. */
static bool belongs_to_symptom(const struct checking *in, const struct mentions *symptoms, size_t *next,
                               const struct mention *cue) {
    while (*next < symptoms->count && symptoms->items[*next].end <= cue->start) ++*next;
    if (*next == symptoms->count || symptoms->items[*next].start >= cue->end) return false;
    const struct mention *symptom = &symptoms->items[*next];
    bool contains = cue->start <= symptom->start && symptom->end <= cue->end;
    return cue->end <= symptom->end && !contains && !is_infix(in, cue);
}

/* What is uncertain counts as present: a red flag is to be looked at. */
static bool see(struct checking *in, struct arena *arena, const struct mention *mention, size_t sign) {
    switch (mention->polarity) {
    case POLARITY_PRESENT:
    case POLARITY_UNCERTAIN: return add_sign(in, arena, sign, mention->clause, TIME_NOW);
    case POLARITY_RESOLVED: return add_sign(in, arena, sign, mention->clause, TIME_OVER);
    case POLARITY_PAST: return add_sign(in, arena, sign, mention->clause, TIME_EARLIER);
    case POLARITY_DENIED:
    case POLARITY_HYPOTHETICAL:
    case POLARITY_OTHER: break;
    }
    return true;
}

static bool see_all(struct checking *in, const struct passage *passage, struct arena *arena) {
    struct mentions symptoms, cues;
    if (!mentions_find(passage, &in->redflags->lexicon->symptoms, arena, &symptoms) ||
        !mentions_find(passage, &in->redflags->cues, arena, &cues))
        return false;
    for (size_t i = 0; i < symptoms.count; i++)
        if (!see(in, arena, &symptoms.items[i], symptoms.items[i].term)) return false;
    size_t next = 0, n_symptoms = in->redflags->lexicon->symptoms.n_terms;
    for (size_t i = 0; i < cues.count; i++)
        if (!belongs_to_symptom(in, &symptoms, &next, &cues.items[i]) &&
            !see(in, arena, &cues.items[i], n_symptoms + cues.items[i].term))
            return false;
    if (in->n_sightings) qsort(in->sightings, in->n_sightings, sizeof *in->sightings, compare_sightings);
    return true;
}

/* The first sighting of `sign` in `clause` or later. */
static size_t first_sighting(const struct checking *in, size_t sign, size_t clause) {
    const struct sighting wanted = {sign, clause};
    size_t low = 0, high = in->n_sightings;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_sightings(&in->sightings[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* How many clauses of a sentence may lie between two signs that belong together. */
enum { NEAR_CLAUSES = 2 };

/* Whether a sign is present near the clause, in its sentence; anywhere for ANY_CLAUSE. */
#define ANY_CLAUSE SIZE_MAX
static bool is_seen(const struct checking *in, size_t sign, size_t clause) {
    size_t first = 0, last = SIZE_MAX;
    if (clause != ANY_CLAUSE) {
        for (first = clause; first > 0 && clause - first < NEAR_CLAUSES; first--)
            if (!passage_goes_on(in->passage, first)) break;
        for (last = clause; last + 1 < in->passage->n_clauses && last - clause < NEAR_CLAUSES; last++)
            if (!passage_goes_on(in->passage, last + 1)) break;
    }
    size_t i = first_sighting(in, sign, first);
    return i < in->n_sightings && in->sightings[i].sign == sign && in->sightings[i].clause <= last;
}

static bool is_child(const struct checking *in) {
    double years = in->quantities[QUANTITY_AGE];
    return isnan(years) ? in->passage->patient == PERSON_CHILD : years < ADULT_YEARS;
}

static bool is_elder(const struct checking *in) {
    double years = in->quantities[QUANTITY_AGE];
    enum person patient = in->passage->patient;
    return isnan(years) ? patient == PERSON_ELDER || patient == PERSON_GRANDPARENT : years >= OLD_YEARS;
}

static bool is_so(const struct checking *in, const struct condition *condition, size_t clause) {
    double value;
    switch (condition->kind) {
    case CONDITION_SIGN:
        return is_seen(in, condition->sign, clause) ||
               (condition->or_over && is_seen(in, condition->sign + in->n_signs, clause));
    case CONDITION_SEX: return in->patient->sex == condition->sex;
    case CONDITION_PREGNANT: return in->patient->pregnancy == PREGNANCY_YES;
    case CONDITION_CHILD: return is_child(in);
    case CONDITION_ELDER: return is_elder(in);
    case CONDITION_QUANTITY:
        value = in->quantities[condition->quantity];
        return condition->at_least ? value >= condition->bound : value < condition->bound;
    }
    return false;
}

static bool condition_holds(const struct checking *in, const struct condition *condition, size_t clause) {
    return is_so(in, condition, condition->negated ? ANY_CLAUSE : clause) != condition->negated;
}

/* All conditions from `first` on. */
static bool rest_holds(const struct checking *in, const struct alternative *alternative, size_t first,
                       size_t clause) {
    size_t held = first;
    while (held < alternative->n_conditions && condition_holds(in, &alternative->conditions[held], clause))
        held++;
    return held == alternative->n_conditions;
}

/* The other conditions near one of a sign's sightings. */
static bool holds_near(const struct checking *in, const struct alternative *alternative, size_t sign) {
    for (size_t i = first_sighting(in, sign, 0); i < in->n_sightings && in->sightings[i].sign == sign; i++)
        if (rest_holds(in, alternative, 1, in->sightings[i].clause)) return true;
    return false;
}

static bool alternative_holds(const struct checking *in, const struct alternative *alternative) {
    const struct condition *first = &alternative->conditions[0];
    if (first->kind != CONDITION_SIGN || first->negated) return rest_holds(in, alternative, 0, ANY_CLAUSE);
    return holds_near(in, alternative, first->sign) ||
           (first->or_over && holds_near(in, alternative, first->sign + in->n_signs));
}

static bool rule_fires(const struct checking *in, const struct redflag_rule *rule) {
    for (size_t i = 0; i < rule->n_all; i++) {
        size_t j = 0;
        while (j < rule->all[i].count && !alternative_holds(in, &rule->all[i].items[j])) j++;
        if (j == rule->all[i].count) return false;
    }
    return true;
}

static double longest_course(const struct findings *findings) {
    double days = NAN;
    for (size_t i = 0; i < findings->n_durations; i++) days = fmax(days, findings->durations[i].days);
    return days;
}

/* All that fire at one level, in the order of the rules. */
static bool add_warnings(const struct checking *in, char level, struct arena *arena,
                         struct warnings *warnings) {
    for (size_t i = 0; i < in->redflags->n_rules; i++) {
        const struct redflag_rule *rule = &in->redflags->rules[i];
        if (rule->level != level || !rule_fires(in, rule)) continue;
        struct warning *items = arena_grow(arena, warnings->items, warnings->count, sizeof *items);
        if (!items) return false;
        items[warnings->count++] = (struct warning){level, rule->id, rule->message};
        warnings->items = items;
    }
    return true;
}

static bool begin_checking(struct checking *in, const struct redflags *redflags,
                           const struct passage *passage, const struct patient *patient,
                           const struct findings *findings, struct arena *arena) {
    const struct vitals *vitals = &findings->vitals;
    *in = (struct checking){
        .redflags = redflags,
        .passage = passage,
        .n_signs = redflags->lexicon->symptoms.n_terms + redflags->cues.n_terms,
        .patient = patient,
        .quantities = {[QUANTITY_AGE] = patient_years(patient),
                       [QUANTITY_COURSE] = longest_course(findings),
                       [QUANTITY_TEMPERATURE] = vitals->temperature_c,
                       [QUANTITY_SYSTOLIC] = vitals->systolic,
                       [QUANTITY_DIASTOLIC] = vitals->diastolic,
                       [QUANTITY_HEART_RATE] = vitals->heart_rate,
                       [QUANTITY_RESPIRATION] = vitals->respiratory_rate,
                       [QUANTITY_OXYGEN] = vitals->spo2},
    };
    return see_all(in, passage, arena);
}

static enum urgency urgency_of(char level) {
    return level == 'E' ? URGENCY_EMERGENCY : level == 'U' ? URGENCY_URGENT : URGENCY_ROUTINE;
}

bool redflags_check(const struct redflags *redflags, const struct passage *passage,
                    const struct patient *patient, const struct findings *findings, struct arena *arena,
                    struct warnings *warnings) {
    struct checking in;
    *warnings = (struct warnings){0};
    if (!begin_checking(&in, redflags, passage, patient, findings, arena) ||
        !add_warnings(&in, 'E', arena, warnings) || !add_warnings(&in, 'U', arena, warnings) ||
        !add_warnings(&in, 'R', arena, warnings))
        return false;
    if (warnings->count) warnings->urgency = urgency_of(warnings->items[0].level);
    return true;
}

/* ---- what is missing to a rule */

/* The one condition that keeps a rule from firing while the chief complaint fulfils another; NULL when there is
 * none. chief: what that complaint alone shows. */
static const struct alternatives *lacking(const struct checking *in, const struct checking *chief,
                                          const struct redflag_rule *rule) {
    const struct alternatives *found = NULL;
    bool about_chief = false;
    for (size_t i = 0; i < rule->n_all; i++) {
        bool held = false;
        for (size_t j = 0; j < rule->all[i].count; j++) {
            const struct alternative *alternative = &rule->all[i].items[j];
            if (!alternative_holds(in, alternative)) continue;
            held = true;
            const struct condition *first = &alternative->conditions[0];
            about_chief = about_chief || (first->kind == CONDITION_SIGN && !first->negated &&
                                          is_seen(chief, first->sign, ANY_CLAUSE));
        }
        if (held) continue;
        if (found) return NULL;
        found = &rule->all[i];
    }
    return about_chief ? found : NULL;
}

/* The symptoms that a sign stands for. */
static bool add_missing(const struct checking *in, size_t sign, const struct redflag_rule *rule,
                        struct arena *arena, struct missing_signs *missing) {
    size_t n_symptoms = in->redflags->lexicon->symptoms.n_terms;
    if (sign >= n_symptoms) {
        const struct redflag_term *term = &in->redflags->terms[sign - n_symptoms];
        for (size_t i = 0; i < term->n_includes; i++)
            if (!add_missing(in, term->includes[i], rule, arena, missing)) return false;
        return true;
    }
    struct missing_sign *items = arena_grow(arena, missing->items, missing->count, sizeof *items);
    if (!items) return false;
    missing->items = items;
    items[missing->count++] =
        (struct missing_sign){in->redflags->lexicon->symptoms.terms[sign], rule->message};
    return true;
}

bool redflags_missing(const struct redflags *redflags, const struct passage *passage,
                      const struct patient *patient, const struct findings *findings, const char *chief,
                      enum urgency urgency, struct arena *arena, struct missing_signs *missing) {
    struct checking in, alone = {.redflags = redflags, .passage = passage};
    size_t sign = chief ? wordlist_find(&redflags->lexicon->symptoms, span_of(chief)) : TERM_NONE;
    *missing = (struct missing_signs){0};
    if (sign == TERM_NONE) return true;
    if (!begin_checking(&in, redflags, passage, patient, findings, arena) ||
        !add_sign(&alone, arena, sign, 0, TIME_NOW))
        return false;
    qsort(alone.sightings, alone.n_sightings, sizeof *alone.sightings, compare_sightings);
    for (size_t i = 0; i < redflags->n_rules; i++) {
        const struct redflag_rule *rule = &redflags->rules[i];
        if (urgency_of(rule->level) <= urgency) continue;
        const struct alternatives *condition = lacking(&in, &alone, rule);
        for (size_t j = 0; condition && j < condition->count; j++) {
            const struct alternative *alternative = &condition->items[j];
            const struct condition *first = &alternative->conditions[0];
            bool one_sign =
                alternative->n_conditions == 1 && first->kind == CONDITION_SIGN && !first->negated;
            if (one_sign && !add_missing(&in, first->sign, rule, arena, missing)) return false;
        }
    }
    return true;
}
