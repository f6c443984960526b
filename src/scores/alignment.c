/* alignment.c - embeddings in, mean of largest cosines out; see eyechart/alignment.h
 *
 * Of rows of length 1 the cosines are a matrix product, which runs near the machine's peak
 * (src/cpu/gemm.c); all of them are stored, 1.3 MB for 576 x 576, since finding the largest of
 * each row afterwards costs a thousandth of the product.
 */
#include "eyechart/alignment.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/text.h"
#include "ops/ops.h"
#include "scores/bf16.h"
#include "scores/unit.h"

ec_status ec_alignment_normalise(float *rows, size_t n, size_t width, bool bf16_compat,
                                 ec_error *err) {
    for (size_t i = 0; i < n; i++) {
        float *row = rows + i * width;
        const bool is_finite =
            bf16_compat ? isfinite(ec_square_length(row, width)) : ec_unit_length(row, width);
        if (!is_finite)
            return ec_fail(err, EC_ERR_FORMAT,
                           "token %zu: its embedding holds numbers that are not finite; are the "
                           "weights of the encoder or the connector damaged?",
                           i);
    }
    if (bf16_compat) ec_bf16_normalise(rows, n, width);
    return EC_OK;
}

ec_status ec_alignment_max_cosine(double *mean, ec_ctx *ctx, const float *target, size_t n_target,
                                  const float *reference, size_t n_reference, size_t width,
                                  bool bf16_compat, ec_error *err) {
    assert(n_target > 0 && n_reference > 0 && width > 0);
    if (bf16_compat)
        return ec_bf16_max_cosine(mean, target, n_target, reference, n_reference, width,
                                  ec_ctx_threads(ctx), err);
    float *largest = malloc(n_target * sizeof *largest);
    if (largest == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    const ec_mark mark = ec_scratch_mark(ctx);
    const ec_array e = ec_upload(ctx, target, EC_F32, 2, (size_t[]){n_target, width});
    const ec_array r = ec_upload(ctx, reference, EC_F32, 2, (size_t[]){n_reference, width});
    ec_download(ctx, largest, ec_row_max(ctx, ec_product_nt(ctx, e, r, false)));
    ec_scratch_release(ctx, mark);
    const ec_status status = ec_ctx_status(ctx, err);
    double sum = 0;
    for (size_t v = 0; v < n_target && status == EC_OK; v++) sum += largest[v];
    *mean = sum / (double)n_target;
    free(largest);
    return status;
}

static void add_side(ec_text *text, const ec_align_side *side) {
    for (size_t i = 0; i < side->n_encoders; i++) ec_text_format(text, "%s\n", side->encoders[i]);
    ec_text_format(text, "connector %s\n", side->connector);
}

ec_status ec_alignment_key(char out[33], const ec_align_side *candidate,
                           const ec_align_side *reference, bool bf16_compat, ec_error *err) {
    ec_text text = {0};
    ec_text_format(&text, "%s %d bf16 %d\n", reference != NULL ? "A" : "embeddings",
                   EC_ALIGNMENT_VERSION, bf16_compat);
    add_side(&text, candidate);
    if (reference != NULL) {
        ec_text_add(&text, "to\n");
        add_side(&text, reference);
    }
    const bool failed = text.failed;
    if (!failed) ec_hash_bytes(out, text.data, text.size_bytes);
    ec_text_release(&text);
    return failed ? ec_fail(err, EC_ERR_NOMEM, "out of memory") : EC_OK;
}

ec_alignment_summary ec_alignment_summarise(const double *values, size_t n_images, size_t stride) {
    ec_alignment_summary s = {.a = NAN, .a_error = NAN, .n_images = n_images};
    if (n_images == 0) return s;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n_images; i++) sum += values[i * stride];
    s.a = sum / (double)n_images;
    for (size_t i = 0; i < n_images; i++) {
        const double d = values[i * stride] - s.a;
        squares += d * d;
    }
    if (n_images > 1) s.a_error = sqrt(squares / (double)(n_images - 1) / (double)n_images);
    return s;
}
