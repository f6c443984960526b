/* pickle.h - a pickle machine that knows tensors and nothing else
 *
 * torch.save writes the names and shapes of tensors as a pickle program. This machine runs the few
 * opcodes that such a program has, calls nothing, and knows only the globals that make tensors; any
 * other global is refused by name. So a hostile file can do no more than be refused.
 *
 * Opcodes: Python's pickletools. Programs: torch/serialization.py, torch/_utils.py of PyTorch 1.6
 * to 2.x.
 */
#ifndef EC_TENSOR_PICKLE_H
#define EC_TENSOR_PICKLE_H

#include "eyechart/tensor.h"

/* One item of the pickled dictionary: where its elements are. */
typedef struct ec_pickled_tensor {
    char *name;
    char *storage; /* key of the storage: the zip member <root>/data/<key> */
    ec_dtype dtype;
    uint64_t offset; /* first element in the storage */
    int n_dims;
    size_t shape[EC_MAX_DIMS]; /* dense row-major */
} ec_pickled_tensor;

/* Runs the program in bytes [size_bytes], which must leave one dictionary of tensors.
 *   out   owned array of n_out; ec_pickled_free(). `path` is for messages.
 * Errors: EC_ERR_FORMAT with the byte or the tensor concerned, EC_ERR_NOMEM. */
ec_status ec_pickle_read(ec_pickled_tensor **out, size_t *n_out, const unsigned char *bytes,
                         size_t size_bytes, const char *path, ec_error *err);
void ec_pickled_free(ec_pickled_tensor *tensors, size_t n);

#endif
