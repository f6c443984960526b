/* journal.h - what a run of `features` has done, so that a later one continues it
 *
 * The journal beside an unfinished output starts with the hash of everything that decides the run's
 * numbers but the images, and then has one line an image, "<hash> ok" or "<hash> bad", written a
 * batch at a time once the batch's rows are on the disk. A run continues at a batch boundary, so
 * that it computes in the same batches as an undisturbed one and ends with the same bytes; and it
 * continues what began with the same images, so that a list from which a bad one was taken goes on.
 * A journal without images is in nobody's way. A finished run has a manifest in its place.
 */
#ifndef EC_FEATURES_JOURNAL_H
#define EC_FEATURES_JOURNAL_H

#include <stdio.h>

#include "base/hash.h"
#include "base/text.h"
#include "eyechart/tensor.h"

/* What is known of an image that was done. */
typedef struct ec_journal_record {
    char hash[EC_HASH_SIZE]; /* of its bytes; "": it could not be read */
    bool bad;
} ec_journal_record;

typedef struct ec_journal {
    const char *out; /* array, or with file_per_image a folder */
    const char *const *images;
    size_t n_images, batch;
    bool file_per_image;
    ec_array_format format;
    size_t row_bytes; /* of an image's features */

    char fingerprint[EC_HASH_SIZE]; /* of everything that decides the numbers, and the images */
    char settings[EC_HASH_SIZE];    /* without the images */
    char *manifest_path, *path;     /* owned */

    ec_journal_record *record; /* [n_images], owned */
    size_t n_recorded, n_bad;
    FILE *file; /* open to append; NULL: not started */
} ec_journal;

/* Names the journal and the manifest of `out` and makes room for records. The fields above the
 * fingerprint are the caller's to set. EC_ERR_NOMEM. Release also after a failure. */
ec_status ec_journal_init(ec_journal *j, ec_error *err);
void ec_journal_release(ec_journal *j);

/* 000042-name.npy: the file of one image, with file_per_image. ec_text_release(). */
void ec_journal_row_file(ec_text *path, const ec_journal *j, size_t image);

/* Takes up what an earlier run left: the records of its journal, or *finished and those of its
 * manifest. EC_ERR_EXISTS: the output is another run's, or an image changed since it was done. */
ec_status ec_journal_take_up(ec_journal *j, bool *finished, ec_error *err);
/* Writes the journal with what was taken up, and opens it to append. EC_ERR_IO. */
ec_status ec_journal_start(ec_journal *j, ec_error *err);
/* Appends the records of n images; on the disk when it returns. EC_ERR_IO. */
ec_status ec_journal_append(ec_journal *j, size_t first, size_t n, ec_error *err);
/* Removes every file of an image from a folder that is ours, before all are computed anew: none may
 * stay of an image that is not listed any more. EC_ERR_IO. */
ec_status ec_journal_remove_rows(const ec_journal *j, ec_error *err);

/* Fails with EC_ERR_EXISTS: `path` is in the way, and what to do about it. */
ec_status ec_journal_refuse(const char *what, const char *path, ec_error *err);

#endif
