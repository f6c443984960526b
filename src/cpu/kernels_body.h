/* kernels_body.h - the kernels of kernels.h, for the instruction set this is compiled for
 *
 * Included once by each kernels_*.c, which says how many rows and vectors a tile of the product
 * has. A tile's sums stay in registers for the whole of k: TILE_ROWS x TILE_VECTORS accumulators,
 * and as many loads beside them as the multiply-adds can hide. FETCHES is defined where the product
 * also fetches what comes next.
 *
 *     AVX-512  12 x 2 of 32 registers, 14 loads to 24 multiply-adds
 *     AVX2      6 x 2 of 16 registers,  8 loads to 12
 *     SSE, NEON 6 x 2
 */
#include <assert.h>
#include <math.h>

#include "cpu/kernels.h"
#include "cpu/simd.h"

enum { PANEL = TILE_VECTORS * LANES, STEPS = 8 };
_Static_assert((int)PANEL <= (int)EC_CPU_MAX_PANEL, "buffers are sized for EC_CPU_MAX_PANEL");
_Static_assert((int)LANES <= (int)EC_CPU_MAX_LANES, "buffers are sized for EC_CPU_MAX_LANES");
_Static_assert(TILE_ROWS <= 12, "product() lists the heights of a tile");

/* Where every access is checked, unrolled code takes a compiler minutes. */
#if defined(EC_NO_UNROLL)
#define UNROLL
#elif defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* ---- conversion and packing ---- */

static void to_f32(float *out, const void *in, ec_dtype dtype, size_t n) {
    const unsigned char *p = in;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        v_store(out + i, v_load_as(p + i * element_bytes(dtype), dtype));
    if (i < n)
        v_store_head(out + i, v_load_head_as(p + i * element_bytes(dtype), dtype, n - i), n - i);
}

INLINE float one_as(const unsigned char *p, ec_dtype dtype) {
    float f;
    v_store_head(&f, v_load_head_as(p, dtype, 1), 1);
    return f;
}

#if defined(__AVX512F__)
/* A line of each of LANES rows, each read once: a row is often a multiple of 4 KB, of which the
 * first cache has fewer places than LANES. */
INLINE void pack_line(float *out, const unsigned char *w, ec_dtype dtype, size_t row_bytes) {
    vf r[LANES];
    UNROLL for (size_t i = 0; i < LANES; i++) r[i] = v_load_as(w + i * row_bytes, dtype);
    v_transpose(r);
    UNROLL for (size_t i = 0; i < LANES; i++) v_store(out + i * PANEL, r[i]);
}
#endif

/* Whole panels, 16 columns of k (a cache line of f32) at a time, so that a line of each of LANES
 * rows is used up while it is in the first cache, however the rows' addresses collide there. */
INLINE void pack_as(float *out, const unsigned char *w, ec_dtype dtype, size_t stride, size_t rows,
                    size_t k) {
    const size_t bytes = element_bytes(dtype), row_bytes = stride * bytes;
    const size_t whole_k = rows == PANEL ? k / 4 * 4 : 0;
    for (size_t line = 0; line < whole_k; line += 16) {
        const size_t end = line + 16 < whole_k ? line + 16 : whole_k;
        for (size_t v = 0; v < TILE_VECTORS; v++) {
#if defined(__AVX512F__)
            if (line + 16 <= whole_k) {
                pack_line(out + line * PANEL + v * LANES, w + v * LANES * row_bytes + line * bytes,
                          dtype, row_bytes);
                continue;
            }
#endif
            for (size_t p = line; p < end; p += 4) {
                const unsigned char *from = w + v * LANES * row_bytes + p * bytes;
                vf r[4];
                for (size_t i = 0; i < 4; i++)
                    r[i] = v_load_quads(from + i * row_bytes, 4 * row_bytes, dtype);
                v_transpose4(r);
                for (size_t i = 0; i < 4; i++) v_store(out + (p + i) * PANEL + v * LANES, r[i]);
            }
        }
    }
    for (size_t p = whole_k; p < k; p++)
        for (size_t i = 0; i < PANEL; i++)
            out[p * PANEL + i] = i < rows ? one_as(w + i * row_bytes + p * bytes, dtype) : 0.0f;
}

static void pack(float *out, const void *w, ec_dtype dtype, size_t stride, size_t rows, size_t k) {
    switch (dtype) { /* so that each loop is compiled for its type */
    case EC_F16:
        pack_as(out, w, EC_F16, stride, rows, k);
        return;
    case EC_BF16:
        pack_as(out, w, EC_BF16, stride, rows, k);
        return;
    default:
        pack_as(out, w, EC_F32, stride, rows, k);
    }
}

INLINE void pack_columns_as(float *out, const unsigned char *v, const ec_dtype dtype, size_t stride,
                            size_t columns, size_t k) {
    const size_t bytes = element_bytes(dtype);
    for (size_t p = 0; p < k; p++)
        for (size_t i = 0; i < PANEL; i += LANES) {
            const size_t n = i < columns ? columns - i : 0;
            const unsigned char *from = v + (p * stride + i) * bytes;
            v_store(out + p * PANEL + i,
                    n >= LANES ? v_load_as(from, dtype) : v_load_head_as(from, dtype, n));
        }
}

/* Activations, which are f32 at their own alignment: their ends are loaded without a copy. */
static void pack_columns_f32(float *out, const float *v, size_t stride, size_t columns, size_t k) {
    for (size_t p = 0; p < k; p++)
        for (size_t i = 0; i < PANEL; i += LANES) {
            const size_t n = i < columns ? columns - i : 0;
            v_store(out + p * PANEL + i,
                    n >= LANES ? v_load(v + p * stride + i) : v_load_head(v + p * stride + i, n));
        }
}

static void pack_columns(float *out, const void *v, ec_dtype dtype, size_t stride, size_t columns,
                         size_t k) {
    switch (dtype) {
    case EC_F16:
        pack_columns_as(out, v, EC_F16, stride, columns, k);
        return;
    case EC_BF16:
        pack_columns_as(out, v, EC_BF16, stride, columns, k);
        return;
    default:
        if ((uintptr_t)v % sizeof(float) == 0)
            pack_columns_f32(out, v, stride, columns, k);
        else
            pack_columns_as(out, v, EC_F32, stride, columns, k);
    }
}

static void scale_rows(float *out, const float *in, size_t stride, size_t m, size_t n,
                       float factor) {
    for (size_t r = 0; r < m; r++, in += stride, out += n) {
        size_t i = 0;
        for (; i + LANES <= n; i += LANES) v_store(out + i, v_load(in + i) * factor);
        if (i < n) v_store_head(out + i, v_load_head(in + i, n - i) * factor, n - i);
    }
}

/* ---- the product ---- */

/* Column p of a times row p of the panel. */
INLINE void tile_step(vf sum[TILE_ROWS][TILE_VECTORS], const float *const a3[4], size_t a_stride,
                      const float *panel, size_t p, const size_t rows) {
    vf b[TILE_VECTORS];
    UNROLL for (size_t v = 0; v < TILE_VECTORS; v++) b[v] = v_load(panel + p * PANEL + v * LANES);
    UNROLL for (size_t r = 0; r < rows; r++) {
        const vf x = v_set1(a3[r / 3][r % 3 * a_stride + p]);
        UNROLL for (size_t v = 0; v < TILE_VECTORS; v++) v_accumulate(&sum[r][v], x, b[v]);
    }
}

/* Rows that a tile fetches: the line of each that step p is due to, one in a line's worth of steps,
 * since more at a time than the processor keeps track of would hold up the loads. */
INLINE void fetch_lines(const ec_cpu_fetch *next, size_t p) {
    enum { LINE = 64 };
    const size_t at = p * sizeof(float);
    if (at % LINE != 0 || at >= next->row_bytes) return;
    for (size_t i = 0; i < next->rows; i++)
        __builtin_prefetch((const char *)next->at + i * next->stride_bytes + at, 0, 2);
}

/* `rows` is a constant wherever this is inlined. Three rows share a pointer: an address may have
 * one stride times 0, 1 or 2, and there are not registers for a pointer to each row. Eight steps at
 * a time, and no instruction besides loads and multiply-adds in them: where the processor runs
 * another thread on the same core, what limits the product is how many instructions it takes. */
INLINE void tile(float *c, size_t c_stride, const float *a, size_t a_stride, const float *panel,
                 size_t k, const size_t rows, bool add, const ec_cpu_fetch *next) {
    vf sum[TILE_ROWS][TILE_VECTORS];
    UNROLL for (size_t r = 0; r < rows; r++) {
        UNROLL for (size_t v = 0; v < TILE_VECTORS; v++) sum[r][v] = v_set1(0.0f);
    }
    const float *const a3[4] = {a, a + 3 * a_stride, a + 6 * a_stride, a + 9 * a_stride};

    size_t p = 0;
    for (; p + STEPS <= k; p += STEPS) {
        if (next != NULL) fetch_lines(next, p);
        UNROLL for (size_t i = 0; i < STEPS; i++) tile_step(sum, a3, a_stride, panel, p + i, rows);
    }
    for (; p < k; p++) tile_step(sum, a3, a_stride, panel, p, rows);

    UNROLL for (size_t r = 0; r < rows; r++) {
        UNROLL for (size_t v = 0; v < TILE_VECTORS; v++) {
            float *to = c + r * c_stride + v * LANES;
            if (add) sum[r][v] = v_load(to) + sum[r][v];
            v_store(to, sum[r][v]);
        }
    }
}

#define TILE_CASE(n)                                                                               \
    case n:                                                                                        \
        if (n <= TILE_ROWS)                                                                        \
            tile(c, c_stride, a, a_stride, panel, k, n <= TILE_ROWS ? n : 1, add, next);           \
        break;

INLINE void tiles(float *c, size_t c_stride, const float *a, size_t a_stride, const float *panel,
                  size_t k, size_t m, bool add, const ec_cpu_fetch *all) {
    const size_t n_tiles = (m + TILE_ROWS - 1) / TILE_ROWS;
    ec_cpu_fetch of_tile = all != NULL ? *all : (ec_cpu_fetch){0};
    const ec_cpu_fetch *const next = all != NULL ? &of_tile : NULL;
    size_t fetched = 0;
    for (size_t rows; m > 0; m -= rows, a += rows * a_stride, c += rows * c_stride) {
        if (all != NULL && all->at != NULL) {
            const size_t left = all->rows - fetched, share = (all->rows + n_tiles - 1) / n_tiles;
            of_tile.rows = left < share ? left : share;
            if (of_tile.rows > 0) of_tile.at = (const char *)all->at + fetched * all->stride_bytes;
            fetched += of_tile.rows;
        }
        /* The last two tiles share what is left, since a low tile waits for its own sums. */
        rows = m >= 2 * TILE_ROWS || m == TILE_ROWS ? TILE_ROWS : m > TILE_ROWS ? (m + 1) / 2 : m;
        switch (rows) {
            TILE_CASE(1)
            TILE_CASE(2)
            TILE_CASE(3)
            TILE_CASE(4)
            TILE_CASE(5)
            TILE_CASE(6)
            TILE_CASE(7)
            TILE_CASE(8)
            TILE_CASE(9)
            TILE_CASE(10)
            TILE_CASE(11)
            TILE_CASE(12)
        }
    }
}

static void product(float *c, size_t c_stride, const float *a, size_t a_stride, const float *panel,
                    size_t k, size_t m, bool add) {
    tiles(c, c_stride, a, a_stride, panel, k, m, add, NULL);
}

#ifdef FETCHES
static void product_fetching(float *c, size_t c_stride, const float *a, size_t a_stride,
                             const float *panel, size_t k, size_t m, bool add,
                             const ec_cpu_fetch *next) {
    tiles(c, c_stride, a, a_stride, panel, k, m, add, next);
}
#endif

/* A tile or two at a time, so that a piece's sums are read from the first cache. */
static void product_wide(double *c, size_t c_stride, const float *a, size_t a_stride,
                         const float *panel, size_t k, size_t m, size_t piece, bool add) {
    float part[2 * TILE_ROWS][PANEL];
    for (size_t rows; m > 0; m -= rows, a += rows * a_stride, c += rows * c_stride) {
        rows = m < 2 * TILE_ROWS ? m : TILE_ROWS;
        for (size_t p = 0; p < k; p += piece) {
            product(part[0], PANEL, a + p, a_stride, panel + p * PANEL,
                    k - p < piece ? k - p : piece, rows, false);
            const bool first = p == 0 && !add;
            for (size_t r = 0; r < rows; r++) {
                double *to = c + r * c_stride;
                for (size_t i = 0; i < PANEL; i++)
                    to[i] = (first ? 0.0 : to[i]) + (double)part[r][i];
            }
        }
    }
}

/* ---- activations and the epilogue ---- */

INLINE vf act(vf x, ec_activation activation) {
    switch (activation) {
    case EC_ACT_QUICK_GELU:
        return v_x_sigmoid(x, v_set1(1.702f));
    case EC_ACT_GELU:
        return x * v_normal(x);
    case EC_ACT_GELU_TANH:
        return v_gelu_tanh(x);
    case EC_ACT_SILU:
        return v_x_sigmoid(x, v_set1(1.0f));
    case EC_ACT_RELU:
        return v_max(v_set1(0.0f), x); /* in this order NaN stays NaN */
    default:
        return x;
    }
}

/* Makes `call` with the value of `activation` as the constant ACTIVATION, so that each loop is
 * compiled for its own. */
#define CONSTANT_ACTIVATION(value, call)                                                           \
    case value: {                                                                                  \
        const ec_activation ACTIVATION = value;                                                    \
        call;                                                                                      \
        return;                                                                                    \
    }
#define FOR_CONSTANT_ACTIVATION(activation, call)                                                  \
    switch (activation) {                                                                          \
        CONSTANT_ACTIVATION(EC_ACT_NONE, call)                                                     \
        CONSTANT_ACTIVATION(EC_ACT_QUICK_GELU, call)                                               \
        CONSTANT_ACTIVATION(EC_ACT_GELU, call)                                                     \
        CONSTANT_ACTIVATION(EC_ACT_GELU_TANH, call)                                                \
        CONSTANT_ACTIVATION(EC_ACT_SILU, call)                                                     \
        CONSTANT_ACTIVATION(EC_ACT_RELU, call)                                                     \
    }

INLINE void epilogue_as(float *y, const float *residual, size_t y_stride, const float *c,
                        size_t c_stride, size_t m, size_t n, const float *bias, const float *scale,
                        const ec_activation activation) {
    for (size_t r = 0; r < m; r++)
        for (size_t j = 0; j < n; j += LANES) {
            const size_t here = n - j < LANES ? n - j : LANES, at = r * y_stride + j;
            vf x = act(v_load(c + r * c_stride + j) + v_load(bias + j), activation);
            if (scale != NULL) x = x * v_load(scale + j);
            if (here == LANES) {
                if (residual != NULL) x = x + v_load(residual + at);
                v_store(y + at, x);
            } else {
                if (residual != NULL) x = x + v_load_head(residual + at, here);
                v_store_head(y + at, x, here);
            }
        }
}

static void epilogue(float *y, const float *residual, size_t y_stride, const float *c,
                     size_t c_stride, size_t m, size_t n, const float *bias, const float *scale,
                     ec_activation activation){
    FOR_CONSTANT_ACTIVATION(activation, epilogue_as(y, residual, y_stride, c, c_stride, m, n, bias,
                                                    scale, ACTIVATION))}

INLINE void activate_as(float *y, const float *x, size_t n, const ec_activation activation) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store(y + i, act(v_load(x + i), activation));
    if (i < n) v_store_head(y + i, act(v_load_head(x + i, n - i), activation), n - i);
}

static void activate(float *y, const float *x, size_t n, ec_activation activation) {
    FOR_CONSTANT_ACTIVATION(activation, activate_as(y, x, n, ACTIVATION))
}

/* ---- rows ---- */

static void add(float *y, const float *x, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) v_store(y + i, v_load(y + i) + v_load(x + i));
    if (i < n) v_store_head(y + i, v_load_head(y + i, n - i) + v_load_head(x + i, n - i), n - i);
}

/* A maximum forgets a NaN, so those are counted beside it. */
static float largest(const float *x, size_t n) {
    vf best = v_set1(-INFINITY), other = best;
    vi bad = {0};
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        const vf a = v_load(x + i), b = v_load(x + i + LANES);
        best = v_max(best, a);
        other = v_max(other, b);
        bad |= (vi)(a != a) | (vi)(b != b);
    }
    float highest = v_highest(v_max(best, other));
    bool is_bad = false;
    for (size_t l = 0; l < LANES; l++) is_bad = is_bad || bad[l] != 0;
    for (; i < n; i++) {
        highest = x[i] > highest ? x[i] : highest;
        is_bad = is_bad || isnan(x[i]);
    }
    return is_bad ? NAN : highest;
}

/* ---- streaming softmax ---- */

static float row_highest(const float *s, size_t n) {
    vf a = v_set1(-INFINITY), b = a;
    size_t j = 0;
    for (; j + 2 * LANES <= n; j += 2 * LANES) {
        a = v_max(a, v_load(s + j));
        b = v_max(b, v_load(s + j + LANES));
    }
    for (; j < n; j += LANES) a = v_max(a, v_load(s + j));
    return v_highest(v_max(a, b));
}

static void softmax_step(float *s, size_t s_stride, size_t m, size_t n, float *highest, float *sum,
                         float *o, size_t o_width) {
    const size_t padded = (n + LANES - 1) / LANES * LANES;
    for (size_t r = 0; r < m; r++, s += s_stride, sum += EC_CPU_MAX_LANES, o += o_width) {
        for (size_t j = n; j < padded; j++) s[j] = -INFINITY;
        const float here = row_highest(s, padded);
        vf total = v_load(sum);
        if (here > highest[r]) {
            const float factor = expf(highest[r] - here); /* 0 for the first block */
            for (size_t j = 0; j < o_width; j += LANES) v_store(o + j, v_load(o + j) * factor);
            total = total * factor;
            highest[r] = here;
        }
        /* A row of nothing but -inf has no highest; its terms are 0 and its result NaN. */
        const vf shift = v_set1(highest[r] == -INFINITY ? 0.0f : highest[r]);
        vf more = v_set1(0.0f);
        size_t j = 0;
        for (; j + 2 * LANES <= padded; j += 2 * LANES) {
            const vf p = v_exp_nonpositive(v_load(s + j) - shift);
            const vf q = v_exp_nonpositive(v_load(s + j + LANES) - shift);
            v_store(s + j, p);
            v_store(s + j + LANES, q);
            total = total + p;
            more = more + q;
        }
        for (; j < padded; j += LANES) {
            const vf p = v_exp_nonpositive(v_load(s + j) - shift);
            v_store(s + j, p);
            total = total + p;
        }
        v_store(sum, total + more);
    }
}

static void softmax_finish(float *y, size_t y_stride, const float *o, size_t o_width,
                           const float *sum, size_t m, size_t d) {
    for (size_t r = 0; r < m; r++) {
        const vf total = v_set1(v_sum(v_load(sum + r * EC_CPU_MAX_LANES)));
        for (size_t j = 0; j < d; j += LANES) {
            const vf x = v_load(o + r * o_width + j) / total;
            if (d - j >= LANES)
                v_store(y + r * y_stride + j, x);
            else
                v_store_head(y + r * y_stride + j, x, d - j);
        }
    }
}

/* ---- norms ---- */

/* Four partial sums, so that the additions need not wait for one another and errors stay small. */
typedef struct {
    vf part[4];
} sums;

INLINE float sums_total(const sums *s) {
    return v_sum((s->part[0] + s->part[1]) + (s->part[2] + s->part[3]));
}

INLINE vf load_upto(const float *p, size_t n) {
    return n >= LANES ? v_load(p) : v_load_head(p, n);
}

/* x - mean, and 0 in the lanes past the end. */
INLINE vf centred(const float *p, size_t n, vf mean) {
    if (n >= LANES) return v_load(p) - mean;
    float part[LANES] = {0};
    v_store_head(part, v_load_head(p, n) - mean, n);
    return v_load(part);
}

typedef struct {
    float mean, delta, factor; /* h = (x - mean - delta) * factor */
} row_stats;

/* Two passes, the second around the mean of the first, which it also corrects:
 *     delta = mean(x - mean),  var = mean((x - mean)^2) - delta^2,
 * so that a mean far larger than the deviation costs no accuracy. */
INLINE row_stats stats_of(const float *x, size_t d, float eps) {
    sums sum = {{{0}}};
    size_t j = 0;
    for (; j + 4 * LANES <= d; j += 4 * LANES) {
        UNROLL for (size_t i = 0; i < 4; i++) sum.part[i] += v_load(x + j + i * LANES);
    }
    for (; j < d; j += LANES) sum.part[0] += load_upto(x + j, d - j);
    row_stats s = {.mean = sums_total(&sum) / (float)d};
    const vf mean = v_set1(s.mean);

    sums first = {{{0}}}, second = {{{0}}};
    for (j = 0; j + 4 * LANES <= d; j += 4 * LANES) {
        UNROLL for (size_t i = 0; i < 4; i++) {
            const vf e = v_load(x + j + i * LANES) - mean;
            first.part[i] += e;
            second.part[i] = v_fma(e, e, second.part[i]);
        }
    }
    for (; j < d; j += LANES) {
        const vf e = centred(x + j, d - j, mean);
        first.part[0] += e;
        second.part[0] = v_fma(e, e, second.part[0]);
    }
    s.delta = sums_total(&first) / (float)d;
    const float variance = sums_total(&second) / (float)d - s.delta * s.delta;
    s.factor = 1.0f / sqrtf(variance + eps);
    return s;
}

static void layer_norm(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows,
                       size_t d, const float *weight, const float *bias, float eps) {
    for (size_t r = 0; r < rows; r++, x += x_stride, y += y_stride) {
        const row_stats s = stats_of(x, d, eps);
        const vf mean = v_set1(s.mean), off = v_set1(s.delta), scale = v_set1(s.factor);
        size_t j = 0;
        for (; j + LANES <= d; j += LANES) {
            const vf e = (v_load(x + j) - mean - off) * scale;
            v_store(y + j, v_fma(e, v_load(weight + j), v_load(bias + j)));
        }
        if (j < d) {
            const size_t n = d - j;
            const vf e = (v_load_head(x + j, n) - mean - off) * scale;
            v_store_head(y + j, v_fma(e, v_load_head(weight + j, n), v_load_head(bias + j, n)), n);
        }
    }
}

static void swiglu(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows,
                   size_t d) {
    for (size_t r = 0; r < rows; r++, x += x_stride, y += y_stride)
        for (size_t j = 0; j < d; j += LANES) {
            const size_t n = d - j < LANES ? d - j : LANES;
            const vf g = v_x_sigmoid(load_upto(x + j, n), v_set1(1.0f)) * load_upto(x + d + j, n);
            if (n == LANES)
                v_store(y + j, g);
            else
                v_store_head(y + j, g, n);
        }
}

#include "cpu/kernels_backward.h"

/* ---- the peak ---- */

static double fma_loop(size_t rounds) {
    enum { CHAINS = TILE_ROWS * TILE_VECTORS };
    vf x[CHAINS];
    UNROLL for (size_t i = 0; i < TILE_ROWS; i++) {
        UNROLL for (size_t v = 0; v < TILE_VECTORS; v++) x[i * TILE_VECTORS + v] =
            v_set1((float)(i * TILE_VECTORS + v)); /* all different */
    }
    const vf a = v_set1(0.75f), b = v_set1(0.5f);
    for (size_t n = 0; n < rounds; n++) {
        UNROLL for (size_t step = 0; step < STEPS; step++) {
            UNROLL for (size_t i = 0; i < TILE_ROWS; i++) {
                UNROLL for (size_t v = 0; v < TILE_VECTORS; v++) x[i * TILE_VECTORS + v] =
                    v_fma(x[i * TILE_VECTORS + v], a, b);
            }
        }
    }
    vf total = x[0];
    for (size_t i = 1; i < CHAINS; i++) total += x[i];
    volatile float sink = v_sum(total); /* or the loop would be dead code */
    (void)sink;
    return 2.0 * LANES * CHAINS * STEPS * (double)rounds;
}

const ec_cpu_kernels KERNELS = {
    .name = KERNELS_NAME,
    .tile = TILE_ROWS,
    .panel = PANEL,
    .to_f32 = to_f32,
    .pack = pack,
    .pack_columns = pack_columns,
    .scale_rows = scale_rows,
    .product = product,
#ifdef FETCHES
    .product_fetching = product_fetching,
#endif
    .product_wide = product_wide,
    .epilogue = epilogue,
    .softmax_step = softmax_step,
    .softmax_finish = softmax_finish,
    .layer_norm = layer_norm,
    .swiglu = swiglu,
    .activate = activate,
    .add = add,
    .largest = largest,
    .transpose = transpose,
    .activate_backward = activate_backward,
    .swiglu_backward = swiglu_backward,
    .layer_norm_backward = layer_norm_backward,
    .norm_gradients = norm_gradients,
    .row_dots = row_dots,
    .softmax_backward = softmax_backward,
    .fma_loop = fma_loop,
};
