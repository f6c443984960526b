/* The promises of eyechart/study.h about what a check finds. */
#include "unit/asking/study_fixture.h"

/* ---- check -------------------------------------------------------------------------------- */

static void assert_finds(const char *yaml, const char *csv, fixture *f, ec_finding_level level,
                         const char *words) {
    folder_write(folder_join(f->path, "study.yaml"), yaml);
    reopen(f);
    if (csv != NULL) import_text(f, "x.csv", csv, false);
    ec_finding *findings;
    size_t n, k = 0;
    assert_int_equal(ec_study_check(&findings, &n, f->study, NULL), EC_OK);
    while (k < n && (findings[k].level != level || strstr(findings[k].message, words) == NULL)) k++;
    if (k == n) {
        for (size_t j = 0; j < n; j++)
            print_message("%d %s\n", findings[j].level, findings[j].message);
        free(findings);
        fail_msg("no finding of level %d with '%s'", level, words);
    }
    free(findings);
}

/* y has A in percent and C as a fraction. */
static const char UNITS[] =
    "benchmarks: [{name: MME}, {name: GQA}]\n"
    "candidates: [{name: x, A: 0.5, C: 13}, {name: y, A: 55, C: 0.2}, {name: z, A: 0.8, C: 26}]\n";

static void check_finds_what_would_weaken_a_ranking(void **state) {
    fixture *f = *state;
    assert_finds("benchmarks: [{name: MME}]\ncandidates: []\n", NULL, f, EC_FINDING_ERROR,
                 "no candidates");
    assert_finds("benchmarks: []\ncandidates: [{name: x}]\n", NULL, f, EC_FINDING_ERROR,
                 "no benchmarks");
    assert_finds("benchmarks: [{name: MME}]\ncandidates: [{name: x, C: 1}, {name: y, C: 1}]\n",
                 NULL, f, EC_FINDING_ERROR, "C is the same for every candidate");
    assert_finds("benchmarks: [{name: MME}]\ncandidates: [{name: x, A: 1}, {name: y, A: 1}]\n",
                 NULL, f, EC_FINDING_ERROR, "A for MME is the same for every candidate");
    assert_finds("benchmarks: [{name: MME, weight: 0}]\ncandidates: [{name: x, A: 1}]\n", NULL, f,
                 EC_FINDING_WARNING, "weight 0");
    assert_finds(YAML, NULL, f, EC_FINDING_NOTE, "cost is not declared for 1 of 5 candidates");
    assert_finds(YAML, NULL, f, EC_FINDING_NOTE, "no results yet");
    assert_finds(YAML, "candidate,MME\ngood,5\nbest,5\n", f, EC_FINDING_WARNING,
                 "MME: all 2 results are the same");
    assert_finds(YAML, NULL, f, EC_FINDING_NOTE, "fewer than 7 results for 1 of 2 benchmarks");
    assert_finds(YAML, NULL, f, EC_FINDING_NOTE, "no results yet for Error");
    assert_finds(YAML, NULL, f, EC_FINDING_NOTE, "without results for every benchmark: best, good");
    assert_finds("benchmarks: [{name: MME, range: [6, 7]}]\ncandidates: [{name: good}]\n", NULL, f,
                 EC_FINDING_WARNING, "MME of 'good': 5 is outside the range [6, 7]");
    assert_finds(UNITS, "candidate,GQA\nx,0.61\ny,60\nz,0\n", f, EC_FINDING_WARNING,
                 "A for MME: 55 for y, 0.8 or less for the others");
    assert_finds(UNITS, NULL, f, EC_FINDING_WARNING, "C: 0.2 for y, 13 or more for the others");
    assert_finds(UNITS, NULL, f, EC_FINDING_WARNING, "GQA: 0.61 for x, 60 for y; are all");
}

static size_t count_units(fixture *f, const char *results) {
    static const char SIX[] =
        "benchmarks: [{name: MME}]\n"
        "candidates: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}]\n";
    char csv[400] = "candidate,MME\n";
    folder_write(folder_join(f->path, "study.yaml"), SIX);
    unlink(folder_join(f->path, "study.db"));
    reopen(f);
    for (char name = 'a'; *results != '\0'; name++) {
        const size_t length = strcspn(results, " "), at = strlen(csv);
        snprintf(csv + at, sizeof csv - at, "%c,%.*s\n", name, (int)length, results);
        results += length + (results[length] == ' ');
    }
    import_text(f, "x.csv", csv, false);
    ec_finding *findings;
    size_t n, told = 0;
    assert_int_equal(ec_study_check(&findings, &n, f->study, NULL), EC_OK);
    for (size_t k = 0; k < n; k++) told += strstr(findings[k].message, "same unit?") != NULL;
    free(findings);
    return told;
}

static void mixed_units_are_told_from_a_wide_spread(void **state) {
    fixture *f = *state;
    assert_int_equal(count_units(f, "0.642 65.1 63.1"), 1);
    assert_int_equal(count_units(f, "0.642 3.2 65.1 63.1"), 1); /* a poor one hides no fraction */
    assert_int_equal(count_units(f, "0.60 0.65 0.95 12 66"), 1);
    assert_int_equal(count_units(f, "0.6 0.7 65"), 1);
    assert_int_equal(count_units(f, "-0.64 -65 -63"), 1); /* log-likelihoods */
    assert_int_equal(count_units(f, "0.7 1502 1480"), 1);
    assert_int_equal(count_units(f, "0.8 1.2 15 20 30"), 0); /* percentages of a hard benchmark */
    assert_int_equal(count_units(f, "0.9 1.1 1.3 1.5"), 0);
    assert_int_equal(count_units(f, "0 65 63"), 0);
    assert_int_equal(count_units(f, "6 9 12 40 65"), 0);
}

static void a_benchmark_against_all_others_is_told(void **state) {
    fixture *f = *state;
    static const char THREE[] =
        "benchmarks: [{name: MME}, {name: GQA}, {name: Error%s}]\n"
        "candidates: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}, {name: f}]\n";
    char yaml[400];
    snprintf(yaml, sizeof yaml, THREE, "");
    assert_finds(yaml,
                 "candidate,MME,GQA,Error\na,1,2,.9\nb,2,1,.8\nc,3,3,.7\nd,4,5,.5\ne,5,4,.6\n"
                 "f,6,6,.1\n",
                 f, EC_FINDING_WARNING,
                 "Error orders 6 candidates against the other benchmarks (rank correlation -0.9");
    assert_finds("benchmarks: [{name: GQA}, {name: Error}]\n"
                 "candidates: [{name: a}, {name: b}, {name: c}, {name: d}, {name: e}, {name: f}]\n",
                 NULL, f, EC_FINDING_WARNING,
                 "GQA and Error order 6 candidates against each other (rank correlation -0.9");
    snprintf(yaml, sizeof yaml, THREE, ", direction: lower");
    folder_write(folder_join(f->path, "study.yaml"), yaml);
    reopen(f);
    ec_finding *findings;
    size_t n;
    assert_int_equal(ec_study_check(&findings, &n, f->study, NULL), EC_OK);
    for (size_t k = 0; k < n; k++) assert_null(strstr(findings[k].message, "orders"));
    free(findings);
}

#define STUDY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        STUDY_TEST(check_finds_what_would_weaken_a_ranking),
        STUDY_TEST(mixed_units_are_told_from_a_wide_spread),
        STUDY_TEST(a_benchmark_against_all_others_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
