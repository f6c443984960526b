/* matching.c - images of a category -> features -> rows: see eyechart/matching.h */
#include "eyechart/matching.h"

#include <stdlib.h>
#include <string.h>

#include "base/parallel.h"
#include "features/pass.h"

/* n * m * size_bytes bytes, uninitialised; NULL when there is no memory or no such size. */
static void *take(size_t n, size_t m, size_t size_bytes) {
    if (m > 0 && n > SIZE_MAX / 2 / size_bytes / m) return NULL;
    const size_t bytes = n * m * size_bytes;
    return malloc(bytes > 0 ? bytes : 1);
}

ec_prepare_mode ec_matching_prepare(ec_c_protocol protocol) {
    return protocol == EC_C_AUTHORS ? EC_PREPARE_SQUARE : EC_PREPARE_LETTERBOX;
}

/* ---- images ------------------------------------------------------------------------------- */

typedef struct {
    const ec_keypoint_set *set;
    const ec_keypoint_category *category;
    ec_image *images;
    ec_error *errors; /* [n_images] status EC_OK: none */
} decoding;

ec_status ec_matching_image_load(ec_image *out, const ec_keypoint_image *said, ec_error *err) {
    const ec_status status = ec_image_load(out, said->path, err);
    if (status != EC_OK || (out->width == said->width && out->height == said->height))
        return status;
    const size_t width = out->width, height = out->height;
    ec_image_release(out);
    return ec_fail(err, EC_ERR_FORMAT,
                   "%s: %zu x %zu pixels, but its annotation says %zu x %zu; keypoints would be "
                   "misplaced",
                   said->path, width, height, said->width, said->height);
}

static void decode_one(void *context, size_t i) {
    const decoding *d = context;
    ec_matching_image_load(&d->images[i], &d->set->images[d->category->images[i]], &d->errors[i]);
}

ec_status ec_matching_images_load(ec_image **out, const ec_keypoint_set *set, size_t category,
                                  size_t n_threads, ec_error *err) {
    const ec_keypoint_category *c = &set->categories[category];
    decoding d = {.set = set,
                  .category = c,
                  .images = calloc(c->n_images + 1, sizeof *d.images),
                  .errors = calloc(c->n_images + 1, sizeof *d.errors)};
    ec_status status = EC_OK;
    *out = NULL;
    if (d.images == NULL || d.errors == NULL) {
        status = ec_fail(err, EC_ERR_NOMEM, "out of memory for the images of %s", c->name);
    } else {
        ec_parallel_for(c->n_images, n_threads, decode_one, &d);
        for (size_t i = 0; i < c->n_images && status == EC_OK; i++) {
            status = d.errors[i].status;
            if (status != EC_OK) ec_fail(err, status, "%s", d.errors[i].message);
        }
    }
    if (status == EC_OK) *out = d.images;
    if (status != EC_OK && d.images != NULL) ec_matching_images_free(d.images, set, category);
    free(d.errors);
    return status;
}

void ec_matching_images_free(ec_image *images, const ec_keypoint_set *set, size_t category) {
    if (images == NULL) return;
    for (size_t i = 0; i < set->categories[category].n_images; i++) ec_image_release(&images[i]);
    free(images);
}

/* ---- frames ------------------------------------------------------------------------------- */

static ec_status check_preparation(const ec_extractor *extractor, ec_c_protocol protocol,
                                   ec_error *err) {
    const ec_preparation *p = ec_extractor_preparation(extractor);
    const bool fits = protocol == EC_C_AUTHORS ? p->resize == EC_RESIZE_SQUASH
                                               : p->resize == EC_RESIZE_LONGEST_EDGE;
    return fits ? EC_OK
                : ec_fail(err, EC_ERR_ARG, "the encoder is not prepared for the %s protocol: %s",
                          ec_c_protocol_name(protocol),
                          protocol == EC_C_AUTHORS ? "it takes squashed images"
                                                   : "it takes padded images");
}

double ec_matching_covers(const ec_extractor_info *info) {
    return (double)(info->grid_width * info->cell) / (double)info->input_width;
}

ec_status ec_matching_frames(ec_c_frame *frames, const ec_extractor *extractor,
                             ec_c_protocol protocol, const ec_keypoint_set *set, size_t category,
                             ec_error *err) {
    const ec_keypoint_category *c = &set->categories[category];
    ec_status status = EC_OK;
    if (protocol == EC_C_CONSISTENT) status = check_preparation(extractor, protocol, err);
    for (size_t i = 0; i < c->n_images && status == EC_OK; i++) {
        const ec_keypoint_image *image = &set->images[c->images[i]];
        if (protocol == EC_C_AUTHORS) {
            frames[i] = ec_c_frame_authors(image->width, image->height);
            continue;
        }
        ec_frame frame;
        status = ec_preparation_frame(&frame, ec_extractor_preparation(extractor), image->width,
                                      image->height, err);
        frames[i] = (ec_c_frame){.scale_x = frame.scale_x,
                                 .scale_y = frame.scale_y,
                                 .offset_x = frame.offset_x,
                                 .offset_y = frame.offset_y,
                                 .side = (double)ec_extractor_describe(extractor).input_width};
    }
    return status;
}

/* ---- rows --------------------------------------------------------------------------------- */

/* The features of a category, unit length, as a pass hands them over. */
typedef struct {
    float *features; /* [n_images][n_floats] */
    size_t n_floats; /* of an image: n_tokens n_channels */
    ec_correspondence *correspondence;
    ec_extractor_info info;
    const char *name; /* of the encoder */
    const ec_keypoint_set *set;
    const ec_keypoint_category *category;
    const ec_matching_options *options;
} gathering;

static ec_status take_batch(void *context, const ec_pass_batch *batch, ec_error *err) {
    const gathering *g = context;
    const size_t end = batch->first + batch->n;
    float *features = g->features + batch->first * g->n_floats;
    memcpy(features, batch->features[0], batch->n * g->n_floats * sizeof *features);
    for (size_t i = batch->first; i < end; i++) {
        const ec_status status =
            ec_features_normalise(g->correspondence, g->features + i * g->n_floats,
                                  g->info.n_tokens, g->info.n_channels, err);
        if (status != EC_OK)
            return ec_error_prefix(err, status, "%s: %s", g->name,
                                   g->set->images[g->category->images[i]].name);
    }
    if (g->options->see == NULL || g->options->see(g->options->context, end)) return EC_OK;
    return ec_fail(err, EC_ERR_INTERRUPTED,
                   "stopped in category %s, after %zu of %zu images under %s", g->category->name,
                   end, g->category->n_images, g->name);
}

static ec_status compute_features(gathering *g, ec_extractor *extractor, const ec_image *images,
                                  ec_error *err) {
    const size_t n = g->category->n_images;
    const ec_image **decoded = take(n, 1, sizeof *decoded);
    if (decoded == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) decoded[i] = &images[i];
    const ec_image_list list = {.decoded = decoded, .n = n};
    const ec_pass_options options = {.batch = g->options->batch, .name = g->name};
    const ec_pass_consumer consumer = {take_batch, g};
    const ec_status status = ec_pass_run(&extractor, 1, &list, &options, &consumer, 1, err);
    free(decoded);
    return status;
}

ec_status ec_matching_rows(ec_similarity *out, ec_correspondence *c, ec_extractor *extractor,
                           const char *name, ec_c_protocol protocol, const ec_keypoint_set *set,
                           size_t category, const ec_image *images,
                           const ec_matching_options *options, ec_error *err) {
    static const ec_matching_options defaults = {0};
    const ec_keypoint_category *k = &set->categories[category];
    const ec_extractor_info info = ec_extractor_describe(extractor);
    const size_t grid = info.grid_width;
    *out = (ec_similarity){0};
    ec_status status = check_preparation(extractor, protocol, err);
    if (status != EC_OK) return ec_error_prefix(err, status, "%s", name);
    if (info.grid_height != grid || info.n_tokens != grid * grid)
        return ec_fail(
            err, EC_ERR_ARG,
            "%s: the C score needs a square grid of patches without class token, not %zu "
            "tokens of a grid of %zu x %zu",
            name, info.n_tokens, grid, info.grid_height);

    float *features = take(k->n_images, info.n_tokens * info.n_channels, sizeof *features);
    float *rows = take(k->n_points, grid * grid, sizeof *rows);
    ec_c_frame *frames = take(k->n_images, 1, sizeof *frames);
    *out = (ec_similarity){.name = name, .rows = rows, .grid = grid, .frames = frames};
    if (protocol == EC_C_CONSISTENT) out->covers = ec_matching_covers(&info);
    if (features == NULL || rows == NULL || frames == NULL)
        status =
            ec_fail(err, EC_ERR_NOMEM, "%s: out of memory for the features of %zu images of %s",
                    name, k->n_images, k->name);
    if (status == EC_OK)
        status = ec_matching_frames(frames, extractor, protocol, set, category, err);
    if (status == EC_OK)
        status = compute_features(&(gathering){.features = features,
                                               .n_floats = info.n_tokens * info.n_channels,
                                               .correspondence = c,
                                               .info = info,
                                               .name = name,
                                               .set = set,
                                               .category = k,
                                               .options = options != NULL ? options : &defaults},
                                  extractor, images, err);
    if (status == EC_OK)
        status = ec_similarity_compute(out, c, set, category, features, info.n_channels, err);
    free(features);
    if (status != EC_OK) ec_matching_rows_release(out);
    return status;
}

void ec_matching_rows_release(ec_similarity *similarity) {
    free(similarity->rows);
    free((void *)similarity->frames); /* ours: ec_matching_rows allocated it */
    *similarity = (ec_similarity){0};
}
