/* tensor.h - a typed view of memory, and named tensors in weight files
 *
 * Weight files are read as they were downloaded or saved: safetensors and PyTorch's formats
 * (torch.save's zip, its older one, TorchScript), single or in shards. What a file is, its bytes
 * say, not its name. Tensors stay memory mapped in the dtype of the file; what arithmetic does not
 * take as it is (F64, F8, strides) is converted when it is asked for. Everything in such a file is
 * checked before it is used. A file that is broken or something else (a Git LFS pointer, a page of
 * HTML) is an error that names it; what is odd about one tensor is an error only for those who ask
 * for that tensor.
 */
#ifndef EYECHART_TENSOR_H
#define EYECHART_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "eyechart/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ec_dtype {
    EC_F32 = 0,
    EC_F16,
    EC_BF16,
    EC_F64,
    EC_F8_E4M3, /* OCP's, without infinities: float8_e4m3fn */
    EC_F8_E5M2,
    EC_I64,
    EC_I32,
    EC_I16,
    EC_I8,
    EC_U64,
    EC_U32,
    EC_U16,
    EC_U8,
    EC_BOOL,
    EC_OTHER_DTYPE, /* one that is stepped over: complex, quantised, unknown */
    EC_DTYPES
} ec_dtype;

/* "F32", "F16", "BF16", … as safetensors spells them. Static; NULL past the end. */
const char *ec_dtype_name(ec_dtype dtype);
size_t ec_dtype_size(ec_dtype dtype); /* bytes of one element; 0 for EC_OTHER_DTYPE */
bool ec_dtype_is_float(ec_dtype dtype);

#define EC_MAX_DIMS 6

/* A row-major array. Borrows its data. n_dims = 0 is a scalar of one element.
 *
 *   stride   elements from one row of the last dimension to the next; 0: as many as it has, as in
 *            everything that is read from a file. Results of operations alone have others.
 */
typedef struct ec_tensor {
    ec_dtype dtype;
    int n_dims;
    size_t shape[EC_MAX_DIMS];
    void *data;
    size_t stride;
} ec_tensor;

/* Number of elements; the product is known to fit (readers check it). */
size_t ec_tensor_count(const ec_tensor *tensor);
/* "[577, 1024]" into buffer, cut to size. Returns buffer. */
const char *ec_tensor_shape_text(char *buffer, size_t size, const ec_tensor *tensor);

/* What a message adds on a tensor of a wrong shape: "", or what leaves tensors without elements. */
const char *ec_tensor_shape_hint(const ec_tensor *tensor);

/* Values as float: elements [first, first + n) of a tensor of a float dtype into out[n]. */
void ec_tensor_to_f32(float *out, const ec_tensor *tensor, size_t first, size_t n);

/* ---- weight files ---- */

typedef struct ec_weights ec_weights;

/* Opens all tensors of a model.
 *
 *   path   a file of weights, an index (*.index.json), or a folder. In a folder are looked for, in
 *          this order: model.safetensors, model.safetensors.index.json, pytorch_model.bin,
 *          pytorch_model.bin.index.json, a set of shards (*-00001-of-00003.*) without index, and
 *          any file that is the only one of weights there. One that was not downloaded (a Git LFS
 *          pointer, a link to nothing) gives way to the next.
 *   out    owned by the caller; ec_weights_close(); NULL on failure
 *
 * A checkpoint of a training is a dictionary that holds the weights among other things: of
 * "state_dict", "model", "teacher", "module" and their like the first that has tensors is taken,
 * and ec_weights_source() says which.
 *
 * Errors: EC_ERR_NOT_FOUND, EC_ERR_FORMAT (file, tensor, expected, found), EC_ERR_IO, EC_ERR_NOMEM.
 */
ec_status ec_weights_open(ec_weights **out, const char *path, ec_error *err);
/* The same of a folder whose files have other names, or those of several models. `bases`, NULL
 * behind the last, are looked for before those above, in their order: "unet.fp16" is
 * unet.fp16.safetensors, unet.fp16.safetensors.index.json, the same of .bin, and the shards
 * unet.fp16-00001-of-00003.* without index. NULL: no names. */
ec_status ec_weights_open_named(ec_weights **out, const char *path, const char *const *bases,
                                ec_error *err);
void ec_weights_close(ec_weights *weights);

/* What was opened, borrowed: "pytorch_model.bin: 'teacher'", "model-00001-of-00002.safetensors and
 * 1 more". */
const char *ec_weights_source(const ec_weights *weights);
/* NULL, or what is not there, as the end of a message about a tensor that is missing: "the shard
 * model-00002-of-00003.safetensors is missing: download it". Borrowed. */
const char *ec_weights_gaps(const ec_weights *weights);

size_t ec_weights_count(const ec_weights *weights);
/* Borrowed until ec_weights_close; in order of name. */
const char *ec_weights_name(const ec_weights *weights, size_t i);
/* Dtype and shape as the file has them. data is read-only; NULL where the elements do not lie one
 * after the other in a file that is there: ec_weights_load() makes them so, or says why not. */
const ec_tensor *ec_weights_tensor(const ec_weights *weights, size_t i);
/* NULL if there is no such tensor. O(log n). */
const ec_tensor *ec_weights_find(const ec_weights *weights, const char *name);
/* Tensor i for arithmetic: row-major F32, F16 or BF16. A view of the file where it is that already;
 * else made once, and kept until ec_weights_close: F64 and F8 become F32, strided ones are copied.
 * Takes memory for what is asked for alone, so look at the shape first.
 *
 * Errors name the file and the tensor: EC_ERR_FORMAT (integers and other dtypes; values that lie in
 * a shard that is missing, or are not in the file; F8 and integers with scales of their own),
 * EC_ERR_NOMEM. */
ec_status ec_weights_load(const ec_tensor **out, ec_weights *weights, size_t i, ec_error *err);

/* XXH3-128 over names, dtypes, shapes and bytes of all tensors, independent of file format and
 * sharding: 32 hex digits and the terminator. Reads all bytes, which takes as long as the disk
 * does; `watch` (may be NULL) is asked every few megabytes: EC_ERR_INTERRUPTED. */
ec_status ec_weights_hash(char out[33], const ec_weights *weights, const ec_watch *watch,
                          ec_error *err);

/* Looks for NaN and infinities: EC_ERR_FORMAT naming the first tensor and index. Reads all bytes.
 */
ec_status ec_weights_check_finite(const ec_weights *weights, ec_error *err);

/* ---- writers ---- */

/* Writes a .npy (format 1.0) or one-tensor .safetensors file row by row, little-endian, EC_F32 or
 * EC_F16 (rounded to nearest even). Its header has a fixed size, so that the number of rows is
 * filled in at the end. */
typedef struct ec_array_writer ec_array_writer;
typedef enum ec_array_format { EC_ARRAY_NPY = 0, EC_ARRAY_SAFETENSORS } ec_array_format;

/*   name       of the tensor in a .safetensors file
 *   row_shape  [n_dims] of one row: the array is [rows, row_shape...]; n_dims < EC_MAX_DIMS
 *   n_keep     rows that an earlier, killed writer left and that are kept; what is behind them is
 * cut. 0 starts anew. EC_ERR_FORMAT when the file does not have that many or is of another shape.
 */
ec_status ec_array_writer_open(ec_array_writer **out, const char *path, ec_array_format format,
                               const char *name, ec_dtype dtype, const size_t *row_shape,
                               int n_dims, size_t n_keep, ec_error *err);
/* Appends one row: product of row_shape floats. */
ec_status ec_array_writer_add(ec_array_writer *writer, const float *row, ec_error *err);
/* What was added survives a crash of the machine once this returns EC_OK. */
ec_status ec_array_writer_sync(ec_array_writer *writer, ec_error *err);
/* Completes the header with the number of rows added and syncs. The writer is still to be closed.
 */
ec_status ec_array_writer_finish(ec_array_writer *writer, ec_error *err);
/* Closes without completing; NULL is allowed. */
void ec_array_writer_close(ec_array_writer *writer);

#ifdef __cplusplus
}
#endif
#endif
