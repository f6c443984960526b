/* scale.h - the full scale of a benchmark, and how far a result repeats
 *
 * Means over several benchmarks are of percent of the full scale: the declared `range`, else that
 * of a benchmark whose name is known (MME 0 to 2000, the others 0 to 100, or 0 to 1 while every
 * result of one of those is a fraction), else 0 to the smallest of 1, 100, 1000, 10 000, … that
 * holds every result told, and from as far below 0 where results are negative. Only what was taken
 * from the results can ever grow.
 *
 * A result whose standard error is not known counts with 0.5 % of the full scale: 0.5 points of a
 * percentage, 10 of MME. That is about how far two finetunings with other seeds lie apart.
 */
#ifndef EC_STUDY_SCALE_H
#define EC_STUDY_SCALE_H

#include "study/study_internal.h"

/* What a table borrows of its benchmarks. Zero-initialise; release also after a failure. */
typedef struct ec_scales {
    int *direction;  /* [n_benchmarks] */
    double *numbers; /* [3][n_benchmarks]: low, high, noise */
} ec_scales;
void ec_scales_release(ec_scales *scales);

/* Sets direction, low, high and noise of a table of this study, whose results are there. EC_OK or
 * EC_ERR_NOMEM. */
ec_status ec_scales_set(ec_scales *out, ec_table *table, const ec_study *study, ec_error *err);

#endif
