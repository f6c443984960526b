/* correspondence.h - the C score: how well patch features find the same point in another image
 *
 *     features of a category's images      [images][P * P][channels], made unit length
 *         -> rows of similarities          [points][P * P], the patch of each source point against
 *                                          all target patches
 *         -> predicted points              two ways to read a row
 *         -> points that are correct       of each pair, for three thresholds
 *         -> PCK                           percentage of correct keypoints, with standard errors
 *
 * Everything works on one category at a time, in memory, for one protocol. Rows of several encoders
 * are averaged: for features that are normalised by encoder, concatenated and normalised again,
 *
 *     cos = 1/N sum_e cos_e,
 *
 * so all 2^N - 1 combinations come from the rows of N encoders.
 *
 * Two protocols. x, y is a point in pixels of the original image of W x H.
 *
 *                       EC_C_AUTHORS                       EC_C_CONSISTENT
 *   features of         the squashed image, [-1, 1]        the padded image, encoder's own
 *                       (EC_PREPARE_SQUARE)                normalisation (EC_PREPARE_LETTERBOX)
 *   frame, side S       840; s = 840/max(W, H)             the encoder's input, as far as its P
 *                                                          whole patches cover it;
 *                       (s x + ox, s y + oy), o centres    ec_preparation_frame of the encoder
 *                       the shorter side:
 *                       int((840 - round(840 W/H))/2),
 *                       round half to even
 *   source patch        int(P/S y) P + int(P/S x), each clamped to [0, P - 1]
 *   soft-argmax         m = argmax of the row; similarities more than 5 patches from m in x or y
 *                       are set to 0 (not to -infinity); softmax over all P^2 of s/0.02;
 *                       (u, v) = the mean column and row under it, in [0, P - 1]
 *   argmax              (u, v) = m, the first of equals in row-major order
 *   predicted point     (u, v) S/P + floor(S/P/2)          ((u, v) + 1/2) S/P, then back to pixels
 *   given in            the frame of 840                   pixels of the original target
 *   correct if          |predicted - true| < alpha s max(w, h)     < alpha max(w, h)
 *                       w, h of the target's box; strictly less
 *   PCK                 mean over pairs of the pair's part that is correct ("per image", the
 *                       authors' number with soft-argmax and alpha = .10); correct points over all
 *                       points ("per point")
 *
 * The authors' protocol keeps its mismatch on purpose: features see the squashed image while points
 * live in the padded frame.
 *
 * Source: Yang et al., "Law of Vision Representation in MLLMs", arXiv:2408.16357, and its code,
 * which is that of GeoAware-SC (Zhang et al., arXiv:2311.17034). Those look at all P^4
 * similarities, in bf16 for some encoders; here only rows of points, products in f32, sums of the
 * softmax in f32 relative to the best patch (1e-4 pixels of 840). A frame, a point and a threshold
 * are f64. The authors' keypoints are f32, which for whole pixels of images of SPair-71k's sizes
 * gives the same patches on all their grids (14, 16, 24, 32).
 */
#ifndef EYECHART_CORRESPONDENCE_H
#define EYECHART_CORRESPONDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eyechart/device.h"
#include "eyechart/features.h"
#include "eyechart/keypoints.h"
#include "eyechart/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ec_c_protocol { EC_C_AUTHORS = 0, EC_C_CONSISTENT = 1 } ec_c_protocol;
enum { EC_C_PROTOCOLS = 2 };
enum { EC_C_SOFT = 0, EC_C_ARGMAX = 1, EC_C_READOUTS = 2 };
enum { EC_C_ALPHAS = 3 };
enum { EC_C_MAX_MEMBERS = EC_MAX_COMBINED };

/* Changes when the same features would give other results: part of the key of stored results. */
#define EC_CORRESPONDENCE_VERSION 2

/* "authors", "consistent". Static; NULL past the end. The same for "soft-argmax", "argmax". */
const char *ec_c_protocol_name(size_t protocol);
const char *ec_c_readout_name(size_t readout);
/* .10, .05, .01; alpha < EC_C_ALPHAS. */
double ec_c_alpha(size_t alpha);

/* Where a pixel of one image lies in the square frame that points are looked up in:
 * x_frame = scale_x x + offset_x, and so y. */
typedef struct ec_c_frame {
    double scale_x, scale_y, offset_x, offset_y;
    double side; /* S; of the encoder's input all of it: see ec_similarity.covers */
} ec_c_frame;

/* The frame of 840 for an image. */
ec_c_frame ec_c_frame_authors(size_t width, size_t height);

/* Threads and memory of the comparison. Used by one thread at a time. Results do not depend on the
 * number of threads. */
typedef struct ec_correspondence ec_correspondence;

/* On a context that outlives it. Owned by the caller, ec_correspondence_free(). */
ec_status ec_correspondence_new(ec_correspondence **out, ec_ctx *ctx, ec_error *err);
void ec_correspondence_free(ec_correspondence *c);

/* Divides each of the n rows [n][channels] by its length + 1e-10, in place. The length is summed in
 * f64. EC_ERR_FORMAT: a value is not finite. */
ec_status ec_features_normalise(ec_correspondence *c, float *rows, size_t n, size_t channels,
                                ec_error *err);

/* Rows of similarities of all points of a category, and what belongs to them. Borrows. */
typedef struct ec_similarity {
    const char *name;         /* of the encoder, in messages */
    float *rows;              /* [category->n_points][grid * grid]: pair by pair in the category's
                                 order, point by point */
    size_t grid;              /* P */
    const ec_c_frame *frames; /* [category->n_images], of each image in the category's order */
    double covers;            /* share of the frames' side that the patches cover; 0: all of it */
} ec_similarity;

/* Fills s->rows, which the caller has allocated.
 *
 *   features   [category->n_images][grid * grid][channels] in the category's order of images, from
 *              ec_features_normalise
 *
 * Pairs that share a target are one product, [points, channels] x [channels, grid^2], so that its
 * features are read once. A row depends on its source patch and its target alone, not on which
 * other pairs there are. Errors: EC_ERR_ARG (a frame makes no sense), EC_ERR_NOMEM. */
ec_status ec_similarity_compute(ec_similarity *s, ec_correspondence *c, const ec_keypoint_set *set,
                                size_t category, const float *features, size_t channels,
                                ec_error *err);

/* One pair: how many of its points each readout and threshold finds. */
typedef struct ec_pair_result {
    uint8_t n_points;
    uint8_t correct[EC_C_READOUTS][EC_C_ALPHAS];
} ec_pair_result;

/* One point: x, y by readout; in the frame of 840 or in pixels of the target (see above). */
typedef struct ec_point_prediction {
    double at[EC_C_READOUTS][2];
} ec_point_prediction;

/* Encoders, and the combinations of them that are asked for. Borrows. */
typedef struct ec_c_combinations {
    const ec_similarity *members; /* [n_members], n_members <= EC_C_MAX_MEMBERS */
    size_t n_members;
    const uint32_t *subsets; /* [n_subsets], bit i: members[i]; any order; not 0 */
    size_t n_subsets;
    bool resample_grids; /* grids of a combination may differ; only where the user asked for it */
} ec_c_combinations;

/* Reads the mean row of each combination. One encoder by itself is members = {it}, subsets = {1}.
 *
 *   results      [n_subsets][category->n_pairs] in the category's order, or NULL
 *   predictions  [n_subsets][category->n_points] in the order of the rows, or NULL
 *
 * The sum of a combination runs over its members in order, so that a result does not depend on what
 * else is asked for; combinations that begin with the same members share their sums. Where grids
 * differ, rows are brought to the combination's finest grid, that of the first member that has it:
 * each row, a picture of the target, bilinear, as torch.nn.functional.interpolate does with
 * align_corners = false. Where inputs differ in size (EC_C_CONSISTENT) predictions go back to
 * pixels through the frame of a combination's first member. Errors: EC_ERR_ARG (grids that differ:
 * the message names both; a combination that names no member or one that is not there),
 * EC_ERR_NOMEM. */
ec_status ec_correspondence_judge(ec_pair_result *results, ec_point_prediction *predictions,
                                  ec_correspondence *c, const ec_keypoint_set *set, size_t category,
                                  ec_c_protocol protocol, const ec_c_combinations *all,
                                  ec_error *err);

/* The longer side of a pair's box, in pixels: thresholds are shares of it. */
double ec_pair_box(const ec_keypoint_pair *pair);

/* What the predictions for a point of a pair are held against, in the coordinates that the protocol
 * gives them in. */
typedef struct ec_point_truth {
    double at[2];
    double box; /* the longer side of the box */
} ec_point_truth;

/* Of the pair's k-th point. `frame` is that of the target image: EC_C_AUTHORS alone reads it. */
ec_point_truth ec_point_truth_of(const ec_keypoint_pair *pair, size_t k, ec_c_protocol protocol,
                                 const ec_c_frame *frame);
/* Is a prediction nearer than ec_c_alpha(alpha) of the box? What counts a point for PCK. */
bool ec_point_is_right(const double predicted[2], const ec_point_truth *truth, size_t alpha);

/* PCK in percent with standard errors. NaN: nothing to take it from. */
typedef struct ec_pck {
    size_t n_images, n_pairs, n_points; /* pairs that have points */
    double per_image[EC_C_READOUTS][EC_C_ALPHAS];
    double per_point[EC_C_READOUTS][EC_C_ALPHAS];
    double per_image_error[EC_C_READOUTS][EC_C_ALPHAS];
    double per_point_error[EC_C_READOUTS][EC_C_ALPHAS];
} ec_pck;

/* PCK by category and overall (over all pairs, which is the mean of categories weighted by their
 * pairs).
 *
 *   overall     receives the whole
 *   categories  [set->n_categories], or NULL
 *   results     [set->n_pairs] in the set's order; n_points 0 for pairs that are not to count
 *
 * Standard errors: pairs share images, so images are drawn, not pairs. A replicate draws as many
 * images as there are, with replacement, among the images of the same category (an image of several
 * categories belongs to the first); an image drawn m times has weight m and a pair the product of
 * its two images' weights. Categories keep their share in the whole. The error is the standard
 * deviation of n_replicates (0: 1000) replicates; replicate i uses ec_rng_init(seed, i). NaN below
 * three images. This is the vertex bootstrap of Snijders and Borgatti, "Non-parametric standard
 * errors and tests for network statistics", Connections 22(2), 1999, in the form with weights, and
 * without pairs of an image with itself, of Davezies, D'Haultfoeuille and Guyonvarch, "Empirical
 * process results for exchangeable arrays", Annals of Statistics 49(2), 2021.
 *
 * Errors: EC_ERR_ARG (a result has more correct points than points), EC_ERR_NOMEM. */
ec_status ec_pck_summarise(ec_pck *overall, ec_pck *categories, ec_correspondence *c,
                           const ec_keypoint_set *set, const ec_pair_result *results,
                           size_t n_replicates, uint64_t seed, ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
