/* vit_forward.c - the forward pass of a vision transformer
 *
 * Dosovitskiy et al., "An Image is Worth 16x16 Words" (arXiv:2010.11929); Radford et al., CLIP
 * (arXiv:2103.00020); Zhai et al., SigLIP (arXiv:2303.15343); Oquab et al., DINOv2
 * (arXiv:2304.07193); Darcet et al., registers (arXiv:2309.16588). Checked after every block
 * against Hugging Face transformers on random checkpoints (tests/parity).
 */
#include <math.h>
#include <string.h>

#include "encoders/vit/vit.h"

/* Cuts images into rows of pixels, one a patch, in the order of the convolution's weights: channel,
 * y, x. */
static ec_tensor patches_of(ec_ctx *ctx, const float *images, size_t n, size_t height, size_t width,
                            size_t p) {
    const size_t rows = height / p, columns = width / p;
    ec_tensor out =
        ec_scratch(ctx, 3, (size_t[]){n, rows * columns, 3 * p * p}); /* [n, g, 3 p p] */
    float *to = out.data;
    if (to == NULL) return out;
    for (size_t i = 0; i < n; i++)
        for (size_t row = 0; row < rows; row++)
            for (size_t column = 0; column < columns; column++)
                for (size_t channel = 0; channel < 3; channel++)
                    for (size_t y = 0; y < p; y++, to += p)
                        memcpy(to,
                               images + ((i * 3 + channel) * height + row * p + y) * width +
                                   column * p,
                               p * sizeof *to);
    return out;
}

/* [class, registers, patches], with positions, of every image. */
static ec_tensor embed(ec_ctx *ctx, const vit_spec *spec, const vit_weights *w,
                       const float *position, const float *images, size_t n, size_t height,
                       size_t width) {
    const size_t d = spec->width, grid = (height / spec->patch) * (width / spec->patch);
    const size_t n_extra = spec->class_token + spec->registers;
    ec_tensor x = ec_scratch(ctx, 3, (size_t[]){n, n_extra + grid, d}); /* [n, t, d] */
    const ec_mark mark = ec_scratch_mark(ctx);
    const ec_linear_params projection = {&w->patch_matrix, w->patch_bias};
    ec_tensor patches = patches_of(ctx, images, n, height, width, spec->patch); /* [n, g, 3 p p] */
    patches = ec_linear(ctx, patches, projection, EC_ACT_NONE);                 /* [n, g, d]     */
    if (patches.data == NULL || x.data == NULL) return x;

    for (size_t i = 0; i < n; i++) {
        float *to = (float *)x.data + i * (n_extra + grid) * d;
        if (spec->class_token) ec_tensor_to_f32(to, w->class_token, 0, d);
        if (spec->registers > 0)
            ec_tensor_to_f32(to + spec->class_token * d, w->registers, 0, spec->registers * d);
        for (size_t j = 0; j < w->n_extra_positions * d; j++) {
            float extra;
            ec_tensor_to_f32(&extra, w->position, j, 1);
            to[j] += extra;
        }
        to += n_extra * d;
        const size_t stride = ec_row_stride(&patches);
        const float *from = (const float *)patches.data + i * grid * stride;
        for (size_t g = 0; g < grid; g++, from += stride, to += d)
            for (size_t j = 0; j < d; j++) to[j] = from[j] + position[g * d + j];
    }
    ec_scratch_release(ctx, mark);
    return x;
}

/* One block, on the residual stream x [n, t, d], which it updates in place. */
static void block_forward(ec_ctx *ctx, const vit_spec *spec, const vit_block *b, ec_tensor x) {
    ec_tensor h = ec_layer_norm(ctx, x, b->norm1, spec->eps);     /* [n, t, d]   */
    const ec_tensor q = ec_linear(ctx, h, b->query, EC_ACT_NONE); /* [n, t, d]   */
    const ec_tensor k = ec_linear(ctx, h, b->key, EC_ACT_NONE);   /* [n, t, d]   */
    const ec_tensor v = ec_linear(ctx, h, b->value, EC_ACT_NONE); /* [n, t, d]   */
    h = ec_attention(ctx, q, k, v, spec->heads);                  /* [n, t, d]   */
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

ec_tensor vit_forward(ec_ctx *ctx, const vit_spec *spec, const vit_weights *weights,
                      const float *position, const float *images, size_t n, size_t height,
                      size_t width, size_t n_blocks, ec_encoder_watcher watcher) {
    ec_tensor x = embed(ctx, spec, weights, position, images, n, height, width);
    if (spec->pre_norm) ec_layer_norm_in_place(ctx, x, weights->pre_norm, spec->eps);
    if (watcher.see != NULL && x.data != NULL) watcher.see(watcher.context, 0, &x);
    for (size_t i = 0; i < n_blocks; i++) {
        const ec_mark mark = ec_scratch_mark(ctx);
        block_forward(ctx, spec, &weights->block[i], x);
        ec_scratch_release(ctx, mark); /* x is older than the mark */
        if (watcher.see != NULL && x.data != NULL) watcher.see(watcher.context, i + 1, &x);
    }
    return x;
}
