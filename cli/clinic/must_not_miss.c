#include "cli/clinic/must_not_miss.h"

enum { MOST_DANGERS = 3 };
static const double WORTH_ASKING = 0.05, IN_EMERGENCY = 0.001;

/* Whether a fired emergency warning speaks of the disease, by its name or an alias. */
static bool is_named(const struct disease *disease, const struct warnings *warnings) {
    for (size_t i = 0; i < warnings->count && warnings->items[i].level == 'E'; i++) {
        struct span message = span_of(warnings->items[i].message);
        if (span_find(message, span_of(disease->name), 0) != SIZE_MAX) return true;
        for (size_t j = 0; j < disease->aliases.count; j++)
            if (span_find(message, span_of(disease->aliases.items[j]), 0) != SIZE_MAX) return true;
    }
    return false;
}

static bool add_danger(const struct candidates *candidates, const struct disease *disease,
                       struct arena *arena, struct dangers *dangers) {
    struct strings evidence = {0}, against = {0};
    if (!evidence_find(&candidates->observations, disease, arena, &evidence, &against)) return false;
    struct danger *items = arena_grow(arena, dangers->items, dangers->count, sizeof *items);
    if (!items) return false;
    items[dangers->count++] = (struct danger){disease, evidence};
    dangers->items = items;
    return true;
}

bool dangers_find(const struct candidates *candidates, const struct warnings *warnings, struct arena *arena,
                  struct dangers *dangers) {
    double least = warnings->urgency == URGENCY_EMERGENCY ? IN_EMERGENCY : WORTH_ASKING;
    *dangers = (struct dangers){0};
    for (int named = 1; named >= 0; named--)
        for (size_t i = 0; i < candidates->count && (named || dangers->count < MOST_DANGERS); i++) {
            const struct candidate *candidate = &candidates->items[i];
            bool fits = named || (candidate->support > 0 && candidate->probability >= least);
            if (candidate->disease->never_miss && fits && is_named(candidate->disease, warnings) == named &&
                !add_danger(candidates, candidate->disease, arena, dangers))
                return false;
        }
    return true;
}
