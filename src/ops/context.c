/* context.c - a backend, memory on its device, and the first error; see ops.h */
#include "ops/context.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

ec_status ec_ctx_new_on(ec_ctx **out, ec_backend backend, const char *device, ec_dtype activations,
                        ec_error *err) {
    *out = NULL;
    ec_ctx *ctx = calloc(1, sizeof *ctx);
    if (ctx == NULL) {
        backend.free(backend.self);
        return ec_fail(err, EC_ERR_NOMEM, "no memory for a context");
    }
    ctx->backend = backend;
    ctx->activations = activations;
    ctx->arena = (ec_arena){.backend = &ctx->backend};
    snprintf(ctx->device, sizeof ctx->device, "%s", device);
    *out = ctx;
    return EC_OK;
}

void ec_ctx_free(ec_ctx *ctx) {
    if (ctx == NULL) return;
    ec_arena_free(&ctx->arena);
    ctx->backend.free(ctx->backend.self);
    free(ctx);
}

size_t ec_ctx_threads(const ec_ctx *ctx) {
    return ctx != NULL ? ctx->backend.n_threads : 0;
}

const char *ec_ctx_device(const ec_ctx *ctx) {
    return ctx->device;
}

const char *ec_ctx_backend_name(const ec_ctx *ctx) {
    return ctx->backend.name;
}

const char *ec_ctx_math(const ec_ctx *ctx) {
    return ctx->backend.math;
}

/* ---- the first failure ---- */

bool ec_ctx_failed(const ec_ctx *ctx) {
    return ctx->error.status != EC_OK;
}

ec_status ec_ctx_status(ec_ctx *ctx, ec_error *err) {
    const ec_status status = ctx->error.status;
    if (status != EC_OK && err != NULL) *err = ctx->error;
    ctx->error.status = EC_OK;
    return status;
}

void ec_ctx_keep(ec_ctx *ctx, ec_status status, const char *operation) {
    if (status == EC_OK || ec_ctx_failed(ctx)) return;
    if (status == EC_ERR_NOMEM)
        ec_fail(&ctx->error, status, "%s: no memory for the backend's buffers: use fewer threads",
                operation);
    else
        ec_fail(&ctx->error, status, "%s: %s", operation, ctx->backend.fault(ctx->backend.self));
}

/* ---- memory ---- */

ec_mark ec_scratch_mark(const ec_ctx *ctx) {
    return ctx->arena.used;
}

void ec_scratch_release(ec_ctx *ctx, ec_mark mark) {
    ec_arena_release(&ctx->arena, mark);
}

size_t ec_scratch_peak(const ec_ctx *ctx) {
    return ctx->arena.peak;
}

/* Bytes of an array with dense rows; 0 with *fits = false: more than there can be. */
static size_t bytes_of(bool *fits, ec_dtype dtype, int n_dims, const size_t *shape) {
    size_t bytes = ec_dtype_size(dtype);
    *fits = true;
    for (int i = 0; i < n_dims; i++) {
        *fits = *fits && (shape[i] == 0 || bytes <= SIZE_MAX / 2 / shape[i]);
        bytes = *fits ? bytes * shape[i] : 0;
    }
    return bytes;
}

static void fail_memory(ec_ctx *ctx, const char *what, ec_array x, const char *remedy) {
    char text[160];
    ec_fail(&ctx->error, EC_ERR_NOMEM, "no memory for %s of shape %s%s", what,
            ec_array_shape_text(text, sizeof text, x), remedy);
}

ec_array ec_scratch_of(ec_ctx *ctx, ec_dtype dtype, int n_dims, const size_t *shape) {
    bool fits;
    const size_t bytes = bytes_of(&fits, dtype, n_dims, shape);
    ec_array x = ec_array_at(NULL, dtype, n_dims, shape);
    if (ec_ctx_failed(ctx)) return x;
    x.at = fits ? ec_arena_take(&ctx->arena, bytes) : NULL;
    if (x.at == NULL) fail_memory(ctx, "activations", x, ": use a smaller batch or image");
    return x;
}

ec_array ec_scratch(ec_ctx *ctx, int n_dims, const size_t *shape) {
    return ec_scratch_of(ctx, ctx->activations, n_dims, shape);
}

/* ---- between host and device ---- */

static void copy(ec_ctx *ctx, void *to, size_t to_step, const void *from, size_t from_step,
                 size_t bytes, size_t rows, ec_direction way) {
    if (ec_ctx_failed(ctx) || bytes == 0 || rows == 0) return;
    ec_ctx_keep(
        ctx, ctx->backend.copy(ctx->backend.self, to, to_step, from, from_step, bytes, rows, way),
        "copy");
}

ec_array ec_array_new(ec_ctx *ctx, ec_dtype dtype, int n_dims, const size_t *shape) {
    bool fits;
    const size_t bytes = bytes_of(&fits, dtype, n_dims, shape);
    ec_array x = ec_array_at(NULL, dtype, n_dims, shape);
    if (ec_ctx_failed(ctx)) return x;
    void *const zeros = fits ? calloc(1, bytes > 0 ? bytes : 1) : NULL;
    if (zeros != NULL) x.at = ctx->backend.take(ctx->backend.self, bytes);
    if (x.at == NULL)
        fail_memory(ctx, "an array", x, "");
    else
        copy(ctx, x.at, bytes, zeros, bytes, bytes, 1, EC_TO_DEVICE);
    free(zeros);
    return x;
}

void ec_array_free(ec_ctx *ctx, ec_array x) {
    if (x.at != NULL)
        ctx->backend.give(ctx->backend.self, x.at, ec_array_count(x) * ec_dtype_size(x.dtype));
}

ec_array ec_upload(ec_ctx *ctx, const void *host, ec_dtype dtype, int n_dims, const size_t *shape) {
    if (ctx->backend.shares_host_memory)
        return ec_array_at(ec_ctx_failed(ctx) ? NULL : (void *)host, dtype, n_dims, shape);
    const ec_array x = ec_scratch_of(ctx, dtype, n_dims, shape);
    const size_t bytes = ec_array_count(x) * ec_dtype_size(dtype);
    if (x.at != NULL) copy(ctx, x.at, bytes, host, bytes, bytes, 1, EC_TO_DEVICE);
    return x;
}

void ec_download(ec_ctx *ctx, float *host, ec_array x) {
    if (ec_ctx_failed(ctx) || x.at == NULL) return;
    const size_t size = ec_dtype_size(x.dtype), n = ec_array_count(x);
    const size_t width = ec_array_width(x) * size, height = ec_array_height(x);
    if (x.dtype == EC_F32) {
        copy(ctx, host, width, x.at, x.stride * size, width, height, EC_FROM_DEVICE);
        return;
    }
    void *const raw = malloc(n * size + 1);
    if (raw == NULL) {
        fail_memory(ctx, "a copy", x, "");
        return;
    }
    copy(ctx, raw, width, x.at, x.stride * size, width, height, EC_FROM_DEVICE);
    const ec_tensor t = {.dtype = x.dtype, .n_dims = 1, .shape = {n}, .data = raw};
    if (!ec_ctx_failed(ctx)) ec_tensor_to_f32(host, &t, 0, n);
    free(raw);
}
