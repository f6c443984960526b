/* rank_columns.h - the columns that a study is ranked by, as the scores of its table */
#ifndef EC_STUDY_RANK_COLUMNS_H
#define EC_STUDY_RANK_COLUMNS_H

#include "study/study_internal.h"

/* The scores of a table made of columns. Zero-initialise; release. */
typedef struct ec_scores {
    ec_rank_column *of; /* [n] as in ec_study_snapshot.scores; names are those of the columns */
    size_t n;
    double *memory, *weights;
} ec_scores;
void ec_scores_release(ec_scores *scores);

/* Sets a, c, more, their standard errors and the weights of `table`; see ec_study_snapshot_choose.
 * They belong to *out, or to `numbers`. On failure both are as they were. */
ec_status ec_scores_choose(ec_scores *out, ec_table *table, const ec_numbers *numbers,
                           const ec_columns *columns, const ec_study *study,
                           const ec_rank_column *chosen, size_t n_chosen, ec_error *err);

#endif
