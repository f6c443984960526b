/* keypoints_json.c - our own form of a keypoint set, docs/formats.md
 *
 *     {"images": [{"id", "file", "width", "height", "points": {slot: [x, y]}, "box"}],
 *      "pairs": [{"id", "source", "target", "category", "split", "points", "target_box"}]}
 *
 * A pair's points are its own, [[x_source, y_source, x_target, y_target], ..], or those that both
 * of its images have; its box is its own or the target image's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "eyechart/spelling.h"
#include "sets/keypoints.h"

enum { MAX_SLOT = 65535 };

/* What is being read, for messages. */
typedef struct {
    ec_keypoint_draft *draft;
    const char *file, *split;
    ec_error *err;
} reader;

static const char *key_at(const void *keys, size_t i) {
    return ((const char *const *)keys)[i];
}

/* `keys` ends with NULL. */
static ec_status check_keys(const json_t *object, const char *const *keys, const ec_json_place *p) {
    if (!json_is_object(object)) return ec_json_unexpected(p, NULL, object, "an object");
    size_t n = 0;
    while (keys[n] != NULL) n++;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        size_t i = 0;
        while (i < n && strcmp(keys[i], key) != 0) i++;
        if (i < n) continue;
        const size_t nearest = ec_spelling_nearest(key, key_at, keys, n);
        char expected[80] = "no such key";
        if (nearest != EC_SPELLING_NONE)
            snprintf(expected, sizeof expected, "no such key (did you mean '%s'?)", keys[nearest]);
        return ec_json_unexpected(p, key, value, expected);
    }
    return EC_OK;
}

/* ---- images ------------------------------------------------------------------------------- */

/* Beside the JSON file, unless absolute. */
static char *path_of(const reader *r, const char *file) {
    const char *slash = strrchr(r->file, '/');
    if (file[0] == '/' || slash == NULL) return ec_keypoint_draft_text(r->draft, file);
    ec_text path = {0};
    ec_text_format(&path, "%.*s%s", (int)(slash + 1 - r->file), r->file, file);
    char *copy = path.failed ? NULL : ec_keypoint_draft_text(r->draft, path.data);
    ec_text_release(&path);
    return copy;
}

/* A slot's number as JSON writes it: no sign, no leading zero. */
static bool to_slot(int *out, const char *key) {
    const size_t length = strlen(key);
    if (length < 1 || length > 5 || strspn(key, "0123456789") != length) return false;
    *out = atoi(key);
    return *out <= MAX_SLOT && (key[0] != '0' || length == 1);
}

typedef struct {
    int id;
    double at[2];
} slot_point;

static int by_slot(const void *a, const void *b) {
    return ((const slot_point *)a)->id - ((const slot_point *)b)->id;
}

static ec_status read_slots(slot_point *out, const json_t *points, const ec_json_place *p) {
    const char *key;
    json_t *value;
    size_t n = 0;
    json_object_foreach((json_t *)points, key, value) {
        char full_key[40];
        snprintf(full_key, sizeof full_key, "points.%.20s", key);
        if (!to_slot(&out[n].id, key))
            return ec_json_unexpected(p, full_key, value,
                                      "whole numbers from 0 to 65535 as the keys of points");
        const ec_status status =
            ec_json_to_numbers(out[n++].at, 2, EC_KEYPOINTS_MAX_COORDINATE, value, full_key,
                               "[x, y], at most 1e6 in size", p);
        if (status != EC_OK) return status;
    }
    qsort(out, n, sizeof *out, by_slot);
    return EC_OK;
}

static ec_status read_image_points(ec_draft_image *image, const reader *r, const json_t *points,
                                   const ec_json_place *p) {
    const size_t n = json_object_size(points);
    if (!json_is_object(points) || n > EC_KEYPOINTS_MAX_POINTS)
        return ec_json_unexpected(p, "points", points, "an object of at most 255 points");
    slot_point slots[EC_KEYPOINTS_MAX_POINTS];
    const ec_status status = read_slots(slots, points, p);
    if (status != EC_OK) return status;
    image->ids = ec_keypoint_draft_take(r->draft, n, sizeof *image->ids);
    image->points = ec_keypoint_draft_take(r->draft, n, sizeof *image->points);
    if (image->ids == NULL || image->points == NULL) return ec_no_memory(r->file, r->err);
    for (size_t i = 0; i < n; i++) {
        image->ids[i] = slots[i].id;
        memcpy(image->points[i], slots[i].at, sizeof slots[i].at);
    }
    image->n_points = n;
    return EC_OK;
}

static ec_status read_image(reader *r, size_t index, const json_t *from) {
    static const char *const keys[] = {"id", "file", "width", "height", "points", "box", NULL};
    char item[160];
    snprintf(item, sizeof item, "image number %zu", index + 1);
    ec_json_place p = {r->file, item, r->err};
    const char *id, *file;
    size_t at, width, height;
    ec_status status = check_keys(from, keys, &p);
    if (status == EC_OK) status = ec_json_get_string(&id, from, "id", &p);
    if (status != EC_OK) return status;
    snprintf(item, sizeof item, "image '%.120s'", id);
    if (ec_keypoint_draft_find(r->draft, id) < r->draft->n_images)
        return ec_json_unexpected(&p, "id", json_object_get(from, "id"), "another id: it is taken");
    status = ec_json_get_string(&file, from, "file", &p);
    if (status == EC_OK)
        status = ec_json_get_count(&width, from, "width", 1, EC_KEYPOINTS_MAX_SIDE, &p);
    if (status == EC_OK)
        status = ec_json_get_count(&height, from, "height", 1, EC_KEYPOINTS_MAX_SIDE, &p);
    if (status == EC_OK) status = ec_keypoint_draft_image(&at, r->draft, id, r->err);
    if (status != EC_OK) return status;

    ec_draft_image *image = &r->draft->images[at];
    image->path = path_of(r, file);
    if (image->path == NULL) return ec_no_memory(r->file, r->err);
    image->width = width;
    image->height = height;
    const json_t *points = json_object_get(from, "points"), *box = json_object_get(from, "box");
    if (points != NULL && !json_is_null(points)) status = read_image_points(image, r, points, &p);
    if (status == EC_OK && box != NULL && !json_is_null(box)) {
        status = ec_keypoint_read_box(image->box, box, "box", &p);
        image->has_box = status == EC_OK;
    }
    return status;
}

/* ---- pairs -------------------------------------------------------------------------------- */

static ec_status find_image(size_t *out, const reader *r, const json_t *from, const char *key,
                            const ec_json_place *p) {
    const char *id;
    const ec_status status = ec_json_get_string(&id, from, key, p);
    if (status != EC_OK) return status;
    *out = ec_keypoint_draft_find(r->draft, id);
    if (*out < r->draft->n_images) return EC_OK;
    return ec_json_unexpected(p, key, json_object_get(from, key), "the id of one of the images");
}

static ec_status read_pair_points(ec_draft_pair *pair, const reader *r, const json_t *points,
                                  const ec_json_place *p) {
    static const char expected[] = "[x_source, y_source, x_target, y_target], at most 1e6 in size";
    const size_t n = json_array_size(points);
    if (!json_is_array(points) || n > EC_KEYPOINTS_MAX_POINTS)
        return ec_json_unexpected(p, "points", points, "an array of at most 255 points");
    pair->has_points = true;
    pair->n_points = n;
    pair->source_points = ec_keypoint_draft_take(r->draft, n, sizeof *pair->source_points);
    pair->target_points = ec_keypoint_draft_take(r->draft, n, sizeof *pair->target_points);
    if (pair->source_points == NULL || pair->target_points == NULL)
        return ec_no_memory(r->file, r->err);
    for (size_t i = 0; i < n; i++) {
        double at[4];
        char key[40];
        snprintf(key, sizeof key, "points[%zu]", i);
        const ec_status status = ec_json_to_numbers(at, 4, EC_KEYPOINTS_MAX_COORDINATE,
                                                    json_array_get(points, i), key, expected, p);
        if (status != EC_OK) return status;
        memcpy(pair->source_points[i], at, 2 * sizeof *at);
        memcpy(pair->target_points[i], at + 2, 2 * sizeof *at);
    }
    return EC_OK;
}

/* Reads the points of a pair; without any, those of its images, which must have some. */
static ec_status read_match(ec_draft_pair *pair, const reader *r, const json_t *from,
                            const ec_json_place *p) {
    const json_t *points = json_object_get(from, "points");
    if (points != NULL && !json_is_null(points)) return read_pair_points(pair, r, points, p);
    const ec_draft_image *images = r->draft->images;
    if (images[pair->source].ids != NULL && images[pair->target].ids != NULL) return EC_OK;
    return ec_json_unexpected(p, "points", NULL, "points, of the pair or of both of its images");
}

static ec_status read_target_box(ec_draft_pair *pair, const reader *r, const json_t *from,
                                 const ec_json_place *p) {
    const json_t *box = json_object_get(from, "target_box");
    const ec_draft_image *target = &r->draft->images[pair->target];
    if ((box == NULL || json_is_null(box)) && target->has_box) {
        memcpy(pair->target_box, target->box, sizeof target->box);
        return EC_OK;
    }
    return ec_keypoint_read_box(pair->target_box, box, "target_box", p);
}

static ec_status read_pair(reader *r, size_t index, const json_t *from) {
    static const char *const keys[] = {"id",    "source", "target",     "category",
                                       "split", "points", "target_box", NULL};
    char item[160], number[24];
    snprintf(item, sizeof item, "pair number %zu", index + 1);
    snprintf(number, sizeof number, "%06zu", index + 1);
    const ec_json_place p = {r->file, item, r->err};
    const char *id = NULL, *category, *split;
    ec_draft_pair pair = {0};
    ec_status status = check_keys(from, keys, &p);
    if (status == EC_OK) status = ec_json_find_string(&id, from, "id", &p);
    if (id != NULL) snprintf(item, sizeof item, "pair '%.120s'", id);
    if (status == EC_OK) status = find_image(&pair.source, r, from, "source", &p);
    if (status == EC_OK) status = find_image(&pair.target, r, from, "target", &p);
    if (status == EC_OK) status = ec_json_find_string(&category, from, "category", &p);
    if (status == EC_OK) status = ec_json_find_string(&split, from, "split", &p);
    if (status == EC_OK) status = read_match(&pair, r, from, &p);
    if (status == EC_OK) status = read_target_box(&pair, r, from, &p);
    if (status != EC_OK) return status;

    if (r->split != NULL && (split == NULL || strcmp(split, r->split) != 0)) return EC_OK;
    pair.id = ec_keypoint_draft_text(r->draft, id != NULL ? id : number);
    pair.category = ec_keypoint_draft_text(r->draft, category != NULL ? category : "all");
    return ec_keypoint_draft_pair(r->draft, &pair, r->err);
}

/* ---- the whole ---------------------------------------------------------------------------- */

static ec_status read_root(reader *r, const json_t *root) {
    static const char *const keys[] = {"images", "pairs", NULL};
    const ec_json_place p = {r->file, NULL, r->err};
    const json_t *images, *pairs;
    ec_status status = check_keys(root, keys, &p);
    if (status == EC_OK) status = ec_json_get_array(&images, root, "images", &p);
    if (status == EC_OK) status = ec_json_get_array(&pairs, root, "pairs", &p);
    if (status != EC_OK) return status;
    if (json_array_size(pairs) > EC_KEYPOINTS_MAX_PAIRS)
        return ec_fail(r->err, EC_ERR_FORMAT, "%s: %zu pairs, more than the limit of %zu", r->file,
                       json_array_size(pairs), EC_KEYPOINTS_MAX_PAIRS);
    for (size_t i = 0; status == EC_OK && i < json_array_size(images); i++)
        status = read_image(r, i, json_array_get(images, i));
    for (size_t i = 0; status == EC_OK && i < json_array_size(pairs); i++)
        status = read_pair(r, i, json_array_get(pairs, i));
    if (status == EC_OK && r->split != NULL && r->draft->n_pairs == 0)
        return ec_fail(r->err, EC_ERR_NOT_FOUND,
                       "%s: none of its %zu pairs has the \"split\" '%.80s'", r->file,
                       json_array_size(pairs), r->split);
    return status;
}

ec_status ec_keypoints_parse(ec_keypoint_draft *draft, const char *bytes, size_t size_bytes,
                             const char *file, const char *split, ec_error *err) {
    reader r = {.draft = draft, .file = file, .split = split, .err = err};
    json_t *root;
    ec_status status = ec_json_parse(&root, bytes, size_bytes, file, err);
    if (status == EC_OK) status = read_root(&r, root);
    json_decref(root);
    return status;
}
