/* family.h - what a family of encoders gives to encoder.c
 *
 *     folder -> description -> the first family that recognises it -> its model -> features
 *
 * A new family is a folder below src/encoders, a declaration at the end of this file and a line in
 * encoder.c. A family includes src/encoders/ and its own folder, never another's. Everything that a
 * caller of eyechart/encoder.h can ask of an encoder, encoder.c asks here, so nothing above knows
 * families.
 */
#ifndef EC_ENCODERS_FAMILY_H
#define EC_ENCODERS_FAMILY_H

#include "encoders/description.h"
#include "eyechart/encoder.h"
#include "ops/ops.h"

/* One of the weight files of an encoder: a diffusion model has some. */
typedef struct ec_encoder_files {
    const char *name; /* of the part of the model, such as "unet"; "" where there is one file */
    ec_weights *weights;
    const bool *taken;  /* [ec_weights_count] of the tensors that the encoder has; NULL: of all */
    const char *prefix; /* what stands before their names where `taken` is not NULL */
} ec_encoder_files;

/* Who looks on at hidden states; see ec_encoder_watch. */
typedef struct ec_encoder_watcher {
    void (*see)(void *context, size_t block, const ec_tensor *hidden);
    void *context;
} ec_encoder_watcher;
/* Shows x [n, t, d], where somebody looks on. */
void ec_encoder_show(const ec_encoder_watcher *watcher, ec_ctx *ctx, size_t block, ec_array x);

typedef struct ec_encoder_family {
    const char *name;
    /* Types of models it recognises (model_type, _class_name), for messages; `inside`: as a part of
     * a larger model. NULL past the end. */
    const char *(*type)(size_t i, bool inside);
    const char *undescribed; /* whose files it knows by their tensors alone; NULL: nobody's */

    /* Whether the model is its own: to open, or to refuse with a better reason than its type. */
    bool (*recognises)(const ec_description *description);
    /* *out is NULL on failure. The description and options->ctx outlive the model; without a
     * context there is no forward pass, and nothing is placed. Errors name the file. */
    ec_status (*open)(void **out, const ec_description *description,
                      const ec_encoder_options *options, ec_error *err);
    void (*close)(void *model);

    /* All but `math` and `weight_bytes`, which encoder.c fills in. */
    ec_encoder_info (*describe)(const void *model);
    /* Weight file i; NULL past the end. Borrowed. */
    const ec_encoder_files *(*files)(const void *model, size_t i);
    /* Adds to an object what decides the numbers beside the weights, their dtype and the tap.
     * False: no memory. */
    bool (*identify)(json_t *to, const void *model);
    /* As ec_encoder_preparation, _flops and _feature_shape; encoder.c has checked that the sides
     * are at most EC_MAX_INPUT. `shape` refuses a tap that the family has no meaning for. */
    ec_status (*preparation)(ec_preparation *out, const void *model, ec_error *err);
    double (*flops)(const void *model, size_t width, size_t height, const ec_tap *tap);
    ec_status (*shape)(ec_feature_shape *out, const void *model, size_t width, size_t height,
                       const ec_tap *tap, ec_error *err);
    /* Images [n, 3, height, width] to *out [n, t, n_channels], scratch, of which the last n_tokens
     * of every image are its features; with a tap and sizes that `shape` took. What fails in the
     * context is asked for there. */
    ec_status (*forward)(ec_array *out, void *model, ec_array images, const ec_tap *tap,
                         const ec_encoder_watcher *watcher, ec_error *err);

    /* As ec_encoder_has_tower and _compare; NULL where no larger model has such an encoder in it.
     */
    bool (*has_tower)(const char *path);
    ec_status (*compare)(char difference[128], const void *model, const char *path, ec_error *err);
} ec_encoder_family;

/* Keeps the number of tokens times channels within 63 bits. */
enum { EC_MAX_INPUT = 1 << 20 };

/* ec_encoder_open among other families than those of this library. NULL stands behind the last;
 * they outlive the encoder. */
ec_status ec_encoder_open_among(ec_encoder **out, const ec_encoder_family *const *families,
                                const char *folder, const ec_encoder_options *options,
                                ec_error *err);

/* Everything that decides the numbers of an encoder but its weights and the tap, as `identify`. */
bool ec_encoder_identify(json_t *to, const ec_encoder *encoder);
/* What a tap adds to an identity: "layer", "class_token", and what is not its default of the
 * others, so that what was computed before there were such choices keeps its identity. */
bool ec_tap_identify(json_t *to, const ec_tap *tap);

/* Those of this library, in the order in which they are asked; NULL behind the last. */
extern const ec_encoder_family *const ec_encoder_families[];

extern const ec_encoder_family ec_family_vit;

#endif
