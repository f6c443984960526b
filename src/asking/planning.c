/* planning.c - see planning.h */
#include "asking/planning.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "eyechart/law.h"
#include "policy/means.h"

/* Of the benchmarks, out [m]: as declared, or all the same where none has any. */
static void weights_of(double *out, const ec_study *study) {
    const size_t m = ec_study_n_benchmarks(study);
    double total = 0.0;
    for (size_t b = 0; b < m; b++) total += ec_study_benchmark(study, b)->weight;
    for (size_t b = 0; b < m; b++)
        out[b] = total > 0.0 ? ec_study_benchmark(study, b)->weight : 1.0;
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
    /* scores, y, sums, weights */
    double *scratch = malloc(((n_used + 2) * n + m + 1) * sizeof *scratch);
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
    double *y = scratch + n_used * n, *sums = y + n, *weights = sums + n;
    weights_of(weights, study);
    for (size_t j = 0; j < n_used; j++) ec_mean_score(scratch + j * n, table, j, weights, sums);
    ec_mean_result(y, table, weights, sums);
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
