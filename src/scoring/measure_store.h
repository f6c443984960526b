/* measure_store.h - what study.db remembers of numbers without labels: the mean token of each image
 * under each encoder, and the measures that came of them
 */
#ifndef EC_SCORING_MEASURE_STORE_H
#define EC_SCORING_MEASURE_STORE_H

#include "eyechart/representation.h"
#include "scoring/score_store.h"

/* Sets known[i] where the mean token of the image hashes[i] is there; leaves the others. */
ec_status ec_store_find_means(bool *known, ec_store *store, const char *encoder,
                              const char *const *hashes, size_t n, ec_error *err);
/* mean [n][n_channels], norms [n]. Errors: EC_ERR_IO one is not there (any more), EC_ERR_FORMAT one
 * has another length. */
ec_status ec_store_get_means(float *mean, ec_token_norms *norms, ec_store *store,
                             const char *encoder, const char *const *hashes, size_t n,
                             size_t n_channels, ec_error *err);
/* Within a transaction; what is there already stays. */
ec_status ec_store_put_mean(ec_store *store, const char *encoder, const char *hash,
                            const float *mean, size_t n_channels, const ec_token_norms *norms,
                            ec_error *err);

/* NaN is a measure that could not be told. */
ec_status ec_store_get_measure(double *value, bool *found, ec_store *store, const char *key,
                               const char *name, ec_error *err);
/* Within a transaction; what is there already stays. */
ec_status ec_store_put_measure(ec_store *store, const char *key, const char *name, double value,
                               ec_error *err);

#endif
