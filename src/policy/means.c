/* means.c - see means.h */
#include "policy/means.h"

#include <math.h>
#include <stdbool.h>

#include "eyechart/law.h"
#include "law/design.h"

/* sum / weight; NaN where nothing has weight. */
static void divide(double *sum, const double *weight, size_t n) {
    for (size_t i = 0; i < n; i++) sum[i] = weight[i] > 0.0 ? sum[i] / weight[i] : NAN;
}

void ec_mean_score(double *out, const ec_table *table, size_t j, const double *weights,
                   double *scratch) {
    const size_t n = table->n_candidates;
    for (size_t i = 0; i < n; i++) out[i] = scratch[i] = 0.0;
    for (size_t b = 0; b < table->n_benchmarks; b++) {
        double low, high;
        ec_table_range(&low, &high, table, b, j);
        for (size_t i = 0; i < n && weights[b] > 0.0; i++) {
            if (!ec_table_places(table, b, i)) continue;
            out[i] += weights[b] * ec_normalise(ec_table_used(table, b, j, i), low, high);
            scratch[i] += weights[b];
        }
    }
    divide(out, scratch, n);
}

static void range_of(double *low, double *high, const double *values, size_t n) {
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < n; i++) { /* NaN is left out */
        *low = fmin(*low, values[i]);
        *high = fmax(*high, values[i]);
    }
}

void ec_mean_result(double *out, const ec_table *table, const double *weights, double *scratch) {
    const size_t n = table->n_candidates;
    for (size_t i = 0; i < n; i++) out[i] = scratch[i] = 0.0;
    for (size_t b = 0; b < table->n_benchmarks; b++) {
        const double *z = table->z + b * n;
        const bool less_is_better = table->direction != NULL && table->direction[b] < 0;
        double low, high;
        range_of(&low, &high, z, n);
        for (size_t i = 0; i < n && weights[b] > 0.0; i++) {
            if (isnan(z[i])) continue;
            const double x = ec_normalise(z[i], low, high);
            out[i] += weights[b] * (less_is_better && high > low ? 1.0 - x : x);
            scratch[i] += weights[b];
        }
    }
    divide(out, scratch, n);
}
