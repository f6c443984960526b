/* data_law.c - the law of each benchmark and the models of each group, for the report */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "eyechart/law.h"
#include "report/build.h"

/* The candidates of one benchmark that can be fitted, and what min-max is taken over. */
typedef struct fit_points {
    double *a, *c, *z;     /* [n], a owns the allocation */
    double *fitted, *left; /* [n] */
    size_t *candidate;     /* [n] */
    size_t n;
    ec_law_range range;
} fit_points;

static bool points_init(fit_points *p, const build *b, size_t benchmark) {
    *p = (fit_points){.range = ec_law_range_of(b->table, benchmark)};
    p->a = calloc(5 * b->n + 1, sizeof *p->a);
    p->candidate = calloc(b->n + 1, sizeof *p->candidate);
    if (p->a == NULL || p->candidate == NULL) return false;
    p->c = p->a + b->n;
    p->z = p->c + b->n;
    p->fitted = p->z + b->n;
    p->left = p->fitted + b->n;
    p->n = ec_law_points_of(p->a, p->c, p->z, p->candidate, b->table, benchmark);
    return true;
}

static void points_release(fit_points *p) {
    free(p->a);
    free(p->candidate);
}

static json_t *coefficients(build *b, json_t *object, const ec_law *law) {
    json_t *terms = json_array(), *undetermined = json_array();
    for (int t = 0; t < EC_LAW_TERMS; t++) {
        if (law->in_model[t]) append(b, terms, words(ec_law_term_name((ec_law_term)t)));
        if (law->undetermined[t]) append(b, undetermined, words(ec_law_term_name((ec_law_term)t)));
    }
    put(b, object, "terms", terms);
    put(b, object, "undetermined", undetermined);
    put(b, object, "w", numbers(b, law->w, EC_LAW_TERMS));
    put(b, object, "se", numbers(b, law->se, EC_LAW_TERMS));
    return object;
}

static json_t *range(build *b, const ec_law_range *r) {
    json_t *object = json_object();
    put(b, object, "a_min", number(r->a_min));
    put(b, object, "a_max", number(r->a_max));
    put(b, object, "c_min", number(r->c_min));
    put(b, object, "c_max", number(r->c_max));
    return object;
}

static json_t *quality(build *b, const ec_law_quality *q) {
    json_t *object = json_object();
    put(b, object, "n", count(q->n));
    put(b, object, "n_terms", count(q->n_terms));
    put(b, object, "r2", number(q->r2));
    put(b, object, "adjusted_r2", number(q->adjusted_r2));
    put(b, object, "loo_q2", number(q->loo_q2));
    put(b, object, "loo_rmse", number(q->loo_rmse));
    put(b, object, "spearman", number(q->spearman));
    put(b, object, "loo_spearman", number(q->loo_spearman));
    put(b, object, "f", number(q->f));
    put(b, object, "p_value", number(q->p_value));
    put(b, object, "random_r2", number(q->random_r2));
    return object;
}

/* values of the points, spread over all candidates. */
static json_t *spread(build *b, const fit_points *p, const double *values, double *all) {
    for (size_t i = 0; i < b->n; i++) all[i] = NAN;
    for (size_t k = 0; k < p->n; k++) all[p->candidate[k]] = values[k];
    return numbers(b, all, b->n);
}

static json_t *fitted_law(build *b, size_t benchmark, const fit_points *p) {
    const ec_law_options *options = &b->options->rank.law;
    double *left_out = b->left_out + benchmark * b->n;
    ec_law law;
    ec_law_quality q;
    ec_error err;
    if (p->n < 2) {
        char text[160];
        snprintf(text, sizeof text,
                 "A fit needs 2 candidates with both scores and a result; there %s %zu.",
                 p->n == 1 ? "is" : "are", p->n);
        return why(b, text);
    }
    if (ec_law_fit(&law, options, &p->range, p->a, p->c, p->z, p->n, &err) != EC_OK ||
        ec_law_validate(&q, p->fitted, p->left, options, &p->range, p->a, p->c, p->z, p->n, &err) !=
            EC_OK)
        return why(b, err.message);

    json_t *object = json_object();
    put(b, object, "model", words(ec_law_model_name(law.model)));
    coefficients(b, object, &law);
    put(b, object, "range", range(b, &law.range));
    put(b, object, "z_min", number(law.z_min));
    put(b, object, "z_max", number(law.z_max));
    put(b, object, "n", count(law.n));
    put(b, object, "rank", count(law.rank));
    put(b, object, "quality", quality(b, &q));
    put(b, object, "fitted", spread(b, p, p->fitted, left_out));
    put(b, object, "left_out", spread(b, p, p->left, left_out));
    return object;
}

json_t *data_law(build *b, size_t benchmark) {
    fit_points p;
    json_t *object = NULL;
    if (points_init(&p, b, benchmark)) object = fitted_law(b, benchmark, &p);
    points_release(&p);
    return object;
}

/* ---- several models over a group ------------------------------------------------------------ */

/* Mean over the group of what the model reaches; NaN where one benchmark does not support it. */
static json_t *group_model(build *b, const size_t *members, size_t n, ec_law_model model) {
    const ec_law_options options = {.model = model, .ridge = b->options->rank.law.ridge};
    ec_law_quality sum = {.n = 0};
    for (size_t k = 0; k < n; k++) {
        fit_points p;
        ec_law_quality q;
        const bool ready = points_init(&p, b, members[k]);
        if (!ready) b->failed = true;
        if (!ready || p.n < 2 ||
            ec_law_validate(&q, NULL, NULL, &options, &p.range, p.a, p.c, p.z, p.n, NULL) != EC_OK)
            q = (ec_law_quality){.r2 = NAN, .loo_q2 = NAN, .random_r2 = NAN};
        points_release(&p);
        sum.r2 += q.r2;
        sum.loo_q2 += q.loo_q2;
        sum.random_r2 += q.random_r2;
    }
    json_t *object = json_object();
    put(b, object, "model", words(ec_law_model_name(model)));
    put(b, object, "r2", number(sum.r2 / (double)n));
    put(b, object, "loo_q2", number(sum.loo_q2 / (double)n));
    put(b, object, "random_r2", number(sum.random_r2 / (double)n));
    return object;
}

json_t *data_groups(build *b) {
    /* Figure 2 of the paper, and the models between. */
    static const ec_law_model MODELS[] = {EC_LAW_C_QUADRATIC, EC_LAW_A_QUADRATIC, EC_LAW_LINEAR,
                                          EC_LAW_ADDITIVE, EC_LAW_QUADRATIC};
    json_t *groups = json_array();
    size_t *members = calloc(b->m + 1, sizeof *members);
    if (members == NULL) b->failed = true;
    for (size_t first = 0; members != NULL && first < b->m; first++) {
        if (group_of(b, first) != first) continue;
        const size_t n = group_members(b, first, members);
        json_t *group = json_object(), *indices = json_array(), *models = json_array();
        for (size_t k = 0; k < n; k++) append(b, indices, count(members[k]));
        for (size_t k = 0; k < sizeof MODELS / sizeof *MODELS; k++)
            append(b, models, group_model(b, members, n, MODELS[k]));
        put(b, group, "name", words(ec_study_benchmark(b->study, first)->group));
        put(b, group, "benchmarks", indices);
        put(b, group, "models", models);
        append(b, groups, group);
    }
    free(members);
    return groups;
}
