/* pivots.h - the kernel of the Gaussian process as a sum of few features
 *
 *     k(p, q) = f(p).f(q) + residual,   f(x) = L^-1 k(pivots, x),   L L' = k(pivots, pivots)
 *
 * The pivots are candidates, the next one always where the residual is largest (pivoted Cholesky
 * factorisation), until it is below 1e-4 everywhere, or
 * there are EC_PIVOTS_MAX; fewer candidates than that are all pivots, and the features exact. The
 * Gaussian process on any number of candidates then is a linear model with as many standard normal
 * weights: no matrix over the candidates, and one and the same function can be drawn for several
 * benchmarks. What the features leave out counts as noise of its own of each candidate.
 */
#ifndef EC_LAW_PIVOTS_H
#define EC_LAW_PIVOTS_H

#include <stddef.h>

#include "eyechart/status.h"

enum { EC_PIVOTS_MAX = 128 };

typedef struct ec_pivots {
    size_t n, d;
    double length;
    double *x;                              /* [n][d] the pivots */
    double l[EC_PIVOTS_MAX][EC_PIVOTS_MAX]; /* lower Cholesky factor */
} ec_pivots;

/* x [n_points][d]; f [n_points][EC_PIVOTS_MAX] receives the features of the points, out->n of them
 * each, and residual [n_points] what they leave out. ec_pivots_release() frees, also after a
 * failure. EC_OK or EC_ERR_NOMEM. */
ec_status ec_pivots_choose(ec_pivots *out, double *f, double *residual, const double *x,
                           size_t n_points, size_t d, double length, ec_error *err);
void ec_pivots_release(ec_pivots *pivots);

/* f [n] at any point x [d]. */
void ec_pivots_features(double *f, const ec_pivots *pivots, const double *x);

#endif
