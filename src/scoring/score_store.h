/* score_store.h - what study.db remembers about scoring: hashes of files, identities of encoders
 * and connectors, and results under their keys
 *
 * Hashes and identities that were found out are kept in memory until ec_store_flush(), which writes
 * them all in one transaction. Results are written at once, one transaction each call.
 */
#ifndef EC_SCORING_SCORE_STORE_H
#define EC_SCORING_SCORE_STORE_H

#include "base/hash.h"
#include "eyechart/correspondence.h"
#include "study/study_internal.h"

typedef struct ec_store_note ec_store_note;

typedef struct ec_store {
    ec_study *study;
    ec_store_note *notes; /* [n_notes] not yet written */
    size_t n_notes, capacity;
} ec_store;

/* Zero-initialise but for `study`; release forgets what was not flushed. */
void ec_store_release(ec_store *store);
/* Does nothing where the study cannot be written to. */
ec_status ec_store_flush(ec_store *store, ec_error *err);

/* ---- hashes and identities ---------------------------------------------------------------- */

/* The hash of a file's content, or of an image in a list (image/source.h), read only if its size, time or inode is not what it was. Errors
 * name the path. */
ec_status ec_store_hash_file(char hash[EC_HASH_SIZE], ec_store *store, const char *path,
                             ec_error *err);

/* A signature of what a folder or a file is now, by names, sizes, times and inodes; `what` makes it
 * a signature for one purpose. *settled is false while a file is so new that it could change again
 * without a trace. Errors name the path. */
ec_status ec_store_signature(char signature[EC_HASH_SIZE], bool *settled, const char *path,
                             const char *what, ec_error *err);
/* What was remembered under a signature; owned, free(). NULL: nothing. */
ec_status ec_store_recall(char **facts, ec_store *store, const char *signature, ec_error *err);
ec_status ec_store_remember(ec_store *store, const char *signature, const char *facts,
                            ec_error *err);

/* ---- results ------------------------------------------------------------------------------ */

/* Is the result there? */
ec_status ec_store_has_pairs(bool *found, ec_store *store, const char *key, const char *category,
                             ec_error *err);
/* results [n_pairs] in the category's order. *found is false where there is none; a result of
 * another length is EC_ERR_FORMAT. */
ec_status ec_store_get_pairs(ec_pair_result *results, bool *found, ec_store *store, const char *key,
                             const char *category, size_t n_pairs, ec_error *err);
ec_status ec_store_get_value(double *value, bool *found, ec_store *store, const char *key,
                             const char *image, ec_error *err);

/* Begin to write; to be followed by any number of puts and ec_database_end(). What is there already
 * stays. */
ec_status ec_store_put_pairs(ec_store *store, const char *key, const char *description,
                             const char *category, const ec_pair_result *results, size_t n_pairs,
                             ec_error *err);
ec_status ec_store_put_value(ec_store *store, const char *key, const char *description,
                             const char *image, double value, ec_error *err);

#endif
