/* mixture.c - see mixture.h
 *
 * For one length and noise let L L' = k + noise I over the m candidates with results. Row k of L^-1
 * k(known, all) is R_k [n]; a new candidate i has L_mk = R_k[i], so L itself is never stored. With
 * e = L^-1 1, u = L^-1 y, v = L^-1 t (kappa 1) and, for every candidate, the sums over k
 *
 *     E = e.R   U = u.R   W = v.R   V = R.R
 *
 * the posterior of one setting is, given s,
 *
 *     mean = mu_u + U - mu_u E + s kappa (t - mu_v - W + mu_v E)
 *     var  = s^2 (k(x, x) - V + (1 - E)^2 / e.e + noise)
 *     mu_u = e.u / e.e,   mu_v = e.v / e.e
 *
 * Checked against numpy (tests/golden/mixture.csv) and, without tau and with one setting, against
 * ec_gp_predict.
 */
#include "law/mixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "law/scale.h"
#include "law/settings.h"

/* One length and noise. */
typedef struct {
    double *rows;         /* [capacity][n] R */
    double *e, *u, *v;    /* [capacity] */
    double *se, *su, *sv; /* [n] E, U, W */
    double *variance;     /* [n] k(x, x) - V */
    double ee, eu, ev, uu, uv, vv, log_det;
} fit;

/* One length, noise and kappa. */
typedef struct {
    double weight, scale; /* the weights add up to 1; scale: harmonic mean of s */
} setting;

struct ec_mixture {
    size_t n, d, m, capacity;
    double *x;          /* [n][d] */
    double *trend;      /* [n] t, centred */
    double *linear;     /* [n][d] the features of l, with tau */
    double *kernel;     /* [n] scratch: one row of k */
    double *memory;     /* of the fits but for their rows */
    size_t *index;      /* [n] those with results */
    double *y;          /* [n] their results */
    double shift, unit; /* of the results: the first, and how far the first other one is from it */
    bool scale_known;
    fit fit[EC_FITS];
    setting setting[EC_SETTINGS];
};

void ec_mixture_free(ec_mixture *m) {
    if (m == NULL) return;
    for (size_t f = 0; f < EC_FITS; f++) free(m->fit[f].rows);
    free(m->x);
    free(m->index);
    free(m->memory);
    free(m);
}

static void forget(ec_mixture *m) {
    m->m = 0;
    m->scale_known = false;
    m->unit = 1.0;
    for (size_t f = 0; f < EC_FITS; f++) {
        fit *k = &m->fit[f];
        memset(k->se, 0, 3 * m->n * sizeof *k->se); /* and su, sv */
        k->ee = k->eu = k->ev = k->uu = k->uv = k->vv = k->log_det = 0.0;
        for (size_t i = 0; i < m->n; i++) {
            k->variance[i] = 1.0;
            for (size_t j = 0; j < m->d; j++)
                k->variance[i] += m->linear[i * m->d + j] * m->linear[i * m->d + j];
        }
    }
}

/* t and the features of l, both centred over the candidates. */
static void centre_scores(ec_mixture *m, const double *weight) {
    const size_t n = m->n, d = m->d;
    double mean_trend = 0.0;
    for (size_t i = 0; i < n; i++) mean_trend += ec_trend(m->x + i * d, weight, d) / (double)n;
    for (size_t i = 0; i < n; i++) m->trend[i] = ec_trend(m->x + i * d, weight, d) - mean_trend;
    for (size_t j = 0; j < d; j++) {
        double mean = 0.0;
        for (size_t i = 0; i < n; i++) mean += m->x[i * d + j] / (double)n;
        for (size_t i = 0; i < n; i++)
            m->linear[i * d + j] = ec_tau * 2.0 / (double)d * weight[j] * (m->x[i * d + j] - mean);
    }
}

ec_status ec_mixture_new(ec_mixture **out, const double *x, const double *weight, size_t n,
                         size_t d, ec_error *err) {
    *out = NULL;
    ec_mixture *m = calloc(1, sizeof *m);
    if (m == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory for a model of %zu candidates", n);
    m->n = n;
    m->d = d;
    m->x = malloc(((2 * d + 3) * n + d + 1) * sizeof *m->x);
    m->index = malloc((n + 1) * sizeof *m->index);
    m->memory = malloc((EC_FITS * 7 * n + 1) * sizeof *m->memory);
    if (m->x == NULL || m->index == NULL || m->memory == NULL) {
        ec_mixture_free(m);
        return ec_fail(err, EC_ERR_NOMEM, "no memory for a model of %zu candidates", n);
    }
    m->linear = m->x + n * d;
    m->trend = m->linear + n * d;
    m->kernel = m->trend + n;
    m->y = m->kernel + n;
    double *equal = m->y + n;
    for (size_t j = 0; j < d; j++) equal[j] = 1.0;
    for (size_t f = 0; f < EC_FITS; f++) {
        fit *k = &m->fit[f];
        k->se = m->memory + f * 7 * n;
        k->su = k->se + n;
        k->sv = k->su + n;
        k->variance = k->sv + n;
        k->e = k->variance + n;
        k->u = k->e + n;
        k->v = k->u + n;
    }
    memcpy(m->x, x, n * d * sizeof *x);
    centre_scores(m, weight != NULL ? weight : equal);
    forget(m);
    *out = m;
    return EC_OK;
}

static bool make_room(ec_mixture *m) {
    if (m->m < m->capacity) return true;
    const size_t capacity = m->capacity == 0 ? 16 : 2 * m->capacity;
    for (size_t f = 0; f < EC_FITS; f++) {
        double *rows = realloc(m->fit[f].rows, capacity * m->n * sizeof *rows);
        if (rows == NULL) return false;
        m->fit[f].rows = rows;
    }
    m->capacity = capacity;
    return true;
}

/* One more result, of candidate i, in a fit whose kernel row at i is `kernel`. */
static void fit_add(fit *k, const ec_mixture *m, size_t i, double y, double noise) {
    const size_t n = m->n, at = m->m;
    double *row = k->rows + at * n;
    memcpy(row, m->kernel, n * sizeof *row);
    double pivot = m->kernel[i] + noise, e = 1.0, u = y, v = m->trend[i];
    for (size_t h = 0; h < at; h++) {
        const double *before = k->rows + h * n;
        const double l = before[i];
        for (size_t j = 0; j < n; j++) row[j] -= l * before[j];
        pivot -= l * l;
        e -= l * k->e[h];
        u -= l * k->u[h];
        v -= l * k->v[h];
    }
    pivot = sqrt(fmax(pivot, 1e-12)); /* at least the noise but for rounding */
    k->e[at] = e /= pivot;
    k->u[at] = u /= pivot;
    k->v[at] = v /= pivot;
    k->log_det += log(pivot);
    k->ee += e * e;
    k->eu += e * u;
    k->ev += e * v;
    k->uu += u * u;
    k->uv += u * v;
    k->vv += v * v;
    for (size_t j = 0; j < n; j++) {
        row[j] /= pivot;
        k->se[j] += e * row[j];
        k->su[j] += u * row[j];
        k->sv[j] += v * row[j];
        k->variance[j] -= row[j] * row[j];
    }
}

static void add(ec_mixture *m, size_t i, double y) {
    const size_t n = m->n, d = m->d;
    if (m->m == 0) m->shift = y;
    if (!m->scale_known && y != m->shift) { /* so far u is 0, in any unit */
        m->scale_known = true;
        m->unit = fabs(y - m->shift);
    }
    for (size_t l = 0; l < EC_LENGTHS; l++) {
        for (size_t j = 0; j < n; j++) {
            const double distance = ec_squared_distance(m->x + i * d, m->x + j * d, d);
            m->kernel[j] = exp(-distance / (2.0 * ec_length_of[l] * ec_length_of[l]));
            for (size_t h = 0; h < d; h++)
                m->kernel[j] += m->linear[i * d + h] * m->linear[j * d + h];
        }
        for (size_t k = 0; k < EC_NOISES; k++)
            fit_add(&m->fit[l * EC_NOISES + k], m, i, (y - m->shift) / m->unit, ec_noise_of[k]);
    }
    m->index[m->m] = i;
    m->y[m->m++] = y;
}

/* Weights and scales of the settings, once two results differ. */
static void weigh(ec_mixture *m) {
    double peak = -INFINITY, sum = 0.0;
    for (size_t c = 0; c < EC_SETTINGS; c++) {
        const fit *k = &m->fit[c / EC_KAPPAS];
        const double kappa = ec_kappa_of[c % EC_KAPPAS];
        /* The component along e removed: this integrates mu out. */
        const double uu = fmax(k->uu - k->eu * k->eu / k->ee, 1e-300);
        const double uv = kappa * (k->uv - k->eu * k->ev / k->ee);
        const double vv = kappa * kappa * (k->vv - k->ev * k->ev / k->ee);
        ec_scale scale;
        ec_scale_integrate(&scale, uv / sqrt(uu), m->m);
        m->setting[c].scale = sqrt(uu) / scale.mean;
        m->setting[c].weight = -k->log_det - 0.5 * log(k->ee) - 0.5 * vv -
                               0.5 * (double)(m->m - 1) * log(uu) + scale.log_integral;
        peak = fmax(peak, m->setting[c].weight);
    }
    for (size_t c = 0; c < EC_SETTINGS; c++)
        sum += m->setting[c].weight = exp(m->setting[c].weight - peak);
    for (size_t c = 0; c < EC_SETTINGS; c++) m->setting[c].weight /= sum;
}

ec_status ec_mixture_know(ec_mixture *m, const size_t *index, const double *y, size_t n_results,
                          ec_error *err) {
    size_t same = 0;
    while (same < m->m && same < n_results && m->index[same] == index[same] &&
           m->y[same] == y[same])
        same++;
    if (same == n_results && same == m->m) return EC_OK;
    if (same < m->m) forget(m);
    while (m->m < n_results) {
        if (!make_room(m)) {
            forget(m);
            return ec_fail(err, EC_ERR_NOMEM, "no memory for %zu results of %zu candidates",
                           n_results, m->n);
        }
        add(m, index[m->m], y[m->m]);
    }
    if (m->scale_known) weigh(m);
    return EC_OK;
}

bool ec_mixture_scale_known(const ec_mixture *mixture) {
    return mixture->scale_known;
}

static double mean_of(const ec_mixture *m, size_t c, size_t i) {
    const fit *k = &m->fit[c / EC_KAPPAS];
    const double mu_u = k->eu / k->ee, mu_v = k->ev / k->ee;
    const double rest = m->trend[i] - mu_v - k->sv[i] + mu_v * k->se[i];
    return mu_u + k->su[i] - mu_u * k->se[i] +
           m->setting[c].scale * ec_kappa_of[c % EC_KAPPAS] * rest;
}

static double sd_of(const ec_mixture *m, size_t c, size_t i) {
    const fit *k = &m->fit[c / EC_KAPPAS];
    const double missing = 1.0 - k->se[i], noise = ec_noise_of[c / EC_KAPPAS % EC_NOISES];
    return m->setting[c].scale *
           sqrt(fmax(k->variance[i] + missing * missing / k->ee, 0.0) + noise);
}

/* The trend, through the results, which are all equal. */
static void predict_order(const ec_mixture *m, double *mean, double *sd) {
    double shift = m->m > 0 ? m->shift : 0.0;
    for (size_t k = 0; k < m->m; k++) shift -= m->trend[m->index[k]] / (double)m->m;
    for (size_t i = 0; i < m->n; i++) {
        mean[i] = shift + m->trend[i];
        if (sd != NULL) sd[i] = 1.0;
    }
}

void ec_mixture_predict(const ec_mixture *m, double *mean, double *sd) {
    if (!m->scale_known) {
        predict_order(m, mean, sd);
        return;
    }
    for (size_t i = 0; i < m->n; i++) {
        double sum = 0.0, squares = 0.0;
        for (size_t c = 0; c < EC_SETTINGS; c++) {
            const double x = mean_of(m, c, i), w = m->setting[c].weight;
            sum += w * x;
            if (sd == NULL) continue;
            const double s = sd_of(m, c, i);
            squares += w * (x * x + s * s);
        }
        mean[i] = m->shift + m->unit * sum;
        if (sd != NULL) sd[i] = m->unit * sqrt(fmax(squares - sum * sum, 0.0));
    }
}

void ec_mixture_gain(const ec_mixture *m, double *gain) {
    for (size_t i = 0; i < m->n; i++) gain[i] = 0.0;
    for (size_t c = 0; c < EC_SETTINGS && m->scale_known; c++) {
        const double w = m->setting[c].weight;
        if (w < 1e-9) continue; /* of settings that the results rule out */
        double best = -INFINITY;
        for (size_t k = 0; k < m->m; k++) best = fmax(best, mean_of(m, c, m->index[k]));
        for (size_t i = 0; i < m->n; i++) {
            const double sd = sd_of(m, c, i), u = (mean_of(m, c, i) - best) / sd;
            const double density = exp(-0.5 * u * u) * (0.5 * M_SQRT1_2 * M_2_SQRTPI);
            gain[i] += m->unit * w * sd * (u * 0.5 * erfc(-u * M_SQRT1_2) + density);
        }
    }
    for (size_t k = 0; k < m->m; k++) gain[m->index[k]] = 0.0;
}
