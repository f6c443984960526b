/* model.c - see model.h */
#include "policy/model.h"

#include <math.h>
#include <stdlib.h>

#include "eyechart/gp.h"
#include "law/design.h"

struct ec_model {
    ec_ranker ranker;
    const ec_space *space;
    double *a, *c; /* [n] scratch: scores of the candidates fitted */
    ec_error error;
};

ec_status ec_model_new(ec_model **out, ec_ranker ranker, const ec_space *space, ec_error *err) {
    *out = NULL;
    ec_model *m = calloc(1, sizeof *m);
    double *scratch = calloc(2 * space->n, sizeof *scratch);
    if (m == NULL || scratch == NULL) {
        free(m);
        free(scratch);
        return ec_fail(err, EC_ERR_NOMEM, "no memory for a model of %zu candidates", space->n);
    }
    *m = (ec_model){.ranker = ranker, .space = space, .a = scratch, .c = scratch + space->n};
    *out = m;
    return EC_OK;
}

void ec_model_free(ec_model *model) {
    if (model == NULL) return;
    free(model->a);
    free(model);
}

size_t ec_model_minimum(ec_ranker ranker) {
    return ranker == EC_RANKER_GP || ranker == EC_RANKER_LAW_GP ? 0 : 2;
}

static void predict_law(ec_model *m, double *mean, double *sd, const size_t *index, const double *y,
                        size_t n_fitted) {
    for (size_t i = 0; i < n_fitted; i++) {
        m->a[i] = m->space->a[index[i]];
        m->c[i] = m->space->c[index[i]];
    }
    double w[EC_LAW_TERMS];
    const double ridge = m->ranker == EC_RANKER_RIDGE ? 0.01 : 0.0;
    if (ec_law_fit_normalised(w, EC_LAW_QUADRATIC, ridge, m->a, m->c, y, n_fitted, &m->error) !=
        EC_OK)
        return;
    for (size_t i = 0; i < m->space->n; i++) {
        mean[i] = ec_law_predict_normalised(w, m->space->a[i], m->space->c[i]);
        if (sd != NULL) sd[i] = NAN;
    }
}

void ec_model_predict(ec_model *model, double *mean, double *sd, const size_t *index,
                      const double *y, size_t m) {
    const ec_space *space = model->space;
    if (model->error.status == EC_OK && ec_model_minimum(model->ranker) == 2) {
        predict_law(model, mean, sd, index, y, m);
    } else if (model->error.status == EC_OK) {
        const ec_gp_options options = {.kappa = model->ranker == EC_RANKER_LAW_GP ? 1.0 : 0.0};
        ec_gp_predict(mean, sd, NULL, &options, space->a, space->c, space->n, index, y, m,
                      &model->error);
    }
    if (model->error.status == EC_OK) return;
    for (size_t i = 0; i < space->n; i++) {
        mean[i] = 0.0;
        if (sd != NULL) sd[i] = 0.0;
    }
}

ec_status ec_model_status(const ec_model *model, ec_error *err) {
    if (err != NULL && model->error.status != EC_OK) *err = model->error;
    return model->error.status;
}
