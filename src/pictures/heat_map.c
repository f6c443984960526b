/* heat_map.c - the similarity of one point to every pixel, see eyechart/show.h
 *
 * Between the centres of four patches the feature is f = sum_k w_k f_k with bilinear weights, so
 *
 *     cos(s, f) = sum_k w_k (s . f_k) / |s| / |f|,      |f|^2 = sum_kl w_k w_l (f_k . f_l)
 *
 * Each patch keeps its product with s and those with itself and its neighbours to the right, below
 * and on both diagonals: all that any pixel needs. Sums are in double. Checked against a plain loop
 * that upsamples features, and so against torch (tests/unit/pictures/test_show.c).
 */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "eyechart/show.h"

/* Below this a length is taken for this, as torch's normalize does. */
#define SHORTEST 1e-12

/* Products of the feature of patch (x, y) with: */
typedef struct patch {
    double point;        /* the unit feature of the query point */
    double self;         /* itself */
    double right, below; /* those of (x + 1, y) and (x, y + 1); 0 past the edge, as below */
    double down, up;     /* of (x + 1, y + 1); and of (x + 1, y) with (x, y + 1) */
} patch;

/* Similarity under one encoder. */
typedef struct part {
    ec_feature_map map; /* of the target; its features are not kept */
    patch *patches;     /* [grid_height][grid_width] */
} part;

struct ec_heat_map {
    size_t n;
    part parts[];
};

/* ---- where a pixel lies between patches ---- */

/* The patch before a grid position, and the weight of the one after; 0 at and past the edges. */
typedef struct place {
    size_t before;
    double weight;
} place;

static place place_of(double position, size_t n) {
    const double centre = fmin(fmax(position - 0.5, 0.0), (double)(n - 1));
    const size_t before = (size_t)centre;
    return (place){before, centre - (double)before};
}

typedef struct corner {
    place column, row;
} corner;

/* Whether the encoder saw what is there: a crop has an outside. */
static bool is_on(const ec_feature_map *map, double x, double y) {
    const double u = map->scale_x * x + map->offset_x, v = map->scale_y * y + map->offset_y;
    return u >= 0.0 && v >= 0.0 && u <= (double)map->grid_width && v <= (double)map->grid_height;
}

static corner corner_at(const ec_feature_map *map, double x, double y) {
    return (corner){place_of(map->scale_x * x + map->offset_x, map->grid_width),
                    place_of(map->scale_y * y + map->offset_y, map->grid_height)};
}

/* ---- preparation ---- */

static double product(const float *u, const float *v, size_t n) {
    double sum = 0.0;
    for (size_t c = 0; c < n; c++) sum += (double)u[c] * v[c];
    return sum;
}

/* The unit feature at a pixel position, into out [n_channels]. */
static void point_feature(double *out, const ec_feature_map *map, double x, double y) {
    const corner at = corner_at(map, x, y);
    const size_t right = at.column.weight > 0.0, below = at.row.weight > 0.0;
    const size_t first = at.row.before * map->grid_width + at.column.before;
    const double wx = at.column.weight, wy = at.row.weight;
    double length2 = 0.0;
    for (size_t c = 0; c < map->n_channels; c++) {
        const float *f = map->features + first * map->n_channels + c;
        const float *g = f + below * map->grid_width * map->n_channels;
        const size_t step = right * map->n_channels;
        out[c] =
            (1 - wy) * ((1 - wx) * f[0] + wx * f[step]) + wy * ((1 - wx) * g[0] + wx * g[step]);
        length2 += out[c] * out[c];
    }
    const double length = fmax(sqrt(length2), SHORTEST);
    for (size_t c = 0; c < map->n_channels; c++) out[c] /= length;
}

static void multiply(patch *patches, const ec_feature_map *map, const double *point) {
    const size_t n = map->n_channels, width = map->grid_width, height = map->grid_height;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            patch *p = &patches[y * width + x];
            const float *f = map->features + (y * width + x) * n;
            const float *below = f + width * n;
            for (size_t c = 0; c < n; c++) p->point += point[c] * f[c];
            p->self = product(f, f, n);
            if (x + 1 < width) p->right = product(f, f + n, n);
            if (y + 1 < height) p->below = product(f, below, n);
            if (x + 1 < width && y + 1 < height) {
                p->down = product(f, below + n, n);
                p->up = product(f + n, below, n);
            }
        }
}

static bool is_finite(const ec_feature_map *map) {
    const size_t n = map->grid_width * map->grid_height * map->n_channels;
    for (size_t i = 0; i < n; i++)
        if (!isfinite(map->features[i])) return false;
    return true;
}

static ec_status check(const ec_feature_map *source, const ec_feature_map *target, ec_error *err) {
    const ec_feature_map *maps[] = {source, target};
    for (int i = 0; i < 2; i++) {
        const ec_feature_map *m = maps[i];
        if (m->grid_width == 0 || m->grid_height == 0 || m->n_channels == 0)
            return ec_fail(err, EC_ERR_ARG,
                           "a grid of %zu x %zu patches with %zu channels is empty", m->grid_width,
                           m->grid_height, m->n_channels);
        if (!is_finite(m))
            return ec_fail(err, EC_ERR_FORMAT,
                           "a feature is not finite; look at the weights of the encoder");
    }
    if (source->n_channels != target->n_channels)
        return ec_fail(err, EC_ERR_ARG, "features of %zu channels against features of %zu",
                       source->n_channels, target->n_channels);
    return EC_OK;
}

static ec_status prepare(part *out, const ec_feature_map *source, const ec_feature_map *target,
                         double x, double y, ec_error *err) {
    const ec_status status = check(source, target, err);
    if (status != EC_OK) return status;
    if (!is_on(source, x, y))
        return ec_fail(err, EC_ERR_ARG,
                       "the encoder does not see the point: its preparation cuts off that part of "
                       "the image; take one that keeps all of it (pad)");
    out->map = *target;
    out->map.features = NULL;
    out->patches = calloc(target->grid_width * target->grid_height, sizeof *out->patches);
    double *point = calloc(source->n_channels, sizeof *point);
    if (out->patches == NULL || point == NULL) {
        free(point);
        return ec_fail(err, EC_ERR_NOMEM, "out of memory for a similarity map");
    }
    point_feature(point, source, x, y);
    multiply(out->patches, target, point);
    free(point);
    return EC_OK;
}

ec_status ec_heat_map_new(ec_heat_map **out, const ec_feature_map *sources,
                          const ec_feature_map *targets, size_t n, double x, double y,
                          ec_error *err) {
    *out = NULL;
    if (n == 0) return ec_fail(err, EC_ERR_ARG, "similarity under no encoder");
    ec_heat_map *map = calloc(1, sizeof *map + n * sizeof *map->parts);
    if (map == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    map->n = n;
    for (size_t i = 0; i < n; i++) {
        const ec_status status = prepare(&map->parts[i], &sources[i], &targets[i], x, y, err);
        if (status == EC_OK) continue;
        ec_heat_map_free(map);
        return status;
    }
    *out = map;
    return EC_OK;
}

void ec_heat_map_free(ec_heat_map *map) {
    if (map == NULL) return;
    for (size_t i = 0; i < map->n; i++) free(map->parts[i].patches);
    free(map);
}

/* ---- asking ---- */

static double cosine(const part *p, double x, double y) {
    if (!is_on(&p->map, x, y)) return NAN;
    const corner at = corner_at(&p->map, x, y);
    const double wx = at.column.weight, wy = at.row.weight;
    const patch *p00 = &p->patches[at.row.before * p->map.grid_width + at.column.before];
    const patch *p01 = p00 + (wx > 0.0);
    const patch *p10 = p00 + (wy > 0.0 ? p->map.grid_width : 0);
    const patch *p11 = p10 + (wx > 0.0);
    const double w00 = (1 - wx) * (1 - wy), w01 = wx * (1 - wy), w10 = (1 - wx) * wy, w11 = wx * wy;
    const double dot = w00 * p00->point + w01 * p01->point + w10 * p10->point + w11 * p11->point;
    const double length2 =
        w00 * w00 * p00->self + w01 * w01 * p01->self + w10 * w10 * p10->self +
        w11 * w11 * p11->self +
        2 * (w00 * w01 * p00->right + w10 * w11 * p10->right + w00 * w10 * p00->below +
             w01 * w11 * p01->below + w00 * w11 * p00->down + w01 * w10 * p00->up);
    const double length = fmax(sqrt(fmax(length2, 0.0)), SHORTEST);
    return fmin(fmax(dot / length, -1.0), 1.0);
}

double ec_heat_map_at(const ec_heat_map *map, double x, double y) {
    double sum = 0.0;
    for (size_t i = 0; i < map->n; i++) sum += cosine(&map->parts[i], x, y);
    return sum / (double)map->n;
}

ec_heat_peak ec_heat_map_peak(const ec_heat_map *map, size_t width, size_t height) {
    ec_heat_peak peak = {.highest = -INFINITY, .lowest = INFINITY};
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            const double s = ec_heat_map_at(map, (double)x + 0.5, (double)y + 0.5);
            if (s > peak.highest) {
                peak.highest = s;
                peak.x = x;
                peak.y = y;
            }
            peak.lowest = fmin(peak.lowest, s);
        }
    return peak;
}
