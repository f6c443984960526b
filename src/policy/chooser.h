/* chooser.h - a policy on one space, ready to be asked many times
 *
 * Holds what the policy computes once from the scores, and scratch. One definition serves `ask` and
 * the simulation. One chooser a thread.
 */
#ifndef EC_POLICY_CHOOSER_H
#define EC_POLICY_CHOOSER_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/policy.h"
#include "policy/model.h"
#include "policy/region.h"

typedef struct ec_chooser ec_chooser;

/* What the choice rests on in the present state. */
typedef enum ec_basis {
    EC_BASIS_CHANCE, /* uniform: the policy is `random` */
    EC_BASIS_REGION, /* region sampling */
    EC_BASIS_PRIOR,  /* the largest sum of the scores */
    EC_BASIS_SCORE   /* the largest of the policy's own criterion */
} ec_basis;

typedef struct ec_choice {
    ec_basis basis;
    ec_region_draw region; /* EC_BASIS_REGION */
    const double *score;   /* [n], borrowed until the next call; EC_BASIS_PRIOR, EC_BASIS_SCORE */
    const double *mean;    /* [n], likewise; predictions where the policy has a model, else NULL */
    const double *sd;      /* [n], likewise; NULL where the model has none */
    size_t best_known; /* position in `trained` of the best result; EC_BASIS_SCORE with a model */
} ec_choice;

/*   out    owned, ec_chooser_free() releases it; NULL on failure
 *   space  borrowed as long as the chooser lives
 * Returns EC_OK or EC_ERR_NOMEM. */
ec_status ec_chooser_new(ec_chooser **out, ec_policy policy, const ec_space *space, ec_error *err);
void ec_chooser_free(ec_chooser *chooser);

/* Fills p [n] as ec_policy_next() does. `trained` is valid and leaves at least one candidate.
 * A failure of the policy's model is remembered: ask once, at the end, with ec_chooser_status(). */
ec_choice ec_chooser_next(ec_chooser *chooser, double *p, const ec_trained *trained);

/* The policy's own model, of EC_RANKER_AVERAGE; NULL where it has none. Borrowed. */
ec_model *ec_chooser_model(ec_chooser *chooser);
ec_status ec_chooser_status(const ec_chooser *chooser, ec_error *err);

#endif
