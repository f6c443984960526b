/* whole.c - what is asked of all tables of study.db: damage, and names */
#include "store/statement.h"
#include "store/tables.h"

typedef struct {
    ec_status (*see)(void *to, const char *text);
    void *to;
} reading;

static ec_status read_text(void *context, sqlite3_stmt *row) {
    const reading *r = context;
    return r->see(r->to, ec_sql_text(row, 0));
}

static ec_status read_texts(ec_database *db, ec_status (*see)(void *to, const char *text), void *to,
                            const char *sql, ec_error *err) {
    return ec_sql_each(db, err, read_text, &(reading){see, to}, sql, "");
}

ec_status ec_database_read_damage(ec_database *db, ec_status (*see)(void *to, const char *text),
                                  void *to, ec_error *err) {
    return read_texts(db, see, to, "PRAGMA integrity_check(10)", err);
}

ec_status ec_database_read_orphaned(ec_database *db, ec_status (*see)(void *to, const char *table),
                                    void *to, ec_error *err) {
    return read_texts(db, see, to, "SELECT DISTINCT \"table\" FROM pragma_foreign_key_check", err);
}

ec_status ec_database_read_candidates(ec_database *db, ec_status (*see)(void *to, const char *name),
                                      void *to, ec_error *err) {
    return read_texts(db, see, to,
                      "SELECT candidate FROM score UNION SELECT candidate FROM observation UNION "
                      "SELECT candidate FROM cost UNION SELECT candidate FROM failure ORDER BY 1",
                      err);
}

ec_status ec_database_read_benchmarks(ec_database *db, ec_status (*see)(void *to, const char *name),
                                      void *to, ec_error *err) {
    return read_texts(
        db, see, to,
        "SELECT benchmark FROM score UNION SELECT benchmark FROM observation ORDER BY 1", err);
}

ec_status ec_database_read_half_withdrawn(ec_database *db,
                                          ec_status (*see)(void *to, const char *name), void *to,
                                          ec_error *err) {
    return read_texts(
        db, see, to,
        "SELECT candidate FROM observation WHERE id IN (SELECT max(id) FROM observation GROUP BY "
        "candidate, benchmark) AND kind = 'withdrawn' GROUP BY candidate ORDER BY min(id)",
        err);
}
