/* The model with what one conversation needs: context, sampler. The only part of the program, with the
 * commands, that uses libyoutu. */
#ifndef CLI_ENGINE_H
#define CLI_ENGINE_H

#include "cli/options.h"
#include "cli/terminal.h"

#include "youtu.h"

/* The most context tokens that are taken without --ctx. */
#define AUTOMATIC_CTX 8192

struct engine {
    youtu_model *model;
    const youtu_tokenizer *tokenizer; /* the model's */
    youtu_model_info info;
    struct progress *progress; /* of loading; the caller's */
    youtu_lora *lora;          /* --lora, or NULL */
    youtu_context *context;
    int32_t n_context; /* tokens of one conversation or report */
    /* Set before engine_prepare. */
    int32_t extra_tokens; /* that the context has besides */
    int32_t n_sequences;  /* of the context; 0: one */
    youtu_sampler *sampler;
    uint64_t seed;
};

/* The directory of the model: --model, YOUTU_MODEL, or the first with a config.json of ./models/youtu-demo
 * and those beside the program. Owned by the arena; NULL with *failure when there is none. */
const char *engine_find_model(const char *given, struct arena *arena, struct failure *failure);

/* Opens the model with its tokenizer and its adapter. Free with engine_close, also after a failure; progress lives until
 * then. */
bool engine_open(struct engine *engine, const struct options *options, const char *directory,
                 struct progress *progress, struct failure *failure);

/* The seed that the options name, else a random one. */
bool engine_seed(const struct options *options, uint64_t *seed, struct failure *failure);

/* A sampler as the options want it; free with youtu_sampler_free. */
bool engine_sampler(const struct engine *engine, const struct options *options, uint64_t seed,
                    youtu_sampler **sampler, struct failure *failure);

/* Makes seed and sampler, and a context with room for at least `n_tokens` where --ctx does not say another size.
 * Tells on standard error why device auto came to be the CPU, unless --quiet. */
bool engine_prepare(struct engine *engine, const struct options *options, size_t n_tokens,
                    struct failure *failure);

/* The options of a context for `n_tokens`, with --threads and the adapter. */
youtu_context_options engine_context_options(const struct engine *engine, const struct options *options,
                                             size_t n_tokens);

/* The context tokens that engine_prepare would take. */
int32_t engine_context_size(const struct engine *engine, const struct options *options, size_t n_tokens);

void engine_close(struct engine *engine);

/* A library error as the program's: its sentence behind `doing`, its status as an exit status. */
bool engine_fail(struct failure *failure, const char *doing, const youtu_error *error);

#endif
