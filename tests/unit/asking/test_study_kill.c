/* Many processes on one study, with and without kill -9.
 *
 * Workers ask and tell in a loop. After every call that returned EC_OK they append a record to a
 * log of their own making (one write, O_APPEND): what is in the log was acknowledged. The parent
 * kills them at random moments and starts new ones; the study must then hold everything
 * acknowledged, and nothing by halves. Every tell writes a set of values with a tag that is used
 * once, so that a set can be recognised.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "eyechart/asking.h"
#include "eyechart/rng.h"
#include "folder.h"

enum { N_CANDIDATES = 600, N_BENCHMARKS = 3, N_WORKERS = 4, N_KILLS = 200 };

/* What is tried is that questions and results are kept, not which candidate is asked for: the order
 * of the scores takes no time. */
static const ec_policy in_order = EC_POLICY_PRIOR;

typedef enum { ASKED, TOLD, FAILED } record_kind;

typedef struct {
    record_kind kind;
    int worker;
    bool repeated;
    int64_t question;
    size_t candidate;
    double tag;
    char message[200];
} record;

static void write_study(const char *folder, int n_candidates) {
    FILE *file = fopen(folder_join(folder, "study.yaml"), "w");
    fputs("benchmarks: [{name: p}, {name: q}, {name: r}]\ncandidates:\n", file);
    for (int i = 0; i < n_candidates; i++)
        fprintf(file, "  - {name: c%d, A: %d, C: %d}\n", i, i * 37 % 101, i * 53 % 89);
    fclose(file);
}

/* ---- a worker ----------------------------------------------------------------------------- */

typedef struct {
    int index, log;
    ec_study *study;
    ec_rng rng;
    double next_tag;
} worker;

/* One write of less than a page to a file opened with O_APPEND is whole or not there. */
static void append(const worker *w, record r) {
    r.worker = w->index;
    if (write(w->log, &r, sizeof r) != (ssize_t)sizeof r) _exit(3);
}

static void give_up(const worker *w, const ec_error *err) {
    record r = {.kind = FAILED};
    snprintf(r.message, sizeof r.message, "%s", err->message);
    append(w, r);
    _exit(1);
}

static worker start_worker(const char *folder, int index, int log) {
    worker w = {.index = index, .log = log};
    ec_error err;
    ec_rng_init(&w.rng, (uint64_t)getpid(), (uint64_t)index);
    w.next_tag = (double)getpid() * 0x1p20; /* a process is younger than its number is used again */
    if (ec_study_open(&w.study, folder, &err) != EC_OK) give_up(&w, &err);
    return w;
}

/* A candidate from ask; any when all were asked, for a correction. */
static size_t next_candidate(worker *w, bool *found) {
    char name[16];
    snprintf(name, sizeof name, "w%d", w->index);
    ec_question q;
    size_t n;
    ec_error err;
    const ec_status status = ec_study_ask(
        &q, &n, w->study, &(ec_ask_options){.worker = name, .policy = &in_order}, &err);
    *found = status == EC_OK;
    if (status == EC_ERR_NOT_FOUND) return ec_rng_below(&w->rng, ec_study_n_candidates(w->study));
    if (status != EC_OK) give_up(w, &err);
    append(w,
           (record){
               .kind = ASKED, .repeated = q.repeated, .question = q.id, .candidate = q.candidate});
    return q.candidate;
}

static void tell(worker *w, size_t candidate) {
    ec_result results[N_BENCHMARKS];
    const double tag = w->next_tag++;
    for (size_t b = 0; b < N_BENCHMARKS; b++)
        results[b] = (ec_result){b, tag + 0.25 * (double)b, 0};
    ec_error err;
    if (ec_study_tell(w->study, candidate, results, N_BENCHMARKS, NULL, &err) != EC_OK)
        give_up(w, &err);
    append(w, (record){.kind = TOLD, .candidate = candidate, .tag = tag});
}

static pid_t spawn(const char *folder, int index, int log, bool until_all_told) {
    const pid_t pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody running */
    worker w = start_worker(folder, index, log);
    for (;;) {
        bool found;
        const size_t candidate = next_candidate(&w, &found);
        if (!found && until_all_told) break;
        tell(&w, candidate);
    }
    ec_study_close(w.study);
    _exit(0);
}

/* ---- what must be true afterwards --------------------------------------------------------- */

static record *read_log(const char *path, size_t *n) {
    size_t size;
    record *records = (record *)folder_read(path, &size);
    assert_non_null(records);
    assert_int_equal(size % sizeof *records, 0);
    *n = size / sizeof *records;
    for (size_t k = 0; k < *n; k++)
        if (records[k].kind == FAILED)
            fail_msg("worker %d: %s", records[k].worker, records[k].message);
    return records;
}

/* A question belongs to one worker, and no candidate is in two questions: leases outlive the test.
 */
static size_t assert_asked_once(const record *records, size_t n, size_t n_candidates) {
    int64_t *question_of = calloc(n_candidates, sizeof *question_of);
    int *worker_of = calloc(n_candidates, sizeof *worker_of);
    size_t n_asked = 0;
    for (size_t k = 0; k < n; k++) {
        const record *r = &records[k];
        if (r->kind != ASKED) continue;
        if (question_of[r->candidate] == 0) {
            question_of[r->candidate] = r->question;
            worker_of[r->candidate] = r->worker;
            n_asked++;
        }
        assert_int_equal(question_of[r->candidate], r->question);
        assert_int_equal(worker_of[r->candidate], r->worker);
    }
    free(question_of);
    free(worker_of);
    return n_asked;
}

static int by_tag(const void *x, const void *y) {
    const double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* Sets are whole: their rows follow one another, of one candidate. Returns the tags, sorted. */
static double *assert_whole_sets(const ec_observation *rows, size_t n_rows, size_t *n_sets) {
    assert_int_equal(n_rows % N_BENCHMARKS, 0);
    *n_sets = n_rows / N_BENCHMARKS;
    double *tags = malloc((*n_sets + 1) * sizeof *tags);
    for (size_t k = 0; k < n_rows; k++) {
        const ec_observation *first = &rows[k - k % N_BENCHMARKS];
        assert_true(rows[k].value == first->value + 0.25 * (double)(k % N_BENCHMARKS));
        assert_int_equal(rows[k].candidate, first->candidate);
        assert_int_equal(rows[k].benchmark, k % N_BENCHMARKS);
        tags[k / N_BENCHMARKS] = first->value;
    }
    qsort(tags, *n_sets, sizeof *tags, by_tag);
    for (size_t k = 1; k < *n_sets; k++) assert_true(tags[k - 1] < tags[k]);
    return tags;
}

static void assert_no_damage(ec_study *study) {
    ec_finding *findings;
    size_t n;
    ec_error err;
    if (ec_study_check(&findings, &n, study, &err) != EC_OK) fail_msg("%s", err.message);
    for (size_t k = 0; k < n; k++)
        if (findings[k].level == EC_FINDING_ERROR) fail_msg("%s", findings[k].message);
    free(findings);
}

/* A question that was acknowledged is in the database as it was told. */
static void assert_questions_kept(const char *folder, const record *records, size_t n) {
    sqlite3 *db;
    sqlite3_stmt *find;
    assert_int_equal(sqlite3_open(folder_join(folder, "study.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT candidate, worker FROM question WHERE id = ?",
                                        -1, &find, NULL),
                     SQLITE_OK);
    for (size_t k = 0; k < n; k++) {
        char candidate[16], name[16];
        if (records[k].kind != ASKED) continue;
        snprintf(candidate, sizeof candidate, "c%zu", records[k].candidate);
        snprintf(name, sizeof name, "w%d", records[k].worker);
        sqlite3_bind_int64(find, 1, records[k].question);
        assert_int_equal(sqlite3_step(find), SQLITE_ROW);
        assert_string_equal((const char *)sqlite3_column_text(find, 0), candidate);
        assert_string_equal((const char *)sqlite3_column_text(find, 1), name);
        sqlite3_reset(find);
    }
    sqlite3_finalize(find);
    sqlite3_close(db);
}

/* Returns the number of tells acknowledged. */
static size_t assert_nothing_lost(const char *folder, const char *log_path, size_t n_candidates) {
    size_t n, n_rows, n_sets, n_told = 0;
    record *records = read_log(log_path, &n);
    assert_asked_once(records, n, n_candidates);
    assert_questions_kept(folder, records, n);

    ec_study *study;
    ec_observation *rows;
    ec_error err;
    if (ec_study_open(&study, folder, &err) != EC_OK) fail_msg("%s", err.message);
    assert_no_damage(study);
    assert_int_equal(ec_study_history(&rows, &n_rows, study, NULL), EC_OK);
    double *tags = assert_whole_sets(rows, n_rows, &n_sets);
    for (size_t k = 0; k < n; k++) {
        if (records[k].kind != TOLD) continue;
        assert_non_null(bsearch(&records[k].tag, tags, n_sets, sizeof *tags, by_tag));
        n_told++;
    }
    /* At most the call in flight at each kill was done and not acknowledged. */
    assert_in_range(n_sets, n_told, n_told + N_KILLS + N_WORKERS);
    free(tags);
    free(rows);
    free(records);
    ec_study_close(study);
    return n_told;
}

/* ---- the tests ---------------------------------------------------------------------------- */

typedef struct {
    char folder[FOLDER_SIZE];
    char log_path[2 * FOLDER_SIZE];
    int log;
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    folder_make(f->folder);
    snprintf(f->log_path, sizeof f->log_path, "%s/log", f->folder);
    f->log = open(f->log_path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    *state = f;
    return f->log >= 0 ? 0 : -1;
}

static int tear_down(void **state) {
    fixture *f = *state;
    close(f->log);
    folder_remove(f->folder);
    free(f);
    return 0;
}

/* Kills one and makes sure that it was the kill that ended it. */
static void kill_worker(const fixture *f, pid_t pid) {
    int status;
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return;
    size_t n;
    free(read_log(f->log_path, &n)); /* says why */
    fail_msg("a worker ended by itself, status %d", status);
}

static void nothing_acknowledged_is_lost_under_kill_9(void **state) {
    fixture *f = *state;
    write_study(f->folder, N_CANDIDATES); /* no study.db: its making is killed too */
    ec_rng rng;
    ec_rng_init(&rng, 20240831, 0);
    pid_t workers[N_WORKERS];
    for (int w = 0; w < N_WORKERS; w++) workers[w] = spawn(f->folder, w, f->log, false);
    for (int k = 0; k < N_KILLS; k++) {
        usleep((useconds_t)(1000 + ec_rng_below(&rng, k < 20 ? 5000 : 60000)));
        const size_t w = ec_rng_below(&rng, N_WORKERS);
        kill_worker(f, workers[w]);
        workers[w] = spawn(f->folder, (int)w, f->log, false);
    }
    for (int w = 0; w < N_WORKERS; w++) kill_worker(f, workers[w]);
    const size_t n_told = assert_nothing_lost(f->folder, f->log_path, N_CANDIDATES);
    print_message("%d kills, %zu tells acknowledged\n", N_KILLS + N_WORKERS, n_told);
    assert_true(n_told > N_KILLS / 2); /* the workers got something done */
}

static void processes_share_the_candidates_out(void **state) {
    fixture *f = *state;
    enum { FEW = 120 };
    write_study(f->folder, FEW);
    pid_t workers[N_WORKERS];
    for (int w = 0; w < N_WORKERS; w++) workers[w] = spawn(f->folder, w, f->log, true);
    for (int w = 0; w < N_WORKERS; w++) {
        int status;
        assert_int_equal(waitpid(workers[w], &status, 0), workers[w]);
        assert_true(WIFEXITED(status));
    }
    size_t n;
    record *records = read_log(f->log_path, &n);
    assert_int_equal(assert_asked_once(records, n, FEW), FEW);
    free(records);
    assert_int_equal(assert_nothing_lost(f->folder, f->log_path, FEW), FEW);
}

typedef struct {
    const fixture *f;
    int index;
    bool fine;
} thread_job;

/* As a process does it, with an ec_study of its own. */
static void *ask_and_tell(void *argument) {
    thread_job *job = argument;
    char name[16];
    snprintf(name, sizeof name, "t%d", job->index);
    ec_study *study;
    ec_question q;
    size_t n;
    if (ec_study_open(&study, job->f->folder, NULL) != EC_OK) return NULL;
    ec_status status;
    while ((status = ec_study_ask(&q, &n, study,
                                  &(ec_ask_options){.worker = name, .policy = &in_order}, NULL)) ==
           EC_OK) {
        const ec_result result = {0, (double)q.candidate, 0};
        if (q.repeated || ec_study_tell(study, q.candidate, &result, 1, NULL, NULL) != EC_OK) break;
    }
    job->fine = status == EC_ERR_NOT_FOUND;
    ec_study_close(study);
    return NULL;
}

static void threads_share_the_candidates_out(void **state) {
    fixture *f = *state;
    enum { FEW = 60 };
    write_study(f->folder, FEW);
    pthread_t threads[N_WORKERS];
    thread_job jobs[N_WORKERS];
    for (int w = 0; w < N_WORKERS; w++) {
        jobs[w] = (thread_job){f, w, false};
        assert_int_equal(pthread_create(&threads[w], NULL, ask_and_tell, &jobs[w]), 0);
    }
    for (int w = 0; w < N_WORKERS; w++) pthread_join(threads[w], NULL);
    for (int w = 0; w < N_WORKERS; w++) assert_true(jobs[w].fine);

    ec_study *study;
    ec_observation *rows;
    size_t n;
    assert_int_equal(ec_study_open(&study, f->folder, NULL), EC_OK);
    assert_int_equal(ec_study_history(&rows, &n, study, NULL), EC_OK);
    assert_int_equal(n, FEW); /* each once */
    for (size_t k = 0; k < n; k++)
        assert_true(rows[k].current && rows[k].value == (double)rows[k].candidate);
    free(rows);
    ec_study_close(study);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(threads_share_the_candidates_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(processes_share_the_candidates_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_acknowledged_is_lost_under_kill_9, set_up,
                                        tear_down),
    };
#if defined(__SANITIZE_THREAD__)
    cmocka_set_skip_filter("nothing_*"); /* processes, not threads: the other builds run it */
#endif
    return cmocka_run_group_tests(tests, NULL, NULL);
}
