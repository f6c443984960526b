/* scale.c - see scale.h */
#include "study/scale.h"

#include <math.h>

#include "study/results.h"

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

void ec_study_scales(double *low, double *high, double *noise, const ec_study *study,
                     const double *z) {
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
