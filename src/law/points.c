/* points.c - see points.h, and ec_law_range_of in eyechart/law.h */
#include "law/points.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "eyechart/law.h"
#include "law/design.h"

static double weight_of(const ec_table *t, size_t k) {
    return t->weights != NULL ? t->weights[k] : 1.0;
}

/* Score k (0 A, 1 C, then the others) of candidate i for a benchmark, or its standard error. */
static double score_of(const ec_table *t, size_t b, size_t k, size_t i) {
    const size_t n = t->n_candidates;
    if (k == 0) return t->a[b * n + i];
    if (k == 1) return t->c[i];
    return t->more[((k - 2) * t->n_benchmarks + b) * n + i];
}

static double error_of(const ec_table *t, size_t b, size_t k, size_t i) {
    const size_t n = t->n_candidates;
    const double *row = k == 0 ? t->a_se : k == 1 ? t->c_se : t->more_se;
    if (row == NULL) return 0.0;
    const size_t at = k == 0 ? b * n + i : k == 1 ? i : ((k - 2) * t->n_benchmarks + b) * n + i;
    return row[at] > 0.0 && isfinite(row[at]) ? row[at] : 0.0;
}

bool ec_table_places(const ec_table *table, size_t benchmark, size_t i) {
    for (size_t k = 0; k < 2 + table->n_more; k++)
        if (weight_of(table, k) != 0.0 && !isfinite(score_of(table, benchmark, k, i))) return false;
    return true;
}

size_t ec_table_n_used(const ec_table *table) {
    size_t n = 0;
    for (size_t k = 0; k < 2 + table->n_more; k++) n += weight_of(table, k) != 0.0;
    return n;
}

size_t ec_table_used_index(const ec_table *table, size_t j) {
    size_t k = 0;
    for (;; k++)
        if (weight_of(table, k) != 0.0 && j-- == 0) return k;
}

double ec_table_used(const ec_table *table, size_t benchmark, size_t j, size_t i) {
    return score_of(table, benchmark, ec_table_used_index(table, j), i);
}

static void range_of_score(double *min, double *max, const ec_table *t, size_t b, size_t k) {
    *min = INFINITY;
    *max = -INFINITY;
    for (size_t i = 0; i < t->n_candidates; i++) {
        if (!ec_table_places(t, b, i)) continue;
        *min = fmin(*min, score_of(t, b, k, i));
        *max = fmax(*max, score_of(t, b, k, i));
    }
}

void ec_table_range(double *min, double *max, const ec_table *table, size_t benchmark, size_t j) {
    range_of_score(min, max, table, benchmark, ec_table_used_index(table, j));
}

ec_law_range ec_law_range_of(const ec_table *table, size_t benchmark) {
    ec_law_range range = {INFINITY, -INFINITY, INFINITY, -INFINITY};
    const size_t n = ec_table_n_used(table);
    if (n > 0) ec_table_range(&range.a_min, &range.a_max, table, benchmark, 0);
    if (n > 1) ec_table_range(&range.c_min, &range.c_max, table, benchmark, 1);
    return range;
}

size_t ec_law_points_of(double *a, double *c, double *z, size_t *candidate, const ec_table *table,
                        size_t benchmark) {
    const double *results = table->z + benchmark * table->n_candidates;
    size_t n = 0;
    for (size_t i = 0; i < table->n_candidates; i++) {
        if (!ec_table_places(table, benchmark, i) || !isfinite(results[i])) continue;
        if (a != NULL) a[n] = ec_table_used(table, benchmark, 0, i);
        if (c != NULL) c[n] = ec_table_used(table, benchmark, 1, i);
        if (z != NULL) z[n] = results[i];
        if (candidate != NULL) candidate[n] = i;
        n++;
    }
    return n;
}

static ec_status check_weights(const ec_table *t, ec_error *err) {
    double sum = 0.0;
    for (size_t k = 0; k < 2 + t->n_more; k++) {
        const double w = weight_of(t, k);
        if (!(w >= 0.0) || !isfinite(w))
            return ec_fail(err, EC_ERR_ARG,
                           "weight %zu of the scores is %g: expected a finite number, 0 or more",
                           k + 1, w);
        sum += w;
    }
    if (!(sum > 0.0) || !isfinite(sum))
        return ec_fail(err, EC_ERR_ARG,
                       "the weights of the scores add up to %g: expected more than 0", sum);
    if (2 + t->n_more > EC_POINTS_MAX)
        return ec_fail(err, EC_ERR_ARG, "%zu scores at once: the limit is %d", 2 + t->n_more,
                       EC_POINTS_MAX);
    return EC_OK;
}

/* Column j of the points from score k; true where a standard error is known. */
static bool fill_column(ec_points *p, const ec_table *t, size_t b, size_t k, size_t j) {
    double min, max;
    bool has_errors = false;
    range_of_score(&min, &max, t, b, k);
    for (size_t r = 0; r < p->n; r++) {
        const size_t i = p->candidate[r];
        const double se = error_of(t, b, k, i);
        p->x[r * p->d + j] = ec_normalise(score_of(t, b, k, i), min, max);
        p->se[r * p->d + j] = max > min ? se / (max - min) : 0.0;
        has_errors |= p->se[r * p->d + j] > 0.0;
    }
    return has_errors;
}

ec_status ec_points_init(ec_points *out, const ec_table *table, size_t benchmark, ec_error *err) {
    *out = (ec_points){0};
    const ec_status status = check_weights(table, err);
    if (status != EC_OK) return status;
    double sum = 0.0;
    for (size_t k = 0; k < 2 + table->n_more; k++) {
        out->d += weight_of(table, k) != 0.0;
        sum += weight_of(table, k);
    }
    out->candidate = malloc((table->n_candidates + 1) * sizeof *out->candidate);
    for (size_t i = 0; out->candidate != NULL && i < table->n_candidates; i++)
        if (ec_table_places(table, benchmark, i)) out->candidate[out->n++] = i;
    out->x = malloc((out->n * out->d + 1) * sizeof *out->x);
    out->se = malloc((out->n * out->d + 1) * sizeof *out->se);
    out->weight = malloc(out->d * sizeof *out->weight);
    if (!out->candidate || !out->x || !out->se || !out->weight)
        return ec_fail(err, EC_ERR_NOMEM, "no memory for %zu candidates", table->n_candidates);
    bool has_errors = false;
    for (size_t k = 0, j = 0; k < 2 + table->n_more; k++) {
        if (weight_of(table, k) == 0.0) continue;
        out->weight[j] = weight_of(table, k) * (double)out->d / sum;
        has_errors |= fill_column(out, table, benchmark, k, j++);
    }
    if (!has_errors) {
        free(out->se);
        out->se = NULL;
    }
    return EC_OK;
}

void ec_points_release(ec_points *points) {
    free(points->candidate);
    free(points->x);
    free(points->se);
    free(points->weight);
    *points = (ec_points){0};
}
