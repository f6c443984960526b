/* posterior.c - see posterior.h
 *
 * The Gaussian process in its weights. For one length and noise, with rows x = [1, f(a, c)] of the
 * m trained points, D = noise + residual, t = a + c:
 *
 *     y/s - t = X beta + D^1/2 e,      beta_0 flat, the other weights N(0, 1)
 *     beta | y, s ~ N(p/s - q, (X' D^-1 X + diag(0, I))^-1)
 *
 * with p and q the posterior means for the targets y and t. What remains of y and t, in the norm of
 * the model, gives the likelihood of s: with uu, uv, vv their squares and product,
 *
 *     p(y, s) ~ s^-(m-1) exp(-(uu/s^2 - 2 uv/s + vv)/2) / s
 *
 * so that x = sqrt(uu)/s has the log-concave density x^(m-2) exp(-x^2/2 + rho x), rho =
 * uv/sqrt(uu), which is integrated and drawn from on a grid. Checked against an exact sampler over
 * the candidates in numpy and against ec_gp_predict (tests/unit/test_rank.c).
 */
#include "law/posterior.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eyechart/rng.h"
#include "law/kernel.h"

/* ---- random numbers ------------------------------------------------------------------------ */

enum { DRAW_COMPONENT = EC_DRAW_VALUES + 1, DRAW_SCALE };

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

/* ---- the scale ----------------------------------------------------------------------------- */

enum { GRID = 256 };

/* The density of x = sqrt(uu)/s, cumulated over GRID equal cells. */
typedef struct {
    double low, step, log_integral;
    double cumulated[GRID + 1];
} scale_grid;

static double log_density(double x, double rho, double m) {
    return (m > 2.0 ? (m - 2.0) * log(x) : 0.0) - 0.5 * x * x + rho * x;
}

static void integrate_scale(scale_grid *g, double rho, double m) {
    const double deep = 30.0; /* below the mode in logarithms: nothing is left out there */
    const double root = sqrt(rho * rho + 4.0 * (m - 2.0));
    /* The positive root of (m - 2)/x - x + rho, without cancellation; 0 when m = 2, rho < 0. */
    const double mode = rho > 0.0 ? 0.5 * (rho + root)
                        : m > 2.0 ? 2.0 * (m - 2.0) / (root - rho)
                                  : 0.0;
    const double width = mode > 0.0 ? mode / sqrt(m - 2.0 + mode * mode) : 1.0 / (1.0 + fabs(rho));
    const double peak = log_density(mode, rho, m);
    double below = width, above = width;
    while (mode - below > 0.0 && log_density(mode - below, rho, m) > peak - deep) below *= 1.5;
    while (log_density(mode + above, rho, m) > peak - deep) above *= 1.5;
    g->low = fmax(mode - below, 0.0);
    g->step = (mode + above - g->low) / GRID;
    g->cumulated[0] = 0.0;
    for (int i = 0; i < GRID; i++) {
        const double x = g->low + (i + 0.5) * g->step;
        g->cumulated[i + 1] = g->cumulated[i] + exp(log_density(x, rho, m) - peak);
    }
    g->log_integral = peak + log(g->cumulated[GRID] * g->step);
}

/* x for the uniform u in [0, 1). */
static double draw_from_grid(const scale_grid *g, double u) {
    const double target = u * g->cumulated[GRID];
    size_t low = 0, high = GRID; /* cumulated[low] <= target < cumulated[high] */
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        if (g->cumulated[middle] <= target)
            low = middle;
        else
            high = middle;
    }
    const double inside = (target - g->cumulated[low]) / (g->cumulated[high] - g->cumulated[low]);
    return g->low + g->step * ((double)low + fmax(inside, 1e-6));
}

/* ---- the Gaussian process ------------------------------------------------------------------ */

enum { LENGTHS = EC_POSTERIOR_GROUPS, NOISES = 3, COMPONENTS = LENGTHS * NOISES };
static const double factor_of_length[LENGTHS] = {0.5, 1.0, 2.0};
static const double factor_of_noise[NOISES] = {0.1, 1.0, 10.0};

/* One combination of length and noise; r = features + 1. */
typedef struct {
    double noise, weight, uu, s; /* s by maximum likelihood */
    double *l;                   /* [r, r] Cholesky factor of the precision of beta, column-major */
    double *p, *q;               /* [r] each */
    scale_grid *grid;
} component;

/* The trained points as the components see them: y shifted and divided to [0, 1], t centred. */
typedef struct {
    size_t m;
    double y_shift, y_unit, t_shift;
    double *y, *t;    /* [m] */
    double *residual; /* [m] of the features of one length */
    double *x;        /* [m][r] */
} training;

/* Fits one component to the targets y and t. Fills everything but `weight`, which it leaves as the
 * logarithm of the marginal likelihood. */
static ec_status fit_component(component *k, const training *data, size_t r, bool scale_known,
                               ec_error *err) {
    memset(k->l, 0, r * r * sizeof *k->l);
    double *rhs = k->p; /* q behind it: two right-hand sides */
    k->q = k->p + r;
    memset(rhs, 0, 2 * r * sizeof *rhs);
    for (size_t j = 0; j < r; j++) k->l[j * r + j] = 1.0;
    if (data->m > 0) k->l[0] = 0.0; /* mu is flat once there is a point */
    double log_likelihood = 0.0;
    for (size_t i = 0; i < data->m; i++) {
        const double *x = data->x + i * r, d = k->noise + data->residual[i];
        log_likelihood -= 0.5 * log(d);
        for (size_t j = 0; j < r; j++) {
            const double xj = x[j] / d;
            rhs[j] += xj * data->y[i];
            rhs[r + j] += xj * data->t[i];
            for (size_t h = j; h < r; h++) k->l[j * r + h] += xj * x[h];
        }
    }
    const lapack_int n = (lapack_int)r;
    lapack_int info = LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', n, k->l, n);
    if (info == 0) info = LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', n, 2, k->l, n, rhs, n);
    if (info != 0)
        return ec_fail(err, EC_ERR_SINGULAR,
                       "the Gaussian process cannot be fitted to %zu points (LAPACK: %d)", data->m,
                       (int)info);
    k->weight = 0.0;
    if (!scale_known) return EC_OK;

    /* Sums of squares rather than differences of large numbers. */
    double uu = 0.0, uv = 0.0, vv = 0.0;
    for (size_t j = 0; j < r; j++) {
        log_likelihood -= log(k->l[j * r + j]);
        if (j == 0) continue;
        uu += k->p[j] * k->p[j];
        uv += k->p[j] * k->q[j];
        vv += k->q[j] * k->q[j];
    }
    for (size_t i = 0; i < data->m; i++) {
        double u = data->y[i], v = data->t[i];
        for (size_t j = 0; j < r; j++) {
            u -= data->x[i * r + j] * k->p[j];
            v -= data->x[i * r + j] * k->q[j];
        }
        const double d = k->noise + data->residual[i];
        uu += u * u / d;
        uv += u * v / d;
        vv += v * v / d;
    }
    k->uu = uu;
    k->s = ec_gp_scale(uu, uv, data->m);
    integrate_scale(k->grid, uv / sqrt(uu), (double)data->m);
    k->weight =
        log_likelihood - 0.5 * vv - 0.5 * (double)(data->m - 1) * log(uu) + k->grid->log_integral;
    return EC_OK;
}

/* From logarithms to cumulated shares. */
static void cumulate_weights(component *k) {
    double peak = k[0].weight, sum = 0.0;
    for (int i = 1; i < COMPONENTS; i++) peak = fmax(peak, k[i].weight);
    for (int i = 0; i < COMPONENTS; i++) k[i].weight = sum += exp(k[i].weight - peak);
    for (int i = 0; i < COMPONENTS; i++) k[i].weight /= sum;
}

/* Draws the weights of the samples of one component: column by column of z [r, n], then to
 * group->weights from its column `first` on. */
static ec_status sample_component(ec_posterior *out, ec_sample_group *group, size_t first, size_t n,
                                  const component *k, const training *data, bool scale_known,
                                  const ec_draws *draws, double *z, ec_error *err) {
    const size_t r = group->n_columns - 1;
    for (size_t j = 0; j < n; j++)
        ec_draw_normals(z + j * r, r, draws, EC_DRAW_WEIGHTS, group->sample[first + j]);
    if (n > 0 && LAPACKE_dtrtrs_work(LAPACK_COL_MAJOR, 'L', 'T', 'N', (lapack_int)r, (lapack_int)n,
                                     k->l, (lapack_int)r, z, (lapack_int)r) != 0)
        return ec_fail(err, EC_ERR_SINGULAR, "the Gaussian process cannot be sampled");
    for (size_t j = 0; j < n; j++) {
        const size_t sample = group->sample[first + j];
        double s = 1.0;
        if (scale_known) {
            ec_rng rng = stream(draws, DRAW_SCALE, draws->benchmark + 1, sample);
            s = sqrt(k->uu) / draw_from_grid(k->grid, ec_rng_uniform(&rng));
        }
        double *w = group->weights + first + j; /* of column h: w[h * group->n] */
        w[0] = data->y_shift + data->y_unit * (k->p[0] + s * (z[j * r] - k->q[0] - data->t_shift));
        w[group->n] = data->y_unit * s;
        for (size_t h = 1; h < r; h++)
            w[(h + 1) * group->n] = data->y_unit * (k->p[h] + s * (z[j * r + h] - k->q[h]));
        out->scale[sample] = data->y_unit * s;
        out->noise[sample] = k->noise;
    }
    return EC_OK;
}

/* Shifts and divides y to [0, 1] and centres t, for the sake of rounding. */
static bool prepare_training(training *data, const double *a, const double *c, const double *y) {
    double min = INFINITY, max = -INFINITY, sum = 0.0;
    for (size_t i = 0; i < data->m; i++) {
        min = fmin(min, y[i]);
        max = fmax(max, y[i]);
        sum += a[i] + c[i];
    }
    const bool scale_known = data->m >= 2 && max > min;
    data->t_shift = data->m > 0 ? sum / (double)data->m : 0.0;
    data->y_shift = scale_known ? min : 0.0;
    data->y_unit = scale_known ? max - min : 1.0;
    for (size_t i = 0; i < data->m; i++) {
        data->y[i] = scale_known ? (y[i] - min) / (max - min) : 0.0;
        data->t[i] = a[i] + c[i] - data->t_shift;
    }
    return scale_known;
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
    group->weights = malloc((n * (n_columns + 1) + 1) * sizeof *group->weights);
    if (group->sample != NULL && group->weights != NULL) {
        group->value = group->weights + n * n_columns;
        return EC_OK;
    }
    return ec_fail(err, EC_ERR_NOMEM, "no memory for %zu samples of %zu weights", n, n_columns);
}

/* Deals the samples out to the components, and those of one length to its group: the samples of
 * noise i of length l are n_of[l * NOISES + i] consecutive ones. The uniform is the same for all
 * benchmarks, so that a sample has about the same length in each. */
static ec_status deal_samples(ec_posterior *out, size_t n_of[COMPONENTS], const component *k,
                              const ec_draws *draws, ec_error *err) {
    unsigned char *component_of = malloc(out->n_samples);
    if (component_of == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory for %zu samples", out->n_samples);
    memset(n_of, 0, COMPONENTS * sizeof *n_of);
    for (size_t s = 0; s < out->n_samples; s++) {
        ec_rng rng = stream(draws, DRAW_COMPONENT, 0, s);
        const double u = ec_rng_uniform(&rng);
        unsigned char which = 0;
        while (which + 1 < COMPONENTS && u >= k[which].weight) which++;
        component_of[s] = which;
        n_of[which]++;
    }
    ec_status status = EC_OK;
    for (size_t l = 0; l < LENGTHS && status == EC_OK; l++) {
        ec_sample_group *group = &out->group[l];
        const size_t *n = n_of + l * NOISES;
        status =
            allocate_group(group, group->knots.n * group->knots.n + 2, n[0] + n[1] + n[2], err);
        size_t filled = 0;
        for (size_t i = 0; i < NOISES && status == EC_OK; i++)
            for (size_t s = 0; s < out->n_samples; s++)
                if (component_of[s] == l * NOISES + i) group->sample[filled++] = s;
    }
    free(component_of);
    return status;
}

/* All of ec_posterior_gp that needs memory of its own, in `memory`. */
static ec_status fit_and_sample(ec_posterior *out, bool *scale_known, training *data,
                                component k[COMPONENTS], double *z, const double *a,
                                const double *c, const double *y, const ec_draws *draws,
                                ec_error *err) {
    const ec_gp_options base = ec_gp_defaults(NULL);
    *scale_known = prepare_training(data, a, c, y);
    ec_status status = EC_OK;
    for (size_t l = 0; l < LENGTHS; l++) {
        ec_knots *knots = &out->group[l].knots;
        *knots = ec_knots_of(base.length * factor_of_length[l]);
        const size_t r = knots->n * knots->n + 1;
        for (size_t i = 0; i < data->m; i++) {
            data->x[i * r] = 1.0;
            data->residual[i] = ec_knots_features(data->x + i * r + 1, knots, a[i], c[i]);
        }
        for (size_t i = 0; i < NOISES && status == EC_OK; i++) {
            k[l * NOISES + i].noise = base.noise * factor_of_noise[i];
            status = fit_component(&k[l * NOISES + i], data, r, *scale_known, err);
        }
    }
    if (status != EC_OK) return status;
    cumulate_weights(k);
    size_t n_of[COMPONENTS];
    status = deal_samples(out, n_of, k, draws, err);
    for (size_t l = 0; l < LENGTHS && status == EC_OK; l++) {
        size_t first = 0;
        for (size_t i = 0; i < NOISES && status == EC_OK; i++) {
            const size_t which = l * NOISES + i;
            status = sample_component(out, &out->group[l], first, n_of[which], &k[which], data,
                                      *scale_known, draws, z, err);
            first += n_of[which];
        }
    }
    return status;
}

ec_status ec_posterior_gp(ec_posterior *out, bool *scale_known, const double *a, const double *c,
                          const double *y, size_t m, size_t n_samples, const ec_draws *draws,
                          ec_error *err) {
    enum { R = EC_KNOT_FEATURES_MAX + 1 };
    *out = (ec_posterior){.n_groups = LENGTHS};
    training data = {.m = m};
    component k[COMPONENTS];
    scale_grid *grids = malloc(COMPONENTS * sizeof *grids);
    double *memory =
        malloc((COMPONENTS * R * (R + 2) + m * (R + 3) + n_samples * R) * sizeof *memory);
    ec_status status = allocate_samples(out, n_samples, err);
    if (status == EC_OK && (grids == NULL || memory == NULL))
        status = ec_fail(err, EC_ERR_NOMEM,
                         "no memory for a Gaussian process on %zu points with %zu samples", m,
                         n_samples);
    if (status != EC_OK) goto done;

    double *free_memory = memory;
    for (int i = 0; i < COMPONENTS; i++) {
        k[i].grid = &grids[i];
        k[i].l = free_memory;
        k[i].p = k[i].l + R * R;
        free_memory = k[i].p + 2 * R;
    }
    data.y = free_memory;
    data.t = data.y + m;
    data.residual = data.t + m;
    data.x = data.residual + m;
    double *z = data.x + m * R;
    status = fit_and_sample(out, scale_known, &data, k, z, a, c, y, draws, err);
done:
    free(grids);
    free(memory);
    if (status != EC_OK) ec_posterior_release(out);
    return status;
}

ec_status ec_posterior_gp_mean(double *mean, const double *a, const double *c, size_t n,
                               const size_t *trained, const double *y, size_t m, ec_error *err) {
    enum { R = EC_KNOT_FEATURES_MAX + 1 };
    const ec_gp_options base = ec_gp_defaults(NULL);
    const ec_knots knots = ec_knots_of(base.length);
    const size_t r = knots.n * knots.n + 1;
    training data = {.m = m};
    scale_grid grid;
    component k = {.noise = base.noise, .grid = &grid};
    double *memory = malloc((m * (r + 6) + r * (r + 2)) * sizeof *memory);
    if (memory == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory for a Gaussian process on %zu points", m);
    k.l = memory;
    k.p = k.l + r * r;
    data.y = k.p + 2 * r;
    data.t = data.y + m;
    data.residual = data.t + m;
    data.x = data.residual + m;
    double *trained_a = data.x + m * r, *trained_c = trained_a + m;
    for (size_t i = 0; i < m; i++) {
        trained_a[i] = a[trained[i]];
        trained_c[i] = c[trained[i]];
        data.x[i * r] = 1.0;
        data.residual[i] =
            ec_knots_features(data.x + i * r + 1, &knots, trained_a[i], trained_c[i]);
    }
    const bool scale_known = prepare_training(&data, trained_a, trained_c, y);
    const ec_status status = fit_component(&k, &data, r, scale_known, err);
    for (size_t i = 0; i < n && status == EC_OK; i++) {
        double x[R] = {1.0};
        ec_knots_features(x + 1, &knots, a[i], c[i]);
        double value = k.s * (a[i] + c[i] - data.t_shift);
        for (size_t j = 0; j < r; j++) value += x[j] * (k.p[j] - k.s * k.q[j]);
        mean[i] = data.y_shift + data.y_unit * value;
    }
    free(memory);
    return status;
}

/* ---- the law ------------------------------------------------------------------------------- */

ec_status ec_posterior_law(ec_posterior *out, const ec_law *law, const ec_design_fit *fit,
                           const ec_law_points *points, size_t n_samples, const ec_draws *draws,
                           ec_error *err) {
    *out = (ec_posterior){.is_law = true, .design = fit->design, .n_groups = 1};
    const size_t columns = fit->design.n_columns;
    ec_sample_group *group = &out->group[0];
    ec_status status = allocate_samples(out, n_samples, err);
    if (status == EC_OK) status = allocate_group(group, columns + 1, n_samples, err);
    if (status != EC_OK) {
        ec_posterior_release(out);
        return status;
    }
    double rss = 0.0;
    for (size_t i = 0; i < law->n; i++) {
        const double e =
            points->y[i] - ec_law_predict_normalised(law->w, points->a[i], points->c[i]);
        rss += e * e;
    }
    const double unit = law->z_max - law->z_min;
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

/* ---- values -------------------------------------------------------------------------------- */

/* The features of one group at (a, c); returns the variance that they leave out. */
static double features(double *f, const ec_posterior *posterior, const ec_sample_group *group,
                       double a, double c) {
    f[0] = 1.0;
    if (posterior->is_law) {
        for (size_t j = 1; j < group->n_columns; j++)
            f[j] = ec_design_value(posterior->design.term[j - 1], a, c);
        return 0.0;
    }
    f[1] = a + c;
    return ec_knots_features(f + 2, &group->knots, a, c);
}

/* out[j] = sum over the columns h of f[h] w[h][j]; four at a time, to pass over `out` less often.
 */
static void combine(double *restrict out, const ec_sample_group *group, const double *f) {
    const size_t n = group->n;
    size_t h = 0;
    memset(out, 0, n * sizeof *out);
    for (; h + 4 <= group->n_columns; h += 4) {
        const double *restrict w = group->weights + h * n;
        for (size_t j = 0; j < n; j++)
            out[j] += f[h] * w[j] + f[h + 1] * w[n + j] + f[h + 2] * w[2 * n + j] +
                      f[h + 3] * w[3 * n + j];
    }
    for (; h < group->n_columns; h++)
        for (size_t j = 0; j < n; j++) out[j] += f[h] * group->weights[h * n + j];
}

void ec_posterior_values(double *expected, double *sd, const ec_posterior *posterior, double a,
                         double c) {
    for (size_t g = 0; g < posterior->n_groups; g++) {
        const ec_sample_group *group = &posterior->group[g];
        double f[EC_POSTERIOR_COLUMNS];
        const double residual = features(f, posterior, group, a, c);
        combine(group->value, group, f);
        for (size_t j = 0; j < group->n; j++) {
            const size_t s = group->sample[j];
            expected[s] = group->value[j];
            sd[s] = posterior->scale[s] * sqrt(posterior->noise[s] + residual);
        }
    }
}

void ec_posterior_release(ec_posterior *posterior) {
    for (size_t g = 0; g < EC_POSTERIOR_GROUPS; g++) {
        free(posterior->group[g].sample);
        free(posterior->group[g].weights);
    }
    free(posterior->scale);
    free(posterior->noise);
    *posterior = (ec_posterior){0};
}
