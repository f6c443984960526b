/* row_body.h - see row.h; included once by each row_*.c, which names the table
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
 */
#include <math.h>

#include "cpu/simd.h"
#include "scores/row.h"

enum { WINDOW = 5, WIDEST = 2 * WINDOW + 1, VECTORS = (WIDEST + LANES - 1) / LANES };
enum { STRANDS = 4 }; /* independent maxima, to hide the latency of each */
static const double beta = 0.02;

/* ---- the largest -------------------------------------------------------------------------- */

/* The largest so far in each lane and where it was first. */
typedef struct {
    vf value[STRANDS];
    vi place[STRANDS];
} peaks;

INLINE vi lane_numbers(void) {
    vi v;
    for (int i = 0; i < LANES; i++) v[i] = i;
    return v;
}

INLINE peaks no_peaks(void) {
    peaks p;
    for (int k = 0; k < STRANDS; k++) {
        p.value[k] = v_set1(-INFINITY);
        p.place[k] = (vi){0};
    }
    return p;
}

INLINE void see(peaks *p, int k, vf value, vi place) {
    const vi larger = (vi)(value > p->value[k]);
    p->value[k] = v_max(value, p->value[k]);
    p->place[k] = (larger & place) | (~larger & p->place[k]);
}

/* Of all lanes, which saw the numbers up to `from`, and of those from there on. */
INLINE size_t highest_peak(const peaks *p, const float *row, size_t from, size_t n) {
    float highest = -INFINITY;
    size_t place = 0;
    if (from > 0) {
        vf value = p->value[0];
        for (int k = 1; k < STRANDS; k++) value = v_max(value, p->value[k]);
        highest = v_highest(value);
        vi first = (vi){0} + INT32_MAX;
        for (int k = 0; k < STRANDS; k++) {
            const vi is_highest = (vi)(p->value[k] == highest);
            const vi here = (is_highest & p->place[k]) | (~is_highest & INT32_MAX);
            const vi earlier = (vi)(here < first);
            first = (earlier & here) | (~earlier & first);
        }
        place = (size_t)first[0];
        for (int i = 1; i < LANES; i++)
            if ((size_t)first[i] < place) place = (size_t)first[i];
    }
    for (size_t i = from; i < n; i++)
        if (row[i] > highest) {
            highest = row[i];
            place = i;
        }
    return place;
}

static size_t argmax(const float *row, size_t n) {
    peaks p = no_peaks();
    vi place = lane_numbers();
    size_t i = 0;
    for (; i + STRANDS * LANES <= n; i += STRANDS * LANES)
        for (int k = 0; k < STRANDS; k++) {
            see(&p, k, v_load(row + i + (size_t)k * LANES), place);
            place += LANES;
        }
    return highest_peak(&p, row, i, n);
}

static size_t add(float *out, const float *a, const float *b, size_t n) {
    peaks p = no_peaks();
    vi place = lane_numbers();
    size_t i = 0;
    for (; i + STRANDS * LANES <= n; i += STRANDS * LANES)
        for (int k = 0; k < STRANDS; k++) {
            const size_t at = i + (size_t)k * LANES;
            const vf sum = v_load(a + at) + v_load(b + at);
            v_store(out + at, sum);
            see(&p, k, sum, place);
            place += LANES;
        }
    for (size_t k = i; k < n; k++) out[k] = a[k] + b[k];
    return highest_peak(&p, out, i, n);
}

/* ---- the window --------------------------------------------------------------------------- */

/* One axis of the window around m: [low, high]. */
typedef struct {
    size_t low, high;
} range;

INLINE range window(size_t m, size_t grid) {
    return (range){m > WINDOW ? m - WINDOW : 0, m + WINDOW < grid ? m + WINDOW : grid - 1};
}

INLINE double count(range r) {
    return (double)(r.high - r.low + 1);
}

/* Sum of i - m over i from low to high. */
INLINE double sum_about(range r, size_t m) {
    return count(r) * ((double)(r.low + r.high) / 2.0 - (double)m);
}

/* Sums over the window of e, e (x - mx), e (y - my). */
typedef struct {
    double e, ex, ey;
} sums;

INLINE sums add_window(const float *row, size_t grid, size_t m, range xs, range ys, float shift,
                       float sharpness) {
    const size_t n = xs.high - xs.low + 1;
    const vi lanes = lane_numbers();
    vi inside[VECTORS];
    vf column[VECTORS], weighted = v_set1(0.0f);
    for (int v = 0; v < VECTORS; v++) {
        inside[v] = (vi)(lanes + v * LANES < (int32_t)n);
        column[v] = v_set1(0.0f);
    }
    for (size_t y = ys.low; y <= ys.high; y++) {
        const float *s = row + y * grid + xs.low;
        vf line = v_set1(0.0f);
        for (int v = 0; v < VECTORS; v++) {
            const size_t done = (size_t)v * LANES, left = n > done ? n - done : 0;
            const vf at = left >= LANES ? v_load(s + done) : v_load_head(s + done, left);
            const vf e = v_exp_nonpositive((at - shift) * sharpness);
            const vf kept = (vf)((vi)e & inside[v]);
            column[v] += kept;
            line += kept;
        }
        weighted += line * ((float)y - (float)(m / grid));
    }
    vf e = v_set1(0.0f), ex = v_set1(0.0f);
    for (int v = 0; v < VECTORS; v++) {
        const vi x = lanes + (v * LANES + (int32_t)xs.low - (int32_t)(m % grid));
        e += column[v];
        ex += column[v] * __builtin_convertvector(x, vf);
    }
    return (sums){v_sum(e), v_sum(ex), v_sum(weighted)};
}

static void read_row(double out[EC_C_READOUTS][2], const float *row, size_t grid, size_t m,
                     size_t n_members) {
    const size_t mx = m % grid, my = m / grid;
    const range xs = window(mx, grid), ys = window(my, grid), whole = {0, grid - 1};
    const double n_out = (double)(grid * grid) - count(xs) * count(ys);
    const float shift = n_out > 0.0 && row[m] < 0.0f ? 0.0f : row[m];
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

const ec_row_kernels EC_ROW_KERNELS = {.argmax = argmax, .add = add, .read = read_row};
