/* decision.c - see eyechart/decision.h */
#include "eyechart/decision.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static int by_size(const void *left, const void *right) {
    const double x = *(const double *)left, y = *(const double *)right;
    return x < y ? -1 : x > y;
}

/* The median of the costs known; 1 where none is. */
static ec_status usual_cost(double *out, const double *cost, size_t n, ec_error *err) {
    *out = 1.0;
    if (cost == NULL || n == 0) return EC_OK;
    double *known = malloc(n * sizeof *known);
    if (known == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory for the costs of %zu candidates", n);
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (cost[i] > 0.0 && isfinite(cost[i])) known[m++] = cost[i];
    qsort(known, m, sizeof *known, by_size);
    if (m > 0) *out = 0.5 * (known[(m - 1) / 2] + known[m / 2]);
    free(known);
    return EC_OK;
}

static double cost_of(const ec_decision_options *o, size_t i) {
    return o->cost != NULL && o->cost[i] > 0.0 && isfinite(o->cost[i]) ? o->cost[i] : NAN;
}

/* A candidate that may be chosen. */
typedef struct {
    const ec_ranked *row;
    double cost, counted; /* as known; as it counts, in usual costs */
    double worth;         /* what the largest of is chosen */
    bool enough;
} option;

/* Worth its cost before not, then the larger worth, then the better place. */
static bool is_better(const option *x, const option *y) {
    if (y->row == NULL) return true;
    if (x->enough != y->enough) return x->enough;
    if (x->worth != y->worth) return x->worth > y->worth;
    return false;
}

static void take(option *best, option *second, const option *o) {
    if (is_better(o, best)) {
        *second = *best;
        *best = *o;
    } else if (is_better(o, second)) {
        *second = *o;
    }
}

ec_status ec_decide(ec_decision *out, const ec_ranked *rows, size_t n_candidates,
                    const ec_rank_about *about, const ec_decision_options *options, ec_error *err) {
    const ec_decision_options o = options != NULL ? *options : (ec_decision_options){0};
    *out = (ec_decision){.candidate = SIZE_MAX,
                         .next = SIZE_MAX,
                         .gain = NAN,
                         .next_gain = NAN,
                         .cost = NAN,
                         .next_cost = NAN,
                         .needed = NAN,
                         .enough = o.enough > 0.0 ? o.enough : 0.5 * about->noise,
                         .p_best = NAN,
                         .found = about->found,
                         .found_after = about->found};
    double usual;
    const ec_status status = usual_cost(&usual, o.cost, n_candidates, err);
    if (status != EC_OK) return status;
    option best = {0}, second = {0};
    for (size_t k = 0; k < n_candidates; k++) {
        const ec_ranked *row = &rows[k];
        const size_t i = row->candidate;
        if ((o.taken != NULL && o.taken[i]) || isnan(row->order)) continue;
        option here = {.row = row, .cost = cost_of(&o, i), .enough = true};
        here.counted = isnan(here.cost) ? 1.0 : here.cost / usual;
        if (about->scale_known) {
            if (isnan(row->merit)) continue; /* finetuned */
            here.worth = row->merit / here.counted;
            here.enough = row->gain > 0.0 && row->gain >= out->enough * here.counted;
        }
        take(&best, &second, &here);
    }
    if (best.row == NULL) return EC_OK;
    out->kind = !about->scale_known ? EC_DECIDE_BEGIN
                : best.enough       ? EC_DECIDE_FINETUNE
                                    : EC_DECIDE_STOP;
    out->candidate = best.row->candidate;
    out->gain = best.row->gain;
    out->cost = best.cost;
    out->needed = out->enough * best.counted;
    out->p_best = best.row->p_best;
    const double after = about->found + best.row->p_best; /* above 1 by rounding alone */
    out->found_after = after > 1.0 ? 1.0 : after;
    if (second.row != NULL && (second.enough || !best.enough)) {
        out->next = second.row->candidate;
        out->next_gain = second.row->gain;
        out->next_cost = second.cost;
    }
    return EC_OK;
}
