/* peak.c - see peak.h */
#include "cpu/peak.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "cpu/kernels.h"

enum { WAIT, GO, GIVE_UP };

typedef struct {
    const ec_cpu_kernels *kernels;
    atomic_int *start;
    double seconds, rate;
    pthread_t thread;
} probe;

/* Of this thread on a processor: what others take from it is not its peak. */
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *probe_main(void *argument) {
    probe *p = argument;
    p->kernels->fma_loop(1000); /* wakes the clock and the vector unit */
    int order;
    while ((order = atomic_load(p->start)) == WAIT) sched_yield();
    double operations = 0.0, took = 0.0;
    for (const double began = now(); order == GO && took < p->seconds; took = now() - began)
        operations += p->kernels->fma_loop(2000);
    if (order == GO) p->rate = operations / took;
    return NULL;
}

ec_status ec_cpu_peak(double *flops_per_second, const char *isa, size_t n_threads, double seconds,
                      ec_error *err) {
    *flops_per_second = 0.0;
    const ec_cpu_kernels *kernels = ec_cpu_kernels_find(isa);
    if (kernels == NULL)
        return ec_fail(err, EC_ERR_ARG, "this processor has no instruction set '%.32s'", isa);
    if (n_threads == 0)
        return ec_fail(err, EC_ERR_ARG, "the peak of 0 threads: expected at least 1");
    probe *all = calloc(n_threads, sizeof *all);
    if (all == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory for %zu probes", n_threads);

    atomic_int start;
    atomic_init(&start, WAIT);
    for (size_t i = 0; i < n_threads; i++)
        all[i] = (probe){.kernels = kernels, .start = &start, .seconds = seconds};
    size_t started = 1; /* the caller is the first probe */
    while (started < n_threads &&
           pthread_create(&all[started].thread, NULL, probe_main, &all[started]) == 0)
        started++;
    atomic_store(&start, started == n_threads ? GO : GIVE_UP);
    probe_main(&all[0]);

    double rate = 0.0;
    for (size_t i = 0; i < started; i++) {
        if (i > 0) pthread_join(all[i].thread, NULL);
        rate += all[i].rate;
    }
    free(all);
    if (started < n_threads)
        return ec_fail(err, EC_ERR_NOMEM, "the system refuses %zu threads", n_threads);
    *flops_per_second = rate;
    return EC_OK;
}
