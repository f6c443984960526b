/* chosen.c - the table `chosen` of study.db: the images of a benchmark that A looks at */
#include "store/statement.h"
#include "store/tables.h"

ec_status ec_database_clear_chosen(ec_database *db, const char *benchmark, ec_error *err) {
    return ec_sql_run(db, err, "DELETE FROM chosen WHERE benchmark = ?", "t", benchmark);
}

ec_status ec_database_put_chosen(ec_database *db, const char *benchmark, size_t place,
                                 const char *path, const char *hash, ec_error *err) {
    return ec_sql_put(db, err,
                      "INSERT INTO chosen (benchmark, place, path, image) VALUES (?, ?, ?, ?)",
                      "titt", benchmark, (int64_t)place, path, hash);
}
