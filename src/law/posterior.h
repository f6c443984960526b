/* posterior.h - joint samples of what finetunings would measure on one benchmark
 *
 * Both models are linear in a few features once their parameters are drawn, so a posterior is a set
 * of weight vectors:
 *
 *     value of sample s for candidate i = w_s . f(i) + sd_s(i) e,   e standard normal
 *
 * The law: f = its terms, w_s from the multivariate t distribution of least squares.
 *
 * The default model: the settings of settings.h, each drawn as often as it makes the results
 * likely, and s (prior 1/s) with it. f = 1, the trend t, the d linear features and those of the
 * pivots.
 */
#ifndef EC_LAW_POSTERIOR_H
#define EC_LAW_POSTERIOR_H

#include <stdbool.h>
#include <stdint.h>

#include "law/law.h"
#include "law/pivots.h"
#include "law/points.h"
#include "law/settings.h"

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
    double *features; /* [n_points][n_columns] */
    double *residual; /* [n_points] variance that the features leave out; NULL: none */
    ec_pivots pivots; /* default model only */
    size_t n_columns, n;
    size_t *sample;  /* [n] which ones */
    double *weights; /* [n_columns][n] */
    double *beta;    /* [n_columns] weights of the point prediction; its groups add up */
} ec_sample_group;

/* ec_posterior_release() frees. */
typedef struct ec_posterior {
    size_t n_points, n_groups;
    ec_sample_group group[EC_LENGTHS];
    size_t n_samples;
    double *scale; /* [n_samples] */
    double *noise; /* [n_samples] variance of a value about f.w, in units of scale^2 */
    unsigned char *setting; /* [n_samples] default model: which setting it was drawn from; NULL:
                               the law */
    double *setting_mean; /* [EC_SETTINGS][m] the posterior means of the results' candidates; NULL:
                             the law */
    double *value; /* [m] what the results' candidates are worth: the result, moved towards the
                      model as far as it is noise */
    double typical_scale; /* harmonic mean of s over the settings */
} ec_posterior;

/* The results of one benchmark. */
typedef struct ec_known {
    size_t m;
    const size_t *point; /* [m] of the points, distinct */
    const double *y;     /* [m] larger is better */
    const double *se; /* [m] standard errors that are known; 0: the model's noise is all there is.
                         NULL: all 0 */
    const double *noise; /* [m] standard error that each counts with when it is asked what it is
                            worth */
} ec_known;

/* Samples the default model.
 *
 *   scale_known  false with fewer than 2 different values: y is then taken as 0 and s as 1, which
 * leaves the samples right up to an unknown positive factor and a shift
 *
 * The standard errors se, in units of y, enter as (se / s)^2 with the typical s of a first fit
 * without them. Returns EC_OK, EC_ERR_SINGULAR, EC_ERR_NOMEM. */
ec_status ec_posterior_model(ec_posterior *out, bool *scale_known, const ec_points *points,
                             const ec_known *known, size_t n_samples, const ec_draws *draws,
                             ec_error *err);

/* Samples the law on the points' first two scores. The points fitted must determine every
 * coefficient and leave degrees of freedom, or there must be a ridge and more points than terms.
 * Values are in units of the z fitted. */
ec_status ec_posterior_law(ec_posterior *out, const ec_points *points, const ec_law *law,
                           const ec_design_fit *fit, const ec_law_points *fitted, size_t n_samples,
                           const ec_draws *draws, ec_error *err);

/* The two parts of the values of point i in the samples first, first + 1, … up to `n` of them: w_s
 * . f and sd_s; scratch [n]. */
void ec_posterior_values(double *expected, double *sd, const ec_posterior *posterior, size_t i,
                         size_t n, double *scratch);

/* Point prediction at point i: every setting's mean at its harmonic mean of s, averaged. */
double ec_posterior_mean(const ec_posterior *posterior, size_t i);

/* slope [n_points][d]: change of the point prediction by each normalised score. Default model only.
 */
void ec_posterior_slopes(double *slope, const ec_posterior *posterior, const ec_points *points);

/* What the results say of the scores under the default model, exactly: the posterior of
 *
 *     u_j = w_j (1 + tau b_j / kappa)
 *
 * the weight that score j has in the trend together with what l adds to it (settings.h), averaged
 * over the settings. Without results it is w_j on average.
 *
 *   mean, sd   [points->d] of u_j
 *   slope      [points->d] what score j adds to the point prediction from its lowest to its highest
 *              value, without the bends that g makes, in the unit of y
 *   left_out   [known->m] the point prediction for a result's candidate by the other results; NaN
 *              where these do not differ
 *
 * Returns EC_OK, EC_ERR_ARG (fewer than 2 different results), EC_ERR_SINGULAR, EC_ERR_NOMEM. */
ec_status ec_posterior_weights(double *mean, double *sd, double *slope, double *left_out,
                               const ec_points *points, const ec_known *known, ec_error *err);

void ec_posterior_release(ec_posterior *posterior);

/* n standard normals for a purpose and an index (a sample, a candidate). */
typedef enum ec_purpose { EC_DRAW_WEIGHTS, EC_DRAW_VALUES } ec_purpose;
void ec_draw_normals(double *out, size_t n, const ec_draws *draws, ec_purpose purpose,
                     size_t index);

#endif
