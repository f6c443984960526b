/* weights.c - the tensors of a model: looking up, converting, hashing */
#include "tensor/weights.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/memory.h"
#include "base/text.h"

typedef ec_weights_entry entry;

bool ec_tensor_size(uint64_t *size, ec_dtype dtype, const size_t *shape, int n_dims) {
    uint64_t bytes = ec_dtype_size(dtype);
    for (int i = 0; i < n_dims; i++) {
        if (shape[i] != 0 && bytes > (uint64_t)INT64_MAX / shape[i]) return false;
        bytes *= shape[i];
    }
    *size = bytes;
    return true;
}

static ec_status no_memory(ec_error *err) {
    return ec_fail(err, EC_ERR_NOMEM, "out of memory");
}

ec_status ec_weights_add(ec_weights *w, const char *name, const ec_stored *stored, ec_error *err) {
    entry *grown = ec_grown(w->entry, w->n_entries, &w->capacity, sizeof *grown);
    if (grown == NULL) return no_memory(err);
    w->entry = grown;
    entry e = {.name = strdup(name),
               .stored = *stored,
               .file = w->n_shards > 0 ? w->shard[w->n_shards - 1].path : ""};
    if (stored->unread != NULL) e.stored.unread = strdup(stored->unread);
    if (e.name == NULL || (stored->unread != NULL && e.stored.unread == NULL)) {
        free(e.name);
        free((char *)e.stored.unread);
        return no_memory(err);
    }
    e.stored.tensor.data =
        stored->is_strided || stored->unread != NULL ? NULL : (void *)stored->first;
    w->entry[w->n_entries++] = e;
    return EC_OK;
}

static void set_unread(entry *e, const char *why) {
    free((char *)e->stored.unread);
    e->stored.unread = strdup(why); /* without memory it is loaded as the file has it */
    if (e->stored.unread != NULL) e->stored.tensor.data = NULL;
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

ec_status ec_weights_note_part(ec_weights *w, const char *part, ec_error *err) {
    ec_text_format(&w->source, "%s%s: '%s'", w->source.size_bytes > 0 ? ", " : "",
                   file_name(w->shard[w->n_shards - 1].path), part);
    return w->source.failed ? no_memory(err) : EC_OK;
}

/* ---- order ---- */

static int by_name(const void *a, const void *b) {
    return strcmp(((const entry *)a)->name, ((const entry *)b)->name);
}

static int key_by_name(const void *key, const void *b) {
    return strcmp(key, ((const entry *)b)->name);
}

static void free_entry(entry *e) {
    free(e->name);
    free((char *)e->stored.unread);
    if (e->is_made) free(e->loaded.data);
}

/* Keeps the first of each name, with what is known of the others in its `unread`. */
void ec_weights_sort(ec_weights *w) {
    if (w->n_entries > 0) qsort(w->entry, w->n_entries, sizeof *w->entry, by_name);
    size_t kept = 0;
    for (size_t i = 0; i < w->n_entries; i++) {
        entry *e = &w->entry[i];
        if (kept == 0 || strcmp(w->entry[kept - 1].name, e->name) != 0) {
            w->entry[kept++] = *e;
            continue;
        }
        char why[640];
        snprintf(why, sizeof why, "is in both %.256s and %.256s", w->entry[kept - 1].file, e->file);
        set_unread(&w->entry[kept - 1], why);
        free_entry(e);
    }
    w->n_entries = kept;
}

/* ---- looking up ---- */

size_t ec_weights_count(const ec_weights *w) {
    return w->n_entries;
}

const char *ec_weights_name(const ec_weights *w, size_t i) {
    return w->entry[i].name;
}

const ec_tensor *ec_weights_tensor(const ec_weights *w, size_t i) {
    return &w->entry[i].stored.tensor;
}

/* NULL if there is no such tensor. Needs the entries sorted. */
static const entry *find_entry(const ec_weights *w, const char *name) {
    if (w->n_entries == 0) return NULL; /* bsearch must not be given NULL */
    return bsearch(name, w->entry, w->n_entries, sizeof *w->entry, key_by_name);
}

const ec_tensor *ec_weights_find(const ec_weights *w, const char *name) {
    const entry *e = find_entry(w, name);
    return e != NULL ? &e->stored.tensor : NULL;
}

const char *ec_weights_source(const ec_weights *w) {
    return w->source.data != NULL ? w->source.data : "";
}

const char *ec_weights_gaps(const ec_weights *w) {
    return w->gaps.data;
}

/* ---- elements ---- */

/* Copies elements [first, first + n) of a stored tensor, in row-major order. */
static void gather(unsigned char *out, const ec_stored *s, size_t first, size_t n) {
    const size_t size = ec_dtype_size(s->tensor.dtype);
    if (!s->is_strided) {
        memcpy(out, s->first + first * size, n * size);
        return;
    }
    const int n_dims = s->tensor.n_dims;
    size_t index[EC_MAX_DIMS], rest = first, at = 0;
    for (int d = n_dims - 1; d >= 0; d--) {
        index[d] = rest % s->tensor.shape[d];
        rest /= s->tensor.shape[d];
        at += index[d] * s->step[d];
    }
    for (size_t i = 0; i < n; i++) {
        memcpy(out + i * size, s->first + at * size, size);
        for (int d = n_dims - 1; d >= 0; d--) { /* the next element */
            at += s->step[d];
            if (++index[d] < s->tensor.shape[d]) break;
            at -= index[d] * s->step[d];
            index[d] = 0;
        }
    }
}

static bool is_readable(const ec_stored *s) {
    return s->unread == NULL && (s->first != NULL || ec_tensor_count(&s->tensor) == 0);
}

enum { ELEMENTS_AT_ONCE = 4096 };

/* Elements [first, first + n) as floats, n <= ELEMENTS_AT_ONCE. */
static void gather_f32(float *out, const ec_stored *s, size_t first, size_t n) {
    unsigned char raw[8 * ELEMENTS_AT_ONCE];
    gather(raw, s, first, n);
    const ec_tensor chunk = {.dtype = s->tensor.dtype, .n_dims = 1, .shape = {n}, .data = raw};
    ec_tensor_to_f32(out, &chunk, 0, n);
}

/* ---- loading ---- */

/* Quantised weights are numbers only together with their scales: "x.weight" beside
 * "x.weight_scale", "x.weight_scale_inv", "x.scale_weight", "x.weight.absmax", "x.SCB". */
static const char *scale_of(const ec_weights *w, const char *name) {
    static const char *const suffixes[] = {"_scale", "_scale_inv", ".scale", ".absmax"};
    static const char *const siblings[] = {"scale_weight", "SCB", "scales", "weight_format"};
    const char *dot = strrchr(name, '.');
    const int stem = dot != NULL ? (int)(dot - name) + 1 : 0;
    char other[512];
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(other, sizeof other, "%s%s", name, suffixes[i]);
        if (find_entry(w, other) != NULL) return suffixes[i];
    }
    for (size_t i = 0; i < sizeof siblings / sizeof *siblings; i++) {
        snprintf(other, sizeof other, "%.*s%s", stem, name, siblings[i]);
        if (find_entry(w, other) != NULL) return siblings[i];
    }
    return NULL;
}

static ec_status check_loadable(const ec_weights *w, const entry *e, ec_error *err) {
    if (e->stored.unread != NULL)
        return ec_fail(err, EC_ERR_FORMAT, "%s: tensor '%.160s' %s", e->file, e->name,
                       e->stored.unread);
    const ec_dtype dtype = e->stored.tensor.dtype;
    const bool may_be_scaled = ec_dtype_size(dtype) == 1;
    const char *scale = may_be_scaled ? scale_of(w, e->name) : NULL;
    if (scale != NULL)
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: tensor '%.160s' is quantised: %s, with a scale of its own ('%s') "
                       "beside it; take the model as it was before quantisation",
                       e->file, e->name, ec_dtype_name(dtype), scale);
    if (!ec_dtype_is_float(dtype))
        return ec_fail(err, EC_ERR_FORMAT,
                       "%s: tensor '%.160s': dtype %s, expected F32, F16 or BF16 (F64 and F8 are "
                       "converted)",
                       e->file, e->name, ec_dtype_name(dtype));
    if (!is_readable(&e->stored))
        return ec_fail(err, EC_ERR_FORMAT, "%s: tensor '%.160s' has no values in the file", e->file,
                       e->name);
    return EC_OK;
}

/* Fills out[count] with floats. Values beyond F32 are an error: they would become infinite. */
static ec_status convert(float *out, const entry *e, size_t count, ec_error *err) {
    for (size_t at = 0; at < count; at += ELEMENTS_AT_ONCE) {
        const size_t n = count - at < ELEMENTS_AT_ONCE ? count - at : ELEMENTS_AT_ONCE;
        gather_f32(out + at, &e->stored, at, n);
        for (size_t i = at; e->stored.tensor.dtype == EC_F64 && i < at + n; i++) {
            double value;
            if (!isinf(out[i])) continue;
            gather((unsigned char *)&value, &e->stored, i, 1);
            if (!isinf(value))
                return ec_fail(err, EC_ERR_FORMAT,
                               "%s: tensor '%.160s': element %zu is %g, which is beyond F32",
                               e->file, e->name, i, value);
        }
    }
    return EC_OK;
}

static ec_status make(entry *e, ec_error *err) {
    const ec_stored *s = &e->stored;
    const bool converts = s->tensor.dtype >= EC_F64;
    const size_t count = ec_tensor_count(&s->tensor);
    ec_tensor t = s->tensor;
    if (converts) t.dtype = EC_F32;
    t.data = malloc(count * ec_dtype_size(t.dtype) + 1);
    if (t.data == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "%s: tensor '%.160s': out of memory", e->file, e->name);
    ec_status status = EC_OK;
    if (converts)
        status = convert(t.data, e, count, err);
    else if (count > 0)
        gather(t.data, s, 0, count);
    if (status != EC_OK) {
        free(t.data);
        return status;
    }
    e->loaded = t;
    e->is_made = true;
    return EC_OK;
}

ec_status ec_weights_load(const ec_tensor **out, ec_weights *w, size_t i, ec_error *err) {
    entry *e = &w->entry[i];
    *out = NULL;
    ec_status status = e->is_loaded ? EC_OK : check_loadable(w, e, err);
    if (status == EC_OK && !e->is_loaded) {
        if (e->stored.is_strided || e->stored.tensor.dtype >= EC_F64)
            status = make(e, err);
        else
            e->loaded = e->stored.tensor;
    }
    if (status != EC_OK) return status;
    e->is_loaded = true;
    *out = &e->loaded;
    return EC_OK;
}

void ec_weights_close(ec_weights *w) {
    if (w == NULL) return;
    for (size_t i = 0; i < w->n_entries; i++) free_entry(&w->entry[i]);
    for (size_t i = 0; i < w->n_shards; i++) {
        if (!w->shard[i].borrowed) ec_map_close(&w->shard[i].map);
        free(w->shard[i].path);
    }
    free(w->entry);
    free(w->shard);
    free(w->index);
    ec_text_release(&w->source);
    ec_text_release(&w->gaps);
    free(w);
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

static bool add_strided(XXH3_state_t *state, const ec_stored *s, const ec_watch *watch) {
    const size_t count = ec_tensor_count(&s->tensor), size = ec_dtype_size(s->tensor.dtype);
    unsigned char raw[8 * ELEMENTS_AT_ONCE];
    for (size_t at = 0; at < count; at += ELEMENTS_AT_ONCE) {
        const size_t n = count - at < ELEMENTS_AT_ONCE ? count - at : ELEMENTS_AT_ONCE;
        if (at % HASHED_AT_ONCE == 0 && !ec_watch_goes_on(watch)) return false;
        gather(raw, s, at, n);
        XXH3_128bits_update(state, raw, n * size);
    }
    return true;
}

static void add_text(XXH3_state_t *state, const char *text) {
    XXH3_128bits_update(state, text, strlen(text) + 1);
}

static bool add_entry(XXH3_state_t *state, const entry *e, const ec_watch *watch) {
    const ec_stored *s = &e->stored;
    char shape[128];
    add_text(state, e->name);
    add_text(state, ec_dtype_name(s->tensor.dtype));
    add_text(state, ec_tensor_shape_text(shape, sizeof shape, &s->tensor));
    if (s->unread != NULL) add_text(state, "unread"); /* why may name a folder */
    if (s->tensor.dtype == EC_OTHER_DTYPE && s->first != NULL)
        return add_bytes(state, s->first, (size_t)s->size_bytes, watch);
    if (!is_readable(s)) return true;
    if (s->is_strided) return add_strided(state, s, watch);
    return add_bytes(state, s->first, ec_tensor_count(&s->tensor) * ec_dtype_size(s->tensor.dtype),
                     watch);
}

ec_status ec_weights_hash(char out[33], const ec_weights *w, const ec_watch *watch, ec_error *err) {
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL) return no_memory(err);
    XXH3_128bits_reset(state);
    bool goes_on = true;
    for (size_t i = 0; i < w->n_entries && goes_on; i++)
        goes_on = add_entry(state, &w->entry[i], watch);
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
        if (!ec_dtype_is_float(e->stored.tensor.dtype) || !is_readable(&e->stored)) continue;
        const size_t count = ec_tensor_count(&e->stored.tensor);
        for (size_t at = 0; at < count; at += ELEMENTS_AT_ONCE) {
            float values[ELEMENTS_AT_ONCE];
            const size_t n = count - at < ELEMENTS_AT_ONCE ? count - at : ELEMENTS_AT_ONCE;
            gather_f32(values, &e->stored, at, n);
            for (size_t j = 0; j < n; j++)
                if (!isfinite(values[j]))
                    return ec_fail(err, EC_ERR_FORMAT, "%s: tensor '%.80s': element %zu is %s",
                                   e->file, e->name, at + j,
                                   isnan(values[j]) ? "not a number" : "infinite");
        }
    }
    return EC_OK;
}
