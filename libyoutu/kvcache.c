#include "kvcache.h"

#include "array.h"
#include "error.h"

#include <string.h>

static int32_t blocks_for(int32_t n_tokens) {
    return n_tokens / CACHE_BLOCK + (n_tokens % CACHE_BLOCK != 0);
}

/* Zeroed int32 [rows, columns]; NULL when refused or when the size overflows. */
static int32_t *table_new(int32_t rows, int32_t columns) {
    size_t count;
    if (!size_multiply((size_t)rows, (size_t)columns, &count)) return NULL;
    return array_new(count, sizeof(int32_t));
}

youtu_status kvcache_init(kvcache *cache, int32_t n_tokens, int32_t n_sequences, youtu_error *error) {
    *cache = (kvcache){0};
    int32_t most = INT32_MAX / CACHE_BLOCK * CACHE_BLOCK;
    if (n_tokens < 1 || n_tokens > most)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "n_tokens is %d, expected 1 to %d", n_tokens, most);
    if (n_sequences < 1)
        return youtu_fail(error, YOUTU_E_ARGUMENT, "n_sequences is %d, expected at least 1", n_sequences);

    kvcache c = {.n_blocks = blocks_for(n_tokens), .n_sequences = n_sequences};
    c.n_tokens = c.n_blocks * CACHE_BLOCK;
    c.n_free = c.n_blocks;
    c.free_blocks = table_new(1, c.n_blocks);
    c.users = table_new(1, c.n_blocks);
    c.sequences = array_new((size_t)n_sequences, sizeof *c.sequences);
    c.tables = table_new(n_sequences, c.n_blocks);
    c.tokens = table_new(n_sequences, c.n_tokens);
    if (!c.free_blocks || !c.users || !c.sequences || !c.tables || !c.tokens) {
        kvcache_free(&c);
        return youtu_fail(error, YOUTU_E_MEMORY,
                          "out of memory: the tables of %d cached tokens, %d sequences", n_tokens,
                          n_sequences);
    }
    for (int32_t i = 0; i < c.n_blocks; i++) c.free_blocks[i] = c.n_blocks - 1 - i;
    for (int32_t s = 0; s < n_sequences; s++) {
        c.sequences[s].blocks = c.tables + (size_t)s * (size_t)c.n_blocks;
        c.sequences[s].tokens = c.tokens + (size_t)s * (size_t)c.n_tokens;
    }
    *cache = c;
    return YOUTU_OK;
}

void kvcache_free(kvcache *cache) {
    free(cache->free_blocks);
    free(cache->users);
    free(cache->sequences);
    free(cache->tables);
    free(cache->tokens);
    *cache = (kvcache){0};
}

static int32_t take_block(kvcache *cache) {
    int32_t block = cache->free_blocks[--cache->n_free];
    cache->users[block] = 1;
    return block;
}

static void leave_block(kvcache *cache, int32_t block) {
    if (--cache->users[block] == 0) cache->free_blocks[cache->n_free++] = block;
}

/* The next token's block is begun and shared: the only one that a write could take from another sequence,
 * since forks share no block beyond their tokens. */
static bool next_block_is_shared(const kvcache *cache, const cached_sequence *sequence) {
    if (sequence->length % CACHE_BLOCK == 0) return false;
    return cache->users[sequence->blocks[sequence->length / CACHE_BLOCK]] > 1;
}

int32_t kvcache_room(const kvcache *cache, int32_t s) {
    const cached_sequence *sequence = &cache->sequences[s];
    int32_t n_free = cache->n_free;
    if (next_block_is_shared(cache, sequence) && n_free-- == 0) return 0;
    return (sequence->n_blocks + n_free) * CACHE_BLOCK - sequence->length;
}

youtu_status kvcache_reserve(kvcache *cache, int32_t s, int32_t extra, cache_copy copy, void *device,
                             youtu_error *error) {
    cached_sequence *sequence = &cache->sequences[s];
    if (extra <= 0) return YOUTU_OK;
    int32_t room = kvcache_room(cache, s);
    if (extra > room)
        return youtu_fail(error, YOUTU_E_FULL,
                          "context full: sequence %d holds %d tokens and has room for %d more, not %d", s,
                          sequence->length, room, extra);

    if (next_block_is_shared(cache, sequence)) {
        int32_t *block = &sequence->blocks[sequence->length / CACHE_BLOCK];
        int32_t own = take_block(cache);
        copy(device, *block, own);
        leave_block(cache, *block);
        *block = own;
    }
    int32_t n_blocks = blocks_for(sequence->length + extra);
    while (sequence->n_blocks < n_blocks) sequence->blocks[sequence->n_blocks++] = take_block(cache);
    return YOUTU_OK;
}

int32_t kvcache_append(kvcache *cache, int32_t s, int32_t token) {
    cached_sequence *sequence = &cache->sequences[s];
    sequence->tokens[sequence->length] = token;
    return sequence->length++;
}

void kvcache_truncate(kvcache *cache, int32_t s, int32_t length) {
    cached_sequence *sequence = &cache->sequences[s];
    int32_t n_blocks = blocks_for(length);
    while (sequence->n_blocks > n_blocks) leave_block(cache, sequence->blocks[--sequence->n_blocks]);
    sequence->length = length;
}

void kvcache_fork(kvcache *cache, int32_t from, int32_t to, int32_t length) {
    const cached_sequence *source = &cache->sequences[from];
    cached_sequence *sequence = &cache->sequences[to];
    kvcache_truncate(cache, to, 0);
    sequence->length = length;
    sequence->n_blocks = blocks_for(length);
    for (int32_t b = 0; b < sequence->n_blocks; b++) {
        sequence->blocks[b] = source->blocks[b];
        cache->users[source->blocks[b]]++;
    }
    memcpy(sequence->tokens, source->tokens, (size_t)length * sizeof *source->tokens);
}
