/* vit.h - vision transformers: CLIP, OpenCLIP, SigLIP, DINOv2 (with and without registers), plain
 * ViT
 *
 *     image [3, H, W] -> patches [g, 3 p p] -> + position -> [class, registers, patches] [t, d]
 *     block: x += scale1 * attention(norm1 x);  x += scale2 * mlp(norm2 x)
 *
 * One spec and one forward pass serve all of them: the families differ in the names of their
 * tensors (vit_names.c) and in a few flags of the spec (vit_spec.c). A new variant is a row in
 * each.
 */
#ifndef EC_ENCODERS_VIT_VIT_H
#define EC_ENCODERS_VIT_VIT_H

#include "encoders/family.h"
#include "ops/bind.h"

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
    bool inside;       /* a larger model has it: other tensors are not looked at */
    bool from_tensors; /* dimensions are still to be read off the tensors: vit_measure() */
} vit_spec;

/* Where a spec came from, as far as preparations need it. */
typedef struct vit_origin {
    char *folder; /* of the tower's original, where a model names one that is there; NULL; owned */
    bool has_preparation; /* what timm and open_clip say */
    ec_preparation preparation;
} vit_origin;
void vit_origin_release(vit_origin *origin);

/* Whether a description is one of those that vit_spec_of reads. */
bool vit_recognises(const ec_description *description);
/* Reads one that is recognised. Errors name the file and the key. */
ec_status vit_spec_of(vit_spec *out, vit_origin *origin, const ec_description *description,
                      ec_error *err);
/* The same of a config.json of transformers, or of a multimodal model of theirs. */
bool vit_spec_recognises(const json_t *root);
ec_status vit_spec_read(vit_spec *out, const json_t *root, const char *path, ec_error *err);
/* As ec_encoder_family.type. */
const char *vit_spec_type(size_t i, bool inside);
/* Fills in what spec.from_tensors leaves open. */
ec_status vit_measure(vit_spec *spec, ec_weights *files, ec_error *err);
/* The native preparation. */
ec_status vit_preparation(ec_preparation *out, const vit_spec *spec, const vit_origin *origin,
                          const char *folder, ec_error *err);

/* "clip", "siglip", "dinov2", "vit" */
const char *vit_family_name(vit_family family);

/* ---- names ---- */

enum { VIT_MAX_BLOCK_NAMES = 4, VIT_MAX_COMPANIONS = 8, VIT_N_TELLING = 4 };

/* How one of those who save vision transformers calls the tensors. NULL: there is no such tensor.
 * ".weight" and ".bias" are added to linear layers and norms, "weight" and "bias" to qkv. */
typedef struct vit_naming {
    const char *name;  /* in messages */
    bool usual;        /* which goes without saying there */
    unsigned families; /* a bit for each vit_family */
    const char *class_token, *position, *registers, *patch, *pre_norm;
    const char *block[VIT_MAX_BLOCK_NAMES]; /* prefixes of a block's tensors; %zu is the block */
    const char *norm1, *query, *key, *value, *proj, *scale1;
    const char *qkv; /* one matrix [3 d, d] in place of query, key and value */
    const char *norm2, *fc1, *fc2, *scale2;
    const char *fc1_swiglu, *fc2_swiglu;
    const char *gate_swiglu, *up_swiglu; /* the two halves of fc1 where there is no fc1_swiglu */
    bool may_be_transposed;              /* some who convert these write [in, out] */
    const char *companions[VIT_MAX_COMPANIONS]; /* prefixes of tensors that are not needed */
} vit_naming;

/* The naming that a file follows, and what stands before each name. */
typedef struct vit_found {
    const vit_naming *naming;
    const char *block; /* of naming->block */
    int hits;          /* of the VIT_N_TELLING names by which files are told */
    char prefix[EC_MAX_TENSOR_NAME];
    char other_prefix[EC_MAX_TENSOR_NAME]; /* of a second tower; "" */
} vit_found;

/* Errors say what names there are, and what they look like. */
ec_status vit_naming_find(vit_found *out, vit_family family, bool swiglu, const ec_weights *files,
                          ec_error *err);
/* Of any family, with SwiGLU or without; false: there is no tower that is complete enough to tell.
 */
bool vit_naming_any(vit_found *out, const ec_weights *files);
/* "'a', 'b', 'c'": names of the file, for a message. */
void vit_list_names(char *out, size_t size, const ec_weights *files);
/* Whether a tensor is of a tower or a head beside the vision tower. */
bool vit_is_beside(const char *tensor);
void vit_block_prefix(char out[64], const char *format, size_t i);

/* ---- weights ---- */

typedef struct vit_block {
    ec_norm_params norm1, norm2;
    ec_linear_params query, key, value, proj, fc1, fc2;
    ec_param *scale1, *scale2; /* [d]; NULL without LayerScale */
} vit_block;

/* Parameters of the weight files, which must outlive them. */
typedef struct vit_weights {
    ec_params *params;      /* all of them, owned: vit_weights_release */
    ec_linear_params patch; /* [d, 3, p, p]: the convolution that projects patches */
    ec_param *class_token;  /* [1, d] */
    ec_param *registers;    /* [registers, d] */
    ec_param *position;     /* [n_extra_positions + grid, d] */
    /* Positions before those of the patches: 1 of the class token; 0: it has none (timm's
     * no_embed_class); 1 + registers: those have some too. */
    size_t n_extra_positions;
    ec_norm_params pre_norm;
    vit_block *block;                /* [blocks], likewise owned */
    char prefix[EC_MAX_TENSOR_NAME]; /* before the names of its tensors */
    bool *of_tower; /* [ec_weights_count] which tensors of the file it consists of; likewise */
} vit_weights;

/* Finds every tensor the spec asks for, checks its shape and dtype, and that there are no others.
 */
ec_status vit_weights_bind(vit_weights *out, const vit_spec *spec, ec_weights *files,
                           ec_error *err);
void vit_weights_release(vit_weights *weights);

/* Whether two files of one spec have the same values: where[0] is '\0', or else what differs first.
 */
void vit_compare(char *where, size_t size, const vit_spec *spec, const vit_weights *x,
                 const vit_weights *y);

/* Position embeddings of the patches for a grid of height x width: out [height, width, d]. */
ec_status vit_positions(float *out, const vit_spec *spec, const vit_weights *weights, size_t height,
                        size_t width, ec_error *err);

/* Hidden state after `n_blocks` blocks, [n, t, d], scratch of ctx. Is shown after the embeddings
 * (block 0) and after every block.
 *   images [n, 3, height, width]; position [height/p width/p, d] from vit_positions */
ec_array vit_forward(ec_ctx *ctx, const vit_spec *spec, const vit_weights *weights,
                     ec_array position, ec_array images, size_t n_blocks,
                     const ec_encoder_watcher *watcher);

#endif
