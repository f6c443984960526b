/* test_reproduce.c - the paper's numbers come out, and those that cannot are named */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eyechart/reproduce.h"

typedef struct {
    ec_reproduce_row *row;
    size_t n;
} rows;

static int compute(void **state) {
    static rows r;
    ec_error err;
    if (ec_reproduce(&r.row, &r.n, &err) != EC_OK) {
        print_error("%s\n", err.message);
        return -1;
    }
    *state = &r;
    return 0;
}

static int release(void **state) {
    free(((rows *)*state)->row);
    return 0;
}

static const ec_reproduce_row *find(const rows *r, const char *item) {
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->row[i].item, item) == 0) return &r->row[i];
    fail_msg("no row '%s'", item);
    return NULL;
}

static size_t count(const rows *r, ec_verdict verdict) {
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) n += r->row[i].verdict == verdict;
    return n;
}

static void nothing_that_should_reproduce_fails(void **state) {
    const rows *r = *state;
    for (size_t i = 0; i < r->n; i++)
        if (r->row[i].verdict == EC_VERDICT_FAILED)
            fail_msg("%s: published %g, here %.9g, tolerance %g", r->row[i].item,
                     r->row[i].published, r->row[i].here, r->row[i].tolerance);
}

/* Counts follow from the paper: a row that silently disappears must show. */
static void every_published_number_has_a_row(void **state) {
    const rows *r = *state;
    /* table 1: 8 + 2; table 3: 16; table 4: 48; table 8: 3 + 1; table 9: 8; figure 4: 2;
     * figure 5: 4 + 2; cost: 2; 2025: 2 */
    assert_int_equal(r->n, 98);
    assert_int_equal(count(r, EC_VERDICT_MISPRINT), 4);
    assert_int_equal(count(r, EC_VERDICT_IN_DISTRIBUTION), 4);
    assert_int_equal(count(r, EC_VERDICT_NOT_REPRODUCIBLE), 5);
}

static void the_misprints_of_table_4_are_named(void **state) {
    const ec_reproduce_row *a2 = find(*state, "table 4: MMBench, coefficient of A2");
    assert_int_equal(a2->verdict, EC_VERDICT_MISPRINT);
    assert_true(fabs(a2->here - -1.72051371) < 1e-8);
    const ec_reproduce_row *one = find(*state, "table 4: SEED-Bench, coefficient of 1");
    assert_int_equal(one->verdict, EC_VERDICT_MISPRINT);
    assert_true(fabs(one->here - -0.15219008) < 1e-8);
    assert_non_null(strstr(one->note, "0.938"));
}

static void computed_values_are_those_of_the_reference(void **state) {
    /* Reference: exact recursion of the reference policies on the released scores. */
    assert_true(fabs(find(*state, "table 1: mean Recall@3, %")->here - 88.84) < 0.01);
    assert_true(fabs(find(*state, "table 8: mean Recall@1 after 6 finetunes, %")->here - 67.42) <
                0.01);
    assert_true(fabs(find(*state, "table 1, figure 4: VizWiz, Recall@3 after 3, %")->here - 80.95) <
                0.01);
    /* Ordinary least squares on the printed scores, scikit-learn. */
    assert_true(fabs(find(*state, "2025: AC polynomial, vision, R2")->here - 0.94081040) < 1e-8);
    assert_true(fabs(find(*state, "2025: AC polynomial, OCR, R2")->here - 0.83765291) < 1e-8);
}

static void text_is_complete(void **state) {
    const rows *r = *state;
    for (size_t i = 0; i < r->n; i++) {
        const ec_reproduce_row *row = &r->row[i];
        assert_true(strlen(row->item) + 1 < sizeof row->item); /* not cut */
        assert_true(strlen(row->note) + 1 < sizeof row->note);
        if (row->verdict == EC_VERDICT_REPRODUCED)
            assert_true(isfinite(row->tolerance));
        else
            assert_true(row->note[0] != '\0');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_should_reproduce_fails),
        cmocka_unit_test(every_published_number_has_a_row),
        cmocka_unit_test(the_misprints_of_table_4_are_named),
        cmocka_unit_test(computed_values_are_those_of_the_reference),
        cmocka_unit_test(text_is_complete),
    };
    return cmocka_run_group_tests_name("reproduce", tests, compute, release);
}
