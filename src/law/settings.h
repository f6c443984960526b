/* settings.h - the settings that the default model averages over
 *
 *     y(x) = mu + s [ kappa t(x) + tau l(x) + g(x) ] + noise
 *
 *     x    [d] normalised scores of a candidate, with weights w of mean 1
 *     t    2/d (w . x), centred over the candidates: "more is better", in equal parts unless
 *          weighted
 *     l    2/d sum_j b_j w_j (x_j - mean), b_j ~ N(0, 1): what the results say of the weights of
 *          the scores, shrunken to those given
 *     g    Gaussian process, k(p, q) = exp(-|p - q|^2 2/d / (2 length^2)), so that a length means
 *          the same for any d
 *     mu   flat prior; s > 0 has the prior 1/s; the noise has the variance s^2 * noise
 *
 * For two scores of weight 1, t = a + c: gp.h is one setting of this (length 0.5, noise 0.01, kappa
 * 1, tau 0). Here each of length, noise and kappa has three values, a round one and its neighbours,
 * all 27 equally likely beforehand, and each weighs as much as it makes the results likely. How
 * they were chosen: docs/adr/0005-the-default-policy.md.
 */
#ifndef EC_LAW_SETTINGS_H
#define EC_LAW_SETTINGS_H

#include <math.h>
#include <stddef.h>

enum {
    EC_LENGTHS = 3,
    EC_NOISES = 3,
    EC_KAPPAS = 3,
    EC_FITS = EC_LENGTHS * EC_NOISES,
    EC_SETTINGS = EC_FITS * EC_KAPPAS
};

static const double ec_length_of[EC_LENGTHS] = {0.25, 0.5, 1.0};
static const double ec_noise_of[EC_NOISES] = {0.1, 0.3, 1.0};
static const double ec_kappa_of[EC_KAPPAS] = {1.0, 2.0, 4.0};
static const double ec_tau = 0.5;

/* Setting c belongs to fit c / EC_KAPPAS, which is length * EC_NOISES + noise. */

/* 2/d |p - q|^2 of two candidates. */
static inline double ec_squared_distance(const double *p, const double *q, size_t d) {
    double sum = 0.0;
    for (size_t j = 0; j < d; j++) sum += (p[j] - q[j]) * (p[j] - q[j]);
    return 2.0 / (double)d * sum;
}

/* 2/d (w . x), not centred. */
static inline double ec_trend(const double *x, const double *weight, size_t d) {
    double sum = 0.0;
    for (size_t j = 0; j < d; j++) sum += weight[j] * x[j];
    return 2.0 / (double)d * sum;
}

#endif
