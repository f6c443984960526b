/* planning.c - see planning.h */
#include "asking/planning.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "eyechart/law.h"

typedef struct {
    double low, high;
} range;

static range range_of(const double *values, size_t n) {
    range r = {INFINITY, -INFINITY};
    for (size_t i = 0; i < n; i++) { /* NaN compares false */
        if (values[i] < r.low) r.low = values[i];
        if (values[i] > r.high) r.high = values[i];
    }
    return r;
}

static double normalise(double value, range r) {
    if (isnan(value)) return NAN;
    return r.high > r.low ? (value - r.low) / (r.high - r.low) : 0.0;
}

/* Of benchmark b in a mean over all of them. */
static double weight_of(const ec_study *study, size_t b) {
    double total = 0.0;
    for (size_t k = 0; k < ec_study_n_benchmarks(study); k++)
        total += ec_study_benchmark(study, k)->weight;
    return total > 0.0 ? ec_study_benchmark(study, b)->weight : 1.0;
}

/* sum / weight; NaN where nothing has weight. */
static void divide(double *sum, const double *weight, size_t n) {
    for (size_t i = 0; i < n; i++) sum[i] = weight[i] > 0.0 ? sum[i] / weight[i] : NAN;
}

/* out[i] = weighted mean over the benchmarks that have a result of candidate i; NaN where none has.
 */
static void mean_result(double *out, double *weight, const ec_study *study, const double *z) {
    const size_t n = ec_study_n_candidates(study), m = ec_study_n_benchmarks(study);
    for (size_t i = 0; i < n; i++) out[i] = weight[i] = 0.0;
    for (size_t b = 0; b < m; b++) {
        const double w = weight_of(study, b);
        const range r = range_of(z + b * n, n);
        for (size_t i = 0; i < n; i++) {
            double x = normalise(z[b * n + i], r);
            if (isnan(x) || w == 0.0) continue;
            if (ec_study_benchmark(study, b)->direction < 0 && r.high > r.low) x = 1.0 - x;
            out[i] += w * x;
            weight[i] += w;
        }
    }
    divide(out, weight, n);
}

/* The same of the j-th score that is used, over the benchmarks for which candidate i can be placed.
 */
static void mean_score(double *out, double *weight, const ec_study *study, const ec_table *table,
                       size_t j) {
    const size_t n = table->n_candidates;
    for (size_t i = 0; i < n; i++) out[i] = weight[i] = 0.0;
    for (size_t b = 0; b < table->n_benchmarks; b++) {
        const double w = weight_of(study, b);
        range r;
        ec_table_range(&r.low, &r.high, table, b, j);
        for (size_t i = 0; i < n && w > 0.0; i++) {
            if (!ec_table_places(table, b, i)) continue;
            out[i] += w * normalise(ec_table_used(table, b, j, i), r);
            weight[i] += w;
        }
    }
    divide(out, weight, n);
}

void ec_planning_take(ec_planning *planning, size_t k) {
    planning->is_taken[k] = true;
    planning->y[planning->n_taken] = NAN;
    planning->taken[planning->n_taken++] = k;
}

/* scores [n_used][n], NaN: cannot be placed. */
static void place_points(ec_planning *p, const ec_study *study, const ec_table *table,
                         const double *scores, bool needs_scores) {
    const size_t n = ec_study_n_candidates(study), n_used = ec_table_n_used(table);
    for (size_t i = 0; i < n; i++) {
        const bool placed = n_used > 0 && !isnan(scores[i]);
        if (needs_scores && !placed) continue;
        p->names[p->n] = study->candidates[i].name;
        p->candidate[p->n++] = i;
    }
    for (size_t j = 0; j < n_used; j++) {
        const size_t k = ec_table_used_index(table, j);
        double *to = k == 0 ? p->a : k == 1 ? p->c : p->more + (k - 2) * p->n;
        for (size_t at = 0; at < p->n; at++) {
            const double x = scores[j * n + p->candidate[at]];
            to[at] = isnan(x) ? 0.0 : x;
        }
    }
}

static void list_taken(ec_planning *p, const ec_numbers *numbers, const double *y,
                       const bool *pending, size_t n, size_t m) {
    for (size_t i = 0; i < n; i++) {
        const bool trained = ec_numbers_observed(numbers, n, m, i);
        p->n_trained += trained;
        p->n_pending += pending[i] && !trained;
    }
    for (size_t k = 0; k < p->n; k++) {
        const size_t i = p->candidate[k];
        const bool trained = ec_numbers_observed(numbers, n, m, i);
        if (!trained && !pending[i]) continue;
        /* A result of a benchmark that has no weight makes it trained all the same. */
        ec_planning_take(p, k);
        p->y[p->n_taken - 1] = y[i];
    }
    p->n_unplaced = n - p->n_trained - p->n_pending - (p->n - p->n_taken);
}

ec_space ec_planning_space(const ec_planning *p) {
    return (ec_space){.n = p->n,
                      .a = p->a,
                      .c = p->c,
                      .n_more = p->n_more,
                      .more = p->more,
                      .weights = p->weights};
}

ec_status ec_planning_init(ec_planning *out, const ec_study *study, const ec_numbers *numbers,
                           const ec_table *table, const bool *pending, ec_policy policy,
                           ec_error *err) {
    const size_t n = ec_study_n_candidates(study), m = ec_study_n_benchmarks(study),
                 n_used = ec_table_n_used(table);
    *out = (ec_planning){.n_more = table->n_more, .weights = table->weights};
    double *scratch = malloc(((n_used + 2) * n + 1) * sizeof *scratch); /* scores, y, weights */
    out->a = calloc(n + 1, sizeof *out->a);
    out->c = calloc(n + 1, sizeof *out->c);
    out->more = calloc(n * table->n_more + 1, sizeof *out->more);
    out->candidate = malloc((n + 1) * sizeof *out->candidate);
    out->names = malloc((n + 1) * sizeof *out->names);
    out->taken = malloc((n + 1) * sizeof *out->taken);
    out->y = malloc((n + 1) * sizeof *out->y);
    out->is_taken = calloc(n + 1, sizeof *out->is_taken);
    if (!scratch || !out->a || !out->c || !out->more || !out->candidate || !out->names ||
        !out->taken || !out->y || !out->is_taken) {
        free(scratch);
        return ec_no_memory(study->path, err);
    }
    double *y = scratch + n_used * n, *weight = y + n;
    for (size_t j = 0; j < n_used; j++) mean_score(scratch + j * n, weight, study, table, j);
    mean_result(y, weight, study, numbers->z);
    place_points(out, study, table, scratch, policy != EC_POLICY_RANDOM);
    list_taken(out, numbers, y, pending, n, m);
    free(scratch);
    return EC_OK;
}

void ec_planning_release(ec_planning *planning) {
    free(planning->a);
    free(planning->c);
    free(planning->more);
    free(planning->candidate);
    free(planning->names);
    free(planning->taken);
    free(planning->y);
    free(planning->is_taken);
    *planning = (ec_planning){0};
}
