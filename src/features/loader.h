/* loader.h - images decoded and prepared ahead of the encoder, on a thread of their own
 *
 * Batches come in order, each with its images in order. Two batches are in memory at a time: the
 * one being computed and the one being loaded.
 */
#ifndef EC_FEATURES_LOADER_H
#define EC_FEATURES_LOADER_H

#include "base/hash.h"
#include "eyechart/image.h"

typedef struct ec_loader ec_loader;

/* Images as files, which the loader reads and decodes, or decoded already, which it only prepares:
 * one of the two is not NULL. */
typedef struct ec_image_list {
    const char *const *paths;       /* [n] */
    const ec_image *const *decoded; /* [n] */
    size_t n;
} ec_image_list;

/* What an encoder wants of every image. */
typedef struct ec_loader_view {
    ec_preparation preparation;
    size_t width, height;
} ec_loader_view;

typedef struct ec_loaded_image {
    ec_status status; /* EC_OK, or why it could not be loaded */
    ec_error error;
    char hash[EC_HASH_SIZE]; /* of the file's bytes; "" where there are none, or they could not be
                                read */
    bool is_turned;          /* its EXIF asks to turn it */
} ec_loaded_image;

typedef struct ec_loaded_batch {
    size_t first, n;        /* images [first, first + n) of the list */
    ec_loaded_image *image; /* [n] */
    size_t n_good;
    float **input; /* [n_views] -> [n_good][3][height][width], the good images in order */
} ec_loaded_batch;

/* Starts loading batches of `batch` images from image `first` on. Everything is borrowed until
 * ec_loader_free. Errors: EC_ERR_NOMEM. */
ec_status ec_loader_new(ec_loader **out, const ec_image_list *images, size_t first, size_t batch,
                        const ec_loader_view *views, size_t n_views, ec_error *err);
/* The next batch, valid until the next call; NULL when there are no more. Waits. */
const ec_loaded_batch *ec_loader_next(ec_loader *loader);
void ec_loader_free(ec_loader *loader);

#endif
