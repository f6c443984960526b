/* representation.h - what features look like, without labels: columns beside A and C
 *
 *     features of image i [tokens, d] -> mean over tokens x_i [d] -> K_ij = x_i . x_j [n, n]
 *                                     -> norms of the tokens
 *
 *   cka            linear centred kernel alignment with a reference encoder,
 *                      <HKH, HLH> / (|HKH| |HLH|)   (Frobenius), H = I - 1/n;
 *                  the same as |Y'X|^2 / (|X'X| |Y'Y|) for centred X and Y
 *                  [Kornblith et al. 2019, arXiv:1905.00414, eq. 3 and 4]
 *   cka_unbiased   the same quotient with the unbiased estimate of HSIC, which has no floor for
 *                  few images of many channels [Song et al. 2012, JMLR 13, eq. 5]
 *   mutual_knn     mean share of the k nearest images (by cosine) that both encoders agree on
 *                  [Huh et al. 2024, arXiv:2405.07987, section A]; by chance k/(n - 1)
 *   rank           effective rank of the centred features: exp of the entropy of the singular
 *                  values scaled to sum 1 [Roy and Vetterli 2007, EUSIPCO]; 1 to n - 1
 *   norm, norm_cv  mean norm of the tokens, and deviation over mean within an image
 *   norm_outliers  share of the tokens whose norm exceeds EC_NORM_OUTLIER times the median of
 *                  their image: artefact tokens of high norm [Darcet et al. 2023, arXiv:2309.16588]
 *
 * All but the norms come from K alone, scaled to mean diagonal 1. The K of encoders concatenated
 * (each so scaled) is the mean of theirs, so that combinations cost nothing.
 *
 * What each one means, and what it does not: docs/models.md.
 */
#ifndef EYECHART_REPRESENTATION_H
#define EYECHART_REPRESENTATION_H

#include <stddef.h>

#include "eyechart/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Part of the keys of kept results: changes when the same features would give other numbers. */
#define EC_REPRESENTATION_VERSION 1
#define EC_GRAM_MAX_IMAGES 8192 /* K has then 512 MiB */
#define EC_GRAM_MAX_NEIGHBOURS 64
#define EC_NEIGHBOURS 10 /* k of mutual_knn */
#define EC_NORM_OUTLIER 3.0

/* Columns that a score of this kind is stored and shown by, in this order. */
typedef enum ec_representation_column {
    EC_COLUMN_CKA,
    EC_COLUMN_CKA_UNBIASED,
    EC_COLUMN_MUTUAL_KNN,
    EC_REPRESENTATION_BESIDE, /* those above compare with a reference */
    EC_COLUMN_RANK = EC_REPRESENTATION_BESIDE,
    EC_COLUMN_NORM,
    EC_COLUMN_NORM_CV,
    EC_COLUMN_NORM_OUTLIERS,
    EC_REPRESENTATION_COLUMNS,
    EC_REPRESENTATION_OWN = EC_REPRESENTATION_COLUMNS - EC_REPRESENTATION_BESIDE
} ec_representation_column;

/* "cka", "cka_unbiased", "mutual_knn", "rank", "norm", "norm_cv", "norm_outliers". Static; NULL
 * past the end. */
const char *ec_representation_column_name(ec_representation_column column);

/* Of one image; a set of images has the mean of each. */
typedef struct ec_token_norms {
    double mean, cv, outliers;
} ec_token_norms;

/* The mean token of one image and the norms of its tokens.
 *
 *   mean       [n_channels]
 *   norms      may be NULL
 *   features   [n_tokens][n_channels], n_tokens >= 1
 *
 * EC_ERR_ARG for a value that is not finite, EC_ERR_NOMEM. */
ec_status ec_mean_token(float *mean, ec_token_norms *norms, const float *features, size_t n_tokens,
                        size_t n_channels, ec_error *err);

/* K of n images: dot products of their mean tokens, scaled to mean diagonal 1.
 *
 *   out   [n][n]
 *   x     [n][n_channels]
 *
 * n_threads 0: one per processor; the result does not depend on it. Errors: EC_ERR_ARG n is 0 or
 * beyond EC_GRAM_MAX_IMAGES, or all of x is 0. */
ec_status ec_gram(double *out, const float *x, size_t n, size_t n_channels, size_t n_threads,
                  ec_error *err);

/* K of the concatenation of encoders is the mean of theirs: each is added to zeros in turn, so that
 * not all need be there at once, and then their number divides the sum. [n][n] */
void ec_gram_add(double *sum, const double *k, size_t n);
void ec_gram_divide(double *sum, size_t n_parts, size_t n);

/* Each takes K (and L) [n][n] of ec_gram. EC_ERR_ARG for fewer than 3 (unbiased: 4) images;
 * EC_ERR_SINGULAR when all images have the same features; EC_ERR_NOMEM. */
ec_status ec_gram_cka(double *out, const double *k, const double *l, size_t n, ec_error *err);
ec_status ec_gram_cka_unbiased(double *out, const double *k, const double *l, size_t n,
                               ec_error *err);
ec_status ec_gram_effective_rank(double *out, const double *k, size_t n, ec_error *err);
/* Of two images equally near the one with the smaller index counts. EC_ERR_ARG unless
 * 1 <= n_neighbours < n - 1, at most
 * EC_GRAM_MAX_NEIGHBOURS. */
ec_status ec_gram_mutual_knn(double *out, const double *k, const double *l, size_t n,
                             size_t n_neighbours, ec_error *err);

/* The columns of an encoder, or of several side by side, from K [n][n] of ec_gram or its mean:
 * those that compare with a reference, from L of the same images, in their order; and the others.
 *
 *   norms   [n]; NULL for a combination, whose tokens have no norm of their own: NaN
 *
 * NaN is what cannot be told: of too few images (mutual_knn: fewer than EC_NEIGHBOURS + 2), or
 * where all have the same features. EC_ERR_NOMEM. */
ec_status ec_representation_beside(double out[EC_REPRESENTATION_BESIDE], const double *k,
                                   const double *l, size_t n, ec_error *err);
ec_status ec_representation_own(double out[EC_REPRESENTATION_OWN], const double *k,
                                const ec_token_norms *norms, size_t n, ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
