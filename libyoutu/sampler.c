/* Logits to a token, in the order and arithmetic of transformers' logits processors: repetition penalty,
 * temperature, top-k, top-p, min-p, softmax. No step sorts the vocabulary: each narrows one list of
 * candidates, and a heap or buckets find where to cut. All sums run in a fixed order over numbers that are
 * the same on every machine, so draws repeat. */
#include "sampler.h"

#include "array.h"
#include "error.h"
#include "exponential.h"
#include "model.h"
#include "options.h"
#include "random.h"
#include "token_heap.h"

#include <math.h>

struct youtu_sampler {
    youtu_sampler_options options;
    int32_t vocab_size;
    random_state random;

    int32_t *accepted; /* [vocab] the distinct accepted tokens, the first n_accepted in use */
    int32_t n_accepted;
    bool *is_accepted; /* [vocab] */

    float *scores; /* [vocab] logits after the repetition penalty */

    /* The tokens still in the draw, with their scores after the temperature as log_probability (they are one
     * up to a constant), and their weights e^(score - largest score). */
    youtu_token_score *candidates; /* [vocab], the first n_candidates in use */
    float *weights;                /* beside candidates */
    int32_t n_candidates;
};

/* ---- life ---- */

youtu_sampler_options youtu_sampler_options_default(const youtu_model *model) {
    youtu_sampler_options options = {
        .size = sizeof options, .temperature = 1, .top_p = 1, .repetition_penalty = 1};
    if (model) {
        options.temperature = model->config.temperature;
        options.top_k = model->config.top_k;
        options.top_p = model->config.top_p;
        options.min_p = model->config.min_p;
        options.repetition_penalty = model->config.repetition_penalty;
    }
    return options;
}

static youtu_status check_options(const youtu_sampler_options *o, int32_t vocab_size, youtu_error *error) {
    if (!(o->temperature >= 0 && isfinite(o->temperature)))
        return youtu_fail(error, YOUTU_E_ARGUMENT,
                          "youtu_sampler_options.temperature is %g, expected 0 or more",
                          (double)o->temperature);
    if (o->top_k < 0)
        return youtu_fail(error, YOUTU_E_ARGUMENT,
                          "youtu_sampler_options.top_k is %d, expected 0 (off) or more", o->top_k);
    if (!(o->top_p > 0 && o->top_p <= 1))
        return youtu_fail(error, YOUTU_E_ARGUMENT,
                          "youtu_sampler_options.top_p is %g, expected more than 0, at most 1 (off)",
                          (double)o->top_p);
    if (!(o->min_p >= 0 && o->min_p <= 1))
        return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_sampler_options.min_p is %g, expected 0 (off) to 1",
                          (double)o->min_p);
    if (!(o->repetition_penalty > 0 && isfinite(o->repetition_penalty)))
        return youtu_fail(error, YOUTU_E_ARGUMENT,
                          "youtu_sampler_options.repetition_penalty is %g, expected more than 0 (1 is off)",
                          (double)o->repetition_penalty);
    if (vocab_size < 1)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "vocab_size is %d, expected at least 1", vocab_size);
    return YOUTU_OK;
}

youtu_status youtu_sampler_new(const youtu_sampler_options *options, int32_t vocab_size,
                               youtu_sampler **sampler, youtu_error *error) {
    if (!sampler) return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_sampler_new: sampler is NULL");
    youtu_sampler_options checked = youtu_sampler_options_default(NULL);
    youtu_status status = options_take(&checked, sizeof checked, options, "youtu_sampler_options", error);
    if (status == YOUTU_OK) status = check_options(&checked, vocab_size, error);
    if (status != YOUTU_OK) return status;
    youtu_sampler *s = array_new(1, sizeof *s);
    if (!s) return youtu_fail_memory(error, "sampler", sizeof *s);
    s->options = checked;
    s->vocab_size = vocab_size;
    s->random = random_seed(checked.seed);
    size_t n = (size_t)vocab_size;
    s->accepted = array_new(n, sizeof *s->accepted);
    s->is_accepted = array_new(n, sizeof *s->is_accepted);
    s->scores = array_new(n, sizeof *s->scores);
    s->candidates = array_new(n, sizeof *s->candidates);
    s->weights = array_new(n, sizeof *s->weights);
    if (!s->accepted || !s->is_accepted || !s->scores || !s->candidates || !s->weights) {
        youtu_sampler_free(s);
        return youtu_fail(error, YOUTU_E_MEMORY, "out of memory: sampler over a vocabulary of %d",
                          vocab_size);
    }
    *sampler = s;
    return YOUTU_OK;
}

void youtu_sampler_free(youtu_sampler *sampler) {
    if (!sampler) return;
    free(sampler->accepted);
    free(sampler->is_accepted);
    free(sampler->scores);
    free(sampler->candidates);
    free(sampler->weights);
    free(sampler);
}

int32_t sampler_vocab_size(const youtu_sampler *sampler) {
    return sampler->vocab_size;
}

youtu_status youtu_sampler_accept(youtu_sampler *s, int32_t token, youtu_error *error) {
    if (!s) return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_sampler_accept: sampler is NULL");
    if (token < 0 || token >= s->vocab_size)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "token %d is out of range, expected 0 to %d", token,
                          s->vocab_size - 1);
    if (!s->is_accepted[token]) {
        s->is_accepted[token] = true;
        s->accepted[s->n_accepted++] = token;
    }
    return YOUTU_OK;
}

void youtu_sampler_reset(youtu_sampler *s, uint64_t seed) {
    for (int32_t i = 0; i < s->n_accepted; i++) s->is_accepted[s->accepted[i]] = false;
    s->n_accepted = 0;
    s->options.seed = seed;
    s->random = random_seed(seed);
}

/* ---- scores ---- */

static youtu_status check_logits(const float *logits, int32_t n, youtu_error *error) {
    for (int32_t i = 0; i < n; i++)
        if (!isfinite(logits[i]))
            return youtu_fail(error, YOUTU_E_NUMERIC,
                              "the logit of token %d is %g, expected a finite number: damaged weights?", i,
                              (double)logits[i]);
    return YOUTU_OK;
}

/* scores = logits after the repetition penalty. */
static youtu_status score_tokens(youtu_sampler *s, const float *logits, youtu_error *error) {
    youtu_status status = check_logits(logits, s->vocab_size, error);
    if (status != YOUTU_OK) return status;
    memcpy(s->scores, logits, (size_t)s->vocab_size * sizeof *logits);
    float penalty = s->options.repetition_penalty;
    for (int32_t i = 0; penalty != 1 && i < s->n_accepted; i++) {
        float *score = &s->scores[s->accepted[i]];
        *score = *score < 0 ? *score * penalty : *score / penalty;
    }
    return YOUTU_OK;
}

/* Takes the tokens outside the limit out of the draw: their score becomes -INFINITY. */
static youtu_status limit_tokens(youtu_sampler *s, const token_limit *limit, youtu_error *error) {
    float *kept = s->weights; /* not in use yet: 0 for a token that may not be drawn */
    for (int32_t i = 0; i < s->vocab_size; i++) kept[i] = limit->excludes;
    for (size_t i = 0; i < limit->count; i++) kept[limit->tokens[i]] = !limit->excludes;
    bool any = false;
    for (int32_t i = 0; i < s->vocab_size; i++) {
        if (kept[i] == 0) s->scores[i] = -INFINITY;
        any = any || kept[i] != 0;
    }
    if (any) return YOUTU_OK;
    return youtu_fail(error, YOUTU_E_ARGUMENT, "youtu_generate: the guide leaves no token to draw");
}

/* ---- candidates, always in the order of their ids ---- */

static void keep_best(youtu_sampler *s) {
    int32_t best = 0;
    for (int32_t i = 1; i < s->vocab_size; i++)
        if (s->scores[i] > s->scores[best]) best = i;
    s->candidates[0] = (youtu_token_score){best, s->scores[best]};
    s->n_candidates = 1;
}

/* Temperature and top-k: all tokens whose score is not below the k-th best, more than k when scores are
 * equal. Dividing keeps the order, but may make equal what was nearly so; the rest need not be divided. */
static void keep_top_k(youtu_sampler *s) {
    float temperature = s->options.temperature, least = -INFINITY, nearly_least = -INFINITY;
    if (s->options.top_k > 0 && s->options.top_k < s->vocab_size) {
        heap_select(s->scores, s->vocab_size, s->options.top_k, s->candidates);
        float last = s->candidates[0].log_probability;
        least = last / temperature;
        nearly_least = last - fabsf(last) * 1e-6f;
    }
    s->n_candidates = 0;
    for (int32_t i = 0; i < s->vocab_size; i++) {
        if (s->scores[i] < nearly_least || s->scores[i] == -INFINITY) continue;
        float score = s->scores[i] / temperature;
        if (score >= least) s->candidates[s->n_candidates++] = (youtu_token_score){i, score};
    }
}

static youtu_status weigh_candidates(youtu_sampler *s, youtu_error *error) {
    float largest = -INFINITY;
    for (int32_t i = 0; i < s->n_candidates; i++)
        if (s->candidates[i].log_probability > largest) largest = s->candidates[i].log_probability;
    if (!isfinite(largest))
        return youtu_fail(error, YOUTU_E_NUMERIC,
                          "the largest score is %g after repetition penalty %g and temperature %g, "
                          "expected a finite number",
                          (double)largest, (double)s->options.repetition_penalty,
                          (double)s->options.temperature);
    for (int32_t i = 0; i < s->n_candidates; i++)
        s->weights[i] = (float)exponential((double)s->candidates[i].log_probability - (double)largest);
    return YOUTU_OK;
}

static double total_weight(const youtu_sampler *s) {
    double total = 0;
    for (int32_t i = 0; i < s->n_candidates; i++) total += (double)s->weights[i];
    return total;
}

/* Drops the candidates whose weight is below `least`. */
static void keep_weights(youtu_sampler *s, double least) {
    int32_t kept = 0;
    for (int32_t i = 0; i < s->n_candidates; i++) {
        if ((double)s->weights[i] < least) continue;
        s->candidates[kept] = s->candidates[i];
        s->weights[kept++] = s->weights[i];
    }
    s->n_candidates = kept;
}

/* The weight at which the candidates, heaviest first, reach `enough`; *above: what all heavier ones weigh.
 * Weights are at most 1, so as bits they are 30-bit integers in the same order: three passes sort their
 * weight into buckets by ten bits and look closer at the bucket where `enough` is reached. */
static float find_cut(const youtu_sampler *s, double enough, double *above) {
    uint32_t cut = 0; /* the bits known so far */
    *above = 0;
    for (int shift = 20; shift >= 0; shift -= 10) {
        double buckets[1024] = {0};
        for (int32_t i = 0; i < s->n_candidates; i++) {
            uint32_t bits;
            memcpy(&bits, &s->weights[i], sizeof bits);
            if (bits >> (shift + 10) == cut) buckets[bits >> shift & 1023] += (double)s->weights[i];
        }
        uint32_t b = 1023;
        while (b > 0 && *above + buckets[b] < enough) *above += buckets[b--];
        cut = cut << 10 | b;
    }
    float weight;
    memcpy(&weight, &cut, sizeof weight);
    return weight;
}

/* Keeps the candidates that have less than a share top_p of the weight above them. First all go that weigh
 * less than an n-th of what may go: with everything lighter they weigh less than that. */
static void keep_top_p(youtu_sampler *s) {
    double total = total_weight(s), enough = (double)s->options.top_p * total;
    keep_weights(s, (total - enough) / s->n_candidates);
    double above;
    float cut = find_cut(s, enough, &above);
    int32_t kept = 0;
    for (int32_t i = 0; i < s->n_candidates; i++) {
        if (s->weights[i] < cut || (s->weights[i] == cut && above >= enough)) continue;
        if (s->weights[i] == cut) above += (double)cut;
        s->candidates[kept] = s->candidates[i];
        s->weights[kept++] = s->weights[i];
    }
    s->n_candidates = kept;
}

/* The candidates and weights to draw from; limit NULL: all tokens. */
static youtu_status find_candidates(youtu_sampler *s, const float *logits, const token_limit *limit,
                                    const void *out, youtu_error *error) {
    if (!s || !logits || !out)
        return youtu_fail(error, YOUTU_E_ARGUMENT,
                          "the sampler, its logits or the place for the result is NULL");
    youtu_status status = score_tokens(s, logits, error);
    if (status == YOUTU_OK && limit) status = limit_tokens(s, limit, error);
    if (status != YOUTU_OK) return status;
    if (s->options.temperature == 0)
        keep_best(s);
    else
        keep_top_k(s);
    status = weigh_candidates(s, error);
    if (status != YOUTU_OK) return status;
    if (s->options.top_p < 1) keep_top_p(s);
    if (s->options.min_p > 0) keep_weights(s, (double)s->options.min_p); /* the best weighs 1 */
    return YOUTU_OK;
}

/* ---- draws ---- */

youtu_status youtu_sampler_probabilities(youtu_sampler *s, const float *logits, float *probabilities,
                                         youtu_error *error) {
    youtu_status status = find_candidates(s, logits, NULL, probabilities, error);
    if (status != YOUTU_OK) return status;
    memset(probabilities, 0, (size_t)s->vocab_size * sizeof *probabilities);
    double total = total_weight(s);
    for (int32_t i = 0; i < s->n_candidates; i++)
        probabilities[s->candidates[i].token] = (float)((double)s->weights[i] / total);
    return YOUTU_OK;
}

/* The candidate at which the running sum of weights passes a uniform share of their total. */
static int32_t draw(youtu_sampler *s) {
    double target = random_unit(&s->random) * total_weight(s), sum = 0;
    int32_t drawn = 0;
    for (int32_t i = 0; i < s->n_candidates && sum <= target; i++) {
        if (s->weights[i] == 0) continue;
        sum += (double)s->weights[i];
        drawn = i;
    }
    return s->candidates[drawn].token;
}

youtu_status sampler_sample_within(youtu_sampler *s, const float *logits, const token_limit *limit,
                                   int32_t *token, youtu_error *error) {
    youtu_status status = find_candidates(s, logits, limit, token, error);
    if (status != YOUTU_OK) return status;
    *token = s->options.temperature == 0 ? s->candidates[0].token : draw(s);
    return youtu_sampler_accept(s, *token, error);
}

youtu_status youtu_sampler_sample(youtu_sampler *s, const float *logits, int32_t *token, youtu_error *error) {
    return sampler_sample_within(s, logits, NULL, token, error);
}

/* ---- draws on a device ---- */

void sampler_request(const youtu_sampler *s, token_draw *out) {
    const youtu_sampler_options *o = &s->options;
    random_state random = s->random;
    *out = (token_draw){.temperature = o->temperature,
                        .top_p = o->top_p,
                        .min_p = o->min_p,
                        .repetition_penalty = o->repetition_penalty,
                        .top_k = o->top_k,
                        .uniform = o->temperature == 0 ? 0 : random_unit(&random),
                        .accepted = s->accepted,
                        .n_accepted = o->repetition_penalty == 1 ? 0 : s->n_accepted,
                        .token = -1};
}

youtu_status sampler_take(youtu_sampler *s, int32_t token, youtu_error *error) {
    youtu_status status = youtu_sampler_accept(s, token, error);
    if (status == YOUTU_OK && s->options.temperature != 0) random_unit(&s->random);
    return status;
}
