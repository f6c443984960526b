/* content.h - what a file is by its first bytes, where it is not what was expected */
#ifndef EC_BASE_CONTENT_H
#define EC_BASE_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

/* What stands where a download went wrong, or another format, as the end of "FILE: is ...", with
 * what to do: "a Git LFS pointer, not the 1710540580 bytes it stands for; run 'git lfs pull' ...".
 * False: nothing that is known by its first bytes. A message takes at most EC_CONTENT_SIZE
 * bytes. */
enum { EC_CONTENT_SIZE = 320 };
bool ec_content_describe(char out[EC_CONTENT_SIZE], const unsigned char *bytes, size_t size_bytes);

/* The pointer that Git LFS leaves in place of a file that was not downloaded. */
bool ec_content_is_lfs_pointer(const unsigned char *bytes, size_t size_bytes);

#endif
