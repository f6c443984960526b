/* ops.h - the operations that models are made of, and the table a backend fills
 *
 * Calls are eager. Activations are f32, [rows, channels] row-major, and live in the context's
 * arena; weights are views of the mapped file in f32, f16 or bf16, [out, in] as PyTorch stores
 * them. A context remembers the first operation that failed and later ones do nothing, so that a
 * forward pass reads like the paper; ec_ctx_status() asks once at the end.
 *
 * Results do not depend on the number of threads: work is split by output rows, sums run in a fixed
 * order.
 *
 * Room left on purpose: group norm, adaLN modulation, RoPE, RMSNorm, cross entropy and the backward
 * passes join this table as their models arrive; a CUDA module fills the same table without
 * touching a model file.
 */
#ifndef EC_OPS_OPS_H
#define EC_OPS_OPS_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/status.h"
#include "eyechart/tensor.h"

typedef enum ec_activation {
    EC_ACT_NONE = 0,
    EC_ACT_QUICK_GELU, /* x sigmoid(1.702 x) */
    EC_ACT_GELU,       /* x Phi(x), exact erf */
    EC_ACT_GELU_TANH,  /* tanh approximation */
    EC_ACT_SILU,       /* x sigmoid(x) */
    EC_ACT_RELU        /* max(x, 0) */
} ec_activation;

/* What follows a matrix product in the same pass: y = residual + scale * act(x W^T + bias). Zero is
 * none of it. */
typedef struct ec_epilogue {
    const ec_tensor *bias; /* [out], f32, f16 or bf16; NULL: none */
    ec_activation activation;
    const ec_tensor *scale; /* [out], LayerScale; NULL: none */
    const float *residual;  /* [rows, out] as far apart as those of y, may be y; NULL: none */
    bool wide_sums;         /* not what follows, but how to sum: see ec_linear_wide() */
} ec_epilogue;

/* A 2-D convolution's steps, at least 1, and the zeros around the image, which may differ on each
 * side (the downsampling of diffusion autoencoders pads below and on the right alone). No dilation,
 * no groups. */
typedef struct ec_conv_steps {
    size_t stride_y, stride_x;
    size_t top, left, bottom, right;
} ec_conv_steps;

/* A convolution's sizes. Channels last: x [n, height, width, in] -> y [n, out_height, out_width,
 * out], W [out, in, kernel_y, kernel_x] as PyTorch stores it. */
typedef struct ec_conv_shape {
    size_t n, height, width, in, out, kernel_y, kernel_x, out_height, out_width;
    ec_conv_steps steps;
} ec_conv_shape;

/* One backend: a CPU instruction set, a library, or a GPU. All pointers are set but `fault`. An
 * operation returns EC_OK, EC_ERR_NOMEM, or EC_ERR_IO: the library or device failed. Sizes of zero
 * are allowed, except of the dimension that is summed over. A stride is the number of elements from
 * one row to the next. */
typedef struct ec_backend {
    const char *name; /* "portable", "avx2", "avx512", "onednn", "onednn-bf16", "cuda" */
    const char *math; /* "f32", or "bf16": operands of linear and conv2d are rounded to it,
                         but for wide sums */
    size_t row_gap;   /* elements between rows of results whose length is a multiple of 1 KB */

    /* y [m, n] = epilogue(x [m, k] W^T), W [n, k] f32/f16/bf16 at any address (n is its first
     * dimension, k what remains: a convolution's weight that sees every pixel once is such a W). y
     * must not overlap x. */
    ec_status (*linear)(void *backend, float *y, size_t y_stride, const float *x, size_t x_stride,
                        size_t m, size_t k, const ec_tensor *w, const ec_epilogue *epilogue);

    /* y = epilogue(W over x, padded with zeros), sizes and layouts as in ec_conv_shape; the
     * residual is laid out as y. W f32/f16/bf16 at any address. y must not overlap x. */
    ec_status (*conv2d)(void *backend, float *y, const float *x, const ec_conv_shape *shape,
                        const ec_tensor *w, const ec_epilogue *epilogue);

    /* softmax(q k^T * scale) v per head, streaming, without the [t, t] matrix.
     *   q, k, v  [n, t, heads * head_dim] with a row stride, so that a fused qkv [n, t, 3 d] can be
     *            given
     *   out      [n, t, heads * head_dim] */
    ec_status (*attention)(void *backend, float *out, size_t out_stride, const float *q,
                           const float *k, const float *v, size_t qkv_stride, size_t n, size_t t,
                           size_t heads, size_t head_dim, float scale);

    /* y = (x - mean)/sqrt(var + eps) * weight + bias over the last dimension; biased variance. x
     * [rows, d]. y may be x. */
    ec_status (*layer_norm)(void *backend, float *y, size_t y_stride, const float *x,
                            size_t x_stride, size_t rows, size_t d, const ec_tensor *weight,
                            const ec_tensor *bias, float eps);

    /* y [rows, d] = silu(x[:, :d]) * x[:, d:], x [rows, 2 d] (DINOv2's SwiGLU). */
    ec_status (*swiglu)(void *backend, float *y, size_t y_stride, const float *x, size_t x_stride,
                        size_t rows, size_t d);

    /* After EC_ERR_IO: what failed, in words. NULL: this backend never returns it. */
    const char *(*fault)(const void *backend);
    void (*free)(void *backend);
    void *state; /* threads, packing buffers; given to every call as `backend` */
} ec_backend;

typedef struct ec_ctx ec_ctx;

/* A context: backend, arena, first error. One per thread that runs models.
 *
 *   isa        "portable", "avx2", "avx512": own kernels; "onednn": products and convolutions by
 *              oneDNN in f32; "onednn-bf16": with operands rounded to bf16 (EC_ERR_ARG if there is
 *              none of this name, or the CPU or this build lacks it).
 *              NULL: what $EYECHART_ISA names (not onednn-bf16, whose numbers differ), or else the
 *              best own kernels of this CPU
 *   n_threads  0: one per processor; they live as long as the context
 *
 * Owned by the caller, ec_ctx_free(); NULL on failure. The CPU module, which lies above this one,
 * defines this function: src/ops itself knows backends only by their table. */
ec_status ec_ctx_new(ec_ctx **out, const char *isa, size_t n_threads, ec_error *err);
/* The same on a backend that is there already; takes it, also on failure. */
ec_status ec_ctx_new_on(ec_ctx **out, ec_backend backend, ec_error *err);
void ec_ctx_free(ec_ctx *ctx);
const char *ec_ctx_backend_name(const ec_ctx *ctx);
const char *ec_ctx_math(const ec_ctx *ctx); /* "f32" or "bf16"; see ec_backend */
/* EC_OK, or the first failure since the last call, which it clears. */
ec_status ec_ctx_status(ec_ctx *ctx, ec_error *err);
/* Whether there is a failure that ec_ctx_status() would report. */
bool ec_ctx_failed(const ec_ctx *ctx);

/* Scratch: memory from the arena, 64-byte aligned, not zeroed, valid until the mark before it is
 * released. Marks are released in the reverse order. Operations need no check for NULL: on
 * exhaustion the context fails, operations do nothing and their results have a shape but no data;
 * code that touches data itself asks ec_ctx_failed() first. */
typedef size_t ec_mark;
ec_mark ec_scratch_mark(const ec_ctx *ctx);
void ec_scratch_release(ec_ctx *ctx, ec_mark mark);
ec_tensor ec_scratch(ec_ctx *ctx, int n_dims, const size_t *shape); /* f32 */
/* The most scratch that was in use at once, in bytes. */
size_t ec_scratch_peak(const ec_ctx *ctx);

/* A linear layer's parameters, borrowed from the weights. */
typedef struct ec_linear_params {
    const ec_tensor *weight, *bias;
} ec_linear_params;
typedef struct ec_norm_params {
    const ec_tensor *weight, *bias;
} ec_norm_params;

/* Results are scratch. x [.., k] keeps its leading dimensions. Rows of results whose length is a
 * multiple of 1 KB are further apart than they are long (the backend's row_gap, ec_tensor's
 * stride): the rows that a product reads together would otherwise fall on the same places of the
 * first cache and displace one another and the weights. */
size_t ec_row_stride(const ec_tensor *x);
ec_tensor ec_linear(ec_ctx *ctx, ec_tensor x, ec_linear_params p, ec_activation activation);
/* x W^T summed in pieces of about sqrt(k) terms in f32, and these in f64: as near to the exact
 * product as its f32 result can hold, for a fifth more time. For numbers that a steep function is
 * applied to afterwards. */
ec_tensor ec_linear_wide(ec_ctx *ctx, ec_tensor x, const ec_tensor *weight);
/* x [.., out] += scale * (h [.., k] W^T + bias), in place; scale NULL: 1. */
void ec_linear_add(ec_ctx *ctx, ec_tensor x, ec_tensor h, ec_linear_params p,
                   const ec_tensor *scale);
/* x [n, h, w, in], weight [out, in, kernel_y, kernel_x] -> [n, h', w', out], where h' = (h + top +
 * bottom - kernel_y)/stride_y + 1, rounded down; the kernel must fit into the padded image. Rows of
 * x and of the result are dense. */
ec_tensor ec_conv2d(ec_ctx *ctx, ec_tensor x, ec_linear_params p, ec_conv_steps steps,
                    ec_activation activation);
ec_tensor ec_layer_norm(ec_ctx *ctx, ec_tensor x, ec_norm_params p, double eps);
/* The same in place. */
void ec_layer_norm_in_place(ec_ctx *ctx, ec_tensor x, ec_norm_params p, double eps);
/* q, k, v [n, t, d] -> [n, t, d], scale 1/sqrt(d / heads). */
ec_tensor ec_attention(ec_ctx *ctx, ec_tensor q, ec_tensor k, ec_tensor v, size_t heads);
ec_tensor ec_swiglu(ec_ctx *ctx, ec_tensor x);

#endif
