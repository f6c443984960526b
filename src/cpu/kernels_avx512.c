/* kernels_avx512.c - the kernels for AVX-512 (F, BW, DQ, VL); see kernels_body.h */
#if defined(__x86_64__)
#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) ||                   \
    !defined(__AVX512VL__)
#error "compile this file with -mavx512f -mavx512bw -mavx512dq -mavx512vl"
#endif
#define KERNELS ec_cpu_kernels_avx512
#define KERNELS_NAME "avx512"
#define TILE_ROWS 12
#define TILE_VECTORS 2
#define FETCHES
#include "cpu/kernels_body.h"
#else
typedef int ec_no_avx512_here; /* a translation unit may not be empty */
#endif
