/* data_ranking.c - the rankings of the report: all benchmarks, each group, each benchmark */
#include <math.h>
#include <stdlib.h>

#include "report/build.h"

static json_t *ranked(build *b, const ec_ranked *row) {
    json_t *object = json_object();
    put(b, object, "candidate", count(row->candidate));
    put(b, object, "measured", number(row->measured));
    put(b, object, "predicted", number(row->predicted));
    put(b, object, "low", number(row->low));
    put(b, object, "high", number(row->high));
    put(b, object, "p_best", number(row->p_best));
    put(b, object, "p_top3", number(row->p_top3));
    put(b, object, "p_beats_best", number(row->p_beats_best));
    put(b, object, "separable", json_boolean(row->separable));
    return object;
}

/* One weight a benchmark ranked over: the caller's, else as the study declares. */
static void weigh(double *weights, const build *b, const size_t *over, size_t n) {
    const double *given = b->options->rank.weights;
    for (size_t k = 0; k < n; k++)
        weights[k] = given != NULL ? given[over[k]] : ec_study_benchmark(b->study, over[k])->weight;
}

static json_t *ranking(build *b, const char *name, const size_t *over, size_t n, ec_ranked *rows,
                       double *weights) {
    ec_rank_options options = b->options->rank;
    ec_error err;
    json_t *object = json_object(), *indices = json_array();
    for (size_t k = 0; k < n; k++) append(b, indices, count(over[k]));
    put(b, object, "name", words(name));
    put(b, object, "over", indices);

    weigh(weights, b, over, n);
    options.weights = weights;
    if (ec_rank(rows, b->table, over, n, &options, &err) != EC_OK) {
        put(b, object, "why", words(err.message));
        return object;
    }
    json_t *array = json_array();
    for (size_t i = 0; i < b->n; i++) {
        append(b, array, ranked(b, &rows[i]));
        if (n == 1) b->predicted[over[0] * b->n + rows[i].candidate] = rows[i].predicted;
    }
    put(b, object, "rows", array);
    return object;
}

json_t *data_rankings(build *b) {
    json_t *rankings = json_array();
    ec_ranked *rows = calloc(b->n + 1, sizeof *rows);
    size_t *over = calloc(b->m + 1, sizeof *over);
    double *weights = calloc(b->m + 1, sizeof *weights);
    if (rows == NULL || over == NULL || weights == NULL) {
        b->failed = true;
        goto done;
    }
    if (b->m != 1) {
        for (size_t i = 0; i < b->m; i++) over[i] = i;
        append(b, rankings, ranking(b, "all benchmarks", over, b->m, rows, weights));
    }
    for (size_t first = 0; first < b->m; first++) {
        if (group_of(b, first) != first) continue;
        const size_t n = group_members(b, first, over);
        if (n == 1 || n == b->m) continue; /* those are there already */
        const char *group = ec_study_benchmark(b->study, first)->group;
        append(b, rankings, ranking(b, group, over, n, rows, weights));
    }
    for (size_t i = 0; i < b->m; i++) {
        const char *name = ec_study_benchmark(b->study, i)->name;
        append(b, rankings, ranking(b, name, &i, 1, rows, weights));
    }
done:
    free(rows);
    free(over);
    free(weights);
    return rankings;
}
