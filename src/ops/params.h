/* params.h - the parameters of a model: in their file, on the device, and while they are trained
 *
 *     file  --bind (bind.h)-->  ec_param  --place-->  value  --train-->  grad
 *
 * `value` is the mapped file itself where the device reads the host's memory: no second copy of the
 * model; else one device allocation a parameter, in the dtype of the file. `grad` has no memory for
 * what is frozen, and costs nothing then. Gradients of everything trained are one flat array, in
 * which each parameter has a place, so that what works on all of them (a norm, an optimizer, a sum
 * between processes) is one operation, and a shard is a range.
 */
#ifndef EC_OPS_PARAMS_H
#define EC_OPS_PARAMS_H

#include "eyechart/device.h"
#include "ops/array.h"

typedef struct ec_param {
    const char *name; /* of the tensor in its file, or of the first it was made from */
    ec_tensor file;   /* on the host, as the file has it; or made from tensors of the file */
    ec_array value;   /* at NULL until it is placed */
    ec_array grad;    /* f32, the shape of value; at NULL: frozen */
    size_t flat;      /* where it is trained: its first element in the flat order */
} ec_param;

typedef struct ec_linear_params {
    ec_param *weight; /* [out, in], or [out, in, kernel_y, kernel_x] */
    ec_param *bias;   /* [out]; NULL: none */
} ec_linear_params;
typedef struct ec_norm_params {
    ec_param *weight, *bias; /* [d] */
} ec_norm_params;

/* All parameters of a model. Pointers to them stay until ec_params_free. */
typedef struct ec_params ec_params;

ec_status ec_params_new(ec_params **out, ec_error *err);
void ec_params_free(ec_params *p); /* before its context; NULL is allowed */

/* A parameter of this shape, for bind.c and for models that have no file: `name` and `bytes`
 * (row-major, F32, F16 or BF16, NULL: zeroed memory of its own) are borrowed; NULL: no memory. */
ec_param *ec_params_add(ec_params *p, const char *name, const void *bytes, ec_dtype dtype,
                        int n_dims, const size_t *shape);

/* Puts the values where the context's device reads them. The weight files must outlive it where
 * they are read in place. EC_ERR_NOMEM, EC_ERR_DEVICE. */
ec_status ec_params_place(ec_params *p, ec_ctx *ctx, ec_error *err);

/* Gives those that `trains` says (NULL: all) a gradient of zeros, in one flat array; placed before.
 * EC_ERR_NOMEM. */
ec_status ec_params_train(ec_params *p, bool (*trains)(const ec_param *param), ec_error *err);
/* The flat array [elements], in which a parameter's gradient begins at its `flat`. */
ec_array ec_params_gradients(const ec_params *p);

#endif
