/* rank.h - which candidate is the best, how sure that is, and what finetuning another would bring
 *
 * The default model is a Gaussian process around "more of every score is better", averaged over 27
 * settings by how likely they make the results (src/law/settings.h has the formula):
 *
 *     value     what a candidate really achieves: what the scores explain, and its own part that
 *               they do not
 *     result    value + noise of the finetuning and the evaluation
 *
 * The noise of a result is its standard error (ec_table.z_se), else ec_table.noise. A result counts
 * for the value of its candidate as far as it is not noise; where it is exact, the value is the
 * result. Chances come from joint posterior samples of all candidates' values, so they agree with
 * each other.
 *
 * How many results intervals of 90 % hold: docs/adr/0002-intervals-of-the-ranking.md. Why this
 * model: docs/adr/0005-the-default-policy.md.
 */
#ifndef EYECHART_RANK_H
#define EYECHART_RANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eyechart/law.h"
#include "eyechart/table.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EC_RANK_SAMPLES_MAX 1000000

typedef enum ec_rank_model {
    EC_RANK_GP = 0, /* the default model: useful from zero results on */
    EC_RANK_LAW /* the fitted law of law.h (the paper's), in A and C: needs 2 results to predict,
                   and more results than terms to tell its uncertainty */
} ec_rank_model;

/* Orders that use no finetuning result, to compare with. */
typedef enum ec_baseline {
    EC_BASELINE_A = 0,
    EC_BASELINE_SUM, /* of all scores, weighted */
    EC_BASELINE_RANDOM,
    EC_BASELINES
} ec_baseline;

/* Zero-initialised means the default. */
typedef struct ec_rank_options {
    ec_rank_model model;
    ec_law_options law;    /* used by EC_RANK_LAW */
    double level;          /* of the intervals; 0 means 0.9 */
    size_t n_samples;      /* 0 means 4000; at most EC_RANK_SAMPLES_MAX */
    uint64_t seed;         /* of the posterior samples */
    const double *weights; /* [number of benchmarks ranked over]; NULL means equal */
    const bool *pending; /* [n_candidates] being finetuned now: gains are over what they may find as
                            well; NULL: none */
    size_t n_threads;    /* 0: one per processor; results do not depend on it */
} ec_rank_options;

typedef struct ec_ranked {
    size_t candidate;    /* index in the table */
    double measured;     /* NaN unless every benchmark ranked over was measured */
    double predicted;    /* what the model makes of the scores and all results. NaN where it cannot
                            say: no scores, or no benchmark with 2 different results */
    double low, high;    /* interval of the result that a finetuning would give; NaN as `predicted`,
                            and for the law without spare results. Always holds `predicted`. From
                            samples: with 4000, each end moves by about 1 % of the width */
    double p_best;       /* chance of having the best value; NaN where the model cannot say */
    double p_top3;       /* chance of being among the best three */
    double p_beats_best; /* chance of being at least as good as the candidate ranked first; 1 for
                            that one */
    bool separable; /* p_beats_best < (1 - level)/2: not in the set that could still be the best */
    double order;   /* expected value: what the rows are sorted by, larger is better */
    double gain; /* of a candidate without results: expected amount by which its value passes the
                    best value of those finetuned and pending, 0 or more. NaN for others and
                    while no result has a scale. Samples count by 1 / scale, which makes it
                    finite from 2 results on */
    double merit; /* what the policy `ei` maximises: the same over the largest prediction of those
                     finetuned, instead of the value that came out largest, by luck in part, where
                     one of them has all results */
} ec_ranked;

/* A ranking as a whole. Set left_out before the call, or leave it NULL. */
typedef struct ec_rank_about {
    bool *left_out; /* [n_over] receives which benchmarks did not count: those with fewer than 2
                       different results, where another has them, those without weight, and, while
                       none has them, those without any candidate that has all scores, where
                       another has one */
    size_t n_left_out;
    bool scale_known; /* values have a unit */
    double noise; /* standard error of one more result, in the unit of the ranking; 0: unknown */
    double found; /* chance that the best candidate is among those finetuned; NaN: cannot say */
} ec_rank_about;

/* Ranks the candidates of `table` over `benchmarks` (indices, n_over >= 1 of them).
 *
 *   out     [table->n_candidates], best first; candidates without scores and without
 *           results come last, with NaN everywhere
 *   about   may be NULL
 *
 * Over one benchmark, values are in its raw units. Over several they are percent of the full scale
 * of each benchmark (ec_table.low, .high; 100 is best, whatever the direction), of which the
 * weighted mean is taken: a fixed scale, so that no result moves another. A candidate measured on
 * some of them counts with its results there and with predictions elsewhere. A benchmark with fewer
 * than 2 different results is left out while another has them, and before that one for which no
 * candidate has its scores while some have them for another. Deviations from the predictions are
 * taken to correlate by one half between benchmarks.
 *
 * Scores are normalised over the candidates that have all that are used (ec_law_range_of); a
 * candidate that lacks one is ranked by its result alone. With fewer than 2 different results
 * everywhere the order and the chances stand, in units of the prior, but no value has a unit:
 * `predicted` and the interval are NaN, as is `measured` over several benchmarks. A score that is
 * the same for all candidates carries no information for the default model and is an error for the
 * law.
 *
 * Standard errors of the scores of the candidate predicted widen its interval (first order); those
 * of the candidates that were finetuned do not enter. Values are not cut to what a benchmark can
 * give.
 *
 * Deterministic for a seed. With more than 512 candidates, intervals come from 500
 * samples, and chances are computed for the 512 likeliest alone; the others have 0. perf/rank
 * has the time.
 *
 * Returns EC_OK, EC_ERR_ARG (no benchmark, bad weights), EC_ERR_SINGULAR (the law cannot be
 * fitted: which column and why), EC_ERR_NOMEM. */
ec_status ec_rank(ec_ranked *out, ec_rank_about *about, const ec_table *table,
                  const size_t *benchmarks, size_t n_over, const ec_rank_options *options,
                  ec_error *err);

/* Position (1 = best, ties share the mean position) of every candidate by a baseline:
 * A alone, the sum of the scores (min-max normalised and weighted; the weighted mean over the
 * benchmarks), or random (everybody at (n+1)/2). NaN where a score is missing. out
 * [table->n_candidates]. Errors as ec_rank. */
ec_status ec_rank_baseline(double *out, const ec_table *table, const size_t *benchmarks,
                           size_t n_over, const double *weights, ec_baseline baseline,
                           ec_error *err);

/* What the results of a benchmark say of the weights of the scores, shrunken to those given: under
 * the default model the weight of score j is w_j (1 + tau b_j / kappa), b_j ~ N(0, 1) before any
 * result (src/law/settings.h); exact, averaged over the settings. */
typedef struct ec_score_weight {
    double given;    /* w_j, relative: the mean over the scores is 1 */
    double mean, sd; /* of the posterior, on the same scale */
    double slope;    /* what the score's whole range adds to the prediction, in the unit of the
                        benchmark, larger being better */
} ec_score_weight;

typedef struct ec_weights_quality {
    size_t n; /* results of candidates that can be placed */
    double loo_rmse, loo_spearman; /* of each result and its prediction by the others; NaN:
                                      cannot say */
} ec_weights_quality;

/*   out   [ec_table_n_used()] in the order of the scores that are used
 *
 * Returns EC_OK, EC_ERR_ARG (fewer than 2 different results of candidates that can be placed, and
 * as for ec_rank), EC_ERR_SINGULAR, EC_ERR_NOMEM. O(m^2) for m results. */
ec_status ec_rank_weights(ec_score_weight *out, ec_weights_quality *quality, const ec_table *table,
                          size_t benchmark, ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
