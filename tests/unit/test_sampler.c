/* The sampler against transformers' own results, and against the same steps written the slow way. */
#include "libyoutu/exponential.h"
#include "libyoutu/random.h"
#include "libyoutu/sampler.h"
#include "tests/golden/golden_file.h"
#include "youtu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static youtu_sampler *sampler_with(youtu_sampler_options options, int32_t vocab_size) {
    youtu_sampler *sampler = NULL;
    youtu_error error;
    if (youtu_sampler_new(&options, vocab_size, &sampler, &error)) fail_msg("%s", error.message);
    return sampler;
}

static void accept_all(youtu_sampler *sampler, const int32_t *tokens, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        assert_int_equal(youtu_sampler_accept(sampler, tokens[i], NULL), YOUTU_OK);
}

/* ---- against the reference */

static void probabilities_are_those_of_transformers(void **state) {
    (void)state;
    golden_file *golden = golden_open("tests/golden/sampling.safetensors");
    int64_t logits_shape[2], prior_shape[2], params_shape[2], probs_shape[2];
    const float *logits = golden_f32(golden, "logits", logits_shape);
    const int32_t *prior = golden_i32(golden, "prior_ids", prior_shape);
    const float *params = golden_f32(golden, "params", params_shape);
    const float *expected = golden_f32(golden, "probs", probs_shape);
    int64_t vocab = logits_shape[1];
    assert_int_equal(params_shape[1], 5);
    float *found = calloc((size_t)vocab, sizeof *found);
    for (int64_t i = 0; i < logits_shape[0]; i++) {
        const float *p = params + 5 * i;
        youtu_sampler_options options = youtu_sampler_options_default(NULL);
        options.repetition_penalty = p[0];
        options.temperature = p[1];
        options.top_k = (int32_t)p[2];
        options.top_p = p[3];
        options.min_p = p[4];
        youtu_sampler *sampler = sampler_with(options, (int32_t)vocab);
        accept_all(sampler, prior + i * prior_shape[1], prior_shape[1]);
        assert_int_equal(youtu_sampler_probabilities(sampler, logits + i * vocab, found, NULL), YOUTU_OK);
        for (int64_t v = 0; v < vocab; v++) {
            float want = expected[i * vocab + v];
            if (!(fabsf(found[v] - want) <= 1e-5f) || (found[v] == 0) != (want == 0))
                fail_msg("row %ld, token %ld: %.8f, expected %.8f", (long)i, (long)v, (double)found[v],
                         (double)want);
        }
        youtu_sampler_free(sampler);
    }
    free(found);
    golden_close(golden);
}

/* ---- against the same steps with a full sort */

static const double *sort_key;

static int by_descending_key(const void *a, const void *b) {
    int32_t i = *(const int32_t *)a, j = *(const int32_t *)b;
    if (sort_key[i] != sort_key[j]) return sort_key[i] > sort_key[j] ? -1 : 1;
    return i - j;
}

/* After temperature 1 and no penalty. order: ids by descending logit. */
static void slow_probabilities(const youtu_sampler_options *o, const float *logits, int32_t n,
                               double *probabilities) {
    double *key = calloc((size_t)n, sizeof *key);
    int32_t *order = calloc((size_t)n, sizeof *order);
    for (int32_t i = 0; i < n; i++) {
        key[i] = (double)logits[i];
        order[i] = i;
    }
    sort_key = key;
    qsort(order, (size_t)n, sizeof *order, by_descending_key);

    int32_t kept = n;
    if (o->top_k > 0 && o->top_k < n)
        for (kept = o->top_k; kept < n && key[order[kept]] == key[order[o->top_k - 1]];) kept++;
    double total = 0, above = 0, all = 0;
    double largest = key[order[0]];
    for (int32_t i = 0; i < kept; i++) total += exp(key[order[i]] - largest);
    int32_t in_top_p = o->top_p < 1 ? 0 : kept;
    while (in_top_p < kept && above < (double)o->top_p * total)
        above += exp(key[order[in_top_p++]] - largest);
    while (exp(key[order[in_top_p - 1]] - largest) < (double)o->min_p) in_top_p--;
    for (int32_t i = 0; i < in_top_p; i++) all += exp(key[order[i]] - largest);
    for (int32_t i = 0; i < n; i++)
        probabilities[order[i]] = i < in_top_p ? exp(key[order[i]] - largest) / all : 0;
    free(key);
    free(order);
}

static double random_normal(random_state *random) {
    double u = 1 - random_unit(random), v = random_unit(random);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static void selection_agrees_with_a_full_sort(void **state) {
    (void)state;
    enum { N = 3000 };
    static float logits[N], found[N];
    static double expected[N];
    random_state random = random_seed(5);
    static const float spread[] = {0, 1e-3f, 0.5f, 2, 6, 40};
    static const int32_t top_k[] = {0, 1, 2, 20, 1000, N, 2 * N};
    static const float top_p[] = {1, 0.999f, 0.9f, 0.5f, 1e-6f};
    static const float min_p[] = {0, 0.05f, 1};
    for (size_t a = 0; a < sizeof spread / sizeof *spread; a++)
        for (size_t b = 0; b < sizeof top_k / sizeof *top_k; b++)
            for (size_t c = 0; c < sizeof top_p / sizeof *top_p; c++)
                for (size_t d = 0; d < sizeof min_p / sizeof *min_p; d++) {
                    bool with_ties = (b + c) % 2;
                    for (int32_t i = 0; i < N; i++) {
                        double x = (double)spread[a] * random_normal(&random);
                        logits[i] = (float)(with_ties ? round(4 * x) / 4 : x);
                    }
                    youtu_sampler_options options = youtu_sampler_options_default(NULL);
                    options.top_k = top_k[b];
                    options.top_p = top_p[c];
                    options.min_p = min_p[d];
                    youtu_sampler *sampler = sampler_with(options, N);
                    assert_int_equal(youtu_sampler_probabilities(sampler, logits, found, NULL), YOUTU_OK);
                    slow_probabilities(&options, logits, N, expected);
                    int32_t n_different = 0;
                    for (int32_t i = 0; i < N; i++) {
                        n_different += (found[i] > 1e-37f) != (expected[i] > 1e-37);
                        if (fabs((double)found[i] - expected[i]) > 1e-6 + 1e-3 * expected[i])
                            fail_msg("spread %g top_k %d top_p %g min_p %g: token %d has %g, expected %g",
                                     (double)spread[a], top_k[b], (double)top_p[c], (double)min_p[d], i,
                                     (double)found[i], expected[i]);
                    }
                    assert_in_range(n_different, 0, 2); /* two scores at the edge may have one weight */
                    youtu_sampler_free(sampler);
                }
}

/* ---- filters one by one */

static void check_probabilities(youtu_sampler_options options, const float *logits, int32_t n,
                                const float *expected) {
    float found[8];
    youtu_sampler *sampler = sampler_with(options, n);
    assert_int_equal(youtu_sampler_probabilities(sampler, logits, found, NULL), YOUTU_OK);
    for (int32_t i = 0; i < n; i++) assert_float_equal(found[i], expected[i], 1e-6f);
    youtu_sampler_free(sampler);
}

static void filters_keep_what_the_reference_keeps(void **state) {
    (void)state;
    youtu_sampler_options all_off = youtu_sampler_options_default(NULL);
    youtu_sampler_options o = all_off;
    o.top_k = 2; /* equals of the second best stay */
    check_probabilities(o, (float[]){1, 3, 1, 0}, 4, (float[]){0.106507f, 0.786986f, 0.106507f, 0});
    o = all_off;
    o.top_p = 0.01f; /* one always stays */
    check_probabilities(o, (float[]){1, 1, 1, 0}, 4, (float[]){1, 0, 0, 0});
    o.top_p = 0.5f; /* what reaches the share exactly is enough */
    check_probabilities(o, (float[]){0, 0, 0, 0}, 4, (float[]){0.5f, 0.5f, 0, 0});
    o = all_off;
    o.min_p = 0.5f;
    check_probabilities(o, (float[]){0, -0.69f, -0.70f}, 3, (float[]){0.665967f, 0.334033f, 0});
    o = all_off;
    o.temperature = 0;
    check_probabilities(o, (float[]){-2, 5, 5}, 3, (float[]){0, 1, 0});
    check_probabilities(all_off, (float[]){3e38f, -3e38f}, 2, (float[]){1, 0});
    check_probabilities(all_off, (float[]){-7}, 1, (float[]){1});
}

static void scores_made_equal_by_the_temperature_are_equal(void **state) {
    (void)state;
    youtu_sampler_options o = youtu_sampler_options_default(NULL);
    o.top_k = 1;
    o.temperature = 1.7f;
    float low = 1;
    while (low / o.temperature != nextafterf(low, 2) / o.temperature) low = nextafterf(low, 2);
    check_probabilities(o, (float[]){low, nextafterf(low, 2), 0}, 3, (float[]){0.5f, 0.5f, 0});
    check_probabilities(o, (float[]){-low, 1 - 3 * low, -nextafterf(low, 2)}, 3, (float[]){0.5f, 0, 0.5f});
}

static void penalty_counts_a_token_once(void **state) {
    (void)state;
    youtu_sampler_options o = youtu_sampler_options_default(NULL);
    o.temperature = 0;
    o.repetition_penalty = 2;
    youtu_sampler *sampler = sampler_with(o, 3);
    const float logits[] = {4, 3, -1};
    int32_t token;
    accept_all(sampler, (int32_t[]){2, 2, 2}, 3);
    assert_int_equal(youtu_sampler_sample(sampler, logits, &token, NULL), YOUTU_OK);
    assert_int_equal(token, 0); /* sampling accepts it: 4 / 2 < 3 */
    assert_int_equal(youtu_sampler_sample(sampler, logits, &token, NULL), YOUTU_OK);
    assert_int_equal(token, 1); /* now 2 against 1.5 */
    assert_int_equal(youtu_sampler_sample(sampler, logits, &token, NULL), YOUTU_OK);
    assert_int_equal(token, 0);
    youtu_sampler_reset(sampler, 0);
    assert_int_equal(youtu_sampler_sample(sampler, (float[]){1, 2, 2.5f}, &token, NULL), YOUTU_OK);
    assert_int_equal(token, 2); /* forgotten */
    youtu_sampler_free(sampler);
}

/* ---- draws */

static void generator_is_the_published_one(void **state) {
    (void)state;
    random_state s = {{1, 2, 3, 4}};
    static const uint64_t expected[] = {11520, 0, 1509978240, 1215971899390074240, 1216172134540287360};
    for (size_t i = 0; i < 5; i++) assert_true(random_bits(&s) == expected[i]);
    s = random_seed(1234567);
    static const uint64_t seeds[] = {6457827717110365317U, 3203168211198807973U, 9817491932198370423U,
                                     4593380528125082431U};
    assert_memory_equal(s.s, seeds, sizeof seeds);
}

/* These tokens were drawn once and must come again with every compiler and on every machine. */
static void draws_are_the_same_everywhere(void **state) {
    (void)state;
    enum { N = 1000 };
    static float logits[N];
    for (int32_t i = 0; i < N; i++) logits[i] = (float)(i * 7919 % N) * 0x1p-6f;
    youtu_sampler_options o = youtu_sampler_options_default(NULL);
    o.temperature = 1.3f;
    o.top_k = 500;
    o.top_p = 0.97f;
    o.min_p = 0.001f;
    o.repetition_penalty = 1.2f;
    o.seed = 42;
    youtu_sampler *sampler = sampler_with(o, N);
    static const int32_t expected[] = {99,  383, 680, 926, 988, 766, 705, 852, 742, 568, 655, 284,
                                       803, 310, 692, 878, 594, 842, 669, 668, 88,  174, 421, 581};
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
            int32_t token;
            assert_int_equal(youtu_sampler_sample(sampler, logits, &token, NULL), YOUTU_OK);
            assert_int_equal(token, expected[i]);
        }
        youtu_sampler_reset(sampler, 42);
    }
    youtu_sampler_free(sampler);
}

static void draws_follow_the_probabilities(void **state) {
    (void)state;
    enum { N = 6, DRAWS = 60000 };
    const float logits[N] = {0, 1, -1, 2, 0.5f, -200};
    float probabilities[N];
    int32_t counts[N] = {0};
    youtu_sampler *sampler = sampler_with(youtu_sampler_options_default(NULL), N);
    assert_int_equal(youtu_sampler_probabilities(sampler, logits, probabilities, NULL), YOUTU_OK);
    for (int32_t i = 0; i < DRAWS; i++) {
        int32_t token;
        assert_int_equal(youtu_sampler_sample(sampler, logits, &token, NULL), YOUTU_OK);
        counts[token]++;
    }
    for (int32_t i = 0; i < N; i++) {
        double p = (double)probabilities[i], deviation = sqrt(DRAWS * p * (1 - p));
        assert_true(fabs(counts[i] - DRAWS * p) <= 4 * deviation);
    }
    youtu_sampler_free(sampler);
}

/* ---- draws on a device */

static void a_token_taken_is_as_one_sampled(void **state) {
    (void)state;
    enum { N = 8 };
    const float logits[N] = {0, 1, -1, 2, 0.5f, -200, 3, 2.5f};
    static const float temperatures[] = {0, 0.7f};
    for (size_t t = 0; t < 2; t++) {
        youtu_sampler_options o = youtu_sampler_options_default(NULL);
        o.temperature = temperatures[t];
        o.top_k = 6;
        o.top_p = 0.9f;
        o.min_p = 0.01f;
        o.repetition_penalty = 1.3f;
        o.seed = 11;
        youtu_sampler *host = sampler_with(o, N), *drawn = sampler_with(o, N);
        random_state random = random_seed(11);
        bool seen[N] = {false};
        int32_t n_distinct = 0;
        for (int32_t i = 0; i < 20; i++) {
            token_draw draw, again;
            int32_t token;
            sampler_request(drawn, &draw);
            sampler_request(drawn, &again);
            assert_true(draw.uniform == again.uniform);
            assert_true(draw.uniform == (t == 0 ? 0 : random_unit(&random)));
            assert_true(draw.temperature == o.temperature && draw.top_p == o.top_p && draw.min_p == o.min_p);
            assert_true(draw.top_k == 6 && draw.repetition_penalty == o.repetition_penalty);
            assert_int_equal(draw.token, -1);
            assert_int_equal(draw.n_accepted, n_distinct);
            assert_int_equal(youtu_sampler_sample(host, logits, &token, NULL), YOUTU_OK);
            assert_int_equal(sampler_take(drawn, token, NULL), YOUTU_OK);
            if (!seen[token]) assert_int_equal(draw.accepted[n_distinct++], token);
            seen[token] = true;
        }
        assert_int_equal(sampler_take(drawn, N, NULL), YOUTU_E_ARGUMENT);
        assert_int_equal(sampler_take(drawn, -1, NULL), YOUTU_E_ARGUMENT);
        youtu_sampler_free(host);
        youtu_sampler_free(drawn);
    }
}

/* ---- what is refused */

static void options_out_of_range_are_named(void **state) {
    (void)state;
    youtu_sampler_options good = youtu_sampler_options_default(NULL);
    struct {
        youtu_sampler_options options;
        const char *says;
    } cases[12];
    size_t n = 0;
#define CASE(field, value, message) \
    cases[n].options = good;        \
    cases[n].options.field = value; \
    cases[n++].says = message;
    CASE(temperature, -0.5f, "temperature is -0.5")
    CASE(temperature, INFINITY, "temperature is inf")
    CASE(temperature, NAN, "temperature is nan")
    CASE(top_k, -1, "top_k is -1")
    CASE(top_p, 0, "top_p is 0")
    CASE(top_p, 1.01f, "top_p is 1.01")
    CASE(top_p, NAN, "top_p is nan")
    CASE(min_p, -0.1f, "min_p is -0.1")
    CASE(min_p, 2, "min_p is 2")
    CASE(repetition_penalty, 0, "repetition_penalty is 0")
    CASE(repetition_penalty, INFINITY, "repetition_penalty is inf")
    CASE(size, 0, "size is 0")
#undef CASE
    youtu_sampler *sampler = NULL;
    youtu_error error;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(youtu_sampler_new(&cases[i].options, 10, &sampler, &error), YOUTU_E_ARGUMENT);
        if (!strstr(error.message, cases[i].says)) fail_msg("\"%s\" in \"%s\"", cases[i].says, error.message);
    }
    assert_int_equal(youtu_sampler_new(&good, 0, &sampler, &error), YOUTU_E_ARGUMENT);
    assert_null(sampler);
    assert_int_equal(youtu_sampler_new(&good, 10, NULL, &error), YOUTU_E_ARGUMENT);
    assert_int_equal(youtu_sampler_accept(NULL, 1, &error), YOUTU_E_ARGUMENT);
    assert_int_equal(youtu_sampler_new(NULL, 10, &sampler, &error), YOUTU_OK); /* the defaults */
    float one[10] = {0};
    int32_t token;
    assert_int_equal(youtu_sampler_sample(sampler, NULL, &token, &error), YOUTU_E_ARGUMENT);
    assert_int_equal(youtu_sampler_sample(sampler, one, NULL, &error), YOUTU_E_ARGUMENT);
    assert_int_equal(youtu_sampler_probabilities(sampler, one, NULL, &error), YOUTU_E_ARGUMENT);
    assert_int_equal(youtu_sampler_probabilities(NULL, one, one, &error), YOUTU_E_ARGUMENT);
    youtu_sampler_free(sampler);
    youtu_sampler_free(NULL);
}

static void tokens_out_of_range_are_refused(void **state) {
    (void)state;
    youtu_sampler *sampler = sampler_with(youtu_sampler_options_default(NULL), 10);
    youtu_error error;
    assert_int_equal(youtu_sampler_accept(sampler, -1, &error), YOUTU_E_ARGUMENT);
    assert_int_equal(youtu_sampler_accept(sampler, 10, &error), YOUTU_E_ARGUMENT);
    assert_string_equal(error.message, "token 10 is out of range, expected 0 to 9");
    assert_int_equal(youtu_sampler_accept(sampler, 9, &error), YOUTU_OK);
    youtu_sampler_free(sampler);
}

static void numbers_that_are_not_finite_are_reported(void **state) {
    (void)state;
    youtu_sampler_options o = youtu_sampler_options_default(NULL);
    youtu_error error;
    int32_t token = -1;
    for (int greedy = 0; greedy < 2; greedy++) {
        o.temperature = greedy ? 0 : 1;
        youtu_sampler *sampler = sampler_with(o, 3);
        assert_int_equal(youtu_sampler_sample(sampler, (float[]){0, NAN, 1}, &token, &error),
                         YOUTU_E_NUMERIC);
        assert_non_null(strstr(error.message, "token 1 is nan"));
        assert_int_equal(youtu_sampler_sample(sampler, (float[]){0, 1, -INFINITY}, &token, &error),
                         YOUTU_E_NUMERIC);
        assert_non_null(strstr(error.message, "token 2 is -inf"));
        youtu_sampler_free(sampler);
    }
    o.temperature = 1e-38f;
    youtu_sampler *sampler = sampler_with(o, 3);
    assert_int_equal(youtu_sampler_sample(sampler, (float[]){0, 10, 1}, &token, &error), YOUTU_E_NUMERIC);
    assert_non_null(strstr(error.message, "temperature 1e-38"));
    assert_int_equal(token, -1);
    youtu_sampler_free(sampler);
}

/* ---- log-probabilities */

static void exponential_is_exact_to_a_float(void **state) {
    (void)state;
    for (double x = 0; x > -103.9; x -= 0.0137) {
        double relative = exponential(x) / exp(x) - 1;
        if (fabs(relative) > 1e-8) fail_msg("e^%g is off by %g", x, relative);
    }
    assert_true(exponential(0) == 1 && exponential(-0.0) == 1);
    assert_true(exponential(-105) == 0 && exponential(-INFINITY) == 0 && exponential((double)NAN) == 0);
}

static void log_probabilities_are_stable(void **state) {
    (void)state;
    const float plain[] = {1, 2, 3};
    assert_float_equal(youtu_log_probability(plain, 3, 0), -2.407606f, 1e-6f);
    assert_float_equal(youtu_log_probability(plain, 3, 2), -0.407606f, 1e-6f);
    const float large[] = {1e30f, 1e30f, -1e30f};
    assert_float_equal(youtu_log_probability(large, 3, 1), -0.6931472f, 1e-6f);
    assert_float_equal(youtu_log_probability(large, 3, 2), -2e30f, 1e24f);
    const float far_below[] = {-50000, -50001};
    assert_float_equal(youtu_log_probability(far_below, 2, 0), -0.3132617f, 1e-6f);
    enum { N = 128256 };
    float *flat = calloc(N, sizeof *flat);
    assert_float_equal(youtu_log_probability(flat, N, N - 1), (float)-log(N), 1e-6f);
    free(flat);
}

static void top_tokens_are_sorted_and_exact(void **state) {
    (void)state;
    enum { N = 500 };
    static float logits[N];
    static double key[N];
    static youtu_token_score scores[N];
    int32_t order[N];
    random_state random = random_seed(9);
    for (int32_t i = 0; i < N; i++) {
        logits[i] = (float)(round(random_normal(&random) * 20) / 8);
        key[i] = (double)logits[i];
        order[i] = i;
    }
    sort_key = key;
    qsort(order, N, sizeof *order, by_descending_key);
    static const int32_t counts[] = {0, 1, 2, 3, 20, N - 1, N};
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
        youtu_top_tokens(logits, N, counts[c], scores);
        for (int32_t i = 0; i < counts[c]; i++) {
            assert_int_equal(scores[i].token, order[i]);
            assert_float_equal(scores[i].log_probability, youtu_log_probability(logits, N, order[i]), 1e-6f);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probabilities_are_those_of_transformers),
        cmocka_unit_test(selection_agrees_with_a_full_sort),
        cmocka_unit_test(filters_keep_what_the_reference_keeps),
        cmocka_unit_test(scores_made_equal_by_the_temperature_are_equal),
        cmocka_unit_test(penalty_counts_a_token_once),
        cmocka_unit_test(generator_is_the_published_one),
        cmocka_unit_test(draws_are_the_same_everywhere),
        cmocka_unit_test(draws_follow_the_probabilities),
        cmocka_unit_test(a_token_taken_is_as_one_sampled),
        cmocka_unit_test(options_out_of_range_are_named),
        cmocka_unit_test(tokens_out_of_range_are_refused),
        cmocka_unit_test(numbers_that_are_not_finite_are_reported),
        cmocka_unit_test(exponential_is_exact_to_a_float),
        cmocka_unit_test(log_probabilities_are_stable),
        cmocka_unit_test(top_tokens_are_sorted_and_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
