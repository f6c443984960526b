/* rows.c - rows moved, compared and added up */
#include <string.h>

#include "cpu/cpu.h"
#include "cpu/cut.h"

typedef struct {
    const ec_cpu *cpu;
    const ec_rows_work *work;
} rows;

static float *row_of(ec_array x, size_t i) {
    return ec_cpu_floats(x) + i * x.stride;
}

/* Row i of x, a parameter or an activation, as f32 in `out`. */
static void read_row(const rows *r, float *out, size_t i) {
    const ec_array x = r->work->x;
    const char *from = (const char *)x.at + i * x.stride * ec_dtype_size(x.dtype);
    r->cpu->kernels->to_f32(out, from, x.dtype, ec_array_width(x));
}

/* Patches [first, first + n) of all images, one after the other. */
static void patch_rows(void *context, size_t first, size_t n) {
    const rows *r = context;
    const ec_array y = r->work->y, x = r->work->x;
    const size_t p = r->work->patch, channels = x.shape[1], height = x.shape[2], width = x.shape[3];
    const size_t across = width / p, grid = height / p * across;
    for (size_t i = first; i < first + n; i++) {
        const size_t image = i / grid, top = i % grid / across * p, left = i % across * p;
        float *to = row_of(y, i);
        for (size_t c = 0; c < channels; c++)
            for (size_t k = 0; k < p; k++, to += p)
                memcpy(to, row_of(x, (image * channels + c) * height + top + k) + left,
                       p * sizeof *to);
    }
}

/* Row i of those that are put: its place in y. */
static float *placed(const rows *r, size_t i) {
    const ec_array y = r->work->y, x = r->work->x;
    const size_t each = x.shape[x.n_dims - 2];
    return row_of(y, i / each * y.shape[1] + r->work->first + i % each);
}

/* Of the same rows for every image there are fewer in x. */
static size_t source_of(const rows *r, size_t i) {
    const ec_array x = r->work->x;
    return x.n_dims == 3 ? i : i % x.shape[0];
}

static void put_rows(void *context, size_t first, size_t n) {
    const rows *r = context;
    for (size_t i = first; i < first + n; i++) read_row(r, placed(r, i), source_of(r, i));
}

enum { SOME = 256 };

static void add_rows(void *context, size_t first, size_t n) {
    const rows *r = context;
    const ec_array x = r->work->x;
    const size_t width = ec_array_width(x), size = ec_dtype_size(x.dtype);
    float some[SOME];
    for (size_t i = first; i < first + n; i++) {
        float *to = placed(r, i);
        const char *from = (const char *)x.at + source_of(r, i) * x.stride * size;
        for (size_t j = 0; j < width; j += SOME) {
            const size_t here = least(SOME, width - j);
            r->cpu->kernels->to_f32(some, from + j * size, x.dtype, here);
            r->cpu->kernels->add(to + j, some, here);
        }
    }
}

static void gather_rows(void *context, size_t first, size_t n) {
    const rows *r = context;
    const int32_t *index = r->work->index.at;
    for (size_t i = first; i < first + n; i++) read_row(r, row_of(r->work->y, i), (size_t)index[i]);
}

static void largest_of_rows(void *context, size_t first, size_t n) {
    const rows *r = context;
    const ec_array x = r->work->x;
    for (size_t i = first; i < first + n; i++)
        ec_cpu_floats(r->work->y)[i] = r->cpu->kernels->largest(row_of(x, i), ec_array_width(x));
}

/* Some columns of all rows, in f64 and in the order of the rows. */
static void sum_columns(void *context, size_t i, size_t worker) {
    (void)worker;
    const rows *r = context;
    const ec_array x = r->work->x;
    const size_t column = i * SOME, n = least(SOME, ec_array_width(x) - column);
    float *y = ec_cpu_floats(r->work->y) + column;
    double sum[SOME];
    for (size_t j = 0; j < n; j++) sum[j] = (double)y[j];
    for (size_t k = 0; k < ec_array_height(x); k++) {
        const float *from = row_of(x, k) + column;
        for (size_t j = 0; j < n; j++) sum[j] += (double)from[j];
    }
    for (size_t j = 0; j < n; j++) y[j] = (float)sum[j];
}

ec_status ec_cpu_rows(void *self, const ec_rows_work *work) {
    ec_cpu *cpu = self;
    rows r = {cpu, work};
    const ec_array y = work->y, x = work->x;
    const size_t width = ec_array_width(x);
    switch (work->kind) {
    case EC_ROWS_PATCHES:
        ec_cpu_over_rows(cpu, ec_array_height(y), ec_array_width(y), patch_rows, &r);
        break;
    case EC_ROWS_PUT:
        ec_cpu_over_rows(cpu, y.shape[0] * x.shape[x.n_dims - 2], width, put_rows, &r);
        break;
    case EC_ROWS_ADD:
        ec_cpu_over_rows(cpu, y.shape[0] * x.shape[x.n_dims - 2], width, add_rows, &r);
        break;
    case EC_ROWS_GATHER:
        ec_cpu_over_rows(cpu, ec_array_height(y), width, gather_rows, &r);
        break;
    case EC_ROWS_MAX:
        ec_cpu_over_rows(cpu, ec_array_height(x), width, largest_of_rows, &r);
        break;
    case EC_ROWS_SUM:
        ec_pool_run(cpu->pool, ceil_div(width, SOME), sum_columns, &r);
        break;
    }
    return EC_OK;
}
