/* What makes a complaint worse or better.
 *
 * A trigger is what stands before a word of change, often with a link between: "弯腰 就 疼", "休息 后 缓解",
 * "夜里 更重", "一咳 就 痛"; the change may stand in the next clause ("捂热水袋,能好点"). What stands there is
 * taken in the patient's own words when it is short and no finding itself; a word of the lexicon's triggers
 * anywhere in it gives the name. */
#include "cli/clinic/extraction.h"
#include "cli/clinic/quantities.h"

/* Longer stretches tell a story, no trigger. */
enum { LONGEST_TRIGGER_BYTES = 30, SHORTEST_TRIGGER_BYTES = 6 };

static struct span text_of(const struct extraction *in) {
    return plain_span(&in->passage->plain);
}

/* Whether a complaint ends in [start, end): then it is told there, and no trigger. */
static bool holds_complaint(const struct extraction *in, size_t start, size_t end) {
    for (size_t i = mentions_from(&in->symptoms, start);
         i < in->symptoms.count && in->symptoms.items[i].end <= end; i++)
        if (lexicon_is_complaint(in->passage->lexicon, in->symptoms.items[i].term)) return true;
    return false;
}

/* The present complaint that starts at `at`; its end, or `at`. */
static size_t complaint_at(const struct extraction *in, size_t at) {
    size_t i = mentions_from(&in->symptoms, at);
    if (i == in->symptoms.count) return at;
    const struct mention *mention = &in->symptoms.items[i];
    bool present = mention->polarity == POLARITY_PRESENT || mention->polarity == POLARITY_UNCERTAIN;
    return mention->start == at && present ? mention->end : at;
}

/* "十来分钟自己就好" tells a time. */
static bool tells_time(const struct extraction *in, size_t start, size_t end) {
    struct span text = span_between(text_of(in), 0, end);
    for (size_t at = start; at < end; at++) {
        double days;
        size_t behind;
        if (text.data[at] >= '0' && text.data[at] <= '9') return true;
        if (duration_read(text, at, &days, &behind)) return true;
    }
    return false;
}

/* "左眼好好的" names a part of the body alone. */
static bool is_body_part(const struct extraction *in, size_t start, size_t end) {
    const struct lexicon *lexicon = in->passage->lexicon;
    struct span text = span_between(text_of(in), 0, end);
    start += starts_with_any(span_between(text, start, end), lexicon->sides);
    if (start < end) start += wordlist_match(&lexicon->infixes.body_parts, text, start).length;
    if (start < end) start += starts_with_any(span_between(text, start, end), lexicon->positions);
    return start == end;
}

/* Without the words around a trigger that are no part of it: 每次, 一, 的时候. */
static void trim(const struct extraction *in, size_t *start, size_t *end) {
    const struct lexicon *lexicon = in->passage->lexicon;
    size_t length;
    while (*start < *end &&
           (length = starts_with_any(span_between(text_of(in), *start, *end), lexicon->trigger_openings)))
        *start += length;
    while (*start < *end &&
           (length = ends_with_any(span_between(text_of(in), *start, *end), lexicon->trigger_links)))
        *end -= length;
}

/* The lexicon's word in [start, end), or TERM_NONE. */
static size_t known_trigger(const struct extraction *in, size_t start, size_t end) {
    struct span text = span_between(text_of(in), 0, end);
    for (size_t at = start; at < end; at++) {
        struct word_match match = wordlist_match(&in->passage->lexicon->triggers, text, at);
        if (match.length) return match.term;
    }
    return TERM_NONE;
}

static bool is_negated(const struct extraction *in, size_t start, size_t end) {
    const struct scope *scope = &in->passage->lexicon->scope;
    struct span text = span_between(text_of(in), start, end);
    return contains_any(text, scope->strong_negations) || starts_with_any(text, scope->weak_negations);
}

/* Adds one trigger, trimmed; what is none is passed over. */
static bool add_one(const struct extraction *in, bool better, size_t start, size_t end) {
    const struct lexicon *lexicon = in->passage->lexicon;
    trim(in, &start, &end);
    size_t term = known_trigger(in, start, end);
    bool is_short = end > start + SHORTEST_TRIGGER_BYTES - 1 && end - start <= LONGEST_TRIGGER_BYTES;
    if (!is_short || is_negated(in, start, end) || tells_time(in, start, end)) return true;
    if (term == TERM_NONE && (holds_complaint(in, start, end) || is_body_part(in, start, end) ||
                              passage_person(in->passage, start, end) ||
                              contains_any(span_between(text_of(in), start, end), lexicon->no_triggers)))
        return true;
    const struct entity *entity =
        add_entity(in, better ? ENTITY_RELIEVING : ENTITY_AGGRAVATING, POLARITY_PRESENT,
                   term == TERM_NONE ? NULL : lexicon->triggers.terms[term], start, end);
    struct strings *list = better ? &in->findings->relieving : &in->findings->aggravating;
    return entity && strings_add(list, in->arena, entity->text);
}

/* Adds every element of a list of triggers: "冬天、熬夜". */
static bool add_list(const struct extraction *in, bool better, size_t start, size_t end) {
    static const char *const BETWEEN[] = {"、", "和", "或者", "或", "以及", "还有", "跟", "/", NULL};
    size_t from = start;
    for (size_t at = start; at < end;) {
        size_t length = starts_with_any(span_between(text_of(in), at, end), BETWEEN);
        if (length && !add_one(in, better, from, at)) return false;
        at += length ? length : 1;
        if (length) from = at;
    }
    return add_one(in, better, from, end);
}

/* Where the trigger before a word of change at `at` starts: behind the last finding or change before it. */
static size_t trigger_start(const struct extraction *in, size_t clause_start, size_t last_change, size_t at) {
    size_t start = clause_start > last_change ? clause_start : last_change;
    for (size_t i = mentions_from(&in->symptoms, start);
         i < in->symptoms.count && in->symptoms.items[i].end <= at; i++)
        if (lexicon_is_complaint(in->passage->lexicon, in->symptoms.items[i].term))
            start = in->symptoms.items[i].end;
    return start;
}

enum change { CHANGE_NONE, CHANGE_WORSE, CHANGE_BETTER, CHANGE_NOT_BETTER };

/* The word of change at `at`; *end behind it. A complaint is one where a link stands before it. */
static enum change read_change(const struct extraction *in, struct clause clause, size_t at, size_t *end) {
    const struct lexicon *lexicon = in->passage->lexicon;
    struct span rest = span_between(text_of(in), at, clause.end);
    size_t worse = starts_with_any(rest, lexicon->worse), better = starts_with_any(rest, lexicon->better);
    size_t same = starts_with_any(rest, lexicon->not_better);
    *end = at + (same ? same : better > worse ? better : worse);
    if (same && same >= better) return CHANGE_NOT_BETTER;
    if (better > worse) return CHANGE_BETTER;
    if (worse) return CHANGE_WORSE;
    bool linked = ends_with_any(span_between(text_of(in), clause.start, at), lexicon->trigger_links) != 0;
    *end = linked ? complaint_at(in, at) : at;
    return *end > at ? CHANGE_WORSE : CHANGE_NONE;
}

/* What stands before a change may be the whole clause before it: "捂热水袋,能好点". */
static bool add_before(const struct extraction *in, size_t i, enum change change, size_t start, size_t at) {
    size_t from = start, to = at;
    trim(in, &from, &to);
    if (to > from) return add_list(in, change == CHANGE_BETTER, start, at);
    if (start != in->passage->clauses[i].start || !passage_goes_on(in->passage, i)) return true;
    struct clause before = in->passage->clauses[i - 1];
    return add_list(in, change == CHANGE_BETTER, before.start, before.end);
}

/* Complaints that hold a trigger in their own wording: "躺下就憋", "上下楼膝盖疼". */
static bool add_inner(const struct extraction *in) {
    const struct wordlist *triggers = &in->passage->lexicon->triggers;
    for (size_t i = 0; i < in->symptoms.count; i++) {
        const struct mention *mention = &in->symptoms.items[i];
        if (mention->polarity != POLARITY_PRESENT ||
            !lexicon_is_complaint(in->passage->lexicon, mention->term))
            continue;
        struct span text = span_between(text_of(in), 0, mention->end);
        for (size_t at = mention->start; at < mention->end;) {
            struct word_match match = wordlist_match(triggers, text, at);
            size_t end = at + match.length;
            if (match.length && end < mention->end && !add_one(in, false, at, end)) return false;
            at = match.length ? end : at + 1;
        }
    }
    return true;
}

bool add_triggers(const struct extraction *in) {
    if (!add_inner(in)) return false;
    for (size_t i = 0; i < in->passage->n_clauses; i++) {
        struct clause clause = in->passage->clauses[i];
        size_t last_change = clause.start;
        for (size_t at = clause.start, end; at<clause.end; at = end> at ? end : at + 1) {
            enum change change = read_change(in, clause, at, &end);
            if (change == CHANGE_NONE) continue;
            size_t start = trigger_start(in, clause.start, last_change, at);
            last_change = end;
            if (change != CHANGE_NOT_BETTER && !add_before(in, i, change, start, at)) return false;
        }
    }
    return true;
}
