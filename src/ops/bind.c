/* bind.c - see bind.h */
#include "ops/bind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ec_bind_begin(ec_binder *b, ec_params *params, ec_weights *files, const char *prefix,
                   const char *note, ec_error *err) {
    *b = (ec_binder){.params = params,
                     .files = files,
                     .prefix = prefix,
                     .note = note,
                     .taken = calloc(ec_weights_count(files) + 1, sizeof *b->taken),
                     .err = err};
    if (b->taken == NULL) b->status = ec_fail(err, EC_ERR_NOMEM, "out of memory");
}

void ec_bind_end(ec_binder *b) {
    free(b->taken);
    b->taken = NULL;
}

/* Counters, masks and buffers of integers are no weights, and neither is what cannot be had. */
static bool may_be_weight(const ec_tensor *tensor) {
    return ec_dtype_is_float(tensor->dtype) && tensor->n_dims > 0;
}

void ec_bind_no_others(ec_binder *b, bool (*is_companion)(const void *context, const char *tensor),
                       const void *context) {
    for (size_t i = 0; b->status == EC_OK && i < ec_weights_count(b->files); i++) {
        const char *tensor = ec_weights_name(b->files, i);
        if (b->taken[i] || !may_be_weight(ec_weights_tensor(b->files, i))) continue;
        if (is_companion != NULL && is_companion(context, tensor)) continue;
        b->status =
            ec_fail(b->err, EC_ERR_FORMAT,
                    "tensor '%s' is unexpected: the model that config.json describes has no "
                    "place for it",
                    tensor);
    }
}

/* ---- looking up ---- */

/* Where a name is among the sorted ones; ec_weights_count when it is not there. */
static size_t index_of(const ec_weights *files, const char *name) {
    const size_t n = ec_weights_count(files);
    size_t low = 0, high = n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(ec_weights_name(files, middle), name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && strcmp(ec_weights_name(files, low), name) == 0 ? low : n;
}

static size_t find(char full[EC_MAX_TENSOR_NAME], const ec_binder *b, const char *block,
                   const char *name, const char *suffix) {
    snprintf(full, EC_MAX_TENSOR_NAME, "%s%s%s%s", b->prefix, block, name, suffix);
    return index_of(b->files, full);
}

const ec_tensor *ec_bind_peek(const ec_binder *b, const char *block, const char *name,
                              const char *suffix) {
    char full[EC_MAX_TENSOR_NAME];
    const size_t at = find(full, b, block, name, suffix);
    return at < ec_weights_count(b->files) ? ec_weights_tensor(b->files, at) : NULL;
}

bool ec_bind_has(const ec_binder *b, const char *block, const char *name, const char *suffix) {
    return ec_bind_peek(b, block, name, suffix) != NULL;
}

/* A parameter in `bytes`, or with memory of its own where that is NULL. */
static ec_param *add(ec_binder *b, const char *name, const void *bytes, ec_dtype dtype, int n_dims,
                     const size_t *shape) {
    ec_param *param = ec_params_add(b->params, name, bytes, dtype, n_dims, shape);
    if (param == NULL)
        b->status = ec_fail(b->err, EC_ERR_NOMEM, "out of memory for tensor '%s'", name);
    return param;
}

/* The tensor, if it is there and can be computed with; `expected` is its shape, in words. */
static ec_param *take(ec_binder *b, const char *full, size_t at, const char *expected) {
    const ec_tensor *tensor;
    if (at == ec_weights_count(b->files)) {
        const char *gaps = ec_weights_gaps(b->files);
        b->status =
            ec_fail(b->err, EC_ERR_FORMAT, "tensor '%s' is missing; expected shape %s%s%s%s", full,
                    expected, gaps != NULL ? "; " : "", gaps != NULL ? gaps : "", b->note);
        return NULL;
    }
    if ((b->status = ec_weights_load(&tensor, b->files, at, b->err)) != EC_OK) return NULL;
    b->taken[at] = true;
    return add(b, full, tensor->data, tensor->dtype, tensor->n_dims, tensor->shape);
}

static ec_param *refuse_shape(ec_binder *b, const char *full, const ec_tensor *tensor,
                              const char *expected) {
    char found[128];
    b->status = ec_fail(b->err, EC_ERR_FORMAT, "tensor '%s': shape %s, expected %s%s", full,
                        ec_tensor_shape_text(found, sizeof found, tensor), expected,
                        ec_tensor_shape_hint(tensor));
    return NULL;
}

ec_param *ec_bind(ec_binder *b, const char *block, const char *name, const char *suffix, int n_dims,
                  const size_t *shape) {
    if (b->status != EC_OK) return NULL;
    char full[EC_MAX_TENSOR_NAME], expected[128];
    const size_t at = find(full, b, block, name, suffix);
    ec_tensor wanted = {.n_dims = n_dims};
    memcpy(wanted.shape, shape, (size_t)n_dims * sizeof *shape);
    ec_tensor_shape_text(expected, sizeof expected, &wanted);
    if (at < ec_weights_count(b->files)) {
        const ec_tensor *tensor = ec_weights_tensor(b->files, at);
        /* One of no known dtype has a shape of no account; loading it tells what is the matter. */
        if (tensor->dtype != EC_OTHER_DTYPE &&
            (tensor->n_dims != n_dims ||
             memcmp(tensor->shape, shape, (size_t)n_dims * sizeof *shape) != 0))
            return refuse_shape(b, full, tensor, expected);
    }
    return take(b, full, at, expected);
}

ec_param *ec_bind_rows(ec_binder *b, const char *block, const char *name, size_t n_rows,
                       size_t width) {
    if (b->status != EC_OK) return NULL;
    char full[EC_MAX_TENSOR_NAME], expected[128];
    const size_t at = find(full, b, block, name, "");
    snprintf(expected, sizeof expected, "[%zu, %zu]", n_rows, width);
    if (at < ec_weights_count(b->files)) {
        const ec_tensor *tensor = ec_weights_tensor(b->files, at);
        const int n = tensor->n_dims;
        bool fits = n >= 1 && tensor->shape[n - 1] == width &&
                    (n >= 2 ? tensor->shape[n - 2] : 1) == n_rows;
        for (int i = 0; i < n - 2; i++) fits = fits && tensor->shape[i] == 1;
        if (!fits && tensor->dtype != EC_OTHER_DTYPE)
            return refuse_shape(b, full, tensor, expected);
    }
    return take(b, full, at, expected);
}

/* ---- made of what is there ---- */

ec_param *ec_bind_matrix(ec_binder *b, const char *block, const char *name, const char *suffix,
                         size_t n_out, size_t n_in, bool transposed) {
    if (!transposed) return ec_bind(b, block, name, suffix, 2, (size_t[]){n_out, n_in});
    ec_param *const turned = ec_bind(b, block, name, suffix, 2, (size_t[]){n_in, n_out});
    if (turned == NULL) return NULL;
    const ec_tensor *from = &turned->file;
    ec_param *const made = add(b, turned->name, NULL, from->dtype, 2, (size_t[]){n_out, n_in});
    if (made == NULL) return NULL;
    const size_t size = ec_dtype_size(from->dtype);
    char *to = made->file.data;
    for (size_t i = 0; i < n_out; i++)
        for (size_t j = 0; j < n_in; j++, to += size)
            memcpy(to, (const char *)from->data + (j * n_out + i) * size, size);
    return made;
}

ec_norm_params ec_bind_norm(ec_binder *b, const char *block, const char *name, size_t width) {
    return (ec_norm_params){.weight = ec_bind(b, block, name, ".weight", 1, &width),
                            .bias = ec_bind(b, block, name, ".bias", 1, &width)};
}

ec_linear_params ec_bind_linear(ec_binder *b, const char *block, const char *name, size_t n_in,
                                size_t n_out, bool has_bias, bool transposed) {
    return (ec_linear_params){
        .weight = ec_bind_matrix(b, block, name, ".weight", n_out, n_in, transposed),
        .bias = has_bias ? ec_bind(b, block, name, ".bias", 1, &n_out) : NULL};
}

static size_t row_length(const ec_tensor *t) {
    return t->n_dims > 1 ? t->shape[1] : 1;
}

ec_param *ec_bind_part(ec_binder *b, const ec_param *whole, size_t i, size_t n) {
    if (whole == NULL || b->status != EC_OK) return NULL;
    const ec_tensor *from = &whole->file;
    const size_t rows = from->shape[0] / n, width = row_length(from);
    return add(b, whole->name,
               (const char *)from->data + i * rows * width * ec_dtype_size(from->dtype),
               from->dtype, from->n_dims, (size_t[]){rows, width});
}

ec_param *ec_bind_joined(ec_binder *b, const ec_param *x, const ec_param *y) {
    if (x == NULL || y == NULL || b->status != EC_OK) return NULL;
    const ec_tensor *first = &x->file, *second = &y->file;
    if (first->dtype != second->dtype) {
        b->status = ec_fail(b->err, EC_ERR_FORMAT, "two halves of a matrix are %s and %s",
                            ec_dtype_name(first->dtype), ec_dtype_name(second->dtype));
        return NULL;
    }
    const size_t width = row_length(first), size = ec_dtype_size(first->dtype);
    ec_param *const made = add(b, x->name, NULL, first->dtype, first->n_dims,
                               (size_t[]){first->shape[0] + second->shape[0], width});
    if (made == NULL) return NULL;
    memcpy(made->file.data, first->data, first->shape[0] * width * size);
    memcpy((char *)made->file.data + first->shape[0] * width * size, second->data,
           second->shape[0] * width * size);
    return made;
}
