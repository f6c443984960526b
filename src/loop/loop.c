/* loop.c - see loop.h: algorithm 4 of the paper, with commands of the user for what is expensive */
#include "eyechart/loop.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "loop/loop_internal.h"

/* So many candidates in a row that fail say more about the commands than about the candidates. */
enum { MAX_FAILED_IN_A_ROW = 3 };

/* ---- saying what happens -------------------------------------------------------------------- */

void ec_loop_say(ec_loop *l, ec_loop_event event) {
    event.n_finetuned = l->sum.n_finetuned;
    event.n_failed = l->sum.n_failed;
    if (l->watcher != NULL && !l->watcher(l->context, &event)) l->stopped = true;
}

void ec_loop_report(ec_loop *l, ec_loop_step step, size_t candidate, size_t attempt,
                    const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    ec_loop_say(
        l, (ec_loop_event){.step = step, .candidate = candidate, .attempt = attempt, .text = text});
}

/* ---- beginning ------------------------------------------------------------------------------ */

static void end(ec_loop *l) {
    free(l->root);
    free(l->runs);
    free(l->benchmarks);
    free(l->tasks);
    free(l->retry);
}

static ec_status name_places(ec_loop *l) {
    l->root = realpath(l->study->path, NULL);
    if (l->root == NULL)
        return ec_fail(l->err, EC_ERR_IO, "%s: %s", l->study->path, strerror(errno));
    ec_text runs = {0}, benchmarks = {0}, tasks = {0};
    ec_text_format(&runs, "%s/runs", l->root);
    ec_text_add(&benchmarks, "");
    ec_text_add(&tasks, "");
    for (size_t b = 0; b < ec_study_n_benchmarks(l->study); b++) {
        ec_text_format(&benchmarks, "%s%s", b > 0 ? "," : "",
                       ec_study_benchmark(l->study, b)->name);
        if (b > 0) ec_text_add(&tasks, ",");
        ec_results_add_task(&tasks, &l->study->declared, b);
    }
    l->runs = runs.data;
    l->benchmarks = benchmarks.data;
    l->tasks = tasks.data;
    return runs.failed || benchmarks.failed || tasks.failed ? ec_no_memory(l->study->path, l->err)
                                                            : EC_OK;
}

static ec_status begin(ec_loop *l, ec_study *study, const ec_loop_options *options, ec_error *err) {
    const ec_loop_declaration *run = &study->declared.run;
    *l = (ec_loop){
        .study = study,
        .run = run,
        .worker = options->worker != NULL ? options->worker : "run",
        .columns = options->columns,
        .n_columns = options->n_columns,
        .budget_hours = options->budget_hours > 0.0 ? options->budget_hours : run->budget,
        .n_finetunes = options->n_finetunes > 0 ? options->n_finetunes : run->finetunes,
        .anyway = options->anyway || run->anyway,
        .err = err,
    };
    if (study->built_in)
        return ec_fail(err, EC_ERR_IO,
                       "%s: built in, cannot be changed; 'eyechart study new FOLDER --from %s' "
                       "makes a copy that can",
                       study->path, study->path);
    const ec_status status = ec_loop_check_commands(l);
    return status == EC_OK ? name_places(l) : status;
}

ec_status ec_loop_folder_of(char **out, const ec_loop *l, size_t candidate) {
    ec_text folder = {0};
    ec_text_format(&folder, "%s/", l->runs);
    ec_attempts_folder_name(&folder, l->study->candidates[candidate].name);
    *out = folder.data;
    if (!folder.failed) return EC_OK;
    ec_text_release(&folder);
    *out = NULL;
    return ec_no_memory(l->study->path, l->err);
}

/* ---- the loop ------------------------------------------------------------------------------- */

static ec_status work(ec_loop *l, ec_loop_job *job, size_t *failed_in_a_row) {
    bool told;
    ec_loop_report(l, job->resumed ? EC_LOOP_RESUMED : EC_LOOP_ASKED, job->candidate, job->state.n,
                   "%s", job->reason);
    const ec_status status = ec_loop_work(&told, l, job);
    *failed_in_a_row = told ? 0 : *failed_in_a_row + 1;
    ec_loop_job_release(job);
    return status;
}

/* Other processes are at work; one of them may fail or go, and leave us something to do. What it
 * took to look, in seconds of the processors, is more with a ranking of many candidates: then we
 * look less often, and leave the processors to the trainings. */
static void wait(ec_loop *l, double looked_s) {
    enum { QUARTERS_AT_MOST = 240 };
    const struct timespec quarter = {0, 250000000};
    const double quarters = fmin(4.0 * 20.0 * looked_s, QUARTERS_AT_MOST);
    int waited = 0;
    do {
        ec_loop_report(l, EC_LOOP_WAITING, EC_NO_CANDIDATE, 0, "other processes are at work");
        nanosleep(&quarter, NULL);
    } while (++waited < quarters && !l->stopped);
}

static ec_status turn(ec_loop *l) {
    size_t failed_in_a_row = 0;
    for (;;) {
        ec_pick pick;
        ec_loop_job job;
        if (l->stopped)
            return ec_fail(l->err, EC_ERR_INTERRUPTED, "interrupted; 'eyechart run' goes on");
        const clock_t before = clock();
        ec_status status = ec_loop_pick(&pick, &job, l);
        if (status != EC_OK || pick == EC_PICK_STOP) return status;
        if (pick == EC_PICK_WAIT)
            wait(l, (double)(clock() - before) / CLOCKS_PER_SEC);
        else
            status = work(l, &job, &failed_in_a_row);
        if (status != EC_OK) return status;
        if (failed_in_a_row == MAX_FAILED_IN_A_ROW) {
            l->sum.stop = EC_LOOP_FAILING;
            snprintf(
                l->sum.why, sizeof l->sum.why,
                "%d candidates in a row failed, so that it must be the commands; correct them, "
                "then 'eyechart run --retry-failed'",
                MAX_FAILED_IN_A_ROW);
            return EC_OK;
        }
    }
}

/* What the files say in the end, for the summary. */
static ec_status sum_up(ec_loop *l) {
    ec_survey survey;
    ec_status status = ec_loop_survey(&survey, l);
    if (status == EC_OK) status = ec_loop_record_hours(l, &survey);
    ec_survey_release(&survey);
    return status;
}

ec_status ec_study_run(ec_loop_summary *out, ec_study *study, const ec_loop_options *options,
                       ec_loop_watcher watcher, void *context, ec_error *err) {
    static const ec_loop_options usual = {0};
    ec_loop l;
    if (options == NULL) options = &usual;
    ec_status status = begin(&l, study, options, err);
    l.watcher = watcher;
    l.context = context;
    if (status == EC_OK && options->retry_failed) status = ec_loop_forgive_lost(&l);
    if (status == EC_OK && options->retry_failed) status = ec_loop_find_failed(&l);
    if (status == EC_OK && !options->no_score) status = ec_loop_score(&l, options->ctx);
    if (status == EC_OK) status = turn(&l);
    if (status == EC_OK && options->retry_failed) status = ec_loop_name_not_retried(&l);
    if (l.runs != NULL) {
        ec_error unused;
        l.err = status == EC_OK ? err : &unused;
        const ec_status summed = sum_up(&l);
        if (status == EC_OK) status = summed;
    }
    if (out != NULL) *out = l.sum;
    end(&l);
    return status;
}

/* ---- what it would do ----------------------------------------------------------------------- */

void ec_loop_plan_release(ec_loop_plan *plan) {
    free(plan->train);
    free(plan->evaluate);
    free(plan->folder);
    *plan = (ec_loop_plan){0};
}

static ec_status plan_job(ec_loop_plan *plan, const ec_loop *l, const ec_loop_job *job) {
    const ec_attempts *s = &job->state;
    const bool told_next = s->evaluated > 0;
    plan->candidate = job->candidate;
    plan->resumes = job->resumed;
    const bool has_room = s->n > 0 && (s->trained ? s->can_evaluate : s->can_train);
    plan->attempt = has_room || told_next ? s->n : s->n + 1;
    plan->folder = strdup(job->folder);
    if (plan->folder == NULL) return ec_no_memory(l->study->path, l->err);
    ec_status status = EC_OK;
    if (!s->trained)
        status = ec_loop_command_line(&plan->train, l, job->candidate, job->folder, plan->attempt,
                                      false);
    if (status == EC_OK && !told_next)
        status = ec_loop_command_line(&plan->evaluate, l, job->candidate, job->folder,
                                      plan->attempt, true);
    return status;
}

/* Any candidate, to show the commands with: which one is first is not known before there are
 * scores. */
static ec_status take_example(ec_pick *pick, ec_loop_job *job, ec_loop *l) {
    *pick = EC_PICK_JOB;
    *job = (ec_loop_job){.lock = -1, .candidate = 0};
    snprintf(job->reason, sizeof job->reason, "the scores decide which candidate is first");
    return ec_loop_folder_of(&job->folder, l, job->candidate);
}

ec_status ec_study_run_plan(ec_loop_plan *out, ec_study *study, const ec_loop_options *options,
                            ec_error *err) {
    static const ec_loop_options usual = {0};
    ec_loop l;
    ec_pick pick = EC_PICK_STOP;
    ec_loop_job job = {.lock = -1};
    *out = (ec_loop_plan){.candidate = EC_NO_CANDIDATE};
    if (options == NULL) options = &usual;
    ec_status status = begin(&l, study, options, err);
    if (status == EC_OK && !options->no_score) status = ec_loop_score_plan(out->score, &l);
    if (status == EC_OK && options->retry_failed) status = ec_loop_find_failed(&l);
    if (status == EC_OK) status = ec_loop_peek(&pick, &job, &l);
    if (status == EC_ERR_ARG && out->score[0] != '\0') { /* nothing to choose by before that */
        out->is_example = true;
        status = take_example(&pick, &job, &l);
    }
    if (status == EC_OK) {
        out->stops = pick != EC_PICK_JOB;
        out->hours_spent = l.sum.hours_spent;
        out->n_finetuned = l.sum.n_finetuned;
        out->budget_hours = l.budget_hours;
        out->n_finetunes = l.n_finetunes;
        snprintf(out->why, sizeof out->why, "%s", out->stops ? l.sum.why : job.reason);
    }
    if (status == EC_OK && pick == EC_PICK_JOB) status = plan_job(out, &l, &job);
    ec_loop_job_release(&job);
    end(&l);
    if (status != EC_OK) ec_loop_plan_release(out);
    return status;
}
