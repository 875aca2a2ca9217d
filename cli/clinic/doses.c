#include "cli/clinic/doses.h"

#include "cli/clinic/dose_expressions.h"

void dose_filter_begin(struct dose_filter *filter, const struct dose_words *words, struct arena *arena) {
    *filter = (struct dose_filter){
        .words = words, .arena = arena, .context = {.since_drug = SIZE_MAX, .since_dose = SIZE_MAX}};
}

void dose_filter_free(struct dose_filter *filter) {
    dose_text_free(&filter->text);
}

/* ---- the context */

static size_t word(struct dose_filter *filter, size_t at, uint32_t classes) {
    return dose_word(filter->words, &filter->text, at, classes, NULL);
}

/* What changes the context, and the times of day, which are none of it: 饭 in 饭后 is no food. */
#define CONTEXT_WORDS (DOSE_DRUG | DOSE_TAKING | DOSE_COUNTED | DOSE_AFTER | DOSE_TIMING | DOSE_MOMENT)

enum boundary { BOUNDARY_NONE, BOUNDARY_CLAUSE, BOUNDARY_SENTENCE };

static enum boundary boundary_at(struct dose_text *text, size_t at) {
    switch (dose_text_at(text, at)) {
    case ',': return BOUNDARY_CLAUSE;
    case ';':
    case '!':
    case '?':
    case '\n':
    case U'。':
    case U'…': return BOUNDARY_SENTENCE;
    case '.': {
        uint32_t before = dose_text_before(text, at);
        return before >= '0' && before <= '9' ? BOUNDARY_NONE : BOUNDARY_SENTENCE;
    }
    default: return BOUNDARY_NONE;
    }
}

static void pass_boundary(struct dose_context *context, enum boundary boundary) {
    context->drug_in_sentence |= context->drug_in_clause;
    context->counted_in_sentence |= context->counted_in_clause;
    if (boundary == BOUNDARY_SENTENCE) {
        context->drug_in_sentence = false;
        context->counted_in_sentence = 0;
    }
    context->drug_in_clause = context->effects_follow = context->placeholder_in_clause = false;
    context->counted_in_clause = 0;
}

static void pass_drug(struct dose_context *context) {
    context->drug_in_clause = true;
    context->effects_follow = false;
    context->counted_in_clause = 0;
    context->since_drug = 0;
}

static void pass_characters(struct dose_context *context, size_t count) {
    if (context->since_drug != SIZE_MAX) context->since_drug += count;
    if (context->since_dose != SIZE_MAX) context->since_dose += count;
}

/* Takes the word at `at` into the context: the position behind it, or `at`. Nothing is taken when starved. */
static size_t pass_word(struct dose_filter *filter, size_t at) {
    struct dose_context *context = &filter->context;
    struct dose_text *text = &filter->text;
    uint32_t classes;
    size_t end = dose_word(filter->words, text, at, CONTEXT_WORDS, &classes), behind = skip_gaps(text, end);
    if (end == at) return at;
    bool is_condition = classes & DOSE_COUNTED && word(filter, behind, DOSE_CONDITION) > behind;
    if (text->starved) return at;
    pass_characters(context, end - at);
    if (classes & (DOSE_DRUG | DOSE_TAKING)) return pass_drug(context), end;
    if (classes & DOSE_AFTER) context->effects_follow = true;
    /* "布洛芬治头痛每日3次" counts doses, "布洛芬后腹泻3次" does not. */
    if (!is_condition && (!context->drug_in_clause || context->effects_follow))
        context->counted_in_clause |= classes & DOSE_COUNTED;
    return end;
}

/* ---- deciding */

/* How far a drug's name reaches over text that is neither a drug nor a dose: a list under it, a remark. */
static const size_t DRUG_REACH = 120; /* characters */
/* What stands no further from a drug or a dose is beside it. */
static const size_t BESIDE = 3;
/* How far behind a dose its drug may be named. */
static const size_t LOOK_AHEAD = 40;

/* What such an expression can count besides doses. */
static uint32_t counted_like(const struct dose_expression *expression) {
    if (expression->kind != EXPRESSION_AMOUNT) return DOSE_COUNTED;
    return expression->drug_unit ? DOSE_MEASURED : DOSE_MEASURED | DOSE_SUBSTANCE;
}

/* Behind what may stand between an amount and what it is of: "2000ml左右的水". */
static size_t skip_of(struct dose_filter *filter, size_t at) {
    size_t end;
    at = skip_gaps(&filter->text, at);
    while ((end = word(filter, at, DOSE_FILLER)) > at) at = skip_gaps(&filter->text, end);
    return at;
}

/* "75g葡萄糖耐量试验", "2000ml水": what the amount is of stands behind it. */
static bool is_of_something_else(struct dose_filter *filter, const struct dose_expression *expression) {
    const struct dose_context *context = &filter->context;
    uint32_t classes;
    size_t of = skip_of(filter, expression->end);
    if (dose_word(filter->words, &filter->text, of, CONTEXT_WORDS, &classes) == of ||
        classes & (DOSE_DRUG | DOSE_TAKING))
        return false;
    if (classes & DOSE_TAKEN_TOO) return true;
    bool is_of_drug = context->drug_in_clause || context->drug_in_sentence;
    return expression->kind == EXPRESSION_AMOUNT && classes & counted_like(expression) && !is_of_drug;
}

/* Whether an amount follows that doses a drug by itself: "头痛时每日三次,每次2片". */
static bool sure_amount_follows(struct dose_filter *filter, size_t end) {
    struct dose_text *text = &filter->text;
    size_t next = skip_gaps(text, end);
    uint32_t c = dose_text_at(text, next);
    if (c == ',' || c == ';' || c == U'、') next = skip_gaps(text, next + 1);
    struct dose_expression expression;
    return dose_expression_read(filter->words, text, next, &expression) &&
           expression.kind == EXPRESSION_AMOUNT && expression.certain;
}

static bool counts_something_else(struct dose_filter *filter, const struct dose_expression *expression) {
    const struct dose_context *context = &filter->context;
    uint32_t counted = context->counted_in_clause;
    size_t next = skip_gaps(&filter->text, expression->end);
    bool taking_follows = word(filter, next, DOSE_TAKING) > next;
    bool is_of_drug = context->drug_in_clause || context->drug_in_sentence;
    if (!is_of_drug && !(expression->kind == EXPRESSION_AMOUNT && taking_follows))
        counted |= context->counted_in_sentence;
    if (is_of_something_else(filter, expression)) return true;
    if (!(counted & counted_like(expression))) return false;
    return expression->kind == EXPRESSION_AMOUNT ||
           (!taking_follows && !sure_amount_follows(filter, expression->end));
}

/* Whether what follows in the sentence shows the expression to be a drug's: its name, or the other half of a dose. */
static bool drug_follows(struct dose_filter *filter, const struct dose_expression *expression) {
    struct dose_text *text = &filter->text;
    for (size_t at = expression->end; at < expression->end + LOOK_AHEAD;) {
        enum boundary boundary = boundary_at(text, at);
        if (dose_text_at(text, at) == 0 || boundary == BOUNDARY_SENTENCE) return false;
        struct dose_expression other;
        if (dose_expression_read(filter->words, text, at, &other) &&
            (other.certain || other.kind != expression->kind) && !other.concentration && !other.beside)
            return true;
        uint32_t classes;
        size_t end = dose_word(filter->words, text, at, CONTEXT_WORDS, &classes);
        if (end > at && classes & (DOSE_DRUG | DOSE_TAKING)) return true;
        if (end > at && classes & counted_like(expression)) return false; /* that is what it counts */
        at++;
    }
    return false;
}

/* "每八小时服用一次": the expression itself tells of taking. */
static bool tells_taking(struct dose_filter *filter, size_t at, size_t end) {
    while (at < end && word(filter, at, DOSE_TAKING) == at) at++;
    return at < end;
}

static bool is_dose(struct dose_filter *filter, size_t at, const struct dose_expression *expression) {
    const struct dose_context *context = &filter->context;
    if (expression->beside && context->since_dose <= BESIDE) return true;
    if (expression->beside)
        return expression->kind != EXPRESSION_COURSE && context->drug_in_clause && !context->effects_follow &&
               context->since_drug <= BESIDE;
    if (expression->concentration)
        return context->drug_in_clause && !context->counted_in_clause && context->since_drug <= BESIDE;
    if (counts_something_else(filter, expression)) return false;
    if (expression->certain || tells_taking(filter, at, expression->end)) return true;
    if (context->drug_in_clause || context->since_drug <= DRUG_REACH) return true;
    return drug_follows(filter, expression);
}

/* ---- the stream */

static bool record_removal(struct dose_filter *filter, struct span text) {
    struct removals *removals = &filter->removals;
    struct removal *items = arena_grow(filter->arena, removals->items, removals->count, sizeof *items);
    if (!items) return false;
    removals->items = items;
    items[removals->count].kind = "dose";
    items[removals->count].text = arena_copy(filter->arena, text);
    return items[removals->count++].text != NULL;
}

/* Puts the placeholder for the characters [start, end), the source before them first. *copied: the bytes of the
 * source that are out or removed. */
static bool remove_dose(struct dose_filter *filter, size_t start, size_t end, size_t *copied,
                        struct buffer *out) {
    struct dose_text *text = &filter->text;
    size_t first = text->characters[start].start, last = text->characters[end - 1].end;
    if (first > *copied) buffer_append(out, text->source.data + *copied, first - *copied);
    if (!filter->context.placeholder_in_clause) buffer_put(out, DOSE_PLACEHOLDER);
    pass_drug(&filter->context);
    filter->context.since_dose = 0;
    filter->context.placeholder_in_clause = true;
    *copied = last;
    return record_removal(filter, span_between(buffer_span(&text->source), first, last));
}

/* What stands at `at`: a dose, a word, a mark, or nothing in particular. Moves *at behind it; leaves it when what
 * stands there is not decided yet. false: memory refused. */
static bool take_next(struct dose_filter *filter, size_t *at, size_t *copied, struct buffer *out) {
    struct dose_text *text = &filter->text;
    struct dose_expression expression;
    text->starved = false;
    bool found = dose_expression_read(filter->words, text, *at, &expression);
    bool dose = found && !text->starved && is_dose(filter, *at, &expression);
    if (text->starved) return true;
    if (dose) {
        if (!remove_dose(filter, *at, expression.end, copied, out)) return false;
        *at = expression.end;
        return true;
    }
    size_t end = pass_word(filter, *at);
    if (text->starved) return true;
    if (end == *at) {
        enum boundary boundary = boundary_at(text, *at);
        if (boundary != BOUNDARY_NONE) pass_boundary(&filter->context, boundary);
        pass_characters(&filter->context, 1);
        end = *at + 1;
    }
    *at = end;
    return true;
}

static bool advance(struct dose_filter *filter, struct buffer *out) {
    struct dose_text *text = &filter->text;
    size_t at = 0, copied = 0;
    while (at < text->count) {
        size_t before = at;
        if (!take_next(filter, &at, &copied, out)) return false;
        if (at == before) break;
    }
    size_t until = text->ended || at > 0 ? dose_text_offset(text, at) : 0;
    if (until > copied) buffer_append(out, text->source.data + copied, until - copied);
    dose_text_drop(text, at);
    return !out->failed;
}

bool dose_filter_feed(struct dose_filter *filter, struct span piece, struct buffer *out) {
    return dose_text_append(&filter->text, piece) && advance(filter, out);
}

bool dose_filter_end(struct dose_filter *filter, struct buffer *out) {
    return dose_text_end(&filter->text) && advance(filter, out);
}
