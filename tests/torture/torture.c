/* Every allocation and every call to a file fails in turn, alone and with all that follow, while a program
 * opens a model and an adapter, encodes a dialogue, generates and closes all again. Each time the library must say so, hold
 * nothing afterwards, and neither crash nor hang.
 *
 *   torture MODEL ADAPTER                   everything; one line of counts a family
 *   torture MODEL ADAPTER FAMILY MODE CALL  one run in this process, for a debugger
 */
#include "failing_calls.h"
#include "youtu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TIME_LIMIT_S = 30 };

static const char *const family_names[] = {"memory", "files"};
static const char *const mode_names[] = {"one", "all-after"};

/* ---- what is done each time ---- */

typedef struct holdings {
    youtu_model *model;
    youtu_lora *lora;
    youtu_context *context;
    youtu_sampler *sampler;
    youtu_detokenizer *detokenizer;
    youtu_tokens tokens;
} holdings;

static youtu_message message(youtu_role role, const char *text) {
    return (youtu_message){.role = role, .text = text, .length = strlen(text)};
}

static youtu_status encode(holdings *h, const youtu_tokenizer *tokenizer, youtu_error *error) {
    const youtu_message messages[] = {
        message(YOUTU_SYSTEM, "You are an experienced general practitioner."),
        message(YOUTU_USER, "我最近三天一直头痛,集中在太阳穴位置,伴有恶心。Any tests? 38.5℃ naïve"),
        message(YOUTU_ASSISTANT, "<think>\n...\n</think>\n\n1. 可能诊断"),
        message(YOUTU_USER, "看强光会加重。"),
    };
    youtu_status status = youtu_encode_begin(tokenizer, &h->tokens, error);
    if (status == YOUTU_OK)
        status = youtu_encode(tokenizer, "<|User|>a", 9, YOUTU_TEXT_MARKED, &h->tokens, error);
    h->tokens.count = 0;
    if (status == YOUTU_OK) status = youtu_encode_chat(tokenizer, messages, 4, false, &h->tokens, error);
    return status;
}

static youtu_status generate(holdings *h, const youtu_tokenizer *tokenizer, youtu_error *error) {
    youtu_context_options options = youtu_context_options_default();
    options.n_tokens = 256;
    options.n_sequences = 2;
    options.n_batch = 32;
    options.n_threads = 1;
    options.lora = h->lora;
    youtu_status status = youtu_context_new(h->model, &options, &h->context, error);
    if (status != YOUTU_OK) return status;

    youtu_model_info info = {.size = sizeof info};
    youtu_model_get_info(h->model, &info);
    youtu_sampler_options sampling = youtu_sampler_options_default(h->model);
    status = youtu_sampler_new(&sampling, info.vocab_size, &h->sampler, error);
    if (status != YOUTU_OK) return status;

    youtu_generate_options how = youtu_generate_options_default();
    how.max_tokens = 4;
    how.n_top = 3;
    how.stop_strings = (const char *const[]){"\n\n\n"};
    how.n_stop_strings = 1;
    status = youtu_generate(h->context, tokenizer, 0, h->tokens.ids, h->tokens.count, &how, h->sampler, NULL,
                            error);
    if (status != YOUTU_OK) return status;
    status = youtu_sequence_fork(h->context, 0, 1, 7, error);
    if (status != YOUTU_OK) return status;
    youtu_batch batch = {.token = h->tokens.ids, .sequence = (const int32_t[]){1, 0, 1}, .count = 3};
    return youtu_decode(h->context, &batch, error);
}

static youtu_status detokenize(holdings *h, const youtu_tokenizer *tokenizer, youtu_error *error) {
    youtu_status status = youtu_detokenizer_new(tokenizer, true, &h->detokenizer, error);
    const char *text;
    size_t length;
    for (size_t i = 0; i < h->tokens.count && status == YOUTU_OK; i++)
        status = youtu_detokenizer_push(h->detokenizer, h->tokens.ids[i], &text, &length, error);
    return status;
}

/* The model's directory and the adapter's. */
typedef const char *const directories[2];

static youtu_status use_library(directories used, youtu_error *error) {
    holdings h = {0};
    youtu_model_options model_options = youtu_model_options_default();
    model_options.device = "cpu"; /* whatever else is installed */
    youtu_status status = youtu_model_open(used[0], &model_options, &h.model, error);
    if (status == YOUTU_OK) status = youtu_lora_open(h.model, used[1], &h.lora, error);
    if (status == YOUTU_OK) {
        const youtu_tokenizer *tokenizer = youtu_model_tokenizer(h.model);
        if (!tokenizer) abort();
        status = encode(&h, tokenizer, error);
        if (status == YOUTU_OK) status = generate(&h, tokenizer, error);
        if (status == YOUTU_OK) status = detokenize(&h, tokenizer, error);
    }
    youtu_detokenizer_free(h.detokenizer);
    youtu_sampler_free(h.sampler);
    youtu_context_free(h.context);
    youtu_lora_close(h.lora);
    youtu_tokens_free(&h.tokens);
    youtu_model_close(h.model);
    return status;
}

/* ---- one run ---- */

enum { RUN_REPORTED, RUN_SUCCEEDED, RUN_BEYOND_LAST, RUN_WRONG };

static bool is_expected(call_family family, const youtu_error *error) {
    if (error->message[0] == '\0') return false;
    return error->status == YOUTU_E_MEMORY || (family == CALLS_FILES && error->status == YOUTU_E_IO);
}

static int run_once(directories used, call_family family, bool all_after, long call) {
    youtu_error error = {YOUTU_OK, ""};
    held_resources before = count_held();
    fail_calls(family, call, all_after);
    youtu_status status = use_library(used, &error);
    bool any_failed = stop_failing() > 0;
    held_resources after = count_held();
    if (after.blocks != before.blocks || after.mappings != before.mappings || after.files != before.files) {
        fprintf(stderr, "WRONG: still held: %ld blocks, %ld mappings, %ld files\n",
                after.blocks - before.blocks, after.mappings - before.mappings, after.files - before.files);
        return RUN_WRONG;
    }
    if (status == YOUTU_OK) return any_failed ? RUN_SUCCEEDED : RUN_BEYOND_LAST;
    if (any_failed && status == error.status && is_expected(family, &error)) return RUN_REPORTED;
    fprintf(stderr, "WRONG: status %s, error %s \"%s\"\n", youtu_status_name(status),
            youtu_status_name(error.status), error.message);
    return RUN_WRONG;
}

/* Every call of a family in turn. A crash or a hang ends the process; the last line says in which run. */
static bool run_all(directories used, call_family family, bool all_after) {
    long n_reported = 0, n_succeeded = 0, n_wrong = 0;
    for (long call = 1; n_wrong < 10; call++) {
        fprintf(stderr, "torture %s %s %s %s %ld\n", used[0], used[1], family_names[family],
                mode_names[all_after], call);
        alarm(TIME_LIMIT_S);
        int outcome = run_once(used, family, all_after, call);
        if (outcome == RUN_BEYOND_LAST) break;
        n_reported += outcome == RUN_REPORTED;
        n_succeeded += outcome == RUN_SUCCEEDED;
        n_wrong += outcome == RUN_WRONG;
    }
    printf("%s, %s: %ld reported, %ld done without, %ld wrong\n", family_names[family], mode_names[all_after],
           n_reported, n_succeeded, n_wrong);
    return n_wrong == 0 && n_reported > 0;
}

static int find_name(const char *name, const char *const names[2]) {
    return strcmp(name, names[0]) == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc != 3 && argc != 6) {
        fprintf(stderr, "usage: torture MODEL ADAPTER [memory|files one|all-after CALL]\n");
        return 2;
    }
    /* What the C library allocates once and keeps. */
    youtu_error error;
    directories used = {argv[1], argv[2]};
    if (use_library(used, &error)) {
        fprintf(stderr, "torture: %s\n", error.message);
        return 2;
    }
    if (argc == 6)
        return run_once(used, (call_family)find_name(argv[3], family_names), find_name(argv[4], mode_names),
                        atol(argv[5])) == RUN_WRONG;
    bool all_right = true;
    for (int family = CALLS_MEMORY; family <= CALLS_FILES; family++)
        for (int all_after = 0; all_after < 2; all_after++)
            all_right = run_all(used, (call_family)family, all_after) && all_right;
    return all_right ? 0 : 1;
}
