/* database.c - see database.h */
#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/filesystem.h"
#include "base/text.h"
#include "store/statement.h"

enum { EMPTY_LOG_MS = 500 }; /* how long to try */

/* ---- transactions ------------------------------------------------------------------------- */

ec_status ec_database_begin_read(ec_database *db, ec_error *err) {
    return ec_sql_run(db, err, "BEGIN", "");
}

ec_status ec_database_begin_write(ec_database *db, ec_error *err) {
    if (!db->writable)
        return ec_fail(
            err, EC_ERR_IO,
            "%s: cannot be written to; nothing was changed, make the file and its folder writable "
            "or work on a copy of the folder",
            db->path);
    return ec_sql_run(db, err, "BEGIN IMMEDIATE", "");
}

ec_status ec_database_end(ec_database *db, ec_status status, ec_error *err) {
    if (status == EC_OK) status = ec_sql_run(db, err, "COMMIT", "");
    /* After some errors SQLite has rolled back by itself. */
    if (status != EC_OK && !sqlite3_get_autocommit(db->sqlite))
        ec_sql_run(db, NULL, "ROLLBACK", "");
    return status;
}

ec_status ec_database_forget(ec_database *db, ec_error *err) {
    return ec_sql_run(db, err, "ROLLBACK", "");
}

/* ---- opening ------------------------------------------------------------------------------ */

static bool can_write(const char *path) {
    return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static ec_status open_uri(ec_database *db, const char *parameters, ec_error *err) {
    ec_text uri = {0};
    ec_text_add(&uri, "file:");
    for (const char *c = db->path; *c != '\0'; c++) {
        if (strchr("?#%", *c) != NULL)
            ec_text_format(&uri, "%%%02x", (unsigned char)*c);
        else
            ec_text_add_bytes(&uri, c, 1);
    }
    ec_text_format(&uri, "?%s", parameters);
    sqlite3_close(db->sqlite);
    db->sqlite = NULL;
    const int result = uri.failed ? SQLITE_NOMEM
                                  : sqlite3_open_v2(uri.data, &db->sqlite,
                                                    SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    ec_text_release(&uri);
    return result == SQLITE_OK ? EC_OK : ec_sql_fail(db, err);
}

/* Bytes of the file that is called as the database with `suffix`; 0 when there is none. */
static off_t size_beside(const ec_database *db, const char *suffix) {
    ec_text path = {0};
    struct stat info;
    ec_text_format(&path, "%s%s", db->path, suffix);
    const off_t size = !path.failed && stat(path.data, &info) == 0 ? info.st_size : 0;
    ec_text_release(&path);
    return size;
}

/* WAL needs files beside the database even to read it. Where they can be neither found nor made,
 * nobody is writing either, so that the database can be read as if it never changed. */
static ec_status open_read_only(ec_database *db, ec_error *err) {
    ec_status status = open_uri(db, "mode=ro", err);
    int64_t unused;
    if (status == EC_OK) status = ec_sql_integer(&unused, db, err, "PRAGMA user_version");
    if (status == EC_ERR_IO && size_beside(db, "-wal") == 0)
        status = open_uri(db, "immutable=1", err);
    return status;
}

/* SQLite takes the missing end of a last page for zeros. While the log is not empty the database
 * may well be shorter than it will be. */
static ec_status check_length(ec_database *db, ec_error *err) {
    int64_t n_pages, page_bytes;
    ec_status status = ec_sql_integer(&n_pages, db, err, "PRAGMA page_count");
    if (status == EC_OK) status = ec_sql_integer(&page_bytes, db, err, "PRAGMA page_size");
    if (status != EC_OK || size_beside(db, "-wal") > 0 ||
        size_beside(db, "") >= n_pages * page_bytes)
        return status;
    return ec_fail(err, EC_ERR_FORMAT,
                   "%s: damaged (cut short: %lld bytes, expected %lld); restore it from a copy, "
                   "or move it out of the folder and import what you exported before",
                   db->path, (long long)size_beside(db, ""), (long long)(n_pages * page_bytes));
}

ec_status ec_database_check_folder(const char *folder, const char *path, ec_error *err) {
    char type[EC_FILESYSTEM_NAME_SIZE];
    const char *allowed = getenv("EYECHART_NETWORK_FS");
    if (allowed != NULL && strcmp(allowed, "1") == 0) return EC_OK;
    if (!ec_filesystem_is_network(type, folder)) return EC_OK;
    return ec_fail(err, EC_ERR_IO,
                   "%s: is on a network file system (%s), where changes from two machines would "
                   "damage study.db; keep the folder of the study on a disk of one machine and run "
                   "eyechart there, with runs/ as a link to the shared disk where others train "
                   "(docs/clusters.md), or set EYECHART_NETWORK_FS=1 if no other machine will ever "
                   "open it",
                   path, type);
}

static ec_status connect(ec_database *db, const char *folder, ec_error *err) {
    const bool exists = access(db->path, F_OK) == 0;
    db->writable = can_write(folder) && (!exists || can_write(db->path));
    const ec_status status =
        exists || db->writable ? ec_database_check_folder(folder, db->path, err) : EC_OK;
    if (status != EC_OK) return status;
    if (exists && !db->writable) return open_read_only(db, err);
    const int result = sqlite3_open_v2(db->writable ? db->path : ":memory:", &db->sqlite,
                                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    return result == SQLITE_OK ? EC_OK : ec_sql_fail(db, err);
}

/* Changing to WAL does not always wait for a lock as other statements do, so that processes that
 * open a new study at the same moment could fail here. */
static ec_status set_wal(ec_database *db, ec_error *err) {
    const struct timespec pause = {0, 5000000};
    ec_status status;
    int waited_ms = 0;
    while ((status = ec_sql_run(db, err, "PRAGMA journal_mode = WAL", "")) == EC_ERR_BUSY &&
           waited_ms < db->busy_ms) {
        nanosleep(&pause, NULL);
        waited_ms += 5;
    }
    return status;
}

static ec_status read_version(int64_t *version, ec_database *db, const ec_migrations *migrations,
                              ec_error *err) {
    int64_t application, n_tables;
    ec_status status = ec_sql_integer(&application, db, err, "PRAGMA application_id");
    if (status == EC_OK) status = ec_sql_integer(version, db, err, "PRAGMA user_version");
    if (status == EC_OK)
        status = ec_sql_integer(&n_tables, db, err, "SELECT count(*) FROM sqlite_schema");
    if (status != EC_OK) return status;
    const bool is_new = application == 0 && *version == 0 && n_tables == 0;
    if (!is_new && application != EC_DATABASE_APPLICATION_ID)
        return ec_fail(
            err, EC_ERR_FORMAT,
            "%s: a database of some other program; move it out of the folder, then eyechart "
            "begins an empty one",
            db->path);
    if (*version < 0 || (uint64_t)*version > migrations->n)
        return ec_fail(
            err, EC_ERR_VERSION,
            "%s: version %lld of the tables, this eyechart (%s) knows up to %zu; use the newer "
            "one that wrote it",
            db->path, (long long)*version, ec_version(), migrations->n);
    return EC_OK;
}

static ec_status execute(ec_database *db, const char *sql, ec_error *err) {
    return sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK ? EC_OK
                                                                        : ec_sql_fail(db, err);
}

static ec_status migrate(ec_database *db, const ec_migrations *migrations, ec_error *err) {
    ec_status status = ec_sql_run(db, err, "BEGIN IMMEDIATE", "");
    if (status != EC_OK) return status;
    int64_t version; /* again, now that nobody else can change it */
    status = read_version(&version, db, migrations, err);
    for (size_t i = (size_t)version; status == EC_OK && i < migrations->n; i++)
        status = execute(db, migrations->steps[i], err);
    char pragmas[96];
    sqlite3_snprintf(sizeof pragmas, pragmas,
                     "PRAGMA application_id = %d; PRAGMA user_version = %d",
                     EC_DATABASE_APPLICATION_ID, (int)migrations->n);
    if (status == EC_OK) status = execute(db, pragmas, err);
    return ec_database_end(db, status, err);
}

static ec_status bring_up_to_date(ec_database *db, const ec_migrations *migrations, ec_error *err) {
    int64_t version;
    const char *file = sqlite3_db_filename(db->sqlite, "main");
    const bool in_memory = file == NULL || *file == '\0';
    ec_status status = ec_database_begin_read(db, err); /* the parts of the version belong together */
    if (status != EC_OK) return status;
    status = ec_database_end(db, read_version(&version, db, migrations, err), err);
    if (status == EC_OK && !in_memory) status = check_length(db, err);
    if (status != EC_OK || (uint64_t)version == migrations->n) return status;
    if (!db->writable && !in_memory)
        return ec_fail(err, EC_ERR_IO,
                       "%s: of an older eyechart (version %lld of the tables), and cannot be "
                       "written to; make it writable, or open a copy of the folder",
                       db->path, (long long)version);
    if (!in_memory) status = set_wal(db, err);
    return status == EC_OK ? migrate(db, migrations, err) : status;
}

/* SQLite calls this after each change, which is in study.db-wal by then. Brings it into study.db
 * and empties the log, so that a copy of study.db alone has it. Where a reader is in the way for
 * long, the next change or the end of the last process does so: nothing depends on it here. */
static int empty_log(void *context, sqlite3 *sqlite, const char *schema, int n_pages) {
    const ec_database *db = context;
    const struct timespec pause = {0, 2000000};
    (void)n_pages;
    sqlite3_busy_timeout(sqlite, 0);
    for (int waited_ms = 0; waited_ms < EMPTY_LOG_MS; waited_ms += 2) {
        const int result =
            sqlite3_wal_checkpoint_v2(sqlite, schema, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        if (result != SQLITE_BUSY) break;
        nanosleep(&pause, NULL);
    }
    sqlite3_busy_timeout(sqlite, db->busy_ms);
    return SQLITE_OK;
}

void ec_database_set_busy_ms(ec_database *db, int busy_ms) {
    db->busy_ms = busy_ms;
    sqlite3_busy_timeout(db->sqlite, busy_ms);
}

ec_status ec_database_open(ec_database *db, const char *folder, const ec_migrations *migrations,
                           ec_error *err) {
    *db = (ec_database){.busy_ms = EC_DATABASE_BUSY_MS};
    ec_text path = {0};
    ec_text_format(&path, "%s/study.db", folder);
    if (path.failed) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", folder);
    db->path = path.data;

    ec_status status = connect(db, folder, err);
    if (status != EC_OK) return status;
    ec_database_set_busy_ms(db, EC_DATABASE_BUSY_MS);
    sqlite3_extended_result_codes(db->sqlite, 1);
    /* The file may come from a stranger: no triggers or views of its own that call functions. */
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_wal_hook(db->sqlite, empty_log, db);
    status = execute(db, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON", err);
    return status == EC_OK ? bring_up_to_date(db, migrations, err) : status;
}

void ec_database_close(ec_database *db) {
    ec_sql_forget_kept(db);
    sqlite3_close(db->sqlite);
    free(db->path);
    *db = (ec_database){0};
}
