/* kernels_backward.h - the kernels of backward passes, for the instruction set that kernels_body.h
 * is compiled for, which includes this
 *
 * Formulas are those of src/ref; where numbers are rounded on the way, it is said why.
 */
#ifndef EC_CPU_KERNELS_BACKWARD_H
#define EC_CPU_KERNELS_BACKWARD_H

static void transpose(float *out, size_t out_stride, const float *in, size_t in_stride, size_t rows,
                      size_t columns) {
    const size_t whole_rows = rows / LANES * LANES, whole_columns = columns / 4 * 4;
    for (size_t r = 0; r < whole_rows; r += LANES)
        for (size_t c = 0; c < whole_columns; c += 4) {
            vf v[4];
            for (size_t i = 0; i < 4; i++)
                v[i] = v_load_quads((const unsigned char *)(in + (r + i) * in_stride + c),
                                    4 * in_stride * sizeof(float), EC_F32);
            v_transpose4(v);
            for (size_t i = 0; i < 4; i++) v_store(out + (c + i) * out_stride + r, v[i]);
        }
    for (size_t r = 0; r < rows; r++)
        for (size_t c = r < whole_rows ? whole_columns : 0; c < columns; c++)
            out[c * out_stride + r] = in[r * in_stride + c];
}

/* ---- activations ---- */

/* sigmoid(u) and its derivative, from exp(-|u|), which neither overflows nor cancels. */
INLINE vf sigmoid_both(vf u, vf *slope) {
    const vf e = v_exp(-v_abs(u)), r = 1.0f / (e + 1.0f);
    *slope = e * r * r;
    return v_select((vi)(u < 0.0f), e * r, r);
}

/* act'(x). Beyond 100 it is 0 or 1; there the factors would be infinity times 0. */
INLINE vf slope_of(vf x, ec_activation activation) {
    if (activation == EC_ACT_NONE) return v_set1(1.0f);
    if (activation == EC_ACT_RELU)
        return v_select((vi)(x != x), x, v_select((vi)(x > 0.0f), v_set1(1.0f), v_set1(0.0f)));
    x = v_min(v_set1(100.0f), v_max(v_set1(-100.0f), x));
    if (activation == EC_ACT_GELU)
        return v_fma(x * 0.398942280f, v_exp(x * x * -0.5f), v_normal(x));
    vf u = x, u_slope = v_set1(1.0f), s_slope;
    if (activation == EC_ACT_QUICK_GELU) {
        u_slope = v_set1(1.702f);
        u = x * 1.702f;
    } else if (activation == EC_ACT_GELU_TANH) {
        u_slope = v_fma(x * x, v_set1(0.134145f), v_set1(1.0f)) * 1.59576912f;
        u = v_fma(x * x * x, v_set1(0.044715f), x) * 1.59576912f;
    }
    const vf s = sigmoid_both(u, &s_slope);
    return v_fma(x * u_slope, s_slope, s);
}

INLINE void activate_backward_as(float *y, const float *x, const float *z, size_t n,
                                 const ec_activation activation) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        v_store(y + i, v_load(z + i) * slope_of(v_load(x + i), activation));
    const size_t left = n - i;
    if (left > 0)
        v_store_head(
            y + i, v_load_head(z + i, left) * slope_of(v_load_head(x + i, left), activation), left);
}

static void activate_backward(float *y, const float *x, const float *z, size_t n,
                              ec_activation activation) {
    FOR_CONSTANT_ACTIVATION(activation, activate_backward_as(y, x, z, n, ACTIVATION))
}

static void swiglu_backward(float *y, const float *x, const float *z, size_t d) {
    for (size_t j = 0; j < d; j += LANES) {
        const size_t n = d - j < LANES ? d - j : LANES;
        const vf a = load_upto(x + j, n), b = load_upto(x + d + j, n), g = load_upto(z + j, n);
        const vf gate = g * b * slope_of(a, EC_ACT_SILU), rest = g * act(a, EC_ACT_SILU);
        if (n == LANES) {
            v_store(y + j, gate);
            v_store(y + d + j, rest);
        } else {
            v_store_head(y + j, gate, n);
            v_store_head(y + d + j, rest, n);
        }
    }
}

/* ---- layer norm ---- */

/* (x - mean)/sqrt(var + eps), as layer_norm computes it before weight and bias. */
INLINE vf unit_of(vf x, const row_stats *s) {
    return (x - v_set1(s->mean) - v_set1(s->delta)) * v_set1(s->factor);
}

/* The mean of g = dy * weight over a row, and that of g h. */
INLINE void gradient_means(vf *mean_g, vf *mean_gh, const float *x, const float *dy,
                           const float *weight, size_t d, const row_stats *s) {
    sums g_sum = {{{0}}}, gh_sum = {{{0}}};
    size_t j = 0;
    for (; j + 4 * LANES <= d; j += 4 * LANES) {
        UNROLL for (size_t i = 0; i < 4; i++) {
            const size_t at = j + i * LANES;
            const vf g = v_load(dy + at) * v_load(weight + at);
            g_sum.part[i] += g;
            gh_sum.part[i] = v_fma(g, unit_of(v_load(x + at), s), gh_sum.part[i]);
        }
    }
    for (; j < d; j += LANES) { /* past the end g is 0 */
        const vf g = load_upto(dy + j, d - j) * load_upto(weight + j, d - j);
        g_sum.part[0] += g;
        gh_sum.part[0] = v_fma(g, unit_of(load_upto(x + j, d - j), s), gh_sum.part[0]);
    }
    *mean_g = v_set1(sums_total(&g_sum) / (float)d);
    *mean_gh = v_set1(sums_total(&gh_sum) / (float)d);
}

static void layer_norm_backward(float *dx, size_t dx_stride, const float *x, size_t x_stride,
                                const float *dy, size_t dy_stride, size_t rows, size_t d,
                                const float *weight, float eps, bool adds, float *stats) {
    for (size_t r = 0; r < rows;
         r++, x += x_stride, dx += dx_stride, dy += dy_stride, stats += EC_CPU_NORM_STATS) {
        const row_stats s = stats_of(x, d, eps);
        vf mean_g, mean_gh;
        gradient_means(&mean_g, &mean_gh, x, dy, weight, d, &s);
        for (size_t j = 0; j < d; j += LANES) {
            const size_t n = d - j < LANES ? d - j : LANES;
            const vf g = load_upto(dy + j, n) * load_upto(weight + j, n);
            const vf h = unit_of(load_upto(x + j, n), &s);
            vf to = (g - mean_g - h * mean_gh) * v_set1(s.factor);
            if (adds) to = to + load_upto(dx + j, n);
            if (n == LANES)
                v_store(dx + j, to);
            else
                v_store_head(dx + j, to, n);
        }
        stats[0] = s.mean, stats[1] = s.delta, stats[2] = s.factor;
    }
}

/* Sums of some rows, so that the error of a sum of thousands stays that of some, and so that the
 * rows are in the cache for all columns. */
enum { SUMMED_ROWS = 64 };

INLINE void add_upto(float *to, vf v, size_t n) {
    if (n >= LANES)
        v_store(to, v_load(to) + v);
    else
        v_store_head(to, v_load_head(to, n) + v, n);
}

static void norm_gradients(float *dweight, float *dbias, const float *x, size_t x_stride,
                           const float *dy, size_t dy_stride, size_t rows, size_t n,
                           const float *stats) {
    for (size_t first = 0; first < rows; first += SUMMED_ROWS) {
        const size_t end = rows - first < SUMMED_ROWS ? rows : first + SUMMED_ROWS;
        for (size_t j = 0; j < n; j += LANES) {
            vf of_weight = v_set1(0.0f), of_bias = of_weight;
            for (size_t r = first; r < end; r++) {
                const float *of = stats + r * EC_CPU_NORM_STATS;
                const row_stats s = {of[0], of[1], of[2]};
                const vf g = load_upto(dy + r * dy_stride + j, n - j);
                const vf h = unit_of(load_upto(x + r * x_stride + j, n - j), &s);
                of_weight = v_fma(g, h, of_weight);
                of_bias = of_bias + g;
            }
            if (dweight != NULL) add_upto(dweight + j, of_weight, n - j);
            if (dbias != NULL) add_upto(dbias + j, of_bias, n - j);
        }
    }
}

/* ---- attention ---- */

static void row_dots(float *out, const float *a, size_t a_stride, const float *b, size_t b_stride,
                     size_t m, size_t n) {
    for (size_t r = 0; r < m; r++, a += a_stride, b += b_stride) {
        vf sum = v_set1(0.0f);
        for (size_t j = 0; j < n; j += LANES)
            sum = v_fma(load_upto(a + j, n - j), load_upto(b + j, n - j), sum);
        out[r] = v_sum(sum);
    }
}

static void softmax_backward(float *p, float *dp, size_t stride, size_t m, size_t n,
                             const float *log_sums, const float *dots) {
    for (size_t r = 0; r < m; r++, p += stride, dp += stride)
        for (size_t j = 0; j < n; j += LANES) {
            const vf q = v_exp_nonpositive(v_load(p + j) - v_load(log_sums + j));
            v_store(p + j, q);
            v_store(dp + j, q * (v_load(dp + j) - v_load(dots + j)));
        }
}

#endif
