/* gp.c - posterior of the law-prior Gaussian process, see eyechart/gp.h
 *
 * With K = k(trained, trained) + noise I, 1 the vector of ones and t = a + c - its average,
 * everything is a solve with the Cholesky factor L of K:
 *
 *     e = L^-1 1      p = L^-1 y      q = kappa L^-1 t
 *     u, v            p, q with their component along e removed: this integrates mu out
 *     s               the positive root of (m - 1) s^2 + (u.v) s - u.u = 0
 *     mu              e.(p - s q) / e.e
 *     mean(x)         mu + s kappa t(x) + k(x)' K^-1 (y - s kappa t - mu)
 *     var(x)          1 - |L^-1 k(x)|^2 + (1 - e.L^-1 k(x))^2 / e.e
 *
 * Checked against gp() of the reference policies (tests/golden/gp.csv).
 */
#include "eyechart/gp.h"

#include "law/kernel.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>

static double dot(const double *x, const double *y, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

/* x - e (e.x)/(e.e) */
static void remove_component(double *x, const double *e, size_t n) {
    const double along = dot(e, x, n) / dot(e, e, n);
    for (size_t i = 0; i < n; i++) x[i] -= along * e[i];
}

/* Solves L x = b (or L' x = b) in place; L lower, column-major. A triangle of ones and a few
 * right-hand sides: the library call would cost more than the solve. */
static void solve_lower(const double *l, double *x, size_t m) {
    for (size_t j = 0; j < m; j++) {
        x[j] /= l[j * m + j];
        for (size_t i = j + 1; i < m; i++) x[i] -= l[j * m + i] * x[j];
    }
}

static void solve_lower_transposed(const double *l, double *x, size_t m) {
    for (size_t j = m; j-- > 0;) {
        for (size_t i = j + 1; i < m; i++) x[j] -= l[j * m + i] * x[i];
        x[j] /= l[j * m + j];
    }
}

/* The maximum likelihood of s: positive root of (m - 1) s^2 + uv s - uu = 0, m >= 2. */
static double scale_of(double uu, double uv, size_t m) {
    const double dof = (double)(m - 1);
    const double root = sqrt(uv * uv + 4.0 * dof * uu);
    /* The form that does not cancel. */
    const double s = uv > 0.0 ? 2.0 * uu / (uv + root) : (root - uv) / (2.0 * dof);
    return fmax(s, EC_GP_MIN_SCALE);
}

/* Scratch of one prediction, m = number trained. */
typedef struct {
    double *l;       /* [m, m] */
    double *t;       /* [n] the prior's trend, kappa (a + c - average) */
    double *e;       /* [m] */
    double *weights; /* [m] K^-1 (y - trend - mu) */
    double *k;       /* [m] of one point */
    double *u, *v;   /* [m] */
} scratch;

/* s by maximum likelihood, with p = L^-1 y in u and q = L^-1 t in v. */
static double ml_scale(scratch *w, size_t m) {
    remove_component(w->u, w->e, m);
    remove_component(w->v, w->e, m);
    return scale_of(dot(w->u, w->u, m), dot(w->u, w->v, m), m);
}

static void predict(double *mean, double *sd, double *scale, const ec_gp_options *o,
                    const double *a, const double *c, size_t n, const size_t *trained,
                    const double *y, size_t m, scratch *w) {
    double average = 0.0;
    for (size_t i = 0; i < n; i++) average += a[i] + c[i];
    average /= (double)n;
    for (size_t i = 0; i < n; i++) w->t[i] = o->kappa * (a[i] + c[i] - average);

    double s = 1.0, mu = 0.0, ee = 1.0;
    if (m > 0) {
        for (size_t i = 0; i < m; i++) {
            w->e[i] = 1.0;
            w->u[i] = y[i];
            w->v[i] = w->t[trained[i]];
        }
        solve_lower(w->l, w->e, m);
        solve_lower(w->l, w->u, m);
        solve_lower(w->l, w->v, m);
        ee = dot(w->e, w->e, m);
        const double ep = dot(w->e, w->u, m), eq = dot(w->e, w->v, m);
        if (m >= 2) s = ml_scale(w, m);
        mu = (ep - s * eq) / ee;
        for (size_t i = 0; i < m; i++) w->weights[i] = y[i] - s * w->t[trained[i]] - mu;
        solve_lower(w->l, w->weights, m);
        solve_lower_transposed(w->l, w->weights, m);
    }
    if (scale != NULL) *scale = s;

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < m; j++)
            w->k[j] = ec_rbf(a[i] - a[trained[j]], c[i] - c[trained[j]], o->length);
        mean[i] = mu + s * w->t[i] + dot(w->k, w->weights, m);
        if (sd == NULL) continue;
        double variance = 1.0;
        if (m > 0) {
            solve_lower(w->l, w->k, m);
            const double missing = 1.0 - dot(w->e, w->k, m);
            variance += missing * missing / ee - dot(w->k, w->k, m);
        }
        sd[i] = s * sqrt(fmax(variance, 1e-12));
    }
}

static ec_status check(const ec_gp_options *o, const double *a, const double *c, size_t n,
                       const size_t *trained, const double *y, size_t m, ec_error *err) {
    if (!isfinite(o->kappa) || !(o->length > 0.0) || !(o->noise > 0.0) || !isfinite(o->length) ||
        !isfinite(o->noise))
        return ec_fail(err, EC_ERR_ARG,
                       "Gaussian process: length %g, noise %g, kappa %g: expected finite numbers, "
                       "length and noise above 0",
                       o->length, o->noise, o->kappa);
    for (size_t i = 0; i < n; i++)
        if (!isfinite(a[i]) || !isfinite(c[i]))
            return ec_fail(err, EC_ERR_ARG,
                           "Gaussian process: scores of point %zu are %g and %g: expected finite "
                           "numbers",
                           i + 1, a[i], c[i]);
    for (size_t i = 0; i < m; i++)
        if (trained[i] >= n || !isfinite(y[i]))
            return ec_fail(err, EC_ERR_ARG,
                           "Gaussian process: observation %zu is of point %zu of %zu with value "
                           "%g: expected an existing point and a finite value",
                           i + 1, trained[i] + 1, n, y[i]);
    return EC_OK;
}

/* The options with the defaults filled in; NULL gives the law-prior GP. */
static ec_gp_options with_defaults(const ec_gp_options *options) {
    ec_gp_options o = options != NULL ? *options : (ec_gp_options){.kappa = 1.0};
    if (o.length == 0.0) o.length = 0.5;
    if (o.noise == 0.0) o.noise = 0.01;
    return o;
}

ec_status ec_gp_predict(double *mean, double *sd, double *scale, const ec_gp_options *options,
                        const double *a, const double *c, size_t n, const size_t *trained,
                        const double *y, size_t m, ec_error *err) {
    const ec_gp_options o = with_defaults(options);
    const ec_status status = check(&o, a, c, n, trained, y, m, err);
    if (status != EC_OK) return status;

    enum { STACK_POINTS = 24 };
    double stack[STACK_POINTS * (STACK_POINTS + 6)];
    double *memory = stack;
    if (n > STACK_POINTS || m > STACK_POINTS) {
        if (m > INT32_MAX / 8 || n > SIZE_MAX / 16 || /* so that the size cannot wrap */
            (memory = malloc((m * (m + 5) + n) * sizeof *memory)) == NULL)
            return ec_fail(err, EC_ERR_NOMEM,
                           "no memory for a Gaussian process on %zu observations", m);
    }
    scratch w = {.l = memory};
    w.e = w.l + m * m;
    w.weights = w.e + m;
    w.k = w.weights + m;
    w.u = w.k + m;
    w.v = w.u + m;
    w.t = w.v + m;

    for (size_t j = 0; j < m; j++) {
        for (size_t i = j; i < m; i++)
            w.l[j * m + i] =
                ec_rbf(a[trained[i]] - a[trained[j]], c[trained[i]] - c[trained[j]], o.length);
        w.l[j * m + j] += o.noise;
    }
    const lapack_int info =
        m > 0 ? LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', (lapack_int)m, w.l, (lapack_int)m) : 0;
    if (info == 0) predict(mean, sd, scale, &o, a, c, n, trained, y, m, &w);
    if (memory != stack) free(memory);
    if (info != 0)
        return ec_fail(err, EC_ERR_ARG,
                       "Gaussian process: the covariance of %zu observations is not positive "
                       "definite with noise %g; use a larger noise",
                       m, o.noise);
    return EC_OK;
}
