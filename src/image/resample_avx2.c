/* resample_avx2.c - the inner loops with AVX2; see resample.h
 *
 * A weight has 23 bits, too many for the fast 16-bit multiply-add. So each is split,
 *
 *     W = 4096 high + low,    -2048 <= low < 2048,    sum W p = 4096 sum high p + sum low p
 *
 * and the two sums are kept in 32 bits. They may wrap; what they add up to does not, and is exactly
 * the sum of the plain code. pack() turns every four weights in place into four highs and four
 * lows, 16 bits each. vpmaddwd then does two taps at once.
 */
#include "image/resample.h"

#if defined(__AVX2__)
#include <immintrin.h>
#include <string.h>

static void pack(int32_t *weight, size_t n) {
    for (size_t i = 0; i < n; i += 4) {
        const __m128i w = _mm_loadu_si128((const __m128i *)(const void *)(weight + i));
        const __m128i low = _mm_srai_epi32(_mm_slli_epi32(w, 20), 20);
        const __m128i high = _mm_srai_epi32(_mm_sub_epi32(w, low), 12);
        _mm_storeu_si128((__m128i *)(void *)(weight + i), _mm_packs_epi32(high, low));
    }
}

/* clip((2^21 + 4096 high + low) >> 22) as 32-bit numbers, still to be saturated to 8 bits. */
static __m128i finish_128(__m128i high, __m128i low) {
    const __m128i sum = _mm_add_epi32(_mm_slli_epi32(high, 12), low);
    return _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(1 << 21)), 22);
}

static __m256i finish_256(__m256i high, __m256i low) {
    const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high, 12), low);
    return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(1 << 21)), 22);
}

/* Four taps at a time: 12 bytes r0 g0 b0 … r3 g3 b3 become, as 16-bit numbers, the pairs (r0 r1)
 * (g0 g1) (b0 b1) in the lower half of a register and those of taps 2 and 3 in the upper. */
static void horizontal(uint8_t *const *out, const uint8_t *const *in, const ec_taps *taps) {
    const __m256i spread =
        _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, /* taps 0, 1 */
                         6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1 /* 2, 3 */);
    const __m256i high_pairs = _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    const __m256i low_pairs = _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3);

    for (size_t i = 0; i < taps->n; i++) {
        const int32_t *w = taps->weight + i * taps->stride;
        const size_t at = taps->first[i] * 3;
        /* Groups of four behind the end of the row have no weight. */
        const size_t left = (taps->n_inputs - taps->first[i] + 3) / 4 * 4;
        const size_t n = taps->stride < left ? taps->stride : left;
        __m256i high[EC_RESAMPLE_ROWS], low[EC_RESAMPLE_ROWS];
        for (int r = 0; r < EC_RESAMPLE_ROWS; r++) high[r] = low[r] = _mm256_setzero_si256();
        for (size_t t = 0; t < n; t += 4) {
            const __m256i w4 = _mm256_broadcastsi128_si256(
                _mm_loadu_si128((const __m128i *)(const void *)(w + t)));
            const __m256i w_high = _mm256_permutevar8x32_epi32(w4, high_pairs);
            const __m256i w_low = _mm256_permutevar8x32_epi32(w4, low_pairs);
            for (int r = 0; r < EC_RESAMPLE_ROWS; r++) {
                const __m128i bytes =
                    _mm_loadu_si128((const __m128i *)(const void *)(in[r] + at + t * 3));
                const __m256i p = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), spread);
                high[r] = _mm256_add_epi32(high[r], _mm256_madd_epi16(p, w_high));
                low[r] = _mm256_add_epi32(low[r], _mm256_madd_epi16(p, w_low));
            }
        }
        for (int r = 0; r < EC_RESAMPLE_ROWS; r++) {
            const __m128i h = _mm_add_epi32(_mm256_castsi256_si128(high[r]),
                                            _mm256_extracti128_si256(high[r], 1));
            const __m128i l =
                _mm_add_epi32(_mm256_castsi256_si128(low[r]), _mm256_extracti128_si256(low[r], 1));
            const __m128i v = finish_128(h, l);
            const int rgb = _mm_cvtsi128_si32(_mm_packus_epi16(_mm_packs_epi32(v, v), v));
            memcpy(out[r] + 3 * i, &rgb, 3);
        }
    }
}

static __m256i load_32(const uint8_t *p) {
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static __m256i load_pair(const int32_t *w) { /* two 16-bit weights, everywhere */
    return _mm256_set1_epi32(*w);
}

/* 32 bytes of the output. Interleaving the bytes of two rows, then widening, gives the pairs that
 * vpmaddwd wants; the packs at the end undo the interleaving. */
static void vertical_32(uint8_t *out, const uint8_t *const *in, const int32_t *weight,
                        size_t stride, size_t x) {
    const __m256i zero = _mm256_setzero_si256();
    __m256i high[4] = {zero, zero, zero, zero}, low[4] = {zero, zero, zero, zero};
    for (size_t t = 0; t < stride; t += 2) {
        /* highs at 0 and 1, lows at 2 and 3 */
        const int32_t *group = weight + t / 4 * 4 + t / 2 % 2;
        const __m256i w_high = load_pair(group), w_low = load_pair(group + 2);
        const __m256i a = load_32(in[t] + x), b = load_32(in[t + 1] + x);
        const __m256i ab_0 = _mm256_unpacklo_epi8(a, b), ab_1 = _mm256_unpackhi_epi8(a, b);
        const __m256i p[4] = {_mm256_unpacklo_epi8(ab_0, zero), _mm256_unpackhi_epi8(ab_0, zero),
                              _mm256_unpacklo_epi8(ab_1, zero), _mm256_unpackhi_epi8(ab_1, zero)};
        for (int k = 0; k < 4; k++) {
            high[k] = _mm256_add_epi32(high[k], _mm256_madd_epi16(p[k], w_high));
            low[k] = _mm256_add_epi32(low[k], _mm256_madd_epi16(p[k], w_low));
        }
    }
    const __m256i v_0 =
        _mm256_packs_epi32(finish_256(high[0], low[0]), finish_256(high[1], low[1]));
    const __m256i v_1 =
        _mm256_packs_epi32(finish_256(high[2], low[2]), finish_256(high[3], low[3]));
    _mm256_storeu_si256((__m256i *)(void *)(out + x), _mm256_packus_epi16(v_0, v_1));
}

/* The last bytes of a row that is no multiple of 32 long, one by one. */
static uint8_t vertical_1(const uint8_t *const *in, const int32_t *weight, size_t stride,
                          size_t x) {
    int32_t sum = 1 << 21;
    for (size_t t = 0; t < stride; t += 4) {
        int16_t w[8];
        memcpy(w, weight + t, sizeof w);
        for (size_t k = 0; k < 4; k++) sum += (w[k] * 4096 + w[4 + k]) * in[t + k][x];
    }
    const int32_t v = sum >> 22;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void vertical(uint8_t *out, const uint8_t *const *in, const int32_t *weight, size_t stride,
                     size_t n_bytes) {
    size_t x = 0;
    for (; x + 32 <= n_bytes; x += 32) vertical_32(out, in, weight, stride, x);
    if (x < n_bytes && n_bytes >= 32) /* once more, overlapping */
        vertical_32(out, in, weight, stride, n_bytes - 32);
    else
        for (; x < n_bytes; x++) out[x] = vertical_1(in, weight, stride, x);
}

const ec_resample_kernels ec_resample_avx2 = {"avx2", pack, horizontal, vertical};
#else
/* Never chosen on a CPU without AVX2. */
const ec_resample_kernels ec_resample_avx2 = {"avx2", NULL, NULL, NULL};
#endif
