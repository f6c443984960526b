/* test_mixture.c - the model of law/mixture.h against numpy, and its promises
 *
 * tests/golden/mixture.csv: tools/make_rank_golden.py, dense solves on the 2024 results; three
 * scores are A, C and A for the next benchmark.
 */
#include "law/mixture.h"

#include "golden_csv.h"
#include "paper_table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "eyechart/rng.h"

enum { N = 13, D_MAX = 3 };

static paper_data paper;

static int load_paper(void **state) {
    (void)state;
    paper_load(&paper, "paper-2024.csv");
    return paper.n == N ? 0 : -1;
}

static void assert_near(const char *what, double x, double expected, double tolerance) {
    if (!(fabs(x - expected) <= tolerance))
        fail_msg("%s: %.15g, expected %.15g within %g", what, x, expected, tolerance);
}

static void normalise_into(double *x, size_t j, size_t d, const double *score) {
    double low = score[0], high = score[0];
    for (size_t i = 0; i < N; i++) {
        low = fmin(low, score[i]);
        high = fmax(high, score[i]);
    }
    for (size_t i = 0; i < N; i++) x[i * d + j] = (score[i] - low) / (high - low);
}

/* x [N][d] of benchmark b. */
static void points_of(double *x, size_t b, size_t d) {
    normalise_into(x, 0, d, paper.a + b * N);
    if (d > 1) normalise_into(x, 1, d, paper.c);
    if (d > 2) normalise_into(x, 2, d, paper.a + (b + 1) % PAPER_BENCHMARKS * N);
}

static ec_mixture *new_mixture(const double *x, const double *weight, size_t n, size_t d) {
    ec_mixture *m;
    ec_error err = {0};
    if (ec_mixture_new(&m, x, weight, n, d, &err) != EC_OK) fail_msg("%s", err.message);
    return m;
}

static void know(ec_mixture *m, const size_t *index, const double *y, size_t n) {
    ec_error err = {0};
    if (ec_mixture_know(m, index, y, n, &err) != EC_OK) fail_msg("%s", err.message);
}

static size_t benchmark_called(const char *name) {
    size_t b = 0;
    while (strcmp(paper_benchmark[b], name) != 0) b++;
    return b;
}

/* "0.5 2 1", made to have the mean 1; returns how many. */
static size_t read_weights(double *weight, const char *text) {
    size_t d = 0;
    double sum = 0.0;
    char *end;
    for (double w = strtod(text, &end); end != text; w = strtod(text, &end)) {
        weight[d++] = w;
        sum += w;
        text = end;
    }
    for (size_t j = 0; j < d; j++) weight[j] *= (double)d / sum;
    return d;
}

/* Observed, relative to the spread of the results: 9e-9 after 2 results, where s is least certain.
 */
static void predictions_and_gains_are_those_of_the_formula(void **state) {
    (void)state;
    golden_csv g;
    size_t n_rows = 0;
    for (golden_open(&g, "mixture.csv"); golden_next(&g); n_rows++) {
        const size_t b = benchmark_called(g.field[0]);
        double weight[D_MAX], x[N * D_MAX], y[N], mean[N], sd[N], gain[N];
        size_t index[N];
        const size_t d = read_weights(weight, g.field[1]), m = golden_indices(index, g.field[2]);
        double low = INFINITY, high = -INFINITY;
        for (size_t k = 0; k < m; k++) {
            y[k] = paper.z[b * N + index[k]];
            low = fmin(low, y[k]);
            high = fmax(high, y[k]);
        }
        points_of(x, b, d);
        ec_mixture *mixture = new_mixture(x, weight, N, d);
        know(mixture, index, y, m);
        ec_mixture_predict(mixture, mean, sd);
        ec_mixture_gain(mixture, gain);
        for (size_t i = 0; i < N; i++) {
            const double tolerance = 1e-6 * (high - low);
            assert_near("mean", mean[i], golden_number(&g, 3 + i), tolerance);
            assert_near("sd", sd[i], golden_number(&g, 16 + i), tolerance);
            assert_near("gain", gain[i], golden_number(&g, 29 + i), tolerance);
        }
        ec_mixture_free(mixture);
    }
    assert_int_equal(n_rows, 24);
}

/* Predictions [n], standard deviations [n] and gains [n] of a model that knows nothing else. */
static void ask(double *out, const double *x, size_t n, size_t d, const size_t *index,
                const double *y, size_t m) {
    ec_mixture *mixture = new_mixture(x, NULL, n, d);
    know(mixture, index, y, m);
    ec_mixture_predict(mixture, out, out + n);
    ec_mixture_gain(mixture, out + 2 * n);
    ec_mixture_free(mixture);
}

static void assert_all_near(const double *x, const double *expected, size_t n, double tolerance) {
    for (size_t i = 0; i < n; i++) assert_near("value", x[i], expected[i], tolerance);
}

static void results_one_by_one_are_results_at_once(void **state) {
    (void)state;
    const size_t index[6] = {4, 0, 9, 11, 2, 7}, turned[6] = {7, 2, 11, 9, 0, 4};
    double x[N * 2], y[6], back[6], expected[3 * N], out[3 * N];
    points_of(x, 1, 2);
    for (size_t k = 0; k < 6; k++) y[k] = back[5 - k] = paper.z[1 * N + index[k]];
    ask(expected, x, N, 2, index, y, 6);
    ec_mixture *mixture = new_mixture(x, NULL, N, 2);
    for (size_t m = 1; m <= 6; m++) {
        know(mixture, index, y, m);
        ec_mixture_predict(mixture, out, out + N); /* in between, too */
    }
    ec_mixture_gain(mixture, out + 2 * N);
    assert_memory_equal(out, expected, sizeof out);

    /* Fewer, another one, a corrected one: it starts anew. */
    know(mixture, index, y, 3);
    know(mixture, turned, back, 6);
    ec_mixture_predict(mixture, out, out + N);
    ec_mixture_gain(mixture, out + 2 * N);
    assert_all_near(out, expected, 3 * N, 1e-9 * 1500.0);
    back[5] += 100.0;
    know(mixture, turned, back, 6);
    ec_mixture_predict(mixture, out, NULL);
    assert_true(fabs(out[4] - expected[4]) > 1.0);
    back[5] -= 100.0;
    know(mixture, turned, back, 6);
    ec_mixture_predict(mixture, out, NULL);
    assert_all_near(out, expected, N, 1e-9 * 1500.0);
    ec_mixture_free(mixture);
}

/* No result, one, three equal ones: the trend, through what is known. */
static void equal_results_leave_the_trend(void **state) {
    (void)state;
    const size_t index[3] = {4, 0, 9};
    const double y[3] = {52.5, 52.5, 52.5};
    double x[N * 2], mean[N], sum = 0.0;
    points_of(x, 0, 2);
    ec_mixture *mixture = new_mixture(x, NULL, N, 2);
    for (size_t m = 0; m <= 3; m++) {
        know(mixture, index, y, m);
        assert_false(ec_mixture_scale_known(mixture));
        ec_mixture_predict(mixture, mean, NULL);
        for (size_t i = 1; i < N; i++)
            assert_near("step", mean[i] - mean[0], x[2 * i] + x[2 * i + 1] - x[0] - x[1], 1e-12);
        for (size_t k = 0; k < m; k++) sum += (mean[index[k]] - 52.5) / (double)m;
        assert_near("level", sum, 0.0, 1e-12);
        sum = 0.0;
    }
    ec_mixture_free(mixture);
}

/* The unit and the zero of the results do not matter, however odd, nor does the direction of
 * rounding where they are nearly equal. */
static void units_do_not_matter(void **state) {
    (void)state;
    static const double unit[] = {1e-250, 1e-12, 1e-3, 1e6, 1e250};
    const size_t index[5] = {4, 0, 9, 11, 2};
    double x[N * 2], y[5], expected[3 * N], out[3 * N];
    points_of(x, 3, 2);
    for (size_t k = 0; k < 5; k++) y[k] = paper.z[3 * N + index[k]];
    ask(expected, x, N, 2, index, y, 5);
    for (size_t u = 0; u < sizeof unit / sizeof *unit; u++) {
        double scaled[5];
        for (size_t k = 0; k < 5; k++) scaled[k] = unit[u] * y[k];
        ask(out, x, N, 2, index, scaled, 5);
        for (size_t i = 0; i < 3 * N; i++) out[i] /= unit[u];
        assert_all_near(out, expected, 3 * N, 1e-9 * 100.0);
    }
    double nearly[5] = {1.0, 1.0, 1.0 + 1e-12, 1.0, 1.0 - 1e-12};
    ask(out, x, N, 2, index, nearly, 5);
    for (size_t i = 0; i < N; i++) {
        assert_near("nearly equal", out[i], 1.0, 1e-11);
        assert_true(out[N + i] > 1e-14 && out[N + i] < 1e-10);
    }
}

/* What is not finetuned tells nothing: the same 13 among 3000 candidates. A copy of a candidate
 * shares its fate but for the noise. */
static void other_candidates_do_not_matter(void **state) {
    (void)state;
    enum { MANY = 3000 };
    static double x[MANY * 2], out[3 * MANY];
    const size_t index[6] = {4, 0, 9, 11, 2, 7};
    double y[6], expected[3 * N];
    ec_rng rng;
    ec_rng_init(&rng, 3, 0);
    points_of(x, 6, 2);
    for (size_t k = 0; k < 6; k++) y[k] = paper.z[6 * N + index[k]];
    ask(expected, x, N, 2, index, y, 6);
    for (size_t i = 2 * N; i < 2 * MANY; i++) x[i] = ec_rng_uniform(&rng);
    memcpy(x + 2 * N, x + 2 * 4, 2 * sizeof *x);       /* of 4, finetuned */
    memcpy(x + 2 * (N + 1), x + 2 * 5, 2 * sizeof *x); /* of 5, not */
    ask(out, x, MANY, 2, index, y, 6);
    for (size_t part = 0; part < 3; part++)
        assert_all_near(out + part * MANY, expected + part * N, N, 1e-9 * 60.0);
    assert_true(out[N] == out[4] && out[MANY + N] == out[MANY + 4]);
    assert_true(out[2 * MANY + 4] == 0.0 && out[2 * MANY + N] > 0.0);
    assert_true(out[2 * MANY + N + 1] == out[2 * MANY + 5]);
}

/* One score; one candidate; all scores the same; every candidate finetuned, more of them than the
 * pivots of rank; none at all. */
static void odd_sets_of_candidates(void **state) {
    (void)state;
    enum { ALL = 300 };
    static double x[ALL * 2], y[ALL], out[3 * ALL];
    static size_t index[ALL];
    ec_rng rng;
    ec_rng_init(&rng, 9, 0);
    for (size_t i = 0; i < ALL; i++) {
        x[2 * i] = ec_rng_uniform(&rng);
        x[2 * i + 1] = ec_rng_uniform(&rng);
        y[i] = 50.0 + 20.0 * x[2 * i] + 10.0 * x[2 * i + 1] + ec_rng_normal(&rng);
        index[i] = i;
    }
    ask(out, x, ALL, 2, index, y, ALL);
    for (size_t i = 0; i < ALL; i++) {
        assert_near("truth", out[i], 50.0 + 20.0 * x[2 * i] + 10.0 * x[2 * i + 1], 1.0);
        assert_true(out[ALL + i] > 0.8 && out[ALL + i] < 1.3 && out[2 * ALL + i] == 0.0);
    }

    double line[5] = {0.0, 0.25, 0.5, 0.75, 1.0}, same[5] = {0.0, 0.0, 0.0, 0.0, 0.0};
    ask(out, line, 5, 1, index, line, 3);
    assert_true(out[4] > out[3] && out[3] > out[2] && out[10 + 4] > out[10 + 3]);
    ask(out, same, 5, 1, index, line, 3);
    assert_true(out[4] == out[3] && out[4] == out[0] && out[10 + 3] > 0.0);
    ask(out, same, 5, 1, index, line, 1);
    assert_near("level", out[3], line[0], 1e-15);
    ask(out, line, 1, 1, index, line, 1);
    assert_near("alone", out[0], line[0], 1e-15);
    ec_mixture *nobody = new_mixture(line, NULL, 0, 2);
    ec_mixture_free(nobody);
    ec_mixture_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predictions_and_gains_are_those_of_the_formula),
        cmocka_unit_test(results_one_by_one_are_results_at_once),
        cmocka_unit_test(equal_results_leave_the_trend),
        cmocka_unit_test(units_do_not_matter),
        cmocka_unit_test(other_candidates_do_not_matter),
        cmocka_unit_test(odd_sets_of_candidates),
    };
    return cmocka_run_group_tests(tests, load_paper, NULL);
}
