/* array.h - numbers on a device
 *
 * What models compute with. A value, copied freely. Only a backend follows `at`: on a GPU it is no
 * address of the host's, and on the reference backend it is one that may not be read, so that a
 * model which follows it dies there.
 *
 *     scratch    results of operations: the context's, until the mark before them is released
 *     owned      ec_array_new, ec_array_free: gradients, a cache
 *     borrowed   a view: of a parameter, of some rows or some columns of another array
 *
 * Rows of the last dimension are `stride` elements apart and otherwise dense. So one third of a
 * fused qkv, one half of a concatenation and a batch's rows are arrays; a transpose is not.
 */
#ifndef EC_OPS_ARRAY_H
#define EC_OPS_ARRAY_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/tensor.h"

typedef struct ec_array {
    ec_dtype dtype; /* EC_F32, EC_F16, EC_BF16; EC_F64 on ref alone; EC_I32 for indices */
    int n_dims;
    size_t shape[EC_MAX_DIMS];
    size_t stride; /* >= the last dimension */
    void *at;      /* NULL after a failure: operations do nothing then */
} ec_array;

/* An array of this shape, rows dense. */
ec_array ec_array_at(void *at, ec_dtype dtype, int n_dims, const size_t *shape);

/* The last dimension; 1 of a scalar. */
size_t ec_array_width(ec_array x);
/* The product of the others: how many rows there are. */
size_t ec_array_height(ec_array x);
size_t ec_array_count(ec_array x);

/* Rows [first, first + n) of x, its leading dimensions taken together: [n, width]. */
ec_array ec_array_rows(ec_array x, size_t first, size_t n);
/* Columns [first, first + n) of x: [.., n]. */
ec_array ec_array_columns(ec_array x, size_t first, size_t n);
/* The same numbers by another shape: of the same width, [n, h, w, c] as [n, h w, c]; of any width
 * where the rows are dense. */
ec_array ec_array_as(ec_array x, int n_dims, const size_t *shape);

/* "[577, 1024]" into buffer, cut to size. Returns buffer. */
const char *ec_array_shape_text(char *buffer, size_t size, ec_array x);

#endif
