/* Telling and taking back, with kill -9 in between.
 *
 * Each candidate belongs to one worker, a process that tells, repeats, withdraws and gives up at
 * random. Before each call it writes down what it is about to do, and after it that it was done.
 * What study.db holds in the end must follow from that: everything done, and the call in flight at
 * a kill as a whole or not at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "eyechart/asking.h"
#include "eyechart/rng.h"
#include "folder.h"

enum { N_CANDIDATES = 12, N_BENCHMARKS = 2, N_WORKERS = 3, N_KILLS = 90 };

typedef enum { TELL, REPEAT, WITHDRAW, FAIL, UNFAIL, N_ACTIONS } action;

typedef struct {
    action action;
    int worker, candidate;
    bool done; /* false: about to be */
    double value;
    char message[160]; /* not empty: it went wrong */
} record;

/* Of one candidate. Both benchmarks always have the same results. */
typedef struct {
    double sum; /* of the results that count */
    int n;
    bool failed;
} known;

static known apply(known k, const record *r) {
    switch (r->action) {
    case TELL:
        return (known){r->value, 1, false};
    case REPEAT:
        return (known){k.sum + r->value, k.n + 1, false};
    case WITHDRAW:
        return (known){0.0, 0, k.failed};
    case FAIL:
        return (known){k.sum, k.n, k.failed || k.n == 0}; /* refused where there are results */
    default:
        return (known){k.sum, k.n, false};
    }
}

/* ---- a worker ----------------------------------------------------------------------------- */

static ec_status act(ec_study *study, const record *r, ec_error *err) {
    const ec_result results[N_BENCHMARKS] = {{0, r->value, 0}, {1, r->value, 0}};
    const ec_tell_options options = {.repeat = r->action == REPEAT};
    const size_t i = (size_t)r->candidate;
    switch (r->action) {
    case TELL:
    case REPEAT:
        return ec_study_tell(study, i, results, N_BENCHMARKS, &options, err);
    case WITHDRAW:
        return ec_study_withdraw(NULL, study, i, NULL, 0, NULL, err);
    case FAIL:
        return ec_study_tell_failed(NULL, study, i, NULL, err);
    default:
        return ec_study_withdraw_failure(NULL, study, i, NULL, err);
    }
}

static void put(int log, const record *r) {
    if (write(log, r, sizeof *r) != (ssize_t)sizeof *r) _exit(3);
}

static pid_t spawn(const char *folder, int worker, int log) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody running */
    ec_study *study;
    ec_error err;
    ec_rng rng;
    ec_rng_init(&rng, (uint64_t)getpid(), 0);
    record r = {.worker = worker};
    if (ec_study_open(&study, folder, &err) != EC_OK) {
        snprintf(r.message, sizeof r.message, "%s", err.message);
        put(log, &r);
        _exit(1);
    }
    for (;;) {
        r.action = (action)ec_rng_below(&rng, N_ACTIONS);
        r.candidate = worker + N_WORKERS * (int)ec_rng_below(&rng, N_CANDIDATES / N_WORKERS);
        r.value = (double)(1 + ec_rng_below(&rng, 1000)); /* whole: sums are exact */
        r.done = false;
        put(log, &r);
        const ec_status status = act(study, &r, &err);
        /* Nothing to take back, or results that contradict a failure: nothing happened. */
        if (status != EC_OK && status != EC_ERR_NOT_FOUND &&
            !(status == EC_ERR_ARG && r.action == FAIL))
            snprintf(r.message, sizeof r.message, "%s", err.message);
        r.done = true;
        put(log, &r);
        if (r.message[0] != '\0') _exit(1);
    }
}

/* ---- what must be true -------------------------------------------------------------------- */

static bool is(const ec_study_snapshot *s, size_t i, known k) {
    for (size_t b = 0; b < N_BENCHMARKS; b++) {
        const size_t cell = b * N_CANDIDATES + i;
        const double z = s->table.z[cell], n = s->table.z_n != NULL ? s->table.z_n[cell]
                                               : isnan(z)           ? 0.0
                                                                    : 1.0;
        if (n != k.n || (k.n > 0 && fabs(z * n - k.sum) > 1e-6 * k.sum)) return false;
    }
    return s->failed[i] == k.failed;
}

/* All that the candidate may be, by the log: the call in flight at a kill happened or did not. */
static void assert_follows(const record *records, size_t n, const ec_study_snapshot *s, int i) {
    enum { MOST = 4096 };
    known *may = malloc(MOST * sizeof *may);
    size_t n_may = 1;
    may[0] = (known){0};
    const record *open = NULL;
    for (size_t k = 0; k < n; k++) {
        const record *r = &records[k];
        if (r->candidate != i && (r->worker != i % N_WORKERS || open == NULL)) continue;
        if (open != NULL && !r->done && r->worker == i % N_WORKERS) { /* killed in between */
            assert_true(2 * n_may <= MOST);
            for (size_t m = 0; m < n_may; m++) may[n_may + m] = apply(may[m], open);
            n_may *= 2;
            open = NULL;
        }
        if (r->candidate != i) continue;
        if (!r->done) {
            open = r;
            continue;
        }
        if (r->action == TELL) n_may = 1; /* whatever it was */
        for (size_t m = 0; m < n_may; m++) may[m] = apply(may[m], r);
        open = NULL;
    }
    bool found = false;
    for (size_t m = 0; m < n_may; m++)
        found = found || is(s, (size_t)i, may[m]) ||
                (open != NULL && is(s, (size_t)i, apply(may[m], open)));
    if (!found)
        fail_msg("candidate %d is %g (%g results)%s, none of %zu that it may be, such as %g (%d)%s",
                 i, s->table.z[i], s->table.z_n != NULL ? s->table.z_n[i] : NAN,
                 s->failed[i] ? " failed" : "", n_may, may[0].sum, may[0].n,
                 may[0].failed ? " failed" : "");
    free(may);
}

static void what_was_taken_back_stays_so_under_kill_9(void **state) {
    const char *folder = *state;
    FILE *yaml = fopen(folder_join(folder, "study.yaml"), "w");
    fputs("benchmarks: [{name: p}, {name: q}]\ncandidates:\n", yaml);
    for (int i = 0; i < N_CANDIDATES; i++)
        fprintf(yaml, "  - {name: c%d, A: %d, C: %d}\n", i, i, i);
    fclose(yaml);
    char log_path[2 * FOLDER_SIZE];
    snprintf(log_path, sizeof log_path, "%s", folder_join(folder, "log"));
    const int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    assert_true(log >= 0);

    ec_rng rng;
    ec_rng_init(&rng, 7, 0);
    pid_t workers[N_WORKERS];
    for (int w = 0; w < N_WORKERS; w++) workers[w] = spawn(folder, w, log);
    for (int k = 0; k < N_KILLS + N_WORKERS; k++) {
        const bool last = k >= N_KILLS;
        const int w = last ? k - N_KILLS : (int)ec_rng_below(&rng, N_WORKERS);
        int status;
        usleep((useconds_t)(1000 + ec_rng_below(&rng, 40000)));
        kill(workers[w], SIGKILL);
        assert_int_equal(waitpid(workers[w], &status, 0), workers[w]);
        if (!WIFSIGNALED(status)) print_error("worker %d ended by itself\n", w);
        if (!last) workers[w] = spawn(folder, w, log);
    }
    close(log);

    size_t size;
    record *records = (record *)folder_read(log_path, &size);
    const size_t n = size / sizeof *records;
    size_t n_done = 0;
    for (size_t k = 0; k < n; k++) {
        if (records[k].message[0] != '\0') fail_msg("%s", records[k].message);
        n_done += records[k].done;
    }
    ec_study *study;
    ec_study_snapshot *s;
    ec_error err;
    if (ec_study_open(&study, folder, &err) != EC_OK) fail_msg("%s", err.message);
    assert_int_equal(ec_study_snapshot_get(&s, study, NULL), EC_OK);
    for (int i = 0; i < N_CANDIDATES; i++) {
        assert_follows(records, n, s, i);
        assert_false(s->failed[i] && !isnan(s->table.z[i]));
    }
    print_message("%d kills, %zu calls done\n", N_KILLS + N_WORKERS, n_done);
    assert_true(n_done > N_KILLS);
    ec_study_snapshot_free(s);
    ec_study_close(study);
    free(records);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_taken_back_stays_so_under_kill_9, folder_set_up,
                                        folder_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
