/* design.c - see design.h
 *
 * With the intercept unpenalised, least squares on [1, X] is least squares on the centred X:
 *
 *     w = pinv(X - mean) (y - ybar),   w[0] = ybar - mean . w
 *
 * and the minimum norm is that of w without the intercept, which is what scikit-learn's
 * LinearRegression computes. LAPACK's dgelss does it through the singular value decomposition.
 * A ridge is the same problem with sqrt(ridge) I below X and zeros below y: no squared
 * condition number, no second solver.
 */
#include "law/design.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Relative to the largest singular value. Centring makes one of n rows redundant; at machine
 * precision, as scikit-learn cuts, its spurious singular value survives in some fits. */
static const double singular_cut = 1e-12;

static const ec_law_term model_terms[EC_LAW_MODELS][EC_DESIGN_COLUMNS] = {
    [EC_LAW_QUADRATIC] = {EC_TERM_A, EC_TERM_C, EC_TERM_A2, EC_TERM_AC, EC_TERM_C2},
    [EC_LAW_LINEAR] = {EC_TERM_A, EC_TERM_C},
    [EC_LAW_A] = {EC_TERM_A},
    [EC_LAW_C] = {EC_TERM_C},
    [EC_LAW_A_QUADRATIC] = {EC_TERM_A, EC_TERM_A2},
    [EC_LAW_C_QUADRATIC] = {EC_TERM_C, EC_TERM_C2},
    [EC_LAW_ADDITIVE] = {EC_TERM_A, EC_TERM_C, EC_TERM_A2},
};

ec_design ec_design_of(ec_law_model model) {
    ec_design design = {0};
    memcpy(design.term, model_terms[model], sizeof design.term);
    /* The rows above end with EC_TERM_1 = 0, which is no column. */
    while (design.n_columns < EC_DESIGN_COLUMNS && design.term[design.n_columns] != EC_TERM_1)
        design.n_columns++;
    return design;
}

double ec_design_value(ec_law_term term, double a, double c) {
    switch (term) {
    case EC_TERM_A:
        return a;
    case EC_TERM_C:
        return c;
    case EC_TERM_A2:
        return a * a;
    case EC_TERM_AC:
        return a * c;
    case EC_TERM_C2:
        return c * c;
    default:
        return 1.0;
    }
}

double ec_normalise(double x, double min, double max) {
    return max > min ? (x - min) / (max - min) : 0.0 * x; /* NaN stays NaN */
}

double ec_law_predict_normalised(const double w[EC_LAW_TERMS], double a, double c) {
    return w[EC_TERM_1] + w[EC_TERM_A] * a + w[EC_TERM_C] * c + w[EC_TERM_A2] * a * a +
           w[EC_TERM_AC] * a * c + w[EC_TERM_C2] * c * c;
}

/* Fills x [rows, n_columns], column-major, with the centred design, the ridge's rows below it and
 * zeros elsewhere; and the columns' means. */
static void fill_design(double *x, double *mean, const ec_design *design, double ridge,
                        const double *a, const double *c, size_t n, size_t rows) {
    memset(x, 0, rows * design->n_columns * sizeof *x);
    for (size_t j = 0; j < design->n_columns; j++) {
        double *column = x + j * rows;
        double sum = 0.0;
        for (size_t i = 0; i < n; i++) {
            column[i] = ec_design_value(design->term[j], a[i], c[i]);
            sum += column[i];
        }
        mean[j] = sum / (double)n;
        for (size_t i = 0; i < n; i++) column[i] -= mean[j];
        if (ridge > 0.0) column[n + j] = sqrt(ridge);
    }
}

ec_status ec_design_solve(ec_design_fit *out, ec_law_model model, double ridge, const double *a,
                          const double *c, const double *y, size_t n, ec_error *err) {
    enum {
        STACK_ROWS = EC_DESIGN_STACK_POINTS + EC_DESIGN_COLUMNS,
        /* dgelss needs 3 columns + max(2 columns, rows, 1); more lets it work in blocks. */
        WORK = 32 * EC_DESIGN_COLUMNS,
    };
    double stack[STACK_ROWS * (EC_DESIGN_COLUMNS + 2) + WORK];

    *out = (ec_design_fit){.design = ec_design_of(model)};
    const size_t columns = out->design.n_columns;
    /* At least as many rows as columns (zeros do no harm): only then dgelss returns all of v. */
    size_t rows = ridge > 0.0 ? n + columns : n;
    if (rows < columns) rows = columns;
    double *x = stack;
    if (rows > STACK_ROWS) {
        if (rows > INT32_MAX / (EC_DESIGN_COLUMNS + 2) ||
            (x = malloc((rows * (EC_DESIGN_COLUMNS + 2) + WORK) * sizeof *x)) == NULL)
            return ec_fail(err, EC_ERR_NOMEM, "no memory to fit the law to %zu points", n);
    }
    double *rhs = x + rows * columns;
    double *work = rhs + rows;
    const lapack_int n_work = (lapack_int)(rows + WORK);

    fill_design(x, out->mean, &out->design, ridge, a, c, n, rows);
    double y_mean = 0.0;
    for (size_t i = 0; i < n; i++) y_mean += y[i];
    y_mean /= (double)n;
    memset(rhs, 0, rows * sizeof *rhs);
    for (size_t i = 0; i < n; i++) rhs[i] = y[i] - y_mean;

    lapack_int rank = 0;
    const lapack_int info = LAPACKE_dgelss_work(
        LAPACK_COL_MAJOR, (lapack_int)rows, (lapack_int)columns, 1, x, (lapack_int)rows, rhs,
        (lapack_int)rows, out->s, singular_cut, &rank, work, n_work);

    out->rank = (size_t)rank;
    out->w[EC_TERM_1] = y_mean;
    for (size_t j = 0; j < columns; j++) {
        out->w[out->design.term[j]] = rhs[j];
        out->w[EC_TERM_1] -= out->mean[j] * rhs[j];
        for (size_t k = 0; k < columns; k++) out->v[k][j] = x[j * rows + k];
    }
    if (x != stack) free(x);
    if (info != 0)
        return ec_fail(err, EC_ERR_SINGULAR,
                       "the law cannot be fitted to these %zu points: the singular value "
                       "decomposition did not converge (LAPACK dgelss: %d)",
                       n, (int)info);
    return EC_OK;
}

ec_status ec_law_fit_normalised(double w[EC_LAW_TERMS], ec_law_model model, double ridge,
                                const double *a, const double *c, const double *y, size_t n,
                                ec_error *err) {
    ec_design_fit fit;
    const ec_status status = ec_design_solve(&fit, model, ridge, a, c, y, n, err);
    if (status == EC_OK) memcpy(w, fit.w, sizeof fit.w);
    return status;
}
