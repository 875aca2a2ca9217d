#include "cli/clinic/questions.h"

enum { MOST_QUESTIONS = 5, MOST_URGENT = 3, MOST_COMPARED = 16 };

/* How often a patient has a symptom of weight -3 to 3 for his disease. */
static const double HAVE[] = {0.005, 0.015, 0.03, 0.05, 0.3, 0.5, 0.7};
static const double URGENCY = 0.5, LEAST_CHANGE = 0.02;

/* A symptom that may be asked for. */
struct option {
    size_t symptom;
    double gain;
    const struct disease *raised; /* the disease that an answer "yes" would raise most; NULL: none */
    const char *rule;             /* the message of the rule that lacks it; NULL: none */
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

static void rate_option(const struct choosing *in, struct option *option) {
    double weights[MOST_COMPARED], present = 0;
    double known = 0;
    for (size_t i = 0; i < in->n_compared; i++) {
        const struct candidate *candidate = &in->candidates->items[i];
        weights[i] = disease_weight(candidate->disease, option->symptom, 0);
        present += candidate->probability * HAVE[(size_t)(weights[i] + 3)];
        known += candidate->probability;
    }
    present += fmax(0, 1 - known) * HAVE[3];
    const struct disease *ignored = NULL;
    option->gain = present * moved_by(in, weights, SEEN, &option->raised) +
                   (1 - present) * moved_by(in, weights, DENIED, &ignored);
}

/* The first rule that lacks the symptom. */
static void rate_urgency(const struct choosing *in, const struct missing_signs *missing,
                         struct option *option) {
    const char *name = in->kb->symptoms.terms[option->symptom];
    for (size_t i = 0; i < missing->count && !option->rule; i++)
        if (strcmp(missing->items[i].symptom, name) == 0) option->rule = missing->items[i].message;
    if (option->rule) option->gain += URGENCY;
}

static bool is_open(const struct choosing *in, size_t sign) {
    return sign < in->kb->symptoms.n_terms &&
           in->candidates->observations.signs[sign].sighting == NOT_MENTIONED;
}

/* What may be asked for, each symptom once. */
struct options {
    struct option *items; /* room for every symptom */
    size_t count;
    bool *listed; /* [n_symptoms] */
};

static void list_option(const struct choosing *in, const struct missing_signs *missing, size_t sign,
                        struct options *options) {
    if (!is_open(in, sign) || options->listed[sign]) return;
    options->listed[sign] = true;
    struct option *option = &options->items[options->count++];
    *option = (struct option){.symptom = sign};
    rate_option(in, option);
    rate_urgency(in, missing, option);
}

/* Every symptom, not mentioned, that a compared candidate lists or a rule lacks. */
static void list_options(const struct choosing *in, const struct missing_signs *missing,
                         struct options *options) {
    for (size_t i = 0; i < in->n_compared; i++) {
        const struct disease *disease = in->candidates->items[i].disease;
        for (size_t j = 0; j < disease->n_weights; j++)
            list_option(in, missing, disease->weights[j].sign, options);
    }
    for (size_t i = 0; in->n_compared && i < missing->count; i++)
        list_option(in, missing, wordlist_find(&in->kb->symptoms, span_of(missing->items[i].symptom)),
                    options);
}

static size_t root_of(const struct kb *kb, size_t symptom) {
    while (kb->broader[symptom] != TERM_NONE) symptom = kb->broader[symptom];
    return symptom;
}

/* What a question leaves: none of the related symptoms; of the same rule's symptoms, or of all rules' once
 * enough was asked for the urgency, what they tell of diseases. */
static void withdraw(const struct choosing *in, struct options *options, size_t taken, size_t n_urgent) {
    const struct option best = options->items[taken];
    size_t root = root_of(in->kb, best.symptom);
    for (size_t i = 0; i < options->count; i++) {
        struct option *option = &options->items[i];
        if (root_of(in->kb, option->symptom) == root) option->gain = 0;
        if (!option->rule || (option->rule != best.rule && n_urgent < MOST_URGENT)) continue;
        option->gain -= URGENCY;
        option->rule = NULL;
    }
}

/* The best option; SIZE_MAX when none is worth a question. */
static size_t best_option(const struct options *options) {
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < options->count; i++)
        if (options->items[i].gain >= LEAST_CHANGE &&
            (best == SIZE_MAX || options->items[i].gain > options->items[best].gain))
            best = i;
    return best;
}

static bool add_question(const struct choosing *in, const struct option *option,
                         struct questions *questions) {
    const char *name = in->kb->symptoms.terms[option->symptom], *text = in->kb->questions[option->symptom];
    if (!text) text = arena_format(in->arena, "有没有%s？", name);
    const char *reason = option->rule     ? arena_format(in->arena, "若有，%s", option->rule)
                         : option->raised ? arena_format(in->arena, "若有，更支持%s", option->raised->name)
                                          : "";
    struct question *items = arena_grow(in->arena, questions->items, questions->count, sizeof *items);
    if (!text || !reason || !items) return false;
    questions->items = items;
    items[questions->count++] = (struct question){name, text, reason};
    return true;
}

bool questions_choose(const struct candidates *candidates, const struct missing_signs *missing,
                      struct arena *arena, struct questions *questions) {
    const struct kb *kb = candidates->observations.kb;
    size_t n_compared = candidates->n_leading < MOST_COMPARED ? candidates->n_leading : MOST_COMPARED;
    const struct choosing in = {candidates, kb, arena, n_compared};
    *questions = (struct questions){0};
    struct options options = {
        .items = arena_new(arena, kb->symptoms.n_terms * sizeof *options.items),
        .listed = arena_new(arena, kb->symptoms.n_terms * sizeof *options.listed),
    };
    if (!options.items || !options.listed) return false;
    list_options(&in, missing, &options);
    for (size_t n_urgent = 0, best; questions->count < MOST_QUESTIONS;
         withdraw(&in, &options, best, n_urgent)) {
        best = best_option(&options);
        if (best == SIZE_MAX) break;
        if (!add_question(&in, &options.items[best], questions)) return false;
        n_urgent += options.items[best].rule != NULL;
    }
    return true;
}
