/* stats.c - see stats.h; checked against scipy.stats (tests/golden/f-distribution.csv) */
#include "law/stats.h"

#include <math.h>
#include <stdlib.h>

/* log Gamma without the C library's global sign. */
static double log_gamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

/* The continued fraction of the incomplete beta function, by Lentz's method: Press et al.,
 * "Numerical Recipes", section 6.4. Converges in O(sqrt(max(a, b))) steps for
 * x < (a + 1)/(a + b + 2). */
static double beta_fraction(double x, double a, double b) {
    enum { STEPS = 100000 };
    const double tiny = 1e-300, precision = 1e-16;
    double c = 1.0, d = 1.0 - (a + b) * x / (a + 1.0);
    if (fabs(d) < tiny) d = tiny;
    d = 1.0 / d;
    double value = d;
    for (int i = 1; i <= STEPS; i++) {
        const double m = i;
        const double even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        double change = 1.0;
        for (int half = 0; half < 2; half++) {
            const double step = half == 0 ? even : odd;
            d = 1.0 + step * d;
            c = 1.0 + step / c;
            if (fabs(d) < tiny) d = tiny;
            if (fabs(c) < tiny) c = tiny;
            d = 1.0 / d;
            change = c * d;
            value *= change;
        }
        if (fabs(change - 1.0) <= precision) break;
    }
    return value;
}

/* Regularised incomplete beta function I_x(a, b); y = 1 - x, given for its precision near 0. */
static double incomplete_beta(double x, double y, double a, double b) {
    if (x <= 0.0) return 0.0;
    if (y <= 0.0) return 1.0;
    const double front =
        exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log(y));
    if (x < (a + 1.0) / (a + b + 2.0)) return front * beta_fraction(x, a, b) / a;
    return 1.0 - front * beta_fraction(y, b, a) / b;
}

double ec_f_upper_tail(double f, double df1, double df2) {
    if (isinf(f)) return 0.0;
    const double total = df2 + df1 * f;
    return incomplete_beta(df2 / total, df1 * f / total, df2 / 2.0, df1 / 2.0);
}

typedef struct {
    double x;
    size_t i;
} indexed;

static int by_value(const void *left, const void *right) {
    const double x = ((const indexed *)left)->x, y = ((const indexed *)right)->x;
    return (x > y) - (x < y);
}

ec_status ec_mean_ranks(double *rank, const double *x, size_t n, ec_error *err) {
    indexed *sorted = calloc(n > 0 ? n : 1, sizeof *sorted);
    if (sorted == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory to rank %zu values", n);
    for (size_t i = 0; i < n; i++) sorted[i] = (indexed){x[i], i};
    qsort(sorted, n, sizeof *sorted, by_value);
    for (size_t first = 0, past; first < n; first = past) {
        for (past = first + 1; past < n && sorted[past].x == sorted[first].x;) past++;
        for (size_t i = first; i < past; i++) rank[sorted[i].i] = (double)(first + 1 + past) / 2.0;
    }
    free(sorted);
    return EC_OK;
}

static double correlation(const double *x, const double *y, size_t n) {
    double x_mean = 0.0, y_mean = 0.0, xx = 0.0, yy = 0.0, xy = 0.0;
    for (size_t i = 0; i < n; i++) {
        x_mean += x[i] / (double)n;
        y_mean += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        xx += (x[i] - x_mean) * (x[i] - x_mean);
        yy += (y[i] - y_mean) * (y[i] - y_mean);
        xy += (x[i] - x_mean) * (y[i] - y_mean);
    }
    return xx > 0.0 && yy > 0.0 ? xy / sqrt(xx * yy) : NAN;
}

ec_status ec_spearman(double *out, const double *x, const double *y, size_t n, ec_error *err) {
    double *ranks = calloc(n > 0 ? n : 1, 2 * sizeof *ranks);
    if (ranks == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory to rank %zu values", n);
    ec_status status = ec_mean_ranks(ranks, x, n, err);
    if (status == EC_OK) status = ec_mean_ranks(ranks + n, y, n, err);
    if (status == EC_OK) *out = correlation(ranks, ranks + n, n);
    free(ranks);
    return status;
}

/* Hoare's selection, with the middle element as pivot. */
double ec_quantile(double *x, size_t n, double q) {
    const size_t k = (size_t)(q * (double)(n - 1) + 0.5);
    size_t low = 0, high = n - 1;
    while (low < high) {
        const double pivot = x[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (x[i] < pivot) i++;
            while (x[j] > pivot) j--;
            if (i >= j) break;
            const double swap = x[i];
            x[i++] = x[j];
            x[j--] = swap;
        }
        /* Everything up to j is at most the pivot, everything behind it at least. */
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
    return x[k];
}
