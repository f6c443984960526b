/* decision.h - which candidate to finetune next, and whether it is worth it
 *
 * From a ranking (rank.h) and what each finetuning costs. Of the candidates that nobody finetunes,
 * the one with the largest
 *
 *     merit / cost
 *
 * is next (merit: expected improvement over the best prediction of a finetuned one; expected
 * improvement per unit of cost: Snoek, Larochelle and Adams, "Practical Bayesian optimization of
 * machine learning algorithms", 2012). A candidate is worth its cost when
 *
 *     gain >= enough * cost / usual cost
 *
 * where gain is the expected amount by which its value passes the best value so far, `enough` by
 * default half the standard error of one result, and the usual cost the median of those known. When
 * none is, stop. Unknown costs count as the usual one. While no two results differ, nothing has a
 * unit, and the first of the ranking, which then is the order of the scores' sum, is next whatever
 * it costs.
 */
#ifndef EYECHART_DECISION_H
#define EYECHART_DECISION_H

#include "eyechart/rank.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ec_decision_kind {
    EC_DECIDE_NOTHING = 0, /* nobody is left, or the model cannot say */
    EC_DECIDE_BEGIN,       /* finetune the first by the scores alone */
    EC_DECIDE_FINETUNE,
    EC_DECIDE_STOP,  /* no candidate is worth its cost; `candidate` comes nearest */
    EC_DECIDE_ANYWAY /* the same, and it is finetuned all the same, because that was asked for;
                        ec_decide never says so */
} ec_decision_kind;

typedef struct ec_decision_options {
    const double *cost; /* [n_candidates] GPU-hours, NaN: unknown; NULL: all unknown */
    const bool *taken;  /* [n_candidates] not to be chosen: pending, given up, beyond the budget;
                           NULL: none */
    double enough;      /* 0: half the standard error of a result (ec_rank_about.noise) */
} ec_decision_options;

typedef struct ec_decision {
    ec_decision_kind kind;
    size_t candidate, next; /* index in the table; the second best; SIZE_MAX: none */
    double gain, next_gain; /* in the unit of the ranking; NaN: unknown */
    double cost, next_cost; /* NaN: unknown */
    double needed;          /* the gain at which `candidate` would be worth its cost */
    double enough;
    double p_best;             /* the chance that `candidate` is the best; NaN: unknown */
    double found, found_after; /* the chance that the best of all has been finetuned: now, and
                                  expected once `candidate` is as well; NaN: unknown */
} ec_decision;

/* rows [n_candidates] and about as ec_rank gave them. EC_OK or EC_ERR_NOMEM. */
ec_status ec_decide(ec_decision *out, const ec_ranked *rows, size_t n_candidates,
                    const ec_rank_about *about, const ec_decision_options *options, ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
