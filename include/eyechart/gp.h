/* gp.h - the default predictive model: a Gaussian process around "more A and more C is better"
 *
 *     y(a, c) = mu + s [ kappa (a + c) + g(a, c) ] + noise
 *
 *     g    zero-mean Gaussian process, k(p, q) = exp(-|p - q|^2 / (2 length^2))
 *     mu   flat prior, integrated out
 *     s    > 0, by maximum likelihood (closed form)
 *     noise variance s^2 * noise
 *
 * kappa = 1 is the law-prior GP; kappa = 0 a plain GP. Scale-equivariant in y.
 * Definition, executable: gp() of the reference policies; hyper-parameters were
 * fixed before looking at any result.
 */
#ifndef EYECHART_GP_H
#define EYECHART_GP_H

#include <stddef.h>

#include "eyechart/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ec_gp_options {
    double length; /* 0 means 0.5 */
    double noise;  /* 0 means 0.01 */
    double kappa;  /* weight of the prior a + c; 1 for the law-prior GP, 0 for a plain one */
} ec_gp_options;

/* Posterior mean and standard deviation of the latent value (without noise) at all n points.
 *
 *   a, c     [n] normalised scores, finite
 *   trained  [m] indices into the points, distinct; y [m] their measured values
 *   mean, sd [n]; sd may be NULL
 *   options  NULL for the law-prior GP
 *   scale    receives s; NULL to ignore. s = 1 while m < 2, when the data cannot tell it:
 *            mean and sd are then in units of the prior, right in order only
 *
 * With m = 0, mean is kappa (a + c - its average), sd is 1. O(m^3 + n m^2).
 * Returns EC_OK, EC_ERR_ARG, EC_ERR_NOMEM. */
ec_status ec_gp_predict(double *mean, double *sd, double *scale, const ec_gp_options *options,
                        const double *a, const double *c, size_t n, const size_t *trained,
                        const double *y, size_t m, ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
