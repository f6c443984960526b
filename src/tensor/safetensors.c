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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensor/weights.h"

enum { MAX_HEADER_BYTES = 100000000 };

typedef struct {
    uint64_t begin, end;
    const char *name;
} extent;

/* A dtype that is not known is a matter of those who ask for the tensor: *unread says so then. */
static ec_status read_dtype(ec_stored *out, char unread[64], const json_t *json, const char *path,
                            const char *name, ec_error *err) {
    const char *text = json_string_value(json);
    if (text == NULL)
        return ec_fail(err, EC_ERR_FORMAT, "%s: tensor '%.80s': dtype is missing or not a string",
                       path, name);
    out->tensor.dtype = EC_OTHER_DTYPE;
    for (int d = 0; d < EC_OTHER_DTYPE; d++)
        if (strcmp(text, ec_dtype_name((ec_dtype)d)) == 0) out->tensor.dtype = (ec_dtype)d;
    if (out->tensor.dtype == EC_OTHER_DTYPE) {
        snprintf(unread, 64, "has dtype %.20s, which eyechart does not read", text);
        out->unread = unread;
    }
    return EC_OK;
}

static ec_status read_shape(ec_stored *out, const json_t *json, const char *path, const char *name,
                            ec_error *err) {
    if (!json_is_array(json))
        return ec_fail(err, EC_ERR_FORMAT, "%s: tensor '%.80s': the shape is not a list of numbers",
                       path, name);
    const size_t n = json_array_size(json);
    for (size_t i = 0; i < n; i++) {
        const json_t *dim = json_array_get(json, i);
        if (!json_is_integer(dim) || json_integer_value(dim) < 0)
            return ec_fail(err, EC_ERR_FORMAT,
                           "%s: tensor '%.80s': dimension %zu of the shape is not a whole number",
                           path, name, i);
        if (i < EC_MAX_DIMS) out->tensor.shape[i] = (size_t)json_integer_value(dim);
    }
    out->tensor.n_dims = n <= EC_MAX_DIMS ? (int)n : 0;
    if (n > EC_MAX_DIMS) {
        out->tensor.dtype = EC_OTHER_DTYPE;
        out->unread = "has more than 6 dimensions";
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
    ec_stored stored = {0};
    ec_tensor *tensor = &stored.tensor;
    char unread[64];
    ec_status status =
        read_dtype(&stored, unread, json_object_get(entry, "dtype"), path, name, err);
    if (status == EC_OK)
        status = read_shape(&stored, json_object_get(entry, "shape"), path, name, err);
    if (status == EC_OK)
        status = read_offsets(where, json_object_get(entry, "data_offsets"), path, name, err);
    if (status != EC_OK) return status;
    uint64_t size;
    if (!ec_tensor_size(&size, tensor->dtype, tensor->shape, tensor->n_dims))
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: tensor '%.80s': the size of its shape does not fit 64 bits", path,
                       name);
    if (where->end > data_bytes)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: tensor '%.80s' ends at byte %" PRIu64
                       " of the data, but there are %" PRIu64
                       "; the file is truncated, download it again",
                       path, name, where->end, data_bytes);
    if (tensor->dtype != EC_OTHER_DTYPE && where->end - where->begin != size) {
        char shape[128];
        return ec_fail(
            err, EC_ERR_FORMAT,
            "%s: tensor '%.80s': %s %s needs %" PRIu64 " bytes, its data_offsets give %" PRIu64,
            path, name, ec_dtype_name(tensor->dtype),
            ec_tensor_shape_text(shape, sizeof shape, tensor), size, where->end - where->begin);
    }
    stored.first = data + where->begin;
    stored.size_bytes = where->end - where->begin;
    return ec_weights_add(weights, name, &stored, err);
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

bool ec_safetensors_recognise(const ec_map *file) {
    return file->size_bytes >= 9 && file->bytes[8] == '{' &&
           (file->bytes[4] | file->bytes[5] | file->bytes[6] | file->bytes[7]) == 0;
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
