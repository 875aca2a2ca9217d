/* The best few tokens of a vocabulary without sorting it: a binary heap with the worst of them at the root.
 */
#ifndef YOUTU_TOKEN_HEAP_H
#define YOUTU_TOKEN_HEAP_H

#include "youtu.h"

/* heap[count]: the best of values[n], with their indices as tokens and their values as log_probability; the
 * worst of them is heap[0]. Better is the larger value, then the lower index. 0 < count <= n. */
void heap_select(const float *values, int32_t n, int32_t count, youtu_token_score *heap);

/* Orders heap[count] best first. */
void heap_sort(youtu_token_score *heap, int32_t count);

#endif
