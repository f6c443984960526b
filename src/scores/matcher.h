/* matcher.h - what a comparison of embeddings runs on, for src/scores alone */
#ifndef EC_SCORES_MATCHER_H
#define EC_SCORES_MATCHER_H

#include "eyechart/alignment.h"
#include "ops/ops.h"

struct ec_matcher {
    ec_ctx *ctx;
    size_t n_threads; /* 0: one per processor */
};

/* Rounds to bfloat16, to nearest, ties to even. `x` is finite. */
float ec_bf16_round(float x);

/* The two functions of alignment.h with bf16_compat. Rows are finite. */
void ec_bf16_normalise(float *rows, size_t n, size_t width);
ec_status ec_bf16_max_cosine(double *mean, const float *target, size_t n_target,
                             const float *reference, size_t n_reference, size_t width,
                             size_t n_threads, ec_error *err);

#endif
