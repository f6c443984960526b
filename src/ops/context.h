/* context.h - what a context is made of, for src/ops alone */
#ifndef EC_OPS_CONTEXT_H
#define EC_OPS_CONTEXT_H

#include "ops/arena.h"
#include "ops/ops.h"

struct ec_ctx {
    ec_backend backend;
    ec_arena arena;
    ec_error error; /* the first failure; status EC_OK: none */
};

#endif
