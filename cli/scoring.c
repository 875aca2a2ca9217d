#include "cli/scoring.h"

#include <stdlib.h>

static bool add_name(struct arena *arena, const struct disease *disease, struct span name,
                     struct name_score *scores, size_t *count) {
    for (size_t i = 0; i < *count; i++)
        if (span_is(name, scores[i].name)) return true;
    if (*count == MOST_SCORED_NAMES) return true;
    const char *copy = arena_copy(arena, name);
    if (copy) scores[(*count)++] = (struct name_score){.disease = disease, .name = copy};
    return copy != NULL;
}

bool scored_names(const struct kb *kb, const struct differential *differential, const struct answer *answer,
                  struct arena *arena, struct name_score *scores, size_t *count) {
    *count = 0;
    for (size_t i = 0; i < answer->n_diagnoses; i++) {
        const struct named_diagnosis *named = &answer->diagnoses[i];
        const struct disease *disease = NULL;
        if (!named->is_unlisted && !kb_find_disease(kb, arena, named->name, &disease)) return false;
        if (!add_name(arena, disease, named->name, scores, count)) return false;
    }
    for (size_t i = 0; i < differential->count; i++) {
        const struct disease *disease = differential->items[i].disease;
        if (!add_name(arena, disease, span_of(disease->name), scores, count)) return false;
    }
    return true;
}

/* What one call has in hand: the rows of the batch, one name after the other. */
struct scoring {
    int32_t first_free;  /* the first name's sequence */
    youtu_tokens tokens; /* each name's, behind the prefix's last token */
    size_t length[MOST_SCORED_NAMES];
    int32_t sequence[MOST_SCORED_NAMES * SCORED_NAME_TOKENS];
    bool want_logits[MOST_SCORED_NAMES * SCORED_NAME_TOKENS];
};

/* The name's tokens, as they stand behind "(1)". */
static youtu_status add_rows(struct scoring *scoring, const struct engine *engine, const char *name,
                             size_t index, youtu_error *error) {
    char text[256];
    size_t length = strlen(name), before = scoring->tokens.count;
    if (length > sizeof text - 1) length = sizeof text - 1;
    while (length > 0 && length < strlen(name) && utf8_continues(name[length])) length--;
    text[0] = ' ';
    memcpy(text + 1, name, length);
    youtu_status status =
        youtu_encode(engine->tokenizer, text, length + 1, YOUTU_TEXT_PLAIN, &scoring->tokens, error);
    if (status != YOUTU_OK) return status;
    if (scoring->tokens.count - before > SCORED_NAME_TOKENS)
        scoring->tokens.count = before + SCORED_NAME_TOKENS;
    scoring->length[index] = scoring->tokens.count - before;
    for (size_t i = before; i < scoring->tokens.count; i++) {
        scoring->sequence[i] = scoring->first_free + (int32_t)index;
        scoring->want_logits[i] = true;
    }
    return YOUTU_OK;
}

/* Row i of a name follows the token before: `last`, the prefix's last one, for its first. */
static youtu_status decode_names(struct scoring *scoring, const struct engine *engine, int32_t last,
                                 size_t count, youtu_error *error) {
    size_t n = scoring->tokens.count;
    int32_t *rows = malloc((n ? n : 1) * sizeof *rows);
    if (!rows) return error->status = YOUTU_E_MEMORY;
    for (size_t name = 0, at = 0; name < count; at += scoring->length[name++]) {
        rows[at] = last;
        memcpy(rows + at + 1, scoring->tokens.ids + at, (scoring->length[name] - 1) * sizeof *rows);
    }
    const youtu_batch batch = {rows, scoring->sequence, scoring->want_logits, n};
    youtu_status status = youtu_decode(engine->context, &batch, error);
    free(rows);
    return status;
}

static void share(const struct scoring *scoring, const struct engine *engine, struct name_score *scores,
                  size_t count) {
    double l[MOST_SCORED_NAMES], largest = -HUGE_VAL, total = 0;
    for (size_t name = 0, row = 0; name < count; name++) {
        l[name] = 0;
        for (size_t i = 0; i < scoring->length[name]; i++, row++)
            l[name] += (double)youtu_log_probability(youtu_logits(engine->context, row),
                                                     engine->info.vocab_size, scoring->tokens.ids[row]);
        if (l[name] > largest) largest = l[name];
    }
    for (size_t name = 0; name < count; name++) total += exp(l[name] - largest);
    for (size_t name = 0; name < count; name++) scores[name].share = exp(l[name] - largest) / total;
}

bool score_names(struct engine *engine, int32_t sequence, int32_t first_free, int32_t prefix, int32_t last,
                 struct name_score *scores, size_t count, struct failure *failure) {
    struct scoring scoring = {.first_free = first_free};
    youtu_error error = {0};
    youtu_status status = YOUTU_OK;
    for (size_t i = 0; i < count && status == YOUTU_OK; i++)
        status = add_rows(&scoring, engine, scores[i].name, i, &error);
    for (size_t i = 0; i < count && status == YOUTU_OK; i++)
        status = youtu_sequence_fork(engine->context, sequence, first_free + (int32_t)i, prefix - 1, &error);
    if (status == YOUTU_OK && count > 0) status = decode_names(&scoring, engine, last, count, &error);
    if (status == YOUTU_OK && count > 0) share(&scoring, engine, scores, count);
    for (size_t i = 0; i < count && status == YOUTU_OK; i++)
        status = youtu_sequence_truncate(engine->context, first_free + (int32_t)i, 0, &error);
    youtu_tokens_free(&scoring.tokens);
    if (status == YOUTU_OK) return true;
    return status == YOUTU_E_MEMORY && !error.message[0] ? fail_memory(failure)
                                                         : engine_fail(failure, "核对病名", &error);
}
