/* weights.c - the tensors of a model, from whatever files it has */
#include "tensor/weights.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/file.h"
#include "base/text.h"

enum { MAX_INDEX_BYTES = 256 << 20 };

typedef struct {
    char *name;
    ec_tensor tensor;
    const char *file; /* borrowed from shard.path */
} entry;

typedef struct {
    char *path;
    ec_map map;
    bool borrowed; /* not mapped by us */
} shard;

struct ec_weights {
    entry *entry; /* sorted by name once opened */
    size_t n_entries, capacity;
    shard *shard;
    size_t n_shards;
};

bool ec_tensor_size(uint64_t *size, ec_dtype dtype, const size_t *shape, int n_dims) {
    uint64_t bytes = ec_dtype_size(dtype);
    for (int i = 0; i < n_dims; i++) {
        if (shape[i] != 0 && bytes > (uint64_t)INT64_MAX / shape[i]) return false;
        bytes *= shape[i];
    }
    *size = bytes;
    return true;
}

ec_status ec_weights_add(ec_weights *w, const char *name, const ec_tensor *tensor, ec_error *err) {
    if (w->n_entries == w->capacity) {
        const size_t capacity = w->capacity > 0 ? 2 * w->capacity : 256;
        entry *grown = realloc(w->entry, capacity * sizeof *grown);
        if (grown == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
        w->entry = grown;
        w->capacity = capacity;
    }
    char *copy = strdup(name);
    if (copy == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    w->entry[w->n_entries++] = (entry){copy, *tensor, w->shard[w->n_shards - 1].path};
    return EC_OK;
}

/* ---- finding files ---- */

static bool ends_with(const char *text, const char *end) {
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* Adds a file that is in memory. `path` is owned from here on, and so is the map when it succeeds.
 */
static ec_status add_shard(ec_weights *w, char *path, ec_map map, bool borrowed, ec_error *err) {
    shard *grown = realloc(w->shard, (w->n_shards + 1) * sizeof *grown);
    if (grown == NULL) {
        free(path);
        if (!borrowed) ec_map_close(&map);
        return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    }
    w->shard = grown;
    w->shard[w->n_shards++] = (shard){path, map, borrowed};
    return ends_with(path, ".safetensors") ? ec_safetensors_read(w, &map, path, err)
                                           : ec_torch_read(w, &map, path, err);
}

/* Maps one file and reads its tensors. `path` is owned from here on. */
static ec_status read_shard(ec_weights *w, char *path, ec_error *err) {
    if (path == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    ec_map map;
    const ec_status status = ec_map_open(&map, path, err);
    if (status == EC_OK) return add_shard(w, path, map, false, err);
    free(path);
    return status;
}

/* "folder of path/name", malloc'ed. */
static char *sibling(const char *path, const char *name) {
    const char *slash = strrchr(path, '/');
    ec_text text = {0};
    ec_text_format(&text, "%.*s%s", slash != NULL ? (int)(slash - path) + 1 : 0, path, name);
    return text.data;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The distinct shard names of a weight_map, sorted: *out, an array of its own, borrows them from
 * it. */
static ec_status list_shards(const char ***out, size_t *n_out, const json_t *map, const char *path,
                             ec_error *err) {
    *n_out = 0;
    *out = calloc(json_object_size(map) + 1, sizeof **out);
    if (*out == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    const char **names = *out;
    size_t n_tensors = 0;
    const char *tensor;
    json_t *value;
    json_object_foreach((json_t *)map, tensor, value) {
        const char *name = json_string_value(value);
        if (name == NULL || name[0] == '\0' || strchr(name, '/') != NULL || strcmp(name, "..") == 0)
            return ec_fail(err, EC_ERR_FORMAT,
                           "%s: tensor '%.80s': the file is not the name of one beside the index",
                           path, tensor);
        names[n_tensors++] = name;
    }
    qsort(names, n_tensors, sizeof *names, by_text);
    for (size_t i = 0; i < n_tensors; i++)
        if (*n_out == 0 || strcmp(names[*n_out - 1], names[i]) != 0) names[(*n_out)++] = names[i];
    return EC_OK;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}

static int key_by_name(const void *key, const void *b) {
    return strcmp(key, ((const entry *)b)->name);
}

/* NULL if there is no such tensor. Needs the entries sorted. */
static const entry *find_entry(const ec_weights *w, const char *name) {
    if (w->n_entries == 0) return NULL; /* bsearch must not be given NULL */
    return bsearch(name, w->entry, w->n_entries, sizeof *w->entry, key_by_name);
}

/* Sorts; a name that comes twice is an error. */
static ec_status sort_entries(ec_weights *w, ec_error *err) {
    if (w->n_entries > 0) qsort(w->entry, w->n_entries, sizeof *w->entry, by_name);
    for (size_t i = 1; i < w->n_entries; i++)
        if (strcmp(w->entry[i - 1].name, w->entry[i].name) == 0)
            return ec_fail(err, EC_ERR_FORMAT, "tensor '%.80s' is in both %s and %s",
                           w->entry[i].name, w->entry[i - 1].file, w->entry[i].file);
    return EC_OK;
}

static ec_status check_index(const ec_weights *w, const json_t *map, const char *path,
                             ec_error *err) {
    const char *tensor;
    json_t *value;
    json_object_foreach((json_t *)map, tensor, value) {
        const entry *e = find_entry(w, tensor);
        const char *slash = e != NULL ? strrchr(e->file, '/') : NULL;
        const char *file = slash != NULL ? slash + 1 : e != NULL ? e->file : "";
        if (strcmp(file, json_string_value(value)) != 0)
            return ec_fail(
                err, EC_ERR_FORMAT,
                "%s: tensor '%.80s' should be in %s and is not; download that file again", path,
                tensor, json_string_value(value));
    }
    return EC_OK;
}

static ec_status read_index(ec_weights *w, const char *path, ec_error *err) {
    ec_text text;
    ec_status status = ec_file_read(&text, path, MAX_INDEX_BYTES, err);
    if (status != EC_OK) return status;
    json_error_t where;
    json_t *root = json_loadb(text.data, text.size_bytes, JSON_REJECT_DUPLICATES, &where);
    ec_text_release(&text);
    const json_t *map = json_object_get(root, "weight_map");
    if (!json_is_object(map)) {
        status = ec_fail(
            err, EC_ERR_FORMAT, "%s: %s", path,
            root == NULL
                ? where.text
                : "has no object \"weight_map\"; expected {\"weight_map\": {tensor: file}}");
        json_decref(root);
        return status;
    }
    const char **names = NULL;
    size_t n = 0;
    status = list_shards(&names, &n, map, path, err);
    for (size_t i = 0; i < n && status == EC_OK; i++) {
        status = read_shard(w, sibling(path, names[i]), err);
        if (status == EC_ERR_NOT_FOUND)
            ec_error_prefix(err, status, "%s names a file that is missing", path);
    }
    free(names);
    if (status == EC_OK) status = sort_entries(w, err);
    if (status == EC_OK) status = check_index(w, map, path, err);
    json_decref(root);
    return status;
}

static ec_status read_folder(ec_weights *w, const char *folder, ec_error *err) {
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json",
                                        "pytorch_model.bin", "pytorch_model.bin.index.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        ec_text path = {0};
        struct stat info;
        ec_text_format(&path, "%s/%s", folder, names[i]);
        if (path.failed) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
        if (stat(path.data, &info) != 0) {
            ec_text_release(&path);
            continue;
        }
        if (!ends_with(path.data, ".index.json")) return read_shard(w, path.data, err);
        const ec_status status = read_index(w, path.data, err);
        ec_text_release(&path);
        return status;
    }
    return ec_fail(err, EC_ERR_NOT_FOUND,
                   "%s: no weights there; expected model.safetensors or pytorch_model.bin, whole "
                   "or sharded with an index",
                   folder);
}

ec_status ec_weights_read(ec_weights **out, const void *bytes, size_t size_bytes, const char *name,
                          ec_error *err) {
    *out = NULL;
    ec_weights *w = calloc(1, sizeof *w);
    char *path = strdup(name);
    if (w == NULL || path == NULL) {
        free(w);
        free(path);
        return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", name);
    }
    ec_status status = add_shard(w, path, (ec_map){bytes, size_bytes}, true, err);
    if (status == EC_OK) status = sort_entries(w, err);
    if (status != EC_OK) {
        ec_weights_close(w);
        return status;
    }
    *out = w;
    return EC_OK;
}

ec_status ec_weights_open(ec_weights **out, const char *path, ec_error *err) {
    *out = NULL;
    struct stat info;
    if (stat(path, &info) != 0)
        return ec_fail(err, errno == ENOENT || errno == ENOTDIR ? EC_ERR_NOT_FOUND : EC_ERR_IO,
                       "%s: %s", path, strerror(errno));
    ec_weights *w = calloc(1, sizeof *w);
    if (w == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", path);
    ec_status status;
    if (S_ISDIR(info.st_mode))
        status = read_folder(w, path, err);
    else if (ends_with(path, ".index.json"))
        status = read_index(w, path, err);
    else
        status = read_shard(w, strdup(path), err);
    if (status == EC_OK) status = sort_entries(w, err);
    if (status != EC_OK) {
        ec_weights_close(w);
        return status;
    }
    *out = w;
    return EC_OK;
}

void ec_weights_close(ec_weights *w) {
    if (w == NULL) return;
    for (size_t i = 0; i < w->n_entries; i++) free(w->entry[i].name);
    for (size_t i = 0; i < w->n_shards; i++) {
        if (!w->shard[i].borrowed) ec_map_close(&w->shard[i].map);
        free(w->shard[i].path);
    }
    free(w->entry);
    free(w->shard);
    free(w);
}

/* ---- looking up ---- */

size_t ec_weights_count(const ec_weights *w) {
    return w->n_entries;
}

const char *ec_weights_name(const ec_weights *w, size_t i) {
    return w->entry[i].name;
}

const ec_tensor *ec_weights_tensor(const ec_weights *w, size_t i) {
    return &w->entry[i].tensor;
}

const ec_tensor *ec_weights_find(const ec_weights *w, const char *name) {
    const entry *e = find_entry(w, name);
    return e != NULL ? &e->tensor : NULL;
}

/* ---- contents ---- */

enum { HASHED_AT_ONCE = 4 << 20 };

/* False: the watch says stop. */
static bool add_bytes(XXH3_state_t *state, const unsigned char *bytes, size_t size_bytes,
                      const ec_watch *watch) {
    for (size_t at = 0; at < size_bytes; at += HASHED_AT_ONCE) {
        const size_t left = size_bytes - at;
        if (!ec_watch_goes_on(watch)) return false;
        XXH3_128bits_update(state, bytes + at, left < HASHED_AT_ONCE ? left : HASHED_AT_ONCE);
    }
    return true;
}

ec_status ec_weights_hash(char out[33], const ec_weights *w, const ec_watch *watch, ec_error *err) {
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    XXH3_128bits_reset(state);
    bool goes_on = true;
    for (size_t i = 0; i < w->n_entries && goes_on; i++) {
        const entry *e = &w->entry[i];
        char shape[128];
        ec_tensor_shape_text(shape, sizeof shape, &e->tensor);
        XXH3_128bits_update(state, e->name, strlen(e->name) + 1);
        XXH3_128bits_update(state, ec_dtype_name(e->tensor.dtype),
                            strlen(ec_dtype_name(e->tensor.dtype)) + 1);
        XXH3_128bits_update(state, shape, strlen(shape) + 1);
        const size_t size = ec_tensor_count(&e->tensor) * ec_dtype_size(e->tensor.dtype);
        goes_on = add_bytes(state, e->tensor.data, size, watch);
    }
    const XXH128_hash_t hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    if (!goes_on) return ec_fail(err, EC_ERR_INTERRUPTED, "stopped while the weights were read");
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)hash.high64,
             (unsigned long long)hash.low64);
    return EC_OK;
}

ec_status ec_weights_check_finite(const ec_weights *w, ec_error *err) {
    for (size_t i = 0; i < w->n_entries; i++) {
        const entry *e = &w->entry[i];
        if (e->tensor.dtype > EC_F64) continue; /* integers */
        const size_t n = ec_tensor_count(&e->tensor);
        for (size_t at = 0; at < n; at += 1024) {
            float values[1024];
            const size_t some = n - at < 1024 ? n - at : 1024;
            ec_tensor_to_f32(values, &e->tensor, at, some);
            for (size_t j = 0; j < some; j++)
                if (!isfinite(values[j]))
                    return ec_fail(err, EC_ERR_FORMAT, "%s: tensor '%.80s': element %zu is %s",
                                   e->file, e->name, at + j,
                                   isnan(values[j]) ? "not a number" : "infinite");
        }
    }
    return EC_OK;
}
