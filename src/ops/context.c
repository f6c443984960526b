/* context.c - a backend, scratch memory and the first error; see ops.h */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "ops/arena.h"
#include "ops/context.h"

ec_status ec_ctx_new_on(ec_ctx **out, ec_backend backend, ec_error *err) {
    *out = NULL;
    ec_ctx *ctx = calloc(1, sizeof *ctx);
    if (ctx == NULL) {
        backend.free(backend.state);
        return ec_fail(err, EC_ERR_NOMEM, "no memory for a context");
    }
    ctx->backend = backend;
    *out = ctx;
    return EC_OK;
}

void ec_ctx_free(ec_ctx *ctx) {
    if (ctx == NULL) return;
    ctx->backend.free(ctx->backend.state);
    ec_arena_free(&ctx->arena);
    free(ctx);
}

const char *ec_ctx_backend_name(const ec_ctx *ctx) {
    return ctx->backend.name;
}

const char *ec_ctx_math(const ec_ctx *ctx) {
    return ctx->backend.math;
}

bool ec_ctx_failed(const ec_ctx *ctx) {
    return ctx->error.status != EC_OK;
}

ec_status ec_ctx_status(ec_ctx *ctx, ec_error *err) {
    const ec_status status = ctx->error.status;
    if (status != EC_OK && err != NULL) *err = ctx->error;
    ctx->error.status = EC_OK;
    return status;
}

ec_mark ec_scratch_mark(const ec_ctx *ctx) {
    return ctx->arena.used;
}

void ec_scratch_release(ec_ctx *ctx, ec_mark mark) {
    ec_arena_release(&ctx->arena, mark);
}

size_t ec_scratch_peak(const ec_ctx *ctx) {
    return ctx->arena.peak;
}

ec_tensor ec_scratch(ec_ctx *ctx, int n_dims, const size_t *shape) {
    assert(n_dims >= 0 && n_dims <= EC_MAX_DIMS);
    ec_tensor t = {.dtype = EC_F32, .n_dims = n_dims};
    size_t bytes = sizeof(float);
    bool fits = true;
    for (int i = 0; i < n_dims; i++) {
        t.shape[i] = shape[i];
        fits = fits && (shape[i] == 0 || bytes <= SIZE_MAX / 2 / shape[i]);
        bytes = fits ? bytes * shape[i] : 0;
    }
    if (ec_ctx_failed(ctx)) return t;
    t.data = fits ? ec_arena_take(&ctx->arena, bytes) : NULL;
    if (t.data == NULL) {
        char text[160];
        ec_fail(&ctx->error, EC_ERR_NOMEM,
                "no memory for activations of shape %s: use a smaller batch or image",
                ec_tensor_shape_text(text, sizeof text, &t));
    }
    return t;
}
