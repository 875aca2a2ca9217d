// draw_tokens against the host's sampler: a token is right when the uniform lies in its interval of the cumulative
// probabilities of youtu_sampler_probabilities, which tests/unit/test_sampler.c compares with the reference.
//
// Tolerance: 1e-6 at an interval's borders (fp32 weights on both sides, added exactly here and in double there). Where
// few tokens are left, draws a hair to either side of every border show that the intervals are the probabilities.
#include "device_array.cuh"
#include "kernels/cuda/kernels.cuh"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <vector>

namespace {

constexpr double BORDER = 1e-6;
constexpr float NEARLY_ONE = 1 - 0x1p-24f;

struct rules {
    float temperature;
    int top_k;
    float top_p, min_p, repetition_penalty;
};

using tokens = std::vector<int>;
using numbers = std::vector<float>;

// As the tests/golden cases have them, and each filter alone.
const rules RULES[] = {{0, 0, 1, 0, 1},
                       {0, 0, 1, 0, 1.3f},
                       {1, 0, 1, 0, 1},
                       {0.7f, 0, 0.9f, 0, 1.2f},
                       {1, 20, 0.95f, 0, 1.05f},
                       {0.3f, 5, 1, 0, 1},
                       {1.5f, 0, 1, 0.1f, 1.3f},
                       {0.7f, 0, 0.8f, 0.05f, 1},
                       {0.1f, 3, 0.5f, 0, 2},
                       {1, 1, 1, 0, 1},
                       {2, 700, 1, 0, 1},
                       {2, 3000, 0.99f, 1e-4f, 0.8f},
                       {0.7f, 20, 0.8f, 0, 1.05f},
                       {1, 0, 1e-6f, 0, 1},
                       {1, 0, NEARLY_ONE, 0, 1},
                       {1, 0, 1, 1, 1},
                       {100, 40, 0.7f, 0.5f, 1.1f}};

youtu_sampler *new_sampler(const rules &r, int vocab, const tokens &accepted) {
    youtu_sampler_options o = youtu_sampler_options_default(nullptr);
    o.temperature = r.temperature, o.top_k = r.top_k, o.top_p = r.top_p, o.min_p = r.min_p;
    o.repetition_penalty = r.repetition_penalty;
    youtu_sampler *sampler = nullptr;
    assert_int_equal(youtu_sampler_new(&o, vocab, &sampler, nullptr), YOUTU_OK);
    for (int token : accepted) assert_int_equal(youtu_sampler_accept(sampler, token, nullptr), YOUTU_OK);
    return sampler;
}

draw_request request_of(const rules &r, double uniform, int accepted_first, size_t n_accepted) {
    return {r.temperature, r.top_p,        r.min_p,         r.repetition_penalty,
            r.top_k,       accepted_first, (int)n_accepted, uniform};
}

// Rows of logits `stride` apart, each with its request; as many results. The scratch holds `fill` before. Nothing but
// results and scratch is written.
std::vector<draw_result> draw(const numbers &logits, size_t stride, int vocab,
                              const std::vector<draw_request> &requests, const tokens &accepted,
                              int fill = 0xff) {
    int n = (int)requests.size();
    float *logits_d = to_device(logits.data(), logits.size());
    draw_request *requests_d = to_device(requests.data(), n);
    int *accepted_d = accepted.empty() ? nullptr : to_device(accepted.data(), accepted.size());
    char *scratch = on_device<char>(draw_scratch_bytes(n, vocab), fill);
    draw_result *results_d = on_device<draw_result>(n, 0);
    expect_cuda(draw_tokens(nullptr, logits_d, stride, vocab, n, requests_d, accepted_d, scratch, results_d),
                "draw_tokens");
    std::vector<draw_result> results(n);
    expect_cuda(cudaMemcpy(results.data(), results_d, n * sizeof results[0], cudaMemcpyDeviceToHost),
                "cudaMemcpy");
    float *left = to_host(logits_d, logits.size());
    assert_memory_equal(left, logits.data(), logits.size() * sizeof(float));
    free(left);
    void *on_card[] = {logits_d, requests_d, accepted_d, scratch, results_d};
    for (void *array : on_card) expect_cuda(cudaFree(array), "cudaFree");
    return results;
}

// The host's probabilities: token i is drawn from borders[i] to borders[i + 1].
std::vector<double> borders_of(const rules &r, const float *logits, int vocab, const tokens &accepted) {
    numbers probabilities(vocab);
    youtu_sampler *sampler = new_sampler(r, vocab, accepted);
    assert_int_equal(youtu_sampler_probabilities(sampler, logits, probabilities.data(), nullptr), YOUTU_OK);
    youtu_sampler_free(sampler);
    std::vector<double> borders = {0};
    for (float p : probabilities) borders.push_back(borders.back() + (double)p);
    return borders;
}

void expect_token(const draw_result &found, double uniform, const std::vector<double> &borders,
                  const float *logits, const char *what) {
    int vocab = (int)borders.size() - 1, token = found.token;
    if (token < 0 || token >= vocab) fail_msg("%s: token %d of %d", what, token, vocab);
    double from = borders[token], to = borders[token + 1];
    if (from == to || uniform < from - BORDER || uniform > to + BORDER)
        fail_msg("%s: at %.9f token %d, drawn from %.9f to %.9f", what, uniform, token, from, to);
    float expected = youtu_log_probability(logits, vocab, token);
    if (!(fabsf(found.log_probability - expected) <= 1e-5f * fmaxf(1, fabsf(expected))))
        fail_msg("%s: token %d has log probability %.8f, expected %.8f", what, token,
                 (double)found.log_probability, (double)expected);
}

// Both ends, some in between, and where at most 20 tokens are left a hair to both sides of every border.
std::vector<double> uniforms_for(const std::vector<double> &borders, int n_between) {
    std::vector<double> uniforms = {0, 1 - 0x1p-53};
    for (int i = 0; i < n_between; i++) uniforms.push_back(0.5 + 0.5 * (double)next_random());
    std::vector<double> inner;
    for (size_t i = 1; i + 1 < borders.size(); i++)
        if (borders[i] > borders[i - 1]) inner.push_back(borders[i]);
    for (size_t i = 0; inner.size() <= 20 && i < inner.size(); i++)
        for (double side : {-1.5 * BORDER, 1.5 * BORDER}) {
            double uniform = inner[i] + side;
            if (uniform > 0 && uniform < 1) uniforms.push_back(uniform);
        }
    return uniforms;
}

void check(const rules &r, const numbers &logits, const tokens &accepted, int n_between) {
    int vocab = (int)logits.size();
    char what[128];
    snprintf(what, sizeof what, "vocab %d, temperature %g, top_k %d, top_p %g, min_p %g, penalty %g", vocab,
             (double)r.temperature, r.top_k, (double)r.top_p, (double)r.min_p, (double)r.repetition_penalty);
    std::vector<double> borders = borders_of(r, logits.data(), vocab, accepted);
    std::vector<double> uniforms = uniforms_for(borders, n_between);
    std::vector<draw_request> requests;
    for (double u : uniforms) requests.push_back(request_of(r, u, 0, accepted.size()));
    std::vector<draw_result> found = draw(logits, 0, vocab, requests, accepted); // all rows are the same
    for (size_t i = 0; i < found.size(); i++)
        expect_token(found[i], uniforms[i], borders, logits.data(), what);
}

// About normal, with the given deviation; with_ties: multiples of 1/4.
numbers random_logits(int n, float deviation, bool with_ties) {
    numbers logits(n);
    for (float &x : logits) {
        x = deviation * (next_random() + next_random() + next_random());
        if (with_ties) x = roundf(4 * x) / 4;
    }
    return logits;
}

tokens random_tokens(int vocab, int n) {
    std::vector<bool> taken(vocab);
    tokens chosen;
    for (int i = 0; i < n; i++) {
        int token = (int)((0.5f + 0.499f * next_random()) * (float)vocab);
        if (!taken[token]) chosen.push_back(token);
        taken[token] = true;
    }
    return chosen;
}

// ---- tests ----

void tokens_are_those_of_the_host(void **state) {
    (void)state;
    int turn = 0;
    for (int vocab : {1, 2, 5, 96, 320, 331, 1024, 4096, 5003})
        for (const rules &r : RULES) {
            float deviation = vocab > 1000 ? 2.0f : 3.0f;
            check(r, random_logits(vocab, deviation, turn % 3 == 2), random_tokens(vocab, vocab / 8), 2);
            turn++;
        }
}

void a_whole_vocabulary(void **state) {
    (void)state;
    numbers logits = random_logits(128256, 2.5f, false);
    tokens accepted = random_tokens(128256, 500);
    for (int i : {1, 2, 4, 5, 11, 14}) check(RULES[i], logits, accepted, 1);
}

// All equal or nearly so: every filter cuts among equals, the first of them stay.
void equal_scores(void **state) {
    (void)state;
    for (int vocab : {7, 331, 2048})
        for (const rules &r : RULES) {
            check(r, numbers(vocab, -3.0f), tokens(), 1);
            check(r, random_logits(vocab, 0.2f, true), random_tokens(vocab, 3), 1);
        }
    numbers zeros(40, 0.0f);
    for (int i = 0; i < 40; i += 3) zeros[i] = -0.0f;
    check({1, 4, 1, 0, 1}, zeros, tokens(), 4);
    check({0, 0, 1, 0, 1}, zeros, tokens(), 1);
}

void extreme_scores(void **state) {
    (void)state;
    for (const rules &r : RULES)
        if (r.temperature == 0 || r.temperature >= 1) {
            rules plain = r;
            plain.repetition_penalty = 1;
            check(plain, {3e38f, -3e38f, 3e38f, 1e30f}, tokens(), 3);
            check(plain, {-1e5f, -1e5f - 0.25f, -1e5f + 0.5f, -1.5e5f, -1e5f}, tokens(), 3);
            check(plain, {0, 1e-40f, -1e-40f, -200}, tokens(), 3);
        }
    check({1, 3, 1, 0, 2}, {-3e38f, -3e38f, 1, 0}, {0, 1}, 3); // the penalty makes -inf of two
}

// As a step has them: rows of their own, an odd stride, all kinds of requests in one launch; the bits are the same again.
void rows_are_apart(void **state) {
    (void)state;
    const int vocab = 331, stride = 337, n = MAX_DRAWS;
    numbers logits = random_logits(stride * n, 3, false);
    for (int row = 0; row < n; row++)
        for (int i = vocab; i < stride; i++) logits[row * stride + i] = NAN; // not the row's
    tokens accepted;
    std::vector<draw_request> requests;
    std::vector<tokens> accepted_of(n);
    for (int row = 0; row < n; row++) {
        accepted_of[row] = random_tokens(vocab, 5 * row);
        requests.push_back(request_of(RULES[row], 0.5 + 0.5 * (double)next_random(), (int)accepted.size(),
                                      accepted_of[row].size()));
        accepted.insert(accepted.end(), accepted_of[row].begin(), accepted_of[row].end());
    }
    std::vector<draw_result> found = draw(logits, stride, vocab, requests, accepted);
    std::vector<draw_result> again = draw(logits, stride, vocab, requests, accepted, 0x41);
    assert_memory_equal(found.data(), again.data(), n * sizeof found[0]);
    for (int row = 0; row < n; row++) {
        const float *own = &logits[row * stride];
        expect_token(found[row], requests[row].uniform, borders_of(RULES[row], own, vocab, accepted_of[row]),
                     own, "one of many rows");
    }
}

int token_of(const rules &r, const numbers &logits, const tokens &accepted) {
    return draw(logits, logits.size(), (int)logits.size(), {request_of(r, 0.5, 0, accepted.size())},
                accepted)[0]
        .token;
}

void what_is_not_finite_draws_nothing(void **state) {
    (void)state;
    for (float temperature : {0.0f, 1.0f})
        for (float bad : {NAN, INFINITY, -INFINITY})
            for (int at : {0, 1, 130, 4095, 4096, 4098}) {
                numbers logits = random_logits(4099, 2, false);
                logits[at] = bad;
                assert_int_equal(token_of({temperature, 20, 0.9f, 0, 1}, logits, tokens()), -1);
            }
    assert_int_equal(token_of({1e-38f, 0, 1, 0, 1}, {0, 10, 1}, tokens()), -1);
    assert_int_equal(token_of({0, 0, 1, 0, 0.5f}, {0, 3e38f, 1}, {1}), -1);
    assert_int_equal(token_of({1, 0, 1, 0, 2}, {-3e38f, -3e38f}, {0, 1}), -1);
}

} // namespace

int main() {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_those_of_the_host),
        cmocka_unit_test(a_whole_vocabulary),
        cmocka_unit_test(equal_scores),
        cmocka_unit_test(extreme_scores),
        cmocka_unit_test(rows_are_apart),
        cmocka_unit_test(what_is_not_finite_draws_nothing),
    };
    return cmocka_run_group_tests(tests, nullptr, nullptr);
}
