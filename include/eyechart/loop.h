/* loop.h - the loop of the paper (algorithm 4): score, then ask, finetune, evaluate and tell until
 * the budget is used
 *
 * Finetuning and evaluating are commands of study.yaml (key `run`, docs/formats.md), run by /bin/sh
 * in the folder of the study. What happens to a candidate is kept in files, so that a run which was
 * interrupted or killed goes on where it was:
 *
 *     STUDY/runs/CANDIDATE/        '/' and the like in the name are written as %2F
 *         out/                     {out}: the model, the same for every attempt, so that a trainer
 *                                  which resumes from its checkpoints can
 *         1/, 2/, …                {attempt}: one each time that a command had to be started anew
 *             train.log            what it printed
 *             train.end            how it ended and how long it took, written once it has
 *             evaluate.out, evaluate.log, evaluate.end     stdout, stderr, likewise
 *         failed                   given up, why; `eyechart run --retry-failed` takes it away
 *         .lock                    held by the process that works on the candidate
 *
 * A training that ended well is not repeated; one that was stopped, by a signal to the whole job or
 * to it alone, goes on in attempt n + 1, and is neither a failure nor evaluated. Commands die with
 * the process that started them: one that is killed with -9 leaves nobody training, and the next
 * run begins attempt n + 1.
 *
 * Any number of processes may run one study, and any number of threads of a process, each with an
 * ec_study of its own: candidates are leased (ec_study_ask), and the budget is that of the study.
 */
#ifndef EYECHART_LOOP_H
#define EYECHART_LOOP_H

#include "eyechart/device.h"
#include "eyechart/status.h"
#include "eyechart/study.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the loop ---------------------------------------------------------------------------------
 */

typedef enum ec_loop_step {
    EC_LOOP_SCORING,    /* `text` says how far it is */
    EC_LOOP_SCORED,     /* `text` says what was done */
    EC_LOOP_ASKED,      /* the candidate is ours; `text` is the reason */
    EC_LOOP_RESUMED,    /* or was begun before; `text` says how far it is */
    EC_LOOP_TRAINING,   /* the command starts; `text` is the command line, `file` the log */
    EC_LOOP_EVALUATING, /* likewise */
    EC_LOOP_TICK,       /* the command goes on, for `seconds`; ten times a second */
    EC_LOOP_ENDED,      /* the command ended after `seconds`; `text` says how */
    EC_LOOP_TOLD,       /* its results are in study.db; `hours` GPU-hours in all */
    EC_LOOP_WARNING,    /* something to know, in `text` */
    EC_LOOP_STOPPED,    /* the command was ended from outside, in `text`; it is begun again */
    EC_LOOP_FAILED,     /* an attempt failed; `text` says why */
    EC_LOOP_GAVE_UP,    /* the candidate is left out */
    EC_LOOP_WAITING     /* nothing to do but other processes are at work; every second */
} ec_loop_step;

/* Borrowed during the call. */
typedef struct ec_loop_event {
    ec_loop_step step;
    size_t candidate; /* (size_t)-1: none */
    size_t attempt;   /* from 1; 0: none */
    double seconds;
    double hours;
    const char *text;             /* never NULL */
    const char *file;             /* NULL: none */
    size_t n_finetuned, n_failed; /* of this study, by any run */
} ec_loop_event;

/* Called in the thread of the caller. false stops: the command is terminated, what was reached is
 * saved, and ec_study_run returns EC_ERR_INTERRUPTED. */
typedef bool (*ec_loop_watcher)(void *context, const ec_loop_event *event);

typedef struct ec_loop_options {
    const char *worker;  /* NULL means "run" */
    double budget_hours; /* GPU-hours spent by all runs of this study; 0: as declared */
    size_t n_finetunes;  /* candidates finetuned by all runs of this study; 0: as declared */
    bool retry_failed;   /* begin again with what was given up, as far as the budget goes */
    bool no_score;       /* A and C as they are known */
    bool anyway;         /* use up the budget, even where no candidate is worth its cost; true too
                            where study.yaml says so */
    ec_ctx *ctx;         /* what scoring computes with, borrowed for the call; not needed without */
    const ec_rank_column *columns; /* [n_columns] scores that the policy goes by, as in
                                      ec_ask_options */
    size_t n_columns;
} ec_loop_options;

typedef enum ec_loop_stop {
    EC_LOOP_ALL_DONE,         /* every candidate that can be asked for is trained or given up */
    EC_LOOP_BUDGET_FINETUNES, /* the number of finetunes is reached */
    EC_LOOP_BUDGET_HOURS,     /* the hours are used, or no candidate left fits them */
    EC_LOOP_FAILING, /* several candidates in a row failed: the command itself must be wrong */
    EC_LOOP_ENOUGH   /* no candidate left is worth its cost (decision.h) */
} ec_loop_stop;

typedef struct ec_loop_summary {
    ec_loop_stop stop;
    size_t n_told;      /* candidates told by this call */
    size_t n_gave_up;   /* given up by this call */
    size_t n_finetuned; /* in the study, by any run */
    size_t n_failed;    /* given up in the study, by any run */
    double hours_spent; /* GPU-hours by any run, failures included */
    char why[512];      /* the stop in words */
} ec_loop_summary;

/* Runs the loop until a budget is used, nothing is left, or no candidate left is worth its cost.
 * What options->retry_failed begins again was asked for by name, and need not be.
 *
 *   watcher   may be NULL
 *   out       may be NULL; filled on failure too
 *
 * Candidates that failed are left out and counted; that is not an error.
 * Errors: EC_ERR_ARG no command is declared, a placeholder is wrong, or no candidate has scores;
 * EC_ERR_FORMAT an evaluation names a benchmark that the study does not have;
 * EC_ERR_INTERRUPTED the watcher said so; EC_ERR_BUSY; EC_ERR_IO; EC_ERR_NOMEM. */
ec_status ec_study_run(ec_loop_summary *out, ec_study *study, const ec_loop_options *options,
                       ec_loop_watcher watcher, void *context, ec_error *err);

/* What ec_study_run would do first. Nothing is started or written. */
typedef struct ec_loop_plan {
    bool stops;       /* at once; `why` says why */
    bool resumes;     /* the candidate was begun before */
    bool is_example;  /* scores come first and decide; this is how the commands would look */
    size_t candidate; /* (size_t)-1: none */
    size_t attempt;
    char *train;                      /* command line; NULL: trained already */
    char *evaluate;                   /* command line; NULL: evaluated already, only to be told */
    char *folder;                     /* of the attempt, from the folder of the study */
    double hours_spent, budget_hours; /* INFINITY: no limit */
    size_t n_finetuned, n_finetunes;  /* SIZE_MAX: no limit */
    char score[200];                  /* what would be scored before; "" nothing */
    char why[512];                    /* the reason of the question, or of stopping */
} ec_loop_plan;

/*   out   ec_loop_plan_release() after success */
ec_status ec_study_run_plan(ec_loop_plan *out, ec_study *study, const ec_loop_options *options,
                            ec_error *err);
void ec_loop_plan_release(ec_loop_plan *plan);

#ifdef __cplusplus
}
#endif
#endif
