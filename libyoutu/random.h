/* xoshiro256** 1.0 (Blackman, Vigna: "Scrambled linear pseudorandom number generators", 2021), its state
 * filled by splitmix64 as its authors advise. */
#ifndef YOUTU_RANDOM_H
#define YOUTU_RANDOM_H

#include <stdint.h>

typedef struct random_state {
    uint64_t s[4];
} random_state;

static inline random_state random_seed(uint64_t seed) {
    random_state state;
    for (int i = 0; i < 4; i++) {
        uint64_t z = seed += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        state.s[i] = z ^ (z >> 31);
    }
    return state;
}

static inline uint64_t rotate_left(uint64_t x, int by) {
    return x << by | x >> (64 - by);
}

static inline uint64_t random_bits(random_state *state) {
    uint64_t *s = state->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Uniform in [0, 1), a multiple of 2^-53. */
static inline double random_unit(random_state *state) {
    return (double)(random_bits(state) >> 11) * 0x1p-53;
}

#endif
