/* pickle_export.c - the tensors of a model among what a pickle program leaves
 *
 *     {name: tensor}                                    a state dict
 *     {"epoch": 3, "state_dict": {name: tensor}, ...}   what trainings save
 *     module with _parameters, _buffers, _modules       torch.save(model), TorchScript
 *
 * What is left may be large, and may contain itself: every walk counts its steps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "tensor/pickle_machine.h"

/* A storage is named by a number. */
enum { MAX_DEPTH = 40, MAX_NESTED = 8, MAX_STORAGE_NAME = 64, MAX_SHARED = 4096 };

/* Under what trainings keep the weights, and the one that is evaluated first: a teacher is the mean
 * over the student's past. */
static const char *const customary[] = {"state_dict", "model_state_dict", "model",      "teacher",
                                        "module",     "model_state",      "params_ema", "params",
                                        "net",        "network",          "weights",    "model_ema",
                                        "ema",        "ema_state_dict",   "encoder",    "backbone",
                                        "visual",     "generator",        "student"};

typedef struct {
    pickle_machine *m;
    pickle_item *item; /* sorted by container, then as they were set */
    size_t n_items;
    uint64_t steps_left, name_bytes_left;
    ec_pickled *out;
    size_t capacity;
} walk;

static int by_container(const void *a, const void *b) {
    const pickle_item *x = a, *y = b;
    if (x->container != y->container) return x->container < y->container ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* The first item of a container, or n_items. */
static size_t first_item(const walk *w, size_t container) {
    size_t low = 0, high = w->n_items;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (w->item[middle].container < container)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_container(const walk *w, size_t value) {
    const pickle_kind kind = ec_pickle_value(w->m, value)->kind;
    return kind == PICKLE_DICT || kind == PICKLE_OBJECT;
}

static bool take_step(walk *w) {
    if (w->steps_left == 0) return false;
    w->steps_left--;
    return true;
}

/* A named part, or a link to a dictionary of them. */
static bool is_part(const walk *w, const pickle_item *item) {
    return item->key == PICKLE_THE_OTHER
               ? ec_pickle_value(w->m, item->container)->kind == PICKLE_OBJECT
               : ec_pickle_value(w->m, item->key)->kind == PICKLE_STRING;
}

/* Tensors that have a name below a value. */
static size_t count_tensors(walk *w, size_t value, int depth) {
    if (ec_pickle_value(w->m, value)->kind == PICKLE_TENSOR) return 1;
    if (!is_container(w, value) || depth >= MAX_DEPTH) return 0;
    size_t n = 0;
    for (size_t i = first_item(w, value);
         i < w->n_items && w->item[i].container == value && take_step(w); i++)
        if (is_part(w, &w->item[i])) n += count_tensors(w, w->item[i].value, depth + 1);
    return n;
}

static bool is_named(const walk *w, const pickle_item *item, const char *name) {
    const pickle_value *key = ec_pickle_value(w->m, item->key);
    return key->kind == PICKLE_STRING && key->as.string.size == strlen(name) &&
           memcmp(key->as.string.at, name, key->as.string.size) == 0;
}

/* The containers in a dictionary that hold more tensors than it does by itself: the first with a
 * customary name, or if there is none the only one. NULL: the dictionary is to be taken. */
static const pickle_item *choose_nested(walk *w, size_t dict) {
    size_t n_own = 0, n_candidates = 0;
    const size_t first = first_item(w, dict);
    const pickle_item *only = NULL, *best = NULL;
    size_t best_rank = sizeof customary / sizeof *customary;
    for (size_t i = first; i < w->n_items && w->item[i].container == dict; i++)
        n_own += is_part(w, &w->item[i]) &&
                 ec_pickle_value(w->m, w->item[i].value)->kind == PICKLE_TENSOR;
    for (size_t i = first; i < w->n_items && w->item[i].container == dict; i++) {
        const pickle_item *item = &w->item[i];
        if (!is_part(w, item) || !is_container(w, item->value) ||
            count_tensors(w, item->value, 0) <= n_own)
            continue;
        n_candidates++;
        only = item;
        for (size_t k = 0; k < best_rank; k++)
            if (is_named(w, item, customary[k])) {
                best = item;
                best_rank = k;
            }
    }
    return best != NULL ? best : n_candidates == 1 ? only : NULL;
}

/* ---- adding tensors ---- */

static ec_status no_memory(const walk *w) {
    return ec_fail(w->m->err, EC_ERR_NOMEM, "%s: out of memory", w->m->path);
}

static char *copy_string(const pickle_value *string) {
    char *copy = malloc(string->as.string.size + 1);
    if (copy == NULL) return NULL;
    memcpy(copy, string->as.string.at, string->as.string.size);
    copy[string->as.string.size] = '\0';
    return copy;
}

/* As the key of a storage, which is short and without NUL; false otherwise. */
static bool is_storage_name(const pickle_value *string) {
    return string->as.string.size <= MAX_STORAGE_NAME &&
           memchr(string->as.string.at, 0, string->as.string.size) == NULL;
}

static ec_status add_tensor(walk *w, const char *name, const pickle_tensor *tensor) {
    ec_pickled *out = w->out;
    /* Each takes much more memory than four bytes that recall a dictionary of many. */
    if (out->n_tensors >= w->n_items + MAX_SHARED)
        return ec_pickle_refuse(w->m, "more tensors than values: it has the same ones many times");
    ec_pickled_tensor *grown = ec_grown(out->tensor, out->n_tensors, &w->capacity, sizeof *grown);
    if (grown == NULL) return no_memory(w);
    out->tensor = grown;
    /* Four bytes recall a long name: without a limit a small file could fill the memory. */
    if (strlen(name) > w->name_bytes_left)
        return ec_fail(w->m->err, EC_ERR_FORMAT,
                       "%s: the names of the tensors are longer than the file that lists them",
                       w->m->path);
    w->name_bytes_left -= strlen(name);
    ec_pickled_tensor *t = &out->tensor[out->n_tensors++];
    *t = (ec_pickled_tensor){.name = strdup(name),
                             .dtype = tensor->dtype,
                             .offset = tensor->offset,
                             .n_dims = tensor->n_dims,
                             .unread = tensor->unread};
    memcpy(t->shape, tensor->shape, sizeof t->shape);
    memcpy(t->step, tensor->step, sizeof t->step);
    if (t->name == NULL) return no_memory(w);
    if (tensor->storage == PICKLE_THE_OTHER) return EC_OK;
    const pickle_value *key =
        ec_pickle_value(w->m, ec_pickle_value(w->m, tensor->storage)->as.storage.key);
    if (!is_storage_name(key))
        t->unread = "lies in a storage whose name is broken";
    else if ((t->storage = copy_string(key)) == NULL)
        return no_memory(w);
    return EC_OK;
}

/* Modules keep their parts by kind; these are not in the names of a state dict. */
static bool is_kind_of_part(const walk *w, const pickle_item *item) {
    return item->key == PICKLE_THE_OTHER || is_named(w, item, "_parameters") ||
           is_named(w, item, "_buffers") || is_named(w, item, "_modules");
}

/* Adds the tensors below a container. `name` ends in what stands before theirs, and is left as it
 * was. Those of dictionaries in a dictionary that has tensors itself are not the model's. */
static ec_status add_below(walk *w, size_t container, ec_text *name, bool nested, int depth) {
    const size_t length = name->size_bytes;
    ec_status status = EC_OK;
    for (size_t i = first_item(w, container);
         i < w->n_items && w->item[i].container == container && status == EC_OK; i++) {
        const pickle_item *item = &w->item[i];
        const pickle_kind kind = ec_pickle_value(w->m, item->value)->kind;
        if (!is_part(w, item) || (kind != PICKLE_TENSOR && !is_container(w, item->value))) continue;
        if (!take_step(w)) return ec_pickle_refuse(w->m, "values that contain each other");
        const pickle_value *key = ec_pickle_value(w->m, item->key);
        const bool skipped = kind != PICKLE_TENSOR && is_kind_of_part(w, item);
        if (!skipped && key->kind == PICKLE_STRING) {
            if (memchr(key->as.string.at, 0, key->as.string.size) != NULL) continue;
            ec_text_add_bytes(name, key->as.string.at, key->as.string.size);
        }
        if (kind == PICKLE_TENSOR && !name->failed) {
            const pickle_tensor *tensor = (const pickle_tensor *)w->m->tensors.data +
                                          ec_pickle_value(w->m, item->value)->as.tensor;
            status = add_tensor(w, name->data != NULL ? name->data : "", tensor);
        } else if (nested && depth < MAX_DEPTH && name->size_bytes < 1 << 16) {
            if (!skipped) ec_text_add(name, ".");
            status = add_below(w, item->value, name, nested, depth + 1);
        }
        if (name->failed) return no_memory(w);
        if (name->data != NULL) {
            name->size_bytes = length;
            name->data[length] = '\0';
        }
    }
    return status;
}

/* Of nested dictionaries the one that is a model's; its path goes to out->taken. */
static ec_status descend(walk *w, size_t *at) {
    ec_text taken = {0};
    for (int i = 0; i < MAX_NESTED && ec_pickle_value(w->m, *at)->kind == PICKLE_DICT; i++) {
        const pickle_item *item = choose_nested(w, *at);
        if (item == NULL) break;
        const pickle_value *key = ec_pickle_value(w->m, item->key);
        if (taken.size_bytes > 0) ec_text_add(&taken, ".");
        ec_text_add_bytes(
            &taken, key->as.string.at,
            strnlen(key->as.string.at, key->as.string.size < 80 ? key->as.string.size : 80));
        *at = item->value;
    }
    if (taken.failed) {
        ec_text_release(&taken);
        return no_memory(w);
    }
    w->out->taken = taken.data;
    return EC_OK;
}

static bool has_own_tensors(const walk *w, size_t container) {
    for (size_t i = first_item(w, container); i < w->n_items && w->item[i].container == container;
         i++)
        if (is_part(w, &w->item[i]) &&
            ec_pickle_value(w->m, w->item[i].value)->kind == PICKLE_TENSOR)
            return true;
    return false;
}

static ec_status refuse_result(const walk *w, size_t result) {
    const pickle_value *v = ec_pickle_value(w->m, result);
    const pickle_value *class =
        v->kind == PICKLE_OBJECT ? ec_pickle_value(w->m, v->as.class) : NULL;
    char what[160] = "";
    if (class != NULL && class->kind == PICKLE_GLOBAL) {
        const pickle_global *g = ec_pickle_global(w->m, class);
        snprintf(what, sizeof what, ", but of %.*s.%.*s",
                 (int)(g->module_size < 60 ? g->module_size : 60), g->module,
                 (int)(g->name_size < 60 ? g->name_size : 60), g->name);
    }
    return ec_fail(w->m->err, EC_ERR_FORMAT,
                   "%s: no tensors in it: the program does not leave one dictionary of tensors (a "
                   "state dict)%s; this is not a file of weights",
                   w->m->path, what);
}

/* ---- storages ---- */

int ec_pickled_by_key(const void *a, const void *b) {
    return strcmp(((const ec_pickled_storage *)a)->key, ((const ec_pickled_storage *)b)->key);
}

/* All storages the program has, each once: in the older format they stand one after the other, so
 * that the sizes of all must be known to find one. */
static ec_status list_storages(walk *w) {
    const pickle_machine *m = w->m;
    ec_pickled *out = w->out;
    size_t n = 0;
    for (size_t i = 0; i < m->values.n; i++) n += ec_pickle_value(m, i)->kind == PICKLE_STORAGE;
    out->storage = calloc(n + 1, sizeof *out->storage);
    if (out->storage == NULL) return no_memory(w);
    for (size_t i = 0; i < m->values.n; i++) {
        const pickle_value *v = ec_pickle_value(m, i);
        if (v->kind != PICKLE_STORAGE) continue;
        const pickle_value *key = ec_pickle_value(m, v->as.storage.key);
        if (!is_storage_name(key)) continue;
        out->storage[out->n_storages] =
            (ec_pickled_storage){.key = copy_string(key),
                                 .element_bytes = v->as.storage.element_bytes,
                                 .n_elements = v->as.storage.n_elements};
        if (out->storage[out->n_storages].key == NULL) return no_memory(w);
        out->n_storages++;
    }
    qsort(out->storage, out->n_storages, sizeof *out->storage, ec_pickled_by_key);
    size_t kept = 0;
    for (size_t i = 0; i < out->n_storages; i++)
        if (kept > 0 && strcmp(out->storage[kept - 1].key, out->storage[i].key) == 0)
            free(out->storage[i].key);
        else
            out->storage[kept++] = out->storage[i];
    out->n_storages = kept;
    return EC_OK;
}

/* ---- the whole ---- */

static ec_status export_all(walk *w) {
    pickle_machine *m = w->m;
    if (m->stack.n != 1)
        return ec_pickle_refuse(m, m->stack.n == 0
                                       ? "the program leaves an empty stack"
                                       : "the program does not leave one dictionary of tensors");
    const size_t result = ((const size_t *)m->stack.data)[0];
    size_t at = result;
    if (w->n_items > 0) qsort(w->item, w->n_items, sizeof *w->item, by_container);
    /* An honest model is walked through once for each dictionary around it. */
    w->steps_left = 16 * (uint64_t)w->n_items + 4096;
    w->name_bytes_left = m->size_bytes;
    if (!is_container(w, result)) return refuse_result(w, result);
    ec_status status = descend(w, &at);
    const bool nested = ec_pickle_value(m, at)->kind == PICKLE_OBJECT || !has_own_tensors(w, at);
    /* The parts of a nested name are written once for many names. */
    if (nested) w->name_bytes_left = 16 * (uint64_t)m->size_bytes;
    ec_text name = {0};
    if (status == EC_OK) status = add_below(w, at, &name, nested, 0);
    ec_text_release(&name);
    if (status == EC_OK && w->out->n_tensors == 0) status = refuse_result(w, result);
    if (status == EC_OK) status = list_storages(w);
    return status;
}

ec_status ec_pickle_read(ec_pickled *out, const unsigned char *bytes, size_t size_bytes,
                         const char *path, ec_error *err) {
    *out = (ec_pickled){0};
    pickle_machine m = {.bytes = bytes, .size_bytes = size_bytes, .path = path, .err = err};
    ec_pickle_run(&m);
    if (m.status == EC_OK) {
        walk w = {.m = &m, .item = m.items.data, .n_items = m.items.n, .out = out};
        m.status = export_all(&w);
    }
    out->size_bytes = m.at;
    ec_pickle_release(&m);
    return m.status;
}

void ec_pickled_release(ec_pickled *pickled) {
    for (size_t i = 0; i < pickled->n_tensors; i++) {
        free(pickled->tensor[i].name);
        free(pickled->tensor[i].storage);
    }
    for (size_t i = 0; i < pickled->n_storages; i++) free(pickled->storage[i].key);
    free(pickled->tensor);
    free(pickled->storage);
    free(pickled->taken);
    *pickled = (ec_pickled){0};
}

static ec_status export_strings(char ***out, size_t *n_out, pickle_machine *m) {
    if (m->stack.n != 1) return ec_pickle_refuse(m, "the program does not leave one value");
    const size_t list = ((const size_t *)m->stack.data)[0];
    const pickle_item *items = m->items.data;
    *out = calloc(m->items.n + 1, sizeof **out);
    if (*out == NULL) return ec_fail(m->err, EC_ERR_NOMEM, "%s: out of memory", m->path);
    for (size_t i = 0; i < m->items.n; i++) {
        const pickle_value *v = ec_pickle_value(m, items[i].value);
        if (items[i].container != list || v->kind != PICKLE_STRING) continue;
        if (!is_storage_name(v)) return ec_pickle_refuse(m, "a storage whose name is broken");
        if (((*out)[*n_out] = copy_string(v)) == NULL)
            return ec_fail(m->err, EC_ERR_NOMEM, "%s: out of memory", m->path);
        ++*n_out;
    }
    return EC_OK;
}

ec_status ec_pickle_strings(char ***out, size_t *n_out, size_t *end_bytes,
                            const unsigned char *bytes, size_t size_bytes, const char *path,
                            ec_error *err) {
    *out = NULL;
    *n_out = 0;
    pickle_machine m = {.bytes = bytes, .size_bytes = size_bytes, .path = path, .err = err};
    ec_pickle_run(&m);
    if (m.status == EC_OK) m.status = export_strings(out, n_out, &m);
    *end_bytes = m.at;
    ec_pickle_release(&m);
    if (m.status != EC_OK) {
        for (size_t i = 0; i < *n_out; i++) free((*out)[i]);
        free(*out);
        *out = NULL;
        *n_out = 0;
    }
    return m.status;
}
