/* knots.c - see knots.h */
#include "law/knots.h"

#include <math.h>

#include "law/kernel.h"

ec_knots ec_knots_of(double length) {
    ec_knots knots = {.length = length};
    knots.n = length < 0.5 ? EC_KNOTS_MAX : length < 1.0 ? 6 : 5;
    const double pi = acos(-1.0);
    for (size_t j = 0; j < knots.n; j++)
        knots.x[j] = 0.5 - 0.5 * cos(pi * ((double)j + 0.5) / (double)knots.n);
    for (size_t i = 0; i < knots.n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = ec_rbf(knots.x[i] - knots.x[j], 0.0, length);
            for (size_t k = 0; k < j; k++) sum -= knots.l[i][k] * knots.l[j][k];
            /* The floor only guards the square root: the smallest pivot is about 1e-6. */
            knots.l[i][j] = i == j ? sqrt(fmax(sum, 1e-14)) : sum / knots.l[j][j];
        }
    }
    return knots;
}

static void features_1d(double *g, const ec_knots *knots, double u) {
    for (size_t i = 0; i < knots->n; i++) {
        g[i] = ec_rbf(knots->x[i] - u, 0.0, knots->length);
        for (size_t k = 0; k < i; k++) g[i] -= knots->l[i][k] * g[k];
        g[i] /= knots->l[i][i];
    }
}

double ec_knots_features(double *f, const ec_knots *knots, double a, double c) {
    double g[2][EC_KNOTS_MAX];
    features_1d(g[0], knots, a);
    features_1d(g[1], knots, c);
    double explained[2] = {0.0, 0.0};
    for (size_t i = 0; i < knots->n; i++) {
        explained[0] += g[0][i] * g[0][i];
        explained[1] += g[1][i] * g[1][i];
        for (size_t j = 0; j < knots->n; j++) f[i * knots->n + j] = g[0][i] * g[1][j];
    }
    return fmax(1.0 - explained[0] * explained[1], 0.0);
}
