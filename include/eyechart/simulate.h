/* simulate.h - what a policy would have achieved on results already known
 *
 * For every benchmark the table is played as if nothing were known: the policy
 * chooses, the result is uncovered, the policy's model ranks all candidates. The
 * expectation over the policy's random choices is exact, by forward recursion over
 * the sets of trained candidates, or estimated from independent trials.
 *
 * Metrics, by number of finetunes k = 1, 2, …:
 *
 *   first-hit  the paper's Recall@top: P(the first time that the true optimum is among the
 *              `top` highest predictions, trained candidates counted by their prediction, is at
 *              most k). An oracle stops each run, which no user has: label it so.
 *   recall     P(the true optimum is among the `top` at exactly k), trained candidates
 *              counted by their measured value
 *   trained    P(the true optimum has been finetuned within k runs)
 *   verified   P(the true optimum has been finetuned within k runs, of which the last `top` are
 *              the best predictions among the untrained); 0 while k < top
 *   regret     (best - best trained)/(best - worst), expected
 *
 * Definitions, executable: run() of the reference policies. Ties in a ranking are broken at
 * random, in expectation; a first hit must be certain. The law needs 2 results to rank by:
 * with 1, recall is that of a random ranking, and a first hit is the optimum itself. A
 * Gaussian process ranks from 0 (law-gp, average) or 1 results on. Of several equal optima the
 * first in the table counts.
 */
#ifndef EYECHART_SIMULATE_H
#define EYECHART_SIMULATE_H

#include <stddef.h>
#include <stdint.h>

#include "eyechart/policy.h"
#include "eyechart/table.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ec_metric {
    EC_METRIC_FIRST_HIT = 0,
    EC_METRIC_RECALL,
    EC_METRIC_TRAINED,
    EC_METRIC_VERIFIED,
    EC_METRIC_REGRET,
    EC_METRICS
} ec_metric;

/* "first-hit", "recall", "trained", "verified", "regret". Static; NULL past the end. */
const char *ec_metric_name(ec_metric metric);

/* The model that ranks all candidates after k finetunes. */
typedef enum ec_ranker {
    EC_RANKER_DEFAULT = 0, /* the policy's own: random, ac, d-optimal: quadratic; prior, ei,
                              exploit: average */
    EC_RANKER_QUADRATIC,
    EC_RANKER_RIDGE, /* quadratic, ridge .01 */
    EC_RANKER_GP,
    EC_RANKER_LAW_GP,  /* of gp.h: one setting */
    EC_RANKER_AVERAGE, /* the model of rank.h */
    EC_RANKERS
} ec_ranker;

/* "default", "quadratic", "ridge", "gp", "law-gp", "average". Static; NULL past the end. */
const char *ec_ranker_name(ec_ranker ranker);

typedef struct ec_simulate_options {
    ec_policy policy;
    ec_ranker ranker;
    ec_metric metric;
    size_t top;       /* 1, 2 or 3 (any m < n works); 0 means 3 */
    size_t trials;    /* 0: exact. A policy that leaves nothing to chance is played once where
                         there are too many candidates for that; those that tie are then drawn by
                         the seed */
    uint64_t seed;    /* of the trials */
    size_t drop;      /* average over all sub-spaces with this many candidates removed (a and c
                         normalised anew over each); 0: the whole space */
    size_t max_runs;  /* values for k = 1 … max_runs only, the rest NaN; 0: all. Saves time */
    size_t n_threads; /* 0: one per processor; results do not depend on it */
} ec_simulate_options;

#define EC_SIMULATE_EXACT_MAX 20 /* candidates; above, trials, or policies without chance */

/* Plays every benchmark of the table, with the candidates that have both scores and a result on it.
 *
 *   values      [table->n_benchmarks][table->n_candidates]: value after k = 1, 2, … finetunes;
 *               NaN past the number of candidates that play, and for a benchmark with fewer than
 *               2 or, where the metric uses it, no more than `top`
 *   mean        [table->n_candidates], over the benchmarks that reach that k; NaN where none does
 *   std_error   of `mean` as an estimate from trials, same shape; NaN when exact; may be NULL
 *
 * Returns EC_OK, or EC_ERR_ARG: no benchmark can be played (too few usable candidates, drop or top
 * too large), exact asked with more than EC_SIMULATE_EXACT_MAX candidates (says to use trials),
 * more than 200 000 sub-spaces; EC_ERR_SINGULAR (LAPACK gave up on a fit); EC_ERR_NOMEM. */
ec_status ec_simulate(double *values, double *mean, double *std_error, const ec_table *table,
                      const ec_simulate_options *options, ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
