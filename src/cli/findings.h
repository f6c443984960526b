/* findings.h - what is wrong with a study, printed: for commands that look it over */
#ifndef EC_CLI_FINDINGS_H
#define EC_CLI_FINDINGS_H

#include <jansson.h>
#include <stdio.h>

#include "cli/options.h"
#include "eyechart/study.h"

/* As ec_study_check and ec_study_doctor are. */
typedef ec_status (*findings_source)(ec_finding **out, size_t *n_out, ec_study *study,
                                     ec_error *err);

/* Opens the study, looks with `find`, prints what it found. EXIT_NEGATIVE: at least one error. */
int findings_report(const arguments *args, findings_source find, bool json);

/* What a ranking has to be read with (ec_study_check_ranking). */
typedef struct ranking_warnings {
    ec_finding *list; /* [n], owned; free() */
    size_t n;
} ranking_warnings;

/* Those of a ranking of `table` over the benchmarks over[0 .. n_over). Returns EXIT_DONE, or the
 * status to exit with after saying why. */
int ranking_warnings_find(ranking_warnings *out, ec_study *study, const ec_table *table,
                          const ec_rank_column *scores, const size_t *over, size_t n_over);
/* Likewise of what is known now, by these columns (n_columns 0: as declared), over == NULL: over
 * all benchmarks; said on stderr. None where they cannot be told, which stops nothing. */
void ranking_warnings_note(ranking_warnings *out, ec_study *study, const ec_rank_column *columns,
                           size_t n_columns, const size_t *over, size_t n_over);
/* Those about the unit of what was told (ec_study_check_units), likewise; after an import. */
void unit_warnings_note(ranking_warnings *out, ec_study *study);
/* One wrapped paragraph each, after "warning: ". */
void ranking_warnings_print(const ranking_warnings *warnings);
/* The messages, as an array. */
json_t *ranking_warnings_json(const ranking_warnings *warnings);

#endif
