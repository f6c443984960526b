/* failure.c - see failure.h */
#include "study/failure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "sheet/names.h"

/* ---- reading -------------------------------------------------------------------------------- */

void ec_failures_release(ec_failures *f) {
    free(f->failed);
    free(f->taken_back);
    free(f->hours);
    *f = (ec_failures){0};
}

static double or_zero(double x) {
    return isnan(x) ? 0.0 : x;
}

/* The hours left of a sum; NaN where only rounding is left. */
static double without(double sum, double hours) {
    const double left = sum - hours;
    return left > 1e-9 * sum ? left : NAN;
}

/* A failure told again is a correction of it: its hours are in the place of those told before. */
static void see_row(ec_failures *f, double *last, size_t i, const ec_failure_record *row) {
    const double hours = row->hours;
    const bool replaces = row->failed ? f->failed[i] : isnan(hours);
    if (replaces && !isnan(last[i])) f->hours[i] = without(f->hours[i], last[i]);
    if (row->failed && !isnan(hours)) f->hours[i] = or_zero(f->hours[i]) + hours;
    last[i] = row->failed ? hours : NAN;
    f->taken_back[i] = !row->failed;
    f->failed[i] = row->failed;
}

typedef struct {
    ec_failures *failures;
    double *last; /* [n_candidates] hours of the newest row */
    const ec_sheet *sheet;
} target;

static ec_status see_failure(void *context, const ec_failure_record *row) {
    const target *t = context;
    const size_t i = ec_sheet_find_candidate(t->sheet, row->candidate);
    if (i < t->sheet->n_candidates) see_row(t->failures, t->last, i, row);
    return EC_OK;
}

ec_status ec_failures_read(ec_failures *out, ec_study *study, ec_error *err) {
    const size_t n = ec_study_n_candidates(study);
    *out = (ec_failures){.failed = calloc(n + 1, sizeof *out->failed),
                         .taken_back = calloc(n + 1, sizeof *out->taken_back),
                         .hours = malloc((n + 1) * sizeof *out->hours)};
    double *last = malloc((n + 1) * sizeof *last);
    ec_status status = EC_OK;
    if (!out->failed || !out->taken_back || !out->hours || !last)
        status = ec_no_memory(study->path, err);
    for (size_t i = 0; status == EC_OK && i < n; i++) out->hours[i] = last[i] = NAN;
    if (status == EC_OK && !study->built_in)
        status = ec_database_read_failures(&study->db, see_failure,
                                           &(target){out, last, &study->declared.sheet}, err);
    free(last);
    if (status != EC_OK) ec_failures_release(out);
    return status;
}

double ec_failures_all_hours(const ec_failures *f, const ec_numbers *numbers, size_t i) {
    if (isnan(f->hours[i])) return numbers->hours[i];
    return or_zero(numbers->hours[i]) + f->hours[i];
}

/* ---- writing -------------------------------------------------------------------------------- */

static ec_status see_last(void *context, const ec_failure_record *row) {
    ec_last_failure *last = context;
    if (!row->failed) return EC_OK;
    last->failed = true;
    last->hours = row->hours;
    ec_name_cut(last->why, sizeof last->why, row->why);
    return EC_OK;
}

ec_status ec_failure_find_last(ec_last_failure *out, ec_study *study, const char *candidate,
                               ec_error *err) {
    bool found;
    *out = (ec_last_failure){.hours = NAN};
    return ec_database_find_failure(&found, &study->db, candidate, see_last, out, err);
}

ec_status ec_failure_take_back(bool *any, ec_study *study, int64_t event, const char *candidate,
                               const char *why, bool keep_hours, ec_error *err) {
    ec_last_failure last;
    ec_status status = ec_failure_find_last(&last, study, candidate, err);
    if (status == EC_OK && last.failed)
        status = ec_database_put_failure(&study->db, event, candidate, false,
                                         keep_hours ? last.hours : NAN, why, err);
    if (any != NULL) *any = status == EC_OK && last.failed;
    return status;
}
