/* norms.c - layer norm (Ba et al., arXiv:1607.06450) */
#include <math.h>

#include "ref/internal.h"

/* Makes h [d] = (x - mean)/sqrt(var + eps), var the mean of the squares (biased). Returns
 * 1/sqrt(var + eps). */
static double normalise(double *h, const double *x, size_t d, double eps) {
    double mean = 0.0, variance = 0.0;
    for (size_t i = 0; i < d; i++) mean += x[i] / (double)d;
    for (size_t i = 0; i < d; i++) variance += (x[i] - mean) * (x[i] - mean) / (double)d;
    const double factor = 1.0 / sqrt(variance + eps);
    for (size_t i = 0; i < d; i++) h[i] = (x[i] - mean) * factor;
    return factor;
}

ec_status ec_ref_norm(void *self, const ec_norm_work *work) {
    ec_ref *r = self;
    const size_t rows = ec_array_height(work->x), d = ec_array_width(work->x);
    const double *x = ec_ref_read(r, &work->x), *weight = ec_ref_read(r, &work->weight);
    const double *bias = ec_ref_read(r, &work->bias);
    double *y = ec_ref_zeros(r, rows * d);
    if (ec_ref_ready(r)) {
        for (size_t i = 0; i < rows; i++) {
            normalise(y + i * d, x + i * d, d, (double)work->eps);
            for (size_t j = 0; j < d; j++) y[i * d + j] = y[i * d + j] * weight[j] + bias[j];
        }
        ec_ref_write(r, &work->y, y);
    }
    return ec_ref_end(r);
}

/* h depends on x by its own numerator, by the mean and by the deviation:
 *
 *     dh_j/dx_i = (delta_ij - 1/d - h_i h_j/d) / sqrt(var + eps)
 *
 * so with g = dy * weight, dx_i = sum_j g_j dh_j/dx_i
 *                                 = (g_i - mean(g) - h_i mean(g h)) / sqrt(var + eps). */
ec_status ec_ref_norm_backward(void *self, const ec_norm_work *work) {
    ec_ref *r = self;
    const size_t rows = ec_array_height(work->x), d = ec_array_width(work->x);
    const double *x = ec_ref_read(r, &work->x), *weight = ec_ref_read(r, &work->weight);
    const double *dy = ec_ref_read(r, &work->dy);
    double *dx = work->adds ? ec_ref_read(r, &work->dx) : ec_ref_zeros(r, rows * d);
    double *dweight = ec_ref_read(r, &work->dweight), *dbias = ec_ref_read(r, &work->dbias);
    double *h = ec_ref_zeros(r, d);
    if (ec_ref_ready(r)) {
        for (size_t i = 0; i < rows; i++) {
            const double factor = normalise(h, x + i * d, d, (double)work->eps);
            double mean_g = 0.0, mean_gh = 0.0;
            for (size_t j = 0; j < d; j++) {
                const double g = dy[i * d + j] * weight[j];
                mean_g += g / (double)d;
                mean_gh += g * h[j] / (double)d;
            }
            for (size_t j = 0; j < d; j++) {
                const double g = dy[i * d + j] * weight[j];
                dx[i * d + j] += (g - mean_g - h[j] * mean_gh) * factor;
                if (dweight != NULL) dweight[j] += dy[i * d + j] * h[j];
                if (dbias != NULL) dbias[j] += dy[i * d + j];
            }
        }
        ec_ref_write(r, &work->dx, dx);
        ec_ref_write(r, &work->dweight, dweight);
        ec_ref_write(r, &work->dbias, dbias);
    }
    return ec_ref_end(r);
}
