/* failing.c - telling that a candidate cannot be finetuned, and listing those that were told */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "eyechart/asking.h"
#include "sheet/names.h"
#include "study/failure.h"

/* ---- telling -------------------------------------------------------------------------------- */

/* Whether the failure that is told was recorded with the same hours and reason before. */
static bool is_known(const ec_last_failure *last, const ec_fail_options *o, const char *why) {
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
    ec_last_failure last;
    ec_status status = check_no_results(study, candidate, err);
    if (status == EC_OK) status = ec_failure_find_last(&last, study, name, err);
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
