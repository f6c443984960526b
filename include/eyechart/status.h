/* status.h - how every fallible function of eyechart says what went wrong
 *
 * A fallible function returns ec_status and takes `ec_error *err` last; err may
 * be NULL. The function that detects the problem writes one sentence that says
 * what is wrong, where (file, line, candidate), what was expected and what to
 * do. A caller adds to it (ec_error_prefix) only when it knows a name that the
 * user typed. Only cli/ prints or exits.
 */
#ifndef EYECHART_STATUS_H
#define EYECHART_STATUS_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ec_status {
    EC_OK = 0,
    EC_ERR_ARG,         /* the caller's or the user's arguments do not make sense */
    EC_ERR_FORMAT,      /* a file or a value in it is not what it should be */
    EC_ERR_NOT_FOUND,   /* a file, study, candidate or benchmark that does not exist */
    EC_ERR_EXISTS,      /* it is there already and would be overwritten */
    EC_ERR_SINGULAR,    /* the numbers do not determine the answer */
    EC_ERR_BUSY,        /* another process holds the lock; trying again may help */
    EC_ERR_VERSION,     /* written by a newer eyechart */
    EC_ERR_IO,          /* the operating system refused: disk full, read-only, … */
    EC_ERR_INTERRUPTED, /* stopped on request; what was done is saved */
    EC_ERR_NOMEM,
    EC_ERR_DEVICE       /* a device or its library failed: a GPU, oneDNN */
} ec_status;

#define EC_ERROR_MESSAGE_SIZE 1024

/* What went wrong, in words. Plain data; message is always terminated. */
typedef struct ec_error {
    ec_status status;
    char message[EC_ERROR_MESSAGE_SIZE];
} ec_error;

#if defined(__GNUC__)
#define EC_PRINTF(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#else
#define EC_PRINTF(format_at, first_at)
#endif

/* Fills *err (if not NULL) and returns `status`, so that `return ec_fail(…)` reads well.
 * A message that does not fit is cut. */
ec_status ec_fail(ec_error *err, ec_status status, const char *format, ...) EC_PRINTF(3, 4);

/* Puts "prefix: " before the message already in *err; returns err's status. err may be NULL,
 * in which case `status` comes back. */
ec_status ec_error_prefix(ec_error *err, ec_status status, const char *format, ...) EC_PRINTF(3, 4);

/* Somebody to ask, now and then during long work, whether to go on; false stops it with
 * EC_ERR_INTERRUPTED. goes_on may be NULL: nobody. */
typedef struct ec_watch {
    bool (*goes_on)(void *context);
    void *context;
} ec_watch;

/* watch may be NULL, too. */
bool ec_watch_goes_on(const ec_watch *watch);

/* "eyechart 0.1.0"-style version of the library, for provenance. Static. */
const char *ec_version(void);

#ifdef __cplusplus
}
#endif
#endif
