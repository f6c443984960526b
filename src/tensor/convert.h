/* convert.h - half and quarter precision, bit by bit */
#ifndef EC_TENSOR_CONVERT_H
#define EC_TENSOR_CONVERT_H

#include <stdint.h>

/* IEEE 754 binary16. Exact; NaN payloads are kept. */
float ec_f16_to_f32(uint16_t half);
/* To nearest, ties to even; overflow to infinity. */
uint16_t ec_f32_to_f16(float value);
/* The upper half of a float. Exact. */
float ec_bf16_to_f32(uint16_t brain);
/* OCP's 8-bit floats (arXiv:2209.05433). Exact. E4M3 has no infinities, and NaN where all of
 * exponent and mantissa are ones; E5M2 is the upper half of a binary16. */
float ec_f8_e4m3_to_f32(uint8_t byte);
float ec_f8_e5m2_to_f32(uint8_t byte);

#endif
