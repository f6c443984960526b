/* repeats.c - see repeats.h; table.h says what comes out */
#include "study/repeats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "study/sheet.h"

/* Degrees of freedom from which on the scatter within a benchmark is one for all candidates; with
 * fewer a standard deviation is wrong by more than half of itself too often to be lent to others.
 */
enum { ENOUGH_TO_POOL = 3 };

ec_status ec_repeats_add(ec_repeats *r, size_t cell, double value, double se, ec_error *err) {
    if (r->n == r->capacity) {
        const size_t capacity = r->capacity > 0 ? 2 * r->capacity : 16;
        ec_repeat *items = realloc(r->items, capacity * sizeof *items);
        if (items == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for repeated results");
        r->items = items;
        r->capacity = capacity;
    }
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

static double se_of(const cell_results *c, size_t k) {
    return k == 0 ? c->first_se : c->more[k - 1].se;
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

/* Standard deviation of one result, by `squares` with `freedom` degrees of freedom. Results that
 * are all equal are one run evaluated again, and say nothing. */
static double deviation(double squares, size_t freedom) {
    return freedom > 0 && squares > 0.0 ? sqrt(squares / (double)freedom) : NAN;
}

/* The standard error where not every result came with its own. */
static double error_by_scatter(const cell_results *c, double pooled) {
    const double own = deviation(squared_deviations(c), c->n - 1);
    return (isnan(pooled) ? own : pooled) / sqrt((double)c->n);
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

/* Benchmark b, whose repeats are the first of `items`; returns how many those are. */
static size_t summarise_benchmark(struct ec_numbers *x, const ec_repeat *items, size_t n_items,
                                  size_t b, size_t n) {
    double squares = 0.0;
    size_t freedom = 0, end = 0;
    while (end < n_items && items[end].cell < (b + 1) * n) {
        const size_t cell = items[end].cell;
        const cell_results c = {x->z[cell], x->z_se[cell], items + end, (size_t)x->z_n[cell]};
        squares += squared_deviations(&c);
        freedom += c.n - 1;
        end += c.n - 1;
    }
    const double pooled = freedom >= ENOUGH_TO_POOL ? deviation(squares, freedom) : NAN;
    for (size_t cell = b * n; cell < (b + 1) * n; cell++)
        if (x->z_n[cell] == 1.0 && isnan(x->z_se[cell])) x->z_se[cell] = pooled;
    for (size_t k = 0; k < end;) {
        const size_t cell = items[k].cell;
        const cell_results c = {x->z[cell], x->z_se[cell], items + k, (size_t)x->z_n[cell]};
        if (all_errors_given(&c)) {
            x->z[cell] = weighted_mean(&x->z_se[cell], &c);
        } else {
            x->z[cell] = plain_mean(&c);
            x->z_se[cell] = error_by_scatter(&c, pooled);
        }
        k += c.n - 1;
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
