#include "token_heap.h"

static bool is_worse(const youtu_token_score *a, const youtu_token_score *b) {
    if (a->log_probability != b->log_probability) return a->log_probability < b->log_probability;
    return a->token > b->token;
}

/* Lets heap[i] sink below the children that are worse. */
static void sift_down(youtu_token_score *heap, int32_t n, int32_t i) {
    youtu_token_score sinking = heap[i];
    while (i < n / 2) {
        int32_t child = 2 * i + 1;
        if (child + 1 < n && is_worse(&heap[child + 1], &heap[child])) child++;
        if (!is_worse(&heap[child], &sinking)) break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = sinking;
}

void heap_select(const float *values, int32_t n, int32_t count, youtu_token_score *heap) {
    for (int32_t i = 0; i < count; i++) heap[i] = (youtu_token_score){i, values[i]};
    for (int32_t i = count / 2 - 1; i >= 0; i--) sift_down(heap, count, i);
    for (int32_t i = count; i < n; i++) {
        if (!(values[i] > heap[0].log_probability)) continue; /* an equal one has the higher index */
        heap[0] = (youtu_token_score){i, values[i]};
        sift_down(heap, count, 0);
    }
}

void heap_sort(youtu_token_score *heap, int32_t count) {
    for (int32_t n = count - 1; n > 0; n--) {
        youtu_token_score worst = heap[0];
        heap[0] = heap[n];
        sift_down(heap, n, 0);
        heap[n] = worst;
    }
}
