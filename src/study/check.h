/* check.h - what the parts of `eyechart study check` share
 *
 *     check.c            what study.yaml declares, and the whole
 *     check_table.c      scores and results, as a ranking takes them
 *     check_units.c      values in two units, results that a benchmark does not have
 *     check_database.c   study.db
 */
#ifndef EC_STUDY_CHECK_H
#define EC_STUDY_CHECK_H

#include "study/findings.h"
#include "study/study_internal.h"

/* The numbers looked at, and the benchmarks that count. */
typedef struct ec_check_view {
    const ec_table *table;
    const ec_rank_column *scores; /* [2 + table->n_more] what they are */
    const size_t *over;           /* [n_over] */
    size_t n_over;
    bool ranking; /* only what does not show in a ranking itself, as a missing score does */
} ec_check_view;

/* Scores, results and directions. */
void ec_check_table(ec_findings *f, const ec_study *study, const ec_check_view *v);

/* Says whether values [n_candidates] look like numbers in two units, such as a fraction among
 * percentages; true when it did. `what` names them. */
bool ec_check_units(ec_findings *f, const ec_study *study, const double *values, const char *what);

/* The units of the results z [n_candidates] of one benchmark, and which are outside its range. */
void ec_check_values(ec_findings *f, const ec_study *study, const ec_benchmark *benchmark,
                     const double *z);

/* Of a study that is not built in: damage; names that study.yaml does not declare; what failed or
 * was withdrawn. */
ec_status ec_check_integrity(ec_findings *f, ec_study *study, ec_error *err);
ec_status ec_check_names(ec_findings *f, ec_study *study, ec_error *err);
ec_status ec_check_taken_back(ec_findings *f, ec_study *study, ec_error *err);

#endif
