#include "cli/clinic/differential.h"

#include <stdlib.h>

/* The steps of the formula in differential.h, natural logarithms. */
static const double RATIO[] = {0, 0.7, 1.5, 2.5};
static const double COMMON = 0.7, AGE = 0.3, SEX = 0.4, DEPARTMENT = 0.5;
static const double DENIED_SHARE = 0.6, REFUTED_SHARE = 0.1;
static const double UNEXPLAINED = 1.2, UNEXPLAINED_CHIEF = 1.5, NOT_TYPICAL = 0.8;
static const double OTHER = 0, SPREAD = 0.8, LAPSE = 0.03;
static const double LIFE_YEARS = 100;

/* The natural logarithm of the ratio that a sign of this weight gives. */
static double likelihood_ratio(double weight, enum sighting sighting) {
    double ratio = RATIO[(size_t)fabs(weight)];
    if (sighting == SEEN) return weight > 0 ? ratio : -ratio;
    if (sighting == DENIED) return weight > 0 ? -DENIED_SHARE * ratio : REFUTED_SHARE * ratio;
    return 0;
}

double answer_odds(double weight, enum sighting answer) {
    return exp(likelihood_ratio(weight, answer) / SPREAD);
}

bool disease_is_supported(const struct disease *disease, const struct observations *observations) {
    double total = 0;
    bool complaint = false;
    for (size_t i = 0; i < disease->n_weights; i++) {
        const struct weight *weight = &disease->weights[i];
        if (weight->weight <= 0 || observations->signs[weight->sign].sighting != SEEN) continue;
        total += weight->weight;
        complaint = complaint || is_complaint(observations->kb, weight->sign);
    }
    return complaint && total >= 2;
}

/* ---- what a disease explains */

/* A disease's weights by sign while it is rated. */
struct rating {
    const struct observations *observations;
    const struct disease *disease;
    double *weights;  /* [n_signs]: 0 when not listed */
    double *of_kinds; /* [n_symptoms]: what the seen or denied kinds of a symptom have added */
};

static size_t broader_of(const struct rating *in, size_t sign) {
    const struct kb *kb = in->observations->kb;
    return sign < kb->symptoms.n_terms ? kb->broader[sign] : TERM_NONE;
}

static void begin_rating(const struct rating *in) {
    for (size_t i = 0; i < in->disease->n_weights; i++)
        in->weights[in->disease->weights[i].sign] = in->disease->weights[i].weight;
}

static void end_rating(const struct rating *in) {
    for (size_t i = 0; i < in->disease->n_weights; i++) {
        size_t sign = in->disease->weights[i].sign;
        in->weights[sign] = 0;
        for (; sign != TERM_NONE && sign < in->observations->kb->symptoms.n_terms;
             sign = broader_of(in, sign))
            in->of_kinds[sign] = 0;
    }
}

/* Whether the disease gives a positive weight to the symptom, a broader one or a kind of it. */
static bool explains(const struct rating *in, size_t symptom) {
    for (size_t at = symptom; at != TERM_NONE; at = broader_of(in, at))
        if (in->weights[at] != 0) return true;
    for (size_t i = 0; i < in->disease->n_weights; i++)
        for (size_t at = in->disease->weights[i].sign; at != TERM_NONE; at = broader_of(in, at))
            if (at == symptom && in->disease->weights[i].weight > 0) return true;
    return false;
}

static double rate_unexplained(const struct rating *in) {
    double sum = 0;
    for (size_t i = 0; i < in->observations->n_told; i++)
        if (!explains(in, in->observations->told[i])) sum -= UNEXPLAINED;
    return sum;
}

/* A patient comes for what a disease is known by: a chief complaint of weight 1 costs half. */
static double rate_chief(const struct rating *in) {
    size_t chief = in->observations->chief;
    double best = 0;
    if (chief == TERM_NONE) return 0;
    if (!explains(in, chief)) return -UNEXPLAINED_CHIEF;
    for (size_t at = chief; at != TERM_NONE; at = broader_of(in, at)) best = fmax(best, in->weights[at]);
    return best == 1 ? -UNEXPLAINED_CHIEF / 2 : 0;
}

/* Of a denied symptom whose broader one is denied and listed too, only the broader one counts. */
static bool denied_with_broader(const struct rating *in, size_t sign) {
    for (size_t above = broader_of(in, sign); above != TERM_NONE; above = broader_of(in, above))
        if (in->weights[above] > 0 && in->observations->signs[above].sighting == DENIED) return true;
    return false;
}

/* Adds what a sign gives to the kinds' sums of all broader symptoms. */
static void credit_broader(const struct rating *in, size_t sign, double value) {
    for (size_t above = broader_of(in, sign); above != TERM_NONE; above = broader_of(in, above))
        in->of_kinds[above] += value;
}

static size_t depth_of(const struct rating *in, size_t sign) {
    size_t depth = 0;
    while ((sign = broader_of(in, sign)) != TERM_NONE) depth++;
    return depth;
}

/* The deepest kinds first, so that a broader symptom finds the sum of its kinds complete. */
static double rate_signs(const struct rating *in, bool *typical) {
    enum { DEEPEST = 3 };
    double sum = 0;
    for (size_t depth = DEEPEST + 1; depth-- > 0;)
        for (size_t i = 0; i < in->disease->n_weights; i++) {
            const struct weight *weight = &in->disease->weights[i];
            enum sighting sighting = in->observations->signs[weight->sign].sighting;
            if (sighting == NOT_MENTIONED) continue;
            size_t at = depth_of(in, weight->sign);
            if ((at < DEEPEST ? at : DEEPEST) != depth) continue;
            double value = likelihood_ratio(weight->weight, sighting);
            if (sighting == DENIED && weight->weight > 0 && denied_with_broader(in, weight->sign)) continue;
            if (sighting == SEEN && weight->weight > 0 &&
                weight->sign < in->observations->kb->symptoms.n_terms) {
                value = fmax(0, value - in->of_kinds[weight->sign]);
                credit_broader(in, weight->sign, value);
            }
            if (sighting == SEEN && weight->weight >= 3) *typical = true;
            sum += value;
        }
    return sum;
}

/* ---- how often it is met */

/* "内科" treats what 呼吸内科 treats, and 皮肤 is 皮肤科. */
static bool treats(const char *department, const struct disease *disease) {
    struct span name = span_of(department), suffix = span_of("科");
    if (span_ends(name, suffix)) name = span_between(name, 0, name.length - suffix.length);
    for (size_t i = 0; i < disease->departments.count; i++)
        if (span_find(span_of(disease->departments.items[i]), name, 0) != SIZE_MAX) return true;
    return false;
}

static double rate_prior(const struct disease *disease, const struct patient *patient,
                         const char *department) {
    double prior = COMMON * (disease->commonness - 5);
    double width = fmax(1, fmin(disease->age_max, LIFE_YEARS) - disease->age_min);
    if (patient->has_age) prior += AGE * log(LIFE_YEARS / width);
    if (disease->sex && patient->sex) prior += SEX;
    return department && treats(department, disease) ? prior + DEPARTMENT : prior;
}

/* ---- ranking */

static bool explains_any(const struct rating *in) {
    for (size_t i = 0; i < in->disease->n_weights; i++) {
        const struct weight *weight = &in->disease->weights[i];
        if (weight->weight > 0 && is_complaint(in->observations->kb, weight->sign) &&
            in->observations->signs[weight->sign].sighting == SEEN)
            return true;
    }
    return false;
}

static double rate(const struct rating *in, const char *department) {
    bool typical = false;
    begin_rating(in);
    double score = rate_prior(in->disease, in->observations->patient, department) + rate_signs(in, &typical) +
                   rate_unexplained(in) + rate_chief(in);
    end_rating(in);
    return typical ? score : score - NOT_TYPICAL;
}

static int compare_candidates(const void *left, const void *right) {
    const struct candidate *a = left, *b = right;
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    return a->disease < b->disease ? -1 : a->disease > b->disease;
}

static void find_probabilities(struct candidates *candidates) {
    double best = candidates->count ? fmax(OTHER, candidates->items[0].score) : OTHER;
    double sum = exp((OTHER - best) / SPREAD);
    for (size_t i = 0; i < candidates->count; i++) {
        candidates->items[i].probability = exp((candidates->items[i].score - best) / SPREAD);
        sum += candidates->items[i].probability;
    }
    for (size_t i = 0; i < candidates->count; i++) candidates->items[i].probability *= (1 - LAPSE) / sum;
}

static const struct disease *root_of(const struct disease *disease) {
    while (disease->kind_of) disease = disease->kind_of;
    return disease;
}

/* The leading candidate that stands for items[i]; NULL when it leads itself. */
static struct candidate *leader_of(struct candidates *candidates, const struct candidate *candidate) {
    for (size_t i = 0; i < candidates->n_leading; i++)
        if (root_of(candidates->items[i].disease) == root_of(candidate->disease))
            return &candidates->items[i];
    return NULL;
}

/* followers: room for all candidates. */
static void gather_relations(struct candidates *candidates, struct candidate *followers) {
    size_t n_followers = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        struct candidate candidate = candidates->items[i], *leader = leader_of(candidates, &candidate);
        if (leader) {
            leader->probability += candidate.probability;
            followers[n_followers++] = candidate;
        } else {
            candidates->items[candidates->n_leading++] = candidate;
        }
    }
    if (n_followers)
        memcpy(&candidates->items[candidates->n_leading], followers, n_followers * sizeof *followers);
}

/* A family's sum may lift its leader over others. */
static int compare_leading(const void *left, const void *right) {
    const struct candidate *a = left, *b = right;
    if (a->probability != b->probability) return a->probability > b->probability ? -1 : 1;
    return compare_candidates(left, right);
}

static void sort_candidates(struct candidates *candidates, struct candidate *followers) {
    if (candidates->count == 0) return;
    qsort(candidates->items, candidates->count, sizeof *candidates->items, compare_candidates);
    find_probabilities(candidates);
    gather_relations(candidates, followers);
    qsort(candidates->items, candidates->n_leading, sizeof *candidates->items, compare_leading);
    for (size_t i = 0; i < candidates->count; i++) {
        struct candidate *candidate = &candidates->items[i];
        bool supported = disease_is_supported(candidate->disease, &candidates->observations);
        candidate->support = supported ? candidate->probability : 0;
    }
}

bool differential_rank(const struct kb *kb, const struct patient *patient, const struct findings *findings,
                       const char *department, struct arena *arena, struct candidates *candidates) {
    *candidates = (struct candidates){.items = arena_new(arena, kb->n_diseases * sizeof *candidates->items)};
    struct candidate *followers = arena_new(arena, kb->n_diseases * sizeof *followers);
    struct rating rating = {.observations = &candidates->observations,
                            .weights = arena_new(arena, kb->n_signs * sizeof *rating.weights),
                            .of_kinds = arena_new(arena, kb->symptoms.n_terms * sizeof *rating.of_kinds)};
    if (!candidates->items || !followers || !rating.weights || !rating.of_kinds ||
        !observe(kb, patient, findings, arena, &candidates->observations))
        return false;
    for (size_t i = 0; i < kb->n_diseases; i++) {
        rating.disease = &kb->diseases[i];
        if (disease_fits(rating.disease, patient) && explains_any(&rating))
            candidates->items[candidates->count++] =
                (struct candidate){.disease = rating.disease, .score = rate(&rating, department)};
    }
    sort_candidates(candidates, followers);
    return true;
}

const struct candidate *candidate_of(const struct candidates *candidates, const struct disease *disease) {
    for (size_t i = 0; i < candidates->count; i++)
        if (candidates->items[i].disease == disease) return &candidates->items[i];
    return NULL;
}
