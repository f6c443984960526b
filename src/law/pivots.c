/* pivots.c - see pivots.h; the factorisation is that of Harbrecht, Peters and Schneider, "On the
 * low-rank approximation by the pivoted Cholesky decomposition", 2012 */
#include "law/pivots.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "law/settings.h"

/* Residual variances below which no pivot is taken, where all candidates could be pivots and where
 * there are more of them: the least noise of the model is 0.1. */
static const double rounding = 1e-12, small_enough = 1e-4;

static double kernel(const ec_pivots *p, const double *x, const double *y) {
    return exp(-ec_squared_distance(x, y, p->d) / (2.0 * p->length * p->length));
}

static size_t largest(const double *residual, size_t n) {
    size_t at = 0;
    for (size_t i = 1; i < n; i++)
        if (residual[i] > residual[at]) at = i;
    return at;
}

ec_status ec_pivots_choose(ec_pivots *out, double *f, double *residual, const double *x,
                           size_t n_points, size_t d, double length, ec_error *err) {
    *out = (ec_pivots){.d = d, .length = length};
    if ((out->x = malloc((EC_PIVOTS_MAX * d + 1) * sizeof *out->x)) == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory for the features of %zu candidates", n_points);
    const double enough = n_points > EC_PIVOTS_MAX ? small_enough : rounding;
    for (size_t i = 0; i < n_points; i++) residual[i] = 1.0;
    while (out->n < EC_PIVOTS_MAX && n_points > 0) {
        const size_t pivot = largest(residual, n_points), k = out->n;
        if (residual[pivot] < enough) break;
        const double *at = f + pivot * EC_PIVOTS_MAX, root = sqrt(residual[pivot]);
        memcpy(out->x + k * d, x + pivot * d, d * sizeof *x);
        memcpy(out->l[k], at, k * sizeof *at);
        out->l[k][k] = root;
        for (size_t i = 0; i < n_points; i++) {
            double *row = f + i * EC_PIVOTS_MAX, sum = kernel(out, x + i * d, out->x + k * d);
            for (size_t h = 0; h < k; h++) sum -= row[h] * out->l[k][h];
            row[k] = sum / root;
            residual[i] = fmax(residual[i] - row[k] * row[k], 0.0);
        }
        residual[pivot] = 0.0;
        out->n++;
    }
    return EC_OK;
}

void ec_pivots_features(double *f, const ec_pivots *pivots, const double *x) {
    for (size_t k = 0; k < pivots->n; k++) {
        double sum = kernel(pivots, x, pivots->x + k * pivots->d);
        for (size_t h = 0; h < k; h++) sum -= f[h] * pivots->l[k][h];
        f[k] = sum / pivots->l[k][k];
    }
}

void ec_pivots_release(ec_pivots *pivots) {
    free(pivots->x);
    pivots->x = NULL;
}
