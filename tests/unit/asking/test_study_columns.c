/* Columns beside A and C: how they are written in files, what an import does with them, and how
 * they take the places of A and C. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "eyechart/asking.h"
#include "folder.h"
#include "sheet/sheet.h"
#include "study/column_store.h"
#include "study/study_internal.h"

static const char YAML[] = "name: test\n"
                           "benchmarks: [{name: MME}, {name: GQA}]\n"
                           "candidates:\n"
                           "  - {name: one, A: 0.9, C: 10}\n"
                           "  - {name: two, A: 0.5, A_se: 0.01, C: 20, C_se: 0.5}\n"
                           "  - {name: three, A_by_benchmark: [{benchmark: MME, value: 0.1}, "
                           "{benchmark: GQA, value: 0.2}], C: 30}\n";
enum { ONE, TWO, THREE, N };
enum { MME, GQA, M };

/* Values with all digits; cka for every benchmark, part for one and in general. */
static const char CSV[] =
    "candidate,column cka,column_se cka,column part GQA,column part,column_se part\n"
    "one,0.1234567890123456,0.001,1,2,0.5\n"
    "two,0.75,,,3,\n"
    "three,,,4,,\n";

typedef struct {
    char folder[FOLDER_SIZE];
    char path[2 * FOLDER_SIZE];
    ec_study *study;
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    folder_make(f->folder);
    snprintf(f->path, sizeof f->path, "%s/study", f->folder);
    mkdir(f->path, 0777);
    folder_write(folder_join(f->path, "study.yaml"), YAML);
    ec_error err;
    if (ec_study_open(&f->study, f->path, &err) != EC_OK) fail_msg("%s", err.message);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    ec_study_close(f->study);
    folder_remove(f->folder);
    free(f);
    return 0;
}

static ec_import_summary import(fixture *f, const char *name, const char *text) {
    ec_import_summary summary;
    ec_error err;
    const char *path = folder_join(f->folder, name);
    folder_write(path, text);
    if (ec_study_import_from(&summary, f->study, path, EC_FORMAT_BY_NAME, false, NULL, NULL,
                             &err) != EC_OK)
        fail_msg("%s", err.message);
    return summary;
}

static ec_study_snapshot *snapshot(ec_study *study) {
    ec_study_snapshot *s;
    ec_error err;
    if (ec_study_snapshot_get(&s, study, &err) != EC_OK) fail_msg("%s", err.message);
    return s;
}

static const ec_study_column *column(const ec_study_snapshot *s, const char *name,
                                     size_t benchmark) {
    for (size_t k = 0; k < s->n_columns; k++)
        if (strcmp(s->columns[k].name, name) == 0 && s->columns[k].benchmark == benchmark)
            return &s->columns[k];
    fail_msg("no column %s", name);
    return NULL;
}

/* ---- in and out ----------------------------------------------------------------------------- */

static void assert_imported(const ec_study_snapshot *s) {
    assert_int_equal(s->n_columns, 3);
    const ec_study_column *cka = column(s, "cka", EC_ALL_BENCHMARKS),
                          *part = column(s, "part", EC_ALL_BENCHMARKS),
                          *part_gqa = column(s, "part", GQA);
    assert_true(cka->value[ONE] == 0.1234567890123456 && cka->se[ONE] == 0.001);
    assert_true(cka->value[TWO] == 0.75 && isnan(cka->se[TWO]) && isnan(cka->value[THREE]));
    assert_true(part->value[ONE] == 2 && part->se[ONE] == 0.5 && part->value[TWO] == 3);
    assert_true(part_gqa->value[ONE] == 1 && isnan(part_gqa->value[TWO]) &&
                part_gqa->value[THREE] == 4);
}

static void an_import_brings_columns_once(void **state) {
    fixture *f = *state;
    ec_import_summary summary = import(f, "x.csv", CSV);
    assert_int_equal(summary.n_scores, 6);
    assert_int_equal(summary.n_unchanged, 0);
    ec_study_snapshot *s = snapshot(f->study);
    assert_imported(s);
    ec_study_snapshot_free(s);

    summary = import(f, "x.csv", CSV);
    assert_int_equal(summary.n_scores, 0);
    assert_int_equal(summary.n_unchanged, 6);

    /* A new standard error alone is a new value, and the newest counts. */
    summary = import(f, "y.csv", "candidate,column cka,column_se cka\ntwo,0.75,0.002\n");
    assert_int_equal(summary.n_scores, 1);
    s = snapshot(f->study);
    assert_true(column(s, "cka", EC_ALL_BENCHMARKS)->se[TWO] == 0.002);
    ec_study_snapshot_free(s);
}

static void an_export_imports_as_the_same_columns(void **state) {
    fixture *f = *state;
    static const char *const files[] = {"out.csv", "out.json"};
    import(f, "x.csv", CSV);
    for (int k = 0; k < 2; k++) {
        ec_error err;
        char file[2 * FOLDER_SIZE], path[2 * FOLDER_SIZE];
        snprintf(file, sizeof file, "%s/%s", f->folder, files[k]);
        snprintf(path, sizeof path, "%s/copy%d", f->folder, k);
        if (ec_study_export(f->study, file, EC_FORMAT_BY_NAME, &err) != EC_OK ||
            ec_study_create_from(path, file, NULL, NULL, &err) != EC_OK)
            fail_msg("%s", err.message);
        ec_study *copy;
        assert_int_equal(ec_study_open(&copy, path, &err), EC_OK);
        ec_study_snapshot *s = snapshot(copy);
        assert_imported(s);
        assert_true(s->table.c[TWO] == 20);
        ec_study_snapshot_free(s);
        ec_study_close(copy);
    }
}

static void assert_refused(const char *csv, const char *words) {
    ec_sheet sheet;
    ec_error err = {.message = "(none)"};
    const ec_status status = ec_sheet_read_csv(&sheet, "t", csv, strlen(csv), &err);
    if (status != EC_ERR_FORMAT || strstr(err.message, words) == NULL)
        fail_msg("status %d, '%s'; expected '%s'", status, err.message, words);
}

static void mistakes_are_told(void **state) {
    (void)state;
    assert_refused("candidate,column A\nx,1\n", "is A or C itself");
    assert_refused("candidate,column \nx,1\n", "is empty");
    assert_refused("candidate,column caf\xc3\xa9\nx,1\n", "has more than letters");
    assert_refused("candidate,column_se cka\nx,1\n", "standard error of cka without a value");
    assert_refused("candidate,column cka,column_se cka\nx,1,-1\n", "is negative");
    assert_refused("candidate,column cka\nx,one\n", "column 'column cka': 'one'");
    assert_refused("candidate,column_se cka MME\nx,1\n", "without a column 'column cka MME'");
    char name[80];
    memset(name, 'x', sizeof name);
    name[64] = '\0';
    assert_non_null(ec_column_name_fault(name));
    name[63] = '\0';
    assert_null(ec_column_name_fault(name));

    static const char JSON[] =
        "{\"benchmarks\": [{\"name\": \"MME\"}], \"candidates\": [{\"name\": "
        "\"x\", \"columns\": {\"cka\": {\"GQA\": 1}}}]}";
    ec_sheet sheet;
    ec_error err;
    assert_int_equal(ec_sheet_read_json(&sheet, "t", JSON, strlen(JSON), &err), EC_ERR_FORMAT);
    assert_non_null(strstr(err.message, "candidate 'x': 'GQA' is not one of the names"));
}

/* Two million headers would be as many columns of a study. */
static void too_many_columns_are_refused(void **state) {
    (void)state;
    ec_text text = {0};
    ec_text_add(&text, "candidate");
    for (int k = 0; k <= EC_STUDY_MAX_COLUMNS; k++) ec_text_format(&text, ",column c%d", k);
    ec_text_add(&text, "\nx");
    for (int k = 0; k <= EC_STUDY_MAX_COLUMNS; k++) ec_text_add(&text, ",");
    ec_text_add(&text, "\n");
    assert_refused(text.data, "more columns beside A and C than 1000");
    ec_text_release(&text);
}

/* ---- in the place of A and C ---------------------------------------------------------------- */

static ec_study_snapshot *choose(fixture *f, const char *a, const char *c) {
    const ec_rank_column columns[] = {{a, 1.0}, {c, 1.0}};
    ec_study_snapshot *s = snapshot(f->study);
    ec_error err;
    if (ec_study_snapshot_choose(s, f->study, columns, 2, &err) != EC_OK)
        fail_msg("%s", err.message);
    return s;
}

static void a_column_takes_the_place_of_a_or_c(void **state) {
    fixture *f = *state;
    import(f, "x.csv", CSV);
    ec_study_snapshot *s = choose(f, "part", "cka");
    assert_true(s->table.a[ONE] == 2 && s->table.a_se[ONE] == 0.5 && s->table.a[TWO] == 3);
    /* Its own value where there is one, else the one for all. */
    assert_true(s->table.a[GQA * N + ONE] == 1 && isnan(s->table.a_se[GQA * N + ONE]));
    assert_true(s->table.a[GQA * N + TWO] == 3 && s->table.a[GQA * N + THREE] == 4);
    assert_true(isnan(s->table.a[THREE]));
    assert_true(s->table.c[ONE] == 0.1234567890123456 && s->table.c_se[ONE] == 0.001);
    assert_true(s->table.c[TWO] == 0.75 && isnan(s->table.c_se[TWO]) && isnan(s->table.c[THREE]));
    ec_study_snapshot_free(s);

    s = choose(f, "C", "cka");
    assert_true(s->table.a[TWO] == 20 && s->table.a[N + TWO] == 20 && s->table.a_se[TWO] == 0.5);
    assert_true(s->table.c[TWO] == 0.75);
    ec_study_snapshot_free(s);

    s = choose(f, "A", "C");
    assert_true(s->table.a[ONE] == 0.9 && s->table.c[ONE] == 10 && s->table.n_more == 0);
    assert_true(s->scores[0].weight == 1 && strcmp(s->scores[1].name, "C") == 0);
    ec_study_snapshot_free(s);

    /* One value for all benchmarks is what the place of C has; another goes behind it. */
    s = choose(f, "C", "A");
    assert_true(s->table.a[N + TWO] == 20 && s->table.n_more == 1 && s->table.weights[1] == 0);
    assert_true(s->table.more[THREE] == 0.1 && s->table.more[N + THREE] == 0.2);
    assert_true(s->table.more_se[TWO] == 0.01 && s->scores[1].name == NULL);
    assert_string_equal(s->scores[2].name, "A");
    ec_study_snapshot_free(s);
}

/* More than two, one of them by benchmark, one without weight; and again A and C. */
static void any_number_of_columns_can_be_chosen(void **state) {
    fixture *f = *state;
    static const ec_rank_column columns[] = {
        {"A", 1.0}, {"cka", 0.0}, {"C", 2.0}, {"part", 0.5}, {"cka", 0.25}};
    import(f, "x.csv", CSV);
    ec_study_snapshot *s = snapshot(f->study);
    assert_int_equal(ec_study_snapshot_choose(s, f->study, columns, 5, NULL), EC_OK);
    const ec_table *t = &s->table;
    assert_true(t->n_more == 2 && t->a[ONE] == 0.9 && t->c[TWO] == 20 && t->c_se[TWO] == 0.5);
    assert_true(t->weights[0] == 1 && t->weights[1] == 2 && t->weights[2] == 0.5);
    assert_true(t->more[TWO] == 3 && t->more[GQA * N + ONE] == 1 && t->more_se[ONE] == 0.5);
    assert_true(t->more[M * N + TWO] == 0.75 && t->more[M * N + N + TWO] == 0.75);
    assert_true(t->more_se[M * N + ONE] == 0.001 && t->weights[3] == 0.25);
    char text[80];
    ec_rank_columns_text(text, sizeof text, s->scores, 4);
    assert_string_equal(text, "A, C, part and cka");

    assert_int_equal(ec_study_snapshot_choose(s, f->study, columns + 4, 1, NULL), EC_OK);
    assert_true(t->a[TWO] == 0.75 && t->n_more == 0 && t->c[TWO] == 0 && t->weights[1] == 0);
    assert_int_equal(ec_study_snapshot_choose(s, f->study, NULL, 0, NULL), EC_OK);
    assert_true(t->a[ONE] == 0.9 && t->c[ONE] == 10 && t->n_more == 0);
    ec_study_snapshot_free(s);
}

static void study_yaml_says_what_to_rank_by(void **state) {
    fixture *f = *state;
    import(f, "x.csv", CSV);
    char yaml[2000];
    ec_error err;
    snprintf(yaml, sizeof yaml, "rank: {columns: [C, cka=0.5]}\n%s", YAML);
    folder_write(folder_join(f->path, "study.yaml"), yaml);
    ec_study_close(f->study);
    if (ec_study_open(&f->study, f->path, &err) != EC_OK) fail_msg("%s", err.message);
    size_t n;
    const ec_rank_column *declared = ec_study_rank_columns(&n, f->study);
    assert_int_equal(n, 2);
    assert_string_equal(declared[1].name, "cka");
    ec_study_snapshot *s = snapshot(f->study);
    assert_true(s->table.a[ONE] == 0.9); /* until it is chosen */
    assert_int_equal(ec_study_snapshot_choose(s, f->study, NULL, 0, NULL), EC_OK);
    assert_true(s->table.a[ONE] == 10 && s->table.c[TWO] == 0.75 && s->table.weights[1] == 0.5);
    ec_study_snapshot_free(s);
    ec_text text = {0}; /* it is written again where study.yaml is */
    ec_declaration_write(&text, &f->study->declared);
    assert_non_null(strstr(text.data, "\nrank:\n  columns:\n    - C\n    - \"cka=0.5\"\n"));
    ec_text_release(&text);

    static const struct {
        const char *columns, *words;
    } mistakes[] = {{"[A, C, A]", "'A' is there twice"},
                    {"[A=0]", "no column has a weight above 0"},
                    {"[A=-1, C]", "the weight of the column 'A' must be a number, 0 or more"},
                    {"[A, C=x]", "not 'x'"},
                    {"[A, C, a]", "'A' is there twice"},
                    {"[b d]", "the name 'b d' of a column has more than letters"},
                    {"A", "'columns' is a single value, expected a list"}};
    for (size_t k = 0; k < sizeof mistakes / sizeof *mistakes; k++) {
        ec_study *refused;
        snprintf(yaml, sizeof yaml, "rank: {columns: %s}\n%s", mistakes[k].columns, YAML);
        folder_write(folder_join(f->path, "study.yaml"), yaml);
        assert_int_equal(ec_study_open(&refused, f->path, &err), EC_ERR_FORMAT);
        if (strstr(err.message, mistakes[k].words) == NULL) fail_msg("%s", err.message);
    }
}

static void assert_not_chosen(fixture *f, const char *a, const char *c, ec_status expected,
                              const char *words) {
    ec_study_snapshot *s = snapshot(f->study);
    ec_error err = {.message = "(none)"};
    const ec_rank_column columns[] = {{a, 1.0}, {c, 1.0}};
    const ec_status status = ec_study_snapshot_choose(s, f->study, columns, 2, &err);
    if (status != expected || strstr(err.message, words) == NULL)
        fail_msg("status %d, '%s'; expected '%s'", status, err.message, words);
    assert_true(s->table.a[ONE] == 0.9 && s->table.c[ONE] == 10); /* as they were */
    ec_study_snapshot_free(s);
}

static void what_cannot_take_a_place_is_told(void **state) {
    fixture *f = *state;
    assert_not_chosen(f, "cka", "C", EC_ERR_ARG, "the study has none beside A and C");
    import(f, "x.csv", CSV);
    assert_not_chosen(f, "ckaa", "C", EC_ERR_ARG, "did you mean 'cka'?");
    assert_not_chosen(f, "A", "xyzzy", EC_ERR_ARG, "study show");
    ec_study_snapshot *s = snapshot(f->study);
    static const double weights[] = {-1.0, NAN, INFINITY, 0.0};
    for (size_t k = 0; k < 4; k++) {
        const ec_rank_column column = {"A", weights[k]};
        assert_int_equal(ec_study_snapshot_choose(s, f->study, &column, 1, NULL), EC_ERR_ARG);
    }
    ec_rank_column many[EC_RANK_MAX_COLUMNS + 1];
    for (size_t k = 0; k <= EC_RANK_MAX_COLUMNS; k++) many[k] = (ec_rank_column){"C", 1.0};
    assert_int_equal(ec_study_snapshot_choose(s, f->study, many, EC_RANK_MAX_COLUMNS + 1, NULL),
                     EC_ERR_ARG);
    assert_int_equal(ec_study_snapshot_choose(s, f->study, many, EC_RANK_MAX_COLUMNS, NULL), EC_OK);
    ec_study_snapshot_free(s);
}

/* The policy "largest A + C" sees other numbers: by A and C the best is 'one' or 'three'. */
static void ask_goes_by_the_columns_it_was_given(void **state) {
    fixture *f = *state;
    import(f, "x.csv", "candidate,column up,column down\none,1,3\ntwo,2,2\nthree,3,1\n");
    const struct {
        const char *a, *c;
        size_t expected;
    } cases[] = {{"up", "up", THREE}, {"down", "down", ONE}, {"C", "up", THREE}};
    for (size_t k = 0; k < 3; k++) {
        char worker[16];
        snprintf(worker, sizeof worker, "w%zu", k);
        const ec_rank_column columns[] = {{cases[k].a, 1.0}, {cases[k].c, 1.0}};
        const ec_ask_options options = {
            .columns = columns, .n_columns = 2, .worker = worker, .lease_hours = 1e-7};
        ec_question question;
        size_t n;
        ec_error err;
        if (ec_study_ask(&question, &n, f->study, &options, &err) != EC_OK)
            fail_msg("%s", err.message);
        assert_int_equal(question.candidate, cases[k].expected);
        usleep(2000); /* the lease runs out */
    }
    const ec_rank_column wrong = {"upp", 1.0};
    const ec_ask_options options = {.columns = &wrong, .n_columns = 1};
    ec_question question;
    size_t n;
    ec_error err;
    assert_int_equal(ec_study_ask(&question, &n, f->study, &options, &err), EC_ERR_ARG);
    assert_non_null(strstr(err.message, "did you mean 'up'?"));
}

/* ---- names ---------------------------------------------------------------------------------- */

/* References whose names differ only in what a column's name cannot say have two columns. */
static void columns_about_two_candidates_have_two_names(void **state) {
    (void)state;
    char name[EC_COLUMN_NAME_MAX_BYTES + 1], names[6][EC_COLUMN_NAME_MAX_BYTES + 1];
    static const char long_name[] =
        "a-name-of-a-candidate-that-is-much-longer-than-the-name-of-a-column-may-be";
    ec_column_name_about(name, "A", "CLIP@336");
    assert_string_equal(name, "A_CLIP@336");
    char other[sizeof long_name];
    memcpy(other, long_name, sizeof other);
    other[sizeof other - 2] = 'f';
    char exact[62];
    memset(exact, 'x', 61);
    exact[61] = '\0';
    const char *const candidates[] = {"my clip", "my/clip", "my_clip",
                                      long_name, other,     "\xc3\xa4\xc3\xb6"};
    for (size_t i = 0; i < 6; i++) {
        ec_column_name_about(names[i], "A", candidates[i]);
        assert_null(ec_column_name_fault(names[i]));
        for (size_t k = 0; k < i; k++) assert_string_not_equal(names[i], names[k]);
    }
    assert_int_equal(strncmp(names[0], "A_my_clip.", 10), 0);
    assert_string_equal(names[2], "A_my_clip");
    assert_int_equal(strlen(names[3]), EC_COLUMN_NAME_MAX_BYTES);
    ec_column_name_about(name, "A", exact); /* 63 bytes: it fits as it is */
    assert_string_equal(name + 2, exact);
}

/* ---- written by the program ----------------------------------------------------------------- */

static void a_value_is_written_when_it_is_new(void **state) {
    fixture *f = *state;
    ec_error err;
    int64_t event;
    bool written[4];
    const double values[] = {1.5, 1.5, 1.25, 1.5};
    assert_int_equal(ec_study_begin_change(&event, f->study, "score", NULL, NULL, &err), EC_OK);
    for (size_t k = 0; k < 4; k++)
        assert_int_equal(ec_column_put(&written[k], f->study, event, "one", "A:224", "GQA",
                                       values[k], NAN, &err),
                         EC_OK);
    assert_int_equal(ec_column_put(NULL, f->study, event, "one", "no blanks", "", 1, NAN, &err),
                     EC_ERR_ARG);
    assert_int_equal(ec_database_end(&f->study->db, EC_OK, &err), EC_OK);
    assert_true(written[0] && !written[1] && written[2] && written[3]);
    ec_study_snapshot *s = snapshot(f->study);
    assert_true(column(s, "A:224", GQA)->value[ONE] == 1.5);
    ec_study_snapshot_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_import_brings_columns_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_export_imports_as_the_same_columns, set_up, tear_down),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(too_many_columns_are_refused),
        cmocka_unit_test_setup_teardown(a_column_takes_the_place_of_a_or_c, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_number_of_columns_can_be_chosen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(study_yaml_says_what_to_rank_by, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_take_a_place_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ask_goes_by_the_columns_it_was_given, set_up, tear_down),
        cmocka_unit_test(columns_about_two_candidates_have_two_names),
        cmocka_unit_test_setup_teardown(a_value_is_written_when_it_is_new, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
