/* The promises of base/process.h: how commands end, what is kept of it, and that they do not
 * outlive who started them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>

#include "base/process.h"
#include "folder.h"

typedef struct {
    char folder[FOLDER_SIZE];
    char out[2 * FOLDER_SIZE], log[2 * FOLDER_SIZE], end[2 * FOLDER_SIZE];
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    folder_make(f->folder);
    snprintf(f->out, sizeof f->out, "%s/out", f->folder);
    snprintf(f->log, sizeof f->log, "%s/log", f->folder);
    snprintf(f->end, sizeof f->end, "%s/end", f->folder);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    folder_remove(f->folder);
    free(f);
    return 0;
}

static ec_process_spec spec_of(const fixture *f, const char *command) {
    return (ec_process_spec){.command = command,
                             .folder = f->folder,
                             .out_path = f->out,
                             .log_path = f->log,
                             .end_path = f->end,
                             .grace_s = 0.5};
}

static ec_process_end run(const ec_process_spec *spec) {
    ec_process_end end;
    ec_error err;
    if (ec_process_run(&end, spec, NULL, NULL, &err) != EC_OK) fail_msg("%s", err.message);
    return end;
}

static void assert_file(const char *path, const char *expected) {
    char *text = folder_read(path, NULL);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Whether `path` appears within some seconds. */
static bool appears(const char *path) {
    for (int i = 0; i < 1000; i++) {
        if (access(path, F_OK) == 0) return true;
        usleep(10000);
    }
    return false;
}

static bool is_alive(pid_t pid) {
    return kill(pid, 0) == 0 || errno != ESRCH;
}

static pid_t pid_in(const char *path) {
    char *text = folder_read(path, NULL);
    assert_non_null(text);
    const pid_t pid = (pid_t)atol(text);
    free(text);
    assert_true(pid > 1);
    return pid;
}

/* Dead within some seconds; reaping is for whoever inherited it. */
static bool dies(pid_t pid) {
    for (int i = 0; i < 1000 && is_alive(pid); i++) usleep(10000);
    return !is_alive(pid);
}

/* ---- how a command ends ------------------------------------------------------------------- */

static void streams_folder_and_exit_status_are_those_of_the_command(void **state) {
    const fixture *f = *state;
    const ec_process_spec spec =
        spec_of(f, "echo out; echo log >&2; pwd >where; cat; sleep .1; exit 7");
    const ec_process_end end = run(&spec);
    assert_int_equal(end.how, EC_PROCESS_EXITED);
    assert_int_equal(end.code, 7);
    assert_true(end.seconds >= 0.1 && end.seconds < 60.0);
    assert_true(fabs(end.started - (double)time(NULL)) < 60.0);
    assert_file(f->out, "out\n"); /* and cat found nothing to read */
    assert_file(f->log, "log\n");
    char *where = folder_read(folder_join(f->folder, "where"), NULL);
    assert_non_null(strstr(where, f->folder));
    free(where);

    ec_process_end again;
    assert_int_equal(ec_process_end_read(&again, f->end, NULL), EC_OK);
    assert_true(again.how == end.how && again.code == end.code && again.seconds == end.seconds &&
                again.started == end.started);
}

static void one_file_takes_both_streams_in_order(void **state) {
    const fixture *f = *state;
    ec_process_spec spec = spec_of(f, "echo 1; echo 2 >&2; echo 3");
    spec.log_path = spec.out_path;
    folder_write(f->out, "of a run before, and longer\n");
    assert_int_equal(run(&spec).code, 0);
    assert_file(f->out, "1\n2\n3\n");
}

static void the_environment_is_the_callers_with_ours_over_it(void **state) {
    const fixture *f = *state;
    const char *const environment[] = {"EC_TEST_ONE=a b; c", "EC_TEST_TWO=2", NULL};
    setenv("EC_TEST_TWO", "old", 1);
    setenv("EC_TEST_TWOFOLD", "kept", 1);
    ec_process_spec spec = spec_of(f, "echo \"$EC_TEST_ONE|$EC_TEST_TWO|$EC_TEST_TWOFOLD\"; tr "
                                      "'\\0' '\\n' </proc/$$/environ | grep -c ^EC_TEST_TWO=");
    spec.environment = environment;
    assert_int_equal(run(&spec).code, 0);
    assert_file(f->out, "a b; c|2|kept\n1\n");
}

static void a_signal_is_told_from_an_exit_status(void **state) {
    const fixture *f = *state;
    const ec_process_spec spec = spec_of(f, "kill -9 $$");
    const ec_process_end end = run(&spec);
    assert_int_equal(end.how, EC_PROCESS_SIGNALLED);
    assert_int_equal(end.code, SIGKILL);
    char words[EC_PROCESS_WORDS_SIZE];
    ec_process_end_words(words, &end);
    assert_string_equal(words, "was killed by signal 9 (Killed)");
}

static void a_command_that_is_not_there_exits_with_127(void **state) {
    const fixture *f = *state;
    const ec_process_spec spec = spec_of(f, "no-such-command-here");
    const ec_process_end end = run(&spec);
    assert_int_equal(end.code, 127);
    char words[EC_PROCESS_WORDS_SIZE];
    ec_process_end_words(words, &end);
    assert_non_null(strstr(words, "command not found"));
}

/* The caller may have blocked or ignored signals; a command begins with none of that. */
static void signals_are_as_a_shell_expects_them(void **state) {
    const fixture *f = *state;
    sigset_t block, before;
    sigemptyset(&block);
    sigaddset(&block, SIGTERM);
    sigprocmask(SIG_BLOCK, &block, &before);
    signal(SIGPIPE, SIG_IGN);
    const ec_process_spec spec = spec_of(f, "grep -E '^Sig(Blk|Ign)' /proc/self/status");
    const ec_process_end end = run(&spec);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(end.code, 0);
    assert_file(f->out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void a_command_inherits_no_files_of_ours(void **state) {
    const fixture *f = *state;
    const int leaked = open("/dev/null", O_RDONLY); /* without O_CLOEXEC, as in a library */
    const int far = fcntl(leaked, F_DUPFD, 200);
    const ec_process_spec spec = spec_of(
        f, "for i in 3 4 5 6 7 8 9 100 101 200; do [ ! -e /proc/$$/fd/$i ] || echo $i; done");
    assert_int_equal(run(&spec).code, 0);
    assert_file(f->out, "");
    close(leaked);
    close(far);
}

/* ---- time limits and stopping ------------------------------------------------------------- */

static void the_time_limit_stops_the_whole_group(void **state) {
    const fixture *f = *state;
    ec_process_spec spec = spec_of(f, "sleep 100 & echo $! >child; sleep 100; echo after");
    spec.timeout_s = 0.3;
    const double begun = now();
    const ec_process_end end = run(&spec);
    assert_int_equal(end.how, EC_PROCESS_TIMED_OUT);
    assert_true(end.seconds >= 0.3 && now() - begun < 30.0);
    assert_true(dies(pid_in(folder_join(f->folder, "child"))));
    assert_file(f->out, "");
}

static void who_does_not_hear_sigterm_is_killed_after_the_grace(void **state) {
    const fixture *f = *state;
    ec_process_spec spec = spec_of(f, "trap '' TERM; echo $$ >pid; while :; do sleep .05; done");
    spec.timeout_s = 0.3;
    const ec_process_end end = run(&spec);
    assert_int_equal(end.how, EC_PROCESS_TIMED_OUT);
    assert_true(end.seconds >= 0.8); /* limit and grace */
    assert_true(dies(pid_in(folder_join(f->folder, "pid"))));
}

/* A trainer may save a checkpoint. */
static void who_hears_sigterm_has_the_grace_to_finish(void **state) {
    const fixture *f = *state;
    ec_process_spec spec =
        spec_of(f, "trap 'sleep .2; echo saved; exit 0' TERM; while :; do sleep .05; done");
    spec.timeout_s = 0.3;
    spec.grace_s = 20.0;
    const ec_process_end end = run(&spec);
    assert_int_equal(end.how, EC_PROCESS_TIMED_OUT); /* whatever its status */
    assert_true(end.seconds < 15.0);
    assert_file(f->out, "saved\n");
}

static bool until_file(void *path) {
    return access(path, F_OK) != 0;
}

static void the_caller_can_stop_it(void **state) {
    const fixture *f = *state;
    char pid_path[2 * FOLDER_SIZE];
    snprintf(pid_path, sizeof pid_path, "%s/pid", f->folder);
    const ec_process_spec spec = spec_of(f, "echo $$ >pid.tmp; mv pid.tmp pid; sleep 100");
    ec_process_end end;
    assert_int_equal(ec_process_run(&end, &spec, until_file, pid_path, NULL), EC_OK);
    assert_int_equal(end.how, EC_PROCESS_STOPPED);
    assert_true(dies(pid_in(pid_path)));
    assert_int_equal(ec_process_end_read(&end, f->end, NULL), EC_OK);
    assert_int_equal(end.how, EC_PROCESS_STOPPED);
}

/* The command may fill the disk; how it ended is known all the same. */
static void room_for_the_end_is_kept_while_it_runs(void **state) {
    const fixture *f = *state;
    const ec_process_spec spec = spec_of(f, "cat end.*.tmp | wc -c");
    run(&spec);
    assert_file(f->out, "128\n");
    ec_process_end end;
    assert_int_equal(ec_process_end_read(&end, f->end, NULL), EC_OK);
    char *text = folder_read(f->end, NULL);
    assert_int_equal(text[strlen(text) - 1], '\n'); /* the rest of the room is given back */
    free(text);
    const ec_process_spec look = spec_of(f, "ls | grep -c tmp");
    run(&look);
    assert_file(f->out, "1\n"); /* its own */
}

/* ---- signals to the whole job ------------------------------------------------------------- */

/* Sends SIGTERM to a process that the command is followed by, once the command is gone. */
static bool signal_keeper_later(void *path) {
    static double seen_at;
    static bool sent;
    if (access(path, F_OK) != 0) {
        seen_at = 0.0;
        sent = false;
    } else if (seen_at == 0.0) {
        seen_at = now();
    } else if (!sent && now() - seen_at > 0.4) {
        kill(pid_in(path), SIGTERM);
        sent = true;
    }
    return true;
}

/* A scheduler's signal may reach the command first, which saves its work and says that all is well;
 * the keeper, and through it the caller, hears of it some time later. */
static void a_command_that_ends_before_a_signal_to_the_job_was_stopped(void **state) {
    const fixture *f = *state;
    static const char *const commands[] = {
        "sleep 2; echo $PPID >keeper.tmp; mv keeper.tmp keeper; exit 0",
        "sleep 2; echo $PPID >keeper.tmp; mv keeper.tmp keeper; exit 1"};
    for (int i = 0; i < 2; i++) {
        char keeper[2 * FOLDER_SIZE];
        snprintf(keeper, sizeof keeper, "%s/keeper", f->folder);
        const ec_process_spec spec = spec_of(f, commands[i]);
        ec_process_end end;
        assert_int_equal(ec_process_run(&end, &spec, signal_keeper_later, keeper, NULL), EC_OK);
        assert_int_equal(end.how, EC_PROCESS_STOPPED);
        assert_int_equal(end.code, i);
        assert_int_equal(ec_process_end_read(&end, f->end, NULL), EC_OK);
        assert_int_equal(end.how, EC_PROCESS_STOPPED);
        remove(keeper);
        signal_keeper_later(keeper);
    }
}

/* The caller may be the only one who hears of it, and that after the command has ended. */
static void a_command_that_ends_before_the_caller_says_stop_was_stopped(void **state) {
    const fixture *f = *state;
    char ended[2 * FOLDER_SIZE];
    snprintf(ended, sizeof ended, "%s/ended", f->folder);
    ec_process_end end;
    ec_process_spec spec = spec_of(f, "sleep 2; touch ended");
    assert_int_equal(ec_process_run(&end, &spec, until_file, ended, NULL), EC_OK);
    assert_int_equal(end.how, EC_PROCESS_STOPPED);

    /* But where it left what it leaves at its end, it had come to its end. */
    remove(ended);
    spec.needs_path = ended;
    assert_int_equal(ec_process_run(&end, &spec, until_file, ended, NULL), EC_OK);
    assert_int_equal(end.how, EC_PROCESS_EXITED);
}

static void a_command_that_does_not_leave_what_it_should_is_unfinished(void **state) {
    const fixture *f = *state;
    ec_process_spec spec = spec_of(f, "true");
    spec.needs_path = folder_join(f->folder, "model");
    ec_process_end end = run(&spec);
    assert_int_equal(end.how, EC_PROCESS_UNFINISHED);
    assert_true(ec_process_was_stopped(&end));
    assert_int_equal(ec_process_end_read(&end, f->end, NULL), EC_OK);
    assert_int_equal(end.how, EC_PROCESS_UNFINISHED);
    spec.command = "touch model; exit 3";
    end = run(&spec);
    assert_true(end.how == EC_PROCESS_EXITED && end.code == 3);
}

static void ends_that_somebody_asked_for_are_told_from_failures(void **state) {
    const fixture *f = *state;
    static const struct {
        const char *command;
        bool stopped;
    } cases[] = {{"exit 143", true},       {"exit 130", true},       {"kill -TERM $$", true},
                 {"kill -HUP $$", true},   {"kill -USR1 $$", true},  {"kill -USR2 $$", true},
                 {"kill -INT $$", true},   {"kill -KILL $$", false}, {"kill -XCPU $$", false},
                 {"kill -SEGV $$", false}, {"exit 137", false},      {"exit 15", false},
                 {"exit 0", false},        {"exit 1", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const ec_process_spec spec = spec_of(f, cases[i].command);
        const ec_process_end end = run(&spec);
        if (ec_process_was_stopped(&end) != cases[i].stopped) fail_msg("%s", cases[i].command);
    }
}

/* As nohup wants it: what the caller ignores ends neither the command nor what watches it. */
static void a_hangup_that_the_caller_ignores_is_ignored_by_all(void **state) {
    const fixture *f = *state;
    signal(SIGHUP, SIG_IGN);
    const ec_process_spec spec = spec_of(f, "kill -HUP $PPID $$; sleep .2; exit 5");
    const ec_process_end end = run(&spec);
    signal(SIGHUP, SIG_DFL);
    assert_true(end.how == EC_PROCESS_EXITED && end.code == 5);
}

/* ---- a caller who is gone ----------------------------------------------------------------- */

/* Runs `command` in a process that is killed once the file "pid" is there. Returns what "pid" says.
 */
static pid_t kill_caller(const fixture *f, const char *command) {
    const char *lock_path = folder_join(f->folder, "lock");
    const pid_t caller = fork();
    if (caller == 0) {
        ec_process_spec spec = spec_of(f, command);
        spec.lock_fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        spec.grace_s = 20.0;
        ec_process_end end;
        if (flock(spec.lock_fd, LOCK_EX) == 0) ec_process_run(&end, &spec, NULL, NULL, NULL);
        _exit(0);
    }
    const char *pid_path = folder_join(f->folder, "pid");
    assert_true(appears(pid_path));
    const pid_t pid = pid_in(pid_path);
    kill(caller, SIGKILL);
    assert_int_equal(waitpid(caller, NULL, 0), caller);
    return pid;
}

/* Whether the lock becomes free within some seconds. */
static bool is_released(const fixture *f) {
    const int lock = open(folder_join(f->folder, "lock"), O_RDWR | O_CLOEXEC);
    int held = -1;
    for (int i = 0; i < 1000 && (held = flock(lock, LOCK_EX | LOCK_NB)) != 0; i++) usleep(10000);
    close(lock);
    return held == 0;
}

/* kill -9 leaves nobody training, the end is written down, and the lock is held until then. */
static void a_command_dies_with_its_caller(void **state) {
    const fixture *f = *state;
    const pid_t command = kill_caller(f, "trap 'sleep .3; exit 1' TERM; echo $$ >pid.tmp; "
                                         "mv pid.tmp pid; while :; do sleep .05; done");
    const int lock = open(folder_join(f->folder, "lock"), O_RDWR | O_CLOEXEC);
    assert_int_not_equal(flock(lock, LOCK_EX | LOCK_NB), 0); /* it is still being ended */
    close(lock);
    assert_true(is_released(f));
    assert_true(dies(command));
    ec_process_end end;
    assert_int_equal(ec_process_end_read(&end, f->end, NULL), EC_OK); /* before the lock was free */
    assert_int_equal(end.how, EC_PROCESS_STOPPED);
}

/* What kills the caller may have told the command before, which saved its work and ended. */
static void a_command_that_ends_before_its_caller_is_killed_was_stopped(void **state) {
    const fixture *f = *state;
    kill_caller(f, "sleep 1.5; { sleep .2; echo $$ >pid.tmp; mv pid.tmp pid; } & exit 0");
    assert_true(is_released(f));
    ec_process_end end;
    assert_int_equal(ec_process_end_read(&end, f->end, NULL), EC_OK);
    assert_true(end.how == EC_PROCESS_STOPPED && end.code == 0);
}

/* Such as the helper of some logging service, which is no reason to wait. */
static void who_left_the_group_does_not_keep_the_lock(void **state) {
    const fixture *f = *state;
    const pid_t left = kill_caller(f, "setsid sleep 100 & echo $! >pid.tmp; sleep .3; "
                                      "mv pid.tmp pid; sleep 100");
    assert_true(is_released(f));
    kill(left, SIGKILL);
}

/* Where the keeper is killed as well nobody ends the command, and the lock says so. */
static void the_lock_is_held_while_the_command_lives(void **state) {
    const fixture *f = *state;
    const pid_t command =
        kill_caller(f, "kill -9 $PPID; echo $$ >pid.tmp; mv pid.tmp pid; exec sleep 100");
    usleep(200000);
    assert_true(is_alive(command));
    const int lock = open(folder_join(f->folder, "lock"), O_RDWR | O_CLOEXEC);
    assert_int_not_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
    close(lock);
    kill(command, SIGKILL);
    assert_true(is_released(f));
}

static void a_keeper_that_is_killed_is_an_error(void **state) {
    const fixture *f = *state;
    ec_process_end end;
    ec_error err;
    const ec_process_spec spec = spec_of(f, "kill -9 $PPID");
    assert_int_equal(ec_process_run(&end, &spec, NULL, NULL, &err), EC_ERR_IO);
    assert_non_null(strstr(err.message, "was killed"));
}

/* ---- errors ------------------------------------------------------------------------------- */

static void what_cannot_be_made_is_named(void **state) {
    const fixture *f = *state;
    ec_process_end end;
    ec_error err;
    ec_process_spec spec = spec_of(f, "true");
    spec.out_path = "/nowhere/at/all";
    assert_int_equal(ec_process_run(&end, &spec, NULL, NULL, &err), EC_ERR_IO);
    assert_non_null(strstr(err.message, "/nowhere/at/all"));
    spec = spec_of(f, "true");
    spec.folder = "/nowhere";
    assert_int_equal(ec_process_run(&end, &spec, NULL, NULL, &err), EC_ERR_IO);
    assert_non_null(strstr(err.message, "/nowhere"));
    spec = spec_of(f, "true");
    spec.end_path = "/nowhere/end";
    assert_int_equal(ec_process_run(&end, &spec, NULL, NULL, &err), EC_ERR_IO);
    assert_non_null(strstr(err.message, "/nowhere/end"));
}

static void an_end_that_is_none_is_refused(void **state) {
    const fixture *f = *state;
    static const char *const texts[] = {"",
                                        "exited",
                                        "exited 0 1 1",
                                        "ended 0 1 1\n",
                                        "exited x 1 1\n",
                                        "exited 0 1 -5\n",
                                        "exited 0 1 1 1\n"};
    ec_process_end end;
    ec_error err;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        folder_write(f->end, texts[i]);
        assert_int_equal(ec_process_end_read(&end, f->end, &err), EC_ERR_FORMAT);
        assert_non_null(strstr(err.message, f->end));
    }
    remove(f->end);
    assert_int_equal(ec_process_end_read(&end, f->end, &err), EC_ERR_NOT_FOUND);
    folder_write(f->end, "timed-out 15 1700000000000 2500\n");
    assert_int_equal(ec_process_end_read(&end, f->end, &err), EC_OK);
    assert_true(end.how == EC_PROCESS_TIMED_OUT && end.seconds == 2.5 && end.code == 15);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(streams_folder_and_exit_status_are_those_of_the_command),
        TEST(one_file_takes_both_streams_in_order),
        TEST(the_environment_is_the_callers_with_ours_over_it),
        TEST(a_signal_is_told_from_an_exit_status),
        TEST(a_command_that_is_not_there_exits_with_127),
        TEST(signals_are_as_a_shell_expects_them),
        TEST(a_command_inherits_no_files_of_ours),
        TEST(the_time_limit_stops_the_whole_group),
        TEST(who_does_not_hear_sigterm_is_killed_after_the_grace),
        TEST(who_hears_sigterm_has_the_grace_to_finish),
        TEST(the_caller_can_stop_it),
        TEST(room_for_the_end_is_kept_while_it_runs),
        TEST(a_command_that_ends_before_a_signal_to_the_job_was_stopped),
        TEST(a_command_that_ends_before_the_caller_says_stop_was_stopped),
        TEST(a_command_that_does_not_leave_what_it_should_is_unfinished),
        TEST(ends_that_somebody_asked_for_are_told_from_failures),
        TEST(a_hangup_that_the_caller_ignores_is_ignored_by_all),
        TEST(a_command_dies_with_its_caller),
        TEST(a_command_that_ends_before_its_caller_is_killed_was_stopped),
        TEST(who_left_the_group_does_not_keep_the_lock),
        TEST(the_lock_is_held_while_the_command_lives),
        TEST(a_keeper_that_is_killed_is_an_error),
        TEST(what_cannot_be_made_is_named),
        TEST(an_end_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
