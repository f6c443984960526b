/* study_internal.h - what the files of this module share about an open study */
#ifndef EC_STUDY_INTERNAL_H
#define EC_STUDY_INTERNAL_H

#include "study/sheet.h"

struct ec_study {
    char *path;               /* as the user typed it; the name when built in */
    ec_sheet declared;        /* study.yaml, or the whole of a built-in study */
    ec_candidate *candidates; /* [n_candidates] of the sheet, as the header shows them */
    ec_policy policy;
    uint64_t seed;
    bool writable;
};

/* All that is known now: declared, else in the database. `a` and `a_se` are complete (shared scores
 * repeated). *numbers is ec_numbers_init()ed here. */
ec_status ec_study_read_numbers(ec_numbers *numbers, ec_study *study, ec_error *err);

#endif
