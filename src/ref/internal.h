/* internal.h - the reference backend's arrays and operations, for src/ref alone
 *
 * An operation reads its operands whole, computes, and writes its result whole, so that a result
 * may overlap an operand however it likes:
 *
 *     ec_ref *r = self;
 *     const double *x = ec_ref_read(r, &work->x);
 *     double *y = ec_ref_zeros(r, n);
 *     if (ec_ref_ready(r)) { ...; ec_ref_write(r, &work->y, y); }
 *     return ec_ref_end(r);
 */
#ifndef EC_REF_INTERNAL_H
#define EC_REF_INTERNAL_H

#include "ops/backend.h"

typedef struct ec_ref ec_ref;

/* The numbers of x, rows dense; valid until ec_ref_end. NULL: x is NULL or has no memory (there is
 * none of it), or this call has run out of memory. */
double *ec_ref_read(ec_ref *r, const ec_array *x);
/* n zeros, likewise. */
double *ec_ref_zeros(ec_ref *r, size_t n);
/* False once this call has run out of memory. */
bool ec_ref_ready(const ec_ref *r);
/* y = values, rows dense, rounded to y's dtype; nothing where y has no memory. */
void ec_ref_write(ec_ref *r, const ec_array *y, const double *values);
/* Gives back the memory of the call: EC_OK, or EC_ERR_NOMEM. */
ec_status ec_ref_end(ec_ref *r);

/* Element i of numbers of `dtype`, at any address. */
double ec_ref_get(const void *numbers, ec_dtype dtype, size_t i);
void ec_ref_put(void *numbers, ec_dtype dtype, size_t i, double value);

double ec_ref_activation(double x, ec_activation activation);
/* Its derivative at x. */
double ec_ref_slope(double x, ec_activation activation);

/* The entries of the table. */
ec_status ec_ref_product(void *self, const ec_product *work);
ec_status ec_ref_conv2d(void *self, const ec_conv *work);
ec_status ec_ref_attention(void *self, const ec_attention_work *work);
ec_status ec_ref_attention_backward(void *self, const ec_attention_work *work);
ec_status ec_ref_norm(void *self, const ec_norm_work *work);
ec_status ec_ref_norm_backward(void *self, const ec_norm_work *work);
ec_status ec_ref_pointwise(void *self, const ec_pointwise_work *work);
ec_status ec_ref_rows(void *self, const ec_rows_work *work);

#endif
