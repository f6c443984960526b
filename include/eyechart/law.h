/* law.h - the fitted law: benchmark performance from two scores
 *
 *     y(a, c) = w[0] + w[1] a + w[2] c + w[3] a^2 + w[4] a c + w[5] c^2
 *
 *     a   alignment score A, min-max normalised over the candidates compared
 *     c   correspondence score C, likewise
 *     y   benchmark score, min-max normalised over the points fitted
 *
 * Least squares on the centred design, minimum norm where the points do not
 * determine all coefficients, singular values below 1e-12 of the largest cut
 * (LAPACK dgelss). This is what the authors' scikit-learn code computes, without
 * its noise: scikit-learn cuts at machine precision, so that a spurious singular
 * value survives in some fits of fewer than 6 points.
 *
 * Source: Yang et al., "Law of Vision Representation in MLLMs",
 *         arXiv:2408.16357, section 4; the authors' policy/fit.py at 2e03055.
 */
#ifndef EYECHART_LAW_H
#define EYECHART_LAW_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/status.h"
#include "eyechart/table.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Terms, in the order of scikit-learn's PolynomialFeatures(2). */
typedef enum ec_law_term {
    EC_TERM_1,
    EC_TERM_A,
    EC_TERM_C,
    EC_TERM_A2,
    EC_TERM_AC,
    EC_TERM_C2,
    EC_LAW_TERMS
} ec_law_term;

/* "1", "A", "C", "A2", "AC", "C2". Static. */
const char *ec_law_term_name(ec_law_term term);

typedef enum ec_law_model {
    EC_LAW_QUADRATIC = 0, /* 1 A C A2 AC C2: the paper's law */
    EC_LAW_LINEAR,        /* 1 A C */
    EC_LAW_A,             /* 1 A */
    EC_LAW_C,             /* 1 C */
    EC_LAW_A_QUADRATIC,   /* 1 A A2 */
    EC_LAW_C_QUADRATIC,   /* 1 C C2 */
    EC_LAW_ADDITIVE,      /* 1 A C A2: the best left-out error on the paper's data */
    EC_LAW_MODELS
} ec_law_model;

/* "quadratic", "linear", "a", "c", "a-quadratic", "c-quadratic", "additive". Static; NULL past the
 * end. */
const char *ec_law_model_name(ec_law_model model);

/* Zero-initialised means the paper's law. */
typedef struct ec_law_options {
    ec_law_model model;
    double ridge; /* >= 0; penalty on the squared coefficients, intercept free */
} ec_law_options;

/* What min-max maps to [0, 1]. */
typedef struct ec_law_range {
    double a_min, a_max, c_min, c_max;
} ec_law_range;

/* A fitted law. Plain data, immutable after the fit, so any number of threads may read it. */
typedef struct ec_law {
    ec_law_model model;
    double ridge;
    size_t n;                /* points fitted */
    size_t rank;             /* of the centred design (with the ridge's rows), intercept included */
    ec_law_range range;      /* raw scores to a, c */
    double z_min, z_max;     /* over the points fitted; z = z_min + (z_max - z_min) y */
    double w[EC_LAW_TERMS];  /* 0 where the model has no such term */
    double se[EC_LAW_TERMS]; /* standard errors of w; NaN without spare degrees of freedom,
                                with a ridge, or where undetermined */
    bool in_model[EC_LAW_TERMS];
    bool undetermined[EC_LAW_TERMS]; /* the points do not determine this coefficient */
} ec_law;

/* Whether candidate i can be placed for a benchmark: every score that is used (A, C and the others
 * of the table, but those with the weight 0) is known. */
bool ec_table_places(const ec_table *table, size_t benchmark, size_t i);

/* How many scores are used, and the j-th of them, in the order A, C, the others. The law is a
 * function of the first two. */
size_t ec_table_n_used(const ec_table *table);
double ec_table_used(const ec_table *table, size_t benchmark, size_t j, size_t i);
/* Which score of the table, 0 A, 1 C, 2 the first of the others, the j-th that is used is. */
size_t ec_table_used_index(const ec_table *table, size_t j);

/* What min-max is taken over, everywhere: the candidates that can be placed, finetuned or not. Of
 * the j-th score that is used; a score without any gives INFINITY to -INFINITY. */
void ec_table_range(double *min, double *max, const ec_table *table, size_t benchmark, size_t j);

/* The same of the law's two. */
ec_law_range ec_law_range_of(const ec_table *table, size_t benchmark);

/* The candidates that a fit to a benchmark takes: those that can be placed and have a result.
 *
 *   a, c, z     [n_candidates] receive the first two scores that are used, and the results
 *   candidate   [n_candidates] receives which they are
 *
 * All may be NULL. Returns how many there are. */
size_t ec_law_points_of(double *a, double *c, double *z, size_t *candidate, const ec_table *table,
                        size_t benchmark);

/* Fits the law to n points.
 *
 *   a, c, z   [n] raw values, all finite
 *   range     what min-max is taken over: all candidates, trained or not, in the authors'
 *             protocol; NULL takes it over these n points
 *   options   NULL for the paper's law
 *
 * A design that does not determine every coefficient is not an error: the
 * minimum-norm solution is taken, as the authors do below 6 points, and the
 * coefficients concerned are marked in `undetermined`.
 *
 * Returns EC_OK, or
 *   EC_ERR_ARG       n < 2, a value is not finite, ridge < 0 or not finite
 *   EC_ERR_SINGULAR  a column that the model uses, A or C, is constant over the range, or every z
 *                    is the same: there is nothing to normalise; the message names the column
 *   EC_ERR_NOMEM
 */
ec_status ec_law_fit(ec_law *out, const ec_law_options *options, const ec_law_range *range,
                     const double *a, const double *c, const double *z, size_t n, ec_error *err);

/* Predicted benchmark score in raw units, from raw scores. NaN in, NaN out. */
double ec_law_predict(const ec_law *law, double a, double c);

/* How well the law describes the points it was fitted to, and points it was not. */
typedef struct ec_law_quality {
    size_t n;           /* points */
    size_t n_terms;     /* coefficients of the model, intercept included */
    double r2;          /* in-sample */
    double adjusted_r2; /* 1 - (1 - r2)(n - 1)/(n - n_terms); NaN if n <= n_terms */
    double loo_q2;      /* 1 - PRESS / SS about the full mean, each point left out in turn; the
                           ranges stay */
    double loo_rmse;    /* sqrt(PRESS / n), raw units */
    double spearman;    /* rank correlation of fitted and measured */
    double loo_spearman;
    double f, p_value; /* F test of the model against the mean, f_df1 and f_df2 degrees of freedom;
                          NaN with a ridge */
    double f_df1, f_df2;
    double random_r2; /* exact expected r2 of as many independent random regressors:
                         (n_terms - 1)/(n - 1), at most 1 */
} ec_law_quality;

/* Fits as ec_law_fit does, and validates.
 *
 *   fitted, left_out   [n], raw units; either may be NULL
 *
 * Statistics that the points do not support (too few of them) are NaN.
 * Errors as for ec_law_fit. */
ec_status ec_law_validate(ec_law_quality *out, double *fitted, double *left_out,
                          const ec_law_options *options, const ec_law_range *range, const double *a,
                          const double *c, const double *z, size_t n, ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
