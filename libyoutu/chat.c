/* The chat_template of the published tokenizer_config.json, without tools:
 *   BOS {system} <|User|>{question}<|Assistant|>{answer}<|end_of_text|> ... <|User|>{question}<|Assistant|>
 * What people wrote is encoded as plain text, piece by piece between the markers. That gives the tokens of
 * the template's text as a whole: a marker ends whatever stands before it. */
#include <string.h>

#include "array.h"
#include "error.h"
#include "tokenizer.h"

#define USER "<|User|>"
#define ASSISTANT "<|Assistant|>"
#define END "<|end_of_text|>"
#define THOUGHT "<think>"
#define THOUGHT_END "</think>"

/* One call of youtu_encode_chat. */
typedef struct dialogue {
    const youtu_tokenizer *tokenizer;
    youtu_tokens *tokens;
    youtu_error *error;
} dialogue;

static youtu_status fail_marker(const dialogue *d, const char *spelling) {
    return youtu_fail(d->error, YOUTU_E_UNSUPPORTED,
                      "the tokenizer has no token \"%s\", which the chat format needs", spelling);
}

static youtu_status append_id(const dialogue *d, int32_t id, const char *spelling) {
    youtu_tokens *tokens = d->tokens;
    if (id < 0) return fail_marker(d, spelling);
    if (!array_reserve((void **)&tokens->ids, &tokens->capacity, tokens->count + 1, sizeof *tokens->ids))
        return youtu_fail_memory(d->error, "a list of tokens", (tokens->count + 1) * sizeof *tokens->ids);
    tokens->ids[tokens->count++] = id;
    return YOUTU_OK;
}

static youtu_status append_marker(const dialogue *d, const char *spelling) {
    return append_id(d, youtu_token_find(d->tokenizer, spelling), spelling);
}

static youtu_status append_text(const dialogue *d, const char *text, size_t length) {
    return youtu_encode(d->tokenizer, text, length, YOUTU_TEXT_PLAIN, d->tokens, d->error);
}

/* An answer from after its last "</think>" and the line ends there. */
static youtu_status append_answer(const dialogue *d, const char *text, size_t length) {
    const size_t mark = strlen(THOUGHT_END);
    for (size_t end = length; end >= mark; end--) {
        if (memcmp(text + end - mark, THOUGHT_END, mark) != 0) continue;
        while (end < length && text[end] == '\n') end++;
        return append_text(d, text + end, length - end);
    }
    return append_text(d, text, length);
}

static youtu_status append_message(const dialogue *d, const youtu_message *message) {
    if (message->role == YOUTU_SYSTEM) return append_text(d, message->text, message->length);
    bool is_user = message->role == YOUTU_USER;
    youtu_status status = append_marker(d, is_user ? USER : ASSISTANT);
    if (status != YOUTU_OK) return status;
    if (is_user) return append_text(d, message->text, message->length);
    status = append_answer(d, message->text, message->length);
    return status == YOUTU_OK ? append_marker(d, END) : status;
}

/* What the model would write before an answer without a thought. */
static youtu_status append_no_thought(const dialogue *d) {
    static const char text[] = THOUGHT "\n\n" THOUGHT_END "\n\n";
    if (youtu_token_find(d->tokenizer, THOUGHT) < 0) return fail_marker(d, THOUGHT);
    if (youtu_token_find(d->tokenizer, THOUGHT_END) < 0) return fail_marker(d, THOUGHT_END);
    return youtu_encode(d->tokenizer, text, strlen(text), YOUTU_TEXT_MARKED, d->tokens, d->error);
}

static youtu_status check_roles(const youtu_message *messages, size_t count, youtu_error *error) {
    for (size_t i = 0; i < count; i++) {
        youtu_role role = messages[i].role;
        if (role != YOUTU_SYSTEM && role != YOUTU_USER && role != YOUTU_ASSISTANT)
            return youtu_fail(error, YOUTU_E_ARGUMENT, "message %zu has role %d, expected one of youtu_role",
                              i, (int)role);
        if (role == YOUTU_SYSTEM && i > 0)
            return youtu_fail(error, YOUTU_E_ARGUMENT,
                              "message %zu is the system's, expected it to come first", i);
    }
    if (count == 0 || messages[count - 1].role != YOUTU_USER)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "a dialogue of %zu messages does not end with the user's",
                          count);
    return YOUTU_OK;
}

youtu_status youtu_encode_chat(const youtu_tokenizer *tokenizer, const youtu_message *messages, size_t count,
                               bool reasoning, youtu_tokens *tokens, youtu_error *error) {
    if (!tokenizer) return tokenizer_fail_missing(error);
    youtu_status status = check_roles(messages, count, error);
    if (status != YOUTU_OK) return status;
    size_t before = tokens->count;
    dialogue d = {tokenizer, tokens, error};
    status = append_id(&d, tokenizer->bos, tokenizer->bos_name);
    for (size_t i = 0; i < count && status == YOUTU_OK; i++) status = append_message(&d, &messages[i]);
    if (status == YOUTU_OK) status = append_marker(&d, ASSISTANT);
    if (status == YOUTU_OK && !reasoning) status = append_no_thought(&d);
    if (status != YOUTU_OK) tokens->count = before;
    return status;
}
