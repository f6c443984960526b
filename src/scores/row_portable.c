/* row_portable.c - for any CPU */
#define EC_ROW_KERNELS ec_row_kernels_portable
#include "scores/row_body.h"
