/* alignment.h - the A score: how near a candidate's embeddings are to CLIP's
 *
 *     A_s = 1/images sum_i 1/tokens sum_v max_u cos(E[i, v], E_s[i, u])       s: 224, 336
 *     A   = (A_224 + A_336) / 2
 *
 *     E    [tokens, width] what a candidate's connector gives to the language model for image i
 *     E_s  [tokens of s, width] the same of reference s: CLIP at 224 and at 336 pixels
 *     v    runs over the candidate's tokens, u over the reference's; their numbers may differ
 *
 * A reference is scored against itself as any other candidate: 1 by construction.
 *
 * Source: Yang et al., "Law of Vision Representation in MLLMs", arXiv:2408.16357, definition of
 * 2024. The authors computed it in bfloat16 from the norms to the mean of an image; bf16_compat
 * does the same roundings. Everything else here is f32 with f64 sums.
 *
 *     images -> ec_extractor -> ec_connector -> unit rows -> largest cosine -> mean
 */
#ifndef EYECHART_ALIGNMENT_H
#define EYECHART_ALIGNMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/connector.h"
#include "eyechart/device.h"
#include "eyechart/features.h"
#include "eyechart/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- of embeddings that are there ---- */

/* Divides each of the n rows [n][width] by its length + 1e-10, in place; bf16_compat as the authors
 * did, with every intermediate result rounded to bfloat16. EC_ERR_FORMAT: a value is not finite. */
ec_status ec_alignment_normalise(float *rows, size_t n, size_t width, bool bf16_compat,
                                 ec_error *err);

/* Mean over the target's tokens of the largest cosine to one of the reference's.
 *
 *   target     [n_target][width], reference [n_reference][width]: rows from
 *              ec_alignment_normalise with the same bf16_compat; both n >= 1
 *
 * Results do not depend on the number of threads. Errors: EC_ERR_NOMEM, EC_ERR_DEVICE. */
ec_status ec_alignment_max_cosine(double *mean, ec_ctx *ctx, const float *target, size_t n_target,
                                  const float *reference, size_t n_reference, size_t width,
                                  bool bf16_compat, ec_error *err);

/* Changes when the same embeddings would give other numbers: part of the key of stored results. */
#define EC_ALIGNMENT_VERSION 1

/* What decides an embedding but its image, by content: the encoders side by side, in their order,
 * each by ec_extractor_identity, and the connector by ec_connector_hash. Borrows. */
typedef struct ec_align_side {
    const char *encoders[EC_MAX_SOURCES]; /* [n_encoders] */
    size_t n_encoders;
    const char *connector;
} ec_align_side;

/* The key of A of a candidate with a reference, on any image; and, where there is no reference
 * (NULL), that of the candidate's rows from ec_alignment_normalise. EC_ERR_NOMEM. */
ec_status ec_alignment_key(char out[33], const ec_align_side *candidate,
                           const ec_align_side *reference, bool bf16_compat, ec_error *err);

/* ---- from images, for many candidates ---- */

/* A candidate or a reference: encoders side by side, and the connector trained on them. */
typedef struct ec_align_member {
    const char *name;
    const ec_feature_source *sources; /* [n_sources] */
    size_t n_sources;
    const char *connector; /* for ec_connector_open */
} ec_align_member;

/* Zero-initialised means the default. */
typedef struct ec_align_options {
    bool bf16_compat;
    ec_encoder_options encoder; /* its context, which is required, computes everything */
    /* Results do not depend on these two. */
    size_t batch;      /* images through an encoder at a time; 0: 8 */
    size_t kept_bytes; /* memory for embeddings and features that wait for an encoder; 0: 512 MiB */
} ec_align_options;

/* Knows its members; encoders and connectors are opened when it is their turn, so that memory holds
 * the weights of one encoder at a time, the largest at most, however many candidates there are. An
 * encoder that several members share, at the same size and preparation, is run once an image. */
typedef struct ec_aligner ec_aligner;

/* Opens everything, one after the other, and checks it: that each connector takes the channels of
 * its encoders, that grids of encoders side by side are equal, that all connectors lead to the same
 * width. Errors name the member. Everything is copied or read during the call. */
ec_status ec_aligner_open(ec_aligner **out, const ec_align_member *references, size_t n_references,
                          const ec_align_member *candidates, size_t n_candidates,
                          const ec_align_options *options, ec_error *err);
void ec_aligner_close(ec_aligner *aligner);

typedef struct ec_align_info {
    size_t n_tokens, n_channels; /* of the features of an image */
    size_t width;                /* of the embeddings */
    ec_tap tap;                  /* of its (first) encoder, as it was settled */
    char connector_type[32];     /* "mlp2x_gelu" */
    double flops;                /* of an image: encoders and connector */
    char tower[600]; /* a sentence, where the connector's model has a vision tower that differs from
                        the encoder given, and that is taken in its place, or where it says that it
                        was trained and has none; "" */
} ec_align_info;

ec_align_info ec_aligner_reference(const ec_aligner *aligner, size_t reference);
ec_align_info ec_aligner_candidate(const ec_aligner *aligner, size_t candidate);

typedef struct ec_align_progress {
    size_t n_done, n_total; /* images through encoders */
    size_t n_turned;        /* images whose EXIF asks to turn them */
    const char *turned;     /* the first of them; NULL: none */
} ec_align_progress;

/* Is called after every batch of an encoder, and whenever a member was compared; false stops:
 * EC_ERR_INTERRUPTED. */
typedef bool (*ec_aligner_watcher)(void *context, const ec_align_progress *progress);

/* Scores images: one encoder after the other, those of the references first, each over all images.
 * They are decoded and prepared while earlier ones are computed, once for each encoder.
 *
 *   scores  [n_images][n_candidates][n_references]; NaN for what is not wanted
 *   images  [n_images] paths. The references' embeddings of as many of them as options.kept_bytes
 *           holds are kept in memory; a longer list is taken in parts, and for each of them the
 *           encoders are opened again
 *   wanted  [n_candidates], or NULL: all
 *   see     may be NULL
 *
 * An image's scores do not depend on what else is in the list. Errors name the image, or the
 * member: those of ec_image_load; EC_ERR_FORMAT (embeddings that are not finite),
 * EC_ERR_INTERRUPTED, EC_ERR_NOMEM. */
ec_status ec_aligner_run(double *scores, ec_aligner *aligner, const char *const *images,
                         size_t n_images, const bool *wanted, ec_aligner_watcher see, void *context,
                         ec_error *err);

/* ---- over images ---- */

/* A of one candidate on one image set. */
typedef struct ec_alignment_summary {
    double a;       /* mean over references and images */
    double a_error; /* standard error over images; NaN with fewer than two */
    size_t n_images;
} ec_alignment_summary;

/* values [n_images], `stride` apart: one reference's scores, or the means over references. Means
 * are taken in the order of the images. */
ec_alignment_summary ec_alignment_summarise(const double *values, size_t n_images, size_t stride);

#ifdef __cplusplus
}
#endif
#endif
