/* History, medicines, allergies: what the patient brings along, apart from the present complaint. */
#include "cli/clinic/extraction.h"

static struct span text_of(const struct extraction *in) {
    return plain_span(&in->passage->plain);
}

static bool add_background(const struct extraction *in, enum entity_kind kind, enum polarity polarity,
                           const char *name, size_t start, size_t end, struct strings *list) {
    const struct entity *entity = add_entity(in, kind, polarity, name, start, end);
    bool own = polarity != POLARITY_DENIED && polarity != POLARITY_HYPOTHETICAL && polarity != POLARITY_OTHER;
    return entity && (!own || strings_add(list, in->arena, entity->name));
}

/* The end of plain[start, end) without the words at its end. */
static size_t trim_end(const struct extraction *in, size_t start, size_t end, const char *const *words) {
    size_t length;
    while ((length = ends_with_any(span_between(text_of(in), start, end), words))) end -= length;
    return end;
}

/* ---- history */

/* A chronic condition is history wherever it is told as the patient's own; any other disease only with a word
 * of time or of having had it ("得过肺炎"), for it may be what the patient fears to have now. */
static bool add_conditions(const struct extraction *in, const struct wordlist *words, bool chronic) {
    static const char *const HAD[] = {"得过", "患过", "有过", "做过", "确诊",   "查出",
                                      "既往", "病史", "史",   "生过", "住过院", NULL};
    static const char *const NONE[] = {"药", "的药", "疫苗", "门诊", "科", "饮食", "引起", "吗", "呢", NULL};
    static const char *const SUSPECTED[] = {"像",   "怀疑", "考虑", "排除", "可能", "会不会", "是不是", "怕",
                                            "说是", "以为", "当",   "治",   "防",   "不像",   "查",     NULL};
    struct mentions mentions;
    if (!mentions_find(in->passage, words, in->arena, &mentions)) return false;
    for (size_t i = 0; i < mentions.count; i++) {
        const struct mention *mention = &mentions.items[i];
        struct clause clause = in->passage->clauses[mention->clause];
        struct span before = span_between(text_of(in), clause.start, mention->start);
        struct span after = span_between(text_of(in), mention->end, clause.end);
        struct span whole = span_between(text_of(in), clause.start, clause.end);
        bool told = chronic || mention->polarity == POLARITY_PAST || contains_any(whole, HAD);
        if (!told || starts_with_any(after, NONE) || ends_with_any(before, SUSPECTED)) continue;
        if (!add_background(in, ENTITY_HISTORY, mention->polarity, words->terms[mention->term],
                            mention->start, mention->end, &in->findings->history))
            return false;
    }
    return true;
}

/* ---- medicines */

/* "没吃过减肥药": a denial before the verb of taking. */
static bool is_not_taken(const struct extraction *in, size_t clause_start, size_t at) {
    const struct lexicon *lexicon = in->passage->lexicon;
    size_t end = trim_end(in, clause_start, at, lexicon->taking);
    struct span before = span_between(text_of(in), clause_start, end);
    return ends_with_any(before, lexicon->scope.strong_negations) ||
           ends_with_any(before, lexicon->scope.weak_negations);
}

static bool is_allergen(const struct extraction *in, struct clause clause, size_t end) {
    static const char *const ALLERGIC[] = {"过敏", "皮试阳性", NULL};
    return contains_any(span_between(text_of(in), end, clause.end), ALLERGIC);
}

static bool add_drug(const struct extraction *in, size_t clause, enum polarity polarity, const char *name,
                     size_t start, size_t end) {
    struct clause place = in->passage->clauses[clause];
    if (is_allergen(in, place, end)) return true;
    if (is_not_taken(in, place.start, start)) polarity = POLARITY_DENIED;
    return add_background(in, ENTITY_MEDICATION, polarity, name, start, end, &in->findings->medications);
}

/* A name that its form tells to be a drug's ("厄贝沙坦"): where it starts, or `end`. It begins behind a verb of
 * taking, a mark or a word that joins. */
static size_t drug_start(const struct extraction *in, size_t clause_start, size_t form_start, size_t end) {
    enum { LONGEST_STEM_BYTES = 18 };
    const struct lexicon *lexicon = in->passage->lexicon;
    size_t start = form_start;
    while (start > clause_start && form_start - start < LONGEST_STEM_BYTES) {
        struct span before = span_between(text_of(in), clause_start, start);
        if (ends_with_any(before, lexicon->taking) || ends_with_any(before, lexicon->scope.connectors)) break;
        if ((unsigned char)before.data[before.length - 1] < 0x80) break;
        start--;
        while (start > clause_start && utf8_continues(text_of(in).data[start])) start--;
    }
    return form_start - start >= strlen("头") ? start : end;
}

static bool add_drugs_by_form(const struct extraction *in, const struct mentions *known) {
    const struct lexicon *lexicon = in->passage->lexicon;
    for (size_t i = 0; i < in->passage->n_clauses; i++) {
        struct clause clause = in->passage->clauses[i];
        for (size_t at = clause.start; at < clause.end; at++) {
            size_t length = starts_with_any(span_between(text_of(in), at, clause.end), lexicon->drug_forms);
            size_t end = at + length, next = mentions_from(known, at);
            bool is_known = next < known->count && known->items[next].start < end;
            if (length == 0 || is_known) continue;
            size_t start = drug_start(in, clause.start, at, end);
            if (start < end && !add_drug(in, i, POLARITY_PRESENT, NULL, start, end)) return false;
            at = end - 1;
        }
    }
    return true;
}

static bool add_drugs(const struct extraction *in) {
    const struct lexicon *lexicon = in->passage->lexicon;
    struct mentions mentions;
    if (!mentions_find(in->passage, &lexicon->drugs, in->arena, &mentions)) return false;
    for (size_t i = 0; i < mentions.count; i++) {
        const struct mention *mention = &mentions.items[i];
        if (!add_drug(in, mention->clause, mention->polarity, lexicon->drugs.terms[mention->term],
                      mention->start, mention->end))
            return false;
    }
    return add_drugs_by_form(in, &mentions);
}

/* ---- allergies */

/* One allergen of "对青霉素、头孢过敏", the words around it left out. */
static bool add_allergen(const struct extraction *in, size_t start, size_t end) {
    enum { LONGEST_ALLERGEN_BYTES = 30 };
    const struct lexicon *lexicon = in->passage->lexicon;
    size_t length;
    while (start < end &&
           (length = starts_with_any(span_between(text_of(in), start, end), lexicon->allergy_openings)))
        start += length;
    end = trim_end(in, start, end, lexicon->allergy_closings);
    if (start >= end || end - start > LONGEST_ALLERGEN_BYTES) return true;
    return add_background(in, ENTITY_ALLERGY, POLARITY_PRESENT, NULL, start, end, &in->findings->allergies);
}

static bool add_allergens(const struct extraction *in, size_t start, size_t end) {
    size_t from = start;
    for (size_t at = start; at < end;) {
        size_t length =
            starts_with_any(span_between(text_of(in), at, end), in->passage->lexicon->scope.connectors);
        if (length && !add_allergen(in, from, at)) return false;
        at += length ? length : 1;
        if (length) from = at;
    }
    return add_allergen(in, from, end);
}

/* Whether 过敏 at [at, end) tells an allergy of the patient's own that is not denied. */
static bool tells_allergy(const struct extraction *in, struct clause clause, size_t at, size_t end) {
    static const char *const OTHER_WORDS[] = {"性", "原", "科", "的东西", "药", "体质", NULL};
    static const char *const NONE[] = {"史无", "史没有", "史:无", "史否认", NULL};
    const struct scope *scope = &in->passage->lexicon->scope;
    struct span before = span_between(text_of(in), clause.start, at);
    struct span after = span_between(text_of(in), end, text_of(in).length);
    const struct person_mention *person = passage_person(in->passage, clause.start, at);
    if (starts_with_any(after, OTHER_WORDS) || starts_with_any(after, NONE)) return false;
    if (person && !person_may_be(person->person, in->passage->patient)) return false;
    return !contains_any(before, scope->strong_negations) && !ends_with_any(before, scope->weak_negations) &&
           !contains_any(before, scope->supposed);
}

static bool add_allergies(const struct extraction *in) {
    static const char *const ALLERGIC[] = {"药物过敏史", "过敏史",   "药物过敏", "食物过敏",
                                           "过敏",       "皮试阳性", NULL};
    static const char *const COLON[] = {":", NULL};
    for (size_t i = 0; i < in->passage->n_clauses; i++) {
        struct clause clause = in->passage->clauses[i];
        for (size_t at = clause.start, length; at < clause.end; at += length ? length : 1) {
            length = starts_with_any(span_between(text_of(in), at, clause.end), ALLERGIC);
            if (length == 0 || !tells_allergy(in, clause, at, at + length)) continue;
            /* "过敏史:青霉素" */
            bool listed = at + length == clause.end && i + 1 < in->passage->n_clauses &&
                          starts_with_any(span_between(text_of(in), clause.end, text_of(in).length), COLON);
            struct clause list = in->passage->clauses[listed ? i + 1 : i];
            if (!add_allergens(in, list.start, listed ? list.end : at)) return false;
        }
    }
    return true;
}

bool add_backgrounds(const struct extraction *in) {
    return add_conditions(in, &in->passage->lexicon->conditions, true) &&
           add_conditions(in, &in->kb->disease_names, false) && add_drugs(in) && add_allergies(in);
}
