/* correspondence.h - what the parts of the C score share */
#ifndef EC_SCORES_CORRESPONDENCE_H
#define EC_SCORES_CORRESPONDENCE_H

#include "eyechart/correspondence.h"
#include "ops/ops.h"

struct ec_correspondence {
    ec_ctx *ctx;
    size_t n_threads; /* 0: one per processor */
};

/* Where an image stands in its category. */
size_t ec_category_place(const ec_keypoint_category *category, size_t image);

/* A row of similarities, sums of n_members cosines, as two points on the grid, [readout][x, y] in
 * [0, grid - 1]. `highest` is the largest of the row. */
void ec_row_read(double out[EC_C_READOUTS][2], const float *row, size_t grid, float highest,
                 size_t n_members);
/* The largest of n numbers. */
float ec_row_highest(const float *row, size_t n);
/* out = a + b, n numbers; returns the largest. */
float ec_row_add(float *out, const float *a, const float *b, size_t n);

#endif
