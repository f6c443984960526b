/* data_ranking.c - the rankings of the report: all benchmarks, each group, each benchmark
 *
 * They do not depend on each other, so they are computed on all processors, a batch at a time; the
 * JSON is then made in order.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "eyechart/asking.h"
#include "report/build.h"

enum { BATCH = 16 }; /* rankings in memory at once */

/* One ranking to be made. */
typedef struct job {
    const build *b;
    const char *name;
    size_t *over; /* [n], owned with what follows it */
    double *weights;
    ec_ranked *rows; /* [candidates] */
    size_t n;
    ec_rank_about about; /* left_out [n] is owned */
    ec_status status;
    ec_error err;
} job;

/* One weight a benchmark ranked over: the caller's, else as the study declares. */
static void weigh(job *j) {
    const double *given = j->b->options->rank.weights;
    for (size_t k = 0; k < j->n; k++)
        j->weights[k] =
            given != NULL ? given[j->over[k]] : ec_study_benchmark(j->b->study, j->over[k])->weight;
}

static void compute(void *context, size_t i) {
    job *j = (job *)context + i;
    ec_rank_options options = j->b->options->rank;
    options.weights = j->weights;
    options.pending = j->b->snapshot->pending;
    j->status = ec_rank(j->rows, &j->about, &j->b->ranked->table, j->over, j->n, &options, &j->err);
}

static json_t *row_json(build *b, const ec_ranked *row) {
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

/* What the ranking comes to, as `eyechart rank` says it; null where it comes to nothing. */
static json_t *decision_json(build *b, const job *j) {
    ec_decision d;
    if (ec_study_decide(&d, b->study, b->snapshot, &b->ranked->table, j->rows, &j->about, 0.0,
                        NULL) != EC_OK) {
        b->failed = true;
        return NULL;
    }
    if (d.kind == EC_DECIDE_NOTHING) return json_null();
    char text[600];
    ec_study_decision_text(text, sizeof text, b->study, &d, ec_study_gain_unit(j->n));
    json_t *object = json_object();
    put(b, object, "action",
        words(d.kind == EC_DECIDE_STOP    ? "stop"
              : d.kind == EC_DECIDE_BEGIN ? "begin"
                                          : "finetune"));
    put(b, object, "candidate", count(d.candidate));
    put(b, object, "gain", number(d.gain));
    put(b, object, "needed", number(d.needed));
    put(b, object, "cost", number(d.cost));
    put(b, object, "p_best", number(d.p_best));
    put(b, object, "found", number(d.found));
    put(b, object, "found_after", number(d.found_after));
    put(b, object, "next", d.next == SIZE_MAX ? json_null() : count(d.next));
    put(b, object, "text", words(text));
    return object;
}

/* Benchmarks that count, and do not for want of results. */
static json_t *left_out_json(build *b, const job *j) {
    json_t *array = json_array();
    for (size_t k = 0; k < j->n; k++)
        if (j->about.left_out[k] && j->weights[k] > 0.0) append(b, array, count(j->over[k]));
    return array;
}

static json_t *ranking_json(build *b, const job *j) {
    json_t *object = json_object(), *over = json_array(), *rows = json_array();
    for (size_t k = 0; k < j->n; k++) append(b, over, count(j->over[k]));
    put(b, object, "name", words(j->name));
    put(b, object, "over", over);
    if (j->status != EC_OK) {
        json_decref(rows);
        put(b, object, "why", words(j->err.message));
        return object;
    }
    for (size_t i = 0; i < b->n; i++) {
        append(b, rows, row_json(b, &j->rows[i]));
        if (j->n == 1)
            b->predicted[j->over[0] * b->n + j->rows[i].candidate] = j->rows[i].predicted;
    }
    put(b, object, "rows", rows);
    put(b, object, "left_out", left_out_json(b, j));
    put(b, object, "decision", decision_json(b, j));
    return object;
}

/* Rankings that wait to be computed. */
typedef struct batch {
    build *b;
    json_t *rankings;
    job jobs[BATCH];
    size_t n;
} batch;

static void batch_finish(batch *waiting) {
    ec_parallel_for(waiting->n, 0, compute, waiting->jobs);
    for (size_t i = 0; i < waiting->n; i++) {
        job *j = &waiting->jobs[i];
        append(waiting->b, waiting->rankings, ranking_json(waiting->b, j));
        free(j->over);
        free(j->weights);
        free(j->rows);
        free(j->about.left_out);
    }
    waiting->n = 0;
}

static void batch_add(batch *waiting, const char *name, const size_t *over, size_t n) {
    build *b = waiting->b;
    job *j = &waiting->jobs[waiting->n++];
    *j = (job){.b = b, .name = name, .n = n};
    j->over = calloc(n + 1, sizeof *j->over);
    j->weights = calloc(n + 1, sizeof *j->weights);
    j->rows = calloc(b->n + 1, sizeof *j->rows);
    j->about.left_out = calloc(n + 1, sizeof *j->about.left_out);
    if (j->over == NULL || j->weights == NULL || j->rows == NULL || j->about.left_out == NULL) {
        free(j->about.left_out);
        free(j->over);
        free(j->weights);
        free(j->rows);
        waiting->n--;
        b->failed = true;
        return;
    }
    for (size_t k = 0; k < n; k++) j->over[k] = over[k];
    weigh(j);
    if (waiting->n == BATCH) batch_finish(waiting);
}

json_t *data_rankings(build *b) {
    batch waiting = {.b = b, .rankings = json_array()};
    size_t *over = calloc(b->m + 1, sizeof *over);
    if (over == NULL) {
        b->failed = true;
        return waiting.rankings;
    }
    if (b->m != 1) {
        for (size_t i = 0; i < b->m; i++) over[i] = i;
        batch_add(&waiting, "all benchmarks", over, b->m);
    }
    for (size_t first = 0; first < b->m; first++) {
        if (group_of(b, first) != first) continue;
        const size_t n = group_members(b, first, over);
        if (n == 1 || n == b->m) continue; /* those are there already */
        batch_add(&waiting, ec_study_benchmark(b->study, first)->group, over, n);
    }
    for (size_t i = 0; i < b->m; i++)
        batch_add(&waiting, ec_study_benchmark(b->study, i)->name, &i, 1);
    batch_finish(&waiting);
    free(over);
    return waiting.rankings;
}
