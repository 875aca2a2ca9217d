#include "cli/engine.h"

#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

bool engine_fail(struct failure *failure, const char *doing, const youtu_error *error) {
    enum exit_status status = STATUS_INTERNAL;
    switch (error->status) {
    case YOUTU_E_IO:
    case YOUTU_E_FORMAT:
    case YOUTU_E_UNSUPPORTED:
    case YOUTU_E_NUMERIC: status = STATUS_MODEL; break;
    case YOUTU_E_TEXT:
    case YOUTU_E_FULL: status = STATUS_INPUT; break;
    case YOUTU_E_MEMORY:
    case YOUTU_E_DEVICE: status = STATUS_RESOURCE; break;
    case YOUTU_E_ARGUMENT:
    case YOUTU_OK: break;
    }
    return fail(failure, status, "%s:%s", doing, error->message);
}

/* ---- finding the model */

static bool has_model(const char *directory, struct arena *arena, bool *found) {
    const char *path = arena_format(arena, "%s/config.json", directory);
    if (!path) return false;
    *found = access(path, F_OK) == 0;
    return true;
}

/* The directory of the running program, or "." when the system does not tell. */
static const char *program_directory(struct arena *arena) {
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path);
    if (length <= 0 || (size_t)length == sizeof path) return ".";
    struct span directory = {path, (size_t)length};
    while (directory.length && directory.data[directory.length - 1] != '/') directory.length--;
    return arena_copy(arena, directory);
}

const char *engine_find_model(const char *given, struct arena *arena, struct failure *failure) {
    const char *named = getenv("YOUTU_MODEL");
    if (given) return given;
    if (named && *named) return named;
    const char *beside = program_directory(arena);
    const char *const places[] = {
        "models/youtu-demo",
        beside ? arena_format(arena, "%s../models/youtu-demo", beside) : NULL,
        beside ? arena_format(arena, "%s../share/youtu/models/youtu-demo", beside) : NULL,
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        bool found;
        if (!places[i] || !has_model(places[i], arena, &found)) return fail_memory(failure), NULL;
        if (found) return places[i];
    }
    fail(failure, STATUS_MODEL, "没有找到模型:%s、%s、%s 中都没有 config.json;请用 --model DIR 指定",
         places[0], places[1], places[2]);
    return NULL;
}

/* ---- opening */

static void show_loading(void *user, uint64_t done, uint64_t total) {
    progress_show(user, "正在载入模型", done, total);
}

static bool open_adapter(struct engine *engine, struct span given, struct failure *failure) {
    youtu_error error;
    char *directory = strndup(given.data, given.length);
    if (!directory) return fail_memory(failure);
    youtu_status status = youtu_lora_open(engine->model, directory, &engine->lora, &error);
    free(directory);
    return status == YOUTU_OK || engine_fail(failure, "--lora", &error);
}

bool engine_open(struct engine *engine, const struct options *options, const char *directory,
                 struct progress *progress, struct failure *failure) {
    *engine = (struct engine){.info = {.size = sizeof engine->info}, .progress = progress};
    youtu_model_options model_options = youtu_model_options_default();
    youtu_error error;
    model_options.device = options->device;
    model_options.weights = options->weights;
    model_options.lora = options->lora.length > 0;
    model_options.progress = show_loading;
    model_options.progress_user = progress;
    youtu_status status = youtu_model_open(directory, &model_options, &engine->model, &error);
    progress_clear(progress);
    if (status != YOUTU_OK && error.status == YOUTU_E_ARGUMENT)
        return fail(failure, STATUS_USAGE, "模型:%s", error.message);
    if (status != YOUTU_OK) return engine_fail(failure, "模型", &error);
    youtu_model_get_info(engine->model, &engine->info);
    if (options->lora.length && !open_adapter(engine, options->lora, failure)) return false;
    engine->tokenizer = youtu_model_tokenizer(engine->model);
    if (!engine->tokenizer) return fail(failure, STATUS_MODEL, "模型:%s 中没有 tokenizer.json", directory);
    return true;
}

int32_t engine_context_size(const struct engine *engine, const struct options *options, size_t n_tokens) {
    if (options->ctx != NOT_GIVEN) return options->ctx;
    int32_t most = engine->info.max_positions < AUTOMATIC_CTX ? engine->info.max_positions : AUTOMATIC_CTX;
    return n_tokens < (size_t)most ? (int32_t)n_tokens : most;
}

/* ---- sampling */

/* The command line, then (for the repetition penalty) the model, then the product's defaults. */
static youtu_sampler_options sampling(const struct engine *engine, const struct options *options,
                                      uint64_t seed) {
    const float from_model = youtu_sampler_options_default(engine->model).repetition_penalty;
    youtu_sampler_options chosen = youtu_sampler_options_default(NULL);
    chosen.temperature = isnan(options->temperature) ? 0.7F : (float)options->temperature;
    if (options->greedy) chosen.temperature = 0;
    chosen.top_p = isnan(options->top_p) ? 0.9F : (float)options->top_p;
    chosen.top_k = options->top_k == NOT_GIVEN ? 0 : options->top_k;
    chosen.min_p = isnan(options->min_p) ? 0 : (float)options->min_p;
    chosen.repetition_penalty = from_model != 1 ? from_model : 1.2F;
    if (!isnan(options->repetition_penalty)) chosen.repetition_penalty = (float)options->repetition_penalty;
    chosen.seed = seed;
    return chosen;
}

/* Threads that wake for every layer of a small model cost more than they bring, and on a busy machine they
 * cost hundreds of times that: the demonstration model's answer took 0.1 s with one thread, up to 4 s with
 * two. */
static int32_t choose_threads(const struct engine *engine, const struct options *options) {
    static const uint64_t SMALL_BYTES_PER_TOKEN = 64 * 1024 * 1024;
    if (options->threads != NOT_GIVEN) return options->threads;
    return engine->info.bytes_per_token < SMALL_BYTES_PER_TOKEN ? 1 : 0;
}

youtu_context_options engine_context_options(const struct engine *engine, const struct options *options,
                                             size_t n_tokens) {
    youtu_context_options chosen = youtu_context_options_default();
    chosen.n_tokens = engine_context_size(engine, options, n_tokens);
    chosen.n_threads = choose_threads(engine, options);
    chosen.lora = engine->lora;
    chosen.lora_scale = (float)options->lora_scale;
    return chosen;
}

/* A seed that every JSON reader can hold: 53 bits. */
bool engine_seed(const struct options *options, uint64_t *seed, struct failure *failure) {
    if (options->seed != NOT_GIVEN) return *seed = (uint64_t)options->seed, true;
    if (getrandom(seed, sizeof *seed, 0) != (ssize_t)sizeof *seed)
        return fail(failure, STATUS_INTERNAL, "系统没有给出随机数;请用 --seed");
    *seed >>= 64 - 53;
    return true;
}

bool engine_sampler(const struct engine *engine, const struct options *options, uint64_t seed,
                    youtu_sampler **sampler, struct failure *failure) {
    const youtu_sampler_options chosen = sampling(engine, options, seed);
    youtu_error error;
    return youtu_sampler_new(&chosen, engine->info.vocab_size, sampler, &error) == YOUTU_OK ||
           engine_fail(failure, "采样", &error);
}

bool engine_prepare(struct engine *engine, const struct options *options, size_t n_tokens,
                    struct failure *failure) {
    if (!engine_seed(options, &engine->seed, failure)) return false;
    youtu_error error;
    youtu_context_options context_options = engine_context_options(engine, options, n_tokens);
    engine->n_context = context_options.n_tokens;
    context_options.n_tokens += engine->extra_tokens;
    if (engine->n_sequences) context_options.n_sequences = engine->n_sequences;
    if (engine->n_context > engine->info.max_positions)
        return fail(failure, STATUS_USAGE, "--ctx:%d 超过模型的上限 %d", engine->n_context,
                    engine->info.max_positions);
    youtu_status status = youtu_context_new(engine->model, &context_options, &engine->context, &error);
    progress_clear(engine->progress);
    if (status != YOUTU_OK) return engine_fail(failure, "上下文", &error);
    if (!engine_sampler(engine, options, engine->seed, &engine->sampler, failure)) return false;
    if (engine->info.device_note && !options->quiet)
        fprintf(stderr, "未使用 GPU:%s\n", engine->info.device_note);
    return true;
}

void engine_close(struct engine *engine) {
    youtu_sampler_free(engine->sampler);
    youtu_context_free(engine->context);
    youtu_lora_close(engine->lora);
    youtu_model_close(engine->model);
    *engine = (struct engine){0};
}
