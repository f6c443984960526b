/* mixture.h - the default model, result by result: predictions and expected improvements in closed
 * form
 *
 * The average over the settings of settings.h on a fixed set of candidates. A result that is added
 * costs O(n m), so that a policy can be played to the end. ec_rank draws from the same model; this
 * one has no samples, standard errors or several benchmarks.
 */
#ifndef EC_LAW_MIXTURE_H
#define EC_LAW_MIXTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/status.h"

typedef struct ec_mixture ec_mixture;

/* The candidates as normalised points.
 *
 *   x        [n][d], copied
 *   weight   [d] of the scores, mean 1; NULL: equal
 *   out      owned, ec_mixture_free() releases it; NULL on failure
 * Returns EC_OK or EC_ERR_NOMEM. */
ec_status ec_mixture_new(ec_mixture **out, const double *x, const double *weight, size_t n,
                         size_t d, ec_error *err);
void ec_mixture_free(ec_mixture *mixture);

/* Takes the results y [m] of the candidates index [m], distinct. What continues the results of the
 * last call only adds those that are new. Returns EC_OK or EC_ERR_NOMEM; after a failure nothing is
 * known. */
ec_status ec_mixture_know(ec_mixture *mixture, const size_t *index, const double *y, size_t m,
                          ec_error *err);

/* Whether there are two different results. Without, predictions are the trend, shifted to the
 * results' level: right in order only. */
bool ec_mixture_scale_known(const ec_mixture *mixture);

/* mean [n]: of every setting its posterior mean at the harmonic mean of s, averaged; sd [n] or
 * NULL: of a result there, with the noise. */
void ec_mixture_predict(const ec_mixture *mixture, double *mean, double *sd);

/* gain [n]: E max(0, result - best), where best is the largest prediction among those with results,
 * setting by setting. (Not the largest result, which is the luckiest one: Picheny, Wagner and
 * Ginsbourger, "A benchmark of kriging-based infill criteria for noisy optimization", 2013, "EI
 * with plug-in".) 0 for those with results, and while the scale is not known. */
void ec_mixture_gain(const ec_mixture *mixture, double *gain);

#endif
