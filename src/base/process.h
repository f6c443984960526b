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
 * A command that puts itself into another process group (setsid) is not reached.
 */
#ifndef EC_BASE_PROCESS_H
#define EC_BASE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/status.h"

#define EC_PROCESS_GRACE_S 10.0

/* Strings are borrowed during the call. */
typedef struct ec_process_spec {
    const char *command; /* for /bin/sh -c */
    const char *folder;  /* to run it in; NULL: the caller's */
    const char *const
        *environment;     /* "NAME=value", NULL at the end, put over the caller's own; NULL: none */
    const char *out_path; /* receives its standard output; made new */
    const char *log_path; /* receives its standard error; may be the same file */
    const char *end_path; /* receives its end, through a rename; NULL: not kept */
    /* A descriptor under flock(); 0: none. The command has it as well, so that the lock is held for
     * as long as anybody is at work; the keeper of a caller who is gone releases it when the
     * command is. Of a command that is lost the caller closes it and does not unlock. */
    int lock_fd;
    double timeout_s; /* 0: no limit */
    double grace_s;   /* from SIGTERM to SIGKILL; 0 means EC_PROCESS_GRACE_S */
} ec_process_spec;

typedef enum ec_process_how {
    EC_PROCESS_EXITED,    /* with `code` */
    EC_PROCESS_SIGNALLED, /* by signal number `code` */
    EC_PROCESS_TIMED_OUT, /* and was stopped for it */
    EC_PROCESS_STOPPED,   /* because the caller said so, or is gone */
    EC_PROCESS_LOST       /* the keeper was killed: the command may be running, unwatched */
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

/* Reads an end that was written to `end_path`. EC_ERR_NOT_FOUND: the command has not ended, or
 * nobody was left to see it; EC_ERR_FORMAT; EC_ERR_IO. */
ec_status ec_process_end_read(ec_process_end *out, const char *end_path, ec_error *err);

/* "exited with status 3", "was killed by signal 9 (Killed)", …, to follow the name of a command. */
#define EC_PROCESS_WORDS_SIZE 96
void ec_process_end_words(char text[EC_PROCESS_WORDS_SIZE], const ec_process_end *end);
#endif
