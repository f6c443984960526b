/* The built-in studies say what the paper says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "eyechart/study.h"

static ec_study *open_study(const char *name) {
    ec_study *study;
    ec_error err;
    if (ec_study_open(&study, name, &err) != EC_OK) fail_msg("%s", err.message);
    return study;
}

static size_t candidate(const ec_study *study, const char *name) {
    size_t i;
    assert_int_equal(ec_study_find_candidate(&i, study, name, NULL), EC_OK);
    return i;
}

static size_t benchmark(const ec_study *study, const char *name) {
    size_t b;
    assert_int_equal(ec_study_find_benchmark(&b, study, name, NULL), EC_OK);
    return b;
}

static void paper_2024_has_13_settings_and_8_benchmarks_in_full_precision(void **state) {
    (void)state;
    ec_study *study = open_study("paper-2024");
    assert_string_equal(ec_study_name(study), "paper-2024");
    assert_false(ec_study_writable(study));
    assert_int_equal(ec_study_n_candidates(study), 13);
    assert_int_equal(ec_study_n_benchmarks(study), 8);
    assert_string_equal(ec_study_candidate(study, 0)->name, "CLIP@336");
    assert_true(isnan(ec_study_candidate(study, 0)->cost));

    ec_study_snapshot *known;
    assert_int_equal(ec_study_snapshot_get(&known, study, NULL), EC_OK);
    const size_t i = candidate(study, "C+D@224"), b = benchmark(study, "MME"), n = 13;
    assert_true(known->table.c[i] == 23.62);
    assert_true(known->table.a[b * n + i] == 0.535527344);
    assert_true(known->table.z[b * n + i] == 1436.419568);
    assert_int_equal(known->n_observed, 13);
    assert_int_equal(known->n_cost_unknown, 13);
    assert_true(known->hours_spent == 0.0 && known->hours_left == 0.0);
    for (size_t k = 0; k < 8 * n; k++) {
        assert_true(isfinite(known->table.a[k]) && isfinite(known->table.z[k]));
        assert_true(isnan(known->table.a_se[k]));
    }
    ec_study_snapshot_free(known);
    ec_study_close(study);
}

/* One A for all benchmarks is repeated in every row of the table. */
static void paper_2025_shares_a_between_its_benchmarks(void **state) {
    (void)state;
    ec_study *study = open_study("paper-2025");
    assert_int_equal(ec_study_n_candidates(study), 15);
    ec_study_snapshot *known;
    assert_int_equal(ec_study_snapshot_get(&known, study, NULL), EC_OK);
    const size_t i = candidate(study, "SigLIP2-L");
    for (size_t b = 0; b < 8; b++) assert_true(known->table.a[b * 15 + i] == -1.81);
    ec_study_snapshot_free(known);
    ec_study_close(study);
}

static void benchmarks_are_grouped_as_in_the_paper(void **state) {
    (void)state;
    ec_study *study = open_study("paper-2024");
    const char *const vision[] = {"MMBench", "MME", "OKVQA", "SEED-Bench"};
    const char *const ocr[] = {"MMMU", "TextVQA", "VizWiz", "ScienceQA"};
    for (size_t k = 0; k < 4; k++) {
        assert_string_equal(ec_study_benchmark(study, benchmark(study, vision[k]))->group,
                            "vision");
        assert_string_equal(ec_study_benchmark(study, benchmark(study, ocr[k]))->group, "ocr");
    }
    const ec_benchmark *mme = ec_study_benchmark(study, benchmark(study, "MME"));
    assert_int_equal(mme->direction, 1);
    assert_true(mme->weight == 1.0 && mme->low == -INFINITY && mme->high == INFINITY);
    ec_study_close(study);
}

static void a_misspelt_name_is_answered_with_the_nearest(void **state) {
    (void)state;
    ec_study *study = open_study("paper-2024");
    size_t i;
    ec_error err;
    assert_int_equal(ec_study_find_candidate(&i, study, "CLIP336", &err), EC_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "did you mean 'CLIP@336'"));
    assert_int_equal(ec_study_find_benchmark(&i, study, "textvqa", &err), EC_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "did you mean 'TextVQA'"));
    assert_int_equal(ec_study_find_benchmark(&i, study, "GQA-all", &err), EC_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "lists all 8"));
    ec_study_close(study);
}

static void the_list_of_built_in_studies_ends(void **state) {
    (void)state;
    assert_string_equal(ec_study_builtin(0), "paper-2024");
    assert_string_equal(ec_study_builtin(1), "paper-2025");
    assert_null(ec_study_builtin(2));
    assert_null(ec_study_builtin((size_t)-1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper_2024_has_13_settings_and_8_benchmarks_in_full_precision),
        cmocka_unit_test(paper_2025_shares_a_between_its_benchmarks),
        cmocka_unit_test(benchmarks_are_grouped_as_in_the_paper),
        cmocka_unit_test(a_misspelt_name_is_answered_with_the_nearest),
        cmocka_unit_test(the_list_of_built_in_studies_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
