/* findings.h - what is wrong with a study, printed: for commands that look it over */
#ifndef EC_CLI_FINDINGS_H
#define EC_CLI_FINDINGS_H

#include "cli/options.h"
#include "eyechart/study.h"

/* As ec_study_check and ec_study_doctor are. */
typedef ec_status (*findings_source)(ec_finding **out, size_t *n_out, ec_study *study,
                                     ec_error *err);

/* Opens the study, looks with `find`, prints what it found. EXIT_NEGATIVE: at least one error. */
int findings_report(const arguments *args, findings_source find, bool json);

#endif
