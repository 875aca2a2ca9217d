#include "exponential.h"
#include "token_heap.h"
#include "youtu.h"

#include <math.h>

/* *largest: the largest logit; returned: the logarithm of the sum over [n] of e^(logit - largest), which
 * cannot overflow and is at least 0. */
static double log_sum(const float *logits, int32_t n, double *largest) {
    float most = logits[0];
    for (int32_t i = 1; i < n; i++)
        if (logits[i] > most) most = logits[i];
    *largest = (double)most;
    double sum = exponential((double)logits[0] - *largest);
    for (int32_t i = 1; i < n; i++) sum += exponential((double)logits[i] - *largest);
    return log(sum);
}

float youtu_log_probability(const float *logits, int32_t vocab_size, int32_t token) {
    double largest, sum = log_sum(logits, vocab_size, &largest);
    return (float)((double)logits[token] - largest - sum);
}

void youtu_top_tokens(const float *logits, int32_t vocab_size, int32_t count, youtu_token_score *scores) {
    if (count < 1) return;
    heap_select(logits, vocab_size, count, scores);
    heap_sort(scores, count);
    double largest, sum = log_sum(logits, vocab_size, &largest);
    for (int32_t i = 0; i < count; i++)
        scores[i].log_probability = (float)((double)scores[i].log_probability - largest - sum);
}
