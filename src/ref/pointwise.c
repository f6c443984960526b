/* pointwise.c - activations and SwiGLU: element by element, and their derivatives
 *
 *     gelu        x Phi(x), Phi the normal distribution function     Hendrycks, arXiv:1606.08415
 *     gelu tanh   its approximation x sigmoid(2 u), u = sqrt(2/pi) (x + 0.044715 x^3); the same as
 *                 x (1 + tanh u)/2                                    likewise
 *     quick gelu  x sigmoid(1.702 x)                                  likewise; CLIP's
 *     silu        x sigmoid(x)                                        likewise
 *     swiglu      silu(a) * b                                         Shazeer, arXiv:2002.05202
 */
#include <math.h>

#include "ref/internal.h"

/* 1/(1 + exp(-x)), small on the left to full accuracy. */
static double sigmoid(double x) {
    return 1.0 / (1.0 + exp(-x));
}

/* Phi(x) = (1 + erf(x/sqrt 2))/2, likewise. */
static double normal(double x) {
    return 0.5 * erfc(-x / sqrt(2.0));
}

static const double PI = 3.14159265358979323846, CUBE = 0.044715, QUICK = 1.702;

double ec_ref_activation(double x, ec_activation activation) {
    switch (activation) {
    case EC_ACT_QUICK_GELU:
        return x * sigmoid(QUICK * x);
    case EC_ACT_GELU:
        return x * normal(x);
    case EC_ACT_GELU_TANH:
        return x * sigmoid(2.0 * sqrt(2.0 / PI) * (x + CUBE * x * x * x));
    case EC_ACT_SILU:
        return x * sigmoid(x);
    case EC_ACT_RELU:
        return x < 0.0 ? 0.0 : x; /* NaN stays NaN */
    default:
        return x;
    }
}

/* The derivative of x sigmoid(u(x)), with u and u'. */
static double gated_slope(double x, double u, double u_slope) {
    const double s = sigmoid(u);
    return s + (s > 0.0 && s < 1.0 ? x * s * (1.0 - s) * u_slope : 0.0);
}

double ec_ref_slope(double x, ec_activation activation) {
    const double two_over = 2.0 * sqrt(2.0 / PI);
    switch (activation) {
    case EC_ACT_QUICK_GELU:
        return gated_slope(x, QUICK * x, QUICK);
    case EC_ACT_GELU:
        return normal(x) + (isinf(x) ? 0.0 : x * exp(-0.5 * x * x) / sqrt(2.0 * PI));
    case EC_ACT_GELU_TANH:
        return gated_slope(x, two_over * (x + CUBE * x * x * x),
                           two_over * (1.0 + 3.0 * CUBE * x * x));
    case EC_ACT_SILU:
        return gated_slope(x, x, 1.0);
    case EC_ACT_RELU:
        return isnan(x) ? x : x > 0.0 ? 1.0 : 0.0; /* at 0 as PyTorch's: 0 */
    default:
        return 1.0;
    }
}

/* Forward where z is NULL; else z is the gradient of the result. */
static void activate(double *y, const double *x, const double *z, size_t n, ec_activation a) {
    for (size_t i = 0; i < n; i++)
        y[i] = z != NULL ? z[i] * ec_ref_slope(x[i], a) : ec_ref_activation(x[i], a);
}

/* Likewise; x [rows, 2 d]. */
static void swiglu(double *y, const double *x, const double *z, size_t rows, size_t d) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < d; j++) {
            const double *a = x + i * 2 * d + j, *b = a + d;
            if (z == NULL) {
                y[i * d + j] = ec_ref_activation(*a, EC_ACT_SILU) * *b;
                continue;
            }
            y[i * 2 * d + j] = z[i * d + j] * ec_ref_slope(*a, EC_ACT_SILU) * *b;
            y[i * 2 * d + d + j] = z[i * d + j] * ec_ref_activation(*a, EC_ACT_SILU);
        }
}

ec_status ec_ref_pointwise(void *self, const ec_pointwise_work *work) {
    ec_ref *r = self;
    const size_t rows = ec_array_height(work->x), width = ec_array_width(work->x);
    const bool backward = work->kind == EC_ACTIVATE_BACKWARD || work->kind == EC_SWIGLU_BACKWARD;
    const double *x = ec_ref_read(r, &work->x), *z = backward ? ec_ref_read(r, &work->z) : NULL;
    double *y = ec_ref_zeros(r, rows * width);
    if (ec_ref_ready(r)) {
        if (work->kind == EC_SWIGLU || work->kind == EC_SWIGLU_BACKWARD)
            swiglu(y, x, z, rows, width / 2);
        else
            activate(y, x, z, rows * width, work->activation);
        ec_ref_write(r, &work->y, y);
    }
    return ec_ref_end(r);
}
