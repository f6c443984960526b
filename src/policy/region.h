/* region.h - the paper's region sampling, in O(n) a draw
 *
 * Level L cuts the (a, c) plane into 2^L x 2^L cells. The next candidate comes from the first level
 * that has a cell with candidates but none taken: a uniformly drawn such cell, a uniformly drawn
 * candidate in it. The authors' AC_sample.py (at 2e03055) visits the free cells of one level in
 * random order before it goes to the next; since the cells are nested, drawing afresh each time is
 * the same.
 *
 * Candidates are sorted once by the interleaved bits of their finest cell (Morton order), so that
 * every cell of every level is a run of neighbours, and the finest level a candidate shares with a
 * taken one is the one it shares with the nearest taken neighbour to the left or right.
 */
#ifndef EC_POLICY_REGION_H
#define EC_POLICY_REGION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eyechart/policy.h"

/* Candidates that agree in the first 32 binary digits of both a and c count as one spot. The
 * authors' loop would go on for ever there. */
enum { EC_REGION_LEVELS = 32 };

typedef struct ec_region {
    size_t n;
    size_t *order;  /* [n] candidates in Morton order */
    uint64_t *code; /* [n] their finest cells, ascending */
    int *shared;    /* [n] scratch: the finest level shared with a taken candidate */
} ec_region;

typedef struct ec_region_draw {
    int level; /* of the grid drawn from, 1 … EC_REGION_LEVELS; 0: every candidate left lies on the
                  spot of a taken one, and all of them are equally likely */
    size_t n_cells; /* free cells at that level; 0 at level 0 */
} ec_region_draw;

/* Zero-initialise first; ec_region_release() frees in any case. Returns EC_OK or EC_ERR_NOMEM. */
ec_status ec_region_init(ec_region *region, const ec_space *space, ec_error *err);
void ec_region_release(ec_region *region);

/* Fills p [n] with the chances of each candidate of being next. At least one must not be taken. */
ec_region_draw ec_region_next(ec_region *region, double *p, const bool *taken);

#endif
