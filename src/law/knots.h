/* knots.h - the RBF kernel on the unit square as a sum of few features
 *
 *     k(p, q) = f(p).f(q) + residual,   f(a, c) = g(a) x g(c)   (all products)
 *
 * The kernel is a product of one kernel in a and one in c. Each is projected on k Chebyshev knots
 * x_j of [0, 1]:  g(u) = L^-1 k(x, u),  L L' = k(x, x)  (Nystroem's method). The Gaussian process
 * on any number of candidates then is a linear model with k^2 standard normal weights: no matrix
 * over the candidates, and one and the same function can be drawn for several benchmarks. Largest
 * residual variance on the square: 1.4e-4 (length 0.25), 2.7e-6 (0.5), 7e-8 (1).
 */
#ifndef EC_LAW_KNOTS_H
#define EC_LAW_KNOTS_H

#include <stddef.h>

enum { EC_KNOTS_MAX = 8, EC_KNOT_FEATURES_MAX = EC_KNOTS_MAX * EC_KNOTS_MAX };

typedef struct ec_knots {
    size_t n; /* in one direction; n * n features */
    double length;
    double x[EC_KNOTS_MAX];
    double l[EC_KNOTS_MAX][EC_KNOTS_MAX]; /* lower Cholesky factor */
} ec_knots;

/* length >= 0.25. */
ec_knots ec_knots_of(double length);

/* f [n * n] at (a, c) in the unit square; returns the residual variance, >= 0. */
double ec_knots_features(double *f, const ec_knots *knots, double a, double c);

#endif
