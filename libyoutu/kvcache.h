/* Which cached latents belong to which sequence. The cache is a pool of blocks of CACHE_BLOCK tokens; a
 * sequence is a table of blocks, a block may be shared by several sequences (fork), and is copied when one of
 * them writes into it. Here is only the bookkeeping; the latents themselves live on the device, addressed by
 * block number. */
#ifndef YOUTU_KVCACHE_H
#define YOUTU_KVCACHE_H

#include "youtu.h"

#define CACHE_BLOCK 32 /* tokens: 36 KB of fp16 latents a layer, one task's worth of attention */

/* Position p lies in slot p % CACHE_BLOCK of blocks[p / CACHE_BLOCK]. n_blocks covers length, and more while
 * a reservation stands. */
typedef struct cached_sequence {
    int32_t length;
    int32_t n_blocks;
    int32_t *blocks; /* [n_blocks of the cache] block numbers, the first n_blocks in use */
    int32_t *tokens; /* [n_tokens of the cache] the ids, for prefix reuse */
} cached_sequence;

typedef struct kvcache {
    int32_t n_tokens; /* room: CACHE_BLOCK * n_blocks */
    int32_t n_blocks;
    int32_t n_sequences;
    int32_t n_free;
    int32_t *free_blocks; /* [n_blocks] a stack */
    int32_t *users;       /* [n_blocks] sequences that hold a block; 0 = free */
    cached_sequence *sequences;
    int32_t *tables; /* [n_sequences, n_blocks] what the sequences' blocks point into */
    int32_t *tokens; /* [n_sequences, n_tokens] and their tokens */
} kvcache;

/* Room for n_tokens, rounded up to whole blocks. Errors: ARGUMENT (a size below 1 or absurd), MEMORY: *cache
 * is then empty, and kvcache_free accepts it. */
youtu_status kvcache_init(kvcache *cache, int32_t n_tokens, int32_t n_sequences, youtu_error *error);
void kvcache_free(kvcache *cache);

/* Copies what block `from` holds into block `to`, in all layers: the device's part of a copy-on-write. */
typedef void (*cache_copy)(void *device, int32_t from, int32_t to);

/* Gives sequence `s` room for `extra` more tokens at its end, with every block it will write its own. On FULL
 * nothing changes. The length stays; kvcache_append raises it, before any fork, and kvcache_truncate to the
 * length gives unused room back. */
youtu_status kvcache_reserve(kvcache *cache, int32_t s, int32_t extra, cache_copy copy, void *device,
                             youtu_error *error);
/* Appends one token to a reserved place; returns its position. */
int32_t kvcache_append(kvcache *cache, int32_t s, int32_t token);

/* The largest `extra` that kvcache_reserve would grant sequence `s` now. */
int32_t kvcache_room(const kvcache *cache, int32_t s);

/* Keeps the first `length` tokens, 0 <= length <= the sequence's. */
void kvcache_truncate(kvcache *cache, int32_t s, int32_t length);
/* `to`, emptied, shares the first `length` tokens of `from`; from != to. Takes no block. */
void kvcache_fork(kvcache *cache, int32_t from, int32_t to, int32_t length);

#endif
