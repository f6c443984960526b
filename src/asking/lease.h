/* lease.h - for whom candidates are kept: what taking back needs of it */
#ifndef EC_ASKING_LEASE_H
#define EC_ASKING_LEASE_H

#include "study/study_internal.h"

/* Within a change: the question that results answered, which are taken back, is open again, where
 * its lease has not run out and no run has begun the candidate. *reopened receives the worker, ""
 * where there is no such question. */
ec_status ec_lease_reopen(char reopened[EC_WORKER_MAX_BYTES + 1], ec_study *study,
                          const char *candidate, ec_error *err);

#endif
