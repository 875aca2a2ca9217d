/* libyoutu: inference for Tencent's Youtu-LLM (dense multi-head latent attention), in C.
 *
 * The way of the data: text -> tokens (youtu_tokenizer) -> rows of a batch (youtu_decode) -> logits -> token
 * (youtu_sampler) -> text (youtu_detokenizer). youtu_generate drives the loop.
 *
 * Errors are values. Every call that can fail returns a youtu_status and, where the caller passes a
 * youtu_error, fills it with one sentence for a person: what, where, found, expected. The caller owns the
 * youtu_error; NULL is accepted. On failure out-parameters are left untouched and nothing that the caller
 * held is lost, unless a function says otherwise.
 *
 * Threads. A youtu_model and a youtu_tokenizer never change after opening: any number of threads may use one
 * at the same time. A youtu_context, youtu_sampler or youtu_detokenizer belongs to one thread at a time;
 * different ones are independent. The library keeps no global state, prints nothing and never exits.
 *
 * Text is UTF-8 with an explicit length in bytes and needs no terminator. Tokens and positions are int32_t,
 * sizes size_t. Structures of options and results begin with their own size so that they can grow: initialise
 * options with the matching *_default() and change what you need; set `size` of a result structure to its
 * sizeof.
 */
#ifndef YOUTU_H
#define YOUTU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define YOUTU_VERSION_MAJOR 0
#define YOUTU_VERSION_MINOR 1
#define YOUTU_VERSION_PATCH 0

#if defined(__GNUC__)
#define YOUTU_API __attribute__((visibility("default")))
#else
#define YOUTU_API
#endif

/* ---- errors
 * ---------------------------------------------------------------------------------------------------- */

typedef enum youtu_status {
    YOUTU_OK = 0,
    YOUTU_E_ARGUMENT,    /* a value the caller passed: out of range, missing, contradictory */
    YOUTU_E_IO,          /* a file cannot be opened, read or mapped */
    YOUTU_E_FORMAT,      /* a file's content is damaged or not what its format says */
    YOUTU_E_UNSUPPORTED, /* well formed, but a feature that this library does not have */
    YOUTU_E_TEXT,        /* text that is not valid UTF-8 */
    YOUTU_E_FULL,        /* no room in the context: cache tokens or sequences */
    YOUTU_E_MEMORY,      /* memory was refused */
    YOUTU_E_NUMERIC,     /* logits that are not finite: damaged weights */
    YOUTU_E_DEVICE       /* the device failed or is not there */
} youtu_status;

typedef struct youtu_error {
    youtu_status status;
    char message[512]; /* UTF-8, NUL-terminated, one line */
} youtu_error;

/* The version of the library in use, "major.minor.patch". Static storage. Any thread. */
YOUTU_API const char *youtu_version(void);

/* A status as a short word ("format", "memory", ...). Static storage. Any thread. */
YOUTU_API const char *youtu_status_name(youtu_status status);

/* ---- model
 * ----------------------------------------------------------------------------------------------------- */

typedef struct youtu_model youtu_model;
typedef struct youtu_tokenizer youtu_tokenizer;

/* Called while weights are checked, and while they go to a device (then from youtu_context_new): `done` of
 * `total` bytes. */
typedef void (*youtu_progress)(void *user, uint64_t done, uint64_t total);

/* The type in which a device holds weights and computes with them. */
typedef enum youtu_weights {
    YOUTU_WEIGHTS_AUTO = 0, /* CPU: as stored; CUDA: fp16 */
    YOUTU_WEIGHTS_BF16,     /* for weights whose products leave the range of fp16 */
    YOUTU_WEIGHTS_F16       /* 8- and 4-bit kinds will follow */
} youtu_weights;

typedef struct youtu_model_options {
    size_t size;
    const char *device;       /* "auto", "cpu", "cuda" (the first), "cuda:N"; NULL = "auto" */
    const char *instructions; /* CPU kernels: NULL = the best this CPU has, or "portable", "avx2" */
    youtu_progress progress;  /* may be NULL */
    void *progress_user;      /* lives until the model is closed */
    youtu_weights weights;    /* the CPU computes with weights as they are stored and refuses other types */
    bool lora;                /* an adapter will be used: a device that applies none is not taken */
} youtu_model_options;

YOUTU_API youtu_model_options youtu_model_options_default(void);

/* Opens a Hugging Face directory: config.json; model.safetensors or model.safetensors.index.json with its
 * shards; when present also generation_config.json and tokenizer.json with tokenizer_config.json. Weights
 * (BF16, F16, F32) are mapped, not copied: they must not change on disk while the model is open. options:
 * NULL for the defaults.
 *
 * Device "auto" is the first CUDA device where there are the plugin libyoutu_cuda.so, a driver, a card of
 * compute capability 8.0 or newer and free memory for the weights; else the CPU, and
 * youtu_model_info.device_note says what was missing. "cuda" fails with that reason instead. Weights go to
 * the device when the first context is made.
 *
 * *model: free with youtu_model_close, after every context made from it. Errors: IO, FORMAT, UNSUPPORTED,
 * MEMORY, DEVICE, ARGUMENT; the message names file, field, found and expected. */
YOUTU_API youtu_status youtu_model_open(const char *directory, const youtu_model_options *options,
                                        youtu_model **model, youtu_error *error);

/* Frees a model and its tokenizer. NULL is accepted. */
YOUTU_API void youtu_model_close(youtu_model *model);

/* The tokenizer in the model's directory, owned by the model; NULL when the directory has no tokenizer.json.
 */
YOUTU_API const youtu_tokenizer *youtu_model_tokenizer(const youtu_model *model);

typedef struct youtu_model_info {
    size_t size;
    const char *name;   /* last part of the directory's path */
    const char *notice; /* config.json "youtu_notice": a warning to show with every answer, or NULL */
    const char *dtype;  /* of the weights that the device computes with: "bf16", "fp16", "fp32" */
    const char *device; /* "cpu (avx2)", "cuda:0 (NVIDIA GeForce RTX 3060)" ... */
    int32_t vocab_size;
    int32_t hidden_size;
    int32_t n_layers;
    int32_t n_heads;
    int32_t max_positions;    /* max_position_embeddings */
    uint64_t n_parameters;    /* values in all tensors the model uses */
    uint64_t weight_bytes;    /* bytes of these tensors as stored */
    uint64_t bytes_per_token; /* weights that decoding one token reads, in bytes (the embedding row aside) */
    uint64_t flops_per_token; /* 2 x the weights that take part in a token's products, attention aside */
    int32_t latent_size;      /* cached values a token a layer: kv_lora_rank + qk_rope_head_dim */
    const char *device_note;  /* why "auto" took the CPU, one sentence; NULL otherwise */
    const char *device_details; /* of a GPU: capability, multiprocessors, clocks, driver; NULL on the CPU */
    double device_bandwidth; /* bytes/s of the device's memory by its data sheet; 0 = not known (the CPU) */
    double device_flops;     /* operations/s on 16-bit operands, likewise */
} youtu_model_info;

/* Fills *info (its `size` set by the caller). Strings live as long as the model. */
YOUTU_API void youtu_model_get_info(const youtu_model *model, youtu_model_info *info);

/* Ends a text: true for the eos ids of generation_config.json, else of config.json. */
YOUTU_API bool youtu_model_is_end(const youtu_model *model, int32_t token);

/* ---- tokenizer
 * ------------------------------------------------------------------------------------------------- */

/* Opens DIRECTORY/tokenizer.json (byte-level BPE) and tokenizer_config.json when present.
 * Errors: IO, FORMAT, UNSUPPORTED (a normalizer, pre-tokenizer, model or flag outside the family, by name),
 * MEMORY. */
YOUTU_API youtu_status youtu_tokenizer_open(const char *directory, youtu_tokenizer **tokenizer,
                                            youtu_error *error);
YOUTU_API void youtu_tokenizer_close(youtu_tokenizer *tokenizer);

/* Number of ids: one more than the largest id of vocabulary and added tokens. */
YOUTU_API int32_t youtu_tokenizer_vocab_size(const youtu_tokenizer *tokenizer);

typedef enum youtu_text_kind {
    YOUTU_TEXT_PLAIN = 0, /* what a person typed: spellings of added tokens are ordinary text */
    YOUTU_TEXT_MARKED = 1 /* a template: spellings of added tokens ("<|User|>") become these tokens */
} youtu_text_kind;

/* A growing list of tokens. Zero-initialise; free with youtu_tokens_free. */
typedef struct youtu_tokens {
    int32_t *ids;
    size_t count;
    size_t capacity;
} youtu_tokens;

YOUTU_API void youtu_tokens_free(youtu_tokens *tokens);

/* Appends the tokens of text[0..length) to *tokens; no BOS. Time O(length log length), stack O(1).
 * Errors: TEXT (with the byte offset; *tokens as before), MEMORY. */
YOUTU_API youtu_status youtu_encode(const youtu_tokenizer *tokenizer, const char *text, size_t length,
                                    youtu_text_kind kind, youtu_tokens *tokens, youtu_error *error);

/* Appends the BOS token where the tokenizer's post-processor or tokenizer_config.json asks for one. */
YOUTU_API youtu_status youtu_encode_begin(const youtu_tokenizer *tokenizer, youtu_tokens *tokens,
                                          youtu_error *error);

/* The id of a token by its spelling as in tokenizer.json's added_tokens ("<think>"), or -1. */
YOUTU_API int32_t youtu_token_find(const youtu_tokenizer *tokenizer, const char *spelling);

/* The bytes a token stands for (not always whole characters; an added token gives its spelling).
 * *length receives the number of bytes. NULL for an id out of range or without a token. Lives as long as the
 * tokenizer. */
YOUTU_API const char *youtu_token_bytes(const youtu_tokenizer *tokenizer, int32_t token, size_t *length);

/* True for added tokens flagged "special": they are control, not text, and detokenizers leave them out. */
YOUTU_API bool youtu_token_is_special(const youtu_tokenizer *tokenizer, int32_t token);

/* Streams tokens to text: bytes are held back until a UTF-8 character is complete; bytes that can never
 * become one are replaced by U+FFFD as in a lossy decode. */
typedef struct youtu_detokenizer youtu_detokenizer;

/* with_special: also write the spelling of special tokens. */
YOUTU_API youtu_status youtu_detokenizer_new(const youtu_tokenizer *tokenizer, bool with_special,
                                             youtu_detokenizer **detokenizer, youtu_error *error);
YOUTU_API void youtu_detokenizer_free(youtu_detokenizer *detokenizer);

/* Adds a token. text, length: the whole characters that it completed (length may be 0), valid until the next
 * call on this detokenizer. Errors: ARGUMENT (id out of range), MEMORY. */
YOUTU_API youtu_status youtu_detokenizer_push(youtu_detokenizer *detokenizer, int32_t token,
                                              const char **text, size_t *length, youtu_error *error);

/* Ends the stream: what is still held back, an incomplete character as U+FFFD. The detokenizer starts afresh.
 */
YOUTU_API void youtu_detokenizer_finish(youtu_detokenizer *detokenizer, const char **text, size_t *length);

/* ---- chat
 * ------------------------------------------------------------------------------------------------------ */

typedef enum youtu_role { YOUTU_SYSTEM, YOUTU_USER, YOUTU_ASSISTANT } youtu_role;

typedef struct youtu_message {
    youtu_role role;
    const char *text; /* taken as plain text: no spelling in it becomes a control token */
    size_t length;
} youtu_message;

/* Appends a dialogue in the model's chat format, ready for the assistant's next answer:
 *   BOS {system} <|User|>{question}<|Assistant|>{answer}<|end_of_text|> ... <|User|>{question}<|Assistant|>
 * without line breaks between the parts (the chat_template of the published tokenizer_config.json). A system
 * message may only come first. Earlier answers lose their reasoning (all up to "</think>" and the blank line
 * after it). reasoning false: "<think>\n\n</think>\n\n" follows, so that the answer begins at once; true: the
 * model opens it. Errors: ARGUMENT, TEXT, UNSUPPORTED (the tokenizer lacks a chat token, named), MEMORY. */
YOUTU_API youtu_status youtu_encode_chat(const youtu_tokenizer *tokenizer, const youtu_message *messages,
                                         size_t count, bool reasoning, youtu_tokens *tokens,
                                         youtu_error *error);

/* ---- adapters
 * -------------------------------------------------------------------------------------------------- */

/* Low-rank terms beside a model's linear maps: y = W x + scale (alpha / r) B (A x), alpha / sqrt(r) under
 * use_rslora (LoRA: arXiv 2106.09685, 2312.03732). Never changes after opening: any number of threads and of
 * contexts of its model may use one at the same time. */
typedef struct youtu_lora youtu_lora;

/* Opens a PEFT directory: adapter_config.json and adapter_model.safetensors (BF16, F16, F32), for the maps
 * inside the layers: q_proj, q_a_proj, q_b_proj, kv_a_proj_with_mqa, kv_b_proj, o_proj, gate_proj, up_proj,
 * down_proj. Read are r, lora_alpha, use_rslora, target_modules (a list), rank_pattern and alpha_pattern
 * (names), layers_to_transform; any other kind of adapter (DoRA, biases, modules_to_save, lm_head ...) is
 * refused by name and value. The values are copied as stored: the files may change afterwards.
 *
 * *lora: free with youtu_lora_close, after every context that uses it and before its model. Errors: IO,
 * FORMAT (with file, tensor, found and expected), UNSUPPORTED (also a device that applies none: CUDA),
 * MEMORY, ARGUMENT. */
YOUTU_API youtu_status youtu_lora_open(const youtu_model *model, const char *directory, youtu_lora **lora,
                                       youtu_error *error);

/* NULL is accepted. */
YOUTU_API void youtu_lora_close(youtu_lora *lora);

typedef struct youtu_lora_info {
    size_t size;
    const char *name; /* last part of the directory's path */
    int32_t n_maps;   /* that it adapts, over all layers */
    int32_t max_rank;
    uint64_t n_parameters;
    uint64_t bytes; /* that its values take; decoding a token reads each once */
} youtu_lora_info;

/* Fills *info (its `size` set by the caller). The name lives as long as the adapter. */
YOUTU_API void youtu_lora_get_info(const youtu_lora *lora, youtu_lora_info *info);

/* ---- context
 * --------------------------------------------------------------------------------------------------- */

typedef struct youtu_context youtu_context;

typedef enum youtu_cache_type {
    YOUTU_CACHE_F16 = 0, /* the default: docs/model.md says why */
    YOUTU_CACHE_F32 = 1  /* twice the memory; for tests */
} youtu_cache_type;

typedef struct youtu_context_options {
    size_t size;
    int32_t n_tokens;    /* cache room in tokens, shared by all sequences; default 2048 */
    int32_t n_sequences; /* sequences 0 .. n_sequences - 1; default 1 */
    int32_t n_batch;     /* rows computed at once: longer batches go in chunks of this; default 256 */
    int32_t n_threads;   /* 0 = one a core this process may use */
    youtu_cache_type cache;
    /* An adapter of the same model, or NULL, and how strongly it acts: 1 as trained, 0 not at all. For all
     * sequences and the context's whole life, since cached latents are those of the adapted model. */
    const youtu_lora *lora;
    float lora_scale;
} youtu_context_options;

YOUTU_API youtu_context_options youtu_context_options_default(void);

/* The bytes that youtu_context_new would take for these options (cache, activations), without taking them. */
YOUTU_API youtu_status youtu_context_memory(const youtu_model *model, const youtu_context_options *options,
                                            uint64_t *bytes, youtu_error *error);

/* *context: free with youtu_context_free before its model. Errors: ARGUMENT, MEMORY, DEVICE. */
YOUTU_API youtu_status youtu_context_new(const youtu_model *model, const youtu_context_options *options,
                                         youtu_context **context, youtu_error *error);
YOUTU_API void youtu_context_free(youtu_context *context);

/* Rows for one youtu_decode: row i appends token[i] to sequence[i] at that sequence's next position. Prefill
 * rows (several of one sequence, in order) and decode rows of other sequences may be mixed. */
typedef struct youtu_batch {
    const int32_t *token;    /* [count], 0 <= id < vocab_size */
    const int32_t *sequence; /* [count]; NULL = sequence 0 */
    const bool *want_logits; /* [count]; NULL = the last row only */
    size_t count;
} youtu_batch;

/* Computes the rows and appends them to the cache. All or nothing: on an error every sequence is as before.
 * Errors: ARGUMENT (id or sequence out of range, named), FULL, NUMERIC (a row of logits is not finite),
 * MEMORY, DEVICE. */
YOUTU_API youtu_status youtu_decode(youtu_context *context, const youtu_batch *batch, youtu_error *error);

/* A kernel of the device in one youtu_profile, summed over its launches. */
typedef struct youtu_kernel_time {
    size_t size;
    const char *name; /* static storage */
    int32_t launches;
    double ms;
    double bytes; /* that it must move: each weight and cached value once, activations in and out */
    double flops; /* two for each product that takes part */
} youtu_kernel_time;

typedef void (*youtu_visit_kernel)(void *user, const youtu_kernel_time *kernel);

/* As youtu_decode, while the device times each of its kernels; then calls visit for each, in the order of
 * their first launch. Slower than youtu_decode: for measuring. Errors: as youtu_decode; UNSUPPORTED on a
 * device without (the CPU): nothing is decoded then. */
YOUTU_API youtu_status youtu_profile(youtu_context *context, const youtu_batch *batch,
                                     youtu_visit_kernel visit, void *user, youtu_error *error);

/* The logits [vocab_size] of the i-th row that wanted them in the last youtu_decode (0 = first); NULL when
 * there is no such row. Owned by the context, valid until its next youtu_decode. */
YOUTU_API const float *youtu_logits(const youtu_context *context, size_t i);

/* Tokens that a sequence holds; -1 for a sequence out of range. */
YOUTU_API int32_t youtu_sequence_length(const youtu_context *context, int32_t sequence);

/* Keeps the first `length` tokens of a sequence (0 empties it). Errors: ARGUMENT. */
YOUTU_API youtu_status youtu_sequence_truncate(youtu_context *context, int32_t sequence, int32_t length,
                                               youtu_error *error);

/* Makes `to` (emptied first) begin with the first `length` tokens of `from`. The shared part is stored once.
 * Errors: ARGUMENT (from == to, length beyond from's), FULL. */
YOUTU_API youtu_status youtu_sequence_fork(youtu_context *context, int32_t from, int32_t to, int32_t length,
                                           youtu_error *error);

/* ---- sampling
 * -------------------------------------------------------------------------------------------------- */

typedef struct youtu_sampler youtu_sampler;

typedef struct youtu_sampler_options {
    size_t size;
    float temperature; /* 0 = greedy: the largest logit after the penalty, the lowest id among equals */
    int32_t top_k;     /* 0 = off */
    float top_p;       /* 1 = off */
    float min_p;       /* 0 = off */
    float repetition_penalty; /* 1 = off; over all tokens accepted, prompt included */
    uint64_t seed;
} youtu_sampler_options;

/* The model's generation_config.json, where it says; else temperature 1 and all filters off. model may be
 * NULL. */
YOUTU_API youtu_sampler_options youtu_sampler_options_default(const youtu_model *model);

/* Errors: ARGUMENT (a value out of range, named), MEMORY. */
YOUTU_API youtu_status youtu_sampler_new(const youtu_sampler_options *options, int32_t vocab_size,
                                         youtu_sampler **sampler, youtu_error *error);
YOUTU_API void youtu_sampler_free(youtu_sampler *sampler);

/* Makes a token count for the repetition penalty (prompt tokens too). Errors: ARGUMENT (id out of range). */
YOUTU_API youtu_status youtu_sampler_accept(youtu_sampler *sampler, int32_t token, youtu_error *error);

/* Forgets accepted tokens and starts the random sequence of `seed` again. */
YOUTU_API void youtu_sampler_reset(youtu_sampler *sampler, uint64_t seed);

/* The probabilities [vocab_size] from which youtu_sampler_sample draws, in the order and arithmetic of
 * transformers' logits processors: repetition penalty, temperature, top-k, top-p, min-p, softmax; greedy:
 * one 1. Errors: NUMERIC (logits not finite). */
YOUTU_API youtu_status youtu_sampler_probabilities(youtu_sampler *sampler, const float *logits,
                                                   float *probabilities, youtu_error *error);

/* Draws a token from logits [vocab_size] and accepts it. The same seed, options, accepted tokens and logits
 * give the same token on every machine and thread count. Errors: NUMERIC. */
YOUTU_API youtu_status youtu_sampler_sample(youtu_sampler *sampler, const float *logits, int32_t *token,
                                            youtu_error *error);

typedef struct youtu_token_score {
    int32_t token;
    float log_probability; /* natural logarithm of the softmax of the unprocessed logits */
} youtu_token_score;

/* log softmax(logits)[token] over [vocab_size]; token must be in range. Any thread. */
YOUTU_API float youtu_log_probability(const float *logits, int32_t vocab_size, int32_t token);

/* The `count` most probable tokens, best first, lowest id first among equals: scores [count], count <=
 * vocab_size. Any thread. */
YOUTU_API void youtu_top_tokens(const float *logits, int32_t vocab_size, int32_t count,
                                youtu_token_score *scores);

/* ---- generation
 * ------------------------------------------------------------------------------------------------ */

/* A generated token. Pointers are valid during the callback. */
typedef struct youtu_event {
    size_t size;
    int32_t token;
    float log_probability;        /* of this token, unprocessed logits */
    const youtu_token_score *top; /* [n_top] */
    int32_t n_top;
    const char *text; /* whole characters now certain: held back while they may be part of a stop string */
    size_t length;
    bool is_fed; /* by the guide, not drawn: log_probability is NAN, n_top 0 */
} youtu_event;

/* What a guide allows next. */
typedef enum youtu_guidance {
    YOUTU_GUIDE_FREE = 0, /* any token */
    YOUTU_GUIDE_AMONG,    /* one of the tokens [n_tokens], at least one */
    YOUTU_GUIDE_EXCEPT,   /* any but the tokens [n_tokens] */
    YOUTU_GUIDE_FEED,     /* the tokens [n_tokens], at least one, come next as they stand; none is drawn */
    YOUTU_GUIDE_END       /* nothing: the text ends here */
} youtu_guidance;

/* Where a guided generation stands. Pointers are valid during the call. */
typedef struct youtu_guide_state {
    size_t size;
    const int32_t *tokens; /* [n_tokens] of the answer so far, drawn and fed */
    size_t n_tokens;
    int32_t n_left; /* tokens that max_tokens and the context still leave */
} youtu_guide_state;

/* The guide's answer; zero, that is FREE, when it is asked. */
typedef struct youtu_guide_step {
    size_t size;
    youtu_guidance guidance;
    const int32_t *tokens; /* the guide's own, valid until it is asked again; a token may come twice */
    size_t n_tokens;
} youtu_guide_step;

typedef struct youtu_generate_options {
    size_t size;
    int32_t max_tokens;         /* default 512 */
    int32_t n_top;              /* most probable tokens in each event; default 0 */
    const int32_t *stop_tokens; /* besides the model's end tokens */
    size_t n_stop_tokens;
    const char *const
        *stop_strings; /* NUL-terminated UTF-8, not empty; the text before a match is the answer */
    size_t n_stop_strings;
    bool ignore_end; /* go on past the model's end tokens: for measuring */
    /* Called after each token; may be NULL. false stops the generation. */
    bool (*on_token)(void *user, const youtu_event *event);
    /* Called as the prompt is computed: `done` of `total` tokens; may be NULL. false stops the generation. */
    bool (*on_prompt)(void *user, size_t done, size_t total);
    void *user;
    /* Asked before every token what may come; NULL: anything. It is asked once for each token drawn and once
     * for each list of tokens fed, before the on_token of the last of them, never after the generation's end.
     *
     * AMONG and EXCEPT work on the logits before all that the sampler does, so that penalty, temperature,
     * filters and seed mean what they mean without a guide; a device that draws by itself leaves these draws
     * to the host. Tokens that are fed are computed as a prompt is, in one batch with what came before them;
     * they count as tokens of the answer for max_tokens, the repetition penalty and stop strings, and one that
     * would end the text if it were drawn does not. Ids out of range, or none where one is needed, end the
     * generation with an error ARGUMENT that names them. */
    void (*guide)(void *user, const youtu_guide_state *state, youtu_guide_step *step);
    void *guide_user;
} youtu_generate_options;

YOUTU_API youtu_generate_options youtu_generate_options_default(void);

typedef enum youtu_finish {
    YOUTU_FINISH_END,      /* an end or stop token */
    YOUTU_FINISH_STRING,   /* a stop string */
    YOUTU_FINISH_LENGTH,   /* max_tokens */
    YOUTU_FINISH_FULL,     /* the context has no room for another token */
    YOUTU_FINISH_CALLBACK, /* a callback returned false */
    YOUTU_FINISH_GUIDE     /* the guide ended it */
} youtu_finish;

typedef struct youtu_generation {
    size_t size;
    youtu_finish finish;
    int32_t prompt_tokens;
    int32_t cached_tokens;     /* of the prompt, already in the sequence */
    int32_t completion_tokens; /* without the end token */
    double prefill_ms;
    double decode_ms;
} youtu_generation;

/* Continues a sequence. prompt [n_prompt] is the whole text from position 0: the longest common prefix with
 * what the sequence holds is reused, the rest of the sequence truncated, and the prompt computed from there;
 * at least its last token is. The sampler accepts the whole prompt and every token generated.
 *
 * Every token, the end token and those that a guide feeds too, gives one on_token, whose text may be empty; the last one carries
 * all that was held back. max_tokens 0 computes the prompt only, and so does a guide that ends an answer before
 * its first token. A callback must not use the context.
 *
 * tokenizer NULL: youtu_event.text stays empty and stop strings are refused. options NULL: the defaults.
 * result may be NULL; it is filled also when an error ends a generation that has begun. Errors: ARGUMENT,
 * FULL (the prompt does not fit; the sequence then holds the common prefix), NUMERIC, MEMORY, DEVICE. */
YOUTU_API youtu_status youtu_generate(youtu_context *context, const youtu_tokenizer *tokenizer,
                                      int32_t sequence, const int32_t *prompt, size_t n_prompt,
                                      const youtu_generate_options *options, youtu_sampler *sampler,
                                      youtu_generation *result, youtu_error *error);

/* A generation that is taken on step by step, beside others of the same context: a scheduler begins one whenever
 * it likes and steps all that are not finished. */
typedef struct youtu_generator youtu_generator;

/* Begins what youtu_generate does, in a sequence that no other generator has; computes nothing yet. Prompt,
 * sampler, context, and what the options point to, live until the generator is freed.
 *
 * *generator: free with youtu_generator_free. Errors: ARGUMENT, MEMORY. (A prompt that does not fit, or a guide's
 * wrong answer, finishes the generator: youtu_generator_result tells.) */
YOUTU_API youtu_status youtu_generator_new(youtu_context *context, const youtu_tokenizer *tokenizer,
                                           int32_t sequence, const int32_t *prompt, size_t n_prompt,
                                           const youtu_generate_options *options, youtu_sampler *sampler,
                                           youtu_generator **generator, youtu_error *error);

/* Takes every unfinished generator [count] one batch further, with its callbacks: those that need few rows (the
 * next token, a few fed tokens, the end of a prompt) in shared batches, and one alone of those that need many (at
 * most n_batch rows of a prompt, the first in the list), so that a new prompt holds up running answers for one
 * chunk a step.
 *
 * What a generator computes at once, and on the CPU every bit of its logits, does not depend on the others: its
 * tokens are those of youtu_generate in a context with the same n_batch. (On a GPU the last bits of the logits may
 * differ.) Only room does: a generator that finds the cache full because of others ends with YOUTU_FINISH_FULL,
 * so a scheduler begins one when there is room for its prompt and max_tokens beside what the others may take.
 *
 * An error in the work of one generator finishes that one alone (youtu_generator_result). Errors: ARGUMENT
 * (different contexts, two of one sequence): nothing is done then. */
YOUTU_API youtu_status youtu_generator_step(youtu_generator *const *generators, size_t count,
                                            youtu_error *error);

YOUTU_API bool youtu_generator_finished(const youtu_generator *generator);

/* How the generation stands, or ended: the status that youtu_generate would return, with its error. Times are by
 * the clock, the others' work between included. result (its `size` set by the caller) may be NULL. */
YOUTU_API youtu_status youtu_generator_result(const youtu_generator *generator, youtu_generation *result,
                                              youtu_error *error);

/* Ends it, at any time; the sequence keeps its tokens. NULL is accepted. */
YOUTU_API void youtu_generator_free(youtu_generator *generator);

#ifdef __cplusplus
}
#endif
#endif
