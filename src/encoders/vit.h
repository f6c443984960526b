/* vit.h - vision transformers: CLIP, OpenCLIP, SigLIP, DINOv2 (with and without registers), plain
 * ViT
 *
 *     image [3, H, W] -> patches [g, 3 p p] -> + position -> [class, registers, patches] [t, d]
 *     block: x += scale1 * attention(norm1 x);  x += scale2 * mlp(norm2 x)
 *
 * One spec and one forward pass serve all of them: the families differ in the names of their
 * tensors (vit_weights.c) and in a few flags of the spec (vit_spec.c). A new variant is a row in
 * each.
 */
#ifndef EC_ENCODERS_VIT_H
#define EC_ENCODERS_VIT_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/encoder.h"
#include "eyechart/status.h"
#include "eyechart/tensor.h"
#include "ops/ops.h"

typedef enum vit_family { VIT_CLIP, VIT_SIGLIP, VIT_DINOV2, VIT_PLAIN } vit_family;

/* How position embeddings of one grid become those of another: torch's bicubic, align_corners =
 * False. */
typedef enum vit_interpolation {
    VIT_INTERPOLATE_SIZE,       /* source = (i + .5) old/new - .5 */
    VIT_INTERPOLATE_OFFSET,     /* the same with new + .1: DINOv2 upstream; DINOv2 and ViT in
                                   transformers 4.38 */
    VIT_INTERPOLATE_ANTIALIASED /* size, with torch's antialias: DINOv2 with registers */
} vit_interpolation;

/* config.json as numbers. */
typedef struct vit_spec {
    vit_family family;
    size_t image_size, patch; /* pixels */
    size_t width, mlp_width;  /* channels */
    size_t blocks, heads, registers;
    ec_activation activation;
    double eps; /* of every LayerNorm */
    bool class_token;
    bool pre_norm;    /* LayerNorm before the first block */
    bool patch_bias;  /* the patch projection has a bias */
    bool qkv_bias;    /* so have query, key and value */
    bool layer_scale; /* a learned factor per channel on each branch */
    bool swiglu;      /* mlp = silu(a) * b instead of act(fc1) */
    vit_interpolation interpolation;
} vit_spec;

/* Reads config.json of `folder`. Errors name the file and the key. */
ec_status vit_spec_load(vit_spec *out, const char *folder, ec_error *err);

typedef struct vit_block {
    ec_norm_params norm1, norm2;
    ec_linear_params query, key, value, proj, fc1, fc2;
    const ec_tensor *scale1, *scale2; /* [d]; NULL without LayerScale */
} vit_block;

/* Views into the weight files, which must outlive them. */
typedef struct vit_weights {
    ec_tensor patch_matrix; /* [d, 3 p p]: the patch convolution seen as a matrix */
    const ec_tensor *patch_bias, *class_token, *registers, *position;
    ec_norm_params pre_norm;
    vit_block *block; /* [blocks], owned: vit_weights_release */
} vit_weights;

/* Finds every tensor the spec asks for, checks its shape and dtype, and that there are no others.
 */
ec_status vit_weights_bind(vit_weights *out, const vit_spec *spec, ec_weights *files,
                           ec_error *err);
void vit_weights_release(vit_weights *weights);

/* Position embeddings of the patches for a grid of height x width: out [height, width, d]. */
ec_status vit_positions(float *out, const vit_spec *spec, const vit_weights *weights, size_t height,
                        size_t width, ec_error *err);

/* Is called after the embeddings (block 0) and after block 1, 2, … with the hidden state [n, t, d].
 */
typedef struct vit_watcher {
    void (*see)(void *context, size_t block, const ec_tensor *hidden);
    void *context;
} vit_watcher;

/* Hidden state after `n_blocks` blocks, [n, t, d], scratch of ctx.
 *   images [n][3][height][width]; position [height/p, width/p, d] from vit_positions */
ec_tensor vit_forward(ec_ctx *ctx, const vit_spec *spec, const vit_weights *weights,
                      const float *position, const float *images, size_t n, size_t height,
                      size_t width, size_t n_blocks, vit_watcher watcher);

#endif
