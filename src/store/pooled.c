/* pooled.c - the tables `pooled` and `measure` of study.db: numbers without labels */
#include <string.h>

#include "store/statement.h"
#include "store/tables.h"

ec_status ec_database_find_pooled(bool *known, ec_database *db, const char *encoder,
                                  const char *const *hashes, size_t n, ec_error *err) {
    sqlite3_stmt *row;
    ec_status status =
        ec_sql_prepare(&row, db, err, "SELECT 1 FROM pooled WHERE encoder = ? AND image = ?", "");
    if (status != EC_OK) return status;
    for (size_t i = 0; status == EC_OK && i < n; i++) {
        bool found = false;
        if (known[i]) continue;
        status = ec_sql_find(&found, db, err, row, "tt", encoder, hashes[i]);
        known[i] = status == EC_OK && found;
        sqlite3_reset(row);
    }
    sqlite3_finalize(row);
    return status;
}

typedef struct {
    const ec_database *db;
    float *mean;
    ec_pooled_record *norms;
    size_t size_bytes;
    ec_error *err;
} target;

static ec_status read_pooled(void *context, sqlite3_stmt *row) {
    const target *t = context;
    const void *bytes = sqlite3_column_blob(row, 3);
    const size_t size_bytes = (size_t)sqlite3_column_bytes(row, 3);
    if (bytes == NULL || size_bytes != t->size_bytes)
        return ec_fail(t->err, EC_ERR_FORMAT,
                       "%s: damaged (a mean token has %zu bytes, expected %zu); restore it from a "
                       "copy",
                       t->db->path, size_bytes, t->size_bytes);
    memcpy(t->mean, bytes, size_bytes);
    *t->norms = (ec_pooled_record){.norm = sqlite3_column_double(row, 0),
                                   .norm_cv = sqlite3_column_double(row, 1),
                                   .norm_outliers = sqlite3_column_double(row, 2)};
    return EC_OK;
}

ec_status ec_database_get_pooled(bool *found, float *mean, ec_pooled_record *norms, ec_database *db,
                                 const char *encoder, const char *hash, size_t n_channels,
                                 ec_error *err) {
    return ec_sql_first(
        found, db, err, read_pooled, &(target){db, mean, norms, n_channels * sizeof *mean, err},
        "SELECT norm, norm_cv, norm_outliers, mean FROM pooled WHERE encoder = ? AND image = ?",
        "tt", encoder, hash);
}

ec_status ec_database_put_pooled(ec_database *db, const char *encoder, const char *hash,
                                 const float *mean, size_t n_channels,
                                 const ec_pooled_record *norms, ec_error *err) {
    return ec_sql_put(db, err,
                      "INSERT OR IGNORE INTO pooled (encoder, image, norm, norm_cv, "
                      "norm_outliers, mean) VALUES (?, ?, ?, ?, ?, ?)",
                      "ttdddb", encoder, hash, norms->norm, norms->norm_cv, norms->norm_outliers,
                      (const void *)mean, (int64_t)(n_channels * sizeof *mean));
}

static ec_status read_measure(void *to, sqlite3_stmt *row) {
    *(double *)to = ec_sql_number(row, 0);
    return EC_OK;
}

ec_status ec_database_find_measure(double *value, bool *found, ec_database *db, const char *key,
                                   const char *name, ec_error *err) {
    return ec_sql_first(found, db, err, read_measure, value,
                        "SELECT value FROM measure WHERE key = ? AND name = ?", "tt", key, name);
}

ec_status ec_database_put_measure(ec_database *db, const char *key, const char *name, double value,
                                  ec_error *err) {
    return ec_sql_put(db, err, "INSERT OR IGNORE INTO measure (key, name, value) VALUES (?, ?, ?)",
                      "ttd", key, name, value);
}
