/* params.c - see params.h */
#include "ops/params.h"

#include <stdlib.h>
#include <string.h>

#include "ops/context.h"

typedef struct entry {
    ec_param param;
    char *name;
    void *own;     /* the bytes on the host, where they are no file's */
    bool is_taken; /* value.at is the device's own memory */
} entry;

struct ec_params {
    entry **entries; /* each by itself, so that pointers to params stay */
    size_t n, capacity;
    ec_ctx *ctx; /* once placed */
    ec_array gradients;
};

ec_status ec_params_new(ec_params **out, ec_error *err) {
    *out = calloc(1, sizeof **out);
    return *out != NULL ? EC_OK : ec_fail(err, EC_ERR_NOMEM, "out of memory");
}

void ec_params_free(ec_params *p) {
    if (p == NULL) return;
    for (size_t i = 0; i < p->n; i++) {
        entry *e = p->entries[i];
        if (e->is_taken) ec_array_free(p->ctx, e->param.value);
        free(e->own);
        free(e->name);
        free(e);
    }
    if (p->ctx != NULL) ec_array_free(p->ctx, p->gradients);
    free(p->entries);
    free(p);
}

static bool grow(ec_params *p) {
    if (p->n < p->capacity) return true;
    const size_t capacity = p->capacity > 0 ? 2 * p->capacity : 64;
    entry **entries = realloc(p->entries, capacity * sizeof *entries);
    if (entries == NULL) return false;
    p->entries = entries;
    p->capacity = capacity;
    return true;
}

ec_param *ec_params_add(ec_params *p, const char *name, const void *bytes, ec_dtype dtype,
                        int n_dims, const size_t *shape) {
    entry *e = grow(p) ? calloc(1, sizeof *e) : NULL;
    if (e == NULL) return NULL;
    e->param.value = ec_array_at(NULL, dtype, n_dims, shape);
    e->param.file = (ec_tensor){.dtype = dtype, .n_dims = n_dims, .data = (void *)bytes};
    for (int i = 0; i < n_dims; i++) e->param.file.shape[i] = shape[i];
    if (bytes == NULL) {
        e->own = calloc(ec_array_count(e->param.value) + 1, ec_dtype_size(dtype));
        e->param.file.data = e->own;
    }
    e->param.name = e->name = strdup(name);
    if (e->name == NULL || e->param.file.data == NULL) {
        free(e->own);
        free(e->name);
        free(e);
        return NULL;
    }
    p->entries[p->n++] = e;
    return &e->param;
}

/* ---- on the device ---- */

static void place(ec_ctx *ctx, entry *e) {
    ec_param *param = &e->param;
    const ec_backend *b = &ctx->backend;
    const size_t bytes = ec_array_count(param->value) * ec_dtype_size(param->value.dtype);
    if (b->shares_host_memory) {
        param->value.at = param->file.data;
        return;
    }
    param->value.at = b->take(b->self, bytes);
    e->is_taken = param->value.at != NULL;
    ec_ctx_keep(ctx,
                e->is_taken ? b->copy(b->self, param->value.at, bytes, param->file.data, bytes,
                                      bytes, 1, EC_TO_DEVICE)
                            : EC_ERR_NOMEM,
                param->name);
}

ec_status ec_params_place(ec_params *p, ec_ctx *ctx, ec_error *err) {
    p->ctx = ctx;
    for (size_t i = 0; i < p->n && !ec_ctx_failed(ctx); i++)
        if (p->entries[i]->param.value.at == NULL) place(ctx, p->entries[i]);
    return ec_ctx_status(ctx, err);
}

/* ---- gradients ---- */

enum { FLAT_UNIT = 16 }; /* elements: gradients begin on a cache line */

ec_status ec_params_train(ec_params *p, bool (*trains)(const ec_param *param), ec_error *err) {
    size_t n = 0;
    ec_array_free(p->ctx, p->gradients);
    for (size_t i = 0; i < p->n; i++) {
        ec_param *param = &p->entries[i]->param;
        param->grad = (ec_array){0};
        if (trains != NULL && !trains(param)) continue;
        param->flat = n;
        param->grad = ec_array_at(NULL, EC_F32, param->value.n_dims, param->value.shape);
        n += (ec_array_count(param->value) + FLAT_UNIT - 1) / FLAT_UNIT * FLAT_UNIT;
    }
    p->gradients = ec_array_new(p->ctx, EC_F32, 1, &n);
    for (size_t i = 0; i < p->n && p->gradients.at != NULL; i++) {
        ec_param *param = &p->entries[i]->param;
        if (param->grad.n_dims > 0)
            param->grad.at = ec_array_columns(p->gradients, param->flat, 0).at;
    }
    return ec_ctx_status(p->ctx, err);
}

ec_array ec_params_gradients(const ec_params *p) {
    return p->gradients;
}
