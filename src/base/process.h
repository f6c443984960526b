/* process.h - a command run by /bin/sh, that dies with the process that started it
 *
 * Between the caller and the command stands a keeper, a child without a terminal that outlives the
 * caller by seconds:
 *
 *     caller -- pipe --> keeper --> /bin/sh -c command     (a process group of its own)
 *
 * When the time limit is reached, the caller says stop, or the pipe breaks because the caller is
 * gone, kill -9 included, the keeper terminates the group (SIGTERM), kills what is left after the
 * grace (SIGKILL), and writes down how the command ended, where room on the disk was kept for it.
 * So nobody trains unseen, and the end of a command is known though nobody waited for it.
 *
 * A scheduler ends a job by a signal to all its processes, in any order: the command may save its
 * work and exit with status 0 before the caller hears of anything. Therefore a command that ended
 * by itself is judged EC_PROCESS_SETTLE_S later, or as long as it ran where that is less. If by
 * then the caller says stop or is gone, or the keeper has got a signal itself, the command was
 * stopped.
 *
 * A command that puts itself into another process group (setsid) is not reached.
 */
#ifndef EC_BASE_PROCESS_H
#define EC_BASE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/status.h"

#define EC_PROCESS_GRACE_S 10.0
#define EC_PROCESS_SETTLE_S 2.0

/* Strings are borrowed during the call. */
typedef struct ec_process_spec {
    const char *command; /* for /bin/sh -c */
    const char *folder;  /* to run it in; NULL: the caller's */
    const char *const *environment; /* "NAME=value", NULL at the end, put over the caller's own;
                                       NULL: none */
    const char *out_path; /* receives its standard output; made new */
    const char *log_path; /* receives its standard error; may be the same file */
    const char *end_path; /* receives its end, through a rename; NULL: not kept */
    /* A file or folder that the command leaves once it has done everything. Without it status 0 is
     * no good end; with it, it is one whatever signals came. NULL: nothing is known of such. */
    const char *needs_path;
    /* A descriptor under flock(); 0: none. The command has it as well, so that the lock is held for
     * as long as anybody is at work; the keeper of a caller who is gone releases it when the
     * command is. Of a command that is lost the caller closes it and does not unlock. */
    int lock_fd;
    double timeout_s; /* 0: no limit */
    double grace_s;   /* from SIGTERM to SIGKILL; 0 means EC_PROCESS_GRACE_S */
} ec_process_spec;

typedef enum ec_process_how {
    EC_PROCESS_EXITED,     /* with `code` */
    EC_PROCESS_SIGNALLED,  /* by signal number `code` */
    EC_PROCESS_TIMED_OUT,  /* and was stopped for it */
    EC_PROCESS_STOPPED,    /* by the caller, because the caller is gone, or with the whole job */
    EC_PROCESS_UNFINISHED, /* with status 0, but `needs_path` is not there */
    EC_PROCESS_LOST        /* the keeper was killed: the command may be running, unwatched */
} ec_process_how;

typedef struct ec_process_end {
    ec_process_how how;
    int code;
    double started; /* wall clock, seconds since 1970 */
    double seconds; /* that it ran */
} ec_process_end;

/* Runs the command and waits for its end. Its standard input is empty.
 *
 *   go_on   called about ten times a second; false stops the command. May be NULL
 *
 * A command that fails, or cannot be found by the shell, is EC_OK with its exit status.
 * Errors: EC_ERR_IO a file cannot be made, no process can be started, the end cannot be written, or
 * the keeper was killed (out->how is then EC_PROCESS_LOST); EC_ERR_NOMEM. */
ec_status ec_process_run(ec_process_end *out, const ec_process_spec *spec,
                         bool (*go_on)(void *context), void *context, ec_error *err);

/* Whether somebody asked the command to end and it did, so that it did not fail: it was stopped, is
 * unfinished, or ended by a signal that asks for that (HUP, INT, TERM, USR1, USR2) or with the exit
 * status that a shell gives to it, 128 and the number of the signal. SIGKILL is not among them,
 * since it also comes from a machine that is out of memory. */
bool ec_process_was_stopped(const ec_process_end *end);

/* Reads an end that was written to `end_path`. EC_ERR_NOT_FOUND: the command has not ended, or
 * nobody was left to see it; EC_ERR_FORMAT; EC_ERR_IO. */
ec_status ec_process_end_read(ec_process_end *out, const char *end_path, ec_error *err);

/* "exited with status 3", "was killed by signal 9 (Killed)", …, to follow the name of a command. */
#define EC_PROCESS_WORDS_SIZE 96
void ec_process_end_words(char text[EC_PROCESS_WORDS_SIZE], const ec_process_end *end);
#endif
