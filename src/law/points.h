/* points.h - the candidates of one benchmark as points: their scores, min-max normalised
 *
 * The one place where scores are normalised for predictions: over the candidates that have every
 * score that is used, finetuned or not. A score that is the same for all counts as 0 everywhere.
 */
#ifndef EC_LAW_POINTS_H
#define EC_LAW_POINTS_H

#include "eyechart/status.h"
#include "eyechart/table.h"

enum { EC_POINTS_MAX = 32 }; /* scores used at once */

typedef struct ec_points {
    size_t n, d;       /* candidates that can be placed; scores used */
    size_t *candidate; /* [n] its index in the table */
    double *x;         /* [n][d] in [0, 1] */
    double *se;        /* [n][d] standard errors on the same scale; NULL where all are 0 */
    double *weight;    /* [d] relative weights, mean 1 */
} ec_points;

/* Zero-initialised by the call; release also after a failure.
 * Returns EC_OK, EC_ERR_ARG (weights negative, not finite or all 0; more than EC_POINTS_MAX
 * scores), EC_ERR_NOMEM. */
ec_status ec_points_init(ec_points *out, const ec_table *table, size_t benchmark, ec_error *err);
void ec_points_release(ec_points *points);

#endif
