/* test_policy.c - the promises of eyechart/policy.h */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "eyechart/policy.h"
#include "eyechart/rng.h"
#include "golden_csv.h"
#include "paper_table.h"

/* The candidates of one benchmark, normalised, and their results. */
typedef struct {
    double a[PAPER_CANDIDATES_MAX], c[PAPER_CANDIDATES_MAX];
    const double *z;
    ec_space space;
} field;

static void min_max(double *out, const double *x, size_t n) {
    double low = x[0], high = x[0];
    for (size_t i = 0; i < n; i++) {
        low = fmin(low, x[i]);
        high = fmax(high, x[i]);
    }
    for (size_t i = 0; i < n; i++) out[i] = (x[i] - low) / (high - low);
}

static void field_init(field *f, const paper_data *d, size_t benchmark) {
    min_max(f->a, d->a + benchmark * d->n, d->n);
    min_max(f->c, d->c, d->n);
    f->z = d->z + benchmark * d->n;
    f->space = (ec_space){.n = d->n, .a = f->a, .c = f->c};
}

static ec_policy policy_called(const char *name) {
    for (int p = 0; p < EC_POLICIES; p++)
        if (strcmp(ec_policy_name((ec_policy)p), name) == 0) return (ec_policy)p;
    fail_msg("no policy %s", name);
    return EC_POLICIES;
}

static size_t benchmark_called(const char *name) {
    for (size_t b = 0; b < PAPER_BENCHMARKS; b++)
        if (strcmp(paper_benchmark[b], name) == 0) return b;
    fail_msg("no benchmark %s", name);
    return 0;
}

static void every_policy_has_a_name_and_a_summary(void **state) {
    (void)state;
    for (int p = 0; p < EC_POLICIES; p++) {
        assert_non_null(ec_policy_name((ec_policy)p));
        assert_true(strlen(ec_policy_summary((ec_policy)p)) > 10);
    }
    assert_null(ec_policy_name(EC_POLICIES));
    assert_null(ec_policy_summary(EC_POLICIES));
}

/* 280 states of the paper's table. The file has 9 digits; observed difference 5e-10, its rounding.
 */
static void chances_agree_with_the_reference_policies(void **state) {
    (void)state;
    paper_data data;
    paper_load(&data, "paper-2024.csv");
    golden_csv csv;
    golden_open(&csv, "policy-next.csv");
    size_t n_states = 0;
    for (; golden_next(&csv); n_states++) {
        const char *policy = csv.field[0], *benchmark = csv.field[1];
        const unsigned long mask = strtoul(csv.field[2], NULL, 10);
        field f;
        field_init(&f, &data, benchmark_called(benchmark));
        size_t index[PAPER_CANDIDATES_MAX], n = 0;
        double y[PAPER_CANDIDATES_MAX], p[PAPER_CANDIDATES_MAX];
        for (size_t i = 0; i < data.n; i++) {
            if (!(mask >> i & 1)) continue;
            index[n] = i;
            y[n++] = f.z[i];
        }
        const ec_trained trained = {.n = n, .index = index, .y = y};
        assert_int_equal(ec_policy_next(p, policy_called(policy), &f.space, &trained, NULL), EC_OK);
        for (size_t i = 0; i < data.n; i++)
            if (fabs(p[i] - golden_number(&csv, 3 + i)) > 1e-9)
                fail_msg("%s on %s after %#lx: candidate %zu has chance %.9f, expected %s", policy,
                         benchmark, mask, i, p[i], csv.field[3 + i]);
    }
    assert_int_equal(n_states, 5 * PAPER_BENCHMARKS * 7);
}

static double total(const double *p, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) sum += p[i];
    return sum;
}

/* Random spaces, with pending candidates and coinciding points among them. */
static void chances_are_a_distribution_over_the_untaken(void **state) {
    (void)state;
    enum { N = 40 };
    ec_rng rng;
    ec_rng_init(&rng, 1, 0);
    for (int round = 0; round < 50; round++) {
        double a[N], c[N], y[N], p[N];
        size_t index[N];
        for (size_t i = 0; i < N; i++) {
            a[i] = ec_rng_uniform(&rng);
            c[i] = ec_rng_uniform(&rng);
            index[i] = i;
        }
        a[3] = a[4];
        c[3] = c[4];
        const size_t n = ec_rng_below(&rng, N);
        for (size_t i = 0; i < n; i++) {
            const size_t other = i + ec_rng_below(&rng, N - i), was = index[i];
            index[i] = index[other];
            index[other] = was;
            y[i] = ec_rng_below(&rng, 4) == 0 ? NAN : ec_rng_normal(&rng);
        }
        const ec_space space = {.n = N, .a = a, .c = c};
        const ec_trained trained = {.n = n, .index = index, .y = y};
        for (int policy = 0; policy < EC_POLICIES; policy++) {
            assert_int_equal(ec_policy_next(p, (ec_policy)policy, &space, &trained, NULL), EC_OK);
            for (size_t i = 0; i < N; i++) assert_true(p[i] >= 0.0);
            for (size_t i = 0; i < n; i++) assert_true(p[index[i]] == 0.0);
            assert_true(fabs(total(p, N) - 1.0) < 1e-12);
        }
    }
}

static void candidates_that_tie_share_the_chance(void **state) {
    (void)state;
    const double a[] = {0.0, 1.0, 0.25, 0.6}, c[] = {0.0, 0.5, 1.0, 0.9 + 1e-13};
    const size_t index[] = {0};
    const double y[] = {1.0};
    double p[4];
    const ec_space space = {.n = 4, .a = a, .c = c};
    const ec_trained trained = {.n = 1, .index = index, .y = y};
    assert_int_equal(ec_policy_next(p, EC_POLICY_PRIOR, &space, &trained, NULL), EC_OK);
    assert_true(p[0] == 0.0 && p[1] == 0.5 && p[2] == 0.0 && p[3] == 0.5);
}

/* a = 1 lies on the far edge of the plane, not in a cell of its own. */
static void the_score_1_belongs_to_the_last_cell(void **state) {
    (void)state;
    const double a[] = {1.0, 0.8, 0.0}, c[] = {1.0, 0.8, 0.0};
    double p[3];
    const ec_space space = {.n = 3, .a = a, .c = c};
    const ec_trained none = {0};
    assert_int_equal(ec_policy_next(p, EC_POLICY_AC, &space, &none, NULL), EC_OK);
    assert_true(p[0] == 0.25 && p[1] == 0.25 && p[2] == 0.5);
}

static double cell_of(double x, int level) {
    const double cells = ldexp(1.0, level);
    return fmin(floor(x * cells), cells - 1.0);
}

static bool same_cell(const ec_space *s, size_t i, size_t j, int level) {
    return cell_of(s->a[i], level) == cell_of(s->a[j], level) &&
           cell_of(s->c[i], level) == cell_of(s->c[j], level);
}

/* The header's rule, word for word, in quadratic time. */
static void sample_regions_plainly(double *p, const ec_space *s, const bool *taken) {
    for (int level = 1; level <= 25; level++) {
        double cells = 0.0;
        for (size_t i = 0; i < s->n; i++) {
            double members = 0.0;
            bool is_free = true;
            for (size_t j = 0; j < s->n; j++) {
                if (!same_cell(s, i, j, level)) continue;
                members += 1.0;
                is_free = is_free && !taken[j];
            }
            p[i] = is_free ? 1.0 / members : 0.0;
            cells += p[i];
        }
        for (size_t i = 0; i < s->n && cells > 0.0; i++) p[i] /= cells;
        if (cells > 0.0) return;
    }
    fail_msg("the points of this test should differ within 25 levels");
}

/* Clusters and points on common lines, so that cells are shared on many levels. */
static void region_sampling_follows_its_rule_on_larger_spaces(void **state) {
    (void)state;
    enum { N = 60 };
    ec_rng rng;
    ec_rng_init(&rng, 2, 0);
    for (size_t round = 0; round < 40; round++) {
        double a[N], c[N], y[N], p[N], expected[N];
        size_t index[N], n = 0;
        bool taken[N];
        const double width = round % 2 ? 1.0 : 0.01;
        for (size_t i = 0; i < N; i++) {
            a[i] = i % 7 == 0 ? 1.0 : width * ec_rng_uniform(&rng);
            c[i] = i % 5 == 0 ? 0.5 : width * ec_rng_uniform(&rng);
            taken[i] = i != 1 && ec_rng_below(&rng, 8) < round % 8;
            if (!taken[i]) continue;
            index[n] = i;
            y[n++] = 1.0;
        }
        const ec_space space = {.n = N, .a = a, .c = c};
        const ec_trained trained = {.n = n, .index = index, .y = y};
        assert_int_equal(ec_policy_next(p, EC_POLICY_AC, &space, &trained, NULL), EC_OK);
        /* 0 and 35 coincide, but 1 is always left, and the plain rule ends there at the latest. */
        sample_regions_plainly(expected, &space, taken);
        for (size_t i = 0; i < N; i++)
            if (fabs(p[i] - expected[i]) > 1e-12)
                fail_msg("round %zu, candidate %zu: chance %g, expected %g", round, i, p[i],
                         expected[i]);
    }
}

/* The authors' loop refines the grid for ever when all that is left coincides with what was taken.
 */
static void region_sampling_ends_where_no_grid_separates(void **state) {
    (void)state;
    const double a[] = {0.0, 0.3, 0.3, 0.3, 1.0}, c[] = {1.0, 0.7, 0.7, 0.7, 0.0};
    const size_t index[] = {0, 4, 2};
    const double y[] = {1.0, NAN, 3.0};
    double p[5];
    const ec_space space = {.n = 5, .a = a, .c = c};
    const ec_trained trained = {.n = 3, .index = index, .y = y};
    assert_int_equal(ec_policy_next(p, EC_POLICY_AC, &space, &trained, NULL), EC_OK);
    assert_true(p[1] == 0.5 && p[3] == 0.5);
    const char *const names[] = {"p", "q", "r", "s", "t"};
    char reason[200];
    ec_policy_reason(reason, sizeof reason, EC_POLICY_AC, &space, &trained, 1, names);
    assert_non_null(strstr(reason, "2 candidates left all have the scores of trained ones"));
}

/* Workers hold two candidates and have reported neither; one result is known. */
static void pending_candidates_are_taken_but_tell_nothing(void **state) {
    (void)state;
    paper_data data;
    paper_load(&data, "paper-2024.csv");
    field f;
    field_init(&f, &data, 0);
    const size_t index[] = {4, 0, 5};
    const double pending[] = {NAN, 64.0, NAN};
    const ec_trained some = {.n = 3, .index = index, .y = pending};
    double p[PAPER_CANDIDATES_MAX], q[PAPER_CANDIDATES_MAX];

    /* With 1 result there is no unit: the prior's order among those left. */
    assert_int_equal(ec_policy_next(q, EC_POLICY_PRIOR, &f.space, &some, NULL), EC_OK);
    for (int policy = EC_POLICY_EI; policy <= EC_POLICY_EXPLOIT;
         policy += EC_POLICY_EXPLOIT - EC_POLICY_EI) {
        assert_int_equal(ec_policy_next(p, (ec_policy)policy, &f.space, &some, NULL), EC_OK);
        assert_memory_equal(p, q, data.n * sizeof *p);
    }

    /* With 3 results they choose as if the pending ones were trained without telling anything. */
    const size_t more[] = {0, 3, 7, 8, 1};
    const double results[] = {f.z[0], f.z[3], f.z[7], NAN, NAN};
    const ec_trained known_only = {.n = 3, .index = more, .y = results},
                     with_pending = {.n = 5, .index = more, .y = results};
    for (int policy = EC_POLICY_EI; policy <= EC_POLICY_EXPLOIT;
         policy += EC_POLICY_EXPLOIT - EC_POLICY_EI) {
        assert_int_equal(ec_policy_next(p, (ec_policy)policy, &f.space, &with_pending, NULL),
                         EC_OK);
        assert_int_equal(ec_policy_next(q, (ec_policy)policy, &f.space, &known_only, NULL), EC_OK);
        assert_true(q[8] == 0.0);
        if (q[1] == 0.0)
            assert_memory_equal(p, q, data.n * sizeof *p);
        else /* its favourite is being trained: the next one */
            assert_true(p[1] == 0.0 && total(p, data.n) == 1.0);
    }

    /* The design counts them as if they were trained. */
    const double known[] = {60.0, 64.0, 50.0};
    const ec_trained all = {.n = 3, .index = index, .y = known};
    assert_int_equal(ec_policy_next(p, EC_POLICY_D_OPTIMAL, &f.space, &some, NULL), EC_OK);
    assert_int_equal(ec_policy_next(q, EC_POLICY_D_OPTIMAL, &f.space, &all, NULL), EC_OK);
    assert_memory_equal(p, q, data.n * sizeof *p);
}

/* 40 points of a steep curve are trained, its best among them; what is left lies between bad ones,
 * where the model is sure. The expected improvement of both is next to nothing (1e-51, 1e-42), yet
 * the higher one is the less hopeless, in any unit of the results. */
static void expected_improvement_that_underflows_is_still_ordered(void **state) {
    (void)state;
    enum { N = 42 };
    double a[N], c[N], y[N], p[N];
    size_t index[N], n = 0;
    for (size_t i = 0; i < N; i++) {
        a[i] = (double)i / (N - 1);
        c[i] = 0.0;
        if (i == 5 || i == 10) continue;
        index[n] = i;
        y[n++] = 100.0 * a[i];
    }
    const ec_space space = {.n = N, .a = a, .c = c};
    const ec_trained trained = {.n = n, .index = index, .y = y};
    for (int round = 0; round < 3; round++) {
        assert_int_equal(ec_policy_next(p, EC_POLICY_EI, &space, &trained, NULL), EC_OK);
        assert_true(p[10] == 1.0 && p[5] == 0.0);
        for (size_t i = 0; i < n; i++) y[i] *= 1e-8;
    }
}

/* A score without weight is as if it were not there, for every policy with a model of the sum; one
 * with weight counts. */
static void weights_of_the_scores(void **state) {
    (void)state;
    enum { N = 12 };
    double a[N], c[N], more[N], y[4], p[N], q[N];
    const size_t index[] = {2, 5, 7, 9};
    ec_rng rng;
    ec_rng_init(&rng, 4, 0);
    for (size_t i = 0; i < N; i++) {
        a[i] = ec_rng_uniform(&rng);
        c[i] = ec_rng_uniform(&rng);
        more[i] = ec_rng_uniform(&rng);
    }
    for (size_t k = 0; k < 4; k++) y[k] = a[index[k]] + c[index[k]];
    const double unused[] = {2.0, 1.0, 0.0}, two[] = {4.0, 2.0}, last[] = {0.0, 0.0, 3.0};
    const ec_space without = {.n = N, .a = a, .c = c, .weights = two},
                   with = {.n = N, .a = a, .c = c, .n_more = 1, .more = more, .weights = unused},
                   third = {.n = N, .a = a, .c = c, .n_more = 1, .more = more, .weights = last},
                   alone = {.n = N, .a = more, .c = c, .weights = (double[]){1.0, 0.0}};
    for (size_t n = 0; n <= 4; n += 2) {
        const ec_trained trained = {.n = n, .index = index, .y = y};
        for (int policy = 0; policy < EC_POLICIES; policy++) {
            assert_int_equal(ec_policy_next(p, (ec_policy)policy, &without, &trained, NULL), EC_OK);
            assert_int_equal(ec_policy_next(q, (ec_policy)policy, &with, &trained, NULL), EC_OK);
            assert_memory_equal(p, q, sizeof p);
            if (policy == EC_POLICY_AC || policy == EC_POLICY_D_OPTIMAL) continue; /* of A and C */
            assert_int_equal(ec_policy_next(p, (ec_policy)policy, &third, &trained, NULL), EC_OK);
            assert_int_equal(ec_policy_next(q, (ec_policy)policy, &alone, &trained, NULL), EC_OK);
            assert_memory_equal(p, q, sizeof p);
        }
    }
    const ec_trained none = {0};
    ec_error err;
    const double negative[] = {1.0, -1.0}, nothing[] = {0.0, 0.0};
    const ec_space bad = {.n = N, .a = a, .c = c, .weights = negative},
                   empty = {.n = N, .a = a, .c = c, .weights = nothing};
    assert_int_equal(ec_policy_next(p, EC_POLICY_PRIOR, &bad, &none, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "-1"));
    assert_int_equal(ec_policy_next(p, EC_POLICY_PRIOR, &empty, &none, &err), EC_ERR_ARG);
}

static void what_cannot_be_answered_is_refused(void **state) {
    (void)state;
    double a[] = {0.0, 0.5, 1.0}, p[3];
    const double c[] = {0.0, 1.0, 0.5};
    const ec_space space = {.n = 3, .a = a, .c = c};
    const size_t all[] = {0, 1, 2}, twice[] = {1, 1}, beyond[] = {3};
    const double y[] = {1.0, 2.0, 3.0}, infinite[] = {INFINITY};
    ec_error err;

    const ec_trained everybody = {.n = 3, .index = all, .y = y};
    assert_int_equal(ec_policy_next(p, EC_POLICY_AC, &space, &everybody, &err), EC_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "all 3 candidates"));
    const ec_trained doubled = {.n = 2, .index = twice, .y = y};
    assert_int_equal(ec_policy_next(p, EC_POLICY_AC, &space, &doubled, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "twice"));
    const ec_trained outside = {.n = 1, .index = beyond, .y = y};
    assert_int_equal(ec_policy_next(p, EC_POLICY_AC, &space, &outside, &err), EC_ERR_ARG);
    const ec_trained endless = {.n = 1, .index = all, .y = infinite};
    assert_int_equal(ec_policy_next(p, EC_POLICY_EI, &space, &endless, &err), EC_ERR_ARG);
    const ec_trained none = {0};
    assert_int_equal(ec_policy_next(p, EC_POLICIES, &space, &none, &err), EC_ERR_ARG);
    a[1] = 1.5;
    assert_int_equal(ec_policy_next(p, EC_POLICY_PRIOR, &space, &none, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "1.5"));
    a[1] = NAN;
    assert_int_equal(ec_policy_next(p, EC_POLICY_PRIOR, &space, &none, NULL), EC_ERR_ARG);
    /* Chance alone needs no scores. */
    assert_int_equal(ec_policy_next(p, EC_POLICY_RANDOM, &space, &none, NULL), EC_OK);
}

/* MMBench; CLIP@336 (64.26) and DINOv2 are trained. */
static void reasons_name_the_numbers_that_decided(void **state) {
    (void)state;
    paper_data data;
    paper_load(&data, "paper-2024.csv");
    field f;
    field_init(&f, &data, 0);
    const char *names[PAPER_CANDIDATES_MAX];
    for (size_t i = 0; i < data.n; i++) names[i] = data.name[i];
    const size_t index[] = {0, 3};
    const double y[] = {f.z[0], f.z[3]};
    const ec_trained two = {.n = 2, .index = index, .y = y}, none = {0};
    char reason[400], expected[120];

    size_t best = 1, second = 2; /* by a + c, of the 11 left */
    for (size_t i = 1; i < data.n; i++)
        if (i != 3 && f.a[i] + f.c[i] > f.a[best] + f.c[best]) best = i;
    for (size_t i = 1; i < data.n; i++)
        if (i != 3 && i != best && f.a[i] + f.c[i] > f.a[second] + f.c[second]) second = i;
    assert_int_not_equal(best, second);
    ec_policy_reason(reason, sizeof reason, EC_POLICY_PRIOR, &f.space, &two, best, names);
    snprintf(expected, sizeof expected,
             "largest A + C, each scaled to 0-1, of the 11 candidates left (%.4g; next %s, %.4g)",
             f.a[best] + f.c[best], names[second], f.a[second] + f.c[second]);
    assert_string_equal(reason, expected);
    ec_policy_reason(reason, sizeof reason, EC_POLICY_PRIOR, &f.space, &two, second, names);
    snprintf(expected, sizeof expected,
             "number 2 by A + C, each scaled to 0-1, of the 11 candidates left (%.4g; first %s",
             f.a[second] + f.c[second], names[best]);
    assert_non_null(strstr(reason, expected));

    double p[PAPER_CANDIDATES_MAX];
    assert_int_equal(ec_policy_next(p, EC_POLICY_AC, &f.space, &none, NULL), EC_OK);
    ec_policy_reason(reason, sizeof reason, EC_POLICY_AC, &f.space, &none, 0, names);
    snprintf(expected, sizeof expected, "(chance %.3g %%)", 100.0 * p[0]);
    assert_non_null(strstr(reason, "level 1, 2 x 2 cells"));
    assert_non_null(strstr(reason, expected));

    ec_policy_reason(reason, sizeof reason, EC_POLICY_EXPLOIT, &f.space, &none, 5, names);
    assert_non_null(strstr(reason, "by A + C, each scaled to 0-1, of the 13 candidates left"));
    ec_policy_reason(reason, sizeof reason, EC_POLICY_EXPLOIT, &f.space, &two, 5, names);
    assert_non_null(strstr(reason, "against 64.26 of CLIP@336, the best result so far"));
    ec_policy_reason(reason, sizeof reason, EC_POLICY_EI, &f.space, &two, 5, names);
    assert_non_null(strstr(reason, "expected improvement"));
    assert_non_null(strstr(reason, ": predicted "));
    const double pending[] = {y[0], NAN};
    const ec_trained one = {.n = 2, .index = index, .y = pending};
    ec_policy_reason(reason, sizeof reason, EC_POLICY_EI, &f.space, &one, 5, names);
    assert_null(strstr(reason, "predicted")); /* one result does not tell the scale */
    ec_policy_reason(reason, sizeof reason, EC_POLICY_D_OPTIMAL, &f.space, &two, 5, names);
    assert_non_null(strstr(reason, "information about the law"));
    ec_policy_reason(reason, sizeof reason, EC_POLICY_RANDOM, &f.space, &two, 5, names);
    assert_string_equal(reason, "drawn at random from the 11 candidates left");

    char small[8];
    ec_policy_reason(small, sizeof small, EC_POLICY_RANDOM, &f.space, &two, 5, names);
    assert_string_equal(small, "drawn a");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_policy_has_a_name_and_a_summary),
        cmocka_unit_test(chances_agree_with_the_reference_policies),
        cmocka_unit_test(chances_are_a_distribution_over_the_untaken),
        cmocka_unit_test(candidates_that_tie_share_the_chance),
        cmocka_unit_test(the_score_1_belongs_to_the_last_cell),
        cmocka_unit_test(region_sampling_follows_its_rule_on_larger_spaces),
        cmocka_unit_test(region_sampling_ends_where_no_grid_separates),
        cmocka_unit_test(pending_candidates_are_taken_but_tell_nothing),
        cmocka_unit_test(expected_improvement_that_underflows_is_still_ordered),
        cmocka_unit_test(weights_of_the_scores),
        cmocka_unit_test(what_cannot_be_answered_is_refused),
        cmocka_unit_test(reasons_name_the_numbers_that_decided),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
