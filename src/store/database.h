/* database.h - study.db: SQLite opened the way a study needs it, and its errors in words
 *
 * WAL mode, synchronous FULL: readers never wait for a writer, a transaction that was committed
 * survives kill -9 and a power cut, one that was not has never happened. After each change the log
 * is brought into study.db, so that a plain copy of that file has all that was recorded. The
 * schema's version is in PRAGMA user_version; older files are brought up to date on opening, one
 * transaction for all steps.
 */
#ifndef EC_STORE_DATABASE_H
#define EC_STORE_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eyechart/status.h"

#define EC_DATABASE_APPLICATION_ID 0x65796563 /* "eyec" */
#define EC_DATABASE_BUSY_MS 10000

/* Step i brings a database of version i to version i + 1. */
typedef struct ec_migrations {
    size_t n;
    const char *const *steps;
} ec_migrations;

extern const ec_migrations ec_study_migrations;

typedef struct ec_database {
    struct sqlite3 *sqlite;
    struct ec_kept_statement *kept; /* statement.h */
    size_t n_kept;
    char *path;    /* of study.db, for messages */
    int busy_ms;   /* how long to wait for a lock */
    bool writable; /* false: the file or its folder cannot be written to */
} ec_database;

/* Opens folder/study.db, makes it where it is missing, brings it up to `migrations`. Where nothing
 * can be written a missing one is taken as empty. ec_database_close() also after a failure. Errors:
 * EC_ERR_FORMAT not a database of eyechart, or damaged; EC_ERR_VERSION newer than `migrations`;
 * EC_ERR_BUSY; EC_ERR_IO, also of ec_database_check_folder(); EC_ERR_NOMEM. */
ec_status ec_database_open(ec_database *db, const char *folder, const ec_migrations *migrations,
                           ec_error *err);
void ec_database_close(ec_database *db);

/* Refuses a folder on a network file system, where processes on several machines could open one
 * database: SQLite's locks and the memory that its readers and writers share do not reach from one
 * machine to another. EYECHART_NETWORK_FS=1 in the environment allows it. `path` is for the
 * message. EC_ERR_IO. */
ec_status ec_database_check_folder(const char *folder, const char *path, ec_error *err);
void ec_database_set_busy_ms(ec_database *db, int busy_ms);

/* Begin to read (a consistent view) or to write (alone). ec_database_end() commits where `status`
 * is EC_OK and rolls back otherwise; it returns what became of it all. */
ec_status ec_database_begin_read(ec_database *db, ec_error *err);
ec_status ec_database_begin_write(ec_database *db, ec_error *err);
ec_status ec_database_end(ec_database *db, ec_status status, ec_error *err);
/* Takes back what was written since ec_database_begin_write(): nothing of it was new. */
ec_status ec_database_forget(ec_database *db, ec_error *err);

#endif
