/* stats.h - the few statistics that the law and the ranking need */
#ifndef EC_LAW_STATS_H
#define EC_LAW_STATS_H

#include <stddef.h>

#include "eyechart/status.h"

/* P(X > f) of an F distribution with df1, df2 > 0 degrees of freedom, f >= 0. */
double ec_f_upper_tail(double f, double df1, double df2);

/* Ranks of x [n], 1 = smallest, ties share their mean rank. No NaN. */
ec_status ec_mean_ranks(double *rank, const double *x, size_t n, ec_error *err);

/* Spearman's rank correlation of x and y [n]; NaN where one of them is constant. */
ec_status ec_spearman(double *out, const double *x, const double *y, size_t n, ec_error *err);

/* The order statistic of x [n] nearest to the quantile q in [0, 1]; reorders x. n >= 1, no NaN. */
double ec_quantile(double *x, size_t n, double q);

#endif
