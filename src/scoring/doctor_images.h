/* doctor_images.h - whether images can be decoded
 *
 * A header says little: a file that was cut off has a good one. So every image is decoded whole, on
 * all processors; SPair's 1,800 photographs take some seconds.
 */
#ifndef EC_SCORING_DOCTOR_IMAGES_H
#define EC_SCORING_DOCTOR_IMAGES_H

#include "eyechart/keypoints.h"
#include "eyechart/score.h"
#include "study/findings.h"

/* Zero-initialise. */
typedef struct ec_image_check {
    struct ec_checked_image {
        char *path;                    /* owned */
        const ec_keypoint_image *said; /* borrowed; NULL: no keypoints are in it */
    } *images;                         /* [n] */
    size_t n, capacity;
    bool failed;        /* out of memory */
    size_t n_turned;    /* of the images of benchmarks: whose EXIF asks to turn them */
    const char *turned; /* the first of them; valid as long as the check */
} ec_image_check;

/* `said` has to outlive the check; NULL: the image may have any size. */
void ec_image_check_add(ec_image_check *check, const char *path, const ec_keypoint_image *said);
void ec_image_check_release(ec_image_check *check);

/* Decodes them all, one that was added twice once, and compares sizes with what annotations say;
 * the first few that fail are findings of their own, the others are counted. *n_bad receives how
 * many. Errors: EC_ERR_INTERRUPTED the watcher said so; EC_ERR_NOMEM. */
ec_status ec_image_check_run(size_t *n_bad, ec_findings *found, ec_image_check *check,
                             ec_doctor_watcher watcher, void *context, ec_error *err);

#endif
