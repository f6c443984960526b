/* rows.c - rows that are moved, compared or added up */
#include <math.h>
#include <string.h>

#include "ref/internal.h"

/* y [n, g, c p p] from x [n, c, h, w]. */
static void patches(double *y, const double *x, const size_t *shape, size_t p) {
    const size_t channels = shape[1], height = shape[2], width = shape[3];
    for (size_t n = 0; n < shape[0]; n++)
        for (size_t row = 0; row < height / p; row++)
            for (size_t column = 0; column < width / p; column++)
                for (size_t c = 0; c < channels; c++)
                    for (size_t py = 0; py < p; py++)
                        for (size_t px = 0; px < p; px++)
                            *y++ = x[((n * channels + c) * height + row * p + py) * width +
                                     column * p + px];
}

/* Rows [first, first + r) of every n of y [n, t, d] = or += x [n, r, d] or [r, d]. */
static void place(const ec_rows_work *work, double *y, const double *x) {
    const size_t n = work->y.shape[0], t = work->y.shape[1], d = work->y.shape[2];
    const size_t rows = work->x.shape[work->x.n_dims - 2];
    const size_t step = work->x.n_dims == 3 ? rows * d : 0; /* 0: the same for every n */
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < rows * d; j++) {
            double *to = y + (i * t + work->first) * d + j;
            *to = x[i * step + j] + (work->kind == EC_ROWS_ADD ? *to : 0.0);
        }
}

/* NaN if there is one. */
static double largest(const double *x, size_t n) {
    double best = -INFINITY;
    for (size_t i = 0; i < n && !isnan(best); i++)
        if (isnan(x[i]) || x[i] > best) best = x[i];
    return best;
}

ec_status ec_ref_rows(void *self, const ec_rows_work *work) {
    ec_ref *r = self;
    const size_t rows = ec_array_height(work->x), width = ec_array_width(work->x);
    const bool gathers = work->kind == EC_ROWS_GATHER;
    const double *x = ec_ref_read(r, &work->x);
    const double *index = gathers ? ec_ref_read(r, &work->index) : NULL;
    const bool keeps = work->kind == EC_ROWS_PUT || work->kind == EC_ROWS_ADD;
    double *y = keeps || work->kind == EC_ROWS_SUM ? ec_ref_read(r, &work->y)
                                                   : ec_ref_zeros(r, ec_array_count(work->y));
    if (ec_ref_ready(r)) {
        switch (work->kind) {
        case EC_ROWS_PATCHES:
            patches(y, x, work->x.shape, work->patch);
            break;
        case EC_ROWS_PUT:
        case EC_ROWS_ADD:
            place(work, y, x);
            break;
        case EC_ROWS_GATHER:
            for (size_t i = 0; i < ec_array_height(work->y); i++)
                memcpy(y + i * width, x + (size_t)index[i] * width, width * sizeof *y);
            break;
        case EC_ROWS_MAX:
            for (size_t i = 0; i < rows; i++) y[i] = largest(x + i * width, width);
            break;
        case EC_ROWS_SUM:
            for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < width; j++) y[j] += x[i * width + j];
            break;
        }
        ec_ref_write(r, &work->y, y);
    }
    return ec_ref_end(r);
}
