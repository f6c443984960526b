/* score_work.h - the study's folder `work`: who works on what, and what waits there for others
 *
 *     running      locked, shared, by every process that scores the study
 *     KEY.lock     locked by the process that works on the unit KEY
 *     KEY.rows     rows of similarities of one encoder, protocol and category, for combinations
 *     KEY.kept     numbers of one image, for units of A: a reference's embeddings, a member's
 * features
 *
 * Files are whole: written beside and renamed.
 *
 * Locks are flock(2)'s: they die with their process, however it ends, and hold between threads that
 * have each opened the folder. The last process to leave empties the folder. On one machine only,
 * as study.db.
 */
#ifndef EC_SCORING_SCORE_WORK_H
#define EC_SCORING_SCORE_WORK_H

#include <stdbool.h>

#include "base/hash.h"
#include "eyechart/correspondence.h"

typedef struct ec_work {
    char *folder;
    int running; /* file descriptor; -1: not open */
} ec_work;

/* Names the study's folder `work` without entering it, to look for rows; free(work->folder).
 * EC_ERR_NOMEM. */
ec_status ec_work_name(ec_work *work, const char *study_folder, ec_error *err);
/* Enters the folder that was named, made where it is missing. Errors: EC_ERR_IO, EC_ERR_NOMEM. */
ec_status ec_work_enter(ec_work *work, ec_error *err);
/* Leaves; the last one empties the folder, but for what waits there where `keep`. */
void ec_work_leave(ec_work *work, bool keep);

/* Takes the unit `key` if nobody has it: *lock is a file descriptor for ec_work_unlock(), or -1. */
ec_status ec_work_try(int *lock, const ec_work *work, const char *key, ec_error *err);
void ec_work_unlock(int lock);

/* Rows of a category, [n_points][grid * grid], and its frames [n_images]. */
ec_status ec_work_save_rows(const ec_work *work, const char *key, const ec_similarity *rows,
                            size_t n_points, size_t n_images, ec_error *err);
bool ec_work_has_rows(const ec_work *work, const char *key);
/* Owned, ec_work_release_rows(); `name` is the caller's to set. *found is false where there are
 * none, or where they are damaged: then they are deleted. */
ec_status ec_work_load_rows(ec_similarity *rows, bool *found, const ec_work *work, const char *key,
                            size_t n_points, size_t n_images, ec_error *err);
void ec_work_release_rows(ec_similarity *rows);
void ec_work_delete_rows(const ec_work *work, const char *key);

/* Numbers of an image, values [n]. */
ec_status ec_work_keep(const ec_work *work, const char *key, const float *values, size_t n,
                       ec_error *err);
bool ec_work_is_kept(const ec_work *work, const char *key);
/* *values is owned, free(); NULL where they are not there, or damaged: then they are deleted. */
ec_status ec_work_get_kept(float **values, const ec_work *work, const char *key, size_t n,
                           ec_error *err);
void ec_work_delete_kept(const ec_work *work, const char *key);

#endif
