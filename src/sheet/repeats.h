/* repeats.h - several results of one candidate: of another seed, or of another evaluation
 *
 * A cell is a candidate and a benchmark. As told, the first result of a cell and its standard error
 * stand in ec_numbers (z, z_se), and those told as repeats of it here. ec_repeats_summarise makes
 * of both what the statistics see.
 */
#ifndef EC_SHEET_REPEATS_H
#define EC_SHEET_REPEATS_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/status.h"

struct ec_numbers; /* sheet.h */

/* Result of a cell beside its first. */
typedef struct ec_repeat {
    size_t cell;      /* benchmark * n_candidates + candidate */
    size_t place;     /* in the order of telling */
    double value, se; /* se NaN: not given */
} ec_repeat;

/* Zero-initialise; release. */
typedef struct ec_repeats {
    ec_repeat *items; /* [n] */
    size_t n, capacity;
} ec_repeats;

ec_status ec_repeats_add(ec_repeats *repeats, size_t cell, double value, double se, ec_error *err);
/* Forgets those of a cell. */
void ec_repeats_drop(ec_repeats *repeats, size_t cell);
void ec_repeats_release(ec_repeats *repeats);

/* By cell, then in the order of telling: what ec_repeats_of needs. */
void ec_repeats_sort(ec_repeats *repeats);
/* The repeats of a cell, *n of them; borrowed. */
const ec_repeat *ec_repeats_of(size_t *n, const ec_repeats *repeats, size_t cell);

/* Makes z, z_se and z_n of `numbers`, which hold the first results as told, what table.h says they
 * are. Sorts `repeats`. */
ec_status ec_repeats_summarise(struct ec_numbers *numbers, ec_repeats *repeats, size_t n_candidates,
                               size_t n_benchmarks, ec_error *err);

#endif
