/* row.h - one row of similarities: sums of rows, the largest, and the point it stands for
 *
 * With all combinations of ten encoders a point has a thousand rows, so these three functions are
 * what a study spends its time in after the encoders. Written once (row_body.h), compiled for each
 * instruction set, as the kernels of src/cpu.
 */
#ifndef EC_SCORES_ROW_H
#define EC_SCORES_ROW_H

#include "eyechart/correspondence.h"

typedef struct ec_row_kernels {
    /* The place of the largest of n numbers, of equals the first; n < 2^31. */
    size_t (*argmax)(const float *row, size_t n);
    /* out = a + b, n numbers; the place of the largest of `out`. */
    size_t (*add)(float *out, const float *a, const float *b, size_t n);
    /* A row [grid * grid], sums of n_members cosines, whose largest is at m, as two points on the
     * grid: out [readout][x, y] in [0, grid - 1]. */
    void (*read)(double out[EC_C_READOUTS][2], const float *row, size_t grid, size_t m,
                 size_t n_members);
} ec_row_kernels;

extern const ec_row_kernels ec_row_kernels_portable;
#if defined(__x86_64__)
extern const ec_row_kernels ec_row_kernels_avx2;
#endif

#endif
