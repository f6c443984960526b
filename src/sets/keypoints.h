/* keypoints.h - what the readers of keypoint sets fill in, and how a set is made of it
 *
 *     reader -> draft: images by name, pairs that name two of them -> ec_keypoint_draft_finish
 *
 * Text and points are taken from the set's own memory from the start, so that the set keeps them
 * and a failure leaves nothing behind but that memory.
 */
#ifndef EC_SETS_KEYPOINTS_H
#define EC_SETS_KEYPOINTS_H

#include <stdbool.h>

#include "base/json.h"
#include "eyechart/keypoints.h"

enum { EC_KEYPOINTS_MAX_SIDE = 65535, EC_SPAIR_SLOTS = 30 };
#define EC_KEYPOINTS_MAX_PAIRS ((size_t)1 << 20)
#define EC_KEYPOINTS_MAX_COORDINATE 1e6

typedef struct ec_draft_image {
    char *name, *path;
    const char *said_by; /* the file that gave the size */
    size_t width, height;
    size_t n_points;
    int *ids;            /* [n_points] ascending */
    double (*points)[2]; /* [n_points] */
    bool has_box;
    double box[4];
} ec_draft_image;

/* What a pair's own file says of its points, where its images' files are what counts. */
typedef struct ec_draft_claim {
    size_t n;
    int slots[EC_SPAIR_SLOTS];
    double source[EC_SPAIR_SLOTS][2], target[EC_SPAIR_SLOTS][2];
} ec_draft_claim;

typedef struct ec_draft_pair {
    char *id, *category;
    const char *file;      /* SPair: that says it */
    size_t source, target; /* images of the draft */
    double target_box[4];
    bool has_points; /* its own; else those that both images have */
    size_t n_points;
    double (*source_points)[2], (*target_points)[2];
    const ec_draft_claim *claim; /* NULL: none */
} ec_draft_pair;

typedef struct ec_keypoint_draft {
    ec_keypoint_set *set; /* its memory */
    ec_draft_image *images;
    ec_draft_pair *pairs;
    size_t n_images, n_pairs, image_capacity, pair_capacity;
    size_t *slots; /* open addressing: 1 + image, 0: free */
    size_t n_slots;
} ec_keypoint_draft;

/* Starts an empty set. ec_keypoint_draft_release() frees what is not the set's. */
ec_status ec_keypoint_draft_init(ec_keypoint_draft *draft, ec_keypoint_set *set, ec_error *err);
void ec_keypoint_draft_release(ec_keypoint_draft *draft);

/* From the set's memory. NULL: there is none. */
void *ec_keypoint_draft_take(ec_keypoint_draft *draft, size_t n, size_t size_bytes);
char *ec_keypoint_draft_text(ec_keypoint_draft *draft, const char *text);

/* The image of this name, added (empty, but for its name) when it is new. */
ec_status ec_keypoint_draft_image(size_t *image, ec_keypoint_draft *draft, const char *name,
                                  ec_error *err);
/* Its index, or draft->n_images. */
size_t ec_keypoint_draft_find(const ec_keypoint_draft *draft, const char *name);
/* Appends a copy. */
ec_status ec_keypoint_draft_pair(ec_keypoint_draft *draft, const ec_draft_pair *pair,
                                 ec_error *err);

/* Sorts, matches points, groups by category. `path` for messages. */
ec_status ec_keypoint_draft_finish(ec_keypoint_draft *draft, const char *path, ec_error *err);

/* [x1, y1, x2, y2] with a longer side above 0. */
ec_status ec_keypoint_read_box(double out[4], const json_t *value, const char *key,
                               const ec_json_place *p);

/* SPair-71k: keypoints_spair.c. Parts of it for the fuzzer. */
ec_status ec_spair_load(ec_keypoint_draft *draft, const char *folder, const char *split,
                        ec_error *err);
ec_status ec_spair_parse_pair(ec_keypoint_draft *draft, const char *id, const char *bytes,
                              size_t size_bytes, const char *file, ec_error *err);
ec_status ec_spair_parse_image(ec_keypoint_draft *draft, size_t image, const char *bytes,
                               size_t size_bytes, const char *file, ec_error *err);

/* What a pair says of its points, read with it and held against its images once they are read:
 * keypoints_spair_check.c. */
ec_status ec_spair_read_claims(ec_draft_pair *pair, ec_keypoint_draft *draft, const json_t *root,
                               const ec_json_place *p);
ec_status ec_spair_check_claims(ec_keypoint_draft *draft, const ec_draft_pair *pair, ec_error *err);

/* Ours: keypoints_json.c. */
ec_status ec_keypoints_parse(ec_keypoint_draft *draft, const char *bytes, size_t size_bytes,
                             const char *file, const char *split, ec_error *err);

#endif
