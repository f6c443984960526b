/* planning.c - see planning.h */
#include "study/planning.h"

#include <math.h>
#include <stdlib.h>

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

/* out[i] = weighted mean over the benchmarks that have a value of candidate i; NaN where none has.
 */
static void mean_over_benchmarks(double *out, double *weight, const ec_study *study,
                                 const double *values, bool with_direction) {
    const size_t n = ec_study_n_candidates(study), m = ec_study_n_benchmarks(study);
    double total = 0.0;
    for (size_t b = 0; b < m; b++) total += ec_study_benchmark(study, b)->weight;
    for (size_t i = 0; i < n; i++) out[i] = weight[i] = 0.0;
    for (size_t b = 0; b < m; b++) {
        const ec_benchmark *benchmark = ec_study_benchmark(study, b);
        const double w = total > 0.0 ? benchmark->weight : 1.0;
        const range r = range_of(values + b * n, n);
        for (size_t i = 0; i < n; i++) {
            double x = normalise(values[b * n + i], r);
            if (isnan(x) || w == 0.0) continue;
            if (with_direction && benchmark->direction < 0 && r.high > r.low) x = 1.0 - x;
            out[i] += w * x;
            weight[i] += w;
        }
    }
    for (size_t i = 0; i < n; i++) out[i] = weight[i] > 0.0 ? out[i] / weight[i] : NAN;
}

void ec_planning_take(ec_planning *planning, size_t k) {
    planning->is_taken[k] = true;
    planning->y[planning->n_taken] = NAN;
    planning->taken[planning->n_taken++] = k;
}

static void place_points(ec_planning *p, const ec_study *study, const double *a, const double *c,
                         bool needs_scores) {
    const size_t n = ec_study_n_candidates(study);
    const range c_range = range_of(c, n);
    for (size_t i = 0; i < n; i++) {
        const double x = normalise(c[i], c_range);
        if (needs_scores && (isnan(a[i]) || isnan(x))) continue;
        p->a[p->n] = isnan(a[i]) ? 0.0 : a[i];
        p->c[p->n] = isnan(x) ? 0.0 : x;
        p->names[p->n] = study->candidates[i].name;
        p->candidate[p->n++] = i;
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

ec_status ec_planning_init(ec_planning *out, const ec_study *study, const ec_numbers *numbers,
                           const bool *pending, ec_policy policy, ec_error *err) {
    const size_t n = ec_study_n_candidates(study), m = ec_study_n_benchmarks(study);
    *out = (ec_planning){0};
    double *scratch = malloc((3 * n + 1) * sizeof *scratch); /* a, y, weights */
    out->a = malloc((n + 1) * sizeof *out->a);
    out->c = malloc((n + 1) * sizeof *out->c);
    out->candidate = malloc((n + 1) * sizeof *out->candidate);
    out->names = malloc((n + 1) * sizeof *out->names);
    out->taken = malloc((n + 1) * sizeof *out->taken);
    out->y = malloc((n + 1) * sizeof *out->y);
    out->is_taken = calloc(n + 1, sizeof *out->is_taken);
    if (!scratch || !out->a || !out->c || !out->candidate || !out->names || !out->taken ||
        !out->y || !out->is_taken) {
        free(scratch);
        return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", study->path);
    }
    double *a = scratch, *y = scratch + n, *weight = scratch + 2 * n;
    mean_over_benchmarks(a, weight, study, numbers->a, false);
    mean_over_benchmarks(y, weight, study, numbers->z, true);
    place_points(out, study, a, numbers->c, policy != EC_POLICY_RANDOM);
    list_taken(out, numbers, y, pending, n, m);
    free(scratch);
    return EC_OK;
}

void ec_planning_release(ec_planning *planning) {
    free(planning->a);
    free(planning->c);
    free(planning->candidate);
    free(planning->names);
    free(planning->taken);
    free(planning->y);
    free(planning->is_taken);
    *planning = (ec_planning){0};
}
