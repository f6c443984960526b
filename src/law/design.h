/* design.h - the law on normalised scores: features, minimum-norm least squares, prediction
 *
 * For callers that fit many small sets (the exact simulation fits every subset of the
 * candidates). Nothing is allocated up to EC_DESIGN_STACK_POINTS points; a fit of 13 points
 * takes a few microseconds.
 */
#ifndef EC_LAW_DESIGN_H
#define EC_LAW_DESIGN_H

#include "eyechart/law.h"

enum { EC_DESIGN_COLUMNS = EC_LAW_TERMS - 1, EC_DESIGN_STACK_POINTS = 64 };

/* The columns of the centred design: a model's terms but the intercept. */
typedef struct ec_design {
    size_t n_columns;
    ec_law_term term[EC_DESIGN_COLUMNS];
} ec_design;

ec_design ec_design_of(ec_law_model model);

/* The term's value at (a, c). */
double ec_design_value(ec_law_term term, double a, double c);

/* w, and what the statistics need to know about how it was found. The centred design X
 * [n, n_columns] has the singular values s and the right singular vectors v[k]; with a ridge, X has
 * sqrt(ridge) I below it. */
typedef struct ec_design_fit {
    double w[EC_LAW_TERMS]; /* 0 where the model has no such term */
    ec_design design;
    size_t rank;                    /* singular values above the cut; the intercept not counted */
    double mean[EC_DESIGN_COLUMNS]; /* of the columns of the uncentred design */
    double s[EC_DESIGN_COLUMNS];
    double v[EC_DESIGN_COLUMNS][EC_DESIGN_COLUMNS]; /* v[k]: k-th right singular vector */
} ec_design_fit;

/* Fits y [n] at the points (a, c) [n], n >= 1, all finite and normalised. One point gives the
 * constant y[0].
 * Returns EC_OK, EC_ERR_SINGULAR (the singular value decomposition did not converge), EC_ERR_NOMEM.
 */
ec_status ec_design_solve(ec_design_fit *out, ec_law_model model, double ridge, const double *a,
                          const double *c, const double *y, size_t n, ec_error *err);

/* The same, coefficients only. */
ec_status ec_law_fit_normalised(double w[EC_LAW_TERMS], ec_law_model model, double ridge,
                                const double *a, const double *c, const double *y, size_t n,
                                ec_error *err);

/* w[0] + w[1] a + w[2] c + w[3] a^2 + w[4] a c + w[5] c^2. */
double ec_law_predict_normalised(const double w[EC_LAW_TERMS], double a, double c);

/* Min-max: (x - min)/(max - min), 0 for all when min = max: a constant column says nothing. */
double ec_normalise(double x, double min, double max);

#endif
