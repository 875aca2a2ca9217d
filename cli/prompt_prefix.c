#include "cli/prompt_prefix.h"

static bool encode(youtu_tokens *tokens, const struct engine *engine, const struct prompt_template *template,
                   struct failure *failure) {
    struct buffer system = {0}, fixed = {0};
    youtu_error error;
    prompt_system(template, &system);
    prompt_fixed(template, &fixed);
    const youtu_message messages[] = {
        {YOUTU_SYSTEM, system.data, system.length},
        {YOUTU_USER, fixed.data, fixed.length},
    };
    bool done = !(system.failed || fixed.failed) || fail_memory(failure);
    if (done && youtu_encode_chat(engine->tokenizer, messages, 2, false, tokens, &error) != YOUTU_OK)
        done = engine_fail(failure, "编码", &error);
    buffer_free(&system);
    buffer_free(&fixed);
    return done;
}

/* The few tokens behind the fixed text, which open the answer, are computed too and never lent: no prompt has
 * them there. */
bool prompt_prefix_compute(struct prompt_prefix *prefix, struct engine *engine,
                           const struct prompt_template *template, int32_t sequence,
                           struct failure *failure) {
    *prefix = (struct prompt_prefix){.sequence = sequence};
    youtu_error error;
    if (!encode(&prefix->tokens, engine, template, failure)) return false;
    youtu_generate_options options = youtu_generate_options_default();
    options.max_tokens = 0;
    return youtu_generate(engine->context, NULL, sequence, prefix->tokens.ids, prefix->tokens.count, &options,
                          engine->sampler, NULL, &error) == YOUTU_OK ||
           engine_fail(failure, "生成", &error);
}

size_t prompt_prefix_shared(const struct prompt_prefix *prefix, const youtu_tokens *prompt) {
    size_t shared = 0;
    while (shared < prefix->tokens.count && shared < prompt->count &&
           prefix->tokens.ids[shared] == prompt->ids[shared])
        shared++;
    return shared;
}

bool prompt_prefix_lend(const struct prompt_prefix *prefix, struct engine *engine, const youtu_tokens *prompt,
                        int32_t sequence, struct failure *failure) {
    size_t shared = prompt_prefix_shared(prefix, prompt);
    youtu_error error;
    return youtu_sequence_fork(engine->context, prefix->sequence, sequence, (int32_t)shared, &error) ==
               YOUTU_OK ||
           engine_fail(failure, "生成", &error);
}

void prompt_prefix_free(struct prompt_prefix *prefix) {
    youtu_tokens_free(&prefix->tokens);
    *prefix = (struct prompt_prefix){0};
}

/* ---- several */

size_t prompt_prefixes_tokens(const struct prompt_prefixes *prefixes) {
    size_t tokens = 0;
    for (size_t i = 0; i < prefixes->count; i++)
        tokens += prefixes->items[i].tokens.count + PREFIX_SPARE_TOKENS;
    return tokens;
}

static bool same_tokens(const youtu_tokens *a, const youtu_tokens *b) {
    return a->count == b->count && memcmp(a->ids, b->ids, a->count * sizeof *a->ids) == 0;
}

bool prompt_prefixes_find(struct prompt_prefixes *prefixes, const struct engine *engine,
                          const struct prompt_template *template, youtu_tokens *encoded,
                          struct prompt_prefix **found, struct failure *failure) {
    *found = NULL;
    if (!encode(encoded, engine, template, failure)) return false;
    for (size_t i = 0; i < prefixes->count && !*found; i++)
        if (same_tokens(&prefixes->items[i].tokens, encoded)) *found = &prefixes->items[i];
    if (*found) (*found)->used = ++prefixes->now;
    return true;
}

bool prompt_prefixes_drop(struct prompt_prefixes *prefixes, struct engine *engine) {
    if (prefixes->count == 0) return false;
    struct prompt_prefix *oldest = &prefixes->items[0], *last = &prefixes->items[prefixes->count - 1];
    for (struct prompt_prefix *other = oldest; other <= last; other++)
        if (other->used < oldest->used) oldest = other;
    youtu_sequence_truncate(engine->context, oldest->sequence, 0, NULL); /* (to 0: of any that there is) */
    prompt_prefix_free(oldest);
    if (oldest != last) *oldest = *last;
    *last = (struct prompt_prefix){0};
    prefixes->count--;
    return true;
}

/* A sequence that no prefix has. */
static int32_t free_sequence(const struct prompt_prefixes *prefixes) {
    int32_t sequence = prefixes->first_sequence;
    for (size_t i = 0; i < prefixes->count; i++)
        if (prefixes->items[i].sequence == sequence) {
            sequence++;
            i = (size_t)-1;
        }
    return sequence;
}

bool prompt_prefixes_add(struct prompt_prefixes *prefixes, struct engine *engine,
                         const struct prompt_template *template, struct prompt_prefix **added,
                         struct failure *failure) {
    if (prefixes->count == MOST_PREFIXES) prompt_prefixes_drop(prefixes, engine);
    struct prompt_prefix *prefix = &prefixes->items[prefixes->count];
    int32_t sequence = free_sequence(prefixes);
    if (!prompt_prefix_compute(prefix, engine, template, sequence, failure)) {
        youtu_sequence_truncate(engine->context, sequence, 0, NULL);
        prompt_prefix_free(prefix);
        return false;
    }
    prefix->used = ++prefixes->now;
    prefixes->count++;
    *added = prefix;
    return true;
}

void prompt_prefixes_free(struct prompt_prefixes *prefixes) {
    for (size_t i = 0; i < prefixes->count; i++) prompt_prefix_free(&prefixes->items[i]);
    prefixes->count = 0;
}
