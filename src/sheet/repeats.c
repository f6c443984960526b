/* repeats.c - see repeats.h; table.h says what comes out */
#include "sheet/repeats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sheet/sheet.h"

/* Degrees of freedom from which on the scatter within a benchmark is one for all candidates; with
 * fewer a standard deviation is wrong by more than half of itself too often to be lent to others.
 */
enum { ENOUGH_TO_POOL = 3 };

ec_status ec_repeats_add(ec_repeats *r, size_t cell, double value, double se, ec_error *err) {
    ec_repeat *items = ec_grown(r->items, r->n, &r->capacity, sizeof *items);
    if (items == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for repeated results");
    r->items = items;
    const size_t place = r->n > 0 ? r->items[r->n - 1].place + 1 : 0;
    r->items[r->n++] = (ec_repeat){cell, place, value, se};
    return EC_OK;
}

void ec_repeats_drop(ec_repeats *r, size_t cell) {
    size_t kept = 0;
    for (size_t k = 0; k < r->n; k++)
        if (r->items[k].cell != cell) r->items[kept++] = r->items[k];
    r->n = kept;
}

void ec_repeats_release(ec_repeats *r) {
    free(r->items);
    *r = (ec_repeats){0};
}

static int by_cell(const void *left, const void *right) {
    const ec_repeat *x = left, *y = right;
    if (x->cell != y->cell) return x->cell < y->cell ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

void ec_repeats_sort(ec_repeats *r) {
    if (r->n > 1) qsort(r->items, r->n, sizeof *r->items, by_cell);
}

const ec_repeat *ec_repeats_of(size_t *n, const ec_repeats *r, size_t cell) {
    size_t low = 0, high = r->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (r->items[middle].cell < cell)
            low = middle + 1;
        else
            high = middle;
    }
    *n = 0;
    while (low + *n < r->n && r->items[low + *n].cell == cell) ++*n;
    return *n > 0 ? &r->items[low] : NULL;
}

/* ---- summary -------------------------------------------------------------------------------- */

/* The results of one cell: the first as told, and those after it. */
typedef struct {
    double first, first_se;
    const ec_repeat *more;
    size_t n; /* of all */
} cell_results;

static double value_of(const cell_results *c, size_t k) {
    return k == 0 ? c->first : c->more[k - 1].value;
}

/* A standard error of 0, which no result has, is one that is not known. */
static double se_of(const cell_results *c, size_t k) {
    const double se = k == 0 ? c->first_se : c->more[k - 1].se;
    return se > 0.0 ? se : NAN;
}

static double plain_mean(const cell_results *c) {
    double sum = 0.0;
    for (size_t k = 0; k < c->n; k++) sum += value_of(c, k) - c->first;
    return c->first + sum / (double)c->n; /* equal results have themselves as their mean */
}

static double squared_deviations(const cell_results *c) {
    const double mean = plain_mean(c);
    double sum = 0.0;
    for (size_t k = 0; k < c->n; k++) sum += (value_of(c, k) - mean) * (value_of(c, k) - mean);
    return sum;
}

static bool all_errors_given(const cell_results *c) {
    for (size_t k = 0; k < c->n; k++)
        if (isnan(se_of(c, k))) return false;
    return true;
}

/* Weighted by the inverse of the variance. */
static double weighted_mean(double *se, const cell_results *c) {
    double weights = 0.0, sum = 0.0;
    for (size_t k = 0; k < c->n; k++) {
        const double w = 1.0 / (se_of(c, k) * se_of(c, k));
        weights += w;
        sum += w * (value_of(c, k) - c->first);
    }
    *se = 1.0 / sqrt(weights);
    return c->first + sum / weights;
}

/* Squared deviations from that mean in units of the errors given. */
static double chi_squared(const cell_results *c) {
    double unused, sum = 0.0;
    const double mean = weighted_mean(&unused, c);
    for (size_t k = 0; k < c->n; k++) {
        const double x = (value_of(c, k) - mean) / se_of(c, k);
        sum += x * x;
    }
    return sum;
}

/* What the repeats of a benchmark say together: sums and their degrees of freedom. */
typedef struct {
    double squares; /* of deviations from plain means */
    size_t freedom;
    double chi; /* chi squared, of cells whose errors are all given */
    size_t chi_freedom;
} scatter;

static void add_scatter(scatter *to, const cell_results *c) {
    to->squares += squared_deviations(c);
    to->freedom += c->n - 1;
    if (!all_errors_given(c)) return;
    to->chi += chi_squared(c);
    to->chi_freedom += c->n - 1;
}

/* Standard deviation of one result, by `squares` with `freedom` degrees of freedom. Results that
 * are all equal are one run evaluated again, and say nothing. */
static double deviation(double squares, size_t freedom) {
    return freedom > 0 && squares > 0.0 ? sqrt(squares / (double)freedom) : NAN;
}

/* By how much errors that were given are too small, which they are where results scatter more than
 * they say: an evaluation knows the noise of its questions and not that of another seed. The scale
 * factor of the Particle Data Group. */
static double scale(double chi, size_t freedom) {
    return freedom > 0 ? fmax(1.0, sqrt(chi / (double)freedom)) : 1.0;
}

/* Mean and standard error of a cell; of the whole benchmark, or where that says too little of the
 * cell alone. */
static double summarise_cell(double *se, const cell_results *c, const scatter *of_all) {
    scatter own = {0};
    add_scatter(&own, c);
    if (all_errors_given(c)) {
        const scatter *s = of_all->chi_freedom >= ENOUGH_TO_POOL ? of_all : &own;
        const double mean = c->n > 1 ? weighted_mean(se, c) : c->first;
        *se = (c->n > 1 ? *se : c->first_se) * scale(s->chi, s->chi_freedom);
        return mean;
    }
    const scatter *s = of_all->freedom >= ENOUGH_TO_POOL ? of_all : &own;
    *se = deviation(s->squares, s->freedom) / sqrt((double)c->n);
    return plain_mean(c);
}

static ec_status count_results(struct ec_numbers *x, const ec_repeats *r, size_t n_cells,
                               ec_error *err) {
    double *counts = malloc((n_cells + 1) * sizeof *counts);
    if (counts == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for repeated results");
    for (size_t cell = 0; cell < n_cells; cell++) counts[cell] = isnan(x->z[cell]) ? 0.0 : 1.0;
    for (size_t k = 0; k < r->n; k++) counts[r->items[k].cell] += 1.0;
    free(x->z_n);
    x->z_n = counts;
    return EC_OK;
}

static cell_results results_of(const struct ec_numbers *x, const ec_repeat *more, size_t cell) {
    return (cell_results){x->z[cell], x->z_se[cell], more, (size_t)x->z_n[cell]};
}

/* Benchmark b, whose repeats are the first of `items`; returns how many those are. */
static size_t summarise_benchmark(struct ec_numbers *x, const ec_repeat *items, size_t n_items,
                                  size_t b, size_t n) {
    scatter all = {0};
    size_t end = 0;
    while (end < n_items && items[end].cell < (b + 1) * n) {
        const cell_results c = results_of(x, items + end, items[end].cell);
        add_scatter(&all, &c);
        end += c.n - 1;
    }
    const ec_repeat *next = items;
    for (size_t cell = b * n; cell < (b + 1) * n; cell++) {
        if (x->z_n[cell] == 0.0) continue;
        const cell_results c = results_of(x, next, cell);
        x->z[cell] = summarise_cell(&x->z_se[cell], &c, &all);
        next += c.n - 1;
    }
    return end;
}

ec_status ec_repeats_summarise(struct ec_numbers *x, ec_repeats *r, size_t n, size_t m,
                               ec_error *err) {
    if (r->n == 0) return EC_OK;
    const ec_status status = count_results(x, r, n * m, err);
    if (status != EC_OK) return status;
    ec_repeats_sort(r);
    size_t at = 0;
    for (size_t b = 0; b < m; b++) at += summarise_benchmark(x, r->items + at, r->n - at, b, n);
    return EC_OK;
}
