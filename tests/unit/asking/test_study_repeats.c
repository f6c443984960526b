/* Results with standard errors, and repeats of them: what is kept, and what the statistics see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <sqlite3.h>

#include "eyechart/asking.h"
#include "folder.h"

enum { CLIP, DINO, SIGLIP, SDIM, N };
enum { MME, POPE, M };

typedef struct {
    char folder[FOLDER_SIZE];
    ec_study *study;
} fixture;

static const char *const YAML =
    "benchmarks:\n  - {name: MME}\n  - {name: POPE, range: [0, 100]}\n"
    "candidates:\n  - {name: CLIP, A: 1, C: 3}\n  - {name: DINO, A: 2, C: 4}\n"
    "  - {name: SigLIP, A: 3, C: 5}\n  - {name: SDim, A: 4, C: 1}\n";

static ec_study *open_at(const char *path) {
    ec_study *study;
    ec_error err;
    if (ec_study_open(&study, path, &err) != EC_OK) fail_msg("%s", err.message);
    return study;
}

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    folder_make(f->folder);
    folder_write(folder_join(f->folder, "study.yaml"), YAML);
    f->study = open_at(f->folder);
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    ec_study_close(f->study);
    folder_remove(f->folder);
    free(f);
    return 0;
}

static ec_told told(fixture *f, size_t candidate, size_t benchmark, double value, double se,
                    bool repeat) {
    ec_told what;
    ec_error err;
    const ec_result result = {benchmark, value, se};
    const ec_tell_options options = {.repeat = repeat, .hours = 10, .told = &what};
    if (ec_study_tell(f->study, candidate, &result, 1, &options, &err) != EC_OK)
        fail_msg("%s", err.message);
    return what;
}

static ec_study_snapshot *snapshot(ec_study *study) {
    ec_study_snapshot *s;
    assert_int_equal(ec_study_snapshot_get(&s, study, NULL), EC_OK);
    return s;
}

static void assert_cell(fixture *f, size_t candidate, size_t benchmark, double z, double se,
                        double n) {
    ec_study_snapshot *s = snapshot(f->study);
    const size_t cell = benchmark * N + candidate;
    const double is_n = s->table.z_n != NULL ? s->table.z_n[cell] : !isnan(s->table.z[cell]);
    if (fabs(s->table.z[cell] - z) > 1e-12 * fabs(z) || is_n != n ||
        !(fabs(s->table.z_se[cell] - se) <= 1e-12 * se || isnan(se) == isnan(s->table.z_se[cell])))
        fail_msg("%.17g +- %.17g (%g), expected %.17g +- %.17g (%g)", s->table.z[cell],
                 s->table.z_se[cell], is_n, z, se, n);
    if (!isnan(se)) assert_true(fabs(s->table.z_se[cell] - se) <= 1e-12 * se);
    ec_study_snapshot_free(s);
}

/* ---- text ----------------------------------------------------------------------------------- */

static void a_value_is_read_with_its_error(void **state) {
    (void)state;
    static const char *const good[] = {"1502.7+-8.1", "1502.7+/-8.1",
                                       "1502.7\xc2\xb1"
                                       "8.1",
                                       " 1502.7 +- 8.1 ", "1.5027e3+-8.1e+0"};
    for (size_t k = 0; k < sizeof good / sizeof *good; k++) {
        ec_result r = {7, 0, 0};
        ec_error err;
        if (ec_result_read(&r, good[k], &err) != EC_OK) fail_msg("%s", err.message);
        assert_true(r.benchmark == 7 && r.value == 1502.7 && r.se == 8.1);
    }
    ec_result r;
    assert_int_equal(ec_result_read(&r, "-3", NULL), EC_OK);
    assert_true(r.value == -3 && r.se == 0.0);
    static const char *const bad[] = {"",      "+-1",        "1+-",    "1+-x",    "1+-0",
                                      "1+--2", "1+-inf",     "nan+-1", "1+-2+-3", "1,5",
                                      "0x10",  "1+-1e-999x", "1 2"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        ec_error err = {0};
        if (ec_result_read(&r, bad[k], &err) != EC_ERR_ARG) fail_msg("'%s' was read", bad[k]);
        assert_true(err.message[0] != '\0');
    }
}

/* ---- telling -------------------------------------------------------------------------------- */

static void an_error_is_kept_and_known_again(void **state) {
    fixture *f = *state;
    told(f, CLIP, MME, 1502.7, 8.1, false);
    assert_cell(f, CLIP, MME, 1502.7, 8.1, 1);
    assert_true(told(f, CLIP, MME, 1502.7, 0, false).unchanged); /* says nothing against it */
    assert_true(told(f, CLIP, MME, 1502.7, 8.1, false).unchanged);
    assert_false(told(f, CLIP, MME, 1502.7, 9, false).unchanged);
    assert_cell(f, CLIP, MME, 1502.7, 9, 1);
    const ec_told what = told(f, CLIP, MME, 1490, 0, false);
    assert_true(what.n_before == 1 && what.before == 1502.7 && what.before_se == 9);
    assert_cell(f, CLIP, MME, 1490, NAN, 1);
}

static int64_t count(const fixture *f, const char *sql) {
    sqlite3 *db;
    sqlite3_stmt *row;
    assert_int_equal(sqlite3_open(folder_join(f->folder, "study.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    const int64_t n = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    sqlite3_close(db);
    return n;
}

/* Not even an event, so that a script may tell the same again and again. */
static void the_same_value_again_changes_nothing(void **state) {
    fixture *f = *state;
    told(f, CLIP, MME, 1500, 0, false);
    const int64_t events = count(f, "SELECT count(*) FROM event");
    assert_true(told(f, CLIP, MME, 1500, 0, false).unchanged);
    assert_int_equal(count(f, "SELECT count(*) FROM event"), events);
    assert_int_equal(count(f, "SELECT count(*) FROM observation"), 1);
    assert_int_equal(count(f, "SELECT count(*) FROM cost"), 1);
}

static void repeats_stand_beside_and_a_plain_value_replaces_them(void **state) {
    fixture *f = *state;
    told(f, CLIP, MME, 1500, 0, true); /* the first one has nothing to stand beside */
    told(f, CLIP, MME, 1510, 0, true);
    const ec_told what = told(f, CLIP, MME, 1514, 0, true);
    assert_true(what.n_before == 2 && what.before == 1505 && !what.unchanged);
    assert_cell(f, CLIP, MME, 1508, sqrt((64.0 + 4 + 36) / 2 / 3), 3);
    ec_study_snapshot *s = snapshot(f->study);
    assert_true(s->hours[CLIP] == 30); /* each took ten */
    ec_study_snapshot_free(s);
    assert_false(told(f, CLIP, MME, 1508, 0, false).unchanged); /* one value now, not three */
    assert_cell(f, CLIP, MME, 1508, NAN, 1);

    ec_observation *rows;
    size_t n;
    assert_int_equal(ec_study_history(&rows, &n, f->study, NULL), EC_OK);
    assert_int_equal(n, 4);
    for (size_t k = 0; k < 3; k++) assert_true(rows[k].repeat && !rows[k].current);
    assert_true(rows[3].current && !rows[3].repeat && isnan(rows[3].se));
    free(rows);
    told(f, CLIP, MME, 1509, 2, true);
    assert_int_equal(ec_study_history(&rows, &n, f->study, NULL), EC_OK);
    assert_true(rows[3].current && rows[4].current && rows[4].se == 2);
    free(rows);
}

static void errors_that_cannot_be_are_refused(void **state) {
    fixture *f = *state;
    ec_error err;
    const double bad[] = {-1, INFINITY, -INFINITY};
    for (int k = 0; k < 3; k++)
        assert_int_equal(ec_study_tell(f->study, CLIP, &(ec_result){MME, 1, bad[k]}, 1, NULL, &err),
                         EC_ERR_ARG);
    assert_int_equal(count(f, "SELECT count(*) FROM observation"), 0);
}

/* ---- what the statistics see ---------------------------------------------------------------- */

static void with_all_errors_given_the_mean_is_weighted(void **state) {
    fixture *f = *state;
    told(f, CLIP, MME, 10, 1, true);
    told(f, CLIP, MME, 20, 2, true);
    assert_cell(f, CLIP, MME, 12, sqrt(0.8 * 20), 2); /* weights 1 and 1/4; chi squared 4 + 16 */
    told(f, CLIP, POPE, 70, 2, true);
    told(f, CLIP, POPE, 71, 2, true); /* closer than their errors say: no reason to trust them more */
    assert_cell(f, CLIP, POPE, 70.5, sqrt(2), 2);
}

/* Errors of an evaluation that three seeds show to be too small are so for the other candidates. */
static void errors_that_are_too_small_are_scaled(void **state) {
    fixture *f = *state;
    told(f, CLIP, MME, 10, 1, true);
    told(f, CLIP, MME, 14, 1, true); /* chi squared 8 */
    told(f, DINO, MME, 20, 2, true);
    told(f, SIGLIP, MME, 7, 0.5, false);
    assert_cell(f, CLIP, MME, 12, sqrt(0.5 * 8), 2);
    assert_cell(f, SIGLIP, MME, 7, 0.5, 1); /* one degree of freedom is not enough for it */
    told(f, DINO, MME, 26, 2, true);
    told(f, DINO, MME, 32, 2, true); /* chi squared 9 + 0 + 9 */
    const double scale = sqrt(26.0 / 3.0);
    assert_cell(f, CLIP, MME, 12, sqrt(0.5) * scale, 2);
    assert_cell(f, DINO, MME, 26, sqrt(4.0 / 3.0) * scale, 3);
    assert_cell(f, SIGLIP, MME, 7, 0.5 * scale, 1);
}

static void few_repeats_speak_for_their_candidate_alone(void **state) {
    fixture *f = *state;
    told(f, CLIP, MME, 10, 0, true);
    told(f, CLIP, MME, 14, 0, true);
    told(f, DINO, MME, 50, 0, true);
    told(f, DINO, MME, 52, 3, true); /* one error of two is not all */
    told(f, SIGLIP, MME, 7, 0, false);
    assert_cell(f, CLIP, MME, 12, 2, 2);
    assert_cell(f, DINO, MME, 51, 1, 2);
    assert_cell(f, SIGLIP, MME, 7, NAN, 1);
}

static void three_degrees_of_freedom_speak_for_all(void **state) {
    fixture *f = *state;
    told(f, CLIP, MME, 10, 0, true);
    told(f, CLIP, MME, 14, 0, true); /* squares 8 */
    told(f, DINO, MME, 49, 0, true);
    told(f, DINO, MME, 50, 0, true);
    told(f, DINO, MME, 51, 0, true); /* squares 2 */
    told(f, SIGLIP, MME, 7, 0, false);
    told(f, SDIM, MME, 8, 0.5, false);
    told(f, SIGLIP, POPE, 70, 0, false);
    const double s = sqrt(10.0 / 3.0);
    assert_cell(f, CLIP, MME, 12, s / sqrt(2), 2);
    assert_cell(f, DINO, MME, 50, s / sqrt(3), 3);
    assert_cell(f, SIGLIP, MME, 7, s, 1);
    assert_cell(f, SDIM, MME, 8, 0.5, 1);     /* has its own */
    assert_cell(f, SIGLIP, POPE, 70, NAN, 1); /* another benchmark */
}

/* The same model evaluated four times says nothing about how another training would end. */
static void equal_repeats_are_no_sign_of_no_noise(void **state) {
    fixture *f = *state;
    for (int k = 0; k < 4; k++) told(f, CLIP, MME, 0.1, 0, true);
    assert_cell(f, CLIP, MME, 0.1, NAN, 4);
    ec_study_snapshot *s = snapshot(f->study);
    assert_true(s->table.z[CLIP] == 0.1); /* to the last bit */
    ec_study_snapshot_free(s);
}

/* ---- import and export ---------------------------------------------------------------------- */

static void tell_everything(fixture *f) {
    told(f, CLIP, MME, 1.0 / 3.0, 0.1, false);
    told(f, CLIP, MME, 0.5, 0, true);
    told(f, CLIP, MME, 0.5, 1e-7, true);
    told(f, DINO, MME, 7, 0, false);
    told(f, DINO, MME, 9, 0, true);
    told(f, DINO, POPE, 70, 2.5, false);
    told(f, SIGLIP, MME, 5, 0, true);
    told(f, SIGLIP, MME, 6, 0, true);
}

static void assert_same_results(ec_study *x, ec_study *y) {
    ec_study_snapshot *s = snapshot(x), *t = snapshot(y);
    assert_memory_equal(s->table.z, t->table.z, N * M * sizeof(double));
    assert_memory_equal(s->table.z_se, t->table.z_se, N * M * sizeof(double));
    assert_non_null(t->table.z_n);
    assert_memory_equal(s->table.z_n, t->table.z_n, N * M * sizeof(double));
    assert_memory_equal(s->hours, t->hours, N * sizeof(double));
    ec_study_snapshot_free(s);
    ec_study_snapshot_free(t);
}

static void an_export_brings_errors_and_repeats_along(void **state) {
    fixture *f = *state;
    tell_everything(f);
    const char *const names[] = {"e.csv", "e.json"};
    for (int k = 0; k < 2; k++) {
        char copy[2 * FOLDER_SIZE];
        ec_error err;
        snprintf(copy, sizeof copy, "%s/copy%d", f->folder, k);
        assert_int_equal(
            ec_study_export(f->study, folder_join(f->folder, names[k]), EC_FORMAT_BY_NAME, NULL),
            EC_OK);
        if (ec_study_create_from(copy, folder_join(f->folder, names[k]), NULL, NULL, &err) != EC_OK)
            fail_msg("%s", err.message);
        ec_study *other = open_at(copy);
        assert_same_results(f->study, other);
        ec_import_summary summary;
        for (int again = 0; again < 2; again++) {
            if (ec_study_import_from(&summary, again ? f->study : other,
                                     folder_join(f->folder, names[k]), EC_FORMAT_BY_NAME, false,
                                     NULL, NULL, &err) != EC_OK)
                fail_msg("%s", err.message);
            assert_int_equal(summary.n_observations, 0);
        }
        assert_same_results(f->study, other);
        ec_study_close(other);
    }
}

static ec_import_summary import(fixture *f, const char *name, const char *text) {
    ec_import_summary summary;
    ec_error err;
    folder_write(folder_join(f->folder, name), text);
    if (ec_study_import_from(&summary, f->study, folder_join(f->folder, name), EC_FORMAT_BY_NAME,
                             false, NULL, NULL, &err) != EC_OK)
        fail_msg("%s", err.message);
    return summary;
}

static void rows_of_one_candidate_are_repeats(void **state) {
    fixture *f = *state;
    ec_import_summary s =
        import(f, "x.csv",
               "candidate,C,hours,MME,MME_stderr,POPE\nCLIP,3,40,10,,80\nDINO,,,5,.5,\n"
               "CLIP,,41,14,,\nCLIP,3,,12,,82\n");
    assert_int_equal(s.n_candidates, 2);
    assert_int_equal(s.n_observations, 6);
    assert_int_equal(s.n_repeats, 3);
    assert_cell(f, CLIP, MME, 12, 2 / sqrt(3), 3);
    assert_cell(f, CLIP, POPE, 81, 1, 2);
    assert_cell(f, DINO, MME, 5, .5, 1);
    ec_study_snapshot *known = snapshot(f->study);
    assert_true(known->hours[CLIP] == 81);
    ec_study_snapshot_free(known);

    s = import(f, "x.csv", "candidate,MME\nCLIP,14\n"); /* known, as one of three */
    assert_int_equal(s.n_observations, 0);
    s = import(f, "x.csv", "candidate,MME\nCLIP,10\nCLIP,14\nCLIP,12\nCLIP,18\n");
    assert_true(s.n_observations == 1 && s.n_repeats == 1);
    s = import(f, "x.csv", "candidate,MME\nCLIP,11\nCLIP,13\n"); /* others: in their place */
    assert_int_equal(s.n_observations, 2);
    assert_cell(f, CLIP, MME, 12, 1, 2);
    s = import(f, "x.csv", "candidate,MME,POPE\nCLIP,,\nSDim,,\n"); /* says nothing */
    assert_true(s.n_observations == 0 && s.n_kept == 2);
    assert_cell(f, CLIP, MME, 12, 1, 2);
}

static void json_has_arrays_of_repeats(void **state) {
    fixture *f = *state;
    const ec_import_summary s = import(
        f, "x.json",
        "{\"benchmarks\": [{\"name\": \"MME\"}, {\"name\": \"POPE\"}], \"candidates\": ["
        "{\"name\": \"CLIP\", \"results\": {\"MME\": [10, 20], \"POPE\": null},"
        " \"results_se\": {\"MME\": [1, 2]}},"
        "{\"name\": \"DINO\", \"results\": {\"MME\": 7, \"POPE\": [8]}, \"results_se\": {\"MME\": "
        "0.5, \"POPE\": 0}}]}");
    assert_int_equal(s.n_observations, 4);
    assert_cell(f, CLIP, MME, 12, sqrt(0.8 * 20), 2);
    assert_cell(f, DINO, MME, 7, 0.5, 1);
    assert_cell(f, DINO, POPE, 8, NAN, 1); /* no result has an error of zero */
}

static void assert_refused(fixture *f, const char *name, const char *text, const char *words) {
    ec_error err = {0};
    folder_write(folder_join(f->folder, name), text);
    assert_int_equal(ec_study_import_from(NULL, f->study, folder_join(f->folder, name),
                                          EC_FORMAT_BY_NAME, false, NULL, NULL, &err),
                     EC_ERR_FORMAT);
    if (strstr(err.message, words) == NULL) fail_msg("no '%s' in '%s'", words, err.message);
}

static void mistakes_in_repeats_are_told(void **state) {
    fixture *f = *state;
    assert_refused(f, "x.csv", "candidate,C,MME\nCLIP,3,1\nCLIP,4,2\n",
                   "x.csv:3: candidate 'CLIP' is there twice, with another 'C' than in line 2");
    assert_refused(f, "x.csv", "candidate,C,MME\nCLIP,3,1\nCLIP,3,\n", "has no repeat of a result");
    assert_refused(f, "x.csv", "candidate,MME,MME_se\nCLIP,,1\n",
                   "standard error in 'MME_se' without a result");
    assert_refused(f, "x.csv", "candidate,MME,MME_se\nCLIP,1,-1\n", "is negative");
    assert_refused(f, "x.csv", "candidate,POPE\nCLIP,1\nCLIP,101\n", "outside the range [0, 100]");
    /* Swedish, not a standard error. */
    assert_refused(f, "x.csv", "candidate,MME,MME_se\nCLIP,60,55\nDINO,50,40\n",
                   "column 'MME_se' would be the standard errors of 'MME' by its name");
#define HEAD "{\"benchmarks\": [{\"name\": \"MME\"}], \"candidates\": [{\"name\": \"CLIP\", "
    assert_refused(f, "x.json", HEAD "\"results\": {\"MME\": [1, null]}}]}", "null among several");
    assert_refused(f, "x.json", HEAD "\"results\": {\"MME\": [1, \"2\"]}}]}", "is a string");
    assert_refused(f, "x.json",
                   HEAD "\"results\": {\"MME\": 1}, \"results_se\": {\"MME\": [1, 2]}}]}",
                   "more standard errors than results");
    assert_refused(f, "x.json", HEAD "\"results_se\": {\"MME\": 1}}]}", "without a result");
    assert_refused(f, "x.json", HEAD "\"results\": {\"MME\": 1}, \"results_se\": {\"MME\": -1}}]}",
                   "is negative");
    assert_int_equal(count(f, "SELECT count(*) FROM observation"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_read_with_its_error),
#define WITH_STUDY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
        WITH_STUDY(an_error_is_kept_and_known_again),
        WITH_STUDY(the_same_value_again_changes_nothing),
        WITH_STUDY(repeats_stand_beside_and_a_plain_value_replaces_them),
        WITH_STUDY(errors_that_cannot_be_are_refused),
        WITH_STUDY(with_all_errors_given_the_mean_is_weighted),
        WITH_STUDY(errors_that_are_too_small_are_scaled),
        WITH_STUDY(few_repeats_speak_for_their_candidate_alone),
        WITH_STUDY(three_degrees_of_freedom_speak_for_all),
        WITH_STUDY(equal_repeats_are_no_sign_of_no_noise),
        WITH_STUDY(an_export_brings_errors_and_repeats_along),
        WITH_STUDY(rows_of_one_candidate_are_repeats),
        WITH_STUDY(json_has_arrays_of_repeats),
        WITH_STUDY(mistakes_in_repeats_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
