/* columns.h - numbers beside A and C that a user may rank by
 *
 * A column has a name and one value a candidate, or one a candidate and benchmark. The law does not
 * care what its two inputs mean, so any column can stand in the place of A or of C. They are
 * computed (eyechart/representation.h, the parts of A and C) or imported; study.yaml has none.
 */
#ifndef EC_STUDY_COLUMNS_H
#define EC_STUDY_COLUMNS_H

#include "eyechart/study.h"

struct ec_numbers; /* sheet.h */

#define EC_COLUMN_NAME_MAX_BYTES 63

/* The name of a column about a candidate: `what`, "_", and the candidate's name as far as the name
 * of a column can say it. Where it cannot say all of it, a hash of the whole name is at the end, so
 * that two candidates have two columns. `what` is a valid name of 1 to 32 bytes. */
void ec_column_name_about(char name[EC_COLUMN_NAME_MAX_BYTES + 1], const char *what,
                          const char *candidate);

/* In the order in which they first came. Zero-initialise; release. */
typedef struct ec_columns {
    ec_study_column *items; /* names and arrays owned */
    size_t n;
} ec_columns;

/* What is wrong with a name; NULL when nothing is. Letters, digits and "_-.:@+", not A nor C. */
const char *ec_column_name_fault(const char *name);

/* The column of that name and benchmark (EC_ALL_BENCHMARKS), added where it is missing, its
 * n_candidates values NaN. Borrowed until the next is added; its arrays until the release. `path`
 * is for the message when there are too many. */
ec_status ec_columns_at(ec_study_column **out, ec_columns *columns, const char *name,
                        size_t benchmark, size_t n_candidates, const char *path, ec_error *err);
void ec_columns_release(ec_columns *columns);

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

/* Marks a value that `score` wrote as no longer told, within the change `event`. What was imported
 * stays. *lost: there was one. */
ec_status ec_column_lose(bool *lost, ec_study *study, int64_t event, const char *candidate,
                         const char *name, const char *benchmark, ec_error *err);

/* The scores of a table made of columns. Zero-initialise; release. */
typedef struct ec_scores {
    ec_rank_column *of; /* [n] as in ec_study_snapshot.scores; names are those of the columns */
    size_t n;
    double *memory, *weights;
} ec_scores;
void ec_scores_release(ec_scores *scores);

/* Sets a, c, more, their standard errors and the weights of `table`; see ec_study_snapshot_choose.
 * They belong to *out, or to `numbers`. On failure both are as they were. */
ec_status ec_scores_choose(ec_scores *out, ec_table *table, const struct ec_numbers *numbers,
                           const ec_columns *columns, const ec_study *study,
                           const ec_rank_column *chosen, size_t n_chosen, ec_error *err);

#endif
