/* What the policies are shown of a study, against numbers worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "asking/planning.h"
#include "folder.h"

/* Benchmark p counts three times as much as q, of which less is better; r does not count. */
static const char YAML[] =
    "benchmarks: [{name: p, weight: 3}, {name: q, direction: lower}, {name: r, weight: 0}]\n"
    "candidates:\n"
    "  - {name: a, C: 10, A_by_benchmark: [{benchmark: p, value: 1}, {benchmark: q, value: 5}]}\n"
    "  - {name: b, C: 30, A_by_benchmark: [{benchmark: p, value: 3}, {benchmark: q, value: 5}]}\n"
    "  - {name: c, C: 20, A_by_benchmark: [{benchmark: p, value: 2}, {benchmark: q, value: 9}]}\n"
    "  - {name: half, C: 20, A_by_benchmark: [{benchmark: q, value: 7}]}\n"
    "  - {name: no C, A: 2}\n"
    "  - {name: no A, C: 12}\n";
enum { A, B, C, HALF, NO_C, NO_A, N };

typedef struct {
    char folder[FOLDER_SIZE];
    ec_study *study;
    ec_numbers numbers;
    bool pending[N];
    const double *more, *weights; /* of the table; NULL: none */
    ec_planning plan;
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    folder_make(f->folder);
    folder_write(folder_join(f->folder, "study.yaml"), YAML);
    if (ec_study_open(&f->study, f->folder, NULL) != EC_OK) return -1;
    *state = f;
    return ec_study_read_all(&f->numbers, f->study, NULL) == EC_OK ? 0 : -1;
}

static int tear_down(void **state) {
    fixture *f = *state;
    ec_planning_release(&f->plan);
    ec_numbers_release(&f->numbers);
    ec_study_close(f->study);
    folder_remove(f->folder);
    free(f);
    return 0;
}

static void plan(fixture *f, ec_policy policy) {
    static const int direction[] = {1, -1, 1};
    const ec_table table = {.n_candidates = N,
                            .n_benchmarks = 3,
                            .a = f->numbers.a,
                            .c = f->numbers.c,
                            .z = f->numbers.z,
                            .direction = direction,
                            .n_more = f->more != NULL ? 1 : 0,
                            .more = f->more,
                            .weights = f->weights};
    ec_planning_release(&f->plan);
    assert_int_equal(
        ec_planning_init(&f->plan, f->study, &f->numbers, &table, f->pending, policy, NULL), EC_OK);
}

static void assert_near(double x, double y) {
    if (!(fabs(x - y) < 1e-12)) fail_msg("%.17g, expected %.17g", x, y);
}

/* Scores are over the candidates that can be placed: A of p over 1 to 3, of q over 5 to 9 ('no C'
 * has 2), and C over 10 to 30. */
static void points_are_weighted_means_of_normalised_scores(void **state) {
    fixture *f = *state;
    plan(f, EC_POLICY_PRIOR);
    assert_int_equal(f->plan.n, 4);
    assert_int_equal(f->plan.n_unplaced, 2);
    assert_string_equal(f->plan.names[3], "half");
    assert_near(f->plan.a[0], 0.0);
    assert_near(f->plan.a[1], (3 * 1.0 + 0.0) / 4);
    assert_near(f->plan.a[2], (3 * 0.5 + 1.0) / 4);
    assert_near(f->plan.a[3], 0.5); /* of the one benchmark it has */
    assert_near(f->plan.c[0], 0.0);
    assert_near(f->plan.c[1], 1.0);
    assert_near(f->plan.c[3], 0.5);
}

static void who_lacks_a_score_moves_nobody(void **state) {
    fixture *f = *state;
    plan(f, EC_POLICY_PRIOR);
    double a[4], c[4];
    memcpy(a, f->plan.a, sizeof a);
    memcpy(c, f->plan.c, sizeof c);
    f->numbers.c[NO_A] = 1e6; /* A is missing */
    for (size_t b = 0; b < 3; b++) f->numbers.a[b * N + NO_C] = -1e6;
    f->numbers.a[HALF] = NAN;
    plan(f, EC_POLICY_PRIOR);
    assert_int_equal(f->plan.n, 4);
    assert_memory_equal(a, f->plan.a, sizeof a);
    assert_memory_equal(c, f->plan.c, sizeof c);
}

/* A third score, without which 'c' and 'half' cannot be placed; C does not count. */
static void a_third_score_is_placed_likewise(void **state) {
    fixture *f = *state;
    static const double weights[] = {1, 0, 2};
    const double more[3][N] = {{4, 8, NAN, NAN, 6, 99}, {4, 8, NAN, NAN, 6, 99}, {0}};
    f->more = more[0];
    f->weights = weights;
    f->numbers.c[A] = NAN;
    plan(f, EC_POLICY_PRIOR);
    assert_int_equal(f->plan.n, 3);                 /* a, b, no C */
    assert_near(f->plan.a[0], (3 * 0.0 + 1.0) / 4); /* of p over 1 to 3, of q over 2 to 5 */
    assert_near(f->plan.a[1], (3 * 1.0 + 1.0) / 4);
    assert_near(f->plan.a[2], (3 * 0.5 + 0.0) / 4);
    assert_near(f->plan.c[1], 0.0);
    assert_near(f->plan.more[0], 0.0);
    assert_near(f->plan.more[1], 1.0);
    assert_near(f->plan.more[2], 0.5);
    const ec_space space = ec_planning_space(&f->plan);
    assert_true(space.n_more == 1 && space.more == f->plan.more && space.weights == weights);
}

static void results_turn_around_where_less_is_better(void **state) {
    fixture *f = *state;
    double *z = f->numbers.z;
    z[0 * N + A] = 100, z[0 * N + B] = 300, z[0 * N + C] = 150;
    z[1 * N + A] = 1, z[1 * N + B] = 5;
    z[2 * N + HALF] = 1;    /* trained, though what it was judged by does not count */
    z[0 * N + NO_C] = 1000; /* widens the range of p */
    f->pending[HALF] = f->pending[C] = true;
    plan(f, EC_POLICY_PRIOR);
    assert_int_equal(f->plan.n_taken, 4);
    assert_int_equal(f->plan.n_trained, 5);
    assert_int_equal(f->plan.n_pending, 0);
    assert_near(f->plan.y[0], (3 * 0.0 + 1.0) / 4);
    assert_near(f->plan.y[1], (3 * 200.0 / 900 + 0.0) / 4);
    assert_near(f->plan.y[2], 50.0 / 900);
    assert_true(isnan(f->plan.y[3]));
}

static void the_pending_are_taken_without_a_result(void **state) {
    fixture *f = *state;
    f->pending[B] = f->pending[NO_A] = true;
    plan(f, EC_POLICY_EI);
    assert_int_equal(f->plan.n_taken, 1);
    assert_int_equal(f->plan.n_pending, 2);
    assert_int_equal(f->plan.n_unplaced, 1); /* the other one without scores is being trained */
    assert_int_equal(f->plan.taken[0], 1);
    assert_true(isnan(f->plan.y[0]));
    assert_true(f->plan.is_taken[1] && !f->plan.is_taken[0]);
}

static void the_random_policy_places_everybody(void **state) {
    fixture *f = *state;
    plan(f, EC_POLICY_RANDOM);
    assert_int_equal(f->plan.n, N);
    assert_int_equal(f->plan.n_unplaced, 0);
    for (size_t k = 0; k < N; k++) assert_true(isfinite(f->plan.a[k]) && isfinite(f->plan.c[k]));
}

#define PLANNING_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        PLANNING_TEST(points_are_weighted_means_of_normalised_scores),
        PLANNING_TEST(who_lacks_a_score_moves_nobody),
        PLANNING_TEST(a_third_score_is_placed_likewise),
        PLANNING_TEST(results_turn_around_where_less_is_better),
        PLANNING_TEST(the_pending_are_taken_without_a_result),
        PLANNING_TEST(the_random_policy_places_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
