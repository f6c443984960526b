/* failure.h - candidates that cannot be finetuned, as study.db knows them
 *
 * `eyechart run` gives a candidate up, or a person tells that it failed: both are rows of the table
 * `failure`, of which the newest about a candidate says whether it is failed. What is failed is not
 * asked for, until that is taken back: by `withdraw --failed`, `run --retry-failed`, or by a
 * result.
 */
#ifndef EC_STUDY_FAILURE_H
#define EC_STUDY_FAILURE_H

#include "study/study_internal.h"

/* By candidate. Zero-initialise; release. */
typedef struct ec_failures {
    bool *failed;
    bool *taken_back; /* was failed once, and is not any more */
    double *hours;    /* GPU-hours told with failures, beside those of ec_numbers; NaN: none */
} ec_failures;

/* Of a built-in study there are none. */
ec_status ec_failures_read(ec_failures *out, ec_study *study, ec_error *err);
void ec_failures_release(ec_failures *failures);

/* GPU-hours recorded for candidate i, with results and with failures; NaN: none. */
double ec_failures_all_hours(const ec_failures *failures, const ec_numbers *numbers, size_t i);

/* The newest row about a candidate, where it says that it failed; else failed is false. */
typedef struct ec_last_failure {
    bool failed;
    double hours; /* NaN: none */
    char why[512];
} ec_last_failure;
ec_status ec_failure_find_last(ec_last_failure *out, ec_study *study, const char *candidate,
                               ec_error *err);

/* Within a change: takes back that the candidate failed, where it did; *any says whether (may be
 * NULL). The hours stay spent where keep_hours. */
ec_status ec_failure_take_back(bool *any, ec_study *study, int64_t event, const char *candidate,
                               const char *why, bool keep_hours, ec_error *err);

#endif
