/* law.c - fit and prediction, see eyechart/law.h; the least squares are in design.c */
#include "law/law.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *ec_law_term_name(ec_law_term term) {
    static const char *const name[EC_LAW_TERMS] = {"1", "A", "C", "A2", "AC", "C2"};
    return (size_t)term < EC_LAW_TERMS ? name[term] : NULL;
}

const char *ec_law_model_name(ec_law_model model) {
    static const char *const name[EC_LAW_MODELS] = {
        [EC_LAW_QUADRATIC] = "quadratic",
        [EC_LAW_LINEAR] = "linear",
        [EC_LAW_A] = "a",
        [EC_LAW_C] = "c",
        [EC_LAW_A_QUADRATIC] = "a-quadratic",
        [EC_LAW_C_QUADRATIC] = "c-quadratic",
        [EC_LAW_ADDITIVE] = "additive",
    };
    return (size_t)model < EC_LAW_MODELS ? name[model] : NULL;
}

static void widen(double *min, double *max, const double *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (x[i] < *min) *min = x[i];
        if (x[i] > *max) *max = x[i];
    }
}

static ec_status check_finite(const char *column, const double *x, size_t n, ec_error *err) {
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return ec_fail(err, EC_ERR_ARG, "%s of point %zu is %g: give finite numbers only",
                           column, i + 1, x[i]);
    return EC_OK;
}

/* A column that the model uses must tell at least two points apart. */
static ec_status check_range(const char *column, double min, double max, ec_error *err) {
    if (!isfinite(max - min) || max < min)
        return ec_fail(err, EC_ERR_ARG, "the range of %s, %g to %g, is not a finite interval",
                       column, min, max);
    if (max == min)
        return ec_fail(err, EC_ERR_SINGULAR,
                       "%s is %g everywhere: a constant column cannot be normalised or fitted; "
                       "check the values, or choose a model without it",
                       column, min);
    return EC_OK;
}

static ec_status check_options(const ec_law_options *options, ec_error *err) {
    if ((size_t)options->model >= EC_LAW_MODELS)
        return ec_fail(err, EC_ERR_ARG, "no such model of the law: %d", (int)options->model);
    if (!(options->ridge >= 0.0) || !isfinite(options->ridge))
        return ec_fail(err, EC_ERR_ARG, "the ridge is %g: expected a finite number, 0 or more",
                       options->ridge);
    return EC_OK;
}

static ec_status check_columns(const ec_law *law, ec_error *err) {
    bool uses_a = false, uses_c = false;
    for (int t = 0; t < EC_LAW_TERMS; t++) {
        if (!law->in_model[t]) continue;
        uses_a |= t == EC_TERM_A || t == EC_TERM_A2 || t == EC_TERM_AC;
        uses_c |= t == EC_TERM_C || t == EC_TERM_C2 || t == EC_TERM_AC;
    }
    ec_status status = EC_OK;
    if (uses_a) status = check_range("A", law->range.a_min, law->range.a_max, err);
    if (uses_c && status == EC_OK)
        status = check_range("C", law->range.c_min, law->range.c_max, err);
    if (status == EC_OK) status = check_range("the benchmark score", law->z_min, law->z_max, err);
    return status;
}

/* Which coefficients the points leave open: those whose unit vector has a component in the null
 * space of the centred design; the intercept when the columns' means have one. */
static void mark_undetermined(ec_law *law, const ec_design_fit *fit) {
    const size_t columns = fit->design.n_columns;
    double mean_in_space[EC_DESIGN_COLUMNS] = {0};
    for (size_t j = 0; j < columns; j++) {
        double in_space = 0.0;
        for (size_t k = 0; k < fit->rank; k++) in_space += fit->v[k][j] * fit->v[k][j];
        law->undetermined[fit->design.term[j]] = 1.0 - in_space > 1e-10;
    }
    double outside = 0.0, total = 0.0;
    for (size_t k = 0; k < fit->rank; k++) {
        double along = 0.0;
        for (size_t j = 0; j < columns; j++) along += fit->mean[j] * fit->v[k][j];
        for (size_t j = 0; j < columns; j++) mean_in_space[j] += along * fit->v[k][j];
    }
    for (size_t j = 0; j < columns; j++) {
        outside += (fit->mean[j] - mean_in_space[j]) * (fit->mean[j] - mean_in_space[j]);
        total += fit->mean[j] * fit->mean[j];
    }
    law->undetermined[EC_TERM_1] = outside > 1e-10 * total;
}

/* Standard errors from cov(w) = sigma^2 V S^-2 V', sigma^2 = RSS/(n - rank). */
static void standard_errors(ec_law *law, const ec_design_fit *fit, const double *a, const double *c,
                            const double *y) {
    for (int t = 0; t < EC_LAW_TERMS; t++) law->se[t] = law->in_model[t] ? NAN : 0.0;
    if (law->ridge > 0.0 || law->n <= law->rank) return;

    double rss = 0.0;
    for (size_t i = 0; i < law->n; i++) {
        const double r = y[i] - ec_law_predict_normalised(law->w, a[i], c[i]);
        rss += r * r;
    }
    const double variance = rss / (double)(law->n - law->rank);
    double intercept = 1.0 / (double)law->n;
    double column[EC_DESIGN_COLUMNS] = {0};
    for (size_t k = 0; k < fit->rank; k++) {
        double along = 0.0;
        for (size_t j = 0; j < fit->design.n_columns; j++) {
            const double x = fit->v[k][j] / fit->s[k];
            column[j] += x * x;
            along += fit->mean[j] * x;
        }
        intercept += along * along;
    }
    if (!law->undetermined[EC_TERM_1]) law->se[EC_TERM_1] = sqrt(variance * intercept);
    for (size_t j = 0; j < fit->design.n_columns; j++) {
        const ec_law_term t = fit->design.term[j];
        if (!law->undetermined[t]) law->se[t] = sqrt(variance * column[j]);
    }
}

/* Everything in *out but what the least squares tell: model, ranges, checks. */
static ec_status prepare(ec_law *out, const ec_law_options *options, const ec_law_range *range,
                         const double *a, const double *c, const double *z, size_t n,
                         ec_error *err) {
    *out = (ec_law){.n = n};
    if (options != NULL) {
        const ec_status status = check_options(options, err);
        if (status != EC_OK) return status;
        out->model = options->model;
        out->ridge = options->ridge;
    }
    if (n < 2)
        return ec_fail(err, EC_ERR_ARG,
                       "the law needs at least 2 finetuned candidates with A and C, there %s %zu",
                       n == 1 ? "is" : "are", n);
    ec_status status = check_finite("A", a, n, err);
    if (status == EC_OK) status = check_finite("C", c, n, err);
    if (status == EC_OK) status = check_finite("the benchmark score", z, n, err);
    if (status != EC_OK) return status;

    const ec_design design = ec_design_of(out->model);
    out->in_model[EC_TERM_1] = true;
    for (size_t j = 0; j < design.n_columns; j++) out->in_model[design.term[j]] = true;
    if (range != NULL) {
        out->range = *range;
    } else {
        out->range = (ec_law_range){a[0], a[0], c[0], c[0]};
        widen(&out->range.a_min, &out->range.a_max, a, n);
        widen(&out->range.c_min, &out->range.c_max, c, n);
    }
    out->z_min = out->z_max = z[0];
    widen(&out->z_min, &out->z_max, z, n);
    return check_columns(out, err);
}

ec_status ec_law_fit_points(ec_law *out, ec_design_fit *fit, ec_law_points *points,
                            const ec_law_options *options, const ec_law_range *range,
                            const double *a, const double *c, const double *z, size_t n,
                            ec_error *err) {
    *points = (ec_law_points){0};
    ec_status status = prepare(out, options, range, a, c, z, n, err);
    if (status != EC_OK) return status;
    if ((points->a = calloc(n, 3 * sizeof *points->a)) == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory to fit the law to %zu points", n);
    points->c = points->a + n;
    points->y = points->c + n;
    for (size_t i = 0; i < n; i++) {
        points->a[i] = ec_normalise(a[i], out->range.a_min, out->range.a_max);
        points->c[i] = ec_normalise(c[i], out->range.c_min, out->range.c_max);
        points->y[i] = ec_normalise(z[i], out->z_min, out->z_max);
    }
    status = ec_design_solve(fit, out->model, out->ridge, points->a, points->c, points->y, n, err);
    if (status != EC_OK) {
        ec_law_points_release(points);
        return status;
    }
    memcpy(out->w, fit->w, sizeof out->w);
    out->rank = fit->rank + 1;
    mark_undetermined(out, fit);
    standard_errors(out, fit, points->a, points->c, points->y);
    return EC_OK;
}

void ec_law_points_release(ec_law_points *points) {
    free(points->a);
    *points = (ec_law_points){0};
}

ec_status ec_law_fit(ec_law *out, const ec_law_options *options, const ec_law_range *range,
                     const double *a, const double *c, const double *z, size_t n, ec_error *err) {
    ec_design_fit fit;
    ec_law_points points;
    const ec_status status = ec_law_fit_points(out, &fit, &points, options, range, a, c, z, n, err);
    ec_law_points_release(&points);
    return status;
}

double ec_law_predict(const ec_law *law, double a, double c) {
    const double y =
        ec_law_predict_normalised(law->w, ec_normalise(a, law->range.a_min, law->range.a_max),
                                  ec_normalise(c, law->range.c_min, law->range.c_max));
    return law->z_min + (law->z_max - law->z_min) * y;
}
