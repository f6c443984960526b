/* cost.c - the table `cost` of study.db: GPU-hours */
#include <string.h>

#include "store/statement.h"
#include "store/tables.h"

typedef struct {
    ec_status (*see)(void *to, const char *candidate, ec_cost_kind kind, double hours);
    void *to;
} reading;

static const char *const kinds[] = {
    [EC_COST_EXPECTED] = "expected", [EC_COST_RECORDED] = "recorded"};

static ec_status read_row(void *context, sqlite3_stmt *row) {
    const reading *r = context;
    const bool expected = strcmp(ec_sql_text(row, 1), kinds[EC_COST_EXPECTED]) == 0;
    return r->see(r->to, ec_sql_text(row, 0), expected ? EC_COST_EXPECTED : EC_COST_RECORDED,
                  ec_sql_number(row, 2));
}

ec_status ec_database_read_costs(ec_database *db,
                                 ec_status (*see)(void *to, const char *candidate,
                                                  ec_cost_kind kind, double hours),
                                 void *to, ec_error *err) {
    return ec_sql_each(db, err, read_row, &(reading){see, to},
                       "SELECT candidate, kind, hours FROM cost ORDER BY id", "");
}

ec_status ec_database_put_cost(ec_database *db, int64_t event, const char *candidate,
                               ec_cost_kind kind, double hours, ec_error *err) {
    return ec_sql_put(db, err,
                      "INSERT INTO cost (event, candidate, kind, hours) VALUES (?, ?, ?, ?)",
                      "ittd", event, candidate, kinds[kind], hours);
}
