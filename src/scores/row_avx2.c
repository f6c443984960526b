/* row_avx2.c - compiled with AVX2, FMA, F16C */
#if defined(__x86_64__)
#define EC_ROW_KERNELS ec_row_kernels_avx2
#include "scores/row_body.h"
#else
typedef int nothing_to_see_here;
#endif
