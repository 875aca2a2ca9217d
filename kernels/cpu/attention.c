/* Multi-head latent attention over the cache, in the two forms of backend.h; H heads, c a cached latent, kr
 * its rotary key, cached = latent + rope.
 *
 * Absorbed: q' = [q_nope W_uk | q_rope] [cached], so that all heads attend to the same rows [c | kr] like one
 * key head shared by H queries, and values are the rows' first `latent` columns. Work a (row, token) pair: H
 * (2 latent + rope) FMAs; a block of the cache is converted once and serves a tile of QUERY_TILE queries. A
 * short run (decoding) is cut along the context into segments that threads take in turn, each with its own
 * maximum, sum and weighted latents, combined afterwards; where the cuts lie depends on the length alone, so
 * the thread count changes no bit.
 *
 * Expanded: EXPAND_TOKENS tokens of context at a time become keys and values (one product with kv_b), which
 * all rows of the run then use: H (nope + rope + v) FMAs a pair, and latent H (nope + v) a token of context.
 *
 * Both use the online softmax (Milakov & Gimelshein 2018; as in FlashAttention): per query a running maximum
 * m, sum l and weighted sum o; a new maximum scales l and o by exp(m - m_new). */
#include "device.h"
#include "libyoutu/array.h"
#include "libyoutu/error.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#define QUERY_TILE 16    /* queries that share a converted block: one row's heads in the published model */
#define SEGMENT_BLOCKS 8 /* 256 tokens */
#define SPLIT_ROWS 4     /* longer runs have tasks enough without segments */
#define EXPAND_ROWS 64   /* rows of a task in the expanded form */

/* Queries first_query .. + n_queries - 1 of a run, counted row by row, head by head, against one segment. */
struct attend_task {
    const run *of;
    int32_t first_query, n_queries;
    int32_t first_block, end_block;
    size_t out; /* the first query's place among partial results */
};

static int32_t segments_of(const run *r) {
    int32_t blocks = (r->start + r->n_rows + CACHE_BLOCK - 1) / CACHE_BLOCK;
    return r->n_rows > SPLIT_ROWS ? 1 : (blocks + SEGMENT_BLOCKS - 1) / SEGMENT_BLOCKS;
}

size_t attention_scratch(const device *d) {
    size_t absorbed = (size_t)QUERY_TILE * CACHE_BLOCK + (size_t)CACHE_BLOCK * (size_t)d->cached_size;
    size_t expanded = (size_t)EXPAND_ROWS * EXPAND_TOKENS;
    return PRODUCT_SCRATCH_FLOATS + (absorbed > expanded ? absorbed : expanded);
}

/* ---- the plan of a step ---- */

static void add_tasks(device *d, const run *r, size_t *base) {
    int32_t heads = d->model.n_heads, queries = r->n_rows * heads, segments = segments_of(r);
    int32_t blocks = (r->start + r->n_rows + CACHE_BLOCK - 1) / CACHE_BLOCK;
    for (int32_t s = 0; s < segments; s++) {
        int32_t first = s * SEGMENT_BLOCKS;
        int32_t end = segments == 1 || first + SEGMENT_BLOCKS > blocks ? blocks : first + SEGMENT_BLOCKS;
        for (int32_t q = 0; q < queries; q += QUERY_TILE)
            d->tasks[d->n_tasks++] =
                (attend_task){.of = r,
                              .first_query = q,
                              .n_queries = queries - q < QUERY_TILE ? queries - q : QUERY_TILE,
                              .first_block = first,
                              .end_block = end,
                              .out = *base + (size_t)(s * queries + q)};
    }
    *base += (size_t)queries * (size_t)segments;
}

youtu_status attention_plan(device *d, youtu_error *error) {
    size_t heads = (size_t)d->model.n_heads, n_tasks = 0, n_partials = (size_t)d->step->n_rows * heads;
    size_t absorbed = 0;
    for (int32_t i = 0; i < d->step->n_runs; i++) {
        const run *r = &d->step->runs[i];
        if (r->form != ATTEND_ABSORBED) continue;
        size_t queries = (size_t)r->n_rows * heads, segments = (size_t)segments_of(r);
        n_tasks += (queries + QUERY_TILE - 1) / QUERY_TILE * segments;
        absorbed += queries * segments;
    }
    if (absorbed > n_partials) n_partials = absorbed;
    size_t latent = (size_t)d->model.kv_lora_rank;
    if (!array_reserve((void **)&d->tasks, &d->task_capacity, n_tasks, sizeof *d->tasks) ||
        !array_reserve((void **)&d->partial, &d->partial_capacity, absorbed * latent, sizeof *d->partial) ||
        !array_reserve((void **)&d->partial_max, &d->max_capacity, n_partials, sizeof *d->partial_max) ||
        !array_reserve((void **)&d->partial_sum, &d->sum_capacity, n_partials, sizeof *d->partial_sum))
        return youtu_fail_memory(error, "partial results of attention",
                                 absorbed * latent * sizeof *d->partial);
    d->n_tasks = 0;
    size_t base = 0;
    for (int32_t i = 0; i < d->step->n_runs; i++)
        if (d->step->runs[i].form == ATTEND_ABSORBED) add_tasks(d, &d->step->runs[i], &base);
    return YOUTU_OK;
}

/* ---- the softmax of a query's next `total` scores, the first `valid` of them visible ---- */

/* scores become exp(scale * score - m_new), zero where not visible; returns the factor for what was summed
 * before. */
static float softmax_step(const cpu_kernels *k, float *scores, int32_t valid, int32_t total, float scale,
                          float *max, float *sum) {
    if (valid < 0) valid = 0;
    if (valid > total) valid = total;
    memset(scores + valid, 0, (size_t)(total - valid) * sizeof *scores);
    if (valid == 0) return 1.0f;
    float before = *max, largest = scale * k->row_max(scores, (size_t)valid);
    if (largest > before) *max = largest;
    float added = k->exp_sum(scores, (size_t)valid, scale, *max);
    float factor = before == *max ? 1.0f : expf(before - *max);
    *sum = *sum * factor + added;
    return factor;
}

/* ---- absorbed ---- */

/* Where a head's W_uk, or W_uv, begins among the rows of kv_b. */
static int32_t half_row(const device *d, int32_t head, bool values) {
    const model_config *m = &d->model;
    return head * (m->qk_nope_head_dim + m->v_head_dim) + (values ? m->qk_nope_head_dim : 0);
}

/* W_uk (values false: [nope, latent]) or W_uv ([v, latent]) of a head in kv_b. */
static operand head_half(const device *d, const matrix *kv_b, int32_t head, bool values) {
    size_t latent = (size_t)d->model.kv_lora_rank, at = (size_t)half_row(d, head, values) * latent;
    return (operand){element_at(kv_b->data, kv_b->type, at), kv_b->type, latent};
}

/* Rows of an adapter's A and B for the same half: what it adds to W_uk is B_uk A, and to W_uv B_uv A. */
static operand added_latents(const matrix *kv_b) {
    return (operand){kv_b->added.a, kv_b->added.type, (size_t)kv_b->n_in};
}

static operand added_half(const device *d, const matrix *kv_b, int32_t head, bool values) {
    return (operand){element_at(kv_b->added.b, kv_b->added.type, (size_t)half_row(d, head, values)),
                     kv_b->added.type, (size_t)kv_b->n_out};
}

/* Consecutive runs in absorbed form from run *i on, as rows, so that a head's weights are read once for all
 * of them; false when there is none left. */
static bool next_absorbed_rows(const step *s, int32_t *i, int32_t *first_row, int32_t *n_rows) {
    while (*i < s->n_runs && s->runs[*i].form != ATTEND_ABSORBED) ++*i;
    if (*i == s->n_runs) return false;
    *first_row = s->runs[*i].first_row;
    *n_rows = 0;
    for (; *i < s->n_runs && s->runs[*i].form == ATTEND_ABSORBED; ++*i) *n_rows += s->runs[*i].n_rows;
    return true;
}

/* query [n, H, cached] = [q_nope W_uk | q_rope] */
static void absorb_queries(device *d, const matrix *kv_b) {
    const model_config *m = &d->model;
    int32_t head_size = m->qk_nope_head_dim + m->qk_rope_head_dim;
    size_t cached = (size_t)d->cached_size, width = (size_t)d->width[ACT_Q];
#pragma omp parallel for num_threads(d->n_threads) schedule(dynamic)
    for (int32_t h = 0; h < m->n_heads; h++) {
        float *scratch = thread_scratch(d, omp_get_thread_num());
        int32_t first, n;
        for (int32_t i = 0; next_absorbed_rows(d->step, &i, &first, &n);) {
            const float *q = d->activation[ACT_Q] + (size_t)first * width + (size_t)(h * head_size);
            float *out = d->query + ((size_t)first * (size_t)m->n_heads + (size_t)h) * cached;
            size_t stride = (size_t)m->n_heads * cached;
            d->kernels->product_nn(n, m->kv_lora_rank, m->qk_nope_head_dim, q, width,
                                   head_half(d, kv_b, h, false), out, stride, false, scratch);
            if (kv_b->added.rank > 0)
                add_low_rank(d, n, q, width, m->qk_nope_head_dim, added_half(d, kv_b, h, false), &kv_b->added,
                             m->kv_lora_rank, added_latents(kv_b), out, stride, scratch);
            for (int32_t r = 0; r < n; r++)
                memcpy(out + (size_t)r * stride + m->kv_lora_rank,
                       q + (size_t)r * width + m->qk_nope_head_dim,
                       (size_t)m->qk_rope_head_dim * sizeof *out);
        }
    }
}

static void attend_segment(device *d, int32_t layer, const attend_task *t, float *scratch) {
    const cpu_kernels *k = d->kernels;
    int32_t heads = d->model.n_heads, latent = d->model.kv_lora_rank, cached = d->cached_size,
            n = t->n_queries;
    float *scores = scratch + PRODUCT_SCRATCH_FLOATS, *converted = scores + QUERY_TILE * CACHE_BLOCK;
    const float *q = d->query + (size_t)(t->of->first_row * heads + t->first_query) * (size_t)cached;
    float *o = d->partial + t->out * (size_t)latent, *max = d->partial_max + t->out,
          *sum = d->partial_sum + t->out;
    memset(o, 0, (size_t)n * (size_t)latent * sizeof *o);
    for (int32_t i = 0; i < n; i++) max[i] = -INFINITY, sum[i] = 0;

    for (int32_t b = t->first_block; b < t->end_block; b++) {
        int32_t last = t->of->start + (t->first_query + n - 1) / heads; /* the tile's last position */
        int32_t tokens = last + 1 - b * CACHE_BLOCK;
        if (tokens <= 0) break;
        if (tokens > CACHE_BLOCK) tokens = CACHE_BLOCK;
        const void *rows = cache_block(d, layer, t->of->blocks[b]);
        if (d->cache_type != DTYPE_F32) {
            k->to_f32(rows, d->cache_type, (size_t)tokens * (size_t)cached, converted);
            rows = converted;
        }
        operand keys = {rows, DTYPE_F32, (size_t)cached};
        k->product_nt(n, tokens, cached, q, (size_t)cached, keys, scores, CACHE_BLOCK, false, scratch);
        for (int32_t i = 0; i < n; i++) {
            int32_t position = t->of->start + (t->first_query + i) / heads;
            float factor = softmax_step(k, scores + i * CACHE_BLOCK, position + 1 - b * CACHE_BLOCK, tokens,
                                        d->model.softmax_scale, &max[i], &sum[i]);
            if (factor != 1.0f) k->multiply(o + (size_t)i * (size_t)latent, (size_t)latent, factor);
        }
        k->product_nn(n, latent, tokens, scores, CACHE_BLOCK, keys, o, (size_t)latent, true, scratch);
    }
}

/* out [latent] = the softmax-weighted latents of one query over all its segments, `step` partial results
 * apart. */
static void combine_segments(const device *d, size_t first, size_t step_size, int32_t segments, float *out) {
    size_t latent = (size_t)d->model.kv_lora_rank;
    float max = -INFINITY, sum = 0;
    for (int32_t s = 0; s < segments; s++) max = fmaxf(max, d->partial_max[first + (size_t)s * step_size]);
    memset(out, 0, latent * sizeof *out);
    for (int32_t s = 0; s < segments; s++) {
        size_t at = first + (size_t)s * step_size;
        float weight = expf(d->partial_max[at] - max);
        sum += weight * d->partial_sum[at];
        const float *o = d->partial + at * latent;
        for (size_t i = 0; i < latent; i++) out[i] += weight * o[i];
    }
    d->kernels->multiply(out, latent, 1.0f / sum);
}

/* ATTENDED [n, H, v] = W_uv (combined latents); the combined latents take the place of the absorbed queries.
 */
static void project_values(device *d, const matrix *kv_b) {
    const model_config *m = &d->model;
    size_t heads = (size_t)m->n_heads, cached = (size_t)d->cached_size,
           width = (size_t)d->width[ACT_ATTENDED];
#pragma omp parallel for num_threads(d->n_threads) schedule(dynamic)
    for (int32_t h = 0; h < m->n_heads; h++) {
        size_t base = 0;
        for (int32_t i = 0; i < d->step->n_runs; i++) {
            const run *r = &d->step->runs[i];
            if (r->form != ATTEND_ABSORBED) continue;
            size_t queries = (size_t)r->n_rows * heads;
            for (size_t row = 0; row < (size_t)r->n_rows; row++)
                combine_segments(d, base + row * heads + (size_t)h, queries, segments_of(r),
                                 d->query + (((size_t)r->first_row + row) * heads + (size_t)h) * cached);
            base += queries * (size_t)segments_of(r);
        }
        int32_t first, n;
        float *scratch = thread_scratch(d, omp_get_thread_num());
        for (int32_t i = 0; next_absorbed_rows(d->step, &i, &first, &n);) {
            const float *latents = d->query + ((size_t)first * heads + (size_t)h) * cached;
            float *out = d->activation[ACT_ATTENDED] + (size_t)first * width + (size_t)(h * m->v_head_dim);
            d->kernels->product_nt(n, m->v_head_dim, m->kv_lora_rank, latents, heads * cached,
                                   head_half(d, kv_b, h, true), out, width, false, scratch);
            if (kv_b->added.rank > 0)
                add_low_rank(d, n, latents, heads * cached, m->kv_lora_rank, added_latents(kv_b),
                             &kv_b->added, m->v_head_dim, added_half(d, kv_b, h, true), out, width, scratch);
        }
    }
}

/* ---- expanded ---- */

/* latents [tokens, cached] = the cached rows first .. first + tokens - 1; first is a multiple of CACHE_BLOCK.
 */
static void gather_latents(device *d, int32_t layer, const run *r, int32_t first, int32_t tokens) {
    size_t cached = (size_t)d->cached_size;
    for (int32_t t = 0; t < tokens; t += CACHE_BLOCK) {
        int32_t count = tokens - t < CACHE_BLOCK ? tokens - t : CACHE_BLOCK;
        d->kernels->to_f32(cache_block(d, layer, r->blocks[(first + t) / CACHE_BLOCK]), d->cache_type,
                           (size_t)count * cached, d->latents + (size_t)t * cached);
    }
}

/* Rows row .. row + n - 1 of a run, one head, against the keys and values of tokens first .. first + tokens
 * - 1. */
static void attend_expanded_tile(device *d, const run *r, int32_t row, int32_t n, int32_t h, int32_t first,
                                 int32_t tokens, float *scratch) {
    const cpu_kernels *k = d->kernels;
    const model_config *m = &d->model;
    int32_t visible = r->start + row + n - first; /* to the tile's last row */
    if (visible <= 0) return;
    if (visible < tokens) tokens = visible;
    int32_t head_size = m->qk_nope_head_dim + m->qk_rope_head_dim, pair = m->qk_nope_head_dim + m->v_head_dim;
    size_t expanded_width = (size_t)(m->n_heads * pair), q_width = (size_t)d->width[ACT_Q];
    size_t o_width = (size_t)d->width[ACT_ATTENDED], at_row = (size_t)(r->first_row + row);
    const float *q = d->activation[ACT_Q] + at_row * q_width + (size_t)(h * head_size);
    float *o = d->activation[ACT_ATTENDED] + at_row * o_width + (size_t)(h * m->v_head_dim);
    float *scores = scratch + PRODUCT_SCRATCH_FLOATS;
    operand keys = {d->expanded + h * pair, DTYPE_F32, expanded_width};
    operand values = {d->expanded + h * pair + m->qk_nope_head_dim, DTYPE_F32, expanded_width};
    operand rope_keys = {d->latents + m->kv_lora_rank, DTYPE_F32, (size_t)d->cached_size};

    k->product_nt(n, tokens, m->qk_nope_head_dim, q, q_width, keys, scores, EXPAND_TOKENS, false, scratch);
    k->product_nt(n, tokens, m->qk_rope_head_dim, q + m->qk_nope_head_dim, q_width, rope_keys, scores,
                  EXPAND_TOKENS, true, scratch);
    for (int32_t i = 0; i < n; i++) {
        size_t state = (at_row + (size_t)i) * (size_t)m->n_heads + (size_t)h;
        float factor = softmax_step(k, scores + i * EXPAND_TOKENS, r->start + row + i + 1 - first, tokens,
                                    m->softmax_scale, &d->partial_max[state], &d->partial_sum[state]);
        if (factor != 1.0f) k->multiply(o + (size_t)i * o_width, (size_t)m->v_head_dim, factor);
    }
    k->product_nn(n, m->v_head_dim, tokens, scores, EXPAND_TOKENS, values, o, o_width, true, scratch);
}

static void attend_expanded(device *d, int32_t layer, const matrix *kv_b, const run *r) {
    int32_t heads = d->model.n_heads, v = d->model.v_head_dim, length = r->start + r->n_rows;
    size_t width = (size_t)d->width[ACT_ATTENDED], first_row = (size_t)r->first_row;
    float *attended = d->activation[ACT_ATTENDED] + first_row * width;
    memset(attended, 0, (size_t)r->n_rows * width * sizeof *attended);
    for (size_t i = first_row * (size_t)heads; i < (first_row + (size_t)r->n_rows) * (size_t)heads; i++)
        d->partial_max[i] = -INFINITY, d->partial_sum[i] = 0;

    int32_t tiles = (r->n_rows + EXPAND_ROWS - 1) / EXPAND_ROWS;
    for (int32_t first = 0; first < length; first += EXPAND_TOKENS) {
        int32_t tokens = length - first < EXPAND_TOKENS ? length - first : EXPAND_TOKENS;
        gather_latents(d, layer, r, first, tokens);
        linear(d, tokens, d->latents, (size_t)d->cached_size, kv_b, d->expanded, (size_t)kv_b->n_out, false);
#pragma omp parallel for num_threads(d->n_threads) schedule(dynamic)
        for (int32_t t = 0; t < tiles * heads; t++) {
            int32_t row = t / heads * EXPAND_ROWS;
            int32_t n = r->n_rows - row < EXPAND_ROWS ? r->n_rows - row : EXPAND_ROWS;
            attend_expanded_tile(d, r, row, n, t % heads, first, tokens,
                                 thread_scratch(d, omp_get_thread_num()));
        }
    }
    for (int32_t i = 0; i < r->n_rows; i++)
        for (int32_t h = 0; h < heads; h++)
            d->kernels->multiply(attended + (size_t)i * width + (size_t)(h * v), (size_t)v,
                                 1.0f / d->partial_sum[(first_row + (size_t)i) * (size_t)heads + (size_t)h]);
}

void cpu_attend(device *d, int32_t layer, const matrix *kv_b) {
    if (d->n_tasks > 0) {
        absorb_queries(d, kv_b);
#pragma omp parallel for num_threads(d->n_threads) schedule(dynamic)
        for (size_t t = 0; t < d->n_tasks; t++)
            attend_segment(d, layer, &d->tasks[t], thread_scratch(d, omp_get_thread_num()));
        project_values(d, kv_b);
    }
    for (int32_t i = 0; i < d->step->n_runs; i++)
        if (d->step->runs[i].form == ATTEND_EXPANDED) attend_expanded(d, layer, kv_b, &d->step->runs[i]);
}
