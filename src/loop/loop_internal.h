/* loop_internal.h - what the files of the loop share: loop.c (the loop), loop_pick.c (which
 * candidate next), loop_work.c (training and evaluating one) */
#ifndef EC_LOOP_LOOP_INTERNAL_H
#define EC_LOOP_LOOP_INTERNAL_H

#include "eyechart/loop.h"
#include "results/results.h"
#include "study/attempts.h"
#include "study/commands.h"
#include "study/study_internal.h"

#define EC_NO_CANDIDATE ((size_t)-1)

typedef struct ec_loop {
    ec_study *study;
    const ec_loop_declaration *run;
    const char *worker;
    const ec_rank_column *columns; /* [n_columns] to ask by */
    size_t n_columns;
    double budget_hours;      /* INFINITY: no limit */
    size_t n_finetunes;       /* SIZE_MAX: no limit */
    char *root, *runs;        /* absolute: the folder of the study, and of what the loop keeps */
    char *benchmarks, *tasks; /* for the placeholders */
    ec_loop_watcher watcher;
    void *context;
    bool stopped; /* the watcher said so */
    bool anyway;  /* what is not worth its cost is finetuned as well */
    /* [n_candidates] NULL: what was given up stays so. Else how many attempts a candidate had when
     * it was found given up; 0: it was not, or has been begun again since. */
    size_t *retry;
    ec_loop_summary sum;
    ec_error *err;
} ec_loop;

/* Fills in the event what the loop knows, and calls the watcher. */
void ec_loop_say(ec_loop *l, ec_loop_event event);
/* An event with only a candidate, an attempt and words. */
void ec_loop_report(ec_loop *l, ec_loop_step step, size_t candidate, size_t attempt,
                    const char *format, ...) EC_PRINTF(5, 6);

/* The folder of a candidate in runs/; owned. */
ec_status ec_loop_folder_of(char **out, const ec_loop *l, size_t candidate);

/* ---- scores --------------------------------------------------------------------------------- */

/* Computes A and C of the candidates that have encoders; does nothing where there is nothing to. */
ec_status ec_loop_score(ec_loop *l, ec_ctx *ctx);
/* What that would do, in words; "" nothing. */
ec_status ec_loop_score_plan(char text[200], ec_loop *l);

/* ---- which candidate next ------------------------------------------------------------------- */

/* What all runs of the study have done so far, by the files in runs/. */
typedef struct ec_survey {
    size_t n_begun;  /* candidates begun and not given up: what a budget of finetunes counts */
    size_t n_told;   /* of these, with results in study.db */
    size_t n_failed; /* given up */
    size_t n_active; /* in the hands of other processes */
    size_t n_idle;   /* in the hands of nobody, to be gone on with */
    size_t n_others; /* begun by a worker of another name, whose process is gone */
    double hours;    /* GPU-hours, by the clock */
    bool *taken;     /* [n_candidates] begun or given up: not to be asked for */
    bool *unrecorded_failure; /* [n_candidates] given up by an eyechart that did not tell
                                 study.db */
    bool *anew;              /* [n_candidates] given up, and that was withdrawn: to be begun anew */
    bool *withdrawn;    /* [n_candidates] evaluated, and the results were withdrawn: to be evaluated
                           anew */
    double *unrecorded; /* [n_candidates] hours without a result that study.db does not have; 0 */
    size_t resume;      /* begun by a process that is gone; EC_NO_CANDIDATE: none */
    bool resume_trained;
    bool *again; /* [n_candidates] given up, and to be begun again where the budget goes */
    size_t n_again;
    size_t again_trained; /* one of them that lacks the evaluation alone; EC_NO_CANDIDATE: none */
} ec_survey;

ec_status ec_loop_survey(ec_survey *out, ec_loop *l);
void ec_survey_release(ec_survey *survey);
/* Writes to study.db the hours of candidates that have no result, so that what is spent is the same
 * there as in the budget. */
ec_status ec_loop_record_hours(ec_loop *l, const ec_survey *survey);

/* A candidate in our hands: locked, leased, and begun. */
typedef struct ec_loop_job {
    size_t candidate;
    int lock;
    char *folder;
    ec_attempts state;
    bool resumed;
    bool again; /* it was given up before */
    char reason[512];
} ec_loop_job;
void ec_loop_job_release(ec_loop_job *job);

typedef enum ec_pick { EC_PICK_JOB, EC_PICK_WAIT, EC_PICK_STOP } ec_pick;

/* The next candidate for this process; *job is filled with EC_PICK_JOB alone. With EC_PICK_STOP
 * l->sum.stop and .why say why. */
ec_status ec_loop_pick(ec_pick *out, ec_loop_job *job, ec_loop *l);

/* The same decision, looked at only: nothing is locked, leased or begun; job->lock stays -1. */
ec_status ec_loop_peek(ec_pick *out, ec_loop_job *job, ec_loop *l);

/* Finds what was given up, so that ec_loop_pick() begins each of them once more: first those whose
 * training ended well, which take no room in a budget of finetunes, then the others in the order of
 * the policy, as far as the budget goes and before any candidate that is new. */
ec_status ec_loop_find_failed(ec_loop *l);
/* Corrects on the disk what ec_loop_find_failed() cannot: candidates that failed too often, where
 * that could not be written down, and those told as failed by hand. */
ec_status ec_loop_forgive_lost(ec_loop *l);
/* Names those that were found and not begun again. */
ec_status ec_loop_name_not_retried(ec_loop *l);

/* Keeps the question of the candidate with this worker for another lease. */
void ec_loop_renew(ec_loop *l, size_t candidate);
/* Writes to study.db that the candidate failed, and ends its question. */
ec_status ec_loop_record_failure(ec_loop *l, size_t candidate, const char *why);

/* ---- one candidate -------------------------------------------------------------------------- */

/* Trains, evaluates and tells, with retries; *told is false when the candidate was given up. */
ec_status ec_loop_work(bool *told, ec_loop *l, ec_loop_job *job);

/* The command line of an attempt; `evaluate` or else training. Owned. */
ec_status ec_loop_command_line(char **out, const ec_loop *l, size_t candidate, const char *folder,
                               size_t attempt, bool evaluate);

/* Refuses commands that are missing or have a wrong placeholder. */
ec_status ec_loop_check_commands(const ec_loop *l);

#endif
