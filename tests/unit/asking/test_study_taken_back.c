/* Results withdrawn, candidates that failed, leases given back and renewed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <sqlite3.h>

#include "eyechart/asking.h"
#include "folder.h"

enum { CLIP, DINO, SIGLIP, N };
enum { MME, POPE, M };

typedef struct {
    char folder[FOLDER_SIZE];
    ec_study *study;
    ec_error err;
} fixture;

static const char *const YAML =
    "benchmarks: [{name: MME}, {name: POPE, range: [0, 100]}]\n"
    "candidates:\n  - {name: CLIP, A: 1, C: 3, cost: 50}\n"
    "  - {name: DINO, A: 2, C: 4, cost: 60}\n  - {name: SigLIP, A: 3, C: 5}\n";

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    *state = f;
    folder_make(f->folder);
    folder_write(folder_join(f->folder, "study.yaml"), YAML);
    return ec_study_open(&f->study, f->folder, &f->err) == EC_OK ? 0 : -1;
}

static int tear_down(void **state) {
    fixture *f = *state;
    ec_study_close(f->study);
    folder_remove(f->folder);
    free(f);
    return 0;
}

#define ASSERT_OK(f, call)                                                                         \
    do {                                                                                           \
        if ((call) != EC_OK) fail_msg("%s: %s", #call, (f)->err.message);                          \
    } while (0)

static void assert_says(fixture *f, ec_status status, ec_status expected, const char *words) {
    if (status != expected || strstr(f->err.message, words) == NULL)
        fail_msg("status %d '%s', expected %d '%s'", status, f->err.message, expected, words);
}

static void tell(fixture *f, size_t candidate, size_t benchmark, double value, double hours) {
    const ec_result result = {benchmark, value, 0};
    ASSERT_OK(f, ec_study_tell(f->study, candidate, &result, 1, &(ec_tell_options){.hours = hours},
                               &f->err));
}

static ec_study_snapshot *snapshot(fixture *f) {
    ec_study_snapshot *s;
    ASSERT_OK(f, ec_study_snapshot_get(&s, f->study, &f->err));
    return s;
}

static double z(fixture *f, size_t candidate, size_t benchmark) {
    ec_study_snapshot *s = snapshot(f);
    const double value = s->table.z[benchmark * N + candidate];
    ec_study_snapshot_free(s);
    return value;
}

static size_t ask(fixture *f, const char *worker) {
    ec_question q;
    size_t n;
    const ec_ask_options options = {.worker = worker};
    ASSERT_OK(f, ec_study_ask(&q, &n, f->study, &options, &f->err));
    return q.candidate;
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

static void execute(const fixture *f, const char *sql) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(folder_join(f->folder, "study.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Who has it; "" nobody. Static. */
static const char *holder(fixture *f, size_t candidate) {
    static char worker[64];
    ec_lease *leases;
    size_t n;
    ASSERT_OK(f, ec_study_leases(&leases, &n, f->study, &f->err));
    worker[0] = '\0';
    for (size_t k = 0; k < n; k++)
        if (leases[k].candidate == candidate) memcpy(worker, leases[k].worker, sizeof worker);
    free(leases);
    return worker;
}

/* ---- results -------------------------------------------------------------------------------- */

static void what_is_withdrawn_does_not_count_and_stays_in_history(void **state) {
    fixture *f = *state;
    tell(f, CLIP, MME, 1500, 80);
    tell(f, CLIP, POPE, 70, 0);
    const size_t pope = POPE;
    ec_withdrawal w;
    const ec_withdraw_options why = {.worker = "me", .why = "was of DINO"};
    ASSERT_OK(f, ec_study_withdraw(&w, f->study, CLIP, &pope, 1, &why, &f->err));
    assert_true(w.n_results == 1 && isnan(w.hours) && w.worker[0] == '\0');
    assert_true(isnan(z(f, CLIP, POPE)) && z(f, CLIP, MME) == 1500);

    ec_observation *rows;
    size_t n;
    ASSERT_OK(f, ec_study_history(&rows, &n, f->study, &f->err));
    assert_int_equal(n, 3);
    assert_true(rows[0].current && !rows[1].current && !rows[2].current);
    assert_true(rows[2].withdrawn && rows[2].value == 70 && rows[2].benchmark == POPE);
    assert_string_equal(rows[2].worker, "me");
    assert_string_equal(rows[2].source, "was of DINO");
    free(rows);

    tell(f, CLIP, POPE, 71, 0); /* the right one */
    assert_true(z(f, CLIP, POPE) == 71);
    ASSERT_OK(f, ec_study_withdraw(&w, f->study, CLIP, NULL, 0, NULL, &f->err));
    assert_true(w.n_results == 2 && w.hours == 80 && !w.hours_withdrawn);
    ec_study_snapshot *s = snapshot(f);
    assert_true(s->n_observed == 0 && s->hours_failed == 80);
    ec_study_snapshot_free(s);
}

/* A repeat stands beside what was told after the withdrawal, not before. */
static void repeats_are_withdrawn_with_their_result(void **state) {
    fixture *f = *state;
    const ec_tell_options repeat = {.repeat = true};
    const double values[] = {10, 20};
    for (int k = 0; k < 2; k++)
        ASSERT_OK(
            f, ec_study_tell(f->study, CLIP, &(ec_result){MME, values[k], 0}, 1, &repeat, &f->err));
    ASSERT_OK(f, ec_study_withdraw(NULL, f->study, CLIP, NULL, 0, NULL, &f->err));
    assert_true(isnan(z(f, CLIP, MME)));
    ASSERT_OK(f, ec_study_tell(f->study, CLIP, &(ec_result){MME, 30, 0}, 1, &repeat, &f->err));
    assert_true(z(f, CLIP, MME) == 30);
}

static void nothing_can_be_withdrawn_that_is_not_there(void **state) {
    fixture *f = *state;
    tell(f, CLIP, MME, 1500, 0);
    const int64_t events = count(f, "SELECT count(*) FROM event");
    const size_t both[] = {MME, POPE}, twice[] = {MME, MME}, wrong = 7;
    assert_says(f, ec_study_withdraw(NULL, f->study, CLIP, both, 2, NULL, &f->err),
                EC_ERR_NOT_FOUND, "'CLIP' has no result for POPE; nothing was withdrawn");
    assert_says(f, ec_study_withdraw(NULL, f->study, DINO, NULL, 0, NULL, &f->err),
                EC_ERR_NOT_FOUND, "'DINO' has no results");
    assert_says(f, ec_study_withdraw(NULL, f->study, CLIP, &wrong, 1, NULL, &f->err), EC_ERR_ARG,
                "no benchmark number 7");
    assert_says(f, ec_study_withdraw(NULL, f->study, 9, NULL, 0, NULL, &f->err), EC_ERR_ARG,
                "no candidate number 9");
    assert_says(f, ec_study_withdraw_failure(NULL, f->study, CLIP, NULL, &f->err), EC_ERR_NOT_FOUND,
                "was not told as failed");
    assert_int_equal(count(f, "SELECT count(*) FROM event"), events);
    assert_true(z(f, CLIP, MME) == 1500);
    ec_withdrawal w;
    ASSERT_OK(f, ec_study_withdraw(&w, f->study, CLIP, twice, 2, NULL, &f->err));
    assert_int_equal(w.n_results, 1);
    assert_says(f, ec_study_withdraw(NULL, f->study, CLIP, twice, 1, NULL, &f->err),
                EC_ERR_NOT_FOUND, "has no result");

    ec_study *built_in;
    assert_int_equal(ec_study_open(&built_in, "paper-2024", NULL), EC_OK);
    assert_says(f, ec_study_withdraw(NULL, built_in, 0, NULL, 0, NULL, &f->err), EC_ERR_IO,
                "built in, cannot be changed");
    assert_says(f, ec_study_tell_failed(NULL, built_in, 0, NULL, &f->err), EC_ERR_IO, "built in");
    assert_says(f, ec_study_release(built_in, NULL, 0, NULL, &f->err), EC_ERR_IO, "built in");
    ec_lease *leases;
    ec_failure *failures;
    size_t n;
    ASSERT_OK(f, ec_study_leases(&leases, &n, built_in, &f->err));
    assert_int_equal(n, 0);
    free(leases);
    ASSERT_OK(f, ec_study_failures(&failures, &n, built_in, &f->err));
    assert_int_equal(n, 0);
    free(failures);
    ec_study_close(built_in);
}

static void hours_are_withdrawn_on_request_alone(void **state) {
    fixture *f = *state;
    tell(f, CLIP, MME, 1500, 80);
    tell(f, CLIP, POPE, 70, 0);
    const size_t mme = MME;
    const ec_withdraw_options options = {.hours = true};
    ec_withdrawal w;
    ASSERT_OK(f, ec_study_withdraw(&w, f->study, CLIP, &mme, 1, &options, &f->err));
    assert_true(isnan(w.hours) && !w.hours_withdrawn); /* a result is left that took them */
    ASSERT_OK(f, ec_study_withdraw(&w, f->study, CLIP, NULL, 0, NULL, &f->err));
    assert_true(w.hours == 80 && !w.hours_withdrawn);
    ASSERT_OK(f, ec_study_withdraw(&w, f->study, CLIP, NULL, 0, &options, &f->err)); /* late */
    assert_true(w.hours == 80 && w.hours_withdrawn && w.n_results == 0);
    ec_study_snapshot *s = snapshot(f);
    assert_true(isnan(s->hours[CLIP]) && s->hours_spent == 0 && s->hours_left == 110);
    ec_study_snapshot_free(s);
}

/* Told for CLIP, meant DINO: whoever trains CLIP keeps it. */
static void a_question_answered_by_mistake_is_open_again(void **state) {
    fixture *f = *state;
    const size_t asked = ask(f, "node1");
    tell(f, asked, MME, 1500, 0);
    assert_string_equal(holder(f, asked), "");
    ec_withdrawal w;
    ASSERT_OK(f, ec_study_withdraw(&w, f->study, asked, NULL, 0, NULL, &f->err));
    assert_string_equal(w.worker, "node1");
    assert_string_equal(holder(f, asked), "node1");
    assert_int_equal(ask(f, "node1"), asked);

    /* Not once its lease has run out, nor what somebody else was asked for meanwhile. */
    tell(f, asked, MME, 1500, 0);
    execute(f, "UPDATE question SET expires = 1");
    ASSERT_OK(f, ec_study_withdraw(&w, f->study, asked, NULL, 0, NULL, &f->err));
    assert_string_equal(w.worker, "");
    assert_string_equal(holder(f, asked), "");
}

/* Of a results file each result has its own provenance. */
static void a_question_answered_by_files_is_open_again(void **state) {
    fixture *f = *state;
    const size_t asked = ask(f, "node1");
    const ec_result results[] = {{MME, 1500, 0}, {POPE, 70, 0}};
    const char *const sources[] = {"a.json", "b.json"};
    ASSERT_OK(f, ec_study_tell(f->study, asked, results, 2, &(ec_tell_options){.sources = sources},
                               &f->err));
    assert_string_equal(holder(f, asked), "");
    ec_withdrawal w;
    ASSERT_OK(f, ec_study_withdraw(&w, f->study, asked, NULL, 0, NULL, &f->err));
    assert_string_equal(w.worker, "node1");
    assert_string_equal(holder(f, asked), "node1");
}

/* ---- failures ------------------------------------------------------------------------------- */

static void what_failed_is_not_asked_for(void **state) {
    fixture *f = *state;
    const size_t first = ask(f, "node1");
    bool unchanged;
    const ec_fail_options oom = {.hours = 12, .worker = "node1", .why = "out of memory"};
    ASSERT_OK(f, ec_study_tell_failed(&unchanged, f->study, first, &oom, &f->err));
    assert_false(unchanged);
    ASSERT_OK(f, ec_study_tell_failed(&unchanged, f->study, first, &oom, &f->err));
    assert_true(unchanged);
    ASSERT_OK(f, ec_study_tell_failed(&unchanged, f->study, first, NULL, &f->err));
    assert_true(unchanged);                              /* says nothing against it */
    execute(f, "UPDATE question SET state = 'pending'"); /* by a run that was killed */
    ASSERT_OK(f, ec_study_tell_failed(&unchanged, f->study, first, NULL, &f->err));
    assert_false(unchanged);
    assert_string_equal(holder(f, first), "");
    assert_int_equal(count(f, "SELECT count(*) FROM failure"), 1);

    const size_t second = ask(f, "node1"), third = ask(f, "node2");
    assert_true(second != first && third != first && second != third);
    ec_question q;
    size_t n;
    assert_says(f, ec_study_ask(&q, &n, f->study, &(ec_ask_options){.worker = "node3"}, &f->err),
                EC_ERR_NOT_FOUND, "2 are being trained, 1 failed");

    ec_failure *failures;
    ASSERT_OK(f, ec_study_failures(&failures, &n, f->study, &f->err));
    assert_int_equal(n, 1);
    assert_true(failures[0].candidate == first && failures[0].hours == 12);
    assert_string_equal(failures[0].why, "out of memory");
    assert_string_equal(failures[0].worker, "node1");
    free(failures);
    ec_study_snapshot *s = snapshot(f);
    assert_true(s->failed[first] && !s->failed[second] && s->n_failed == 1);
    assert_true(s->hours_spent == 12 && s->hours_failed == 12 && s->hours[first] == 12);
    ec_study_snapshot_free(s);

    ec_withdrawal w;
    ASSERT_OK(f, ec_study_withdraw_failure(&w, f->study, first, NULL, &f->err));
    assert_true(w.hours == 12 && !w.hours_withdrawn);
    assert_int_equal(ask(f, "node3"), first);
}

static double hours_of(fixture *f, size_t candidate) {
    ec_study_snapshot *s = snapshot(f);
    const double hours = s->hours[candidate];
    ec_study_snapshot_free(s);
    return hours;
}

static void hours_of_failures_add_up(void **state) {
    fixture *f = *state;
    const ec_fail_options twelve = {.hours = 12}, ten = {.hours = 10}, three = {.hours = 3};
    ASSERT_OK(f, ec_study_tell_failed(NULL, f->study, CLIP, &twelve, &f->err));
    ASSERT_OK(f, ec_study_tell_failed(NULL, f->study, CLIP, &ten, &f->err)); /* a correction */
    assert_true(hours_of(f, CLIP) == 10);
    ASSERT_OK(f, ec_study_withdraw_failure(NULL, f->study, CLIP, NULL, &f->err));
    assert_true(hours_of(f, CLIP) == 10); /* spent all the same */
    ASSERT_OK(f, ec_study_tell_failed(NULL, f->study, CLIP, &three, &f->err));
    assert_true(hours_of(f, CLIP) == 13);
    ASSERT_OK(f, ec_study_withdraw_failure(NULL, f->study, CLIP,
                                           &(ec_withdraw_options){.hours = true}, &f->err));
    assert_true(hours_of(f, CLIP) == 10);
    tell(f, CLIP, MME, 1500, 80); /* at last */
    assert_true(hours_of(f, CLIP) == 90);
    tell(f, CLIP, MME, 1500, 80); /* again: nothing changes */
    assert_true(hours_of(f, CLIP) == 90);
    ASSERT_OK(f, ec_study_tell_failed(NULL, f->study, DINO, &three, &f->err));
    ASSERT_OK(f, ec_study_withdraw_failure(NULL, f->study, DINO,
                                           &(ec_withdraw_options){.hours = true}, &f->err));
    assert_true(isnan(hours_of(f, DINO))); /* none, rather than 0 */
}

static void results_end_a_failure_however_they_come(void **state) {
    fixture *f = *state;
    for (int k = 0; k < 2; k++)
        ASSERT_OK(f, ec_study_tell_failed(NULL, f->study, (size_t)k, NULL, &f->err));
    bool was_failed = false;
    ASSERT_OK(f, ec_study_tell(f->study, CLIP, &(ec_result){MME, 1, 0}, 1,
                               &(ec_tell_options){.was_failed = &was_failed}, &f->err));
    assert_true(was_failed);
    folder_write(folder_join(f->folder, "x.csv"), "candidate,MME\nDINO,2\n");
    ASSERT_OK(f, ec_study_import_from(NULL, f->study, folder_join(f->folder, "x.csv"),
                                      EC_FORMAT_BY_NAME, false, NULL, NULL, &f->err));
    ec_study_snapshot *s = snapshot(f);
    assert_true(!s->failed[CLIP] && !s->failed[DINO] && s->n_failed == 0);
    ec_study_snapshot_free(s);
    assert_says(f, ec_study_tell_failed(NULL, f->study, CLIP, NULL, &f->err), EC_ERR_ARG,
                "has results");
    assert_says(
        f, ec_study_tell_failed(NULL, f->study, SIGLIP, &(ec_fail_options){.hours = -1}, &f->err),
        EC_ERR_ARG, "not negative");
}

/* ---- leases --------------------------------------------------------------------------------- */

static void a_lease_is_given_back_by_its_worker(void **state) {
    fixture *f = *state;
    const size_t asked = ask(f, "node1");
    const ec_lease_options node1 = {.worker = "node1"}, node2 = {.worker = "node2"};
    assert_says(f, ec_study_release(f->study, &asked, 1, &node2, &f->err), EC_ERR_EXISTS,
                "is kept for the worker 'node1', not for 'node2'");
    assert_says(f, ec_study_release(f->study, NULL, 0, &node2, &f->err), EC_ERR_NOT_FOUND,
                "no candidate is kept for the worker 'node2'");
    assert_string_equal(holder(f, asked), "node1");
    ASSERT_OK(f, ec_study_release(f->study, &asked, 1, &node1, &f->err));
    assert_string_equal(holder(f, asked), "");
    assert_says(f, ec_study_release(f->study, &asked, 1, &node1, &f->err), EC_ERR_NOT_FOUND,
                "kept for nobody any more");
    assert_int_equal(ask(f, "node2"), asked);
}

static void all_leases_of_a_worker_go_at_once_or_none(void **state) {
    fixture *f = *state;
    ec_question q[2];
    size_t n;
    ASSERT_OK(f, ec_study_ask(q, &n, f->study, &(ec_ask_options){.worker = "a", .n = 2}, &f->err));
    const size_t other = ask(f, "b");
    const ec_lease_options a = {.worker = "a"};
    const size_t two[] = {q[0].candidate, other};
    assert_says(f, ec_study_release(f->study, two, 2, &a, &f->err), EC_ERR_EXISTS, "worker 'b'");
    assert_string_equal(holder(f, q[0].candidate), "a"); /* all or nothing */
    ASSERT_OK(f, ec_study_release(f->study, NULL, 0, &a, &f->err));
    assert_string_equal(holder(f, q[0].candidate), "");
    assert_string_equal(holder(f, q[1].candidate), "");
    assert_string_equal(holder(f, other), "b");
}

static double left_of(fixture *f, size_t candidate) {
    ec_lease *leases;
    size_t n;
    double left = NAN;
    ASSERT_OK(f, ec_study_leases(&leases, &n, f->study, &f->err));
    for (size_t k = 0; k < n; k++)
        if (leases[k].candidate == candidate) left = leases[k].expires_in_s;
    free(leases);
    return left;
}

static void a_lease_is_renewed_from_now_on(void **state) {
    fixture *f = *state;
    const size_t asked = ask(f, "node1");
    const ec_lease_options two_hours = {.worker = "node1", .lease_hours = 2},
                           node2 = {.worker = "node2"};
    ASSERT_OK(f, ec_study_renew(f->study, &asked, 1, &two_hours, &f->err));
    assert_true(fabs(left_of(f, asked) - 7200) < 60);
    assert_says(f, ec_study_renew(f->study, &asked, 1, &node2, &f->err), EC_ERR_EXISTS, "'node1'");

    /* Ran out, and nobody else has it. */
    execute(f, "UPDATE question SET expires = 1");
    assert_string_equal(holder(f, asked), "");
    ASSERT_OK(f, ec_study_renew(f->study, &asked, 1, &two_hours, &f->err));
    assert_string_equal(holder(f, asked), "node1");
    assert_int_equal(count(f, "SELECT count(*) FROM question"), 1);

    /* Ran out, and somebody else has it. */
    execute(f, "UPDATE question SET expires = 1");
    assert_int_equal(ask(f, "node2"), asked);
    assert_says(f, ec_study_renew(f->study, &asked, 1, &two_hours, &f->err), EC_ERR_EXISTS,
                "is kept for the worker 'node2'");
    tell(f, asked, MME, 1, 0);
    assert_says(f, ec_study_renew(f->study, &asked, 1, &node2, &f->err), EC_ERR_EXISTS,
                "has results");
    const size_t never = (asked + 1) % N;
    assert_says(f, ec_study_renew(f->study, &never, 1, &node2, &f->err), EC_ERR_NOT_FOUND,
                "was never asked of the worker 'node2'");
    assert_says(f,
                ec_study_renew(f->study, &never, 1,
                               &(ec_lease_options){.worker = "node2", .lease_hours = -1}, &f->err),
                EC_ERR_ARG, "not negative");
    assert_int_equal(ask(f, "node2"), ask(f, "node2"));
    const size_t failed = ask(f, "node2");
    ASSERT_OK(f, ec_study_tell_failed(NULL, f->study, failed, NULL, &f->err));
    assert_says(f, ec_study_renew(f->study, &failed, 1, &node2, &f->err), EC_ERR_EXISTS,
                "was told as failed");
}

/* ---- several at once ------------------------------------------------------------------------- */

enum { N_THREADS = 4, N_ROUNDS = 60 };

/* Ask, and then at random tell, fail, give back; and take back what was told. */
static void *worker_of(void *argument) {
    const fixture *f = argument;
    ec_study *study;
    ec_error err;
    char name[32];
    snprintf(name, sizeof name, "t%lx", (unsigned long)pthread_self() & 0xffffff);
    if (ec_study_open(&study, f->folder, &err) != EC_OK) return "cannot open";
    const char *fault = NULL;
    for (int k = 0; fault == NULL && k < N_ROUNDS; k++) {
        ec_question q;
        size_t n;
        /* In the order of the scores, which takes no time under the lock. */
        const ec_policy in_order = EC_POLICY_PRIOR;
        const ec_ask_options ask_options = {.worker = name, .policy = &in_order};
        const ec_lease_options lease = {.worker = name};
        const ec_status asked = ec_study_ask(&q, &n, study, &ask_options, &err);
        if (asked != EC_OK && asked != EC_ERR_NOT_FOUND) fault = "ask";
        const size_t i = asked == EC_OK ? q.candidate : (size_t)k % N;
        if (asked == EC_OK && k % 3 == 0 &&
            ec_study_tell(study, i, &(ec_result){MME, k, 0}, 1, NULL, &err) != EC_OK)
            fault = "tell";
        if (asked == EC_OK && k % 3 == 1 &&
            ec_study_tell_failed(NULL, study, i, NULL, &err) != EC_OK)
            fault = "tell failed";
        if (asked == EC_OK && k % 3 == 2 && ec_study_release(study, &i, 1, &lease, &err) != EC_OK)
            fault = "release";
        /* Another may have been faster. */
        const ec_status withdrawn = ec_study_withdraw(NULL, study, i, NULL, 0, NULL, &err);
        if (withdrawn != EC_OK && withdrawn != EC_ERR_NOT_FOUND) fault = "withdraw";
        const ec_status again = ec_study_withdraw_failure(NULL, study, i, NULL, &err);
        if (again != EC_OK && again != EC_ERR_NOT_FOUND) fault = "withdraw failure";
    }
    if (fault != NULL) fprintf(stderr, "%s: %s\n", fault, err.message);
    ec_study_close(study);
    return (void *)fault;
}

static void many_may_tell_and_take_back_at_once(void **state) {
    fixture *f = *state;
    pthread_t threads[N_THREADS];
    for (int k = 0; k < N_THREADS; k++)
        assert_int_equal(pthread_create(&threads[k], NULL, worker_of, f), 0);
    for (int k = 0; k < N_THREADS; k++) {
        void *fault;
        assert_int_equal(pthread_join(threads[k], &fault), 0);
        if (fault != NULL) fail_msg("%s", (const char *)fault);
    }
    assert_int_equal(count(f, "SELECT count(*) FROM (SELECT candidate FROM question WHERE state = "
                              "'pending' GROUP BY candidate HAVING count(*) > 1)"),
                     0);
    /* Whatever came last, nothing is both failed and measured. */
    ec_study_snapshot *s = snapshot(f);
    for (size_t i = 0; i < N; i++) assert_false(s->failed[i] && !isnan(s->table.z[MME * N + i]));
    ec_study_snapshot_free(s);
}

/* ---- check ---------------------------------------------------------------------------------- */

static void check_knows_what_was_taken_back(void **state) {
    fixture *f = *state;
    tell(f, CLIP, MME, 1, 0);
    ASSERT_OK(f, ec_study_withdraw(NULL, f->study, CLIP, NULL, 0, NULL, &f->err));
    ASSERT_OK(f, ec_study_tell_failed(NULL, f->study, DINO, NULL, &f->err));
    ec_finding *findings;
    size_t n, n_failed = 0, n_withdrawn = 0;
    ASSERT_OK(f, ec_study_check(&findings, &n, f->study, &f->err));
    for (size_t k = 0; k < n; k++) {
        n_failed += strstr(findings[k].message, "failed, and not asked for: DINO;") != NULL;
        n_withdrawn += strstr(findings[k].message, "results were withdrawn, and none told since, "
                                                   "of CLIP;") != NULL;
    }
    free(findings);
    assert_int_equal(n_failed, 1);
    assert_int_equal(n_withdrawn, 1);
    tell(f, CLIP, MME, 2, 0);
    tell(f, DINO, MME, 3, 0);
    ASSERT_OK(f, ec_study_check(&findings, &n, f->study, &f->err));
    for (size_t k = 0; k < n; k++)
        assert_true(strstr(findings[k].message, "withdrawn") == NULL &&
                    strstr(findings[k].message, "failed") == NULL);
    free(findings);
}

int main(void) {
#define WITH_STUDY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_STUDY(what_is_withdrawn_does_not_count_and_stays_in_history),
        WITH_STUDY(repeats_are_withdrawn_with_their_result),
        WITH_STUDY(nothing_can_be_withdrawn_that_is_not_there),
        WITH_STUDY(hours_are_withdrawn_on_request_alone),
        WITH_STUDY(a_question_answered_by_mistake_is_open_again),
        WITH_STUDY(a_question_answered_by_files_is_open_again),
        WITH_STUDY(what_failed_is_not_asked_for),
        WITH_STUDY(hours_of_failures_add_up),
        WITH_STUDY(results_end_a_failure_however_they_come),
        WITH_STUDY(a_lease_is_given_back_by_its_worker),
        WITH_STUDY(all_leases_of_a_worker_go_at_once_or_none),
        WITH_STUDY(a_lease_is_renewed_from_now_on),
        WITH_STUDY(many_may_tell_and_take_back_at_once),
        WITH_STUDY(check_knows_what_was_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
