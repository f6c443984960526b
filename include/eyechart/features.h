/* features.h - patch features of many images, streamed to files
 *
 * Images are decoded and prepared while earlier ones are computed; memory does not grow with their
 * number. A killed run continues where it stopped and ends with the same bytes as an undisturbed
 * one.
 */
#ifndef EYECHART_FEATURES_H
#define EYECHART_FEATURES_H

#include "eyechart/encoder.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ec_prepare_mode {
    EC_PREPARE_NATIVE = 0, /* the encoder's own processor, as the MLLM is trained */
    EC_PREPARE_SQUARE      /* squash to a square, x in [-1, 1]: the paper's C score */
} ec_prepare_mode;

/* Zero-initialised means the default, except tap (EC_TAP_DEFAULT). */
typedef struct ec_features_options {
    ec_tap tap;
    ec_prepare_mode prepare;
    size_t size;            /* input side in pixels; 0: the encoder's own */
    ec_array_format format; /* EC_ARRAY_NPY or EC_ARRAY_SAFETENSORS */
    ec_dtype dtype;         /* EC_F32 or EC_F16 */
    bool file_per_image;    /* one [tokens, channels] file an image, in the folder `out` */
    size_t batch;           /* images at a time; 0: chosen */
    bool skip_bad;          /* report and leave out images that cannot be decoded */
    bool restart;           /* forget an unfinished run instead of continuing it */
    ec_encoder_options encoder;
} ec_features_options;

typedef struct ec_features_progress {
    size_t n_done, n_total, n_resumed, n_bad;
    double images_per_s, seconds_left;
} ec_features_progress;

/* Computes features of `images` under the concatenation of `encoders` (folders; one or more; on the
 * channel axis in order, each with its own preparation; grids that do not match are EC_ERR_ARG with
 * the fix named) and writes
 *
 *     out             [images, tokens, channels] .npy or .safetensors, or a folder of files
 *     out.json        manifest: images in order with hashes, encoders with weight hashes, layer,
 * preparation, grid, version
 *
 *   see         called now and then with progress and at the end, and for every bad image with its
 * message (bad != NULL); returning false stops the run, resumable; may be NULL n_bad       receives
 * the number of images left out (only with skip_bad)
 *
 * Errors: anything wrong with an encoder or, without skip_bad, an image; EC_ERR_IO. What was
 * written stays and is continued. */
ec_status
ec_features_write(const char *out, const char *const *encoders, size_t n_encoders,
                  const char *const *images, size_t n_images, const ec_features_options *options,
                  bool (*see)(void *context, const ec_features_progress *progress, const char *bad),
                  void *context, size_t *n_bad, ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
