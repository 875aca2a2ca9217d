/* Body sites: a part with its side before it and its position behind it ("左边膝盖外侧"), where a present
 * complaint is. */
#include "cli/clinic/extraction.h"

struct site {
    size_t start, end, part_start, part_end;
    const char *name; /* of the lexicon's sites; NULL for any other body part */
};

/* The part of the body at `at`, with side and position; false when there is none. */
static bool read_site(const struct extraction *in, struct clause clause, size_t at, struct site *site) {
    const struct lexicon *lexicon = in->passage->lexicon;
    struct span text = span_between(text_of(in), 0, clause.end);
    struct word_match known = wordlist_match(&lexicon->sites, text, at);
    struct word_match part = wordlist_match(&lexicon->infixes.body_parts, text, at);
    bool is_part = part.length && part.term < lexicon->infixes.n_body_parts;
    size_t length = is_part && part.length > known.length ? part.length : known.length;
    if (length == 0) return false;
    *site = (struct site){at, at + length, at, at + length,
                          length == known.length ? lexicon->sites.terms[known.term] : NULL};
    struct span before = span_between(text, clause.start, at);
    site->start -= ends_with_any(before, lexicon->sides);
    for (size_t position;
         (position = starts_with_any(span_between(text, site->end, clause.end), lexicon->positions));)
        site->end += position;
    return true;
}

static bool is_complaint(const struct extraction *in, size_t i) {
    return lexicon_is_complaint(in->passage->lexicon, in->symptoms.items[i].term);
}

/* Whether a circumstance holds the site or stands at it: 往大腿根窜 tells where the pain goes. */
static bool is_reached(const struct extraction *in, const struct site *site) {
    const struct mention *items = in->symptoms.items;
    size_t i = mentions_from(&in->symptoms, site->start);
    if (i > 0 && items[i - 1].end == site->start) i--;
    while (i < in->symptoms.count && items[i].start <= site->end && is_complaint(in, i)) i++;
    return i < in->symptoms.count && items[i].start <= site->end;
}

/* The complaint that a site of this clause belongs to: one that overlaps it, the next behind it in the clause or in
 * the one after, or else the last before it, for where a pain goes in the clause before too. Circumstances are
 * passed over. */
static const struct mention *complaint_of(const struct extraction *in, size_t clause,
                                          const struct site *site) {
    const struct mention *items = in->symptoms.items;
    size_t first = mentions_from(&in->symptoms, site->start), next = first, before = first;
    while (next < in->symptoms.count && items[next].clause <= clause + 1 && !is_complaint(in, next)) next++;
    while (before > 0 && items[before - 1].clause == clause && !is_complaint(in, before - 1)) before--;
    bool has_next = next < in->symptoms.count && is_complaint(in, next);
    if (has_next && items[next].clause == clause) return &items[next];
    if (before > 0 && items[before - 1].clause == clause) return &items[before - 1];
    bool goes_on = has_next && items[next].clause == clause + 1 && passage_goes_on(in->passage, clause + 1);
    if (goes_on) return &items[next];
    bool follows = before > 0 && clause > 0 && items[before - 1].clause == clause - 1 &&
                   is_complaint(in, before - 1) && passage_goes_on(in->passage, clause);
    return follows && is_reached(in, site) ? &items[before - 1] : NULL;
}

/* Whether the part stands alone and is too broad to say where: 浑身 of 浑身没劲, 心 of 恶心. */
static bool is_broad(const struct extraction *in, const struct site *site) {
    struct span part = span_between(text_of(in), site->start, site->end);
    return site->end - site->start == starts_with_any(part, in->passage->lexicon->broad_parts);
}

/* 腰 of 腰痛 says nothing beyond the symptom. */
static bool is_told_by(const struct extraction *in, const struct mention *symptom, const struct site *site) {
    bool inside = symptom->part_start <= site->start && site->end <= symptom->end;
    if (!inside || site->start < site->part_start || site->end > site->part_end) return false;
    uint32_t c;
    struct span part = span_between(text_of(in), site->part_start, site->part_end);
    return part.length == utf8_read(part, &c);
}

static bool add_site(const struct extraction *in, size_t clause, const struct site *site) {
    const struct mention *symptom = complaint_of(in, clause, site);
    if (!symptom) return true;
    if (symptom->polarity != POLARITY_PRESENT && symptom->polarity != POLARITY_UNCERTAIN) return true;
    if (is_broad(in, site) || is_told_by(in, symptom, site)) return true;
    const struct entity *entity =
        add_entity(in, ENTITY_SITE, symptom->polarity, site->name, site->start, site->end);
    return entity && strings_add(&in->findings->sites, in->arena, entity->text);
}

/* The end of a decoy of the lexicon at `at`, as 奶奶 or 馒头, or `at`. */
static size_t skip_decoy(const struct extraction *in, struct clause clause, size_t at) {
    struct span text = span_between(text_of(in), 0, clause.end);
    struct word_match match = wordlist_match(&in->passage->lexicon->symptoms, text, at);
    return match.length && match.term == TERM_NONE ? at + match.length : at;
}

bool add_sites(const struct extraction *in) {
    for (size_t i = 0; i < in->passage->n_clauses; i++) {
        struct clause clause = in->passage->clauses[i];
        for (size_t at = clause.start; at < clause.end;) {
            struct site site;
            size_t behind = skip_decoy(in, clause, at);
            if (behind > at || !read_site(in, clause, at, &site)) {
                at = behind > at ? behind : at + 1;
                continue;
            }
            if (!add_site(in, i, &site)) return false;
            at = site.end;
        }
    }
    return true;
}
