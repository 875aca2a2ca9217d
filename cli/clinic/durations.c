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
    return text && add_entity(in, ENTITY_DURATION, POLARITY_PRESENT, text, start, end);
}

/* The long-standing illnesses and medicines of the text, passed through from left to right. */
struct background_mentions {
    struct mentions conditions, drugs;
    size_t next_condition, next_drug;
};

/* The end of the last mention that ends at or before `at`, in the same clause; SIZE_MAX without one. */
static size_t end_before(const struct mentions *mentions, size_t *next, size_t clause, size_t at) {
    while (*next < mentions->count && mentions->items[*next].end <= at) ++*next;
    const struct mention *last = *next ? &mentions->items[*next - 1] : NULL;
    return last && last->clause == clause ? last->end : SIZE_MAX;
}

/* "高血压10年", "吃阿司匹林三年": how long the patient has had or taken it, not the complaint. */
static bool lasts_background(struct background_mentions *background, size_t clause, size_t at, double days) {
    enum { CHRONIC_DAYS = 180, REACH_BYTES = 15 };
    size_t condition = end_before(&background->conditions, &background->next_condition, clause, at);
    size_t drug = end_before(&background->drugs, &background->next_drug, clause, at);
    bool of_condition = condition != SIZE_MAX && at - condition <= REACH_BYTES;
    bool of_drug = drug != SIZE_MAX && at - drug <= REACH_BYTES;
    return (of_condition && days >= CHRONIC_DAYS) || of_drug;
}

/* Whether a point of time tells the beginning: the first time told, or "昨天起", "前天开始". */
static bool tells_beginning(const struct extraction *in, struct clause clause, size_t end) {
    static const char *const SINCE[] = {"起", "开始", NULL};
    enum { RECENT_DAYS = 14, REACH_BYTES = 15 };
    size_t reach = clause.end - end > REACH_BYTES ? end + REACH_BYTES : clause.end;
    if (contains_any(span_between(plain_span(&in->passage->plain), end, reach), SINCE)) return true;
    for (size_t i = 0; i < in->findings->n_durations; i++)
        if (in->findings->durations[i].days <= RECENT_DAYS) return false;
    return true;
}

bool add_durations(const struct extraction *in) {
    struct background_mentions background = {0};
    const struct lexicon *lexicon = in->passage->lexicon;
    if (!mentions_find(in->passage, &lexicon->conditions, in->arena, &background.conditions) ||
        !mentions_find(in->passage, &lexicon->drugs, in->arena, &background.drugs))
        return false;
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
            } else if (onset_read(text, at, &days, &end)) {
                if (tells_beginning(in, clause, end) && !add_duration(in, at, end, days)) return false;
                at = end;
            } else if (duration_read(text, at, &days, &end)) {
                if (!lasts_background(&background, i, at, days) && !add_duration(in, at, end, days))
                    return false;
                at = end;
            } else {
                at = quantity_read(text, at, &number) ? number.end : at + 1;
            }
        }
    }
    return true;
}
