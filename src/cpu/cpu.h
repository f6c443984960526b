/* cpu.h - the table of backend.h on the processor
 *
 *     backend.c -> gemm.c, conv.c, attention.c,          cut into pieces for cache and threads
 *                  attention_backward.c, norm.c,
 *                  pointwise.c, rows.c
 *                     -> kernels_*.c                      the pieces, per instruction set
 *               -> onednn.c                               products and convolutions by oneDNN
 *
 * Every piece of an operation computes the same bits whatever thread runs it and however the rest
 * is cut, so results depend on the instruction set (and its block sizes, which follow from the
 * first cache), never on the number of threads.
 */
#ifndef EC_CPU_CPU_H
#define EC_CPU_CPU_H

#include <assert.h>
#include <stdbool.h>

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/backend.h"

/* A worker's memory, kept from one call to the next. 64-byte aligned. */
typedef struct ec_cpu_buffer {
    float *data;
    size_t size_bytes;
} ec_cpu_buffer;

typedef struct ec_cpu {
    const ec_cpu_kernels *kernels;
    ec_pool *pool;
    ec_cpu_buffer *buffer;               /* [ec_pool_size()] */
    ec_cpu_buffer shared;                /* what a call's tasks all read: parameters, say */
    ec_cpu_buffer columns;               /* conv2d: a block of the image's windows, one a row */
    size_t l1_bytes, l2_bytes, l3_bytes; /* data; of a core, of a core, of the machine */
} ec_cpu;

/* The backend by own kernels: "portable", "avx2" or "avx512", or NULL for the best of this
 * processor. EC_ERR_ARG: it has no such instruction set. */
ec_status ec_cpu_backend_new(ec_backend *out, const char *isa, size_t n_threads, ec_error *err);

/* A CPU with own kernels for `isa`, and the table of its operations. */
ec_status ec_cpu_init(ec_cpu *cpu, const char *isa, size_t n_threads, ec_error *err);
void ec_cpu_release(ec_cpu *cpu);
ec_backend ec_cpu_table(void);

/* onednn.c, in builds with EC_ONEDNN; `rounds`: operands are rounded to bf16. */
ec_status ec_onednn_backend_new(ec_backend *out, bool rounds, size_t n_threads, ec_error *err);
/* "2.6.3", of the headers it was built with. */
const char *ec_onednn_version(void);
/* Whether this processor multiplies bf16 itself (AVX512-BF16, AMX); else onednn-bf16 multiplies the
 * rounded operands in f32: the same numbers but for the order of sums, and no faster than f32. */
bool ec_onednn_has_bf16(void);
/* AMX alone makes bf16 faster than f32: AVX512-BF16 does half as many multiply-adds (measured). */
bool ec_onednn_has_amx(void);
/* Whether oneDNN computes some convolutions beside the own kernels for `isa`, as it was measured to
 * be faster; and the backend of both, which is called after the kernels. */
bool ec_onednn_helps(const char *isa);
ec_status ec_onednn_helper_new(ec_backend *out, const char *isa, size_t n_threads, ec_error *err);

/* Makes every worker's buffer at least size_bytes. False: no memory. */
bool ec_cpu_reserve(ec_cpu *cpu, size_t size_bytes);
bool ec_cpu_buffer_grow(ec_cpu_buffer *buffer, size_t size_bytes);

/* The numbers of an array that is f32, as every result and everything computed here is. */
static inline float *ec_cpu_floats(ec_array x) {
    assert(x.dtype == EC_F32);
    return x.at;
}

/* Calls work(context, first, n) for pieces [first, first + n) of rows [0, rows), each of enough
 * numbers to be worth handing out. */
void ec_cpu_over_rows(ec_cpu *cpu, size_t rows, size_t row_floats,
                      void (*work)(void *context, size_t first, size_t n), void *context);

/* A convolution's sizes and the distances of its pixels, as conv.c and onednn.c cut it. */
typedef struct ec_conv_shape {
    size_t n, height, width, in, out, kernel_y, kernel_x, out_height, out_width;
    size_t x_stride, y_stride;
    ec_conv_steps steps;
} ec_conv_shape;

/* The entries of the table. */
ec_status ec_cpu_product(void *self, const ec_product *work);
ec_status ec_cpu_conv2d(void *self, const ec_conv *work);
/* The same by another function for its products, as ec_backend.product; it gets `cpu`. */
ec_status ec_cpu_conv2d_by(ec_status (*product)(void *self, const ec_product *work), ec_cpu *cpu,
                           const ec_conv *work);
ec_conv_shape ec_cpu_conv_shape(const ec_conv *work);
ec_status ec_cpu_attention(void *self, const ec_attention_work *work);
ec_status ec_cpu_attention_backward(void *self, const ec_attention_work *work);
ec_status ec_cpu_norm(void *self, const ec_norm_work *work);
ec_status ec_cpu_norm_backward(void *self, const ec_norm_work *work);
ec_status ec_cpu_pointwise(void *self, const ec_pointwise_work *work);
ec_status ec_cpu_rows(void *self, const ec_rows_work *work);

#endif
