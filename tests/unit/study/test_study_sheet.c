/* What docs/formats.md says about CSV and JSON: what is read, and what is refused with which words.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eyechart/rng.h"
#include "folder.h"
#include "study/declaration.h"

typedef ec_status (*reader)(ec_sheet *, const char *, const char *, size_t, ec_error *);

static ec_sheet read_text(reader read, const char *text) {
    ec_sheet sheet;
    ec_error err;
    if (read(&sheet, "t", text, strlen(text), &err) != EC_OK) fail_msg("%s", err.message);
    return sheet;
}

static void assert_refused(reader read, const char *text, const char *where, const char *why) {
    ec_sheet sheet;
    ec_error err = {.message = "(none)"};
    const ec_status status = read(&sheet, "t", text, strlen(text), &err);
    if (status != EC_ERR_FORMAT || strncmp(err.message, where, strlen(where)) != 0 ||
        strstr(err.message, why) == NULL)
        fail_msg("status %d, '%s'; expected '%s … %s …' of:\n%.300s", status, err.message, where,
                 why, text);
    assert_null(sheet.candidates); /* nothing to release */
}

/* ---- CSV ---------------------------------------------------------------------------------- */

static void csv_columns_are_told_apart_by_their_names(void **state) {
    (void)state;
    ec_sheet s = read_text(ec_sheet_read_csv,
                           "candidate,A GQA,MME,C,A_se GQA,\"Text, VQA\",cost,hours,C_se\n"
                           "\"C+D, both\",.5,1500,15.66,.01,46,80,81.5,.2\n"
                           "CLIP,,,,,,,,\n");
    assert_int_equal(s.n_candidates, 2);
    assert_string_equal(s.candidates[0], "C+D, both");
    assert_int_equal(s.n_benchmarks, 3); /* columns of results first, then those with scores only */
    assert_string_equal(s.benchmarks[0].name, "MME");
    assert_string_equal(s.benchmarks[1].name, "Text, VQA");
    assert_string_equal(s.benchmarks[2].name, "GQA");
    assert_string_equal(s.benchmarks[2].group, "all");
    const ec_numbers *x = &s.numbers;
    assert_true(x->z[0] == 1500 && x->z[2] == 46 && isnan(x->z[4]));
    assert_true(x->a[4] == .5 && x->a_se[4] == .01 && isnan(x->a[0]));
    assert_true(x->c[0] == 15.66 && x->c_se[0] == .2 && x->cost[0] == 80 && x->hours[0] == 81.5);
    assert_true(isnan(x->z[1]) && isnan(x->c[1]) && isnan(x->cost[1]));
    ec_sheet_release(&s);
}

static void a_shared_score_counts_where_there_is_no_own(void **state) {
    (void)state;
    ec_sheet s = read_text(ec_sheet_read_csv,
                           "candidate,A,A_se,A MME,MME,GQA\nCLIP,.1,.01,.2,,\nDINO,.3,,,,\n");
    double se;
    assert_true(ec_numbers_a(&s.numbers, 2, 0, 0, &se) == .2 && isnan(se));
    assert_true(ec_numbers_a(&s.numbers, 2, 1, 0, &se) == .1 && se == .01);
    assert_true(ec_numbers_a(&s.numbers, 2, 0, 1, &se) == .3 && isnan(se));
    ec_sheet_release(&s);
}

static void csv_mistakes_are_told_with_line_candidate_and_column(void **state) {
    (void)state;
    const reader csv = ec_sheet_read_csv;
    assert_refused(csv, "", "t: ", "empty");
    assert_refused(csv, "\n\n", "t: ", "empty");
    assert_refused(csv, "candidate,C\n", "t: ", "no candidates");
    assert_refused(csv, "foo,C\nCLIP,1\n", "t:1: ", "'foo', expected 'candidate'");
    assert_refused(csv, "candidate,C,MME,C\n", "t:1: ", "column 'C' is there twice");
    assert_refused(csv, "candidate,result cost\nCLIP,1\n",
                   "t:1: ", "'cost' has a meaning of its own");
    assert_refused(csv, "candidate,C,\nCLIP,1,3\n", "t:1: ", "column 3 has values, such as");
    assert_refused(csv, "candidate,A_se MME\nCLIP,1\n", "t:1: ", "without a column 'A MME'");
    assert_refused(csv, "candidate,C,MME\nCLIP,1,2\nDINO,1\n", "t:3: ", "2 fields, expected 3");
    assert_refused(csv, "candidate,C\nCLIP,1,2\n", "t:2: ", "3 fields, expected 2");
    assert_refused(csv, "candidate,C\nCLIP,1\n\nDINO\n", "t:4: ", "1 field, expected 2");
    assert_refused(csv, "candidate,C\n\"CLIP,1\n", "t:2: ", "never closed");
    assert_refused(csv, "candidate,C\nCLIP,1\nCLIP,2\n",
                   "t:3: ", "candidate 'CLIP' is there twice");
    assert_refused(csv, "candidate,C\n,2\n", "t:2: ", "candidate name '' is empty");
    assert_refused(csv, "candidate,C\n\xed\xa0\x80,2\n", "t:2: ", "is not UTF-8");
    assert_refused(csv, "candidate,C\nCLIP,abc\n", "t:2: ",
                   "candidate 'CLIP', column 'C': 'abc' is not a number; leave the cell empty");
    assert_refused(csv, "candidate,MME\nCLIP,1\nDINO,abc\n",
                   "t:3: ", "--ignore), or say --missing 'abc'");
    assert_refused(csv, "candidate,MME\nCLIP,-inf\n", "t:2: ", "'-inf' is not a finite number");
    assert_refused(csv, "candidate,MME\nCLIP,1e999\n", "t:2: ", "too large");
    assert_refused(csv, "candidate,cost\nCLIP,-1\n", "t:2: ", "'-1' is negative");
    assert_refused(csv, "candidate,C,C_se\nCLIP,,1\n", "t:2: ", "standard error of C without C");
    assert_refused(csv, "candidate,A MME,A_se MME\nCLIP,,1\n",
                   "t:2: ", "standard error of A without A");
    assert_refused(csv, "candidate;A;C\nx;0,82;14.3\n",
                   "t: ", "line 2 has the decimal point of '14.3'");
    assert_refused(csv, "candidate;MME\nx;1,502\n",
                   "t:2: ", "say --decimal comma or --decimal point");
    assert_refused(csv, "candidate,MME,result MME\nx,1,2\n",
                   "t:1: ", "a second one for the benchmark");
}

/* ---- tables of people --------------------------------------------------------------------- */

static double cell(const ec_sheet *s, const double *array, const char *benchmark, size_t i) {
    const size_t b = ec_sheet_find_benchmark(s, benchmark);
    assert_true(b < s->n_benchmarks);
    return array[b * s->n_candidates + i];
}

static void a_table_of_people_is_read_like_the_plain_one(void **state) {
    (void)state;
    static const char *const same[] = {
        "candidate,A,C,MME\nx,0.82,14.3,1502.7\ny,0.5,20,\n",
        "candidate;A;C;MME\nx;0,82;14,3;1.502,7\ny;0,5;20;\n",
        "candidate\tA\tC\tMME\r\nx\t0.82\t14.3\t1,502.7\r\ny\t0.5\t20\tN/A\r\n",
        "\xef\xbb\xbf"
        "sep=;\nName;A score;C score;MME;;\nx;0.82;14.3%;1'502.7;;\ny;0.5;20 %;-;;\n",
        ",model,alignment,Correspondence,MME,note\n0,x,.82,14.3,1502.7,good\n1,y,.5,20,#N/A,\n",
        "candidate,A,C,MME\n x ,0.82,14.3,1502.7\n\n,,,\ny\xc2\xa0,0.5,20,NaN,,\n",
    };
    for (size_t k = 0; k < sizeof same / sizeof *same; k++) {
        ec_sheet s = read_text(ec_sheet_read_csv, same[k]);
        assert_int_equal(s.n_candidates, 2);
        assert_int_equal(s.n_benchmarks, 1);
        assert_string_equal(s.candidates[0], "x");
        assert_string_equal(s.candidates[1], "y");
        assert_true(s.numbers.a_shared[0] == .82 && s.numbers.c[0] == 14.3);
        assert_true(s.numbers.a_shared[1] == .5 && s.numbers.c[1] == 20.0);
        assert_true(cell(&s, s.numbers.z, "MME", 0) == 1502.7);
        assert_true(isnan(cell(&s, s.numbers.z, "MME", 1)));
        ec_sheet_release(&s);
    }
}

/* Parameters and the like are no benchmarks; words are no numbers; errors stand behind a sign. */
static void columns_that_are_no_results_are_none(void **state) {
    (void)state;
    ec_import_report report = {0};
    const char *const ignore[] = {"Average"};
    const ec_import_options options = {.ignore = ignore, .n_ignore = 1};
    const ec_sheet_reading how = {.options = &options, .report = &report};
    static const char text[] = "candidate,A,C,params (M),date,family,MMBench,average,A_MMBench\n"
                               "x,.5,3,304,2024-01-01,ViT,64.2\xc2\xb1"
                               "0.5,1,.7\n"
                               "y,.4,4,86,2023,CNN,60.1+-.25,2,.6\n";
    ec_sheet s;
    ec_error err;
    if (ec_sheet_read_table(&s, &how, "t", text, sizeof text - 1, &err) != EC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(s.n_benchmarks, 1);
    assert_true(cell(&s, s.numbers.z, "MMBench", 0) == 64.2);
    assert_true(cell(&s, s.numbers.z_se, "MMBench", 0) == .5);
    assert_true(cell(&s, s.numbers.z_se, "MMBench", 1) == .25);
    assert_true(cell(&s, s.numbers.a, "MMBench", 0) == .7);
    assert_int_equal(s.columns.n, 1);
    assert_string_equal(s.columns.items[0].name, "params_M");
    static const ec_column_use uses[] = {EC_USE_CANDIDATE, EC_USE_SCORE,    EC_USE_SCORE,
                                         EC_USE_COLUMN,    EC_USE_LEFT_OUT, EC_USE_LEFT_OUT,
                                         EC_USE_BENCHMARK, EC_USE_LEFT_OUT, EC_USE_SCORE};
    assert_int_equal(report.n_columns, 9);
    for (size_t k = 0; k < 9; k++) assert_int_equal(report.columns[k].use, uses[k]);
    assert_string_equal(report.columns[5].why, "no numbers in it, but 'ViT'");
    assert_string_equal(report.columns[7].why, "to be ignored");
    assert_string_equal(report.columns[8].name, "A MMBench");
    ec_import_report_release(&report);
    ec_sheet_release(&s);

    const char *const wrong[] = {"averge"};
    const ec_import_options misspelt = {.ignore = wrong, .n_ignore = 1};
    const ec_sheet_reading other = {.options = &misspelt};
    assert_int_equal(ec_sheet_read_table(&s, &other, "t", text, sizeof text - 1, &err),
                     EC_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "no column 'averge' to ignore; did you mean 'average'?"));
}

/* 1,502 alone may be two numbers; what else is in the file tells, or the user. */
static void the_decimal_sign_is_that_of_the_whole_table(void **state) {
    (void)state;
    ec_sheet s = read_text(ec_sheet_read_csv, "candidate;A;MME\nx;0,5;1.502\n");
    assert_true(cell(&s, s.numbers.z, "MME", 0) == 1502.0);
    ec_sheet_release(&s);
    s = read_text(ec_sheet_read_csv, "candidate;A;MME\nx;0.5;1,502\n");
    assert_true(cell(&s, s.numbers.z, "MME", 0) == 1502.0);
    ec_sheet_release(&s);
    ec_error err;
    const ec_import_options comma = {.decimal = EC_DECIMAL_COMMA};
    const ec_sheet_reading how = {.options = &comma};
    static const char text[] = "candidate;MME\nx;1,502\n";
    assert_int_equal(ec_sheet_read_table(&s, &how, "t", text, sizeof text - 1, &err), EC_OK);
    assert_true(cell(&s, s.numbers.z, "MME", 0) == 1.502);
    ec_sheet_release(&s);
}

/* Standard errors larger than the results come back as such, and not as a benchmark. */
static void large_errors_come_back(void **state) {
    (void)state;
    ec_sheet s = read_text(ec_sheet_read_csv, "candidate,C,MME,result year\nx,1,2+-8.5,3±9\n");
    ec_text text = {0};
    ec_sheet_write_csv(&text, &s);
    assert_non_null(strstr(text.data, ",result_se MME"));
    ec_sheet again = read_text(ec_sheet_read_csv, text.data);
    assert_true(cell(&again, again.numbers.z, "MME", 0) == 2.0);
    assert_true(cell(&again, again.numbers.z_se, "MME", 0) == 8.5);
    assert_true(cell(&again, again.numbers.z_se, "year", 0) == 9.0);
    ec_text_release(&text);
    ec_sheet_release(&s);
    ec_sheet_release(&again);
    assert_refused(ec_sheet_read_csv, "candidate,result_se MME\nx,1\n",
                   "t:1: ", "without a column 'MME'");
    assert_refused(ec_sheet_read_csv, "candidate,MME,MME_se\nx,1,2\n",
                   "t:1: ", "'result_se MME' if not");
}

/* A benchmark called like a column of something else comes back as a benchmark. */
static void benchmarks_of_any_name_come_back(void **state) {
    (void)state;
    static const char json[] =
        "{\"benchmarks\": [{\"name\": \"resolution\"}, {\"name\": \"MME\"}, {\"name\": \"A_MME\"},"
        " {\"name\": \"MME_se\"}, {\"name\": \"a-score\"}, {\"name\": \"name\"}],"
        " \"candidates\": [{\"name\": \"x\", \"C\": 1, \"results\": {\"resolution\": 224, \"MME\": "
        "3,"
        " \"A_MME\": 4, \"MME_se\": 5, \"name\": 6}, \"results_se\": {\"MME\": 0.1, \"A_MME\": "
        "0.2}}]}";
    ec_sheet s = read_text(ec_sheet_read_json, json);
    ec_text text = {0};
    ec_sheet_write_csv(&text, &s);
    ec_sheet again = read_text(ec_sheet_read_csv, text.data);
    assert_int_equal(again.n_benchmarks, s.n_benchmarks);
    for (size_t b = 0; b < s.n_benchmarks; b++) {
        assert_string_equal(again.benchmark_names[b], s.benchmark_names[b]);
        assert_memory_equal(&again.numbers.z[b], &s.numbers.z[b], sizeof(double));
        assert_memory_equal(&again.numbers.z_se[b], &s.numbers.z_se[b], sizeof(double));
    }
    ec_text_release(&text);
    ec_sheet_release(&s);
    ec_sheet_release(&again);
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void everything_json_can_say_is_read(void **state) {
    (void)state;
    ec_sheet s =
        read_text(ec_sheet_read_json,
                  "{\"name\": \"n\", \"benchmarks\": [{\"name\": \"MME\", \"group\": \"vision\", "
                  "\"direction\": \"lower\","
                  " \"range\": [0, null], \"weight\": 2}, {\"name\": \"GQA\"}],"
                  " \"candidates\": [{\"name\": \"CLIP\", \"A\": {\"MME\": 0.5}, \"A_se\": "
                  "{\"MME\": 0.1}, \"C\": 15,"
                  " \"C_se\": null, \"cost\": 80, \"hours\": 79, \"results\": {\"GQA\": 60.5}},"
                  " {\"name\": \"\\u00e9\", \"A\": -1.9}]}");
    assert_string_equal(s.name, "n");
    assert_string_equal(s.benchmarks[0].group, "vision");
    assert_true(s.benchmarks[0].direction == -1 && s.benchmarks[0].low == 0 &&
                s.benchmarks[0].high == INFINITY);
    assert_true(s.benchmarks[0].weight == 2 && s.benchmarks[1].weight == 1);
    assert_string_equal(s.candidates[1], "\xc3\xa9");
    const ec_numbers *x = &s.numbers;
    assert_true(x->a[0] == .5 && x->a_se[0] == .1 && x->c[0] == 15 && isnan(x->c_se[0]));
    assert_true(x->cost[0] == 80 && x->hours[0] == 79 && x->z[2] == 60.5 && isnan(x->z[0]));
    assert_true(x->a_shared[1] == -1.9 && isnan(x->a_shared[0]));
    ec_sheet_release(&s);
}

#define JSON(benchmarks, candidates)                                                               \
    "{\"benchmarks\": [" benchmarks "], \"candidates\": [" candidates "]}"
#define MME "{\"name\": \"MME\"}"

static void json_mistakes_are_told_with_line_or_candidate_and_key(void **state) {
    (void)state;
    const reader json = ec_sheet_read_json;
    assert_refused(json, "", "t:1: ", "not JSON");
    assert_refused(json, "{\n\"benchmarks\": [\n", "t:3: ", "not JSON");
    assert_refused(json, "{\"name\": \"a\", \"name\": \"b\"}", "t:1: ", "duplicate");
    assert_refused(json, "[]", "t: ", "an array, expected an object");
    assert_refused(json, "3", "t: ", "a number, expected an object");
    assert_refused(json, "{}", "t: ", "'benchmarks' is missing");
    assert_refused(json, "{\"benchmarks\": []}", "t: ", "'candidates' is missing");
    assert_refused(json, "{\"benchmarks\": {}, \"candidates\": []}",
                   "t: ", "'benchmarks' is an object, expected an array");
    assert_refused(json, "{\"benchmark\": [], \"candidates\": []}",
                   "t: ", "did you mean 'benchmarks'?");
    assert_refused(json, JSON("3", ""),
                   "t: ", "benchmark number 1: 'entry' is a number, expected an object");
    assert_refused(json, JSON("{}", ""), "t: ", "benchmark number 1: 'name' is missing");
    assert_refused(json, JSON(MME "," MME, ""), "t: ", "benchmark 'MME' is there twice");
    assert_refused(json, JSON(MME, "{\"name\": 3}"),
                   "t: ", "candidate number 1: 'name' is a number, expected a string");
    assert_refused(json, JSON(MME, "{\"name\": \"a\\u0000b\"}"), "t:1: ", "not JSON");
    assert_refused(json, JSON(MME, "{\"name\": \"X\"}, {\"name\": \"X\"}"),
                   "t: ", "candidate 'X' is there twice");
    assert_refused(json, JSON(MME, "{\"name\": \"X\", \"C\": \"1\"}"),
                   "t: ", "candidate 'X': 'C' is a string, expected a number or null");
    assert_refused(json, JSON(MME, "{\"name\": \"X\", \"C\": NaN}"), "t:1: ", "not JSON");
    assert_refused(json, JSON(MME, "{\"name\": \"X\", \"C\": 1e999}"), "t:1: ", "not JSON");
    assert_refused(json, JSON(MME, "{\"name\": \"X\", \"cost\": -1}"), "t: ", "'cost' is negative");
    assert_refused(json, JSON(MME, "{\"name\": \"X\", \"A_se\": 1}"),
                   "t: ", "standard error of A without A");
    assert_refused(json, JSON(MME, "{\"name\": \"X\", \"A\": []}"),
                   "t: ", "'A' is an array, expected a number or an object");
    assert_refused(json, JSON(MME, "{\"name\": \"X\", \"results\": 3}"),
                   "t: ", "'results' is a number, expected an object");
    assert_refused(json, JSON(MME, "{\"name\": \"X\", \"results\": {\"GQA\": 3}}"),
                   "t: ", "'GQA' in 'results' is not one of the names in \"benchmarks\"");
    assert_refused(json,
                   JSON("{\"name\": \"MME\", \"range\": [0, 1]}",
                        "{\"name\": \"X\", \"results\": {\"MME\": 2}}"),
                   "t: ", "2 is outside the range [0, 1]");
    assert_refused(json, JSON("{\"name\": \"MME\", \"range\": [1, 0]}", ""),
                   "t: ", "ends in the wrong order");
    assert_refused(json, JSON("{\"name\": \"MME\", \"range\": 3}", ""),
                   "t: ", "not an array of two numbers");
    assert_refused(json, JSON("{\"name\": \"MME\", \"direction\": \"up\"}", ""),
                   "t: ", "neither \"higher\"");
}

static void deeply_nested_json_is_refused(void **state) {
    (void)state;
    char *text = malloc(1 << 20);
    memset(text, '[', (1 << 20) - 1);
    text[(1 << 20) - 1] = '\0';
    assert_refused(ec_sheet_read_json, text, "t:1: ", "not JSON");
    free(text);
}

/* ---- both --------------------------------------------------------------------------------- */

/* A quarter of everything is missing; the rest are doubles of any size. */
static void fill_at_random(ec_sheet *sheet, uint64_t seed) {
    ec_rng rng;
    ec_rng_init(&rng, seed, 0);
    const size_t n = sheet->n_candidates, m = sheet->n_benchmarks;
    ec_numbers *x = &sheet->numbers;
    const double zeros[] = {0.0, -0.0};
    double *value[] = {x->c, x->a_shared, x->cost, x->hours, x->a, x->z};
    double *se[] = {x->c_se, x->a_shared_se, NULL, NULL, x->a_se, x->z_se};
    for (int k = 0; k < 6; k++)
        for (size_t i = 0; i < (k < 4 ? n : n * m); i++) {
            if (ec_rng_uniform(&rng) < .25) continue;
            if (k == 5 && ec_rng_uniform(&rng) < .2) {
                x->z[i] = zeros[ec_rng_below(&rng, 2)];
                continue;
            }
            value[k][i] = exp(30 * ec_rng_normal(&rng)) *
                          (k != 2 && k != 3 && ec_rng_below(&rng, 2) ? -1 : 1);
            if (se[k] == NULL || ec_rng_uniform(&rng) < .5) continue;
            /* Larger ones are refused, as results under a name that means errors. */
            se[k][i] = ec_rng_uniform(&rng) * (k == 5 ? fabs(x->z[i]) / 2.0 : 1.0);
        }
    for (size_t cell = 0; cell < n * m; cell++)
        while (!isnan(x->z[cell]) && ec_rng_uniform(&rng) < .3)
            ec_repeats_add(&sheet->repeats, cell, ec_rng_normal(&rng),
                           ec_rng_uniform(&rng) < .5 ? NAN : ec_rng_uniform(&rng), NULL);
}

static ec_sheet random_sheet(uint64_t seed) {
    static const char *const candidates[] = {"a,b", "say \"hi\"", "back\\slash", "\xc3\xa9",
                                             "plain"};
    static const char *const benchmarks[] = {"MME", "Text, VQA", "\"quoted\""};
    ec_sheet sheet;
    assert_int_equal(ec_sheet_init(&sheet, "t", 5, 3, NULL), EC_OK);
    for (size_t i = 0; i < 5; i++) ec_sheet_name_candidate(&sheet, i, candidates[i], "t", 0, NULL);
    for (size_t b = 0; b < 3; b++)
        ec_sheet_name_benchmark(&sheet, b, benchmarks[b], "all", "t", 0, NULL);
    ec_sheet_index_candidates(&sheet, "t", NULL);
    ec_sheet_index_benchmarks(&sheet, "t", NULL);
    fill_at_random(&sheet, seed);
    return sheet;
}

static void assert_same_numbers(const ec_sheet *x, const ec_sheet *y) {
    assert_int_equal(x->n_candidates, y->n_candidates);
    assert_int_equal(x->n_benchmarks, y->n_benchmarks);
    for (size_t i = 0; i < x->n_candidates; i++)
        assert_string_equal(x->candidates[i], y->candidates[i]);
    for (size_t b = 0; b < x->n_benchmarks; b++)
        assert_string_equal(x->benchmarks[b].name, y->benchmarks[b].name);
    assert_memory_equal(x->numbers.c, y->numbers.c,
                        x->n_candidates * (6 + 4 * x->n_benchmarks) * sizeof(double));
    assert_int_equal(x->repeats.n, y->repeats.n);
    for (size_t k = 0; k < x->repeats.n; k++) {
        const ec_repeat *p = &x->repeats.items[k], *q = &y->repeats.items[k];
        assert_int_equal(p->cell, q->cell);
        assert_memory_equal(&p->value, &q->value, sizeof p->value);
        assert_memory_equal(&p->se, &q->se, sizeof p->se);
    }
}

static void csv_that_was_written_reads_back_to_the_last_bit(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        ec_sheet sheet = random_sheet(seed);
        ec_text text = {0};
        ec_sheet_write_csv(&text, &sheet);
        ec_sheet again = read_text(ec_sheet_read_csv, text.data);
        assert_same_numbers(&sheet, &again);
        ec_sheet_release(&again);
        ec_sheet_release(&sheet);
        ec_text_release(&text);
    }
}

/* JSON has one place for A: a candidate with own scores cannot have a shared one besides. */
static void json_that_was_written_reads_back_to_the_last_bit(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        ec_sheet sheet = random_sheet(seed);
        for (size_t i = 0; i < 5; i++)
            if (i % 2 == 0)
                for (size_t b = 0; b < 3; b++)
                    sheet.numbers.a[b * 5 + i] = sheet.numbers.a_se[b * 5 + i] = NAN;
            else {
                sheet.numbers.a_shared[i] = sheet.numbers.a_shared_se[i] = NAN;
                sheet.numbers.a[i] = 1.0;
            }
        ec_text text = {0};
        ec_sheet_write_json(&text, &sheet);
        ec_sheet again = read_text(ec_sheet_read_json, text.data);
        assert_same_numbers(&sheet, &again);
        ec_sheet_release(&again);
        ec_sheet_release(&sheet);
        ec_text_release(&text);
    }
}

/* The block of docs/formats.md that begins with `fence`; free() it. */
static char *example_of(const char *fence) {
    char *page = folder_read(EC_SOURCE_DIR "/docs/formats.md", NULL);
    assert_non_null(page);
    const char *begin = strstr(page, fence);
    assert_non_null(begin);
    begin = strchr(begin + 1, '\n') + 1;
    const char *end = strstr(begin, "```");
    char *example = strndup(begin, (size_t)(end - begin));
    free(page);
    return example;
}

static void the_examples_of_the_manual_are_valid(void **state) {
    (void)state;
    char *yaml = example_of("```yaml\n"), *csv = example_of("```\ncandidate"),
         *json = example_of("```json\n");
    ec_declaration declared;
    ec_error err;
    if (ec_declaration_read(&declared, "t", yaml, strlen(yaml), &err) != EC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(declared.sheet.n_candidates, 2);
    ec_sheet from_csv = read_text(ec_sheet_read_csv, csv),
             from_json = read_text(ec_sheet_read_json, json);
    assert_true(from_csv.numbers.z[0] == 64.26 && from_json.numbers.z[0] == 64.26);
    ec_sheet_release(&from_csv);
    ec_sheet_release(&from_json);
    ec_declaration_release(&declared);
    free(yaml);
    free(csv);
    free(json);
}

static void sizes_beyond_the_limits_are_refused_before_memory_is_taken(void **state) {
    (void)state;
    ec_sheet sheet;
    ec_error err;
    assert_int_equal(ec_sheet_init(&sheet, "t", EC_STUDY_MAX_CANDIDATES + 1, 1, &err),
                     EC_ERR_FORMAT);
    assert_int_equal(ec_sheet_init(&sheet, "t", 1, EC_STUDY_MAX_BENCHMARKS + 1, &err),
                     EC_ERR_FORMAT);
    assert_int_equal(ec_sheet_init(&sheet, "t", EC_STUDY_MAX_CANDIDATES, 101, &err), EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "100000 candidates and 101 benchmarks"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_columns_are_told_apart_by_their_names),
        cmocka_unit_test(a_shared_score_counts_where_there_is_no_own),
        cmocka_unit_test(csv_mistakes_are_told_with_line_candidate_and_column),
        cmocka_unit_test(a_table_of_people_is_read_like_the_plain_one),
        cmocka_unit_test(columns_that_are_no_results_are_none),
        cmocka_unit_test(the_decimal_sign_is_that_of_the_whole_table),
        cmocka_unit_test(benchmarks_of_any_name_come_back),
        cmocka_unit_test(large_errors_come_back),
        cmocka_unit_test(everything_json_can_say_is_read),
        cmocka_unit_test(json_mistakes_are_told_with_line_or_candidate_and_key),
        cmocka_unit_test(deeply_nested_json_is_refused),
        cmocka_unit_test(csv_that_was_written_reads_back_to_the_last_bit),
        cmocka_unit_test(json_that_was_written_reads_back_to_the_last_bit),
        cmocka_unit_test(the_examples_of_the_manual_are_valid),
        cmocka_unit_test(sizes_beyond_the_limits_are_refused_before_memory_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
