/* safetensors.c - the safetensors format
 *
 *     u64 n, little-endian | n bytes of JSON | tensor data
 *     JSON: {name: {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__": {…}}
 *
 * Offsets count from the end of the JSON; the extents cover the data without holes or overlaps.
 * Source: the format's description at huggingface/safetensors; limits and rules as its Rust
 * reader's.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/weights.h"

enum { MAX_HEADER_BYTES = 100000000 };

typedef struct {
    uint64_t begin, end;
    const char *name;
} extent;

static ec_status read_dtype(ec_dtype *out, const json_t *json, const char *path, const char *name,
                            ec_error *err) {
    const char *text = json_string_value(json);
    for (int d = 0; text != NULL && d < EC_DTYPES; d++)
        if (strcmp(text, ec_dtype_name((ec_dtype)d)) == 0) {
            *out = (ec_dtype)d;
            return EC_OK;
        }
    return ec_fail(err, EC_ERR_FORMAT,
                   "%s: tensor '%.80s': dtype %.20s is not one eyechart reads (F32, F16, BF16, …)",
                   path, name, text != NULL ? text : "is missing or not a string, which");
}

static ec_status read_shape(ec_tensor *out, const json_t *json, const char *path, const char *name,
                            ec_error *err) {
    if (!json_is_array(json) || json_array_size(json) > EC_MAX_DIMS)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: tensor '%.80s': the shape is not a list of at most %d numbers", path,
                       name, EC_MAX_DIMS);
    out->n_dims = (int)json_array_size(json);
    for (int i = 0; i < out->n_dims; i++) {
        const json_t *dim = json_array_get(json, (size_t)i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return ec_fail(err, EC_ERR_FORMAT,
                           "%s: tensor '%.80s': dimension %d of the shape is not a whole number",
                           path, name, i);
        out->shape[i] = (size_t)json_integer_value(dim);
    }
    return EC_OK;
}

static ec_status read_offsets(extent *out, const json_t *json, const char *path, const char *name,
                              ec_error *err) {
    const json_t *begin = json_array_get(json, 0), *end = json_array_get(json, 1);
    if (json_array_size(json) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin))
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: tensor '%.80s': data_offsets are not [begin, end] with begin <= end",
                       path, name);
    *out = (extent){(uint64_t)json_integer_value(begin), (uint64_t)json_integer_value(end), name};
    return EC_OK;
}

/* One entry of the header. `data` is what follows the header, data_bytes of it. */
static ec_status read_entry(ec_weights *weights, extent *where, const char *name,
                            const json_t *entry, const unsigned char *data, uint64_t data_bytes,
                            const char *path, ec_error *err) {
    ec_tensor tensor = {0};
    ec_status status;
    if ((status = read_dtype(&tensor.dtype, json_object_get(entry, "dtype"), path, name, err)) !=
        EC_OK)
        return status;
    if ((status = read_shape(&tensor, json_object_get(entry, "shape"), path, name, err)) != EC_OK)
        return status;
    if ((status = read_offsets(where, json_object_get(entry, "data_offsets"), path, name, err)) !=
        EC_OK)
        return status;
    uint64_t size;
    if (!ec_tensor_size(&size, tensor.dtype, tensor.shape, tensor.n_dims))
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: tensor '%.80s': the size of its shape does not fit 64 bits", path,
                       name);
    if (where->end > data_bytes)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: tensor '%.80s' ends at byte %" PRIu64
                       " of the data, but there are %" PRIu64
                       "; the file is truncated, download it again",
                       path, name, where->end, data_bytes);
    if (where->end - where->begin != size) {
        char shape[128];
        return ec_fail(
            err, EC_ERR_FORMAT,
            "%s: tensor '%.80s': %s %s needs %" PRIu64 " bytes, its data_offsets give %" PRIu64,
            path, name, ec_dtype_name(tensor.dtype),
            ec_tensor_shape_text(shape, sizeof shape, &tensor), size, where->end - where->begin);
    }
    tensor.data = (void *)(data + where->begin);
    return ec_weights_add(weights, name, &tensor, err);
}

static int by_begin(const void *a, const void *b) {
    const extent *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* The extents, laid end to end, must cover the data. */
static ec_status check_extents(extent *extents, size_t n, uint64_t data_bytes, const char *path,
                               ec_error *err) {
    uint64_t at = 0;
    qsort(extents, n, sizeof *extents, by_begin);
    for (size_t i = 0; i < n; i++) {
        if (extents[i].begin != at)
            return ec_fail(err, EC_ERR_FORMAT,
                           "%s: tensor '%.80s' begins at byte %" PRIu64
                           " of the data, expected %" PRIu64 ": tensors %s",
                           path, extents[i].name, extents[i].begin, at,
                           extents[i].begin < at ? "overlap" : "leave a hole");
        at = extents[i].end;
    }
    if (at != data_bytes)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: the last tensor ends at byte %" PRIu64
                       " of the data, but there are %" PRIu64,
                       path, at, data_bytes);
    return EC_OK;
}

static ec_status read_header(ec_weights *weights, json_t *header, const unsigned char *data,
                             uint64_t data_bytes, const char *path, ec_error *err) {
    extent *extents = calloc(json_object_size(header) + 1, sizeof *extents);
    if (extents == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    ec_status status = EC_OK;
    size_t n = 0;
    const char *name;
    json_t *entry;
    json_object_foreach(header, name, entry) {
        if (strcmp(name, "__metadata__") == 0) continue;
        status = read_entry(weights, &extents[n++], name, entry, data, data_bytes, path, err);
        if (status != EC_OK) break;
    }
    if (status == EC_OK) status = check_extents(extents, n, data_bytes, path, err);
    free(extents);
    return status;
}

ec_status ec_safetensors_read(ec_weights *weights, const ec_map *file, const char *path,
                              ec_error *err) {
    if (file->size_bytes < 8)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: %zu bytes are too few for a safetensors file; download it again", path,
                       file->size_bytes);
    uint64_t header_bytes = 0;
    for (int i = 7; i >= 0; i--) header_bytes = header_bytes << 8 | file->bytes[i];
    if (header_bytes > MAX_HEADER_BYTES || header_bytes > file->size_bytes - 8)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: the header is said to have %" PRIu64
                       " bytes, the file has %zu; it is truncated or not a "
                       "safetensors file",
                       path, header_bytes, file->size_bytes);
    json_error_t where;
    json_t *header = json_loadb((const char *)file->bytes + 8, (size_t)header_bytes,
                                JSON_REJECT_DUPLICATES, &where);
    if (header == NULL && where.text[0] == '\0') /* what jansson does not say */
        return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    if (!json_is_object(header)) {
        json_decref(header);
        return ec_fail(err, EC_ERR_FORMAT, "%s: the header is not a JSON object: %s at byte %d",
                       path, header == NULL ? where.text : "another value", where.position);
    }
    const ec_status status = read_header(weights, header, file->bytes + 8 + header_bytes,
                                         file->size_bytes - 8 - header_bytes, path, err);
    json_decref(header);
    return status;
}
