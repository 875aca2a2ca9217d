/* exp for the sampler, the same on every machine. A C library's exp may round differently from the next one,
 * and then a draw near an edge picks another token; this uses only IEEE additions and multiplications of
 * doubles in a fixed order, which compilers must not fuse: gcc does not under -std=c11, clang is told. */
#ifndef YOUTU_EXPONENTIAL_H
#define YOUTU_EXPONENTIAL_H

#include <stdint.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

/* e^x for x <= 0 to a relative error of 1e-8; 0 below -104, where a float is 0 too, and for NaN.
 * x = k ln 2 + r, |r| <= ln 2 / 2; e^r is its Taylor sum to r^7. */
static inline double exponential(double x) {
    if (!(x > -104)) return 0;
    int32_t k = (int32_t)(x * 1.4426950408889634 - 0.5); /* towards zero: to the nearest */
    double r = x - k * 0.6931471805599453;
    double sum = 1.0 / 5040;
    sum = sum * r + 1.0 / 720;
    sum = sum * r + 1.0 / 120;
    sum = sum * r + 1.0 / 24;
    sum = sum * r + 1.0 / 6;
    sum = sum * r + 0.5;
    sum = sum * r + 1;
    sum = sum * r + 1;
    uint64_t bits = (uint64_t)(k + 1023) << 52;
    double power; /* 2^k */
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

#endif
