/* hash.h - content hashes: what was computed from what
 *
 * XXH3-128 (xxhash): not cryptographic, it tells files apart that changed by accident or on purpose
 * of their owner.
 */
#ifndef EC_BASE_HASH_H
#define EC_BASE_HASH_H

#include <stddef.h>

enum { EC_HASH_SIZE = 33 }; /* 32 hex digits and the terminator */

void ec_hash_bytes(char out[EC_HASH_SIZE], const void *bytes, size_t size_bytes);

#endif
