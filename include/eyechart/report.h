/* report.h - one self-contained HTML page about a study
 *
 * Plots are Vega specifications; Vega itself is inlined, so the page needs no network, and its
 * security policy lets it use none. On it: the study in words, the ranking (over all benchmarks, a
 * group or one), the law of each benchmark over the plane of A and C, measured against left-out
 * predictions, R² in-sample and left out, what each policy would have achieved where all results
 * are known, summed performance (figure 5 of the paper), a profile of each candidate, the
 * PNG files of the folder `pictures` of the study, provenance.
 */
#ifndef EYECHART_REPORT_H
#define EYECHART_REPORT_H

#include "eyechart/rank.h"
#include "eyechart/status.h"
#include "eyechart/study.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ec_report_options {
    ec_rank_options rank;
    const ec_rank_column *columns; /* [n_columns] that the rankings go by; the laws are of A and
                                      C */
    size_t n_columns;              /* 0: as study.yaml declares */
    const char *command; /* provenance: the command line that made the page; NULL leaves it out */
} ec_report_options;

/* Writes the page to `file` through a temporary and a rename.
 * Works with any number of observations: plots that need more say so in their place.
 *
 *   options   NULL for the defaults; rank.weights has one weight for each benchmark of the study,
 *             NULL takes those that the study declares
 *
 * Errors: those of ec_study_snapshot_get, EC_ERR_IO, EC_ERR_NOMEM; nothing is written then. */
ec_status ec_report_write(ec_study *study, const char *file, const ec_report_options *options,
                          ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
