/* ops.c - operations forward: shapes, scratch for the result, and the backend's work */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "ops/context.h"

#define WORK(ctx, entry, work, operation)                                                          \
    do {                                                                                           \
        if (!ec_ctx_failed(ctx))                                                                   \
            ec_ctx_keep(ctx, (ctx)->backend.entry((ctx)->backend.self, work), operation);          \
    } while (0)

static bool is_value(ec_dtype dtype) {
    return dtype == EC_F32 || dtype == EC_F16 || dtype == EC_BF16 || dtype == EC_F64;
}

/* A vector of n parameters, or none. */
static bool is_vector(const ec_param *p, size_t n) {
    return p == NULL || (is_value(p->value.dtype) && ec_array_count(p->value) == n);
}

static bool same_shape(ec_array x, ec_array y) {
    if (x.n_dims != y.n_dims) return false;
    for (int i = 0; i < x.n_dims; i++)
        if (x.shape[i] != y.shape[i]) return false;
    return true;
}

/* Where the rows of a result lie. */
static size_t row_step(const ec_ctx *ctx, ec_dtype dtype, size_t width) {
    enum { ALIKE_BYTES = 1024 };
    const size_t bytes = width * ec_dtype_size(dtype);
    return bytes > 0 && bytes % ALIKE_BYTES == 0 ? width + ctx->backend.row_gap : width;
}

/* For a result of the shape of x but for the last dimension. */
static ec_array result_like(ec_ctx *ctx, ec_array x, size_t width) {
    size_t shape[EC_MAX_DIMS];
    for (int i = 0; i < x.n_dims; i++) shape[i] = x.shape[i];
    shape[x.n_dims - 1] = row_step(ctx, ctx->activations, width);
    ec_array y = ec_scratch(ctx, x.n_dims, shape); /* keeps its stride */
    y.shape[x.n_dims - 1] = width;
    return y;
}

/* ---- products ---- */

static ec_array flat_rows(ec_array x) {
    return ec_array_rows(x, 0, ec_array_height(x));
}

static const ec_array *value_of(const ec_param *p) {
    return p != NULL ? &p->value : NULL;
}

/* A weight as a matrix: a convolution's that sees every pixel once is one too. */
static ec_array matrix_of(const ec_param *weight) {
    const size_t n = weight->value.shape[0];
    return ec_array_as(weight->value, 2, (size_t[]){n, ec_array_count(weight->value) / n});
}

static void product(ec_ctx *ctx, const ec_product *work, const char *operation) {
    const size_t m = ec_array_height(work->y), n = ec_array_width(work->y);
    const size_t k = work->a_transposed ? ec_array_height(work->a) : ec_array_width(work->a);
    assert((work->a_transposed ? ec_array_width(work->a) : ec_array_height(work->a)) == m);
    assert(ec_array_width(work->b) == (work->b_transposed ? k : n));
    assert(ec_array_height(work->b) == (work->b_transposed ? n : k));
    (void)m, (void)n, (void)k;
    WORK(ctx, product, work, operation);
}

static void linear(ec_ctx *ctx, ec_array y, ec_array x, ec_linear_params p, const ec_array *scale,
                   ec_activation activation, const ec_array *residual) {
    assert(is_value(p.weight->value.dtype) && p.weight->value.n_dims >= 2);
    assert(is_vector(p.bias, p.weight->value.shape[0]));
    product(ctx,
            &(ec_product){.y = flat_rows(y),
                          .a = flat_rows(x),
                          .b = matrix_of(p.weight),
                          .b_transposed = true,
                          .epilogue = {.bias = value_of(p.bias),
                                       .activation = activation,
                                       .scale = scale,
                                       .residual = residual}},
            "linear");
}

ec_array ec_linear(ec_ctx *ctx, ec_array x, ec_linear_params p, ec_activation activation) {
    const ec_array y = result_like(ctx, x, p.weight->value.shape[0]);
    linear(ctx, y, x, p, NULL, activation, NULL);
    return y;
}

void ec_linear_add(ec_ctx *ctx, ec_array x, ec_array h, ec_linear_params p, const ec_param *scale) {
    const ec_array rows = flat_rows(x);
    assert(is_vector(scale, ec_array_width(x)));
    linear(ctx, x, h, p, value_of(scale), EC_ACT_NONE, &rows);
}

ec_array ec_product_nt(ec_ctx *ctx, ec_array x, ec_array y, bool wide_sums) {
    const ec_array z = result_like(ctx, x, ec_array_height(y));
    product(ctx,
            &(ec_product){.y = flat_rows(z),
                          .a = flat_rows(x),
                          .b = flat_rows(y),
                          .b_transposed = true,
                          .wide_sums = wide_sums},
            "product");
    return z;
}

ec_array ec_conv2d(ec_ctx *ctx, ec_array x, ec_linear_params p, ec_conv_steps steps,
                   ec_activation activation) {
    const ec_array w = p.weight->value;
    assert(x.n_dims == 4 && w.n_dims == 4 && is_value(w.dtype));
    assert(w.shape[1] == x.shape[3] && is_vector(p.bias, w.shape[0]));
    assert(steps.stride_y > 0 && steps.stride_x > 0);
    const size_t height = x.shape[1] + steps.top + steps.bottom;
    const size_t width = x.shape[2] + steps.left + steps.right;
    assert(w.shape[2] > 0 && w.shape[2] <= height && w.shape[3] > 0 && w.shape[3] <= width);
    const size_t shape[4] = {x.shape[0], (height - w.shape[2]) / steps.stride_y + 1,
                             (width - w.shape[3]) / steps.stride_x + 1, w.shape[0]};
    const ec_array y = result_like(ctx, ec_array_at(NULL, EC_F32, 4, shape), w.shape[0]);
    const ec_conv work = {.y = y,
                          .x = x,
                          .w = w,
                          .steps = steps,
                          .epilogue = {.bias = value_of(p.bias), .activation = activation}};
    WORK(ctx, conv2d, &work, "convolution");
    return y;
}

/* ---- norms, attention ---- */

static void layer_norm(ec_ctx *ctx, ec_array y, ec_array x, ec_norm_params p, double eps) {
    assert(p.weight != NULL && is_vector(p.weight, ec_array_width(x)));
    assert(p.bias != NULL && is_vector(p.bias, ec_array_width(x)));
    const ec_norm_work work = {.y = flat_rows(y),
                               .x = flat_rows(x),
                               .weight = p.weight->value,
                               .bias = p.bias->value,
                               .eps = (float)eps};
    WORK(ctx, norm, &work, "layer norm");
}

ec_array ec_layer_norm(ec_ctx *ctx, ec_array x, ec_norm_params p, double eps) {
    const ec_array y = result_like(ctx, x, ec_array_width(x));
    layer_norm(ctx, y, x, p, eps);
    return y;
}

void ec_layer_norm_in_place(ec_ctx *ctx, ec_array x, ec_norm_params p, double eps) {
    layer_norm(ctx, x, x, p, eps);
}

ec_array ec_attention(ec_ctx *ctx, ec_array q, ec_array k, ec_array v, size_t heads,
                      ec_array *log_sums) {
    assert(q.n_dims == 3 && heads > 0 && q.shape[2] % heads == 0);
    assert(same_shape(q, k) && same_shape(q, v));
    const size_t d = q.shape[2] / heads;
    ec_attention_work work = {.y = result_like(ctx, q, q.shape[2]),
                              .q = q,
                              .k = k,
                              .v = v,
                              .heads = heads,
                              .scale = (float)(1.0 / sqrt((double)d))};
    if (log_sums != NULL)
        *log_sums = work.log_sums =
            ec_scratch_of(ctx, EC_F32, 3, (size_t[]){q.shape[0], heads, q.shape[1]});
    WORK(ctx, attention, &work, "attention");
    return work.y;
}

/* ---- element by element ---- */

ec_array ec_activate(ec_ctx *ctx, ec_array x, ec_activation activation) {
    const ec_array y = result_like(ctx, x, ec_array_width(x));
    const ec_pointwise_work work = {
        .kind = EC_ACTIVATE, .y = flat_rows(y), .x = flat_rows(x), .activation = activation};
    WORK(ctx, pointwise, &work, "activation");
    return y;
}

ec_array ec_swiglu(ec_ctx *ctx, ec_array x) {
    assert(ec_array_width(x) % 2 == 0);
    const ec_array y = result_like(ctx, x, ec_array_width(x) / 2);
    const ec_pointwise_work work = {.kind = EC_SWIGLU, .y = flat_rows(y), .x = flat_rows(x)};
    WORK(ctx, pointwise, &work, "swiglu");
    return y;
}

/* ---- rows ---- */

ec_array ec_patches(ec_ctx *ctx, ec_array images, size_t p) {
    assert(images.n_dims == 4 && p > 0);
    const size_t *s = images.shape;
    const size_t shape[3] = {s[0], s[2] / p * (s[3] / p), s[1] * p * p};
    const ec_rows_work work = {
        .kind = EC_ROWS_PATCHES, .y = ec_scratch(ctx, 3, shape), .x = images, .patch = p};
    WORK(ctx, rows, &work, "patches");
    return work.y;
}

static void place_rows(ec_ctx *ctx, ec_rows kind, ec_array y, size_t first, ec_array x) {
    assert(y.n_dims == 3 && (x.n_dims == 2 || (x.n_dims == 3 && x.shape[0] == y.shape[0])));
    assert(ec_array_width(x) == y.shape[2] && first + x.shape[x.n_dims - 2] <= y.shape[1]);
    const ec_rows_work work = {.kind = kind, .y = y, .x = x, .first = first};
    WORK(ctx, rows, &work, "rows");
}

void ec_put_rows(ec_ctx *ctx, ec_array y, size_t first, ec_array x) {
    place_rows(ctx, EC_ROWS_PUT, y, first, x);
}

void ec_add_rows(ec_ctx *ctx, ec_array y, size_t first, ec_array x) {
    place_rows(ctx, EC_ROWS_ADD, y, first, x);
}

ec_array ec_gather_rows(ec_ctx *ctx, ec_array x, const size_t *index, size_t n) {
    const ec_array y =
        result_like(ctx, ec_array_at(NULL, EC_F32, 2, (size_t[]){n, 1}), ec_array_width(x));
    ec_rows_work work = {.kind = EC_ROWS_GATHER, .y = y, .x = flat_rows(x)};
    int32_t *const places = ec_ctx_failed(ctx) ? NULL : malloc((n + 1) * sizeof *places);
    if (places == NULL) {
        ec_ctx_keep(ctx, EC_ERR_NOMEM, "gather");
        return y;
    }
    for (size_t i = 0; i < n; i++) {
        assert(index[i] < ec_array_height(x) && index[i] <= INT32_MAX);
        places[i] = (int32_t)index[i];
    }
    work.index = ec_upload(ctx, places, EC_I32, 1, &n);
    WORK(ctx, rows, &work, "gather");
    free(places);
    return y;
}

ec_array ec_row_max(ec_ctx *ctx, ec_array x) {
    const ec_rows_work work = {.kind = EC_ROWS_MAX,
                               .y = ec_scratch_of(ctx, EC_F32, 1, (size_t[]){ec_array_height(x)}),
                               .x = flat_rows(x)};
    assert(ec_array_width(x) > 0);
    WORK(ctx, rows, &work, "largest of rows");
    return work.y;
}

/* ---- backward ---- */

/* dW += dy^T x and db += the sum of dy's rows, of what is trained. */
static void parameter_gradients(ec_ctx *ctx, ec_array dy, ec_array x, ec_linear_params p) {
    if (p.weight->grad.at != NULL) {
        const size_t n = p.weight->grad.shape[0];
        const ec_array dw =
            ec_array_as(p.weight->grad, 2, (size_t[]){n, ec_array_count(p.weight->grad) / n});
        product(ctx,
                &(ec_product){.y = dw,
                              .a = flat_rows(dy),
                              .a_transposed = true,
                              .b = flat_rows(x),
                              .epilogue = {.residual = &dw}},
                "gradient of a weight");
    }
    if (p.bias != NULL && p.bias->grad.at != NULL) {
        const ec_rows_work work = {.kind = EC_ROWS_SUM, .y = p.bias->grad, .x = flat_rows(dy)};
        WORK(ctx, rows, &work, "gradient of a bias");
    }
}

ec_array ec_linear_backward(ec_ctx *ctx, ec_array dy, ec_array x, ec_linear_params p) {
    parameter_gradients(ctx, dy, x, p);
    const ec_array dx = result_like(ctx, x, ec_array_width(x));
    product(ctx, &(ec_product){.y = flat_rows(dx), .a = flat_rows(dy), .b = matrix_of(p.weight)},
            "gradient of a linear layer");
    return dx;
}

ec_array ec_activation_backward(ec_ctx *ctx, ec_array dy, ec_array before,
                                ec_activation activation) {
    assert(same_shape(dy, before));
    const ec_array dx = result_like(ctx, before, ec_array_width(before));
    const ec_pointwise_work work = {.kind = EC_ACTIVATE_BACKWARD,
                                    .y = flat_rows(dx),
                                    .x = flat_rows(before),
                                    .z = flat_rows(dy),
                                    .activation = activation};
    WORK(ctx, pointwise, &work, "gradient of an activation");
    return dx;
}

ec_array ec_swiglu_backward(ec_ctx *ctx, ec_array dy, ec_array x) {
    assert(ec_array_width(x) == 2 * ec_array_width(dy));
    const ec_array dx = result_like(ctx, x, ec_array_width(x));
    const ec_pointwise_work work = {
        .kind = EC_SWIGLU_BACKWARD, .y = flat_rows(dx), .x = flat_rows(x), .z = flat_rows(dy)};
    WORK(ctx, pointwise, &work, "gradient of swiglu");
    return dx;
}

static void norm_backward(ec_ctx *ctx, ec_array dx, bool adds, ec_array dy, ec_array x,
                          ec_norm_params p, double eps) {
    assert(same_shape(dx, x) && same_shape(dy, x) && is_vector(p.weight, ec_array_width(x)));
    const ec_norm_work work = {.x = flat_rows(x),
                               .weight = p.weight->value,
                               .eps = (float)eps,
                               .dx = flat_rows(dx),
                               .dy = flat_rows(dy),
                               .adds = adds,
                               .dweight = p.weight->grad,
                               .dbias = p.bias->grad};
    WORK(ctx, norm_backward, &work, "gradient of a layer norm");
}

ec_array ec_layer_norm_backward(ec_ctx *ctx, ec_array dy, ec_array x, ec_norm_params p,
                                double eps) {
    const ec_array dx = result_like(ctx, x, ec_array_width(x));
    norm_backward(ctx, dx, false, dy, x, p, eps);
    return dx;
}

void ec_layer_norm_backward_add(ec_ctx *ctx, ec_array dx, ec_array dy, ec_array x, ec_norm_params p,
                                double eps) {
    norm_backward(ctx, dx, true, dy, x, p, eps);
}

ec_qkv ec_attention_backward(ec_ctx *ctx, ec_array dy, ec_array y, ec_qkv x, ec_array log_sums,
                             size_t heads) {
    const size_t width = ec_array_width(y);
    const ec_qkv dx = {result_like(ctx, x.q, width), result_like(ctx, x.k, width),
                       result_like(ctx, x.v, width)};
    const ec_attention_work work = {.y = y,
                                    .q = x.q,
                                    .k = x.k,
                                    .v = x.v,
                                    .heads = heads,
                                    .scale = (float)(1.0 / sqrt((double)(width / heads))),
                                    .log_sums = log_sums,
                                    .dy = dy,
                                    .dq = dx.q,
                                    .dk = dx.k,
                                    .dv = dx.v};
    assert(same_shape(dy, y) && same_shape(x.q, y));
    WORK(ctx, attention_backward, &work, "gradient of attention");
    return dx;
}
