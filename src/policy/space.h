/* space.h - the points of a space as the models take them: scores that count, with their weights */
#ifndef EC_POLICY_SPACE_H
#define EC_POLICY_SPACE_H

#include "eyechart/policy.h"

/* Scores that count: those with a weight. */
size_t ec_space_width(const ec_space *space);

/* x [n][d] and weight [d], mean 1, of the d = ec_space_width() scores that count. */
void ec_space_points(double *x, double *weight, const ec_space *space);

/* out [n] the weighted sum of the scores, a + c where there are two of equal weight. */
void ec_space_sum(double *out, const ec_space *space);

#endif
