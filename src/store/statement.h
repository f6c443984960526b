/* statement.h - SQL, for the files of this folder alone: statements, their arguments, their rows */
#ifndef EC_STORE_STATEMENT_H
#define EC_STORE_STATEMENT_H

#include <sqlite3.h>

#include "store/database.h"

/* The error that SQLite reports just now, with what to do about it. */
ec_status ec_sql_fail(const ec_database *db, ec_error *err);

/* A prepared statement. Arguments follow `types`: 't' const char * (NULL: null), 'd' double (NaN:
 * null), 'i' int64_t, 'b' const void * and int64_t, its size. sqlite3_finalize() it. */
ec_status ec_sql_prepare(sqlite3_stmt **out, ec_database *db, ec_error *err, const char *sql,
                         const char *types, ...);
/* Runs a statement that gives no rows and is run often: it is prepared once and kept until the
 * database is closed. `sql` is a literal. */
ec_status ec_sql_put(ec_database *db, ec_error *err, const char *sql, const char *types, ...);
void ec_sql_forget_kept(ec_database *db);
/* The first row of a statement with these arguments; the caller reads its columns and resets it. */
ec_status ec_sql_find(bool *row, ec_database *db, ec_error *err, sqlite3_stmt *statement,
                      const char *types, ...);
/* Prepares, runs and finalizes a statement that gives no rows. */
ec_status ec_sql_run(ec_database *db, ec_error *err, const char *sql, const char *types, ...);
/* The integer that a query gives first; 0 when it gives nothing. */
ec_status ec_sql_integer(int64_t *out, ec_database *db, ec_error *err, const char *sql);

/* What reads a row; another status than EC_OK ends the reading. */
typedef ec_status (*ec_row_reader)(void *to, sqlite3_stmt *row);

/* Calls `see` with every row. */
ec_status ec_sql_each(ec_database *db, ec_error *err, ec_row_reader see, void *to, const char *sql,
                      const char *types, ...);
/* Calls `see` (NULL: nobody) with the first row, where *found. */
ec_status ec_sql_first(bool *found, ec_database *db, ec_error *err, ec_row_reader see, void *to,
                       const char *sql, const char *types, ...);

/* Whether the first row of a query, of one column, is there and true. */
ec_status ec_sql_true(bool *is_true, ec_database *db, ec_error *err, const char *sql,
                      const char *types, ...);

/* Whether the statement that was run last changed a row. */
bool ec_sql_changed(const ec_database *db);

/* The text in a column; "" for null. Borrowed until the next row. */
const char *ec_sql_text(sqlite3_stmt *row, int column);
/* The number in a column; NaN for null. */
double ec_sql_number(sqlite3_stmt *row, int column);

#endif
