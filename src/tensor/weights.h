/* weights.h - what the readers of weight files fill in
 *
 * A reader checks one mapped file from end to end and adds its tensors; weights.c finds the files
 * of a model, joins shards, sorts and looks up.
 */
#ifndef EC_TENSOR_WEIGHTS_H
#define EC_TENSOR_WEIGHTS_H

#include "base/map.h"
#include "eyechart/tensor.h"

/* Adds a tensor whose data lie in a mapped file. The name is copied. Errors: EC_ERR_NOMEM. */
ec_status ec_weights_add(ec_weights *weights, const char *name, const ec_tensor *tensor,
                         ec_error *err);

/* Bytes of a tensor of this dtype and shape into *size; false when that does not fit 63 bits. */
bool ec_tensor_size(uint64_t *size, ec_dtype dtype, const size_t *shape, int n_dims);

/* ec_weights_open for one file in memory, which must outlive it; `name` ends in .safetensors or
 * .bin. */
ec_status ec_weights_read(ec_weights **out, const void *bytes, size_t size_bytes, const char *name,
                          ec_error *err);

/* Readers of one file. `path` is for messages. Nothing is added on failure that ec_weights_close
 * would not free. */
ec_status ec_safetensors_read(ec_weights *weights, const ec_map *file, const char *path,
                              ec_error *err);
ec_status ec_torch_read(ec_weights *weights, const ec_map *file, const char *path, ec_error *err);

#endif
