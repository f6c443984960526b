/* peak.h - the multiply-adds a machine can do, to measure everything else against */
#ifndef EC_CPU_PEAK_H
#define EC_CPU_PEAK_H

#include <stddef.h>

#include "eyechart/status.h"

/* Runs a loop of independent f32 multiply-adds (2 operations each) in registers, on n_threads
 * threads at the same time, and returns the sum of their operations per second, each over about
 * `seconds` of its own processor time. isa as for ec_ctx_new. Take it beside the measurement it is
 * for: other guests of a machine and its clock move it. EC_ERR_ARG, EC_ERR_NOMEM. */
ec_status ec_cpu_peak(double *flops_per_second, const char *isa, size_t n_threads, double seconds,
                      ec_error *err);

#endif
