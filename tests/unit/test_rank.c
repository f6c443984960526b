/* The ranking: point values against the reference policies, intervals and chances against an exact
 * computation over the candidates, the promises of rank.h, and how often the intervals hold the
 * truth on the paper's results.
 *
 * tests/golden/rank.csv: the mixture of docs/adr/0002 with the full covariance of the 13 candidates
 * in numpy; interval ends by root finding, chances from 200 000 samples. rank-law.csv: prediction
 * intervals of least squares with scipy's t distribution.
 */
#include "eyechart/rank.h"

#include "golden_csv.h"
#include "law/knots.h"
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

static void assert_near(const char *what, double x, double expected, double tolerance) {
    if (!(golden_difference(x, expected) <= tolerance))
        fail_msg("%s: %.15g, expected %.15g within %g", what, x, expected, tolerance);
}

static size_t benchmark_index(const char *name) {
    size_t b = 0;
    while (strcmp(paper_benchmark[b], name) != 0) b++;
    return b;
}

/* A copy of the paper's results with only some candidates finetuned. */
typedef struct {
    paper_data paper;
    double z[PAPER_BENCHMARKS * MAX];
    ec_table table;
} known;

static void know(known *k, const size_t *trained, size_t m) {
    paper_load(&k->paper, "paper-2024.csv");
    const size_t n = k->paper.n;
    for (size_t b = 0; b < PAPER_BENCHMARKS; b++) {
        for (size_t i = 0; i < n; i++) k->z[b * n + i] = NAN;
        for (size_t i = 0; i < m; i++) k->z[b * n + trained[i]] = k->paper.z[b * n + trained[i]];
    }
    k->table = k->paper.table;
    k->table.z = k->z;
}

static void rank_one(ec_ranked *by_candidate, const ec_table *table, size_t benchmark,
                     const ec_rank_options *options) {
    ec_ranked *rows = malloc(table->n_candidates * sizeof *rows);
    ec_error err = {0};
    if (ec_rank(rows, NULL, table, &benchmark, 1, options, &err) != EC_OK) fail_msg("%s", err.message);
    for (size_t k = 0; k < table->n_candidates; k++) {
        if (k > 0 && !isnan(rows[k].order)) assert_true(rows[k - 1].order >= rows[k].order);
        by_candidate[rows[k].candidate] = rows[k];
    }
    free(rows);
}

/* Where trained, the measured value; elsewhere exactly the mean of the law-prior GP. Observed:
 * 2e-12. */
static void order_is_measured_then_the_law_prior_gp(void **state) {
    (void)state;
    golden_csv g;
    const ec_rank_options options = {.n_samples = 50};
    size_t n_checked = 0;
    for (golden_open(&g, "gp.csv"); golden_next(&g);) {
        size_t trained[MAX];
        const size_t m = golden_indices(trained, g.field[4]), b = benchmark_index(g.field[0]);
        if (golden_number(&g, 1) != 1.0 || golden_number(&g, 2) != 0.5 || m < 2) continue;
        known k;
        know(&k, trained, m);
        ec_ranked r[MAX];
        rank_one(r, &k.table, b, &options);
        for (size_t i = 0; i < 13; i++) {
            const double z = k.z[b * 13 + i];
            assert_near("predicted", r[i].predicted, golden_number(&g, 6 + i), 1e-9);
            assert_near("measured", r[i].measured, z, 0.0);
            assert_near("order", r[i].order, isnan(z) ? r[i].predicted : z, 0.0);
        }
        n_checked++;
    }
    assert_true(n_checked >= 12);
}

/* Chances within 4 standard errors of both sides, interval ends within 4 % of the interval. */
static void intervals_and_chances_are_those_of_the_exact_mixture(void **state) {
    (void)state;
    golden_csv g;
    const ec_rank_options options = {.n_samples = 20000, .seed = 3};
    for (golden_open(&g, "rank.csv"); golden_next(&g);) {
        size_t trained[MAX];
        const size_t m = golden_indices(trained, g.field[1]), b = benchmark_index(g.field[0]);
        known k;
        know(&k, trained, m);
        ec_ranked r[MAX];
        rank_one(r, &k.table, b, &options);
        double sum = 0.0, sum3 = 0.0;
        for (size_t i = 0; i < 13; i++) {
            const double low = golden_number(&g, 2 + i), high = golden_number(&g, 15 + i);
            if (fabs(r[i].low - low) > 0.04 * (high - low) ||
                fabs(r[i].high - high) > 0.04 * (high - low))
                fail_msg("%s [%s] candidate %zu: [%g, %g], expected [%g, %g]", g.field[0],
                         g.field[1], i, r[i].low, r[i].high, low, high);
            for (int top = 0; top < 2; top++) {
                const double p = golden_number(&g, (top == 0 ? 28 : 41) + i);
                const double here = top == 0 ? r[i].p_best : r[i].p_top3;
                if (fabs(here - p) > 4.0 * sqrt(p * (1.0 - p) / 18000.0) + 2e-4)
                    fail_msg("%s [%s] candidate %zu: chance %g, expected %g", g.field[0],
                             g.field[1], i, here, p);
            }
            sum += r[i].p_best;
            sum3 += r[i].p_top3;
        }
        assert_near("chances of being the best", sum, 1.0, 1e-9);
        assert_near("chances of the top 3", sum3, 3.0, 1e-9);
    }
}

static void law_intervals_are_students(void **state) {
    (void)state;
    golden_csv g;
    for (golden_open(&g, "rank-law.csv"); golden_next(&g);) {
        size_t trained[MAX];
        const size_t m = golden_indices(trained, g.field[2]), b = benchmark_index(g.field[0]);
        ec_rank_options options = {.model = EC_RANK_LAW, .n_samples = 40000};
        while (strcmp(ec_law_model_name(options.law.model), g.field[1]) != 0) options.law.model++;
        known k;
        know(&k, trained, m);
        ec_ranked r[MAX];
        rank_one(r, &k.table, b, &options);
        for (size_t i = 0; i < 13; i++) {
            const double low = golden_number(&g, 16 + i), high = golden_number(&g, 29 + i);
            assert_near("predicted", r[i].predicted, golden_number(&g, 3 + i), 1e-9);
            if (fabs(r[i].low - low) > 0.05 * (high - low) ||
                fabs(r[i].high - high) > 0.05 * (high - low))
                fail_msg("%s %s [%s] candidate %zu: [%g, %g], expected [%g, %g]", g.field[0],
                         g.field[1], g.field[2], i, r[i].low, r[i].high, low, high);
        }
    }
}

/* Nine points under six terms have an interval, six have none: no number that looks like one. */
static void law_without_spare_observations_claims_nothing(void **state) {
    (void)state;
    const size_t trained[6] = {0, 2, 4, 6, 8, 10};
    const ec_rank_options options = {.model = EC_RANK_LAW, .n_samples = 100};
    for (size_t m = 0; m <= 6; m++) {
        known k;
        know(&k, trained, m);
        ec_ranked r[MAX];
        rank_one(r, &k.table, 1, &options);
        for (size_t i = 0; i < 13; i++) {
            assert_int_equal(isnan(r[i].predicted), m < 2);
            assert_true(isnan(r[i].low) && isnan(r[i].high) && isnan(r[i].p_best) &&
                        isnan(r[i].p_top3) && isnan(r[i].p_beats_best) && !r[i].separable);
        }
    }
}

/* How many of the intervals held what the candidates not trained really have. */
typedef struct {
    size_t inside, total;
} coverage;

static void count(coverage *c, const ec_ranked *row, double truth) {
    if (!isnan(row->measured) || isnan(row->low)) return;
    c->inside += truth >= row->low && truth <= row->high;
    c->total++;
}

/* One random set of m candidates trained on all benchmarks. */
static void cover(coverage *one, coverage *mean, size_t m, ec_rng *rng,
                  const ec_rank_options *options) {
    size_t trained[MAX], all[PAPER_BENCHMARKS];
    for (size_t i = 0; i < 13; i++) trained[i] = i;
    for (size_t i = 0; i < m; i++) {
        const size_t j = i + ec_rng_below(rng, 13 - i), swap = trained[i];
        trained[i] = trained[j];
        trained[j] = swap;
    }
    known k;
    know(&k, trained, m);
    ec_ranked r[MAX];
    double truth[MAX] = {0};
    for (size_t b = 0; b < PAPER_BENCHMARKS; b++) {
        double min = INFINITY, max = -INFINITY;
        const double *z = k.paper.z + b * 13;
        all[b] = b;
        rank_one(r, &k.table, b, options);
        for (size_t i = 0; i < 13; i++) {
            min = fmin(min, r[i].order);
            max = fmax(max, r[i].order);
            count(one, &r[i], z[i]);
        }
        for (size_t i = 0; i < 13; i++) truth[i] += (z[i] - min) / (max - min) / PAPER_BENCHMARKS;
    }
    assert_int_equal(ec_rank(r, NULL, &k.table, all, PAPER_BENCHMARKS, options, NULL), EC_OK);
    for (size_t i = 0; i < 13; i++) count(mean, &r[i], truth[r[i].candidate]);
}

/* The table of docs/adr/0002, from fewer sets; EC_COVERAGE_SETS=40 gives it in full. */
static void intervals_hold_what_they_claim(void **state) {
    (void)state;
    const char *sets = getenv("EC_COVERAGE_SETS");
    const size_t n_sets = sets != NULL ? strtoul(sets, NULL, 10) : 3;
    const ec_rank_options options = {.n_samples = sets != NULL ? 1000 : 200, .seed = 11};
    ec_rng rng;
    ec_rng_init(&rng, 2024, 0);
    double one_sum = 0.0, mean_sum = 0.0;
    for (size_t m = 2; m <= 12; m++) {
        coverage one = {0, 0}, mean = {0, 0};
        for (size_t set = 0; set < n_sets; set++) cover(&one, &mean, m, &rng, &options);
        print_message("%2zu trained: 90 %% intervals hold %.3f of %zu, over the mean %.3f of %zu\n",
                      m, (double)one.inside / (double)one.total, one.total,
                      (double)mean.inside / (double)mean.total, mean.total);
        one_sum += (double)one.inside / (double)one.total / 11.0;
        mean_sum += (double)mean.inside / (double)mean.total / 11.0;
    }
    print_message("average: %.3f, over the mean %.3f\n", one_sum, mean_sum);
    assert_in_range((long)(1000.0 * one_sum), 800, 950);
    assert_in_range((long)(1000.0 * mean_sum), 770, 980);
}

/* A candidate's row must not depend on where it stands in the table. */
static void ranking_does_not_depend_on_the_order_of_candidates(void **state) {
    (void)state;
    const size_t trained[4] = {1, 3, 8, 12};
    known k;
    know(&k, trained, 4);
    const size_t n = 13;
    double a[MAX], c[MAX], z[MAX];
    ec_ranked r[MAX], s[MAX];
    const ec_rank_options options = {.n_samples = 20000};
    rank_one(r, &k.table, 2, &options);
    for (size_t i = 0; i < n; i++) {
        const size_t j = (5 * i + 2) % n;
        a[i] = k.paper.a[2 * n + j];
        c[i] = k.paper.c[j];
        z[i] = k.z[2 * n + j];
    }
    const ec_table turned = {.n_candidates = n, .n_benchmarks = 1, .a = a, .c = c, .z = z};
    rank_one(s, &turned, 0, &options);
    for (size_t i = 0; i < n; i++) {
        const size_t j = (5 * i + 2) % n;
        assert_near("predicted", s[i].predicted, r[j].predicted, 1e-10);
        assert_near("p_best", s[i].p_best, r[j].p_best, 0.02);
        assert_near("p_top3", s[i].p_top3, r[j].p_top3, 0.02);
        assert_true(fabs(s[i].low - r[j].low) < 0.05 * (r[j].high - r[j].low));
    }
}

/* Units of A, C and Z do not matter; a benchmark where less is better is its mirror image. */
static void ranking_does_not_depend_on_units_or_direction(void **state) {
    (void)state;
    const size_t trained[5] = {0, 4, 6, 9, 11};
    known k;
    know(&k, trained, 5);
    const size_t n = 13;
    double a[MAX], c[MAX], z[MAX];
    ec_ranked r[MAX], s[MAX];
    const ec_rank_options options = {.n_samples = 2000, .seed = 9};
    rank_one(r, &k.table, 5, &options);
    for (size_t i = 0; i < n; i++) {
        a[i] = 40.0 * k.paper.a[5 * n + i] - 7.0;
        c[i] = 0.01 * k.paper.c[i];
        z[i] = -1000.0 * k.z[5 * n + i] + 3.0;
    }
    const int down = -1;
    const ec_table mirrored = {
        .n_candidates = n, .n_benchmarks = 1, .a = a, .c = c, .z = z, .direction = &down};
    rank_one(s, &mirrored, 0, &options);
    for (size_t i = 0; i < n; i++) {
        assert_near("predicted", s[i].predicted, -1000.0 * r[i].predicted + 3.0, 1e-9);
        assert_near("measured", s[i].measured, -1000.0 * r[i].measured + 3.0, 1e-12);
        assert_near("low", s[i].low, -1000.0 * r[i].high + 3.0, 1e-6);
        assert_near("high", s[i].high, -1000.0 * r[i].low + 3.0, 1e-6);
        assert_near("p_best", s[i].p_best, r[i].p_best, 1e-3);
    }
}

/* No result: the prior's order and its chances; one result changes neither into a number with a
 * unit. */
static void zero_and_one_observation_rank_without_units(void **state) {
    (void)state;
    const size_t trained[1] = {5};
    for (size_t m = 0; m < 2; m++) {
        known k;
        know(&k, trained, m);
        ec_ranked r[MAX];
        double position[MAX];
        const size_t b = 0;
        rank_one(r, &k.table, b, NULL);
        assert_int_equal(ec_rank_baseline(position, &k.table, &b, 1, NULL, EC_BASELINE_SUM, NULL),
                         EC_OK);
        double sum = 0.0;
        for (size_t i = 0; i < 13; i++) {
            assert_true(isnan(r[i].predicted) && isnan(r[i].low) && isnan(r[i].high));
            assert_int_equal(isnan(r[i].measured), m == 0 || i != 5);
            sum += r[i].p_best;
            if (m == 0)
                for (size_t j = 0; j < 13; j++)
                    if (position[i] < position[j]) assert_true(r[i].order > r[j].order);
        }
        assert_near("sum", sum, 1.0, 1e-9);
    }
}

/* Two equal results say nothing about the scale: no interval, but still chances. */
static void equal_results_have_no_interval(void **state) {
    (void)state;
    const double a[4] = {0, 1, 2, 3}, c[4] = {1, 0, 3, 2}, z[4] = {32.8, 32.8, NAN, NAN};
    const ec_table table = {.n_candidates = 4, .n_benchmarks = 1, .a = a, .c = c, .z = z};
    ec_ranked r[4];
    rank_one(r, &table, 0, NULL);
    for (int i = 0; i < 4; i++) assert_true(isnan(r[i].low) && r[i].p_best >= 0.0);
    assert_near("equal", r[0].p_best, r[1].p_best, 0.02);
    assert_true(r[2].p_best > 0.2 && r[3].p_best > 0.2 && r[2].p_best + r[3].p_best > 0.9);

    /* All measured: the tie is shared, by three as well. */
    const double all[4] = {7.0, 7.0, 7.0, 1.0};
    const ec_table complete = {.n_candidates = 4, .n_benchmarks = 1, .a = a, .c = c, .z = all};
    rank_one(r, &complete, 0, NULL);
    for (int i = 0; i < 3; i++) {
        assert_near("shared", r[i].p_best, 1.0 / 3.0, 0.03);
        assert_true(r[i].p_top3 == 1.0); /* a certainty, not a sum of 4000 parts of one */
        assert_near("as good", r[i].p_beats_best, 1.0, 0.0);
    }
    assert_true(r[3].p_best == 0.0 && r[3].separable);
}

/* Missing scores: a result still counts, without either a candidate is last with NaN everywhere. */
static void missing_scores_and_results(void **state) {
    (void)state;
    const double a[6] = {0.1, 0.5, NAN, 0.9, NAN, 0.7}, c[6] = {1, 2, 3, 3, 4, NAN};
    const double z[6] = {10, 20, 99, NAN, NAN, 5};
    const ec_table table = {.n_candidates = 6, .n_benchmarks = 1, .a = a, .c = c, .z = z};
    ec_ranked rows[6], r[6];
    const size_t b = 0;
    assert_int_equal(ec_rank(rows, NULL, &table, &b, 1, NULL, NULL), EC_OK);
    rank_one(r, &table, 0, NULL);
    assert_int_equal(rows[5].candidate, 4);
    assert_true(isnan(r[4].order) && isnan(r[4].p_best) && isnan(r[4].measured));
    assert_near("measured without scores", r[2].measured, 99.0, 0.0);
    assert_true(isnan(r[2].predicted) && r[2].p_best > 0.5);
    assert_true(r[5].measured == 5.0 && isnan(r[5].predicted) && r[5].p_best == 0.0);
    assert_true(r[3].predicted > 20.0 && r[3].low < r[3].predicted && r[3].high > r[3].predicted);
    assert_near("first", rows[0].p_beats_best, 1.0, 0.0);

    double position[6];
    assert_int_equal(ec_rank_baseline(position, &table, &b, 1, NULL, EC_BASELINE_A, NULL), EC_OK);
    const double expected[6] = {3, 2, NAN, 1, NAN, NAN};
    for (int i = 0; i < 6; i++) assert_near("position", position[i], expected[i], 0.0);
    assert_int_equal(ec_rank_baseline(position, &table, &b, 1, NULL, EC_BASELINE_RANDOM, NULL),
                     EC_OK);
    assert_near("random", position[3], 2.0, 0.0);
}

/* A constant column is an error for the law, no information for the Gaussian process. */
static void constant_columns(void **state) {
    (void)state;
    const double a[5] = {1, 2, 3, 4, 5}, same[5] = {6, 6, 6, 6, 6}, z[5] = {1, 2, 3, NAN, NAN};
    const ec_table table = {.n_candidates = 5, .n_benchmarks = 1, .a = a, .c = same, .z = z};
    const ec_rank_options law = {.model = EC_RANK_LAW}, gp = {0};
    const size_t b = 0;
    ec_ranked r[5];
    ec_error err;
    assert_int_equal(ec_rank(r, NULL, &table, &b, 1, &law, &err), EC_ERR_SINGULAR);
    assert_non_null(strstr(err.message, "C is 6"));
    rank_one(r, &table, 0, &gp);
    assert_true(r[4].order > r[3].order && r[3].order > r[2].order && isfinite(r[4].high));
    const ec_table nothing = {.n_candidates = 5, .n_benchmarks = 1, .a = same, .c = same, .z = z};
    rank_one(r, &nothing, 0, &gp);
    assert_near("no information", r[3].predicted, r[4].predicted, 1e-12);
}

/* Weights pick benchmarks; normalised values lie where the header says. */
static void several_benchmarks_are_a_weighted_mean(void **state) {
    (void)state;
    const size_t trained[5] = {0, 3, 5, 9, 12}, over[2] = {1, 6};
    known k;
    know(&k, trained, 5);
    ec_ranked both[MAX], one[2][MAX];
    const double weights[2] = {3.0, 1.0};
    const ec_rank_options options = {.weights = weights, .n_samples = 500};
    assert_int_equal(ec_rank(both, NULL, &k.table, over, 2, &options, NULL), EC_OK);
    double min[2] = {INFINITY, INFINITY}, max[2] = {-INFINITY, -INFINITY};
    for (size_t b = 0; b < 2; b++) {
        rank_one(one[b], &k.table, over[b], &options);
        for (size_t i = 0; i < 13; i++) {
            min[b] = fmin(min[b], one[b][i].order);
            max[b] = fmax(max[b], one[b][i].order);
        }
    }
    for (size_t row = 0; row < 13; row++) {
        const size_t i = both[row].candidate;
        double expected = 0.0;
        for (size_t b = 0; b < 2; b++)
            expected += weights[b] / 4.0 * (one[b][i].order - min[b]) / (max[b] - min[b]);
        assert_near("mean", both[row].order, expected, 1e-12);
        assert_int_equal(isnan(both[row].measured), isnan(one[0][i].measured));
        if (isnan(both[row].measured)) assert_near("mean", both[row].predicted, expected, 1e-12);
        assert_true(both[row].low <= both[row].predicted && both[row].predicted <= both[row].high);
    }

    /* Measured on one benchmark of the two: that part is certain, the other is predicted. */
    k.z[1 * 13 + 7] = k.paper.z[1 * 13 + 7];
    double width[2] = {0.0, 0.0};
    ec_ranked part[MAX];
    assert_int_equal(ec_rank(part, NULL, &k.table, over, 2, &options, NULL), EC_OK);
    for (size_t row = 0; row < 13; row++) {
        if (part[row].candidate == 7) width[0] = part[row].high - part[row].low;
        if (both[row].candidate == 7) width[1] = both[row].high - both[row].low;
        if (part[row].candidate == 7) assert_true(isnan(part[row].measured));
    }
    assert_true(width[0] > 0.0 && width[0] < 0.7 * width[1]);

    /* Weight 0 leaves a benchmark out. */
    const double second[2] = {0.0, 2.0};
    const ec_rank_options only = {.weights = second, .n_samples = 500};
    assert_int_equal(ec_rank(part, NULL, &k.table, over, 2, &only, NULL), EC_OK);
    for (size_t row = 0; row + 1 < 13; row++)
        assert_true(one[1][part[row].candidate].order >= one[1][part[row + 1].candidate].order);
    /* … and its results are of the mean still, not of the benchmark left out. */
    for (size_t row = 0; row < 13; row++)
        assert_true(isnan(part[row].measured) || part[row].measured <= 1.0 + 1e-12);
}

/* Errors of the scores widen the interval of what is predicted from them, and of nothing else. */
static void score_errors_widen_intervals(void **state) {
    (void)state;
    const size_t trained[6] = {0, 3, 5, 7, 9, 12};
    known k;
    know(&k, trained, 6);
    double a_se[PAPER_BENCHMARKS * MAX] = {0}, c_se[MAX] = {0};
    ec_ranked exact[MAX], r[MAX];
    const ec_rank_options options = {.n_samples = 4000};
    rank_one(exact, &k.table, 0, &options);
    a_se[1] = 0.1;
    a_se[2] = NAN;
    c_se[4] = 10.0;
    k.table.a_se = a_se;
    k.table.c_se = c_se;
    rank_one(r, &k.table, 0, &options);
    for (size_t i = 0; i < 13; i++) {
        assert_near("predicted", r[i].predicted, exact[i].predicted, 1e-12);
        const double ratio = (r[i].high - r[i].low) / (exact[i].high - exact[i].low);
        if (i == 1 || i == 4)
            assert_true(ratio > 1.02);
        else
            assert_near("width", ratio, 1.0, 1e-9);
    }
}

/* Results without any scatter leave the scores' errors alone: z = 3 a - 5 c, both slopes count. */
static void score_errors_propagate_to_first_order(void **state) {
    (void)state;
    const double a[6] = {0, 1, 2, 3, 4, 2.5}, c[6] = {2, 7, 1, 8, 2, 4};
    const double a_se[6] = {[5] = 0.4}, c_se[6] = {[5] = 0.3};
    double z[6];
    for (int i = 0; i < 6; i++) z[i] = i < 5 ? 3.0 * a[i] - 5.0 * c[i] : NAN;
    const ec_table table = {
        .n_candidates = 6, .n_benchmarks = 1, .a = a, .a_se = a_se, .c = c, .c_se = c_se, .z = z};
    const ec_rank_options options = {
        .model = EC_RANK_LAW, .law = {.model = EC_LAW_LINEAR}, .n_samples = 40000};
    ec_ranked r[6];
    rank_one(r, &table, 0, &options);
    const double half = 1.6448536269514722 * sqrt(1.2 * 1.2 + 1.5 * 1.5);
    assert_near("low", r[5].low, 7.5 - 20.0 - half, 0.02);
    assert_near("high", r[5].high, 7.5 - 20.0 + half, 0.02);
}

static void bad_arguments_are_refused(void **state) {
    (void)state;
    const size_t trained[3] = {0, 3, 5};
    known k;
    know(&k, trained, 3);
    ec_ranked r[MAX];
    double position[MAX];
    ec_error err;
    const size_t good = 0, bad = 8;
    assert_int_equal(ec_rank(r, NULL, &k.table, &good, 0, NULL, &err), EC_ERR_ARG);
    assert_int_equal(ec_rank(r, NULL, &k.table, &bad, 1, NULL, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "benchmark 9 of 8"));
    const double negative = -1.0, zero = 0.0;
    const ec_rank_options options[] = {
        {.weights = &negative}, {.weights = &zero}, {.level = 1.5}, {.n_samples = 100000000}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        assert_int_equal(ec_rank(r, NULL, &k.table, &good, 1, &options[i], &err), EC_ERR_ARG);
    assert_int_equal(ec_rank_baseline(position, &k.table, &bad, 1, NULL, EC_BASELINE_A, &err),
                     EC_ERR_ARG);
    assert_int_equal(ec_rank_baseline(position, &k.table, &good, 1, &negative, EC_BASELINE_A, &err),
                     EC_ERR_ARG);
}

static void same_seed_same_numbers(void **state) {
    (void)state;
    const size_t trained[3] = {0, 3, 5};
    known k;
    know(&k, trained, 3);
    ec_ranked r[3][MAX];
    for (size_t j = 0; j < 3; j++) {
        const ec_rank_options options = {.n_samples = 300, .seed = j / 2};
        rank_one(r[j], &k.table, 4, &options);
    }
    size_t different = 0;
    for (size_t i = 0; i < 13; i++) {
        assert_true(r[0][i].low == r[1][i].low && r[0][i].high == r[1][i].high);
        assert_true(r[0][i].p_best == r[1][i].p_best && r[0][i].p_top3 == r[1][i].p_top3);
        assert_near("point", r[2][i].order, r[0][i].order, 0.0);
        different += r[2][i].low != r[0][i].low;
    }
    assert_true(different > 10);

    const size_t b = 0;
    const ec_table empty = {.n_benchmarks = 1};
    double position;
    assert_int_equal(ec_rank(r[0], NULL, &empty, &b, 1, NULL, NULL), EC_OK);
    assert_int_equal(ec_rank_baseline(&position, &empty, &b, 1, NULL, EC_BASELINE_A, NULL), EC_OK);
}

/* Beyond EXACT_OBSERVATIONS the prediction goes through the knots: 1100 results on a smooth law. */
static void many_candidates(void **state) {
    (void)state;
    enum { N = 1500, M = 1100 };
    static double a[N], c[N], z[N];
    static ec_ranked few[N], many[N];
    ec_rng rng;
    ec_rng_init(&rng, 4, 4);
    for (size_t i = 0; i < N; i++) {
        a[i] = ec_rng_uniform(&rng);
        c[i] = ec_rng_uniform(&rng);
        z[i] = i < M ? a[i] + 2.0 * c[i] - a[i] * c[i] + 0.01 * ec_rng_normal(&rng) : NAN;
    }
    const ec_table table = {.n_candidates = N, .n_benchmarks = 1, .a = a, .c = c, .z = z};
    const ec_rank_options options = {.n_samples = 200};
    rank_one(many, &table, 0, &options);
    for (size_t i = 1000; i < M; i++) z[i] = NAN;
    rank_one(few, &table, 0, &options);
    for (size_t i = M; i < N; i++) {
        assert_near("knots", many[i].predicted, few[i].predicted, 0.02);
        assert_near("truth", many[i].predicted, a[i] + 2.0 * c[i] - a[i] * c[i], 0.02);
    }
}

/* The kernel that the samples use is the kernel. */
static void knots_reproduce_the_kernel(void **state) {
    (void)state;
    const double length[3] = {0.25, 0.5, 1.0}, worst[3] = {1.5e-4, 3e-6, 1e-7};
    for (int l = 0; l < 3; l++) {
        const ec_knots knots = ec_knots_of(length[l]);
        double f[2][EC_KNOT_FEATURES_MAX];
        for (int i = 0; i < 400; i++) {
            const double p[2] = {(i % 20) / 19.0, (i / 20) / 19.0};
            const double q[2] = {(i * 7 % 31) / 30.0, (i * 11 % 37) / 36.0};
            const double residual = ec_knots_features(f[0], &knots, p[0], p[1]);
            ec_knots_features(f[1], &knots, q[0], q[1]);
            double k = 0.0;
            for (size_t j = 0; j < knots.n * knots.n; j++) k += f[0][j] * f[1][j];
            const double expected =
                exp(-((p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1])) /
                    (2.0 * length[l] * length[l]));
            assert_near("kernel", k, expected, worst[l]);
            assert_true(residual <= worst[l]);
        }
    }
}

static void quantile_is_an_order_statistic(void **state) {
    (void)state;
    ec_rng rng;
    ec_rng_init(&rng, 8, 0);
    for (size_t n = 1; n < 60; n++) {
        double x[60];
        for (size_t k = 0; k < n; k++) {
            for (size_t i = 0; i < n; i++) x[i] = floor((double)i / 2.0); /* ties */
            for (size_t i = 0; i < n; i++) x[i] = floor(x[i]);            /* ties */
            for (size_t i = n - 1; i > 0; i--) {
                const size_t j = ec_rng_below(&rng, i + 1);
                const double swap = x[i];
                x[i] = x[j];
                x[j] = swap;
            }
            const double q = n == 1 ? 0.3 : (double)k / (double)(n - 1);
            assert_near("quantile", ec_quantile(x, n, q), floor((double)k / 2.0), 0.0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_measured_then_the_law_prior_gp),
        cmocka_unit_test(intervals_and_chances_are_those_of_the_exact_mixture),
        cmocka_unit_test(law_intervals_are_students),
        cmocka_unit_test(law_without_spare_observations_claims_nothing),
        cmocka_unit_test(intervals_hold_what_they_claim),
        cmocka_unit_test(ranking_does_not_depend_on_the_order_of_candidates),
        cmocka_unit_test(ranking_does_not_depend_on_units_or_direction),
        cmocka_unit_test(zero_and_one_observation_rank_without_units),
        cmocka_unit_test(equal_results_have_no_interval),
        cmocka_unit_test(missing_scores_and_results),
        cmocka_unit_test(constant_columns),
        cmocka_unit_test(several_benchmarks_are_a_weighted_mean),
        cmocka_unit_test(score_errors_widen_intervals),
        cmocka_unit_test(score_errors_propagate_to_first_order),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(same_seed_same_numbers),
        cmocka_unit_test(many_candidates),
        cmocka_unit_test(knots_reproduce_the_kernel),
        cmocka_unit_test(quantile_is_an_order_statistic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
