/* representation.c - see eyechart/representation.h
 *
 * Sums are in double and in an order that depends on the sizes alone. Checked against numpy
 * (tools/make_representation_golden.py), which starts from the features, not from K.
 */
#include "eyechart/representation.h"

#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"

const char *ec_representation_column_name(ec_representation_column column) {
    static const char *const name[EC_REPRESENTATION_COLUMNS] = {
        [EC_COLUMN_CKA] = "cka",
        [EC_COLUMN_CKA_UNBIASED] = "cka_unbiased",
        [EC_COLUMN_MUTUAL_KNN] = "mutual_knn",
        [EC_COLUMN_RANK] = "rank",
        [EC_COLUMN_NORM] = "norm",
        [EC_COLUMN_NORM_CV] = "norm_cv",
        [EC_COLUMN_NORM_OUTLIERS] = "norm_outliers",
    };
    return (size_t)column < EC_REPRESENTATION_COLUMNS ? name[column] : NULL;
}

static ec_status out_of_memory(ec_error *err) {
    return ec_fail(err, EC_ERR_NOMEM, "out of memory for the comparison of features");
}

/* ---- one image ------------------------------------------------------------------------------ */

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the norms. */
static ec_token_norms summarise(double *norm, size_t n) {
    double sum = 0.0, squares = 0.0;
    for (size_t t = 0; t < n; t++) sum += norm[t];
    const double mean = sum / (double)n;
    for (size_t t = 0; t < n; t++) squares += (norm[t] - mean) * (norm[t] - mean);
    qsort(norm, n, sizeof *norm, by_size);
    const double median = (norm[(n - 1) / 2] + norm[n / 2]) / 2.0;
    size_t n_outliers = 0;
    while (n_outliers < n && norm[n - 1 - n_outliers] > EC_NORM_OUTLIER * median) n_outliers++;
    return (ec_token_norms){.mean = mean,
                            .cv = mean > 0.0 ? sqrt(squares / (double)n) / mean : 0.0,
                            .outliers = (double)n_outliers / (double)n};
}

ec_status ec_mean_token(float *mean, ec_token_norms *norms, const float *features, size_t n_tokens,
                        size_t n_channels, ec_error *err) {
    if (n_tokens == 0 || n_channels == 0)
        return ec_fail(err, EC_ERR_ARG, "an image without features has no mean");
    double *sum = calloc(n_channels, sizeof *sum), *norm = calloc(n_tokens, sizeof *norm);
    ec_status status = sum != NULL && norm != NULL ? EC_OK : out_of_memory(err);
    for (size_t t = 0; status == EC_OK && t < n_tokens; t++) {
        const float *token = features + t * n_channels;
        double square = 0.0;
        for (size_t c = 0; c < n_channels; c++) {
            sum[c] += token[c];
            square += (double)token[c] * token[c];
        }
        norm[t] = sqrt(square);
        if (!isfinite(square))
            status = ec_fail(err, EC_ERR_ARG, "the features of token %zu are not finite", t);
    }
    if (status == EC_OK) {
        for (size_t c = 0; c < n_channels; c++) mean[c] = (float)(sum[c] / (double)n_tokens);
        if (norms != NULL) *norms = summarise(norm, n_tokens);
    }
    free(sum);
    free(norm);
    return status;
}

/* ---- K -------------------------------------------------------------------------------------- */

/* Sums that do not wait for each other, which the compiler makes vectors of. */
static double dot(const float *x, const float *y, size_t n) {
    double part[8] = {0.0}, sum = 0.0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t j = 0; j < 8; j++) part[j] += (double)x[i + j] * y[i + j];
    for (; i < n; i++) sum += (double)x[i] * y[i];
    for (size_t j = 0; j < 8; j++) sum += part[j];
    return sum;
}

typedef struct gram_job {
    double *k;
    const float *x;
    size_t n, n_channels;
} gram_job;

/* Row i up to the diagonal. */
static void gram_row(void *context, size_t i) {
    const gram_job *job = context;
    for (size_t j = 0; j <= i; j++)
        job->k[i * job->n + j] =
            dot(job->x + i * job->n_channels, job->x + j * job->n_channels, job->n_channels);
}

ec_status ec_gram(double *out, const float *x, size_t n, size_t n_channels, size_t n_threads,
                  ec_error *err) {
    if (n == 0 || n > EC_GRAM_MAX_IMAGES)
        return ec_fail(err, EC_ERR_ARG, "%zu images cannot be compared with each other: 1 to %d", n,
                       EC_GRAM_MAX_IMAGES);
    gram_job job = {out, x, n, n_channels};
    ec_parallel_for(n, n_threads, gram_row, &job);
    double trace = 0.0;
    for (size_t i = 0; i < n; i++) trace += out[i * n + i];
    if (!(trace > 0.0) || !isfinite(trace))
        return ec_fail(err, EC_ERR_ARG, "the features of %zu images are all zero, or not finite",
                       n);
    const double scale = (double)n / trace;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) out[j * n + i] = out[i * n + j] *= scale;
    return EC_OK;
}

void ec_gram_add(double *sum, const double *k, size_t n) {
    for (size_t i = 0; i < n * n; i++) sum[i] += k[i];
}

void ec_gram_divide(double *sum, size_t n_parts, size_t n) {
    for (size_t i = 0; i < n * n; i++) sum[i] /= (double)n_parts;
}

static ec_status check_images(size_t n, size_t least, ec_error *err) {
    if (n >= least && n <= EC_GRAM_MAX_IMAGES) return EC_OK;
    return ec_fail(err, EC_ERR_ARG,
                   "%zu images cannot be compared with each other: expected %zu to %d", n, least,
                   EC_GRAM_MAX_IMAGES);
}

/* HKH, owned. EC_ERR_SINGULAR when nothing is left of K, whose diagonal has mean 1. */
static ec_status centre(double **out, const double *k, size_t n, ec_error *err) {
    double *centred = calloc(n * n, sizeof *centred), *mean = calloc(n, sizeof *mean);
    ec_status status = centred != NULL && mean != NULL ? EC_OK : out_of_memory(err);
    double total = 0.0, trace = 0.0;
    for (size_t i = 0; status == EC_OK && i < n; i++) {
        for (size_t j = 0; j < n; j++) mean[i] += k[i * n + j];
        mean[i] /= (double)n;
        total += mean[i] / (double)n;
    }
    for (size_t i = 0; status == EC_OK && i < n; i++) {
        for (size_t j = 0; j < n; j++)
            centred[i * n + j] = k[i * n + j] - mean[i] - mean[j] + total;
        trace += centred[i * n + i];
    }
    if (status == EC_OK && !(trace > 1e-13 * (double)n))
        status = ec_fail(err, EC_ERR_SINGULAR, "the features of all %zu images are the same", n);
    free(mean);
    if (status != EC_OK) free(centred);
    *out = status == EC_OK ? centred : NULL;
    return status;
}

/* ---- comparisons ---------------------------------------------------------------------------- */

static double inner(const double *k, const double *l, size_t n) {
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        double row = 0.0;
        for (size_t j = 0; j < n; j++) row += k[i * n + j] * l[i * n + j];
        sum += row;
    }
    return sum;
}

ec_status ec_gram_cka(double *out, const double *k, const double *l, size_t n, ec_error *err) {
    double *x = NULL, *y = NULL;
    ec_status status = check_images(n, 3, err);
    if (status == EC_OK) status = centre(&x, k, n, err);
    if (status == EC_OK) status = centre(&y, l, n, err);
    if (status == EC_OK) *out = inner(x, y, n) / sqrt(inner(x, x, n) * inner(y, y, n));
    free(x);
    free(y);
    return status;
}

/* The unbiased estimate of HSIC, times n (n - 3), which the quotient does not see. Diagonals count
 * as 0:  tr(KL) + (1'K1)(1'L1)/((n-1)(n-2)) - 2/(n-2) 1'KL1. */
static double unbiased(const double *k, const double *l, size_t n) {
    double trace = 0.0, sum_k = 0.0, sum_l = 0.0, product = 0.0;
    for (size_t i = 0; i < n; i++) {
        double row_k = 0.0, row_l = 0.0;
        for (size_t j = 0; j < n; j++) {
            if (i == j) continue;
            row_k += k[i * n + j];
            row_l += l[i * n + j];
            trace += k[i * n + j] * l[i * n + j];
        }
        sum_k += row_k;
        sum_l += row_l;
        product += row_k * row_l;
    }
    const double m = (double)n;
    return trace + sum_k * sum_l / ((m - 1.0) * (m - 2.0)) - 2.0 / (m - 2.0) * product;
}

ec_status ec_gram_cka_unbiased(double *out, const double *k, const double *l, size_t n,
                               ec_error *err) {
    double *x = NULL, *y = NULL;
    ec_status status = check_images(n, 4, err);
    /* HSIC does not change with the centre; centring first keeps digits where a large common mean
     * would cost them. */
    if (status == EC_OK) status = centre(&x, k, n, err);
    if (status == EC_OK) status = centre(&y, l, n, err);
    if (status == EC_OK) {
        const double own = unbiased(x, x, n) * unbiased(y, y, n);
        if (own > 0.0)
            *out = unbiased(x, y, n) / sqrt(own);
        else
            status = ec_fail(err, EC_ERR_SINGULAR,
                             "%zu images are too few to estimate how alike their features are", n);
    }
    free(x);
    free(y);
    return status;
}

ec_status ec_gram_effective_rank(double *out, const double *k, size_t n, ec_error *err) {
    double *centred = NULL, *value = calloc(n, sizeof *value);
    ec_status status = check_images(n, 3, err);
    if (status == EC_OK && value == NULL) status = out_of_memory(err);
    if (status == EC_OK) status = centre(&centred, k, n, err);
    /* Symmetric, so that it reads the same in either order of rows and columns. */
    if (status == EC_OK && LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'N', 'U', (lapack_int)n, centred,
                                          (lapack_int)n, value) != 0)
        status = out_of_memory(err);
    if (status == EC_OK) {
        /* Eigenvalues of K are squared singular values; below this they are rounding. */
        const double floor = (double)n * DBL_EPSILON * value[n - 1];
        double sum = 0.0, entropy = 0.0;
        for (size_t i = 0; i < n; i++) sum += value[i] > floor ? sqrt(value[i]) : 0.0;
        for (size_t i = 0; i < n; i++) {
            const double p = value[i] > floor ? sqrt(value[i]) / sum : 0.0;
            if (p > 0.0) entropy -= p * log(p);
        }
        *out = exp(entropy);
    }
    free(centred);
    free(value);
    return status;
}

/* Indices of the m images nearest to image i by cosine, nearest first. */
static void neighbours(size_t *out, const double *k, size_t n, size_t m, size_t i) {
    size_t found = 0;
    double cosine[EC_GRAM_MAX_NEIGHBOURS];
    for (size_t j = 0; j < n; j++) {
        if (j == i) continue;
        const double own = k[j * n + j];
        const double near = own > 0.0 ? k[i * n + j] / sqrt(own) : 0.0; /* times |x_i| */
        size_t at = found;
        while (at > 0 && cosine[at - 1] < near) at--;
        if (at == m) continue;
        if (found < m) found++;
        for (size_t p = found - 1; p > at; p--) {
            cosine[p] = cosine[p - 1];
            out[p] = out[p - 1];
        }
        cosine[at] = near;
        out[at] = j;
    }
}

ec_status ec_gram_mutual_knn(double *out, const double *k, const double *l, size_t n,
                             size_t n_neighbours, ec_error *err) {
    if (n_neighbours == 0 || n_neighbours > EC_GRAM_MAX_NEIGHBOURS || n > EC_GRAM_MAX_IMAGES ||
        n_neighbours + 1 >= n)
        return ec_fail(err, EC_ERR_ARG,
                       "the %zu nearest of %zu images say nothing: expected 1 to %d of at least "
                       "2 more images",
                       n_neighbours, n, EC_GRAM_MAX_NEIGHBOURS);
    size_t shared = 0, a[EC_GRAM_MAX_NEIGHBOURS], b[EC_GRAM_MAX_NEIGHBOURS];
    for (size_t i = 0; i < n; i++) {
        neighbours(a, k, n, n_neighbours, i);
        neighbours(b, l, n, n_neighbours, i);
        for (size_t p = 0; p < n_neighbours; p++)
            for (size_t q = 0; q < n_neighbours; q++) shared += a[p] == b[q];
    }
    *out = (double)shared / (double)(n * n_neighbours);
    return EC_OK;
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* Columns norm, norm_cv and norm_outliers of n images. */
static void average_norms(double out[3], const ec_token_norms *norms, size_t n) {
    double mean = 0.0, cv = 0.0, outliers = 0.0;
    for (size_t i = 0; i < n; i++) {
        mean += norms[i].mean;
        cv += norms[i].cv;
        outliers += norms[i].outliers;
    }
    out[0] = mean / (double)n;
    out[1] = cv / (double)n;
    out[2] = outliers / (double)n;
}

/* Too few images, or all alike: that a column has no value is worth remembering. */
static ec_status unless_untold(double *value, ec_status status) {
    if (status != EC_ERR_ARG && status != EC_ERR_SINGULAR) return status;
    *value = NAN;
    return EC_OK;
}

ec_status ec_representation_beside(double out[EC_REPRESENTATION_BESIDE], const double *k,
                                   const double *l, size_t n, ec_error *err) {
    double *cka = &out[EC_COLUMN_CKA], *unbiased_cka = &out[EC_COLUMN_CKA_UNBIASED];
    out[EC_COLUMN_MUTUAL_KNN] = NAN;
    ec_status status = unless_untold(cka, ec_gram_cka(cka, k, l, n, err));
    if (status == EC_OK)
        status = unless_untold(unbiased_cka, ec_gram_cka_unbiased(unbiased_cka, k, l, n, err));
    if (status == EC_OK && n >= EC_NEIGHBOURS + 2)
        status = ec_gram_mutual_knn(&out[EC_COLUMN_MUTUAL_KNN], k, l, n, EC_NEIGHBOURS, err);
    return status;
}

ec_status ec_representation_own(double out[EC_REPRESENTATION_OWN], const double *k,
                                const ec_token_norms *norms, size_t n, ec_error *err) {
    for (size_t i = 0; i < EC_REPRESENTATION_OWN; i++) out[i] = NAN;
    if (norms != NULL && n > 0)
        average_norms(&out[EC_COLUMN_NORM - EC_REPRESENTATION_BESIDE], norms, n);
    double *rank = &out[EC_COLUMN_RANK - EC_REPRESENTATION_BESIDE];
    return unless_untold(rank, ec_gram_effective_rank(rank, k, n, err));
}
