/* device.h - where models compute
 *
 * A context is opened once by whoever owns the machine, and shared by all encoders, connectors and
 * scores that are opened on it: they use its threads and its memory, one at a time. It outlives
 * them.
 *
 *     ec_ctx_open -> ec_encoder_open, ec_connector_open, … -> their close functions -> ec_ctx_free
 */
#ifndef EYECHART_DEVICE_H
#define EYECHART_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/status.h"
#include "eyechart/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ec_ctx ec_ctx;

/* Zero-initialised means the default. */
typedef struct ec_device_options {
    /* "cpu": the best own kernels of this processor; "cpu:portable", "cpu:avx2", "cpu:avx512":
     * these of them; "cpu:onednn": products and convolutions by oneDNN in f32; "cpu:onednn-bf16":
     * with operands rounded to bf16, which changes the numbers; "ref": plain loops in double, slow,
     * for tests. NULL: $EYECHART_DEVICE, or else "cpu". */
    const char *name;
    size_t n_threads;     /* 0: one per processor; results do not depend on it */
    ec_dtype activations; /* what results of operations are kept in: EC_F32; EC_BF16 and EC_F64,
                             which "ref" alone takes */
} ec_device_options;

/* Opens a device. `options` may be NULL. *out is owned by the caller, ec_ctx_free(); NULL on
 * failure. EC_ERR_ARG: there is none of this name, or this processor or this build lacks it, or it
 * does not keep results in `activations`; the message has the choices. */
ec_status ec_ctx_open(ec_ctx **out, const ec_device_options *options, ec_error *err);
void ec_ctx_free(ec_ctx *ctx); /* NULL is allowed */

/* For what the host computes beside it, such as decoding images: n_threads of its options. NULL is
 * allowed: 0. */
size_t ec_ctx_threads(const ec_ctx *ctx);
/* Its full name, "cpu:avx2". Borrowed from the context. */
const char *ec_ctx_device(const ec_ctx *ctx);
/* "f32"; "bf16" where operands of products are rounded to it; "bf16 results", "f64 results" where
 * that is what results of operations are kept in. Part of what features are known by. Static. */
const char *ec_ctx_math(const ec_ctx *ctx);

/* The devices that open on this processor and in this build by their full names, the default first.
 * Static; NULL past the end. */
const char *ec_device_name(size_t i);
/* The full name of what ec_ctx_open() opens for `name`, which may be NULL. Static. EC_ERR_ARG:
 * there is no such device here, or $EYECHART_DEVICE names none; the message has the choices. */
ec_status ec_device_find(const char **out, const char *name, ec_error *err);

/* The version of oneDNN that this build has, such as "2.6.3"; NULL: none. Static. */
const char *ec_device_onednn(void);
/* Whether a device of this name leaves convolutions to oneDNN: "cpu:onednn" all that it has code
 * for, "cpu:avx512" those that it was measured to compute faster (windows that overlap). */
bool ec_device_convolves_by_onednn(const char *name);

/* How fast "cpu:onednn-bf16" is beside f32 on this processor. */
typedef enum ec_bf16_speed {
    EC_BF16_AS_F32, /* no instructions for bf16: rounded operands are multiplied in f32 */
    EC_BF16_SLOWER, /* AVX512-BF16 without AMX: half as many multiply-adds as f32 (measured) */
    EC_BF16_FASTER  /* AMX */
} ec_bf16_speed;
ec_bf16_speed ec_device_bf16(void);

#ifdef __cplusplus
}
#endif
#endif
