/* scale.h - what results say about the scale s of the Gaussian process
 *
 * With uu, uv, vv the squares and the product, in the norm of the model, of what remains of the m
 * results and of the trend there once mu is taken out,
 *
 *     p(y, s) ~ s^-(m-1) exp(-(uu/s^2 - 2 uv/s + vv)/2) / s
 *
 * so that x = sqrt(uu)/s has the log-concave density x^(m-2) exp(-x^2/2 + rho x), rho =
 * uv/sqrt(uu), which is integrated and drawn from on a grid.
 */
#ifndef EC_LAW_SCALE_H
#define EC_LAW_SCALE_H

#include <stddef.h>

enum { EC_SCALE_CELLS = 96 };

typedef struct ec_scale {
    double low, step;    /* cells of x */
    double log_integral; /* of the density above */
    double variance; /* of x */
    double mean; /* of x: sqrt(uu) / mean is the harmonic mean of s, finite from 2 results on */
    double cumulated[EC_SCALE_CELLS + 1];
} ec_scale;

/* m >= 2. */
void ec_scale_integrate(ec_scale *out, double rho, size_t m);

/* x for the uniform u in [0, 1). */
double ec_scale_draw(const ec_scale *scale, double u);

#endif
