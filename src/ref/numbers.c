/* numbers.c - one number of an array as double, and rounded back */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "ref/internal.h"

double ec_ref_get(const void *numbers, ec_dtype dtype, size_t i) {
    const unsigned char *at = (const unsigned char *)numbers + i * ec_dtype_size(dtype);
    switch (dtype) {
    case EC_F64: {
        double value;
        memcpy(&value, at, sizeof value);
        return value;
    }
    case EC_F32: {
        float value;
        memcpy(&value, at, sizeof value);
        return value;
    }
    case EC_BF16: { /* the upper half of a float */
        uint16_t half;
        memcpy(&half, at, sizeof half);
        const uint32_t bits = (uint32_t)half << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    case EC_F16: { /* sign, five bits of exponent, ten of fraction */
        uint16_t half;
        memcpy(&half, at, sizeof half);
        const int exponent = half >> 10 & 31, fraction = half & 1023;
        double size = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
        if (exponent == 31) size = fraction == 0 ? INFINITY : NAN;
        return half >> 15 ? -size : size;
    }
    case EC_I32: {
        int32_t value;
        memcpy(&value, at, sizeof value);
        return value;
    }
    default:
        assert(!"an array of a dtype that is not computed with");
        return NAN;
    }
}

/* To `bits` bits, to nearest, ties to even, none worth less than 2^lowest. */
static double round_to(double value, int bits, int lowest) {
    if (!isfinite(value) || value == 0.0) return value;
    int exponent; /* |value| = m 2^exponent, 1/2 <= m < 1 */
    frexp(value, &exponent);
    const int unit = exponent - bits > lowest ? exponent - bits : lowest;
    return ldexp(nearbyint(ldexp(value, -unit)), unit);
}

static uint16_t half_of(double value) {
    const uint16_t sign = signbit(value) ? 0x8000 : 0;
    const double size = fabs(round_to(value, 11, -24));
    if (isnan(value)) return sign | 0x7e00;
    if (size > 65504.0) return sign | 0x7c00;
    if (size < 0x1p-14) return (uint16_t)(sign | (unsigned)ldexp(size, 24));
    int exponent;
    const double m = frexp(size, &exponent);
    return (uint16_t)(sign | (unsigned)(exponent + 14) << 10 | ((unsigned)ldexp(m, 11) & 1023));
}

static uint16_t brain_of(double value) {
    const float rounded = (float)round_to(value, 8, -133);
    uint32_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    return (uint16_t)(bits >> 16 | (isnan(value) ? 0x40 : 0)); /* a NaN keeps a fraction */
}

void ec_ref_put(void *numbers, ec_dtype dtype, size_t i, double value) {
    unsigned char *at = (unsigned char *)numbers + i * ec_dtype_size(dtype);
    switch (dtype) {
    case EC_F64:
        memcpy(at, &value, sizeof value);
        return;
    case EC_F32:
        memcpy(at, &(float){(float)value}, sizeof(float));
        return;
    case EC_F16:
        memcpy(at, &(uint16_t){half_of(value)}, sizeof(uint16_t));
        return;
    case EC_BF16:
        memcpy(at, &(uint16_t){brain_of(value)}, sizeof(uint16_t));
        return;
    default:
        assert(!"an array of a dtype that is not computed with");
    }
}
