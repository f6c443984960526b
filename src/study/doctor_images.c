/* doctor_images.c - see doctor_images.h */
#include "study/doctor_images.h"

#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "eyechart/image.h"

enum {
    BLOCK = 32, /* images between two words to the watcher */
    SHOWN = 5   /* findings of their own */
};

void ec_image_check_add(ec_image_check *check, const char *path) {
    if (check->n == check->capacity) {
        const size_t capacity = check->capacity > 0 ? 2 * check->capacity : 256;
        char **grown = realloc(check->paths, capacity * sizeof *grown);
        check->failed = check->failed || grown == NULL;
        if (grown == NULL) return;
        check->paths = grown;
        check->capacity = capacity;
    }
    char *copy = strdup(path);
    check->failed = check->failed || copy == NULL;
    if (copy != NULL) check->paths[check->n++] = copy;
}

void ec_image_check_release(ec_image_check *check) {
    for (size_t i = 0; i < check->n; i++) free(check->paths[i]);
    free(check->paths);
    *check = (ec_image_check){0};
}

static int by_text(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Benchmarks may share their images. */
static void keep_one_of_each(ec_image_check *check) {
    size_t n = 0;
    if (check->n > 0) qsort(check->paths, check->n, sizeof *check->paths, by_text);
    for (size_t i = 0; i < check->n; i++) {
        if (n > 0 && strcmp(check->paths[n - 1], check->paths[i]) == 0)
            free(check->paths[i]);
        else
            check->paths[n++] = check->paths[i];
    }
    check->n = n;
}

typedef struct {
    char *const *paths;
    ec_status status[BLOCK];
    ec_error error[BLOCK];
} block;

static void decode(void *context, size_t i) {
    block *b = context;
    ec_image image;
    b->status[i] = ec_image_load(&image, b->paths[i], &b->error[i]);
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
        b->paths = check->paths + from;
        ec_parallel_for(n, 0, decode, b);
        for (size_t i = 0; i < n; i++)
            if (b->status[i] != EC_OK && (*n_bad)++ < SHOWN)
                ec_findings_add(found, EC_FINDING_ERROR, "%s", b->error[i].message);
    }
    if (*n_bad > SHOWN)
        ec_findings_add(found, EC_FINDING_ERROR, "and %zu more images cannot be decoded",
                        *n_bad - SHOWN);
    free(b);
    return status;
}
