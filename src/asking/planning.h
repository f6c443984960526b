/* planning.h - a study as the policies see it: points, results, and what is taken
 *
 * A point is a candidate with one number for each score and one for its results, over the
 * benchmarks (policy/means.h). Weights of benchmarks are those of study.yaml. A score that is the
 * same for everybody says nothing, and counts as 0, as does one without weight.
 */
#ifndef EC_ASKING_PLANNING_H
#define EC_ASKING_PLANNING_H

#include "eyechart/policy.h"
#include "study/study_internal.h"

typedef struct ec_planning {
    size_t n;      /* points: the candidates that the policy can place */
    double *a, *c; /* [n] */
    double *more;  /* [n_more][n] scores beside them */
    size_t n_more;
    const double *weights; /* [2 + n_more] the table's */
    size_t *candidate;     /* [n] its index in the study */
    const char **names;    /* [n] borrowed from the study */
    size_t *taken;         /* [n_taken] points trained or being trained, room for n */
    double *y;             /* [n_taken] NaN: being trained */
    size_t n_taken;
    bool *is_taken; /* [n] the same as a mask */
    /* Candidates of the study, for messages; each counts once, n_unplaced of them lack a score. */
    size_t n_trained, n_pending, n_unplaced;
} ec_planning;

/* `table` has the scores (a, c, more), results and directions. `pending` [n_candidates]: asked of
 * anybody and not answered. The policy `random` needs no scores and places everybody. Release also
 * after a failure. */
ec_status ec_planning_init(ec_planning *out, const ec_study *study, const ec_numbers *numbers,
                           const ec_table *table, const bool *pending, ec_policy policy,
                           ec_error *err);
/* The points as a policy takes them; borrows. */
ec_space ec_planning_space(const ec_planning *planning);
/* Counts point k as taken without a result. */
void ec_planning_take(ec_planning *planning, size_t k);
void ec_planning_release(ec_planning *planning);

/* The gain worth a finetuning of the usual cost: as given, else as declared; 0: neither. */
double ec_study_enough(const ec_study *study, double given);

#endif
