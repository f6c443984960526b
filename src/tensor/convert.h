/* convert.h - half precision, bit by bit */
#ifndef EC_TENSOR_CONVERT_H
#define EC_TENSOR_CONVERT_H

#include <stdint.h>

/* IEEE 754 binary16. Exact; NaN payloads are kept. */
float ec_f16_to_f32(uint16_t half);
/* To nearest, ties to even; overflow to infinity. */
uint16_t ec_f32_to_f16(float value);
/* The upper half of a float. Exact. */
float ec_bf16_to_f32(uint16_t brain);

#endif
