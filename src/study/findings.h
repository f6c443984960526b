/* findings.h - lists of what `study check` and `doctor` have to say */
#ifndef EC_STUDY_FINDINGS_H
#define EC_STUDY_FINDINGS_H

#include "eyechart/study.h"

/* Zero-initialise. Running out of memory is remembered and told at the end. */
typedef struct ec_findings {
    ec_finding *list;
    size_t n, capacity;
    bool failed;
} ec_findings;

void ec_findings_add(ec_findings *f, ec_finding_level level, const char *format, ...)
    EC_PRINTF(3, 4);
/* Hands the list over where `status` is EC_OK and memory sufficed; frees it otherwise. Returns what
 * became of it. */
ec_status ec_findings_take(ec_finding **out, size_t *n_out, ec_findings *f, ec_status status,
                           const char *path, ec_error *err);

/* A few names written out; of the others, how many. Zero-initialise. */
typedef struct ec_name_list {
    char text[300];
    size_t n;
} ec_name_list;

void ec_name_list_add(ec_name_list *list, const char *name);
/* The list as text, in the list. */
const char *ec_name_list_end(ec_name_list *list);

#endif
