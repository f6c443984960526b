/* The promises of rank.h about tables of every kind: small, large, constant, with gaps, in other
 * units or another order, with a third score.
 */
#include "unit/policy/rank_tables.h"

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

/* More results than there are pivots, on a smooth law. */
static void many_results(void **state) {
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
        assert_near("fewer", many[i].predicted, few[i].predicted, 0.02);
        assert_near("truth", many[i].predicted, a[i] + 2.0 * c[i] - a[i] * c[i], 0.1);
    }
}

/* The chances of those that contend add up, however many there are, and the others have 0. */
static void ten_thousand_candidates(void **state) {
    (void)state;
    enum { N = 10000 };
    static double a[N], c[N], z[N];
    static ec_ranked r[N];
    ec_rng rng;
    ec_rng_init(&rng, 6, 0);
    for (size_t i = 0; i < N; i++) {
        a[i] = ec_rng_uniform(&rng);
        c[i] = ec_rng_uniform(&rng);
        z[i] = i % 500 == 0 ? 60.0 * a[i] + 30.0 * c[i] + ec_rng_normal(&rng) : NAN;
    }
    const ec_table table = {.n_candidates = N, .n_benchmarks = 1, .a = a, .c = c, .z = z};
    const ec_rank_options options = {.n_samples = 1000};
    const size_t b = 0;
    ec_rank_about about = {0};
    assert_int_equal(ec_rank(r, &about, &table, &b, 1, &options, NULL), EC_OK);
    double best = 0.0, top3 = 0.0, found = 0.0;
    for (size_t k = 0; k < N; k++) {
        assert_true(k == 0 || r[k].order <= r[k - 1].order);
        assert_true(r[k].low <= r[k].predicted && r[k].predicted <= r[k].high);
        assert_true(r[k].p_best >= 0.0 && r[k].p_best <= r[k].p_top3);
        best += r[k].p_best;
        top3 += r[k].p_top3;
        if (!isnan(r[k].measured)) found += r[k].p_best;
    }
    assert_near("best", best, 1.0, 1e-9);
    assert_near("top 3", top3, 3.0, 1e-9);
    assert_near("found", about.found, found, 1e-12);
    assert_true(isfinite(r[0].gain) || !isnan(r[0].measured));
}

static void assert_same_rows(const ec_ranked *x, const ec_ranked *y, size_t n) {
    for (size_t i = 0; i < n; i++) {
        assert_near("measured", x[i].measured, y[i].measured, 0.0);
        assert_near("predicted", x[i].predicted, y[i].predicted, 0.0);
        assert_near("low", x[i].low, y[i].low, 0.0);
        assert_near("high", x[i].high, y[i].high, 0.0);
        assert_near("p_best", x[i].p_best, y[i].p_best, 0.0);
        assert_near("p_top3", x[i].p_top3, y[i].p_top3, 0.0);
        assert_near("gain", x[i].gain, y[i].gain, 0.0);
        assert_near("merit", x[i].merit, y[i].merit, 0.0);
        assert_near("order", x[i].order, y[i].order, 0.0);
    }
}

static void the_number_of_threads_does_not_matter(void **state) {
    (void)state;
    const size_t trained[6] = {0, 3, 5, 7, 9, 12};
    known k;
    know(&k, trained, 6);
    ec_ranked r[2][MAX];
    for (size_t t = 0; t < 2; t++) {
        const ec_rank_options options = {.n_samples = 1000, .n_threads = 1 + 3 * t};
        rank_one(r[t], &k.table, 0, &options);
    }
    assert_same_rows(r[0], r[1], 13);
}

/* One whose A is missing has the lowest C by far: neither the model, its intervals and chances nor
 * the baselines may change by that. */
static void a_candidate_without_a_moves_nothing(void **state) {
    (void)state;
    enum { N = 14 };
    const size_t trained[5] = {0, 3, 5, 9, 12}, b = 3;
    known k;
    know(&k, trained, 5);
    double a[N], c[N], z[N], position[2][N];
    for (size_t i = 0; i < 13; i++) {
        a[i] = k.paper.a[b * 13 + i];
        c[i] = k.paper.c[i];
        z[i] = k.z[b * 13 + i];
    }
    a[13] = NAN;
    c[13] = -500.0;
    z[13] = NAN;
    ec_ranked r[2][N];
    for (size_t with = 0; with < 2; with++) {
        const ec_table table = {
            .n_candidates = 13 + with, .n_benchmarks = 1, .a = a, .c = c, .z = z};
        const ec_rank_options options = {.n_samples = 1000};
        const size_t zero = 0;
        rank_one(r[with], &table, 0, &options);
        assert_int_equal(
            ec_rank_baseline(position[with], &table, &zero, 1, NULL, EC_BASELINE_SUM, NULL), EC_OK);
    }
    assert_same_rows(r[0], r[1], 13);
    assert_memory_equal(position[0], position[1], 13 * sizeof(double));
    assert_true(isnan(position[1][13]) && isnan(r[1][13].order));

    /* Its result is its own affair as well, but for the chances. */
    z[13] = 10.0;
    const ec_table table = {.n_candidates = N, .n_benchmarks = 1, .a = a, .c = c, .z = z};
    const ec_rank_options options = {.n_samples = 1000};
    rank_one(r[1], &table, 0, &options);
    assert_same_rows(r[0], r[1], 13);
    assert_true(r[1][13].measured == 10.0 && r[1][13].p_best == 0.0);
}

/* The scale over several benchmarks is fixed: whatever comes to be known, what two finetuned
 * candidates have stays as it is. */
static void nothing_moves_two_finetuned_candidates(void **state) {
    (void)state;
    const size_t trained[4] = {1, 6, 8, 10}, over[4] = {0, 1, 4, 6};
    known k;
    know(&k, trained, 4);
    double low[PAPER_BENCHMARKS] = {0}, high[PAPER_BENCHMARKS];
    for (size_t b = 0; b < PAPER_BENCHMARKS; b++) high[b] = b == 1 ? 2000.0 : 100.0;
    k.table.low = low;
    k.table.high = high;
    const ec_rank_options options = {.n_samples = 50};
    double before[MAX];
    for (size_t step = 0; step < 10; step++) {
        ec_ranked r[MAX];
        assert_int_equal(ec_rank(r, NULL, &k.table, over, 4, &options, NULL), EC_OK);
        for (size_t row = 0; row < 13; row++) {
            const size_t i = r[row].candidate;
            if (step > 0 && (i == 1 || i == 6 || i == 8 || i == 10))
                assert_near("order", r[row].order, before[i], 1e-10);
            before[i] = r[row].order;
        }
        const size_t b = over[step % 4], i = step < 5 ? 0 : 3; /* the best; an outsider */
        k.z[b * 13 + i] = step % 3 == 2 ? high[b] : k.paper.z[b * 13 + i];
    }
}

/* A benchmark with one result is left out while others have more, and comes in again with the
 * second; with none anywhere, all of them count, without a unit. */
static void benchmarks_without_two_results_are_left_out(void **state) {
    (void)state;
    const size_t trained[4] = {1, 6, 8, 10}, over[3] = {0, 2, 4};
    known k;
    know(&k, trained, 4);
    for (size_t i = 0; i < 13; i++)
        if (i != 6) k.z[2 * 13 + i] = NAN;
    ec_ranked r[MAX], only[MAX];
    bool left_out[3];
    ec_rank_about about = {.left_out = left_out};
    assert_int_equal(ec_rank(r, &about, &k.table, over, 3, NULL, NULL), EC_OK);
    assert_true(!left_out[0] && left_out[1] && !left_out[2] && about.n_left_out == 1);
    assert_true(about.scale_known);
    const size_t rest[2] = {0, 4};
    assert_int_equal(ec_rank(only, NULL, &k.table, rest, 2, NULL, NULL), EC_OK);
    for (size_t row = 0; row < 13; row++) {
        assert_int_equal(r[row].candidate, only[row].candidate);
        assert_near("order", r[row].order, only[row].order, 1e-12);
        assert_near("measured", r[row].measured, only[row].measured, 1e-12);
    }
    k.z[2 * 13 + 1] = k.z[2 * 13 + 6] + 1.0;
    assert_int_equal(ec_rank(r, &about, &k.table, over, 3, NULL, NULL), EC_OK);
    assert_true(about.n_left_out == 0 && !left_out[1]);
    know(&k, trained, 1);
    assert_int_equal(ec_rank(r, &about, &k.table, over, 3, NULL, NULL), EC_OK);
    assert_true(about.n_left_out == 0 && !about.scale_known && about.noise == 0.0);
    double best = 0.0;
    for (size_t row = 0; row < 13; row++) {
        assert_true(isnan(r[row].measured) && isnan(r[row].predicted) && isnan(r[row].low));
        best += r[row].p_best;
    }
    assert_near("best", best, 1.0, 1e-9);
}

/* Before any result a benchmark for which nobody has scores keeps nobody from a place. */
static void benchmarks_without_scores_are_left_out(void **state) {
    (void)state;
    const size_t over[2] = {0, 2}, rest = 0;
    known k;
    know(&k, NULL, 0);
    double a[PAPER_BENCHMARKS * MAX];
    memcpy(a, k.table.a, PAPER_BENCHMARKS * 13 * sizeof *a);
    for (size_t i = 0; i < 13; i++) a[2 * 13 + i] = NAN;
    k.table.a = a;
    ec_ranked r[MAX], only[MAX];
    bool left_out[2];
    ec_rank_about about = {.left_out = left_out};
    assert_int_equal(ec_rank(r, &about, &k.table, over, 2, NULL, NULL), EC_OK);
    assert_true(!left_out[0] && left_out[1] && about.n_left_out == 1 && !about.scale_known);
    assert_int_equal(ec_rank(only, NULL, &k.table, &rest, 1, NULL, NULL), EC_OK);
    for (size_t row = 0; row < 13; row++) {
        assert_int_equal(r[row].candidate, only[row].candidate);
        assert_false(isnan(r[row].p_best));
    }
}

/* Two benchmarks with results of different candidates: nobody has all, and gains are over what is
 * there. */
static void nobody_has_all_results(void **state) {
    (void)state;
    const size_t trained[4] = {1, 6, 8, 10}, over[2] = {0, 4};
    known k;
    know(&k, trained, 4);
    k.z[0 * 13 + 1] = k.z[0 * 13 + 6] = k.z[4 * 13 + 8] = k.z[4 * 13 + 10] = NAN;
    ec_ranked r[MAX];
    ec_rank_about about = {0};
    assert_int_equal(ec_rank(r, &about, &k.table, over, 2, NULL, NULL), EC_OK);
    assert_true(about.scale_known);
    for (size_t row = 0; row < 13; row++) {
        const size_t i = r[row].candidate;
        const bool has_result = i == 1 || i == 6 || i == 8 || i == 10;
        assert_int_equal(isnan(r[row].gain), has_result);
        assert_true(has_result || (r[row].merit == r[row].gain && r[row].gain >= 0.0));
    }
    ec_decision d;
    assert_int_equal(ec_decide(&d, r, 13, &about, NULL, NULL), EC_OK);
    assert_true(d.kind == EC_DECIDE_FINETUNE || d.kind == EC_DECIDE_STOP);
    assert_true(d.found_after > d.found && d.found_after <= 1.0);
    about.found = NAN;
    assert_int_equal(ec_decide(&d, r, 13, &about, NULL, NULL), EC_OK);
    assert_true(isnan(d.found) && isnan(d.found_after));
}

/* A third score that is noise does little harm, one that decides is found out, and the weight 0 is
 * as if it were not there. */
static void a_third_score(void **state) {
    (void)state;
    enum { M = 30 };
    double a[M], c[M], third[M], z[M], useless = 0.0, wanted = 0.0, blind = 0.0;
    ec_ranked r[M], two[M];
    ec_rng rng;
    ec_rng_init(&rng, 12, 0);
    for (size_t i = 0; i < M; i++) {
        a[i] = ec_rng_uniform(&rng);
        c[i] = 30.0 * ec_rng_uniform(&rng);
        third[i] = ec_rng_uniform(&rng) - 4.0;
    }
    ec_table table = {.n_candidates = M, .n_benchmarks = 1, .a = a, .c = c, .z = z};
    const ec_rank_options options = {.n_samples = 200};
    for (size_t i = 0; i < M; i++) z[i] = i < 15 ? 40.0 + 20.0 * a[i] + c[i] : NAN;
    table.n_more = 1;
    table.more = third;
    rank_one(r, &table, 0, &options);
    for (size_t i = 15; i < M; i++)
        useless = fmax(useless, fabs(r[i].predicted - 40.0 - 20.0 * a[i] - c[i]));
    assert_true(useless < 8.0); /* of 50 */

    const double not_used[3] = {2.0, 2.0, 0.0};
    table.weights = not_used;
    third[20] = NAN;
    rank_one(r, &table, 0, &options);
    third[20] = -3.5;
    table.weights = NULL;
    table.n_more = 0;
    rank_one(two, &table, 0, &options);
    assert_same_rows(r, two, M);

    for (size_t i = 0; i < M; i++) z[i] = i < 15 ? 40.0 + 20.0 * a[i] + 30.0 * third[i] : NAN;
    rank_one(two, &table, 0, &options);
    table.n_more = 1;
    rank_one(r, &table, 0, &options);
    for (size_t i = 15; i < M; i++) {
        const double truth = 40.0 + 20.0 * a[i] + 30.0 * third[i];
        wanted = fmax(wanted, fabs(r[i].predicted - truth));
        blind = fmax(blind, fabs(two[i].predicted - truth));
    }
    assert_true(wanted < 0.5 * blind);

    /* All the weight on one. */
    const double alone[3] = {0.0, 0.0, 5.0};
    table.weights = alone;
    for (size_t i = 0; i < M; i++) z[i] = NAN;
    rank_one(r, &table, 0, &options);
    for (size_t i = 1; i < M; i++) assert_true((r[i].order > r[0].order) == (third[i] > third[0]));
}

/* The law is of A and C. */
static void the_law_refuses_a_third_score(void **state) {
    (void)state;
    const size_t trained[8] = {0, 1, 3, 5, 7, 8, 9, 12}, b = 0;
    known k;
    know(&k, trained, 8);
    k.table.n_more = 1;
    k.table.more = k.paper.a; /* [1][8][13] */
    const ec_rank_options options = {.model = EC_RANK_LAW};
    ec_ranked r[MAX];
    ec_error err = {0};
    assert_int_equal(ec_rank(r, NULL, &k.table, &b, 1, &options, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "two scores"));
}

/* The unit of the results does not matter, however odd; copies of a candidate get what it gets;
 * results that differ by rounding alone still give numbers. */
static void odd_units_and_copies(void **state) {
    (void)state;
    enum { M = 8 };
    const double a[M] = {0, 1, 2, 3, 4, 4, 2, 3}, c[M] = {1, 0, 3, 2, 5, 5, 3, 2};
    const double z[M] = {10, 14, 25, 23, NAN, NAN, 24.5, NAN};
    static const double unit[] = {1e-100, 1e-9, 1e6, 1e100};
    ec_table table = {.n_candidates = M, .n_benchmarks = 1, .a = a, .c = c, .z = z};
    const ec_rank_options options = {.n_samples = 4000};
    ec_ranked r[M], s[M];
    rank_one(r, &table, 0, &options);
    assert_near("copy", r[4].predicted, r[5].predicted, 1e-10);
    assert_near("copy", r[4].high, r[5].high, 0.1 * (r[4].high - r[4].low));
    assert_near("copy of a result", r[3].predicted, r[7].predicted, 1e-10);
    assert_true(r[7].low < r[7].predicted && r[7].predicted < r[7].high);
    for (size_t u = 0; u < sizeof unit / sizeof *unit; u++) {
        double scaled[M];
        for (size_t i = 0; i < M; i++) scaled[i] = unit[u] * z[i];
        table.z = scaled;
        rank_one(s, &table, 0, &options);
        for (size_t i = 0; i < M; i++) {
            assert_near("predicted", s[i].predicted / unit[u], r[i].predicted, 1e-9);
            assert_near("low", s[i].low / unit[u], r[i].low, 1e-7);
            assert_near("p_best", s[i].p_best, r[i].p_best, 1e-3);
            assert_near("gain", s[i].gain / unit[u], r[i].gain, 1e-6);
        }
    }
    double nearly[M] = {1.0, 1.0 + 1e-12, 1.0, NAN, NAN, 1.0 - 1e-12, NAN, NAN};
    table.z = nearly;
    rank_one(s, &table, 0, &options);
    for (size_t i = 0; i < M; i++) {
        assert_near("nearly equal", s[i].predicted, 1.0, 1e-10);
        assert_true(isfinite(s[i].low) && isfinite(s[i].p_best));
    }
}

/* One score that differs, none, one candidate, one of two. */
static void tiny_tables(void **state) {
    (void)state;
    const double a[2] = {1, 2}, c[2] = {3, 3}, none[2] = {NAN, NAN}, one[2] = {5, NAN},
                 both[2] = {5, 6};
    const double *const z[3] = {none, one, both};
    for (size_t n = 1; n <= 2; n++)
        for (size_t k = 0; k < 3; k++) {
            const ec_table table = {
                .n_candidates = n, .n_benchmarks = 1, .a = a, .c = c, .z = z[k]};
            ec_ranked r[2];
            rank_one(r, &table, 0, NULL);
            double best = 0.0, top3 = 0.0;
            for (size_t i = 0; i < n; i++) {
                best += r[i].p_best;
                top3 += r[i].p_top3;
            }
            assert_near("best", best, 1.0, 1e-12);
            assert_near("top 3", top3, (double)n, 1e-12);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranking_does_not_depend_on_the_order_of_candidates),
        cmocka_unit_test(ranking_does_not_depend_on_units_or_direction),
        cmocka_unit_test(zero_and_one_observation_rank_without_units),
        cmocka_unit_test(equal_results_have_no_interval),
        cmocka_unit_test(missing_scores_and_results),
        cmocka_unit_test(constant_columns),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(same_seed_same_numbers),
        cmocka_unit_test(many_results),
        cmocka_unit_test(ten_thousand_candidates),
        cmocka_unit_test(the_number_of_threads_does_not_matter),
        cmocka_unit_test(a_candidate_without_a_moves_nothing),
        cmocka_unit_test(nothing_moves_two_finetuned_candidates),
        cmocka_unit_test(benchmarks_without_two_results_are_left_out),
        cmocka_unit_test(benchmarks_without_scores_are_left_out),
        cmocka_unit_test(nobody_has_all_results),
        cmocka_unit_test(a_third_score),
        cmocka_unit_test(the_law_refuses_a_third_score),
        cmocka_unit_test(odd_units_and_copies),
        cmocka_unit_test(tiny_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
