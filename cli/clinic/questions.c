#include "cli/clinic/questions.h"

enum { MOST_QUESTIONS = 5, MOST_COMPARED = 16 };

/* How often a patient has a symptom of weight -3 to 3 for his disease. */
static const double HAVE[] = {0.005, 0.015, 0.03, 0.05, 0.3, 0.5, 0.7};
static const double URGENCY = 0.15, LEAST_CHANGE = 0.02;

/* A symptom that may be asked for. */
struct option {
    size_t symptom;
    double gain;
    const char *reason;
    const char *rule; /* the message of the rule that lacks it; NULL: none */
};

struct choosing {
    const struct candidates *candidates;
    const struct kb *kb;
    struct arena *arena;
    size_t n_compared;
};

/* The probabilities after an answer; what is left to other diseases stays as it is. */
static double moved_by(const struct choosing *in, const double *weights, enum sighting answer,
                       const struct disease **most_raised) {
    double after[MOST_COMPARED], before_sum = 0, after_sum = 0, moved = 0, most = 0;
    for (size_t i = 0; i < in->n_compared; i++) {
        double p = in->candidates->items[i].probability;
        after[i] = p * answer_odds(weights[i], answer);
        before_sum += p;
        after_sum += after[i];
    }
    double rest = fmax(0, 1 - before_sum);
    for (size_t i = 0; i < in->n_compared; i++) {
        const struct candidate *candidate = &in->candidates->items[i];
        double change = after[i] / (after_sum + rest) - candidate->probability;
        moved += (candidate->disease->never_miss ? 2 : 1) * fabs(change) / 2;
        if (change > most) *most_raised = candidate->disease;
        most = fmax(most, change);
    }
    return moved;
}

static bool rate_option(const struct choosing *in, struct option *option) {
    double weights[MOST_COMPARED], present = 0;
    double known = 0;
    for (size_t i = 0; i < in->n_compared; i++) {
        const struct candidate *candidate = &in->candidates->items[i];
        weights[i] = disease_weight(candidate->disease, option->symptom, 0);
        present += candidate->probability * HAVE[(size_t)(weights[i] + 3)];
        known += candidate->probability;
    }
    present += fmax(0, 1 - known) * HAVE[3];
    const struct disease *raised = NULL, *ignored = NULL;
    option->gain = present * moved_by(in, weights, SEEN, &raised) +
                   (1 - present) * moved_by(in, weights, DENIED, &ignored);
    option->reason = raised ? arena_format(in->arena, "若有，更支持%s", raised->name) : "";
    return option->reason != NULL;
}

/* The first rule that lacks the symptom. */
static bool rate_urgency(const struct choosing *in, const struct missing_signs *missing,
                         struct option *option) {
    const char *name = in->kb->symptoms.terms[option->symptom];
    for (size_t i = 0; i < missing->count; i++)
        if (strcmp(missing->items[i].symptom, name) == 0) {
            option->gain += URGENCY;
            option->rule = missing->items[i].message;
            option->reason = arena_format(in->arena, "若有，%s", missing->items[i].message);
            return option->reason != NULL;
        }
    return true;
}

static bool is_open(const struct choosing *in, size_t sign) {
    return sign < in->kb->symptoms.n_terms &&
           in->candidates->observations.signs[sign].sighting == NOT_MENTIONED;
}

/* Every symptom, not mentioned, that a compared candidate lists, once. */
static bool list_options(const struct choosing *in, const struct missing_signs *missing,
                         struct option *options, size_t *count) {
    bool *listed = arena_new(in->arena, in->kb->symptoms.n_terms * sizeof *listed);
    if (!listed) return false;
    *count = 0;
    for (size_t i = 0; i < in->n_compared; i++) {
        const struct disease *disease = in->candidates->items[i].disease;
        for (size_t j = 0; j < disease->n_weights; j++) {
            size_t sign = disease->weights[j].sign;
            if (!is_open(in, sign) || listed[sign]) continue;
            listed[sign] = true;
            struct option option = {.symptom = sign};
            if (!rate_option(in, &option) || !rate_urgency(in, missing, &option)) return false;
            options[(*count)++] = option;
        }
    }
    return true;
}

static size_t root_of(const struct kb *kb, size_t symptom) {
    while (kb->broader[symptom] != TERM_NONE) symptom = kb->broader[symptom];
    return symptom;
}

/* What a question leaves of the options: none of the related symptoms, and of the same rule's symptoms what they
 * tell besides. */
static void withdraw(const struct choosing *in, struct option *options, size_t count,
                     const struct option *taken) {
    struct option best = *taken;
    size_t root = root_of(in->kb, best.symptom);
    for (size_t i = 0; i < count; i++) {
        if (best.rule && options[i].rule == best.rule) options[i].gain -= URGENCY;
        if (root_of(in->kb, options[i].symptom) == root) options[i].gain = 0;
    }
}

/* The best option left. NULL when none is worth a question. */
static const struct option *best_option(const struct option *options, size_t count) {
    const struct option *best = NULL;
    for (size_t i = 0; i < count; i++)
        if (options[i].gain >= LEAST_CHANGE && (!best || options[i].gain > best->gain)) best = &options[i];
    return best;
}

static bool add_question(const struct choosing *in, const struct option *option,
                         struct questions *questions) {
    const char *name = in->kb->symptoms.terms[option->symptom], *text = in->kb->questions[option->symptom];
    if (!text) text = arena_format(in->arena, "有没有%s？", name);
    struct question *items = arena_grow(in->arena, questions->items, questions->count, sizeof *items);
    if (!text || !items) return false;
    questions->items = items;
    items[questions->count++] = (struct question){name, text, option->reason};
    return true;
}

bool questions_choose(const struct candidates *candidates, const struct missing_signs *missing,
                      struct arena *arena, struct questions *questions) {
    const struct kb *kb = candidates->observations.kb;
    size_t n_compared = candidates->n_leading < MOST_COMPARED ? candidates->n_leading : MOST_COMPARED;
    const struct choosing in = {candidates, kb, arena, n_compared};
    *questions = (struct questions){0};
    struct option *options = arena_new(arena, kb->symptoms.n_terms * sizeof *options);
    size_t count = 0;
    if (!options || !list_options(&in, missing, options, &count)) return false;
    while (questions->count < MOST_QUESTIONS) {
        const struct option *best = best_option(options, count);
        if (!best) break;
        if (!add_question(&in, best, questions)) return false;
        withdraw(&in, options, count, best);
    }
    return true;
}
