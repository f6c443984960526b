/* weights.h - what the readers of weight files fill in
 *
 *     weights_files.c   finds the files of a model, joins shards
 *     safetensors.c, torch.c   check one mapped file from end to end and add its tensors
 *     weights.c         sorts, looks up, converts, hashes
 */
#ifndef EC_TENSOR_WEIGHTS_H
#define EC_TENSOR_WEIGHTS_H

#include "base/map.h"
#include "base/text.h"
#include "eyechart/tensor.h"

/* A tensor as a file has it. */
typedef struct ec_stored {
    ec_tensor tensor;           /* dtype and shape; data is filled in by ec_weights_add */
    const unsigned char *first; /* its first element in the mapped file; NULL: none */
    bool is_strided;            /* elements do not lie one after the other: */
    size_t step[EC_MAX_DIMS];   /* elements from one to the next along each dimension */
    uint64_t size_bytes;        /* of what lies at first, where the dtype is EC_OTHER_DTYPE */
    const char *unread;         /* why its values cannot be had; copied. NULL: they can */
} ec_stored;

typedef struct ec_weights_entry {
    char *name;
    ec_stored stored; /* owns unread */
    ec_tensor loaded; /* what ec_weights_load() gave; data is owned where is_made */
    bool is_loaded, is_made;
    const char *file; /* borrowed from shard.path */
} ec_weights_entry;

typedef struct ec_weights_shard {
    char *path;
    ec_map map;
    bool borrowed; /* not mapped by us */
} ec_weights_shard;

struct ec_weights {
    ec_weights_entry *entry; /* sorted by name once opened */
    size_t n_entries, capacity;
    ec_weights_shard *shard;
    size_t n_shards;
    char *index; /* path of it; tensors that are in no file have it as theirs */
    ec_text source, gaps;
};

/* Adds a tensor of the shard that was begun last. The name is copied. Errors: EC_ERR_NOMEM. */
ec_status ec_weights_add(ec_weights *weights, const char *name, const ec_stored *stored,
                         ec_error *err);
/* Of which dictionary in that shard the tensors are. */
ec_status ec_weights_note_part(ec_weights *weights, const char *part, ec_error *err);
/* Sorts by name. Of tensors of one name in several shards none can be loaded. */
void ec_weights_sort(ec_weights *weights);

/* Bytes of a tensor of this dtype and shape into *size; false when that does not fit 63 bits. */
bool ec_tensor_size(uint64_t *size, ec_dtype dtype, const size_t *shape, int n_dims);

/* ec_weights_open for one file in memory, which must outlive it. */
ec_status ec_weights_read(ec_weights **out, const void *bytes, size_t size_bytes, const char *name,
                          ec_error *err);

/* Readers of one file. `path` is for messages. Nothing is added on failure that ec_weights_close
 * would not free. */
bool ec_safetensors_recognise(const ec_map *file);
ec_status ec_safetensors_read(ec_weights *weights, const ec_map *file, const char *path,
                              ec_error *err);
ec_status ec_torch_read(ec_weights *weights, const ec_map *file, const char *path, ec_error *err);
bool ec_torch_is_legacy(const ec_map *file);
ec_status ec_torch_read_legacy(ec_weights *weights, const ec_map *file, const char *path,
                               ec_error *err);

#endif
