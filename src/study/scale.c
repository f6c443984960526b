/* scale.c - see scale.h */
#include "study/scale.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "benchmarks/known.h"

static const double repeats_to = 0.005; /* of the full scale */

static void scale_of_results(double *low, double *high, const double *z, size_t n) {
    double largest = 0.0;
    bool any = false, negative = false;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(z[i])) continue;
        any = true;
        negative |= z[i] < 0.0;
        largest = fmax(largest, fabs(z[i]));
    }
    *high = any && largest <= 1.0 ? 1.0 : 100.0;
    while (*high < largest) *high *= 10.0;
    *low = negative ? -*high : 0.0;
}

/* Are results whose unit is not declared told as fractions throughout? */
static bool are_fractions(const double *z, size_t n) {
    double largest = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(z[i])) continue;
        if (z[i] < 0.0 || z[i] > 1.0) return false;
        largest = fmax(largest, z[i]);
    }
    return largest > 0.0;
}

static void fill(double *low, double *high, double *noise, const ec_study *study, const double *z) {
    const size_t n = ec_study_n_candidates(study);
    for (size_t b = 0; b < ec_study_n_benchmarks(study); b++) {
        const ec_benchmark *benchmark = ec_study_benchmark(study, b);
        double unused;
        if (isfinite(benchmark->low) && isfinite(benchmark->high) &&
            benchmark->high > benchmark->low) {
            low[b] = benchmark->low;
            high[b] = benchmark->high;
        } else if (ec_known_range(&unused, &high[b], benchmark->name)) {
            low[b] = 0.0;
            if (high[b] == 100.0 && !(isfinite(benchmark->high) && benchmark->high > 1.0) &&
                are_fractions(z + b * n, n))
                high[b] = 1.0;
        } else {
            scale_of_results(&low[b], &high[b], z + b * n, n);
        }
        noise[b] = repeats_to * (high[b] - low[b]);
    }
}

ec_status ec_scales_set(ec_scales *out, ec_table *table, const ec_study *study, ec_error *err) {
    const size_t m = ec_study_n_benchmarks(study);
    out->direction = malloc((m + 1) * sizeof *out->direction);
    out->numbers = malloc((3 * m + 1) * sizeof *out->numbers);
    if (out->direction == NULL || out->numbers == NULL) return ec_no_memory(study->path, err);
    for (size_t b = 0; b < m; b++) out->direction[b] = ec_study_benchmark(study, b)->direction;
    fill(out->numbers, out->numbers + m, out->numbers + 2 * m, study, table->z);
    table->direction = out->direction;
    table->low = out->numbers;
    table->high = out->numbers + m;
    table->noise = out->numbers + 2 * m;
    return EC_OK;
}

void ec_scales_release(ec_scales *scales) {
    free(scales->direction);
    free(scales->numbers);
    *scales = (ec_scales){0};
}
