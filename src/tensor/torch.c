/* torch.c - PyTorch's files: pytorch_model.bin, mm_projector.bin, checkpoints
 *
 * Since 1.6, and TorchScript, a zip archive:
 *
 *     <root>/data.pkl        a pickle program that names the tensors (pickle.c)
 *     <root>/data/<key>      their storages, little-endian, stored without compression
 *     <root>/byteorder       "little", in newer files
 *
 * Before, pickle programs and storages one after the other:
 *
 *     magic number | version | system | a program that names the tensors | list of keys |
 *     for each key: u64 number of elements, elements
 *
 * In both a tensor is a view of a storage, with strides.
 *
 * libzip reads the archive. It does not tell where in the file a stored member lies, and we want to
 * map, not to copy; so libzip reads through a source of ours over the mapped file, which notes
 * where each read begins: the last read of a stored member's first byte is its data.
 *
 * Source: torch/serialization.py (_load, _legacy_load); caffe2/serialize/inline_container.cc.
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

/* A stranger's zip archive, told by its first member. */
static ec_status refuse_archive(const archive *a, ec_error *err) {
    const char *first =
        zip_get_num_entries(a->zip, 0) > 0 ? zip_get_name(a->zip, 0, ZIP_FL_ENC_RAW) : NULL;
    const size_t n = first != NULL ? strlen(first) : 0;
    const bool numpy = n > 4 && strcmp(first + n - 4, ".npy") == 0;
    return ec_fail(err, EC_ERR_FORMAT,
                   "%s: a zip file without data.pkl (%s%.80s); expected what torch.save writes%s",
                   a->path, first != NULL ? "its first member is " : "it is empty",
                   first != NULL ? first : "",
                   numpy ? ", and this is NumPy's .npz" : "; if weights were packed, unpack them");
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
    return refuse_archive(a, err);
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

/* Expanded tensors have many elements for one that is stored. So much may be read of them, or as
 * much as the file has where that is more; and of all tensors, which may share what is stored, so
 * much beside what the file has MAX_SHARED times. */
enum { MAX_EXPANDED_BYTES = 64 << 20, MAX_SHARED = 16 };

/* Where a storage is, or why it cannot be had. */
typedef struct {
    const unsigned char *data;
    uint64_t size_bytes;
    const char *unread;
} place;

typedef struct {
    ec_weights *weights;
    const char *path;
    uint64_t expanded_bytes_left, bytes_left;
} adder;

/* False: the size does not fit 63 bits. *span: elements from the first to the last, both included.
 */
static bool measure(uint64_t *count, uint64_t *span, bool *is_dense, const ec_pickled_tensor *p) {
    *count = *span = 1;
    *is_dense = true;
    for (int i = p->n_dims - 1; i >= 0; i--) {
        const uint64_t n = p->shape[i], step = p->step[i];
        if (n > 1 && step != *count) *is_dense = false;
        if (n > 0 && *count > (uint64_t)INT64_MAX / 16 / n) return false;
        if (n > 1 && (step > (uint64_t)INT64_MAX / 16 / n ||
                      *span > (uint64_t)INT64_MAX / 16 - (n - 1) * step))
            return false;
        *count *= n;
        if (n > 1) *span += (n - 1) * step;
    }
    for (int i = 0; i < p->n_dims; i++)
        if (p->shape[i] == 0) *count = *span = 0;
    return true;
}

static ec_status add_tensor(adder *a, const ec_pickled_tensor *p, const place *at, ec_error *err) {
    ec_stored stored = {.tensor = {.dtype = p->dtype, .n_dims = p->n_dims},
                        .unread = p->unread != NULL ? p->unread : at->unread};
    memcpy(stored.tensor.shape, p->shape, sizeof stored.tensor.shape);
    memcpy(stored.step, p->step, sizeof stored.step);
    uint64_t count, span;
    bool is_dense;
    char why[256], shape[128];
    ec_tensor_shape_text(shape, sizeof shape, &stored.tensor);
    const uint64_t element = ec_dtype_size(p->dtype);
    if (!measure(&count, &span, &is_dense, p)) {
        stored.unread = "has a shape whose size does not fit 63 bits";
        stored.tensor.n_dims = 0; /* nobody is to multiply it */
    }
    if (stored.unread != NULL) return ec_weights_add(a->weights, p->name, &stored, err);
    if (p->offset > at->size_bytes / element || span > at->size_bytes / element - p->offset) {
        snprintf(why, sizeof why,
                 "does not fit its storage: %s %s from element %" PRIu64 " on, in %" PRIu64
                 " bytes; the file is broken, or was saved in parts",
                 ec_dtype_name(p->dtype), shape, p->offset, at->size_bytes);
        stored.unread = why;
    } else if (count > span && count * element > a->expanded_bytes_left) {
        snprintf(why, sizeof why, "is expanded: %s %s of few values that are stored once",
                 ec_dtype_name(p->dtype), shape);
        stored.unread = why;
    } else if (count * element > a->bytes_left) {
        stored.unread = "shares its storage with too many others";
    } else {
        a->bytes_left -= count * element;
        if (count > span) a->expanded_bytes_left -= count * element;
        stored.first = count == 0 ? NULL : at->data + p->offset * element;
        stored.is_strided = !is_dense;
    }
    return ec_weights_add(a->weights, p->name, &stored, err);
}

static adder new_adder(ec_weights *weights, const ec_map *file, const char *path) {
    return (adder){weights, path,
                   file->size_bytes > MAX_EXPANDED_BYTES ? file->size_bytes : MAX_EXPANDED_BYTES,
                   (uint64_t)MAX_SHARED * file->size_bytes + MAX_EXPANDED_BYTES};
}

static ec_status note_taken(ec_weights *weights, const ec_pickled *pickled, ec_error *err) {
    return pickled->taken == NULL ? EC_OK : ec_weights_note_part(weights, pickled->taken, err);
}

/* ---- the zip format ---- */

/* The storage of a tensor. One that is missing or compressed is a matter of those who ask for it:
 * `why` has the reason then. */
static ec_status find_storage(place *out, ec_error *why, archive *a, const ec_pickled_tensor *p,
                              ec_error *err) {
    *out = (place){0};
    if (p->storage == NULL) return EC_OK; /* p says why */
    ec_text name = {0};
    ec_text_format(&name, "data/%s", p->storage);
    if (name.failed) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", a->path);
    const ec_status status = find_member(&out->data, &out->size_bytes, a, name.data, why);
    ec_text_release(&name);
    if (status == EC_ERR_NOMEM) return ec_fail(err, status, "%s: out of memory", a->path);
    if (status != EC_OK) out->unread = why->message;
    return EC_OK;
}

static ec_status add_archived(ec_weights *weights, archive *a, const ec_pickled *pickled,
                              ec_error *err) {
    adder to = new_adder(weights, a->source.file, a->path);
    ec_status status = EC_OK;
    for (size_t i = 0; i < pickled->n_tensors && status == EC_OK; i++) {
        place at;
        ec_error why;
        status = find_storage(&at, &why, a, &pickled->tensor[i], err);
        if (status == EC_OK) status = add_tensor(&to, &pickled->tensor[i], &at, err);
    }
    return status;
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

    ec_pickled pickled;
    status = ec_pickle_read(&pickled, program, (size_t)program_bytes, a->path, err);
    if (status == EC_OK) status = add_archived(weights, a, &pickled, err);
    if (status == EC_OK) status = note_taken(weights, &pickled, err);
    ec_pickled_release(&pickled);
    return status;
}

ec_status ec_torch_read(ec_weights *weights, const ec_map *file, const char *path, ec_error *err) {
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

/* ---- the older format ---- */

/* The magic number 0x1950a86a20f9469cfc6c as pickle writes it, behind two bytes that name the
 * protocol, or a few more for newer ones. */
bool ec_torch_is_legacy(const ec_map *file) {
    static const char magic[] = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    const size_t n = file->size_bytes < 32 ? file->size_bytes : 32;
    return n > 2 && file->bytes[0] == 0x80 &&
           memmem(file->bytes, n, magic, sizeof magic - 1) != NULL;
}

/* The storages of a file in the order of its list of keys; places[i] is that of
 * pickled->storage[i].
 */
static ec_status find_storages(place *places, const ec_pickled *pickled, char *const *keys,
                               size_t n_keys, const ec_map *file, size_t at, const char *path,
                               ec_error *err) {
    for (size_t i = 0; i < pickled->n_storages; i++)
        places[i].unread = "lies in a storage that the file does not have";
    for (size_t k = 0; k < n_keys; k++) {
        const ec_pickled_storage wanted = {.key = keys[k]};
        const ec_pickled_storage *s = pickled->n_storages > 0
                                          ? bsearch(&wanted, pickled->storage, pickled->n_storages,
                                                    sizeof wanted, ec_pickled_by_key)
                                          : NULL;
        if (s == NULL || s->element_bytes == 0)
            return ec_fail(
                err, EC_ERR_FORMAT,
                "%s: storage '%s' is of a type whose size is not known; load the file in "
                "PyTorch and save it again with torch.save, or as safetensors",
                path, keys[k]);
        uint64_t n = 0;
        const size_t left = file->size_bytes - at;
        for (size_t i = 8; i > 0 && left >= 8; i--) n = n << 8 | file->bytes[at + i - 1];
        if (left < 8 || n > (left - 8) / s->element_bytes)
            return ec_fail(err, EC_ERR_FORMAT,
                           "%s: storage '%s' reaches past the end of the file; it is truncated, "
                           "download it again",
                           path, keys[k]);
        places[s - pickled->storage] = (place){file->bytes + at + 8, n * s->element_bytes, NULL};
        at += 8 + (size_t)n * s->element_bytes;
    }
    return EC_OK;
}

static ec_status add_legacy(ec_weights *weights, const ec_pickled *pickled, const ec_map *file,
                            size_t at, const char *path, ec_error *err) {
    char **keys;
    size_t n_keys, list_bytes;
    ec_status status = ec_pickle_strings(&keys, &n_keys, &list_bytes, file->bytes + at,
                                         file->size_bytes - at, path, err);
    if (status != EC_OK) return status;
    place *places = calloc(pickled->n_storages + 1, sizeof *places);
    if (places == NULL)
        status = ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    else
        status = find_storages(places, pickled, keys, n_keys, file, at + list_bytes, path, err);
    adder to = new_adder(weights, file, path);
    for (size_t i = 0; i < pickled->n_tensors && status == EC_OK; i++) {
        const ec_pickled_tensor *t = &pickled->tensor[i];
        const ec_pickled_storage wanted = {.key = t->storage},
                                 *s = t->storage == NULL
                                          ? NULL
                                          : bsearch(&wanted, pickled->storage, pickled->n_storages,
                                                    sizeof wanted, ec_pickled_by_key);
        status = add_tensor(&to, t, s != NULL ? &places[s - pickled->storage] : &(place){0}, err);
    }
    for (size_t i = 0; i < n_keys; i++) free(keys[i]);
    free(keys);
    free(places);
    return status;
}

ec_status ec_torch_read_legacy(ec_weights *weights, const ec_map *file, const char *path,
                               ec_error *err) {
    size_t at = 0;
    for (int i = 0; i < 3; i++) { /* magic number, version, system: nothing that is needed */
        char **strings;
        size_t n, end;
        const ec_status status = ec_pickle_strings(&strings, &n, &end, file->bytes + at,
                                                   file->size_bytes - at, path, err);
        if (status != EC_OK) return status;
        for (size_t k = 0; k < n; k++) free(strings[k]);
        free(strings);
        at += end;
    }
    ec_pickled pickled;
    ec_status status = ec_pickle_read(&pickled, file->bytes + at, file->size_bytes - at, path, err);
    if (status == EC_OK)
        status = add_legacy(weights, &pickled, file, at + pickled.size_bytes, path, err);
    if (status == EC_OK) status = note_taken(weights, &pickled, err);
    ec_pickled_release(&pickled);
    return status;
}
