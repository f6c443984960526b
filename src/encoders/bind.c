/* bind.c - see bind.h */
#include "encoders/bind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ec_made_free(ec_made *made) {
    while (made != NULL) {
        ec_made *next = made->next;
        free(made->own);
        free(made);
        made = next;
    }
}

void ec_bind_begin(ec_binder *b, ec_weights *files, const char *prefix, const char *note,
                   ec_error *err) {
    *b = (ec_binder){.files = files,
                     .prefix = prefix,
                     .note = note,
                     .taken = calloc(ec_weights_count(files) + 1, sizeof *b->taken),
                     .err = err};
    if (b->taken == NULL) b->status = ec_fail(err, EC_ERR_NOMEM, "out of memory");
}

ec_made *ec_bind_end(ec_binder *b) {
    ec_made *made = b->made;
    free(b->taken);
    b->taken = NULL;
    b->made = NULL;
    return made;
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

/* The tensor, if it is there and can be computed with; `expected` is its shape, in words. */
static const ec_tensor *take(ec_binder *b, const char *full, size_t at, const char *expected) {
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
    return tensor;
}

static const ec_tensor *refuse_shape(ec_binder *b, const char *full, const ec_tensor *tensor,
                                     const char *expected) {
    char found[128];
    b->status = ec_fail(b->err, EC_ERR_FORMAT, "tensor '%s': shape %s, expected %s%s", full,
                        ec_tensor_shape_text(found, sizeof found, tensor), expected,
                        ec_tensor_shape_hint(tensor));
    return NULL;
}

const ec_tensor *ec_bind(ec_binder *b, const char *block, const char *name, const char *suffix,
                         int n_dims, const size_t *shape) {
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

const ec_tensor *ec_bind_rows(ec_binder *b, const char *block, const char *name, size_t n_rows,
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

/* A tensor beside those of the file. NULL: no memory. */
static ec_made *add_made(ec_binder *b, ec_dtype dtype, size_t n_rows, size_t width) {
    ec_made *made = calloc(1, sizeof *made);
    if (made == NULL) {
        b->status = ec_fail(b->err, EC_ERR_NOMEM, "out of memory");
        return NULL;
    }
    made->tensor = (ec_tensor){.dtype = dtype, .n_dims = 2, .shape = {n_rows, width}};
    made->next = b->made;
    b->made = made;
    return made;
}

static ec_made *add_own(ec_binder *b, ec_dtype dtype, size_t n_rows, size_t width) {
    ec_made *made = add_made(b, dtype, n_rows, width);
    if (made == NULL) return NULL;
    made->own = made->tensor.data = malloc(n_rows * width * ec_dtype_size(dtype) + 1);
    if (made->own != NULL) return made;
    b->status =
        ec_fail(b->err, EC_ERR_NOMEM, "out of memory for a matrix of %zu x %zu", n_rows, width);
    return NULL;
}

const ec_tensor *ec_bind_matrix(ec_binder *b, const char *block, const char *name,
                                const char *suffix, size_t n_out, size_t n_in, bool transposed) {
    const size_t shape[2] = {n_out, n_in}, turned[2] = {n_in, n_out};
    const ec_tensor *w = ec_bind(b, block, name, suffix, 2, transposed ? turned : shape);
    if (w == NULL || !transposed) return w;
    ec_made *made = add_own(b, w->dtype, n_out, n_in);
    if (made == NULL) return NULL;
    const size_t size = ec_dtype_size(w->dtype);
    char *to = made->own;
    for (size_t i = 0; i < n_out; i++)
        for (size_t j = 0; j < n_in; j++, to += size)
            memcpy(to, (const char *)w->data + (j * n_out + i) * size, size);
    return &made->tensor;
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

const ec_tensor *ec_bind_part(ec_binder *b, const ec_tensor *whole, size_t i, size_t n) {
    if (whole == NULL || b->status != EC_OK) return NULL;
    const size_t rows = whole->shape[0] / n, width = whole->n_dims > 1 ? whole->shape[1] : 1;
    ec_made *made = add_made(b, whole->dtype, rows, width);
    if (made == NULL) return NULL;
    made->tensor.n_dims = whole->n_dims;
    made->tensor.data = (char *)whole->data + i * rows * width * ec_dtype_size(whole->dtype);
    return &made->tensor;
}

const ec_tensor *ec_bind_joined(ec_binder *b, const ec_tensor *x, const ec_tensor *y) {
    if (x == NULL || y == NULL || b->status != EC_OK) return NULL;
    if (x->dtype != y->dtype) {
        b->status = ec_fail(b->err, EC_ERR_FORMAT, "two halves of a matrix are %s and %s",
                            ec_dtype_name(x->dtype), ec_dtype_name(y->dtype));
        return NULL;
    }
    const size_t width = x->n_dims > 1 ? x->shape[1] : 1, size = ec_dtype_size(x->dtype);
    ec_made *made = add_own(b, x->dtype, x->shape[0] + y->shape[0], width);
    if (made == NULL) return NULL;
    made->tensor.n_dims = x->n_dims;
    memcpy(made->own, x->data, x->shape[0] * width * size);
    memcpy((char *)made->own + x->shape[0] * width * size, y->data, y->shape[0] * width * size);
    return &made->tensor;
}
