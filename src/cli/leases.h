/* leases.h - for whom candidates are kept, and which failed, as several commands show it */
#ifndef EC_CLI_LEASES_H
#define EC_CLI_LEASES_H

#include <jansson.h>

#include "cli/command.h"
#include "eyechart/asking.h"

/* "2 d 23 h", "5 h 10 min", "45 min" */
#define DURATION_SIZE 40
void duration_text(char text[DURATION_SIZE], double seconds);

/* Pending questions of `worker`, of everybody where that is NULL; and what failed. */
void leases_print(const ec_study *study, const ec_lease *leases, size_t n);
json_t *leases_json(const ec_study *study, const ec_lease *leases, size_t n, const char *worker);
void failures_print(const ec_study *study, const ec_failure *failures, size_t n);
json_t *failures_json(const ec_study *study, const ec_failure *failures, size_t n);

/* `ask --release` and `ask --renew` of the candidates named, all of the worker where there is none.
 * Returns the exit status. */
typedef struct lease_change {
    bool renew; /* else they are given back */
    ec_lease_options options;
    const char *const *names;
    size_t n_names;
    bool json;
} lease_change;
int leases_change(ec_study *study, const lease_change *change);

#endif
