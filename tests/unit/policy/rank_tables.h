/* rank_tables.h - tables for the tests of the ranking: the paper's, with only some candidates
 * finetuned */
#ifndef UNIT_POLICY_RANK_TABLES_H
#define UNIT_POLICY_RANK_TABLES_H

#include "eyechart/decision.h"
#include "eyechart/rank.h"

#include "golden_csv.h"
#include "law/mixture.h"
#include "law/pivots.h"
#include "law/settings.h"
#include "law/stats.h"
#include "paper_table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "eyechart/rng.h"

enum { MAX = PAPER_CANDIDATES_MAX };

static inline void assert_near(const char *what, double x, double expected, double tolerance) {
    if (!(golden_difference(x, expected) <= tolerance))
        fail_msg("%s: %.15g, expected %.15g within %g", what, x, expected, tolerance);
}

/* A copy of the paper's results with only some candidates finetuned. */
typedef struct {
    paper_data paper;
    double z[PAPER_BENCHMARKS * MAX];
    ec_table table;
} known;

static inline void know_of(known *k, const char *file, const size_t *trained, size_t m) {
    paper_load(&k->paper, file);
    const size_t n = k->paper.n;
    for (size_t b = 0; b < PAPER_BENCHMARKS; b++) {
        for (size_t i = 0; i < n; i++) k->z[b * n + i] = NAN;
        for (size_t i = 0; i < m; i++) k->z[b * n + trained[i]] = k->paper.z[b * n + trained[i]];
    }
    k->table = k->paper.table;
    k->table.z = k->z;
}

static inline void know(known *k, const size_t *trained, size_t m) {
    know_of(k, "paper-2024.csv", trained, m);
}

static inline void rank_one(ec_ranked *by_candidate, const ec_table *table, size_t benchmark,
                            const ec_rank_options *options) {
    ec_ranked *rows = malloc(table->n_candidates * sizeof *rows);
    ec_error err = {0};
    if (ec_rank(rows, NULL, table, &benchmark, 1, options, &err) != EC_OK)
        fail_msg("%s", err.message);
    for (size_t k = 0; k < table->n_candidates; k++) {
        if (k > 0 && !isnan(rows[k].order)) assert_true(rows[k - 1].order >= rows[k].order);
        by_candidate[rows[k].candidate] = rows[k];
    }
    free(rows);
}

/* How many of the intervals held what the candidates not trained really have. */
typedef struct {
    size_t inside, total;
} coverage;

static inline void count(coverage *c, const ec_ranked *row, double truth) {
    if (!isnan(row->measured) || isnan(row->low)) return;
    c->inside += truth >= row->low && truth <= row->high;
    c->total++;
}

#endif
