/* chooser.c - see chooser.h; the policies are those of the reference, policy by policy */
#include "policy/chooser.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eyechart/law.h"
#include "policy/model.h"
#include "policy/space.h"

struct ec_chooser {
    ec_policy policy;
    const ec_space *space;
    ec_region region; /* ac */
    ec_model *model;  /* ei, exploit */
    bool *taken;      /* [n] */
    double *score;    /* [n] */
    double *mean;     /* [n] */
    double *sd;       /* [n] */
    size_t *index;    /* [n] candidates with a result */
    double *y;        /* [n] their results */
};

ec_status ec_chooser_new(ec_chooser **out, ec_policy policy, const ec_space *space, ec_error *err) {
    *out = NULL;
    const size_t n = space->n;
    ec_chooser *c = calloc(1, sizeof *c);
    if (c == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory for a policy");
    c->policy = policy;
    c->space = space;
    c->taken = calloc(n, sizeof *c->taken);
    c->score = calloc(n, sizeof *c->score);
    c->mean = calloc(n, sizeof *c->mean);
    c->sd = calloc(n, sizeof *c->sd);
    c->index = calloc(n, sizeof *c->index);
    c->y = calloc(n, sizeof *c->y);
    ec_status status = EC_OK;
    if (!c->taken || !c->score || !c->mean || !c->sd || !c->index || !c->y)
        status = ec_fail(err, EC_ERR_NOMEM, "no memory for a policy on %zu candidates", n);
    else if (policy == EC_POLICY_AC)
        status = ec_region_init(&c->region, space, err);
    else if (policy == EC_POLICY_EI || policy == EC_POLICY_EXPLOIT)
        status = ec_model_new(&c->model, EC_RANKER_AVERAGE, space, err);
    if (status != EC_OK) {
        ec_chooser_free(c);
        return status;
    }
    *out = c;
    return EC_OK;
}

void ec_chooser_free(ec_chooser *chooser) {
    if (chooser == NULL) return;
    ec_region_release(&chooser->region);
    ec_model_free(chooser->model);
    free(chooser->taken);
    free(chooser->score);
    free(chooser->mean);
    free(chooser->sd);
    free(chooser->index);
    free(chooser->y);
    free(chooser);
}

ec_model *ec_chooser_model(ec_chooser *chooser) {
    return chooser->model;
}

ec_status ec_chooser_status(const ec_chooser *chooser, ec_error *err) {
    return chooser->model == NULL ? EC_OK : ec_model_status(chooser->model, err);
}

static void share_among_rest(double *p, const bool *taken, size_t n) {
    size_t n_left = 0;
    for (size_t i = 0; i < n; i++) n_left += !taken[i];
    for (size_t i = 0; i < n; i++) p[i] = taken[i] ? 0.0 : 1.0 / (double)n_left;
}

static double best_left(const double *score, const bool *taken, size_t n) {
    double best = -INFINITY;
    for (size_t i = 0; i < n; i++)
        if (!taken[i] && score[i] > best) best = score[i];
    return best;
}

/* The largest score among those not taken; equals share: to 1e-9 of the range of all scores, so
 * that the unit of the results does not matter, and to rounding. */
static void share_among_best(double *p, const double *score, const bool *taken, size_t n) {
    double low = score[0], high = score[0];
    for (size_t i = 1; i < n; i++) {
        low = fmin(low, score[i]);
        high = fmax(high, score[i]);
    }
    const double best = best_left(score, taken, n);
    const double least = best - 1e-9 * (high - low) - 1e-14 * fabs(best);
    size_t n_best = 0;
    for (size_t i = 0; i < n; i++) n_best += !taken[i] && score[i] >= least;
    for (size_t i = 0; i < n; i++)
        p[i] = !taken[i] && score[i] >= least ? 1.0 / (double)n_best : 0.0;
}

static void design_row(double x[EC_LAW_TERMS], double a, double c) {
    x[EC_TERM_1] = 1.0;
    x[EC_TERM_A] = a;
    x[EC_TERM_C] = c;
    x[EC_TERM_A2] = a * a;
    x[EC_TERM_AC] = a * c;
    x[EC_TERM_C2] = c * c;
}

/* x' (X'X + 1e-3 I)^-1 x, X the rows of those taken: the factor by which training x would shrink
 * the volume of the coefficients' confidence region. With X'X + 1e-3 I = L L' it is |L^-1 x|^2. */
static void information_scores(ec_chooser *c, const ec_trained *trained) {
    enum { P = EC_LAW_TERMS };
    double m[P][P] = {{0.0}}, x[P];
    for (size_t i = 0; i < P; i++) m[i][i] = 1e-3;
    for (size_t t = 0; t < trained->n; t++) {
        design_row(x, c->space->a[trained->index[t]], c->space->c[trained->index[t]]);
        for (size_t i = 0; i < P; i++)
            for (size_t j = 0; j <= i; j++) m[i][j] += x[i] * x[j];
    }
    for (size_t j = 0; j < P; j++) { /* Cholesky: m becomes L */
        for (size_t k = 0; k < j; k++) m[j][j] -= m[j][k] * m[j][k];
        m[j][j] = sqrt(m[j][j]);
        for (size_t i = j + 1; i < P; i++) {
            for (size_t k = 0; k < j; k++) m[i][j] -= m[i][k] * m[j][k];
            m[i][j] /= m[j][j];
        }
    }
    for (size_t s = 0; s < c->space->n; s++) {
        design_row(x, c->space->a[s], c->space->c[s]);
        c->score[s] = 0.0;
        for (size_t i = 0; i < P; i++) {
            for (size_t j = 0; j < i; j++) x[i] -= m[i][j] * x[j];
            x[i] /= m[i][i];
            c->score[s] += x[i] * x[i];
        }
    }
}

/* Predictions from the results known, and the scores that the policy makes of them; the prior's
 * while no two results differ. */
static void model_scores(ec_chooser *c, const ec_trained *trained, ec_choice *choice) {
    size_t m = 0;
    for (size_t t = 0; t < trained->n; t++) {
        if (isnan(trained->y[t])) continue;
        if (m == 0 || trained->y[t] > trained->y[choice->best_known]) choice->best_known = t;
        c->index[m] = trained->index[t];
        c->y[m++] = trained->y[t];
    }
    if (!ec_model_gain(c->model, c->score, c->index, c->y, m)) {
        choice->basis = EC_BASIS_PRIOR;
        ec_space_sum(c->score, c->space);
        return;
    }
    ec_model_predict(c->model, c->mean, c->sd, c->index, c->y, m);
    choice->mean = c->mean;
    choice->sd = c->sd;
    /* Where every gain underflows, the largest prediction is the least hopeless. */
    if (c->policy == EC_POLICY_EXPLOIT || best_left(c->score, c->taken, c->space->n) == 0.0)
        memcpy(c->score, c->mean, c->space->n * sizeof *c->score);
}

ec_choice ec_chooser_next(ec_chooser *chooser, double *p, const ec_trained *trained) {
    ec_chooser *c = chooser;
    const size_t n = c->space->n;
    memset(c->taken, 0, n * sizeof *c->taken);
    for (size_t t = 0; t < trained->n; t++) c->taken[trained->index[t]] = true;

    ec_choice choice = {.basis = EC_BASIS_SCORE, .score = c->score};
    switch (c->policy) {
    case EC_POLICY_RANDOM:
        choice.basis = EC_BASIS_CHANCE;
        share_among_rest(p, c->taken, n);
        return choice;
    case EC_POLICY_AC:
        choice.basis = EC_BASIS_REGION;
        choice.region = ec_region_next(&c->region, p, c->taken);
        return choice;
    case EC_POLICY_PRIOR:
        choice.basis = EC_BASIS_PRIOR;
        ec_space_sum(c->score, c->space);
        break;
    case EC_POLICY_D_OPTIMAL:
        information_scores(c, trained);
        break;
    default:
        model_scores(c, trained, &choice);
    }
    share_among_best(p, c->score, c->taken, n);
    return choice;
}
