/* policy.h - which candidate to finetune next
 *
 * A policy maps what is known (normalised scores of all candidates, results of
 * the trained ones) to a probability for each candidate of being next. One
 * definition serves the live `ask`, which draws from it, and the exact simulation,
 * which sums over it. No policy sees the result of an untrained candidate.
 *
 *   prior      order of the scores' sum, weighted; of A + C
 *   ac         the paper's region sampling: level L = 1, 2, …; a grid of 2^L x 2^L cells on
 *              (a, c); one uniformly drawn candidate from a uniformly drawn cell that holds no
 *              trained candidate; L grows only when there is no such cell
 *              (authors' AC_sample.py at 2e03055). Candidates left that coincide with taken ones
 *              in both scores, which no grid separates, come last, uniformly
 *   ei         the default: largest expected improvement over the best prediction of a trained one,
 *              under the model of rank.h; the prior's order until two results differ
 *   exploit    largest prediction of that model; the prior's order until two results differ
 *   d-optimal  largest x' (X'X + 1e-3 I)^-1 x of the quadratic design in (a, c): the next one that
 *              tells most
 *   random     uniformly among the untrained
 */
#ifndef EYECHART_POLICY_H
#define EYECHART_POLICY_H

#include <stddef.h>

#include "eyechart/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ec_policy {
    EC_POLICY_EI = 0,
    EC_POLICY_PRIOR,
    EC_POLICY_AC,
    EC_POLICY_EXPLOIT,
    EC_POLICY_D_OPTIMAL,
    EC_POLICY_RANDOM,
    EC_POLICIES
} ec_policy;

/* "ei", "prior", "ac", "exploit", "d-optimal", "random". Static; NULL past the end. */
const char *ec_policy_name(ec_policy policy);
/* One line that says what the policy does. Static. */
const char *ec_policy_summary(ec_policy policy);

/* The candidates as points. a, c and the scores beside them are min-max normalised to [0, 1] over
 * them; `random` alone does without (they may be NaN). */
typedef struct ec_space {
    size_t n;
    const double *a; /* [n] */
    const double *c; /* [n] */
    size_t n_more;
    const double *more;    /* [n_more][n] */
    const double *weights; /* [2 + n_more] of the scores, >= 0, one more than 0; NULL: equal */
} ec_space;

/* Candidates already taken: trained, or being trained by somebody. None is chosen again. One
 * without a result yet covers its region (ac) and counts in the design (d-optimal), but no model is
 * fitted to it. */
typedef struct ec_trained {
    size_t n;
    const size_t *index; /* [n], distinct, indices into the space */
    const double *y;     /* [n], larger is better; NaN: no result yet (a pending question) */
} ec_trained;

/* Probability of each candidate of being the next one.
 *
 *   p   [space->n]; 0 for those taken, sums to 1. Candidates whose criterion ties (to 1e-9 of its
 *       range) share equally.
 *
 * Returns EC_OK, EC_ERR_NOT_FOUND when every candidate is taken, EC_ERR_ARG (a score outside [0,
 * 1], weights, an index out of range or twice, an infinite result), EC_ERR_SINGULAR (LAPACK gave up
 * on a fit), EC_ERR_NOMEM. O(n log n), and O(n m^2) for ei and exploit with m results. */
ec_status ec_policy_next(double *p, ec_policy policy, const ec_space *space,
                         const ec_trained *trained, ec_error *err);

/* Why `choice` is a good next one under the policy, in a sentence for the user
 * ("largest a + c of the 9 candidates left (1.42; next C+D@224, 1.39)"), or where it stands if the
 * policy would rather have another. Arguments as for ec_policy_next(), valid.
 *
 *   names    [space->n]
 *   buffer   receives the text, cut to size, always terminated */
void ec_policy_reason(char *buffer, size_t size, ec_policy policy, const ec_space *space,
                      const ec_trained *trained, size_t choice, const char *const *names);

#ifdef __cplusplus
}
#endif
#endif
