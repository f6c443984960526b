/* torch.c - PyTorch's zip format: pytorch_model.bin, mm_projector.bin
 *
 *     <root>/data.pkl        a pickle program that names the tensors (pickle.c)
 *     <root>/data/<key>      their storages, little-endian, stored without compression
 *     <root>/byteorder       "little", in newer files
 *
 * libzip reads the archive. It does not tell where in the file a stored member lies, and we want to
 * map, not to copy; so libzip reads through a source of ours over the mapped file, which notes
 * where each read begins: the last read of a stored member's first byte is its data.
 *
 * Source: torch/serialization.py (1.6 and newer); caffe2/serialize/inline_container.cc.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

#include "base/text.h"
#include "tensor/pickle.h"
#include "tensor/weights.h"

enum { MAX_PROGRAM_BYTES = 256 << 20 };

/* ---- the source ---- */

typedef struct {
    const ec_map *file;
    uint64_t at, last_read;
    zip_error_t error;
} mapped;

static zip_int64_t source_read(mapped *m, void *data, zip_uint64_t length) {
    const uint64_t left = m->file->size_bytes - m->at, n = length < left ? length : left;
    m->last_read = m->at;
    memcpy(data, m->file->bytes + m->at, n);
    m->at += n;
    return (zip_int64_t)n;
}

static zip_int64_t source_command(void *context, void *data, zip_uint64_t length,
                                  zip_source_cmd_t command) {
    mapped *m = context;
    switch (command) {
    case ZIP_SOURCE_OPEN:
        m->at = 0;
        return 0;
    case ZIP_SOURCE_READ:
        return source_read(m, data, length);
    case ZIP_SOURCE_CLOSE:
        return 0;
    case ZIP_SOURCE_STAT: {
        zip_stat_t *stat = data;
        zip_stat_init(stat);
        stat->valid = ZIP_STAT_SIZE;
        stat->size = m->file->size_bytes;
        return (zip_int64_t)sizeof *stat;
    }
    case ZIP_SOURCE_SEEK: {
        const zip_int64_t to =
            zip_source_seek_compute_offset(m->at, m->file->size_bytes, data, length, &m->error);
        if (to < 0) return -1;
        m->at = (uint64_t)to;
        return 0;
    }
    case ZIP_SOURCE_TELL:
        return (zip_int64_t)m->at;
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&m->error, data, length);
    case ZIP_SOURCE_FREE:
        return 0;
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(
            ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
            ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL, ZIP_SOURCE_SUPPORTS, -1);
    default:
        zip_error_set(&m->error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
}

/* ---- members ---- */

typedef struct {
    const char *path;
    mapped source;
    zip_t *zip;
    ec_text root; /* "archive/": what stands before data.pkl */
} archive;

/* Opens member root + name; NULL and no error when there is none. Its size goes to *size. */
static ec_status open_member(zip_file_t **out, zip_uint64_t *size, const archive *a,
                             const char *name, ec_error *err) {
    *out = NULL;
    ec_text full = {0};
    ec_text_format(&full, "%s%s", a->root.data, name);
    if (full.failed) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", a->path);
    zip_stat_t stat;
    ec_status status = EC_OK;
    const zip_int64_t index = zip_name_locate(a->zip, full.data, ZIP_FL_ENC_RAW);
    if (index < 0) goto done;
    if (zip_stat_index(a->zip, (zip_uint64_t)index, 0, &stat) != 0 ||
        (stat.valid & ZIP_STAT_SIZE) == 0 || (stat.valid & ZIP_STAT_COMP_METHOD) == 0) {
        status = ec_fail(err, EC_ERR_FORMAT, "%s: member '%s': %s", a->path, full.data,
                         zip_strerror(a->zip));
        goto done;
    }
    if (stat.comp_method != ZIP_CM_STORE) {
        status = ec_fail(err, EC_ERR_FORMAT,
                         "%s: member '%s' is compressed; PyTorch stores weights as they are",
                         a->path, full.data);
        goto done;
    }
    *size = stat.size;
    *out = zip_fopen_index(a->zip, (zip_uint64_t)index, 0);
    if (*out == NULL)
        status = ec_fail(err, EC_ERR_FORMAT, "%s: member '%s': %s", a->path, full.data,
                         zip_strerror(a->zip));

done:
    ec_text_release(&full);
    return status;
}

/* Where a stored member's bytes are in the mapped file. *data is NULL for an empty member. */
static ec_status find_member(const unsigned char **data, uint64_t *size, archive *a,
                             const char *name, ec_error *err) {
    zip_file_t *member;
    zip_uint64_t size_bytes;
    *data = NULL;
    const ec_status status = open_member(&member, &size_bytes, a, name, err);
    if (status != EC_OK) return status;
    if (member == NULL)
        return ec_fail(err, EC_ERR_FORMAT, "%s: has no member %s%s", a->path, a->root.data, name);
    *size = size_bytes;
    unsigned char first;
    const bool read = size_bytes == 0 || zip_fread(member, &first, 1) == 1;
    const uint64_t at = a->source.last_read;
    zip_fclose(member);
    if (!read || (size_bytes > 0 && (size_bytes > a->source.file->size_bytes ||
                                     at > a->source.file->size_bytes - size_bytes ||
                                     a->source.file->bytes[at] != first)))
        return ec_fail(
            err, EC_ERR_FORMAT,
            "%s: member %s%s reaches past the end of the file; it is truncated, download it again",
            a->path, a->root.data, name);
    if (size_bytes > 0) *data = a->source.file->bytes + at;
    return EC_OK;
}

static ec_status find_root(archive *a, ec_error *err) {
    static const char program[] = "data.pkl";
    const size_t length = sizeof program - 1;
    const zip_int64_t n = zip_get_num_entries(a->zip, 0);
    for (zip_int64_t i = 0; i < n; i++) {
        const char *name = zip_get_name(a->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
        const size_t size = name != NULL ? strlen(name) : 0;
        if (size < length || strcmp(name + size - length, program) != 0 ||
            (size > length && name[size - length - 1] != '/'))
            continue;
        ec_text_add_bytes(&a->root, name, size - length);
        return a->root.failed ? ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", a->path) : EC_OK;
    }
    return ec_fail(err, EC_ERR_FORMAT,
                   "%s: a zip file without data.pkl; expected what torch.save writes", a->path);
}

static ec_status check_byte_order(archive *a, ec_error *err) {
    zip_file_t *member;
    zip_uint64_t size = 0;
    const ec_status status = open_member(&member, &size, a, "byteorder", err);
    if (status != EC_OK || member == NULL) return status; /* older files do not say: little */
    char order[8] = "";
    const zip_int64_t n = zip_fread(member, order, sizeof order - 1);
    zip_fclose(member);
    if (n != 6 || memcmp(order, "little", 6) != 0)
        return ec_fail(err, EC_ERR_FORMAT, "%s: the byte order is '%s', expected 'little'", a->path,
                       order);
    return EC_OK;
}

/* ---- tensors ---- */

static ec_status add_tensor(ec_weights *weights, archive *a, const ec_pickled_tensor *p,
                            ec_error *err) {
    ec_tensor tensor = {.dtype = p->dtype, .n_dims = p->n_dims};
    memcpy(tensor.shape, p->shape, sizeof tensor.shape);
    ec_text name = {0};
    ec_text_format(&name, "data/%s", p->storage);
    if (name.failed) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", a->path);
    const unsigned char *data;
    uint64_t storage_bytes, size;
    ec_status status = find_member(&data, &storage_bytes, a, name.data, err);
    ec_text_release(&name);
    if (status != EC_OK) return ec_error_prefix(err, status, "tensor '%.80s'", p->name);
    const uint64_t element = ec_dtype_size(p->dtype);
    if (!ec_tensor_size(&size, p->dtype, p->shape, p->n_dims) ||
        p->offset > storage_bytes / element || size > storage_bytes - p->offset * element) {
        char shape[128];
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: tensor '%.80s': %s %s from element %" PRIu64
                       " on does not fit its storage of %" PRIu64 " bytes",
                       a->path, p->name, ec_dtype_name(p->dtype),
                       ec_tensor_shape_text(shape, sizeof shape, &tensor), p->offset,
                       storage_bytes);
    }
    tensor.data = data == NULL ? NULL : (void *)(data + p->offset * element);
    return ec_weights_add(weights, p->name, &tensor, err);
}

static ec_status read_archive(ec_weights *weights, archive *a, ec_error *err) {
    ec_status status = find_root(a, err);
    if (status == EC_OK) status = check_byte_order(a, err);
    const unsigned char *program = NULL;
    uint64_t program_bytes = 0;
    if (status == EC_OK) status = find_member(&program, &program_bytes, a, "data.pkl", err);
    if (status == EC_OK && program_bytes > MAX_PROGRAM_BYTES)
        status = ec_fail(err, EC_ERR_FORMAT,
                         "%s: data.pkl of %" PRIu64 " bytes is larger than any list of tensors",
                         a->path, program_bytes);
    if (status != EC_OK) return status;

    ec_pickled_tensor *tensors;
    size_t n;
    status = ec_pickle_read(&tensors, &n, program, (size_t)program_bytes, a->path, err);
    for (size_t i = 0; i < n && status == EC_OK; i++)
        status = add_tensor(weights, a, &tensors[i], err);
    ec_pickled_free(tensors, n);
    return status;
}

ec_status ec_torch_read(ec_weights *weights, const ec_map *file, const char *path, ec_error *err) {
    if (file->size_bytes < 4 || memcmp(file->bytes, "PK\3\4", 4) != 0)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: not the zip format of PyTorch 1.6 and newer; load it in PyTorch and "
                       "save it again with torch.save, or "
                       "as safetensors",
                       path);
    archive a = {.path = path, .source = {.file = file}};
    zip_error_init(&a.source.error);
    zip_error_t error;
    zip_error_init(&error);
    ec_status status;
    zip_source_t *source = zip_source_function_create(source_command, &a.source, &error);
    if (source != NULL) a.zip = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (a.zip == NULL) {
        if (source != NULL) zip_source_free(source);
        status = ec_fail(err, EC_ERR_FORMAT,
                         "%s: not a readable zip file (%s); it may be truncated, download it again",
                         path, zip_error_strerror(&error));
    } else {
        status = read_archive(weights, &a, err);
        zip_discard(a.zip);
    }
    ec_text_release(&a.root);
    zip_error_fini(&a.source.error);
    zip_error_fini(&error);
    return status;
}
