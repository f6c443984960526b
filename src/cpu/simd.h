/* simd.h - one vector of floats, on whatever instruction set the file is compiled for
 *
 *     AVX-512   16 lanes        AVX2 + FMA + F16C   8 lanes        anything else   4 lanes
 *
 * The kernels are written once, in these terms, and compiled once for each instruction set
 * (kernels_*.c). Plain operators (+ - * /) come from the vector extension of gcc and clang;
 * what it does not have is below. The portable body is that extension alone, so that the same
 * source becomes SSE2 or NEON.
 *
 * The approximations of exp and of the normal distribution are minimax polynomials (Remez, relative
 * error), fitted for this file; their errors in double precision stand beside them, and the unit
 * test holds the vector code against libm's double functions.
 */
#ifndef EC_CPU_SIMD_H
#define EC_CPU_SIMD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "eyechart/tensor.h"

#if defined(__AVX512F__) || defined(__AVX2__)
#define LANES_HAVE_FMA 1
#else
#define LANES_HAVE_FMA 0
#endif

#if defined(__AVX512F__)
#include <immintrin.h>
enum { LANES = 16 };
typedef __m512 vf;
#elif defined(__AVX2__)
#include <immintrin.h>
enum { LANES = 8 };
typedef __m256 vf;
#else
enum { LANES = 4 };
typedef float vf __attribute__((vector_size(16)));
#endif

typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef uint16_t vh __attribute__((vector_size(2 * LANES)));
typedef uint32_t vu __attribute__((vector_size(4 * LANES)));

#define INLINE static inline __attribute__((always_inline, unused))

/* ---- loads, stores, arithmetic ---- */

/* mask ? a : b in every lane; the mask is all ones or all zeros, as comparisons give it. */
INLINE vf v_select(vi mask, vf a, vf b) {
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}
INLINE vf v_abs(vf x) {
    return (vf)((vi)x & 0x7fffffff);
}

#if defined(__AVX512F__)

INLINE vf v_load(const float *p) {
    return _mm512_loadu_ps(p);
}
INLINE void v_store(float *p, vf v) {
    _mm512_storeu_ps(p, v);
}
INLINE vf v_set1(float f) {
    return _mm512_set1_ps(f);
}
INLINE vf v_fma(vf a, vf b, vf c) {
    return _mm512_fmadd_ps(a, b, c);
}
/* a > b ? a : b, so a NaN in b survives. */
INLINE vf v_max(vf a, vf b) {
    return _mm512_max_ps(a, b);
}
INLINE vf v_min(vf a, vf b) {
    return _mm512_min_ps(a, b);
}
/* The first n lanes (n <= LANES); the others are 0 after a load and untouched by a store. */
INLINE vf v_load_head(const float *p, size_t n) {
    return _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
INLINE void v_store_head(float *p, vf v, size_t n) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), v);
}
INLINE float v_sum(vf v) {
    return _mm512_reduce_add_ps(v);
}
INLINE float v_highest(vf v) {
    return _mm512_reduce_max_ps(v);
}

#elif defined(__AVX2__)

INLINE vf v_load(const float *p) {
    return _mm256_loadu_ps(p);
}
INLINE void v_store(float *p, vf v) {
    _mm256_storeu_ps(p, v);
}
INLINE vf v_set1(float f) {
    return _mm256_set1_ps(f);
}
INLINE vf v_fma(vf a, vf b, vf c) {
    return _mm256_fmadd_ps(a, b, c);
}
INLINE vf v_max(vf a, vf b) {
    return _mm256_max_ps(a, b);
}
INLINE vf v_min(vf a, vf b) {
    return _mm256_min_ps(a, b);
}
INLINE __m256i head_mask(size_t n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
INLINE vf v_load_head(const float *p, size_t n) {
    return _mm256_maskload_ps(p, head_mask(n));
}
INLINE void v_store_head(float *p, vf v, size_t n) {
    _mm256_maskstore_ps(p, head_mask(n), v);
}
INLINE float v_sum(vf v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
INLINE float v_highest(vf v) {
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

#else

INLINE vf v_load(const float *p) {
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}
INLINE void v_store(float *p, vf v) {
    memcpy(p, &v, sizeof v);
}
INLINE vf v_set1(float f) {
    return (vf){f, f, f, f};
}
INLINE vf v_fma(vf a, vf b, vf c) {
    return a * b + c;
}
INLINE vf v_max(vf a, vf b) {
    return v_select((vi)(a > b), a, b);
}
INLINE vf v_min(vf a, vf b) {
    return v_select((vi)(a < b), a, b);
}
INLINE vf v_load_head(const float *p, size_t n) {
    vf v = {0};
    for (size_t i = 0; i < n; i++) v[i] = p[i];
    return v;
}
INLINE void v_store_head(float *p, vf v, size_t n) {
    for (size_t i = 0; i < n; i++) p[i] = v[i];
}
INLINE float v_sum(vf v) {
    return (v[0] + v[2]) + (v[1] + v[3]);
}
INLINE float v_highest(vf v) {
    const float a = v[0] > v[2] ? v[0] : v[2], b = v[1] > v[3] ? v[1] : v[3];
    return a > b ? a : b;
}

#endif

/* *sum += a * b. The instruction is written out because compilers, free to choose among its three
 * forms, copy registers between them in the unrolled product. */
INLINE void v_accumulate(vf *sum, vf a, vf b) {
#if LANES_HAVE_FMA
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(*sum) : "v"(a), "v"(b));
#else
    *sum = v_fma(a, b, *sum);
#endif
}

/* ---- weights: f32, f16, bf16, at any address ---- */

/* LANES halfwords to floats; a bf16 is the upper half of a float. */
INLINE vf v_from_bf16(vh h) {
    return (vf)(__builtin_convertvector(h, vu) << 16);
}

INLINE vf v_from_f16(vh h) {
#if defined(__AVX512F__)
    return _mm512_cvtph_ps((__m256i)h);
#elif defined(__AVX2__)
    return _mm256_cvtph_ps((__m128i)h);
#else
    /* Exponent and fraction move into place; the product corrects the bias, denormals included. */
    const vu u = __builtin_convertvector(h, vu), magnitude = u & 0x7fff;
    const vu finite = (vu)((vf)(magnitude << 13) * v_set1(0x1p112f));
    const vu special = (magnitude << 13) | 0x7f800000u;
    const vu is_special = (vu)(magnitude >= 0x7c00);
    return (vf)((u & 0x8000) << 16 | (is_special & special) | (~is_special & finite));
#endif
}

INLINE vf v_load_as(const unsigned char *p, ec_dtype dtype) {
    if (dtype == EC_F32) {
        vf v;
        memcpy(&v, p, sizeof v);
        return v;
    }
    vh h;
    memcpy(&h, p, sizeof h);
    return dtype == EC_F16 ? v_from_f16(h) : v_from_bf16(h);
}

INLINE size_t element_bytes(ec_dtype dtype) {
    return dtype == EC_F32 ? 4 : 2;
}

INLINE vf v_load_head_as(const unsigned char *p, ec_dtype dtype, size_t n) {
    unsigned char bytes[4 * LANES] = {0};
    memcpy(bytes, p, n * element_bytes(dtype));
    return v_load_as(bytes, dtype);
}

/* Four consecutive elements of each of LANES / 4 rows, `step` bytes apart: one row to each 128
 * bits. */
INLINE vf v_load_quads(const unsigned char *p, size_t step, ec_dtype dtype) {
    const size_t bytes = 4 * element_bytes(dtype);
    if (dtype == EC_F32) {
#if defined(__AVX512F__)
        __m512 v = _mm512_castps128_ps512(_mm_loadu_ps((const float *)p));
        v = _mm512_insertf32x4(v, _mm_loadu_ps((const float *)(p + step)), 1);
        v = _mm512_insertf32x4(v, _mm_loadu_ps((const float *)(p + 2 * step)), 2);
        return _mm512_insertf32x4(v, _mm_loadu_ps((const float *)(p + 3 * step)), 3);
#elif defined(__AVX2__)
        return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps((const float *)p)),
                                    _mm_loadu_ps((const float *)(p + step)), 1);
#endif
    }
    unsigned char row[sizeof(vf)];
    for (size_t i = 0; i < LANES / 4; i++) memcpy(row + i * bytes, p + i * step, bytes);
    return v_load_as(row, dtype);
}

/* Transposes the 4x4 block in each 128 bits of r[0..3]. */
INLINE void v_transpose4(vf r[4]) {
#if defined(__AVX512F__)
    const vf a = _mm512_unpacklo_ps(r[0], r[1]), b = _mm512_unpackhi_ps(r[0], r[1]);
    const vf c = _mm512_unpacklo_ps(r[2], r[3]), d = _mm512_unpackhi_ps(r[2], r[3]);
    r[0] = _mm512_shuffle_ps(a, c, 0x44);
    r[1] = _mm512_shuffle_ps(a, c, 0xee);
    r[2] = _mm512_shuffle_ps(b, d, 0x44);
    r[3] = _mm512_shuffle_ps(b, d, 0xee);
#elif defined(__AVX2__)
    const vf a = _mm256_unpacklo_ps(r[0], r[1]), b = _mm256_unpackhi_ps(r[0], r[1]);
    const vf c = _mm256_unpacklo_ps(r[2], r[3]), d = _mm256_unpackhi_ps(r[2], r[3]);
    r[0] = _mm256_shuffle_ps(a, c, 0x44);
    r[1] = _mm256_shuffle_ps(a, c, 0xee);
    r[2] = _mm256_shuffle_ps(b, d, 0x44);
    r[3] = _mm256_shuffle_ps(b, d, 0xee);
#else
    const vf a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
    const vf b = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
    const vf c = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
    const vf d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
    r[0] = __builtin_shufflevector(a, c, 0, 1, 4, 5);
    r[1] = __builtin_shufflevector(a, c, 2, 3, 6, 7);
    r[2] = __builtin_shufflevector(b, d, 0, 1, 4, 5);
    r[3] = __builtin_shufflevector(b, d, 2, 3, 6, 7);
#endif
}

#if defined(__AVX512F__)
/* Transposes r [LANES][LANES]: 4 x 4 in each 128 bits, then the 128 bits among each other. */
INLINE void v_transpose(vf r[LANES]) {
    for (size_t i = 0; i < LANES; i += 4) v_transpose4(r + i);
    for (size_t j = 0; j < 4; j++) {
        const vf a = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x44);
        const vf b = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xee);
        const vf c = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x44);
        const vf d = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xee);
        r[j] = _mm512_shuffle_f32x4(a, c, 0x88);
        r[4 + j] = _mm512_shuffle_f32x4(a, c, 0xdd);
        r[8 + j] = _mm512_shuffle_f32x4(b, d, 0x88);
        r[12 + j] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
}
#endif

/* ---- exp and what is made of it ---- */

/* exp(x) = 2^n p(r), x = n ln 2 + r, |r| <= ln 2 / 2; p = 1 + r + r^2 q(r), q of degree 4, relative
 * error 3.1e-9. Gives n, as an integer, and p. |x| must be small enough for n to fit 22 bits. */
INLINE vf exp_parts(vf x, vi *n) {
    const vf magic = v_set1(0x1.8p23f); /* its last bit is worth 1: adding it rounds */
    const vf t = v_fma(x, v_set1(1.44269504f), magic);
    *n = (vi)t - (vi)magic;
    const vf whole = t - magic;
    vf r = v_fma(whole, v_set1(-0x1.62e4p-1f), x); /* ln 2 in two pieces, */
    r = v_fma(whole, v_set1(-0x1.7f7d1cp-20f), r); /* the first exact times any n */
    vf q = v_set1(0.001381446677f);
    q = v_fma(q, r, v_set1(0.008368780381f));
    q = v_fma(q, r, v_set1(0.04166839421f));
    q = v_fma(q, r, v_set1(0.1666652011f));
    q = v_fma(q, r, v_set1(0.4999999341f));
    return v_fma(r * r, q, r) + 1.0f;
}

/* exp over the whole range: 0 and denormals below, infinity above, NaN for NaN. */
INLINE vf v_exp(vf x) {
    x = v_min(v_set1(90.0f), v_max(v_set1(-110.0f), x));
    vi n;
    const vf p = exp_parts(x, &n);
    const vi half = n >> 1; /* in two steps, since 2^n alone would leave the range */
    return p * (vf)((half + 127) << 23) * (vf)((n - half + 127) << 23);
}

/* exp of numbers <= 0, with 0 instead of denormals: what a softmax needs, a third cheaper. */
INLINE vf v_exp_nonpositive(vf x) {
    const vi keep = ~(vi)(x < -87.0f); /* a NaN is kept */
    vi n;
    const vf p = exp_parts(v_max(v_set1(-87.0f), x), &n);
    return (vf)((vi)(p * (vf)((n + 127) << 23)) & keep);
}

/* x * x - square, exactly, where `square` is x * x rounded. */
INLINE vf v_square_rest(vf x, vf square) {
#if LANES_HAVE_FMA
    return v_fma(x, x, -square);
#else
    const vf h = (vf)((vi)x & ~0xfff), l = x - h; /* 12 bits each, so that products are exact */
    return ((h * h - square) + 2.0f * (h * l)) + l * l;
#endif
}

INLINE vf v_x_sigmoid(vf x, vf slope) {
    return x / (v_exp(-(slope * x)) + 1.0f);
}

/* Phi(x), the normal distribution function, from its small tail
 *     Phi(-z) = t P(t) exp(-z^2/2),   t = 1/(1 + 0.3 z),   0 <= z <= 14.2,
 * P of degree 9, relative error 3.5e-9. So both tails keep their relative accuracy, which
 * (1 + erf)/2 loses on the left. */
INLINE vf v_normal(vf x) {
    const vf z = v_min(v_set1(20.0f), v_abs(x)); /* exp(-200) is 0 already */
    const vf t = 1.0f / v_fma(z, v_set1(0.3f), v_set1(1.0f));
    vf p = v_set1(-0.0206178796f);
    p = v_fma(p, t, v_set1(0.1124041756f));
    p = v_fma(p, t, v_set1(-0.2281368377f));
    p = v_fma(p, t, v_set1(0.1916779444f));
    p = v_fma(p, t, v_set1(-0.07933092533f));
    p = v_fma(p, t, v_set1(0.09610481106f));
    p = v_fma(p, t, v_set1(0.07840852602f));
    p = v_fma(p, t, v_set1(0.11023117f));
    p = v_fma(p, t, v_set1(0.1195723532f));
    p = v_fma(p, t, v_set1(0.1196866606f));
    const vf square = z * z;
    const vf rest = v_square_rest(z, square) * -0.5f; /* exp would make a relative error of it */
    const vf e = v_exp(square * -0.5f);
    const vf tail = t * p * v_fma(e, rest, e);
    return v_select((vi)(x < 0.0f), tail, 1.0f - tail);
}

INLINE vf v_gelu_tanh(vf x) { /* x (1 + tanh u)/2 = x sigmoid(2 u) */
    const vf u = v_fma(x * x * x, v_set1(0.044715f), x);
    return x / (v_exp(u * -1.59576912f) + 1.0f);
}

#endif
