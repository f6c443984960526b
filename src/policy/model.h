/* model.h - the models that rank candidates after a few finetunes
 *
 * The quadratic law, its ridge form and the Gaussian processes behind one call on normalised
 * scores. The numerics are those of src/law.
 */
#ifndef EC_POLICY_MODEL_H
#define EC_POLICY_MODEL_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/policy.h"
#include "eyechart/simulate.h"

typedef struct ec_model ec_model;

/*   out    owned, ec_model_free() releases it; NULL on failure
 *   space  borrowed as long as the model lives
 * Returns EC_OK or EC_ERR_NOMEM. One model a thread. */
ec_status ec_model_new(ec_model **out, ec_ranker ranker, const ec_space *space, ec_error *err);
void ec_model_free(ec_model *model);

/* Fewest results with which the model says anything: 2 for the law, 0 for a Gaussian process. */
size_t ec_model_minimum(ec_ranker ranker);

/* Predicts all candidates from m results, m >= ec_model_minimum().
 *
 *   mean   [n]
 *   sd     [n], or NULL; NaN from the law
 *   index  [m] distinct candidates; y [m] their results
 *
 * The model remembers the first call that failed; that one and later ones predict 0 for everybody.
 * Ask once, at the end, with ec_model_status(). */
void ec_model_predict(ec_model *model, double *mean, double *sd, const size_t *index,
                      const double *y, size_t m);

/* gain [n]: expected improvement over the best prediction of those with results, EC_RANKER_AVERAGE
 * only. False, with nothing written, while no two results differ, and after a failure. */
bool ec_model_gain(ec_model *model, double *gain, const size_t *index, const double *y, size_t m);
ec_status ec_model_status(const ec_model *model, ec_error *err);

#endif
