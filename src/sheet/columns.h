/* columns.h - numbers beside A and C that a user may rank by
 *
 * A column has a name and one value a candidate, or one a candidate and benchmark. The law does not
 * care what its two inputs mean, so any column can stand in the place of A or of C. They are
 * computed (eyechart/representation.h, the parts of A and C) or imported; study.yaml has none.
 */
#ifndef EC_SHEET_COLUMNS_H
#define EC_SHEET_COLUMNS_H

#include "eyechart/sheet.h"
#include "eyechart/status.h"

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
/* Borrowed as above; NULL: there is none. */
ec_study_column *ec_columns_find(const ec_columns *columns, const char *name, size_t benchmark);
void ec_columns_release(ec_columns *columns);

#endif
