#include "cli/clinic/mentions.h"

#include "cli/clinic/infix.h"

const char *polarity_name(enum polarity polarity) {
    static const char *const NAMES[] = {
        [POLARITY_PRESENT] = "present",    [POLARITY_UNCERTAIN] = "uncertain",
        [POLARITY_DENIED] = "denied",      [POLARITY_PAST] = "past",
        [POLARITY_RESOLVED] = "resolved",  [POLARITY_HYPOTHETICAL] = "hypothetical",
        [POLARITY_OTHER] = "other-person",
    };
    return NAMES[polarity];
}

static size_t longer(size_t a, size_t b) {
    return a > b ? a : b;
}

/* How far around a mention its clause is read: whoever writes on without punctuation means something else. */
enum { WINDOW_BYTES = 240 };

/* What is known while the mentions of one passage are judged. */
struct judging {
    const struct passage *passage;
    const struct scope *scope;
    const struct mention *mentions; /* in order, not overlapping; judged up to the one in hand */
    size_t n_mentions;
};

static struct span text_of(const struct judging *judging, size_t start, size_t end) {
    return span_between(plain_span(&judging->passage->plain), start, end);
}

/* The part of a mention's clause that is near it. */
static struct clause clause_of(const struct judging *judging, size_t i) {
    const struct mention *mention = &judging->mentions[i];
    struct clause clause = judging->passage->clauses[mention->clause];
    if (mention->start - clause.start > WINDOW_BYTES) clause.start = mention->start - WINDOW_BYTES;
    if (clause.end - mention->end > WINDOW_BYTES) clause.end = mention->end + WINDOW_BYTES;
    return clause;
}

static size_t skip_back(const struct judging *judging, size_t start, size_t end,
                        const struct wordlist *words) {
    struct span text = plain_span(&judging->passage->plain);
    size_t before;
    while ((before = wordlist_before(words, text, start, end)) < end) end = before;
    return end;
}

/* The start of the words that may stand between a negation and the finding that it denies: "没有觉得手脚". */
static size_t skip_fillers(const struct judging *judging, size_t start, size_t end) {
    const struct wordlist *parts = &judging->passage->lexicon->infixes.body_parts;
    struct span text = plain_span(&judging->passage->plain);
    for (size_t before; end > start; end = before) {
        before = skip_back(judging, start, end, &judging->scope->fillers);
        if (before == end) before = wordlist_before(parts, text, start, end);
        if (before == end || before < start) break;
    }
    return end;
}

/* A negation that ends at `end`: where it starts, or SIZE_MAX. A doubled one ("不是没有") does not count. */
static size_t negation_before(const struct judging *judging, size_t start, size_t end, bool weak_too) {
    struct span text = plain_span(&judging->passage->plain);
    size_t before = wordlist_before(&judging->scope->strong_negations, text, start, end);
    if (weak_too) {
        size_t weak = wordlist_before(&judging->scope->weak_negations, text, start, end);
        if (weak < before) before = weak;
    }
    if (before == end) return SIZE_MAX;
    return ends_with_any(text_of(judging, start, before), judging->scope->undoing) ? SIZE_MAX : before;
}

/* The start of the list element that ends at `end`: behind the connector or clause start before it. */
static size_t element_start(const struct judging *judging, size_t start, size_t end) {
    struct span text = plain_span(&judging->passage->plain);
    while (end > start && wordlist_before(&judging->scope->connectors, text, start, end) == end) end--;
    return end;
}

/* Whether `at` lies inside a finding before mention i: "无" of 无力 is no negation of what follows. */
static bool is_inside_finding(const struct judging *judging, size_t i, size_t at) {
    while (i > 0 && judging->mentions[i - 1].start >= at) i--;
    return i > 0 && judging->mentions[i - 1].end >= at;
}

/* The last strong negation in [start, end) before mention i, when nothing after it ends its reach: where it
 * starts, or SIZE_MAX. */
static size_t negation_reaching(const struct judging *judging, size_t i, size_t start, size_t end) {
    for (size_t at = end; at > start; at--) {
        size_t negation = negation_before(judging, start, at, false);
        if (negation == SIZE_MAX || is_inside_finding(judging, i, at)) continue;
        return contains_any(text_of(judging, at, end), judging->scope->list_ends) ? SIZE_MAX : negation;
    }
    return SIZE_MAX;
}

/* The start of the negation before a mention that denies it, directly or over a list; SIZE_MAX without one.
 */
static size_t denied_from(const struct judging *judging, size_t i) {
    struct span text = plain_span(&judging->passage->plain);
    size_t start = clause_of(judging, i).start;
    size_t at = skip_back(judging, start, judging->mentions[i].start, &judging->scope->adverbs);
    size_t negation = negation_before(judging, start, at, true);
    if (negation != SIZE_MAX) return negation;
    size_t before = i > 0 ? judging->mentions[i - 1].end : 0;
    at = skip_fillers(judging, before > start ? before : start, at);
    if ((negation = negation_before(judging, start, at, true)) != SIZE_MAX) return negation;
    for (;;) {
        size_t connector = at - wordlist_before(&judging->scope->connectors, text, start, at);
        bool follows_finding = i > 0 && judging->mentions[i - 1].end == at;
        if (!connector && !follows_finding) return SIZE_MAX;
        size_t element = element_start(judging, start, at - connector);
        if ((negation = negation_reaching(judging, i, element, at - connector)) != SIZE_MAX) return negation;
        if (contains_any(text_of(judging, element, at), judging->scope->list_ends) || element == start)
            return SIZE_MAX;
        at = element;
    }
}

/* "否认高血压,糖尿病,冠心病": a clause that is nothing but a finding goes on with the list that 否认 opens. */
static bool goes_on_denying(const struct judging *judging, size_t i) {
    static const char *const DENYING[] = {"否认", "均无", "排除", NULL};
    const struct passage *passage = judging->passage;
    const struct mention *mention = &judging->mentions[i];
    struct clause clause = passage->clauses[mention->clause];
    if (i == 0 || mention->start != clause.start || !passage_goes_on(passage, mention->clause)) return false;
    const struct mention *before = &judging->mentions[i - 1];
    struct clause denying = passage->clauses[before->clause];
    bool bare =
        mention->end == clause.end ||
        wordlist_match(&judging->scope->connectors, text_of(judging, mention->end, clause.end), 0).length;
    bool told = before->from_denying || contains_any(text_of(judging, denying.start, before->start), DENYING);
    return bare && told && before->clause + 1 == mention->clause && before->polarity == POLARITY_DENIED;
}

/* Whether nothing but other findings, connectors and body parts stands behind mention i, up to `end`. */
static bool is_list(const struct judging *judging, size_t i, size_t end) {
    const struct passage *passage = judging->passage;
    size_t at = judging->mentions[i].end;
    for (size_t next = i + 1; at < end;) {
        struct span rest = text_of(judging, at, end);
        size_t skipped = wordlist_match(&judging->scope->connectors, rest, 0).length;
        if (next < judging->n_mentions && judging->mentions[next].start == at)
            skipped = judging->mentions[next++].end - at;
        if (!skipped) skipped = wordlist_match(&passage->lexicon->infixes.body_parts, rest, 0).length;
        if (!skipped || at + skipped > end) return false;
        at += skipped;
    }
    return true;
}

/* "胸痛没有", "头痛、咳嗽都没有", "发热:无": where the denial behind a mention ends, or SIZE_MAX. */
static size_t denied_until(const struct judging *judging, size_t i) {
    const struct passage *passage = judging->passage;
    size_t clause = judging->mentions[i].clause, end = clause_of(judging, i).end;
    if (judging->mentions[i].end == end && end == passage->clauses[clause].end &&
        clause + 1 < passage->n_clauses && plain_span(&passage->plain).data[end] == ':') {
        struct clause answer = passage->clauses[clause + 1];
        struct span words = text_of(judging, answer.start, answer.end);
        return starts_with_any(words, judging->scope->absent_after) == words.length ? answer.end : SIZE_MAX;
    }
    size_t after =
        ends_with_any(text_of(judging, judging->mentions[i].end, end), judging->scope->absent_after);
    if (after == 0) return SIZE_MAX;
    size_t at =
        skip_back(judging, judging->mentions[i].end, end - after, &judging->scope->absent_after_fillers);
    return is_list(judging, i, at) ? end : SIZE_MAX;
}

static bool is_over(const struct judging *judging, size_t i) {
    struct span rest = text_of(judging, judging->mentions[i].end, clause_of(judging, i).end);
    for (const char *const *word = judging->scope->over_by_now; *word; word++) {
        size_t at = span_find(rest, span_of(*word), 0);
        if (at == SIZE_MAX) continue;
        struct span before = span_between(rest, 0, at);
        struct span after = span_between(rest, at + strlen(*word), rest.length);
        if (!ends_with_any(before, judging->scope->still_there_before) &&
            !starts_with_any(after, judging->scope->still_there_after))
            return true;
    }
    return false;
}

/* "三天以前开始" is a beginning, not an earlier time. */
static bool is_of_earlier_times(const struct judging *judging, size_t i) {
    static const char *const UNITS[] = {"天", "周", "月", "年", "时", "期", "日", NULL};
    struct span before = text_of(judging, clause_of(judging, i).start, judging->mentions[i].start);
    for (const char *const *word = judging->scope->earlier_times; *word; word++) {
        size_t at = span_find(before, span_of(*word), 0);
        if (at == SIZE_MAX || ends_with_any(span_between(before, 0, at), UNITS)) continue;
        if (!contains_any(span_between(before, at + strlen(*word), before.length), judging->scope->now_again))
            return true;
    }
    struct span after = text_of(judging, judging->mentions[i].end, clause_of(judging, i).end);
    if (starts_with_any(after, judging->scope->history_suffixes)) return true;
    /* "三年前吃过一次药", not "三年前开始". */
    static const char *const YEARS_AGO[] = {"年前", NULL}, *const EVER[] = {"过", NULL};
    return contains_any(before, YEARS_AGO) && !contains_any(before, judging->scope->now_again) &&
           !contains_any(after, judging->scope->now_again) &&
           (contains_any(before, EVER) || contains_any(after, EVER));
}

/* Where the patient is another, "我" is no subject in "我看他喘", nor 奶奶 in "奶奶发现电池少了". */
static bool tells_of_another(const struct judging *judging, const struct person_mention *person) {
    const struct scope *scope = judging->scope;
    struct span behind = text_of(judging, person->end, judging->passage->plain.length);
    return starts_with_any(behind, person->person == PERSON_SELF ? scope->observing : scope->noticing) != 0;
}

/* The subject of a mention is the last person named in its clause. A clause that names none and speaks of no
 * time goes on with another's ("同事感冒,咳嗽发烧"). */
static bool is_of_another(const struct judging *judging, size_t i) {
    const struct passage *passage = judging->passage;
    const struct mention *mention = &judging->mentions[i];
    struct clause clause = clause_of(judging, i);
    const struct person_mention *person = passage_subject(passage, clause.start, mention->start);
    if (person) return !person_may_be(person->person, passage->patient) && !tells_of_another(judging, person);
    const struct mention *before = i ? &judging->mentions[i - 1] : NULL;
    return before && before->polarity == POLARITY_OTHER && passage_goes_on(passage, mention->clause) &&
           before->clause + 1 >= mention->clause &&
           !contains_any(text_of(judging, clause.start, mention->start), judging->scope->now_again);
}

/* "会发烧吗", "如果胸痛". */
static bool is_supposed(const struct judging *judging, size_t i) {
    const struct mention *mention = &judging->mentions[i];
    struct clause clause = clause_of(judging, i);
    struct clause whole = judging->passage->clauses[mention->clause];
    if (contains_any(text_of(judging, clause.start, mention->start), judging->scope->supposed)) return true;
    return ends_with_any(text_of(judging, mention->end, whole.end), judging->scope->asked) != 0;
}

/* 好像 and its like near before a mention, or 不太 in the place of its negation. */
static bool is_doubtful(const struct judging *judging, size_t i, size_t from) {
    enum { NEAR_BYTES = 24 };
    const struct mention *mention = &judging->mentions[i];
    size_t start = clause_of(judging, i).start;
    if (mention->start - start > NEAR_BYTES) start = mention->start - NEAR_BYTES;
    if (from == SIZE_MAX)
        return contains_any(text_of(judging, start, mention->start), judging->scope->doubtful_before);
    return starts_with_any(text_of(judging, from, mention->start), judging->scope->doubtful_negations) != 0;
}

static enum polarity polarity_of(const struct judging *judging, size_t i, size_t from, size_t until) {
    const struct mention *mention = &judging->mentions[i];
    bool denied = from != SIZE_MAX || until != SIZE_MAX;
    if (denied && !mention->denied_inside && is_doubtful(judging, i, from)) return POLARITY_UNCERTAIN;
    if (denied || mention->denied_inside) return POLARITY_DENIED;
    if (is_of_another(judging, i)) return POLARITY_OTHER;
    if (goes_on_denying(judging, i)) return POLARITY_DENIED;
    if (is_supposed(judging, i)) return POLARITY_HYPOTHETICAL;
    if (is_of_earlier_times(judging, i)) return POLARITY_PAST;
    if (is_over(judging, i)) return POLARITY_RESOLVED;
    return is_doubtful(judging, i, SIZE_MAX) ? POLARITY_UNCERTAIN : POLARITY_PRESENT;
}

static void judge(const struct judging *judging, size_t i, struct mention *mention) {
    size_t from = denied_from(judging, i), until = denied_until(judging, i);
    mention->polarity = polarity_of(judging, i, from, until);
    mention->shown_start = mention->start;
    mention->shown_end = mention->end;
    if (mention->polarity == POLARITY_DENIED || mention->polarity == POLARITY_UNCERTAIN) {
        if (from != SIZE_MAX) mention->shown_start = from;
        if (until != SIZE_MAX) mention->shown_end = until;
        mention->from_denying = from == SIZE_MAX && until == SIZE_MAX && !mention->denied_inside;
    } else {
        mention->shown_start =
            skip_back(judging, clause_of(judging, i).start, mention->start, &judging->scope->adverbs);
    }
    /* A story between the part and its complaint is not quoted. */
    enum { LONGEST_QUOTED_BYTES = 60 };
    if (mention->part_start < mention->shown_start &&
        mention->shown_start - mention->part_start <= LONGEST_QUOTED_BYTES)
        mention->shown_start = mention->part_start;
}

/* The list's words in one text, on the way from clause to clause. */
struct collecting {
    const struct passage *passage;
    const struct wordlist *list;
    struct arena *arena;
    struct mentions *mentions;
    struct span part; /* the body part last named in this sentence; length 0: none */
};

/* Whether a complaint without a body part may stand here: at a clause's start, or behind a negation or a word
 * that colours. */
static bool may_join(const struct collecting *in, size_t start, size_t at) {
    const struct scope *scope = &in->passage->lexicon->scope;
    struct span text = plain_span(&in->passage->plain);
    if (wordlist_match(&scope->strong_negations, text, at).length ||
        wordlist_match(&scope->weak_negations, text, at).length)
        return false;
    return at == start || wordlist_before(&scope->strong_negations, text, start, at) < at ||
           wordlist_before(&scope->weak_negations, text, start, at) < at ||
           wordlist_before(&scope->connectors, text, start, at) < at ||
           wordlist_before(&in->list->infixes->words, text, start, at) < at;
}

/* 没尿 of "没尿频" is no finding: behind its negation a word goes on beyond it. */
static bool hides_denied(const struct collecting *in, struct span text, size_t at, size_t length) {
    const struct scope *scope = &in->passage->lexicon->scope;
    size_t strong = wordlist_match(&scope->strong_negations, text, at).length;
    size_t negation = longer(strong, wordlist_match(&scope->weak_negations, text, at).length);
    return negation && negation < length &&
           negation + infix_match(in->list, text, at + negation).length > length;
}

/* *from: where the body part stands that the complaint was joined to, or `at`. */
static struct word_match match_at(const struct collecting *in, struct span text, size_t start, size_t at,
                                  size_t *from) {
    *from = at;
    struct word_match match = infix_match(in->list, text, at);
    if (match.length && hides_denied(in, text, at, match.length)) return (struct word_match){0};
    if (match.length || !in->list->infixes || !in->part.length || utf8_continues(text.data[at]) ||
        !may_join(in, start, at))
        return match;
    match = infix_match_joined(in->list, in->part, text, at);
    if (match.length) *from = (size_t)(in->part.data - text.data);
    return match;
}

static bool add_mention(const struct collecting *in, const struct word_match *match, size_t from, size_t at,
                        size_t clause) {
    struct mentions *mentions = in->mentions;
    struct mention *items = arena_grow(in->arena, mentions->items, mentions->count, sizeof *items);
    if (!items) return false;
    items[mentions->count++] = (struct mention){.term = match->term,
                                                .start = at,
                                                .end = at + match->length,
                                                .clause = clause,
                                                .part_start = from,
                                                .denied_inside = match->denied};
    mentions->items = items;
    return true;
}

static bool collect_clause(struct collecting *in, size_t clause) {
    size_t start = in->passage->clauses[clause].start, end = in->passage->clauses[clause].end;
    struct span text = span_between(plain_span(&in->passage->plain), 0, end);
    for (size_t at = start; at < end;) {
        size_t from;
        struct word_match match = match_at(in, text, start, at, &from);
        size_t part = in->list->infixes ? wordlist_match(&in->list->infixes->body_parts, text, at).length : 0;
        if (part) in->part = span_between(text, at, at + part);
        if (match.length && match.term != TERM_NONE && !add_mention(in, &match, from, at, clause))
            return false;
        at += match.length ? match.length : 1;
    }
    return true;
}

static bool find(const struct passage *passage, const struct wordlist *list, struct arena *arena,
                 struct mentions *mentions) {
    struct collecting in = {.passage = passage, .list = list, .arena = arena, .mentions = mentions};
    for (size_t clause = 0; clause < passage->n_clauses; clause++) {
        if (!passage_goes_on(passage, clause)) in.part.length = 0;
        if (!collect_clause(&in, clause)) return false;
    }
    const struct judging judging = {passage, &passage->lexicon->scope, mentions->items, mentions->count};
    for (size_t i = 0; i < mentions->count; i++) judge(&judging, i, &mentions->items[i]);
    return true;
}

bool mentions_find(const struct passage *passage, const struct wordlist *list, struct arena *arena,
                   struct mentions *mentions) {
    struct found_mentions *found = passage->found;
    for (size_t i = 0; i < found->count; i++)
        if (found->items[i].words == list->words) return *mentions = *found->items[i].mentions, true;
    void *items = arena_grow(arena, found->items, found->count, sizeof *found->items);
    struct mentions *kept = arena_new(arena, sizeof *kept);
    if (!items || !kept || !find(passage, list, arena, kept)) return false;
    found->items = items;
    found->items[found->count].words = list->words;
    found->items[found->count++].mentions = kept;
    *mentions = *kept;
    return true;
}

size_t mentions_from(const struct mentions *mentions, size_t at) {
    size_t low = 0, high = mentions->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mentions->items[middle].end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
