/* resample.c - weights, and the order of the two passes; see resample.h */
#include "image/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FRACTION_BITS = 22 };
/* A bound on the table of weights, reached only by images that are a hundred million pixels long.
 */
#define MAX_WEIGHTS ((size_t)1 << 28)

/* ---- Filters ---- */

static double box(double x) {
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double bilinear(double x) {
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic with a = -1/2. */
static double bicubic(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static double sinc(double x) {
    if (x == 0.0) return 1.0;
    x *= M_PI;
    return sin(x) / x;
}

static double lanczos(double x) {
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

typedef struct {
    double (*value)(double x);
    double support;
} shape;

static bool shape_get(shape *out, ec_filter which) {
    switch (which) {
    case EC_FILTER_LANCZOS:
        *out = (shape){lanczos, 3.0};
        return true;
    case EC_FILTER_BILINEAR:
        *out = (shape){bilinear, 1.0};
        return true;
    case EC_FILTER_BICUBIC:
        *out = (shape){bicubic, 2.0};
        return true;
    case EC_FILTER_BOX:
        *out = (shape){box, 0.5};
        return true;
    case EC_FILTER_NEAREST:
        break;
    }
    return false;
}

/* ---- Weights ---- */

static int32_t fixed_point(double w) {
    const double one = 1 << FRACTION_BITS;
    return w < 0 ? (int32_t)(-0.5 + w * one) : (int32_t)(0.5 + w * one);
}

static void taps_release(ec_taps *taps) {
    free(taps->first);
    free(taps->weight);
    *taps = (ec_taps){0};
}

/* Weights of outputs [start, start + n) of an axis that goes from n_in to n_out pixels. */
static ec_status taps_init(ec_taps *taps, size_t n_in, size_t n_out, size_t start, size_t n,
                           const shape *f, ec_error *err) {
    /* Pillow takes the input's length as a float. */
    const double scale = (double)(float)n_in / (double)n_out;
    const double filter_scale = scale < 1.0 ? 1.0 : scale;
    const double reach = f->support * filter_scale, inverse = 1.0 / filter_scale;
    const size_t stride = ((size_t)ceil(reach) * 2 + 1 + 3) / 4 * 4;
    double *w = NULL;
    *taps = (ec_taps){.n = n, .n_inputs = n_in, .stride = stride};
    if (n <= MAX_WEIGHTS / stride) {
        taps->first = malloc(n * sizeof *taps->first);
        taps->weight = calloc(n * stride, sizeof *taps->weight);
        w = malloc(stride * sizeof *w);
    }
    if (taps->first == NULL || taps->weight == NULL || w == NULL) {
        free(w);
        taps_release(taps);
        return ec_fail(err, EC_ERR_NOMEM, "out of memory to resize %zu pixels to %zu", n_in, n_out);
    }
    for (size_t i = 0; i < n; i++) {
        const double centre = ((double)(start + i) + 0.5) * scale;
        const double from = centre - reach + 0.5, to = centre + reach + 0.5;
        size_t first = from < 0 ? 0 : (size_t)from;
        if (first >= n_in) first = n_in - 1; /* only when the float above was rounded up */
        const size_t behind = to > (double)n_in ? n_in : (size_t)to;
        double sum = 0.0;
        for (size_t x = first; x < behind; x++) {
            w[x - first] = f->value(((double)x - centre + 0.5) * inverse);
            sum += w[x - first];
        }
        for (size_t x = first; x < behind; x++)
            taps->weight[i * stride + x - first] =
                fixed_point(sum != 0.0 ? w[x - first] / sum : w[x - first]);
        taps->first[i] = first;
    }
    free(w);
    return EC_OK;
}

/* Inputs [*first, *behind) are those with weights. */
static void taps_range(const ec_taps *taps, size_t *first, size_t *behind) {
    *first = taps->first[0];
    const size_t last = taps->first[taps->n - 1] + taps->stride;
    *behind = last < taps->n_inputs ? last : taps->n_inputs;
}

/* From now on the axis that is read begins at `first` and ends at `behind`. */
static void taps_shift(ec_taps *taps, size_t first, size_t behind) {
    for (size_t i = 0; i < taps->n; i++) taps->first[i] -= first;
    taps->n_inputs = behind - first;
}

/* ---- Passes ---- */

static bool allocate(ec_image *image, size_t width, size_t height) {
    if (width > SIZE_MAX / 3 / height) return false;
    *image = (ec_image){.width = width, .height = height, .rgb = malloc(width * height * 3)};
    return image->rgb != NULL;
}

/* Rows [y, y + out->height) of `in`, resampled along x. */
static bool horizontal_pass(ec_image *out, const ec_image *in, size_t y, const ec_taps *taps,
                            const ec_resample_kernels *kernels) {
    const size_t in_bytes = in->width * 3, out_bytes = out->width * 3;
    const uint8_t *const end = in->rgb + in->height * in_bytes;
    /* The last rows are copied, so that reading behind them stays inside of something. */
    const size_t copy_bytes = in_bytes + EC_RESAMPLE_SLACK;
    uint8_t *const copies = calloc(EC_RESAMPLE_ROWS, copy_bytes);
    if (copies == NULL) return false;
    for (size_t k = 0; k < out->height; k += EC_RESAMPLE_ROWS) {
        const uint8_t *from[EC_RESAMPLE_ROWS];
        uint8_t *to[EC_RESAMPLE_ROWS];
        for (size_t r = 0; r < EC_RESAMPLE_ROWS; r++) {
            const size_t row = k + r < out->height ? k + r : out->height - 1;
            to[r] = out->rgb + row * out_bytes;
            from[r] = in->rgb + (y + row) * in_bytes;
            if ((size_t)(end - from[r]) >= copy_bytes) continue;
            from[r] = memcpy(copies + r * copy_bytes, from[r], in_bytes);
        }
        kernels->horizontal(to, from, taps);
    }
    free(copies);
    return true;
}

/* Columns [x, x + out->width) of `in`, resampled along y. */
static bool vertical_pass(ec_image *out, const ec_image *in, size_t x, const ec_taps *taps,
                          const ec_resample_kernels *kernels) {
    const size_t in_bytes = in->width * 3, out_bytes = out->width * 3;
    const uint8_t **rows = malloc(taps->stride * sizeof *rows);
    if (rows == NULL) return false;
    for (size_t i = 0; i < out->height; i++) {
        for (size_t t = 0; t < taps->stride; t++) {
            const size_t row = taps->first[i] + t;
            const size_t last = in->height - 1; /* behind it weights are 0: any row will do */
            rows[t] = in->rgb + (row < last ? row : last) * in_bytes + x * 3;
        }
        kernels->vertical(out->rgb + i * out_bytes, rows, taps->weight + i * taps->stride,
                          taps->stride, out_bytes);
    }
    free(rows);
    return true;
}

static ec_status run_passes(ec_image *out, const ec_image *in, ec_taps *across, ec_taps *down,
                            bool horizontal_first, const ec_resample_kernels *kernels,
                            ec_error *err) {
    size_t first, behind;
    ec_image between = {0};
    bool ok = allocate(out, across->n, down->n);
    if (horizontal_first) {
        taps_range(down, &first, &behind);
        taps_shift(down, first, behind);
        ok = ok && allocate(&between, across->n, behind - first) &&
             horizontal_pass(&between, in, first, across, kernels) &&
             vertical_pass(out, &between, 0, down, kernels);
    } else {
        taps_range(across, &first, &behind);
        taps_shift(across, first, behind);
        ok = ok && allocate(&between, behind - first, down->n) &&
             vertical_pass(&between, in, first, down, kernels) &&
             horizontal_pass(out, &between, 0, across, kernels);
    }
    ec_image_release(&between);
    if (ok) return EC_OK;
    ec_image_release(out);
    return ec_fail(err, EC_ERR_NOMEM, "out of memory to resize an image of %zu x %zu pixels",
                   in->width, in->height);
}

/* Pillow's choice, in numbers that may be negative. */
static bool is_horizontal_first(const ec_image *in, const ec_resample_plan *plan) {
    if (plan->horizontal_first) return true;
    const int64_t narrower = (int64_t)in->width - (int64_t)plan->width;
    const int64_t lower = (int64_t)in->height - (int64_t)plan->height;
    return !(lower > 0 && lower > 2 * narrower);
}

ec_status ec_image_resample(ec_image *out, const ec_image *in, const ec_resample_plan *plan,
                            const ec_resample_kernels *kernels, ec_error *err) {
    *out = (ec_image){0};
    shape f;
    if (!shape_get(&f, plan->filter))
        return ec_fail(err, EC_ERR_ARG,
                       "resampling filter %d is not supported; 1 (Lanczos), 2 (bilinear), "
                       "3 (bicubic) and 4 (box) are",
                       (int)plan->filter);
    if (in->width == 0 || in->height == 0 || plan->width == 0 || plan->height == 0)
        return ec_fail(err, EC_ERR_ARG, "cannot resize %zu x %zu to %zu x %zu pixels", in->width,
                       in->height, plan->width, plan->height);

    const ec_window *window = &plan->window;
    ec_taps across = {0}, down = {0};
    ec_status status =
        taps_init(&across, in->width, plan->width, window->x, window->width, &f, err);
    if (status != EC_OK) goto done;
    status = taps_init(&down, in->height, plan->height, window->y, window->height, &f, err);
    if (status != EC_OK) goto done;
    kernels->pack(across.weight, across.n * across.stride);
    kernels->pack(down.weight, down.n * down.stride);
    status = run_passes(out, in, &across, &down, is_horizontal_first(in, plan), kernels, err);

done:
    taps_release(&across);
    taps_release(&down);
    return status;
}

ec_status ec_image_resize(ec_image *out, const ec_image *in, size_t width, size_t height,
                          ec_filter filter, ec_error *err) {
    const ec_resample_plan plan = {width, height, filter, false, {0, 0, width, height}};
    return ec_image_resample(out, in, &plan, ec_resample_best(), err);
}

/* ---- Kernels ---- */

static bool has_avx2(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2");
#else
    return false;
#endif
}

const ec_resample_kernels *ec_resample_best(void) {
    return has_avx2() ? &ec_resample_avx2 : &ec_resample_portable;
}

void ec_resample_all(const ec_resample_kernels *out[3]) {
    out[0] = &ec_resample_portable;
    out[1] = has_avx2() ? &ec_resample_avx2 : NULL;
    out[2] = NULL;
}
