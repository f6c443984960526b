/* validate.c - how well the law describes points it saw and points it did not
 *
 * Leaving point i out and refitting gives, exactly, the residual r_i/(1 - h_i) with the leverage
 *
 *     h_i = 1/n + |S^-1 V' x_i|^2          (x_i centred; with a ridge, S of the extended design)
 *
 * as long as the remaining points determine the same coefficients. Where they do not (h_i near 1,
 * or a design that was short of rank to begin with) the point is left out and the rest refitted.
 */
#include "law/law.h"
#include "law/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double leverage(const ec_design_fit *fit, double a, double c, size_t n) {
    double h = 1.0 / (double)n;
    for (size_t k = 0; k < fit->rank; k++) {
        double along = 0.0;
        for (size_t j = 0; j < fit->design.n_columns; j++)
            along += fit->v[k][j] * (ec_design_value(fit->design.term[j], a, c) - fit->mean[j]) /
                     fit->s[k];
        h += along * along;
    }
    return h;
}

/* Prediction of point i by the law fitted to the others; rest is scratch [3 n]. */
static ec_status refit_without(double *out, const ec_law *law, const ec_law_points *points,
                               size_t i, double *rest, ec_error *err) {
    const size_t n = law->n - 1;
    double *column[3] = {rest, rest + n, rest + 2 * n};
    const double *full[3] = {points->a, points->c, points->y};
    for (int k = 0; k < 3; k++) {
        memcpy(column[k], full[k], i * sizeof *rest);
        memcpy(column[k] + i, full[k] + i + 1, (n - i) * sizeof *rest);
    }
    double w[EC_LAW_TERMS];
    const ec_status status =
        ec_law_fit_normalised(w, law->model, law->ridge, column[0], column[1], column[2], n, err);
    if (status == EC_OK) *out = ec_law_predict_normalised(w, points->a[i], points->c[i]);
    return status;
}

/* Fitted and left-out predictions, normalised like points->y. */
static ec_status predict_both(double *fitted, double *left_out, const ec_law *law,
                              const ec_design_fit *fit, const ec_law_points *points,
                              ec_error *err) {
    double *rest = malloc(3 * law->n * sizeof *rest);
    if (rest == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory to validate the law on %zu points", law->n);
    ec_status status = EC_OK;
    for (size_t i = 0; i < law->n && status == EC_OK; i++) {
        const double a = points->a[i], c = points->c[i], y = points->y[i];
        fitted[i] = ec_law_predict_normalised(law->w, a, c);
        const double h = leverage(fit, a, c, law->n);
        if (fit->rank == fit->design.n_columns && h < 1.0 - 1e-6)
            left_out[i] = y - (y - fitted[i]) / (1.0 - h);
        else
            status = refit_without(&left_out[i], law, points, i, rest, err);
    }
    free(rest);
    return status;
}

static double squared_error(const double *y, const double *prediction, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += (y[i] - prediction[i]) * (y[i] - prediction[i]);
    return sum;
}

static ec_status describe(ec_law_quality *out, const ec_law *law, const ec_law_points *points,
                          const double *fitted, const double *left_out, ec_error *err) {
    const size_t n = law->n, n_terms = ec_design_of(law->model).n_columns + 1;
    double mean = 0.0, total = 0.0;
    for (size_t i = 0; i < n; i++) mean += points->y[i] / (double)n;
    for (size_t i = 0; i < n; i++) total += (points->y[i] - mean) * (points->y[i] - mean);
    const double rss = squared_error(points->y, fitted, n);
    const double press = squared_error(points->y, left_out, n);

    *out = (ec_law_quality){.n = n, .n_terms = n_terms};
    out->r2 = 1.0 - rss / total;
    out->adjusted_r2 =
        n > n_terms ? 1.0 - (1.0 - out->r2) * (double)(n - 1) / (double)(n - n_terms) : NAN;
    out->loo_q2 = 1.0 - press / total;
    out->loo_rmse = (law->z_max - law->z_min) * sqrt(press / (double)n);
    out->random_r2 = fmin(1.0, (double)(n_terms - 1) / (double)(n - 1));
    out->f_df1 = (double)(law->rank - 1);
    out->f_df2 = (double)(n - law->rank);
    out->f = out->p_value = NAN;
    if (law->ridge == 0.0 && out->f_df1 > 0.0 && out->f_df2 > 0.0) {
        out->f = fmax(total - rss, 0.0) / out->f_df1 / (rss / out->f_df2);
        out->p_value = ec_f_upper_tail(out->f, out->f_df1, out->f_df2);
    }
    ec_status status = ec_spearman(&out->spearman, fitted, points->y, n, err);
    if (status == EC_OK) status = ec_spearman(&out->loo_spearman, left_out, points->y, n, err);
    return status;
}

ec_status ec_law_validate(ec_law_quality *out, double *fitted, double *left_out,
                          const ec_law_options *options, const ec_law_range *range, const double *a,
                          const double *c, const double *z, size_t n, ec_error *err) {
    ec_law law;
    ec_design_fit fit;
    ec_law_points points;
    ec_status status = ec_law_fit_points(&law, &fit, &points, options, range, a, c, z, n, err);
    if (status != EC_OK) return status;

    double *predicted = malloc(2 * n * sizeof *predicted);
    if (predicted == NULL) {
        status = ec_fail(err, EC_ERR_NOMEM, "no memory to validate the law on %zu points", n);
        goto done;
    }
    status = predict_both(predicted, predicted + n, &law, &fit, &points, err);
    if (status == EC_OK) status = describe(out, &law, &points, predicted, predicted + n, err);
    if (status != EC_OK) goto done;
    for (size_t i = 0; i < n; i++) {
        if (fitted != NULL) fitted[i] = law.z_min + (law.z_max - law.z_min) * predicted[i];
        if (left_out != NULL) left_out[i] = law.z_min + (law.z_max - law.z_min) * predicted[n + i];
    }
done:
    free(predicted);
    ec_law_points_release(&points);
    return status;
}
