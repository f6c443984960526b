/* A study.db in every bad state: each gets a message that says where and what to do, and nothing is
 * written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "eyechart/asking.h"
#include "folder.h"
#include "store/statement.h"
#include "study/study_internal.h"

static const char YAML[] =
    "benchmarks: [{name: MME}, {name: GQA}]\n"
    "candidates: [{name: x, A: 1, C: 1}, {name: y, A: 2, C: 2}, {name: z, A: 3, C: 1}]\n";

typedef struct {
    char folder[FOLDER_SIZE]; /* the study */
    char db[2 * FOLDER_SIZE];
} fixture;

/* A study with one result of x, closed. */
static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    folder_make(f->folder);
    snprintf(f->db, sizeof f->db, "%s/study.db", f->folder);
    folder_write(folder_join(f->folder, "study.yaml"), YAML);
    ec_study *study;
    assert_int_equal(ec_study_open(&study, f->folder, NULL), EC_OK);
    assert_int_equal(ec_study_tell(study, 0, &(ec_result){0, 1500, 0}, 1, NULL, NULL), EC_OK);
    ec_study_close(study);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    chmod(f->folder, 0777);
    folder_remove(f->folder);
    free(f);
    return 0;
}

static void assert_says(ec_status status, ec_status expected, const ec_error *err,
                        const char *words) {
    if (status != expected || strstr(err->message, words) == NULL)
        fail_msg("status %d '%s', expected %d '%s'", status, err->message, expected, words);
}

static void assert_open_fails(const fixture *f, ec_status expected, const char *words) {
    size_t before_size, after_size;
    char *before = folder_read(f->db, &before_size);
    ec_study *study;
    ec_error err = {.message = "(none)"};
    const ec_status status = ec_study_open(&study, f->folder, &err);
    assert_null(study);
    assert_says(status, expected, &err, words);
    assert_non_null(strstr(err.message, f->db)); /* where */
    char *after = folder_read(f->db, &after_size);
    assert_int_equal(before_size, after_size);
    assert_memory_equal(before, after, before_size);
    free(before);
    free(after);
}

static double result_of_x(const char *folder) {
    ec_study *study;
    ec_study_snapshot *s;
    ec_error err;
    if (ec_study_open(&study, folder, &err) != EC_OK) fail_msg("%s", err.message);
    if (ec_study_snapshot_get(&s, study, &err) != EC_OK) fail_msg("%s", err.message);
    const double value = s->table.z[0];
    ec_study_snapshot_free(s);
    ec_study_close(study);
    return value;
}

static void execute(const char *path, const char *sql) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char *message = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s", message);
    sqlite3_close(db);
}

/* ---- copies ------------------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to) {
    size_t size;
    char *bytes = folder_read(from, &size);
    assert_non_null(bytes);
    FILE *file = fopen(to, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    free(bytes);
}

/* People back up with cp, and take study.db alone. */
static void a_copy_of_study_db_alone_has_every_change_while_others_have_it_open(void **state) {
    const fixture *f = *state;
    char copy[FOLDER_SIZE];
    folder_make(copy);
    folder_write(folder_join(copy, "study.yaml"), YAML);
    ec_study *study, *other;
    assert_int_equal(ec_study_open(&study, f->folder, NULL), EC_OK);
    assert_int_equal(ec_study_open(&other, f->folder, NULL), EC_OK);
    for (int k = 1; k <= 5; k++) {
        const ec_result result = {0, 1500 + k, 0};
        assert_int_equal(ec_study_tell(k % 2 == 0 ? study : other, 0, &result, 1, NULL, NULL),
                         EC_OK);
        copy_file(f->db, folder_join(copy, "study.db"));
        assert_true(result_of_x(copy) == 1500 + k);
    }
    ec_study_close(other);
    ec_study_close(study);
    folder_remove(copy);
}

/* One who reads for long does not keep anybody from telling; the next change brings all along. */
static void a_reader_in_the_way_delays_the_copy_and_not_the_change(void **state) {
    const fixture *f = *state;
    char copy[FOLDER_SIZE];
    folder_make(copy);
    folder_write(folder_join(copy, "study.yaml"), YAML);
    ec_study *study;
    sqlite3 *reader;
    assert_int_equal(ec_study_open(&study, f->folder, NULL), EC_OK);
    assert_int_equal(sqlite3_open(f->db, &reader), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT * FROM observation", NULL, NULL, NULL),
                     SQLITE_OK);
    for (int k = 0; k < 2; k++) {
        const ec_result result = {0, 1600 + k, 0};
        assert_int_equal(ec_study_tell(study, 0, &result, 1, NULL, NULL), EC_OK);
        if (k == 0) sqlite3_close(reader);
    }
    copy_file(f->db, folder_join(copy, "study.db"));
    assert_true(result_of_x(copy) == 1601);
    ec_study_close(study);
    folder_remove(copy);
}

/* A copy of which one page is older than another. */
static void rows_without_their_change_are_found(void **state) {
    const fixture *f = *state;
    execute(f->db, "INSERT INTO observation (event, candidate, benchmark, value) VALUES (999, 'x', "
                   "'GQA', 3)");
    ec_study *study;
    ec_finding *findings;
    size_t n;
    assert_int_equal(ec_study_open(&study, f->folder, NULL), EC_OK);
    assert_int_equal(ec_study_check(&findings, &n, study, NULL), EC_OK);
    assert_true(n > 0 && findings[0].level == EC_FINDING_ERROR);
    assert_non_null(strstr(findings[0].message, "not whole: rows in 'observation'"));
    free(findings);
    ec_study_close(study);
}

/* ---- damaged ------------------------------------------------------------------------------ */

static void garbage_is_no_database(void **state) {
    fixture *f = *state;
    char garbage[5000];
    for (size_t i = 0; i < sizeof garbage; i++) garbage[i] = (char)(i * 2654435761u >> 13);
    folder_write_bytes(f->db, garbage, sizeof garbage);
    assert_open_fails(f, EC_ERR_FORMAT, "not a database; move it out of the folder");
    folder_write(f->db, "hello\n");
    assert_open_fails(f, EC_ERR_FORMAT, "not a database");
}

static void a_database_cut_short_is_damaged(void **state) {
    fixture *f = *state;
    size_t size;
    char *bytes = folder_read(f->db, &size);
    for (size_t keep = 100; keep < size; keep += 3000) {
        folder_write_bytes(f->db, bytes, keep);
        assert_open_fails(f, EC_ERR_FORMAT, "damaged");
    }
    free(bytes);
}

/* How many errors `check` finds; 1 when it cannot even be asked. */
static size_t count_damage(const char *folder) {
    ec_study *study;
    ec_error err;
    ec_finding *findings = NULL;
    size_t n = 0, n_errors = 0;
    ec_status status = ec_study_open(&study, folder, &err);
    if (status == EC_OK) status = ec_study_check(&findings, &n, study, &err);
    for (size_t k = 0; k < n; k++) n_errors += findings[k].level == EC_FINDING_ERROR;
    free(findings);
    ec_study_close(study);
    if (status == EC_OK) return n_errors;
    assert_int_equal(status, EC_ERR_FORMAT);
    return 1;
}

/* Every page begins with what it is; what is overwritten further in may hit nothing. */
static void overwritten_pages_are_found(void **state) {
    fixture *f = *state;
    size_t size;
    char *bytes = folder_read(f->db, &size), *copy = malloc(size);
    assert_int_equal(count_damage(f->folder), 0);
    for (size_t at = 512; at + 64 < size; at += 512) {
        memcpy(copy, bytes, size);
        memset(copy + at, 0xa5, 64);
        folder_write_bytes(f->db, copy, size);
        const size_t n = count_damage(f->folder);
        if (at % 4096 == 0) assert_true(n > 0);
    }
    free(bytes);
    free(copy);
}

/* Every page is fine, only the index is not that of its table. */
static void an_index_that_does_not_fit_its_table_is_found(void **state) {
    fixture *f = *state;
    ec_study *study;
    ec_question q;
    size_t n;
    assert_int_equal(ec_study_open(&study, f->folder, NULL), EC_OK);
    assert_int_equal(ec_study_ask(&q, &n, study, NULL, NULL), EC_OK);
    ec_study_close(study);
    execute(
        f->db,
        "PRAGMA writable_schema = ON;"
        "UPDATE sqlite_schema SET sql = 'CREATE UNIQUE INDEX question_pending ON question (worker)'"
        " WHERE name = 'question_pending'");
    assert_int_equal(ec_study_open(&study, f->folder, NULL), EC_OK);
    ec_study_close(study);
    assert_true(count_damage(f->folder) > 0);
}

static void tables_that_are_not_ours_are_refused(void **state) {
    fixture *f = *state;
    unlink(f->db);
    execute(f->db, "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT)");
    assert_open_fails(f, EC_ERR_FORMAT, "a database of some other program");
    unlink(f->db);
    execute(f->db, "PRAGMA application_id = 1234");
    assert_open_fails(f, EC_ERR_FORMAT, "a database of some other program");
    unlink(f->db);
    char sql[96];
    snprintf(sql, sizeof sql, "PRAGMA application_id = 0x65796563; PRAGMA user_version = %d",
             (int)ec_study_migrations.n);
    execute(f->db, sql);
    assert_open_fails(f, EC_ERR_FORMAT, "damaged (no such table");
}

/* ---- versions ----------------------------------------------------------------------------- */

static void a_newer_database_is_left_to_a_newer_eyechart(void **state) {
    fixture *f = *state;
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", (int)ec_study_migrations.n + 1);
    execute(f->db, sql);
    assert_open_fails(f, EC_ERR_VERSION, "use the newer one that wrote it");
}

/* A made-up next version on top of the real ones: the rows survive, the steps run once, and the
 * program of today refuses the result. */
static void older_databases_are_brought_up_to_date(void **state) {
    fixture *f = *state;
    const char *steps[16];
    const size_t n = ec_study_migrations.n;
    assert_true(n + 2 <= 16);
    memcpy(steps, ec_study_migrations.steps, n * sizeof *steps);
    steps[n] = "ALTER TABLE event ADD COLUMN host TEXT";
    steps[n + 1] = "UPDATE event SET host = 'here'";
    const ec_migrations next = {n + 2, steps};

    for (int again = 0; again < 2; again++) {
        ec_database db;
        ec_error err;
        if (ec_database_open(&db, f->folder, &next, &err) != EC_OK) fail_msg("%s", err.message);
        int64_t version, n_rows;
        assert_int_equal(ec_sql_integer(&version, &db, NULL, "PRAGMA user_version"), EC_OK);
        assert_int_equal(version, n + 2);
        assert_int_equal(
            ec_sql_integer(&n_rows, &db, NULL,
                           "SELECT count(*) FROM observation JOIN event ON event = event.id"
                           " WHERE host = 'here' AND value = 1500"),
            EC_OK);
        assert_int_equal(n_rows, 1);
        ec_database_close(&db);
    }
    char words[64];
    snprintf(words, sizeof words, "version %zu of the tables", n + 2);
    assert_open_fails(f, EC_ERR_VERSION, words);
}

/* Tables as they were before results had errors and repeats: what was told then counts now, a later
 * value in the place of an earlier one. */
static void results_of_version_4_are_what_they_were(void **state) {
    fixture *f = *state;
    unlink(f->db);
    const ec_migrations old = {4, ec_study_migrations.steps};
    ec_database db;
    ec_error err;
    if (ec_database_open(&db, f->folder, &old, &err) != EC_OK) fail_msg("%s", err.message);
    ec_database_close(&db);
    execute(f->db, "INSERT INTO event VALUES (1, '2024-01-01T00:00:00Z', 'tell', '0.1', 'w', NULL);"
                   "INSERT INTO observation (event, candidate, benchmark, value)"
                   " SELECT 1, candidate, 'MME', value FROM (SELECT 'x' candidate, 3 value"
                   " UNION ALL SELECT 'x', 4 UNION ALL SELECT 'y', 5);"
                   "INSERT INTO question VALUES (1, 1, 'y', 'w', 9e9, 'pending', 'why')");
    ec_study *study;
    if (ec_study_open(&study, f->folder, &err) != EC_OK) fail_msg("%s", err.message);
    ec_study_snapshot *s;
    assert_int_equal(ec_study_snapshot_get(&s, study, NULL), EC_OK);
    assert_true(s->table.z[0] == 4 && s->table.z[1] == 5);
    assert_true(isnan(s->table.z_se[0]) && s->table.z_n == NULL);
    assert_true(s->pending[1]);
    ec_study_snapshot_free(s);
    ec_observation *rows;
    size_t n_rows;
    assert_int_equal(ec_study_history(&rows, &n_rows, study, NULL), EC_OK);
    assert_int_equal(n_rows, 3);
    assert_true(!rows[0].current && rows[1].current && !rows[1].repeat && isnan(rows[1].se));
    free(rows);
    assert_int_equal(
        ec_study_tell(study, 1, &(ec_result){0, 6, 1}, 1, &(ec_tell_options){.repeat = true}, NULL),
        EC_OK);
    ec_study_close(study);
}

/* The second step fails: the first has not happened either. */
static void a_migration_is_all_or_nothing(void **state) {
    fixture *f = *state;
    const char *steps[16];
    const size_t n = ec_study_migrations.n;
    assert_true(n + 2 <= 16);
    memcpy(steps, ec_study_migrations.steps, n * sizeof *steps);
    steps[n] = "ALTER TABLE event ADD COLUMN host TEXT";
    steps[n + 1] = "NONSENSE";
    const ec_migrations broken = {n + 2, steps};
    ec_database db;
    ec_error err;
    assert_says(ec_database_open(&db, f->folder, &broken, &err), EC_ERR_FORMAT, &err, "NONSENSE");
    ec_database_close(&db);
    assert_true(result_of_x(f->folder) == 1500);
}

/* ---- locks -------------------------------------------------------------------------------- */

static void a_locked_database_is_waited_for_and_then_told(void **state) {
    fixture *f = *state;
    ec_study *study;
    assert_int_equal(ec_study_open(&study, f->folder, NULL), EC_OK);
    sqlite3 *other;
    assert_int_equal(sqlite3_open(f->db, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);

    assert_int_equal(study->db.busy_ms, 10000);
    ec_database_set_busy_ms(&study->db, 100);
    ec_error err;
    ec_question q;
    size_t n;
    assert_says(ec_study_tell(study, 0, &(ec_result){0, 1, 0}, 1, NULL, &err), EC_ERR_BUSY, &err,
                "has kept it locked for more than 0.1 s; nothing was changed");
    assert_says(ec_study_ask(&q, &n, study, NULL, &err), EC_ERR_BUSY, &err,
                "repeat when that process is done");
    ec_study_snapshot *s; /* reading does not wait */
    assert_int_equal(ec_study_snapshot_get(&s, study, NULL), EC_OK);
    assert_true(s->table.z[0] == 1500);
    ec_study_snapshot_free(s);

    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);
    assert_int_equal(ec_study_tell(study, 0, &(ec_result){0, 1, 0}, 1, NULL, NULL), EC_OK);
    ec_study_close(study);
}

/* ---- read-only ---------------------------------------------------------------------------- */

/* Runs `work` as somebody who may not write, since nothing is read-only for root. */
static void as_nobody(void (*work)(const fixture *f), const fixture *f) {
    const pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) _exit(99);
        work(f);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static void can_read_but_not_write(const fixture *f) {
    ec_study *study;
    ec_error err = {.message = ""};
    const ec_status status = ec_study_open(&study, f->folder, &err);
    if (status != EC_OK) fprintf(stderr, "%s\n", err.message);
    CHECK(status == EC_OK);
    CHECK(!ec_study_writable(study));
    ec_study_snapshot *s;
    CHECK(ec_study_snapshot_get(&s, study, &err) == EC_OK);
    CHECK(s->table.z[0] == 1500);
    ec_study_snapshot_free(s);
    CHECK(ec_study_tell(study, 0, &(ec_result){0, 1, 0}, 1, NULL, &err) == EC_ERR_IO);
    CHECK(
        strstr(err.message,
               "cannot be written to; nothing was changed, make the file and its folder writable"));
    ec_question q;
    size_t n;
    CHECK(ec_study_ask(&q, &n, study, NULL, &err) == EC_ERR_IO);
    ec_finding *findings;
    CHECK(ec_study_check(&findings, &n, study, &err) == EC_OK);
    bool told = false;
    for (size_t k = 0; k < n; k++)
        told = told || strstr(findings[k].message, "can be looked at, not added to");
    CHECK(told);
    free(findings);
    ec_study_close(study);
}

static void a_read_only_folder_opens_for_reading(void **state) {
    fixture *f = *state;
    chmod(f->folder, 0555);
    chmod(f->db, 0444);
    as_nobody(can_read_but_not_write, f);
    chmod(f->db, 0666); /* the folder alone */
    as_nobody(can_read_but_not_write, f);
    chmod(f->folder, 0777);
    chmod(f->db, 0444); /* the file alone */
    as_nobody(can_read_but_not_write, f);
    chmod(f->db, 0666);
    assert_true(result_of_x(f->folder) == 1500);
}

/* The reader has no right to the files that WAL needs, which another process has open. */
static void a_read_only_reader_sees_what_a_writer_commits(void **state) {
    fixture *f = *state;
    ec_study *writer;
    assert_int_equal(ec_study_open(&writer, f->folder, NULL), EC_OK);
    assert_int_equal(ec_study_tell(writer, 0, &(ec_result){0, 3, 0}, 1, NULL, NULL), EC_OK);
    assert_int_equal(ec_study_tell(writer, 0, &(ec_result){0, 1500, 0}, 1, NULL, NULL), EC_OK);
    chmod(f->folder, 0555);
    chmod(f->db, 0444);
    as_nobody(can_read_but_not_write, f);
    ec_study_close(writer);
}

static void opens_empty(const fixture *f) {
    ec_study *study;
    ec_study_snapshot *s;
    CHECK(ec_study_open(&study, f->folder, NULL) == EC_OK);
    CHECK(!ec_study_writable(study));
    CHECK(ec_study_snapshot_get(&s, study, NULL) == EC_OK);
    CHECK(s->n_observed == 0 && s->table.c[1] == 2);
    ec_study_snapshot_free(s);
    CHECK(ec_study_tell(study, 0, &(ec_result){0, 1, 0}, 1, NULL, NULL) == EC_ERR_IO);
    ec_study_close(study);
}

static void a_read_only_folder_without_a_database_is_empty(void **state) {
    fixture *f = *state;
    unlink(f->db);
    chmod(f->folder, 0555);
    as_nobody(opens_empty, f);
    chmod(f->folder, 0777);
    assert_int_not_equal(access(f->db, F_OK), 0);
}

static void a_study_yaml_that_may_not_be_read_is_told(const fixture *f) {
    ec_study *study;
    ec_error err;
    CHECK(ec_study_open(&study, f->folder, &err) == EC_ERR_IO);
    CHECK(strstr(err.message, "study.yaml") && strstr(err.message, "Permission denied"));
}

static void files_without_permission_are_told(void **state) {
    fixture *f = *state;
    chmod(folder_join(f->folder, "study.yaml"), 0);
    as_nobody(a_study_yaml_that_may_not_be_read_is_told, f);
}

/* ---- a full disk -------------------------------------------------------------------------- */

/* Tells until it fails; returns how many were acknowledged. */
static int tell_until_full(const char *folder, ec_error *err) {
    ec_study *study;
    if (ec_study_open(&study, folder, err) != EC_OK) return -1;
    char source[4000];
    memset(source, 'x', sizeof source - 1);
    source[sizeof source - 1] = '\0';
    int n = 0;
    for (; n < 5000; n++) {
        const ec_result results[] = {{0, n, 0}, {1, -n, 0}};
        const ec_tell_options options = {.source = source};
        if (ec_study_tell(study, 1, results, 2, &options, err) != EC_OK) break;
    }
    ec_study_close(study);
    return n;
}

/* All that was acknowledged is there, in pairs. */
static void assert_holds(const char *folder, int n) {
    ec_study *study;
    ec_observation *rows;
    size_t n_rows;
    ec_error err;
    if (ec_study_open(&study, folder, &err) != EC_OK) fail_msg("%s", err.message);
    assert_int_equal(ec_study_history(&rows, &n_rows, study, NULL), EC_OK);
    assert_int_equal(n_rows, 2 * n + 1); /* and the one of set_up */
    for (int k = 0; k < n; k++)
        assert_true(rows[1 + 2 * k].value == k && rows[2 + 2 * k].value == -k);
    free(rows);
    ec_study_close(study);
}

/* RLIMIT_FSIZE makes write fail as on a full disk, without one. */
static void what_was_acknowledged_before_the_disk_was_full_is_there(void **state) {
    fixture *f = *state;
    int answer[2];
    assert_int_equal(pipe(answer), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct {
            int n;
            ec_error err;
        } told = {0};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){300000, 300000});
        told.n = tell_until_full(f->folder, &told.err);
        _exit(write(answer[1], &told, sizeof told) == (ssize_t)sizeof told ? 0 : 1);
    }
    struct {
        int n;
        ec_error err;
    } told;
    close(answer[1]);
    assert_int_equal(read(answer[0], &told, sizeof told), sizeof told);
    close(answer[0]);
    waitpid(child, NULL, 0);
    assert_in_range(told.n, 5, 4999);
    assert_says(told.err.status, EC_ERR_IO, &told.err, "nothing was changed");
    assert_holds(f->folder, told.n);
}

/* The same on a real disk that is full, where the test may make one. */
static void a_full_disk_is_told_as_such(void **state) {
    fixture *f = *state;
    char disk[2 * FOLDER_SIZE];
    snprintf(disk, sizeof disk, "%s/disk", f->folder);
    mkdir(disk, 0777);
    if (mount("tmpfs", disk, "tmpfs", 0, "size=400k") != 0) skip();
    folder_write(folder_join(disk, "study.yaml"), YAML);
    ec_error err;
    const int n = tell_until_full(disk, &err);
    const bool fine =
        n >= 5 && n < 5000 && err.status == EC_ERR_IO &&
        strstr(err.message, "the disk is full; nothing was changed, free some space") != NULL;
    if (!fine) print_message("%d %d %s\n", n, err.status, err.message);
    ec_study *study;
    ec_observation *rows = NULL;
    size_t n_rows = 0;
    const bool open = ec_study_open(&study, disk, &err) == EC_OK;
    if (open) ec_study_history(&rows, &n_rows, study, &err);
    free(rows);
    ec_study_close(study);
    umount2(disk, MNT_DETACH);
    assert_true(fine);
    assert_true(open);
    assert_int_equal(n_rows, 2 * n);
}

#define DATABASE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        DATABASE_TEST(garbage_is_no_database),
        DATABASE_TEST(a_copy_of_study_db_alone_has_every_change_while_others_have_it_open),
        DATABASE_TEST(a_reader_in_the_way_delays_the_copy_and_not_the_change),
        DATABASE_TEST(rows_without_their_change_are_found),
        DATABASE_TEST(a_database_cut_short_is_damaged),
        DATABASE_TEST(overwritten_pages_are_found),
        DATABASE_TEST(an_index_that_does_not_fit_its_table_is_found),
        DATABASE_TEST(tables_that_are_not_ours_are_refused),
        DATABASE_TEST(a_newer_database_is_left_to_a_newer_eyechart),
        DATABASE_TEST(older_databases_are_brought_up_to_date),
        DATABASE_TEST(results_of_version_4_are_what_they_were),
        DATABASE_TEST(a_migration_is_all_or_nothing),
        DATABASE_TEST(a_locked_database_is_waited_for_and_then_told),
        DATABASE_TEST(a_read_only_folder_opens_for_reading),
        DATABASE_TEST(a_read_only_reader_sees_what_a_writer_commits),
        DATABASE_TEST(a_read_only_folder_without_a_database_is_empty),
        DATABASE_TEST(files_without_permission_are_told),
        DATABASE_TEST(what_was_acknowledged_before_the_disk_was_full_is_there),
        DATABASE_TEST(a_full_disk_is_told_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
