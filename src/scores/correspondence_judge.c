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
    uint32_t
        reversed; /* member 0 is the highest bit: ascending order puts {0, 1} before {0, 1, 2} */
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
static step *plan(size_t *n_steps, const uint32_t *subsets, size_t n_subsets) {
    ordered_subset *order = malloc(n_subsets * sizeof *order);
    step *steps = NULL;
    if (order != NULL) {
        size_t most = 0;
        for (size_t i = 0; i < n_subsets; i++) {
            uint8_t members[EC_C_MAX_MEMBERS];
            order[i] = (ordered_subset){reverse(subsets[i]), subsets[i], (uint32_t)i};
            most += list_members(members, subsets[i]);
        }
        qsort(order, n_subsets, sizeof *order, by_members);
        steps = malloc(most * sizeof *steps);
        uint8_t path[EC_C_MAX_MEMBERS];
        size_t path_length = 0;
        *n_steps = 0;
        for (size_t i = 0; steps != NULL && i < n_subsets; i++)
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

/* What a pair's predictions are held against. */
typedef struct {
    ec_c_frame to_true; /* of the target's points, in the protocol's coordinates */
    double box;         /* the longer side, likewise */
} truth;

static truth truth_of(const ec_keypoint_pair *pair, ec_c_protocol protocol, const ec_c_frame *f) {
    const double *b = pair->target_box;
    const double longer = fmax(b[3] - b[1], b[2] - b[0]);
    if (protocol == EC_C_AUTHORS) return (truth){*f, longer * f->scale_x};
    return (truth){{.scale_x = 1.0, .scale_y = 1.0}, longer};
}

static void judge_point(ec_pair_result *result, const ec_point_prediction *predicted,
                        const double point[2], const truth *t) {
    const double x = t->to_true.scale_x * point[0] + t->to_true.offset_x;
    const double y = t->to_true.scale_y * point[1] + t->to_true.offset_y;
    for (int r = 0; r < EC_C_READOUTS; r++) {
        const double dx = predicted->at[r][0] - x, dy = predicted->at[r][1] - y;
        const double distance = sqrt(dx * dx + dy * dy);
        for (size_t a = 0; a < EC_C_ALPHAS; a++)
            result->correct[r][a] += distance < ec_c_alpha(a) * t->box;
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
        const truth t = truth_of(pair, j->protocol, frame);
        judge_point(&j->results[s->subset * j->category->n_pairs + pair_place], &predicted,
                    pair->target_points[k], &t);
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

static ec_status check(const ec_similarity *members, size_t n_members, const uint32_t *subsets,
                       size_t n_subsets, ec_error *err) {
    if (n_members < 1 || n_members > EC_C_MAX_MEMBERS)
        return ec_fail(err, EC_ERR_ARG, "%zu encoders to combine, expected 1 to %d", n_members,
                       EC_C_MAX_MEMBERS);
    for (size_t k = 1; k < n_members; k++)
        if (members[k].grid != members[0].grid)
            return ec_fail(err, EC_ERR_ARG,
                           "%s has a grid of %zu x %zu and %s one of %zu x %zu: similarities can "
                           "be averaged only on one grid; combine encoders of equal grids, or ask "
                           "for resampling",
                           members[0].name, members[0].grid, members[0].grid, members[k].name,
                           members[k].grid, members[k].grid);
    for (size_t i = 0; i < n_subsets; i++)
        if (subsets[i] == 0 || subsets[i] >> n_members != 0)
            return ec_fail(err, EC_ERR_ARG,
                           "combination 0x%x names no encoder, or one beyond the %zu there are",
                           subsets[i], n_members);
    return EC_OK;
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

ec_status ec_correspondence_judge(ec_pair_result *results, ec_point_prediction *predictions,
                                  ec_correspondence *c, const ec_keypoint_set *set, size_t category,
                                  ec_c_protocol protocol, const ec_similarity *members,
                                  size_t n_members, const uint32_t *subsets, size_t n_subsets,
                                  ec_error *err) {
    const ec_status status = check(members, n_members, subsets, n_subsets, err);
    if (status != EC_OK || n_subsets == 0) return status;
    size_t n_steps = 0;
    step *steps = plan(&n_steps, subsets, n_subsets);
    size_t *first_point = number_points(set, &set->categories[category]);
    judging j = {.set = set,
                 .category = &set->categories[category],
                 .members = members,
                 .kernels = c->kernels,
                 .protocol = protocol,
                 .grid = members[0].grid,
                 .steps = steps,
                 .n_steps = n_steps,
                 .depth = n_members - 1,
                 .first_point = first_point,
                 .results = results,
                 .predictions = predictions};
    if (steps != NULL && first_point != NULL)
        ec_parallel_for(j.category->n_pairs, c->n_threads, judge_pair, &j);
    else
        j.failed = true;
    free(steps);
    free(first_point);
    if (!j.failed) return EC_OK;
    return ec_fail(err, EC_ERR_NOMEM, "no memory for judging %zu combinations of %zu encoders",
                   n_subsets, n_members);
}
