/* correspondence.c - from features to rows of similarities: see eyechart/correspondence.h
 *
 *     for each target image: the source patches of all pairs that end there   x [points, channels]
 *         x W^T, W the target's features                                      [points, grid^2]
 */
#include "scores/correspondence.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "cpu/kernels.h"
#include "scores/unit.h"

enum { MAX_POINTS_AT_ONCE = 1024 }; /* of one product: bounds the scratch */
static const double authors_side = 840.0;

const char *ec_c_protocol_name(size_t protocol) {
    static const char *const names[] = {"authors", "consistent"};
    return protocol < EC_C_PROTOCOLS ? names[protocol] : NULL;
}

const char *ec_c_readout_name(size_t readout) {
    static const char *const names[] = {"soft-argmax", "argmax"};
    return readout < EC_C_READOUTS ? names[readout] : NULL;
}

double ec_c_alpha(size_t alpha) {
    static const double alphas[EC_C_ALPHAS] = {0.10, 0.05, 0.01};
    return alphas[alpha];
}

/* Those for a backend of ec_ctx_backend_name(). */
static const ec_row_kernels *find_kernels(const char *backend) {
#if defined(__x86_64__)
    if (strcmp(backend, "portable") != 0 && ec_cpu_kernels_find("avx2") != NULL)
        return &ec_row_kernels_avx2;
#endif
    (void)backend;
    return &ec_row_kernels_portable;
}

ec_status ec_correspondence_new(ec_correspondence **out, ec_ctx *ctx, ec_error *err) {
    *out = calloc(1, sizeof **out);
    if (*out == NULL) return ec_fail(err, EC_ERR_NOMEM, "no memory for comparing features");
    **out = (ec_correspondence){.ctx = ctx,
                                .kernels = find_kernels(ec_ctx_backend_name(ctx)),
                                .n_threads = ec_ctx_threads(ctx)};
    return EC_OK;
}

void ec_correspondence_free(ec_correspondence *c) {
    free(c);
}

/* ---- frames ------------------------------------------------------------------------------- */

/* As in the authors' preprocess_kps_pad: numpy rounds half to even, int() cuts. */
static double centring(size_t shorter, size_t longer) {
    const double side = nearbyint(authors_side * (double)shorter / (double)longer);
    return trunc((authors_side - side) / 2.0);
}

ec_c_frame ec_c_frame_authors(size_t width, size_t height) {
    const double scale = authors_side / (double)(width > height ? width : height);
    return (ec_c_frame){.scale_x = scale,
                        .scale_y = scale,
                        .offset_x = width < height ? centring(width, height) : 0.0,
                        .offset_y = height < width ? centring(height, width) : 0.0,
                        .side = authors_side};
}

static bool is_frame(const ec_c_frame *f) {
    return f->scale_x > 0.0 && f->scale_y > 0.0 && f->side > 0.0 && isfinite(f->scale_x) &&
           isfinite(f->scale_y) && isfinite(f->offset_x) && isfinite(f->offset_y) &&
           isfinite(f->side);
}

/* int() of a coordinate in patches, clamped to the grid. */
static size_t patch_of(double at, double side, size_t grid) {
    const double patch = (double)grid / side * at;
    if (!(patch > 0.0)) return 0;
    return patch < (double)grid ? (size_t)patch : grid - 1;
}

double ec_covered_side(const ec_similarity *s, const ec_c_frame *frame) {
    return s->covers > 0.0 ? frame->side * s->covers : frame->side;
}

/* What no patch covers is looked up in the nearest. */
static size_t source_patch(const double point[2], const ec_similarity *s, const ec_c_frame *f) {
    const double x = f->scale_x * point[0] + f->offset_x, y = f->scale_y * point[1] + f->offset_y;
    const double side = ec_covered_side(s, f);
    return patch_of(y, side, s->grid) * s->grid + patch_of(x, side, s->grid);
}

size_t ec_category_place(const ec_keypoint_category *category, size_t image) {
    size_t low = 0, high = category->n_images;
    while (high - low > 1) {
        const size_t middle = (low + high) / 2;
        if (category->images[middle] <= image)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* ---- normalisation ------------------------------------------------------------------------ */

enum { ROWS_AT_ONCE = 64 };

typedef struct {
    float *rows;
    size_t n, channels;
    atomic_bool is_bad;
} normalisation;

static void normalise_some(void *context, size_t i) {
    normalisation *job = context;
    const size_t from = i * ROWS_AT_ONCE;
    const size_t to = from + ROWS_AT_ONCE < job->n ? from + ROWS_AT_ONCE : job->n;
    for (size_t r = from; r < to; r++)
        if (!ec_unit_length(job->rows + r * job->channels, job->channels)) job->is_bad = true;
}

ec_status ec_features_normalise(ec_correspondence *c, float *rows, size_t n, size_t channels,
                                ec_error *err) {
    normalisation job = {.rows = rows, .n = n, .channels = channels};
    ec_parallel_for((n + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE, c->n_threads, normalise_some, &job);
    if (!job.is_bad) return EC_OK;
    return ec_fail(err, EC_ERR_FORMAT, "the encoder gives features that are not finite");
}

/* ---- rows --------------------------------------------------------------------------------- */

/* The points of a category, in the order of their targets. */
typedef struct {
    size_t *patch; /* the source's, among all patches of the category's images */
    float **row;   /* where its similarities belong */
} queries;

/* Rows [first, first + n) = source patches x target^T, at most MAX_POINTS_AT_ONCE of them. */
static void multiply(ec_ctx *ctx, const queries *q, size_t first, size_t n, ec_array features,
                     ec_array target) {
    const size_t patches = ec_array_height(target);
    const ec_mark mark = ec_scratch_mark(ctx);
    const ec_array x = ec_gather_rows(ctx, features, q->patch + first, n);
    const ec_array y = ec_product_nt(ctx, x, target, true); /* exp(s / .02) magnifies its errors */
    float *const *row = q->row + first;
    for (size_t i = 0, end; i < n; i = end) { /* points of a pair have their rows side by side */
        for (end = i + 1; end < n && row[end] == row[end - 1] + patches;) end++;
        ec_download(ctx, row[i], ec_array_rows(y, i, end - i));
    }
    ec_scratch_release(ctx, mark);
}

/* All points of the category, sorted by target: first [n_images + 1] receives where each target's
 * begin. */
static void collect(queries *q, size_t *first, const ec_similarity *s, const ec_keypoint_set *set,
                    const ec_keypoint_category *category) {
    const size_t patches = s->grid * s->grid;
    memset(first, 0, (category->n_images + 1) * sizeof *first);
    for (size_t i = 0; i < category->n_pairs; i++) {
        const ec_keypoint_pair *pair = &set->pairs[category->pairs[i]];
        first[ec_category_place(category, pair->target)] += pair->n_points;
    }
    size_t sum = 0;
    for (size_t i = 0; i <= category->n_images; i++) {
        const size_t n = first[i];
        first[i] = sum;
        sum += n;
    }
    float *row = s->rows;
    for (size_t i = 0; i < category->n_pairs; i++) {
        const ec_keypoint_pair *pair = &set->pairs[category->pairs[i]];
        const size_t source = ec_category_place(category, pair->source);
        size_t *at = &first[ec_category_place(category, pair->target)];
        for (size_t k = 0; k < pair->n_points; k++, row += patches) {
            const size_t patch = source_patch(pair->source_points[k], s, &s->frames[source]);
            q->patch[*at] = source * patches + patch;
            q->row[(*at)++] = row;
        }
    }
    memmove(first + 1, first, category->n_images * sizeof *first); /* ends to beginnings */
    first[0] = 0;
}

ec_status ec_similarity_compute(ec_similarity *s, ec_correspondence *c, const ec_keypoint_set *set,
                                size_t category_index, const float *features, size_t channels,
                                ec_error *err) {
    const ec_keypoint_category *category = &set->categories[category_index];
    const size_t patches = s->grid * s->grid;
    for (size_t i = 0; i < category->n_images; i++)
        if (!is_frame(&s->frames[i]))
            return ec_fail(err, EC_ERR_ARG, "%s: the frame of image '%.120s' makes no sense",
                           s->name, set->images[category->images[i]].name);

    queries q = {malloc((category->n_points + 1) * sizeof *q.patch),
                 malloc((category->n_points + 1) * sizeof *q.row)};
    size_t *first = malloc((category->n_images + 1) * sizeof *first);
    ec_status status = EC_ERR_NOMEM;
    if (q.patch != NULL && q.row != NULL && first != NULL) {
        const ec_mark mark = ec_scratch_mark(c->ctx);
        const ec_array all = ec_upload(c->ctx, features, EC_F32, 2,
                                       (size_t[]){category->n_images * patches, channels});
        collect(&q, first, s, set, category);
        for (size_t t = 0; t < category->n_images; t++)
            for (size_t from = first[t]; from < first[t + 1]; from += MAX_POINTS_AT_ONCE) {
                const size_t left = first[t + 1] - from;
                multiply(c->ctx, &q, from, left < MAX_POINTS_AT_ONCE ? left : MAX_POINTS_AT_ONCE,
                         all, ec_array_rows(all, t * patches, patches));
            }
        ec_scratch_release(c->ctx, mark);
        status = ec_ctx_status(c->ctx, err);
    } else {
        ec_fail(err, status, "%s: no memory for comparing %zu points", s->name, category->n_points);
    }
    free(q.patch);
    free(q.row);
    free(first);
    return status;
}
