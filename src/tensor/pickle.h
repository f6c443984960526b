/* pickle.h - a pickle machine that knows tensors and nothing else
 *
 * torch.save writes the names and shapes of tensors as a pickle program. This machine runs the
 * instructions of pickle, but calls nothing and imports nothing: it knows the functions that make
 * tensors, and whatever else a program makes (numbers, configurations, optimizers, modules) is a
 * thing without content, or one with named parts where it is given such. So a hostile file can do
 * no more than name tensors; one that asks for what only harm asks for (os.system, eval) is refused
 * as well, since elsewhere it would run.
 *
 * Opcodes: Python's pickletools, protocols 0 to 5. Programs: torch/serialization.py,
 * torch/_utils.py of PyTorch 0.1 to 2.x; torch/csrc/jit/serialization/pickler.cpp (TorchScript).
 */
#ifndef EC_TENSOR_PICKLE_H
#define EC_TENSOR_PICKLE_H

#include "eyechart/tensor.h"

/* A tensor and where its elements are. */
typedef struct ec_pickled_tensor {
    char *name;
    char *storage; /* key of the storage: the zip member <root>/data/<key> */
    ec_dtype dtype;
    uint64_t offset; /* first element in the storage */
    int n_dims;
    size_t shape[EC_MAX_DIMS];
    size_t step[EC_MAX_DIMS]; /* elements in the storage from one to the next along a dimension */
    const char *unread;       /* why its values cannot be had ("is quantised"); NULL: they can */
} ec_pickled_tensor;

/* A block of elements that tensors lie in. */
typedef struct ec_pickled_storage {
    char *key;
    size_t element_bytes; /* 0: of an unknown type */
    uint64_t n_elements;
} ec_pickled_storage;

typedef struct ec_pickled {
    ec_pickled_tensor *tensor;
    size_t n_tensors;
    ec_pickled_storage *storage; /* all that the program names, sorted by key, each once */
    size_t n_storages;
    char *taken;       /* of nested dictionaries the one that the tensors are from, "model.teacher";
                          NULL: they are at the top */
    size_t size_bytes; /* of the program; others may follow */
} ec_pickled;

/* Runs the program at the beginning of bytes [size_bytes], and finds the tensors of a model in what
 * it leaves: a dictionary of them, a dictionary with such a one under a customary name, or a
 * module. `out` is owned: ec_pickled_release(), also after a failure. `path` is for messages.
 * Errors: EC_ERR_FORMAT with the byte concerned, or saying what there is in place of tensors;
 * EC_ERR_NOMEM. */
ec_status ec_pickle_read(ec_pickled *out, const unsigned char *bytes, size_t size_bytes,
                         const char *path, ec_error *err);
void ec_pickled_release(ec_pickled *pickled);
/* Compares two ec_pickled_storage, for bsearch. */
int ec_pickled_by_key(const void *a, const void *b);

/* Runs a program that leaves a list of strings: owned array *out of n_out, each free()d. A program
 * that leaves something else has none. *end_bytes: size of the program. */
ec_status ec_pickle_strings(char ***out, size_t *n_out, size_t *end_bytes,
                            const unsigned char *bytes, size_t size_bytes, const char *path,
                            ec_error *err);

#endif
