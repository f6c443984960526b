/* context.h - what a context is made of, for src/ops alone */
#ifndef EC_OPS_CONTEXT_H
#define EC_OPS_CONTEXT_H

#include "ops/arena.h"
#include "ops/ops.h"

struct ec_ctx {
    ec_backend backend;
    char device[64]; /* its full name */
    ec_dtype activations;
    ec_arena arena;
    ec_error error; /* the first failure; status EC_OK: none */
};

/* Scratch of a dtype that is not the activations': indices, the logarithms of softmax' sums. */
ec_array ec_scratch_of(ec_ctx *ctx, ec_dtype dtype, int n_dims, const size_t *shape);

/* Keeps the first failure; what a backend returned for `operation`. */
void ec_ctx_keep(ec_ctx *ctx, ec_status status, const char *operation);

#endif
