/* view.h - one benchmark as the ranking sees it: points, results, model */
#ifndef EC_LAW_VIEW_H
#define EC_LAW_VIEW_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/rank.h"
#include "law/posterior.h"

typedef struct ec_view {
    ec_points points;
    size_t *point;     /* [n_candidates] its point; SIZE_MAX: it cannot be placed */
    double *measured;  /* [n_candidates] result, larger is better; NaN: none, or no place among the
                          predictions  (no scores while the scale is unknown) */
    double *noise;     /* [n_candidates] standard error of that result */
    double *value;     /* [n_candidates] what the result is worth; NaN as measured */
    double *predicted; /* [n_candidates] NaN without scores or model */
    size_t *known;     /* [n_candidates] position among the model's results; SIZE_MAX: none */
    double *slope; /* [points.n][points.d] change of the prediction by one standard error of each
                      score; NULL: none */
    double direction;
    double next_noise; /* standard error of a result to come */
    bool scale_known;  /* predictions are in units of the benchmark */
    bool has_posterior;
    size_t n_results;
    ec_posterior posterior;
    ec_draws draws;
    double shift, factor; /* value in the ranking = factor (value - shift) */
    double *memory;
    size_t *indices;
} ec_view;

/* Scores, results and model of benchmark b. Release also after a failure.
 * Errors as for ec_rank. */
ec_status ec_view_init(ec_view *v, const ec_table *table, size_t b, const ec_rank_options *options,
                       size_t n_samples, const ec_draws *draws, ec_error *err);
void ec_view_release(ec_view *v);

/* What candidate i is worth as far as this benchmark goes: by its result, else as predicted. */
double ec_view_value(const ec_view *v, size_t i);

#endif
