/* model.c - see model.h */
#include "policy/model.h"

#include <math.h>
#include <stdlib.h>

#include "eyechart/gp.h"
#include "law/design.h"
#include "law/mixture.h"
#include "policy/space.h"

struct ec_model {
    ec_ranker ranker;
    const ec_space *space;
    ec_mixture *mixture; /* EC_RANKER_AVERAGE */
    double *a, *c;       /* [n] scratch: scores of the candidates fitted */
    ec_error error;
};

static ec_status mixture_of(ec_mixture **out, const ec_space *space, ec_error *err) {
    const size_t d = ec_space_width(space);
    double *x = malloc(((space->n + 1) * d + 1) * sizeof *x);
    if (x == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory for a model of %zu candidates", space->n);
    double *weight = x + space->n * d;
    ec_space_points(x, weight, space);
    const ec_status status = ec_mixture_new(out, x, weight, space->n, d, err);
    free(x);
    return status;
}

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
    const ec_status status =
        ranker == EC_RANKER_AVERAGE ? mixture_of(&m->mixture, space, err) : EC_OK;
    if (status != EC_OK) {
        ec_model_free(m);
        return status;
    }
    *out = m;
    return EC_OK;
}

void ec_model_free(ec_model *model) {
    if (model == NULL) return;
    ec_mixture_free(model->mixture);
    free(model->a);
    free(model);
}

size_t ec_model_minimum(ec_ranker ranker) {
    return ranker == EC_RANKER_QUADRATIC || ranker == EC_RANKER_RIDGE ? 2 : 0;
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
    } else if (model->error.status == EC_OK && model->mixture != NULL) {
        if (ec_mixture_know(model->mixture, index, y, m, &model->error) == EC_OK)
            ec_mixture_predict(model->mixture, mean, sd);
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

bool ec_model_gain(ec_model *model, double *gain, const size_t *index, const double *y, size_t m) {
    if (model->error.status == EC_OK) ec_mixture_know(model->mixture, index, y, m, &model->error);
    if (model->error.status != EC_OK || !ec_mixture_scale_known(model->mixture)) return false;
    ec_mixture_gain(model->mixture, gain);
    return true;
}

ec_status ec_model_status(const ec_model *model, ec_error *err) {
    if (err != NULL && model->error.status != EC_OK) *err = model->error;
    return model->error.status;
}
