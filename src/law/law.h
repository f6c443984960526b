/* law.h - a fit together with what validation and ranking need of it */
#ifndef EC_LAW_LAW_H
#define EC_LAW_LAW_H

#include "eyechart/law.h"
#include "law/design.h"

/* The fitted points, normalised. One allocation; ec_law_points_release() frees. */
typedef struct ec_law_points {
    double *a, *c, *y; /* [n] */
} ec_law_points;

/* ec_law_fit that keeps its intermediate results. *points is zero on failure. */
ec_status ec_law_fit_points(ec_law *out, ec_design_fit *fit, ec_law_points *points,
                            const ec_law_options *options, const ec_law_range *range,
                            const double *a, const double *c, const double *z, size_t n,
                            ec_error *err);
void ec_law_points_release(ec_law_points *points);

#endif
