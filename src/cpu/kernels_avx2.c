/* kernels_avx2.c - the kernels for AVX2, FMA and F16C; see kernels_body.h */
#if defined(__x86_64__)
#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__) || defined(__AVX512F__)
#error "compile this file with -mavx2 -mfma -mf16c"
#endif
#define KERNELS ec_cpu_kernels_avx2
#define KERNELS_NAME "avx2"
#define TILE_ROWS 6
#define TILE_VECTORS 2
#include "cpu/kernels_body.h"
#else
typedef int ec_no_avx2_here; /* a translation unit may not be empty */
#endif
