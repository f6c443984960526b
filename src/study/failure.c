/* failure.c - see failure.h */
#include "study/failure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sheet/names.h"
#include "study/lease.h"

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

/* NaN where nothing is left but rounding. */
static double without(double sum, double hours) {
    const double left = sum - hours;
    return left > 1e-9 * sum ? left : NAN;
}

/* A failure told again is a correction of it: its hours are in the place of those told before. */
static void see_row(ec_failures *f, double *last, size_t i, sqlite3_stmt *row) {
    const bool failed = strcmp(ec_column_text(row, 1), "failed") == 0;
    const double hours = ec_column_number(row, 2);
    const bool replaces = failed ? f->failed[i] : isnan(hours);
    if (replaces && !isnan(last[i])) f->hours[i] = without(f->hours[i], last[i]);
    if (failed && !isnan(hours)) f->hours[i] = or_zero(f->hours[i]) + hours;
    last[i] = failed ? hours : NAN;
    f->taken_back[i] = !failed;
    f->failed[i] = failed;
}

static ec_status read_rows(ec_failures *f, double *last, ec_study *study, ec_error *err) {
    const ec_sheet *sheet = &study->declared.sheet;
    sqlite3_stmt *row;
    ec_status status = ec_database_prepare(
        &row, &study->db, err, "SELECT candidate, state, hours FROM failure ORDER BY id", "");
    if (status != EC_OK) return status;
    bool more;
    while ((status = ec_database_step(&more, &study->db, row, err)) == EC_OK && more) {
        const size_t i = ec_sheet_find_candidate(sheet, ec_column_text(row, 0));
        if (i < sheet->n_candidates) see_row(f, last, i, row);
    }
    sqlite3_finalize(row);
    return status;
}

ec_status ec_failures_read(ec_failures *out, ec_study *study, ec_error *err) {
    const size_t n = ec_study_n_candidates(study);
    *out = (ec_failures){.failed = calloc(n + 1, sizeof *out->failed),
                         .taken_back = calloc(n + 1, sizeof *out->taken_back),
                         .hours = malloc((n + 1) * sizeof *out->hours)};
    double *last = malloc((n + 1) * sizeof *last);
    ec_status status = EC_OK;
    if (!out->failed || !out->taken_back || !out->hours || !last)
        status = ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", study->path);
    for (size_t i = 0; status == EC_OK && i < n; i++) out->hours[i] = last[i] = NAN;
    if (status == EC_OK && !study->built_in) status = read_rows(out, last, study, err);
    free(last);
    if (status != EC_OK) ec_failures_release(out);
    return status;
}

double ec_failures_all_hours(const ec_failures *f, const ec_numbers *numbers, size_t i) {
    if (isnan(f->hours[i])) return numbers->hours[i];
    return or_zero(numbers->hours[i]) + f->hours[i];
}

/* ---- writing -------------------------------------------------------------------------------- */

static ec_status put(ec_study *study, int64_t event, const char *candidate, const char *state,
                     double hours, const char *why, ec_error *err) {
    return ec_database_run(
        &study->db, err,
        "INSERT INTO failure (event, candidate, state, hours, why) VALUES (?, ?, ?, ?, ?)", "ittdt",
        event, candidate, state, hours, why != NULL ? why : "");
}

ec_status ec_failure_put(ec_study *study, int64_t event, const char *candidate, double hours,
                         const char *why, ec_error *err) {
    return put(study, event, candidate, "failed", hours, why, err);
}

/* The newest row about a candidate, where it says that it failed. */
typedef struct {
    bool failed;
    int64_t event;
    double hours;
    char why[sizeof((ec_failure *)0)->why];
} last_failure;

static ec_status find_last(last_failure *out, ec_study *study, const char *candidate,
                           ec_error *err) {
    sqlite3_stmt *row;
    bool found;
    *out = (last_failure){.hours = NAN};
    ec_status status = ec_database_prepare(&row, &study->db, err,
                                           "SELECT state, event, hours, why FROM failure WHERE "
                                           "candidate = ? ORDER BY id DESC LIMIT 1",
                                           "t", candidate);
    if (status != EC_OK) return status;
    status = ec_database_step(&found, &study->db, row, err);
    if (status == EC_OK && found && strcmp(ec_column_text(row, 0), "failed") == 0) {
        out->failed = true;
        out->event = sqlite3_column_int64(row, 1);
        out->hours = ec_column_number(row, 2);
        ec_name_cut(out->why, sizeof out->why, ec_column_text(row, 3));
    }
    sqlite3_finalize(row);
    return status;
}

ec_status ec_failure_take_back(bool *any, ec_study *study, int64_t event, const char *candidate,
                               const char *why, bool keep_hours, ec_error *err) {
    last_failure last;
    ec_status status = find_last(&last, study, candidate, err);
    if (status == EC_OK && last.failed)
        status = put(study, event, candidate, "withdrawn", keep_hours ? last.hours : NAN, why, err);
    if (any != NULL) *any = status == EC_OK && last.failed;
    return status;
}

/* ---- telling -------------------------------------------------------------------------------- */

/* Adds nothing to what is known of the failure. */
static bool is_known(const last_failure *last, const ec_fail_options *o, const char *why) {
    return last->failed && (o->hours == 0.0 || o->hours == last->hours) &&
           (*why == '\0' || strcmp(why, last->why) == 0);
}

static ec_status check_no_results(ec_study *study, size_t candidate, ec_error *err) {
    ec_numbers numbers;
    const ec_status status = ec_study_read_numbers(&numbers, study, err);
    if (status != EC_OK) return status;
    const bool observed = ec_numbers_observed(&numbers, ec_study_n_candidates(study),
                                              ec_study_n_benchmarks(study), candidate);
    ec_numbers_release(&numbers);
    if (!observed) return EC_OK;
    return ec_fail(
        err, EC_ERR_ARG,
        "'%.80s' has results, so that its finetuning did not fail; nothing was recorded. "
        "'eyechart withdraw' takes results back",
        study->candidates[candidate].name);
}

static ec_status tell_failed(bool *unchanged, ec_study *study, size_t candidate, int64_t event,
                             const ec_fail_options *o, const char *why, ec_error *err) {
    const char *name = study->candidates[candidate].name;
    last_failure last;
    ec_status status = check_no_results(study, candidate, err);
    if (status == EC_OK) status = find_last(&last, study, name, err);
    if (status != EC_OK) return status;
    *unchanged = is_known(&last, o, why);
    const double hours = o->hours > 0.0 ? o->hours : last.hours;
    if (!*unchanged)
        status = ec_failure_put(study, event, name, hours, *why != '\0' ? why : last.why, err);
    if (status == EC_OK) status = ec_lease_answer(study, event, name, err);
    *unchanged = *unchanged && sqlite3_changes(study->db.sqlite) == 0; /* no question was open */
    return status;
}

ec_status ec_study_tell_failed(bool *unchanged, ec_study *study, size_t candidate,
                               const ec_fail_options *options, ec_error *err) {
    const ec_fail_options o = options != NULL ? *options : (ec_fail_options){0};
    bool unused, *known = unchanged != NULL ? unchanged : &unused;
    char why[sizeof((ec_failure *)0)->why];
    ec_name_cut(why, sizeof why, o.why != NULL ? o.why : "");
    *known = false;
    if (candidate >= ec_study_n_candidates(study))
        return ec_fail(err, EC_ERR_ARG, "%s: no candidate number %zu", study->path, candidate);
    if (!(o.hours >= 0.0) || isinf(o.hours))
        return ec_fail(err, EC_ERR_ARG,
                       "GPU-hours must be a finite number, not negative; nothing was recorded");
    int64_t event;
    ec_status status = ec_study_begin_change(&event, study, "tell",
                                             o.worker != NULL ? o.worker : "default", o.why, err);
    if (status != EC_OK) return status;
    status = tell_failed(known, study, candidate, event, &o, why, err);
    if (status == EC_OK && *known) /* not even an event */
        return ec_database_end(&study->db, EC_ERR_INTERRUPTED, NULL), EC_OK;
    return ec_database_end(&study->db, status, err);
}

/* ---- listing -------------------------------------------------------------------------------- */

static ec_status list(ec_failure *out, size_t *n_out, const ec_failures *f, ec_study *study,
                      ec_error *err) {
    const ec_sheet *sheet = &study->declared.sheet;
    sqlite3_stmt *row;
    ec_status status = ec_database_prepare(
        &row, &study->db, err,
        "SELECT f.candidate, f.why, e.time, e.worker FROM failure f JOIN event e ON e.id = f.event "
        "WHERE f.id IN (SELECT max(id) FROM failure GROUP BY candidate) AND f.state = 'failed' "
        "ORDER BY f.id",
        "");
    if (status != EC_OK) return status;
    bool more;
    while ((status = ec_database_step(&more, &study->db, row, err)) == EC_OK && more) {
        const size_t i = ec_sheet_find_candidate(sheet, ec_column_text(row, 0));
        if (i == sheet->n_candidates || *n_out == sheet->n_candidates) continue;
        ec_failure *to = &out[(*n_out)++];
        *to = (ec_failure){.candidate = i, .hours = f->hours[i]};
        ec_name_cut(to->why, sizeof to->why, ec_column_text(row, 1));
        ec_name_cut(to->time, sizeof to->time, ec_column_text(row, 2));
        ec_name_cut(to->worker, sizeof to->worker, ec_column_text(row, 3));
    }
    sqlite3_finalize(row);
    return status;
}

ec_status ec_study_failures(ec_failure **out, size_t *n_out, ec_study *study, ec_error *err) {
    ec_failures f = {0};
    *n_out = 0;
    *out = calloc(ec_study_n_candidates(study) + 1, sizeof **out);
    if (*out == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", study->path);
    if (study->built_in) return EC_OK;
    ec_status status = ec_database_begin_read(&study->db, err);
    if (status == EC_OK) {
        status = ec_failures_read(&f, study, err);
        if (status == EC_OK) status = list(*out, n_out, &f, study, err);
        status = ec_database_end(&study->db, status, err);
    }
    ec_failures_release(&f);
    if (status == EC_OK) return EC_OK;
    free(*out);
    *out = NULL;
    *n_out = 0;
    return status;
}
