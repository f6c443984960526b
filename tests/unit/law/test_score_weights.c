/* What results say of the weights of the scores, against dense algebra in numpy: 9 candidates, 3
 * scores, every setting and a grid of 400 001 scales s. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "eyechart/law.h"
#include "eyechart/rank.h"

enum { N = 9, D = 3 };

static const double A[N] = {0.63, 0.23, 0.01, 0.47, 0.25, 0.55, 0.62, 0.16, 0.04},
                    C[N] = {0.9, 0.3, 0.82, 0.3, 0.45, 1.0, 0.99, 0.61, 0.51},
                    MORE[N] = {0.78, 0.87, 0.8, 0.28, 0.5, 0.79, 0.22, 0.04, 0.47},
                    Z[N] = {51.3, 62.8, 55.1, NAN, 70.2, 48.9, 66.6, NAN, 59.4},
                    Z_SE[N] = {NAN, NAN, 2.0, NAN, NAN, NAN, NAN, NAN, NAN},
                    WEIGHTS[D] = {1.0, 1.0, 0.5};

static ec_table table(void) {
    return (ec_table){.n_candidates = N,
                      .n_benchmarks = 1,
                      .a = A,
                      .c = C,
                      .z = Z,
                      .z_se = Z_SE,
                      .n_more = 1,
                      .more = MORE,
                      .weights = WEIGHTS};
}

static void assert_near(double got, double expected, double within) {
    if (!(fabs(got - expected) <= within * fabs(expected)))
        fail_msg("%.12g, expected %.12g", got, expected);
}

static void weights_are_those_of_the_exact_posterior(void **state) {
    (void)state;
    static const ec_score_weight expected[D] = {
        {1.2, 1.0878208893, 0.547897364765, 6.78670552941},
        {1.2, 0.921963001698, 0.552968611041, 5.76817449208},
        {0.6, 0.545749923275, 0.285743399765, 3.41014784792}};
    const ec_table t = table();
    ec_score_weight got[D];
    ec_weights_quality quality;
    ec_error err = {.message = ""};
    if (ec_rank_weights(got, &quality, &t, 0, &err) != EC_OK) fail_msg("%s", err.message);
    for (size_t j = 0; j < D; j++) {
        assert_near(got[j].given, expected[j].given, 1e-12);
        assert_near(got[j].mean, expected[j].mean, 1e-5);
        assert_near(got[j].sd, expected[j].sd, 1e-5);
        assert_near(got[j].slope, expected[j].slope, 1e-5);
    }
    assert_int_equal(quality.n, 7);
    assert_near(quality.loo_rmse, 7.011015392546574, 1e-5);
    assert_near(quality.loo_spearman, 0.39285714285714296, 1e-9);
}

/* Where less is better the same results upside down say the same; a unit is only a unit. */
static void direction_and_unit_do_not_matter(void **state) {
    (void)state;
    static const int lower = -1;
    double z[N], se[N];
    for (size_t i = 0; i < N; i++) {
        z[i] = 3.0 - 100.0 * Z[i];
        se[i] = 100.0 * Z_SE[i];
    }
    ec_table t = table();
    ec_score_weight one[D], other[D];
    ec_weights_quality quality[2];
    assert_int_equal(ec_rank_weights(one, &quality[0], &t, 0, NULL), EC_OK);
    t.z = z;
    t.z_se = se;
    t.direction = &lower;
    assert_int_equal(ec_rank_weights(other, &quality[1], &t, 0, NULL), EC_OK);
    for (size_t j = 0; j < D; j++) {
        assert_near(other[j].mean, one[j].mean, 1e-9);
        assert_near(other[j].sd, one[j].sd, 1e-9);
        assert_near(other[j].slope, 100.0 * one[j].slope, 1e-9);
    }
    assert_near(quality[1].loo_rmse, 100.0 * quality[0].loo_rmse, 1e-9);
}

/* Results that a score explains give it weight at the cost of one that they go against. */
static void a_score_that_tells_more_gets_more(void **state) {
    (void)state;
    enum { MANY = 30 };
    double a[MANY], c[MANY], z[MANY];
    for (size_t i = 0; i < MANY; i++) {
        a[i] = (double)i;
        c[i] = (double)(i * 7 % MANY);
        z[i] = 2.0 * a[i] - c[i] + (double)(i * 11 % 5);
    }
    const ec_table t = {.n_candidates = MANY, .n_benchmarks = 1, .a = a, .c = c, .z = z};
    ec_score_weight w[2];
    ec_weights_quality quality;
    assert_int_equal(ec_rank_weights(w, &quality, &t, 0, NULL), EC_OK);
    assert_true(w[0].mean > 1.3 && w[1].mean < 0.7 && w[0].slope > 0.0 && w[1].slope < w[0].slope);
    assert_true(quality.loo_spearman > 0.9);
}

static void too_few_results_are_told(void **state) {
    (void)state;
    const double equal[N] = {5, 5, 5, 5, 5, 5, 5, 5, 5};
    double one[N], few[N];
    for (size_t i = 0; i < N; i++) one[i] = few[i] = NAN;
    one[3] = few[3] = 1.0;
    few[5] = 2.0;
    ec_table t = table();
    ec_score_weight w[D];
    ec_weights_quality quality;
    ec_error err;
    t.z_se = NULL;
    t.z = equal;
    assert_int_equal(ec_rank_weights(w, &quality, &t, 0, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "fewer than 2 different results"));
    t.z = one;
    assert_int_equal(ec_rank_weights(w, &quality, &t, 0, &err), EC_ERR_ARG);
    t.z = few; /* weights, but nothing to leave out */
    assert_int_equal(ec_rank_weights(w, &quality, &t, 0, &err), EC_OK);
    for (size_t j = 0; j < D; j++) assert_true(isfinite(w[j].mean) && w[j].sd > 0.0);
    assert_true(isnan(quality.loo_rmse) && isnan(quality.loo_spearman));
}

/* The scores that are used, wherever they are, and who can be placed by them. */
static void the_scores_used_are_counted_through(void **state) {
    (void)state;
    double c[N], more[N];
    for (size_t i = 0; i < N; i++) {
        c[i] = NAN; /* it has no weight */
        more[i] = i == 2 ? NAN : (double)i;
    }
    static const double weights[] = {2, 0, 1};
    ec_table t = table();
    t.c = c;
    t.more = more;
    t.weights = weights;
    assert_int_equal(ec_table_n_used(&t), 2);
    assert_true(ec_table_used_index(&t, 1) == 2 && ec_table_used(&t, 0, 1, 4) == 4.0);
    assert_true(ec_table_places(&t, 0, 0) && !ec_table_places(&t, 0, 2));
    const ec_law_range range = ec_law_range_of(&t, 0); /* 0.01, the lowest A, is of candidate 2 */
    assert_true(range.a_min == 0.04 && range.a_max == 0.63);
    assert_true(range.c_min == 0.0 && range.c_max == 8.0);

    /* What is fitted: those that have a result, too, by the scores that are used. */
    double z[N], x[N], y[N], results[N];
    size_t candidate[N];
    for (size_t i = 0; i < N; i++) z[i] = i % 2 == 0 ? 10.0 * (double)i : NAN;
    t.z = z;
    const size_t n = ec_law_points_of(x, y, results, candidate, &t, 0);
    assert_int_equal(n, (N + 1) / 2 - 1); /* without candidate 2 */
    assert_int_equal(ec_law_points_of(NULL, NULL, NULL, NULL, &t, 0), n);
    for (size_t k = 0; k < n; k++) {
        const size_t i = k == 0 ? 0 : 2 * k + 2;
        assert_true(candidate[k] == i && results[k] == z[i]);
        assert_true(x[k] == t.a[i] && y[k] == more[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_those_of_the_exact_posterior),
        cmocka_unit_test(direction_and_unit_do_not_matter),
        cmocka_unit_test(a_score_that_tells_more_gets_more),
        cmocka_unit_test(too_few_results_are_told),
        cmocka_unit_test(the_scores_used_are_counted_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
