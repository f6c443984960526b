/* show_compare.c - a point of one image in others, under one encoder or several as one
 *
 *     images -> features of each source -> heat maps -> a row of panels
 */
#include <math.h>
#include <stdlib.h>

#include "pictures/figure.h"

typedef struct comparison {
    const ec_show_encoder *encoder;
    const ec_image *images;
    const char *const *names;
    size_t n_images, x, y;
    ec_feature_map *maps; /* [n_images][n_sources] */
    ec_heat_map **heat;   /* [n_images] */
    ec_heat_peak *peaks;  /* [n_images] the caller's */
    ec_text views;        /* how each source looked at the images */
} comparison;

static ec_feature_map map_of(const ec_extractor_info *info, const ec_frame *frame) {
    const double patches = 1.0 / (double)info->cell; /* a pixel of the input */
    return (ec_feature_map){.grid_width = info->grid_width,
                            .grid_height = info->grid_height,
                            .n_channels = info->n_channels,
                            .scale_x = frame->scale_x * patches,
                            .offset_x = frame->offset_x * patches,
                            .scale_y = frame->scale_y * patches,
                            .offset_y = frame->offset_y * patches};
}

/* Features of image i under the open extractor, into its map, which owns them. */
static ec_status extract(ec_feature_map *out, ec_extractor *extractor, const ec_image *image,
                         ec_error *err) {
    const ec_extractor_info info = ec_extractor_describe(extractor);
    ec_frame frame;
    ec_status status = ec_preparation_frame(&frame, ec_extractor_preparation(extractor),
                                            image->width, image->height, err);
    if (status != EC_OK) return status;
    float *features = calloc(info.n_tokens * info.n_channels, sizeof *features);
    if (features == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for features");
    status = ec_extractor_run(features, extractor, &image, 1, err);
    *out = map_of(&info, &frame);
    out->features = features;
    return status;
}

/* All images through source k. */
static ec_status run_source(comparison *c, size_t k, ec_error *err) {
    ec_feature_source patches = c->encoder->sources[k], *source = &patches;
    patches.has_tokens = false;
    ec_extractor *extractor;
    ec_status status = ec_extractor_open(&extractor, source, &c->encoder->options, err);
    if (status != EC_OK) return status;
    const ec_extractor_info info = ec_extractor_describe(extractor);
    if (k > 0) ec_text_add(&c->views, "; ");
    if (c->encoder->n_sources > 1) ec_text_format(&c->views, "%s: ", file_name(source->folder));
    figure_add_view(&c->views, &info, source->prepare, info.tap.layer);
    for (size_t i = 0; i < c->n_images && status == EC_OK; i++)
        status = extract(&c->maps[i * c->encoder->n_sources + k], extractor, &c->images[i], err);
    ec_extractor_close(extractor);
    return status;
}

static ec_status compare(comparison *c, ec_error *err) {
    const size_t n = c->encoder->n_sources;
    ec_status status = EC_OK;
    for (size_t k = 0; k < n && status == EC_OK; k++) status = run_source(c, k, err);
    for (size_t i = 0; i < c->n_images && status == EC_OK; i++) {
        status = ec_heat_map_new(&c->heat[i], c->maps, c->maps + i * n, n, (double)c->x + 0.5,
                                 (double)c->y + 0.5, err);
        if (status != EC_OK) return ec_error_prefix(err, status, "%s", c->encoder->name);
        c->peaks[i] = ec_heat_map_peak(c->heat[i], c->images[i].width, c->images[i].height);
    }
    return status;
}

/* ---- the figure ---- */

static ec_status draw(ec_image *out, const comparison *c, const ec_show_options *options,
                      ec_error *err) {
    ec_show_panel *panels = calloc(c->n_images, sizeof *panels);
    ec_text *labels = calloc(c->n_images, sizeof *labels);
    ec_status status = panels == NULL || labels == NULL
                           ? ec_fail(err, EC_ERR_NOMEM, "out of memory for a figure")
                           : EC_OK;
    for (size_t i = 0; i < c->n_images && status == EC_OK; i++) {
        ec_text_format(&labels[i], "%s%s", file_name(c->names[i]), i == 0 ? " (source)" : "");
        const ec_heat_peak *peak = &c->peaks[i];
        panels[i] = (ec_show_panel){.label = labels[i].failed ? "" : labels[i].data,
                                    .image = &c->images[i],
                                    .map = c->heat[i],
                                    .peak = *peak,
                                    .x = (double)(i == 0 ? c->x : peak->x) + 0.5,
                                    .y = (double)(i == 0 ? c->y : peak->y) + 0.5};
    }
    if (status == EC_OK) status = ec_show_row(out, panels, c->n_images, options, err);
    for (size_t i = 0; labels != NULL && i < c->n_images; i++) ec_text_release(&labels[i]);
    free(labels);
    free(panels);
    return status;
}

static ec_status write_words(ec_show_figure *f, const comparison *c, ec_error *err) {
    ec_text caption = {0};
    ec_text_format(&caption, "Point %zu, %zu of %s.", c->x, c->y, file_name(c->names[0]));
    for (size_t i = 1; i < c->n_images; i++)
        ec_text_format(&caption, " Found at %zu, %zu of %s: cosine %.3f (lowest %.3f).",
                       c->peaks[i].x, c->peaks[i].y, file_name(c->names[i]), c->peaks[i].highest,
                       c->peaks[i].lowest);
    ec_text_format(&caption, " %s.", c->views.data != NULL ? c->views.data : "");
    return figure_words(f, c->encoder->name, &caption, err);
}

static ec_status write_table(ec_show_figure *f, const comparison *c, ec_error *err) {
    static const char *const header[] = {"image", "x", "y", "highest cosine", "lowest cosine"};
    ec_status status = figure_table(f, c->n_images + 1, header, 5, err);
    for (size_t i = 0; i < c->n_images && status == EC_OK; i++) {
        const ec_heat_peak *peak = &c->peaks[i];
        status = figure_cell(f, i + 1, 0, err, "%s", c->names[i]);
        if (status == EC_OK) status = figure_cell(f, i + 1, 1, err, "%zu", peak->x);
        if (status == EC_OK) status = figure_cell(f, i + 1, 2, err, "%zu", peak->y);
        if (status == EC_OK) status = figure_cell(f, i + 1, 3, err, "%.4f", peak->highest);
        if (status == EC_OK) status = figure_cell(f, i + 1, 4, err, "%.4f", peak->lowest);
    }
    return status;
}

ec_status ec_show_compare(ec_show_figure *out, ec_heat_peak *peaks, const ec_show_encoder *encoder,
                          const ec_image *images, const char *const *names, size_t n_images,
                          size_t x, size_t y, const ec_show_options *options, ec_error *err) {
    *out = (ec_show_figure){0};
    if (n_images == 0 || encoder->n_sources == 0)
        return ec_fail(err, EC_ERR_ARG, "a comparison needs an image and an encoder");
    if (x >= images[0].width || y >= images[0].height)
        return ec_fail(err, EC_ERR_ARG,
                       "point %zu,%zu is not on %s, which is %zu x %zu pixels: X from 0 to %zu, Y "
                       "from 0 to %zu",
                       x, y, names[0], images[0].width, images[0].height, images[0].width - 1,
                       images[0].height - 1);
    comparison c = {.encoder = encoder,
                    .images = images,
                    .names = names,
                    .n_images = n_images,
                    .x = x,
                    .y = y,
                    .peaks = peaks};
    c.maps = calloc(n_images * encoder->n_sources, sizeof *c.maps);
    c.heat = calloc(n_images, sizeof *c.heat);
    ec_status status = c.maps == NULL || c.heat == NULL
                           ? ec_fail(err, EC_ERR_NOMEM, "out of memory for a comparison")
                           : compare(&c, err);
    if (status == EC_OK) status = draw(&out->image, &c, options, err);
    if (status == EC_OK) status = write_words(out, &c, err);
    if (status == EC_OK) status = write_table(out, &c, err);
    for (size_t i = 0; c.maps != NULL && i < n_images * encoder->n_sources; i++)
        free((float *)c.maps[i].features); /* extract() made them */
    for (size_t i = 0; c.heat != NULL && i < n_images; i++) ec_heat_map_free(c.heat[i]);
    free(c.maps);
    free(c.heat);
    ec_text_release(&c.views);
    if (status != EC_OK) ec_show_figure_release(out);
    return status;
}
