/* show.c - rows of images with what was found in them, see eyechart/show.h
 *
 * Layout: images scaled to one height, side by side with a gap, each under its label. Sizes of dots
 * and strokes are fractions of that height, after the demos that figures 6 to 8 come from: a dot of
 * 70 square points in a panel of 167 points (DIFT), discs of .03 and .01 of the height
 * (GeoAware-SC).
 */
#include "eyechart/show.h"

#include <math.h>
#include <stdlib.h>

enum { DEFAULT_HEIGHT = 360, GAP = 8, MARGIN_ROWS = 3 };

static const ec_colour WHITE = {255, 255, 255}, INK = {27, 31, 36}, RED = {255, 0, 0};

/* Two that all kinds of colour vision tell apart: Okabe and Ito, "Color Universal Design", 2008. */
static const ec_colour SKY_BLUE = {86, 180, 233}, VERMILION = {213, 94, 0};

/* Of the points of a pair, in turn; names as CSS. */
static const ec_colour POINT_COLOURS[] = {
    {255, 0, 0},     /* red */
    {255, 255, 0},   /* yellow */
    {0, 0, 255},     /* blue */
    {0, 255, 0},     /* lime */
    {255, 0, 255},   /* magenta */
    {75, 0, 130},    /* indigo */
    {255, 165, 0},   /* orange */
    {0, 255, 255},   /* cyan */
    {0, 100, 0},     /* darkgreen */
    {128, 0, 0},     /* maroon */
    {0, 0, 0},       /* black */
    {255, 255, 255}, /* white */
    {210, 105, 30},  /* chocolate */
    {128, 128, 128}, /* gray */
    {138, 43, 226},  /* blueviolet */
};
enum { N_POINT_COLOURS = sizeof POINT_COLOURS / sizeof *POINT_COLOURS };

/* Where an image lies in a row, and how large it is there. */
typedef struct place {
    size_t left, top, width, height;
    double scale_x, scale_y; /* pixels of the row for a pixel of the image */
} place;

static double across(const place *p, double x) {
    return (double)p->left + p->scale_x * x;
}

static double down(const place *p, double y) {
    return (double)p->top + p->scale_y * y;
}

/* The nearest point of the image. Where an image was padded, an encoder may find a point beside it:
 * that is drawn at the edge, and not on the neighbour. */
static double clamp_across(const place *p, double x) {
    return fmin(fmax(across(p, x), (double)p->left), (double)(p->left + p->width));
}

static double clamp_down(const place *p, double y) {
    return fmin(fmax(down(p, y), (double)p->top), (double)(p->top + p->height));
}

/* ---- layout ---- */

static const size_t LABEL_HEIGHT = 2 * (EC_PICTURE_TEXT_HEIGHT + MARGIN_ROWS);

static ec_status lay_out(place *places, size_t *row_width, const ec_show_panel *panels, size_t n,
                         size_t height, ec_error *err) {
    size_t left = 0;
    for (size_t i = 0; i < n; i++) {
        const ec_image *image = panels[i].image;
        const double width =
            fmax(round((double)image->width * (double)height / (double)image->height), 1.0);
        if (width + (double)left > EC_PICTURE_MAX_SIDE)
            return ec_fail(err, EC_ERR_ARG,
                           "images side by side at a height of %zu pixels are wider than %d; give "
                           "a smaller height or fewer images",
                           height, EC_PICTURE_MAX_SIDE);
        places[i] = (place){.left = left,
                            .top = LABEL_HEIGHT,
                            .width = (size_t)width,
                            .height = height,
                            .scale_x = width / (double)image->width,
                            .scale_y = (double)height / (double)image->height};
        left += (size_t)width + GAP;
    }
    *row_width = left - GAP;
    return EC_OK;
}

/* Large letters if the labels of all panels fit, else small ones. */
static size_t label_scale(const place *places, const ec_show_panel *panels, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (ec_picture_text_width(panels[i].label, 2) > places[i].width) return 1;
    return 2;
}

/* Cut off at the edge of the panel. */
static ec_status draw_label(ec_image *row, const place *at, const char *label, size_t scale,
                            ec_error *err) {
    ec_image strip;
    const ec_status status = ec_picture_new(&strip, at->width, LABEL_HEIGHT, WHITE, err);
    if (status != EC_OK) return status;
    const size_t top = (LABEL_HEIGHT - scale * EC_PICTURE_TEXT_HEIGHT) / 2;
    ec_picture_text(&strip, 0, top, scale, INK, label);
    ec_picture_paste(row, &strip, at->left, 0);
    ec_image_release(&strip);
    return EC_OK;
}

/* The heat map at the pixels of the panel, scaled from its range over the image to [0, 1]. */
static ec_status heat(ec_image *image, const ec_show_panel *panel, const place *at, ec_heat how,
                      ec_error *err) {
    float *values = malloc(at->width * at->height * sizeof *values);
    if (values == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory for a heat map");
    const double low = panel->peak.lowest, range = panel->peak.highest - low;
    for (size_t y = 0; y < at->height; y++)
        for (size_t x = 0; x < at->width; x++) {
            const double similarity = ec_heat_map_at(panel->map, ((double)x + 0.5) / at->scale_x,
                                                     ((double)y + 0.5) / at->scale_y);
            values[y * at->width + x] = (float)(range > 0.0 ? (similarity - low) / range : 0.0);
        }
    ec_picture_heat(image, values, how);
    free(values);
    return EC_OK;
}

static ec_status draw_panel(ec_image *row, const ec_show_panel *panel, const place *at,
                            size_t scale, const ec_show_options *options, ec_error *err) {
    ec_image image = {0};
    ec_status status =
        ec_image_resize(&image, panel->image, at->width, at->height, EC_FILTER_LANCZOS, err);
    if (status == EC_OK && panel->map != NULL) status = heat(&image, panel, at, options->heat, err);
    if (status == EC_OK) status = draw_label(row, at, panel->label, scale, err);
    if (status == EC_OK) ec_picture_paste(row, &image, at->left, at->top);
    ec_image_release(&image);
    return status;
}

static size_t height_of(const ec_show_options *options) {
    return options->height > 0 ? options->height : DEFAULT_HEIGHT;
}

/* Labels, images and heat; `places` [n] receives where they are. */
static ec_status draw_row(ec_image *out, place *places, const ec_show_panel *panels, size_t n,
                          const ec_show_options *options, ec_error *err) {
    *out = (ec_image){0};
    size_t width = 0;
    ec_status status = lay_out(places, &width, panels, n, height_of(options), err);
    if (status == EC_OK)
        status = ec_picture_new(out, width, LABEL_HEIGHT + height_of(options), WHITE, err);
    const size_t scale = status == EC_OK ? label_scale(places, panels, n) : 1;
    for (size_t i = 0; i < n && status == EC_OK; i++)
        status = draw_panel(out, &panels[i], &places[i], scale, options, err);
    return status;
}

/* ---- a point in several images ---- */

ec_status ec_show_row(ec_image *out, const ec_show_panel *panels, size_t n,
                      const ec_show_options *options, ec_error *err) {
    *out = (ec_image){0};
    if (n == 0) return ec_fail(err, EC_ERR_ARG, "a row of no images");
    place *places = calloc(n, sizeof *places);
    if (places == NULL) return ec_fail(err, EC_ERR_NOMEM, "out of memory");
    const ec_status status = draw_row(out, places, panels, n, options, err);
    const ec_colour chosen = options->dot;
    const bool is_black = chosen.red == 0 && chosen.green == 0 && chosen.blue == 0;
    const double radius = fmax(0.025 * (double)height_of(options), 2.0);
    for (size_t i = 0; i < n && status == EC_OK; i++) {
        const double x = across(&places[i], panels[i].x), y = down(&places[i], panels[i].y);
        /* A white rim keeps the dot apart from what it lies on. */
        ec_picture_disc(out, x, y, 1.25 * radius, WHITE, 1.0);
        ec_picture_disc(out, x, y, radius, is_black ? RED : chosen, 1.0);
    }
    if (status != EC_OK) ec_image_release(out);
    free(places);
    return status;
}

/* ---- a pair ---- */

/* A line of dashes, each six times as long as the stroke is wide. */
static void draw_dashes(ec_image *on, double x0, double y0, double x1, double y1, double stroke,
                        ec_colour colour, double alpha) {
    const double length = hypot(x1 - x0, y1 - y0), dash = 6.0 * stroke;
    const size_t n = (size_t)fmin(length / (2.0 * dash), 10000.0) + 1;
    for (size_t i = 0; i < n && length > 0.0; i++) {
        const double from = 2.0 * dash * (double)i / length, to = fmin(from + dash / length, 1.0);
        ec_picture_line(on, x0 + from * (x1 - x0), y0 + from * (y1 - y0), x0 + to * (x1 - x0),
                        y0 + to * (y1 - y0), stroke, colour, alpha);
    }
}

/* What is right is blue, what is wrong is orange-red and in dashes, and a point without a
 * prediction has its colour. A dark edge makes what is right stand out. */
static void draw_line(ec_image *on, const place *places, const ec_show_point *p, ec_colour own,
                      double stroke) {
    const bool predicted = !isnan(p->predicted[0]);
    const double *end = predicted ? p->predicted : p->target;
    const ec_colour colour = predicted ? (p->right ? SKY_BLUE : VERMILION) : own;
    const double x0 = across(&places[0], p->source[0]), y0 = down(&places[0], p->source[1]);
    const double x1 = clamp_across(&places[1], end[0]), y1 = clamp_down(&places[1], end[1]);
    if (predicted && !p->right) {
        draw_dashes(on, x0, y0, x1, y1, stroke, colour, 0.9);
        return;
    }
    ec_picture_line(on, x0, y0, x1, y1, stroke + 1.5, INK, 0.5);
    ec_picture_line(on, x0, y0, x1, y1, stroke, colour, 1.0);
}

static void draw_disc(ec_image *on, const place *at, const double *point, ec_colour colour,
                      double height) {
    const double x = clamp_across(at, point[0]), y = clamp_down(at, point[1]);
    ec_picture_disc(on, x, y, 0.03 * height, colour, 0.5);
    ec_picture_ring(on, x, y, 0.03 * height, 1.0, WHITE, 0.9);
    ec_picture_disc(on, x, y, 0.01 * height, colour, 1.0);
}

static void draw_ends(ec_image *on, const place *places, const ec_show_point *p, ec_colour own,
                      double height) {
    draw_disc(on, &places[0], p->source, own, height);
    if (isnan(p->predicted[0])) {
        draw_disc(on, &places[1], p->target, own, height);
        return;
    }
    const double x = across(&places[1], p->target[0]), y = down(&places[1], p->target[1]);
    ec_picture_ring(on, x, y, 0.02 * height, 0.012 * height + 2.0, WHITE, 0.9);
    ec_picture_ring(on, x, y, 0.02 * height, 0.012 * height, own, 1.0);
    draw_disc(on, &places[1], p->predicted, own, height);
}

ec_status ec_show_pair(ec_image *out, const ec_show_panel *source, const ec_show_panel *target,
                       const ec_show_point *points, size_t n, const double *target_box,
                       const ec_show_options *options, ec_error *err) {
    const ec_show_panel panels[] = {*source, *target};
    place places[2];
    const ec_status status = draw_row(out, places, panels, 2, options, err);
    if (status != EC_OK) {
        ec_image_release(out);
        return status;
    }
    const double height = (double)height_of(options), stroke = fmax(height / 180, 1.0);
    if (target_box != NULL)
        ec_picture_box(out, across(&places[1], target_box[0]), down(&places[1], target_box[1]),
                       across(&places[1], target_box[2]), down(&places[1], target_box[3]), stroke,
                       WHITE, 0.7);
    for (size_t i = 0; i < n; i++)
        draw_line(out, places, &points[i], POINT_COLOURS[i % N_POINT_COLOURS], stroke);
    for (size_t i = 0; i < n; i++) /* above all lines */
        draw_ends(out, places, &points[i], POINT_COLOURS[i % N_POINT_COLOURS], height);
    return EC_OK;
}
