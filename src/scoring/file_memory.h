/* file_memory.h - what files were when they were read, remembered in study.db: hashes of images,
 * identities of encoders and connectors
 *
 * What was found out is kept in memory until ec_file_memory_flush(), which writes it all in one
 * transaction.
 */
#ifndef EC_SCORING_FILE_MEMORY_H
#define EC_SCORING_FILE_MEMORY_H

#include "base/hash.h"
#include "study/study_internal.h"

typedef struct ec_file_note ec_file_note;

typedef struct ec_file_memory {
    ec_study *study;
    ec_file_note *notes; /* [n_notes] not yet written */
    size_t n_notes, capacity;
} ec_file_memory;

/* Zero-initialise but for `study`; release forgets what was not flushed. */
void ec_file_memory_release(ec_file_memory *memory);
/* Does nothing where the study cannot be written to. */
ec_status ec_file_memory_flush(ec_file_memory *memory, ec_error *err);

/* ---- hashes and identities ---------------------------------------------------------------- */

/* The hash of a file's content, or of an image in a list (image/source.h), read only if its size,
 * time or inode is not what it was. Errors name the path. */
ec_status ec_file_memory_hash(char hash[EC_HASH_SIZE], ec_file_memory *memory, const char *path,
                              ec_error *err);

/* A signature of what a folder or a file is now, by names, sizes, times and inodes; `what` makes it
 * a signature for one purpose. *settled is false while a file is so new that it could change again
 * without a trace. Errors name the path. */
ec_status ec_file_memory_signature(char signature[EC_HASH_SIZE], bool *settled, const char *path,
                                   const char *what, ec_error *err);
/* What was remembered under a signature; owned, free(). NULL: nothing. */
ec_status ec_file_memory_recall(char **facts, ec_file_memory *memory, const char *signature,
                                ec_error *err);
ec_status ec_file_memory_remember(ec_file_memory *memory, const char *signature, const char *facts,
                                  ec_error *err);

#endif
