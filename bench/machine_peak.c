/* Read bandwidth: every thread sums its slice of a buffer that is larger than the last-level cache, so that
 * it comes from memory each time. FMA: 12 independent chains of 8 lanes a thread, more than latency x ports
 * (4 x 2) of the cores that have AVX2. The best of several passes counts: whatever else runs can only make
 * one slower. */
#include "machine_peak.h"

#include <math.h>
#include <omp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { N_PASSES = 25, N_CHAINS = 12, N_STEPS = 1 << 20, SLICE_UNIT = 2 << 20 /* a large page */ };

/* A pass of one thread. The returned value keeps the compiler from leaving the work out. */
typedef uint64_t (*probe)(const unsigned char *slice, size_t bytes);

typedef struct probes {
    const char *instructions;
    probe read;
    probe multiply_add;
    double flops; /* of one multiply_add */
} probes;

static uint64_t read_portable(const unsigned char *slice, size_t bytes) {
    uint64_t sum[8] = {0};
    for (size_t i = 0; i < bytes; i += sizeof sum) {
        uint64_t line[8];
        memcpy(line, slice + i, sizeof line);
        for (int j = 0; j < 8; j++) sum[j] += line[j];
    }
    uint64_t total = 0;
    for (int j = 0; j < 8; j++) total += sum[j];
    return total;
}

static uint64_t multiply_add_portable(const unsigned char *slice, size_t bytes) {
    (void)bytes;
    float chain[N_CHAINS * 8];
    for (int j = 0; j < N_CHAINS * 8; j++) chain[j] = slice[j];
    for (int i = 0; i < N_STEPS; i++)
        for (int j = 0; j < N_CHAINS * 8; j++) chain[j] = chain[j] * 0.999f + 0.001f;
    float total = 0;
    for (int j = 0; j < N_CHAINS * 8; j++) total += chain[j];
    return (uint64_t)total;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static uint64_t read_avx2(const unsigned char *slice, size_t bytes) {
    __m256i sum[8];
    for (int j = 0; j < 8; j++) sum[j] = _mm256_setzero_si256();
    for (size_t i = 0; i < bytes; i += sizeof sum) {
        const __m256i *line = (const __m256i *)(const void *)(slice + i);
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) sum[j] = _mm256_add_epi64(sum[j], _mm256_load_si256(line + j));
    }
    for (int j = 1; j < 8; j++) sum[0] = _mm256_add_epi64(sum[0], sum[j]);
    return (uint64_t)_mm256_extract_epi64(sum[0], 0);
}

__attribute__((target("avx2,fma"))) static uint64_t multiply_add_avx2(const unsigned char *slice,
                                                                      size_t bytes) {
    (void)bytes;
    __m256 chain[N_CHAINS];
    __m256 scale = _mm256_set1_ps(0.999f), offset = _mm256_set1_ps(0.001f);
    for (int j = 0; j < N_CHAINS; j++) chain[j] = _mm256_set1_ps(slice[j]);
    for (int i = 0; i < N_STEPS; i++) {
#pragma GCC unroll 12
        for (int j = 0; j < N_CHAINS; j++) chain[j] = _mm256_fmadd_ps(chain[j], scale, offset);
    }
    for (int j = 1; j < N_CHAINS; j++) chain[0] = _mm256_add_ps(chain[0], chain[j]);
    return (uint64_t)_mm256_cvtss_f32(chain[0]);
}
#endif

static probes choose_probes(void) {
    double flops = 2.0 * 8 * N_CHAINS * N_STEPS;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (probes){"avx2", read_avx2, multiply_add_avx2, flops};
#endif
    return (probes){"portable", read_portable, multiply_add_portable, flops};
}

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of the fastest pass in which each of the threads works through its own slice. */
static double fastest_pass(int32_t n_threads, probe work, const unsigned char *buffer, size_t slice_bytes) {
    double fastest = INFINITY, start = 0;
    uint64_t sum = 0;
#pragma omp parallel num_threads(n_threads) reduction(+ : sum)
    {
        const unsigned char *slice = buffer + slice_bytes * (size_t)omp_get_thread_num();
        for (int pass = 0; pass < N_PASSES; pass++) {
#pragma omp barrier
#pragma omp master
            start = now_s();
#pragma omp barrier
            sum += work(slice, slice_bytes);
#pragma omp barrier
#pragma omp master
            fastest = fmin(fastest, now_s() - start);
        }
    }
    static volatile uint64_t sink;
    sink = sum;
    (void)sink;
    return fastest;
}

/* 128 MB a thread and 512 MB at least, several times any thread's share of a last-level cache (which the
 * system reports wrongly on some processors), within a quarter of the machine's memory. */
static size_t slice_size(int32_t n_threads) {
    size_t bytes = (size_t)n_threads * 128 << 20, least = (size_t)512 << 20;
    if (bytes < least) bytes = least;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0 && bytes > (size_t)pages / 4 * (size_t)page)
        bytes = (size_t)pages / 4 * (size_t)page;
    size_t units = bytes / (size_t)n_threads / SLICE_UNIT;
    return (units > 0 ? units : 1) * SLICE_UNIT;
}

bool machine_peak_measure(int32_t n_threads, machine_peak *peak) {
    size_t slice_bytes = slice_size(n_threads);
    size_t bytes = slice_bytes * (size_t)n_threads;
    unsigned char *buffer = aligned_alloc(SLICE_UNIT, bytes);
    if (!buffer) return false;
    /* A limit, so without the cost of small pages, where the system lets it. Each thread writes its slice first, so that it
     * lies in the memory near it. */
    madvise(buffer, bytes, MADV_HUGEPAGE);
#pragma omp parallel num_threads(n_threads)
    memset(buffer + slice_bytes * (size_t)omp_get_thread_num(), 1, slice_bytes);

    probes p = choose_probes();
    peak->instructions = p.instructions;
    peak->read_per_s = (double)bytes / fastest_pass(n_threads, p.read, buffer, slice_bytes);
    peak->flops_per_s = p.flops * n_threads / fastest_pass(n_threads, p.multiply_add, buffer, slice_bytes);
    free(buffer);
    return true;
}
