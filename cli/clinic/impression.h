/* How urgent the whole telling sounds: a second reader beside the red flags, for dangers in words that nobody foresaw.
 *
 * It was fitted to several thousand tellings whose urgency is known (scripts/told, scripts/train_impression.py). It
 * may raise the urgency that the rules find and never lowers it. A telling is read in stretches of whole sentences,
 * about as long as those it was fitted to; of each,
 *
 *   score = bias + (sum of the weights of its features) / sqrt(calm + number of its features)
 *
 * over the features that have a weight and occur in it, each counted once, however often it stands there (calm keeps
 * a few words alone from being an alarm):
 *
 *   one to four characters in a row of the plain text, where what is denied, over, supposed or another person's is a
 *   single '#'; symptoms present ("P" and the name) and denied ("N" and the name); the patient's age ("A" and a band).
 *
 * One set of weights tells what needs a doctor within a day from what can wait, the other what needs one now from the
 * rest; the stretch with the highest score counts. */
#ifndef CLINIC_IMPRESSION_H
#define CLINIC_IMPRESSION_H

#include "cli/clinic/buffer.h"
#include "cli/clinic/redflags.h"

enum { IMPRESSION_URGENT, IMPRESSION_EMERGENCY, N_IMPRESSIONS };

struct impression_weight {
    double of[N_IMPRESSIONS];
};

/* Owned by the arena it was loaded into. */
struct impression {
    struct wordlist features;
    struct impression_weight *weights; /* [features.n_terms] */
    double calm;
    double bias[N_IMPRESSIONS];
    double from[N_IMPRESSIONS]; /* the score from which it warns */
};

/* Reads weights of schema youtu.impression/1: the schema's name, "calm N", "urgent BIAS FROM", "emergency BIAS
 * FROM", then a line for each feature: it, a tab, its two weights; the numbers behind calm's in hundredths. text: ends with a NUL behind its last byte. */
bool impression_load(struct impression *impression, struct arena *arena, struct span text, const char *source,
                     struct failure *failure);

/* What is read of plain[start, end): the text with its '#', and the signs. */
struct impression_view {
    struct buffer text;
    struct strings signs;
};

/* Free view->text with buffer_free, also after a failure. false: memory refused. */
bool impression_view(const struct passage *passage, const struct mentions *symptoms,
                     const struct patient *patient, size_t start, size_t end, struct arena *arena,
                     struct impression_view *view);

/* Adds a warning where the telling sounds more urgent than the warnings are. It quotes the clause that speaks most
 * for it. Nothing is added for a text too long for one telling: a record is the rules' alone. false: memory refused. */
bool impression_check(const struct impression *impression, const struct passage *passage,
                      const struct patient *patient, struct arena *arena, struct warnings *warnings);

#endif
