/* region.c - see region.h */
#include "policy/region.h"

#include <stdlib.h>

/* 0 … 2^32 - 1. Multiplying by a power of two is exact, so the first L bits are the cell of level
 * L; the value 1 belongs to the last cell. */
static uint64_t finest_cell(double x) {
    const double scale = 0x1.0p32;
    return x >= 1.0 ? UINT32_MAX : x > 0.0 ? (uint64_t)(x * scale) : 0;
}

/* Puts a zero between any two bits of a 32-bit number. */
static uint64_t spread_bits(uint64_t x) {
    x = (x | x << 16) & 0x0000ffff0000ffffu;
    x = (x | x << 8) & 0x00ff00ff00ff00ffu;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fu;
    x = (x | x << 2) & 0x3333333333333333u;
    return (x | x << 1) & 0x5555555555555555u;
}

static uint64_t morton(double a, double c) {
    return spread_bits(finest_cell(a)) << 1 | spread_bits(finest_cell(c));
}

/* The finest level at which two candidates lie in the same cell; 0 is the whole plane. */
static int level_shared(uint64_t x, uint64_t y) {
    return x == y ? EC_REGION_LEVELS : __builtin_clzll(x ^ y) / 2;
}

typedef struct {
    uint64_t code;
    size_t candidate;
} placed;

static int by_code(const void *left, const void *right) {
    const placed *x = left, *y = right;
    if (x->code != y->code) return x->code < y->code ? -1 : 1;
    return x->candidate < y->candidate ? -1 : x->candidate > y->candidate;
}

ec_status ec_region_init(ec_region *region, const ec_space *space, ec_error *err) {
    const size_t n = space->n;
    placed *sorted = calloc(n, sizeof *sorted);
    *region = (ec_region){.n = n,
                          .order = calloc(n, sizeof *region->order),
                          .code = calloc(n, sizeof *region->code),
                          .shared = calloc(n, sizeof *region->shared)};
    if (!sorted || !region->order || !region->code || !region->shared) {
        free(sorted);
        return ec_fail(err, EC_ERR_NOMEM, "no memory for the regions of %zu candidates", n);
    }
    for (size_t i = 0; i < n; i++) sorted[i] = (placed){morton(space->a[i], space->c[i]), i};
    qsort(sorted, n, sizeof *sorted, by_code);
    for (size_t j = 0; j < n; j++) {
        region->order[j] = sorted[j].candidate;
        region->code[j] = sorted[j].code;
    }
    free(sorted);
    return EC_OK;
}

void ec_region_release(ec_region *region) {
    free(region->order);
    free(region->code);
    free(region->shared);
    *region = (ec_region){0};
}

/* Taken candidates share every level with themselves. */
static void find_shared_levels(ec_region *r, const bool *taken) {
    size_t last = r->n; /* the nearest taken one to the left; r->n: none */
    for (size_t j = 0; j < r->n; j++) {
        if (taken[r->order[j]]) last = j;
        r->shared[j] = last == r->n ? 0 : level_shared(r->code[last], r->code[j]);
    }
    last = r->n; /* to the right */
    for (size_t j = r->n; j-- > 0;) {
        if (taken[r->order[j]]) last = j;
        const int right = last == r->n ? 0 : level_shared(r->code[last], r->code[j]);
        if (right > r->shared[j]) r->shared[j] = right;
    }
}

static ec_region_draw uniform_rest(const ec_region *r, double *p, const bool *taken) {
    size_t n_left = 0;
    for (size_t i = 0; i < r->n; i++) n_left += !taken[i];
    for (size_t i = 0; i < r->n; i++) p[i] = taken[i] ? 0.0 : 1.0 / (double)n_left;
    return (ec_region_draw){.level = 0, .n_cells = 0};
}

/* One past the last candidate in the cell of candidate j. */
static size_t cell_end(const ec_region *r, size_t j, int level) {
    const int shift = 2 * (EC_REGION_LEVELS - level);
    size_t end = j + 1;
    while (end < r->n && r->code[end] >> shift == r->code[j] >> shift) end++;
    return end;
}

ec_region_draw ec_region_next(ec_region *region, double *p, const bool *taken) {
    ec_region *r = region;
    find_shared_levels(r, taken);

    int level = EC_REGION_LEVELS + 1;
    for (size_t j = 0; j < r->n; j++)
        if (r->shared[j] + 1 < level) level = r->shared[j] + 1;
    if (level > EC_REGION_LEVELS) return uniform_rest(r, p, taken);

    size_t n_cells = 0;
    for (size_t j = 0; j < r->n; j = cell_end(r, j, level)) n_cells += r->shared[j] < level;
    for (size_t j = 0, end; j < r->n; j = end) {
        end = cell_end(r, j, level);
        const double share = r->shared[j] < level ? 1.0 / (double)n_cells / (double)(end - j) : 0.0;
        for (size_t i = j; i < end; i++) p[r->order[i]] = share;
    }
    return (ec_region_draw){.level = level, .n_cells = n_cells};
}
