/* hash.c - see hash.h */
#include "base/hash.h"

#include <stdio.h>
#include <xxhash.h>

void ec_hash_bytes(char out[EC_HASH_SIZE], const void *bytes, size_t size_bytes) {
    const XXH128_hash_t hash = XXH3_128bits(bytes, size_bytes);
    snprintf(out, EC_HASH_SIZE, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
}
