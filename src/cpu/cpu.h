/* cpu.h - the backend of ops.h on the processor
 *
 *     ops.h -> backend.c -> gemm.c, attention.c, conv.c   cut into pieces for cache and threads
 *                              -> kernels_*.c              the pieces, per instruction set
 *                        -> onednn.c                       products and convolutions by oneDNN
 *
 * Every piece of an operation computes the same bits whatever thread runs it and however the rest
 * is cut, so results depend on the instruction set (and its block sizes, which follow from the
 * first cache), never on the number of threads.
 */
#ifndef EC_CPU_CPU_H
#define EC_CPU_CPU_H

#include "cpu/kernels.h"
#include "cpu/pool.h"
#include "ops/ops.h"

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

/* isa and n_threads as for ec_ctx_new. The backend is owned by the caller: backend->free. */
ec_status ec_cpu_backend_new(ec_backend *out, const char *isa, size_t n_threads, ec_error *err);

/* What EYECHART_ISA names, NULL where it is not set. EC_ERR_ARG: it names nothing that is here. */
ec_status ec_cpu_preferred(const char **isa, ec_error *err);

/* A CPU with the best own kernels for `isa`, and the table of its operations. */
ec_status ec_cpu_init(ec_cpu *cpu, const char *isa, size_t n_threads, ec_error *err);
void ec_cpu_release(ec_cpu *cpu);
ec_backend ec_cpu_table(void);

/* onednn.c, in builds with EC_ONEDNN. `isa` is "onednn" or "onednn-bf16". */
ec_status ec_onednn_backend_new(ec_backend *out, const char *isa, size_t n_threads, ec_error *err);
/* "2.6.3", of the headers it was built with. */
const char *ec_onednn_version(void);
/* Whether this processor multiplies bf16 itself (AVX512-BF16, AMX); else onednn-bf16 multiplies the
 * rounded operands in f32: the same numbers but for the order of sums, and no faster than f32. */
bool ec_onednn_has_bf16(void);

/* Makes every worker's buffer at least size_bytes. False: no memory. */
bool ec_cpu_reserve(ec_cpu *cpu, size_t size_bytes);
bool ec_cpu_buffer_grow(ec_cpu_buffer *buffer, size_t size_bytes);

/* The operations of ops.h. */
ec_status ec_cpu_linear(void *backend, float *y, size_t y_stride, const float *x, size_t x_stride,
                        size_t m, size_t k, const ec_tensor *w, const ec_epilogue *epilogue);
ec_status ec_cpu_conv2d(void *backend, float *y, const float *x, const ec_conv_shape *shape,
                        const ec_tensor *w, const ec_epilogue *epilogue);
/* The same by another function for its products, as ec_backend.linear; it gets `cpu`. */
typedef ec_status ec_cpu_linear_function(void *backend, float *y, size_t y_stride, const float *x,
                                         size_t x_stride, size_t m, size_t k, const ec_tensor *w,
                                         const ec_epilogue *epilogue);
ec_status ec_cpu_conv2d_by(ec_cpu_linear_function *linear, ec_cpu *cpu, float *y, const float *x,
                           const ec_conv_shape *shape, const ec_tensor *w,
                           const ec_epilogue *epilogue);
ec_status ec_cpu_attention(void *backend, float *out, size_t out_stride, const float *q,
                           const float *k, const float *v, size_t qkv_stride, size_t n, size_t t,
                           size_t heads, size_t head_dim, float scale);
ec_status ec_cpu_layer_norm(void *backend, float *y, size_t y_stride, const float *x,
                            size_t x_stride, size_t rows, size_t d, const ec_tensor *weight,
                            const ec_tensor *bias, float eps);
ec_status ec_cpu_swiglu(void *backend, float *y, size_t y_stride, const float *x, size_t x_stride,
                        size_t rows, size_t d);

#endif
