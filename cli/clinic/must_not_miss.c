#include "cli/clinic/must_not_miss.h"

enum { MOST_DANGERS = 3 };

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

static bool add_danger(const struct disease *disease, const struct findings *findings, struct arena *arena,
                       struct dangers *dangers) {
    struct strings evidence = {0};
    for (size_t i = 0; i < findings->positive.count; i++)
        if (disease_weight(disease, findings->positive.items[i].symptom, 0) > 0 &&
            !strings_add(&evidence, arena, findings->positive.items[i].name))
            return false;
    struct danger *items = arena_grow(arena, dangers->items, dangers->count, sizeof *items);
    if (!items) return false;
    items[dangers->count++] = (struct danger){disease, evidence};
    dangers->items = items;
    return true;
}

bool dangers_find(const struct kb *kb, const struct patient *patient, const struct findings *findings,
                  const struct warnings *warnings, struct arena *arena, struct dangers *dangers) {
    struct candidates candidates;
    *dangers = (struct dangers){0};
    if (warnings->urgency != URGENCY_EMERGENCY) return true;
    if (!differential_rank(kb, patient, findings, arena, &candidates)) return false;
    for (int named = 1; named >= 0; named--)
        for (size_t i = 0; i < candidates.count && (named || dangers->count < MOST_DANGERS); i++) {
            const struct disease *disease = candidates.items[i].disease;
            if (disease->never_miss && is_named(disease, warnings) == named &&
                !add_danger(disease, findings, arena, dangers))
                return false;
        }
    return true;
}
