/* Long records: a text divided into segments (visits, headings) and sentences, each segment summarised by the
 * rules, and what of it a prompt of limited size holds. */
#ifndef CLINIC_CHART_H
#define CLINIC_CHART_H

#include "cli/clinic/buffer.h"
#include "cli/clinic/findings.h"

/* What became of a sentence. */
enum fate {
    FATE_KEPT,       /* the prompt holds it */
    FATE_SUMMARISED, /* the prompt holds its segment's summary, with what the rules found in it */
    FATE_LISTED,     /* only the prompt's findings hold what the rules found in it */
    FATE_LEFT_OUT    /* the rules found nothing in it, and there was no room */
};

/* "kept", "summarised", "listed", "left_out". */
const char *fate_name(enum fate fate);

/* Why a sentence is not in the prompt as it stands: a sentence for a person. NULL for FATE_KEPT. */
const char *fate_reason(enum fate fate);

struct chart_sentence {
    size_t start, end; /* bytes [start, end) of the text */
    size_t segment;
    bool has_sign; /* a present or uncertain symptom, a medicine, an allergy or a vital sign */
    bool has_any;  /* anything that the rules found */
    enum fate fate;
};

/* A visit, or a part of one under a heading. */
struct chart_segment {
    size_t start, end;
    const char *title; /* the date, its own or its visit's, and the heading, as written; "" without either */
    const char *visit; /* the opening that told the date; "" when undated */
    long date;         /* yyyymmdd, days or months of 0 where none is told; 0: undated */
    const char *summary; /* what the rules found in it; "" when nothing */
    size_t rank;         /* 0: the most recent */
    bool is_whole;       /* the prompt holds all its sentences */
    bool summary_shown;  /* by the prompt */
};

/* The sentences cover the text but for blanks between them; the segments cover the sentences. */
struct chart {
    struct span text;
    struct chart_segment *segments;
    size_t n_segments;
    struct chart_sentence *sentences;
    size_t n_sentences;
    struct chart_segment **by_recency; /* [n_segments] */
    size_t *order;                     /* [n_sentences]: sentences as chart_choose takes them */
};

/* Divides a text and keeps all of it. A segment opens at the beginning of a line with a date ("2023年5月2日",
 * "2023-05-02", "5月2日") or a heading ("既往史:", "【查体】"). A segment without a date has the date of the
 * one before; before the first date it is today's: the most recent. Owned by the arena. false: memory refused.
 */
bool chart_divide(const struct passage *passage, const struct findings *findings, struct arena *arena,
                  struct chart *chart);

/* Chooses what a prompt with room for `limit_bytes` holds. A text that fits is kept whole. Else sentences fill
 * three quarters of the room, in the order
 *   of the most recent segment, with signs before without,
 *   of the other segments those with signs, the most recent segment first,
 *   the rest, the most recent segment first;
 * within these the first sentence with a sign (why the patient came), then from the end of the segment
 * backwards. Summaries of the segments that are not whole fill what is left, the most recent first. */
void chart_choose(struct chart *chart, size_t limit_bytes);

/* Appends what was chosen, in the order of the text: sentences as written, "〔…〕" around summaries, "…" for
 * gaps. */
void chart_render(const struct chart *chart, struct buffer *out);

/* The sentences with this fate. */
size_t chart_count(const struct chart *chart, enum fate fate);

#endif
