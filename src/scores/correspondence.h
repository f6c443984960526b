/* correspondence.h - what the parts of the C score share */
#ifndef EC_SCORES_CORRESPONDENCE_H
#define EC_SCORES_CORRESPONDENCE_H

#include "eyechart/correspondence.h"
#include "ops/ops.h"
#include "scores/row.h"

struct ec_correspondence {
    ec_ctx *ctx;
    const ec_row_kernels *kernels;
    size_t n_threads; /* 0: one per processor */
};

/* The side of a frame that the patches cover. */
double ec_covered_side(const ec_similarity *s, const ec_c_frame *frame);

/* Where an image stands in its category. */
size_t ec_category_place(const ec_keypoint_category *category, size_t image);

#endif
