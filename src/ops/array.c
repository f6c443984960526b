/* array.c - see array.h */
#include "ops/array.h"

#include <assert.h>
#include <string.h>

size_t ec_array_width(ec_array x) {
    return x.n_dims > 0 ? x.shape[x.n_dims - 1] : 1;
}

size_t ec_array_height(ec_array x) {
    size_t rows = 1;
    for (int i = 0; i + 1 < x.n_dims; i++) rows *= x.shape[i];
    return rows;
}

size_t ec_array_count(ec_array x) {
    return ec_array_height(x) * ec_array_width(x);
}

ec_array ec_array_at(void *at, ec_dtype dtype, int n_dims, const size_t *shape) {
    assert(n_dims >= 0 && n_dims <= EC_MAX_DIMS);
    ec_array x = {.dtype = dtype, .n_dims = n_dims, .at = at};
    for (int i = 0; i < n_dims; i++) x.shape[i] = shape[i];
    x.stride = ec_array_width(x);
    return x;
}

/* `n` elements further. */
static void *moved(ec_array x, size_t n) {
    return x.at != NULL ? (char *)x.at + n * ec_dtype_size(x.dtype) : NULL;
}

ec_array ec_array_rows(ec_array x, size_t first, size_t n) {
    assert(x.n_dims > 0 && first + n <= ec_array_height(x));
    ec_array rows =
        ec_array_at(moved(x, first * x.stride), x.dtype, 2, (size_t[]){n, ec_array_width(x)});
    rows.stride = x.stride;
    return rows;
}

ec_array ec_array_columns(ec_array x, size_t first, size_t n) {
    assert(x.n_dims > 0 && first + n <= ec_array_width(x));
    x.at = moved(x, first);
    x.shape[x.n_dims - 1] = n;
    return x;
}

ec_array ec_array_as(ec_array x, int n_dims, const size_t *shape) {
    ec_array y = ec_array_at(x.at, x.dtype, n_dims, shape);
    assert(ec_array_count(y) == ec_array_count(x));
    if (ec_array_width(y) == ec_array_width(x))
        y.stride = x.stride;
    else
        assert(x.stride == ec_array_width(x));
    return y;
}

const char *ec_array_shape_text(char *buffer, size_t size, ec_array x) {
    ec_tensor t = {.dtype = x.dtype, .n_dims = x.n_dims};
    memcpy(t.shape, x.shape, sizeof t.shape);
    return ec_tensor_shape_text(buffer, size, &t);
}
