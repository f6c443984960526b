/* file.h - whole files in, whole files out */
#ifndef EC_BASE_FILE_H
#define EC_BASE_FILE_H

#include "base/text.h"

/* Reads a whole regular file (or "-", standard input) of at most `limit_bytes` into *out, which the
 * caller releases with ec_text_release(). Errors name the path: EC_ERR_NOT_FOUND, EC_ERR_IO,
 * EC_ERR_FORMAT (larger than the limit), EC_ERR_NOMEM. */
ec_status ec_file_read(ec_text *out, const char *path, size_t limit_bytes, ec_error *err);

/* The error of an open() that just failed, by errno: EC_ERR_NOT_FOUND or EC_ERR_IO. A link to
 * nothing is told as such: the cache of Hugging Face consists of links. */
ec_status ec_file_cannot_open(const char *path, ec_error *err);

/* The folder of a model, malloc'ed: `path` itself, but where it is the folder that the cache of
 * Hugging Face keeps for a repository (refs/, snapshots/, blobs/) the snapshot that refs/main
 * names, or the only one. EC_ERR_FORMAT: several snapshots, and none is main's; EC_ERR_NOMEM. */
ec_status ec_file_model_folder(char **out, const char *path, ec_error *err);

/* Whether a path lies in a folder, or is it, links followed. */
bool ec_file_is_within(const char *path, const char *folder);

/* Writes a whole file: to a temporary beside it, fsync, rename over `path`. A reader sees the old
 * file or the new one; on failure the old one stands and the temporary is gone. "-" writes to
 * standard output, and what is no regular file (a device, a pipe) is written to rather than
 * replaced. */
ec_status ec_file_write(const char *path, const void *bytes, size_t size_bytes, ec_error *err);

#endif
