/* matching.h - from the images of a category to rows of similarities, under one encoder
 *
 *     image files -> decoded once -> features under a protocol's preparation -> made unit length
 *         -> rows of all points of the category (correspondence.h), for ec_correspondence_judge
 *
 * What the C score of one encoder costs is here; combinations come from the rows. One category is
 * in memory at a time: its images (3 bytes a pixel), the features of one encoder and one protocol,
 * and the rows that are kept (4 n_points P^2 bytes an encoder and protocol).
 */
#ifndef EYECHART_MATCHING_H
#define EYECHART_MATCHING_H

#include <stdbool.h>

#include "eyechart/correspondence.h"
#include "eyechart/features.h"
#include "eyechart/image.h"
#include "eyechart/keypoints.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The preparation a protocol takes its features from. */
ec_prepare_mode ec_matching_prepare(ec_c_protocol protocol);

/* Decodes an image of keypoints. EC_ERR_FORMAT also where it has another size than its annotation
 * says; and the errors of ec_image_load. */
ec_status ec_matching_image_load(ec_image *out, const ec_keypoint_image *said, ec_error *err);

/* Decodes the images of a category, in its order, on n_threads threads (0: one per processor).
 * *out is owned by the caller, ec_matching_images_free(); NULL on failure. Errors: those of
 * ec_image_load; EC_ERR_FORMAT an image is not of the size that the annotation says. */
ec_status ec_matching_images_load(ec_image **out, const ec_keypoint_set *set, size_t category,
                                  size_t n_threads, ec_error *err);
void ec_matching_images_free(ec_image *images, const ec_keypoint_set *set, size_t category);

/* Share of the input's side that whole patches cover, 378/384 for SigLIP so400m/14: ec_similarity's
 * of EC_C_CONSISTENT. The authors' protocol takes patches to cover all of it, as their code
 * does. */
double ec_matching_covers(const ec_extractor_info *info);

/* Where keypoints lie: frames [category->n_images] in the category's order. `extractor` is needed
 * for EC_C_CONSISTENT alone. Errors: those of ec_preparation_frame; EC_ERR_ARG the preparation is
 * not the protocol's. */
ec_status ec_matching_frames(ec_c_frame *frames, const ec_extractor *extractor,
                             ec_c_protocol protocol, const ec_keypoint_set *set, size_t category,
                             ec_error *err);

/* Is called after every batch with the number of images done; returning false stops. */
typedef bool (*ec_matching_watcher)(void *context, size_t n_images_done);

typedef struct ec_matching_options {
    size_t batch; /* images at a time; 0: 8. Results do not depend on it */
    ec_matching_watcher see;
    void *context; /* of see */
} ec_matching_options;

/* Features of a category's images and the rows of its points.
 *
 *   out         receives rows and frames, owned: ec_matching_rows_release(). `name` is borrowed.
 *   extractor   prepared as ec_matching_prepare says, class token dropped, square grid
 *   images      from ec_matching_images_load; options may be NULL
 *
 * Errors: EC_ERR_ARG (the extractor's preparation is not the protocol's, its grid is not square);
 * EC_ERR_FORMAT (features that are not finite: the message names image and encoder);
 * EC_ERR_INTERRUPTED; EC_ERR_NOMEM. */
ec_status ec_matching_rows(ec_similarity *out, ec_correspondence *c, ec_extractor *extractor,
                           const char *name, ec_c_protocol protocol, const ec_keypoint_set *set,
                           size_t category, const ec_image *images,
                           const ec_matching_options *options, ec_error *err);
/* Frees what ec_matching_rows allocated and zeroes; a zero-initialised one is fine. */
void ec_matching_rows_release(ec_similarity *similarity);

#ifdef __cplusplus
}
#endif
#endif
