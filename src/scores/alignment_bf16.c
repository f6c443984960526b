/* alignment_bf16.c - the same comparison with the authors' roundings
 *
 * They saved embeddings as bfloat16 and compared them on the CPU with PyTorch 2.0.1, so that each
 * tensor operation computes in f32 and rounds its result:
 *
 *     x = x / (||x|| + 1e-10)             normalize_feat of A_score/compute.py
 *     x = x / max(||x||, 1e-8)            each side of torch.cosine_similarity,
 *     s = sum_j x_j y_j                   every product rounded, the sum in f32, then rounded
 *     mean over tokens of max s           the sum rounded, then the quotient: so until PyTorch 2.3
 *
 * Checked against PyTorch's bfloat16: tools/align_reference.py, tests/unit/scores/test_alignment.c.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "scores/bf16.h"

enum { LANES = 16, ROWS_AT_ONCE = 8 };

/* To bfloat16, to nearest, ties to even. `x` is finite. */
static inline float rounded(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float length(const float *row, size_t width) {
    double square = 0;
    for (size_t j = 0; j < width; j++) square += (double)row[j] * (double)row[j];
    return rounded((float)sqrt(square));
}

static void divide(float *row, size_t width, float divisor) {
    for (size_t j = 0; j < width; j++) row[j] = rounded(row[j] / divisor);
}

void ec_bf16_normalise(float *rows, size_t n, size_t width) {
    for (size_t i = 0; i < n; i++) {
        float *row = rows + i * width;
        for (size_t j = 0; j < width; j++) row[j] = rounded(row[j]);
        divide(row, width, rounded(length(row, width) + rounded(1e-10f)));
        divide(row, width, fmaxf(length(row, width), rounded(1e-8f)));
    }
}

static float cosine(const float *a, const float *b, size_t width) {
    float sum[LANES] = {0};
    size_t j = 0;
    for (; j + LANES <= width; j += LANES)
        for (size_t l = 0; l < LANES; l++) sum[l] += rounded(a[j + l] * b[j + l]);
    for (; j < width; j++) sum[0] += rounded(a[j] * b[j]);
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) sum[l] += sum[l + half];
    return rounded(sum[0]);
}

typedef struct {
    const float *target, *reference;
    size_t n_target, n_reference, width;
    float *best; /* [n_target] */
} comparison;

static void compare_rows(void *context, size_t i) {
    const comparison *c = context;
    const size_t first = i * ROWS_AT_ONCE;
    const size_t last = c->n_target - first < ROWS_AT_ONCE ? c->n_target : first + ROWS_AT_ONCE;
    for (size_t v = first; v < last; v++) c->best[v] = -INFINITY;
    for (size_t u = 0; u < c->n_reference; u++)
        for (size_t v = first; v < last; v++) {
            const float s = cosine(c->target + v * c->width, c->reference + u * c->width, c->width);
            if (s > c->best[v]) c->best[v] = s;
        }
}

ec_status ec_bf16_max_cosine(double *mean, const float *target, size_t n_target,
                             const float *reference, size_t n_reference, size_t width,
                             size_t n_threads, ec_error *err) {
    comparison c = {target,      reference, n_target,
                    n_reference, width,     malloc(n_target * sizeof *c.best)};
    if (c.best == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    ec_parallel_for((n_target + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE, n_threads, compare_rows, &c);
    float sum = 0;
    for (size_t v = 0; v < n_target; v++) sum += c.best[v];
    *mean = rounded(rounded(sum) / (float)n_target);
    free(c.best);
    return EC_OK;
}
