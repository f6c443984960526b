/* process.c - see process.h
 *
 * The keeper is a fork without an exec, of a process that may have threads: between fork and
 * _exit it calls what is safe in a signal handler and nothing else. What it needs is made before.
 */
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

extern char **environ;

/* What the keeper tells, in memory that it shares with the caller. */
typedef struct {
    bool done;
    int how, code, write_errno;
    int64_t started_ms, ran_ms;
} account;

typedef struct {
    const ec_process_spec *spec;
    char **environment;
    char *temporary; /* of end_path; NULL: no end_path */
    int control[2];  /* the caller's end, the keeper's */
    int out_fd, log_fd, null_fd;
    account *account;
} launch;

enum {
    FIRST_HIGH_FD = 100, /* above those that a script gives itself */
    END_SIZE = 128       /* bytes that an end may have */
};

/* ---- clocks ------------------------------------------------------------------------------- */

static int64_t now_ms(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- the command -------------------------------------------------------------------------- */

static bool is_ignored(int signal_number) {
    struct sigaction action;
    return sigaction(signal_number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* The keeper ignores SIGHUP where the caller does; nohup means the command too. */
static void reset_signals(void) {
    sigset_t none;
    for (int s = 1; s < NSIG; s++)
        if (s != SIGHUP || !is_ignored(s)) signal(s, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void become_command(const launch *l) {
    char *const argv[] = {(char *)"sh", (char *)"-c", (char *)l->spec->command, NULL};
    setpgid(0, 0);
    reset_signals();
    int lock = -1;
    if (l->spec->lock_fd > 0) lock = fcntl(l->spec->lock_fd, F_DUPFD, FIRST_HIGH_FD);
    if (dup2(l->null_fd, 0) < 0 || dup2(l->out_fd, 1) < 0 || dup2(l->log_fd, 2) < 0) _exit(126);
    if (lock < 0) {
        close_range(3, ~0u, 0);
    } else {
        close_range(3, (unsigned)lock - 1, 0);
        close_range((unsigned)lock + 1, ~0u, 0);
    }
    if (l->spec->folder != NULL && chdir(l->spec->folder) != 0) _exit(126);
    execve("/bin/sh", argv, l->environment);
    _exit(127);
}

/* ---- the keeper --------------------------------------------------------------------------- */

/* Only the control socket and the lock stay open. */
static void close_others(launch *l, int *lock) {
    *lock = l->spec->lock_fd > 0 ? fcntl(l->spec->lock_fd, F_DUPFD_CLOEXEC, FIRST_HIGH_FD) : -1;
    const int control = fcntl(l->control[1], F_DUPFD_CLOEXEC, FIRST_HIGH_FD);
    if (control < 0) _exit(1); /* the caller sees that nothing was done */
    const unsigned low = (unsigned)(*lock < 0 || control < *lock ? control : *lock);
    const unsigned high = (unsigned)(*lock > control ? *lock : control);
    close_range(0, low - 1, 0);
    if (high > low + 1) close_range(low + 1, high - 1, 0);
    close_range(high + 1, ~0u, 0);
    l->control[1] = control;
}

/* Takes in every child that has ended; true once the command itself has. */
static bool reap(pid_t command, int *status, bool *ended) {
    int s;
    pid_t pid;
    while ((pid = waitpid(-1, &s, WNOHANG)) > 0) {
        if (pid != command) continue;
        *status = s;
        *ended = true;
    }
    return *ended;
}

static bool group_is_gone(pid_t group) {
    return kill(-group, 0) != 0 && errno == ESRCH;
}

/* SIGTERM, then after the grace SIGKILL, until nobody of the group is left. */
static void stop_group(pid_t command, int *status, bool *ended, double grace_s) {
    const int64_t begun = now_ms(CLOCK_MONOTONIC), grace_ms = (int64_t)(1000.0 * grace_s);
    bool killed = false;
    kill(-command, SIGTERM);
    kill(-command, SIGCONT); /* one that is stopped would not hear */
    while (!reap(command, status, ended) || !group_is_gone(command)) {
        const int64_t waited = now_ms(CLOCK_MONOTONIC) - begun;
        if (!killed && waited >= grace_ms) {
            kill(-command, SIGKILL);
            killed = true;
        }
        if (waited >= grace_ms + 5000) break; /* in the kernel, out of reach */
        poll(NULL, 0, 10);
    }
}

/* Digits of `value`, which is not negative, and what follows them. */
static char *put_number(char *to, int64_t value, char after) {
    char digits[24];
    int n = 0;
    do digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    while (n > 0) *to++ = digits[--n];
    *to++ = after;
    return to;
}

static const char *const hows[] = {"exited", "signalled", "timed-out", "stopped", "unfinished"};
enum { N_HOWS = sizeof hows / sizeof *hows };

/* Into the room that was made for it, so that a disk that the command has filled does not lose how
 * it ended. */
static bool write_end(const launch *l) {
    const account *a = l->account;
    char text[END_SIZE], *to = text;
    for (const char *c = hows[a->how]; *c != '\0'; c++) *to++ = *c;
    *to++ = ' ';
    to = put_number(to, a->code, ' ');
    to = put_number(to, a->started_ms, ' ');
    to = put_number(to, a->ran_ms, '\n');
    const size_t size = (size_t)(to - text);
    const int fd = open(l->temporary, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return false;
    const bool written =
        write(fd, text, size) == (ssize_t)size && ftruncate(fd, (off_t)size) == 0 && fsync(fd) == 0;
    return close(fd) == 0 && written && rename(l->temporary, l->spec->end_path) == 0;
}

/* A signal that the keeper itself got. It is alone in its session, so that whoever sent it sent it
 * to the whole job: the scheduler, systemd, a person who ended everything. */
static volatile sig_atomic_t job_signal;

static void on_job_signal(int signal_number) {
    job_signal = signal_number;
}

/* The signals by which schedulers and people end a job. SIGUSR1 and SIGUSR2 are sent by Slurm
 * (--signal), SGE and LSF some time before the end, SIGXCPU by SGE and LSF at it. One that the
 * caller ignores, under nohup for example, stays ignored. */
static void hear_job_signals(void) {
    static const int signals[] = {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU};
    const struct sigaction action = {.sa_handler = on_job_signal, .sa_flags = SA_RESTART};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (!is_ignored(signals[i])) sigaction(signals[i], &action, NULL);
}

/* Waits `wait_ms` at most for a signal, or for the caller to say stop or to be gone. */
static bool is_told_to_stop(int control_fd, int wait_ms, bool *caller_gone) {
    struct pollfd control = {.fd = control_fd, .events = POLLIN};
    char word;
    if (job_signal != 0) return true;
    if (poll(&control, 1, wait_ms) <= 0) return job_signal != 0;
    *caller_gone = read(control_fd, &word, 1) <= 0;
    return true;
}

/* A command that ended by itself may have been the first to hear of what ends the whole job. So its
 * end is judged after a moment: EC_PROCESS_SETTLE_S, or as long as it ran where that is less. */
static bool is_stopped_after_all(const launch *l, int64_t ran_ms, bool *caller_gone) {
    const int64_t limit_ms = (int64_t)(1000.0 * EC_PROCESS_SETTLE_S);
    const int64_t until = now_ms(CLOCK_MONOTONIC) + (ran_ms < limit_ms ? ran_ms : limit_ms);
    int64_t left_ms;
    while ((left_ms = until - now_ms(CLOCK_MONOTONIC)) > 0)
        if (is_told_to_stop(l->control[1], left_ms < 50 ? (int)left_ms : 50, caller_gone))
            return true;
    return false;
}

/* Of a command that ended by itself. */
static ec_process_how judge(const launch *l, int status, int64_t ran_ms, bool told_to_stop,
                            bool *caller_gone) {
    if (told_to_stop || is_stopped_after_all(l, ran_ms, caller_gone)) return EC_PROCESS_STOPPED;
    if (WIFSIGNALED(status)) return EC_PROCESS_SIGNALLED;
    return status == 0 && l->spec->needs_path != NULL ? EC_PROCESS_UNFINISHED : EC_PROCESS_EXITED;
}

/* What a command leaves when it has done all its work says more than any signal. */
static bool is_finished(const launch *l, int status) {
    const char *path = l->spec->needs_path;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 && path != NULL && access(path, F_OK) == 0;
}

/* Waits for the end of the command, or for a reason to bring it about, and writes down how it
 * ended. */
static void watch(const launch *l, pid_t command, bool *caller_gone) {
    const double grace_s = l->spec->grace_s > 0.0 ? l->spec->grace_s : EC_PROCESS_GRACE_S;
    const double limit_ms = l->spec->timeout_s > 0.0 ? 1000.0 * l->spec->timeout_s : INFINITY;
    const int64_t begun = now_ms(CLOCK_MONOTONIC);
    account *a = l->account;
    bool ended = false, told_to_stop = false, is_late = false;
    int status = 0;
    while (!reap(command, &status, &ended) && !told_to_stop && !is_late) {
        const int64_t ran = now_ms(CLOCK_MONOTONIC) - begun;
        told_to_stop = is_told_to_stop(l->control[1], ran < 1000 ? 10 : 100, caller_gone);
        is_late = (double)ran >= limit_ms;
    }
    a->ran_ms = now_ms(CLOCK_MONOTONIC) - begun;
    a->how = told_to_stop ? EC_PROCESS_STOPPED : EC_PROCESS_TIMED_OUT;
    if (reap(command, &status, &ended)) /* perhaps in the last moment */
        a->how = is_finished(l, status)
                     ? EC_PROCESS_EXITED
                     : (int)judge(l, status, a->ran_ms, told_to_stop, caller_gone);
    if (a->how == EC_PROCESS_STOPPED || a->how == EC_PROCESS_TIMED_OUT) {
        stop_group(command, &status, &ended, grace_s);
        a->ran_ms = now_ms(CLOCK_MONOTONIC) - begun;
        if (ended && is_finished(l, status)) a->how = EC_PROCESS_EXITED;
    }
    a->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
}

static _Noreturn void keep(launch *l) {
    int lock;
    bool caller_gone = false;
    setsid();
    prctl(PR_SET_NAME, "ec-keeper"); /* so that what ends all of one name leaves it */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    hear_job_signals();
    signal(SIGQUIT, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); /* one that is ignored takes the exit status away */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    l->account->started_ms = now_ms(CLOCK_REALTIME);
    const pid_t command = fork();
    if (command == 0) become_command(l);
    if (command < 0) _exit(1);
    setpgid(command, command);
    close_others(l, &lock);
    watch(l, command, &caller_gone);
    if (l->temporary != NULL && !write_end(l)) l->account->write_errno = errno;
    l->account->done = true;
    if (caller_gone && lock >= 0) flock(lock, LOCK_UN);
    _exit(0);
}

/* ---- the caller --------------------------------------------------------------------------- */

static bool same_name(const char *x, const char *y) {
    const size_t n = strcspn(x, "=");
    return strncmp(x, y, n) == 0 && y[n] == '=';
}

/* The caller's environment with those of the specification in place of, or after, its own. */
static char **merge_environment(const char *const *more) {
    static const char *const none[] = {NULL};
    size_t n = 0, n_more = 0;
    if (more == NULL) more = none;
    while (environ != NULL && environ[n] != NULL) n++;
    while (more[n_more] != NULL) n_more++;
    char **merged = malloc((n + n_more + 1) * sizeof *merged);
    if (merged == NULL) return NULL;
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        bool replaced = false;
        for (size_t j = 0; j < n_more; j++) replaced = replaced || same_name(more[j], environ[i]);
        if (!replaced) merged[k++] = environ[i];
    }
    for (size_t j = 0; j < n_more; j++) merged[k++] = (char *)more[j];
    merged[k] = NULL;
    return merged;
}

static ec_status open_log(int *fd, const char *path, ec_error *err) {
    *fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    return *fd >= 0 ? EC_OK
                    : ec_fail(err, EC_ERR_IO, "%s: cannot create: %s", path, strerror(errno));
}

static ec_status open_files(launch *l, ec_error *err) {
    const ec_process_spec *s = l->spec;
    struct stat info;
    if (s->folder != NULL && (stat(s->folder, &info) != 0 || !S_ISDIR(info.st_mode)))
        return ec_fail(err, EC_ERR_IO, "%s: no folder to run a command in", s->folder);
    l->null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (l->null_fd < 0)
        return ec_fail(err, EC_ERR_IO, "/dev/null: cannot open: %s", strerror(errno));
    ec_status status = open_log(&l->out_fd, s->out_path, err);
    if (status != EC_OK) return status;
    if (strcmp(s->out_path, s->log_path) == 0)
        l->log_fd = l->out_fd;
    else
        status = open_log(&l->log_fd, s->log_path, err);
    return status;
}

/* Room on the disk for the end, before anything is spent. */
static ec_status reserve_end(const launch *l, ec_error *err) {
    static const char blank[END_SIZE];
    if (l->temporary == NULL) return EC_OK;
    const int fd = open(l->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    const bool written =
        fd >= 0 && write(fd, blank, sizeof blank) == (ssize_t)sizeof blank && fsync(fd) == 0;
    const int reason = errno;
    if (fd >= 0) close(fd);
    return written ? EC_OK
                   : ec_fail(err, EC_ERR_IO, "%s: cannot write: %s", l->spec->end_path,
                             strerror(reason));
}

static ec_status prepare(launch *l, ec_error *err) {
    const ec_process_spec *s = l->spec;
    l->environment = merge_environment(s->environment);
    ec_text temporary = {0};
    if (s->end_path != NULL) ec_text_format(&temporary, "%s.%ld.tmp", s->end_path, (long)getpid());
    l->temporary = temporary.data;
    if (l->environment == NULL || temporary.failed)
        return ec_fail(err, EC_ERR_NOMEM, "out of memory for starting a command");
    void *shared =
        mmap(NULL, sizeof *l->account, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return ec_fail(err, EC_ERR_NOMEM, "out of memory for starting a command");
    l->account = shared;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, l->control) != 0)
        return ec_fail(err, EC_ERR_IO, "cannot start a command: %s", strerror(errno));
    const ec_status status = open_files(l, err);
    return status == EC_OK ? reserve_end(l, err) : status;
}

static void close_fd(int fd) {
    if (fd >= 0) close(fd);
}

static void release(launch *l) {
    if (l->log_fd != l->out_fd) close_fd(l->log_fd);
    close_fd(l->out_fd);
    close_fd(l->null_fd);
    close_fd(l->control[0]);
    close_fd(l->control[1]);
    if (l->account != NULL) munmap(l->account, sizeof *l->account);
    if (l->temporary != NULL) unlink(l->temporary); /* there after a failure alone */
    free(l->temporary);
    free(l->environment);
}

static void wait_for(pid_t keeper, int control, bool (*go_on)(void *), void *context) {
    int waited_ms = 0;
    bool told = false;
    int64_t asked = now_ms(CLOCK_MONOTONIC);
    pid_t ended;
    while ((ended = waitpid(keeper, NULL, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        const int pause_ms = waited_ms < 1000 ? 5 : 50;
        poll(NULL, 0, pause_ms);
        waited_ms += pause_ms;
        if (told || go_on == NULL || now_ms(CLOCK_MONOTONIC) - asked < 100) continue;
        asked = now_ms(CLOCK_MONOTONIC);
        if (go_on(context)) continue;
        told = true;
        (void)!send(control, "s", 1, MSG_NOSIGNAL);
    }
}

/* Signals wait until the keeper is deaf to those that are meant for the caller. */
static pid_t start_keeper(launch *l) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t keeper = fork();
    if (keeper == 0) keep(l);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return keeper;
}

ec_status ec_process_run(ec_process_end *out, const ec_process_spec *spec,
                         bool (*go_on)(void *context), void *context, ec_error *err) {
    launch l = {.spec = spec, .control = {-1, -1}, .out_fd = -1, .log_fd = -1, .null_fd = -1};
    *out = (ec_process_end){0};
    ec_status status = prepare(&l, err);
    if (status != EC_OK) goto done;
    const pid_t keeper = start_keeper(&l);
    if (keeper < 0) {
        status = ec_fail(err, EC_ERR_IO, "cannot start a command: %s", strerror(errno));
        goto done;
    }
    close(l.control[1]);
    l.control[1] = -1;
    wait_for(keeper, l.control[0], go_on, context);

    const account *a = l.account;
    *out = (ec_process_end){.how = (ec_process_how)a->how,
                            .code = a->code,
                            .started = (double)a->started_ms / 1000.0,
                            .seconds = (double)a->ran_ms / 1000.0};
    if (!a->done) {
        out->how = EC_PROCESS_LOST;
        status = ec_fail(err, EC_ERR_IO,
                         "the process that watches a command was killed; what became of the "
                         "command is not known: look whether it still runs");
    } else if (a->write_errno != 0) {
        status = ec_fail(err, EC_ERR_IO, "%s: cannot write: %s", spec->end_path,
                         strerror(a->write_errno));
    }

done:
    release(&l);
    return status;
}

/* ---- ends --------------------------------------------------------------------------------- */

ec_status ec_process_end_read(ec_process_end *out, const char *end_path, ec_error *err) {
    ec_text text;
    *out = (ec_process_end){0};
    ec_status status = ec_file_read(&text, end_path, 4096, err);
    if (status != EC_OK) return status;
    char word[16], rest;
    int code;
    int64_t started_ms, ran_ms;
    const int n = sscanf(text.data, "%15s %d %" SCNd64 " %" SCNd64 "%c", word, &code, &started_ms,
                         &ran_ms, &rest);
    size_t how = 0;
    while (how < N_HOWS && (n < 5 || strcmp(word, hows[how]) != 0)) how++;
    if (how == N_HOWS || rest != '\n' || ran_ms < 0)
        status = ec_fail(err, EC_ERR_FORMAT,
                         "%s: does not say how a command ended; remove it, and the command is run "
                         "again",
                         end_path);
    else
        *out = (ec_process_end){.how = (ec_process_how)how,
                                .code = code,
                                .started = (double)started_ms / 1000.0,
                                .seconds = (double)ran_ms / 1000.0};
    ec_text_release(&text);
    return status;
}

void ec_process_end_words(char text[EC_PROCESS_WORDS_SIZE], const ec_process_end *end) {
    const size_t size = EC_PROCESS_WORDS_SIZE;
    const char *signal_words = sigdescr_np(end->code);
    switch (end->how) {
    case EC_PROCESS_EXITED:
        if (end->code == 127)
            snprintf(text, size, "exited with status 127 (command not found)");
        else
            snprintf(text, size, "exited with status %d", end->code);
        return;
    case EC_PROCESS_SIGNALLED:
        snprintf(text, size, "was killed by signal %d (%s)", end->code,
                 signal_words != NULL ? signal_words : "unknown");
        return;
    case EC_PROCESS_TIMED_OUT:
        snprintf(text, size, "was stopped at its time limit");
        return;
    case EC_PROCESS_STOPPED:
        snprintf(text, size, "was stopped");
        return;
    case EC_PROCESS_UNFINISHED:
        snprintf(text, size, "exited with status 0 before its end");
        return;
    case EC_PROCESS_LOST:
        snprintf(text, size, "was lost sight of");
        return;
    }
}

bool ec_process_was_stopped(const ec_process_end *end) {
    static const int asking[] = {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
    if (end->how == EC_PROCESS_STOPPED || end->how == EC_PROCESS_UNFINISHED) return true;
    for (size_t i = 0; i < sizeof asking / sizeof *asking; i++)
        if ((end->how == EC_PROCESS_SIGNALLED && end->code == asking[i]) ||
            (end->how == EC_PROCESS_EXITED && end->code == 128 + asking[i]))
            return true;
    return false;
}
