/* keypoints_spair.c - SPair-71k as distributed
 *
 *     Layout/large/<split>.txt              names of pairs, one a line; optional
 *     PairAnnotation/<split>/<pair>.json    src_imname, trg_imname, category, src_imsize,
 *                                           trg_imsize [w, h, ..], trg_bndbox [x1, y1, x2, y2],
 *                                           kps_ids, src_kps, trg_kps (keypoints_spair_check.c)
 *     ImageAnnotation/<category>/<image less its ending>.json
 *                                           kps {"0": [x, y] or null, .., "29": ..}
 *     JPEGImages/<category>/<image>
 *
 * A pair is called 000042-<source>-<target>:<category>. Windows has no ':' in names, so unpacking,
 * copying and syncing put something else there: '_', '-', "%3A", U+F03A, U+FF1A. The pair has its
 * published name whatever its file is called, so that the same data has the same hash.
 *
 * Names out of these files become parts of paths, so a name that could lead elsewhere is refused.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/memory.h"
#include "sets/keypoints.h"

#define MAX_FILE_BYTES ((size_t)1 << 20)
#define MAX_LAYOUT_BYTES ((size_t)64 << 20)

/* A name that stays in its folder. */
static bool is_plain(const char *name) {
    return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL;
}

/* ---- a pair ------------------------------------------------------------------------------- */

static ec_status get_name(const char **out, const json_t *root, const char *key,
                          const ec_json_place *p) {
    const ec_status status = ec_json_get_string(out, root, key, p);
    if (status != EC_OK || is_plain(*out)) return status;
    return ec_json_unexpected(p, key, json_object_get(root, key),
                              "a name without '/' that does not begin with '.'");
}

static ec_status get_size(size_t *width, size_t *height, const json_t *root, const char *key,
                          const ec_json_place *p) {
    const json_t *value = json_object_get(root, key);
    size_t side[2] = {0};
    for (size_t i = 0; i < 2 && json_is_array(value); i++) {
        const json_t *number = json_array_get(value, i);
        const json_int_t n = json_is_integer(number) ? json_integer_value(number) : 0;
        if (n >= 1 && n <= EC_KEYPOINTS_MAX_SIDE) side[i] = (size_t)n;
    }
    *width = side[0];
    *height = side[1];
    if (side[0] > 0 && side[1] > 0) return EC_OK;
    return ec_json_unexpected(p, key, value, "[width, height, ..], each from 1 to 65535");
}

/* The image that `key` names, added to the draft or the same as before. */
static ec_status get_image(size_t *out, ec_keypoint_draft *draft, const json_t *root,
                           const char *category, const char *key, const char *size_key,
                           const ec_json_place *p) {
    const char *file;
    size_t width, height;
    ec_status status = get_name(&file, root, key, p);
    if (status == EC_OK) status = get_size(&width, &height, root, size_key, p);
    if (status != EC_OK) return status;

    const char *ending = strrchr(file, '.');
    const int stem = (int)(ending != NULL ? (size_t)(ending - file) : strlen(file));
    ec_text name = {0}, path = {0};
    ec_text_format(&name, "%s/%.*s", category, stem, file);
    ec_text_format(&path, "%s/%s", category, file);
    status = name.failed || path.failed ? ec_no_memory(p->file, p->err)
                                        : ec_keypoint_draft_image(out, draft, name.data, p->err);
    ec_draft_image *image = status == EC_OK ? &draft->images[*out] : NULL;
    if (image != NULL && image->said_by == NULL) {
        image->path = ec_keypoint_draft_text(draft, path.data);
        image->said_by = ec_keypoint_draft_text(draft, p->file);
        image->width = width;
        image->height = height;
        if (image->path == NULL || image->said_by == NULL) status = ec_no_memory(p->file, p->err);
    } else if (image != NULL && (image->width != width || image->height != height)) {
        char expected[400];
        snprintf(expected, sizeof expected, "[%zu, %zu, ..] as in %.300s", image->width,
                 image->height, image->said_by);
        status = ec_json_unexpected(p, size_key, json_object_get(root, size_key), expected);
    } else if (image != NULL && strcmp(image->path, path.data) != 0) {
        char expected[400];
        snprintf(expected, sizeof expected, "%.80s as in %.300s", strchr(image->path, '/') + 1,
                 image->said_by);
        status = ec_json_unexpected(p, key, json_object_get(root, key), expected);
    }
    ec_text_release(&name);
    ec_text_release(&path);
    return status;
}

enum { MAX_SIGN_BYTES = 12 }; /* in the place of the ':' */

/* Whether a file may have `sign` there, of n bytes. A letter or digit belongs to the name. */
static bool is_sign(const char *sign, size_t n) {
    return n <= MAX_SIGN_BYTES && (n == 0 || !isalnum((unsigned char)sign[0]));
}

/* Bytes of `id` before what stands for the ':' between the target and the category; 0: it is no
 * such name. `target` is the name of its file. */
static size_t find_sign(const char *id, const char *target, const char *category) {
    const size_t n = strlen(id), tail = strlen(category);
    const char *ending = strrchr(target, '.');
    const size_t stem = ending != NULL ? (size_t)(ending - target) : strlen(target);
    if (n < tail || strcmp(id + n - tail, category) != 0) return 0;
    for (size_t sign = 0; sign <= MAX_SIGN_BYTES && n >= tail + sign + stem + 1; sign++) {
        const size_t end = n - tail - sign;
        if (id[end - stem - 1] == '-' && strncmp(id + end - stem, target, stem) == 0 &&
            is_sign(id + end, sign))
            return end;
    }
    return 0;
}

static char *published_name(ec_keypoint_draft *draft, const char *id, const json_t *root,
                            const char *category) {
    const char *target = json_string_value(json_object_get(root, "trg_imname"));
    const size_t before = target != NULL ? find_sign(id, target, category) : 0;
    if (before == 0) return ec_keypoint_draft_text(draft, id);
    ec_text name = {0};
    ec_text_format(&name, "%.*s:%s", (int)before, id, category);
    char *copy = name.failed ? NULL : ec_keypoint_draft_text(draft, name.data);
    ec_text_release(&name);
    return copy;
}

static ec_status read_pair(ec_keypoint_draft *draft, const char *id, const json_t *root,
                           const ec_json_place *p) {
    if (!json_is_object(root)) return ec_json_unexpected(p, NULL, root, "an object");
    ec_draft_pair pair = {.file = ec_keypoint_draft_text(draft, p->file)};
    const char *category;
    ec_status status = get_name(&category, root, "category", p);
    if (status == EC_OK) pair.category = ec_keypoint_draft_text(draft, category);
    if (status == EC_OK) pair.id = published_name(draft, id, root, category);
    if (status == EC_OK && pair.file == NULL) status = ec_no_memory(p->file, p->err);
    if (status == EC_OK)
        status = get_image(&pair.source, draft, root, category, "src_imname", "src_imsize", p);
    if (status == EC_OK)
        status = get_image(&pair.target, draft, root, category, "trg_imname", "trg_imsize", p);
    if (status == EC_OK)
        status = ec_keypoint_read_box(pair.target_box, json_object_get(root, "trg_bndbox"),
                                      "trg_bndbox", p);
    if (status == EC_OK) status = ec_spair_read_claims(&pair, draft, root, p);
    return status == EC_OK ? ec_keypoint_draft_pair(draft, &pair, p->err) : status;
}

ec_status ec_spair_parse_pair(ec_keypoint_draft *draft, const char *id, const char *bytes,
                              size_t size_bytes, const char *file, ec_error *err) {
    json_t *root;
    ec_status status = ec_json_parse(&root, bytes, size_bytes, file, err);
    if (status == EC_OK) status = read_pair(draft, id, root, &(ec_json_place){file, NULL, err});
    json_decref(root);
    return status;
}

/* ---- an image ----------------------------------------------------------------------------- */

static ec_status read_points(ec_draft_image *image, ec_keypoint_draft *draft, const json_t *root,
                             const ec_json_place *p) {
    const json_t *kps;
    if (!json_is_object(root)) return ec_json_unexpected(p, NULL, root, "an object");
    ec_status status = ec_json_get_object(&kps, root, "kps", p);
    if (status != EC_OK) return status;
    if (json_object_size(kps) != EC_SPAIR_SLOTS)
        return ec_json_unexpected(p, "kps", kps, "the 30 keys \"0\" to \"29\"");
    image->ids = ec_keypoint_draft_take(draft, EC_SPAIR_SLOTS, sizeof *image->ids);
    image->points = ec_keypoint_draft_take(draft, EC_SPAIR_SLOTS, sizeof *image->points);
    if (image->ids == NULL || image->points == NULL) return ec_no_memory(p->file, p->err);
    image->n_points = 0;
    for (int slot = 0; slot < EC_SPAIR_SLOTS && status == EC_OK; slot++) {
        char key[8], full_key[16];
        snprintf(key, sizeof key, "%d", slot);
        snprintf(full_key, sizeof full_key, "kps.%d", slot);
        const json_t *value = json_object_get(kps, key);
        if (json_is_null(value)) continue;
        status = ec_json_to_numbers(image->points[image->n_points], 2, EC_KEYPOINTS_MAX_COORDINATE,
                                    value, full_key, "[x, y] or null", p);
        image->ids[image->n_points++] = slot;
    }
    return status;
}

ec_status ec_spair_parse_image(ec_keypoint_draft *draft, size_t image, const char *bytes,
                               size_t size_bytes, const char *file, ec_error *err) {
    json_t *root;
    ec_status status = ec_json_parse(&root, bytes, size_bytes, file, err);
    if (status == EC_OK)
        status = read_points(&draft->images[image], draft, root, &(ec_json_place){file, NULL, err});
    json_decref(root);
    return status;
}

/* ---- the folder --------------------------------------------------------------------------- */

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static ec_status load_pair(ec_keypoint_draft *draft, const char *folder, const char *split,
                           const char *id, ec_error *err) {
    if (draft->n_pairs == EC_KEYPOINTS_MAX_PAIRS)
        return ec_fail(err, EC_ERR_FORMAT, "%s: more than the limit of %zu pairs", folder,
                       EC_KEYPOINTS_MAX_PAIRS);
    ec_text path = {0}, bytes = {0};
    ec_text_format(&path, "%s/PairAnnotation/%s/%s.json", folder, split, id);
    ec_status status = path.failed ? ec_no_memory(folder, err)
                                   : ec_file_read(&bytes, path.data, MAX_FILE_BYTES, err);
    if (status == EC_OK)
        status = ec_spair_parse_pair(draft, id, bytes.data, bytes.size_bytes, path.data, err);
    ec_text_release(&path);
    ec_text_release(&bytes);
    return status;
}

/* Also gives the image its path. */
static ec_status load_image(ec_keypoint_draft *draft, const char *folder, size_t i, ec_error *err) {
    ec_draft_image *image = &draft->images[i];
    ec_text path = {0}, bytes = {0};
    ec_text_format(&path, "%s/JPEGImages/%s", folder, image->path);
    image->path = path.failed ? NULL : ec_keypoint_draft_text(draft, path.data);
    path.size_bytes = 0;
    ec_text_format(&path, "%s/ImageAnnotation/%s.json", folder, image->name);
    ec_status status = path.failed || image->path == NULL
                           ? ec_no_memory(folder, err)
                           : ec_file_read(&bytes, path.data, MAX_FILE_BYTES, err);
    if (status == EC_OK)
        status = ec_spair_parse_image(draft, i, bytes.data, bytes.size_bytes, path.data, err);
    else if (status == EC_ERR_NOT_FOUND)
        ec_error_prefix(err, status, "%s names image '%.120s'", image->said_by, image->name);
    ec_text_release(&path);
    ec_text_release(&bytes);
    return status;
}

/* The files of a folder by name, read when one is not found under the name it should have. */
typedef struct {
    struct dirent **entries;
    int n;
} file_names;

static int any_name(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void free_names(file_names *l) {
    for (int i = 0; i < l->n; i++) free(l->entries[i]);
    free(l->entries);
}

/* First entry that is not before `name`. */
static int lower_bound(const file_names *l, const char *name) {
    int low = 0, high = l->n;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (strcmp(l->entries[middle]->d_name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The file, less ".json", of a pair that is called otherwise there; false: there is none. */
static bool find_renamed(char name[NAME_MAX + 1], file_names *l, const char *pairs,
                         const char *id) {
    const char *colon = strrchr(id, ':');
    if (colon == NULL || strlen(id) > NAME_MAX) return false;
    if (l->entries == NULL) l->n = scandir(pairs, &l->entries, any_name, by_bytes);
    const size_t stem = (size_t)(colon - id), tail = strlen(colon + 1);
    snprintf(name, NAME_MAX + 1, "%.*s", (int)stem, id);
    for (int i = lower_bound(l, name); i < l->n; i++) {
        const char *found = l->entries[i]->d_name;
        const size_t n = strlen(found);
        if (strncmp(found, id, stem) != 0) break;
        if (n < stem + tail + 5 || strcmp(found + n - 5, ".json") != 0 ||
            strncmp(found + n - 5 - tail, colon + 1, tail) != 0 ||
            !is_sign(found + stem, n - 5 - tail - stem))
            continue;
        snprintf(name, NAME_MAX + 1, "%.*s", (int)(n - 5), found);
        return true;
    }
    return false;
}

static ec_status load_pair_of_list(ec_keypoint_draft *draft, const char *folder, const char *split,
                                   const char *pairs, file_names *l, const char *id,
                                   ec_error *err) {
    const ec_status status = load_pair(draft, folder, split, id, err);
    char renamed[NAME_MAX + 1];
    /* Some file systems know no such name at all: EINVAL. */
    if ((status != EC_ERR_NOT_FOUND && status != EC_ERR_IO) || !find_renamed(renamed, l, pairs, id))
        return status;
    return load_pair(draft, folder, split, renamed, err);
}

/* Pairs that Layout/large/<split>.txt lists. */
static ec_status load_listed(ec_keypoint_draft *draft, const char *folder, const char *split,
                             const char *pairs, const char *list, char *text, ec_error *err) {
    file_names l = {0};
    ec_status status = EC_OK;
    size_t line = 0;
    for (char *at = text; status == EC_OK && at != NULL && *at != '\0';) {
        char *id = at, *end = strchr(at, '\n');
        at = end != NULL ? end + 1 : NULL;
        if (end == NULL) end = id + strlen(id);
        while (end > id && (end[-1] == '\r' || end[-1] == ' ')) end--;
        *end = '\0';
        line++;
        if (*id == '\0') continue;
        if (is_plain(id))
            status = load_pair_of_list(draft, folder, split, pairs, &l, id, err);
        else
            status =
                ec_fail(err, EC_ERR_FORMAT,
                        "%s: line %zu: expected the name of a pair, found '%.80s'", list, line, id);
        if (status == EC_ERR_NOT_FOUND)
            ec_error_prefix(err, status, "%s: line %zu names a pair", list, line);
    }
    free_names(&l);
    return status;
}

/* All .json files of PairAnnotation/<split>. */
static ec_status load_all(ec_keypoint_draft *draft, const char *folder, const char *split,
                          const char *pairs, ec_error *err) {
    DIR *listing = opendir(pairs);
    if (listing == NULL)
        return ec_fail(err, EC_ERR_IO, "%s: cannot list: %s", pairs, strerror(errno));
    ec_status status = EC_OK;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(listing);
        if (entry == NULL) {
            if (errno != 0)
                status = ec_fail(err, EC_ERR_IO, "%s: cannot list: %s", pairs, strerror(errno));
            break;
        }
        const size_t length = strlen(entry->d_name);
        if (entry->d_name[0] == '.' || length <= 5 ||
            strcmp(entry->d_name + length - 5, ".json") != 0)
            continue;
        entry->d_name[length - 5] = '\0';
        status = load_pair(draft, folder, split, entry->d_name, err);
        if (status != EC_OK) break;
    }
    closedir(listing);
    return status;
}

static ec_status load_split(ec_keypoint_draft *draft, const char *folder, const char *split,
                            const char *pairs, const char *list, ec_error *err) {
    if (!is_folder(pairs))
        return ec_fail(err, EC_ERR_NOT_FOUND,
                       "%s: there is no such folder; expected SPair-71k as distributed, with "
                       "PairAnnotation/%s, ImageAnnotation and JPEGImages",
                       pairs, split);
    ec_text text;
    ec_error unlisted;
    ec_status status = ec_file_read(&text, list, MAX_LAYOUT_BYTES, &unlisted);
    if (status == EC_ERR_NOT_FOUND) {
        status = load_all(draft, folder, split, pairs, err);
    } else if (status != EC_OK) {
        status = ec_fail(err, status, "%s", unlisted.message);
    } else {
        if (strlen(text.data) != text.size_bytes)
            status = ec_fail(err, EC_ERR_FORMAT, "%s: expected text, found a zero byte", list);
        else
            status = load_listed(draft, folder, split, pairs, list, text.data, err);
        ec_text_release(&text);
    }
    for (size_t i = 0; status == EC_OK && i < draft->n_images; i++)
        status = load_image(draft, folder, i, err);
    for (size_t i = 0; status == EC_OK && i < draft->n_pairs; i++)
        status = ec_spair_check_claims(draft, &draft->pairs[i], err);
    return status;
}

ec_status ec_spair_load(ec_keypoint_draft *draft, const char *folder, const char *split,
                        ec_error *err) {
    if (split == NULL) split = "test";
    if (!is_plain(split))
        return ec_fail(err, EC_ERR_ARG, "%s: expected the split test, val or trn, found '%.80s'",
                       folder, split);
    ec_text pairs = {0}, list = {0};
    ec_text_format(&pairs, "%s/PairAnnotation/%s", folder, split);
    ec_text_format(&list, "%s/Layout/large/%s.txt", folder, split);
    const ec_status status = pairs.failed || list.failed
                                 ? ec_no_memory(folder, err)
                                 : load_split(draft, folder, split, pairs.data, list.data, err);
    ec_text_release(&pairs);
    ec_text_release(&list);
    return status;
}
