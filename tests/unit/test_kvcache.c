/* The cache's bookkeeping against a naive model: every sequence as a plain array of its tokens, and the
 * device's blocks as arrays that hold the token written to each slot. */
#include "libyoutu/kvcache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { N_BLOCKS = 12, N_TOKENS = N_BLOCKS * CACHE_BLOCK, N_SEQUENCES = 5 };

typedef struct world {
    kvcache cache;
    int32_t stored[N_BLOCKS][CACHE_BLOCK]; /* what the device holds */
    int32_t expected[N_SEQUENCES][N_TOKENS];
    int32_t length[N_SEQUENCES];
    int32_t n_copies;
} world;

static void copy_block(void *device, int32_t from, int32_t to) {
    world *w = device;
    assert_int_not_equal(from, to);
    memcpy(w->stored[to], w->stored[from], sizeof w->stored[to]);
    w->n_copies++;
}

static void check(const world *w) {
    const kvcache *c = &w->cache;
    int32_t users[N_BLOCKS] = {0};
    for (int32_t s = 0; s < N_SEQUENCES; s++) {
        const cached_sequence *q = &c->sequences[s];
        assert_int_equal(q->length, w->length[s]);
        assert_memory_equal(q->tokens, w->expected[s], (size_t)q->length * sizeof *q->tokens);
        for (int32_t p = 0; p < q->length; p++)
            assert_int_equal(w->stored[q->blocks[p / CACHE_BLOCK]][p % CACHE_BLOCK], w->expected[s][p]);
        assert_int_equal(q->n_blocks, (q->length + CACHE_BLOCK - 1) / CACHE_BLOCK);
        for (int32_t b = 0; b < q->n_blocks; b++) users[q->blocks[b]]++;
    }
    assert_memory_equal(users, c->users, sizeof users);
    int32_t n_used = 0;
    for (int32_t b = 0; b < N_BLOCKS; b++) n_used += users[b] > 0;
    assert_int_equal(c->n_free + n_used, N_BLOCKS);
    for (int32_t i = 0; i < c->n_free; i++) assert_int_equal(users[c->free_blocks[i]]++, 0);
}

static bool same_bookkeeping(const kvcache *a, const kvcache *b) {
    return a->n_free == b->n_free && !memcmp(a->users, b->users, N_BLOCKS * sizeof(int32_t)) &&
           !memcmp(a->free_blocks, b->free_blocks, (size_t)a->n_free * sizeof(int32_t)) &&
           !memcmp(a->tables, b->tables, N_SEQUENCES * N_BLOCKS * sizeof(int32_t));
}

static kvcache snapshot(const kvcache *cache) {
    kvcache copy;
    assert_int_equal(kvcache_init(&copy, N_TOKENS, N_SEQUENCES, NULL), YOUTU_OK);
    copy.n_free = cache->n_free;
    memcpy(copy.users, cache->users, N_BLOCKS * sizeof(int32_t));
    memcpy(copy.free_blocks, cache->free_blocks, N_BLOCKS * sizeof(int32_t));
    memcpy(copy.tables, cache->tables, N_SEQUENCES * N_BLOCKS * sizeof(int32_t));
    return copy;
}

/* Returns whether there was room. */
static bool append(world *w, int32_t s, int32_t n) {
    kvcache before = snapshot(&w->cache);
    int32_t room = kvcache_room(&w->cache, s), n_copies = w->n_copies;
    youtu_error error;
    youtu_status status = kvcache_reserve(&w->cache, s, n, copy_block, w, &error);
    assert_int_equal(status, n <= room ? YOUTU_OK : YOUTU_E_FULL);
    if (status == YOUTU_E_FULL) {
        assert_true(same_bookkeeping(&before, &w->cache));
        assert_int_equal(w->n_copies, n_copies);
    }
    kvcache_free(&before);
    for (int32_t i = 0; status == YOUTU_OK && i < n; i++) {
        int32_t token = rand(), p = kvcache_append(&w->cache, s, token);
        const cached_sequence *q = &w->cache.sequences[s];
        int32_t block = q->blocks[p / CACHE_BLOCK];
        assert_int_equal(p, w->length[s]);
        assert_int_equal(w->cache.users[block], 1);
        w->stored[block][p % CACHE_BLOCK] = token;
        w->expected[s][w->length[s]++] = token;
    }
    return status == YOUTU_OK;
}

static void truncate_to(world *w, int32_t s, int32_t length) {
    kvcache_truncate(&w->cache, s, length);
    w->length[s] = length;
}

static void fork_sequence(world *w, int32_t from, int32_t to, int32_t length) {
    kvcache_fork(&w->cache, from, to, length);
    memcpy(w->expected[to], w->expected[from], (size_t)length * sizeof(int32_t));
    w->length[to] = length;
}

static world *world_new(void) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_int_equal(kvcache_init(&w->cache, N_TOKENS, N_SEQUENCES, NULL), YOUTU_OK);
    return w;
}

static void world_free(world *w) {
    for (int32_t s = 0; s < N_SEQUENCES; s++) truncate_to(w, s, 0);
    check(w);
    assert_int_equal(w->cache.n_free, N_BLOCKS);
    kvcache_free(&w->cache);
    free(w);
}

static void random_operations_agree_with_plain_arrays(void **state) {
    (void)state;
    srand(1);
    world *w = world_new();
    int32_t n_full = 0;
    for (int32_t i = 0; i < 20000; i++) {
        int32_t s = rand() % N_SEQUENCES, to = (s + 1 + rand() % (N_SEQUENCES - 1)) % N_SEQUENCES;
        int32_t within = rand() % (w->length[s] + 1);
        switch (rand() % 8) {
        case 0: truncate_to(w, s, within); break;
        case 1: fork_sequence(w, s, to, within); break;
        case 2: fork_sequence(w, s, to, w->length[s]); break;
        case 3: n_full += !append(w, s, rand() % (4 * CACHE_BLOCK)); break;
        default: n_full += !append(w, s, 1 + rand() % 9);
        }
        check(w);
    }
    assert_true(n_full > 100);
    assert_true(w->n_copies > 100);
    world_free(w);
}

static void room_is_exact(void **state) {
    (void)state;
    world *w = world_new();
    assert_int_equal(kvcache_room(&w->cache, 0), N_TOKENS);
    assert_false(append(w, 0, N_TOKENS + 1));
    assert_true(append(w, 0, N_TOKENS));
    assert_int_equal(kvcache_room(&w->cache, 0), 0);
    assert_int_equal(kvcache_room(&w->cache, 1), 0);
    truncate_to(w, 0, N_TOKENS - 1);
    fork_sequence(w, 0, 1, N_TOKENS - 1);
    assert_int_equal(kvcache_room(&w->cache, 1),
                     0); /* the place in the shared block needs a block to copy to */
    truncate_to(w, 0, CACHE_BLOCK * (N_BLOCKS - 1));
    assert_int_equal(kvcache_room(&w->cache, 0), 0);
    assert_int_equal(kvcache_room(&w->cache, 1), 1); /* now its own */
    assert_true(append(w, 1, 1));
    assert_int_equal(w->n_copies, 0);
    world_free(w);
}

static void truncate_gives_back_a_reservation(void **state) {
    (void)state;
    world *w = world_new();
    assert_true(append(w, 2, 3));
    assert_int_equal(kvcache_reserve(&w->cache, 2, 5 * CACHE_BLOCK, copy_block, w, NULL), YOUTU_OK);
    assert_int_equal(w->cache.n_free, N_BLOCKS - 6);
    kvcache_truncate(&w->cache, 2, 3);
    assert_int_equal(w->cache.n_free, N_BLOCKS - 1);
    check(w);
    world_free(w);
}

static void sizes_are_checked(void **state) {
    (void)state;
    static const int32_t bad[][2] = {{0, 1}, {-5, 1}, {INT32_MAX, 1}, {64, 0}, {64, -1}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        kvcache cache;
        youtu_error error;
        assert_int_equal(kvcache_init(&cache, bad[i][0], bad[i][1], &error), YOUTU_E_ARGUMENT);
        assert_non_null(strstr(error.message, "expected"));
        kvcache_free(&cache);
    }
    kvcache cache;
    assert_int_equal(kvcache_init(&cache, 33, 1, NULL), YOUTU_OK);
    assert_int_equal(cache.n_tokens, 64);
    kvcache_free(&cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_operations_agree_with_plain_arrays),
        cmocka_unit_test(room_is_exact),
        cmocka_unit_test(truncate_gives_back_a_reservation),
        cmocka_unit_test(sizes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
