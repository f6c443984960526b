/* The promises of eyechart/study.h about study folders: opening, telling, asking. */
#include "eyechart/asking.h"
#include "unit/asking/study_fixture.h"

/* ---- opening ------------------------------------------------------------------------------ */

static void a_folder_with_a_study_yaml_opens_and_gets_its_database(void **state) {
    fixture *f = *state;
    assert_string_equal(ec_study_name(f->study), "test");
    assert_string_equal(ec_study_path(f->study), f->path);
    assert_true(ec_study_writable(f->study));
    assert_int_equal(ec_study_policy(f->study), EC_POLICY_PRIOR);
    assert_int_equal(ec_study_seed(f->study), 3);
    assert_int_equal(access(folder_join(f->path, "study.db"), F_OK), 0);
    ec_study_snapshot *s = snapshot(f);
    assert_true(s->table.a[N + GOOD] == 0.7 && s->table.c[FAIR] == 12 &&
                isnan(s->table.c[UNSCORED]));
    assert_int_equal(s->table.direction[ERROR_RATE], -1);
    assert_int_equal(s->n_observed, 0);
    assert_true(s->hours_left == 61 && s->hours_spent == 0);
    assert_int_equal(s->n_cost_unknown, 1);
    ec_study_snapshot_free(s);
}

static void what_is_no_study_is_refused_with_what_to_do(void **state) {
    fixture *f = *state;
    ec_study *study;
    ec_error err;
    assert_says(ec_study_open(&study, folder_join(f->folder, "none"), &err), EC_ERR_NOT_FOUND, &err,
                "no such folder, and no built-in study");
    assert_null(study);
    assert_says(ec_study_open(&study, f->folder, &err), EC_ERR_NOT_FOUND, &err,
                "no study.yaml in it");
    assert_says(ec_study_open(&study, folder_join(f->path, "study.yaml"), &err), EC_ERR_NOT_FOUND,
                &err, "name the folder that it is in");
    folder_write(folder_join(f->folder, "x.csv"), "");
    assert_says(ec_study_open(&study, folder_join(f->folder, "x.csv"), &err), EC_ERR_NOT_FOUND,
                &err, "a file, expected the folder of a study");
    assert_int_not_equal(access(folder_join(f->folder, "study.db"), F_OK), 0); /* nothing was written */
}

/* A mistake in study.yaml must not leave a study.db behind. */
static void a_bad_study_yaml_is_told_with_its_line_and_nothing_is_written(void **state) {
    fixture *f = *state;
    ec_study *study;
    ec_error err;
    mkdir(folder_join(f->folder, "bad"), 0777);
    folder_write(folder_join(f->folder, "bad/study.yaml"),
                 "benchmarks: []\ncandidates:\n  - nmae: x\n");
    assert_says(ec_study_open(&study, folder_join(f->folder, "bad"), &err), EC_ERR_FORMAT, &err,
                "bad/study.yaml:3: unknown key 'nmae'; did you mean 'name'?");
    assert_int_not_equal(access(folder_join(f->folder, "bad/study.db"), F_OK), 0);
}

static void without_a_name_the_study_is_called_as_its_folder(void **state) {
    fixture *f = *state;
    folder_write(folder_join(f->path, "study.yaml"), "benchmarks: []\ncandidates: []\n");
    reopen(f);
    assert_string_equal(ec_study_name(f->study), "study");
    ec_question q;
    size_t n;
    ec_error err;
    assert_says(ec_study_ask(&q, &n, f->study, NULL, &err), EC_ERR_ARG, &err,
                "declares no candidates");
    ec_study_snapshot_free(snapshot(f));
}

/* ---- tell --------------------------------------------------------------------------------- */

static void what_was_told_is_there_after_opening_again(void **state) {
    fixture *f = *state;
    tell(f, GOOD, 1400.25, 0.1, 12);
    tell(f, POOR, 900, 0.5, 0);
    reopen(f);
    ec_study_snapshot *s = snapshot(f);
    assert_true(s->table.z[MME * N + GOOD] == 1400.25 && s->table.z[ERROR_RATE * N + POOR] == 0.5);
    assert_true(isnan(s->table.z[MME * N + BEST]));
    assert_int_equal(s->n_observed, 2);
    assert_true(s->hours[GOOD] == 12 && isnan(s->hours[POOR]));
    assert_true(s->hours_spent == 12); /* the recorded, not the declared 20; of `poor` nothing is known */
    assert_true(s->hours_left == 10 + 30 + 1);
    assert_int_equal(s->n_cost_unknown, 1);
    ec_study_snapshot_free(s);
}

static void a_correction_replaces_and_the_old_value_stays_in_history(void **state) {
    fixture *f = *state;
    tell(f, GOOD, 1400, 0.1, 0);
    tell(f, GOOD, 1450, 0.1, 0);
    ec_study_snapshot *s = snapshot(f);
    assert_true(s->table.z[MME * N + GOOD] == 1450);
    ec_study_snapshot_free(s);

    ec_observation *rows;
    size_t n;
    assert_int_equal(ec_study_history(&rows, &n, f->study, NULL), EC_OK);
    assert_int_equal(n, 3); /* the other result was the same again */
    assert_true(rows[0].value == 1400 && !rows[0].current && rows[2].value == 1450 &&
                rows[2].current);
    assert_int_equal(rows[0].candidate, GOOD);
    assert_int_equal(rows[0].benchmark, MME);
    assert_string_equal(rows[0].worker, "w");
    assert_string_equal(rows[0].source, "train.log");
    assert_int_equal(strlen(rows[0].time), strlen("2024-01-01T00:00:00Z"));
    free(rows);
}

static void results_that_cannot_be_are_refused_and_nothing_is_recorded(void **state) {
    fixture *f = *state;
    ec_error err;
    const struct {
        ec_result results[2];
        size_t n;
        const char *words;
    } cases[] = {
        {{{MME, NAN, 0}}, 1, "not a finite number"},
        {{{ERROR_RATE, 0.5, 0}, {MME, INFINITY, 0}}, 2, "not a finite number"},
        {{{ERROR_RATE, 0.5, 0}, {MME, 2001, 0}}, 2, "outside the range [0, 2000]"},
        {{{MME, -1, 0}}, 1, "outside the range [0, 2000]"},
        {{{MME, 1, 0}, {MME, 2, 0}}, 2, "MME is given twice"},
        {{{7, 1, 0}}, 1, "no benchmark number 7"},
        {{{0, 0, 0}}, 0, "no results"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        assert_says(ec_study_tell(f->study, GOOD, cases[k].results, cases[k].n, NULL, &err),
                    EC_ERR_ARG, &err, cases[k].words);
    const ec_result fine = {MME, 1, 0};
    assert_says(ec_study_tell(f->study, N, &fine, 1, NULL, &err), EC_ERR_ARG, &err,
                "no candidate number 5");
    assert_says(ec_study_tell(f->study, GOOD, &fine, 1, &(ec_tell_options){.hours = -1}, &err),
                EC_ERR_ARG, &err, "GPU-hours");
    assert_says(ec_study_tell(f->study, GOOD, &fine, 1, &(ec_tell_options){.worker = "a\nb"}, &err),
                EC_ERR_ARG, &err, "control character");
    ec_observation *rows;
    size_t n;
    assert_int_equal(ec_study_history(&rows, &n, f->study, NULL), EC_OK);
    assert_int_equal(n, 0);
    free(rows);
}

/* ---- ask ---------------------------------------------------------------------------------- */

static void the_same_worker_gets_the_same_answer_and_others_another(void **state) {
    fixture *f = *state;
    ec_question mine, again, other;
    assert_int_equal(ask(f, &mine, (ec_ask_options){.worker = "me"}), 1);
    assert_int_equal(mine.candidate, BEST); /* the largest a + c */
    assert_false(mine.repeated);
    assert_true(mine.cost == 10);
    assert_true(mine.expires_in_s > 7190 && mine.expires_in_s <= 7200);
    assert_true(strlen(mine.reason) > 10);

    reopen(f);
    ask(f, &again, (ec_ask_options){.worker = "me"});
    assert_true(again.repeated);
    assert_true(again.id == mine.id && again.candidate == mine.candidate);
    assert_string_equal(again.reason, mine.reason);

    ask(f, &other, (ec_ask_options){.worker = "you"});
    assert_int_equal(other.candidate, GOOD);
    ec_study_snapshot *s = snapshot(f);
    assert_true(s->pending[BEST] && s->pending[GOOD] && !s->pending[FAIR]);
    ec_study_snapshot_free(s);
}

static void a_result_closes_the_question_whoever_brings_it(void **state) {
    fixture *f = *state;
    ec_question q;
    ask(f, &q, (ec_ask_options){.worker = "me"});
    tell(f, q.candidate, 1500, 0.1, 0); /* by worker "w" */
    ec_study_snapshot *s = snapshot(f);
    assert_false(s->pending[BEST]);
    ec_study_snapshot_free(s);
    ask(f, &q, (ec_ask_options){.worker = "me"});
    assert_int_equal(q.candidate, GOOD);
    assert_false(q.repeated);
}

static void an_expired_question_may_be_asked_of_another(void **state) {
    fixture *f = *state;
    ec_question q;
    ask(f, &q, (ec_ask_options){.worker = "lost", .lease_hours = 0.02 / 3600});
    assert_int_equal(q.candidate, BEST);
    usleep(30000);
    ec_study_snapshot *s = snapshot(f);
    assert_false(s->pending[BEST]);
    ec_study_snapshot_free(s);
    ask(f, &q, (ec_ask_options){.worker = "you"});
    assert_int_equal(q.candidate, BEST);
    ask(f, &q, (ec_ask_options){.worker = "lost"}); /* comes back, and is given something else */
    assert_int_equal(q.candidate, GOOD);
}

static void several_are_asked_at_once_until_none_is_left(void **state) {
    fixture *f = *state;
    ec_question q[8];
    assert_int_equal(ask(f, q, (ec_ask_options){.n = 2}), 2);
    assert_int_equal(q[0].candidate, BEST);
    assert_int_equal(q[1].candidate, GOOD);
    assert_int_equal(ask(f, q, (ec_ask_options){.n = 8}), 4); /* `unscored` cannot be placed */
    assert_true(q[0].repeated && q[1].repeated && !q[2].repeated && !q[3].repeated);
    assert_int_equal(q[3].candidate, POOR);

    size_t n;
    ec_error err;
    assert_says(
        ec_study_ask(q, &n, f->study, &(ec_ask_options){.worker = "late"}, &err), EC_ERR_NOT_FOUND,
        &err,
        "nothing is left to ask: 0 candidates are trained, 4 are being trained, 1 have no scores");
    assert_int_equal(n, 0);
    const ec_policy random = EC_POLICY_RANDOM; /* needs no scores */
    assert_int_equal(ask(f, q, (ec_ask_options){.worker = "late", .policy = &random}), 1);
    assert_int_equal(q[0].candidate, UNSCORED);
}

static void a_budget_leaves_out_what_does_not_fit(void **state) {
    fixture *f = *state;
    ec_question q[5];
    size_t n;
    ec_error err;
    /* best 10 + good 20 fit in 35; fair 30 does not any more, and the cost of poor is unknown. */
    assert_int_equal(ask(f, q, (ec_ask_options){.n = 5, .budget_hours = 35}), 2);
    assert_int_equal(q[0].candidate, BEST);
    assert_int_equal(q[1].candidate, GOOD);
    assert_int_equal(ask(f, q, (ec_ask_options){.worker = "poor", .budget_hours = 30}), 1);
    assert_int_equal(q[0].candidate, FAIR); /* the best that fits */
    assert_says(
        ec_study_ask(q, &n, f->study, &(ec_ask_options){.worker = "none", .budget_hours = 5}, &err),
        EC_ERR_ARG, &err, "fits the budget of 5 GPU-hours");
    assert_says(ec_study_ask(q, &n, f->study, &(ec_ask_options){.budget_hours = -1}, &err),
                EC_ERR_ARG, &err, "budget");
    assert_says(ec_study_ask(q, &n, f->study, &(ec_ask_options){.budget_hours = NAN}, &err),
                EC_ERR_ARG, &err, "budget");
    assert_says(ec_study_ask(q, &n, f->study, &(ec_ask_options){.lease_hours = INFINITY}, &err),
                EC_ERR_ARG, &err, "lease");
}

static void without_scores_the_policy_says_what_it_needs(void **state) {
    fixture *f = *state;
    folder_write(folder_join(f->path, "study.yaml"),
                 "benchmarks: [{name: MME}]\ncandidates: [{name: x}, {name: y}]\n");
    reopen(f);
    ec_question q;
    size_t n;
    ec_error err;
    assert_says(ec_study_ask(&q, &n, f->study, NULL, &err), EC_ERR_ARG, &err,
                "no candidate has both A and C");
}

/* Every policy, with all kinds of history, in two studies of the same content. */
static void the_same_history_and_seed_give_the_same_questions(void **state) {
    fixture *f = *state;
    for (int policy = 0; policy < EC_POLICIES; policy++) {
        size_t asked[2][4];
        for (int run = 0; run < 2; run++) {
            ec_study_close(f->study);
            unlink(folder_join(f->path, "study.db"));
            f->study = open_at(f->path);
            for (int k = 0; k < 4; k++) {
                ec_question q;
                const ec_policy p = (ec_policy)policy;
                const uint64_t seed = 12345;
                ask(f, &q, (ec_ask_options){.policy = &p, .seed = &seed, .anyway = true});
                asked[run][k] = q.candidate;
                tell(f, q.candidate, 1000 + 100 * (double)q.candidate, 0.1 * k, 0);
            }
        }
        assert_memory_equal(asked[0], asked[1], sizeof asked[0]);
    }
}

static void different_seeds_give_different_questions(void **state) {
    fixture *f = *state;
    const ec_policy random = EC_POLICY_RANDOM;
    size_t seen[N] = {0};
    for (uint64_t seed = 0; seed < 30; seed++) {
        ec_question q;
        char worker[32];
        snprintf(worker, sizeof worker, "w%d", (int)seed);
        ask(f, &q,
            (ec_ask_options){
                .policy = &random, .seed = &seed, .worker = worker, .lease_hours = 1e-9});
        seen[q.candidate]++;
    }
    for (size_t i = 0; i < N; i++) assert_in_range(seen[i], 1, 20);
}

/* Names, not positions, are in the database. */
static void study_yaml_may_be_reordered_and_shortened(void **state) {
    fixture *f = *state;
    tell(f, GOOD, 1400, 0.1, 0);
    tell(f, BEST, 1500, 0.2, 0);
    folder_write(folder_join(f->path, "study.yaml"), "benchmarks: [{name: Error}, {name: GQA}]\n"
                                                     "candidates: [{name: new}, {name: good}]\n");
    reopen(f);
    ec_study_snapshot *s = snapshot(f);
    assert_true(s->table.z[0 + 1] == 0.1 && isnan(s->table.z[0]) && isnan(s->table.z[2 + 1]));
    ec_study_snapshot_free(s);

    ec_finding *findings;
    size_t n, told = 0;
    assert_int_equal(ec_study_check(&findings, &n, f->study, NULL), EC_OK);
    for (size_t k = 0; k < n; k++) {
        told += strstr(findings[k].message, "candidates that study.yaml does not declare: best") !=
                NULL;
        told +=
            strstr(findings[k].message, "benchmarks that study.yaml does not declare: MME") != NULL;
    }
    free(findings);
    assert_int_equal(told, 2);

    folder_write(folder_join(f->path, "study.yaml"), YAML); /* and nothing was lost */
    reopen(f);
    s = snapshot(f);
    assert_true(s->table.z[MME * N + BEST] == 1500);
    ec_study_snapshot_free(s);
}

#define STUDY_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        STUDY_TEST(a_folder_with_a_study_yaml_opens_and_gets_its_database),
        STUDY_TEST(what_is_no_study_is_refused_with_what_to_do),
        STUDY_TEST(a_bad_study_yaml_is_told_with_its_line_and_nothing_is_written),
        STUDY_TEST(without_a_name_the_study_is_called_as_its_folder),
        STUDY_TEST(what_was_told_is_there_after_opening_again),
        STUDY_TEST(a_correction_replaces_and_the_old_value_stays_in_history),
        STUDY_TEST(results_that_cannot_be_are_refused_and_nothing_is_recorded),
        STUDY_TEST(the_same_worker_gets_the_same_answer_and_others_another),
        STUDY_TEST(a_result_closes_the_question_whoever_brings_it),
        STUDY_TEST(an_expired_question_may_be_asked_of_another),
        STUDY_TEST(several_are_asked_at_once_until_none_is_left),
        STUDY_TEST(a_budget_leaves_out_what_does_not_fit),
        STUDY_TEST(without_scores_the_policy_says_what_it_needs),
        STUDY_TEST(the_same_history_and_seed_give_the_same_questions),
        STUDY_TEST(different_seeds_give_different_questions),
        STUDY_TEST(study_yaml_may_be_reordered_and_shortened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
