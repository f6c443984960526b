/* measure_store.c - see measure_store.h */
#include "scoring/measure_store.h"

#include <math.h>
#include <string.h>

ec_status ec_store_find_pooled(bool *known, ec_store *store, const char *encoder,
                               const char *const *hashes, size_t n, ec_error *err) {
    ec_database *db = &store->study->db;
    sqlite3_stmt *row;
    ec_status status = ec_database_prepare(
        &row, db, err, "SELECT 1 FROM pooled WHERE encoder = ? AND image = ?", "");
    if (status != EC_OK) return status;
    for (size_t i = 0; status == EC_OK && i < n; i++) {
        bool found = false;
        if (known[i]) continue;
        status = ec_database_find(&found, db, err, row, "tt", encoder, hashes[i]);
        known[i] = status == EC_OK && found;
        sqlite3_reset(row);
    }
    sqlite3_finalize(row);
    return status;
}

static ec_status read_pooled(float *mean, ec_token_norms *norms, const ec_database *db,
                             sqlite3_stmt *row, size_t n_channels, ec_error *err) {
    const void *bytes = sqlite3_column_blob(row, 3);
    const size_t size_bytes = (size_t)sqlite3_column_bytes(row, 3);
    if (bytes == NULL || size_bytes != n_channels * sizeof *mean)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: damaged (a mean token has %zu bytes, expected %zu); restore it from a "
                       "copy",
                       db->path, size_bytes, n_channels * sizeof *mean);
    memcpy(mean, bytes, size_bytes);
    *norms = (ec_token_norms){.mean = sqlite3_column_double(row, 0),
                              .cv = sqlite3_column_double(row, 1),
                              .outliers = sqlite3_column_double(row, 2)};
    return EC_OK;
}

ec_status ec_store_get_pooled(float *mean, ec_token_norms *norms, ec_store *store,
                              const char *encoder, const char *const *hashes, size_t n,
                              size_t n_channels, ec_error *err) {
    ec_database *db = &store->study->db;
    sqlite3_stmt *row;
    ec_status status = ec_database_prepare(
        &row, db, err,
        "SELECT norm, norm_cv, norm_outliers, mean FROM pooled WHERE encoder = ? AND image = ?",
        "");
    if (status != EC_OK) return status;
    for (size_t i = 0; status == EC_OK && i < n; i++) {
        bool found = false;
        status = ec_database_find(&found, db, err, row, "tt", encoder, hashes[i]);
        if (status == EC_OK && !found)
            status = ec_fail(err, EC_ERR_IO,
                             "%s: the mean tokens of an encoder are gone from study.db; run "
                             "'eyechart score' again",
                             store->study->path);
        if (status == EC_OK)
            status = read_pooled(mean + i * n_channels, &norms[i], db, row, n_channels, err);
        sqlite3_reset(row);
    }
    sqlite3_finalize(row);
    return status;
}

ec_status ec_store_put_pooled(ec_store *store, const char *encoder, const char *hash,
                              const float *mean, size_t n_channels, const ec_token_norms *norms,
                              ec_error *err) {
    return ec_database_run(&store->study->db, err,
                           "INSERT OR IGNORE INTO pooled (encoder, image, norm, norm_cv, "
                           "norm_outliers, mean) VALUES (?, ?, ?, ?, ?, ?)",
                           "ttdddb", encoder, hash, norms->mean, norms->cv, norms->outliers,
                           (const void *)mean, (int64_t)(n_channels * sizeof *mean));
}

ec_status ec_store_get_measure(double *value, bool *found, ec_store *store, const char *key,
                               const char *name, ec_error *err) {
    ec_database *db = &store->study->db;
    sqlite3_stmt *row;
    ec_status status = ec_database_prepare(
        &row, db, err, "SELECT value FROM measure WHERE key = ? AND name = ?", "tt", key, name);
    if (status != EC_OK) return status;
    status = ec_database_step(found, db, row, err);
    if (status == EC_OK && *found)
        *value = sqlite3_column_type(row, 0) == SQLITE_NULL ? NAN : sqlite3_column_double(row, 0);
    sqlite3_finalize(row);
    return status;
}

ec_status ec_store_put_measure(ec_store *store, const char *key, const char *name, double value,
                               ec_error *err) {
    return ec_database_run(&store->study->db, err,
                           "INSERT OR IGNORE INTO measure (key, name, value) VALUES (?, ?, ?)",
                           "ttd", key, name, value);
}
