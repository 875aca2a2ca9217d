/* A context: sequences in one cache, and the way from a caller's batch to steps through the layers. */
#include "context.h"

#include "array.h"
#include "error.h"
#include "kvcache.h"
#include "lora.h"
#include "model.h"
#include "options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BATCH 65536
#define MAX_SEQUENCES 65536
#define MAX_THREADS 1024

struct youtu_context {
    const youtu_model *model;
    const layer_weights *layers; /* the model's, or `adapted` */
    layer_weights *adapted;      /* the context's own list when it has an adapter */
    const char *adapter;         /* its name, or NULL */
    device *device;
    kvcache cache;
    int32_t n_batch;

    /* One step, [n_batch] each. */
    int32_t *position, *block, *slot, *output_row;
    run *runs;

    int32_t *length_before; /* [n_sequences] while a batch is decoded */
    kernel_times *times;    /* while a batch is profiled; else NULL */
    float *logits;          /* [logits_capacity / vocab, vocab] */
    size_t logits_capacity;
    size_t n_logits;
};

youtu_context_options youtu_context_options_default(void) {
    return (youtu_context_options){.size = sizeof(youtu_context_options),
                                   .n_tokens = 2048,
                                   .n_sequences = 1,
                                   .n_batch = 256,
                                   .lora_scale = 1};
}

static youtu_status check_range(const char *name, int64_t value, int64_t least, int64_t most,
                                youtu_error *error) {
    if (value >= least && value <= most) return YOUTU_OK;
    return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_context_options.%s is %lld, expected %lld to %lld",
                      name, (long long)value, (long long)least, (long long)most);
}

static youtu_status check_adapter(const youtu_model *model, const youtu_context_options *options,
                                  youtu_error *error) {
    if (!isfinite(options->lora_scale))
        return youtu_fail(error, YOUTU_E_ARGUMENT,
                          "youtu_context_options.lora_scale is %g, expected a finite number",
                          (double)options->lora_scale);
    if (options->lora && options->lora->model != model)
        return youtu_fail(
            error, YOUTU_E_ARGUMENT,
            "youtu_context_options.lora is adapter \"%s\", opened for another model than this \"%s\"",
            options->lora->name, model->name);
    return YOUTU_OK;
}

/* The caller's options as checked values for the device. */
static youtu_status configure(const youtu_model *model, const youtu_context_options *given,
                              youtu_context_options *options, device_config *config, youtu_error *error) {
    *options = youtu_context_options_default();
    youtu_status status = options_take(options, sizeof *options, given, "youtu_context_options", error);
    if (status == YOUTU_OK) status = check_range("n_tokens", options->n_tokens, 1, INT32_MAX / 2, error);
    if (status == YOUTU_OK)
        status = check_range("n_sequences", options->n_sequences, 1, MAX_SEQUENCES, error);
    if (status == YOUTU_OK) status = check_range("n_batch", options->n_batch, 1, MAX_BATCH, error);
    if (status == YOUTU_OK) status = check_range("n_threads", options->n_threads, 0, MAX_THREADS, error);
    if (status == YOUTU_OK) status = check_range("cache", (int64_t)options->cache, 0, YOUTU_CACHE_F32, error);
    if (status == YOUTU_OK) status = check_adapter(model, options, error);
    if (status != YOUTU_OK) return status;
    *config = (device_config){.model = &model->config,
                              .weights = &model->weights,
                              .resident = model->resident,
                              .instructions = model->instructions,
                              .n_batch = options->n_batch,
                              .n_threads = options->n_threads,
                              .max_rank = options->lora ? options->lora->max_rank : 0,
                              .n_cache_blocks = (options->n_tokens + CACHE_BLOCK - 1) / CACHE_BLOCK,
                              .cache = options->cache};
    return YOUTU_OK;
}

youtu_status youtu_context_memory(const youtu_model *model, const youtu_context_options *options,
                                  uint64_t *bytes, youtu_error *error) {
    youtu_context_options checked;
    device_config config;
    if (!model || !bytes)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_context_memory: model or bytes is NULL");
    youtu_status status = configure(model, options, &checked, &config, error);
    if (status == YOUTU_OK) *bytes = model->backend->memory(&config);
    return status;
}

static youtu_status allocate_step(youtu_context *c, int32_t n_sequences, youtu_error *error) {
    size_t n = (size_t)c->n_batch;
    c->position = array_new(n, sizeof *c->position);
    c->block = array_new(n, sizeof *c->block);
    c->slot = array_new(n, sizeof *c->slot);
    c->output_row = array_new(n, sizeof *c->output_row);
    c->runs = array_new(n, sizeof *c->runs);
    c->length_before = array_new((size_t)n_sequences, sizeof *c->length_before);
    if (c->position && c->block && c->slot && c->output_row && c->runs && c->length_before) return YOUTU_OK;
    return youtu_fail_memory(error, "a batch", n * (4 * sizeof(int32_t) + sizeof(run)));
}

static youtu_status adapt(youtu_context *c, const youtu_lora *lora, float scale, youtu_error *error) {
    youtu_status status = lora_layers(lora, scale, &c->adapted, error);
    if (status != YOUTU_OK) return status;
    c->layers = c->adapted;
    c->adapter = lora->name;
    return YOUTU_OK;
}

youtu_status youtu_context_new(const youtu_model *model, const youtu_context_options *options,
                               youtu_context **out, youtu_error *error) {
    youtu_context_options checked;
    device_config config;
    if (!model || !out)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_context_new: model or context is NULL");
    youtu_status status = configure(model, options, &checked, &config, error);
    if (status != YOUTU_OK) return status;

    youtu_context *c = calloc(1, sizeof *c);
    if (!c) return youtu_fail_memory(error, "a context", sizeof *c);
    c->model = model;
    c->layers = model->weights.layers;
    c->n_batch = checked.n_batch;
    status = kvcache_init(&c->cache, checked.n_tokens, checked.n_sequences, error);
    if (status == YOUTU_OK) status = allocate_step(c, checked.n_sequences, error);
    if (status == YOUTU_OK && checked.lora) status = adapt(c, checked.lora, checked.lora_scale, error);
    if (status == YOUTU_OK) status = model->backend->open(&config, &c->device, error);
    if (status != YOUTU_OK) {
        youtu_context_free(c);
        return status;
    }
    *out = c;
    return YOUTU_OK;
}

void youtu_context_free(youtu_context *c) {
    if (!c) return;
    c->model->backend->close(c->device);
    kvcache_free(&c->cache);
    free(c->position);
    free(c->block);
    free(c->slot);
    free(c->output_row);
    free(c->runs);
    free(c->length_before);
    free(c->logits);
    free(c->adapted);
    free(c);
}

/* ---- decoding a batch ---- */

static int32_t sequence_of(const youtu_batch *batch, size_t row) {
    return batch->sequence ? batch->sequence[row] : 0;
}

static bool wants_logits(const youtu_batch *batch, size_t row) {
    return batch->want_logits ? batch->want_logits[row] : row + 1 == batch->count;
}

static youtu_status check_batch(const youtu_context *c, const youtu_batch *batch, youtu_error *error) {
    if (!batch || (batch->count > 0 && !batch->token))
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_decode: the batch or its tokens are NULL");
    if (batch->count > INT32_MAX)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_decode: %zu rows, expected at most %d",
                          batch->count, INT32_MAX);
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->token[i] < 0 || batch->token[i] >= c->model->config.vocab_size)
            return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_decode: row %zu has token %d, expected 0 to %d",
                              i, batch->token[i], c->model->config.vocab_size - 1);
        int32_t s = sequence_of(batch, i);
        if (s < 0 || s >= c->cache.n_sequences)
            return youtu_fail(error, YOUTU_E_ARGUMENT,
                              "youtu_decode: row %zu has sequence %d, expected 0 to %d", i, s,
                              c->cache.n_sequences - 1);
    }
    return YOUTU_OK;
}

/* All sequences back to the length they had before the batch. */
static void roll_back(youtu_context *c) {
    for (int32_t s = 0; s < c->cache.n_sequences; s++) kvcache_truncate(&c->cache, s, c->length_before[s]);
    c->n_logits = 0;
}

/* Room for every row before any is computed, so that a full context changes nothing. */
static youtu_status reserve_rows(youtu_context *c, const youtu_batch *batch, youtu_error *error) {
    int32_t *extra = array_new((size_t)c->cache.n_sequences, sizeof *extra);
    if (!extra) return youtu_fail_memory(error, "a batch", (size_t)c->cache.n_sequences * sizeof *extra);
    for (size_t i = 0; i < batch->count; i++) extra[sequence_of(batch, i)]++;
    youtu_status status = YOUTU_OK;
    for (int32_t s = 0; s < c->cache.n_sequences && status == YOUTU_OK; s++) {
        int32_t length = c->cache.sequences[s].length, most = c->model->config.max_positions;
        if (extra[s] > 0 && extra[s] > most - length)
            status = youtu_fail(
                error, YOUTU_E_FULL,
                "sequence %d holds %d tokens; %d more would pass the model's max_position_embeddings %d", s,
                length, extra[s], most);
        else
            status = kvcache_reserve(&c->cache, s, extra[s], c->model->backend->copy_block, c->device, error);
    }
    free(extra);
    return status;
}

static size_t count_outputs(const youtu_batch *batch) {
    size_t outputs = 0;
    for (size_t i = 0; i < batch->count; i++) outputs += wants_logits(batch, i);
    return outputs;
}

static youtu_status reserve_logits(youtu_context *c, size_t outputs, youtu_error *error) {
    size_t floats, vocab = (size_t)c->model->config.vocab_size;
    if (!size_multiply(outputs, vocab, &floats)) floats = SIZE_MAX;
    if (floats <= c->logits_capacity) return YOUTU_OK;
    /* Exactly what is asked for: the old content is dead, and doubling would waste megabytes. */
    float *grown = floats == SIZE_MAX ? NULL : array_new(floats, sizeof *grown);
    if (!grown) return youtu_fail_memory(error, "logits", outputs * vocab * sizeof *grown);
    free(c->logits);
    c->logits = grown;
    c->logits_capacity = floats;
    return YOUTU_OK;
}

/* The cheaper form by its count of multiplications (kernels/cpu/attention.c): for a run of n rows at the end
 * of a context of L tokens, P row-token pairs and H heads, absorbed: n H latent (nope + v) + P H (2 latent +
 * rope) expanded: L H latent (nope + v) + P H (nope + rope + v) */
static attention_form choose_form(const model_config *m, int32_t n_rows, int32_t start) {
    double n = n_rows, length = start + n, pairs = n * start + n * (n + 1) / 2, latent = m->kv_lora_rank;
    double carried = latent * (m->qk_nope_head_dim + m->v_head_dim);
    double absorbed = n * carried + pairs * (2 * latent + m->qk_rope_head_dim);
    double expanded = length * carried + pairs * (m->qk_nope_head_dim + m->qk_rope_head_dim + m->v_head_dim);
    return absorbed <= expanded ? ATTEND_ABSORBED : ATTEND_EXPANDED;
}

/* Rows first .. of the batch as a step of at most n_batch rows. */
static step make_step(youtu_context *c, const youtu_batch *batch, size_t first) {
    size_t left = batch->count - first;
    int32_t n_rows = left < (size_t)c->n_batch ? (int32_t)left : c->n_batch, n_runs = 0, n_outputs = 0;
    int32_t before = -1;
    for (int32_t i = 0; i < n_rows; i++) {
        size_t row = first + (size_t)i;
        int32_t s = sequence_of(batch, row);
        int32_t position = kvcache_append(&c->cache, s, batch->token[row]);
        const int32_t *blocks = c->cache.sequences[s].blocks;
        c->position[i] = position;
        c->block[i] = blocks[position / CACHE_BLOCK];
        c->slot[i] = position % CACHE_BLOCK;
        if (s != before) c->runs[n_runs++] = (run){.first_row = i, .start = position, .blocks = blocks};
        c->runs[n_runs - 1].n_rows++;
        if (wants_logits(batch, row)) c->output_row[n_outputs++] = i;
        before = s;
    }
    for (int32_t i = 0; i < n_runs; i++)
        c->runs[i].form = choose_form(&c->model->config, c->runs[i].n_rows, c->runs[i].start);
    return (step){.n_rows = n_rows,
                  .token = batch->token + first,
                  .position = c->position,
                  .block = c->block,
                  .slot = c->slot,
                  .n_runs = n_runs,
                  .runs = c->runs,
                  .n_outputs = n_outputs,
                  .output_row = c->output_row,
                  .times = c->times};
}

static youtu_status check_finite(const youtu_context *c, const step *s, const float *logits,
                                 youtu_error *error) {
    int32_t vocab = c->model->config.vocab_size;
    for (int32_t k = 0; k < s->n_outputs; k++)
        for (int32_t j = 0; j < vocab; j++)
            if (!isfinite(logits[(size_t)k * (size_t)vocab + (size_t)j]))
                return youtu_fail(
                    error, YOUTU_E_NUMERIC,
                    "the logits after position %d are not finite (token %d: %f): the weights of model \"%s\" "
                    "%s%s%sare damaged%s",
                    s->position[s->output_row[k]], j, (double)logits[(size_t)k * (size_t)vocab + (size_t)j],
                    c->model->name, c->adapter ? "or of adapter \"" : "", c->adapter ? c->adapter : "",
                    c->adapter ? "\" " : "",
                    c->model->resident && c->model->weights_type == DTYPE_F16
                        ? ", or too large for fp16: try bf16 (--dtype bf16)"
                        : "");
    return YOUTU_OK;
}

/* The step with its logits to the host: behind those that the batch has already. */
static youtu_status forward(youtu_context *c, const step *s, youtu_error *error) {
    float *logits = s->n_outputs > 0 ? c->logits + c->n_logits * (size_t)c->model->config.vocab_size : NULL;
    youtu_status status = model_forward(c->model, c->layers, c->device, s, logits, NULL, error);
    if (status == YOUTU_OK) status = check_finite(c, s, logits, error);
    c->n_logits += (size_t)s->n_outputs;
    return status;
}

/* The step with a draw from its one output. Where the device could not draw, the host shall see why. */
static youtu_status forward_draw(youtu_context *c, const step *s, token_draw *draw, youtu_error *error) {
    youtu_status status = model_forward(c->model, c->layers, c->device, s, NULL, draw, error);
    if (status != YOUTU_OK || draw->token >= 0) return status;
    status = reserve_logits(c, 1, error);
    if (status == YOUTU_OK) status = c->model->backend->fetch_logits(c->device, 1, c->logits, error);
    if (status == YOUTU_OK) status = check_finite(c, s, c->logits, error);
    c->n_logits = 1;
    return status;
}

/* All or nothing. draw NULL: all logits to the host. */
static youtu_status decode(youtu_context *c, const youtu_batch *batch, token_draw *draw, youtu_error *error) {
    youtu_status status = check_batch(c, batch, error);
    if (status != YOUTU_OK) return status;
    for (int32_t s = 0; s < c->cache.n_sequences; s++) c->length_before[s] = c->cache.sequences[s].length;
    c->n_logits = 0;
    if (!draw) status = reserve_logits(c, count_outputs(batch), error);
    if (status == YOUTU_OK) status = reserve_rows(c, batch, error);

    for (size_t first = 0; first < batch->count && status == YOUTU_OK;) {
        step s = make_step(c, batch, first);
        status = draw && s.n_outputs > 0 ? forward_draw(c, &s, draw, error) : forward(c, &s, error);
        first += (size_t)s.n_rows;
    }
    if (status != YOUTU_OK) roll_back(c);
    return status;
}

youtu_status youtu_decode(youtu_context *c, const youtu_batch *batch, youtu_error *error) {
    if (!c) return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_decode: the context is NULL");
    return decode(c, batch, NULL, error);
}

youtu_status youtu_profile(youtu_context *c, const youtu_batch *batch, youtu_visit_kernel visit, void *user,
                           youtu_error *error) {
    if (!c || !visit)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_profile: the context or visit is NULL");
    if (!c->model->backend->is_timed)
        return youtu_fail(error, YOUTU_E_UNSUPPORTED, "device \"%s\" does not time its kernels",
                          c->model->device_facts.label);
    kernel_times times = {0};
    c->times = &times;
    youtu_status status = decode(c, batch, NULL, error);
    c->times = NULL;
    for (int32_t i = 0; i < times.count && status == YOUTU_OK; i++) visit(user, &times.kernels[i]);
    return status;
}

youtu_status context_decode_draw(youtu_context *c, const youtu_batch *batch, token_draw *draw,
                                 youtu_error *error) {
    draw->token = -1;
    return decode(c, batch, c->model->backend->draw ? draw : NULL, error);
}

const float *youtu_logits(const youtu_context *c, size_t i) {
    if (i >= c->n_logits) return NULL;
    return c->logits + i * (size_t)c->model->config.vocab_size;
}

/* ---- sequences ---- */

static bool has_sequence(const youtu_context *c, int32_t s) {
    return s >= 0 && s < c->cache.n_sequences;
}

static youtu_status check_sequence(const youtu_context *c, int32_t s, int32_t length, youtu_error *error) {
    if (!has_sequence(c, s))
        return youtu_fail(error, YOUTU_E_ARGUMENT, "sequence %d, expected 0 to %d", s,
                          c->cache.n_sequences - 1);
    int32_t held = c->cache.sequences[s].length;
    if (length < 0 || length > held)
        return youtu_fail(error, YOUTU_E_ARGUMENT,
                          "length %d of sequence %d, expected 0 to %d, which it holds", length, s, held);
    return YOUTU_OK;
}

int32_t youtu_sequence_length(const youtu_context *c, int32_t s) {
    return has_sequence(c, s) ? c->cache.sequences[s].length : -1;
}

youtu_status youtu_sequence_truncate(youtu_context *c, int32_t s, int32_t length, youtu_error *error) {
    youtu_status status = check_sequence(c, s, length, error);
    if (status == YOUTU_OK) kvcache_truncate(&c->cache, s, length);
    return status;
}

youtu_status youtu_sequence_fork(youtu_context *c, int32_t from, int32_t to, int32_t length,
                                 youtu_error *error) {
    youtu_status status = check_sequence(c, from, length, error);
    if (status == YOUTU_OK) status = check_sequence(c, to, 0, error);
    if (status != YOUTU_OK) return status;
    if (from == to) return youtu_fail(error, YOUTU_E_ARGUMENT, "fork of sequence %d to itself", from);
    kvcache_fork(&c->cache, from, to, length);
    return YOUTU_OK;
}

/* ---- for the rest of the library ---- */

const youtu_model *context_model(const youtu_context *c) {
    return c->model;
}

const int32_t *context_tokens(const youtu_context *c, int32_t s) {
    return c->cache.sequences[s].tokens;
}

int32_t context_batch(const youtu_context *c) {
    return c->n_batch;
}

int32_t context_room(const youtu_context *c, int32_t s) {
    int32_t cached = kvcache_room(&c->cache, s);
    int32_t positions = c->model->config.max_positions - c->cache.sequences[s].length;
    return cached < positions ? cached : positions;
}
