/* statement.c - see statement.h */
#include "store/statement.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- errors ------------------------------------------------------------------------------- */

ec_status ec_sql_fail(const ec_database *db, ec_error *err) {
    const char *path = db->path;
    const char *words = db->sqlite != NULL ? sqlite3_errmsg(db->sqlite) : "out of memory";
    switch (db->sqlite != NULL ? sqlite3_errcode(db->sqlite) & 0xff : SQLITE_NOMEM) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ec_fail(
            err, EC_ERR_BUSY,
            "%s: another process has kept it locked for more than %g s; nothing was changed, "
            "repeat when that process is done",
            path, db->busy_ms / 1000.0);
    case SQLITE_FULL:
        return ec_fail(err, EC_ERR_IO,
                       "%s: the disk is full; nothing was changed, free some space and repeat",
                       path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return ec_fail(
            err, EC_ERR_IO,
            "%s: cannot be written to; nothing was changed, make the file and its folder writable "
            "or work on a copy of the folder",
            path);
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
        return ec_fail(err, EC_ERR_IO, "%s: %s (%s); nothing was changed", path, words,
                       strerror(sqlite3_system_errno(db->sqlite)));
    case SQLITE_NOTADB:
        return ec_fail(
            err, EC_ERR_FORMAT,
            "%s: not a database; move it out of the folder, then eyechart begins an empty one, "
            "and import what you exported before",
            path);
    case SQLITE_NOMEM:
        return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    default:
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: damaged (%s); restore it from a copy, or move it out of the folder "
                       "and import what you exported before",
                       path, words);
    }
}

/* ---- statements --------------------------------------------------------------------------- */

static ec_status bind(ec_database *db, ec_error *err, sqlite3_stmt *statement, const char *types,
                      va_list args) {
    int result = SQLITE_OK;
    for (int i = 1; result == SQLITE_OK && types[i - 1] != '\0'; i++) {
        if (types[i - 1] == 't')
            result =
                sqlite3_bind_text(statement, i, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
        else if (types[i - 1] == 'd') /* SQLite makes NaN null */
            result = sqlite3_bind_double(statement, i, va_arg(args, double));
        else if (types[i - 1] == 'b') {
            const void *bytes = va_arg(args, const void *);
            const int64_t size_bytes = va_arg(args, int64_t);
            result = sqlite3_bind_blob64(statement, i, bytes, (sqlite3_uint64)size_bytes,
                                         SQLITE_TRANSIENT);
        } else
            result = sqlite3_bind_int64(statement, i, va_arg(args, int64_t));
    }
    return result == SQLITE_OK ? EC_OK : ec_sql_fail(db, err);
}

static ec_status prepare(sqlite3_stmt **out, ec_database *db, ec_error *err, const char *sql,
                         const char *types, va_list args) {
    if (sqlite3_prepare_v2(db->sqlite, sql, -1, out, NULL) != SQLITE_OK)
        return ec_sql_fail(db, err);
    const ec_status status = bind(db, err, *out, types, args);
    if (status == EC_OK) return EC_OK;
    sqlite3_finalize(*out);
    *out = NULL;
    return status;
}

ec_status ec_sql_prepare(sqlite3_stmt **out, ec_database *db, ec_error *err, const char *sql,
                         const char *types, ...) {
    va_list args;
    va_start(args, types);
    const ec_status status = prepare(out, db, err, sql, types, args);
    va_end(args);
    return status;
}

/* The next row; *row is false after the last. */
static ec_status step(bool *row, ec_database *db, sqlite3_stmt *statement, ec_error *err) {
    const int result = sqlite3_step(statement);
    *row = result == SQLITE_ROW;
    return result == SQLITE_ROW || result == SQLITE_DONE ? EC_OK : ec_sql_fail(db, err);
}

struct ec_kept_statement {
    const char *sql; /* the literal in the program, known by its address */
    sqlite3_stmt *statement;
};

static ec_status keep(sqlite3_stmt **out, ec_database *db, const char *sql, ec_error *err) {
    for (size_t k = 0; k < db->n_kept; k++)
        if (db->kept[k].sql == sql) {
            *out = db->kept[k].statement;
            return EC_OK;
        }
    struct ec_kept_statement *kept = realloc(db->kept, (db->n_kept + 1) * sizeof *kept);
    if (kept == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", db->path);
    db->kept = kept;
    if (sqlite3_prepare_v2(db->sqlite, sql, -1, out, NULL) != SQLITE_OK)
        return ec_sql_fail(db, err);
    kept[db->n_kept++] = (struct ec_kept_statement){sql, *out};
    return EC_OK;
}

ec_status ec_sql_put(ec_database *db, ec_error *err, const char *sql, const char *types, ...) {
    sqlite3_stmt *statement;
    ec_status status = keep(&statement, db, sql, err);
    if (status != EC_OK) return status;
    va_list args;
    va_start(args, types);
    status = bind(db, err, statement, types, args);
    va_end(args);
    bool row;
    if (status == EC_OK) status = step(&row, db, statement, err);
    sqlite3_reset(statement);
    return status;
}

void ec_sql_forget_kept(ec_database *db) {
    for (size_t k = 0; k < db->n_kept; k++) sqlite3_finalize(db->kept[k].statement);
    free(db->kept);
    db->kept = NULL;
    db->n_kept = 0;
}

ec_status ec_sql_find(bool *row, ec_database *db, ec_error *err, sqlite3_stmt *statement,
                      const char *types, ...) {
    *row = false;
    va_list args;
    va_start(args, types);
    const ec_status status = bind(db, err, statement, types, args);
    va_end(args);
    return status == EC_OK ? step(row, db, statement, err) : status;
}

ec_status ec_sql_run(ec_database *db, ec_error *err, const char *sql, const char *types, ...) {
    sqlite3_stmt *statement;
    va_list args;
    va_start(args, types);
    ec_status status = prepare(&statement, db, err, sql, types, args);
    va_end(args);
    if (status != EC_OK) return status;
    bool row = true;
    while (status == EC_OK && row) status = step(&row, db, statement, err);
    sqlite3_finalize(statement);
    return status;
}

/* ---- rows --------------------------------------------------------------------------------- */

ec_status ec_sql_each(ec_database *db, ec_error *err, ec_row_reader see, void *to, const char *sql,
                      const char *types, ...) {
    sqlite3_stmt *row;
    va_list args;
    va_start(args, types);
    ec_status status = prepare(&row, db, err, sql, types, args);
    va_end(args);
    if (status != EC_OK) return status;
    bool more;
    while ((status = step(&more, db, row, err)) == EC_OK && more)
        if ((status = see(to, row)) != EC_OK) break;
    sqlite3_finalize(row);
    return status;
}

static ec_status read_first(bool *found, ec_database *db, ec_error *err, ec_row_reader see,
                            void *to, const char *sql, const char *types, va_list args) {
    sqlite3_stmt *row;
    *found = false;
    ec_status status = prepare(&row, db, err, sql, types, args);
    if (status != EC_OK) return status;
    status = step(found, db, row, err);
    if (status == EC_OK && *found && see != NULL) status = see(to, row);
    sqlite3_finalize(row);
    return status;
}

ec_status ec_sql_first(bool *found, ec_database *db, ec_error *err, ec_row_reader see, void *to,
                       const char *sql, const char *types, ...) {
    va_list args;
    va_start(args, types);
    const ec_status status = read_first(found, db, err, see, to, sql, types, args);
    va_end(args);
    return status;
}

static ec_status read_true(void *to, sqlite3_stmt *row) {
    *(bool *)to = sqlite3_column_int64(row, 0) != 0;
    return EC_OK;
}

ec_status ec_sql_true(bool *is_true, ec_database *db, ec_error *err, const char *sql,
                      const char *types, ...) {
    bool found;
    va_list args;
    *is_true = false;
    va_start(args, types);
    const ec_status status = read_first(&found, db, err, read_true, is_true, sql, types, args);
    va_end(args);
    return status;
}

static ec_status read_integer(void *to, sqlite3_stmt *row) {
    *(int64_t *)to = sqlite3_column_int64(row, 0);
    return EC_OK;
}

ec_status ec_sql_integer(int64_t *out, ec_database *db, ec_error *err, const char *sql) {
    bool found;
    *out = 0;
    return ec_sql_first(&found, db, err, read_integer, out, sql, "");
}

bool ec_sql_changed(const ec_database *db) {
    return sqlite3_changes(db->sqlite) > 0;
}

const char *ec_sql_text(sqlite3_stmt *row, int column) {
    const unsigned char *text = sqlite3_column_text(row, column);
    return text != NULL ? (const char *)text : "";
}

double ec_sql_number(sqlite3_stmt *row, int column) {
    return sqlite3_column_type(row, column) == SQLITE_NULL ? NAN
                                                           : sqlite3_column_double(row, column);
}
