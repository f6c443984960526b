/* encoder.h - a vision encoder from the folder its users have
 *
 * Families (config.json's model_type): clip_vision_model and clip (OpenAI quick_gelu, OpenCLIP
 * gelu), siglip, siglip_vision_model, siglip2 with a fixed resolution, dinov2 and
 * dinov2_with_registers (GELU MLP or SwiGLU), vit. All dimensions come from config.json.
 *
 *     image [3, H, W] -> patches -> tokens [t, d] -> blocks -> hidden state of a layer
 *
 * Hidden state numbering as transformers': 0 is the input of the first block (after pre-LayerNorm
 * where there is one), i the output of block i; negative counts from the end, so -2 is the input of
 * the last block.
 */
#ifndef EYECHART_ENCODER_H
#define EYECHART_ENCODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eyechart/device.h"
#include "eyechart/image.h"
#include "eyechart/status.h"
#include "eyechart/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ec_encoder ec_encoder;

/* Zero-initialised means the default. */
typedef struct ec_encoder_options {
    ec_ctx *ctx;            /* what computes; borrowed, it outlives the encoder. NULL: none, the
                               encoder is opened to be looked at, and has no forward pass */
    bool interpolate_plain; /* position embeddings of DINOv2 and plain ViT for another grid: false
                               is the "+0.1" of transformers 4.38 and of upstream DINOv2, true is
                               by size alone, as newer transformers; others have one way only */
    const char *weights;    /* a file, or a folder of a model, whose vision tower is taken in
                               place of the folder's; NULL: the folder's own */
    ec_watch watch;         /* may stop the reading of all weights for their hash */
} ec_encoder_options;

/* Opens the vision transformer of a folder: of transformers (config.json), of timm (its
 * config.json), of open_clip (open_clip_config.json), of facebookresearch/dinov2 and OpenAI's CLIP
 * (weights alone); or of a multimodal model, of which the vision tower is taken: one with
 * "vision_config" as transformers writes it, or LLaVA's own with "mm_vision_tower", whose original
 * is looked for on this machine and else known by its name. Tensors may have the names of any of
 * these (src/encoders/vit/vit_names.c). Every tensor the model needs must be there with its shape;
 * unexpected ones of the vision tower are an error, those of a text tower, of other parts of a
 * larger model and other known extras are not. */
ec_status ec_encoder_open(ec_encoder **out, const char *folder, const ec_encoder_options *options,
                          ec_error *err);
void ec_encoder_close(ec_encoder *encoder);

typedef struct ec_encoder_info {
    char family[32]; /* "clip", "siglip", "dinov2", "vit" */
    size_t image_size, patch_size, width, mlp_width, n_blocks, n_heads, n_registers;
    bool has_class_token;
    bool is_inside; /* of a multimodal model */
    char activation[32];
    char math[16]; /* ec_ctx_math of its context; "f32" without one */
    double layer_norm_eps;
    size_t n_parameters; /* of the vision tower */
    ec_dtype dtype;      /* of most weights */
    size_t weight_bytes;
} ec_encoder_info;

ec_encoder_info ec_encoder_describe(const ec_encoder *encoder);
/* The files of its weights, as ec_weights_source, each after the part of the model that it holds
 * where there are several. Borrowed. */
const char *ec_encoder_source(const ec_encoder *encoder);
/* As ec_weights_check_finite, of all its files. */
ec_status ec_encoder_check_finite(const ec_encoder *encoder, ec_error *err);
/* Whether there is a vision tower in a file or a folder of weights; false, too, where it cannot be
 * opened. Reads no values. */
bool ec_encoder_has_tower(const char *path);
/* What the vision tower in `path` (as options.weights) has that this encoder's has not, where they
 * are of one kind and size: "the MLP of block 3: 0.12 and 0.11", or "" where their values are the
 * same, or equal as far as the less precise dtype of the two tells, or there is no tower. Reads all
 * of them. EC_ERR_FORMAT: it is of another kind or size. */
ec_status ec_encoder_compare(char difference[128], const ec_encoder *encoder, const char *path,
                             ec_error *err);

/* Of the tensors of the vision tower: names, dtypes, shapes and bytes; of all tensors where the
 * folder is an encoder's. EC_ERR_INTERRUPTED: the watch said stop. */
ec_status ec_encoder_hash(char out[33], const ec_encoder *encoder, const ec_watch *watch,
                          ec_error *err);
/* The processor of the folder (ec_preparation_load_folder); EC_ERR_NOT_FOUND when it has none. */
ec_status ec_encoder_preparation(ec_preparation *out, const ec_encoder *encoder, ec_error *err);

/* Which features of an encoder: which hidden state, and which of its tokens. Zero-initialised is
 * layer 0: use EC_TAP_DEFAULT. A vision transformer has layers alone: a block, a timestep or a seed
 * that is not the default is refused. */
typedef struct ec_tap {
    int layer;             /* transformers' numbering; -2 as LLaVA trains on */
    bool keep_class_token; /* class and register tokens are dropped by default */
    int block;             /* of families that have no layers, each by its own numbering from 1 */
    int timestep;          /* of diffusion: how much noise the image has, from 1 */
    uint64_t seed;         /* of that noise; 0 is the default */
} ec_tap;
#define EC_TAP_DEFAULT ((ec_tap){.layer = -2})
enum { EC_BLOCK_DEFAULT = 0, EC_TIMESTEP_DEFAULT = 0 }; /* what the family takes by itself */

/* Floating-point operations (2 per multiply-add) of one image up to the tap; 0: it has no such. */
double ec_encoder_flops(const ec_encoder *encoder, size_t width, size_t height, ec_tap tap);

/* Features of an image: [n_tokens, n_channels], of which the last grid_width x grid_height tokens
 * are those of places, row by row. */
typedef struct ec_feature_shape {
    size_t n_tokens, n_channels;
    size_t grid_width, grid_height;
    size_t cell; /* pixels of the input along a side of a place: place i covers [i cell, (i + 1)
                    cell), and what is behind the last is not seen */
} ec_feature_shape;

/* The shape for an input size; all zero on failure. What is left on the right and below after the
 * last whole patch is not seen, as the convolution cuts it: SigLIP so400m/14 at its own 384 pixels
 * has 27 x 27 patches, of the first 378. EC_ERR_ARG: there is not one patch, the input is larger
 * than 2^20 pixels a side, or the encoder has no such tap. */
ec_status ec_encoder_feature_shape(ec_feature_shape *out, const ec_encoder *encoder, size_t width,
                                   size_t height, ec_tap tap, ec_error *err);

/* Patch features of n prepared images.
 *
 *   out      [n][n_tokens][n_channels]
 *   images   [n][3][height][width], as ec_prepare writes them
 *
 * Called by one thread at a time of all that use the context. EC_ERR_ARG: it was opened without
 * one. */
ec_status ec_encoder_forward(float *out, ec_encoder *encoder, const float *images, size_t n,
                             size_t width, size_t height, ec_tap tap, ec_error *err);

/* For parity tests: `see` is called after the embeddings (block 0) and after every block with the
 * hidden state [n][t][d], class and register tokens included. NULL turns it off. */
void ec_encoder_watch(ec_encoder *encoder,
                      void (*see)(void *context, size_t block, const ec_tensor *hidden),
                      void *context);

#ifdef __cplusplus
}
#endif
#endif
