/* The promises of results/results.h: what an evaluation may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "folder.h"
#include "results/results.h"

static const char study_yaml[] =
    "benchmarks:\n"
    "  - {name: MMBench}\n  - {name: MME}\n  - {name: OKVQA}\n  - {name: SEED-Bench}\n"
    "  - {name: MMMU}\n  - {name: TextVQA}\n  - {name: VizWiz}\n  - {name: ScienceQA}\n"
    "  - {name: POPE, result: 'pope.pope_accuracy * 100'}\n"
    "  - {name: my score, result: 'mmmu_val.mmmu_acc'}\n"
    "  - {name: free}\n"
    "candidates: []\n";

enum { MMBENCH, MME, OKVQA, SEED, MMMU, TEXTVQA, VIZWIZ, SCIENCEQA, POPE, MY_SCORE, FREE, N };

typedef struct {
    ec_declaration declared;
    ec_results results;
    ec_error err;
} fixture;

typedef struct {
    size_t benchmark;
    double value;
} expectation;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    const ec_status status =
        ec_declaration_read(&f->declared, "study.yaml", study_yaml, sizeof study_yaml - 1, &f->err);
    if (status != EC_OK) print_error("%s\n", f->err.message);
    return status == EC_OK ? 0 : -1;
}

static int tear_down(void **state) {
    fixture *f = *state;
    ec_results_release(&f->results);
    ec_declaration_release(&f->declared);
    free(f);
    return 0;
}

static ec_results_reader reader_of(fixture *f, const char *path) {
    ec_results_release(&f->results);
    return (ec_results_reader){
        .results = &f->results, .declared = &f->declared, .path = path, .err = &f->err};
}

static ec_status read_lines_in(fixture *f, const char *bytes, size_t size_bytes,
                               const char *folder) {
    const ec_results_reader r = reader_of(f, "out");
    return ec_results_read_lines(&r, bytes, size_bytes, folder);
}

static ec_status read_lines(fixture *f, const char *text) {
    return read_lines_in(f, text, strlen(text), NULL);
}

/* The text of a file of that name. */
static ec_status read_named(fixture *f, const char *path, const char *text) {
    const ec_results_reader r = reader_of(f, path);
    ec_task_file file = {0};
    ec_status status = ec_task_file_read(&file, &r, text, strlen(text));
    if (status == EC_OK) status = ec_results_take(&r, &file);
    if (status != EC_OK) ec_results_release(&f->results);
    ec_task_file_release(&file);
    return status;
}

static ec_status read_json(fixture *f, const char *text) {
    return read_named(f, "r.json", text);
}

/* Fails unless exactly these were found, in any order. */
static void assert_found(const fixture *f, const expectation *expected, size_t n) {
    assert_int_equal(f->results.n, n);
    for (size_t i = 0; i < n; i++) {
        const ec_found_result *is = ec_results_of(&f->results, expected[i].benchmark);
        assert_non_null(is);
        if (is->value != expected[i].value)
            fail_msg("benchmark %zu: %.17g, expected %.17g", is->benchmark, is->value,
                     expected[i].value);
    }
}

#define ASSERT_FOUND(f, ...)                                                                       \
    assert_found(f, (const expectation[]){__VA_ARGS__},                                            \
                 sizeof((const expectation[]){__VA_ARGS__}) / sizeof(expectation))

static void assert_says(const fixture *f, const char *words) {
    if (strstr(f->err.message, words) == NULL) fail_msg("no '%s' in '%s'", words, f->err.message);
}

/* Fails unless a note has these words. */
static void assert_notes(const fixture *f, const char *words) {
    for (size_t k = 0; k < f->results.n_notes; k++)
        if (strstr(f->results.notes[k], words) != NULL) return;
    fail_msg("no note '%s' among %zu: %s", words, f->results.n_notes,
             f->results.n_notes > 0 ? f->results.notes[0] : "");
}

/* ---- lines ---------------------------------------------------------------------------------- */

static void lines_are_results_where_they_say_so(void **state) {
    fixture *f = *state;
    assert_int_equal(read_lines(f, "loading model\nMME=1502.7\n  mmbench = 64.26 \r\n"
                                   "accuracy: 3, step=12\nfoo=bar\n\n=3\nMME\nokvqa=5.3e1"),
                     EC_OK);
    ASSERT_FOUND(f, {MME, 1502.7}, {MMBENCH, 64.26}, {OKVQA, 53.0});
}

static void the_last_value_of_a_benchmark_wins(void **state) {
    fixture *f = *state;
    assert_int_equal(read_lines(f, "MME=1\nmme=2\nMMBench=9\nMME=3\n"), EC_OK);
    ASSERT_FOUND(f, {MME, 3.0}, {MMBENCH, 9.0});
}

/* A bar that rewrites its line on a terminal ends it with a carriage return. */
static void a_carriage_return_ends_a_line(void **state) {
    fixture *f = *state;
    assert_int_equal(read_lines(f, "10 %\r100 %\rMME=7\rdone\n"), EC_OK);
    ASSERT_FOUND(f, {MME, 7.0});
}

static void a_name_with_blanks_is_a_name(void **state) {
    fixture *f = *state;
    assert_int_equal(read_lines(f, "my score=3\n"), EC_OK);
    ASSERT_FOUND(f, {MY_SCORE, 3.0});
}

/* A result that would be lost is an error; what is clearly none is not. */
static void an_unknown_benchmark_is_named_with_its_line_and_the_nearest(void **state) {
    fixture *f = *state;
    assert_int_equal(read_lines(f, "MME=1\nTextVQ=3\n"), EC_ERR_NOT_FOUND);
    assert_says(f, "out:2: no benchmark 'TextVQ'; did you mean 'TextVQA'?");
    assert_int_equal(read_lines(f, "batch_size=16\n"), EC_ERR_NOT_FOUND);
    assert_says(f, "print what is no result differently");
    assert_int_equal(read_lines(f, "TextVQ=nan\n"), EC_ERR_NOT_FOUND);
    assert_int_equal(read_lines(f, "step 3: loss=0.3\nlr: x=4\n(a=3\n"), EC_OK);
    assert_int_equal(f->results.n, 0);
}

static void a_value_that_is_no_number_is_an_error(void **state) {
    fixture *f = *state;
    assert_int_equal(read_lines(f, "MME=abc\n"), EC_ERR_FORMAT);
    assert_says(f, "out:1: MME: 'abc' is not a number");
    assert_int_equal(read_lines(f, "\nMME=nan\n"), EC_ERR_FORMAT);
    assert_says(f, "out:2: MME: 'nan' is not a finite number");
    assert_int_equal(read_lines(f, "MME=\n"), EC_ERR_FORMAT);
}

static void zero_bytes_and_endless_lines_are_no_results(void **state) {
    fixture *f = *state;
    static const char bytes[] = "MM\0E=1\nMME=2\0\nMMBench=5\n";
    assert_int_equal(read_lines_in(f, bytes, sizeof bytes - 1, NULL), EC_OK);
    ASSERT_FOUND(f, {MMBENCH, 5.0});
    char *endless = malloc(EC_RESULTS_MAX_LINE_BYTES + 20);
    memset(endless, ' ', EC_RESULTS_MAX_LINE_BYTES + 20);
    memcpy(endless + EC_RESULTS_MAX_LINE_BYTES + 10, "MME=1\n\n", 8);
    assert_int_equal(read_lines(f, endless), EC_OK);
    assert_int_equal(f->results.n, 0);
    free(endless);
}

static void a_line_may_name_a_results_file(void **state) {
    fixture *f = *state;
    char folder[FOLDER_SIZE], text[3 * FOLDER_SIZE];
    folder_make(folder);
    folder_write(folder_join(folder, "r.json"), "{\"results\": {\"mmmu_val\": {\"mmmu_acc,none\": "
                                                "0.352}}}");
    snprintf(text, sizeof text, "MME=3\nno/such.json\nr.json\n");
    assert_int_equal(read_lines_in(f, text, strlen(text), folder), EC_OK);
    ASSERT_FOUND(f, {MME, 3.0}, {MMMU, 100.0 * .352}, {MY_SCORE, 100.0 * .352});
    assert_notes(f, "out:2 names a results file");
    assert_notes(f, "no/such.json: No such file");
    snprintf(text, sizeof text, "%s/r.json", folder);
    assert_int_equal(read_lines(f, text), EC_OK);
    assert_int_equal(f->results.n, 2);
    folder_remove(folder);
}

/* ---- results files -------------------------------------------------------------------------- */

/* Tasks, metrics and units as lmms-eval has them, for the eight benchmarks of the paper. */
static void the_papers_benchmarks_are_found_by_name(void **state) {
    fixture *f = *state;
    assert_int_equal(
        read_json(f, "{\"results\": {"
                     "\"mmbench_en_dev\": {\"gpt_eval_score,none\": 64.25, \"alias\": \"x\","
                     "  \"gpt_eval_score_stderr,none\": \"N/A\", \"submission,none\": null},"
                     "\"mme\": {\"mme_cognition_score,none\": 300.0,"
                     "  \"mme_percetion_score,none\": 1502.5},"
                     "\"ok_vqa\": {\" \": \" \", \"alias\": \"ok_vqa\"},"
                     "\"ok_vqa_val2014\": {\"exact_match,none\": 0.5,"
                     "  \"exact_match_stderr,none\": 0.0078125},"
                     "\"seedbench\": {\"seed_image,none\": 0.75, \"seed_all,none\": 0.6},"
                     "\"mmmu_val\": {\"mmmu_acc,none\": 0.25},"
                     "\"textvqa_val\": {\"exact_match,none\": 0.125},"
                     "\"vizwiz_vqa_val\": {\"exact_match,none\": 0.375},"
                     "\"scienceqa_img\": {\"exact_match,none\": 0.625},"
                     "\"pope\": {\"pope_accuracy,none\": 0.875}},"
                     "\"configs\": {\"mme\": [1, {}]}}"),
        EC_OK);
    ASSERT_FOUND(f, {MMBENCH, 64.25}, {MME, 1502.5}, {OKVQA, 50.0}, {SEED, 75.0}, {MMMU, 25.0},
                 {TEXTVQA, 12.5}, {VIZWIZ, 37.5}, {SCIENCEQA, 62.5}, {POPE, 87.5},
                 {MY_SCORE, 25.0});
    assert_true(ec_results_of(&f->results, OKVQA)->se == 0.78125); /* in the unit of the value */
    assert_true(isnan(ec_results_of(&f->results, MME)->se));
    assert_string_equal(ec_results_of(&f->results, OKVQA)->from,
                        "ok_vqa_val2014.exact_match x 100");
    assert_int_equal(f->results.n_notes, 0);
}

static void the_metric_may_be_under_another_filter_or_none(void **state) {
    fixture *f = *state;
    assert_int_equal(read_json(f, "{\"results\": {\"mme\": {\"mme_perception_score\": 1}}}"),
                     EC_OK);
    ASSERT_FOUND(f, {MME, 1.0});
    assert_int_equal(read_json(f, "{\"results\": {\"pope\": {\"pope_accuracy,flexible\": 0.5}}}"),
                     EC_OK);
    ASSERT_FOUND(f, {POPE, 50.0});
    assert_int_equal(read_json(f, "{\"results\": {\"pope\": {\"pope_accuracy,a\": 0.5, "
                                  "\"pope_accuracy,none\": 0.25, \"pope_accuracy,z\": 1}}}"),
                     EC_OK);
    ASSERT_FOUND(f, {POPE, 25.0});
    assert_int_equal(
        read_json(
            f, "{\"results\": {\"pope\": {\"pope_accuracy,a\": 0.5, \"pope_accuracy,b\": 0.25}}}"),
        EC_ERR_FORMAT);
    assert_says(f, "several filters");
}

static void python_writes_what_json_does_not_know(void **state) {
    fixture *f = *state;
    assert_int_equal(read_json(f,
                               "{\"results\": {\"mme\": {\"a\": NaN, \"b\": -Infinity, "
                               "\"NaN \\\" NaN\": Infinity, \"mme_perception_score,none\": -1}}}"),
                     EC_OK);
    ASSERT_FOUND(f, {MME, -1.0});
    assert_int_equal(read_json(f, "{\"results\": {\"mme\": {\"mme_perception_score,none\": NaN}}}"),
                     EC_ERR_FORMAT);
    assert_says(f, "r.json: results of 'mme': 'mme_perception_score' is not a finite number");
}

static void a_file_that_is_no_results_file_is_refused(void **state) {
    fixture *f = *state;
    static const struct {
        const char *text, *words;
        ec_status status;
    } cases[] = {
        {"", "not JSON", EC_ERR_FORMAT},
        {"{\"results\": ", "r.json:1: not JSON", EC_ERR_FORMAT},
        {"[]", "not a results file of lmms-eval", EC_ERR_FORMAT},
        {"{\"Final Score\": 611}", "those of VLMEvalKit are called MODEL_DATASET_score.json",
         EC_ERR_FORMAT},
        {"3", "not a results file", EC_ERR_FORMAT},
        {"{\"result\": {}}", "not a results file", EC_ERR_FORMAT},
        {"{\"results\": []}", "not a results file", EC_ERR_FORMAT},
        {"{\"results\": {\"mme\": 3}}", "results of 'mme' are not an object", EC_ERR_FORMAT},
        {"{\"results\": {\"mme\": {\"mme_perception_score,none\": \"12\"}}}", "not a finite number",
         EC_ERR_FORMAT},
        {"{\"results\": {\"mme\": {\"mme_perception_score,none\": 1e999}}}", "not JSON",
         EC_ERR_FORMAT},
        {"{\"results\": {\"mme\": {}, \"mme\": {}}}", "duplicate", EC_ERR_FORMAT},
        {"{\"results\": {\"pope\": {\"pope_f1,none\": 1}}}",
         "'pope' has no 'pope_accuracy', which 'result:' in study.yaml names; it has pope_f1,none",
         EC_ERR_NOT_FOUND},
        {"{\"results\": {\"mm\\u0000e\": {}}}", "not JSON", EC_ERR_FORMAT},
        {"{\"results\": {\"\xff\": {}}}", "not JSON", EC_ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_json(f, cases[i].text), cases[i].status);
        assert_int_equal(f->results.n, 0);
        assert_says(f, cases[i].words);
    }
}

/* ---- what is left out, limited runs --------------------------------------------------------- */

/* A task for a benchmark whose metric is not known is named, with the line for study.yaml. */
static void a_task_that_is_left_out_is_named_with_the_line_to_add(void **state) {
    fixture *f = *state;
    assert_int_equal(
        read_json(f, "{\"results\": {\"mme\": {\"mme_perception_score,none\": 1500},"
                     "\"free\": {\"alias\": \"x\", \"free_acc,none\": 0.85, \"free_f1,none\": 0.83,"
                     "  \"free_acc_stderr,none\": 0.01, \"free_acc_stderr_clt,none\": 0.01},"
                     "\"mmbench_en_dev_lite\": {\"gpt_eval_score,none\": 64.2},"
                     "\"vsr\": {\"acc,strict\": 0.5}, \"empty\": {\" \": \" \"},"
                     "\"group\": {\"acc,none\": 1}, \"member\": {\"acc,none\": 1}},"
                     "\"group_subtasks\": {\"group\": [\"member\"], \"empty\": [\"vsr\"]}}"),
        EC_OK);
    ASSERT_FOUND(f, {MME, 1500.0});
    assert_notes(f, "r.json: 'free' is left out; if it is free, write under '- name: free' in "
                    "study.yaml: result: free.free_acc * 100 (or free_f1)");
    assert_notes(f, "if it is MMBench, write under '- name: MMBench' in study.yaml: result: "
                    "mmbench_en_dev_lite.gpt_eval_score");
    assert_notes(f, "- {name: vsr, result: 'vsr.acc,strict * 100'}");
    assert_notes(f, "- {name: group, result: group.acc * 100}");
    assert_int_equal(f->results.n_notes, 4);
}

static void the_line_to_add_is_one_that_is_understood(void **state) {
    (void)state;
    assert_null(ec_result_key_fault("vsr.acc,strict * 100"));
    static const char yaml[] = "benchmarks:\n  - {name: vsr, result: 'vsr.acc,strict * 100'}\n"
                               "  - {name: b, result: group.acc * 100}\ncandidates: []\n";
    ec_declaration declared;
    ec_error err;
    if (ec_declaration_read(&declared, "y", yaml, sizeof yaml - 1, &err) != EC_OK)
        fail_msg("%s", err.message);
    ec_declaration_release(&declared);
}

static ec_status read_limited(fixture *f, bool allowed, const char *limit, const char *samples) {
    char text[600];
    snprintf(text, sizeof text,
             "{\"results\": {\"mme\": {\"mme_perception_score,none\": 1500},"
             "\"textvqa_val\": {\"exact_match,none\": 0.5}},"
             "\"config\": {\"limit\": %s}, \"n-samples\": {\"mme\": %s}}",
             limit, samples);
    ec_results_reader r = reader_of(f, "r.json");
    r.limited = allowed;
    ec_task_file file = {0};
    ec_status status = ec_task_file_read(&file, &r, text, strlen(text));
    if (status == EC_OK) status = ec_results_take(&r, &file);
    ec_task_file_release(&file);
    return status;
}

/* 8 of 2374 samples are no result; a limit beyond the number of samples is none, and -1 is how
 * newer versions write that there is none. */
static void a_limited_run_is_refused_unless_asked_for(void **state) {
    fixture *f = *state;
    static const char part[] = "{\"original\": 2374, \"effective\": 8}",
                      whole[] = "{\"original\": 2374, \"effective\": 2374}";
    assert_int_equal(read_limited(f, false, "8.0", part), EC_ERR_ARG);
    assert_says(f, "r.json: 'mme' is of a limited run, 8 of 2374 samples");
    assert_says(f, "--limited");
    assert_int_equal(read_limited(f, false, "null", part), EC_ERR_ARG);
    assert_int_equal(read_limited(f, false, "\"16\"", "{}"), EC_ERR_ARG);
    assert_says(f, "--limit 16");
    assert_int_equal(read_limited(f, false, "0.1", "null"), EC_ERR_ARG);
    assert_int_equal(read_limited(f, true, "8", part), EC_OK);
    assert_int_equal(f->results.n, 2);
    assert_notes(f, "limited run, 8 of 2374 samples");
    assert_int_equal(read_limited(f, false, "null", whole), EC_OK);
    assert_int_equal(read_limited(f, false, "-1", "{\"original\": 2374, \"effective\": -1}"),
                     EC_OK);
    assert_int_equal(read_limited(f, false, "99999", whole), EC_ERR_ARG); /* of TextVQA nobody knows */
    assert_says(f, "'textvqa_val'");
}

/* Metrics of a group may stand apart, and its samples are those of its members. */
static void a_group_has_the_samples_of_its_members(void **state) {
    fixture *f = *state;
    static const char whole[] =
        "{\"results\": {\"pope\": {\" \": \" \"}, \"a\": {\"acc\": 1}, \"b\": {\"acc\": 1}},"
        "\"groups\": {\"pope\": {\"pope_accuracy,none\": 0.5}},"
        "\"group_subtasks\": {\"pope\": [\"a\", \"b\"]}, \"n-samples\": {"
        "\"a\": {\"original\": 9, \"effective\": 9},"
        "\"b\": {\"original\": 9, \"effective\": 9}}}";
    assert_int_equal(read_json(f, whole), EC_OK);
    ASSERT_FOUND(f, {POPE, 50.0});
    assert_int_equal(f->results.n_notes, 0);
    char part[sizeof whole];
    memcpy(part, whole, sizeof whole);
    *(strrchr(part, '9')) = '3';
    assert_int_equal(read_json(f, part), EC_ERR_ARG);
    assert_says(f, "'pope' is of a limited run, 3 of 9 samples");
}

/* A fraction where the study has percentages is multiplied, a percentage is not multiplied again,
 * and a study in fractions stays in fractions. */
static void units_follow_the_value_and_the_declared_range(void **state) {
    fixture *f = *state;
    assert_int_equal(read_json(f, "{\"results\": {\"textvqa_val\": {\"exact_match,none\": 46.5,"
                                  "\"exact_match_stderr,none\": 0.5}}}"),
                     EC_OK);
    ASSERT_FOUND(f, {TEXTVQA, 46.5});
    assert_true(ec_results_of(&f->results, TEXTVQA)->se == 0.5);
    f->declared.sheet.benchmarks[TEXTVQA].high = 1.0;
    assert_int_equal(read_json(f, "{\"results\": {\"textvqa_val\": {\"exact_match,none\": 0.5}}}"),
                     EC_OK);
    ASSERT_FOUND(f, {TEXTVQA, 0.5});
}

/* ---- VLMEvalKit ----------------------------------------------------------------------------- */

/* As its report_acc, rating and d2df write them: every field in quotes. */
static void tables_of_vlmevalkit_are_read_by_the_name_of_the_file(void **state) {
    fixture *f = *state;
    assert_int_equal(read_named(f, "llava_v1.5_7b_MMBench_DEV_EN_acc.csv",
                                "\"split\",\"Overall\",\"AR\"\n\"dev\",\"0.625\",\"0.7\"\n"),
                     EC_OK);
    ASSERT_FOUND(f, {MMBENCH, 62.5});
    assert_string_equal(f->results.items[0].from, "MMBench_DEV_EN.Overall,dev x 100");
    assert_int_equal(read_named(f, "m_TextVQA_VAL_acc.csv", "\"Overall\"\n\"60.16\"\n"), EC_OK);
    ASSERT_FOUND(f, {TEXTVQA, 60.16});
    assert_int_equal(
        read_named(f, "m_SEEDBench_IMG_acc.csv", "\"split\",\"Overall\"\n\"none\",\"0.6875\"\n"),
        EC_OK);
    ASSERT_FOUND(f, {SEED, 68.75});
    assert_int_equal(read_named(f, "m_MME_score.csv",
                                "\"perception\",\"reasoning\",\"OCR\"\n"
                                "\"1502.7\",\"323.2\",\"125.0\"\n"),
                     EC_OK);
    ASSERT_FOUND(f, {MME, 1502.7});
    assert_int_equal(
        read_named(f, "m_MMMU_DEV_VAL_acc.csv",
                   "\"split\",\"Overall\"\n\"dev\",\"0.5\"\n\"validation\",\"0.375\"\n"),
        EC_OK);
    ASSERT_FOUND(f, {MMMU, 37.5});
    assert_int_equal(
        read_named(f, "out/q_w/T20240101_G0123abcd/q_w_VizWiz_acc.csv", "Overall\n55\n"), EC_OK);
    ASSERT_FOUND(f, {VIZWIZ, 55.0});
    /* A model that is called like a judge, and a judge behind the data set. */
    assert_int_equal(read_named(f, "my_qwen-vl_TextVQA_VAL_acc.csv", "Overall\n56\n"), EC_OK);
    ASSERT_FOUND(f, {TEXTVQA, 56.0});
    assert_int_equal(read_named(f, "gpt-4o/gpt-4o_TextVQA_VAL_acc.csv", "Overall\n57\n"), EC_OK);
    ASSERT_FOUND(f, {TEXTVQA, 57.0});
    assert_int_equal(
        read_named(f, "m_MMBench_DEV_EN_exact_matching_acc.csv", "split,Overall\ndev,0.5\n"),
        EC_OK);
    ASSERT_FOUND(f, {MMBENCH, 50.0});
}

/* MMBench in Chinese, or its other version, is not MMBench. */
static void another_data_set_is_not_taken_for_one_that_is_called_alike(void **state) {
    fixture *f = *state;
    static const char text[] = "split,Overall\ndev,0.5\n";
    assert_int_equal(read_named(f, "m_MMBench_DEV_CN_acc.csv", text), EC_OK);
    assert_int_equal(f->results.n, 0);
    assert_notes(f, "if it is MMBench, write under '- name: MMBench' in study.yaml: result: "
                    "'MMBench_DEV_CN.Overall,dev * 100'");
    assert_int_equal(read_named(f, "m_MMBench_DEV_EN_V11_acc.csv", text), EC_OK);
    assert_int_equal(f->results.n, 0);
    assert_int_equal(
        read_named(f, "m_POPE_score.csv", "split,Overall,acc\nOverall,85.5,86\nrandom,80,81\n"),
        EC_OK);
    assert_int_equal(f->results.n, 0); /* 'result:' names the task of lmms-eval */
    assert_notes(f, "POPE.Overall,Overall");
    assert_int_equal(read_named(f, "m_OCRBench_score.json",
                                "{\"Text Recognition\": 90, \"Final Score\": 611, "
                                "\"Final Score Norm\": 61.1}"),
                     EC_OK);
    assert_notes(
        f,
        "- {name: OCRBench, result: OCRBench.Final_Score} (or Final_Score_Norm, Text_Recognition)");
    assert_int_equal(read_named(f, "m_MMVet_gpt-4-turbo_score.csv",
                                "Category,tot,acc\nrec,10,30.5\nOverall,10,31.2\n"),
                     EC_OK);
    assert_notes(f, "{name: MMVet, result: 'MMVet.acc,Overall'} (or acc)");
}

static void a_table_that_is_none_of_vlmevalkit_is_refused(void **state) {
    fixture *f = *state;
    static const struct {
        const char *path, *text, *words;
    } cases[] = {
        {"results.csv", "candidate,A\n", "'eyechart study import' reads a table of candidates"},
        {"m_MME_score.csv", "", "empty"},
        {"m_MME_score.csv", "perception\n", "only a line of column names"},
        {"m_MME_score.csv", "perception,reasoning\n3\n", "m_MME_score.csv:2: 1 fields, expected 2"},
        {"m_MME_score.csv", "perception\nnan\n", "not a finite number"},
        {"m_MME_score.csv", "perception\n\"", "never closed"},
        {"m_MME_score.xlsx", "PK\3\4", "save the sheet as CSV"},
        {"x_samples_mme.jsonl", "{}\n{}\n", "holds samples"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_named(f, cases[i].path, cases[i].text), EC_ERR_FORMAT);
        assert_says(f, cases[i].words);
    }
}

/* ---- files and folders ---------------------------------------------------------------------- */

static ec_status read_path(fixture *f, const char *path) {
    const ec_results_reader r = reader_of(f, NULL);
    return ec_results_read_paths(&r, &path, 1);
}

static void write_results(const char *folder, const char *name, const char *model, const char *task,
                          const char *metric, double value) {
    char text[400];
    snprintf(text, sizeof text,
             "{\"results\": {\"%s\": {\"%s,none\": %g}}, \"model_name\": \"%s\"}", task, metric,
             value, model);
    folder_write(folder_join(folder, name), text);
}

/* One file a task, as a loop over tasks leaves them; the newest of a task counts. */
static void a_folder_is_read_as_far_as_it_goes_down(void **state) {
    fixture *f = *state;
    char folder[FOLDER_SIZE];
    folder_make(folder);
    mkdir(folder_join(folder, "org__m"), 0777);
    write_results(folder, "org__m/20240906_120000_results.json", "org/m", "mme",
                  "mme_perception_score", 1500);
    write_results(folder, "org__m/20240906_130000_results.json", "org/m", "mmmu_val", "mmmu_acc",
                  .5);
    write_results(folder, "org__m/20240905_110000_results.json", "org/m", "mme",
                  "mme_perception_score", 1400);
    folder_write(folder_join(folder, "org__m/20240906_120000_samples_mme.jsonl"), "{}\n{}\n");
    folder_write(folder_join(folder, "config.json"), "{}");
    assert_int_equal(read_path(f, folder), EC_OK);
    ASSERT_FOUND(f, {MME, 1500.0}, {MMMU, 50.0}, {MY_SCORE, 50.0});
    assert_notes(f, "1500 of ");
    assert_notes(f, "which is newer than 1400 of ");
    assert_non_null(strstr(ec_results_of(&f->results, MME)->file, "20240906_120000_results.json"));

    mkdir(folder_join(folder, "other"), 0777);
    write_results(folder, "other/20240907_120000_results.json", "other", "mme",
                  "mme_perception_score", 1300);
    assert_int_equal(read_path(f, folder), EC_ERR_FORMAT);
    assert_says(f, "is of the model 'other'");
    assert_int_equal(f->results.n, 0);

    mkdir(folder_join(folder, "none"), 0777);
    folder_write(folder_join(folder, "none/a.json"), "{}");
    char none[2 * FOLDER_SIZE];
    snprintf(none, sizeof none, "%s/none", folder);
    assert_int_equal(read_path(f, none), EC_ERR_NOT_FOUND);
    assert_says(f, "no results file in it");
    assert_int_equal(read_path(f, "/nowhere/at/all"), EC_ERR_NOT_FOUND);
    folder_remove(folder);
}

/* A trial over a few samples often lies beside the whole run. */
static void a_trial_in_a_folder_is_left_out(void **state) {
    fixture *f = *state;
    char folder[FOLDER_SIZE];
    folder_make(folder);
    folder_write(
        folder_join(folder, "20250102_000000_results.json"),
        "{\"results\": {\"mme\": {\"mme_perception_score,none\": 99}, \"vsr\": {\"acc\": 1}},"
        " \"config\": {\"limit\": 8}}");
    assert_int_equal(read_path(f, folder), EC_ERR_NOT_FOUND);
    assert_says(f, "'mme' is of a limited run, --limit 8, and left out; --limited takes it");
    write_results(folder, "20250101_000000_results.json", "m", "mme", "mme_perception_score", 1500);
    assert_int_equal(read_path(f, folder), EC_OK);
    ASSERT_FOUND(f, {MME, 1500.0});
    assert_int_equal(f->results.n_notes, 1);
    folder_remove(folder);
}

/* The study has a slip in the name of a benchmark. */
static void the_nearest_benchmark_is_named(void **state) {
    fixture *f = *state;
    static const char yaml[] =
        "benchmarks: [{name: MMBnech}, {name: HalusionBench}]\ncandidates: []\n";
    ec_declaration_release(&f->declared);
    assert_int_equal(ec_declaration_read(&f->declared, "y", yaml, sizeof yaml - 1, &f->err), EC_OK);
    assert_int_equal(read_json(f, "{\"results\": {\"mmbench_en_dev\": {\"gpt_eval_score\": 60},"
                                  "\"hallusionbench\": {\"aAcc\": 50}, \"vsr\": {\"acc\": 2}}}"),
                     EC_OK);
    assert_notes(f, "if it is MMBnech, write");
    assert_notes(f, "if it is HalusionBench, write");
    assert_notes(f, "- {name: vsr, result: vsr.acc}");
}

static void a_file_without_any_benchmark_is_an_error_unless_others_have_one(void **state) {
    fixture *f = *state;
    char folder[FOLDER_SIZE];
    folder_make(folder);
    write_results(folder, "gqa_results.json", "m", "vsr", "exact_match", .5);
    assert_int_equal(read_path(f, folder), EC_ERR_NOT_FOUND);
    assert_says(f, "none of the study's benchmarks");
    assert_says(f, "{name: vsr, result: vsr.exact_match * 100}");
    write_results(folder, "mme_results.json", "m", "mme", "mme_perception_score", 1500);
    assert_int_equal(read_path(f, folder), EC_OK);
    ASSERT_FOUND(f, {MME, 1500.0});
    assert_notes(f, "'vsr' is left out");
    folder_remove(folder);
}

/* jansson limits its depth; this would be a stack overflow without. */
static void deep_nesting_is_refused(void **state) {
    fixture *f = *state;
    enum { DEPTH = 200000 };
    char *deep = malloc(DEPTH + 1);
    memset(deep, '[', DEPTH);
    deep[DEPTH] = '\0';
    assert_int_equal(read_json(f, deep), EC_ERR_FORMAT);
    free(deep);
}

static void a_key_of_a_result_is_checked(void **state) {
    (void)state;
    static const char *const wrong[] = {"",    "mme",       ".a",      "a.",         "a b.c",
                                        "a.*", "a.b * x",   "a.b *",   "a.b * 0",    "a.b * nan",
                                        "*3",  "a.b c * 3", "a.b*1*2", "a.b * 1e999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (ec_result_key_fault(wrong[i]) == NULL) fail_msg("'%s' is taken", wrong[i]);
    assert_null(ec_result_key_fault("a.b"));
    assert_null(ec_result_key_fault("mmmu_pro_4.2.acc,none*-.5"));
}

static void tasks_are_those_that_lmms_eval_knows(void **state) {
    const fixture *f = *state;
    ec_text text = {0};
    for (size_t b = 0; b < N; b++) {
        ec_results_add_task(&text, &f->declared, b);
        ec_text_add(&text, " ");
    }
    assert_string_equal(text.data,
                        "mmbench_en_dev mme ok_vqa seedbench mmmu_val textvqa_val vizwiz_vqa_val "
                        "scienceqa_img pope mmmu_val free ");
    ec_text_release(&text);
}

int main(void) {
#define WITH(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH(lines_are_results_where_they_say_so),
        WITH(the_last_value_of_a_benchmark_wins),
        WITH(a_carriage_return_ends_a_line),
        WITH(a_name_with_blanks_is_a_name),
        WITH(an_unknown_benchmark_is_named_with_its_line_and_the_nearest),
        WITH(a_value_that_is_no_number_is_an_error),
        WITH(zero_bytes_and_endless_lines_are_no_results),
        WITH(a_line_may_name_a_results_file),
        WITH(the_papers_benchmarks_are_found_by_name),
        WITH(the_metric_may_be_under_another_filter_or_none),
        WITH(python_writes_what_json_does_not_know),
        WITH(a_file_that_is_no_results_file_is_refused),
        WITH(a_task_that_is_left_out_is_named_with_the_line_to_add),
        WITH(the_line_to_add_is_one_that_is_understood),
        WITH(a_limited_run_is_refused_unless_asked_for),
        WITH(a_group_has_the_samples_of_its_members),
        WITH(units_follow_the_value_and_the_declared_range),
        WITH(tables_of_vlmevalkit_are_read_by_the_name_of_the_file),
        WITH(another_data_set_is_not_taken_for_one_that_is_called_alike),
        WITH(a_table_that_is_none_of_vlmevalkit_is_refused),
        WITH(a_folder_is_read_as_far_as_it_goes_down),
        WITH(a_file_without_any_benchmark_is_an_error_unless_others_have_one),
        WITH(a_trial_in_a_folder_is_left_out),
        WITH(the_nearest_benchmark_is_named),
        WITH(deep_nesting_is_refused),
        WITH(tasks_are_those_that_lmms_eval_knows),
        cmocka_unit_test(a_key_of_a_result_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
