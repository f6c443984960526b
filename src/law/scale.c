/* scale.c - see scale.h */
#include "law/scale.h"

#include <math.h>

static double log_density(double x, double rho, double m) {
    return (m > 2.0 ? (m - 2.0) * log(x) : 0.0) - 0.5 * x * x + rho * x;
}

void ec_scale_integrate(ec_scale *out, double rho, size_t n_results) {
    const double m = (double)n_results, deep = 30.0; /* below the mode in logarithms: nothing is
                                                        left out there */
    const double root = sqrt(rho * rho + 4.0 * (m - 2.0));
    /* The positive root of (m - 2)/x - x + rho, without cancellation; 0 when m = 2, rho < 0. */
    const double mode = rho > 0.0 ? 0.5 * (rho + root)
                        : m > 2.0 ? 2.0 * (m - 2.0) / (root - rho)
                                  : 0.0;
    const double width = mode > 0.0 ? mode / sqrt(m - 2.0 + mode * mode) : 1.0 / (1.0 + fabs(rho));
    const double peak = log_density(mode, rho, m);
    double below = width, above = width;
    while (mode - below > 0.0 && log_density(mode - below, rho, m) > peak - deep) below *= 1.5;
    while (log_density(mode + above, rho, m) > peak - deep) above *= 1.5;
    out->low = fmax(mode - below, 0.0);
    out->step = (mode + above - out->low) / EC_SCALE_CELLS;
    out->cumulated[0] = 0.0;
    double first_moment = 0.0, second_moment = 0.0; /* the second about the mode */
    /* Gauss's two points in each cell: the density ends abruptly at 0, where midpoints would see
     * the integral to 1e-5 only. */
    const double apart = out->step / sqrt(12.0);
    for (int i = 0; i < EC_SCALE_CELLS; i++) {
        const double middle = out->low + (i + 0.5) * out->step;
        double cell = 0.0;
        for (int side = -1; side <= 1; side += 2) {
            const double x = middle + side * apart, p = exp(log_density(x, rho, m) - peak);
            cell += 0.5 * p;
            first_moment += 0.5 * x * p;
            second_moment += 0.5 * (x - mode) * (x - mode) * p;
        }
        out->cumulated[i + 1] = out->cumulated[i] + cell;
    }
    out->log_integral = peak + log(out->cumulated[EC_SCALE_CELLS] * out->step);
    out->mean = first_moment / out->cumulated[EC_SCALE_CELLS];
    out->variance =
        second_moment / out->cumulated[EC_SCALE_CELLS] - (out->mean - mode) * (out->mean - mode);
}

double ec_scale_draw(const ec_scale *scale, double u) {
    const double *cumulated = scale->cumulated, target = u * cumulated[EC_SCALE_CELLS];
    size_t low = 0, high = EC_SCALE_CELLS; /* cumulated[low] <= target < cumulated[high] */
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        if (cumulated[middle] <= target)
            low = middle;
        else
            high = middle;
    }
    const double inside = (target - cumulated[low]) / (cumulated[high] - cumulated[low]);
    return scale->low + scale->step * ((double)low + fmax(inside, 1e-6));
}
