/* failure.c - the table `failure` of study.db: what cannot be finetuned */
#include <string.h>

#include "store/statement.h"
#include "store/tables.h"

typedef struct {
    ec_status (*see)(void *to, const ec_failure_record *row);
    void *to;
} reading;

#define COLUMNS "f.candidate, f.state, f.hours, f.why"

static ec_failure_record record_of(sqlite3_stmt *row) {
    return (ec_failure_record){.candidate = ec_sql_text(row, 0),
                               .failed = strcmp(ec_sql_text(row, 1), "failed") == 0,
                               .hours = ec_sql_number(row, 2),
                               .why = ec_sql_text(row, 3),
                               .time = "",
                               .worker = ""};
}

static ec_status read_row(void *context, sqlite3_stmt *row) {
    const reading *r = context;
    const ec_failure_record record = record_of(row);
    return r->see(r->to, &record);
}

static ec_status read_with_event(void *context, sqlite3_stmt *row) {
    const reading *r = context;
    ec_failure_record record = record_of(row);
    record.time = ec_sql_text(row, 4);
    record.worker = ec_sql_text(row, 5);
    return r->see(r->to, &record);
}

ec_status ec_database_read_failures(ec_database *db,
                                    ec_status (*see)(void *to, const ec_failure_record *row),
                                    void *to, ec_error *err) {
    return ec_sql_each(db, err, read_row, &(reading){see, to},
                       "SELECT " COLUMNS " FROM failure f ORDER BY f.id", "");
}

ec_status ec_database_read_failed(ec_database *db,
                                  ec_status (*see)(void *to, const ec_failure_record *row),
                                  void *to, ec_error *err) {
    return ec_sql_each(
        db, err, read_with_event, &(reading){see, to},
        "SELECT " COLUMNS ", e.time, e.worker FROM failure f JOIN event e ON e.id = f.event WHERE "
        "f.id IN (SELECT max(id) FROM failure GROUP BY candidate) AND f.state = 'failed' "
        "ORDER BY f.id",
        "");
}

ec_status ec_database_find_failure(bool *found, ec_database *db, const char *candidate,
                                   ec_status (*see)(void *to, const ec_failure_record *row),
                                   void *to, ec_error *err) {
    return ec_sql_first(found, db, err, read_row, &(reading){see, to},
                        "SELECT " COLUMNS
                        " FROM failure f WHERE f.candidate = ? ORDER BY f.id DESC LIMIT 1",
                        "t", candidate);
}

ec_status ec_database_put_failure(ec_database *db, int64_t event, const char *candidate,
                                  bool failed, double hours, const char *why, ec_error *err) {
    return ec_sql_run(
        db, err, "INSERT INTO failure (event, candidate, state, hours, why) VALUES (?, ?, ?, ?, ?)",
        "ittdt", event, candidate, failed ? "failed" : "withdrawn", hours, why != NULL ? why : "");
}
