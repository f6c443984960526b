/* loop_pick.c - which candidate a process takes next
 *
 * One lock, runs/.lock, is held while choosing; so several processes see the same budget. First
 * comes what a process that is gone has begun, those that are trained before those that are not,
 * then what was given up, where that is wanted, then what ec_study_ask says. A candidate is in the
 * hands of a process as long as that holds the candidate's own lock, which dies with it.
 */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "eyechart/asking.h"
#include "loop/loop_internal.h"
#include "study/failure.h"

/* ---- questions in study.db ------------------------------------------------------------------ */

typedef enum { NOBODY, THIS_WORKER, OTHER_WORKER } holder;

/* Who has a pending question about each candidate, and which have results. */
typedef struct {
    unsigned char *holder; /* [n_candidates] */
    ec_numbers numbers;
    ec_failures failures;
    double *withdrawn; /* [n_candidates] when its results were withdrawn, in seconds since 1970,
                          where none came after that; else NaN */
} answers;

static void release_answers(answers *a) {
    free(a->holder);
    ec_numbers_release(&a->numbers);
    ec_failures_release(&a->failures);
    free(a->withdrawn);
}

typedef struct {
    answers *answers;
    const ec_loop *loop;
} target;

static ec_status see_holder(void *context, const ec_question_record *row) {
    const target *t = context;
    const ec_sheet *sheet = &t->loop->study->declared.sheet;
    const size_t i = ec_sheet_find_candidate(sheet, row->candidate);
    if (i < sheet->n_candidates)
        t->answers->holder[i] =
            strcmp(row->worker, t->loop->worker) == 0 ? THIS_WORKER : OTHER_WORKER;
    return EC_OK;
}

static ec_status see_withdrawn(void *context, const char *candidate, double when) {
    const target *t = context;
    const ec_sheet *sheet = &t->loop->study->declared.sheet;
    const size_t i = ec_sheet_find_candidate(sheet, candidate);
    if (i < sheet->n_candidates) t->answers->withdrawn[i] = when;
    return EC_OK;
}

static ec_status read_answers(answers *a, ec_loop *l) {
    const size_t n = ec_study_n_candidates(l->study);
    *a = (answers){.holder = calloc(n + 1, 1), .withdrawn = malloc((n + 1) * sizeof(double))};
    if (a->holder == NULL || a->withdrawn == NULL) return ec_no_memory(l->study->path, l->err);
    for (size_t i = 0; i < n; i++) a->withdrawn[i] = NAN;
    target t = {a, l};
    ec_database *db = &l->study->db;
    ec_status status = ec_database_read_questions(db, ec_study_now(), see_holder, &t, l->err);
    if (status == EC_OK) status = ec_database_read_withdrawn(db, see_withdrawn, &t, l->err);
    if (status == EC_OK) status = ec_study_read_all(&a->numbers, l->study, l->err);
    if (status == EC_OK) status = ec_failures_read(&a->failures, l->study, l->err);
    return status;
}

/* Told, by a run or by hand: it has results, and nobody is asked for more. */
static bool is_told(const answers *a, const ec_study *study, size_t i) {
    return a->holder[i] == NOBODY && ec_numbers_observed(&a->numbers, ec_study_n_candidates(study),
                                                         ec_study_n_benchmarks(study), i);
}

/* Whether the question is this worker's. */
typedef struct {
    const char *worker;
    bool ours;
} claiming;

static ec_status see_claim(void *context, const ec_question_record *row) {
    claiming *c = context;
    c->ours = strcmp(row->worker, c->worker) == 0;
    return EC_OK;
}

/* Leases candidate i to this worker, whose question it may be already; *ours is false when another
 * worker has it. */
static ec_status claim(bool *ours, ec_loop *l, size_t i) {
    ec_study *study = l->study;
    ec_database *db = &study->db;
    const char *name = study->candidates[i].name;
    const double now = ec_study_now(), until = now + 3600.0 * study->declared.lease_hours;
    claiming c = {.worker = l->worker, .ours = true};
    int64_t event;
    bool found = false;
    ec_status status = ec_study_begin_change(&event, study, "run", l->worker, NULL, l->err);
    if (status != EC_OK) return status;
    status = ec_database_expire_questions(db, now, l->err);
    if (status == EC_OK) status = ec_database_find_pending(&found, db, name, see_claim, &c, l->err);
    *ours = status == EC_OK && c.ours;
    if (*ours && found)
        status = ec_database_extend_question(db, name, l->worker, until, l->err);
    else if (*ours)
        status = ec_database_put_question(NULL, db, event, name, l->worker, until, "begun before",
                                          l->err);
    return ec_database_end(db, status, l->err);
}

void ec_loop_renew(ec_loop *l, size_t candidate) {
    ec_study *study = l->study;
    ec_database_extend_question(&study->db, study->candidates[candidate].name, l->worker,
                                ec_study_now() + 3600.0 * study->declared.lease_hours, NULL);
}

/* Gives the candidate's question back without an answer. */
static ec_status drop(ec_loop *l, size_t candidate) {
    ec_study *study = l->study;
    return ec_database_drop_question(&study->db, study->candidates[candidate].name, l->worker,
                                     l->err);
}

ec_status ec_loop_record_failure(ec_loop *l, size_t candidate, const char *why) {
    const ec_fail_options options = {.worker = l->worker, .why = why};
    ec_error error;
    const ec_status status = ec_study_tell_failed(NULL, l->study, candidate, &options, &error);
    if (status == EC_OK || status == EC_ERR_ARG) return EC_OK; /* it has results: told by hand */
    return ec_fail(l->err, status, "%s", error.message);
}

/* ---- survey --------------------------------------------------------------------------------- */

void ec_survey_release(ec_survey *survey) {
    free(survey->taken);
    free(survey->unrecorded);
    free(survey->again);
    free(survey->unrecorded_failure);
    free(survey->anew);
    free(survey->withdrawn);
    *survey = (ec_survey){0};
}

/* Those that are trained first: they lack the cheap part alone. Then in the order of study.yaml. */
static void offer_to_resume(ec_survey *s, size_t i, bool trained) {
    if (s->resume != EC_NO_CANDIDATE && s->resume_trained >= trained &&
        (s->resume_trained > trained || s->resume < i))
        return;
    s->resume = i;
    s->resume_trained = trained;
}

/* Given up; l->retry says whether it is to be begun again, and whether it was already since. */
static void offer_again(ec_survey *s, const ec_loop *l, size_t i, const ec_attempts *state) {
    if (l->retry == NULL || l->retry[i] != state->n) return;
    s->again[i] = true;
    s->n_again++;
    if (state->trained && i < s->again_trained) s->again_trained = i;
}

static ec_status survey_candidate(ec_survey *s, ec_loop *l, const answers *a, size_t i,
                                  const char *folder) {
    ec_attempts state;
    const ec_status status = ec_attempts_read(&state, folder, l->err);
    if (status != EC_OK) return status;
    const double hours = state.seconds * l->run->gpus / 3600.0;
    s->hours += hours;
    if (i == EC_NO_CANDIDATE || state.n == 0) return EC_OK;
    s->taken[i] = true;
    const bool told = is_told(a, l->study, i), at_work = ec_attempts_is_locked(folder);
    const bool failed = a->failures.failed[i];
    if (!told && hours != a->numbers.hours[i]) s->unrecorded[i] = hours;
    s->withdrawn[i] = state.evaluated > 0 && !told && !at_work &&
                      state.evaluated_since < a->withdrawn[i] + 1.0; /* written in whole seconds */
    /* Of files and study.db the latter knows better: there a failure is withdrawn, or told by hand.
     * A process that is at work knows best. */
    s->anew[i] = state.gave_up && !failed && a->failures.taken_back[i] && !at_work;
    if (!told && ((state.gave_up && !s->anew[i]) || (failed && !at_work))) {
        s->unrecorded_failure[i] = !failed;
        s->n_failed++;
        if (a->holder[i] != OTHER_WORKER && !at_work) offer_again(s, l, i, &state);
        return EC_OK;
    }
    s->n_begun++;
    if (told)
        s->n_told++;
    else if (at_work)
        s->n_active++;
    else if (a->holder[i] != OTHER_WORKER) {
        s->n_idle++;
        offer_to_resume(s, i, state.trained);
    } else {
        s->n_others++;
    }
    return EC_OK;
}

static ec_status survey_entry(ec_survey *s, ec_loop *l, const answers *a, const char *entry) {
    char *name = ec_attempts_folder_candidate(entry);
    if (name == NULL) return EC_OK; /* ".", "lock" is a file, what others put there */
    const ec_sheet *sheet = &l->study->declared.sheet;
    size_t i = ec_sheet_find_candidate(sheet, name);
    /* A candidate that was renamed: its hours are spent all the same. */
    if (i == sheet->n_candidates) i = EC_NO_CANDIDATE;
    ec_text folder = {0};
    ec_text_format(&folder, "%s/%s", l->runs, entry);
    const ec_status status = folder.failed ? ec_no_memory(l->study->path, l->err)
                                           : survey_candidate(s, l, a, i, folder.data);
    ec_text_release(&folder);
    free(name);
    return status;
}

ec_status ec_loop_survey(ec_survey *out, ec_loop *l) {
    const size_t n = ec_study_n_candidates(l->study);
    *out = (ec_survey){.resume = EC_NO_CANDIDATE,
                       .again_trained = EC_NO_CANDIDATE,
                       .taken = calloc(n + 1, sizeof *out->taken),
                       .unrecorded = calloc(n + 1, sizeof *out->unrecorded),
                       .again = calloc(n + 1, sizeof *out->again),
                       .unrecorded_failure = calloc(n + 1, sizeof *out->unrecorded_failure),
                       .anew = calloc(n + 1, sizeof *out->anew),
                       .withdrawn = calloc(n + 1, sizeof *out->withdrawn)};
    if (!out->taken || !out->again || !out->unrecorded || !out->unrecorded_failure || !out->anew ||
        !out->withdrawn)
        return ec_no_memory(l->study->path, l->err);
    answers a;
    ec_status status = read_answers(&a, l);
    DIR *entries = status == EC_OK ? opendir(l->runs) : NULL;
    if (status == EC_OK && entries == NULL && errno != ENOENT)
        status = ec_fail(l->err, EC_ERR_IO, "%s: cannot list: %s", l->runs, strerror(errno));
    for (const struct dirent *e;
         status == EC_OK && entries != NULL && (e = readdir(entries)) != NULL;)
        if (e->d_type != DT_REG) status = survey_entry(out, l, &a, e->d_name);
    if (entries != NULL) closedir(entries);
    for (size_t i = 0; status == EC_OK && i < n; i++) /* told by hand, without ever having begun */
        out->n_failed += a.failures.failed[i] && !out->taken[i];
    release_answers(&a);
    l->sum.n_finetuned = out->n_told;
    l->sum.n_failed = out->n_failed;
    l->sum.hours_spent = out->hours;
    return status;
}

static ec_status write_hours(ec_loop *l, const ec_survey *s, int64_t event) {
    ec_status status = EC_OK;
    for (size_t i = 0; status == EC_OK && i < ec_study_n_candidates(l->study); i++)
        if (s->unrecorded[i] > 0.0)
            status = ec_database_put_cost(&l->study->db, event, l->study->candidates[i].name,
                                          EC_COST_RECORDED, s->unrecorded[i], l->err);
    return status;
}

ec_status ec_loop_record_hours(ec_loop *l, const ec_survey *s) {
    size_t n = 0;
    for (size_t i = 0; i < ec_study_n_candidates(l->study); i++) n += s->unrecorded[i] > 0.0;
    if (n == 0) return EC_OK;
    int64_t event;
    const ec_status status =
        ec_study_begin_change(&event, l->study, "run", l->worker, NULL, l->err);
    if (status != EC_OK) return status;
    return ec_database_end(&l->study->db, write_hours(l, s, event), l->err);
}

/* What was given up before study.db knew of failures is told to it; and what was withdrawn there
 * holds for the files. */
static ec_status settle_files(ec_loop *l, const ec_survey *s) {
    ec_status status = EC_OK;
    for (size_t i = 0; status == EC_OK && i < ec_study_n_candidates(l->study); i++) {
        if (!s->anew[i] && !s->unrecorded_failure[i] && !s->withdrawn[i]) continue;
        char *folder;
        status = ec_loop_folder_of(&folder, l, i);
        if (status != EC_OK) return status;
        if (s->withdrawn[i]) {
            status = ec_attempts_evaluate_anew(folder, l->err);
        } else if (s->anew[i]) {
            status = ec_attempts_begin_anew(folder, l->err);
        } else if (s->unrecorded_failure[i]) {
            ec_text why = ec_attempts_why_given_up(folder);
            status = ec_loop_record_failure(l, i, why.data != NULL ? why.data : "");
            ec_text_release(&why);
        }
        free(folder);
    }
    return status;
}

/* ---- choosing ------------------------------------------------------------------------------- */

void ec_loop_job_release(ec_loop_job *job) {
    ec_attempts_unlock(job->lock);
    free(job->folder);
    *job = (ec_loop_job){.lock = -1};
}

enum { BEGUN_SIZE = 220 };

static void stop(ec_loop *l, ec_loop_stop why, const char *format, ...) EC_PRINTF(3, 4);
static void stop(ec_loop *l, ec_loop_stop why, const char *format, ...) {
    va_list args;
    va_start(args, format);
    l->sum.stop = why;
    vsnprintf(l->sum.why, sizeof l->sum.why, format, args);
    va_end(args);
}

/* Names candidates that were begun, are not done, and are not this run's to finish. */
static void say_begun(char text[BEGUN_SIZE], const ec_survey *s) {
    int n = 0;
    text[0] = '\0';
    if (s->n_idle > 0)
        n = snprintf(text, BEGUN_SIZE, "; begun and left for a larger budget: %zu", s->n_idle);
    if (s->n_others > 0)
        snprintf(text + n, BEGUN_SIZE - (size_t)n,
                 "; begun by others and left: %zu (run with their --worker NAME to go on)",
                 s->n_others);
}

/* Whether a budget keeps us from beginning another candidate; says so. */
static bool is_used(ec_loop *l, const ec_survey *s) {
    char begun[BEGUN_SIZE];
    say_begun(begun, s);
    if (s->n_begun >= l->n_finetunes)
        stop(l, EC_LOOP_BUDGET_FINETUNES, "the budget of %zu finetunes is used: %zu done%s",
             l->n_finetunes, s->n_told, begun);
    else if (s->hours >= l->budget_hours)
        stop(l, EC_LOOP_BUDGET_HOURS, "the budget of %g GPU-hours is used: %.4g spent%s",
             l->budget_hours, s->hours, begun);
    else
        return false;
    return true;
}

/* Candidates whose declared cost does not fit the hours that are left are not asked for. Those of
 * unknown cost are: what they take is known afterwards. */
static size_t leave_out_the_dear(ec_survey *s, const ec_loop *l) {
    size_t n = 0;
    for (size_t i = 0; i < ec_study_n_candidates(l->study); i++) {
        if (s->taken[i] || !(l->study->candidates[i].cost > l->budget_hours - s->hours)) continue;
        s->taken[i] = true;
        n++;
    }
    return n;
}

/* The decision in words, and what it does not speak of. */
static void stop_enough(ec_loop *l, const ec_decision *decision, size_t n_dear) {
    char text[400], dear[90] = "";
    ec_study_decision_text(text, sizeof text, l->study, decision,
                           ec_study_gain_unit(ec_study_n_benchmarks(l->study)));
    if (n_dear > 0)
        snprintf(dear, sizeof dear, " Beyond what is left of the GPU-hours: %zu.", n_dear);
    stop(l, EC_LOOP_ENOUGH, "%s%s", text, dear);
}

static ec_status ask(ec_pick *out, ec_loop_job *job, ec_loop *l, ec_survey *s, bool peek) {
    const size_t n_dear = leave_out_the_dear(s, l);
    ec_decision stopped;
    const ec_ask_options options = {.worker = l->worker,
                                    .columns = l->columns,
                                    .n_columns = l->n_columns,
                                    .exclude = s->taken,
                                    /* a run would have taken that back by now */
                                    .failed_too = peek && l->retry != NULL,
                                    .anyway = l->anyway,
                                    .stopped = &stopped,
                                    .peek = peek};
    ec_question question;
    size_t n;
    ec_error why = {0};
    const ec_status status = ec_study_ask(&question, &n, l->study, &options, &why);
    if (status == EC_OK) {
        *out = EC_PICK_JOB;
        job->candidate = question.candidate;
        snprintf(job->reason, sizeof job->reason, "%s", question.reason);
        return EC_OK;
    }
    if (status != EC_ERR_NOT_FOUND) return ec_fail(l->err, status, "%s", why.message);
    *out = s->n_active > 0 ? EC_PICK_WAIT : EC_PICK_STOP;
    if (stopped.kind == EC_DECIDE_STOP)
        stop_enough(l, &stopped, n_dear);
    else if (n_dear > 0)
        stop(l, EC_LOOP_BUDGET_HOURS,
             "candidates left: %zu, none of which fits what is left of %g GPU-hours (%.4g spent)",
             n_dear, l->budget_hours, s->hours);
    else {
        char begun[BEGUN_SIZE];
        say_begun(begun, s);
        stop(l, EC_LOOP_ALL_DONE, "nothing is left to finetune: %zu done, %zu failed, of %zu%s",
             s->n_told, s->n_failed, ec_study_n_candidates(l->study), begun);
    }
    return EC_OK;
}

/* The policy's choice among what was given up; *out is EC_PICK_STOP where it has none. */
static ec_status ask_again(ec_pick *out, ec_loop_job *job, ec_loop *l, const ec_survey *s,
                           bool peek) {
    const size_t n = ec_study_n_candidates(l->study);
    bool *exclude = calloc(n + 1, sizeof *exclude);
    if (exclude == NULL) return ec_no_memory(l->study->path, l->err);
    for (size_t i = 0; i < n; i++)
        exclude[i] = !s->again[i] || l->study->candidates[i].cost > l->budget_hours - s->hours;
    const ec_ask_options options = {.worker = l->worker,
                                    .columns = l->columns,
                                    .n_columns = l->n_columns,
                                    .exclude = exclude,
                                    .failed_too = true,
                                    .anyway = true,
                                    .peek = peek};
    ec_question question;
    size_t n_asked;
    ec_error why = {0};
    const ec_status status = ec_study_ask(&question, &n_asked, l->study, &options, &why);
    free(exclude);
    *out = EC_PICK_STOP;
    if (status == EC_ERR_NOT_FOUND || status == EC_ERR_ARG) return EC_OK;
    if (status != EC_OK) return ec_fail(l->err, status, "%s", why.message);
    *out = EC_PICK_JOB;
    job->candidate = question.candidate;
    job->again = true;
    snprintf(job->reason, sizeof job->reason, "%s", question.reason);
    return EC_OK;
}

/* What was begun is finished, as far as the budget goes: it may be smaller now than it was then. */
static bool may_resume(const ec_loop *l, const ec_survey *s) {
    if (s->resume == EC_NO_CANDIDATE) return false;
    return s->resume_trained ||
           (s->hours < l->budget_hours && s->n_told + s->n_active < l->n_finetunes);
}

static ec_status decide(ec_pick *out, ec_loop_job *job, ec_loop *l, ec_survey *s, bool peek) {
    if (may_resume(l, s)) {
        *out = EC_PICK_JOB;
        job->candidate = s->resume;
        job->resumed = true;
        snprintf(job->reason, sizeof job->reason, "%s before, not %s",
                 s->resume_trained ? "trained" : "begun", s->resume_trained ? "told" : "finished");
        return EC_OK;
    }
    if (s->again_trained != EC_NO_CANDIDATE) {
        *out = EC_PICK_JOB;
        job->candidate = s->again_trained;
        job->resumed = job->again = true;
        snprintf(job->reason, sizeof job->reason, "trained before, and its evaluation failed");
        return EC_OK;
    }
    if (!is_used(l, s)) {
        ec_status status = EC_OK;
        if (s->n_again > 0) status = ask_again(out, job, l, s, peek);
        if (status != EC_OK || *out == EC_PICK_JOB) return status;
        return ask(out, job, l, s, peek);
    }
    *out = s->n_active > 0 ? EC_PICK_WAIT : EC_PICK_STOP;
    return EC_OK;
}

/* What the survey saw may be history: before the lock was ours, the process that had it may have
 * told, or given up, and gone. */
static ec_status is_settled(bool *settled, ec_loop *l, const ec_loop_job *job) {
    answers a;
    ec_status status = read_answers(&a, l);
    *settled = status == EC_OK &&
               (is_told(&a, l->study, job->candidate) || a.failures.failed[job->candidate]);
    release_answers(&a);
    ec_attempts state;
    if (status == EC_OK) status = ec_attempts_read(&state, job->folder, l->err);
    *settled = *settled || (status == EC_OK && state.gave_up);
    return status;
}

/* In study.db. */
static ec_status take_failure_back(ec_loop *l, size_t i) {
    const ec_withdraw_options options = {.worker = l->worker, .why = "run --retry-failed"};
    ec_error error;
    const ec_status status = ec_study_withdraw_failure(NULL, l->study, i, &options, &error);
    if (status == EC_OK || status == EC_ERR_NOT_FOUND) return EC_OK; /* it was not there */
    return ec_fail(l->err, status, "%s", error.message);
}

/* Begins again with what was given up; *ours is false where another process has done so since. */
static ec_status begin_again(bool *ours, ec_loop *l, const ec_loop_job *job) {
    ec_attempts state;
    ec_status status = ec_attempts_read(&state, job->folder, l->err);
    if (status != EC_OK) return status;
    *ours = state.gave_up && state.n == l->retry[job->candidate];
    l->retry[job->candidate] = 0;
    if (!*ours) return job->resumed ? EC_OK : drop(l, job->candidate);
    status = ec_attempts_begin_anew(job->folder, l->err);
    if (status == EC_OK) status = take_failure_back(l, job->candidate);
    if (status == EC_OK)
        ec_loop_report(l, EC_LOOP_WARNING, job->candidate, 0, "failed before; begun again%s",
                       state.trained ? " with the evaluation" : "");
    return status;
}

/* Locks, leases and begins what was decided on. Another process cannot, since we hold the lock of
 * them all; but a command that was left behind may hold it still: then we wait. */
static ec_status take(ec_pick *out, ec_loop_job *job, ec_loop *l) {
    ec_status status = ec_attempts_lock(&job->lock, job->folder, false, l->err);
    bool ours = job->lock >= 0, settled = false;
    if (status == EC_OK && ours && job->again)
        status = begin_again(&ours, l, job);
    else if (status == EC_OK && ours && job->resumed)
        status = is_settled(&settled, l, job);
    ours = ours && !settled;
    if (status == EC_OK && ours && job->resumed) status = claim(&ours, l, job->candidate);
    if (status == EC_OK && !ours) *out = EC_PICK_WAIT; /* and look again */
    if (status == EC_OK && ours) status = ec_attempts_read(&job->state, job->folder, l->err);
    if (status == EC_OK && ours && job->state.n == 0)
        status = ec_attempts_begin(&job->state, job->folder, l->err);
    return status;
}

static ec_status choose(ec_pick *out, ec_loop_job *job, ec_loop *l, bool peek) {
    *out = EC_PICK_STOP;
    *job = (ec_loop_job){.lock = -1};
    ec_survey survey;
    ec_status status = ec_loop_survey(&survey, l);
    if (status == EC_OK && !peek) status = ec_loop_record_hours(l, &survey);
    if (status == EC_OK && !peek) status = settle_files(l, &survey);
    if (status == EC_OK) status = decide(out, job, l, &survey, peek);
    const bool withdrawn =
        status == EC_OK && *out == EC_PICK_JOB && survey.withdrawn[job->candidate];
    ec_survey_release(&survey);
    if (status == EC_OK && *out == EC_PICK_JOB)
        status = ec_loop_folder_of(&job->folder, l, job->candidate);
    if (status == EC_OK && *out == EC_PICK_JOB)
        status = peek ? ec_attempts_read(&job->state, job->folder, l->err) : take(out, job, l);
    if (withdrawn) job->state.evaluated = 0; /* the files do not say so yet where this is a peek */
    if (status != EC_OK || *out != EC_PICK_JOB) ec_loop_job_release(job);
    return status;
}

ec_status ec_loop_pick(ec_pick *out, ec_loop_job *job, ec_loop *l) {
    int lock;
    ec_status status = ec_attempts_lock(&lock, l->runs, true, l->err);
    if (status != EC_OK) return status;
    status = choose(out, job, l, false);
    ec_attempts_unlock(lock);
    return status;
}

ec_status ec_loop_peek(ec_pick *out, ec_loop_job *job, ec_loop *l) {
    return choose(out, job, l, true);
}

/* ---- what was given up ---------------------------------------------------------------------- */

/* Reads how far each candidate is, and calls `see`. */
static ec_status for_each_state(ec_loop *l,
                                ec_status (*see)(ec_loop *l, size_t i, const ec_attempts *state,
                                                 const char *folder)) {
    ec_status status = EC_OK;
    for (size_t i = 0; status == EC_OK && i < ec_study_n_candidates(l->study); i++) {
        char *folder;
        ec_attempts state;
        status = ec_loop_folder_of(&folder, l, i);
        if (status == EC_OK) status = ec_attempts_read(&state, folder, l->err);
        if (status == EC_OK) status = see(l, i, &state, folder);
        free(folder);
    }
    return status;
}

static ec_status find_failed(ec_loop *l, size_t i, const ec_attempts *state, const char *folder) {
    (void)folder;
    l->retry[i] = state->gave_up ? state->n : 0;
    return EC_OK;
}

ec_status ec_loop_find_failed(ec_loop *l) {
    l->retry = calloc(ec_study_n_candidates(l->study) + 1, sizeof *l->retry);
    return l->retry == NULL ? ec_no_memory(l->study->path, l->err) : for_each_state(l, find_failed);
}

/* To be given up, but that could not be written down, on a disk that was full for example. */
static ec_status forgive_lost(ec_loop *l, size_t i, const ec_attempts *state, const char *folder) {
    (void)i;
    const bool is_lost = !state->gave_up && state->evaluated == 0 &&
                         state->n_failed > l->run->retries && !ec_attempts_is_locked(folder);
    return is_lost ? ec_attempts_begin_anew(folder, l->err) : EC_OK;
}

/* Told by hand, of what no run has given up: those may be asked for again, or gone on with. */
static ec_status take_told_failures_back(ec_loop *l) {
    ec_failures failures;
    ec_status status = ec_failures_read(&failures, l->study, l->err);
    if (status != EC_OK) return status;
    for (size_t i = 0; status == EC_OK && i < ec_study_n_candidates(l->study); i++) {
        char *folder;
        ec_attempts state;
        if (!failures.failed[i]) continue;
        status = ec_loop_folder_of(&folder, l, i);
        if (status == EC_OK) status = ec_attempts_read(&state, folder, l->err);
        free(folder);
        if (status != EC_OK || state.gave_up) continue;
        status = take_failure_back(l, i);
        if (status == EC_OK)
            ec_loop_report(l, EC_LOOP_WARNING, i, 0,
                           "told as failed before; may be asked for again");
    }
    ec_failures_release(&failures);
    return status;
}

ec_status ec_loop_forgive_lost(ec_loop *l) {
    int lock;
    ec_status status = ec_attempts_lock(&lock, l->runs, true, l->err);
    if (status == EC_OK) status = for_each_state(l, forgive_lost);
    if (status == EC_OK) status = take_told_failures_back(l);
    ec_attempts_unlock(lock);
    return status;
}

static ec_status name_not_retried(ec_loop *l, size_t i, const ec_attempts *state,
                                  const char *folder) {
    (void)folder;
    const bool is_used =
        l->sum.stop == EC_LOOP_BUDGET_FINETUNES || l->sum.stop == EC_LOOP_BUDGET_HOURS;
    if (state->gave_up && state->n == l->retry[i])
        ec_loop_report(l, EC_LOOP_WARNING, i, 0, "failed before, and is not begun again: %s",
                       is_used ? "the budget is used" : "it is not asked for");
    return EC_OK;
}

ec_status ec_loop_name_not_retried(ec_loop *l) {
    return l->sum.stop == EC_LOOP_FAILING ? EC_OK : for_each_state(l, name_not_retried);
}
