/* What makes a complaint worse or better.
 *
 * A trigger is what stands before a change, often with a link between: "弯腰 就 疼", "休息 后 缓解", "夜里 更重",
 * "一咳 就 痛", "躺平 就 不疼"; the change may stand in the next clause ("捂热水袋,能好点"). A change is a word of
 * worse or better, or a complaint, present or denied, that a link or a known trigger stands before.
 *
 * What stands there is looked up in the lexicon's triggers (and drugs, for what makes better); what the lexicon
 * does not know is taken in the patient's own words when it is short and can be nothing else. */
#include "cli/clinic/extraction.h"
#include "cli/clinic/quantities.h"

enum {
    LONGEST_TRIGGER_BYTES = 30, /* longer stretches tell a story */
    SHORTEST_UNKNOWN_BYTES = 6,
    ADJACENT_BYTES = 12, /* between a trigger and a complaint without a link: a part of the body, an adverb */
};

enum change_kind { CHANGE_NONE, CHANGE_WORSE, CHANGE_BETTER, CHANGE_NOT_BETTER };

struct change {
    enum change_kind kind;
    bool is_told;   /* by a word of change; else by a complaint */
    bool is_linked; /* a firm link stands before it */
    bool is_bare;   /* 疼, 咳, ... alone or as the beginning of a complaint */
    size_t start, end;
};

/* A word of the lexicon's triggers or drugs; start == end: none. */
struct known {
    size_t start, end;
    const char *name;
    bool is_moment; /* 夜间, 睡觉: a trigger only where a word of change says so */
};

/* Whether a complaint ends in [start, end): then it is told there, and no trigger. */
static bool holds_complaint(const struct extraction *in, size_t start, size_t end) {
    for (size_t i = mentions_from(&in->symptoms, start);
         i < in->symptoms.count && in->symptoms.items[i].end <= end; i++)
        if (lexicon_is_complaint(in->passage->lexicon, in->symptoms.items[i].term)) return true;
    return false;
}

/* The start of a length of time that ends at `end` ("歇 几分钟"); `end` without one. */
static size_t time_before(const struct extraction *in, size_t start, size_t end) {
    enum { LONGEST_BYTES = 40 };
    struct span text = span_between(text_of(in), 0, end);
    if (end - start > LONGEST_BYTES) start = end - LONGEST_BYTES;
    for (size_t at = start; at < end; at++) {
        double days;
        size_t behind;
        if (duration_read(text, at, &days, &behind) && behind == end) return at;
    }
    return end;
}

/* "十来分钟自己就好" tells a time. */
static bool tells_time(const struct extraction *in, size_t start, size_t end) {
    struct span text = span_between(text_of(in), 0, end);
    for (size_t at = start; at < end; at++) {
        double days;
        size_t behind;
        if (is_digit(text.data[at]) || duration_read(text, at, &days, &behind)) return true;
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

/* Whether a known trigger starts at `at`, and none at `next`: 一 of 一哭 is a part of it. */
static bool breaks_start(const struct extraction *in, size_t at, size_t next, size_t end) {
    const struct wordlist *triggers = &in->passage->lexicon->triggers;
    struct span text = span_between(text_of(in), 0, end);
    return wordlist_match(triggers, text, at).length && !wordlist_match(triggers, text, next).length;
}

/* Whether a known trigger ends at `at`, and none at `next`: 起来 of 站起来. */
static bool breaks_end(const struct extraction *in, size_t at, size_t next) {
    const struct wordlist *triggers = &in->passage->lexicon->triggers;
    struct span text = text_of(in);
    return wordlist_before(triggers, text, 0, at) < at && wordlist_before(triggers, text, 0, next) == next;
}

/* Behind the words before a trigger that are no part of it: 每次, 一. */
static size_t skip_openings(const struct extraction *in, size_t start, size_t end) {
    const struct lexicon *lexicon = in->passage->lexicon;
    for (size_t length; start < end; start += length) {
        length = starts_with_any(span_between(text_of(in), start, end), lexicon->trigger_openings);
        if (!length || breaks_start(in, start, start + length, end)) break;
    }
    return start;
}

/* Where the words behind a trigger that are no part of it begin: 的时候, 几分钟. */
static size_t skip_links(const struct extraction *in, size_t start, size_t end) {
    const struct lexicon *lexicon = in->passage->lexicon;
    while (start < end) {
        size_t length = ends_with_any(span_between(text_of(in), start, end), lexicon->trigger_links);
        size_t time = length ? end : time_before(in, start, end);
        if (length ? breaks_end(in, end, end - length) : time == end || time == start) break;
        end = length ? end - length : time;
    }
    return end;
}

static void trim(const struct extraction *in, size_t *start, size_t *end) {
    *start = skip_openings(in, *start, *end);
    *end = skip_links(in, *start, *end);
}

static struct known next_known(const struct extraction *in, bool better, size_t start, size_t end) {
    const struct lexicon *lexicon = in->passage->lexicon;
    struct span text = span_between(text_of(in), 0, end);
    for (size_t at = start; at < end; at++) {
        struct word_match match = wordlist_match(&lexicon->triggers, text, at);
        if (match.length)
            return (struct known){at, at + match.length, lexicon->triggers.terms[match.term],
                                  lexicon->moments[match.term]};
        if (better) match = wordlist_match(&lexicon->drugs, text, at);
        if (match.length)
            return (struct known){at, at + match.length, lexicon->drugs.terms[match.term], false};
    }
    return (struct known){.start = end, .end = end};
}

static bool is_negated(const struct extraction *in, size_t start, size_t end) {
    const struct scope *scope = &in->passage->lexicon->scope;
    struct span text = span_between(text_of(in), start, end);
    return wordlist_within(&scope->strong_negations, text) ||
           wordlist_match(&scope->weak_negations, text, 0).length;
}

static bool add_one(const struct extraction *in, bool better, const char *name, size_t start, size_t end) {
    const struct entity *entity =
        add_entity(in, better ? ENTITY_RELIEVING : ENTITY_AGGRAVATING, POLARITY_PRESENT, name, start, end);
    struct strings *list = better ? &in->findings->relieving : &in->findings->aggravating;
    return entity && strings_add(list, in->arena, entity->text);
}

static bool can_be_unknown(const struct extraction *in, size_t start, size_t end) {
    return end - start >= SHORTEST_UNKNOWN_BYTES && end - start <= LONGEST_TRIGGER_BYTES &&
           !tells_time(in, start, end) && !holds_complaint(in, start, end) && !is_body_part(in, start, end) &&
           !passage_person(in->passage, start, end) &&
           !contains_any(span_between(text_of(in), start, end), in->passage->lexicon->no_triggers);
}

/* "咳嗽加重" tells of the cough; "咳嗽时加重" of what coughing does. */
static bool is_complaint_itself(const struct extraction *in, const struct known *known) {
    size_t i = mentions_from(&in->symptoms, known->start);
    if (i == in->symptoms.count) return false;
    const struct mention *mention = &in->symptoms.items[i];
    const struct lexicon *lexicon = in->passage->lexicon;
    struct span text = text_of(in);
    return mention->start <= known->start && mention->end >= known->end &&
           lexicon_is_complaint(lexicon, mention->term) &&
           !starts_with_any(span_between(text, known->end, text.length), lexicon->firm_links);
}

/* One element of a list: in the patient's words when it is short and holds one trigger, else trigger by
 * trigger. told_to: how far what is told with it reaches. listed: it has others beside it, so that it is a trigger
 * though the lexicon does not know it and no link tells. */
static bool add_element(const struct extraction *in, const struct change *change, size_t start, size_t end,
                        size_t told_to, bool listed) {
    bool better = change->kind == CHANGE_BETTER;
    bool once = contains_any(span_between(text_of(in), start, told_to), in->passage->lexicon->never_triggers);
    trim(in, &start, &end);
    if (start >= end || (once && !better) || is_negated(in, start, end)) return true;
    struct known first = next_known(in, better, start, end);
    if (first.start == first.end) {
        bool taken =
            change->is_told && (better || change->is_linked || listed) && can_be_unknown(in, start, end);
        return !taken || add_one(in, better, NULL, start, end);
    }
    struct known second = next_known(in, better, first.end, end);
    bool whole = second.start == second.end && end - start <= LONGEST_TRIGGER_BYTES &&
                 !tells_time(in, start, end) && !holds_complaint(in, start, end);
    for (struct known known = first; known.start < known.end;
         known = next_known(in, better, known.end, end)) {
        if (known.is_moment && (better || !(change->is_told || change->is_bare))) continue;
        if (!better && is_complaint_itself(in, &known)) continue;
        if (whole) return add_one(in, better, known.name, start, end);
        if (!add_one(in, better, known.name, known.start, known.end)) return false;
    }
    return true;
}

/* Adds every element of a list of triggers: "冬天、熬夜". */
static bool add_list(const struct extraction *in, const struct change *change, size_t start, size_t end) {
    static const char *const BETWEEN[] = {"、", "和", "或者", "或", "以及", "还有", "跟", "/", NULL};
    size_t from = start;
    for (size_t at = start; at < end;) {
        size_t length = starts_with_any(span_between(text_of(in), at, end), BETWEEN);
        if (length && !add_element(in, change, from, at, at, true)) return false;
        at += length ? length : 1;
        if (length) from = at;
    }
    return add_element(in, change, from, end, change->start == end ? change->end : end, from > start);
}

/* Whether a finding is a trigger with a link: 咳嗽时, 喝酒后. */
static bool tells_trigger(const struct extraction *in, const struct mention *mention) {
    const struct lexicon *lexicon = in->passage->lexicon;
    struct span text = text_of(in);
    size_t behind = mention->start + wordlist_match(&lexicon->triggers, text, mention->start).length;
    return behind > mention->start &&
           starts_with_any(span_between(text, behind, text.length), lexicon->firm_links);
}

/* Passes over the findings that end at or before `at`, as a trigger starts behind them. next: the first that was
 * not passed yet. */
static void pass_findings(const struct extraction *in, size_t at, size_t *next, size_t *start) {
    for (; *next < in->symptoms.count && in->symptoms.items[*next].end <= at; ++*next) {
        const struct mention *mention = &in->symptoms.items[*next];
        bool complaint = lexicon_is_complaint(in->passage->lexicon, mention->term);
        if (complaint && !tells_trigger(in, mention) && mention->end > *start) *start = mention->end;
    }
}

/* Whether a known trigger stands right before `at`. */
static bool is_triggered(const struct extraction *in, size_t start, size_t at) {
    struct known last = {0};
    if (at - start > LONGEST_TRIGGER_BYTES + ADJACENT_BYTES)
        start = at - LONGEST_TRIGGER_BYTES - ADJACENT_BYTES;
    for (struct known next = next_known(in, false, start, at); next.start < next.end;
         next = next_known(in, false, next.end, at))
        last = next;
    return last.end && at - last.end <= ADJACENT_BYTES && !is_negated(in, last.end, at);
}

/* Whether a firm link stands before `at`. */
static bool is_linked(const struct extraction *in, size_t start, size_t at) {
    return ends_with_any(span_between(text_of(in), start, at), in->passage->lexicon->firm_links) != 0;
}

/* The complaint that starts at `at`, as a change; end: the clause's. */
static struct change complaint_at(const struct extraction *in, size_t start, size_t at, size_t end) {
    size_t i = mentions_from(&in->symptoms, at);
    const struct mention *mention = i < in->symptoms.count ? &in->symptoms.items[i] : NULL;
    bool inside = mention && mention->start < at && mention->shown_start < at;
    bool begins =
        mention && (mention->start == at || mention->shown_start == at) && !tells_trigger(in, mention);
    size_t bare = starts_with_any(span_between(text_of(in), at, end), in->passage->lexicon->bare_complaints);
    if (inside || !(begins || bare)) return (struct change){.start = at, .end = at};
    bool linked = is_linked(in, start, at), denied = begins && mention->polarity == POLARITY_DENIED;
    bool present =
        begins && (mention->polarity == POLARITY_PRESENT || mention->polarity == POLARITY_UNCERTAIN);
    size_t behind = begins ? mention->end : at + bare;
    if (denied && linked && !mention->from_denying)
        return (struct change){CHANGE_BETTER, false, true, false, at, behind};
    if ((bare || present) && !denied && (linked || is_triggered(in, start, at)))
        return (struct change){CHANGE_WORSE, false, linked, bare != 0, at, behind};
    return (struct change){.start = at, .end = at};
}

/* The change at `at`; start: where its trigger starts. */
static struct change read_change(const struct extraction *in, struct clause clause, size_t start, size_t at) {
    static const enum change_kind KINDS[] = {
        [WORD_BETTER] = CHANGE_BETTER, [WORD_WORSE] = CHANGE_WORSE, [WORD_NOT_BETTER] = CHANGE_NOT_BETTER};
    struct span text = span_between(text_of(in), 0, clause.end);
    struct word_match word = wordlist_match(&in->passage->lexicon->changes, text, at);
    if (!word.length) return complaint_at(in, start, at, clause.end);
    return (struct change){KINDS[word.term], true, is_linked(in, start, at), false, at, at + word.length};
}

/* What stands before a change may be the whole clause before it: "捂热水袋,能好点". */
static bool add_before(const struct extraction *in, size_t i, const struct change *change, size_t start) {
    size_t from = start, to = change->start;
    trim(in, &from, &to);
    if (to > from) return add_list(in, change, start, change->start);
    if (start != in->passage->clauses[i].start || !passage_goes_on(in->passage, i)) return true;
    struct clause before = in->passage->clauses[i - 1];
    return add_list(in, change, before.start, before.end);
}

/* Whether a complaint is told in [at, end), to its end: the rest of "咳嗽 疼", not of "走路 不稳". */
static bool ends_with_complaint(const struct extraction *in, size_t at, size_t end) {
    const struct lexicon *lexicon = in->passage->lexicon;
    struct span text = span_between(text_of(in), 0, end);
    for (; at < end; at++) {
        struct word_match rest = wordlist_match(&lexicon->symptoms, text, at);
        if (at + rest.length == end && lexicon_is_complaint(lexicon, rest.term)) return true;
        if (at + starts_with_any(span_between(text, at, end), lexicon->bare_complaints) == end) return true;
    }
    return false;
}

/* 空腹痛, 上下楼膝痛. */
static bool is_named_for_pain(const struct extraction *in, size_t term) {
    struct span name = span_of(in->kb->symptoms.terms[term]);
    size_t length = ends_with_any(name, in->passage->lexicon->bare_complaints);
    return length && length < name.length;
}

/* Complaints that hold a trigger in their own wording: "躺下就憋", "上下楼膝盖疼"; 空腹痛 may be told by its
 * trigger alone. */
static bool add_inner(const struct extraction *in) {
    const struct lexicon *lexicon = in->passage->lexicon;
    for (size_t i = 0; i < in->symptoms.count; i++) {
        const struct mention *mention = &in->symptoms.items[i];
        if (mention->polarity != POLARITY_PRESENT || !lexicon_is_complaint(lexicon, mention->term)) continue;
        struct known known = next_known(in, false, mention->start, mention->end);
        if (known.start == known.end || known.is_moment ||
            ends_with_any(span_between(text_of(in), mention->start, known.start), lexicon->needs) ||
            contains_any(span_between(text_of(in), mention->start, known.start), lexicon->never_triggers) ||
            !(ends_with_complaint(in, known.end, mention->end) || is_named_for_pain(in, mention->term)))
            continue;
        if (!add_one(in, false, known.name, known.start, known.end)) return false;
    }
    return true;
}

/* "得坐起来 喘": what a clause says first that the patient has to do makes better. Returns its end; `at` without
 * one, SIZE_MAX when memory is refused. */
static size_t add_need(const struct extraction *in, struct clause clause, size_t at) {
    if (at > clause.start) return at;
    size_t need = starts_with_any(span_between(text_of(in), at, clause.end), in->passage->lexicon->needs);
    if (!need) return at;
    struct known known = next_known(in, false, at + need, clause.end);
    if (known.start != at + need || known.end == known.start || known.is_moment) return at;
    return add_one(in, true, known.name, known.start, known.end) ? known.end : SIZE_MAX;
}

/* "越走越疼", "越活动越轻". Returns the end of what makes so; `at` without one, SIZE_MAX when memory is
 * refused. */
static size_t add_growing(const struct extraction *in, struct clause clause, size_t at) {
    enum { LONGEST_BYTES = 15 };
    static const char GROWING[] = "越";
    struct span text = span_between(text_of(in), 0, clause.end);
    size_t start = at + strlen(GROWING), end;
    if (!span_starts(span_between(text, at, clause.end), span_of(GROWING)) ||
        span_starts(span_between(text, start, clause.end), span_of("来")))
        return at;
    end = span_find(text, span_of(GROWING), start);
    if (end == SIZE_MAX || end == start || end - start > LONGEST_BYTES) return at;
    struct span how = span_between(text, end + strlen(GROWING), clause.end);
    struct word_match word = wordlist_match(&in->passage->lexicon->changes, how, 0);
    bool better = word.length && word.term == WORD_BETTER;
    if (!word.length && !starts_with_any(how, in->passage->lexicon->bare_complaints)) return at;
    struct known known = next_known(in, false, start, end);
    return add_one(in, better, known.name, start, end) ? end : SIZE_MAX;
}

bool add_triggers(const struct extraction *in) {
    size_t next = 0;
    if (!add_inner(in)) return false;
    for (size_t i = 0; i < in->passage->n_clauses; i++) {
        struct clause clause = in->passage->clauses[i];
        size_t start = clause.start; /* of the next trigger */
        for (size_t at = clause.start; at < clause.end;) {
            size_t told = add_need(in, clause, at);
            if (told == at) told = add_growing(in, clause, at);
            if (told == SIZE_MAX) return false;
            if (told > at) {
                start = at = told;
                continue;
            }
            pass_findings(in, at, &next, &start);
            struct change change = read_change(in, clause, start, at);
            if (change.kind == CHANGE_NONE) {
                at++;
                continue;
            }
            if (change.kind != CHANGE_NOT_BETTER && !add_before(in, i, &change, start)) return false;
            start = at = change.end;
        }
    }
    return true;
}
