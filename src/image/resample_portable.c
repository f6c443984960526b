/* resample_portable.c - the inner loops in plain C; see resample.h */
#include "image/resample.h"

static uint8_t clip(int32_t sum) {
    const int32_t v = sum >> 22;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void pack(int32_t *weight, size_t n) {
    (void)weight;
    (void)n;
}

static void horizontal_row(uint8_t *out, const uint8_t *in, const ec_taps *taps) {
    for (size_t i = 0; i < taps->n; i++, out += 3) {
        const uint8_t *p = in + taps->first[i] * 3;
        const int32_t *w = taps->weight + i * taps->stride;
        int32_t r = 1 << 21, g = 1 << 21, b = 1 << 21;
        const size_t left = taps->n_inputs - taps->first[i];
        const size_t n = taps->stride < left ? taps->stride : left;
        for (size_t t = 0; t < n; t++, p += 3) {
            r += w[t] * p[0];
            g += w[t] * p[1];
            b += w[t] * p[2];
        }
        out[0] = clip(r);
        out[1] = clip(g);
        out[2] = clip(b);
    }
}

static void horizontal(uint8_t *const *out, const uint8_t *const *in, const ec_taps *taps) {
    for (size_t r = 0; r < EC_RESAMPLE_ROWS; r++) horizontal_row(out[r], in[r], taps);
}

/* A strip at a time, so that its sums stay in registers or at least near. */
static void vertical(uint8_t *out, const uint8_t *const *in, const int32_t *weight, size_t stride,
                     size_t n_bytes) {
    enum { STRIP = 64 };
    for (size_t x = 0; x < n_bytes; x += STRIP) {
        const size_t n = n_bytes - x < STRIP ? n_bytes - x : STRIP;
        int32_t sum[STRIP];
        for (size_t i = 0; i < n; i++) sum[i] = 1 << 21;
        for (size_t t = 0; t < stride; t++)
            for (size_t i = 0; i < n; i++) sum[i] += weight[t] * in[t][x + i];
        for (size_t i = 0; i < n; i++) out[x + i] = clip(sum[i]);
    }
}

const ec_resample_kernels ec_resample_portable = {"portable", pack, horizontal, vertical};
