/* test_simulate.c - the promises of eyechart/simulate.h, against the reference policies */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eyechart/rng.h"
#include "eyechart/simulate.h"
#include "golden_csv.h"
#include "paper_table.h"

enum { N = 13 }; /* candidates of 2024 */

typedef struct {
    double values[PAPER_BENCHMARKS * PAPER_CANDIDATES_MAX];
    double mean[PAPER_CANDIDATES_MAX], std_error[PAPER_CANDIDATES_MAX];
} outcome;

static paper_data paper;

static int load_paper(void **state) {
    (void)state;
    paper_load(&paper, "paper-2024.csv");
    return paper.n == N ? 0 : -1;
}

static outcome simulate(const ec_table *table, ec_simulate_options options) {
    outcome out;
    ec_error err;
    if (ec_simulate(out.values, out.mean, out.std_error, table, &options, &err) != EC_OK)
        fail_msg("%s", err.message);
    return out;
}

static ec_policy policy_called(const char *name) {
    for (int p = 0; p < EC_POLICIES; p++)
        if (strcmp(ec_policy_name((ec_policy)p), name) == 0) return (ec_policy)p;
    fail_msg("no policy %s", name);
    return EC_POLICIES;
}

/* "ei", or with a ranker other than its own, "prior law-gp". */
static ec_simulate_options player_called(const char *name) {
    char policy[32], ranker[32] = "default";
    if (sscanf(name, "%31s %31s", policy, ranker) < 1) fail_msg("no policy in '%s'", name);
    ec_simulate_options o = {.policy = policy_called(policy)};
    while (o.ranker < EC_RANKERS && strcmp(ec_ranker_name(o.ranker), ranker) != 0) o.ranker++;
    assert_true(o.ranker < EC_RANKERS);
    return o;
}

/* "h3" is first-hit in the top 3, and so on. */
static ec_metric metric_called(const char *letter) {
    switch (letter[0]) {
    case 'h':
        return EC_METRIC_FIRST_HIT;
    case 'b':
        return EC_METRIC_VERIFIED;
    case 'f':
        return EC_METRIC_TRAINED;
    default:
        return strcmp(letter, "regret") == 0 ? EC_METRIC_REGRET : EC_METRIC_RECALL;
    }
}

/* All rows of the six policies; `random` goes through every set there is, so of its rows only those
 * of the top 3. The file has 5 digits; greatest difference observed: 5.0e-6, its rounding. */
static void curves_agree_with_the_reference_policies(void **state) {
    (void)state;
    golden_csv csv;
    golden_open(&csv, "policy-curves.csv");
    size_t n_rows = 0;
    for (; golden_next(&csv); n_rows++) {
        const char *policy = csv.field[0], *metric = csv.field[1];
        const char last = metric[strlen(metric) - 1];
        const size_t top = last >= '1' && last <= '3' ? (size_t)(last - '0') : 3;
        if (strcmp(policy, "random") == 0 && top != 3) continue;
        ec_simulate_options o = player_called(policy);
        o.metric = metric_called(metric);
        o.top = top;
        const outcome out = simulate(&paper.table, o);
        /* A row of `verified` is by finetunes before the last `top`. */
        const size_t ahead = metric[0] == 'b' ? top : 0;
        for (size_t k = ahead > 0 ? 0 : 1; k + ahead <= N; k++)
            if (!(fabs(out.mean[k + ahead - 1] - golden_number(&csv, 2 + k)) < 6e-6))
                fail_msg("%s, %s, k = %zu: %.7f, expected %s", policy, metric, k,
                         out.mean[k + ahead - 1], csv.field[2 + k]);
        for (size_t k = 1; k < ahead; k++) assert_true(out.mean[k - 1] == 0.0);
        for (size_t k = 0; k < N; k++) assert_true(isnan(out.std_error[k]));
    }
    assert_int_equal(n_rows, (EC_POLICIES + 1) * 11);
}

/* The paper's Recall@m, benchmark by benchmark. The file has 6 digits; observed 5.0e-7, its
 * rounding. */
static void the_first_hit_of_every_benchmark_agrees(void **state) {
    (void)state;
    golden_csv csv;
    golden_open(&csv, "first-hit.csv");
    outcome by_top[4];
    for (size_t top = 1; top <= 3; top++)
        by_top[top] =
            simulate(&paper.table, (ec_simulate_options){.policy = EC_POLICY_AC, .top = top});
    size_t n_rows = 0;
    for (; golden_next(&csv); n_rows++) {
        const size_t benchmark = n_rows / 3, top = n_rows % 3 + 1;
        assert_string_equal(csv.field[0], paper_benchmark[benchmark]);
        assert_true(golden_number(&csv, 1) == (double)top);
        const double *value = by_top[top].values + benchmark * N;
        for (size_t k = 1; k <= N; k++)
            if (!(fabs(value[k - 1] - golden_number(&csv, 1 + k)) < 1e-6))
                fail_msg("%s, top %zu, k = %zu: %.8f, expected %s", csv.field[0], top, k,
                         value[k - 1], csv.field[1 + k]);
    }
    assert_int_equal(n_rows, 3 * PAPER_BENCHMARKS);
}

/* All 13, 78 or 715 ways to drop 1, 2 or 4 candidates. The file has 8 digits. */
static void sub_spaces_agree_with_the_reference_policies(void **state) {
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* 15 s there, for nothing that the test of threads below does not show */
#endif
    static const ec_metric metric[] = {EC_METRIC_RECALL, EC_METRIC_TRAINED, EC_METRIC_VERIFIED,
                                       EC_METRIC_FIRST_HIT};
    golden_csv csv;
    golden_open(&csv, "sub-spaces.csv");
    size_t n_rows = 0;
    for (; golden_next(&csv); n_rows++) {
        const size_t drop = (size_t)golden_number(&csv, 1), runs = (size_t)golden_number(&csv, 2);
        for (size_t m = 0; m < 4; m++) {
            const size_t k = m == 1 || m == 2 ? runs : 4;
            ec_simulate_options o = player_called(csv.field[0]);
            o.metric = metric[m];
            o.drop = drop;
            o.max_runs = k;
            const outcome out = simulate(&paper.table, o);
            if (!(fabs(out.mean[k - 1] - golden_number(&csv, 3 + m)) < 1e-8))
                fail_msg("%s, %zu dropped, %s: %.9f, expected %s", csv.field[0], drop,
                         ec_metric_name(metric[m]), out.mean[k - 1], csv.field[3 + m]);
            assert_true(isnan(out.mean[k])); /* past max_runs */
            assert_true(isnan(out.values[k]));
        }
    }
    assert_int_equal(n_rows, 9);
}

static void trials_agree_with_the_expectation(void **state) {
    (void)state;
    for (int policy = 0; policy < EC_POLICIES; policy++)
        for (int metric = 0; metric < EC_METRICS; metric++) {
            if (policy == EC_POLICY_RANDOM && metric == EC_METRIC_RECALL) continue; /* slow */
            ec_simulate_options o = {
                .policy = (ec_policy)policy, .metric = (ec_metric)metric, .seed = 3};
            const outcome exact = simulate(&paper.table, o);
            o.trials = 400;
            const outcome tried = simulate(&paper.table, o);
            for (size_t k = 0; k < N; k++) {
                assert_true(tried.std_error[k] >= 0.0);
                /* The floor is for values that all trials agree on: 1/(8 * 400). */
                const double allowed = 3.0 * fmax(tried.std_error[k], 1.0 / 3200.0);
                if (!(fabs(tried.mean[k] - exact.mean[k]) <= allowed))
                    fail_msg("%s, %s, k = %zu: %.5f +- %.5f, expected %.5f",
                             ec_policy_name((ec_policy)policy), ec_metric_name((ec_metric)metric),
                             k + 1, tried.mean[k], tried.std_error[k], exact.mean[k]);
            }
        }
}

/* The error is that of the mean over 8 benchmarks of 400 trials each: here the values are 0 or 1.
 */
static void the_standard_error_is_that_of_independent_trials(void **state) {
    (void)state;
    const ec_simulate_options o = {
        .policy = EC_POLICY_RANDOM, .metric = EC_METRIC_TRAINED, .trials = 400};
    const outcome out = simulate(&paper.table, o);
    for (size_t k = 0; k < N; k++) {
        double variance = 0.0;
        for (size_t b = 0; b < PAPER_BENCHMARKS; b++) {
            const double p = out.values[b * N + k];
            variance += p * (1.0 - p) / 399.0;
        }
        assert_true(fabs(out.std_error[k] - sqrt(variance) / PAPER_BENCHMARKS) < 1e-12);
    }
}

static void results_do_not_depend_on_the_number_of_threads(void **state) {
    (void)state;
    for (size_t trials = 0; trials <= 50; trials += 50) {
        ec_simulate_options o = {
            .policy = EC_POLICY_AC, .trials = trials, .drop = 1, .n_threads = 1};
        const outcome alone = simulate(&paper.table, o);
        o.n_threads = 3;
        const outcome together = simulate(&paper.table, o);
        assert_memory_equal(alone.values, together.values, PAPER_BENCHMARKS * N * sizeof(double));
        assert_memory_equal(alone.mean, together.mean, N * sizeof(double));
        o.seed = 1;
        const outcome other = simulate(&paper.table, o);
        assert_int_equal(memcmp(alone.mean, other.mean, N * sizeof(double)) == 0, trials == 0);
    }
}

/* More candidates than a mask of sets can hold. */
enum { MANY = 70 };

typedef struct {
    double a[MANY], c[MANY], z[MANY], values[MANY], mean[MANY], std_error[MANY];
    ec_table table;
} large;

static void min_max(double *out, const double *x, size_t n) {
    double low = x[0], high = x[0];
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, x[i]);
        high = fmax(high, x[i]);
    }
    for (size_t i = 0; i < n; i++) out[i] = (x[i] - low) / (high - low);
}

static void large_init(large *l) {
    ec_rng rng;
    ec_rng_init(&rng, 5, 0);
    for (size_t i = 0; i < MANY; i++) {
        l->a[i] = 0.3 + 0.5 * ec_rng_uniform(&rng);
        l->c[i] = 5.0 + 20.0 * ec_rng_uniform(&rng);
        l->z[i] = 40.0 + 30.0 * l->a[i] + 0.5 * l->c[i];
    }
    l->table = (ec_table){.n_candidates = MANY, .n_benchmarks = 1, .a = l->a, .c = l->c, .z = l->z};
}

static void many_candidates_are_played_in_trials(void **state) {
    (void)state;
    large l;
    large_init(&l);
    ec_simulate_options o = {
        .policy = EC_POLICY_RANDOM, .metric = EC_METRIC_TRAINED, .trials = 1000};
    assert_int_equal(ec_simulate(l.values, l.mean, l.std_error, &l.table, &o, NULL), EC_OK);
    for (size_t k = 0; k < MANY; k++) {
        const double expected = (double)(k + 1) / MANY;
        const double error = sqrt(expected * (1.0 - expected) / 1000.0);
        if (!(fabs(l.mean[k] - expected) <= 3.0 * error + 1e-12))
            fail_msg("k = %zu: %.4f, expected %.4f +- %.4f", k + 1, l.mean[k], expected, error);
    }

    /* z is linear in (a, c): two or three results are enough for the quadratic law to see the
     * direction, six or seven to know it. */
    for (int policy = 0; policy < EC_POLICIES; policy++) {
        o = (ec_simulate_options){
            .policy = (ec_policy)policy, .top = 1, .trials = 70, .max_runs = 15};
        o.ranker = EC_RANKER_QUADRATIC;
        ec_simulate(l.values, l.mean, l.std_error, &l.table, &o, NULL);
        for (size_t k = 8; k < 15; k++) assert_true(l.mean[k] == 1.0);
        assert_true(isnan(l.mean[15]));
        if (policy == EC_POLICY_AC || policy == EC_POLICY_RANDOM) assert_true(l.mean[0] < 0.2);
    }
}

/* A policy that leaves nothing to chance plays the same game every time: once is enough, and exact.
 */
static void policies_without_chance_are_played_once(void **state) {
    (void)state;
    large l;
    large_init(&l);
    ec_rng rng;
    ec_rng_init(&rng, 8, 0);
    for (size_t i = 0; i < MANY; i++) l.z[i] += 5.0 * ec_rng_normal(&rng);
    static const ec_policy policy[] = {EC_POLICY_PRIOR, EC_POLICY_EI, EC_POLICY_EXPLOIT,
                                       EC_POLICY_D_OPTIMAL};
    for (size_t p = 0; p < sizeof policy / sizeof *policy; p++)
        for (int metric = 0; metric < EC_METRICS; metric++) {
            ec_simulate_options o = {
                .policy = policy[p], .metric = (ec_metric)metric, .max_runs = 12, .seed = 1};
            double once[MANY], twice[MANY];
            assert_int_equal(ec_simulate(l.values, once, l.std_error, &l.table, &o, NULL), EC_OK);
            for (size_t k = 0; k < MANY; k++) assert_true(isnan(l.std_error[k]));
            o.trials = 3;
            o.seed = 2;
            assert_int_equal(ec_simulate(l.values, twice, l.std_error, &l.table, &o, NULL), EC_OK);
            for (size_t k = 0; k < 12; k++) {
                assert_true(fabs(once[k] - twice[k]) < 1e-12);
                assert_true(l.std_error[k] < 1e-7);
            }
        }
}

/* The first two draws, summed over by hand. */
static void draws_among_many_candidates_follow_the_policy(void **state) {
    (void)state;
    large l;
    large_init(&l);
    double a[MANY], c[MANY], first[MANY], second[MANY];
    min_max(a, l.a, MANY);
    min_max(c, l.c, MANY);
    size_t optimum = 0;
    for (size_t i = 1; i < MANY; i++)
        if (l.z[i] > l.z[optimum]) optimum = i;
    const ec_space space = {.n = MANY, .a = a, .c = c};
    const ec_trained none = {0};
    assert_int_equal(ec_policy_next(first, EC_POLICY_AC, &space, &none, NULL), EC_OK);
    double within_two = first[optimum];
    for (size_t i = 0; i < MANY; i++) {
        if (i == optimum || first[i] == 0.0) continue;
        const ec_trained one = {.n = 1, .index = &i, .y = &l.z[i]};
        assert_int_equal(ec_policy_next(second, EC_POLICY_AC, &space, &one, NULL), EC_OK);
        within_two += first[i] * second[optimum];
    }
    const ec_simulate_options o = {
        .policy = EC_POLICY_AC, .metric = EC_METRIC_TRAINED, .trials = 20000, .max_runs = 2};
    assert_int_equal(ec_simulate(l.values, l.mean, l.std_error, &l.table, &o, NULL), EC_OK);
    assert_true(first[optimum] > 0.01);
    assert_true(fabs(l.mean[0] - first[optimum]) <= 3.0 * l.std_error[0]);
    assert_true(fabs(l.mean[1] - within_two) <= 3.0 * l.std_error[1]);
}

static void missing_numbers_leave_candidates_out(void **state) {
    (void)state;
    paper_data p = paper;
    p.table.a = p.a;
    p.table.c = p.c;
    p.table.z = p.z;
    p.z[1 * N + 4] = NAN;                                         /* one candidate of MME */
    for (size_t i = 0; i < N - 1; i++) p.a[2 * N + i] = NAN;      /* all but one of OKVQA */
    for (size_t i = 0; i < N - 3; i++) p.z[3 * N + i] = INFINITY; /* all but three of SEED-Bench */
    const ec_simulate_options o = {.policy = EC_POLICY_RANDOM, .metric = EC_METRIC_TRAINED};
    const outcome out = simulate(&p.table, o);
    assert_true(fabs(out.values[0 * N + 11] - 12.0 / 13.0) < 1e-12);
    assert_true(fabs(out.values[1 * N + 11] - 1.0) < 1e-12);
    assert_true(isnan(out.values[1 * N + 12]));
    for (size_t k = 0; k < N; k++) assert_true(isnan(out.values[2 * N + k]));
    assert_true(fabs(out.values[3 * N + 1] - 2.0 / 3.0) < 1e-12);
    assert_true(isnan(out.values[3 * N + 3]));
    assert_true(fabs(out.mean[0] - (5.0 / 13.0 + 1.0 / 12.0 + 1.0 / 3.0) / 7.0) < 1e-12);
    assert_true(fabs(out.mean[12] - 1.0) < 1e-12);
}

/* Not even where it is missing; one with weight is played with, and leaves out those that lack it.
 */
static void a_score_without_weight_is_not_used(void **state) {
    (void)state;
    paper_data p = paper;
    double more[PAPER_BENCHMARKS * N], unused[3] = {1.0, 1.0, 0.0}, used[3] = {1.0, 1.0, 4.0};
    ec_rng rng;
    ec_rng_init(&rng, 2, 2);
    for (size_t i = 0; i < PAPER_BENCHMARKS * N; i++) more[i] = ec_rng_uniform(&rng);
    p.table.a = p.a;
    p.table.c = p.c;
    p.table.z = p.z;
    p.table.n_more = 1;
    p.table.more = more;
    p.table.weights = unused;
    more[3] = NAN;
    for (int policy = 0; policy < EC_POLICIES; policy++) {
        if (policy == EC_POLICY_RANDOM) continue;
        const ec_simulate_options o = {.policy = (ec_policy)policy, .metric = EC_METRIC_REGRET};
        p.table.weights = unused;
        const outcome with = simulate(&p.table, o), without = simulate(&paper.table, o);
        assert_memory_equal(with.values, without.values, PAPER_BENCHMARKS * N * sizeof(double));
        p.table.weights = used;
        const outcome three = simulate(&p.table, o);
        assert_true(isnan(three.values[N - 1]) && !isnan(three.values[2 * N - 1]));
        const bool of_sum = policy != EC_POLICY_AC && policy != EC_POLICY_D_OPTIMAL;
        assert_int_equal(memcmp(three.values + N, with.values + N, 7 * N * sizeof(double)) != 0,
                         of_sum);
    }
}

static void lower_can_be_better(void **state) {
    (void)state;
    paper_data p = paper;
    const int direction[PAPER_BENCHMARKS] = {-1, 1, -1, 1, 1, 1, 1, 1};
    for (size_t i = 0; i < N; i++) {
        p.z[0 * N + i] *= -1.0;
        p.z[2 * N + i] *= -1.0;
    }
    p.table.z = p.z;
    p.table.direction = direction;
    const ec_simulate_options o = {.policy = EC_POLICY_EI, .metric = EC_METRIC_REGRET};
    const outcome turned = simulate(&p.table, o), straight = simulate(&paper.table, o);
    assert_memory_equal(turned.values, straight.values, PAPER_BENCHMARKS * N * sizeof(double));
}

/* Every candidate has the same scores and result: no division by the empty range. */
static void a_table_without_differences_gives_numbers(void **state) {
    (void)state;
    double a[] = {1, 1, 1, 1, 1}, c[] = {2, 2, 2, 2, 2}, z[] = {3, 3, 3, 3, 3};
    const ec_table table = {.n_candidates = 5, .n_benchmarks = 1, .a = a, .c = c, .z = z};
    for (int policy = 0; policy < EC_POLICIES; policy++)
        for (int metric = 0; metric < EC_METRICS; metric++) {
            const outcome out =
                simulate(&table, (ec_simulate_options){.policy = (ec_policy)policy,
                                                       .metric = (ec_metric)metric});
            for (size_t k = 0; k < 5; k++) assert_true(isfinite(out.mean[k]));
            if (metric == EC_METRIC_TRAINED) assert_true(fabs(out.mean[1] - 0.4) < 1e-12);
            if (metric == EC_METRIC_RECALL && policy != EC_POLICY_EI) /* all tie at random */
                assert_true(fabs(out.mean[4] - 0.6) < 1e-12);
        }
}

static ec_status refuse(const ec_table *table, ec_simulate_options o, const char *words) {
    static double values[PAPER_BENCHMARKS * MANY], mean[MANY];
    ec_error err = {0};
    const ec_status status = ec_simulate(values, mean, NULL, table, &o, &err);
    if (status != EC_OK && strstr(err.message, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.message, words);
    return status;
}

static void what_cannot_be_simulated_is_refused(void **state) {
    (void)state;
    large l;
    large_init(&l);
    assert_int_equal(
        refuse(&l.table, (ec_simulate_options){.policy = EC_POLICY_AC}, "ask for trials"),
        EC_ERR_ARG);
    assert_int_equal(refuse(&l.table, (ec_simulate_options){.trials = 1, .drop = 20}, "drop fewer"),
                     EC_ERR_ARG);
    const ec_table *p = &paper.table;
    assert_int_equal(refuse(p, (ec_simulate_options){.drop = 10}, "nothing to simulate"),
                     EC_ERR_ARG);
    assert_int_equal(refuse(p, (ec_simulate_options){.drop = 9}, ""), EC_OK);
    assert_int_equal(refuse(p, (ec_simulate_options){.drop = 11, .metric = EC_METRIC_REGRET}, ""),
                     EC_OK);
    assert_int_equal(refuse(p, (ec_simulate_options){.drop = SIZE_MAX}, "nothing"), EC_ERR_ARG);
    assert_int_equal(refuse(p, (ec_simulate_options){.top = 13}, "nothing to simulate"),
                     EC_ERR_ARG);
    assert_int_equal(refuse(p, (ec_simulate_options){.policy = EC_POLICIES}, "no such"),
                     EC_ERR_ARG);
    assert_int_equal(refuse(p, (ec_simulate_options){.metric = EC_METRICS}, "no such"), EC_ERR_ARG);
    assert_int_equal(refuse(p, (ec_simulate_options){.ranker = EC_RANKERS}, "no such"), EC_ERR_ARG);
    const ec_table empty = {0};
    assert_int_equal(refuse(&empty, (ec_simulate_options){0}, "nothing to simulate"), EC_ERR_ARG);
}

static void every_metric_and_ranker_has_a_name(void **state) {
    (void)state;
    for (int m = 0; m < EC_METRICS; m++) assert_non_null(ec_metric_name((ec_metric)m));
    for (int r = 0; r < EC_RANKERS; r++) assert_non_null(ec_ranker_name((ec_ranker)r));
    assert_null(ec_metric_name(EC_METRICS));
    assert_null(ec_ranker_name(EC_RANKERS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_metric_and_ranker_has_a_name),
        cmocka_unit_test(curves_agree_with_the_reference_policies),
        cmocka_unit_test(the_first_hit_of_every_benchmark_agrees),
        cmocka_unit_test(sub_spaces_agree_with_the_reference_policies),
        cmocka_unit_test(trials_agree_with_the_expectation),
        cmocka_unit_test(the_standard_error_is_that_of_independent_trials),
        cmocka_unit_test(results_do_not_depend_on_the_number_of_threads),
        cmocka_unit_test(many_candidates_are_played_in_trials),
        cmocka_unit_test(policies_without_chance_are_played_once),
        cmocka_unit_test(draws_among_many_candidates_follow_the_policy),
        cmocka_unit_test(missing_numbers_leave_candidates_out),
        cmocka_unit_test(a_score_without_weight_is_not_used),
        cmocka_unit_test(lower_can_be_better),
        cmocka_unit_test(a_table_without_differences_gives_numbers),
        cmocka_unit_test(what_cannot_be_simulated_is_refused),
    };
    return cmocka_run_group_tests(tests, load_paper, NULL);
}
