#include "cli/prompt_prefix.h"

static bool encode(struct prompt_prefix *prefix, const struct engine *engine,
                   const struct prompt_template *template, struct failure *failure) {
    struct buffer system = {0}, fixed = {0};
    youtu_error error;
    prompt_system(template, &system);
    prompt_fixed(template, &fixed);
    const youtu_message messages[] = {
        {YOUTU_SYSTEM, system.data, system.length},
        {YOUTU_USER, fixed.data, fixed.length},
    };
    bool done = !(system.failed || fixed.failed) || fail_memory(failure);
    if (done && youtu_encode_chat(engine->tokenizer, messages, 2, false, &prefix->tokens, &error) != YOUTU_OK)
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
    if (!encode(prefix, engine, template, failure)) return false;
    youtu_generate_options options = youtu_generate_options_default();
    options.max_tokens = 0;
    return youtu_generate(engine->context, NULL, sequence, prefix->tokens.ids, prefix->tokens.count, &options,
                          engine->sampler, NULL, &error) == YOUTU_OK ||
           engine_fail(failure, "模板", &error);
}

bool prompt_prefix_lend(const struct prompt_prefix *prefix, struct engine *engine, const youtu_tokens *prompt,
                        int32_t sequence, struct failure *failure) {
    size_t shared = 0;
    while (shared < prefix->tokens.count && shared < prompt->count &&
           prefix->tokens.ids[shared] == prompt->ids[shared])
        shared++;
    youtu_error error;
    return youtu_sequence_fork(engine->context, prefix->sequence, sequence, (int32_t)shared, &error) ==
               YOUTU_OK ||
           engine_fail(failure, "模板", &error);
}

void prompt_prefix_free(struct prompt_prefix *prefix) {
    youtu_tokens_free(&prefix->tokens);
    *prefix = (struct prompt_prefix){0};
}
