/* space.c - see space.h */
#include "policy/space.h"

static double weight_of(const ec_space *s, size_t k) {
    return s->weights != NULL ? s->weights[k] : 1.0;
}

static double score_of(const ec_space *s, size_t k, size_t i) {
    return k == 0 ? s->a[i] : k == 1 ? s->c[i] : s->more[(k - 2) * s->n + i];
}

static double mean_weight(const ec_space *s) {
    double sum = 0.0;
    for (size_t k = 0; k < 2 + s->n_more; k++) sum += weight_of(s, k);
    return sum / (double)ec_space_width(s);
}

size_t ec_space_width(const ec_space *space) {
    size_t d = 0;
    for (size_t k = 0; k < 2 + space->n_more; k++) d += weight_of(space, k) != 0.0;
    return d;
}

void ec_space_points(double *x, double *weight, const ec_space *space) {
    const size_t d = ec_space_width(space);
    const double mean = mean_weight(space);
    for (size_t k = 0, j = 0; k < 2 + space->n_more; k++) {
        if (weight_of(space, k) == 0.0) continue;
        weight[j] = weight_of(space, k) / mean;
        for (size_t i = 0; i < space->n; i++) x[i * d + j] = score_of(space, k, i);
        j++;
    }
}

void ec_space_sum(double *out, const ec_space *space) {
    const double mean = mean_weight(space);
    for (size_t i = 0; i < space->n; i++) out[i] = 0.0;
    for (size_t k = 0; k < 2 + space->n_more; k++)
        for (size_t i = 0; i < space->n && weight_of(space, k) != 0.0; i++)
            out[i] += weight_of(space, k) / mean * score_of(space, k, i);
}
