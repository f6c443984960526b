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
    EC_PREPARE_SQUARE,     /* squash to a square, x in [-1, 1]: the paper's C score */
    EC_PREPARE_SQUASH,     /* squash to a square, then the encoder's own mean and deviation: the
                              authors' DINOv2 in CLIP + DINOv2 at 336 */
    EC_PREPARE_PAD,        /* padded to a square with the mean colour, then the encoder's own
                              processor: LLaVA's image_aspect_ratio "pad" */
    EC_PREPARE_LETTERBOX   /* the whole image, resized, then padded to a square with black, and the
                              encoder's own mean and deviation: the consistent C score */
} ec_prepare_mode;

/* "native", "square", "squash", "pad", "letterbox". Static; NULL past the end. */
const char *ec_prepare_mode_name(size_t mode);

/* One encoder of a combination. */
typedef struct ec_feature_source {
    const char *folder;
    ec_prepare_mode prepare;
    size_t size; /* input side in pixels; 0: the encoder's own */
    const char *weights; /* whose vision tower is taken in place of the folder's; NULL: the
                            folder's */
    ec_tap tap;   /* which of its features; see ec_feature_source_tap */
    bool has_layer, has_tokens; /* tap.layer, tap.keep_class_token were chosen */
    bool horizontal_first;      /* resize as Pillow up to 12.1 does; see ec_preparation */
    bool exif_transpose;        /* turn images as their EXIF asks */
} ec_feature_source;

enum {
    EC_MAX_SOURCES = 64, /* side by side, as one candidate */
    EC_MAX_COMBINED = 20 /* of which all combinations are told apart, and their C computed */
};

/* Encoders side by side, as command lines and study.yaml name them:
 *
 *     FOLDER[@PIXELS][:PREPARATION], several joined by +
 *
 * A folder whose own name has such an ending, or a +, is taken as it is: where there is a choice,
 * the longest text that names a folder with config.json counts. Layer and tokens do not stand here
 * but in --layer and 'layer:', since encoders side by side have the same.
 *
 *   out        receives *n sources, at most EC_MAX_SOURCES; they and their folders are one
 *              allocation: free(). NULL on failure, and *n 0
 *   base       where relative folders lie, which they are given with; NULL: they stay as they are
 *   otherwise  what the sources have that does not stand in the text; NULL: the default
 *
 * Errors: EC_ERR_FORMAT, which names the encoder and what is wrong with it; EC_ERR_NOMEM. */
ec_status ec_feature_sources_read(ec_feature_source **out, size_t *n, const char *text,
                                  const char *base, const ec_feature_source *otherwise,
                                  ec_error *err);
/* The length of the first of them in a text. */
size_t ec_feature_source_length(const char *text, const char *base);
/* How sources are written, so that reading gives the same; owned, free(). NULL: out of memory. */
char *ec_feature_sources_write(const ec_feature_source *sources, size_t n);

/* The tap of a source. A layer or tokens that nobody chose are those of EC_TAP_DEFAULT. */
ec_tap ec_feature_source_tap(const ec_feature_source *source);
bool ec_tap_same(ec_tap x, ec_tap y);
/* Whether two sources differ in their folder at most: of one model, they give the same features. */
bool ec_feature_source_same_use(const ec_feature_source *x, const ec_feature_source *y);

/* ---- in memory: what scoring and training call ---- */

/* One encoder held open with a preparation and a layer. Used by one thread at a time of all that
 * use its context; without one (options->ctx NULL) it has an identity and no features. */
typedef struct ec_extractor ec_extractor;

/* Owned by the caller, ec_extractor_close(); NULL on failure. `source` is read during the call.
 * Errors: those of ec_encoder_open; EC_ERR_NOT_FOUND the preparation needs preprocessor_config.json
 * and there is none; EC_ERR_ARG a size or layer the encoder cannot take. */
ec_status ec_extractor_open(ec_extractor **out, const ec_feature_source *source,
                            const ec_encoder_options *options, ec_error *err);
void ec_extractor_close(ec_extractor *extractor);

typedef struct ec_extractor_info {
    ec_tap tap;                       /* as it was settled */
    size_t n_blocks;                  /* of the encoder */
    size_t n_tokens, n_channels;      /* of the features of an image */
    size_t grid_width, grid_height;   /* patches */
    size_t input_width, input_height; /* pixels */
    size_t cell;                      /* pixels along a side of a patch, as in ec_feature_shape */
    double flops;                     /* an image; 2 a multiply-add */
} ec_extractor_info;

ec_extractor_info ec_extractor_describe(const ec_extractor *extractor);
const ec_encoder *ec_extractor_encoder(const ec_extractor *extractor);         /* borrowed */
const ec_preparation *ec_extractor_preparation(const ec_extractor *extractor); /* borrowed */

/* Whether the features of two encoders can stand side by side, on the channel axis. EC_ERR_ARG:
 * their grids of patches differ, or with class and register tokens the numbers of their tokens; the
 * message has both names, and a size that would do. */
ec_status ec_extractor_check_beside(const char *name, const ec_extractor_info *info,
                                    const char *other_name, const ec_extractor_info *other,
                                    ec_error *err);

/* A hash over everything that decides the numbers but the images: version, weights, sizes of the
 * model, preparation, layer. Not the folder's name. Reads all weights the first time. */
ec_status ec_extractor_identity(char out[33], ec_extractor *extractor, ec_error *err);

/* Features of n decoded images: out [n][n_tokens][n_channels]. Numbers do not depend on what else
 * is in the batch. Errors: EC_ERR_ARG an empty image; EC_ERR_NOMEM. */
ec_status ec_extractor_run(float *out, ec_extractor *extractor, const ec_image *const *images,
                           size_t n, ec_error *err);

/* ---- to files ---- */

/* Zero-initialised means the default. */
typedef struct ec_features_options {
    ec_array_format format; /* EC_ARRAY_NPY or EC_ARRAY_SAFETENSORS */
    ec_dtype dtype;         /* EC_F32 or EC_F16 */
    bool file_per_image;    /* one [tokens, channels] file an image, in the folder `out` */
    size_t batch;           /* images at a time; 0 means 8, at most 65536 */
    bool skip_bad;          /* report and leave out images that cannot be decoded */
    bool restart;           /* forget an unfinished or different run instead of continuing it */
    ec_encoder_options encoder; /* its context, which is required, computes */
} ec_features_options;

typedef struct ec_features_progress {
    size_t n_done, n_total, n_resumed, n_bad;
    size_t n_turned;                   /* images of this run whose EXIF asks to turn them */
    const char *turned;                /* the first of them; NULL: none */
    double images_per_s, seconds_left; /* NaN until known */
} ec_features_progress;

/* Is called after every batch with the progress, and for every image left out with a message (bad
 * != NULL). Returning false stops the run after its batch; it can be continued. */
typedef bool (*ec_features_watcher)(void *context, const ec_features_progress *progress,
                                    const char *bad);

/* Computes features of `images` under the concatenation of `sources` (one or more, on the channel
 * axis in order, each with its own preparation, all of one layer) and writes
 *
 *     out               [images, tokens, channels] .npy or .safetensors (tensor "features"), or a
 * folder out.json          manifest; in the folder, manifest.json. Format: docs/formats.md
 *     out.journal       while unfinished: what is done
 *     out.lock          while a run writes: another one is refused (in the folder, lock)
 *
 * Errors: EC_ERR_ARG token grids that do not match (the message names sizes that do), or taps that
 * differ; anything
 * wrong with an encoder or, without skip_bad, an image; EC_ERR_EXISTS `out` belongs to another run
 * (restart forgets it, and removes its files from a folder), or a run that is writing it now, or an
 * image changed since it was done; EC_ERR_INTERRUPTED the watcher said
 * stop; EC_ERR_IO. What was written stays and is continued by the same call, or by one whose images
 * begin with the same ones; nothing stays of a run that failed in its first batch. */
ec_status ec_features_write(const char *out, const ec_feature_source *sources, size_t n_sources,
                            const char *const *images, size_t n_images,
                            const ec_features_options *options, ec_features_watcher see,
                            void *context, ec_features_progress *final, ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
