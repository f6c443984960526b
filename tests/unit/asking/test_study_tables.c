/* The promises of eyechart/study.h about new studies, import and export. */
#include "eyechart/asking.h"
#include "unit/asking/study_fixture.h"

/* ---- import and export -------------------------------------------------------------------- */

static void an_import_adds_what_is_not_known_yet(void **state) {
    fixture *f = *state;
    tell(f, GOOD, 1400, 0.1, 0);
    ec_question q;
    ask(f, &q, (ec_ask_options){0});
    assert_int_equal(q.candidate, BEST);
    const char *csv = "candidate,C,C_se,A MME,A Error,cost,hours,MME,Error\n"
                      "good,18,,0.7,,20,25,1400,0.2\n"
                      "unscored,7,0.5,0.4,0.3,,,,\n"
                      "best,,,,,,,1600,\n";
    ec_import_summary summary = import_text(f, "x.csv", csv, false);
    assert_int_equal(summary.n_candidates, 3);
    assert_int_equal(summary.n_added, 0);
    assert_int_equal(summary.n_scores, 3);
    assert_int_equal(summary.n_observations, 2);
    assert_int_equal(summary.n_unchanged, 3); /* C, A and MME of `good` */

    reopen(f);
    ec_study_snapshot *s = snapshot(f);
    assert_true(s->table.c[UNSCORED] == 7 && s->table.c_se[UNSCORED] == 0.5);
    assert_true(s->table.a[MME * N + UNSCORED] == 0.4 &&
                s->table.a[ERROR_RATE * N + UNSCORED] == 0.3);
    assert_true(s->table.z[ERROR_RATE * N + GOOD] == 0.2 && s->hours[GOOD] == 25);
    assert_false(s->pending[BEST]); /* answered by the import */
    ec_study_snapshot_free(s);

    summary = import_text(f, "x.csv", csv, false);
    assert_int_equal(summary.n_scores + summary.n_observations, 0);
}

static void a_shared_score_replaces_own_ones_and_comes_back(void **state) {
    fixture *f = *state;
    import_text(f, "x.csv", "candidate,A MME,A Error\nunscored,0.1,0.2\n", false);
    ec_import_summary summary =
        import_text(f, "x.csv", "candidate,A,A Error\nunscored,0.3,0.2\ngood,0.7,\n", false);
    assert_int_equal(summary.n_scores, 2);
    assert_int_equal(summary.n_unchanged, 1);
    summary = import_text(f, "x.csv", "candidate,A,A Error\nunscored,0.3,0.2\n", false);
    assert_int_equal(summary.n_scores, 0); /* the second time there is nothing to say */
    ec_study_snapshot *s = snapshot(f);
    assert_true(s->table.a[MME * N + UNSCORED] == 0.3 &&
                s->table.a[ERROR_RATE * N + UNSCORED] == 0.2);
    ec_study_snapshot_free(s);
}

/* One mistake anywhere, and not a row is written. */
static void an_import_is_all_or_nothing(void **state) {
    fixture *f = *state;
    const struct {
        const char *text;
        ec_status status;
        const char *words;
    } cases[] = {
        {"candidate,MME\ngood,1\ngod,2\n", EC_ERR_NOT_FOUND, "x.csv:3: "},
        {"candidate,MME\ngood,1\ngod,2\n", EC_ERR_NOT_FOUND, "did you mean 'good'?"},
        {"candidate,MEM\ngood,1\n", EC_ERR_NOT_FOUND, "did you mean 'MME'?"},
        {"candidate,MME\ngood,1\nbest,2001\n", EC_ERR_FORMAT,
         "x.csv:3: candidate 'best', MME: 2001 is outside"},
        {"candidate,MME,C\ngood,1,\nbest,2,21\n", EC_ERR_FORMAT,
         "x.csv:3: candidate 'best': C is 20 in study.yaml"},
        {"candidate,MME,A\ngood,1,\nbest,2,0.5\n", EC_ERR_FORMAT, "A is 0.9"},
        {"candidate,MME,cost\ngood,1,\nbest,2,11\n", EC_ERR_FORMAT,
         "cost is 10 in study.yaml, which wins"},
        {"candidate,MME\ngood,1\nbest,x\n", EC_ERR_FORMAT, "x.csv:3: "},
        {"candidate,MME\ngood,1\nbest\n", EC_ERR_FORMAT, "x.csv:3: "},
        {"", EC_ERR_FORMAT, "empty"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        ec_error err;
        folder_write(folder_join(f->folder, "x.csv"), cases[k].text);
        assert_says(ec_study_import_from(NULL, f->study, folder_join(f->folder, "x.csv"),
                                         EC_FORMAT_BY_NAME, false, NULL, NULL, &err),
                    cases[k].status, &err, cases[k].words);
    }
    ec_study_snapshot *s = snapshot(f);
    assert_int_equal(s->n_observed, 0);
    ec_study_snapshot_free(s);
}

static void an_import_may_add_candidates_to_study_yaml(void **state) {
    fixture *f = *state;
    const ec_import_summary summary = import_text(
        f, "x.json",
        "{\"benchmarks\": [{\"name\": \"MME\"}], \"candidates\": [{\"name\": \"newer\", \"A\": 0.6,"
        " \"C\": 9, \"cost\": 5, \"results\": {\"MME\": 1234.5}}, {\"name\": \"good\"}]}",
        true);
    assert_int_equal(summary.n_added, 1);
    assert_int_equal(ec_study_n_candidates(f->study), N + 1);
    assert_string_equal(ec_study_candidate(f->study, N)->name, "newer");
    reopen(f);
    ec_study_snapshot *s = snapshot(f);
    assert_int_equal(s->table.n_candidates, N + 1);
    assert_true(s->table.z[N] == 1234.5 && s->table.c[N] == 9 && s->table.a[N] == 0.6);
    assert_true(s->table.c[GOOD] == 18 && ec_study_candidate(f->study, N)->cost == 5);
    assert_true(ec_study_benchmark(f->study, MME)->high == 2000);
    assert_int_equal(ec_study_seed(f->study), 3);
    ec_study_snapshot_free(s);
    char *old = folder_read(folder_join(f->path, "study.yaml.old"), NULL);
    assert_string_equal(old, YAML);
    free(old);
}

/* The declaration goes back when the rest of the import fails. */
static void a_failed_import_leaves_study_yaml_as_it_was(void **state) {
    fixture *f = *state;
    ec_error err;
    folder_write(folder_join(f->folder, "x.csv"), "candidate,MME\nnewer,1\nbest,2001\n");
    assert_says(ec_study_import_from(NULL, f->study, folder_join(f->folder, "x.csv"),
                                     EC_FORMAT_BY_NAME, true, NULL, NULL, &err),
                EC_ERR_FORMAT, &err, "outside the range");
    assert_int_equal(ec_study_n_candidates(f->study), N);
    char *yaml = folder_read(folder_join(f->path, "study.yaml"), NULL);
    assert_string_equal(yaml, YAML);
    free(yaml);
}

static void an_import_notices_that_study_yaml_was_edited_meanwhile(void **state) {
    fixture *f = *state;
    ec_error err;
    folder_write(folder_join(f->folder, "x.csv"), "candidate,MME\nnewer,1\n");
    char edited[sizeof YAML + 1];
    for (int longer = 0; longer < 2; longer++) {
        snprintf(edited, sizeof edited, "%s%s", YAML, longer ? "\n" : "");
        memcpy(strstr(edited, "best"), "most", 4);
        folder_write(folder_join(f->path, "study.yaml"), edited);
        assert_says(ec_study_import_from(NULL, f->study, folder_join(f->folder, "x.csv"),
                                         EC_FORMAT_BY_NAME, true, NULL, NULL, &err),
                    EC_ERR_BUSY, &err, "changed while this import was at work");
        char *yaml = folder_read(folder_join(f->path, "study.yaml"), NULL);
        assert_string_equal(yaml, edited);
        free(yaml);
    }
}

static void assert_same_snapshot(ec_study *x, ec_study *y) {
    ec_study_snapshot *s, *t;
    assert_int_equal(ec_study_snapshot_get(&s, x, NULL), EC_OK);
    assert_int_equal(ec_study_snapshot_get(&t, y, NULL), EC_OK);
    const size_t n = s->table.n_candidates, m = s->table.n_benchmarks;
    assert_int_equal(n, t->table.n_candidates);
    assert_int_equal(m, t->table.n_benchmarks);
    assert_memory_equal(s->table.a, t->table.a, n * m * sizeof(double));
    assert_memory_equal(s->table.a_se, t->table.a_se, n * m * sizeof(double));
    assert_memory_equal(s->table.c, t->table.c, n * sizeof(double));
    assert_memory_equal(s->table.c_se, t->table.c_se, n * sizeof(double));
    assert_memory_equal(s->table.z, t->table.z, n * m * sizeof(double));
    assert_memory_equal(s->hours, t->hours, n * sizeof(double));
    for (size_t i = 0; i < n; i++) {
        const ec_candidate *p = ec_study_candidate(x, i), *q = ec_study_candidate(y, i);
        assert_string_equal(p->name, q->name);
        assert_memory_equal(&p->cost, &q->cost, sizeof p->cost);
    }
    ec_study_snapshot_free(s);
    ec_study_snapshot_free(t);
}

/* Through either format, into a new study, to the last bit. */
static void an_export_imports_as_the_same_study(void **state) {
    fixture *f = *state;
    tell(f, GOOD, 1.0 / 3.0, 0.1 + 0.2, 1e-7);
    import_text(f, "x.csv",
                "candidate,C,C_se,A MME,A_se MME\nunscored,3.3333333333333335,1e-300,0.1,0.01\n",
                false);
    const char *const names[] = {"e.csv", "e.json"};
    for (int k = 0; k < 2; k++) {
        ec_error err;
        char copy[2 * FOLDER_SIZE];
        snprintf(copy, sizeof copy, "%s/copy%d", f->folder, k);
        assert_int_equal(
            ec_study_export(f->study, folder_join(f->folder, names[k]), EC_FORMAT_BY_NAME, NULL),
            EC_OK);
        if (ec_study_create_from(copy, folder_join(f->folder, names[k]), NULL, NULL, &err) != EC_OK)
            fail_msg("%s", err.message);
        ec_study *other = open_at(copy);
        assert_same_snapshot(f->study, other);
        ec_import_summary summary;
        assert_int_equal(ec_study_import_from(&summary, other, folder_join(f->folder, names[k]),
                                              EC_FORMAT_BY_NAME, false, NULL, NULL, NULL),
                         EC_OK);
        assert_int_equal(summary.n_scores + summary.n_observations, 0);
        ec_study_close(other);
    }
}

static void built_in_studies_export_and_become_studies_of_ones_own(void **state) {
    fixture *f = *state;
    for (size_t k = 0; ec_study_builtin(k) != NULL; k++) {
        ec_error err;
        char copy[2 * FOLDER_SIZE];
        snprintf(copy, sizeof copy, "%s/copy-%zu", f->folder, k);
        if (ec_study_create_from(copy, ec_study_builtin(k), NULL, NULL, &err) != EC_OK)
            fail_msg("%s", err.message);
        ec_study *built_in = open_at(ec_study_builtin(k)), *own = open_at(copy);
        assert_same_snapshot(built_in, own);
        assert_string_equal(ec_study_benchmark(own, 0)->group, "vision");
        assert_true(ec_study_writable(own));
        const ec_result result = {0, 1.0, 0};
        assert_says(ec_study_tell(built_in, 0, &result, 1, NULL, &err), EC_ERR_IO, &err,
                    "built in, cannot be changed");
        ec_study_close(built_in);
        ec_study_close(own);
    }
}

/* ---- new ---------------------------------------------------------------------------------- */

static void a_new_study_is_valid_and_says_what_is_missing(void **state) {
    fixture *f = *state;
    char path[2 * FOLDER_SIZE];
    snprintf(path, sizeof path, "%s/new/", f->folder); /* with a slash at its end */
    ec_error err;
    if (ec_study_create_from(path, NULL, NULL, NULL, &err) != EC_OK) fail_msg("%s", err.message);
    ec_study *study = open_at(path);
    ec_finding *findings;
    size_t n, missing = 0;
    assert_int_equal(ec_study_check(&findings, &n, study, NULL), EC_OK);
    for (size_t k = 0; k < n; k++) {
        assert_int_not_equal(findings[k].level, EC_FINDING_ERROR);
        missing += strstr(findings[k].message, "is missing for 1 of 3 candidates") != NULL;
    }
    assert_int_equal(missing, 2); /* A and C */
    free(findings);
    ec_study_close(study);
}

static void nothing_is_overwritten_and_nothing_left_behind(void **state) {
    fixture *f = *state;
    ec_error err;
    assert_says(ec_study_create_from(f->path, NULL, NULL, NULL, &err), EC_ERR_EXISTS, &err,
                "is there already");
    assert_says(ec_study_create_from(folder_join(f->path, "study.yaml"), NULL, NULL, NULL, &err),
                EC_ERR_EXISTS, &err, "is a file");
    char *yaml = folder_read(folder_join(f->path, "study.yaml"), NULL);
    assert_string_equal(yaml, YAML);
    free(yaml);

    assert_says(ec_study_create_from(folder_join(f->folder, "a/b"), NULL, NULL, NULL, &err),
                EC_ERR_IO, &err, "No such file");
    folder_write(folder_join(f->folder, "x.csv"), "candidate,C\nx,y\n");
    assert_says(ec_study_create_from(folder_join(f->folder, "c"), folder_join(f->folder, "x.csv"),
                                     NULL, NULL, &err),
                EC_ERR_FORMAT, &err, "x.csv:2");
    assert_int_not_equal(access(folder_join(f->folder, "c"), F_OK), 0);
    assert_says(ec_study_create_from(folder_join(f->folder, "c"),
                                     folder_join(f->folder, "none.csv"), NULL, NULL, &err),
                EC_ERR_NOT_FOUND, &err, "none.csv");
}

static void a_study_can_be_made_in_a_folder_that_has_other_files(void **state) {
    fixture *f = *state;
    ec_error err;
    char path[2 * FOLDER_SIZE];
    snprintf(path, sizeof path, "%s/mine", f->folder);
    mkdir(path, 0777);
    folder_write(folder_join(path, "notes.txt"), "mine\n");
    folder_write(folder_join(f->folder, "x.csv"), "candidate,C\nx,1\n");
    if (ec_study_create_from(path, folder_join(f->folder, "x.csv"), NULL, NULL, &err) != EC_OK)
        fail_msg("%s", err.message);
    ec_study *study = open_at(path);
    ec_study_snapshot *s;
    assert_int_equal(ec_study_snapshot_get(&s, study, NULL), EC_OK);
    assert_true(s->table.c[0] == 1);
    ec_study_snapshot_free(s);
    ec_study_close(study);
    char *notes = folder_read(folder_join(path, "notes.txt"), NULL);
    assert_string_equal(notes, "mine\n");
    free(notes);
}

/* ---- size --------------------------------------------------------------------------------- */

static void ten_thousand_candidates_work(void **state) {
    fixture *f = *state;
    FILE *yaml = fopen(folder_join(f->path, "study.yaml"), "w"),
         *csv = fopen(folder_join(f->folder, "x.csv"), "w");
    fputs("benchmarks: [{name: MME}, {name: GQA}]\ncandidates:\n", yaml);
    fputs("candidate,MME,GQA\n", csv);
    for (int i = 0; i < 10000; i++) {
        fprintf(yaml, "  - name: encoder-%d\n    A: %d\n    C: %d\n", i, i % 100, i / 100);
        fprintf(csv, "encoder-%d,%d,%d\n", i, i, -i);
    }
    fclose(yaml);
    fclose(csv);
    reopen(f);
    assert_int_equal(ec_study_n_candidates(f->study), 10000);
    ec_question q;
    ask(f, &q, (ec_ask_options){0});
    assert_int_equal(q.candidate, 9999);
    assert_int_equal(ec_study_import_from(NULL, f->study, folder_join(f->folder, "x.csv"),
                                          EC_FORMAT_CSV, false, NULL, NULL, NULL),
                     EC_OK);
    ec_study_snapshot *s = snapshot(f);
    assert_int_equal(s->n_observed, 10000);
    ec_study_snapshot_free(s);
}

#define STUDY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        STUDY_TEST(an_import_adds_what_is_not_known_yet),
        STUDY_TEST(a_shared_score_replaces_own_ones_and_comes_back),
        STUDY_TEST(an_import_is_all_or_nothing),
        STUDY_TEST(an_import_may_add_candidates_to_study_yaml),
        STUDY_TEST(a_failed_import_leaves_study_yaml_as_it_was),
        STUDY_TEST(an_import_notices_that_study_yaml_was_edited_meanwhile),
        STUDY_TEST(an_export_imports_as_the_same_study),
        STUDY_TEST(built_in_studies_export_and_become_studies_of_ones_own),
        STUDY_TEST(a_new_study_is_valid_and_says_what_is_missing),
        STUDY_TEST(nothing_is_overwritten_and_nothing_left_behind),
        STUDY_TEST(a_study_can_be_made_in_a_folder_that_has_other_files),
        STUDY_TEST(ten_thousand_candidates_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
