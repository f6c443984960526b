/* correspondence_grids.c - encoders whose grids differ, brought to one */
#include <stdlib.h>

#include "base/parallel.h"
#include "scores/correspondence.h"

/* ---- one encoder -------------------------------------------------------------------------- */

typedef struct {
    ec_similarity *to;
    const ec_similarity *from;
    float scale; /* patches of `from` a patch of `to` */
} resampling;

/* Neighbour and weight of the second one for place i of `to`, as torch computes them. */
static float neighbours(size_t pair[2], size_t i, float scale, size_t from) {
    float at = scale * ((float)i + 0.5f) - 0.5f;
    if (at < 0.0f) at = 0.0f;
    pair[0] = (size_t)at < from ? (size_t)at : from - 1;
    pair[1] = pair[0] + 1 < from ? pair[0] + 1 : pair[0];
    return at - (float)pair[0]; /* where both are the last one it does not matter */
}

static void resample_row(void *context, size_t r) {
    const resampling *job = context;
    const size_t to = job->to->grid, from = job->from->grid;
    const float *in = job->from->rows + r * from * from;
    float *out = job->to->rows + r * to * to;
    for (size_t y = 0; y < to; y++) {
        size_t ys[2], xs[2];
        const float b = neighbours(ys, y, job->scale, from);
        for (size_t x = 0; x < to; x++) {
            const float a = neighbours(xs, x, job->scale, from);
            const float *above = in + ys[0] * from, *below = in + ys[1] * from;
            out[y * to + x] = (1.0f - b) * ((1.0f - a) * above[xs[0]] + a * above[xs[1]]) +
                              b * ((1.0f - a) * below[xs[0]] + a * below[xs[1]]);
        }
    }
}

static double covers_of(const ec_similarity *s) {
    return s->covers > 0.0 ? s->covers : 1.0;
}

void ec_similarity_resample(ec_similarity *to, ec_correspondence *c, const ec_similarity *from,
                            size_t n_points) {
    const double covers_to = covers_of(to), covers_from = covers_of(from);
    float scale = (float)from->grid / (float)to->grid;
    if (covers_to != covers_from) scale = (float)((double)scale * covers_to / covers_from);
    to->frames = from->frames;
    ec_parallel_for(n_points, c->n_threads, resample_row, &(resampling){to, from, scale});
}

/* ---- the encoders of some combinations ---------------------------------------------------- */

bool ec_grids_are_one(const ec_similarity *a, const ec_similarity *b) {
    return a->grid == b->grid && covers_of(a) == covers_of(b);
}

/* The first member of the finest grid in a subset that is not empty. */
static const ec_similarity *finest_of(const ec_c_combinations *all, uint32_t subset) {
    const ec_similarity *finest = NULL;
    for (size_t i = 0; i < all->n_members; i++)
        if ((subset >> i & 1u) != 0 && (finest == NULL || all->members[i].grid > finest->grid))
            finest = &all->members[i];
    return finest;
}

ec_status ec_on_grid_gather(ec_on_grid *out, ec_correspondence *c, const ec_c_combinations *all,
                            const ec_similarity *finest, size_t n_points, uint32_t *subsets,
                            ec_error *err) {
    const size_t grid = finest->grid;
    uint32_t used = 0;
    *out = (ec_on_grid){.subsets = subsets};
    for (size_t s = 0; s < all->n_subsets; s++) {
        if (!ec_grids_are_one(finest_of(all, all->subsets[s]), finest)) continue;
        used |= all->subsets[s];
        subsets[out->n_subsets++] = (uint32_t)s;
    }
    for (size_t i = 0; i < all->n_members; i++) {
        if ((used >> i & 1u) == 0) continue;
        ec_similarity *to = &out->members[i];
        *to = all->members[i];
        if (to->grid == grid) continue;
        to->grid = grid;
        to->covers = finest->covers;
        to->rows = out->own[i] = malloc((n_points * grid * grid + 1) * sizeof(float));
        if (to->rows == NULL)
            return ec_fail(err, EC_ERR_NOMEM, "%s: no memory for %zu rows of %zu x %zu", to->name,
                           n_points, grid, grid);
        ec_similarity_resample(to, c, &all->members[i], n_points);
    }
    return EC_OK;
}

void ec_on_grid_release(ec_on_grid *on) {
    for (size_t i = 0; i < EC_C_MAX_MEMBERS; i++) free(on->own[i]);
}
