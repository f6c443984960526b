/* backend.h - what a device can do: a table with one entry for each kind of work
 *
 * Every entry takes one struct. Arrays of results are the caller's; a backend follows the pointers
 * of arrays, nobody else does. The definition of each kind of work is src/ref: plain loops in
 * double. Whatever the arrays are kept in, sums, statistics of norms and softmax are at least f32.
 *
 * An entry returns EC_OK, EC_ERR_NOMEM, or EC_ERR_DEVICE: the library or the device failed, and
 * fault() says how. Sizes of zero are allowed, except of the dimension that is summed over. Results
 * do not depend on the number of threads: work is split by rows of results, sums run in a fixed
 * order.
 *
 * A new operation is an entry here, or a kind of one, with its loops in src/ref; see
 * CONTRIBUTING.md. A result may not overlap an operand unless its struct says so.
 */
#ifndef EC_OPS_BACKEND_H
#define EC_OPS_BACKEND_H

#include "eyechart/status.h"
#include "ops/array.h"

typedef enum ec_activation {
    EC_ACT_NONE = 0,
    EC_ACT_QUICK_GELU, /* x sigmoid(1.702 x) */
    EC_ACT_GELU,       /* x Phi(x), exact erf */
    EC_ACT_GELU_TANH,  /* tanh approximation */
    EC_ACT_SILU,       /* x sigmoid(x) */
    EC_ACT_RELU        /* max(x, 0) */
} ec_activation;

/* What follows a product in the same pass: y = residual + scale * act(product + bias). Zero is none
 * of it. */
typedef struct ec_epilogue {
    const ec_array *bias; /* [n], f32, f16 or bf16; NULL: none */
    ec_activation activation;
    const ec_array *scale;    /* [n], LayerScale; NULL: none */
    const ec_array *residual; /* [m, n], dtype and stride of y; may be y; NULL: none */
} ec_epilogue;

/* y [m, n] = epilogue(op(a) op(b)), summed over k.
 *
 *     forward   y  = x W^T     a = x  [m, k]                     b = W [n, k], transposed
 *     backward  dx = dy W      a = dy [m, k]                     b = W [k, n]
 *               dW += dy^T x   a = dy [k, m], transposed         b = x [k, n]    residual = dW
 */
typedef struct ec_product {
    ec_array y; /* [m, n] */
    ec_array a; /* [m, k], or [k, m] where a_transposed */
    ec_array b; /* [k, n], or [n, k] where b_transposed; f32, f16 or bf16 at any address */
    bool a_transposed, b_transposed;
    /* Sums in pieces of about sqrt(k) terms in f32, and these in f64: as near to the exact product
     * as its f32 result can hold. For numbers that a steep function is applied to afterwards. */
    bool wide_sums;
    ec_epilogue epilogue;
} ec_product;

/* A convolution's steps, at least 1, and the zeros around the image, which may differ on each side
 * (the downsampling of diffusion autoencoders pads below and on the right alone). No dilation, no
 * groups. */
typedef struct ec_conv_steps {
    size_t stride_y, stride_x;
    size_t top, left, bottom, right;
} ec_conv_steps;

/* y [n, h', w', out] = epilogue(w over x, padded with zeros); x [n, h, w, in], channels last; w
 * [out, in, kernel_y, kernel_x] as PyTorch stores it. The residual is laid out as y. */
typedef struct ec_conv {
    ec_array y, x, w;
    ec_conv_steps steps;
    ec_epilogue epilogue;
} ec_conv;

/* y = softmax(q k^T * scale) v for each head, without the [t, t] matrix; q, k, v, y [n, t, heads *
 * head_dim].
 *
 * Backward, which gets dy, y and log_sums besides: dq, dk, dv. With p the probabilities,
 *     dv = p^T dy,   ds = p * (dy v^T - row sums of dy * y),   dq = scale ds k,   dk = scale ds^T q
 * and p = exp(scale q k^T - log_sums) is computed again. */
typedef struct ec_attention_work {
    ec_array y, q, k, v;
    size_t heads;
    float scale;
    ec_array log_sums;       /* [n, heads, t], f32: the logarithm of each softmax' sum; at NULL:
                                not wanted (forward alone) */
    ec_array dy, dq, dk, dv; /* backward alone */
} ec_attention_work;

/* y = (x - mean)/sqrt(var + eps) * weight + bias over the last dimension, biased variance; y may be
 * x.
 *
 * Backward: with h = (x - mean)/sqrt(var + eps) and g = dy * weight, dx (+)= (g - mean(g) - h
 * mean(g h))/sqrt(var + eps), dweight += sum of dy h, dbias += sum of dy. */
typedef struct ec_norm_work {
    ec_array y, x, weight, bias; /* y, bias: forward alone */
    float eps;
    ec_array dx, dy;         /* backward alone */
    bool adds;               /* dx += instead of dx = */
    ec_array dweight, dbias; /* [d], f32; at NULL: frozen */
} ec_norm_work;

/* Element by element. y may be x or z. */
typedef enum ec_pointwise {
    EC_ACTIVATE,          /* y = act(x) */
    EC_ACTIVATE_BACKWARD, /* y = z act'(x); z is dL/d act(x) */
    EC_SWIGLU,            /* y [.., d] = silu(x[.., :d]) * x[.., d:] (DINOv2's SwiGLU) */
    EC_SWIGLU_BACKWARD,   /* y [.., 2 d] from x [.., 2 d] and z [.., d] */
} ec_pointwise;
typedef struct ec_pointwise_work {
    ec_pointwise kind;
    ec_array y, x, z; /* z: where the kind names it */
    ec_activation activation;
} ec_pointwise_work;

/* Rows moved, compared or added up. Arrays are seen as [rows, width] but where the kind says
 * otherwise. */
typedef enum ec_rows {
    EC_ROWS_PATCHES, /* y [n, g, c p p] from images x [n, c, h, w]: patches of p x p pixels,
                        row by row; channel, y, x within each. What is left on the right and
                        below is not seen */
    EC_ROWS_PUT,     /* y [n, t, d]: rows [first, first + r) of every n become x, [n, r, d] or the
                        same [r, d] for every n */
    EC_ROWS_ADD,     /* likewise += */
    EC_ROWS_GATHER,  /* y [i] = x [index [i]] */
    EC_ROWS_MAX,     /* y [rows], f32 = the largest of each row of x; NaN if there is one */
    EC_ROWS_SUM,     /* y [width], f32 += the sum of the rows of x: a bias' gradient */
} ec_rows;
typedef struct ec_rows_work {
    ec_rows kind;
    ec_array y, x;
    size_t patch;   /* EC_ROWS_PATCHES */
    size_t first;   /* EC_ROWS_PUT, EC_ROWS_ADD */
    ec_array index; /* EC_ROWS_GATHER: [rows of y], EC_I32 */
} ec_rows_work;

typedef enum ec_direction { EC_TO_DEVICE, EC_FROM_DEVICE } ec_direction;

/* All pointers are set but `fault`. `self` is given to every call: threads, buffers, handles. */
typedef struct ec_backend {
    const char *name; /* "portable", "avx2", "avx512", "onednn", "onednn-bf16", "ref", "cuda" */
    const char *math; /* "f32", or "bf16": operands of product (but for wide sums) and conv2d are
                         rounded to it; of results in another dtype see ec_ctx_math */
    size_t n_threads; /* for what the host does beside it; 0: one per processor */
    size_t row_gap;   /* elements between rows of results whose length is a multiple of 1 KB */
    bool shares_host_memory; /* operations take the host's addresses, those of mapped files too */

    void *(*take)(void *self, size_t bytes); /* 64-byte aligned, not zeroed; NULL: no memory */
    void (*give)(void *self, void *at, size_t bytes);
    /* `rows` pieces of `bytes`, to_step and from_step bytes apart. */
    ec_status (*copy)(void *self, void *to, size_t to_step, const void *from, size_t from_step,
                      size_t bytes, size_t rows, ec_direction way);

    ec_status (*product)(void *self, const ec_product *work);
    ec_status (*conv2d)(void *self, const ec_conv *work);
    ec_status (*attention)(void *self, const ec_attention_work *work);
    ec_status (*attention_backward)(void *self, const ec_attention_work *work);
    ec_status (*norm)(void *self, const ec_norm_work *work);
    ec_status (*norm_backward)(void *self, const ec_norm_work *work);
    ec_status (*pointwise)(void *self, const ec_pointwise_work *work);
    ec_status (*rows)(void *self, const ec_rows_work *work);

    /* After EC_ERR_DEVICE: what failed, in words. NULL: this backend never returns it. */
    const char *(*fault)(const void *self);
    void (*free)(void *self);
    void *self;
} ec_backend;

#endif
