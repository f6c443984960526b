/* kernel.h - the covariance of the Gaussian process and its scale */
#ifndef EC_LAW_KERNEL_H
#define EC_LAW_KERNEL_H

#include "eyechart/gp.h"

#include <math.h>

/* s is never below this, so that identical results do not give a scale of 0. */
#define EC_GP_MIN_SCALE 1e-12

/* k(p, q) = exp(-|p - q|^2 / (2 length^2)), from the differences of the coordinates. */
static inline double ec_rbf(double da, double dc, double length) {
    return exp(-(da * da + dc * dc) / (2.0 * length * length));
}

#endif
