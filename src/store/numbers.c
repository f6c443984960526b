/* numbers.c - the tables `score` and `extra` of study.db: A and C, and numbers beside them */
#include "store/statement.h"
#include "store/tables.h"

typedef struct {
    ec_status (*see)(void *to, const ec_number_record *row);
    ec_status (*see_name)(void *to, const char *name, const char *benchmark);
    void *to;
} reading;

static ec_status read_row(void *context, sqlite3_stmt *row) {
    const reading *r = context;
    return r->see(r->to, &(ec_number_record){.candidate = ec_sql_text(row, 0),
                                             .name = ec_sql_text(row, 1),
                                             .benchmark = ec_sql_text(row, 2),
                                             .value = sqlite3_column_double(row, 3),
                                             .se = ec_sql_number(row, 4),
                                             .lost = sqlite3_column_int(row, 5) != 0});
}

/* ---- score ---------------------------------------------------------------------------------- */

ec_status ec_database_read_scores(ec_database *db,
                                  ec_status (*see)(void *to, const ec_number_record *row), void *to,
                                  ec_error *err) {
    return ec_sql_each(db, err, read_row, &(reading){.see = see, .to = to},
                       "SELECT candidate, kind, benchmark, value, se, lost FROM score ORDER BY id",
                       "");
}

ec_status ec_database_put_score(ec_database *db, int64_t event, const char *candidate,
                                const char *name, const char *benchmark, double value, double se,
                                ec_error *err) {
    return ec_sql_put(db, err,
                      "INSERT INTO score (event, candidate, kind, benchmark, value, se) "
                      "VALUES (?, ?, ?, ?, ?, ?)",
                      "itttdd", event, candidate, name, benchmark, value, se);
}

ec_status ec_database_change_score(bool *changed, ec_database *db, int64_t event,
                                   const char *candidate, const char *name, const char *benchmark,
                                   double value, double se, ec_error *err) {
    bool same;
    const ec_status status =
        ec_sql_true(&same, db, err,
                    "SELECT value IS ?4 AND se IS ?5 AND NOT lost FROM score WHERE candidate = ?1 "
                    "AND kind = ?2 AND (benchmark = ?3 OR benchmark = '') ORDER BY id DESC LIMIT 1",
                    "tttdd", candidate, name, benchmark, value, se);
    *changed = status == EC_OK && !same;
    return *changed ? ec_database_put_score(db, event, candidate, name, benchmark, value, se, err)
                    : status;
}

ec_status ec_database_lose_score(bool *lost, ec_database *db, int64_t event, const char *candidate,
                                 const char *name, const char *benchmark, ec_error *err) {
    const ec_status status = ec_sql_run(
        db, err,
        "INSERT INTO score (event, candidate, kind, benchmark, value, se, lost) "
        "SELECT ?1, candidate, kind, benchmark, value, se, 1 FROM score WHERE id = (SELECT max(id) "
        "FROM score WHERE candidate = ?2 AND kind = ?3 AND (benchmark = ?4 OR benchmark = '')) "
        "AND NOT lost AND event IN (SELECT id FROM event WHERE command = 'score')",
        "ittt", event, candidate, name, benchmark);
    *lost = status == EC_OK && ec_sql_changed(db);
    return status;
}

/* ---- extra ---------------------------------------------------------------------------------- */

ec_status ec_database_read_extras(ec_database *db,
                                  ec_status (*see)(void *to, const ec_number_record *row), void *to,
                                  ec_error *err) {
    return ec_sql_each(db, err, read_row, &(reading){.see = see, .to = to},
                       "SELECT candidate, name, benchmark, value, se, lost FROM extra ORDER BY id",
                       "");
}

static ec_status read_name(void *context, sqlite3_stmt *row) {
    const reading *r = context;
    return r->see_name(r->to, ec_sql_text(row, 0), ec_sql_text(row, 1));
}

/* A row that `see` adds is of a group that has come. */
ec_status ec_database_read_extras_of(ec_database *db, const char *candidate,
                                     ec_status (*see)(void *to, const char *name,
                                                      const char *benchmark),
                                     void *to, ec_error *err) {
    return ec_sql_each(
        db, err, read_name, &(reading){.see_name = see, .to = to},
        "SELECT name, benchmark FROM extra WHERE candidate = ? GROUP BY name, benchmark", "t",
        candidate);
}

ec_status ec_database_change_extra(bool *changed, ec_database *db, int64_t event,
                                   const char *candidate, const char *name, const char *benchmark,
                                   double value, double se, ec_error *err) {
    bool same;
    const ec_status status =
        ec_sql_true(&same, db, err,
                    "SELECT value IS ?4 AND se IS ?5 AND NOT lost FROM extra WHERE candidate = ?1 "
                    "AND name = ?2 AND benchmark = ?3 ORDER BY id DESC LIMIT 1",
                    "tttdd", candidate, name, benchmark, value, se);
    *changed = status == EC_OK && !same;
    if (!*changed) return status;
    return ec_sql_put(db, err,
                      "INSERT INTO extra (event, candidate, name, benchmark, value, se) "
                      "VALUES (?, ?, ?, ?, ?, ?)",
                      "itttdd", event, candidate, name, benchmark, value, se);
}

ec_status ec_database_lose_extra(bool *lost, ec_database *db, int64_t event, const char *candidate,
                                 const char *name, const char *benchmark, ec_error *err) {
    const ec_status status = ec_sql_run(
        db, err,
        "INSERT INTO extra (event, candidate, name, benchmark, value, se, lost) "
        "SELECT ?1, candidate, name, benchmark, value, se, 1 FROM extra WHERE id = (SELECT max(id) "
        "FROM extra WHERE candidate = ?2 AND name = ?3 AND benchmark = ?4) AND NOT lost "
        "AND event IN (SELECT id FROM event WHERE command = 'score')",
        "ittt", event, candidate, name, benchmark);
    *lost = status == EC_OK && ec_sql_changed(db);
    return status;
}
