/* keypoints.h - pairs of images with the points that correspond
 *
 *     SPair-71k, the folder as distributed       our own JSON, docs/formats.md
 *        PairAnnotation/<split>/<pair>.json         {"images", "pairs"}
 *        ImageAnnotation/<category>/<image>.json
 *        JPEGImages/<category>/<image>.jpg
 *                       \                        /
 *                            ec_keypoint_set: images, pairs, categories
 *
 * A pair's points are those that both of its images show: slots 0 to 29 of the two image
 * annotations where neither is null, which are the points of the pair file. Boxes and image sizes
 * come from the pair file. Points are in pixels of the original image.
 *
 * Source: Min et al., "SPair-71k: A Large-scale Benchmark for Semantic Correspondence",
 *         arXiv:1908.10543, and the way the authors of "Law of Vision Representation in MLLMs"
 *         (arXiv:2408.16357) read it, which is that of GeoAware-SC (arXiv:2311.17034).
 */
#ifndef EYECHART_KEYPOINTS_H
#define EYECHART_KEYPOINTS_H

#include <stddef.h>

#include "eyechart/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { EC_KEYPOINTS_MAX_POINTS = 255 }; /* of a pair */

typedef struct ec_keypoint_image {
    char *name; /* SPair: "cat/2007_001825"; ours: the image's id */
    char *path; /* of its file, as it can be opened from here */
    size_t width, height;
} ec_keypoint_image;

typedef struct ec_keypoint_pair {
    char *id; /* SPair: the file name less ".json", with the ':' it was published with; ours: the
                 pair's id */
    size_t source, target, category;
    double target_box[4];       /* x1, y1, x2, y2: max(x2 - x1, y2 - y1) > 0 */
    size_t n_points;            /* 0 to EC_KEYPOINTS_MAX_POINTS */
    double (*source_points)[2]; /* [n_points] x, y */
    double (*target_points)[2];
    int *ids; /* [n_points], ascending: the slots */
} ec_keypoint_pair;

/* What a score works on at a time. */
typedef struct ec_keypoint_category {
    char *name;
    size_t n_images, n_pairs, n_points; /* n_points: of all its pairs */
    size_t *images;                     /* [n_images] ascending: those its pairs use */
    size_t *pairs;                      /* [n_pairs] ascending */
} ec_keypoint_category;

/* Plain data, to be read only. Images are sorted by name, pairs by id, categories by name, all in
 * byte order, so that two folders with the same content give the same set. Only images that a pair
 * uses are there. */
typedef struct ec_keypoint_set {
    ec_keypoint_image *images;
    ec_keypoint_pair *pairs;
    ec_keypoint_category *categories;
    size_t n_images, n_pairs, n_categories;
    size_t n_empty_pairs; /* pairs without a common point: no PCK, in no mean */
    size_t n_moved;       /* points that SPair's pair files have elsewhere than its image
                             annotations, which count */
    char *moved;          /* the first of them, in words; NULL: none */
    void *memory;         /* private: everything above lives here */
} ec_keypoint_set;

/* Reads a folder as SPair-71k and a file as our JSON.
 *
 *   split    of SPair: "test", "val", "trn"; NULL: "test". The pairs are those that
 *            Layout/large/<split>.txt lists, where there is one, else all of
 *            PairAnnotation/<split>; with another sign in place of the ':' in the names of
 *            files, as Windows, archives and copying tools put one, they are found all the same.
 *            Our JSON has no splits: NULL, or the name of one of the "split" values of its pairs
 *
 * Every image annotation is read once. Image files are not opened. ec_keypoint_set_release() frees
 * the set, also after a failure.
 *
 * Errors name the file, the key, what was expected and what was found: EC_ERR_NOT_FOUND (no such
 * folder, split, annotation), EC_ERR_FORMAT (also: no pairs), EC_ERR_IO, EC_ERR_NOMEM. */
ec_status ec_keypoint_set_load(ec_keypoint_set *out, const char *path, const char *split,
                               ec_error *err);
void ec_keypoint_set_release(ec_keypoint_set *set);

/* Index of the category of this name, or set->n_categories. */
size_t ec_keypoint_category_find(const ec_keypoint_set *set, const char *name);

/* Hash, in 32 hex digits, of all that the set says of one category: names, sizes, points, boxes.
 * The contents of image files are not in it. EC_ERR_NOMEM. */
ec_status ec_keypoint_category_hash(char out[33], const ec_keypoint_set *set, size_t category,
                                    ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
