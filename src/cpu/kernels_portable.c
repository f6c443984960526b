/* kernels_portable.c - the kernels without any particular instruction set; see kernels_body.h */
#define KERNELS ec_cpu_kernels_portable
#define KERNELS_NAME "portable"
#define TILE_ROWS 6
#define TILE_VECTORS 2
#include "cpu/kernels_body.h"
