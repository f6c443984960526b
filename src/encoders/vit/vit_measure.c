/* vit_measure.c - the dimensions of a vision transformer, read off its tensors
 *
 *     patch [d, 3, p, p] -> d, p      fc1 [mlp, d] -> mlp      positions [extra + g g, d] -> size
 *
 * For files whose description leaves them out. Heads do not show in any shape: all who train such
 * models take 64 channels a head, but for the few widths that are listed.
 */
#include <math.h>
#include <string.h>

#include "encoders/vit/vit.h"

static size_t heads_of(size_t width, bool is_dinov2) {
    if (width == 1536) return is_dinov2 ? 24 : 16;
    if (width == 1152 || width == 1280 || width == 1408 || width == 1664) return 16;
    return width % 64 == 0 ? width / 64 : 0;
}

static size_t root_of(size_t n) {
    const size_t side = (size_t)(sqrt((double)n) + 0.5);
    return side > 0 && side * side == n ? side : 0;
}

static size_t rows_of(const ec_tensor *t) {
    return t != NULL && t->n_dims >= 2 ? t->shape[t->n_dims - 2] : 0;
}

/* Patches along a side: the table may count the class token, all tokens before the patches, or
 * none. */
static size_t side_of(const vit_spec *s, size_t rows) {
    const size_t extra[3] = {s->class_token, s->class_token + s->registers, 0};
    for (size_t i = 0; i < 3; i++)
        if (rows > extra[i] && root_of(rows - extra[i]) > 0) return root_of(rows - extra[i]);
    return 0;
}

static void measure_blocks(vit_spec *out, const ec_binder *b, const vit_found *found) {
    const vit_naming *n = found->naming;
    char first[64], prefix[64];
    vit_block_prefix(first, found->block, 0);
    for (out->blocks = 0; out->blocks < 1000; out->blocks++) {
        vit_block_prefix(prefix, found->block, out->blocks);
        if (!ec_bind_has(b, prefix, n->norm2, ".weight")) break;
    }
    const ec_tensor *fc1 = ec_bind_peek(b, first, n->fc1, ".weight"),
                    *fc2 = ec_bind_peek(b, first, n->fc2, ".weight");
    if (out->swiglu) {
        fc1 = n->fc1_swiglu != NULL ? ec_bind_peek(b, first, n->fc1_swiglu, ".weight") : NULL;
        fc2 = n->fc2_swiglu != NULL ? ec_bind_peek(b, first, n->fc2_swiglu, ".weight") : NULL;
    }
    out->mlp_width = 0;
    if (out->swiglu && fc2 != NULL && fc2->n_dims == 2)
        out->mlp_width = fc2->shape[1];
    else if (fc1 != NULL && fc1->n_dims == 2)
        out->mlp_width = fc1->shape[0] == out->width ? fc1->shape[1] : fc1->shape[0];
    out->qkv_bias = ec_bind_has(b, first, n->qkv != NULL ? n->qkv : n->query,
                                n->qkv != NULL ? "bias" : ".bias");
    out->layer_scale = n->scale1 != NULL && ec_bind_has(b, first, n->scale1, "");
}

/* timm calls both kinds of MLP alike: SwiGLU's second matrix takes half of what the first gives. */
static bool is_gated(const ec_binder *b, const vit_found *found) {
    char first[64];
    const vit_naming *n = found->naming;
    vit_block_prefix(first, found->block, 0);
    if (n->fc1_swiglu == NULL) return false;
    const ec_tensor *fc1 = ec_bind_peek(b, first, n->fc1_swiglu, ".weight"),
                    *fc2 = ec_bind_peek(b, first, n->fc2_swiglu, ".weight");
    return fc1 != NULL && fc2 != NULL && fc1->n_dims == 2 && fc2->n_dims == 2 &&
           fc1->shape[0] == 2 * fc2->shape[1] && fc1->shape[1] == fc2->shape[0];
}

static ec_status check(const vit_spec *s, const ec_weights *files, ec_error *err) {
    const char *lacks = s->width == 0        ? "its patch projection is not [width, 3, p, p]"
                        : s->blocks == 0     ? "it has no blocks"
                        : s->mlp_width == 0  ? "its MLP has no first matrix"
                        : s->image_size == 0 ? "its positions are those of no square of patches"
                                             : NULL;
    if (lacks != NULL)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: no vision transformer can be read off its tensors: %s",
                       ec_weights_source(files), lacks);
    if (s->heads == 0 || s->width % s->heads != 0)
        return ec_fail(
            err, EC_ERR_FORMAT,
            "%s: a tower %zu channels wide, of which nothing here says how many heads it "
            "has; add the config.json of the encoder, in a multimodal model as "
            "\"vision_config\" of its config.json",
            ec_weights_source(files), s->width);
    return EC_OK;
}

ec_status vit_measure(vit_spec *out, ec_weights *files, ec_error *err) {
    vit_found found;
    ec_binder b;
    vit_found gated;
    ec_status status = vit_naming_find(&found, out->family, false, files, err);
    if (vit_naming_find(&gated, out->family, true, files, status == EC_OK ? NULL : err) == EC_OK &&
        (status != EC_OK || gated.hits > found.hits)) {
        found = gated;
        status = EC_OK;
    }
    if (status != EC_OK) return status;
    ec_bind_begin(&b, NULL, files, found.prefix, "", err); /* looks, and takes nothing */
    if (b.status != EC_OK) return b.status;
    const vit_naming *n = found.naming;
    const ec_tensor *patch = ec_bind_peek(&b, "", n->patch, ".weight");
    if (patch != NULL && patch->n_dims == 4 && patch->shape[1] == 3 && patch->shape[2] > 0 &&
        patch->shape[2] == patch->shape[3]) {
        out->width = patch->shape[0];
        out->patch = patch->shape[2];
    }
    out->class_token = n->class_token != NULL && ec_bind_has(&b, "", n->class_token, "");
    out->registers = n->registers != NULL ? rows_of(ec_bind_peek(&b, "", n->registers, "")) : 0;
    out->pre_norm = n->pre_norm != NULL && ec_bind_has(&b, "", n->pre_norm, ".weight");
    out->patch_bias = ec_bind_has(&b, "", n->patch, ".bias");
    out->swiglu = is_gated(&b, &found);
    measure_blocks(out, &b, &found);
    const size_t side = side_of(out, rows_of(ec_bind_peek(&b, "", n->position, "")));
    if (out->patch > 0 && out->image_size / out->patch != side) out->image_size = side * out->patch;
    if (out->heads == 0) out->heads = heads_of(out->width, out->family == VIT_DINOV2);
    ec_bind_end(&b);
    return check(out, files, err);
}
