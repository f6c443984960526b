/* files.c - the tables `file` and `identity` of study.db: what files were when they were read */
#include <stdlib.h>
#include <string.h>

#include "store/statement.h"
#include "store/tables.h"

static ec_status read_hash(void *to, sqlite3_stmt *row) {
    if (strlen(ec_sql_text(row, 0)) == EC_HASH_SIZE - 1)
        memcpy(to, ec_sql_text(row, 0), EC_HASH_SIZE);
    return EC_OK;
}

ec_status ec_database_find_file(char hash[EC_HASH_SIZE], ec_database *db, const char *path,
                                const ec_file_state *state, ec_error *err) {
    bool found;
    hash[0] = '\0';
    return ec_sql_first(
        &found, db, err, read_hash, hash,
        "SELECT hash FROM file WHERE path = ? AND size_bytes = ? AND mtime_ns = ? AND inode = ?",
        "tiii", path, state->size_bytes, state->mtime_ns, state->inode);
}

ec_status ec_database_put_file(ec_database *db, const char *path, const ec_file_state *state,
                               const char *hash, ec_error *err) {
    return ec_sql_put(db, err,
                      "INSERT OR REPLACE INTO file (path, size_bytes, mtime_ns, inode, hash) "
                      "VALUES (?, ?, ?, ?, ?)",
                      "tiiit", path, state->size_bytes, state->mtime_ns, state->inode, hash);
}

static ec_status copy_text(void *to, sqlite3_stmt *row) {
    char **copy = to;
    *copy = strdup(ec_sql_text(row, 0));
    return EC_OK;
}

ec_status ec_database_find_identity(char **facts, ec_database *db, const char *signature,
                                    ec_error *err) {
    bool found;
    *facts = NULL;
    const ec_status status =
        ec_sql_first(&found, db, err, copy_text, facts,
                     "SELECT facts FROM identity WHERE signature = ?", "t", signature);
    if (status == EC_OK && found && *facts == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", db->path);
    return status;
}

ec_status ec_database_put_identity(ec_database *db, const char *signature, const char *facts,
                                   ec_error *err) {
    return ec_sql_put(db, err, "INSERT OR REPLACE INTO identity (signature, facts) VALUES (?, ?)",
                      "tt", signature, facts);
}
