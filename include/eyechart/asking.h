/* asking.h - which candidate of a study to finetune next, and what came of it
 *
 * A question is a lease: while it runs nobody else is asked for the same candidate. Results,
 * failures and what is taken back are added to study.db, where nothing is ever deleted: the newest
 * row about a thing counts. Every change is one transaction, as study.h says.
 */
#ifndef EYECHART_ASKING_H
#define EYECHART_ASKING_H

#include "eyechart/study.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what it comes to ------------------------------------------------------------------- */

/* ec_decide on a ranking of `table`, the snapshot's or one with some of its results: with the
 * declared costs; what is pending or failed is not chosen. enough 0: as study.yaml declares, else
 * as in ec_decision_options. */
ec_status ec_study_decide(ec_decision *out, const ec_study *study,
                          const ec_study_snapshot *snapshot, const ec_table *table,
                          const ec_ranked *rows, const ec_rank_about *about, double enough,
                          ec_error *err);

/* The unit of gains of a ranking over so many benchmarks, to follow the number: of one benchmark
 * its own, of several " % of full scale". */
const char *ec_study_gain_unit(size_t n_over);

/* The decision in two or three sentences, the first of which says what to do; "" where there is
 * none.
 *
 *   unit   ec_study_gain_unit */
void ec_study_decision_text(char *buffer, size_t size, const ec_study *study,
                            const ec_decision *decision, const char *unit);

/* ---- ask and tell ---------------------------------------------------------------------- */

typedef struct ec_question {
    int64_t id;
    size_t candidate;
    bool repeated;       /* this worker had it already */
    double expires_in_s; /* seconds until the lease runs out */
    double cost;         /* GPU-hours expected; NaN unknown */
    char reason[512];    /* in words */
    ec_decision decision; /* what it rests on; kind EC_DECIDE_NOTHING where repeated, and with
                             policies other than ei */
} ec_question;

typedef struct ec_ask_options {
    size_t n;             /* how many candidates; 0 means 1 */
    const char *worker;   /* NULL means "default" */
    double budget_hours;  /* only candidates whose declared cost fits, summed over this worker's
                             pending questions; 0 means no limit. Candidates of unknown cost do
                             not fit. */
    double lease_hours;   /* 0 means as declared in study.yaml (default 72) */
    const ec_policy *policy; /* NULL: the study's */
    const uint64_t *seed;    /* NULL: the study's; the draw depends on seed and number of
                                questions so far */
    const ec_rank_column *columns; /* [n_columns] scores to go by, as in ec_study_snapshot_choose */
    size_t n_columns;              /* 0: as study.yaml declares */
    const bool *exclude; /* [n_candidates] true: not to be asked for, as if somebody trained it;
                            NULL: none */
    bool failed_too;     /* what failed may be asked for */
    const size_t *over;  /* [n_over] benchmarks that count, with the policy ei; NULL: all */
    size_t n_over;
    const double *weights; /* [n_over] theirs; NULL: those of the study */
    double enough;       /* as in ec_study_decide */
    bool anyway;         /* asks even where no candidate is worth its cost */
    ec_decision *stopped; /* receives the decision to stop, kind EC_DECIDE_NOTHING otherwise;
                             NULL: not wanted */
    bool peek;           /* answers without recording the questions: the next call answers the
                            same */
} ec_ask_options;

/* Next candidates for this worker. Pending questions of the worker come first (repeated = true);
 * more are asked until there are n. Questions past their lease are expired first.
 *
 *   out   [options->n]; n_out receives how many there are, fewer than n when candidates run out
 *
 * Errors: EC_ERR_NOT_FOUND nothing is left to ask (all trained or pending: the message says which),
 * or none of those left is worth its cost (the message is the decision);
 * EC_ERR_ARG no candidate has the scores that the policy needs, or none fits the budget;
 * EC_ERR_BUSY; EC_ERR_IO (read-only, disk full). */
ec_status ec_study_ask(ec_question *out, size_t *n_out, ec_study *study,
                       const ec_ask_options *options, ec_error *err);

typedef struct ec_result {
    size_t benchmark;
    double value;
    double se; /* its standard error; 0 or NaN: not known */
} ec_result;

/* Reads "1502.7" or "1502.7+-8.1" (also "+/-" and the sign for it; blanks around each number) into
 * value and se of *out, se 0 where there is none. `text` is for the message too.
 * Errors: EC_ERR_ARG, in words that name the text. */
ec_status ec_result_read(ec_result *out, const char *text, ec_error *err);

/* What became of a result that was told. */
typedef struct ec_told {
    bool unchanged;    /* was known already: nothing was recorded */
    size_t n_before;   /* results of that candidate and benchmark before: 0, 1, with repeats more */
    double before, before_se; /* the value known before as ec_table has it, and the error given with
                                 it; NaN: none */
} ec_told;

typedef struct ec_tell_options {
    double hours;        /* GPU-hours it took; 0: not recorded. Those of a repeat are added to
                            the others */
    bool repeat;         /* the results stand beside those known, of another seed or another
                            evaluation, rather than in their place */
    const char *worker;  /* NULL means "default" */
    const char *source;  /* provenance in words, a path or a command; NULL: none */
    const char *const *sources; /* [n] of each result by itself; NULL, or an entry NULL: `source` */
    ec_told *told;       /* [n], filled on success; NULL: not wanted */
    bool *was_failed;    /* likewise: whether the candidate was told as failed before */
} ec_tell_options;

/* Records results of one finetuned candidate, all or nothing, and closes its pending question. What
 * was told as failed is so no longer.
 * A benchmark that had a value gets the new one; the old one stays in history. With options->repeat
 * the new one is added, and what counts is the mean (table.h). A value that is known already, with
 * the same error or without one, is not recorded again, unless as a repeat.
 * Errors: EC_ERR_ARG a value is not finite or outside the benchmark's declared range, a standard
 * error is negative or not finite, a benchmark is given twice; EC_ERR_BUSY; EC_ERR_IO. */
ec_status ec_study_tell(ec_study *study, size_t candidate, const ec_result *results, size_t n,
                        const ec_tell_options *options, ec_error *err);

/* ---- giving up and taking back ------------------------------------------------------------ */

typedef struct ec_fail_options {
    double hours;       /* GPU-hours it took all the same; 0: not recorded */
    const char *worker; /* NULL means "default" */
    const char *why;    /* in words; NULL: not told */
} ec_fail_options;

/* Records that a candidate cannot be finetuned: it is not asked for any more, until that is taken
 * back (ec_study_withdraw_failure, the option retry_failed of a run) or results are told. What a
 * run gives up is recorded in the same way. Closes its pending question. Told again, it corrects
 * hours and words.
 *   unchanged   may be NULL; whether all of that was known already, and nothing was recorded
 * Errors: EC_ERR_ARG it has results, or the hours are negative; EC_ERR_BUSY; EC_ERR_IO. */
ec_status ec_study_tell_failed(bool *unchanged, ec_study *study, size_t candidate,
                               const ec_fail_options *options, ec_error *err);

typedef struct ec_failure {
    size_t candidate;
    double hours;   /* GPU-hours of failures that were told; NaN: none */
    char time[32];  /* ISO 8601, UTC */
    char worker[64];
    char why[512];
} ec_failure;

/* The candidates that failed, in the order in which they did.
 *   out   owned array, free with free() */
ec_status ec_study_failures(ec_failure **out, size_t *n_out, ec_study *study, ec_error *err);

typedef struct ec_withdraw_options {
    const char *worker; /* who does it; NULL means "default" */
    const char *why;    /* in words; NULL: not told */
    bool hours;         /* the GPU-hours recorded with what is taken back were not spent either */
} ec_withdraw_options;

/* What was taken back. */
typedef struct ec_withdrawal {
    size_t n_results;     /* benchmarks whose result is withdrawn */
    double hours;         /* GPU-hours recorded for a candidate left without results; NaN: none */
    bool hours_withdrawn; /* and whether they are taken back too; else they stay spent */
    char worker[64];      /* for whom the candidate is kept again, whose lease still runs; "":
                             nobody */
} ec_withdrawal;

/* Takes back the results of a candidate for these benchmarks, all of them where n is 0, with their
 * repeats; all or nothing. They stay in the history.
 *   out   may be NULL
 * Errors: EC_ERR_NOT_FOUND there is no such result; EC_ERR_ARG; EC_ERR_BUSY; EC_ERR_IO. */
ec_status ec_study_withdraw(ec_withdrawal *out, ec_study *study, size_t candidate,
                            const size_t *benchmarks, size_t n, const ec_withdraw_options *options,
                            ec_error *err);

/* The candidate may be asked for again. Errors: EC_ERR_NOT_FOUND it was not told as failed; as
 * above. */
ec_status ec_study_withdraw_failure(ec_withdrawal *out, ec_study *study, size_t candidate,
                                    const ec_withdraw_options *options, ec_error *err);

/* A pending question: for whom a candidate is kept. */
typedef struct ec_lease {
    int64_t id; /* of the question */
    size_t candidate;
    double age_s, expires_in_s; /* seconds since it was asked, and until the lease runs out */
    char time[32];              /* when it was asked; ISO 8601, UTC */
    char worker[64];
    char reason[512];
} ec_lease;

/* Those whose lease runs, in the order of asking.
 *   out   owned array, free with free() */
ec_status ec_study_leases(ec_lease **out, size_t *n_out, ec_study *study, ec_error *err);

typedef struct ec_lease_options {
    const char *worker; /* whose leases; NULL means "default" */
    double lease_hours; /* from now, of a renewal; 0 means as declared in study.yaml */
} ec_lease_options;

/* Gives candidates back unanswered, so that they may be asked of others; renewing keeps them for
 * the worker for another lease, one that ran out as well, as long as nobody else has it. n 0: all
 * that are kept for the worker. All or nothing.
 * Errors: EC_ERR_NOT_FOUND nothing to give back or to renew; EC_ERR_EXISTS it is kept for another
 * worker, whom the message names, or has results or failed; EC_ERR_ARG; EC_ERR_BUSY; EC_ERR_IO. */
ec_status ec_study_release(ec_study *study, const size_t *candidates, size_t n,
                           const ec_lease_options *options, ec_error *err);
ec_status ec_study_renew(ec_study *study, const size_t *candidates, size_t n,
                         const ec_lease_options *options, ec_error *err);

/* ---- history ----------------------------------------------------------------------------- */

/* One row of the history of observations, oldest first, corrections included. */
typedef struct ec_observation {
    size_t candidate, benchmark;
    double value;
    double se;      /* standard error as given; NaN: none */
    bool repeat;    /* stands beside those before it */
    bool withdrawn; /* takes back those before it; value is what was known then */
    bool current;   /* counts now; false: replaced or taken back by a later one, or takes back
                       itself */
    char time[32]; /* ISO 8601, UTC */
    char worker[64];
    char source[256];
} ec_observation;

/*   out   owned array, free with free() */
ec_status ec_study_history(ec_observation **out, size_t *n_out, ec_study *study, ec_error *err);

#ifdef __cplusplus
}
#endif

#endif
