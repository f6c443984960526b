/* column_store.h - the numbers beside A and C that study.db knows, as columns */
#ifndef EC_STUDY_COLUMN_STORE_H
#define EC_STUDY_COLUMN_STORE_H

#include "study/study_internal.h"

/* All that study.db knows, within a transaction; none of a built-in study. Release after a failure
 * too. */
ec_status ec_columns_read(ec_columns *out, ec_study *study, ec_error *err);

/* Writes one value within the change `event`, unless it is the one that study.db has.
 *
 *   benchmark   "": for every benchmark
 *   se          NaN: unknown
 *   written     may be NULL */
ec_status ec_column_put(bool *written, ec_study *study, int64_t event, const char *candidate,
                        const char *name, const char *benchmark, double value, double se,
                        ec_error *err);

#endif
