/* The promises of eyechart/study.h about study folders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "eyechart/study.h"
#include "folder.h"

static const char YAML[] = "name: test\n"
                           "policy: {name: prior, seed: 3, lease_hours: 2}\n"
                           "benchmarks:\n"
                           "  - {name: MME, group: vision, range: [0, 2000]}\n"
                           "  - {name: Error, group: ocr, direction: lower}\n"
                           "candidates:\n"
                           "  - {name: best, A: 0.9, C: 20, cost: 10}\n"
                           "  - {name: good, A: 0.7, C: 18, cost: 20}\n"
                           "  - {name: fair, A: 0.5, C: 12, cost: 30}\n"
                           "  - {name: poor, A: 0.2, C: 5}\n"
                           "  - {name: unscored, cost: 1}\n";
enum { BEST, GOOD, FAIR, POOR, UNSCORED, N };
enum { MME, ERROR_RATE, M };

typedef struct {
    char folder[FOLDER_SIZE];   /* where tests may put files */
    char path[2 * FOLDER_SIZE]; /* of the study */
    ec_study *study;
} fixture;

static ec_study *open_at(const char *path) {
    ec_study *study;
    ec_error err;
    if (ec_study_open(&study, path, &err) != EC_OK) fail_msg("%s", err.message);
    return study;
}

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    folder_make(f->folder);
    snprintf(f->path, sizeof f->path, "%s/study", f->folder);
    mkdir(f->path, 0777);
    folder_write(folder_join(f->path, "study.yaml"), YAML);
    f->study = open_at(f->path);
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

static void reopen(fixture *f) {
    ec_study_close(f->study);
    f->study = open_at(f->path);
}

static void assert_says(ec_status status, ec_status expected, const ec_error *err,
                        const char *words) {
    if (status != expected || strstr(err->message, words) == NULL)
        fail_msg("status %d '%s', expected %d '%s'", status, err->message, expected, words);
}

static void tell(fixture *f, size_t candidate, double mme, double error_rate, double hours) {
    const ec_result results[] = {{MME, mme, 0}, {ERROR_RATE, error_rate, 0}};
    ec_error err;
    const ec_tell_options options = {.hours = hours, .worker = "w", .source = "train.log"};
    if (ec_study_tell(f->study, candidate, results, 2, &options, &err) != EC_OK)
        fail_msg("%s", err.message);
}

static ec_study_snapshot *snapshot(fixture *f) {
    ec_study_snapshot *s;
    ec_error err;
    if (ec_study_snapshot_get(&s, f->study, &err) != EC_OK) fail_msg("%s", err.message);
    return s;
}

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
    assert_int_not_equal(access(folder_join(f->folder, "study.db"), F_OK),
                         0); /* nothing was written */
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
    assert_true(s->hours_spent ==
                12); /* the recorded, not the declared 20; of `poor` nothing is known */
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

static size_t ask(fixture *f, ec_question *out, ec_ask_options options) {
    size_t n;
    ec_error err;
    if (ec_study_ask(out, &n, f->study, &options, &err) != EC_OK) fail_msg("%s", err.message);
    return n;
}

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

/* ---- import and export -------------------------------------------------------------------- */

static ec_import_summary import_text(fixture *f, const char *name, const char *text, bool add) {
    ec_import_summary summary;
    ec_error err;
    folder_write(folder_join(f->folder, name), text);
    if (ec_study_import(&summary, f->study, folder_join(f->folder, name), EC_FORMAT_BY_NAME, add,
                        &err) != EC_OK)
        fail_msg("%s", err.message);
    return summary;
}

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
        assert_says(ec_study_import(NULL, f->study, folder_join(f->folder, "x.csv"),
                                    EC_FORMAT_BY_NAME, false, &err),
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
    assert_says(ec_study_import(NULL, f->study, folder_join(f->folder, "x.csv"), EC_FORMAT_BY_NAME,
                                true, &err),
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
        assert_says(ec_study_import(NULL, f->study, folder_join(f->folder, "x.csv"),
                                    EC_FORMAT_BY_NAME, true, &err),
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
        if (ec_study_create(copy, folder_join(f->folder, names[k]), &err) != EC_OK)
            fail_msg("%s", err.message);
        ec_study *other = open_at(copy);
        assert_same_snapshot(f->study, other);
        ec_import_summary summary;
        assert_int_equal(ec_study_import(&summary, other, folder_join(f->folder, names[k]),
                                         EC_FORMAT_BY_NAME, false, NULL),
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
        if (ec_study_create(copy, ec_study_builtin(k), &err) != EC_OK) fail_msg("%s", err.message);
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
    if (ec_study_create(path, NULL, &err) != EC_OK) fail_msg("%s", err.message);
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
    assert_says(ec_study_create(f->path, NULL, &err), EC_ERR_EXISTS, &err, "is there already");
    assert_says(ec_study_create(folder_join(f->path, "study.yaml"), NULL, &err), EC_ERR_EXISTS,
                &err, "is a file");
    char *yaml = folder_read(folder_join(f->path, "study.yaml"), NULL);
    assert_string_equal(yaml, YAML);
    free(yaml);

    assert_says(ec_study_create(folder_join(f->folder, "a/b"), NULL, &err), EC_ERR_IO, &err,
                "No such file");
    folder_write(folder_join(f->folder, "x.csv"), "candidate,C\nx,y\n");
    assert_says(ec_study_create(folder_join(f->folder, "c"), folder_join(f->folder, "x.csv"), &err),
                EC_ERR_FORMAT, &err, "x.csv:2");
    assert_int_not_equal(access(folder_join(f->folder, "c"), F_OK), 0);
    assert_says(
        ec_study_create(folder_join(f->folder, "c"), folder_join(f->folder, "none.csv"), &err),
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
    if (ec_study_create(path, folder_join(f->folder, "x.csv"), &err) != EC_OK)
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
    assert_int_equal(ec_study_import(NULL, f->study, folder_join(f->folder, "x.csv"), EC_FORMAT_CSV,
                                     false, NULL),
                     EC_OK);
    ec_study_snapshot *s = snapshot(f);
    assert_int_equal(s->n_observed, 10000);
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
        STUDY_TEST(check_finds_what_would_weaken_a_ranking),
        STUDY_TEST(mixed_units_are_told_from_a_wide_spread),
        STUDY_TEST(a_benchmark_against_all_others_is_told),
        STUDY_TEST(ten_thousand_candidates_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
