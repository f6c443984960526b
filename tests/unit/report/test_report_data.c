/* The page shows what the library computes, and nothing in a study can get out of its data. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/file.h"
#include "eyechart/asking.h"
#include "eyechart/picture.h"
#include "eyechart/simulate.h"
#include "report/data.h"

/* A study and the report's data of it. */
typedef struct fixture {
    ec_study *study;
    ec_study_snapshot *snapshot;
    json_t *data;
    size_t n, m;
} fixture;

static void fixture_open(fixture *f, const char *path, const ec_report_options *options) {
    ec_error err;
    assert_int_equal(ec_study_open(&f->study, path, &err), EC_OK);
    assert_int_equal(ec_study_snapshot_get(&f->snapshot, f->study, &err), EC_OK);
    assert_int_equal(ec_report_data(&f->data, f->study, options, &err), EC_OK);
    f->n = f->snapshot->table.n_candidates;
    f->m = f->snapshot->table.n_benchmarks;
}

static void fixture_close(fixture *f) {
    json_decref(f->data);
    ec_study_snapshot_free(f->snapshot);
    ec_study_close(f->study);
}

/* A temporary folder with a study made from a CSV. */
typedef struct made_study {
    char folder[64], csv[96], path[96], page[96];
} made_study;

static void study_make(made_study *s, const char *csv) {
    ec_error err;
    strcpy(s->folder, "/tmp/report-test-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    snprintf(s->csv, sizeof s->csv, "%s/table.csv", s->folder);
    snprintf(s->path, sizeof s->path, "%s/study", s->folder);
    snprintf(s->page, sizeof s->page, "%s/page.html", s->folder);
    assert_int_equal(ec_file_write(s->csv, csv, strlen(csv), &err), EC_OK);
    if (ec_study_create_from(s->path, s->csv, NULL, NULL, &err) != EC_OK)
        fail_msg("%s", err.message);
}

static void study_remove(const made_study *s) {
    char command[128];
    snprintf(command, sizeof command, "rm -r '%s'", s->folder);
    assert_int_equal(system(command), 0);
}

/* All results known, and so few candidates that replaying the policies takes no time. */
static const char SEVEN[] = "candidate,C,A x,A y,x,y\n"
                            "one,1,0.50,0.3,10,5\ntwo,4,0.70,0.9,31,2\nthree,2,0.60,0.1,17,9\n"
                            "four,9,0.20,0.4,25,7\nfive,7,0.10,0.8,12,4\nsix,3,0.90,0.2,40,8\n"
                            "seven,6,0.35,0.6,22,1\n";

/* null stands for what is not a finite number. */
static void assert_number(const json_t *value, double expected) {
    if (isfinite(expected)) {
        assert_true(json_is_real(value));
        assert_true(json_real_value(value) == expected);
    } else {
        assert_true(json_is_null(value));
    }
}

static void assert_numbers(const json_t *array, const double *expected, size_t n) {
    assert_int_equal(json_array_size(array), n);
    for (size_t i = 0; i < n; i++) assert_number(json_array_get(array, i), expected[i]);
}

static void assert_words(const json_t *value, const char *expected) {
    assert_true(json_is_string(value));
    assert_string_equal(json_string_value(value), expected);
}

static json_t *of(const json_t *object, const char *key) {
    json_t *value = json_object_get(object, key);
    if (value == NULL) fail_msg("no '%s'", key);
    return value;
}

static json_t *nth(const json_t *object, const char *key, size_t i) {
    return json_array_get(of(object, key), i);
}

/* ---- the numbers ------------------------------------------------------------------------------
 */

static void scores_and_results_are_those_of_the_study(void **state) {
    const fixture f = *(fixture *)*state;
    const ec_table *t = &f.snapshot->table;
    assert_int_equal(json_array_size(of(f.data, "candidates")), f.n);
    assert_int_equal(json_array_size(of(f.data, "benchmarks")), f.m);
    for (size_t i = 0; i < f.n; i++) {
        const json_t *candidate = nth(f.data, "candidates", i);
        assert_words(of(candidate, "name"), ec_study_candidate(f.study, i)->name);
        assert_number(of(candidate, "c"), t->c[i]);
    }
    for (size_t b = 0; b < f.m; b++) {
        const json_t *benchmark = nth(f.data, "benchmarks", b);
        assert_words(of(benchmark, "name"), ec_study_benchmark(f.study, b)->name);
        assert_numbers(of(benchmark, "a"), t->a + b * f.n, f.n);
        assert_numbers(of(benchmark, "z"), t->z + b * f.n, f.n);
    }
    assert_words(of(of(f.data, "study"), "name"), "paper-2024");
    assert_true(json_is_true(of(of(f.data, "study"), "builtin")));
}

static void the_law_is_that_of_law_h(void **state) {
    (void)state;
    const ec_report_options options = {.rank = {.law = {.model = EC_LAW_ADDITIVE, .ridge = 0.01}}};
    made_study s;
    fixture f;
    study_make(&s, SEVEN);
    fixture_open(&f, s.path, &options);
    const ec_table *t = &f.snapshot->table;
    double *fitted = calloc(2 * f.n, sizeof *fitted), *left = fitted + f.n;
    for (size_t b = 0; b < f.m; b++) {
        const double *a = t->a + b * f.n, *z = t->z + b * f.n;
        ec_law law;
        ec_law_quality q;
        assert_int_equal(ec_law_fit(&law, &options.rank.law, NULL, a, t->c, z, f.n, NULL), EC_OK);
        assert_int_equal(
            ec_law_validate(&q, fitted, left, &options.rank.law, NULL, a, t->c, z, f.n, NULL),
            EC_OK);
        const json_t *shown = of(nth(f.data, "benchmarks", b), "law");
        assert_words(of(shown, "model"), "additive");
        assert_int_equal(json_array_size(of(shown, "terms")), 4);
        assert_numbers(of(shown, "w"), law.w, EC_LAW_TERMS);
        assert_numbers(of(shown, "fitted"), fitted, f.n);
        assert_numbers(of(shown, "left_out"), left, f.n);
        assert_number(of(of(shown, "quality"), "r2"), q.r2);
        assert_number(of(of(shown, "quality"), "loo_q2"), q.loo_q2);
        assert_number(of(of(shown, "quality"), "p_value"), q.p_value);
    }
    free(fitted);
    fixture_close(&f);
    study_remove(&s);
}

/* Figure 2 and table 3 of the paper, from the authors' data at full precision. */
static void the_models_of_the_groups_reach_the_published_values(void **state) {
    static const struct {
        size_t group;
        const char *model;
        double percent;
    } PUBLISHED[] = {{0, "a-quadratic", 76.56},
                     {0, "c-quadratic", 56.91},
                     {0, "linear", 83.24},
                     {0, "quadratic", 95.72},
                     {1, "quadratic", 85.21}};
    const fixture f = *(fixture *)*state;
    assert_words(of(nth(f.data, "groups", 0), "name"), "vision");
    assert_words(of(nth(f.data, "groups", 1), "name"), "ocr");
    for (size_t p = 0; p < sizeof PUBLISHED / sizeof *PUBLISHED; p++) {
        const json_t *models = of(nth(f.data, "groups", PUBLISHED[p].group), "models");
        size_t k = 0;
        while (strcmp(json_string_value(of(json_array_get(models, k), "model")),
                      PUBLISHED[p].model) != 0)
            k++;
        const double r2 = json_real_value(of(json_array_get(models, k), "r2"));
        assert_true(fabs(100.0 * r2 - PUBLISHED[p].percent) < 0.006);
    }
}

/* What a page says about rankings is what rank.h gives for the same options. */
static void assert_rankings(const fixture *f, const ec_rank_options *options) {
    ec_ranked *rows = calloc(f->n, sizeof *rows);
    for (size_t r = 0; r < json_array_size(of(f->data, "rankings")); r++) {
        const json_t *ranking = nth(f->data, "rankings", r);
        const json_t *over = of(ranking, "over");
        size_t benchmarks[8];
        for (size_t k = 0; k < json_array_size(over); k++)
            benchmarks[k] = (size_t)json_integer_value(json_array_get(over, k));
        assert_int_equal(ec_rank(rows, NULL, &f->snapshot->table, benchmarks, json_array_size(over),
                                 options, NULL),
                         EC_OK);
        for (size_t i = 0; i < f->n; i++) {
            const json_t *row = nth(ranking, "rows", i);
            assert_int_equal(json_integer_value(of(row, "candidate")), rows[i].candidate);
            assert_number(of(row, "measured"), rows[i].measured);
            assert_number(of(row, "predicted"), rows[i].predicted);
            assert_number(of(row, "low"), rows[i].low);
            assert_number(of(row, "high"), rows[i].high);
            assert_number(of(row, "p_best"), rows[i].p_best);
            assert_number(of(row, "p_top3"), rows[i].p_top3);
            assert_int_equal(json_is_true(of(row, "separable")), rows[i].separable);
        }
    }
    free(rows);
}

static void the_rankings_are_those_of_rank_h(void **state) {
    const fixture *paper = *state;
    assert_int_equal(json_array_size(of(paper->data, "rankings")), 3 + paper->m);
    assert_words(of(nth(paper->data, "rankings", 0), "name"), "all benchmarks");
    assert_words(of(nth(paper->data, "rankings", 1), "name"), "vision");
    assert_int_equal(json_array_size(of(nth(paper->data, "rankings", 1), "over")), 4);
    assert_words(of(nth(paper->data, "rankings", 3), "name"), "MMBench");
    assert_rankings(paper, NULL);

    const ec_report_options options = {.rank = {.level = 0.8, .n_samples = 500, .seed = 7}};
    made_study s;
    fixture f;
    study_make(&s, SEVEN);
    fixture_open(&f, s.path, &options);
    assert_int_equal(json_array_size(of(f.data, "rankings")), 1 + f.m);
    assert_rankings(&f, &options.rank);
    fixture_close(&f);
    study_remove(&s);
}

static void recall_is_that_of_simulate_h(void **state) {
    (void)state;
    made_study s;
    fixture f;
    study_make(&s, SEVEN);
    fixture_open(&f, s.path, NULL);
    const json_t *recall = of(f.data, "recall");
    double *values = calloc((f.m + 1) * f.n, sizeof *values);
    assert_int_equal(json_array_size(of(recall, "policies")), EC_POLICIES);
    for (int p = 0; p < EC_POLICIES; p++) {
        const json_t *policy = nth(recall, "policies", (size_t)p);
        assert_words(of(policy, "name"), ec_policy_name((ec_policy)p));
        for (int trained = 0; trained < 2; trained++) {
            const ec_simulate_options options = {
                .policy = (ec_policy)p,
                .metric = trained ? EC_METRIC_TRAINED : EC_METRIC_RECALL,
                .top = 3,
            };
            assert_int_equal(
                ec_simulate(values, values + f.m * f.n, NULL, &f.snapshot->table, &options, NULL),
                EC_OK);
            for (size_t b = 0; b < f.m; b++)
                assert_numbers(nth(policy, trained ? "trained" : "recall", b), values + b * f.n,
                               f.n);
        }
    }
    free(values);
    fixture_close(&f);
    study_remove(&s);
}

/* Figure 5 of the paper; the sums of the others by the same formula in the reference analysis. */
static void summed_performance_is_that_of_figure_5(void **state) {
    static const double SUMS[] = {7.3278, 7.0916, 7.1390, 4.5937, 3.1890, 2.4519, 2.4706,
                                  0.9630, 0.2408, 0.2624, 6.5207, 7.5371, 7.0589};
    const fixture f = *(fixture *)*state;
    for (size_t i = 0; i < f.n; i++)
        assert_true(fabs(json_real_value(nth(f.data, "sums", i)) - SUMS[i]) < 5.1e-5);
    const json_t *resolution = nth(f.data, "joined", 0), *combination = nth(f.data, "joined", 1);
    assert_words(of(resolution, "what"), "resolution");
    assert_int_equal(json_integer_value(of(resolution, "from")), 1); /* CLIP@224 */
    assert_int_equal(json_integer_value(of(resolution, "to")), 0);   /* CLIP@336 */
    assert_int_equal(json_integer_value(of(combination, "from")), 3);
    assert_int_equal(json_integer_value(of(combination, "to")), 11);
    /* x of the right-hand plot */
    const double dino = json_real_value(of(nth(f.data, "candidates", 3), "mean_a"));
    assert_true(fabs(dino - 0.46999) < 5e-6);
}

/* ---- studies on the way ------------------------------------------------------------------------
 */

static void what_cannot_be_computed_says_why(void **state) {
    (void)state;
    made_study s;
    study_make(&s, "candidate,C,A x,x\none,1,0.5,\ntwo,2,0.7,\nthree,3,0.6,40\n");
    fixture f;
    fixture_open(&f, s.path, NULL);
    const json_t *law = of(nth(f.data, "benchmarks", 0), "law");
    assert_words(of(law, "why"),
                 "A fit needs 2 candidates with both scores and a result; there is 1.");
    assert_non_null(strstr(json_string_value(of(of(f.data, "recall"), "why")), "1 of 3"));
    assert_true(json_is_null(json_array_get(of(nth(f.data, "benchmarks", 0), "z"), 0)));
    assert_int_equal(json_integer_value(of(f.data, "n_observed")), 1);
    fixture_close(&f);
    study_remove(&s);
}

/* The digest is of names, scores and results: another value, another digest. */
static void the_digest_tells_two_states_apart(void **state) {
    (void)state;
    made_study s;
    fixture before, after;
    ec_error err;
    study_make(&s, "candidate,C,A x,x\none,1,0.5,\ntwo,2,0.7,\nthree,3,0.6,40\n");
    fixture_open(&before, s.path, NULL);
    fixture_open(&after, s.path, NULL);
    assert_words(of(of(before.data, "made"), "digest"),
                 json_string_value(of(of(after.data, "made"), "digest")));
    fixture_close(&after);
    const ec_result result = {.benchmark = 0, .value = 41.0};
    assert_int_equal(ec_study_tell(before.study, 0, &result, 1, NULL, &err), EC_OK);
    fixture_open(&after, s.path, NULL);
    assert_string_not_equal(json_string_value(of(of(before.data, "made"), "digest")),
                            json_string_value(of(of(after.data, "made"), "digest")));
    fixture_close(&before);
    fixture_close(&after);
    study_remove(&s);
}

/* Lower is better: the profile's 1 is the smallest value. */
static void a_profile_runs_from_worst_to_best(void **state) {
    (void)state;
    made_study s;
    ec_error err;
    ec_text yaml = {0};
    study_make(&s, "candidate,C,A x,x\none,1,0.5,10\ntwo,2,0.7,20\nthree,3,0.6,40\n");
    char file[128];
    snprintf(file, sizeof file, "%s/study.yaml", s.path);
    assert_int_equal(ec_file_read(&yaml, file, 1 << 20, &err), EC_OK);
    char *direction = strstr(yaml.data, "direction: higher");
    assert_non_null(direction);
    memcpy(direction, "direction: lower ", 17);
    assert_int_equal(ec_file_write(file, yaml.data, yaml.size_bytes, &err), EC_OK);
    fixture f;
    fixture_open(&f, s.path, NULL);
    const json_t *measured = nth(of(f.data, "profile"), "measured", 0);
    assert_number(json_array_get(measured, 0), 1.0);
    assert_number(json_array_get(measured, 1), 2.0 / 3.0);
    assert_number(json_array_get(measured, 2), 0.0);
    fixture_close(&f);
    ec_text_release(&yaml);
    study_remove(&s);
}

/* ---- the page -----------------------------------------------------------------------------------
 */

static void names_cannot_leave_the_data(void **state) {
    (void)state;
    static const char NAME[] = "</script><img src=x onerror=\"x\"><!--<script>";
    made_study s;
    ec_error err;
    study_make(&s, "candidate,C,A x,x\n"
                   "\"</script><img src=x onerror=\"\"x\"\"><!--<script>\",1,0.5,1\n"
                   "two,2,0.7,2\nthree,3,0.6,4\n");
    ec_study *study;
    ec_text page = {0};
    assert_int_equal(ec_study_open(&study, s.path, &err), EC_OK);
    assert_int_equal(ec_report_write(study, s.page, NULL, &err), EC_OK);
    assert_int_equal(ec_file_read(&page, s.page, 8 << 20, &err), EC_OK);
    const char *start = strstr(page.data, "<script id=\"data\" type=\"application/json\">");
    assert_non_null(start);
    start = strchr(start, '>') + 1;
    const char *end = strchr(start, '<');
    assert_memory_equal(end, "</script>\n<script>", 18);

    json_t *data = json_loadb(start, (size_t)(end - start), 0, NULL);
    assert_non_null(data);
    assert_words(of(nth(data, "candidates", 0), "name"), NAME);
    json_decref(data);
    ec_text_release(&page);
    ec_study_close(study);
    study_remove(&s);
}

static void a_page_that_cannot_be_written_is_an_error(void **state) {
    (void)state;
    ec_error err;
    ec_study *study;
    assert_int_equal(ec_study_open(&study, "paper-2024", &err), EC_OK);
    assert_int_equal(ec_report_write(study, "/nonexistent/folder/page.html", NULL, &err),
                     EC_ERR_IO);
    assert_non_null(strstr(err.message, "/nonexistent/folder/page.html"));
    ec_study_close(study);
}

/* The URI of a file's bytes. */
static char *uri_of(const char *path) {
    ec_text bytes = {0}, uri = {0};
    assert_int_equal(ec_file_read(&bytes, path, 1 << 20, NULL), EC_OK);
    ec_text_add(&uri, "data:image/png;base64,");
    ec_base64_add(&uri, bytes.data, bytes.size_bytes);
    ec_text_release(&bytes);
    return uri.data;
}

static void pictures_of_the_study_are_in_the_page(void **state) {
    (void)state;
    made_study s;
    char path[4][160];
    static const char *const names[] = {"b.png", "a.PNG", "broken.png", "note.txt"};
    study_make(&s, SEVEN);
    snprintf(path[0], sizeof path[0], "%s/pictures", s.path);
    assert_int_equal(mkdir(path[0], 0777), 0);
    for (int i = 0; i < 4; i++)
        snprintf(path[i], sizeof path[i], "%s/pictures/%s", s.path, names[i]);
    ec_image image;
    assert_int_equal(ec_picture_new(&image, 7, 5, (ec_colour){1, 2, 3}, NULL), EC_OK);
    assert_int_equal(ec_picture_save(path[0], &image, "An ear </script>", "one\ntwo", NULL), EC_OK);
    assert_int_equal(ec_picture_save(path[1], &image, "\xff", NULL, NULL), EC_OK);
    assert_int_equal(ec_file_write(path[2], "GIF89a", 6, NULL), EC_OK);
    assert_int_equal(ec_file_write(path[3], "text", 4, NULL), EC_OK);
    ec_image_release(&image);

    fixture f;
    fixture_open(&f, s.path, NULL);
    const json_t *pictures = json_object_get(f.data, "pictures");
    assert_int_equal(json_array_size(pictures), 2);
    for (int i = 0; i < 2; i++) { /* by name */
        const json_t *picture = json_array_get(pictures, (size_t)i);
        char *uri = uri_of(path[1 - i]);
        assert_string_equal(json_string_value(json_object_get(picture, "file")), names[1 - i]);
        assert_string_equal(json_string_value(json_object_get(picture, "uri")), uri);
        assert_int_equal(json_integer_value(json_object_get(picture, "width")), 7);
        assert_string_equal(json_string_value(json_object_get(picture, "title")),
                            i == 0 ? "?" : "An ear </script>");
        assert_string_equal(json_string_value(json_object_get(picture, "description")),
                            i == 0 ? "" : "one\ntwo");
        free(uri);
    }
    const json_t *left_out = json_object_get(f.data, "pictures_left_out");
    assert_int_equal(json_array_size(left_out), 1);
    const json_t *broken = json_array_get(left_out, 0);
    assert_string_equal(json_string_value(json_object_get(broken, "file")), "broken.png");
    assert_non_null(strstr(json_string_value(json_object_get(broken, "why")), "damaged PNG"));
    fixture_close(&f);
    study_remove(&s);
}

static void a_study_without_pictures_has_none(void **state) {
    const fixture *paper = *state;
    assert_int_equal(json_array_size(json_object_get(paper->data, "pictures")), 0);
    assert_true(json_is_array(json_object_get(paper->data, "pictures")));
    assert_true(json_is_array(json_object_get(paper->data, "pictures_left_out")));
}

/* The paper's study, read once: replaying its policies takes a while. */
static int paper_open(void **state) {
    static fixture paper;
    fixture_open(&paper, "paper-2024", NULL);
    *state = &paper;
    return 0;
}

static int paper_close(void **state) {
    fixture_close(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_and_results_are_those_of_the_study),
        cmocka_unit_test(the_law_is_that_of_law_h),
        cmocka_unit_test(the_models_of_the_groups_reach_the_published_values),
        cmocka_unit_test(the_rankings_are_those_of_rank_h),
        cmocka_unit_test(recall_is_that_of_simulate_h),
        cmocka_unit_test(summed_performance_is_that_of_figure_5),
        cmocka_unit_test(what_cannot_be_computed_says_why),
        cmocka_unit_test(the_digest_tells_two_states_apart),
        cmocka_unit_test(a_profile_runs_from_worst_to_best),
        cmocka_unit_test(names_cannot_leave_the_data),
        cmocka_unit_test(a_page_that_cannot_be_written_is_an_error),
        cmocka_unit_test(pictures_of_the_study_are_in_the_page),
        cmocka_unit_test(a_study_without_pictures_has_none),
    };
    return cmocka_run_group_tests(tests, paper_open, paper_close);
}
