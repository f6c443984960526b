/* lease.c - see lease.h; giving a candidate back, keeping it longer, and who has which */
#include "asking/lease.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "eyechart/asking.h"
#include "sheet/names.h"
#include "study/attempts.h"
#include "study/failure.h"

/* Has a run begun the candidate? */
static bool is_begun(const ec_study *study, const char *candidate) {
    ec_text path = {0};
    ec_text_format(&path, "%s/runs/", study->path);
    ec_attempts_folder_name(&path, candidate);
    const bool begun = !path.failed && access(path.data, F_OK) == 0;
    ec_text_release(&path);
    return begun;
}

/* A question, out of its row. */
typedef struct {
    int64_t id;
    char worker[EC_WORKER_MAX_BYTES + 1], state[16];
} question;

static ec_status see_question(void *context, const ec_question_record *row) {
    question *q = context;
    q->id = row->id;
    ec_name_cut(q->worker, sizeof q->worker, row->worker);
    ec_name_cut(q->state, sizeof q->state, row->state);
    return EC_OK;
}

ec_status ec_lease_reopen(char reopened[EC_WORKER_MAX_BYTES + 1], ec_study *study,
                          const char *candidate, ec_error *err) {
    ec_database *db = &study->db;
    question q;
    bool found = false;
    reopened[0] = '\0';
    if (is_begun(study, candidate)) return EC_OK;
    const double now = ec_study_now();
    ec_status status = ec_database_expire_questions(db, now, err);
    if (status == EC_OK)
        status = ec_database_find_answered(&found, db, candidate, now, see_question, &q, err);
    if (status != EC_OK || !found) return status;
    memcpy(reopened, q.worker, sizeof q.worker);
    return ec_database_reopen_question(db, q.id, NAN, err);
}

/* ---- listing -------------------------------------------------------------------------------- */

typedef struct {
    ec_lease *out;
    size_t *n_out;
    const ec_sheet *sheet;
    double now;
} listing;

static ec_status see_lease(void *context, const ec_question_record *row) {
    const listing *l = context;
    const size_t i = ec_sheet_find_candidate(l->sheet, row->candidate);
    if (i == l->sheet->n_candidates || *l->n_out == l->sheet->n_candidates) return EC_OK;
    ec_lease *to = &l->out[(*l->n_out)++];
    *to = (ec_lease){.id = row->id,
                     .candidate = i,
                     .age_s = fmax(0.0, l->now - row->asked),
                     .expires_in_s = row->expires - l->now};
    ec_name_cut(to->worker, sizeof to->worker, row->worker);
    ec_name_cut(to->reason, sizeof to->reason, row->reason);
    ec_name_cut(to->time, sizeof to->time, row->time);
    return EC_OK;
}

static ec_status list(ec_lease *out, size_t *n_out, ec_study *study, ec_error *err) {
    listing l = {out, n_out, &study->declared.sheet, ec_study_now()};
    return ec_database_read_questions(&study->db, l.now, see_lease, &l, err);
}

ec_status ec_study_leases(ec_lease **out, size_t *n_out, ec_study *study, ec_error *err) {
    *n_out = 0;
    *out = calloc(ec_study_n_candidates(study) + 1, sizeof **out);
    if (*out == NULL) return ec_no_memory(study->path, err);
    const ec_status status = study->built_in ? EC_OK : list(*out, n_out, study, err);
    if (status == EC_OK) return EC_OK;
    free(*out);
    *out = NULL;
    *n_out = 0;
    return status;
}

/* ---- giving back and renewing ---------------------------------------------------------------- */

/* What is known of a candidate within the change. */
typedef struct {
    ec_study *study;
    const char *worker;
    double now, lease_s;
    int64_t event;
    size_t n; /* questions changed so far */
    ec_error *err;
} changing;

/* The pending question about a candidate, else the last one of this worker; id 0: none. */
static ec_status find_question(question *out, const changing *c, const char *candidate) {
    bool found;
    *out = (question){0};
    return ec_database_find_question(&found, &c->study->db, candidate, c->worker, see_question, out,
                                     c->err);
}

static ec_status fail_others(const changing *c, const char *candidate, const question *q,
                             const char *verb) {
    return ec_fail(
        c->err, EC_ERR_EXISTS,
        "'%.80s' is kept for the worker '%s', not for '%s'; nothing was changed. To %s in "
        "that name: --worker %s",
        candidate, q->worker, c->worker, verb, q->worker);
}

static ec_status release(changing *c, size_t i) {
    const char *name = c->study->candidates[i].name;
    question q;
    const ec_status status = find_question(&q, c, name);
    if (status != EC_OK) return status;
    if (q.id == 0 || strcmp(q.state, "pending") != 0)
        return ec_fail(c->err, EC_ERR_NOT_FOUND,
                       "'%.80s' is kept for nobody%s; there is nothing to give back", name,
                       q.id != 0 && strcmp(q.state, "expired") == 0
                           ? " any more: its lease ran out, "
                             "or was given back"
                           : "");
    if (strcmp(q.worker, c->worker) != 0) return fail_others(c, name, &q, "give it back");
    c->n++;
    return ec_database_end_question(&c->study->db, q.id, c->now, c->err);
}

/* A candidate whose lease ran out is kept again only while it is to be finetuned at all. */
static ec_status check_free(const changing *c, size_t i) {
    const size_t n = ec_study_n_candidates(c->study), m = ec_study_n_benchmarks(c->study);
    const char *name = c->study->candidates[i].name;
    ec_numbers numbers;
    ec_failures failures;
    ec_status status = ec_study_read_numbers(&numbers, c->study, c->err);
    if (status != EC_OK) return status;
    const bool observed = ec_numbers_observed(&numbers, n, m, i);
    ec_numbers_release(&numbers);
    if (observed)
        return ec_fail(c->err, EC_ERR_EXISTS, "'%.80s' has results; there is nothing to keep",
                       name);
    status = ec_failures_read(&failures, c->study, c->err);
    if (status != EC_OK) return status;
    const bool failed = failures.failed[i];
    ec_failures_release(&failures);
    if (failed)
        return ec_fail(c->err, EC_ERR_EXISTS,
                       "'%.80s' was told as failed; 'eyechart withdraw --failed' takes that back",
                       name);
    return EC_OK;
}

static ec_status renew(changing *c, size_t i) {
    const char *name = c->study->candidates[i].name;
    question q;
    ec_status status = find_question(&q, c, name);
    if (status != EC_OK) return status;
    if (q.id != 0 && strcmp(q.worker, c->worker) != 0) return fail_others(c, name, &q, "renew it");
    if (q.id == 0)
        return ec_fail(c->err, EC_ERR_NOT_FOUND,
                       "'%.80s' was never asked of the worker '%s'; 'eyechart ask' gives a "
                       "candidate, and '--worker NAME' says whose it is",
                       name, c->worker);
    if (strcmp(q.state, "pending") != 0) status = check_free(c, i);
    if (status != EC_OK) return status;
    c->n++;
    return ec_database_reopen_question(&c->study->db, q.id, c->now + c->lease_s, c->err);
}

/* Calls `change` for every lease of the worker. */
static ec_status change_all(changing *c, ec_status (*change)(changing *c, size_t i)) {
    ec_lease *leases;
    size_t n;
    ec_status status = ec_study_leases(&leases, &n, c->study, c->err);
    for (size_t k = 0; status == EC_OK && k < n; k++)
        if (strcmp(leases[k].worker, c->worker) == 0) status = change(c, leases[k].candidate);
    free(leases);
    if (status == EC_OK && c->n == 0)
        status = ec_fail(c->err, EC_ERR_NOT_FOUND,
                         "%s: no candidate is kept for the worker '%s'; 'eyechart study show "
                         "--pending' says which are kept for whom",
                         c->study->path, c->worker);
    return status;
}

static ec_status change_leases(ec_study *study, const size_t *candidates, size_t n,
                               const ec_lease_options *options, bool is_renewal, ec_error *err) {
    const ec_lease_options o = options != NULL ? *options : (ec_lease_options){0};
    ec_status (*const change)(changing * c, size_t i) = is_renewal ? renew : release;
    changing c = {.study = study, .worker = o.worker != NULL ? o.worker : "default", .err = err};
    c.lease_s = 3600.0 * (o.lease_hours > 0.0 ? o.lease_hours : study->declared.lease_hours);
    if (!(o.lease_hours >= 0.0) || isinf(o.lease_hours))
        return ec_fail(err, EC_ERR_ARG, "the lease must be a finite number of hours, not negative");
    for (size_t k = 0; k < n; k++)
        if (candidates[k] >= ec_study_n_candidates(study))
            return ec_fail(err, EC_ERR_ARG, "%s: no candidate number %zu", study->path,
                           candidates[k]);
    ec_status status = ec_study_begin_change(&c.event, study, is_renewal ? "renew" : "release",
                                             c.worker, NULL, err);
    if (status != EC_OK) return status;
    c.now = ec_study_now(); /* after the wait for the lock */
    status = ec_database_expire_questions(&study->db, c.now, err);
    if (status == EC_OK && n == 0) status = change_all(&c, change);
    for (size_t k = 0; status == EC_OK && k < n; k++) status = change(&c, candidates[k]);
    return ec_database_end(&study->db, status, err);
}

ec_status ec_study_release(ec_study *study, const size_t *candidates, size_t n,
                           const ec_lease_options *options, ec_error *err) {
    return change_leases(study, candidates, n, options, false, err);
}

ec_status ec_study_renew(ec_study *study, const size_t *candidates, size_t n,
                         const ec_lease_options *options, ec_error *err) {
    return change_leases(study, candidates, n, options, true, err);
}
