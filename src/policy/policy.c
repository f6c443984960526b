/* policy.c - the public face of the policies: names, one choice, its reason in words */
#include "eyechart/policy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "policy/chooser.h"

static const struct {
    const char *name, *summary;
} POLICIES[EC_POLICIES] = {
    [EC_POLICY_PRIOR] = {"prior",
                         "train in the order of the scores' sum, A + C unless told otherwise, each "
                         "scaled to 0-1, the largest first"},
    [EC_POLICY_AC] = {"ac",
                      "the paper's region sampling: a random candidate from a region of the (A, C) "
                      "plane without a trained one"},
    [EC_POLICY_EI] =
        {"ei", "largest expected improvement under the model of rank; the order of prior until two "
               "results differ"},
    [EC_POLICY_EXPLOIT] =
        {"exploit", "largest prediction of the model of rank; the order of prior until two results "
                    "differ"},
    [EC_POLICY_D_OPTIMAL] = {"d-optimal", "the candidate that tells most about the quadratic law"},
    [EC_POLICY_RANDOM] = {"random", "uniformly at random among the candidates left"},
};

const char *ec_policy_name(ec_policy policy) {
    return (size_t)policy < EC_POLICIES ? POLICIES[policy].name : NULL;
}

const char *ec_policy_summary(ec_policy policy) {
    return (size_t)policy < EC_POLICIES ? POLICIES[policy].summary : NULL;
}

static ec_status check_space(const ec_space *space, ec_error *err) {
    double sum = 0.0;
    for (size_t k = 0; k < 2 + space->n_more; k++) {
        const double w = space->weights != NULL ? space->weights[k] : 1.0;
        if (!(w >= 0.0) || !isfinite(w))
            return ec_fail(err, EC_ERR_ARG,
                           "weight %zu of the scores is %g: expected a finite number, 0 or more",
                           k + 1, w);
        sum += w;
    }
    if (!(sum > 0.0)) return ec_fail(err, EC_ERR_ARG, "all scores have the weight 0");
    for (size_t i = 0; i < space->n * space->n_more; i++)
        if (!(space->more[i] >= 0.0 && space->more[i] <= 1.0))
            return ec_fail(err, EC_ERR_ARG,
                           "score %zu of candidate %zu is %g: a policy needs all of them, min-max "
                           "normalised to [0, 1]",
                           i / space->n + 3, i % space->n, space->more[i]);
    for (size_t i = 0; i < space->n; i++) {
        const double a = space->a[i], c = space->c[i];
        if (!(a >= 0.0 && a <= 1.0 && c >= 0.0 && c <= 1.0))
            return ec_fail(err, EC_ERR_ARG,
                           "candidate %zu has the scores a %g, c %g; a policy needs both, "
                           "min-max normalised to [0, 1]",
                           i, a, c);
    }
    return EC_OK;
}

static ec_status check_trained(const ec_space *space, const ec_trained *trained, ec_error *err) {
    if (trained->n >= space->n)
        return ec_fail(err, EC_ERR_NOT_FOUND,
                       "all %zu candidates are trained or being trained: none is left to choose",
                       space->n);
    bool *seen = calloc(space->n, sizeof *seen);
    if (seen == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory for a policy");
    ec_status status = EC_OK;
    for (size_t t = 0; t < trained->n && status == EC_OK; t++) {
        const size_t i = trained->index[t];
        if (i >= space->n)
            status = ec_fail(err, EC_ERR_ARG, "trained candidate %zu of %zu does not exist", i,
                             space->n);
        else if (seen[i])
            status = ec_fail(err, EC_ERR_ARG, "candidate %zu is listed as trained twice", i);
        else if (isinf(trained->y[t]))
            status = ec_fail(err, EC_ERR_ARG, "the result of candidate %zu is not finite", i);
        else
            seen[i] = true;
    }
    free(seen);
    return status;
}

ec_status ec_policy_next(double *p, ec_policy policy, const ec_space *space,
                         const ec_trained *trained, ec_error *err) {
    if ((size_t)policy >= EC_POLICIES)
        return ec_fail(err, EC_ERR_ARG, "there is no policy %d", (int)policy);
    ec_status status = check_trained(space, trained, err);
    if (status == EC_OK && policy != EC_POLICY_RANDOM) status = check_space(space, err);
    if (status != EC_OK) return status;
    ec_chooser *chooser;
    status = ec_chooser_new(&chooser, policy, space, err);
    if (status != EC_OK) return status;
    ec_chooser_next(chooser, p, trained);
    status = ec_chooser_status(chooser, err);
    ec_chooser_free(chooser);
    return status;
}

/* Where a choice stands among the candidates not taken. */
typedef struct {
    size_t n_left, n_better;
    size_t rival; /* the best of the others; the number of candidates where there is none */
} standing;

static standing stand(const double *score, const double *p, const bool *taken, size_t n,
                      size_t choice) {
    standing s = {.rival = n};
    for (size_t i = 0; i < n; i++) {
        if (taken[i]) continue;
        s.n_left++;
        if (i == choice) continue;
        if (s.rival == n || score[i] > score[s.rival]) s.rival = i;
        /* Those that share the chance are not better, whatever their last digits say. */
        if (score[i] > score[choice] && !(p[i] > 0.0 && p[choice] > 0.0)) s.n_better++;
    }
    return s;
}

/* "largest A + C, each scaled to 0-1, of the 9 candidates left (1.42; next C+D@224, 1.39)" */
static void explain_score(ec_text *text, const char *criterion, const double *score,
                          const standing *s, size_t choice, size_t n, const char *const *names) {
    if (s->n_better == 0)
        ec_text_format(text, "largest %s of the %zu candidate%s left (%.4g", criterion, s->n_left,
                       s->n_left == 1 ? "" : "s", score[choice]);
    else
        ec_text_format(text, "number %zu by %s of the %zu candidates left (%.4g", s->n_better + 1,
                       criterion, s->n_left, score[choice]);
    if (s->rival < n)
        ec_text_format(text, "; %s %s, %.4g", s->n_better == 0 ? "next" : "first", names[s->rival],
                       score[s->rival]);
    ec_text_add(text, ")");
}

static void explain_region(ec_text *text, const ec_region_draw *draw, double chance,
                           size_t n_left) {
    if (draw->level == 0) {
        ec_text_format(
            text, "drawn at random: the %zu candidates left all have the scores of trained ones",
            n_left);
        return;
    }
    const double in_cell = 1.0 / ((double)draw->n_cells * chance);
    const double side = ldexp(1.0, draw->level);
    ec_text_format(
        text,
        "drawn from a region of the (A, C) plane where nothing was trained yet: level %d, "
        "%.0f x %.0f cells, %zu free %s, %.0f candidate%s in this one (chance %.3g %%)",
        draw->level, side, side, draw->n_cells, draw->n_cells == 1 ? "cell" : "cells", in_cell,
        in_cell < 1.5 ? "" : "s", 100.0 * chance);
}

static void explain_model(ec_text *text, const ec_choice *c, const ec_trained *trained,
                          size_t choice, const char *const *names) {
    if (c->sd != NULL)
        ec_text_format(text, ": predicted %.4g +- %.2g", c->mean[choice], c->sd[choice]);
    ec_text_format(text, ", against %.4g of %s, the best result so far", trained->y[c->best_known],
                   names[trained->index[c->best_known]]);
}

static const char *criterion_of(ec_policy policy, ec_basis basis, const ec_space *space) {
    if (basis == EC_BASIS_PRIOR)
        return space->n_more == 0 ? "A + C, each scaled to 0-1,"
                                  : "sum of the scores, each scaled to 0-1,";
    switch (policy) {
    case EC_POLICY_EI:
        return "expected improvement over the best prediction of a finetuned one";
    case EC_POLICY_EXPLOIT:
        return "prediction";
    default:
        return "information about the law, x'(X'X + .001 I)^-1 x,";
    }
}

static void explain(ec_text *text, ec_policy policy, const ec_choice *c, const double *p,
                    const ec_space *space, const ec_trained *trained, const bool *taken,
                    size_t choice, const char *const *names) {
    const size_t n = space->n, n_left = n - trained->n;
    if (c->basis == EC_BASIS_CHANCE) {
        ec_text_format(text, "drawn at random from the %zu candidates left", n_left);
    } else if (c->basis == EC_BASIS_REGION && p[choice] == 0.0) {
        ec_text_format(text, "outside the free regions of level %d, from which the policy draws",
                       c->region.level);
    } else if (c->basis == EC_BASIS_REGION) {
        explain_region(text, &c->region, p[choice], n_left);
    } else {
        const standing s = stand(c->score, p, taken, n, choice);
        explain_score(text, criterion_of(policy, c->basis, space), c->score, &s, choice, n, names);
        if (c->mean != NULL) explain_model(text, c, trained, choice, names);
    }
}

void ec_policy_reason(char *buffer, size_t size, ec_policy policy, const ec_space *space,
                      const ec_trained *trained, size_t choice, const char *const *names) {
    if (size == 0) return;
    ec_text text = {0};
    ec_chooser *chooser = NULL;
    double *p = calloc(space->n, sizeof *p);
    bool *taken = calloc(space->n, sizeof *taken);
    if (p && taken && choice < space->n && trained->n < space->n &&
        ec_chooser_new(&chooser, policy, space, NULL) == EC_OK) {
        for (size_t t = 0; t < trained->n; t++) taken[trained->index[t]] = true;
        const ec_choice c = ec_chooser_next(chooser, p, trained);
        if (!taken[choice]) explain(&text, policy, &c, p, space, trained, taken, choice, names);
    }
    /* Without memory, or for a choice that is none, the policy's summary is still true. */
    snprintf(buffer, size, "%s", text.data && !text.failed ? text.data : ec_policy_summary(policy));
    ec_chooser_free(chooser);
    ec_text_release(&text);
    free(taken);
    free(p);
}
