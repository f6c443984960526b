/* picture.c - see eyechart/picture.h
 *
 * Every stroke is one shape: the pixels whose distance to a segment lies between two radii. A disc
 * is a segment of length 0, a ring has an inner radius, a line is long.
 */
#include "eyechart/picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pictures/font.h"

#define HEAT_ALPHA 0.45

ec_status ec_picture_new(ec_image *out, size_t width, size_t height, ec_colour background,
                         ec_error *err) {
    *out = (ec_image){0};
    if (width == 0 || height == 0 || width > EC_PICTURE_MAX_SIDE || height > EC_PICTURE_MAX_SIDE)
        return ec_fail(err, EC_ERR_ARG,
                       "a picture of %zu x %zu pixels; expected 1 to %d each way: make the images "
                       "on it smaller or fewer",
                       width, height, EC_PICTURE_MAX_SIDE);
    uint8_t *rgb = malloc(width * height * 3);
    if (rgb == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "out of memory for a picture of %zu x %zu pixels", width,
                       height);
    for (size_t i = 0; i < width * height; i++) {
        rgb[3 * i] = background.red;
        rgb[3 * i + 1] = background.green;
        rgb[3 * i + 2] = background.blue;
    }
    *out = (ec_image){.width = width, .height = height, .rgb = rgb};
    return EC_OK;
}

void ec_picture_paste(ec_image *on, const ec_image *image, size_t left, size_t top) {
    if (left >= on->width || top >= on->height) return;
    const size_t width = image->width < on->width - left ? image->width : on->width - left;
    for (size_t y = 0; y < image->height && y < on->height - top; y++)
        memcpy(on->rgb + 3 * ((top + y) * on->width + left), image->rgb + 3 * y * image->width,
               3 * width);
}

static void blend(uint8_t *rgb, ec_colour colour, double alpha) {
    const uint8_t with[3] = {colour.red, colour.green, colour.blue};
    for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)lround(rgb[c] + (with[c] - rgb[c]) * alpha);
}

/* ---- strokes ---- */

/* Pixels whose distance to the segment from a to b is between inner and outer. */
typedef struct stroke {
    double ax, ay, bx, by, inner, outer;
} stroke;

static double distance(const stroke *s, double x, double y) {
    const double ux = s->bx - s->ax, uy = s->by - s->ay;
    const double length2 = ux * ux + uy * uy;
    double t = length2 > 0.0 ? ((x - s->ax) * ux + (y - s->ay) * uy) / length2 : 0.0;
    t = fmin(fmax(t, 0.0), 1.0);
    return hypot(x - (s->ax + t * ux), y - (s->ay + t * uy));
}

/* Which pixels from `low` to `high` are on a side of `length` pixels. */
typedef struct span {
    size_t first, end;
} span;

static span span_on(double low, double high, size_t length) {
    if (!(high > 0.0 && low < (double)length)) return (span){0, 0}; /* NaN too */
    return (span){(size_t)fmax(floor(low), 0.0), (size_t)fmin(ceil(high), (double)length)};
}

/* How much of a pixel is covered is taken from the distance of its centre: the edge passes from all
 * to nothing over one pixel. */
static void draw(ec_image *on, stroke s, ec_colour colour, double alpha) {
    const double reach = s.outer + 1.0;
    const span columns = span_on(fmin(s.ax, s.bx) - reach, fmax(s.ax, s.bx) + reach, on->width);
    const span rows = span_on(fmin(s.ay, s.by) - reach, fmax(s.ay, s.by) + reach, on->height);
    if (!isfinite(s.ax + s.ay + s.bx + s.by + s.outer)) return;
    for (size_t y = rows.first; y < rows.end; y++)
        for (size_t x = columns.first; x < columns.end; x++) {
            const double d = distance(&s, (double)x + 0.5, (double)y + 0.5);
            const double from = fmin(fmax(d - s.inner + 0.5, 0.0), 1.0);
            const double to = fmin(fmax(s.outer - d + 0.5, 0.0), 1.0);
            if (from * to > 0.0)
                blend(on->rgb + 3 * (y * on->width + x), colour, alpha * from * to);
        }
}

static const double NO_HOLE = -1.0;

void ec_picture_disc(ec_image *on, double x, double y, double radius, ec_colour colour,
                     double alpha) {
    draw(on, (stroke){x, y, x, y, NO_HOLE, radius}, colour, alpha);
}

void ec_picture_ring(ec_image *on, double x, double y, double radius, double width,
                     ec_colour colour, double alpha) {
    draw(on, (stroke){x, y, x, y, radius - width / 2, radius + width / 2}, colour, alpha);
}

void ec_picture_line(ec_image *on, double x0, double y0, double x1, double y1, double width,
                     ec_colour colour, double alpha) {
    draw(on, (stroke){x0, y0, x1, y1, NO_HOLE, width / 2}, colour, alpha);
}

void ec_picture_box(ec_image *on, double x0, double y0, double x1, double y1, double width,
                    ec_colour colour, double alpha) {
    ec_picture_line(on, x0, y0, x1, y0, width, colour, alpha);
    ec_picture_line(on, x1, y0, x1, y1, width, colour, alpha);
    ec_picture_line(on, x1, y1, x0, y1, width, colour, alpha);
    ec_picture_line(on, x0, y1, x0, y0, width, colour, alpha);
}

/* ---- text ---- */

enum { DOTS_ACROSS = 6 }; /* from a letter to the next */

/* Bytes that continue a character of UTF-8 are not letters of their own. */
static bool is_letter(char c) {
    return ((unsigned char)c & 0xc0) != 0x80;
}

static void fill(ec_image *on, size_t left, size_t top, size_t side, ec_colour colour) {
    for (size_t y = top; y < top + side && y < on->height; y++)
        for (size_t x = left; x < left + side && x < on->width; x++)
            blend(on->rgb + 3 * (y * on->width + x), colour, 1.0);
}

void ec_picture_text(ec_image *on, size_t left, size_t top, size_t scale, ec_colour colour,
                     const char *text) {
    for (; *text != '\0' && left < on->width; text++) {
        if (!is_letter(*text)) continue;
        for (size_t y = 0; y < EC_PICTURE_TEXT_HEIGHT; y++)
            for (size_t x = 0; x < EC_FONT_WIDTH; x++)
                if (ec_font_dot(*text, x, y))
                    fill(on, left + x * scale, top + y * scale, scale, colour);
        left += DOTS_ACROSS * scale;
    }
}

size_t ec_picture_text_width(const char *text, size_t scale) {
    size_t n = 0;
    for (; *text != '\0'; text++) n += is_letter(*text);
    return n > 0 ? (DOTS_ACROSS * n - 1) * scale : 0;
}

/* ---- heat ---- */

/* The colour scale viridis of matplotlib (Smith and van der Walt, CC0) at equal steps. */
static const uint8_t VIRIDIS[][3] = {
    {68, 1, 84},    {71, 14, 97},   {72, 26, 108},  {72, 37, 117},  {71, 47, 125},  {68, 58, 131},
    {65, 68, 135},  {61, 78, 138},  {57, 86, 140},  {53, 96, 141},  {49, 104, 142}, {45, 112, 142},
    {42, 120, 142}, {39, 129, 142}, {35, 136, 142}, {33, 145, 141}, {31, 152, 139}, {31, 160, 136},
    {34, 168, 132}, {42, 176, 127}, {53, 183, 121}, {67, 191, 113}, {84, 197, 104}, {102, 204, 93},
    {122, 209, 81}, {143, 215, 68}, {165, 219, 54}, {188, 223, 39}, {210, 226, 27}, {233, 229, 26},
    {253, 231, 37},
};

static ec_colour viridis(double h) {
    enum { LAST = sizeof VIRIDIS / sizeof *VIRIDIS - 1 };
    const double at = h * LAST;
    const int i = at < LAST ? (int)at : LAST - 1;
    uint8_t rgb[3];
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)lround(VIRIDIS[i][c] + (VIRIDIS[i + 1][c] - VIRIDIS[i][c]) * (at - i));
    return (ec_colour){rgb[0], rgb[1], rgb[2]};
}

/* The luma of BT.601, as Pillow's. */
static void make_grey(uint8_t *rgb) {
    const double luma = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
    rgb[0] = rgb[1] = rgb[2] = (uint8_t)lround(luma);
}

void ec_picture_heat(ec_image *on, const float *heat, ec_heat how) {
    static const ec_colour green = {0, 255, 0};
    for (size_t i = 0; i < on->width * on->height; i++) {
        if (isnan(heat[i])) continue;
        const double h = fmin(fmax(heat[i], 0.0), 1.0);
        if (how == EC_HEAT_VIRIDIS) {
            make_grey(on->rgb + 3 * i);
            blend(on->rgb + 3 * i, viridis(h), HEAT_ALPHA);
        } else {
            blend(on->rgb + 3 * i, green, HEAT_ALPHA * h * h);
        }
    }
}
