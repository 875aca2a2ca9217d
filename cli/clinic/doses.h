/* Removes drug doses and prescriptions from a text, line by line, so that it can be shown as it grows. */
#ifndef CLINIC_DOSES_H
#define CLINIC_DOSES_H

#include "cli/clinic/buffer.h"
#include "cli/clinic/wordlist.h"

/* What stands in a removed dose's place. */
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

/* Zero but for `drugs` and `arena`. */
struct dose_filter {
    const struct wordlist *drugs;
    struct arena *arena;
    struct removals removals; /* owned by the arena */
    bool drug_named;          /* the last line named a drug and gave no dose: the next one may */
};

/* Appends a line (without its line end) to *out, doses replaced by the placeholder and recorded. A dose is an
 * amount of a drug ("0.3 g", "两片"), how often ("每日3次", "bid") or for how long ("连用5天"), in a clause
 * that speaks of a drug or of taking one. Measured values, alcohol, tobacco and drinking water stay. false:
 * memory refused. */
bool dose_filter_line(struct dose_filter *filter, struct span line, struct buffer *out);

#endif
