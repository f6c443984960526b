/* rank.h - which candidate is the best, and how sure that is
 *
 * A candidate that was finetuned counts with its measured value, any other with
 * the model's prediction. Chances come from joint posterior samples of all
 * candidates' values (noise included), so they agree with each other.
 *
 * The point prediction is that of gp.h. Intervals and chances also allow for what
 * gp.h fixes: its scale, length and noise. On the paper's results, with 2 to 12 of
 * 13 candidates finetuned, an interval of 90 % held 87 % of the candidates not
 * finetuned (2025, 15 candidates: 87 %), one of the mean over the 8 benchmarks
 * 90 % (93 %); by number of finetunes in docs/adr/0002-intervals-of-the-ranking.md.
 */
#ifndef EYECHART_RANK_H
#define EYECHART_RANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eyechart/gp.h"
#include "eyechart/law.h"
#include "eyechart/table.h"

#ifdef __cplusplus
extern "C" {
#endif

#define EC_RANK_SAMPLES_MAX 1000000

typedef enum ec_rank_model {
    EC_RANK_GP = 0, /* the law-prior GP of gp.h: useful from zero observations on */
    EC_RANK_LAW     /* the fitted law of law.h (the paper's): needs 2 observations to predict, and
                       more observations than terms to tell its uncertainty */
} ec_rank_model;

/* Orders that use no finetuning result, to compare with. */
typedef enum ec_baseline {
    EC_BASELINE_A = 0,
    EC_BASELINE_SUM,
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
} ec_rank_options;

typedef struct ec_ranked {
    size_t candidate; /* index in the table */
    double measured;  /* NaN unless every benchmark ranked over was measured */
    double predicted; /* NaN where the model cannot say: no scores, or fewer than 2 different
                         results in one of the benchmarks. Of a measured candidate: what the model
                         makes of it */
    double low, high; /* interval of the value a finetuning would measure; NaN as `predicted`, and
                         for the law without spare observations. Always holds `predicted`. From
                         samples: with 4000, each end moves by about 1 % of the width */
    double p_best;    /* chance of being the best; NaN where the model cannot say */
    double p_top3;    /* chance of being among the best three */
    double p_beats_best; /* chance of being at least as good as the candidate ranked first; 1 for
                            that one */
    bool separable; /* p_beats_best < (1 - level)/2: not in the set that could still be the best */
    double order;   /* what the rows are sorted by, larger is better */
} ec_ranked;

/* Ranks the candidates of `table` over `benchmarks` (indices, n_over >= 1 of them).
 *
 *   out   [table->n_candidates], best first; candidates without scores and without
 *         measurements come last, with NaN everywhere
 *
 * Over one benchmark, values are in its raw units. Over several, each benchmark is min-max
 * normalised over the candidates' measured or else predicted values (1 is best, whatever the
 * direction) and the weighted mean is taken; a candidate measured on some of them counts with its
 * results there and with predictions elsewhere, and one without a value on one of them has none.
 * Deviations from the predictions are taken to correlate by one half between benchmarks.
 *
 * A and C are normalised over the candidates that have both; a candidate that lacks one is ranked
 * by its result alone. With fewer than 2 different results the order and the chances stand, in
 * units of the prior, but no value has a unit: `predicted` and the interval are NaN, as is
 * `measured` over several benchmarks. A score that is the same for all candidates carries no
 * information for the Gaussian process and is an error for the law.
 *
 * Standard errors of A and C of the candidate predicted widen its interval (first order); those of
 * the candidates that were finetuned do not enter. Values are not cut to what a benchmark can give.
 *
 * Deterministic for a seed. Time grows with candidates x samples x benchmarks, memory holds, about
 * 50 doubles per sample and benchmark: one thread takes 0.02 s for 13 candidates and a benchmark,
 * 0.3 s for 1 023, 2.5 s for 10 000.
 *
 * Returns EC_OK, EC_ERR_ARG (no benchmark, bad weights), EC_ERR_SINGULAR (the law cannot be
 * fitted: which column and why), EC_ERR_NOMEM. */
ec_status ec_rank(ec_ranked *out, const ec_table *table, const size_t *benchmarks, size_t n_over,
                  const ec_rank_options *options, ec_error *err);

/* Position (1 = best, ties share the mean position) of every candidate by a baseline:
 * A alone, a + c (both min-max normalised; the weighted mean over the benchmarks), or random
 * (everybody at (n+1)/2). NaN where A or C is missing.
 *   out [table->n_candidates]. Errors as ec_rank. */
ec_status ec_rank_baseline(double *out, const ec_table *table, const size_t *benchmarks,
                           size_t n_over, const double *weights, ec_baseline baseline,
                           ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
