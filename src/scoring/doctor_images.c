/* doctor_images.c - see doctor_images.h */
#include "scoring/doctor_images.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "eyechart/image.h"
#include "eyechart/matching.h"

enum {
    BLOCK = 32, /* images between two words to the watcher */
    SHOWN = 5   /* findings of their own */
};

typedef struct ec_checked_image checked;

void ec_image_check_add(ec_image_check *check, const char *path, const ec_keypoint_image *said) {
    checked *grown = ec_grown(check->images, check->n, &check->capacity, sizeof *grown);
    check->failed = check->failed || grown == NULL;
    if (grown == NULL) return;
    check->images = grown;
    char *copy = strdup(path);
    check->failed = check->failed || copy == NULL;
    if (copy != NULL) check->images[check->n++] = (checked){copy, said};
}

void ec_image_check_release(ec_image_check *check) {
    for (size_t i = 0; i < check->n; i++) free(check->images[i].path);
    free(check->images);
    *check = (ec_image_check){0};
}

/* Those with an annotation before others of the same path. */
static int by_path(const void *left, const void *right) {
    const checked *x = left, *y = right;
    const int order = strcmp(x->path, y->path);
    return order != 0 ? order : (x->said == NULL) - (y->said == NULL);
}

/* Keeps one entry of each path: benchmarks may share their images. */
static void keep_one_of_each(ec_image_check *check) {
    size_t n = 0;
    if (check->n > 0) qsort(check->images, check->n, sizeof *check->images, by_path);
    for (size_t i = 0; i < check->n; i++) {
        if (n > 0 && strcmp(check->images[n - 1].path, check->images[i].path) == 0)
            free(check->images[i].path);
        else
            check->images[n++] = check->images[i];
    }
    check->n = n;
}

typedef struct {
    const checked *images;
    ec_status status[BLOCK];
    ec_error error[BLOCK];
    bool is_turned[BLOCK];
} block;

static void decode(void *context, size_t i) {
    block *b = context;
    const checked *from = &b->images[i];
    ec_image image;
    b->status[i] = from->said != NULL ? ec_matching_image_load(&image, from->said, &b->error[i])
                                      : ec_image_load(&image, from->path, &b->error[i]);
    b->is_turned[i] = from->said == NULL && image.orientation > 1;
    ec_image_release(&image);
}

ec_status ec_image_check_run(size_t *n_bad, ec_findings *found, ec_image_check *check,
                             ec_doctor_watcher watcher, void *context, ec_error *err) {
    *n_bad = 0;
    keep_one_of_each(check);
    block *b = malloc(sizeof *b);
    ec_status status = b != NULL && !check->failed
                           ? EC_OK
                           : ec_fail(err, EC_ERR_NOMEM, "out of memory for checking images");
    for (size_t from = 0; status == EC_OK && from < check->n; from += BLOCK) {
        const size_t n = check->n - from < BLOCK ? check->n - from : BLOCK;
        if (watcher != NULL && !watcher(context, from, check->n)) {
            status = ec_fail(err, EC_ERR_INTERRUPTED, "interrupted");
            break;
        }
        b->images = check->images + from;
        ec_parallel_for(n, 0, decode, b);
        for (size_t i = 0; i < n; i++)
            if (b->status[i] != EC_OK && (*n_bad)++ < SHOWN)
                ec_findings_add(found, EC_FINDING_ERROR, "%s", b->error[i].message);
        for (size_t i = 0; i < n; i++)
            if (b->is_turned[i] && check->n_turned++ == 0) check->turned = b->images[i].path;
    }
    if (*n_bad > SHOWN)
        ec_findings_add(found, EC_FINDING_ERROR, "and %zu more images cannot be decoded",
                        *n_bad - SHOWN);
    free(b);
    return status;
}
