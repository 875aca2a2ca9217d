#include "cli/clinic/ages.h"
#include "cli/clinic/extraction.h"

static bool add_duration(const struct extraction *in, size_t start, size_t end, double days) {
    struct findings *findings = in->findings;
    struct duration *durations =
        arena_grow(in->arena, findings->durations, findings->n_durations, sizeof *durations);
    if (!durations) return false;
    findings->durations = durations;
    const char *text = arena_copy(in->arena, passage_source(in->passage, start, end));
    durations[findings->n_durations++] = (struct duration){text, days};
    return text != NULL;
}

bool add_durations(const struct extraction *in) {
    for (size_t i = 0; i < in->passage->n_clauses; i++) {
        struct clause clause = in->passage->clauses[i];
        struct span text = span_between(plain_span(&in->passage->plain), 0, clause.end);
        for (size_t at = clause.start; at < clause.end;) {
            double days;
            size_t end;
            struct quantity number;
            struct age age;
            if (age_read(in->passage, at, &age)) {
                at = age.end;
            } else if (duration_read(text, at, &days, &end)) {
                if (!add_duration(in, at, end, days)) return false;
                at = end;
            } else {
                at = quantity_read(text, at, &number) ? number.end : at + 1;
            }
        }
    }
    return true;
}
