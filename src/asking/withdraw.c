/* withdraw.c - taking back what was told
 *
 * Nothing is deleted: a row of the kind 'withdrawn' says that what was known before it about a
 * candidate and a benchmark does not count. A question that those results answered is open again
 * for its worker as long as its lease runs: it may be training the candidate still. A run that has
 * begun it knows by its files how far it is, and evaluates what it trained once more.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "asking/lease.h"
#include "eyechart/asking.h"
#include "study/failure.h"

typedef struct {
    ec_study *study;
    size_t candidate;
    const char *name;
    const ec_withdraw_options *options;
    ec_withdrawal *out;
    ec_numbers numbers;
    int64_t event;
    ec_error *err;
} withdrawing;

static double *result_of(const withdrawing *w, size_t b) {
    return &w->numbers.z[b * ec_study_n_candidates(w->study) + w->candidate];
}

static ec_status withdraw_one(withdrawing *w, size_t b) {
    double *z = result_of(w, b);
    if (isnan(*z)) return EC_OK; /* named twice */
    const ec_status status = ec_database_put_observation(&w->study->db, w->event, w->name,
                                                         ec_study_benchmark(w->study, b)->name, *z,
                                                         NAN, EC_OBSERVED_WITHDRAWN, w->err);
    *z = NAN;
    w->out->n_results++;
    return status;
}

static ec_status check_told(const withdrawing *w, const size_t *benchmarks, size_t n) {
    for (size_t k = 0; k < n; k++)
        if (isnan(*result_of(w, benchmarks[k])))
            return ec_fail(w->err, EC_ERR_NOT_FOUND,
                           "'%.80s' has no result for %.80s; nothing was withdrawn", w->name,
                           ec_study_benchmark(w->study, benchmarks[k])->name);
    return EC_OK;
}

static bool has_results(const withdrawing *w) {
    return ec_numbers_observed(&w->numbers, ec_study_n_candidates(w->study),
                               ec_study_n_benchmarks(w->study), w->candidate);
}

/* Hours go with the last result, where that is wanted. They are taken back by a row of none. */
static ec_status withdraw_hours(withdrawing *w) {
    const double hours = w->numbers.hours[w->candidate];
    if (isnan(hours) || has_results(w)) return EC_OK;
    w->out->hours = hours;
    w->out->hours_withdrawn = w->options->hours;
    if (!w->options->hours) return EC_OK;
    return ec_database_put_cost(&w->study->db, w->event, w->name, EC_COST_RECORDED, 0.0, w->err);
}

static ec_status withdraw(withdrawing *w, const size_t *benchmarks, size_t n) {
    ec_status status = check_told(w, benchmarks, n);
    const bool only_hours = w->options->hours && !isnan(w->numbers.hours[w->candidate]);
    if (status == EC_OK && n == 0 && !has_results(w) && !only_hours)
        return ec_fail(w->err, EC_ERR_NOT_FOUND, "'%.80s' has no results; nothing was withdrawn",
                       w->name);
    const size_t n_all = n > 0 ? n : ec_study_n_benchmarks(w->study);
    for (size_t k = 0; status == EC_OK && k < n_all; k++)
        status = withdraw_one(w, n > 0 ? benchmarks[k] : k);
    if (status == EC_OK) status = withdraw_hours(w);
    if (status == EC_OK && !has_results(w))
        status = ec_lease_reopen(w->out->worker, w->study, w->name, w->err);
    return status;
}

static ec_status withdraw_failure(withdrawing *w) {
    bool failed;
    ec_failures known;
    ec_status status = ec_failures_read(&known, w->study, w->err);
    if (status != EC_OK) return status;
    w->out->hours = known.hours[w->candidate];
    ec_failures_release(&known);
    status = ec_failure_take_back(&failed, w->study, w->event, w->name, w->options->why,
                                  !w->options->hours, w->err);
    if (status == EC_OK && !failed)
        return ec_fail(w->err, EC_ERR_NOT_FOUND,
                       "'%.80s' was not told as failed; nothing was withdrawn", w->name);
    w->out->hours_withdrawn = w->options->hours && !isnan(w->out->hours);
    return status;
}

static ec_status change(ec_withdrawal *out, ec_study *study, size_t candidate,
                        const size_t *benchmarks, size_t n, const ec_withdraw_options *options,
                        bool failure, ec_error *err) {
    const ec_withdraw_options o = options != NULL ? *options : (ec_withdraw_options){0};
    ec_withdrawal unused;
    withdrawing w = {.study = study,
                     .candidate = candidate,
                     .options = &o,
                     .out = out != NULL ? out : &unused,
                     .err = err};
    *w.out = (ec_withdrawal){.hours = NAN};
    if (candidate >= ec_study_n_candidates(study))
        return ec_fail(err, EC_ERR_ARG, "%s: no candidate number %zu", study->path, candidate);
    for (size_t k = 0; k < n; k++)
        if (benchmarks[k] >= ec_study_n_benchmarks(study))
            return ec_fail(err, EC_ERR_ARG, "%s: no benchmark number %zu", study->path,
                           benchmarks[k]);
    w.name = study->candidates[candidate].name;
    ec_status status = ec_study_begin_change(&w.event, study, "withdraw",
                                             o.worker != NULL ? o.worker : "default", o.why, err);
    if (status != EC_OK) return status;
    status = ec_study_read_numbers(&w.numbers, study, err);
    if (status == EC_OK) {
        status = failure ? withdraw_failure(&w) : withdraw(&w, benchmarks, n);
        ec_numbers_release(&w.numbers);
    }
    return ec_database_end(&study->db, status, err);
}

ec_status ec_study_withdraw(ec_withdrawal *out, ec_study *study, size_t candidate,
                            const size_t *benchmarks, size_t n, const ec_withdraw_options *options,
                            ec_error *err) {
    return change(out, study, candidate, benchmarks, n, options, false, err);
}

ec_status ec_study_withdraw_failure(ec_withdrawal *out, ec_study *study, size_t candidate,
                                    const ec_withdraw_options *options, ec_error *err) {
    return change(out, study, candidate, NULL, 0, options, true, err);
}
