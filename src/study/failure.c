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

/* NaN where nothing is left but rounding. */
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

/* The newest row about a candidate, where it says that it failed. */
typedef struct {
    bool failed;
    double hours;
    char why[sizeof((ec_failure *)0)->why];
} last_failure;

static ec_status see_last(void *context, const ec_failure_record *row) {
    last_failure *last = context;
    if (!row->failed) return EC_OK;
    last->failed = true;
    last->hours = row->hours;
    ec_name_cut(last->why, sizeof last->why, row->why);
    return EC_OK;
}

static ec_status find_last(last_failure *out, ec_study *study, const char *candidate,
                           ec_error *err) {
    bool found;
    *out = (last_failure){.hours = NAN};
    return ec_database_find_failure(&found, &study->db, candidate, see_last, out, err);
}

ec_status ec_failure_take_back(bool *any, ec_study *study, int64_t event, const char *candidate,
                               const char *why, bool keep_hours, ec_error *err) {
    last_failure last;
    ec_status status = find_last(&last, study, candidate, err);
    if (status == EC_OK && last.failed)
        status = ec_database_put_failure(&study->db, event, candidate, false,
                                         keep_hours ? last.hours : NAN, why, err);
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
        status = ec_database_put_failure(&study->db, event, name, true, hours,
                                         *why != '\0' ? why : last.why, err);
    bool any_open = false;
    if (status == EC_OK)
        status = ec_database_answer_question(&any_open, &study->db, event, name, err);
    *unchanged = *unchanged && !any_open;
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

typedef struct {
    ec_failure *out;
    size_t *n_out;
    const ec_failures *known;
    const ec_sheet *sheet;
} listing;

static ec_status see_failed(void *context, const ec_failure_record *row) {
    const listing *l = context;
    const size_t i = ec_sheet_find_candidate(l->sheet, row->candidate);
    if (i == l->sheet->n_candidates || *l->n_out == l->sheet->n_candidates) return EC_OK;
    ec_failure *to = &l->out[(*l->n_out)++];
    *to = (ec_failure){.candidate = i, .hours = l->known->hours[i]};
    ec_name_cut(to->why, sizeof to->why, row->why);
    ec_name_cut(to->time, sizeof to->time, row->time);
    ec_name_cut(to->worker, sizeof to->worker, row->worker);
    return EC_OK;
}

ec_status ec_study_failures(ec_failure **out, size_t *n_out, ec_study *study, ec_error *err) {
    ec_failures f = {0};
    *n_out = 0;
    *out = calloc(ec_study_n_candidates(study) + 1, sizeof **out);
    if (*out == NULL) return ec_no_memory(study->path, err);
    if (study->built_in) return EC_OK;
    ec_status status = ec_database_begin_read(&study->db, err);
    if (status == EC_OK) {
        status = ec_failures_read(&f, study, err);
        if (status == EC_OK)
            status = ec_database_read_failed(
                &study->db, see_failed, &(listing){*out, n_out, &f, &study->declared.sheet}, err);
        status = ec_database_end(&study->db, status, err);
    }
    ec_failures_release(&f);
    if (status == EC_OK) return EC_OK;
    free(*out);
    *out = NULL;
    *n_out = 0;
    return status;
}
