/* report.h - one self-contained HTML page about a study
 *
 * Plots are Vega specifications; Vega itself is inlined, so the page needs no
 * network. What is on the page: docs/cli.md, section report.
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
    const char *command; /* provenance: the command line that made the page; NULL leaves it out */
} ec_report_options;

/* Writes the page to `file` through a temporary and a rename.
 * Works with any number of observations: plots that need more say so in their place.
 * Errors: those of ec_study_snapshot_get and EC_ERR_IO; nothing is written then. */
ec_status ec_report_write(ec_study *study, const char *file, const ec_report_options *options,
                          ec_error *err);

#ifdef __cplusplus
}
#endif
#endif
