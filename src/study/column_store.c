/* column_store.c - see column_store.h */
#include "study/column_store.h"

#include <math.h>
#include <stdlib.h>

static ec_status read_row(ec_columns *out, const ec_study *study, sqlite3_stmt *row,
                          ec_error *err) {
    const ec_sheet *sheet = &study->declared.sheet;
    const size_t i = ec_sheet_find_candidate(sheet, ec_column_text(row, 0));
    const char *benchmark = ec_column_text(row, 2);
    const bool all = *benchmark == '\0';
    const size_t b = all ? EC_ALL_BENCHMARKS : ec_sheet_find_benchmark(sheet, benchmark);
    if (i == sheet->n_candidates || b == sheet->n_benchmarks) return EC_OK; /* not declared now */
    ec_study_column *column;
    const ec_status status = ec_columns_at(&column, out, ec_column_text(row, 1), b,
                                           sheet->n_candidates, study->path, err);
    if (status != EC_OK) return status;
    const bool lost = sqlite3_column_int(row, 5) != 0;
    column->value[i] = lost ? NAN : sqlite3_column_double(row, 3);
    column->se[i] =
        lost || sqlite3_column_type(row, 4) == SQLITE_NULL ? NAN : sqlite3_column_double(row, 4);
    return EC_OK;
}

/* Columns of which every value was lost. */
static void drop_empty(ec_columns *columns, size_t n_candidates) {
    size_t kept = 0;
    for (size_t k = 0; k < columns->n; k++) {
        size_t i = 0;
        while (i < n_candidates && isnan(columns->items[k].value[i])) i++;
        if (i < n_candidates) {
            columns->items[kept++] = columns->items[k];
        } else {
            free((char *)columns->items[k].name);
            free(columns->items[k].value);
        }
    }
    columns->n = kept;
}

ec_status ec_columns_read(ec_columns *out, ec_study *study, ec_error *err) {
    *out = (ec_columns){0};
    if (study->built_in) return EC_OK;
    sqlite3_stmt *row;
    ec_status status = ec_database_prepare(
        &row, &study->db, err,
        "SELECT candidate, name, benchmark, value, se, lost FROM extra ORDER BY id", "");
    if (status != EC_OK) return status;
    bool more;
    while ((status = ec_database_step(&more, &study->db, row, err)) == EC_OK && more &&
           (status = read_row(out, study, row, err)) == EC_OK) {
    }
    sqlite3_finalize(row);
    if (status == EC_OK) drop_empty(out, study->declared.sheet.n_candidates);
    return status;
}

ec_status ec_column_put(bool *written, ec_study *study, int64_t event, const char *candidate,
                        const char *name, const char *benchmark, double value, double se,
                        ec_error *err) {
    bool known, ignored;
    if (written == NULL) written = &ignored;
    *written = false;
    const char *fault = ec_column_name_fault(name);
    if (fault != NULL)
        return ec_fail(err, EC_ERR_ARG, "%s: the name '%.80s' of a column %s", study->path, name,
                       fault);
    sqlite3_stmt *row;
    ec_status status = ec_database_prepare(&row, &study->db, err,
                                           "SELECT value IS ?4 AND se IS ?5 AND NOT lost FROM "
                                           "extra WHERE candidate = ?1 AND name = ?2 AND "
                                           "benchmark = ?3 ORDER BY id DESC LIMIT 1",
                                           "tttdd", candidate, name, benchmark, value, se);
    if (status != EC_OK) return status;
    status = ec_database_step(&known, &study->db, row, err);
    known = known && sqlite3_column_int64(row, 0) != 0;
    sqlite3_finalize(row);
    if (status != EC_OK || known) return status;
    *written = true;
    return ec_database_run(&study->db, err,
                           "INSERT INTO extra (event, candidate, name, benchmark, value, se) "
                           "VALUES (?, ?, ?, ?, ?, ?)",
                           "itttdd", event, candidate, name, benchmark, value, se);
}

ec_status ec_column_lose(bool *lost, ec_study *study, int64_t event, const char *candidate,
                         const char *name, const char *benchmark, ec_error *err) {
    const ec_status status = ec_database_run(
        &study->db, err,
        "INSERT INTO extra (event, candidate, name, benchmark, value, se, lost) "
        "SELECT ?1, candidate, name, benchmark, value, se, 1 FROM extra WHERE id = (SELECT max(id) "
        "FROM extra WHERE candidate = ?2 AND name = ?3 AND benchmark = ?4) AND NOT lost "
        "AND event IN (SELECT id FROM event WHERE command = 'score')",
        "ittt", event, candidate, name, benchmark);
    *lost = status == EC_OK && sqlite3_changes(study->db.sqlite) > 0;
    return status;
}

