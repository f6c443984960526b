/* study_internal.h - what the files of this module share about an open study */
#ifndef EC_STUDY_INTERNAL_H
#define EC_STUDY_INTERNAL_H

#include "store/tables.h"
#include "study/declaration.h"
#include "study/origins.h"

#define EC_WORKER_MAX_BYTES 63 /* as in ec_observation */

struct ec_study {
    char *path;               /* as the user typed it; the name when built in */
    ec_declaration declared;  /* study.yaml, or the whole of a built-in study */
    ec_origins origins;       /* of `declared`, ready for use */
    char *name;               /* declared, else the folder's */
    ec_text yaml;             /* study.yaml as it was read */
    ec_candidate *candidates; /* [n_candidates], as the public header shows them */
    bool built_in;            /* then there is no database */
    ec_database db;
};

/* Reads study.yaml again; for ec_study_open, and for whoever rewrote it. */
ec_status ec_study_load_declaration(ec_study *study, ec_error *err);

/* All that is known now: declared, else in the database. A is repeated for every benchmark where it
 * is shared. Within a transaction, unless built in. *numbers is ec_numbers_init()ed here; also
 * refreshes the costs of study->candidates. */
ec_status ec_study_read_numbers(ec_numbers *numbers, ec_study *study, ec_error *err);

/* The same with results as they were told: the first of a candidate for a benchmark in z and z_se,
 * the others in *repeats, in the order of telling; z_n is NULL. Both released by the caller. */
ec_status ec_study_read_told(ec_numbers *numbers, ec_repeats *repeats, ec_study *study,
                             ec_error *err);

/* ec_study_read_numbers in a transaction of its own. */
ec_status ec_study_read_all(ec_numbers *numbers, ec_study *study, ec_error *err);

/* Has candidate i a result for any benchmark? */
bool ec_numbers_observed(const ec_numbers *numbers, size_t n, size_t m, size_t i);

/* Begins a change: refuses a built-in study, locks, and writes the row of provenance; *event is its
 * id. To be followed by ec_database_end() where EC_OK. */
ec_status ec_study_begin_change(int64_t *event, ec_study *study, const char *command,
                                const char *worker, const char *source, ec_error *err);

/* Wall clock, seconds since 1970. */
double ec_study_now(void);

#endif
