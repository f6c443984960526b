/* map.h - a file mapped into memory, read-only */
#ifndef EC_BASE_MAP_H
#define EC_BASE_MAP_H

#include <stddef.h>

#include "eyechart/status.h"

/* bytes is NULL for an empty file. Released with ec_map_close. */
typedef struct ec_map {
    const unsigned char *bytes;
    size_t size_bytes;
} ec_map;

/* Maps a regular file. Errors name the path: EC_ERR_NOT_FOUND, EC_ERR_IO, EC_ERR_FORMAT (not a
 * regular file). */
ec_status ec_map_open(ec_map *out, const char *path, ec_error *err);
void ec_map_close(ec_map *map);

#endif
