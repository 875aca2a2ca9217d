#include "cli/clinic/checks.h"

#include <stdlib.h>

enum { MOST_ENTRIES = 5 };

const char *diagnosis_status_name(enum diagnosis_status status) {
    static const char *const NAMES[] = {"supported", "needs_confirmation", "unsupported"};
    return NAMES[status];
}

double name_probability(const struct token_mark *marks, size_t n_marks, size_t start, size_t end) {
    double sum = 0;
    size_t count = 0, token_start = 0;
    for (size_t i = 0; i < n_marks && token_start < end; i++) {
        /* A token that completes no character stands where the next one's text starts. */
        bool touches = marks[i].end > start || (marks[i].end == token_start && token_start >= start);
        if (touches && !isnan(marks[i].log_probability)) {
            sum += (double)marks[i].log_probability;
            count++;
        }
        token_start = marks[i].end;
    }
    return count ? exp(sum / (double)count) : 0;
}

/* ---- entries */

static struct diagnosis *add_entry(struct differential *differential, struct arena *arena) {
    struct diagnosis *items = arena_grow(arena, differential->items, differential->count, sizeof *items);
    if (!items) return NULL;
    differential->items = items;
    return &items[differential->count++];
}

static bool has_entry(const struct differential *differential, const struct disease *disease,
                      struct span name) {
    for (size_t i = 0; i < differential->count; i++) {
        const struct diagnosis *entry = &differential->items[i];
        if (disease ? entry->disease == disease : span_is(name, entry->name)) return true;
    }
    return false;
}

static enum diagnosis_status judge(const struct diagnosis *entry, double threshold) {
    if (!entry->disease) return DIAGNOSIS_UNSUPPORTED;
    bool supported = entry->support > 0 && entry->confidence >= threshold;
    return supported ? DIAGNOSIS_SUPPORTED : DIAGNOSIS_NEEDS_CONFIRMATION;
}

/* p: the model's share in the confidence; NAN when no model was asked. */
static bool fill_entry(const struct check_request *request, struct arena *arena, struct diagnosis *entry,
                       double p) {
    const struct candidate *candidate =
        entry->disease ? candidate_of(request->candidates, entry->disease) : NULL;
    entry->support = candidate ? candidate->support : 0;
    entry->confidence = isnan(p) ? entry->support : MODEL_WEIGHT * p + (1 - MODEL_WEIGHT) * entry->support;
    entry->icd10 = entry->disease ? entry->disease->icd10 : NULL;
    if (entry->disease && !evidence_find(&request->candidates->observations, entry->disease, arena,
                                         &entry->evidence, &entry->against))
        return false;
    entry->status = judge(entry, request->threshold);
    return true;
}

/* The shares of all its names that were scored. */
static double scored_share(const struct check_request *request, const struct disease *disease,
                           struct span name) {
    double share = 0;
    for (size_t i = 0; i < request->n_scores; i++) {
        const struct name_score *score = &request->scores[i];
        if (disease ? score->disease == disease : !score->disease && span_is(name, score->name))
            share += score->share;
    }
    return share;
}

/* The model's probability for the i-th name of the answer. */
static double named_probability(const struct check_request *request, size_t i,
                                const struct disease *disease) {
    struct span name = request->answer->diagnoses[i].name;
    if (request->n_scores) return scored_share(request, disease, name);
    size_t start = (size_t)(name.data - request->answer_text.data);
    return name_probability(request->marks, request->n_marks, start, start + name.length) / (double)(i + 1);
}

static bool add_named(const struct check_request *request, struct arena *arena,
                      struct differential *differential) {
    for (size_t i = 0; request->answer && i < request->answer->n_diagnoses; i++) {
        struct span name = request->answer->diagnoses[i].name;
        const struct disease *disease;
        if (!kb_find_disease(request->kb, arena, name, &disease)) return false;
        bool mark_is_false = disease && request->answer->diagnoses[i].is_unlisted;
        if (mark_is_false || has_entry(differential, disease, name)) continue;
        struct diagnosis *entry = add_entry(differential, arena);
        if (!entry) return false;
        entry->name = disease ? disease->name : arena_copy(arena, name);
        entry->disease = disease;
        if (!entry->name || !fill_entry(request, arena, entry, named_probability(request, i, disease)))
            return false;
        entry->source = entry->support > 0 ? "model+kb" : "model";
    }
    return true;
}

static bool add_ranked(const struct check_request *request, struct arena *arena,
                       struct differential *differential) {
    const struct candidates *candidates = request->candidates;
    for (size_t i = 0; i < candidates->n_leading && differential->count < MOST_ENTRIES; i++) {
        const struct candidate *candidate = &candidates->items[i];
        if (candidate->support <= 0 ||
            has_entry(differential, candidate->disease, span_of(candidate->disease->name)))
            continue;
        struct diagnosis *entry = add_entry(differential, arena);
        if (!entry) return false;
        entry->name = candidate->disease->name;
        entry->disease = candidate->disease;
        entry->source = "kb";
        double p = request->answer ? scored_share(request, entry->disease, (struct span){0}) : (double)NAN;
        if (!fill_entry(request, arena, entry, p)) return false;
    }
    return true;
}

/* ---- order */

static bool comes_before(const struct diagnosis *a, const struct diagnosis *b) {
    if ((a->support > 0) != (b->support > 0)) return a->support > 0;
    if (!a->disease != !b->disease) return a->disease != NULL;
    return a->confidence > b->confidence;
}

/* An insertion sort: few entries, equal ones keep their order. */
static void sort_entries(struct differential *differential) {
    for (size_t i = 1; i < differential->count; i++) {
        struct diagnosis moving = differential->items[i];
        size_t at = i;
        for (; at > 0 && comes_before(&moving, &differential->items[at - 1]); at--)
            differential->items[at] = differential->items[at - 1];
        differential->items[at] = moving;
    }
}

bool checks_run(const struct check_request *request, struct arena *arena, struct differential *differential) {
    *differential = (struct differential){0};
    if (!add_named(request, arena, differential) || !add_ranked(request, arena, differential)) return false;
    sort_entries(differential);
    differential->confidence = differential->count ? differential->items[0].confidence : 0;
    differential->needs_confirmation =
        differential->count == 0 || differential->items[0].status != DIAGNOSIS_SUPPORTED;
    return true;
}
