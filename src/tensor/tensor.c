/* tensor.c - dtypes and shapes, see eyechart/tensor.h */
#include "eyechart/tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tensor/convert.h"

static const struct {
    const char *name;
    size_t size;
} dtypes[EC_DTYPES] = {[EC_F32] = {"F32", 4},         [EC_F16] = {"F16", 2},
                       [EC_BF16] = {"BF16", 2},       [EC_F64] = {"F64", 8},
                       [EC_F8_E4M3] = {"F8_E4M3", 1}, [EC_F8_E5M2] = {"F8_E5M2", 1},
                       [EC_I64] = {"I64", 8},         [EC_I32] = {"I32", 4},
                       [EC_I16] = {"I16", 2},         [EC_I8] = {"I8", 1},
                       [EC_U64] = {"U64", 8},         [EC_U32] = {"U32", 4},
                       [EC_U16] = {"U16", 2},         [EC_U8] = {"U8", 1},
                       [EC_BOOL] = {"BOOL", 1},       [EC_OTHER_DTYPE] = {"other", 0}};

const char *ec_dtype_name(ec_dtype dtype) {
    return dtype < EC_DTYPES ? dtypes[dtype].name : NULL;
}

size_t ec_dtype_size(ec_dtype dtype) {
    return dtypes[dtype].size;
}

bool ec_dtype_is_float(ec_dtype dtype) {
    return dtype <= EC_F8_E5M2;
}

size_t ec_tensor_count(const ec_tensor *tensor) {
    size_t count = 1;
    for (int i = 0; i < tensor->n_dims; i++) count *= tensor->shape[i];
    return count;
}

const char *ec_tensor_shape_text(char *buffer, size_t size, const ec_tensor *tensor) {
    size_t at = (size_t)snprintf(buffer, size, "[");
    for (int i = 0; i < tensor->n_dims && at < size; i++)
        at += (size_t)snprintf(buffer + at, size - at, i > 0 ? ", %zu" : "%zu", tensor->shape[i]);
    if (at < size) snprintf(buffer + at, size - at, "]");
    return buffer;
}

const char *ec_tensor_shape_hint(const ec_tensor *tensor) {
    return ec_tensor_count(tensor) > 0
               ? ""
               : "; DeepSpeed ZeRO-3 saves tensors without elements when it does not gather them: "
                 "make the whole weights with its zero_to_fp32.py";
}

float ec_f16_to_f32(uint16_t half) {
    const uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = (half >> 10) & 0x1fu;
    const uint32_t mantissa = half & 0x3ffu;
    uint32_t bits;
    if (exponent == 0x1f) {
        bits = sign | 0x7f800000u | mantissa << 13; /* infinity, NaN */
    } else if (exponent != 0) {
        bits = sign | (exponent + 112) << 23 | mantissa << 13;
    } else { /* zero and subnormals: mantissa * 2^-24 is exact in float */
        const float magnitude = (float)mantissa * 0x1p-24f;
        return sign != 0 ? -magnitude : magnitude;
    }
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t ec_f32_to_f16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    bits &= 0x7fffffffu;
    if (bits > 0x7f800000u) return sign | 0x7e00u;  /* NaN */
    if (bits >= 0x477ff000u) return sign | 0x7c00u; /* 65520 and above round to infinity */
    if (bits < 0x38800000u) {                       /* subnormal: units of 2^-24, to nearest even */
        float magnitude;
        memcpy(&magnitude, &bits, sizeof magnitude);
        magnitude += 0.5f; /* the unit in the last place of 0.5 is 2^-24: the addition rounds */
        uint32_t sum;
        memcpy(&sum, &magnitude, sizeof sum);
        return sign | (uint16_t)(sum - 0x3f000000u);
    }
    bits += 0xfffu + (bits >> 13 & 1); /* to nearest even */
    return sign | (uint16_t)((bits - 0x38000000u) >> 13);
}

float ec_bf16_to_f32(uint16_t brain) {
    const uint32_t bits = (uint32_t)brain << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float ec_f8_e4m3_to_f32(uint8_t byte) {
    const uint32_t exponent = byte >> 3 & 0xfu, mantissa = byte & 7u;
    float magnitude;
    if (exponent == 0xf && mantissa == 7) {
        magnitude = NAN;
    } else if (exponent == 0) {
        magnitude = (float)mantissa * 0x1p-9f;
    } else {
        const uint32_t bits = (exponent + 120) << 23 | mantissa << 20;
        memcpy(&magnitude, &bits, sizeof magnitude);
    }
    return (byte & 0x80u) != 0 ? -magnitude : magnitude;
}

float ec_f8_e5m2_to_f32(uint8_t byte) {
    return ec_f16_to_f32((uint16_t)(byte << 8));
}

void ec_tensor_to_f32(float *out, const ec_tensor *tensor, size_t first, size_t n) {
    /* Mapped files do not align their tensors, hence memcpy. */
    const unsigned char *from =
        (const unsigned char *)tensor->data + first * ec_dtype_size(tensor->dtype);
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        double wide;
        switch (tensor->dtype) {
        case EC_F32:
            memcpy(&out[i], from + 4 * i, sizeof out[i]);
            break;
        case EC_F16:
            memcpy(&half, from + 2 * i, sizeof half);
            out[i] = ec_f16_to_f32(half);
            break;
        case EC_BF16:
            memcpy(&half, from + 2 * i, sizeof half);
            out[i] = ec_bf16_to_f32(half);
            break;
        case EC_F64:
            memcpy(&wide, from + 8 * i, sizeof wide);
            out[i] = (float)wide;
            break;
        case EC_F8_E4M3:
            out[i] = ec_f8_e4m3_to_f32(from[i]);
            break;
        case EC_F8_E5M2:
            out[i] = ec_f8_e5m2_to_f32(from[i]);
            break;
        default:
            out[i] = 0;
            break; /* integers are never model values; callers check the dtype */
        }
    }
}
