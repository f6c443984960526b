/* vit_forward.c - the forward pass of a vision transformer
 *
 * Dosovitskiy et al., "An Image is Worth 16x16 Words" (arXiv:2010.11929); Radford et al., CLIP
 * (arXiv:2103.00020); Zhai et al., SigLIP (arXiv:2303.15343); Oquab et al., DINOv2
 * (arXiv:2304.07193); Darcet et al., registers (arXiv:2309.16588). Checked after every block
 * against Hugging Face transformers on random checkpoints (tests/parity).
 */
#include "encoders/vit/vit.h"

/* A table of tokens [.., d], which files have with dimensions of 1 before it or without, as [r, d].
 */
static ec_array as_rows(const ec_param *p) {
    return ec_array_rows(p->value, 0, ec_array_height(p->value));
}

/* [class, registers, patches], with positions, of every image. */
static ec_array embed(ec_ctx *ctx, const vit_spec *spec, const vit_weights *w, ec_array position,
                      ec_array images) {
    const size_t n = images.shape[0], d = spec->width, grid = position.shape[0];
    const size_t n_extra = spec->class_token + spec->registers;
    const ec_array x = ec_scratch(ctx, 3, (size_t[]){n, n_extra + grid, d}); /* [n, t, d] */
    const ec_mark mark = ec_scratch_mark(ctx);
    ec_array patches = ec_patches(ctx, images, spec->patch);  /* [n, g, 3 p p] */
    patches = ec_linear(ctx, patches, w->patch, EC_ACT_NONE); /* [n, g, d]     */
    if (spec->class_token) ec_put_rows(ctx, x, 0, as_rows(w->class_token));
    if (spec->registers > 0) ec_put_rows(ctx, x, spec->class_token, as_rows(w->registers));
    if (w->n_extra_positions > 0)
        ec_add_rows(ctx, x, 0, ec_array_rows(w->position->value, 0, w->n_extra_positions));
    ec_put_rows(ctx, x, n_extra, patches);
    ec_add_rows(ctx, x, n_extra, position);
    ec_scratch_release(ctx, mark);
    return x;
}

/* One block, on the residual stream x [n, t, d], which it updates in place. */
static void block_forward(ec_ctx *ctx, const vit_spec *spec, const vit_block *b, ec_array x) {
    ec_array h = ec_layer_norm(ctx, x, b->norm1, spec->eps);     /* [n, t, d]   */
    const ec_array q = ec_linear(ctx, h, b->query, EC_ACT_NONE); /* [n, t, d]   */
    const ec_array k = ec_linear(ctx, h, b->key, EC_ACT_NONE);   /* [n, t, d]   */
    const ec_array v = ec_linear(ctx, h, b->value, EC_ACT_NONE); /* [n, t, d]   */
    h = ec_attention(ctx, q, k, v, spec->heads, NULL);           /* [n, t, d]   */
    ec_linear_add(ctx, x, h, b->proj, b->scale1);

    h = ec_layer_norm(ctx, x, b->norm2, spec->eps); /* [n, t, d] */
    if (spec->swiglu) {
        h = ec_linear(ctx, h, b->fc1, EC_ACT_NONE); /* [n, t, 2 mlp] */
        h = ec_swiglu(ctx, h);                      /* [n, t, mlp]   */
    } else {
        h = ec_linear(ctx, h, b->fc1, spec->activation); /* [n, t, mlp] */
    }
    ec_linear_add(ctx, x, h, b->fc2, b->scale2);
}

ec_array vit_forward(ec_ctx *ctx, const vit_spec *spec, const vit_weights *weights,
                     ec_array position, ec_array images, size_t n_blocks,
                     const ec_encoder_watcher *watcher) {
    const ec_array x = embed(ctx, spec, weights, position, images);
    if (spec->pre_norm) ec_layer_norm_in_place(ctx, x, weights->pre_norm, spec->eps);
    ec_encoder_show(watcher, ctx, 0, x);
    for (size_t i = 0; i < n_blocks; i++) {
        const ec_mark mark = ec_scratch_mark(ctx);
        block_forward(ctx, spec, &weights->block[i], x);
        ec_scratch_release(ctx, mark); /* x is older than the mark */
        ec_encoder_show(watcher, ctx, i + 1, x);
    }
    return x;
}
