/* Removes drug doses and prescriptions from a text while it is written.
 *
 * A dose is how much of a drug ("0.3 g", "两片"), how often ("每日3次", "bid") or for how long ("连用5天"). What is
 * given back never has to be taken back: text is held only while it can still turn out to be one, so a text gives
 * the same result in whatever pieces it comes. In doubt it is a dose, unless the clause speaks of what is counted
 * or measured alike: laboratory values, symptoms, drinking, tobacco. */
#ifndef CLINIC_DOSES_H
#define CLINIC_DOSES_H

#include "cli/clinic/dose_words.h"

/* What stands in a removed dose's place, once in a clause. */
#define DOSE_PLACEHOLDER "〔剂量由医师决定〕"

/* A text that was removed, and why. */
struct removal {
    const char *kind; /* "dose" */
    const char *text;
};

struct removals {
    struct removal *items;
    size_t count;
};

/* What was read before the text in hand. */
struct dose_context {
    bool drug_in_clause, drug_in_sentence; /* a drug or its taking was named; in a clause before this one */
    bool effects_follow;                   /* "服药后": what follows is not the drug's dose */
    /* What numbers can be of: classes of dose_words.h. What stands behind a drug is its effect or its use. */
    uint32_t counted_in_clause, counted_in_sentence;
    bool placeholder_in_clause;
    size_t since_drug; /* characters since a drug, its taking or a dose; SIZE_MAX: none yet */
    size_t since_dose; /* since a dose, likewise */
};

/* Begin with dose_filter_begin; free with dose_filter_free. */
struct dose_filter {
    const struct dose_words *words;
    struct arena *arena;
    struct removals removals; /* owned by the arena */
    struct dose_text text;
    struct dose_context context;
};

/* words and arena outlive the filter. */
void dose_filter_begin(struct dose_filter *filter, const struct dose_words *words, struct arena *arena);
void dose_filter_free(struct dose_filter *filter);

/* Takes a piece, which may be cut anywhere, and appends to *out what is certain now. false: memory refused. */
bool dose_filter_feed(struct dose_filter *filter, struct span piece, struct buffer *out);

/* Nothing follows: appends the rest. Begin again before the next text. false: memory refused. */
bool dose_filter_end(struct dose_filter *filter, struct buffer *out);

#endif
