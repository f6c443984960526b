/* observation.c - the table `observation` of study.db: results */
#include <string.h>

#include "store/statement.h"
#include "store/tables.h"

typedef struct {
    ec_status (*see)(void *to, const ec_observation_record *row);
    ec_status (*see_withdrawn)(void *to, const char *candidate, double when);
    void *to;
    bool with_events;
} reading;

static const char *const kinds[] = {[EC_OBSERVED_VALUE] = "value",
                                    [EC_OBSERVED_REPEAT] = "repeat",
                                    [EC_OBSERVED_WITHDRAWN] = "withdrawn"};

static ec_observed kind_of(const char *text) {
    if (strcmp(text, kinds[EC_OBSERVED_REPEAT]) == 0) return EC_OBSERVED_REPEAT;
    if (strcmp(text, kinds[EC_OBSERVED_WITHDRAWN]) == 0) return EC_OBSERVED_WITHDRAWN;
    return EC_OBSERVED_VALUE;
}

static ec_status read_row(void *context, sqlite3_stmt *row) {
    const reading *r = context;
    return r->see(r->to,
                  &(ec_observation_record){.candidate = ec_sql_text(row, 0),
                                           .benchmark = ec_sql_text(row, 1),
                                           .value = sqlite3_column_double(row, 2),
                                           .se = ec_sql_number(row, 3),
                                           .kind = kind_of(ec_sql_text(row, 4)),
                                           .time = r->with_events ? ec_sql_text(row, 5) : "",
                                           .worker = r->with_events ? ec_sql_text(row, 6) : "",
                                           .source = r->with_events ? ec_sql_text(row, 7) : ""});
}

ec_status ec_database_read_observations(ec_database *db, bool with_events,
                                        ec_status (*see)(void *to,
                                                         const ec_observation_record *row),
                                        void *to, ec_error *err) {
    return ec_sql_each(
        db, err, read_row, &(reading){.see = see, .to = to, .with_events = with_events},
        with_events ? "SELECT o.candidate, o.benchmark, o.value, o.se, o.kind, e.time, e.worker, "
                      "e.source FROM observation o JOIN event e ON e.id = o.event ORDER BY o.id"
                    : "SELECT candidate, benchmark, value, se, kind FROM observation ORDER BY id",
        "");
}

ec_status ec_database_put_observation(ec_database *db, int64_t event, const char *candidate,
                                      const char *benchmark, double value, double se,
                                      ec_observed kind, ec_error *err) {
    return ec_sql_put(db, err,
                      "INSERT INTO observation (event, candidate, benchmark, value, se, kind) "
                      "VALUES (?, ?, ?, ?, ?, ?)",
                      "ittddt", event, candidate, benchmark, value, se, kinds[kind]);
}

static ec_status read_withdrawn(void *context, sqlite3_stmt *row) {
    const reading *r = context;
    return r->see_withdrawn(r->to, ec_sql_text(row, 0), sqlite3_column_double(row, 1));
}

ec_status ec_database_read_withdrawn(ec_database *db,
                                     ec_status (*see)(void *to, const char *candidate, double when),
                                     void *to, ec_error *err) {
    return ec_sql_each(
        db, err, read_withdrawn, &(reading){.see_withdrawn = see, .to = to},
        "SELECT o.candidate, CAST(strftime('%s', e.time) AS INTEGER) FROM observation o JOIN event "
        "e ON e.id = o.event WHERE o.id IN (SELECT max(id) FROM observation GROUP BY candidate) "
        "AND o.kind = 'withdrawn'",
        "");
}
