/* bind.h - the parameters of a model: found by name, held against the shape that the spec asks for
 *
 *     names of a file + spec  ->  ec_param, of the file or made from it
 *
 * The one binder, for every family. The first thing that is wrong is remembered and later calls do
 * nothing, so that a family lists its tensors and asks once, as in a context of operations. Some
 * files have a matrix otherwise than the forward pass wants it (a third of a fused one,
 * transposed): such a parameter is made here, beside the views.
 */
#ifndef EC_OPS_BIND_H
#define EC_OPS_BIND_H

#include <stdbool.h>
#include <stddef.h>

#include "eyechart/status.h"
#include "eyechart/tensor.h"
#include "ops/params.h"

enum { EC_MAX_TENSOR_NAME = 256 };

/* Zero-initialised but for files and err. Borrowed: `prefix`, "" or what stands before every name;
 * `note`, "" or what is said behind a message that a tensor is missing. */
typedef struct ec_binder {
    ec_weights *files;
    const char *prefix, *note;
    bool *taken;       /* [ec_weights_count] */
    ec_params *params; /* receives what is bound */
    ec_status status;
    ec_error *err;
} ec_binder;

/* EC_ERR_NOMEM in b->status. */
void ec_bind_begin(ec_binder *b, ec_params *params, ec_weights *files, const char *prefix,
                   const char *note, ec_error *err);
/* The first tensor that was not taken, and could have been, is an error: the model has no place for
 * it. Those that `is_companion` (NULL: none) knows are let be, and what is no weight. */
void ec_bind_no_others(ec_binder *b, bool (*is_companion)(const void *context, const char *tensor),
                       const void *context);
/* Frees what only binding needed. */
void ec_bind_end(ec_binder *b);

/* Names are given in parts, of the block and within it; suffix "" or "weight" and so on. All
 * values are F32, F16 or BF16 (ec_weights_load). NULL after a failure. */
bool ec_bind_has(const ec_binder *b, const char *block, const char *name, const char *suffix);
/* The tensor as it is in the file, whatever its shape; not taken. NULL: there is none. */
const ec_tensor *ec_bind_peek(const ec_binder *b, const char *block, const char *name,
                              const char *suffix);
ec_param *ec_bind(ec_binder *b, const char *block, const char *name, const char *suffix, int n_dims,
                  const size_t *shape);
/* [rows, width] with or without dimensions of 1 before it; a single row may be just [width]. */
ec_param *ec_bind_rows(ec_binder *b, const char *block, const char *name, size_t n_rows,
                       size_t width);
/* W [n_out, n_in]; `transposed`: the file has [n_in, n_out]. */
ec_param *ec_bind_matrix(ec_binder *b, const char *block, const char *name, const char *suffix,
                         size_t n_out, size_t n_in, bool transposed);
ec_norm_params ec_bind_norm(ec_binder *b, const char *block, const char *name, size_t width);
ec_linear_params ec_bind_linear(ec_binder *b, const char *block, const char *name, size_t n_in,
                                size_t n_out, bool has_bias, bool transposed);
/* Part `i` of `n` equal ones of the rows of `whole`. */
ec_param *ec_bind_part(ec_binder *b, const ec_param *whole, size_t i, size_t n);
/* The rows of x, then those of y; of one dtype and width. */
ec_param *ec_bind_joined(ec_binder *b, const ec_param *x, const ec_param *y);

#endif
