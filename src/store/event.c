/* event.c - the table `event` of study.db */
#include <time.h>

#include "store/statement.h"
#include "store/tables.h"

static void write_time(char text[32]) {
    const time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

ec_status ec_database_put_event(int64_t *event, ec_database *db, const char *command,
                                const char *worker, const char *source, ec_error *err) {
    char now[32];
    write_time(now);
    const ec_status status = ec_sql_run(
        db, err,
        "INSERT INTO event (time, command, version, worker, source) VALUES (?, ?, ?, ?, ?)",
        "ttttt", now, command, ec_version(), worker, source);
    if (status == EC_OK) *event = sqlite3_last_insert_rowid(db->sqlite);
    return status;
}
