/* view.c - see view.h */
#include "law/view.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

void ec_view_release(ec_view *v) {
    ec_posterior_release(&v->posterior);
    ec_points_release(&v->points);
    free(v->memory);
    free(v->indices);
    free(v->slope);
}

double ec_view_value(const ec_view *v, size_t i) {
    return isnan(v->measured[i]) ? v->predicted[i] : v->value[i];
}

static double noise_of(const ec_table *table, size_t b) {
    const double noise = table->noise != NULL ? table->noise[b] : 0.0;
    return noise > 0.0 && isfinite(noise) ? noise : 0.0;
}

static double error_of(const ec_table *table, size_t b, size_t i) {
    const double se = table->z_se != NULL ? table->z_se[b * table->n_candidates + i] : 0.0;
    return se > 0.0 && isfinite(se) ? se : 0.0;
}

static ec_status read_table(ec_view *v, const ec_table *table, size_t b, ec_error *err) {
    const size_t n = table->n_candidates;
    v->memory = malloc((4 * n + 1) * sizeof *v->memory);
    v->indices = malloc((2 * n + 1) * sizeof *v->indices);
    if (v->memory == NULL || v->indices == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory to rank %zu candidates", n);
    v->measured = v->memory;
    v->noise = v->measured + n;
    v->value = v->noise + n;
    v->predicted = v->value + n;
    v->point = v->indices;
    v->known = v->point + n;
    if (table->direction != NULL && table->direction[b] < 0) v->direction = -1.0;
    v->next_noise = noise_of(table, b);
    const ec_status status = ec_points_init(&v->points, table, b, err);
    if (status != EC_OK) return status;
    for (size_t i = 0; i < n; i++) {
        const double z = table->z[b * n + i], se = error_of(table, b, i);
        v->measured[i] = isfinite(z) ? v->direction * z : NAN;
        v->noise[i] = se > 0.0 ? se : v->next_noise;
        v->value[i] = v->measured[i];
        v->predicted[i] = NAN;
        v->point[i] = v->known[i] = SIZE_MAX;
    }
    for (size_t k = 0; k < v->points.n; k++) v->point[v->points.candidate[k]] = k;
    return EC_OK;
}

/* The results of the candidates that have a place. One allocation, at `numbers`. */
typedef struct {
    ec_known known;
    double *numbers;
    size_t *point;
} results;

static ec_status results_init(results *r, ec_view *v, const ec_table *table, size_t b,
                              ec_error *err) {
    const size_t n = v->points.n;
    *r = (results){.numbers = malloc((3 * n + 1) * sizeof *r->numbers),
                   .point = malloc((n + 1) * sizeof *r->point)};
    if (r->numbers == NULL || r->point == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory to rank %zu candidates", table->n_candidates);
    double *y = r->numbers, *se = y + n, *noise = se + n;
    for (size_t k = 0; k < n; k++) {
        const size_t i = v->points.candidate[k];
        if (isnan(v->measured[i])) continue;
        v->known[i] = r->known.m;
        r->point[r->known.m] = k;
        y[r->known.m] = v->measured[i];
        se[r->known.m] = error_of(table, b, i);
        noise[r->known.m++] = v->noise[i];
    }
    r->known.point = r->point;
    r->known.y = y;
    r->known.se = se;
    r->known.noise = noise;
    v->n_results = r->known.m;
    return EC_OK;
}

static void results_release(results *r) {
    free(r->numbers);
    free(r->point);
}

/* Predictions at the points, and their change by one standard error of each score. */
static ec_status keep_predictions(ec_view *v, ec_error *err) {
    const size_t n = v->points.n, d = v->points.d;
    for (size_t k = 0; k < n; k++)
        v->predicted[v->points.candidate[k]] = ec_posterior_mean(&v->posterior, k);
    if (v->points.se == NULL) return EC_OK;
    if ((v->slope = malloc((n * d + 1) * sizeof *v->slope)) == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory to rank %zu candidates", n);
    ec_posterior_slopes(v->slope, &v->posterior, &v->points);
    for (size_t j = 0; j < n * d; j++) v->slope[j] *= v->points.se[j];
    return EC_OK;
}

static ec_status model_default(ec_view *v, const results *r, size_t n_candidates, size_t n_samples,
                               ec_error *err) {
    if (v->points.n == 0) return EC_OK;
    ec_status status = ec_posterior_model(&v->posterior, &v->scale_known, &v->points, &r->known,
                                          n_samples, &v->draws, err);
    if (status != EC_OK) return status;
    v->has_posterior = true;
    for (size_t i = 0; i < n_candidates; i++) {
        if (isnan(v->measured[i])) continue;
        if (v->scale_known) {
            if (v->known[i] != SIZE_MAX) v->value[i] = v->posterior.value[v->known[i]];
        } else {
            /* Only the order among the candidates with scores has a meaning: results count as 0,
             * predictions are in units of the prior. */
            v->measured[i] = v->value[i] = v->known[i] == SIZE_MAX ? NAN : 0.0;
            v->noise[i] = 0.0;
        }
    }
    return keep_predictions(v, err);
}

static bool differ(const double *y, size_t m) {
    for (size_t i = 1; i < m; i++)
        if (y[i] != y[0]) return true;
    return false;
}

static ec_status predict_law(ec_view *v, const ec_law *law, ec_error *err) {
    const double unit = law->z_max - law->z_min, step = 1e-5, *w = law->w;
    const ec_points *p = &v->points;
    for (size_t k = 0; k < p->n; k++) {
        const double a = p->x[2 * k], c = p->x[2 * k + 1];
        v->predicted[p->candidate[k]] = law->z_min + unit * ec_law_predict_normalised(w, a, c);
    }
    if (p->se == NULL) return EC_OK;
    if ((v->slope = malloc((2 * p->n + 1) * sizeof *v->slope)) == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory to rank %zu candidates", p->n);
    for (size_t k = 0; k < p->n; k++) {
        const double a = p->x[2 * k], c = p->x[2 * k + 1],
                     here = ec_law_predict_normalised(w, a, c);
        v->slope[2 * k] =
            unit * p->se[2 * k] * (ec_law_predict_normalised(w, a + step, c) - here) / step;
        v->slope[2 * k + 1] =
            unit * p->se[2 * k + 1] * (ec_law_predict_normalised(w, a, c + step) - here) / step;
    }
    return EC_OK;
}

/* The law in the first two scores, raw again, so that a refusal names the values that the user
 * knows. */
static ec_status model_law(ec_view *v, const results *r, const ec_table *table, size_t b,
                           const ec_law_options *options, size_t n_samples, ec_error *err) {
    const size_t m = r->known.m;
    if (m < 2 || !differ(r->known.y, m)) return EC_OK;
    if (v->points.d != 2)
        return ec_fail(
            err, EC_ERR_ARG,
            "the law is a function of two scores; rank by others with the default model");
    double *scores = malloc(2 * m * sizeof *scores);
    if (scores == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory to fit the law to %zu points", m);
    for (size_t j = 0; j < m; j++) {
        const size_t i = v->points.candidate[r->point[j]];
        scores[j] = ec_table_used(table, b, 0, i);
        scores[m + j] = ec_table_used(table, b, 1, i);
    }
    const ec_law_range range = ec_law_range_of(table, b);
    ec_law law;
    ec_design_fit fit;
    ec_law_points fitted;
    ec_status status = ec_law_fit_points(&law, &fit, &fitted, options, &range, scores, scores + m,
                                         r->known.y, m, err);
    free(scores);
    if (status != EC_OK) return status;
    v->scale_known = true;
    status = predict_law(v, &law, err);
    if (status == EC_OK && fit.rank == fit.design.n_columns && m > fit.rank + 1) {
        status = ec_posterior_law(&v->posterior, &v->points, &law, &fit, &fitted, n_samples,
                                  &v->draws, err);
        v->has_posterior = status == EC_OK;
    }
    ec_law_points_release(&fitted);
    return status;
}

ec_status ec_view_init(ec_view *v, const ec_table *table, size_t b, const ec_rank_options *options,
                       size_t n_samples, const ec_draws *draws, ec_error *err) {
    *v = (ec_view){.factor = 1.0, .direction = 1.0, .draws = *draws};
    results r = {0};
    ec_status status = read_table(v, table, b, err);
    if (status == EC_OK) status = results_init(&r, v, table, b, err);
    if (status == EC_OK)
        status = options->model == EC_RANK_LAW
                     ? model_law(v, &r, table, b, &options->law, n_samples, err)
                     : model_default(v, &r, table->n_candidates, n_samples, err);
    results_release(&r);
    return status;
}
