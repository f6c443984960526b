/* posterior.h - joint samples of what finetunings would measure on one benchmark
 *
 * Both models are linear in a few features f(a, c) once their parameters are drawn, so a posterior
 * is a set of weight vectors:
 *
 *     value of sample s at (a, c) = w_s . f(a, c) + sd_s(a, c) e,   e standard normal
 *
 * The law: f = its terms, w_s from the multivariate t distribution of least squares.
 *
 * The Gaussian process: f = 1, a + c and the knots' features. What gp.h fixes is uncertain here:
 * the scale s (prior 1/s), the length (half, one and two times the default) and the noise (a tenth,
 * one and ten times), each combination weighted by its marginal likelihood. With s, length and
 * noise plugged in, intervals meant to hold 90 % hold 71 % on the paper's data: docs/adr/0002.
 */
#ifndef EC_LAW_POSTERIOR_H
#define EC_LAW_POSTERIOR_H

#include <stdbool.h>
#include <stdint.h>

#include "eyechart/gp.h"
#include "law/knots.h"
#include "law/law.h"

enum { EC_POSTERIOR_GROUPS = 3, EC_POSTERIOR_COLUMNS = EC_KNOT_FEATURES_MAX + 2 };

/* Where the random numbers of one benchmark come from. Numbers drawn for the same purpose are, in
 * part, the same for all benchmarks: what makes an encoder better than its scores say helps it on
 * several benchmarks. `shared` is the correlation of the standard normals of two benchmarks. */
typedef struct ec_draws {
    uint64_t seed;
    size_t benchmark; /* position among those ranked over */
    double shared;    /* in [0, 1] */
} ec_draws;

/* Samples that share their features. */
typedef struct ec_sample_group {
    ec_knots knots; /* GP only */
    size_t n_columns, n;
    size_t *sample;  /* [n] which ones */
    double *weights; /* [n_columns][n] */
    double *value;   /* [n], scratch of ec_posterior_values */
} ec_sample_group;

/* ec_posterior_release() frees. */
typedef struct ec_posterior {
    bool is_law;
    ec_design design; /* the law's */
    size_t n_groups;
    ec_sample_group group[EC_POSTERIOR_GROUPS];
    size_t n_samples;
    double *scale; /* [n_samples] */
    double *noise; /* [n_samples]; sd = scale sqrt(noise + residual of the features) */
} ec_posterior;

/* Samples the Gaussian process given y at the points (a, c) [m], normalised.
 *
 *   scale_known  false with fewer than 2 different values: y is then taken as 0 and s as 1, which
 *                leaves the samples right up to an unknown positive factor and a shift
 *
 * Returns EC_OK, EC_ERR_SINGULAR, EC_ERR_NOMEM. */
ec_status ec_posterior_gp(ec_posterior *out, bool *scale_known, const double *a, const double *c,
                          const double *y, size_t m, size_t n_samples, const ec_draws *draws,
                          ec_error *err);

/* ec_gp_predict's mean for the law-prior GP at n points of the unit square, through the knots:
 * O(m + n) instead of O(m^3 + n m). m >= 2 different values y. Within 1e-3 of s of the exact one.
 */
ec_status ec_posterior_gp_mean(double *mean, const double *a, const double *c, size_t n,
                               const size_t *trained, const double *y, size_t m, ec_error *err);

/* Samples the law. The points must determine every coefficient and leave degrees of freedom, or
 * there must be a ridge and more points than terms. Values are in units of the z fitted. */
ec_status ec_posterior_law(ec_posterior *out, const ec_law *law, const ec_design_fit *fit,
                           const ec_law_points *points, size_t n_samples, const ec_draws *draws,
                           ec_error *err);

/* The two parts of every sample's value at (a, c): w_s . f and sd_s; [n_samples] each. */
void ec_posterior_values(double *expected, double *sd, const ec_posterior *posterior, double a,
                         double c);

void ec_posterior_release(ec_posterior *posterior);

/* n standard normals for a purpose and an index (a sample, a candidate). */
typedef enum ec_purpose { EC_DRAW_WEIGHTS, EC_DRAW_VALUES } ec_purpose;
void ec_draw_normals(double *out, size_t n, const ec_draws *draws, ec_purpose purpose,
                     size_t index);

#endif
