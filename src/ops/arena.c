/* arena.c - see arena.h */
#include "ops/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

enum { FIRST_BLOCK = 1 << 20, LARGEST_STEP = 64 << 20 };

/* A block is at least as large as all before it, up to a limit: few blocks, little unused memory.
 */
static size_t next_size(const ec_arena *arena, size_t wanted) {
    size_t size = FIRST_BLOCK;
    if (arena->n_blocks > 0) {
        const ec_arena_block *last = &arena->block[arena->n_blocks - 1];
        size = last->start + last->size_bytes;
    }
    if (size > LARGEST_STEP) size = LARGEST_STEP;
    return size > wanted ? size : wanted;
}

static int add_block(ec_arena *arena, size_t wanted) {
    if (arena->n_blocks == arena->capacity) {
        const size_t capacity = arena->capacity > 0 ? 2 * arena->capacity : 8;
        ec_arena_block *block = realloc(arena->block, capacity * sizeof *block);
        if (block == NULL) return 0;
        arena->block = block;
        arena->capacity = capacity;
    }
    size_t size = next_size(arena, wanted), start = 0;
    if (arena->n_blocks > 0) {
        const ec_arena_block *last = &arena->block[arena->n_blocks - 1];
        start = last->start + last->size_bytes;
    }
    if (size > SIZE_MAX / 2) return 0;
    size = (size + EC_ARENA_ALIGNMENT - 1) / EC_ARENA_ALIGNMENT * EC_ARENA_ALIGNMENT;
    unsigned char *data = arena->backend->take(arena->backend->self, size);
    if (data == NULL) return 0;
    arena->block[arena->n_blocks++] = (ec_arena_block){data, start, size};
    return 1;
}

void *ec_arena_take(ec_arena *arena, size_t size_bytes) {
    if (size_bytes > SIZE_MAX / 2) return NULL;
    size_bytes = (size_bytes + EC_ARENA_ALIGNMENT - 1) / EC_ARENA_ALIGNMENT * EC_ARENA_ALIGNMENT;

    for (size_t i = arena->current; i < arena->n_blocks; i++) {
        ec_arena_block *b = &arena->block[i];
        const size_t at = arena->used > b->start ? arena->used - b->start : 0;
        if (b->size_bytes - at >= size_bytes) {
            arena->current = i;
            arena->used = b->start + at + size_bytes;
            if (arena->used > arena->peak) arena->peak = arena->used;
            return b->data + at;
        }
    }
    /* Empty blocks at the end that are too small would stay unused for ever. */
    while (arena->n_blocks > 0 && arena->block[arena->n_blocks - 1].start >= arena->used) {
        const ec_arena_block *last = &arena->block[--arena->n_blocks];
        arena->backend->give(arena->backend->self, last->data, last->size_bytes);
    }
    if (arena->current >= arena->n_blocks && arena->n_blocks > 0)
        arena->current = arena->n_blocks - 1;
    if (!add_block(arena, size_bytes)) return NULL;
    arena->current = arena->n_blocks - 1;
    ec_arena_block *b = &arena->block[arena->current];
    arena->used = b->start + size_bytes;
    if (arena->used > arena->peak) arena->peak = arena->used;
    return b->data;
}

void ec_arena_release(ec_arena *arena, size_t mark) {
    assert(mark <= arena->used);
    arena->used = mark;
    while (arena->current > 0 && arena->block[arena->current].start >= mark) arena->current--;
}

void ec_arena_free(ec_arena *arena) {
    for (size_t i = 0; i < arena->n_blocks; i++)
        arena->backend->give(arena->backend->self, arena->block[i].data,
                             arena->block[i].size_bytes);
    free(arena->block);
    *arena = (ec_arena){.backend = arena->backend};
}
