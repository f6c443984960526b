/* unit.c - see unit.h */
#include "scores/unit.h"

#include <math.h>

enum { LANES = 8 }; /* sums that need not wait for one another */

double ec_square_length(const float *row, size_t width) {
    double sum[LANES] = {0};
    size_t j = 0;
    for (; j + LANES <= width; j += LANES)
        for (size_t l = 0; l < LANES; l++) sum[l] += (double)row[j + l] * (double)row[j + l];
    for (; j < width; j++) sum[0] += (double)row[j] * (double)row[j];
    for (size_t l = 1; l < LANES; l++) sum[0] += sum[l];
    return sum[0];
}

bool ec_unit_length(float *row, size_t width) {
    const double square = ec_square_length(row, width);
    if (!isfinite(square)) return false;
    const double scale = 1.0 / (sqrt(square) + 1e-10);
    for (size_t j = 0; j < width; j++) row[j] = (float)(row[j] * scale);
    return true;
}
