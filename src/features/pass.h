/* pass.h - one pass of an encoder over a list of images, its features handed to all who want them
 *
 *     images -> loader thread (decode, prepare) -> encoder, a batch at a time -> consumers, in
 * order
 *
 * This is the order of work everywhere: the encoder outside, the images inside, so that only one
 * encoder is open at a time and the next batch is loaded while one is computed. C makes rows of the
 * features, A embeds and compares them, the measures take their mean token: each is a consumer, and
 * several hang on one pass.
 *
 * Encoders whose features stand side by side in one file (`features A+B`) are open together: each
 * image is decoded once, and a consumer gets the features of all of them.
 */
#ifndef EC_FEATURES_PASS_H
#define EC_FEATURES_PASS_H

#include "eyechart/features.h"
#include "features/loader.h"

/* Features of a batch, borrowed for the call. Images that could not be loaded have none. */
typedef struct ec_pass_batch {
    size_t first, n;              /* images [first, first + n) of the list */
    const ec_loaded_image *image; /* [n] */
    size_t n_good;                /* of them loaded */
    const float *const *features; /* [n_encoders] -> [n_good][n_tokens][n_channels] of each */
} ec_pass_batch;

/* Is called once a batch. Whatever `take` returns but EC_OK ends the pass: so a consumer that asks
 * an ec_watch, or a progress display, stops it with EC_ERR_INTERRUPTED. */
typedef struct ec_pass_consumer {
    ec_status (*take)(void *context, const ec_pass_batch *batch, ec_error *err);
    void *context;
} ec_pass_consumer;

/* Zero-initialised means the default. */
typedef struct ec_pass_options {
    size_t batch;     /* images at a time; 0: EC_PASS_BATCH. Features do not depend on it */
    size_t first;     /* the image to begin with */
    bool skip_bad;    /* images that cannot be loaded are told to the consumers; else the first of
                         them ends the pass */
    const char *name; /* of the encoder, before its errors; NULL: none */
} ec_pass_options;

enum { EC_PASS_BATCH = 8 };

/* Runs encoders over images and hands every batch to the consumers.
 *
 *   extractors   [n_extractors] open; each is run on every batch, in order
 *   options      may be NULL
 *
 * Errors: without skip_bad that of the first image that cannot be loaded (the message names it),
 * before its batch is computed; those of the encoder; the consumers'; EC_ERR_NOMEM. */
ec_status ec_pass_run(ec_extractor *const *extractors, size_t n_extractors,
                      const ec_image_list *images, const ec_pass_options *options,
                      const ec_pass_consumer *consumers, size_t n_consumers, ec_error *err);

#endif
