/* ops.c - operations on tensors: shapes, scratch for the result, and the backend's work
 *
 * Shapes come from specs that were checked when the weights were loaded, so that a mismatch here is
 * a mistake of ours: an assertion. What the machine refuses is a status, kept in the context.
 */
#include <assert.h>
#include <math.h>

#include "ops/context.h"

static size_t last_dim(const ec_tensor *x) {
    return x->n_dims > 0 ? x->shape[x->n_dims - 1] : 1;
}

static size_t rows_of(const ec_tensor *x) {
    size_t rows = 1;
    for (int i = 0; i + 1 < x->n_dims; i++) rows *= x->shape[i];
    return rows;
}

static size_t count_of(const ec_tensor *x) {
    return rows_of(x) * last_dim(x);
}

static bool is_weight(const ec_tensor *w) {
    return w->dtype == EC_F32 || w->dtype == EC_F16 || w->dtype == EC_BF16;
}

/* A vector of n parameters, or none. */
static bool is_vector(const ec_tensor *v, size_t n) {
    return v == NULL || (is_weight(v) && count_of(v) == n);
}

size_t ec_row_stride(const ec_tensor *x) {
    return x->stride > 0 ? x->stride : last_dim(x);
}

static ec_tensor scratch_like(ec_ctx *ctx, const ec_tensor *x, size_t last) {
    enum { ALIKE = 256 }; /* 1 KB of floats */
    size_t shape[EC_MAX_DIMS];
    for (int i = 0; i < x->n_dims; i++) shape[i] = x->shape[i];
    const size_t stride = last > 0 && last % ALIKE == 0 ? last + ctx->backend.row_gap : last;
    shape[x->n_dims - 1] = stride;
    ec_tensor y = ec_scratch(ctx, x->n_dims, shape);
    y.shape[x->n_dims - 1] = last;
    y.stride = stride;
    return y;
}

static void keep(ec_ctx *ctx, ec_status status, const char *operation) {
    if (status == EC_ERR_NOMEM)
        ec_fail(&ctx->error, status, "%s: no memory for the backend's buffers: use fewer threads",
                operation);
    else if (status != EC_OK)
        ec_fail(&ctx->error, status, "%s: %s", operation,
                ctx->backend.fault(ctx->backend.state));
}

static void linear(ec_ctx *ctx, ec_tensor *y, const ec_tensor *x, const ec_tensor *w,
                   const ec_epilogue *epilogue) {
    const size_t k = last_dim(x), n = w->shape[0];
    assert(x->dtype == EC_F32 && is_weight(w));
    assert(w->n_dims >= 2 && count_of(w) == n * k);
    assert(is_vector(epilogue->bias, n) && is_vector(epilogue->scale, n));
    assert(last_dim(y) == n && rows_of(y) == rows_of(x));
    if (ec_ctx_failed(ctx)) return;
    keep(ctx,
         ctx->backend.linear(ctx->backend.state, y->data, ec_row_stride(y), x->data,
                             ec_row_stride(x), rows_of(x), k, w, epilogue),
         "linear");
}

ec_tensor ec_linear(ec_ctx *ctx, ec_tensor x, ec_linear_params p, ec_activation activation) {
    ec_tensor y = scratch_like(ctx, &x, p.weight->shape[0]);
    linear(ctx, &y, &x, p.weight, &(ec_epilogue){.bias = p.bias, .activation = activation});
    return y;
}

ec_tensor ec_linear_wide(ec_ctx *ctx, ec_tensor x, const ec_tensor *weight) {
    ec_tensor y = scratch_like(ctx, &x, weight->shape[0]);
    linear(ctx, &y, &x, weight, &(ec_epilogue){.wide_sums = true});
    return y;
}

void ec_linear_add(ec_ctx *ctx, ec_tensor x, ec_tensor h, ec_linear_params p,
                   const ec_tensor *scale) {
    linear(ctx, &x, &h, p.weight,
           &(ec_epilogue){.bias = p.bias, .scale = scale, .residual = x.data});
}

ec_tensor ec_conv2d(ec_ctx *ctx, ec_tensor x, ec_linear_params p, ec_conv_steps steps,
                    ec_activation activation) {
    const ec_tensor *w = p.weight;
    assert(x.n_dims == 4 && x.dtype == EC_F32 && w->n_dims == 4 && is_weight(w));
    assert(w->shape[1] == x.shape[3] && is_vector(p.bias, w->shape[0]));
    assert(steps.stride_y > 0 && steps.stride_x > 0 && ec_row_stride(&x) == last_dim(&x));
    ec_conv_shape s = {.n = x.shape[0],
                       .height = x.shape[1],
                       .width = x.shape[2],
                       .in = x.shape[3],
                       .out = w->shape[0],
                       .kernel_y = w->shape[2],
                       .kernel_x = w->shape[3],
                       .steps = steps};
    const size_t height = s.height + steps.top + steps.bottom;
    const size_t width = s.width + steps.left + steps.right;
    assert(s.kernel_y > 0 && s.kernel_y <= height && s.kernel_x > 0 && s.kernel_x <= width);
    s.out_height = (height - s.kernel_y) / steps.stride_y + 1;
    s.out_width = (width - s.kernel_x) / steps.stride_x + 1;
    ec_tensor y = ec_scratch(ctx, 4, (size_t[]){s.n, s.out_height, s.out_width, s.out});
    if (ec_ctx_failed(ctx)) return y;
    const ec_epilogue epilogue = {.bias = p.bias, .activation = activation};
    keep(ctx, ctx->backend.conv2d(ctx->backend.state, y.data, x.data, &s, w, &epilogue),
         "convolution");
    return y;
}

static void layer_norm(ec_ctx *ctx, const ec_tensor *y, const ec_tensor *x, ec_norm_params p,
                       double eps) {
    const size_t d = last_dim(x);
    assert(p.weight != NULL && is_vector(p.weight, d));
    assert(p.bias != NULL && is_vector(p.bias, d));
    if (ec_ctx_failed(ctx)) return;
    keep(ctx,
         ctx->backend.layer_norm(ctx->backend.state, y->data, ec_row_stride(y), x->data,
                                 ec_row_stride(x), rows_of(x), d, p.weight, p.bias, (float)eps),
         "layer norm");
}

ec_tensor ec_layer_norm(ec_ctx *ctx, ec_tensor x, ec_norm_params p, double eps) {
    const ec_tensor y = scratch_like(ctx, &x, last_dim(&x));
    layer_norm(ctx, &y, &x, p, eps);
    return y;
}

void ec_layer_norm_in_place(ec_ctx *ctx, ec_tensor x, ec_norm_params p, double eps) {
    layer_norm(ctx, &x, &x, p, eps);
}

ec_tensor ec_attention(ec_ctx *ctx, ec_tensor q, ec_tensor k, ec_tensor v, size_t heads) {
    assert(q.n_dims == 3);
    const size_t n = q.shape[0], t = q.shape[1], d = q.shape[2];
    assert(heads > 0 && d % heads == 0);
    assert(k.n_dims == 3 && k.shape[0] == n && k.shape[1] == t && k.shape[2] == d);
    assert(v.n_dims == 3 && v.shape[0] == n && v.shape[1] == t && v.shape[2] == d);
    const size_t stride = ec_row_stride(&q);
    assert(ec_row_stride(&k) == stride && ec_row_stride(&v) == stride);
    ec_tensor y = scratch_like(ctx, &q, d);
    if (ec_ctx_failed(ctx)) return y;
    keep(ctx,
         ctx->backend.attention(ctx->backend.state, y.data, ec_row_stride(&y), q.data, k.data,
                                v.data, stride, n, t, heads, d / heads,
                                (float)(1.0 / sqrt((double)(d / heads)))),
         "attention");
    return y;
}

ec_tensor ec_swiglu(ec_ctx *ctx, ec_tensor x) {
    assert(last_dim(&x) % 2 == 0);
    ec_tensor y = scratch_like(ctx, &x, last_dim(&x) / 2);
    if (ec_ctx_failed(ctx)) return y;
    keep(ctx,
         ctx->backend.swiglu(ctx->backend.state, y.data, ec_row_stride(&y), x.data,
                             ec_row_stride(&x), rows_of(&x), last_dim(&x) / 2),
         "swiglu");
    return y;
}
