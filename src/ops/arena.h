/* arena.h - memory for a forward pass: taken in order, given back to a mark
 *
 * Memory comes in blocks that are kept until the arena is freed, so that the second pass allocates
 * nothing. A mark is a position in the sequence of all blocks.
 */
#ifndef EC_OPS_ARENA_H
#define EC_OPS_ARENA_H

#include <stddef.h>

#include "ops/backend.h"

enum { EC_ARENA_ALIGNMENT = 64 };

typedef struct ec_arena_block {
    unsigned char *data;
    size_t start, size_bytes; /* position of its first byte in the arena */
} ec_arena_block;

/* Zero-initialised but for the backend, which has the memory; ec_arena_free() gives it back. */
typedef struct ec_arena {
    const ec_backend *backend;
    ec_arena_block *block;
    size_t n_blocks, capacity, current; /* the block that `used` lies in */
    size_t used, peak;                  /* positions */
} ec_arena;

/* size_bytes bytes, aligned, not zeroed; NULL if there is no memory. */
void *ec_arena_take(ec_arena *arena, size_t size_bytes);
/* Gives back everything taken since `used` was `mark`. */
void ec_arena_release(ec_arena *arena, size_t mark);
void ec_arena_free(ec_arena *arena);

#endif
