/* What a device must provide: the operations of one dense MLA transformer on rows, in the model's own terms.
 *
 * model.c calls these in the order of the paper; a backend may run them on whatever hardware, fuse them and
 * defer them, as long as `finish` returns with the logits in host memory. Activations are float32 rows held
 * by the backend, named by enum activation: model.c never touches them. The portable C kernels (kernels/cpu)
 * are the definition that every other backend is compared with, operation by operation.
 *
 * Shapes: n rows of the step; H heads; nope, rope, v the head sizes; latent = kv_lora_rank. */
#ifndef YOUTU_BACKEND_H
#define YOUTU_BACKEND_H

#include "config.h"
#include "weights.h"
#include "youtu.h"

/* The norms of both latents (q_a_layernorm, kv_a_layernorm) take this, whatever rms_norm_eps says:
 * modeling_youtu. */
#define LATENT_NORM_EPSILON 1e-6f

/* Two forms of the same attention, equal up to rounding; the cost of each is in choose_form (context.c).
 * Absorbed: queries are carried into the latent space (q_nope W_uk, once a row) and work on the cached
 * latents. Expanded: keys and values of the whole context are computed from the latents, once a run. */
typedef enum attention_form { ATTEND_ABSORBED, ATTEND_EXPANDED } attention_form;

/* A run: consecutive rows of a step that append to one sequence: rows first_row .. first_row + n_rows - 1 at
 * positions start .. start + n_rows - 1. blocks: the sequence's block table, covering these positions. */
typedef struct run {
    int32_t first_row;
    int32_t n_rows;
    int32_t start;
    attention_form form;
    const int32_t *blocks;
} run;

/* What a device's kernels took, in the order of their first launch. */
#define MAX_KERNELS 32
typedef struct kernel_times {
    int32_t count;
    youtu_kernel_time kernels[MAX_KERNELS];
} kernel_times;

/* On the CPU a row's logits in a step of at most so many rows are bit for bit those of a step that holds its run
 * alone: steps that several texts share are kept to it, so that no answer depends on its neighbours. A GPU's sums
 * may change in their last bits. */
#define SHARED_ROWS 24

/* One pass through the layers: at most n_batch rows. */
typedef struct step {
    int32_t n_rows;
    const int32_t *token;    /* [n_rows] */
    const int32_t *position; /* [n_rows] */
    const int32_t *block;    /* [n_rows] cache block and slot in it that row i writes */
    const int32_t *slot;     /* [n_rows] */
    int32_t n_runs;
    const run *runs;
    int32_t n_outputs;
    const int32_t *output_row; /* [n_outputs] rows whose logits are wanted */
    kernel_times *times;       /* to add this step's to (only where the backend is_timed), or NULL */
} step;

/* Rows [n_batch, width] of float32. */
typedef enum activation {
    ACT_HIDDEN,   /* [n, hidden] residual stream */
    ACT_Q_A,      /* [n, q_lora] */
    ACT_KV_A,     /* [n, latent + rope] */
    ACT_Q,        /* [n, H * (nope + rope)]: a head's nope part, then its rope part */
    ACT_ATTENDED, /* [n, H * v] */
    ACT_GATED,    /* [n, intermediate] */
    ACT_COUNT
} activation;

/* One of several linear maps of the same normed rows: out = W x + bias. */
typedef struct linear_output {
    const matrix *w;
    activation out;
} linear_output;

/* A model's weights on a device, shared by its contexts. */
typedef struct resident resident;

typedef struct device_facts {
    char label[64];    /* "cuda:0 (NVIDIA GeForce RTX 3060)" */
    char details[128]; /* capability, multiprocessors, clocks, driver; "" = nothing to say */
    double bandwidth;  /* bytes/s, 0 = not known */
    double flops;      /* operations/s on 16-bit operands, 0 = not known */
} device_facts;

typedef struct attach_request {
    int32_t ordinal; /* which of the machine's devices */
    const model_config *model;
    model_weights *weights;  /* whose `resident` fields the first open fills; they outlive the resident */
    dtype type;              /* to hold weights in: F16 or BF16 */
    youtu_progress progress; /* while weights go to the device; may be NULL */
    void *progress_user;
} attach_request;

typedef struct device_config {
    const model_config *model;
    const model_weights *weights;
    resident *resident;       /* NULL: weights are used where they are mapped */
    const char *instructions; /* CPU: NULL = the best there is */
    int32_t n_batch;
    int32_t n_threads;
    int32_t max_rank;       /* of matrix.added in what a step will use; 0 = none */
    int32_t n_cache_blocks; /* of CACHE_BLOCK tokens */
    youtu_cache_type cache;
} device_config;

/* One context's share of a device: activations, cache, scratch. */
typedef struct device device;

/* Most draws of a step. */
#define MAX_DRAWS 16

/* A draw from one row of logits, on the device; the rules are those of sampler.c. */
typedef struct token_draw {
    float temperature, top_p, min_p, repetition_penalty;
    int32_t top_k;
    double uniform;          /* in [0, 1): where in the distribution the draw falls */
    const int32_t *accepted; /* [n_accepted] distinct tokens under the penalty; valid until finish */
    int32_t n_accepted;

    int32_t token;         /* filled by finish; -1: a logit, or the largest score, is not finite */
    float log_probability; /* of the token under the logits as they are */
} token_draw;

typedef struct backend {
    const char *name;

    bool is_timed;     /* a step may ask for kernel_times */
    bool is_adaptable; /* its linear maps take matrix.added */

    /* Finds the device; uploads nothing yet. NULL: a backend without.
     * Errors: DEVICE, UNSUPPORTED (a shape that its kernels do not have), MEMORY. */
    youtu_status (*attach)(const attach_request *request, resident **out, device_facts *facts,
                           youtu_error *error);
    void (*detach)(resident *r);

    /* Bytes that open would take, weights aside. */
    uint64_t (*memory)(const device_config *config);
    /* The first open of a resident uploads its weights, once it is known that they and the context fit. Any
     * thread. Errors: MEMORY, DEVICE. */
    youtu_status (*open)(const device_config *config, device **out, youtu_error *error);
    void (*close)(device *d);

    /* Starts a step; *s stays valid until finish. Errors: MEMORY, DEVICE. */
    youtu_status (*begin)(device *d, const step *s, youtu_error *error);

    /* HIDDEN[i] = embedding[token[i]] */
    void (*embed)(device *d);

    /* out_k = W_k x + bias_k for `count` maps, x = rmsnorm(in; norm): in is HIDDEN or Q_A. */
    void (*norm_linear)(device *d, activation in, const matrix *norm, float epsilon, int32_t count,
                        const linear_output *outputs);

    /* For each row: latent c = rmsnorm(KV_A[0..latent); kv_a_norm), rope key = rotate(KV_A[latent..]); both
     * to layer's cache at (block, slot). The rope part of every head of Q is rotated in place. Angles:
     * position x inverse frequency, cos and sin times the attention factor. */
    void (*rope_and_store)(device *d, int32_t layer, const matrix *kv_a_norm);

    /* For every row r and head h, over the cached positions j <= position(r) of its sequence:
     *   p_j = softmax_j(scale * (q_nope . (W_uk c_j) + q_rope . kr_j)),  ATTENDED[r, h] = sum_j p_j (W_uv
     * c_j) with W_uk, W_uv the head's halves of kv_b; each run in the form it asks for. */
    void (*attend)(device *d, int32_t layer, const matrix *kv_b);

    /* HIDDEN += W in + bias; in is ATTENDED or GATED. */
    void (*linear_residual)(device *d, activation in, const matrix *w);

    /* GATED = silu(gate y) * (up y), y = rmsnorm(HIDDEN; norm) */
    void (*gated_mlp)(device *d, const matrix *norm, float epsilon, const matrix *gate, const matrix *up);

    /* logits[k] = head rmsnorm(HIDDEN[output_row[k]]; final_norm): [n_outputs, vocab] in host memory; logits
     * NULL (only with `draw`) = they stay on the device. */
    void (*head)(device *d, const matrix *norm, float epsilon, const matrix *w, float *logits);

    /* Draws a token from each output's logits: draws [n_outputs], at most MAX_DRAWS. NULL: a backend without. */
    void (*draw)(device *d, token_draw *draws);
    /* Copies the last step's logits [n, vocab], n its outputs, which head left on the device. NULL without draw. */
    youtu_status (*fetch_logits)(device *d, int32_t n, float *logits, youtu_error *error);

    /* Completes the step; reports what failed on the device. */
    youtu_status (*finish)(device *d, youtu_error *error);

    /* Copies a cache block in all layers; `d` is a device (a cache_copy of kvcache.h). */
    void (*copy_block)(void *d, int32_t from, int32_t to);
} backend;

/* The CPU; never NULL. *label: which kernels it chose ("avx2"). Errors: ARGUMENT (instructions unknown or
 * beyond this CPU). */
youtu_status backend_cpu(const char *instructions, const backend **out, const char **label,
                         youtu_error *error);

#endif
