/* correspondence_judge.c - predicted points and what is right of them, for every subset of encoders
 *
 * The subsets are sorted so that those with the same first members stand together, and become a
 * list of steps: depth d of a small stack holds the sum over the first d + 1 members of the subset
 * at hand, so a subset of all 2^N - 1 costs one addition of rows. Every subset adds its members in
 * their order, whatever else is asked for.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/parallel.h"
#include "scores/correspondence.h"

/* sum[depth] = sum[depth - 1] + the member's row; then, where there is one, read the subset. */
typedef struct {
    uint8_t depth, member, first_member;
    bool is_read, is_added; /* false: the sum is there from the step before */
    uint32_t subset;
} step;

typedef struct {
    const ec_keypoint_set *set;
    const ec_keypoint_category *category;
    const ec_similarity *members;
    const ec_row_kernels *kernels;
    ec_c_protocol protocol;
    size_t grid;
    const step *steps;
    size_t n_steps, depth;     /* of the stack */
    const size_t *first_point; /* [n_pairs] */
    ec_pair_result *results;
    ec_point_prediction *predictions;
    atomic_bool failed;
} judging;

/* ---- subsets as steps --------------------------------------------------------------------- */

typedef struct {
    uint32_t reversed; /* member 0 is the highest bit: ascending order puts {0, 1} before {0, 1,
                          2} */
    uint32_t mask, index;
} ordered_subset;

static int by_members(const void *a, const void *b) {
    const ordered_subset *p = a, *q = b;
    if (p->reversed != q->reversed) return p->reversed < q->reversed ? -1 : 1;
    return p->index < q->index ? -1 : p->index > q->index;
}

static uint32_t reverse(uint32_t mask) {
    uint32_t out = 0;
    for (int i = 0; i < EC_C_MAX_MEMBERS; i++)
        out |= (mask >> i & 1u) << (EC_C_MAX_MEMBERS - 1 - i);
    return out;
}

static size_t list_members(uint8_t out[EC_C_MAX_MEMBERS], uint32_t mask) {
    size_t n = 0;
    for (uint8_t i = 0; i < EC_C_MAX_MEMBERS; i++)
        if (mask >> i & 1u) out[n++] = i;
    return n;
}

/* Appends what leads from the sum over `path` to that over the subset. */
static size_t add_steps(step *steps, size_t n, uint8_t *path, size_t *path_length,
                        const ordered_subset *subset) {
    uint8_t members[EC_C_MAX_MEMBERS];
    const size_t length = list_members(members, subset->mask);
    size_t shared = 0;
    while (shared < length && shared < *path_length && members[shared] == path[shared]) shared++;
    if (shared == length) /* the same subset once more */
        steps[n++] = (step){.depth = (uint8_t)(length - 1)};
    for (size_t d = shared; d < length; d++) {
        steps[n++] = (step){.depth = (uint8_t)d, .member = members[d], .is_added = true};
        path[d] = members[d];
    }
    *path_length = length;
    steps[n - 1].is_read = true;
    steps[n - 1].first_member = members[0];
    steps[n - 1].subset = subset->index;
    return n;
}

/* NULL: no memory. Owned by the caller. */
static step *plan(size_t *n_steps, const ec_on_grid *on, const uint32_t *subsets) {
    ordered_subset *order = malloc(on->n_subsets * sizeof *order);
    step *steps = NULL;
    if (order != NULL) {
        size_t most = 0;
        for (size_t i = 0; i < on->n_subsets; i++) {
            uint8_t members[EC_C_MAX_MEMBERS];
            const uint32_t mask = subsets[on->subsets[i]];
            order[i] = (ordered_subset){reverse(mask), mask, on->subsets[i]};
            most += list_members(members, mask);
        }
        qsort(order, on->n_subsets, sizeof *order, by_members);
        steps = malloc(most * sizeof *steps);
        uint8_t path[EC_C_MAX_MEMBERS];
        size_t path_length = 0;
        *n_steps = 0;
        for (size_t i = 0; steps != NULL && i < on->n_subsets; i++)
            *n_steps = add_steps(steps, *n_steps, path, &path_length, &order[i]);
    }
    free(order);
    return steps;
}

/* ---- points ------------------------------------------------------------------------------- */

/* A point of the grid in the protocol's coordinates. */
static void place(double out[2], const double at[2], const ec_similarity *s, ec_c_protocol protocol,
                  const ec_c_frame *f) {
    const double stride = ec_covered_side(s, f) / (double)s->grid;
    if (protocol == EC_C_AUTHORS) {
        for (int k = 0; k < 2; k++) out[k] = at[k] * stride + floor(stride / 2.0);
    } else {
        out[0] = ((at[0] + 0.5) * stride - f->offset_x) / f->scale_x;
        out[1] = ((at[1] + 0.5) * stride - f->offset_y) / f->scale_y;
    }
}

double ec_pair_box(const ec_keypoint_pair *pair) {
    const double *b = pair->target_box;
    return fmax(b[3] - b[1], b[2] - b[0]);
}

ec_point_truth ec_point_truth_of(const ec_keypoint_pair *pair, size_t k, ec_c_protocol protocol,
                                 const ec_c_frame *frame) {
    const double *point = pair->target_points[k], box = ec_pair_box(pair);
    if (protocol != EC_C_AUTHORS) return (ec_point_truth){{point[0], point[1]}, box};
    return (ec_point_truth){
        {frame->scale_x * point[0] + frame->offset_x, frame->scale_y * point[1] + frame->offset_y},
        box * frame->scale_x};
}

static double distance(const double predicted[2], const ec_point_truth *truth) {
    const double dx = predicted[0] - truth->at[0], dy = predicted[1] - truth->at[1];
    return sqrt(dx * dx + dy * dy);
}

static bool is_within(double distance, const ec_point_truth *truth, size_t alpha) {
    return distance < ec_c_alpha(alpha) * truth->box;
}

bool ec_point_is_right(const double predicted[2], const ec_point_truth *truth, size_t alpha) {
    return is_within(distance(predicted, truth), truth, alpha);
}

static void count_right(ec_pair_result *result, const ec_point_prediction *predicted,
                        const ec_point_truth *truth) {
    for (int r = 0; r < EC_C_READOUTS; r++) {
        const double d = distance(predicted->at[r], truth);
        for (size_t a = 0; a < EC_C_ALPHAS; a++) result->correct[r][a] += is_within(d, truth, a);
    }
}

/* ---- pairs -------------------------------------------------------------------------------- */

/* All subsets for one point; sums is the stack, [depth][grid^2]. */
static void judge_row(const judging *j, size_t pair_place, size_t k, float *sums) {
    const ec_keypoint_pair *pair = &j->set->pairs[j->category->pairs[pair_place]];
    const size_t patches = j->grid * j->grid, point = j->first_point[pair_place] + k;
    const size_t target = ec_category_place(j->category, pair->target);
    const float *level[EC_C_MAX_MEMBERS];
    size_t m = 0; /* where the row at hand is highest */
    for (size_t i = 0; i < j->n_steps; i++) {
        const step *s = &j->steps[i];
        if (s->is_added) {
            const float *row = j->members[s->member].rows + point * patches;
            if (s->depth == 0) {
                level[0] = row;
                m = j->kernels->argmax(row, patches);
            } else {
                float *sum = sums + (s->depth - 1u) * patches;
                m = j->kernels->add(sum, level[s->depth - 1], row, patches);
                level[s->depth] = sum;
            }
        }
        if (!s->is_read) continue;

        double at[EC_C_READOUTS][2];
        j->kernels->read(at, level[s->depth], j->grid, m, s->depth + 1u);
        const ec_similarity *first = &j->members[s->first_member];
        const ec_c_frame *frame = &first->frames[target];
        ec_point_prediction predicted;
        for (int r = 0; r < EC_C_READOUTS; r++)
            place(predicted.at[r], at[r], first, j->protocol, frame);
        if (j->predictions != NULL)
            j->predictions[s->subset * j->category->n_points + point] = predicted;
        if (j->results == NULL) continue;
        const ec_point_truth truth = ec_point_truth_of(pair, k, j->protocol, frame);
        count_right(&j->results[s->subset * j->category->n_pairs + pair_place], &predicted, &truth);
    }
}

static void judge_pair(void *context, size_t i) {
    judging *j = context;
    const ec_keypoint_pair *pair = &j->set->pairs[j->category->pairs[i]];
    if (j->results != NULL)
        for (size_t s = 0; s < j->n_steps; s++)
            if (j->steps[s].is_read)
                j->results[j->steps[s].subset * j->category->n_pairs + i] =
                    (ec_pair_result){.n_points = (uint8_t)pair->n_points};
    float *sums = malloc((j->depth * j->grid * j->grid + 1) * sizeof *sums);
    if (sums == NULL)
        j->failed = true;
    else
        for (size_t k = 0; k < pair->n_points; k++) judge_row(j, i, k, sums);
    free(sums);
}

static ec_status check_grids(const ec_c_combinations *all, uint32_t subset, ec_error *err) {
    const ec_similarity *first = NULL;
    for (size_t k = 0; k < all->n_members; k++) {
        const ec_similarity *m = &all->members[k];
        if ((subset >> k & 1u) == 0) continue;
        if (first == NULL) first = m;
        if (m->grid != first->grid)
            return ec_fail(err, EC_ERR_ARG,
                           "%s has a grid of %zu x %zu and %s one of %zu x %zu: similarities can "
                           "be averaged only on one grid; combine encoders of equal grids, or ask "
                           "for resampling",
                           first->name, first->grid, first->grid, m->name, m->grid, m->grid);
    }
    return EC_OK;
}

static ec_status check(const ec_c_combinations *all, ec_error *err) {
    if (all->n_members < 1 || all->n_members > EC_C_MAX_MEMBERS)
        return ec_fail(err, EC_ERR_ARG, "%zu encoders to combine, expected 1 to %d", all->n_members,
                       EC_C_MAX_MEMBERS);
    ec_status status = EC_OK;
    for (size_t i = 0; i < all->n_subsets && status == EC_OK; i++) {
        const uint32_t subset = all->subsets[i];
        if (subset == 0 || subset >> all->n_members != 0)
            return ec_fail(err, EC_ERR_ARG,
                           "combination 0x%x names no encoder, or one beyond the %zu there are",
                           subset, all->n_members);
        if (!all->resample_grids) status = check_grids(all, subset, err);
    }
    return status;
}

/* The number of the first point of each pair. NULL: no memory. Owned by the caller. */
static size_t *number_points(const ec_keypoint_set *set, const ec_keypoint_category *category) {
    size_t *first = malloc((category->n_pairs + 1) * sizeof *first);
    size_t n = 0;
    for (size_t i = 0; first != NULL && i < category->n_pairs; i++) {
        first[i] = n;
        n += set->pairs[category->pairs[i]].n_points;
    }
    return first;
}

static ec_status no_memory(const ec_c_combinations *all, ec_error *err) {
    return ec_fail(err, EC_ERR_NOMEM, "no memory for judging %zu combinations of %zu encoders",
                   all->n_subsets, all->n_members);
}

/* The combinations whose finest grid is that of `finest`. */
static ec_status judge_on(judging *j, ec_correspondence *c, const ec_c_combinations *all,
                          const ec_similarity *finest, uint32_t *subsets, ec_error *err) {
    ec_on_grid on;
    step *steps = NULL;
    ec_status status = ec_on_grid_gather(&on, c, all, finest, j->category->n_points, subsets, err);
    if (status == EC_OK && on.n_subsets > 0) {
        j->members = on.members;
        j->grid = finest->grid;
        j->steps = steps = plan(&j->n_steps, &on, all->subsets);
        if (steps != NULL) ec_parallel_for(j->category->n_pairs, c->n_threads, judge_pair, j);
        if (steps == NULL || j->failed) status = no_memory(all, err);
    }
    free(steps);
    ec_on_grid_release(&on);
    return status;
}

ec_status ec_correspondence_judge(ec_pair_result *results, ec_point_prediction *predictions,
                                  ec_correspondence *c, const ec_keypoint_set *set, size_t category,
                                  ec_c_protocol protocol, const ec_c_combinations *all,
                                  ec_error *err) {
    ec_status status = check(all, err);
    if (status != EC_OK || all->n_subsets == 0) return status;
    size_t *first_point = number_points(set, &set->categories[category]);
    uint32_t *subsets = malloc(all->n_subsets * sizeof *subsets);
    judging j = {.set = set,
                 .category = &set->categories[category],
                 .kernels = c->kernels,
                 .protocol = protocol,
                 .depth = all->n_members - 1,
                 .first_point = first_point,
                 .results = results,
                 .predictions = predictions};
    if (first_point == NULL || subsets == NULL) status = no_memory(all, err);
    for (size_t i = 0; i < all->n_members && status == EC_OK; i++) {
        size_t first = 0;
        while (!ec_grids_are_one(&all->members[first], &all->members[i])) first++;
        if (first == i) status = judge_on(&j, c, all, &all->members[i], subsets, err);
    }
    free(first_point);
    free(subsets);
    return status;
}
