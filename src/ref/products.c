/* products.c - products of matrices and convolutions, with what follows them */
#include "ref/internal.h"

/* The arrays of an epilogue; NULL: none. */
typedef struct {
    const double *bias, *scale, *residual;
    ec_activation activation;
} after;

static after read_after(ec_ref *r, const ec_epilogue *e) {
    return (after){.bias = ec_ref_read(r, e->bias),
                   .scale = ec_ref_read(r, e->scale),
                   .residual = ec_ref_read(r, e->residual),
                   .activation = e->activation};
}

/* residual + scale * act(sum + bias), of element i, which is in column `column` (or channel). */
static double finished(const after *e, double sum, size_t i, size_t column) {
    double y = ec_ref_activation(sum + (e->bias != NULL ? e->bias[column] : 0.0), e->activation);
    if (e->scale != NULL) y *= e->scale[column];
    return e->residual != NULL ? e->residual[i] + y : y;
}

/* y [m, n] = epilogue(op(a) op(b)). */
ec_status ec_ref_product(void *self, const ec_product *work) {
    ec_ref *r = self;
    const size_t m = ec_array_height(work->y), n = ec_array_width(work->y);
    const size_t k = work->a_transposed ? ec_array_height(work->a) : ec_array_width(work->a);
    const size_t a_row = work->a_transposed ? 1 : k, a_term = work->a_transposed ? m : 1;
    const size_t b_column = work->b_transposed ? k : 1, b_term = work->b_transposed ? 1 : n;
    const double *a = ec_ref_read(r, &work->a), *b = ec_ref_read(r, &work->b);
    const after e = read_after(r, &work->epilogue);
    double *y = ec_ref_zeros(r, m * n);
    if (ec_ref_ready(r)) {
        for (size_t i = 0; i < m; i++)
            for (size_t j = 0; j < n; j++) {
                double sum = 0.0;
                for (size_t p = 0; p < k; p++)
                    sum += a[i * a_row + p * a_term] * b[j * b_column + p * b_term];
                y[i * n + j] = finished(&e, sum, i * n + j, j);
            }
        ec_ref_write(r, &work->y, y);
    }
    return ec_ref_end(r);
}

/* The sum over one window: kernel [in, ky, kx] over x [h, w, in], whose upper left corner is at
 * (top, left) of the image; what is outside is 0. */
static double window(const ec_conv *work, const double *x, const double *kernel, long top,
                     long left) {
    const size_t *image = work->x.shape, *w = work->w.shape;
    double sum = 0.0;
    for (size_t c = 0; c < w[1]; c++)
        for (size_t ky = 0; ky < w[2]; ky++)
            for (size_t kx = 0; kx < w[3]; kx++) {
                const long row = top + (long)ky, column = left + (long)kx;
                if (row < 0 || row >= (long)image[1] || column < 0 || column >= (long)image[2])
                    continue;
                const size_t pixel = (size_t)row * image[2] + (size_t)column;
                sum += x[pixel * image[3] + c] * kernel[(c * w[2] + ky) * w[3] + kx];
            }
    return sum;
}

/* Cross-correlation, as PyTorch's conv2d: the kernel is not turned over. */
ec_status ec_ref_conv2d(void *self, const ec_conv *work) {
    ec_ref *r = self;
    const size_t *y_shape = work->y.shape, *x_shape = work->x.shape, *w_shape = work->w.shape;
    const size_t image = x_shape[1] * x_shape[2] * x_shape[3];
    const size_t kernel = w_shape[1] * w_shape[2] * w_shape[3];
    const ec_conv_steps *s = &work->steps;
    const double *x = ec_ref_read(r, &work->x), *w = ec_ref_read(r, &work->w);
    const after e = read_after(r, &work->epilogue);
    double *y = ec_ref_zeros(r, ec_array_count(work->y));
    if (ec_ref_ready(r)) {
        size_t at = 0;
        for (size_t i = 0; i < y_shape[0]; i++)
            for (size_t row = 0; row < y_shape[1]; row++)
                for (size_t column = 0; column < y_shape[2]; column++)
                    for (size_t out = 0; out < y_shape[3]; out++, at++) {
                        const double sum = window(work, x + i * image, w + out * kernel,
                                                  (long)(row * s->stride_y) - (long)s->top,
                                                  (long)(column * s->stride_x) - (long)s->left);
                        y[at] = finished(&e, sum, at, out);
                    }
        ec_ref_write(r, &work->y, y);
    }
    return ec_ref_end(r);
}
