/* keypoints_spair_check.c - a pair's file against the annotations of its images
 *
 *     PairAnnotation    kps_ids ["1", "2", ..], src_kps, trg_kps [[x, y], ..], of the same length
 *     ImageAnnotation   kps {"0": [x, y] or null, ..}
 *
 * SPair-71k says the points of a pair twice. What is compared are the slots that both images have;
 * in the data as distributed those are kps_ids. Where they are not, one of the files is of another
 * version or damaged, and a score would be of points nobody meant. A point that lies elsewhere is
 * counted and told, not refused: nobody has compared all of the 71 thousand pairs.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sets/keypoints.h"

/* Pixels. Annotations are whole numbers; what is rounded otherwise is still the same point. */
static const double same_point = 1.0;

/* ---- reading ------------------------------------------------------------------------------ */

/* A slot as SPair-71k writes it, "7", or as a number. */
static bool read_slot(int *out, const json_t *value) {
    char *end = NULL;
    json_int_t slot = -1;
    if (json_is_integer(value)) slot = json_integer_value(value);
    if (json_is_string(value)) slot = strtol(json_string_value(value), &end, 10);
    *out = (int)slot;
    return slot >= 0 && slot < EC_SPAIR_SLOTS &&
           (end == NULL || (*end == '\0' && end > json_string_value(value)));
}

static ec_status read_points(double (*out)[2], const json_t *list, size_t n, const char *key,
                             const ec_json_place *p) {
    if (!json_is_array(list) || json_array_size(list) != n)
        return ec_json_unexpected(p, key, list, "a point [x, y] for each of 'kps_ids'");
    ec_status status = EC_OK;
    for (size_t i = 0; i < n && status == EC_OK; i++)
        status = ec_json_to_numbers(out[i], 2, EC_KEYPOINTS_MAX_COORDINATE, json_array_get(list, i),
                                    key, "points [x, y]", p);
    return status;
}

ec_status ec_spair_read_claims(ec_draft_pair *pair, ec_keypoint_draft *draft, const json_t *root,
                               const ec_json_place *p) {
    const json_t *ids = json_object_get(root, "kps_ids");
    const json_t *source = json_object_get(root, "src_kps"),
                 *target = json_object_get(root, "trg_kps");
    if (ids == NULL || source == NULL || target == NULL) return EC_OK; /* says nothing of them */
    const size_t n = json_array_size(ids);
    if (!json_is_array(ids) || n > EC_SPAIR_SLOTS)
        return ec_json_unexpected(p, "kps_ids", ids, "a list of at most 30 slots");
    ec_draft_claim *claim = ec_keypoint_draft_take(draft, 1, sizeof *claim);
    if (claim == NULL) return ec_no_memory(p->file, p->err);
    claim->n = n;
    for (size_t i = 0; i < n; i++)
        if (!read_slot(&claim->slots[i], json_array_get(ids, i)))
            return ec_json_unexpected(p, "kps_ids", json_array_get(ids, i),
                                      "slots from \"0\" to \"29\"");
    ec_status status = read_points(claim->source, source, n, "src_kps", p);
    if (status == EC_OK) status = read_points(claim->target, target, n, "trg_kps", p);
    if (status == EC_OK) pair->claim = claim;
    return status;
}

/* ---- comparing ---------------------------------------------------------------------------- */

/* NULL: the image has no point in this slot. */
static const double *point_of(const ec_draft_image *image, int slot) {
    for (size_t i = 0; i < image->n_points; i++)
        if (image->ids[i] == slot) return image->points[i];
    return NULL;
}

/* Counts a point that the two files place differently, and keeps the first in words. */
static ec_status note_moved(ec_keypoint_set *set, ec_keypoint_draft *draft, const char *words,
                            ec_error *err) {
    if (set->n_moved++ == 0) set->moved = ec_keypoint_draft_text(draft, words);
    return set->moved != NULL ? EC_OK : ec_fail(err, EC_ERR_NOMEM, "out of memory");
}

static ec_status check_point(ec_keypoint_draft *draft, const ec_draft_image *image, int slot,
                             const double said[2], const char *key, const char *file,
                             ec_error *err) {
    const double *point = point_of(image, slot);
    if (point == NULL)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: 'kps_ids' has slot %d, but ImageAnnotation of image '%.120s' has null "
                       "there; one of the files is not of this SPair-71k",
                       file, slot, image->name);
    if (fabs(point[0] - said[0]) <= same_point && fabs(point[1] - said[1]) <= same_point)
        return EC_OK;
    char words[EC_ERROR_MESSAGE_SIZE];
    snprintf(words, sizeof words,
             "%.500s: key '%s': slot %d at [%g, %g], but ImageAnnotation of image '%.120s' has it "
             "at [%g, %g]",
             file, key, slot, said[0], said[1], image->name, point[0], point[1]);
    return note_moved(draft->set, draft, words, err);
}

ec_status ec_spair_check_claims(ec_keypoint_draft *draft, const ec_draft_pair *pair,
                                ec_error *err) {
    const ec_draft_claim *claim = pair->claim;
    const char *file = pair->file;
    const ec_draft_image *source = &draft->images[pair->source],
                         *target = &draft->images[pair->target];
    bool is_said[EC_SPAIR_SLOTS] = {false};
    ec_status status = EC_OK;
    if (claim == NULL) return EC_OK;
    for (size_t i = 0; i < claim->n && status == EC_OK; i++) {
        is_said[claim->slots[i]] = true;
        status =
            check_point(draft, source, claim->slots[i], claim->source[i], "src_kps", file, err);
        if (status == EC_OK)
            status =
                check_point(draft, target, claim->slots[i], claim->target[i], "trg_kps", file, err);
    }
    for (int slot = 0; slot < EC_SPAIR_SLOTS && status == EC_OK; slot++)
        if (!is_said[slot] && point_of(source, slot) != NULL && point_of(target, slot) != NULL)
            status =
                ec_fail(err, EC_ERR_FORMAT,
                        "%s: 'kps_ids' lacks slot %d, which ImageAnnotation has of both images, "
                        "'%.120s' and '%.120s'; one of the files is not of this SPair-71k",
                        file, slot, source->name, target->name);
    return status;
}
