/* score.c - the table `score` of study.db */
#include "store/statement.h"
#include "store/tables.h"

typedef struct {
    ec_status (*see)(void *to, const ec_score_record *row);
    void *to;
} reading;

static ec_status read_row(void *context, sqlite3_stmt *row) {
    const reading *r = context;
    return r->see(r->to, &(ec_score_record){.candidate = ec_sql_text(row, 0),
                                            .kind = ec_sql_text(row, 1),
                                            .benchmark = ec_sql_text(row, 2),
                                            .value = sqlite3_column_double(row, 3),
                                            .se = ec_sql_number(row, 4),
                                            .lost = sqlite3_column_int(row, 5) != 0});
}

ec_status ec_database_read_scores(ec_database *db,
                                  ec_status (*see)(void *to, const ec_score_record *row), void *to,
                                  ec_error *err) {
    return ec_sql_each(db, err, read_row, &(reading){see, to},
                       "SELECT candidate, kind, benchmark, value, se, lost FROM score ORDER BY id",
                       "");
}

ec_status ec_database_put_score(ec_database *db, int64_t event, const char *candidate,
                                const char *kind, const char *benchmark, double value, double se,
                                ec_error *err) {
    return ec_sql_put(db, err,
                      "INSERT INTO score (event, candidate, kind, benchmark, value, se) "
                      "VALUES (?, ?, ?, ?, ?, ?)",
                      "itttdd", event, candidate, kind, benchmark, value, se);
}

ec_status ec_database_change_score(bool *changed, ec_database *db, int64_t event,
                                   const char *candidate, const char *kind, const char *benchmark,
                                   double value, double se, ec_error *err) {
    bool same;
    const ec_status status =
        ec_sql_true(&same, db, err,
                    "SELECT value IS ?4 AND se IS ?5 AND NOT lost FROM score WHERE candidate = ?1 "
                    "AND kind = ?2 AND (benchmark = ?3 OR benchmark = '') ORDER BY id DESC LIMIT 1",
                    "tttdd", candidate, kind, benchmark, value, se);
    *changed = status == EC_OK && !same;
    return *changed ? ec_database_put_score(db, event, candidate, kind, benchmark, value, se, err)
                    : status;
}

ec_status ec_database_lose_score(bool *lost, ec_database *db, int64_t event, const char *candidate,
                                 const char *kind, const char *benchmark, ec_error *err) {
    const ec_status status = ec_sql_run(
        db, err,
        "INSERT INTO score (event, candidate, kind, benchmark, value, se, lost) "
        "SELECT ?1, candidate, kind, benchmark, value, se, 1 FROM score WHERE id = (SELECT max(id) "
        "FROM score WHERE candidate = ?2 AND kind = ?3 AND (benchmark = ?4 OR benchmark = '')) "
        "AND NOT lost AND event IN (SELECT id FROM event WHERE command = 'score')",
        "ittt", event, candidate, kind, benchmark);
    *lost = status == EC_OK && ec_sql_changed(db);
    return status;
}
