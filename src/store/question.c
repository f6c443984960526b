/* question.c - the table `question` of study.db: what was asked of whom */
#include "store/statement.h"
#include "store/tables.h"

typedef struct {
    ec_status (*see)(void *to, const ec_question_record *row);
    void *to;
} reading;

#define COLUMNS "q.id, q.candidate, q.worker, q.reason, q.state, q.expires, e.time, "
#define ASKED "CAST(strftime('%s', e.time) AS INTEGER) "
#define SELECT_QUESTION                                                                            \
    "SELECT " COLUMNS ASKED "FROM question q LEFT JOIN event e ON e.id = q.event WHERE "

static ec_status read_row(void *context, sqlite3_stmt *row) {
    const reading *r = context;
    return r->see(r->to, &(ec_question_record){.id = sqlite3_column_int64(row, 0),
                                               .candidate = ec_sql_text(row, 1),
                                               .worker = ec_sql_text(row, 2),
                                               .reason = ec_sql_text(row, 3),
                                               .state = ec_sql_text(row, 4),
                                               .expires = sqlite3_column_double(row, 5),
                                               .time = ec_sql_text(row, 6),
                                               .asked = sqlite3_column_double(row, 7)});
}

/* ---- reading -------------------------------------------------------------------------------- */

ec_status ec_database_read_questions(ec_database *db, double now,
                                     ec_status (*see)(void *to, const ec_question_record *row),
                                     void *to, ec_error *err) {
    return ec_sql_each(db, err, read_row, &(reading){see, to},
                       SELECT_QUESTION "q.state = 'pending' AND q.expires > ? ORDER BY q.id", "d",
                       now);
}

ec_status ec_database_find_pending(bool *found, ec_database *db, const char *candidate,
                                   ec_status (*see)(void *to, const ec_question_record *row),
                                   void *to, ec_error *err) {
    return ec_sql_first(found, db, err, read_row, &(reading){see, to},
                        SELECT_QUESTION "q.state = 'pending' AND q.candidate = ?", "t", candidate);
}

ec_status ec_database_find_question(bool *found, ec_database *db, const char *candidate,
                                    const char *worker,
                                    ec_status (*see)(void *to, const ec_question_record *row),
                                    void *to, ec_error *err) {
    return ec_sql_first(found, db, err, read_row, &(reading){see, to},
                        SELECT_QUESTION "q.candidate = ? AND (q.state = 'pending' OR q.worker = ?) "
                                        "ORDER BY q.state = 'pending' DESC, q.id DESC LIMIT 1",
                        "tt", candidate, worker);
}

ec_status ec_database_find_answered(bool *found, ec_database *db, const char *candidate, double now,
                                    ec_status (*see)(void *to, const ec_question_record *row),
                                    void *to, ec_error *err) {
    return ec_sql_first(
        found, db, err, read_row, &(reading){see, to},
        SELECT_QUESTION
        "q.candidate = ?1 AND q.state = 'answered' AND q.expires > ?2 AND q.answer IN (SELECT "
        "event FROM observation WHERE candidate = ?1) AND NOT EXISTS (SELECT 1 FROM question "
        "WHERE candidate = ?1 AND state = 'pending') ORDER BY q.id DESC LIMIT 1",
        "td", candidate, now);
}

ec_status ec_database_count_questions(int64_t *n, ec_database *db, ec_error *err) {
    return ec_sql_integer(n, db, err, "SELECT count(*) FROM question");
}

/* ---- writing -------------------------------------------------------------------------------- */

ec_status ec_database_put_question(int64_t *id, ec_database *db, int64_t event,
                                   const char *candidate, const char *worker, double expires,
                                   const char *reason, ec_error *err) {
    const ec_status status =
        ec_sql_run(db, err,
                   "INSERT INTO question (event, candidate, worker, expires, state, reason) "
                   "VALUES (?, ?, ?, ?, 'pending', ?)",
                   "ittdt", event, candidate, worker, expires, reason);
    if (status == EC_OK && id != NULL) *id = sqlite3_last_insert_rowid(db->sqlite);
    return status;
}

ec_status ec_database_expire_questions(ec_database *db, double now, ec_error *err) {
    return ec_sql_run(
        db, err, "UPDATE question SET state = 'expired' WHERE state = 'pending' AND expires <= ?",
        "d", now);
}

ec_status ec_database_answer_question(bool *any, ec_database *db, int64_t event,
                                      const char *candidate, ec_error *err) {
    const ec_status status =
        ec_sql_run(db, err,
                   "UPDATE question SET state = 'answered', answer = ? WHERE candidate = ? "
                   "AND state = 'pending'",
                   "it", event, candidate);
    if (any != NULL) *any = status == EC_OK && ec_sql_changed(db);
    return status;
}

ec_status ec_database_reopen_question(ec_database *db, int64_t id, double expires, ec_error *err) {
    return ec_sql_run(db, err,
                      "UPDATE question SET state = 'pending', answer = NULL, "
                      "expires = ifnull(?, expires) WHERE id = ?",
                      "di", expires, id);
}

ec_status ec_database_end_question(ec_database *db, int64_t id, double now, ec_error *err) {
    return ec_sql_run(db, err, "UPDATE question SET state = 'expired', expires = ? WHERE id = ?",
                      "di", now, id);
}

ec_status ec_database_extend_question(ec_database *db, const char *candidate, const char *worker,
                                      double expires, ec_error *err) {
    return ec_sql_run(db, err,
                      "UPDATE question SET expires = ? WHERE state = 'pending' AND candidate = ? "
                      "AND worker = ?",
                      "dtt", expires, candidate, worker);
}

ec_status ec_database_drop_question(ec_database *db, const char *candidate, const char *worker,
                                    ec_error *err) {
    return ec_sql_run(db, err,
                      "UPDATE question SET state = 'expired' WHERE state = 'pending' AND "
                      "candidate = ? AND worker = ?",
                      "tt", candidate, worker);
}
