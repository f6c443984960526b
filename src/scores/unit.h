/* unit.h - rows of length 1: the one rule of both scores
 *
 *     x / (||x|| + 1e-10)
 *
 * as the authors' normalize_feat (A_score/compute.py) and GeoAware-SC do, but with the length in
 * double. Its squares are added in an order that the width alone decides.
 */
#ifndef EC_SCORES_UNIT_H
#define EC_SCORES_UNIT_H

#include <stdbool.h>
#include <stddef.h>

/* The sum of squares of a row; NaN or infinite when one of its numbers is. */
double ec_square_length(const float *row, size_t width);

/* Brings a row to length 1, in place. Returns false, and leaves the row as it is, when one of its
 * numbers is not finite. */
bool ec_unit_length(float *row, size_t width);

#endif
