/* kernels.h - the innermost loops, one table for each instruction set
 *
 * Everything here works on one thread and on memory that is in the cache or streams well; gemm.c
 * and attention.c cut the operations into such pieces. A panel is a block of weights [panel, k]
 * laid out [k][panel], zero-padded to the width of the tile, so that the product's inner loop reads
 * it front to back.
 */
#ifndef EC_CPU_KERNELS_H
#define EC_CPU_KERNELS_H

#include <stdbool.h>
#include <stddef.h>

#include "ops/backend.h"

/* Rows of memory that are fetched into the second cache while something else is computed. */
typedef struct ec_cpu_fetch {
    const void *at;
    size_t rows, stride_bytes, row_bytes;
} ec_cpu_fetch;

typedef struct ec_cpu_kernels {
    const char *name;
    size_t tile;  /* rows computed together; a block of this many rows (or a multiple) is best */
    size_t panel; /* columns of a panel */

    /* out [n] = n elements at `in` (f32, f16 or bf16, any alignment). */
    void (*to_f32)(float *out, const void *in, ec_dtype dtype, size_t n);

    /* Packs `rows` <= panel rows of w (of `dtype`, `stride` elements apart, any alignment), k
     * elements of each, into out [k][panel]. */
    void (*pack)(float *out, const void *w, ec_dtype dtype, size_t stride, size_t rows, size_t k);
    /* The same for a matrix that is already [k][columns], `stride` elements apart. */
    void (*pack_columns)(float *out, const void *v, ec_dtype dtype, size_t stride, size_t columns,
                         size_t k);
    /* out [columns][rows] = in [rows][columns], transposed; rows of each with a stride. */
    void (*transpose)(float *out, size_t out_stride, const float *in, size_t in_stride, size_t rows,
                      size_t columns);

    /* out [m][n] dense = factor * in [m][n], whose rows are `stride` apart. */
    void (*scale_rows)(float *out, const float *in, size_t stride, size_t m, size_t n,
                       float factor);

    /* c [m][panel] (+)= a [m][k] times a panel; c and a with a stride. Whole panels are stored. The
     * sum over k starts at zero and is then added, in order: for given operands every row gives the
     * same bits, whatever m. */
    void (*product)(float *c, size_t c_stride, const float *a, size_t a_stride, const float *panel,
                    size_t k, size_t m, bool add);
    /* The same, fetching what comes next between its multiply-adds; NULL where that was not seen to
     * pay. */
    void (*product_fetching)(float *c, size_t c_stride, const float *a, size_t a_stride,
                             const float *panel, size_t k, size_t m, bool add,
                             const ec_cpu_fetch *next);
    /* The same as product with c in f64: the sum over k is cut into pieces of `piece` terms, each
     * summed in f32 and then added. */
    void (*product_wide)(double *c, size_t c_stride, const float *a, size_t a_stride,
                         const float *panel, size_t k, size_t m, size_t piece, bool add);

    /* y [m][n] = residual + scale * act(c + bias); residual and scale may be NULL; bias and scale
     * have room for whole vectors past n. y and residual have the same stride. */
    void (*epilogue)(float *y, const float *residual, size_t y_stride, const float *c,
                     size_t c_stride, size_t m, size_t n, const float *bias, const float *scale,
                     ec_activation activation);

    /* One step of a streaming softmax, for m rows of scores s [m][n] (room for whole panels past
     * n): highest[m] is updated, s becomes exp(s - highest), sum [m][EC_CPU_MAX_LANES] and o
     * [m][o_width] are rescaled for the new highest and sum grows by the new terms. */
    void (*softmax_step)(float *s, size_t s_stride, size_t m, size_t n, float *highest, float *sum,
                         float *o, size_t o_width);
    /* y [m][d] = o / sum. */
    void (*softmax_finish)(float *y, size_t y_stride, const float *o, size_t o_width,
                           const float *sum, size_t m, size_t d);

    /* See backend.h. Weight and bias as f32. */
    void (*layer_norm)(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows,
                       size_t d, const float *weight, const float *bias, float eps);
    void (*swiglu)(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows,
                   size_t d);

    /* y [n] = act(x [n]), as epilogue computes it; y may be x. */
    void (*activate)(float *y, const float *x, size_t n, ec_activation activation);
    /* y [n] += x [n]. */
    void (*add)(float *y, const float *x, size_t n);
    /* The largest of n > 0 numbers; NaN if one is. */
    float (*largest)(const float *x, size_t n);

    /* Backward. y [n] = z act'(x); y may be x or z. */
    void (*activate_backward)(float *y, const float *x, const float *z, size_t n,
                              ec_activation activation);
    /* y [2 d] = the gradient of swiglu at x [2 d], given that of its result, z [d]. */
    void (*swiglu_backward)(float *y, const float *x, const float *z, size_t d);
    /* dx [rows][d] (+)= the gradient of layer_norm; stats [rows][EC_CPU_NORM_STATS] receives what
     * norm_gradients needs of each row. */
    void (*layer_norm_backward)(float *dx, size_t dx_stride, const float *x, size_t x_stride,
                                const float *dy, size_t dy_stride, size_t rows, size_t d,
                                const float *weight, float eps, bool adds, float *stats);
    /* dweight [n] += sum of dy h, dbias [n] += sum of dy, over the rows in order; either may be
     * NULL. For given operands each column gives the same bits, whatever n. */
    void (*norm_gradients)(float *dweight, float *dbias, const float *x, size_t x_stride,
                           const float *dy, size_t dy_stride, size_t rows, size_t n,
                           const float *stats);
    /* out [m] = the rows of a [m][n] times those of b. */
    void (*row_dots)(float *out, const float *a, size_t a_stride, const float *b, size_t b_stride,
                     size_t m, size_t n);
    /* p [m][n] becomes exp(p - log_sums), dp becomes p (dp - dots); a column of each to each
     * number of log_sums and dots, which have room for whole vectors past n, as rows have. */
    void (*softmax_backward)(float *p, float *dp, size_t stride, size_t m, size_t n,
                             const float *log_sums, const float *dots);

    /* Multiply-adds, and nothing else, `rounds` times; returns how many operations (2 each). */
    double (*fma_loop)(size_t rounds);
} ec_cpu_kernels;

enum { EC_CPU_MAX_LANES = 16, EC_CPU_MAX_PANEL = 32, EC_CPU_NORM_STATS = 3 };

extern const ec_cpu_kernels ec_cpu_kernels_portable;
#if defined(__x86_64__)
extern const ec_cpu_kernels ec_cpu_kernels_avx2, ec_cpu_kernels_avx512;
#endif

/* The kernels called `isa`, or NULL if there are none of this name or this CPU cannot run them.
 * NULL asks for the best of this CPU. */
const ec_cpu_kernels *ec_cpu_kernels_find(const char *isa);

#endif
