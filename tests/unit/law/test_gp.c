/* The Gaussian process against gp() of the reference policies (tests/golden/gp.csv: random subsets
 * of the paper's candidates, several hyper-parameters), and its symmetries. */
#include "eyechart/gp.h"

#include "golden_csv.h"
#include "paper_table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const ec_gp_options law_prior = {.kappa = 1.0};

/* The candidates of one benchmark as points, min-max normalised over all of them. */
static void space(double *a, double *c, const paper_data *p, size_t b) {
    double min[2] = {INFINITY, INFINITY}, max[2] = {-INFINITY, -INFINITY};
    for (size_t i = 0; i < p->n; i++) {
        min[0] = fmin(min[0], p->a[b * p->n + i]);
        max[0] = fmax(max[0], p->a[b * p->n + i]);
        min[1] = fmin(min[1], p->c[i]);
        max[1] = fmax(max[1], p->c[i]);
    }
    for (size_t i = 0; i < p->n; i++) {
        a[i] = (p->a[b * p->n + i] - min[0]) / (max[0] - min[0]);
        c[i] = (p->c[i] - min[1]) / (max[1] - min[1]);
    }
}

static void assert_near(const char *what, double x, double expected, double tolerance) {
    if (!(golden_difference(x, expected) <= tolerance))
        fail_msg("%s: %.15g, expected %.15g within %g", what, x, expected, tolerance);
}

/* Observed: 2e-12. */
static void posterior_is_that_of_the_reference(void **state) {
    (void)state;
    paper_data p;
    paper_load(&p, "paper-2024.csv");
    golden_csv g;
    double worst = 0.0;
    for (golden_open(&g, "gp.csv"); golden_next(&g);) {
        size_t b = 0, trained[PAPER_CANDIDATES_MAX];
        while (strcmp(paper_benchmark[b], g.field[0]) != 0) b++;
        const ec_gp_options options = {.kappa = golden_number(&g, 1),
                                       .length = golden_number(&g, 2),
                                       .noise = golden_number(&g, 3)};
        const size_t m = golden_indices(trained, g.field[4]);
        double a[PAPER_CANDIDATES_MAX], c[PAPER_CANDIDATES_MAX], y[PAPER_CANDIDATES_MAX],
            mean[PAPER_CANDIDATES_MAX], sd[PAPER_CANDIDATES_MAX], scale;
        space(a, c, &p, b);
        for (size_t i = 0; i < m; i++) y[i] = p.z[b * p.n + trained[i]];
        assert_int_equal(ec_gp_predict(mean, sd, &scale, &options, a, c, p.n, trained, y, m, NULL),
                         EC_OK);
        assert_near("scale", scale, golden_number(&g, 5), 1e-9);
        for (size_t i = 0; i < p.n; i++) {
            assert_near("mean", mean[i], golden_number(&g, 6 + i), 1e-9);
            assert_near("sd", sd[i], golden_number(&g, 6 + p.n + i), 1e-9);
            worst = fmax(worst, golden_difference(mean[i], golden_number(&g, 6 + i)));
            worst = fmax(worst, golden_difference(sd[i], golden_number(&g, 6 + p.n + i)));
        }
    }
    print_message("posterior: largest difference %.1e\n", worst);
}

/* y -> alpha y + beta with alpha > 0 carries mean, sd and s along: no unit is built in. */
static void posterior_is_equivariant_in_y(void **state) {
    (void)state;
    paper_data p;
    paper_load(&p, "paper-2024.csv");
    for (size_t b = 0; b < PAPER_BENCHMARKS; b++) {
        double a[PAPER_CANDIDATES_MAX], c[PAPER_CANDIDATES_MAX], y[2][5], mean[2][16], sd[2][16],
            scale[2];
        const size_t trained[5] = {1, 4, 6, 9, 12};
        space(a, c, &p, b);
        for (size_t i = 0; i < 5; i++) {
            y[0][i] = p.z[b * p.n + trained[i]];
            y[1][i] = 1000.0 * y[0][i] - 77.0;
        }
        for (int k = 0; k < 2; k++)
            assert_int_equal(ec_gp_predict(mean[k], sd[k], &scale[k], &law_prior, a, c, p.n,
                                           trained, y[k], 5, NULL),
                             EC_OK);
        assert_near("scale", scale[1], 1000.0 * scale[0], 1e-9);
        for (size_t i = 0; i < p.n; i++) {
            assert_near("mean", mean[1][i], 1000.0 * mean[0][i] - 77.0, 1e-9);
            assert_near("sd", sd[1][i], 1000.0 * sd[0][i], 1e-9);
        }
    }
}

/* 200 points, 150 of them observed: beyond the stack's room, the same posterior as 8 of them. */
static void many_points_agree_with_few(void **state) {
    (void)state;
    enum { N = 200 };
    double a[N], c[N], y[N], mean[N], sd[N], few_mean[N], few_sd[N];
    size_t trained[N];
    for (size_t i = 0; i < N; i++) {
        a[i] = (double)(i % 14) / 13.0;
        c[i] = (double)(i * 7 % 29) / 28.0;
        y[i] = 3.0 * a[i] + c[i] * c[i];
        trained[i] = i;
    }
    assert_int_equal(ec_gp_predict(mean, sd, NULL, &law_prior, a, c, N, trained, y, 8, NULL),
                     EC_OK);
    assert_int_equal(
        ec_gp_predict(few_mean, few_sd, NULL, &law_prior, a, c, 20, trained, y, 8, NULL), EC_OK);
    for (size_t i = 0; i < 20; i++) {
        assert_near("mean", mean[i], few_mean[i], 1e-10);
        assert_near("sd", sd[i], few_sd[i], 1e-10);
    }
    assert_int_equal(ec_gp_predict(mean, sd, NULL, &law_prior, a, c, N, trained, y, 150, NULL),
                     EC_OK);
    for (size_t i = 150; i < N; i++) {
        assert_near("interpolated", mean[i], 3.0 * a[i] + c[i] * c[i], 0.05);
        assert_true(sd[i] > 0.0 && sd[i] < 0.2);
    }
}

/* With no result there is only the prior: the order of a + c. */
static void no_observation_gives_the_prior(void **state) {
    (void)state;
    const double a[3] = {0.0, 0.5, 1.0}, c[3] = {1.0, 0.9, 0.0};
    double mean[3], sd[3], scale;
    assert_int_equal(ec_gp_predict(mean, sd, &scale, NULL, a, c, 3, NULL, NULL, 0, NULL), EC_OK);
    for (int i = 0; i < 3; i++) {
        assert_near("mean", mean[i], a[i] + c[i] - 3.4 / 3.0, 1e-15);
        assert_near("sd", sd[i], 1.0, 0.0);
    }
    assert_near("scale", scale, 1.0, 0.0);
}

/* Equal results have no scale; the order of the prior survives and nothing becomes NaN. */
static void equal_observations_stay_finite(void **state) {
    (void)state;
    const double a[4] = {0.0, 0.3, 0.6, 1.0}, c[4] = {0.1, 0.0, 1.0, 0.7}, y[2] = {5.0, 5.0};
    const size_t trained[2] = {0, 1};
    double mean[4], sd[4];
    assert_int_equal(ec_gp_predict(mean, sd, NULL, &law_prior, a, c, 4, trained, y, 2, NULL),
                     EC_OK);
    for (int i = 0; i < 4; i++) {
        assert_near("mean", mean[i], 5.0, 1e-9);
        assert_true(isfinite(sd[i]));
    }
}

static void bad_arguments_are_refused(void **state) {
    (void)state;
    double a[2] = {0.0, 1.0}, mean[2];
    const double c[2] = {0.0, 1.0}, y[1] = {1.0};
    size_t trained[1] = {2};
    ec_error err;
    assert_int_equal(ec_gp_predict(mean, NULL, NULL, NULL, a, c, 2, trained, y, 1, &err),
                     EC_ERR_ARG);
    assert_non_null(strstr(err.message, "point 3 of 2"));
    const ec_gp_options negative = {.length = -1.0};
    trained[0] = 0;
    assert_int_equal(ec_gp_predict(mean, NULL, NULL, &negative, a, c, 2, trained, y, 1, &err),
                     EC_ERR_ARG);
    a[1] = NAN;
    assert_int_equal(ec_gp_predict(mean, NULL, NULL, NULL, a, c, 2, trained, y, 1, &err),
                     EC_ERR_ARG);
    assert_non_null(strstr(err.message, "point 2"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posterior_is_that_of_the_reference),
        cmocka_unit_test(posterior_is_equivariant_in_y),
        cmocka_unit_test(many_points_agree_with_few),
        cmocka_unit_test(no_observation_gives_the_prior),
        cmocka_unit_test(equal_observations_stay_finite),
        cmocka_unit_test(bad_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
