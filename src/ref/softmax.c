/* softmax.c - attention
 *
 * Vaswani et al., arXiv:1706.03762, formula 1, for each head; its gradient as in Dao et al.,
 * FlashAttention, arXiv:2205.14135, appendix B.2.
 */
#include <math.h>

#include "ref/internal.h"

/* One head of one image, as rows of `width` numbers that begin `at` numbers further. */
typedef struct {
    size_t t, d, width, at;
    double scale;
} head;

static head head_of(const ec_attention_work *work, size_t i) {
    const size_t t = work->q.shape[1], width = work->q.shape[2];
    const size_t image = i / work->heads, number = i % work->heads, d = width / work->heads;
    return (head){.t = t,
                  .d = d,
                  .width = width,
                  .at = image * t * width + number * d,
                  .scale = (double)work->scale};
}

/* Row i of x times row j of y. */
static double dot(const head *h, const double *x, size_t i, const double *y, size_t j) {
    double sum = 0.0;
    for (size_t c = 0; c < h->d; c++)
        sum += x[h->at + i * h->width + c] * y[h->at + j * h->width + c];
    return sum;
}

/* y row i += factor * x row j. */
static void add_row(const head *h, double *y, size_t i, double factor, const double *x, size_t j) {
    for (size_t c = 0; c < h->d; c++)
        y[h->at + i * h->width + c] += factor * x[h->at + j * h->width + c];
}

/* p [t] = the probabilities of query i: exp(s_j - log sum_j exp s_j), s_j = scale q_i k_j. Returns
 * that logarithm. */
static double probabilities(const head *h, double *p, const double *q, size_t i, const double *k) {
    double highest = -INFINITY, total = 0.0;
    for (size_t j = 0; j < h->t; j++) {
        p[j] = h->scale * dot(h, q, i, k, j);
        if (p[j] > highest) highest = p[j];
    }
    for (size_t j = 0; j < h->t; j++) total += p[j] = exp(p[j] - highest);
    for (size_t j = 0; j < h->t; j++) p[j] /= total;
    return highest + log(total);
}

ec_status ec_ref_attention(void *self, const ec_attention_work *work) {
    ec_ref *r = self;
    const size_t heads = work->q.shape[0] * work->heads, t = work->q.shape[1];
    const double *q = ec_ref_read(r, &work->q), *k = ec_ref_read(r, &work->k);
    const double *v = ec_ref_read(r, &work->v);
    double *y = ec_ref_zeros(r, ec_array_count(work->y)), *p = ec_ref_zeros(r, t);
    double *log_sums = ec_ref_zeros(r, heads * t);
    if (ec_ref_ready(r)) {
        for (size_t n = 0; n < heads; n++) {
            const head h = head_of(work, n);
            for (size_t i = 0; i < t; i++) {
                log_sums[n * t + i] = probabilities(&h, p, q, i, k);
                for (size_t j = 0; j < t; j++) add_row(&h, y, i, p[j], v, j);
            }
        }
        ec_ref_write(r, &work->y, y);
        ec_ref_write(r, &work->log_sums, log_sums);
    }
    return ec_ref_end(r);
}

/* With p the probabilities and dy = dL/dy:
 *
 *     dv_j = sum_i p_ij dy_i
 *     ds_ij = p_ij (dy_i v_j - dy_i y_i)        since dp_ij = dy_i v_j and y_i = sum_j p_ij v_j
 *     dq_i = scale sum_j ds_ij k_j,   dk_j = scale sum_i ds_ij q_i */
ec_status ec_ref_attention_backward(void *self, const ec_attention_work *work) {
    ec_ref *r = self;
    const size_t heads = work->q.shape[0] * work->heads, t = work->q.shape[1];
    const size_t count = ec_array_count(work->q);
    const double *q = ec_ref_read(r, &work->q), *k = ec_ref_read(r, &work->k);
    const double *v = ec_ref_read(r, &work->v), *y = ec_ref_read(r, &work->y);
    const double *dy = ec_ref_read(r, &work->dy), *log_sums = ec_ref_read(r, &work->log_sums);
    double *dq = ec_ref_zeros(r, count), *dk = ec_ref_zeros(r, count);
    double *dv = ec_ref_zeros(r, count);
    if (ec_ref_ready(r)) {
        for (size_t n = 0; n < heads; n++) {
            const head h = head_of(work, n);
            for (size_t i = 0; i < t; i++) {
                const double dy_y = dot(&h, dy, i, y, i);
                for (size_t j = 0; j < t; j++) {
                    const double p = exp(h.scale * dot(&h, q, i, k, j) - log_sums[n * t + i]);
                    const double ds = p * (dot(&h, dy, i, v, j) - dy_y);
                    add_row(&h, dv, j, p, dy, i);
                    add_row(&h, dq, i, h.scale * ds, k, j);
                    add_row(&h, dk, j, h.scale * ds, q, i);
                }
            }
        }
        ec_ref_write(r, &work->dq, dq);
        ec_ref_write(r, &work->dk, dk);
        ec_ref_write(r, &work->dv, dv);
    }
    return ec_ref_end(r);
}
