/* correspondence_read.c - a row of similarities read as a point: windowed soft-argmax and argmax
 *
 * The softmax runs over the whole row, but outside the window the similarity is 0 everywhere, so
 * those patches have one weight, and sums over them are closed forms: of all columns less those of
 * the window. With M the largest similarity after masking,
 *
 *     weight inside  e_i = exp((s_i - M)/beta)      outside  e_0 = exp(-M/beta)
 *     column         (sum_in e_i x_i + e_0 (sum_all x - sum_in x)) / (sum_in e_i + e_0 n_out)
 *
 * relative to the window's centre, so that f32 sums of at most 121 terms keep 1e-6 of a patch. M is
 * the row's largest, or 0 where all are negative and a patch lies outside.
 *
 * Four lanes on every machine (simd.h without instruction sets): the same bits everywhere.
 */
#include <math.h>

#include "cpu/simd.h"
#include "scores/correspondence.h"

enum { WINDOW = 5, WIDEST = 2 * WINDOW + 1, VECTORS = (WIDEST + LANES - 1) / LANES };
static const double beta = 0.02;

float ec_row_highest(const float *row, size_t n) {
    vf best = v_set1(-INFINITY);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) best = v_max(best, v_load(row + i));
    float highest = v_highest(best);
    for (; i < n; i++)
        if (row[i] > highest) highest = row[i];
    return highest;
}

float ec_row_add(float *out, const float *a, const float *b, size_t n) {
    vf best = v_set1(-INFINITY);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vf sum = v_load(a + i) + v_load(b + i);
        v_store(out + i, sum);
        best = v_max(best, sum);
    }
    float highest = v_highest(best);
    for (; i < n; i++) {
        out[i] = a[i] + b[i];
        if (out[i] > highest) highest = out[i];
    }
    return highest;
}

/* The first place of the largest number. */
static size_t find(const float *row, size_t n, float highest) {
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        vf most = v_load(row + i);
        for (size_t k = 1; k < 4; k++) most = v_max(most, v_load(row + i + k * LANES));
        if (v_highest(most) == highest) break;
    }
    while (i + 1 < n && row[i] != highest) i++;
    return i;
}

/* One axis of the window around m: [low, high]. */
typedef struct {
    size_t low, high;
} range;

static range window(size_t m, size_t grid) {
    return (range){m > WINDOW ? m - WINDOW : 0, m + WINDOW < grid ? m + WINDOW : grid - 1};
}

static double count(range r) {
    return (double)(r.high - r.low + 1);
}

/* Sum of i - m over i from low to high. */
static double sum_about(range r, size_t m) {
    return count(r) * ((double)(r.low + r.high) / 2.0 - (double)m);
}

/* Sums over the window of e, e (x - mx), e (y - my). */
typedef struct {
    double e, ex, ey;
} sums;

static sums add_window(const float *row, size_t grid, size_t m, range xs, range ys, float shift,
                       float sharpness) {
    const size_t mx = m % grid, my = m / grid, n = xs.high - xs.low + 1;
    vf column[VECTORS] = {0}, weighted = {0};
    for (size_t y = ys.low; y <= ys.high; y++) {
        const float *s = row + y * grid + xs.low;
        vf line = {0};
        for (size_t v = 0; v * LANES < n; v++) {
            const size_t left = n - v * LANES;
            vf e;
            if (left >= LANES) {
                e = v_exp_nonpositive((v_load(s + v * LANES) - shift) * sharpness);
            } else {
                e = v_exp_nonpositive((v_load_head(s + v * LANES, left) - shift) * sharpness);
                for (size_t k = left; k < LANES; k++) e[k] = 0.0f;
            }
            column[v] += e;
            line += e;
        }
        weighted += line * ((float)y - (float)my);
    }
    sums all = {.ey = v_sum(weighted)};
    for (size_t k = 0; k < n; k++) {
        const double e = column[k / LANES][k % LANES];
        all.e += e;
        all.ex += e * ((double)(xs.low + k) - (double)mx);
    }
    return all;
}

void ec_row_read(double out[EC_C_READOUTS][2], const float *row, size_t grid, float highest,
                 size_t n_members) {
    const size_t m = find(row, grid * grid, highest), mx = m % grid, my = m / grid;
    const range xs = window(mx, grid), ys = window(my, grid), whole = {0, grid - 1};
    const double n_out = (double)(grid * grid) - count(xs) * count(ys);
    const float shift = n_out > 0.0 && highest < 0.0f ? 0.0f : highest;
    const double sharpness = 1.0 / (beta * (double)n_members);
    sums all = add_window(row, grid, m, xs, ys, shift, (float)sharpness);
    if (n_out > 0.0) {
        const double e = exp(-(double)shift * sharpness), side = (double)grid;
        all.e += e * n_out;
        all.ex += e * (side * sum_about(whole, mx) - count(ys) * sum_about(xs, mx));
        all.ey += e * (side * sum_about(whole, my) - count(xs) * sum_about(ys, my));
    }
    out[EC_C_SOFT][0] = (double)mx + all.ex / all.e;
    out[EC_C_SOFT][1] = (double)my + all.ey / all.e;
    out[EC_C_ARGMAX][0] = (double)mx;
    out[EC_C_ARGMAX][1] = (double)my;
}
