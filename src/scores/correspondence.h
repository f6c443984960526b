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

/* ---- grids that differ (correspondence_grids.c) ---- */

/* Rows on another grid: each row of `from`, a picture of grid x grid over the target, is resampled
 * to to->grid, bilinear, pixel centres at (i + 1/2) scale (align_corners = false), without
 * antialiasing, as torch.nn.functional.interpolate does. Where the patches of one cover less of the
 * input than those of the other (to->covers, from->covers), scale is from/to times their quotient,
 * so that places stay the same of the image. Frames stay those of `from`, by which the
 * source patches were found. */
void ec_similarity_resample(ec_similarity *to, ec_correspondence *c, const ec_similarity *from,
                            size_t n_points);

/* Whether two encoders have the same patches. */
bool ec_grids_are_one(const ec_similarity *a, const ec_similarity *b);

/* The combinations whose finest grid is one, and their members brought to it. */
typedef struct ec_on_grid {
    ec_similarity members[EC_C_MAX_MEMBERS]; /* those in use, in the places that they have in
                                                `all` */
    float *own[EC_C_MAX_MEMBERS];  /* rows that were resampled */
    uint32_t *subsets;             /* [n_subsets] places in all->subsets */
    size_t n_subsets;
} ec_on_grid;

/* Those whose finest grid is that of `finest`. `subsets` has room for all->n_subsets and is
 * borrowed. ec_on_grid_release() also after EC_ERR_NOMEM. */
ec_status ec_on_grid_gather(ec_on_grid *out, ec_correspondence *c, const ec_c_combinations *all,
                            const ec_similarity *finest, size_t n_points, uint32_t *subsets,
                            ec_error *err);
void ec_on_grid_release(ec_on_grid *on);

#endif
