/* vit_positions.c - position embeddings of one grid, for another
 *
 * torch.nn.functional.interpolate(mode="bicubic", align_corners=False), which transformers calls:
 * Keys' cubic convolution along each axis, A = -0.75 with the border repeated, or, antialiased, A =
 * -0.5 stretched to the scale with the border cut and weights normalised. Separable, so each axis
 * is a short list of weighted rows.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encoders/vit/vit.h"

/* Keys' kernel. */
static double cubic(double x, double a) {
    x = fabs(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
    return 0;
}

/* Output i of one axis is the sum of weight[i * taps + j] * source[index[i * taps + j]]. */
typedef struct {
    size_t taps;
    size_t *index;
    double *weight;
} axis;

static void axis_release(axis *a) {
    free(a->index);
    free(a->weight);
}

/* Four neighbours of each output; `scale` is source steps an output step. */
static void fill_plain(axis *a, size_t n_new, size_t n_old, double scale) {
    for (size_t i = 0; i < n_new; i++) {
        const double at = scale * ((double)i + 0.5) - 0.5, below = floor(at);
        for (int j = 0; j < 4; j++) {
            const double source = below + j - 1;
            const double clamped = source < 0                   ? 0
                                   : source > (double)n_old - 1 ? (double)n_old - 1
                                                                : source;
            a->index[i * a->taps + (size_t)j] = (size_t)clamped;
            a->weight[i * a->taps + (size_t)j] = cubic(at - source, -0.75);
        }
    }
}

static void fill_antialiased(axis *a, size_t n_new, size_t n_old, double scale) {
    const double stretch = scale > 1 ? scale : 1, support = 2 * stretch;
    for (size_t i = 0; i < n_new; i++) {
        const double centre = scale * ((double)i + 0.5);
        const double first = fmax(floor(centre - support + 0.5), 0);
        const double end = fmin(floor(centre + support + 0.5), (double)n_old);
        double total = 0;
        for (size_t j = 0; j < a->taps; j++) {
            const double source = first + (double)j;
            const bool inside = source < end;
            const double weight = inside ? cubic((source - centre + 0.5) / stretch, -0.5) : 0;
            a->index[i * a->taps + j] = inside ? (size_t)source : 0;
            a->weight[i * a->taps + j] = weight;
            total += weight;
        }
        for (size_t j = 0; j < a->taps; j++) a->weight[i * a->taps + j] /= total;
    }
}

static bool axis_init(axis *a, vit_interpolation how, size_t n_new, size_t n_old) {
    const double scale =
        (double)n_old / ((double)n_new + (how == VIT_INTERPOLATE_OFFSET ? 0.1 : 0.0));
    a->taps = how == VIT_INTERPOLATE_ANTIALIASED ? (size_t)(4 * fmax(scale, 1)) + 2 : 4;
    a->index = calloc(n_new * a->taps, sizeof *a->index);
    a->weight = calloc(n_new * a->taps, sizeof *a->weight);
    if (a->index == NULL || a->weight == NULL) return false;
    if (how == VIT_INTERPOLATE_ANTIALIASED)
        fill_antialiased(a, n_new, n_old, scale);
    else
        fill_plain(a, n_new, n_old, scale);
    return true;
}

ec_status vit_positions(float *out, const vit_spec *spec, const vit_weights *weights, size_t height,
                        size_t width, ec_error *err) {
    const size_t d = spec->width, side = spec->image_size / spec->patch;
    float *old = malloc(side * side * d * sizeof *old);
    axis y = {0}, x = {0};
    ec_status status = EC_OK;
    if (old == NULL || !axis_init(&y, spec->interpolation, height, side) ||
        !axis_init(&x, spec->interpolation, width, side)) {
        status = ec_fail(err, EC_ERR_NOMEM, "out of memory for position embeddings");
        goto done;
    }
    /* The positions of other tokens come first in the table. */
    ec_tensor_to_f32(old, &weights->position->file, weights->n_extra_positions * d,
                     side * side * d);
    /* The reference does not interpolate then, not even with + .1. */
    if (height == side && width == side) {
        memcpy(out, old, side * side * d * sizeof *out);
        goto done;
    }
    for (size_t row = 0; row < height; row++)
        for (size_t column = 0; column < width; column++)
            for (size_t channel = 0; channel < d; channel++) {
                double sum = 0;
                for (size_t j = 0; j < y.taps; j++) {
                    const float *line = old + y.index[row * y.taps + j] * side * d + channel;
                    double across = 0;
                    for (size_t k = 0; k < x.taps; k++)
                        across +=
                            x.weight[column * x.taps + k] * line[x.index[column * x.taps + k] * d];
                    sum += y.weight[row * y.taps + j] * across;
                }
                out[(row * width + column) * d + channel] = (float)sum;
            }

done:
    free(old);
    axis_release(&y);
    axis_release(&x);
    return status;
}
