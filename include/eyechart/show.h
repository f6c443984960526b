/* show.h - pictures of what an encoder takes for the same: figures 6 to 8 of the paper
 *
 *     a point of the source image -> its feature s
 *     S(x) = cos(s, f(x))            at every pixel x of the source and of a target image
 *     prediction = argmax S          over the target's pixels
 *
 *     f(x)   features between the centres of the patches: bilinear, as torch's Upsample with
 *            align_corners=False, constant beyond the outermost centres; s likewise
 *
 * Source: Tang et al., "Emergent Correspondence from Image Diffusion", arXiv:2306.03881, and the
 * demo that comes with it, which upsamples both feature maps to the size of the images and takes
 * cosines. Here nothing is upsampled: |f(x)| follows from the products of neighbouring patches, so
 * a pixel costs a few operations whatever the number of channels, and the numbers are the same.
 *
 * And pairs of a keypoint set: all their points, joined with where they were found, blue where
 * right, orange-red and in dashes where wrong.
 */
#ifndef EYECHART_SHOW_H
#define EYECHART_SHOW_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/correspondence.h"
#include "eyechart/features.h"
#include "eyechart/image.h"
#include "eyechart/keypoints.h"
#include "eyechart/picture.h"
#include "eyechart/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- similarity ---- */

/* Features of one image, and where its pixels lie on the grid of patches. */
typedef struct ec_feature_map {
    const float *features; /* [grid_height][grid_width][n_channels], borrowed */
    size_t grid_width, grid_height, n_channels;
    /* Grid position of pixel position x: scale_x x + offset_x. Patch g covers [g, g + 1). */
    double scale_x, offset_x, scale_y, offset_y;
} ec_feature_map;

/* Similarity of one point to an image, ready to be asked for. Immutable. */
typedef struct ec_heat_map ec_heat_map;

/* Takes the feature of `source` at the pixel position (x, y), and its similarity to `target`.
 * n > 1 encoders: the mean of their cosines, which is the cosine of their normalised features side
 * by side; their grids may differ.
 *
 *   sources, targets   [n], only read during the call
 *   out                owned, ec_heat_map_free(); NULL on failure
 *
 * Errors: EC_ERR_ARG (the point is not on the grid: its preparation cuts it off; channels differ
 * between source and target; an empty grid), EC_ERR_FORMAT (a feature is not finite),
 * EC_ERR_NOMEM. */
ec_status ec_heat_map_new(ec_heat_map **out, const ec_feature_map *sources,
                          const ec_feature_map *targets, size_t n, double x, double y,
                          ec_error *err);
void ec_heat_map_free(ec_heat_map *map);

/* At a pixel position of the target, in [-1, 1]; NaN where an encoder did not look. */
double ec_heat_map_at(const ec_heat_map *map, double x, double y);

/* Over the centres of the pixels of a width x height image: where it is highest (the first pixel
 * in reading order, if several), and the range. */
typedef struct ec_heat_peak {
    size_t x, y;
    double highest, lowest;
} ec_heat_peak;

ec_heat_peak ec_heat_map_peak(const ec_heat_map *map, size_t width, size_t height);

/* ---- a point in several images ---- */

/* One image of a comparison: the photograph, and what was found in it. All borrowed. */
typedef struct ec_show_panel {
    const char *label; /* above the image */
    const ec_image *image;
    const ec_heat_map *map; /* NULL: none */
    ec_heat_peak peak;      /* of it: heat is scaled to its range */
    double x, y;            /* where the dot goes; NaN: none */
} ec_show_panel;

/* Zero-initialised means the default. */
typedef struct ec_show_options {
    size_t height; /* of an image on the page, in pixels; 0: 360 */
    ec_heat heat;
    ec_colour dot; /* black: red, as in figures 7 and 8 */
} ec_show_options;

/* Panels side by side, scaled to one height. Errors: EC_ERR_ARG (too large), EC_ERR_NOMEM. */
ec_status ec_show_row(ec_image *out, const ec_show_panel *panels, size_t n,
                      const ec_show_options *options, ec_error *err);

/* ---- a pair with its keypoints ---- */

typedef struct ec_show_point {
    double source[2], target[2]; /* annotated, in pixels of the images */
    double predicted[2];         /* in pixels of the target; NaN: no prediction */
    bool right;
} ec_show_point;

/* Source and target side by side; point i has the i-th of 15 fixed colours (again from the first
 * after that): a disc where it is annotated in the source, a ring in the target, a disc where it
 * was predicted, and a line from source to prediction, blue if right, orange-red and in dashes if
 * wrong. What was predicted beside the image is drawn at its edge. Without a prediction, discs at
 * both ends and a line in the colour of the point.
 *
 *   source, target   label and image are used
 *   target_box       x0, y0, x1, y1; NULL: not drawn */
ec_status ec_show_pair(ec_image *out, const ec_show_panel *source, const ec_show_panel *target,
                       const ec_show_point *points, size_t n, const double *target_box,
                       const ec_show_options *options, ec_error *err);

/* ---- figures and pages ---- */

/* A picture with its title, a sentence about it, and a table of numbers. */
typedef struct ec_show_figure {
    char *title, *caption; /* UTF-8 */
    ec_image image;
    size_t n_columns, n_rows; /* of the table; the first row is its header; 0: none */
    char **cells;             /* [n_rows][n_columns] */
} ec_show_figure;

void ec_show_figure_release(ec_show_figure *figure); /* frees all of it */

/* An encoder, or several as one. */
typedef struct ec_show_encoder {
    const char *name;                 /* title of the figure */
    const ec_feature_source *sources; /* class tokens are dropped, whatever they say */
    size_t n_sources;
    ec_encoder_options options; /* its context, which is required, computes */
} ec_show_encoder;

/* What one encoder finds for a point of the first image: a row of all images, the first too. Each
 * has its heat map; the first a dot at the pixel (x, y), others at their peak. Encoders are opened
 * one after the other, and images run through each as its source says.
 *
 *   peaks          [n_images]
 *   images, names  [n_images], n_images >= 1
 *
 * Errors: EC_ERR_ARG (x, y is not a pixel of the first image, or the preparation cuts it off),
 * those of ec_extractor_open, EC_ERR_FORMAT, EC_ERR_NOMEM. */
ec_status ec_show_compare(ec_show_figure *out, ec_heat_peak *peaks, const ec_show_encoder *encoder,
                          const ec_image *images, const char *const *names, size_t n_images,
                          size_t x, size_t y, const ec_show_options *options, ec_error *err);

typedef struct ec_show_protocol {
    ec_c_protocol protocol; /* decides the preparation; that of the sources is not looked at */
    size_t readout;         /* EC_C_SOFT, EC_C_ARGMAX */
} ec_show_protocol;

/* A pair of a keypoint set: right is what is nearer than .10 of the longer side of the target's
 * box, as the protocol measures it.
 *
 *   points    [n_points of the pair], or NULL
 *   encoder   NULL: only what is annotated
 *
 * Errors: those of matching.h and ec_extractor_open, EC_ERR_NOMEM. */
ec_status ec_show_keypoints(ec_show_figure *out, ec_show_point *points,
                            const ec_show_encoder *encoder, const ec_keypoint_set *set, size_t pair,
                            ec_show_protocol protocol, const ec_show_options *options,
                            ec_error *err);

/* The figures below each other with their titles and captions. The PNG says `title` and the
 * captions about itself. Errors: EC_ERR_ARG (too large), EC_ERR_IO, EC_ERR_NOMEM. */
ec_status ec_show_save_png(const char *path, const char *title, const ec_show_figure *figures,
                           size_t n, ec_error *err);
/* The same as one self-contained page, with the tables. It loads nothing and runs nothing. */
ec_status ec_show_save_html(const char *path, const char *title, const ec_show_figure *figures,
                            size_t n, ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
