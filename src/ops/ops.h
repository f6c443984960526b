/* ops.h - the operations that models are made of, forward and backward
 *
 * Calls are eager. Arrays are [rows, channels] row-major; results live in the context's arena, in
 * the context's dtype of activations; parameters are views of the mapped file in f32, f16 or bf16
 * where the device reads the host's memory, else copies on the device. A context remembers the
 * first operation that failed and later ones do nothing, so that a forward pass reads like the
 * paper; ec_ctx_status() asks once at the end.
 *
 *     shapes, scratch, gradients   here
 *     the work                     backend.h, by src/cpu, src/ref, …
 *
 * Shapes come from specs that were checked when the weights were loaded, so that a mismatch is a
 * mistake of ours: an assertion. Results do not depend on the number of threads.
 */
#ifndef EC_OPS_OPS_H
#define EC_OPS_OPS_H

#include "eyechart/device.h"
#include "ops/backend.h"
#include "ops/params.h"

/* ---- context ---- */

/* A context on a backend: takes it, also on failure. `device` is its full name, such as "cpu:avx2",
 * copied. Owned by the caller: ec_ctx_free(). src/device opens backends by name. */
ec_status ec_ctx_new_on(ec_ctx **out, ec_backend backend, const char *device, ec_dtype activations,
                        ec_error *err);
/* "portable", "avx2", "avx512", "onednn", "onednn-bf16", "ref" */
const char *ec_ctx_backend_name(const ec_ctx *ctx);
/* EC_OK, or the first failure since the last call, which it clears. */
ec_status ec_ctx_status(ec_ctx *ctx, ec_error *err);
/* Whether there is a failure that ec_ctx_status() would report. */
bool ec_ctx_failed(const ec_ctx *ctx);

/* ---- memory ---- */

/* Scratch: memory from the arena, 64-byte aligned, not zeroed, valid until the mark before it is
 * released. Marks are released in the reverse order. On exhaustion the context fails, operations do
 * nothing and their results have a shape but no memory. */
typedef size_t ec_mark;
ec_mark ec_scratch_mark(const ec_ctx *ctx);
void ec_scratch_release(ec_ctx *ctx, ec_mark mark);
/* Rows dense. */
ec_array ec_scratch(ec_ctx *ctx, int n_dims, const size_t *shape);
/* The most scratch that was in use at once, in bytes. */
size_t ec_scratch_peak(const ec_ctx *ctx);

/* Memory that stays, zeroed, rows dense. On failure the context fails and `at` is NULL. */
ec_array ec_array_new(ec_ctx *ctx, ec_dtype dtype, int n_dims, const size_t *shape);
void ec_array_free(ec_ctx *ctx, ec_array x); /* one without memory is allowed */

/* The only two ways between host and device. Where the device reads the host's memory, an upload is
 * the host's array itself, which must stay and stay the same as long as the result is used; else a
 * copy in scratch. Not converted: operations take f32, f16 and bf16. */
ec_array ec_upload(ec_ctx *ctx, const void *host, ec_dtype dtype, int n_dims, const size_t *shape);
/* Waits; host [count], rows dense, as f32. Does nothing after a failure. */
void ec_download(ec_ctx *ctx, float *host, ec_array x);

/* ---- operations: results are scratch; x [.., k] keeps its leading dimensions ----
 *
 * Rows of results whose length is a multiple of 1 KB are further apart than they are long (the
 * backend's row_gap): the rows that a product reads together would otherwise fall on the same
 * places of the first cache and displace one another and the weights. */

ec_array ec_linear(ec_ctx *ctx, ec_array x, ec_linear_params p, ec_activation activation);
/* x [.., out] += scale * (h [.., k] W^T + bias), in place; scale NULL: 1. */
void ec_linear_add(ec_ctx *ctx, ec_array x, ec_array h, ec_linear_params p, const ec_param *scale);
/* x [m, k] y^T, y [n, k] -> [m, n]. wide_sums: see ec_product. */
ec_array ec_product_nt(ec_ctx *ctx, ec_array x, ec_array y, bool wide_sums);
/* x [n, h, w, in], weight [out, in, kernel_y, kernel_x] -> [n, h', w', out], where h' = (h + top +
 * bottom - kernel_y)/stride_y + 1, rounded down; the kernel must fit into the padded image. */
ec_array ec_conv2d(ec_ctx *ctx, ec_array x, ec_linear_params p, ec_conv_steps steps,
                   ec_activation activation);
ec_array ec_layer_norm(ec_ctx *ctx, ec_array x, ec_norm_params p, double eps);
/* The same in place. */
void ec_layer_norm_in_place(ec_ctx *ctx, ec_array x, ec_norm_params p, double eps);
/* q, k, v [n, t, d] -> [n, t, d], scale 1/sqrt(d / heads). log_sums NULL, or receives what the
 * backward pass needs: [n, heads, t], f32. */
ec_array ec_attention(ec_ctx *ctx, ec_array q, ec_array k, ec_array v, size_t heads,
                      ec_array *log_sums);
ec_array ec_activate(ec_ctx *ctx, ec_array x, ec_activation activation);
ec_array ec_swiglu(ec_ctx *ctx, ec_array x); /* [.., 2 d] -> [.., d] */

/* Images [n, c, h, w] -> [n, g, c p p]: see EC_ROWS_PATCHES. */
ec_array ec_patches(ec_ctx *ctx, ec_array images, size_t p);
/* Rows [first, first + r) of every n of y [n, t, d] become x, or x is added to them; x [n, r, d],
 * or [r, d] for every n. */
void ec_put_rows(ec_ctx *ctx, ec_array y, size_t first, ec_array x);
void ec_add_rows(ec_ctx *ctx, ec_array y, size_t first, ec_array x);
/* Rows index[0], index[1], … of x -> [n, width]; index [n] on the host. */
ec_array ec_gather_rows(ec_ctx *ctx, ec_array x, const size_t *index, size_t n);
/* The largest of each row -> [rows], f32. */
ec_array ec_row_max(ec_ctx *ctx, ec_array x);

/* ---- backward passes ----
 *
 * The name of the operation, dL/dy first, then what the forward call had. The result is dL/dx,
 * scratch. Gradients of parameters are added to, those of activations are set; dL/dx of a residual
 * stream is added in place by the _add form. What is frozen (ec_param.grad without memory) is not
 * computed. Each is held against finite differences on `ref`
 * (tests/unit/device/test_backward.c). */

/* dy is dL/d(x W^T + bias): of a linear layer with an activation, ec_activation_backward() of what
 * was before it comes first. */
ec_array ec_linear_backward(ec_ctx *ctx, ec_array dy, ec_array x, ec_linear_params p);
/* `before` is x, what the activation was applied to. */
ec_array ec_activation_backward(ec_ctx *ctx, ec_array dy, ec_array before,
                                ec_activation activation);
ec_array ec_swiglu_backward(ec_ctx *ctx, ec_array dy, ec_array x);
ec_array ec_layer_norm_backward(ec_ctx *ctx, ec_array dy, ec_array x, ec_norm_params p, double eps);
void ec_layer_norm_backward_add(ec_ctx *ctx, ec_array dx, ec_array dy, ec_array x, ec_norm_params p,
                                double eps);
typedef struct ec_qkv {
    ec_array q, k, v;
} ec_qkv;
/* y and log_sums are what the forward call gave. */
ec_qkv ec_attention_backward(ec_ctx *ctx, ec_array dy, ec_array y, ec_qkv x, ec_array log_sums,
                             size_t heads);

#endif
