/* column_store.c - see column_store.h */
#include "study/column_store.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
    ec_columns *columns;
    const ec_study *study;
    ec_error *err;
} target;

static ec_status see_extra(void *context, const ec_number_record *row) {
    const target *t = context;
    const ec_sheet *sheet = &t->study->declared.sheet;
    const size_t i = ec_sheet_find_candidate(sheet, row->candidate);
    const bool all = *row->benchmark == '\0';
    const size_t b = all ? EC_ALL_BENCHMARKS : ec_sheet_find_benchmark(sheet, row->benchmark);
    if (i == sheet->n_candidates || b == sheet->n_benchmarks) return EC_OK; /* not declared now */
    ec_study_column *column;
    const ec_status status = ec_columns_at(&column, t->columns, row->name, b, sheet->n_candidates,
                                           t->study->path, t->err);
    if (status != EC_OK) return status;
    column->value[i] = row->lost ? NAN : row->value;
    column->se[i] = row->lost ? NAN : row->se;
    return EC_OK;
}

/* Removes columns that have no value left. */
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
    const ec_status status =
        ec_database_read_extras(&study->db, see_extra, &(target){out, study, err}, err);
    if (status == EC_OK) drop_empty(out, study->declared.sheet.n_candidates);
    return status;
}

ec_status ec_column_put(bool *written, ec_study *study, int64_t event, const char *candidate,
                        const char *name, const char *benchmark, double value, double se,
                        ec_error *err) {
    bool ignored;
    if (written == NULL) written = &ignored;
    *written = false;
    const char *fault = ec_column_name_fault(name);
    if (fault != NULL)
        return ec_fail(err, EC_ERR_ARG, "%s: the name '%.80s' of a column %s", study->path, name,
                       fault);
    return ec_database_change_extra(written, &study->db, event, candidate, name, benchmark, value,
                                    se, err);
}
