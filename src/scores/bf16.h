/* bf16.h - the comparison of embeddings with the authors' roundings, for src/scores alone */
#ifndef EC_SCORES_BF16_H
#define EC_SCORES_BF16_H

#include "eyechart/alignment.h"

/* The two functions of alignment.h with bf16_compat. Rows are finite. */
void ec_bf16_normalise(float *rows, size_t n, size_t width);
ec_status ec_bf16_max_cosine(double *mean, const float *target, size_t n_target,
                             const float *reference, size_t n_reference, size_t width,
                             size_t n_threads, ec_error *err);

#endif
