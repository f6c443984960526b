/* keypoints.c - a keypoint set out of what a reader found: see keypoints.h */
#include "sets/keypoints.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"

#define MAX_JSON_BYTES ((size_t)256 << 20)

/* The memory of a set: blocks in a list, the newest first, given back together. */
enum { BLOCK_BYTES = 1 << 20 };
typedef struct block {
    struct block *older;
    size_t used, size_bytes;
    max_align_t bytes[];
} block;

static ec_status no_memory(ec_error *err) {
    return ec_fail(err, EC_ERR_NOMEM, "out of memory for the keypoint set");
}

/* ---- the draft ---------------------------------------------------------------------------- */

ec_status ec_keypoint_draft_init(ec_keypoint_draft *draft, ec_keypoint_set *set, ec_error *err) {
    *draft = (ec_keypoint_draft){.set = set, .n_slots = 64};
    *set = (ec_keypoint_set){0};
    draft->slots = calloc(draft->n_slots, sizeof *draft->slots);
    return draft->slots != NULL ? EC_OK : no_memory(err);
}

void ec_keypoint_draft_release(ec_keypoint_draft *draft) {
    free(draft->images);
    free(draft->pairs);
    free(draft->slots);
}

void *ec_keypoint_draft_take(ec_keypoint_draft *draft, size_t n, size_t size_bytes) {
    if (n > SIZE_MAX / 4 / size_bytes) return NULL;
    const size_t unit = sizeof(max_align_t), wanted = (n * size_bytes + unit - 1) / unit * unit;
    block *newest = draft->set->memory;
    if (newest == NULL || newest->size_bytes - newest->used < wanted) {
        const size_t size = wanted > BLOCK_BYTES ? wanted : BLOCK_BYTES;
        block *added = malloc(sizeof *added + size);
        if (added == NULL) return NULL;
        *added = (block){.older = newest, .size_bytes = size};
        draft->set->memory = newest = added;
    }
    newest->used += wanted;
    return (char *)newest->bytes + newest->used - wanted;
}

char *ec_keypoint_draft_text(ec_keypoint_draft *draft, const char *text) {
    const size_t size_bytes = strlen(text) + 1;
    char *copy = ec_keypoint_draft_take(draft, size_bytes, 1);
    return copy != NULL ? memcpy(copy, text, size_bytes) : NULL;
}

/* Room for one more element. */
static bool grow(void **array, size_t n, size_t *capacity, size_t size_bytes) {
    void *grown = ec_grown(*array, n, capacity, size_bytes);
    if (grown != NULL) *array = grown;
    return grown != NULL;
}

/* The slot of this name, or the free one where it would go. */
static size_t *find_slot(const ec_keypoint_draft *draft, const char *name) {
    size_t at = XXH3_64bits(name, strlen(name)) % draft->n_slots;
    while (draft->slots[at] != 0 && strcmp(draft->images[draft->slots[at] - 1].name, name) != 0)
        at = (at + 1) % draft->n_slots;
    return &draft->slots[at];
}

static bool widen(ec_keypoint_draft *draft) {
    free(draft->slots);
    draft->n_slots *= 2;
    draft->slots = calloc(draft->n_slots, sizeof *draft->slots);
    if (draft->slots == NULL) return false;
    for (size_t i = 0; i < draft->n_images; i++) *find_slot(draft, draft->images[i].name) = i + 1;
    return true;
}

size_t ec_keypoint_draft_find(const ec_keypoint_draft *draft, const char *name) {
    const size_t slot = *find_slot(draft, name);
    return slot > 0 ? slot - 1 : draft->n_images;
}

ec_status ec_keypoint_draft_image(size_t *image, ec_keypoint_draft *draft, const char *name,
                                  ec_error *err) {
    *image = ec_keypoint_draft_find(draft, name);
    if (*image < draft->n_images) return EC_OK;
    char *copy = ec_keypoint_draft_text(draft, name);
    if (copy == NULL || !grow((void **)&draft->images, draft->n_images, &draft->image_capacity,
                              sizeof *draft->images))
        return no_memory(err);
    draft->images[draft->n_images++] = (ec_draft_image){.name = copy};
    *find_slot(draft, name) = draft->n_images;
    return 2 * draft->n_images < draft->n_slots || widen(draft) ? EC_OK : no_memory(err);
}

ec_status ec_keypoint_draft_pair(ec_keypoint_draft *draft, const ec_draft_pair *pair,
                                 ec_error *err) {
    if (pair->id == NULL || pair->category == NULL ||
        !grow((void **)&draft->pairs, draft->n_pairs, &draft->pair_capacity, sizeof *draft->pairs))
        return no_memory(err);
    draft->pairs[draft->n_pairs++] = *pair;
    return EC_OK;
}

ec_status ec_keypoint_read_box(double out[4], const json_t *value, const char *key,
                               const ec_json_place *p) {
    static const char expected[] = "[x1, y1, x2, y2] with x2 > x1 or y2 > y1";
    const ec_status status =
        ec_json_to_numbers(out, 4, EC_KEYPOINTS_MAX_COORDINATE, value, key, expected, p);
    if (status != EC_OK || out[2] > out[0] || out[3] > out[1]) return status;
    return ec_json_unexpected(p, key, value, expected);
}

/* ---- the set ------------------------------------------------------------------------------ */

static int by_pair_id(const void *a, const void *b) {
    return strcmp(((const ec_draft_pair *)a)->id, ((const ec_draft_pair *)b)->id);
}

static int by_image_name(const void *a, const void *b) {
    return strcmp((*(const ec_draft_image *const *)a)->name,
                  (*(const ec_draft_image *const *)b)->name);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The images that a pair uses, by name; rank [draft->n_images] receives their places. */
static bool finish_images(ec_keypoint_draft *draft, size_t *rank) {
    ec_keypoint_set *set = draft->set;
    const ec_draft_image **order = malloc((draft->n_images + 1) * sizeof *order);
    if (order == NULL) return false;
    memset(rank, 0, draft->n_images * sizeof *rank);
    for (size_t i = 0; i < draft->n_pairs; i++)
        rank[draft->pairs[i].source] = rank[draft->pairs[i].target] = 1;
    for (size_t i = 0; i < draft->n_images; i++)
        if (rank[i] > 0) order[set->n_images++] = &draft->images[i];
    qsort(order, set->n_images, sizeof *order, by_image_name);

    set->images = ec_keypoint_draft_take(draft, set->n_images, sizeof *set->images);
    for (size_t i = 0; set->images != NULL && i < set->n_images; i++) {
        set->images[i] =
            (ec_keypoint_image){order[i]->name, order[i]->path, order[i]->width, order[i]->height};
        rank[order[i] - draft->images] = i;
    }
    free(order);
    return set->images != NULL;
}

/* Points that both images have, slot by slot. */
static bool match_points(ec_keypoint_pair *to, ec_keypoint_draft *draft, const ec_draft_image *a,
                         const ec_draft_image *b) {
    const size_t most = a->n_points < b->n_points ? a->n_points : b->n_points;
    to->ids = ec_keypoint_draft_take(draft, most, sizeof *to->ids);
    to->source_points = ec_keypoint_draft_take(draft, most, sizeof *to->source_points);
    to->target_points = ec_keypoint_draft_take(draft, most, sizeof *to->target_points);
    if (to->ids == NULL || to->source_points == NULL || to->target_points == NULL) return false;
    for (size_t i = 0, j = 0; i < a->n_points && j < b->n_points;) {
        if (a->ids[i] == b->ids[j]) {
            to->ids[to->n_points] = a->ids[i];
            memcpy(to->source_points[to->n_points], a->points[i], sizeof a->points[i]);
            memcpy(to->target_points[to->n_points++], b->points[j], sizeof b->points[j]);
            i++, j++;
        } else if (a->ids[i] < b->ids[j]) {
            i++;
        } else {
            j++;
        }
    }
    return true;
}

static bool own_points(ec_keypoint_pair *to, ec_keypoint_draft *draft, const ec_draft_pair *from) {
    to->n_points = from->n_points;
    to->source_points = from->source_points;
    to->target_points = from->target_points;
    to->ids = ec_keypoint_draft_take(draft, from->n_points, sizeof *to->ids);
    for (size_t i = 0; to->ids != NULL && i < from->n_points; i++) to->ids[i] = (int)i;
    return to->ids != NULL;
}

static bool finish_pairs(ec_keypoint_draft *draft, const size_t *rank) {
    ec_keypoint_set *set = draft->set;
    set->n_pairs = draft->n_pairs;
    set->pairs = ec_keypoint_draft_take(draft, set->n_pairs, sizeof *set->pairs);
    if (set->pairs == NULL) return false;
    for (size_t i = 0; i < set->n_pairs; i++) {
        const ec_draft_pair *from = &draft->pairs[i];
        ec_keypoint_pair *to = &set->pairs[i];
        *to = (ec_keypoint_pair){
            .id = from->id, .source = rank[from->source], .target = rank[from->target]};
        memcpy(to->target_box, from->target_box, sizeof to->target_box);
        if (!(from->has_points ? own_points(to, draft, from)
                               : match_points(to, draft, &draft->images[from->source],
                                              &draft->images[from->target])))
            return false;
        set->n_empty_pairs += to->n_points == 0;
    }
    return true;
}

/* Distinct names of categories in order, and each pair's place among them. */
static bool name_categories(ec_keypoint_draft *draft) {
    ec_keypoint_set *set = draft->set;
    char **names = malloc(set->n_pairs * sizeof *names);
    if (names == NULL) return false;
    for (size_t i = 0; i < set->n_pairs; i++) names[i] = draft->pairs[i].category;
    qsort(names, set->n_pairs, sizeof *names, by_text);
    size_t n = 0;
    for (size_t i = 0; i < set->n_pairs; i++)
        if (n == 0 || strcmp(names[n - 1], names[i]) != 0) names[n++] = names[i];

    set->n_categories = n;
    set->categories = ec_keypoint_draft_take(draft, n, sizeof *set->categories);
    for (size_t k = 0; set->categories != NULL && k < n; k++)
        set->categories[k] = (ec_keypoint_category){.name = names[k]};
    for (size_t i = 0; set->categories != NULL && i < set->n_pairs; i++)
        set->pairs[i].category =
            (size_t)((char **)bsearch(&draft->pairs[i].category, names, n, sizeof *names, by_text) -
                     names);
    free(names);
    return set->categories != NULL;
}

/* The images of category k; `used` [set->n_images] is scratch. */
static bool list_images(ec_keypoint_draft *draft, size_t k, bool *used) {
    ec_keypoint_set *set = draft->set;
    ec_keypoint_category *category = &set->categories[k];
    memset(used, 0, set->n_images * sizeof *used);
    for (size_t i = 0; i < category->n_pairs; i++) {
        const ec_keypoint_pair *pair = &set->pairs[category->pairs[i]];
        category->n_images += !used[pair->source];
        used[pair->source] = true;
        category->n_images += !used[pair->target];
        used[pair->target] = true;
    }
    category->images = ec_keypoint_draft_take(draft, category->n_images, sizeof(size_t));
    if (category->images == NULL) return false;
    size_t n = 0;
    for (size_t i = 0; i < set->n_images; i++)
        if (used[i]) category->images[n++] = i;
    return true;
}

static bool finish_categories(ec_keypoint_draft *draft) {
    if (!name_categories(draft)) return false;
    ec_keypoint_set *set = draft->set;
    for (size_t i = 0; i < set->n_pairs; i++) {
        set->categories[set->pairs[i].category].n_pairs++;
        set->categories[set->pairs[i].category].n_points += set->pairs[i].n_points;
    }
    for (size_t k = 0; k < set->n_categories; k++) {
        ec_keypoint_category *category = &set->categories[k];
        category->pairs = ec_keypoint_draft_take(draft, category->n_pairs, sizeof(size_t));
        if (category->pairs == NULL) return false;
        category->n_pairs = 0;
    }
    for (size_t i = 0; i < set->n_pairs; i++) {
        ec_keypoint_category *category = &set->categories[set->pairs[i].category];
        category->pairs[category->n_pairs++] = i;
    }
    bool *used = malloc(set->n_images * sizeof *used);
    bool good = used != NULL;
    for (size_t k = 0; good && k < set->n_categories; k++) good = list_images(draft, k, used);
    free(used);
    return good;
}

ec_status ec_keypoint_draft_finish(ec_keypoint_draft *draft, const char *path, ec_error *err) {
    if (draft->n_pairs == 0)
        return ec_fail(err, EC_ERR_FORMAT, "%s: expected pairs of images, found none", path);
    qsort(draft->pairs, draft->n_pairs, sizeof *draft->pairs, by_pair_id);
    for (size_t i = 1; i < draft->n_pairs; i++)
        if (strcmp(draft->pairs[i - 1].id, draft->pairs[i].id) == 0)
            return ec_fail(err, EC_ERR_FORMAT, "%s: expected every pair once, found '%.120s' twice",
                           path, draft->pairs[i].id);
    size_t *rank = malloc(draft->n_images * sizeof *rank);
    const bool good = rank != NULL && finish_images(draft, rank) && finish_pairs(draft, rank) &&
                      finish_categories(draft);
    free(rank);
    return good ? EC_OK : no_memory(err);
}

/* ---- public ------------------------------------------------------------------------------- */

static ec_status load(ec_keypoint_draft *draft, const char *path, const char *split,
                      ec_error *err) {
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return ec_spair_load(draft, path, split, err);
    ec_text text;
    ec_status status = ec_file_read(&text, path, MAX_JSON_BYTES, err);
    if (status != EC_OK) return status;
    status = ec_keypoints_parse(draft, text.data, text.size_bytes, path, split, err);
    ec_text_release(&text);
    return status;
}

ec_status ec_keypoint_set_load(ec_keypoint_set *out, const char *path, const char *split,
                               ec_error *err) {
    ec_keypoint_draft draft;
    ec_status status = ec_keypoint_draft_init(&draft, out, err);
    if (status == EC_OK) status = load(&draft, path, split, err);
    if (status == EC_OK) status = ec_keypoint_draft_finish(&draft, path, err);
    ec_keypoint_draft_release(&draft);
    if (status != EC_OK) ec_keypoint_set_release(out);
    return status;
}

void ec_keypoint_set_release(ec_keypoint_set *set) {
    for (block *b = set->memory, *older; b != NULL; b = older) {
        older = b->older;
        free(b);
    }
    *set = (ec_keypoint_set){0};
}

size_t ec_keypoint_category_find(const ec_keypoint_set *set, const char *name) {
    size_t k = 0;
    while (k < set->n_categories && strcmp(set->categories[k].name, name) != 0) k++;
    return k;
}

/* Text is kept apart from what follows by its terminator. */
static void add_text(ec_text *out, const char *text) {
    ec_text_add_bytes(out, text, strlen(text) + 1);
}

ec_status ec_keypoint_category_hash(char out[33], const ec_keypoint_set *set, size_t category,
                                    ec_error *err) {
    const ec_keypoint_category *c = &set->categories[category];
    ec_text bytes = {0};
    add_text(&bytes, "keypoints 1");
    add_text(&bytes, c->name);
    for (size_t i = 0; i < c->n_images; i++) {
        const ec_keypoint_image *image = &set->images[c->images[i]];
        add_text(&bytes, image->name);
        ec_text_format(&bytes, "%zu %zu\n", image->width, image->height);
    }
    for (size_t i = 0; i < c->n_pairs; i++) {
        const ec_keypoint_pair *pair = &set->pairs[c->pairs[i]];
        add_text(&bytes, pair->id);
        add_text(&bytes, set->images[pair->source].name);
        add_text(&bytes, set->images[pair->target].name);
        for (size_t k = 0; k < 4; k++) ec_text_format(&bytes, "%a ", pair->target_box[k]);
        for (size_t k = 0; k < pair->n_points; k++)
            ec_text_format(&bytes, "\n%d %a %a %a %a", pair->ids[k], pair->source_points[k][0],
                           pair->source_points[k][1], pair->target_points[k][0],
                           pair->target_points[k][1]);
    }
    const bool failed = bytes.failed;
    if (!failed) ec_hash_bytes(out, bytes.data, bytes.size_bytes);
    ec_text_release(&bytes);
    return failed ? ec_fail(err, EC_ERR_NOMEM, "out of memory for the hash of '%.80s'", c->name)
                  : EC_OK;
}
