/* resample.h - Pillow's resize, bit for bit, of the part of the result that is wanted
 *
 * Source: libImaging/Resample.c of Pillow 13.0.0 (8 bits per channel). For output index o of an
 * axis that goes from `in` to `out` pixels:
 *
 *     scale  = in / out           fs     = max(scale, 1)        reach = support(filter) fs
 *     centre = (o + 1/2) scale    first  = max(0, int(centre - reach + 1/2))
 *                                 behind = min(in, int(centre + reach + 1/2))
 *     w[i]   = filter((i - centre + 1/2) / fs) for i in [first, behind), made to sum to 1
 *     W[i]   = round(2^22 w[i]), half away from zero
 *     result = clip((2^21 + sum W[i] p[i]) >> 22, 0, 255)
 *
 * Two such passes, with 8 bits kept between them: so their order shows. It is horizontal first,
 * unless the height shrinks by more than twice what the width shrinks (in pixels), since Pillow 13;
 * before 12.2 it always was horizontal first. (12.2 and 12.3 went vertical first where the image is
 * more than 100 times as high as wide, and shrinks in height.)
 *
 * Pillow leaves out the pass along an axis that keeps its size. Its weights are 1 for the pixel
 * itself and 0 for the others, so the pass would not change anything.
 */
#ifndef EC_IMAGE_RESAMPLE_H
#define EC_IMAGE_RESAMPLE_H

#include "eyechart/image.h"

/* Where each output pixel of one axis gets its value from. Output i is the sum over t < stride of
 * weight[i * stride + t] * in[first[i] + t]; weights behind the last one that counts are 0. */
typedef struct ec_taps {
    size_t n;        /* outputs */
    size_t n_inputs; /* length of the axis that is read; first[i] + t may point behind it */
    size_t stride;   /* a multiple of 4 */
    size_t *first;
    int32_t *weight; /* 22 bits of fraction, or whatever the kernels' pack() made of it */
} ec_taps;

/* Rows that a horizontal kernel works on together, to use each weight several times. */
enum { EC_RESAMPLE_ROWS = 4 };
/* Bytes behind the end of a row that a horizontal kernel may read (and ignore). */
enum { EC_RESAMPLE_SLACK = 64 };

/* The inner loops for one instruction set. All give the same bytes. */
typedef struct ec_resample_kernels {
    const char *name;
    /* Brings the weights, a multiple of 4 of them, into the form that the others want. */
    void (*pack)(int32_t *weight, size_t n);
    /* out[r][0 .. 3 n) from the rows in[r], for all EC_RESAMPLE_ROWS rows; pointers may repeat. */
    void (*horizontal)(uint8_t *const *out, const uint8_t *const *in, const ec_taps *taps);
    /* out[0 .. n_bytes) from `stride` rows in[t] with weights weight[t]. */
    void (*vertical)(uint8_t *out, const uint8_t *const *in, const int32_t *weight, size_t stride,
                     size_t n_bytes);
} ec_resample_kernels;

extern const ec_resample_kernels ec_resample_portable;
extern const ec_resample_kernels ec_resample_avx2;
/* The fastest that this CPU runs. */
const ec_resample_kernels *ec_resample_best(void);
/* NULL-terminated: all that this CPU runs, for tests. */
void ec_resample_all(const ec_resample_kernels *out[3]);

/* A part of the resized image. */
typedef struct ec_window {
    size_t x, y, width, height;
} ec_window;

typedef struct ec_resample_plan {
    size_t width, height; /* of the whole resized image */
    ec_filter filter;
    bool horizontal_first; /* always, as before Pillow 12.2 */
    ec_window window;      /* what *out receives; not empty, inside of width x height */
} ec_resample_plan;

/* Errors: EC_ERR_ARG (an empty size or image, a filter that is not supported), EC_ERR_NOMEM. */
ec_status ec_image_resample(ec_image *out, const ec_image *in, const ec_resample_plan *plan,
                            const ec_resample_kernels *kernels, ec_error *err);

#endif
