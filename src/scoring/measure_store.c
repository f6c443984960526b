/* measure_store.c - see measure_store.h */
#include "scoring/measure_store.h"

ec_status ec_store_find_means(bool *known, ec_store *store, const char *encoder,
                              const char *const *hashes, size_t n, ec_error *err) {
    return ec_database_find_pooled(known, &store->study->db, encoder, hashes, n, err);
}

ec_status ec_store_get_means(float *mean, ec_token_norms *norms, ec_store *store,
                             const char *encoder, const char *const *hashes, size_t n,
                             size_t n_channels, ec_error *err) {
    for (size_t i = 0; i < n; i++) {
        bool found;
        ec_pooled_record of;
        const ec_status status =
            ec_database_get_pooled(&found, mean + i * n_channels, &of, &store->study->db, encoder,
                                   hashes[i], n_channels, err);
        if (status != EC_OK) return status;
        if (!found)
            return ec_fail(err, EC_ERR_IO,
                           "%s: the mean tokens of an encoder are gone from study.db; run "
                           "'eyechart score' again",
                           store->study->path);
        norms[i] =
            (ec_token_norms){.mean = of.norm, .cv = of.norm_cv, .outliers = of.norm_outliers};
    }
    return EC_OK;
}

ec_status ec_store_put_mean(ec_store *store, const char *encoder, const char *hash,
                            const float *mean, size_t n_channels, const ec_token_norms *norms,
                            ec_error *err) {
    const ec_pooled_record of = {
        .norm = norms->mean, .norm_cv = norms->cv, .norm_outliers = norms->outliers};
    return ec_database_put_pooled(&store->study->db, encoder, hash, mean, n_channels, &of, err);
}

ec_status ec_store_get_measure(double *value, bool *found, ec_store *store, const char *key,
                               const char *name, ec_error *err) {
    return ec_database_find_measure(value, found, &store->study->db, key, name, err);
}

ec_status ec_store_put_measure(ec_store *store, const char *key, const char *name, double value,
                               ec_error *err) {
    return ec_database_put_measure(&store->study->db, key, name, value, err);
}
