/* What this machine does at most with a number of threads: the limits beside which the bench sets its
 * figures. */
#ifndef BENCH_MACHINE_PEAK_H
#define BENCH_MACHINE_PEAK_H

#include <stdbool.h>
#include <stdint.h>

typedef struct machine_peak {
    const char *instructions; /* of the probes: "avx2" or "portable" */
    double read_per_s;        /* bytes, streamed from memory by all threads together */
    double flops_per_s;       /* fp32 fused multiply-adds on registers, two operations each */
} machine_peak;

/* Measures for about a second. false: memory for the streamed buffer is refused. */
bool machine_peak_measure(int32_t n_threads, machine_peak *peak);

#endif
