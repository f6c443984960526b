/* align_work.h - the order in which A is computed: encoders outside, images inside
 *
 *     pass of an encoder    features of a batch of images
 *         -> each member that is this encoder alone: connector -> rows of length 1
 *                a reference's    -> kept
 *                a candidate's    -> largest cosines to the references' rows -> scores
 *         -> kept, where a member has the encoder beside others
 *     join of a member      kept features side by side -> connector -> rows -> as above
 *
 * Passes of the references' encoders come first. One encoder is open at a time, and connectors only
 * while their member is computed, so that memory holds the weights of the largest encoder, however
 * many candidates there are.
 *
 * The encoders of a combination are not open together either: their features are kept until it is
 * joined. So memory does not grow with what is combined, and an encoder that is a candidate by
 * itself and a member of three combinations runs once. Features are the small part of what is kept:
 * of an image, CLIP ViT-L/14@336 has 2.4 MB, and the rows of the two references 14 MB.
 *
 * What is kept goes where the caller says: in memory for ec_aligner, which takes images in blocks
 * of at most `kept_bytes`; in files of the study's folder `work` for `score`, whose processes
 * share them.
 *
 * A member is named by its place in `members`, an image by its place in `paths`.
 */
#ifndef EC_SCORES_ALIGN_WORK_H
#define EC_SCORES_ALIGN_WORK_H

#include "eyechart/alignment.h"
#include "features/pass.h"

enum { EC_ALIGN_KEPT_BYTES = 512 << 20 };

typedef struct ec_align_encoder {
    ec_feature_source source;
    ec_extractor_info info;
} ec_align_encoder;

/* A candidate or a reference, checked: its encoders have equal grids, its connector takes their
 * channels, all connectors lead to one width. */
typedef struct ec_align_part {
    const char *name;       /* before its errors */
    const char *connector;  /* for ec_connector_open */
    const size_t *encoders; /* [n_encoders] in the order of concatenation */
    size_t n_encoders;
    size_t n_tokens, n_channels, width;
    bool is_reference;
} ec_align_part;

/* What is kept of an image: rows of a member [n_tokens][width], features of an encoder [n_tokens]
 * [n_channels]; `index` is the member's or the encoder's. */
typedef enum ec_kept_kind { EC_KEPT_ROWS, EC_KEPT_FEATURES } ec_kept_kind;

typedef struct ec_align_keep {
    bool (*has)(void *self, ec_kept_kind kind, size_t index, size_t image);
    ec_status (*put)(void *self, ec_kept_kind kind, size_t index, size_t image, const float *values,
                     size_t n, ec_error *err);
    /* *values [n], until give_back; NULL where it is not there any more. */
    ec_status (*get)(const float **values, void *self, ec_kept_kind kind, size_t index,
                     size_t image, size_t n, ec_error *err);
    void (*give_back)(void *self, const float *values);
    void *self;
} ec_align_keep;

/* All is the caller's and borrowed but for `open`. */
typedef struct ec_align_work {
    const ec_align_encoder *encoders; /* [n_encoders] */
    size_t n_encoders;
    const ec_align_part *members; /* [n_members] */
    size_t n_members;
    const size_t *references; /* [n_references] members that are references, in their order */
    size_t n_references;
    const char *const *paths; /* of the images */
    bool bf16_compat;
    ec_encoder_options options; /* their context also runs the connectors and compares */
    size_t batch;               /* images at a time; 0: EC_PASS_BATCH */
    size_t kept_bytes;          /* of a block of images; 0: EC_ALIGN_KEPT_BYTES */
    ec_align_keep keep;

    /* Does the member, as a candidate, lack its scores of the image? False once `scored`. */
    bool (*wants)(void *context, size_t member, size_t image);
    void *context; /* of wants */
    /* scores [n_references] of the image, borrowed */
    ec_status (*scored)(void *scored_context, size_t member, size_t image, const double *scores,
                        ec_error *err);
    void *scored_context;

    ec_extractor *open; /* of encoder `is_open`; NULL: none */
    size_t is_open;
} ec_align_work;

/* Opens an encoder, after closing the one that is open. *out is borrowed until the next. */
ec_status ec_align_open_encoder(ec_extractor **out, ec_align_work *work, size_t encoder,
                                ec_error *err);
void ec_align_close_encoder(ec_align_work *work);

/* The encoders in the order of their passes, those of references first. */
void ec_align_order(size_t *encoders, const ec_align_work *work);

/* Would a pass of the encoder over the image give anything that is not there yet? */
bool ec_align_needs_pass(const ec_align_work *work, size_t encoder, size_t image);
/* Can the pass be made now? False: a candidate's rows would have to wait for a reference's. */
bool ec_align_pass_is_ready(const ec_align_work *work, size_t encoder, size_t image);
/* Computes what ec_align_needs_pass() says of the images [n], all of them ready. `before` and
 * `after` (NULL: nobody) are consumers of the same batches, asked before this module keeps anything
 * of a batch and once it has; to them images are numbered from 0 to n - 1. */
ec_status ec_align_pass(ec_align_work *work, size_t encoder, const size_t *images, size_t n,
                        const ec_pass_consumer *before, const ec_pass_consumer *after,
                        ec_error *err);

/* Is there something to do with what is kept: a combination to be joined, rows to be compared? */
bool ec_align_needs_join(const ec_align_work *work, size_t member, size_t image);
/* Is all of that there? */
bool ec_align_join_is_ready(const ec_align_work *work, size_t member, size_t image);
/* Joins the member on the images [n], all of them ready. */
ec_status ec_align_join(ec_align_work *work, size_t member, const size_t *images, size_t n,
                        ec_error *err);

/* Bytes that are kept of an image, at most, until all of its scores are there. */
double ec_align_kept_bytes(const ec_align_work *work);
/* How many images are worked on together so that half a gigabyte suffices for what is kept: a
 * multiple of `unit`, at least one. */
size_t ec_align_block(const ec_align_work *work, size_t unit);

#endif
