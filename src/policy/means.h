/* means.h - one number of a candidate out of those for several benchmarks, as the policies see it
 *
 *     x = weighted mean over the benchmarks of a score, min-max normalised over the candidates that
 *         can be placed there (ec_table_range)
 *     y = weighted mean over the benchmarks measured of the min-max normalised results, larger is
 *         better
 */
#ifndef EC_POLICY_MEANS_H
#define EC_POLICY_MEANS_H

#include "eyechart/table.h"

/* x of the j-th score of the table that is used, out [n_candidates]; NaN: can be placed for no
 * benchmark with a weight.
 *
 *   weights   [n_benchmarks] of the benchmarks, 0 or more
 *   scratch   [n_candidates] */
void ec_mean_score(double *out, const ec_table *table, size_t j, const double *weights,
                   double *scratch);

/* y likewise; NaN: no result for a benchmark with a weight. */
void ec_mean_result(double *out, const ec_table *table, const double *weights, double *scratch);

#endif
