/* weights.c - see ec_rank_weights in eyechart/rank.h */
#include <math.h>
#include <stdlib.h>

#include "eyechart/rank.h"
#include "law/posterior.h"
#include "law/stats.h"

/* The results of the candidates that have a place; memory [5][points.n]. */
typedef struct {
    ec_points points;
    size_t *point;
    double *memory, *y, *se, *left_out, *fitted;
    ec_known known;
} results;

static ec_status results_init(results *r, const ec_table *table, size_t b, ec_error *err) {
    const ec_status status = ec_points_init(&r->points, table, b, err);
    if (status != EC_OK) return status;
    const size_t n = r->points.n;
    r->point = malloc((n + 1) * sizeof *r->point);
    r->memory = malloc((3 * n + 1) * sizeof *r->memory);
    if (r->point == NULL || r->memory == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "no memory for %zu candidates", n);
    r->y = r->memory;
    r->se = r->y + n;
    r->left_out = r->se + n;
    const double sign = table->direction != NULL && table->direction[b] < 0 ? -1.0 : 1.0;
    size_t m = 0;
    for (size_t k = 0; k < n; k++) {
        const size_t cell = b * table->n_candidates + r->points.candidate[k];
        if (!isfinite(table->z[cell])) continue;
        const double se = table->z_se != NULL ? table->z_se[cell] : 0.0;
        r->point[m] = k;
        r->y[m] = sign * table->z[cell];
        r->se[m++] = se > 0.0 && isfinite(se) ? se : 0.0;
    }
    r->known = (ec_known){.m = m, .point = r->point, .y = r->y, .se = r->se};
    return EC_OK;
}

static void results_release(results *r) {
    ec_points_release(&r->points);
    free(r->point);
    free(r->memory);
}

static void judge(ec_weights_quality *out, const results *r) {
    double sum = 0.0;
    for (size_t i = 0; i < r->known.m; i++)
        sum += (r->y[i] - r->left_out[i]) * (r->y[i] - r->left_out[i]);
    *out = (ec_weights_quality){
        .n = r->known.m, .loo_rmse = sqrt(sum / (double)r->known.m), .loo_spearman = NAN};
    if (isnan(sum) || ec_spearman(&out->loo_spearman, r->left_out, r->y, r->known.m, NULL) != EC_OK)
        out->loo_spearman = NAN;
}

ec_status ec_rank_weights(ec_score_weight *out, ec_weights_quality *quality, const ec_table *table,
                          size_t benchmark, ec_error *err) {
    results r = {0};
    ec_status status = results_init(&r, table, benchmark, err);
    const size_t d = r.points.d;
    double *values = status == EC_OK ? malloc((3 * d + 1) * sizeof *values) : NULL;
    if (status == EC_OK && values == NULL)
        status = ec_fail(err, EC_ERR_NOMEM, "no memory for %zu scores", d);
    if (status == EC_OK)
        status = ec_posterior_weights(values, values + d, values + 2 * d, r.left_out, &r.points,
                                      &r.known, err);
    for (size_t j = 0; status == EC_OK && j < d; j++)
        out[j] = (ec_score_weight){r.points.weight[j], values[j], values[d + j], values[2 * d + j]};
    if (status == EC_OK) judge(quality, &r);
    free(values);
    results_release(&r);
    return status;
}
