/* bench.h - what the programs here share: clocks, medians, the peak beside a measurement */
#ifndef EC_PERF_BENCH_H
#define EC_PERF_BENCH_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cpu/kernels.h"
#include "cpu/peak.h"

static inline void stop(const char *why) {
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, why);
    exit(2);
}

static inline double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double median(double *v, size_t n) {
    qsort(v, n, sizeof *v, ascending);
    return n % 2 == 1 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

/* Of the own kernels called `isa`; of the best where it is another backend, or NULL. */
static inline double peak(const char *isa, size_t threads) {
    double flops;
    ec_error err;
    if (isa != NULL && ec_cpu_kernels_find(isa) == NULL) isa = NULL;
    if (ec_cpu_peak(&flops, isa, threads, 0.02, &err) != EC_OK) stop(err.message);
    return flops;
}

#endif
