/* computed.c - the tables `computation`, `correspondence` and `alignment` of study.db: results of
 * scoring, each under the key of all that decides it */
#include <string.h>

#include "store/statement.h"
#include "store/tables.h"

#define PAIRS_OF                                                                                   \
    " FROM correspondence r JOIN computation k ON k.id = r.computation WHERE k.key = ? AND "       \
    "r.category = ?"

ec_status ec_database_has_pairs(bool *found, ec_database *db, const char *key, const char *category,
                                ec_error *err) {
    return ec_sql_first(found, db, err, NULL, NULL, "SELECT 1" PAIRS_OF, "tt", key, category);
}

typedef struct {
    const ec_database *db;
    void *bytes;
    size_t size_bytes;
    ec_error *err;
} target;

static ec_status read_pairs(void *context, sqlite3_stmt *row) {
    const target *t = context;
    const void *bytes = sqlite3_column_blob(row, 0);
    const size_t size_bytes = (size_t)sqlite3_column_bytes(row, 0);
    if (size_bytes != t->size_bytes || (bytes == NULL && size_bytes > 0))
        return ec_fail(t->err, EC_ERR_FORMAT,
                       "%s: damaged (the results of a category have %zu bytes, expected %zu); "
                       "restore it from a copy",
                       t->db->path, size_bytes, t->size_bytes);
    if (size_bytes > 0) memcpy(t->bytes, bytes, size_bytes);
    return EC_OK;
}

ec_status ec_database_find_pairs(void *bytes, size_t size_bytes, bool *found, ec_database *db,
                                 const char *key, const char *category, ec_error *err) {
    return ec_sql_first(found, db, err, read_pairs, &(target){db, bytes, size_bytes, err},
                        "SELECT r.pairs" PAIRS_OF, "tt", key, category);
}

static ec_status read_value(void *to, sqlite3_stmt *row) {
    *(double *)to = sqlite3_column_double(row, 0);
    return EC_OK;
}

ec_status ec_database_find_value(double *value, bool *found, ec_database *db, const char *key,
                                 const char *image, ec_error *err) {
    return ec_sql_first(
        found, db, err, read_value, value,
        "SELECT r.value FROM alignment r JOIN computation k ON k.id = r.computation WHERE k.key = "
        "? AND r.image = ?",
        "tt", key, image);
}

static ec_status put_computation(ec_database *db, const char *key, const char *kind,
                                 const char *description, ec_error *err) {
    return ec_sql_put(db, err,
                      "INSERT OR IGNORE INTO computation (key, kind, description) VALUES (?, ?, ?)",
                      "ttt", key, kind, description);
}

ec_status ec_database_put_pairs(ec_database *db, const char *key, const char *description,
                                const char *category, const void *bytes, size_t size_bytes,
                                ec_error *err) {
    const ec_status status = put_computation(db, key, "C", description, err);
    if (status != EC_OK) return status;
    return ec_sql_put(db, err,
                      "INSERT OR IGNORE INTO correspondence (computation, category, pairs) "
                      "SELECT id, ?, ? FROM computation WHERE key = ?",
                      "tbt", category, bytes, (int64_t)size_bytes, key);
}

ec_status ec_database_put_value(ec_database *db, const char *key, const char *description,
                                const char *image, double value, ec_error *err) {
    const ec_status status = put_computation(db, key, "A", description, err);
    if (status != EC_OK) return status;
    return ec_sql_put(db, err,
                      "INSERT OR IGNORE INTO alignment (computation, image, value) "
                      "SELECT id, ?, ? FROM computation WHERE key = ?",
                      "tdt", image, value, key);
}
