/* posterior.c - see posterior.h
 *
 * The default model in its weights. For one length and noise, with rows x = [1, features] of the m
 * results' candidates, D = noise + residual + (se/s)^2, t the trend:
 *
 *     y/s - kappa t = X beta + D^1/2 e,      beta_0 flat, the other weights N(0, 1)
 *     beta | y, s ~ N(p/s - kappa q, (X' D^-1 X + diag(0, I))^-1)
 *
 * with p and q the posterior means for the targets y and t. What remains of y and t, in the norm of
 * the model, gives the likelihood of s (scale.h). Checked against an exact sampler over the
 * candidates in numpy (tests/golden/rank.csv) and against mixture.h
 * (tests/unit/policy/test_rank.c).
 */
#include "law/posterior.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eyechart/rng.h"
#include "law/scale.h"

/* ---- random numbers ------------------------------------------------------------------------ */

enum { DRAW_SETTING = EC_DRAW_VALUES + 1, DRAW_SCALE };

/* One stream for each purpose, benchmark (0: all of them) and index. */
static ec_rng stream(const ec_draws *draws, int purpose, size_t benchmark, size_t index) {
    ec_rng rng;
    ec_rng_init(&rng, draws->seed,
                (uint64_t)purpose << 60 | (uint64_t)benchmark << 40 | (uint64_t)index);
    return rng;
}

void ec_draw_normals(double *out, size_t n, const ec_draws *draws, ec_purpose purpose,
                     size_t index) {
    const double common = sqrt(draws->shared), own = sqrt(1.0 - draws->shared);
    ec_rng rng = stream(draws, (int)purpose, 0, index);
    for (size_t i = 0; i < n; i++) out[i] = common * ec_rng_normal(&rng);
    if (draws->shared == 1.0) return;
    rng = stream(draws, (int)purpose, draws->benchmark + 1, index);
    for (size_t i = 0; i < n; i++) out[i] += own * ec_rng_normal(&rng);
}

/* Chi-squared with df >= 1 degrees of freedom: Marsaglia and Tsang, "A simple method for
 * generating gamma variables", 2000. */
static double draw_chi_squared(ec_rng *rng, double df) {
    double shape = df / 2.0, boost = 1.0;
    if (shape < 1.0) {
        boost = pow(1.0 - ec_rng_uniform(rng), 1.0 / shape);
        shape += 1.0;
    }
    const double d = shape - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        const double x = ec_rng_normal(rng);
        const double v = (1.0 + c * x) * (1.0 + c * x) * (1.0 + c * x);
        if (v <= 0.0) continue;
        const double u = 1.0 - ec_rng_uniform(rng);
        if (log(u) < 0.5 * x * x + d - d * v + d * log(v)) return 2.0 * d * v * boost;
    }
}

/* ---- memory --------------------------------------------------------------------------------- */

void ec_posterior_release(ec_posterior *posterior) {
    for (size_t g = 0; g < EC_LENGTHS; g++) {
        ec_sample_group *group = &posterior->group[g];
        ec_pivots_release(&group->pivots);
        free(group->features);
        free(group->residual);
        free(group->sample);
        free(group->weights);
        free(group->beta);
    }
    free(posterior->scale);
    free(posterior->noise);
    free(posterior->setting);
    free(posterior->setting_mean);
    free(posterior->value);
    *posterior = (ec_posterior){0};
}

static ec_status allocate_samples(ec_posterior *out, size_t n_samples, ec_error *err) {
    out->n_samples = n_samples;
    out->scale = malloc(n_samples * sizeof *out->scale);
    out->noise = malloc(n_samples * sizeof *out->noise);
    if (out->scale != NULL && out->noise != NULL) return EC_OK;
    return ec_fail(err, EC_ERR_NOMEM, "no memory for %zu samples", n_samples);
}

static ec_status allocate_group(ec_sample_group *group, size_t n_columns, size_t n, ec_error *err) {
    group->n_columns = n_columns;
    group->n = n;
    group->sample = malloc((n + 1) * sizeof *group->sample);
    group->weights = malloc((n * n_columns + 1) * sizeof *group->weights);
    group->beta = calloc(n_columns, sizeof *group->beta);
    if (group->sample != NULL && group->weights != NULL && group->beta != NULL) return EC_OK;
    return ec_fail(err, EC_ERR_NOMEM, "no memory for %zu samples of %zu weights", n, n_columns);
}

/* ---- the default model ----------------------------------------------------------------------- */

enum { COLUMNS_BEFORE = 2 }; /* 1 and the trend */

/* One length and noise; r = columns of its group less the trend's. */
typedef struct {
    double noise;
    double *l;     /* [r, r] Cholesky factor of the precision of beta, column-major */
    double *p, *q; /* [r] each, q behind p */
    double uu, uv, vv, log_likelihood; /* with kappa 1 */
} model_fit;

/* One length, noise and kappa. */
typedef struct {
    double kappa, weight, cumulated, s; /* s: harmonic mean */
    ec_scale scale;
} setting;

/* The results as the fits see them, and what all of them share. */
typedef struct {
    const ec_known *known;
    double y_shift, y_unit;
    bool scale_known;
    double *y;     /* [m] shifted and divided to [0, 1] */
    double *extra; /* [m] (se / s)^2 */
    model_fit fit[EC_FITS];
    setting *setting; /* [EC_SETTINGS] */
    double *memory;
} training;

/* Features of all candidates: 1, the trend, the linear ones, those of the pivots. */
static ec_status prepare_group(ec_sample_group *group, const ec_points *points, double length,
                               ec_error *err) {
    const size_t n = points->n, d = points->d;
    double *f = malloc((n * EC_PIVOTS_MAX + 1) * sizeof *f);
    group->residual = malloc((n + 1) * sizeof *group->residual);
    ec_status status =
        f != NULL && group->residual != NULL
            ? ec_pivots_choose(&group->pivots, f, group->residual, points->x, n, d, length, err)
            : ec_fail(err, EC_ERR_NOMEM, "no memory for %zu candidates", n);
    const size_t r = group->pivots.n;
    group->n_columns = COLUMNS_BEFORE + d + r;
    if (status == EC_OK &&
        (group->features = malloc((n * group->n_columns + 1) * sizeof *f)) == NULL)
        status = ec_fail(err, EC_ERR_NOMEM, "no memory for %zu candidates", n);
    if (status == EC_OK) {
        double mean[1 + EC_POINTS_MAX] = {0.0}; /* of the trend, and of every score */
        for (size_t i = 0; i < n; i++) {
            mean[0] += ec_trend(points->x + i * d, points->weight, d) / (double)n;
            for (size_t j = 0; j < d; j++) mean[1 + j] += points->x[i * d + j] / (double)n;
        }
        for (size_t i = 0; i < n; i++) {
            double *row = group->features + i * group->n_columns;
            row[0] = 1.0;
            row[1] = ec_trend(points->x + i * d, points->weight, d) - mean[0];
            for (size_t j = 0; j < d; j++)
                row[COLUMNS_BEFORE + j] = ec_tau * 2.0 / (double)d * points->weight[j] *
                                          (points->x[i * d + j] - mean[1 + j]);
            memcpy(row + COLUMNS_BEFORE + d, f + i * EC_PIVOTS_MAX, r * sizeof *f);
        }
    }
    free(f);
    return status;
}

/* Shifts and divides y to [0, 1], for the sake of rounding. */
static void prepare_results(training *t) {
    const ec_known *known = t->known;
    double min = INFINITY, max = -INFINITY;
    for (size_t i = 0; i < known->m; i++) {
        min = fmin(min, known->y[i]);
        max = fmax(max, known->y[i]);
    }
    t->scale_known = known->m >= 2 && max > min;
    t->y_shift = t->scale_known ? min : 0.0;
    t->y_unit = t->scale_known ? max - min : 1.0;
    for (size_t i = 0; i < known->m; i++) {
        t->y[i] = t->scale_known ? (known->y[i] - min) / (max - min) : 0.0;
        t->extra[i] = 0.0;
    }
}

static ec_status training_init(training *t, const ec_posterior *out, const ec_known *known,
                               ec_error *err) {
    *t = (training){.known = known};
    size_t total = 2 * known->m + 1;
    for (size_t l = 0; l < EC_LENGTHS; l++) {
        const size_t r = out->group[l].n_columns - 1;
        total += EC_NOISES * r * (r + 2);
    }
    t->memory = malloc(total * sizeof *t->memory);
    t->setting = malloc(EC_SETTINGS * sizeof *t->setting);
    if (t->memory == NULL || t->setting == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory for a model of %zu results", known->m);
    t->y = t->memory;
    t->extra = t->y + known->m;
    double *next = t->extra + known->m;
    for (size_t f = 0; f < EC_FITS; f++) {
        const size_t r = out->group[f / EC_NOISES].n_columns - 1;
        t->fit[f] = (model_fit){.noise = ec_noise_of[f % EC_NOISES],
                                .l = next,
                                .p = next + r * r,
                                .q = next + r * (r + 1)};
        next += r * (r + 2);
    }
    prepare_results(t);
    return EC_OK;
}

static void training_release(training *t) {
    free(t->memory);
    free(t->setting);
}

/* Column h of the design of row `f`: the features without the trend. */
static double design(const double *f, size_t h) {
    return f[h == 0 ? 0 : h + 1];
}

static double variance_of(const training *t, const model_fit *k, const ec_sample_group *group,
                          size_t i) {
    return k->noise + t->extra[i] + group->residual[t->known->point[i]];
}

/* The precision of beta (into k->l) and the right-hand sides for y and t (into k->p and k->q). */
static void accumulate(model_fit *k, const training *t, const ec_sample_group *group) {
    const size_t r = group->n_columns - 1;
    double *rhs = k->p;
    memset(k->l, 0, r * r * sizeof *k->l);
    memset(rhs, 0, 2 * r * sizeof *rhs);
    for (size_t j = 0; j < r; j++) k->l[j * r + j] = 1.0;
    if (t->known->m > 0) k->l[0] = 0.0; /* mu is flat once there is a result */
    k->log_likelihood = 0.0;
    for (size_t i = 0; i < t->known->m; i++) {
        const double *f = group->features + t->known->point[i] * group->n_columns;
        const double d = variance_of(t, k, group, i);
        k->log_likelihood -= 0.5 * log(d);
        for (size_t j = 0; j < r; j++) {
            const double xj = design(f, j) / d;
            rhs[j] += xj * t->y[i];
            rhs[r + j] += xj * f[1];
            for (size_t h = j; h < r; h++) k->l[j * r + h] += xj * design(f, h);
        }
    }
}

static ec_status fit_model(model_fit *k, const training *t, const ec_sample_group *group,
                           ec_error *err) {
    const size_t r = group->n_columns - 1;
    const lapack_int n = (lapack_int)r;
    accumulate(k, t, group);
    lapack_int info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', n, k->l, n);
    if (info == 0) info = LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', n, 2, k->l, n, k->p, n);
    if (info != 0)
        return ec_fail(err, EC_ERR_SINGULAR,
                       "the model cannot be fitted to %zu results (LAPACK: %d)", t->known->m,
                       (int)info);
    /* Sums of squares rather than differences of large numbers. */
    k->uu = k->uv = k->vv = 0.0;
    for (size_t j = 0; j < r; j++) {
        k->log_likelihood -= log(k->l[j * r + j]);
        if (j == 0) continue;
        k->uu += k->p[j] * k->p[j];
        k->uv += k->p[j] * k->q[j];
        k->vv += k->q[j] * k->q[j];
    }
    for (size_t i = 0; i < t->known->m; i++) {
        const double *f = group->features + t->known->point[i] * group->n_columns;
        double u = t->y[i], v = f[1];
        for (size_t j = 0; j < r; j++) {
            u -= design(f, j) * k->p[j];
            v -= design(f, j) * k->q[j];
        }
        const double d = variance_of(t, k, group, i);
        k->uu += u * u / d;
        k->uv += u * v / d;
        k->vv += v * v / d;
    }
    return EC_OK;
}

/* Weights and scales of the settings; equal weights and s = 1 while the scale is not known. */
static void weigh(training *t) {
    double peak = -INFINITY, sum = 0.0;
    for (size_t c = 0; c < EC_SETTINGS; c++) {
        setting *s = &t->setting[c];
        const model_fit *k = &t->fit[c / EC_KAPPAS];
        *s = (setting){.kappa = ec_kappa_of[c % EC_KAPPAS], .s = 1.0};
        if (t->scale_known) {
            const double uu = fmax(k->uu, 1e-300);
            ec_scale_integrate(&s->scale, s->kappa * k->uv / sqrt(uu), t->known->m);
            s->s = sqrt(uu) / s->scale.mean;
            s->weight = k->log_likelihood - 0.5 * s->kappa * s->kappa * k->vv -
                        0.5 * (double)(t->known->m - 1) * log(uu) + s->scale.log_integral;
        }
        peak = fmax(peak, s->weight);
    }
    for (size_t c = 0; c < EC_SETTINGS; c++)
        sum += t->setting[c].weight = exp(t->setting[c].weight - peak);
    double cumulated = 0.0;
    for (size_t c = 0; c < EC_SETTINGS; c++) {
        t->setting[c].weight /= sum;
        t->setting[c].cumulated = cumulated += t->setting[c].weight;
    }
}

static ec_status fit_all(training *t, const ec_posterior *out, ec_error *err) {
    ec_status status = EC_OK;
    for (size_t f = 0; f < EC_FITS && status == EC_OK; f++)
        status = fit_model(&t->fit[f], t, &out->group[f / EC_NOISES], err);
    if (status == EC_OK) weigh(t);
    return status;
}

static double typical_scale(const training *t) {
    double s = 0.0;
    for (size_t c = 0; c < EC_SETTINGS; c++) s += t->setting[c].weight * t->setting[c].s;
    return t->y_unit * s;
}

/* The noise of results whose standard error is known, in units of the scale; false where none is.
 */
static bool set_extra(training *t) {
    bool any = false;
    const double s = typical_scale(t);
    for (size_t i = 0; i < t->known->m; i++) {
        const double se = t->known->se != NULL && t->scale_known ? t->known->se[i] : 0.0;
        t->extra[i] = fmin(se * se / (s * s), 1e12);
        any |= se > 0.0;
    }
    return any;
}

/* Which setting each sample is drawn from, and the samples of each length, ascending. The uniform
 * is the same for all benchmarks, so that a sample has about the same setting in each. */
static ec_status deal_samples(ec_posterior *out, const training *t, const ec_draws *draws,
                              ec_error *err) {
    size_t n_of[EC_LENGTHS] = {0};
    if ((out->setting = malloc(out->n_samples + 1)) == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory for %zu samples", out->n_samples);
    for (size_t s = 0; s < out->n_samples; s++) {
        ec_rng rng = stream(draws, DRAW_SETTING, 0, s);
        const double u = ec_rng_uniform(&rng);
        unsigned char c = 0;
        while (c + 1 < EC_SETTINGS && u >= t->setting[c].cumulated) c++;
        out->setting[s] = c;
        n_of[c / (EC_NOISES * EC_KAPPAS)]++;
    }
    for (size_t l = 0; l < EC_LENGTHS; l++) {
        ec_sample_group *group = &out->group[l];
        const ec_status status = allocate_group(group, group->n_columns, n_of[l], err);
        if (status != EC_OK) return status;
        for (size_t s = 0, k = 0; s < out->n_samples; s++)
            if (out->setting[s] / (EC_NOISES * EC_KAPPAS) == l) group->sample[k++] = s;
    }
    return EC_OK;
}

/* The weights of the sample at position j of its group, from standard normals z [r] made to have
 * the fit's covariance. */
static void keep_weights(ec_posterior *out, ec_sample_group *group, size_t j, const training *t,
                         const double *z, const ec_draws *draws) {
    const size_t sample = group->sample[j], r = group->n_columns - 1;
    const setting *c = &t->setting[out->setting[sample]];
    const model_fit *k = &t->fit[out->setting[sample] / EC_KAPPAS];
    double s = 1.0, *w = group->weights + j; /* of column h: w[h * group->n] */
    if (t->scale_known) {
        ec_rng rng = stream(draws, DRAW_SCALE, draws->benchmark + 1, sample);
        s = sqrt(k->uu) / ec_scale_draw(&c->scale, ec_rng_uniform(&rng));
    }
    w[0] = t->y_shift + t->y_unit * (k->p[0] + s * (z[0] - c->kappa * k->q[0]));
    w[group->n] = t->y_unit * s * c->kappa;
    for (size_t h = 1; h < r; h++)
        w[(h + 1) * group->n] = t->y_unit * (k->p[h] + s * (z[h] - c->kappa * k->q[h]));
    out->scale[sample] = t->y_unit * s;
    out->noise[sample] = k->noise;
}

/* All samples of fit f; z [n of its group][r] is scratch. */
static ec_status sample_fit(ec_posterior *out, size_t f, const training *t, const ec_draws *draws,
                            double *z, ec_error *err) {
    ec_sample_group *group = &out->group[f / EC_NOISES];
    const size_t r = group->n_columns - 1;
    size_t n = 0;
    for (size_t j = 0; j < group->n; j++)
        if (out->setting[group->sample[j]] / EC_KAPPAS == f)
            ec_draw_normals(z + r * n++, r, draws, EC_DRAW_WEIGHTS, group->sample[j]);
    if (n > 0 && LAPACKE_dtrtrs_work(LAPACK_COL_MAJOR, 'L', 'T', 'N', (lapack_int)r, (lapack_int)n,
                                     t->fit[f].l, (lapack_int)r, z, (lapack_int)r) != 0)
        return ec_fail(err, EC_ERR_SINGULAR, "the model cannot be sampled");
    n = 0;
    for (size_t j = 0; j < group->n; j++)
        if (out->setting[group->sample[j]] / EC_KAPPAS == f)
            keep_weights(out, group, j, t, z + r * n++, draws);
    return EC_OK;
}

static ec_status sample_all(ec_posterior *out, const training *t, const ec_draws *draws,
                            ec_error *err) {
    size_t most = 1;
    for (size_t l = 0; l < EC_LENGTHS; l++)
        if (out->group[l].n * out->group[l].n_columns > most)
            most = out->group[l].n * out->group[l].n_columns;
    double *z = malloc(most * sizeof *z);
    if (z == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory for %zu samples", out->n_samples);
    ec_status status = EC_OK;
    for (size_t f = 0; f < EC_FITS && status == EC_OK; f++)
        status = sample_fit(out, f, t, draws, z, err);
    free(z);
    return status;
}

/* Setting c's posterior mean at its harmonic mean of s, as weights of its group's columns. */
static double column_of(const training *t, size_t c, size_t h) {
    const setting *s = &t->setting[c];
    const model_fit *k = &t->fit[c / EC_KAPPAS];
    if (h == 1) return t->y_unit * s->s * s->kappa;
    const size_t j = h == 0 ? 0 : h - 1;
    return (h == 0 ? t->y_shift : 0.0) + t->y_unit * (k->p[j] - s->s * s->kappa * k->q[j]);
}

/* The point prediction, the settings' means where there are results, and what the results are
 * worth. */
static ec_status keep_means(ec_posterior *out, const training *t, ec_error *err) {
    const ec_known *known = t->known;
    out->setting_mean = malloc((EC_SETTINGS * known->m + 1) * sizeof *out->setting_mean);
    out->value = calloc(known->m + 1, sizeof *out->value);
    if (out->setting_mean == NULL || out->value == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory for a model of %zu results", known->m);
    for (size_t c = 0; c < EC_SETTINGS; c++) {
        ec_sample_group *group = &out->group[c / (EC_NOISES * EC_KAPPAS)];
        const double weight = t->setting[c].weight, s = t->y_unit * t->setting[c].s;
        for (size_t h = 0; h < group->n_columns; h++) group->beta[h] += weight * column_of(t, c, h);
        for (size_t i = 0; i < known->m; i++) {
            const double *f = group->features + known->point[i] * group->n_columns;
            double mean = 0.0;
            for (size_t h = 0; h < group->n_columns; h++) mean += f[h] * column_of(t, c, h);
            out->setting_mean[c * known->m + i] = mean;
            const double own =
                s * s * (t->fit[c / EC_KAPPAS].noise + group->residual[known->point[i]]);
            const double e = known->noise[i];
            out->value[i] += weight * (mean + own / (own + e * e) * (known->y[i] - mean));
        }
    }
    return EC_OK;
}

ec_status ec_posterior_model(ec_posterior *out, bool *scale_known, const ec_points *points,
                             const ec_known *known, size_t n_samples, const ec_draws *draws,
                             ec_error *err) {
    *out = (ec_posterior){.n_points = points->n, .n_groups = EC_LENGTHS};
    training t = {0};
    ec_status status = allocate_samples(out, n_samples, err);
    for (size_t l = 0; l < EC_LENGTHS && status == EC_OK; l++)
        status = prepare_group(&out->group[l], points, ec_length_of[l], err);
    if (status == EC_OK) status = training_init(&t, out, known, err);
    if (status == EC_OK) status = fit_all(&t, out, err);
    if (status == EC_OK && set_extra(&t)) status = fit_all(&t, out, err);
    if (status == EC_OK) status = deal_samples(out, &t, draws, err);
    if (status == EC_OK) status = sample_all(out, &t, draws, err);
    if (status == EC_OK) status = keep_means(out, &t, err);
    if (status == EC_OK) out->typical_scale = typical_scale(&t);
    *scale_known = t.scale_known;
    training_release(&t);
    if (status != EC_OK) ec_posterior_release(out);
    return status;
}

/* ---- what the results say of the scores ------------------------------------------------------ */

/* Fits all settings to the results, whose standard errors enter by a second fit. */
static ec_status train(training *t, const ec_posterior *prepared, const ec_known *known,
                       ec_error *err) {
    ec_status status = training_init(t, prepared, known, err);
    if (status == EC_OK) status = fit_all(t, prepared, err);
    if (status == EC_OK && set_extra(t)) status = fit_all(t, prepared, err);
    return status;
}

static double mean_at(const training *t, const ec_posterior *prepared, size_t point) {
    double mean = 0.0;
    for (size_t c = 0; c < EC_SETTINGS; c++) {
        const ec_sample_group *group = &prepared->group[c / (EC_NOISES * EC_KAPPAS)];
        const double *f = group->features + point * group->n_columns;
        for (size_t h = 0; h < group->n_columns; h++)
            mean += t->setting[c].weight * f[h] * column_of(t, c, h);
    }
    return mean;
}

/* Variance of the weight of design column h, in units of s^2; x [r] is scratch. */
static double variance_of_weight(const model_fit *k, size_t r, size_t h, double *x) {
    memset(x, 0, r * sizeof *x);
    x[h] = 1.0;
    if (LAPACKE_dtrtrs_work(LAPACK_COL_MAJOR, 'L', 'N', 'N', (lapack_int)r, 1, k->l, (lapack_int)r,
                            x, (lapack_int)r) != 0)
        return NAN;
    double sum = 0.0;
    for (size_t j = 0; j < r; j++) sum += x[j] * x[j];
    return sum;
}

static ec_status summarise_weights(double *mean, double *sd, double *slope, const training *t,
                                   const ec_posterior *prepared, const ec_points *points,
                                   ec_error *err) {
    const size_t d = points->d;
    double *x = malloc((COLUMNS_BEFORE + d + EC_PIVOTS_MAX) * sizeof *x);
    if (x == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory for the weights of %zu scores", d);
    for (size_t j = 0; j < d; j++) {
        double squares = 0.0;
        mean[j] = slope[j] = 0.0;
        for (size_t c = 0; c < EC_SETTINGS; c++) {
            const setting *s = &t->setting[c];
            const model_fit *k = &t->fit[c / EC_KAPPAS];
            const size_t r = prepared->group[c / (EC_NOISES * EC_KAPPAS)].n_columns - 1;
            /* b_j = p_j / s - kappa q_j + deviation, and 1 / s = x / sqrt(uu) of scale.h. */
            const double p = k->p[1 + j] / sqrt(fmax(k->uu, 1e-300));
            const double b = p * s->scale.mean - s->kappa * k->q[1 + j];
            const double variance = variance_of_weight(k, r, 1 + j, x) + p * p * s->scale.variance;
            const double factor = ec_tau / s->kappa, u = 1.0 + factor * b;
            mean[j] += s->weight * u;
            squares += s->weight * (u * u + factor * factor * variance);
            slope[j] += s->weight * 2.0 / (double)d * points->weight[j] *
                        (column_of(t, c, 1) + ec_tau * column_of(t, c, COLUMNS_BEFORE + j));
        }
        sd[j] = points->weight[j] * sqrt(fmax(0.0, squares - mean[j] * mean[j]));
        mean[j] *= points->weight[j];
    }
    free(x);
    return EC_OK;
}

/* The results without the i-th; point, y, se [m - 1]. */
static ec_known without(const ec_known *known, size_t i, size_t *point, double *y, double *se) {
    size_t n = 0;
    for (size_t k = 0; k < known->m; k++) {
        if (k == i) continue;
        point[n] = known->point[k];
        y[n] = known->y[k];
        se[n++] = known->se != NULL ? known->se[k] : 0.0;
    }
    return (ec_known){.m = n, .point = point, .y = y, .se = se};
}

static ec_status leave_out(double *left_out, const ec_posterior *prepared, const ec_known *known,
                           ec_error *err) {
    const size_t m = known->m;
    size_t *point = malloc((m + 1) * sizeof *point);
    double *y = malloc((2 * m + 1) * sizeof *y);
    ec_status status = point != NULL && y != NULL
                           ? EC_OK
                           : ec_fail(err, EC_ERR_NOMEM, "no memory for a model of %zu results", m);
    for (size_t i = 0; i < m && status == EC_OK; i++) {
        const ec_known others = without(known, i, point, y, y + m);
        training t = {0};
        status = train(&t, prepared, &others, err);
        left_out[i] =
            status == EC_OK && t.scale_known ? mean_at(&t, prepared, known->point[i]) : NAN;
        training_release(&t);
    }
    free(point);
    free(y);
    return status;
}

ec_status ec_posterior_weights(double *mean, double *sd, double *slope, double *left_out,
                               const ec_points *points, const ec_known *known, ec_error *err) {
    ec_posterior prepared = {.n_points = points->n, .n_groups = EC_LENGTHS};
    training t = {0};
    ec_status status = EC_OK;
    for (size_t l = 0; l < EC_LENGTHS && status == EC_OK; l++)
        status = prepare_group(&prepared.group[l], points, ec_length_of[l], err);
    if (status == EC_OK) status = train(&t, &prepared, known, err);
    if (status == EC_OK && !t.scale_known)
        status = ec_fail(err, EC_ERR_ARG, "fewer than 2 different results");
    if (status == EC_OK) status = summarise_weights(mean, sd, slope, &t, &prepared, points, err);
    if (status == EC_OK) status = leave_out(left_out, &prepared, known, err);
    training_release(&t);
    ec_posterior_release(&prepared);
    return status;
}

/* ---- the law ------------------------------------------------------------------------------- */

/* The law's terms of every candidate. */
static ec_status prepare_law(ec_sample_group *group, const ec_points *points,
                             const ec_design *design, ec_error *err) {
    group->n_columns = design->n_columns + 1;
    group->features = malloc((points->n * group->n_columns + 1) * sizeof *group->features);
    if (group->features == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory for %zu candidates", points->n);
    for (size_t i = 0; i < points->n; i++) {
        double *row = group->features + i * group->n_columns;
        row[0] = 1.0;
        for (size_t j = 0; j < design->n_columns; j++)
            row[j + 1] = ec_design_value(design->term[j], points->x[i * points->d],
                                         points->x[i * points->d + 1]);
    }
    return EC_OK;
}

ec_status ec_posterior_law(ec_posterior *out, const ec_points *points, const ec_law *law,
                           const ec_design_fit *fit, const ec_law_points *fitted, size_t n_samples,
                           const ec_draws *draws, ec_error *err) {
    *out = (ec_posterior){
        .n_points = points->n, .n_groups = 1, .typical_scale = law->z_max - law->z_min};
    const size_t columns = fit->design.n_columns;
    ec_sample_group *group = &out->group[0];
    ec_status status = allocate_samples(out, n_samples, err);
    if (status == EC_OK) status = prepare_law(group, points, &fit->design, err);
    if (status == EC_OK) status = allocate_group(group, columns + 1, n_samples, err);
    if (status != EC_OK) {
        ec_posterior_release(out);
        return status;
    }
    double rss = 0.0;
    for (size_t i = 0; i < law->n; i++) {
        const double e =
            fitted->y[i] - ec_law_predict_normalised(law->w, fitted->a[i], fitted->c[i]);
        rss += e * e;
    }
    const double unit = law->z_max - law->z_min;
    group->beta[0] = law->z_min + unit * law->w[EC_TERM_1];
    for (size_t j = 0; j < columns; j++) group->beta[j + 1] = unit * law->w[fit->design.term[j]];
    for (size_t s = 0; s < n_samples; s++) {
        ec_rng rng = stream(draws, DRAW_SCALE, draws->benchmark + 1, s);
        const double sigma = sqrt(rss / draw_chi_squared(&rng, (double)(law->n - columns - 1)));
        double z[EC_LAW_TERMS], w[EC_LAW_TERMS] = {0};
        ec_draw_normals(z, columns + 1, draws, EC_DRAW_WEIGHTS, s);
        w[0] = law->w[EC_TERM_1] + sigma * z[0] / sqrt((double)law->n);
        for (size_t j = 0; j < columns; j++) {
            double deviation = 0.0;
            for (size_t h = 0; h < fit->rank; h++) deviation += fit->v[h][j] * z[h + 1] / fit->s[h];
            w[j + 1] = law->w[fit->design.term[j]] + sigma * deviation;
            w[0] -= sigma * deviation * fit->mean[j];
        }
        group->sample[s] = s;
        group->weights[s] = law->z_min + unit * w[0];
        for (size_t j = 0; j < columns; j++)
            group->weights[(j + 1) * n_samples + s] = unit * w[j + 1];
        out->scale[s] = unit * sigma;
        out->noise[s] = 1.0;
    }
    return EC_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

enum { AT_ONCE = 8 };

/* out[j] = sum over the columns h of f[h] w[h][j] for the first n samples of the group; eight
 * columns at a time, to pass over `out` less often. */
static void combine(double *restrict out, const ec_sample_group *group, const double *f, size_t n) {
    const size_t stride = group->n;
    size_t h = 0;
    memset(out, 0, n * sizeof *out);
    for (; h + AT_ONCE <= group->n_columns; h += AT_ONCE) {
        const double *restrict w = group->weights + h * stride;
        const double f0 = f[h], f1 = f[h + 1], f2 = f[h + 2], f3 = f[h + 3];
        const double f4 = f[h + 4], f5 = f[h + 5], f6 = f[h + 6], f7 = f[h + 7];
        for (size_t j = 0; j < n; j++)
            out[j] += f0 * w[j] + f1 * w[stride + j] + f2 * w[2 * stride + j] +
                      f3 * w[3 * stride + j] + f4 * w[4 * stride + j] + f5 * w[5 * stride + j] +
                      f6 * w[6 * stride + j] + f7 * w[7 * stride + j];
    }
    for (; h < group->n_columns; h++)
        for (size_t j = 0; j < n; j++) out[j] += f[h] * group->weights[h * stride + j];
}

/* How many of the group's samples are below n. */
static size_t count_below(const ec_sample_group *group, size_t n) {
    size_t low = 0, high = group->n;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (group->sample[middle] < n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void ec_posterior_values(double *expected, double *sd, const ec_posterior *posterior, size_t i,
                         size_t n, double *scratch) {
    for (size_t g = 0; g < posterior->n_groups; g++) {
        const ec_sample_group *group = &posterior->group[g];
        const size_t n_here = count_below(group, n);
        const double residual = group->residual != NULL ? group->residual[i] : 0.0;
        combine(scratch, group, group->features + i * group->n_columns, n_here);
        for (size_t j = 0; j < n_here; j++) {
            const size_t s = group->sample[j];
            expected[s] = scratch[j];
            sd[s] = posterior->scale[s] * sqrt(posterior->noise[s] + residual);
        }
    }
}

double ec_posterior_mean(const ec_posterior *posterior, size_t i) {
    double mean = 0.0;
    for (size_t g = 0; g < posterior->n_groups; g++) {
        const ec_sample_group *group = &posterior->group[g];
        const double *f = group->features + i * group->n_columns;
        for (size_t h = 0; h < group->n_columns; h++) mean += f[h] * group->beta[h];
    }
    return mean;
}

void ec_posterior_slopes(double *slope, const ec_posterior *posterior, const ec_points *points) {
    const size_t n = points->n, d = points->d;
    const double step = 1e-5;
    for (size_t i = 0; i < n * d; i++) slope[i] = 0.0;
    for (size_t g = 0; g < posterior->n_groups; g++) {
        const ec_sample_group *group = &posterior->group[g];
        const double *beta = group->beta + COLUMNS_BEFORE + d;
        double here[EC_PIVOTS_MAX], there[EC_PIVOTS_MAX], x[EC_POINTS_MAX];
        for (size_t i = 0; i < n; i++) {
            memcpy(x, points->x + i * d, d * sizeof *x);
            ec_pivots_features(here, &group->pivots, x);
            for (size_t j = 0; j < d; j++) {
                x[j] += step;
                ec_pivots_features(there, &group->pivots, x);
                x[j] -= step;
                double *sum = &slope[i * d + j];
                *sum += 2.0 / (double)d * points->weight[j] *
                        (group->beta[1] + ec_tau * group->beta[COLUMNS_BEFORE + j]);
                for (size_t h = 0; h < group->pivots.n; h++)
                    *sum += beta[h] * (there[h] - here[h]) / step;
            }
        }
    }
}
