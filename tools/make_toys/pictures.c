/* pictures.c - drawings, the points that correspond in them, and lists of them with prompts
 *
 * Two things are drawn: a beetle (head, tail, four feet) and a kite (four corners, the end of its
 * tail), turned, moved, scaled, now and then with a part hidden, on grounds with specks. Each part
 * has its colour, so that it can be found again.
 */
#include <math.h>
#include <stdio.h>

#include "eyechart/picture.h"
#include "eyechart/rng.h"
#include "toys.h"

enum { N_OF_A_KIND = 14, N_SCENES = 12, MAX_PARTS = 6 };

typedef struct part {
    double x, y, radius; /* in a frame where the thing fits [-1, 1] */
    ec_colour colour;
} part;

typedef struct thing {
    const char *name;
    unsigned n_parts;
    part parts[MAX_PARTS];
    ec_colour body;
} thing;

static const thing THINGS[2] = {
    {"beetle",
     6,
     {{0.95, 0.0, 0.26, {214, 40, 40}},
      {-0.95, 0.0, 0.18, {30, 80, 200}},
      {0.45, 0.75, 0.15, {245, 200, 20}},
      {0.45, -0.75, 0.15, {20, 160, 70}},
      {-0.45, 0.75, 0.15, {220, 50, 200}},
      {-0.45, -0.75, 0.15, {20, 190, 210}}},
     {90, 60, 30}},
    {"kite",
     5,
     {{0.0, -1.0, 0.17, {250, 120, 10}},
      {0.6, -0.2, 0.17, {120, 30, 160}},
      {-0.6, -0.2, 0.17, {10, 120, 120}},
      {0.0, 0.5, 0.17, {240, 90, 130}},
      {0.35, 1.1, 0.15, {60, 60, 60}}},
     {150, 200, 120}},
};

/* Where a thing stands in a picture. */
typedef struct place {
    double x, y, scale, cosine, sine;
} place;

static double between(ec_rng *rng, double low, double high) {
    return low + (high - low) * ec_rng_uniform(rng);
}

static place draw_place(ec_rng *rng, double width, double height, double size) {
    const double side = width < height ? width : height;
    const double scale = side * size * between(rng, 0.8, 1.1), angle = between(rng, -0.6, 0.6);
    return (place){between(rng, 1.3 * scale, width - 1.3 * scale),
                   between(rng, 1.3 * scale, height - 1.3 * scale), scale, cos(angle), sin(angle)};
}

static void locate(double *x, double *y, const place *at, double px, double py) {
    *x = at->x + at->scale * (at->cosine * px - at->sine * py);
    *y = at->y + at->scale * (at->sine * px + at->cosine * py);
}

static uint8_t shade(double value) {
    return (uint8_t)(value < 0.0 ? 0.0 : value > 255.0 ? 255.0 : value + 0.5);
}

static ec_colour jitter(ec_rng *rng, ec_colour c, double by) {
    return (ec_colour){shade(c.red + between(rng, -by, by)), shade(c.green + between(rng, -by, by)),
                       shade(c.blue + between(rng, -by, by))};
}

static void draw_ground(ec_image *on, ec_rng *rng) {
    for (int k = 0; k < 40; k++)
        ec_picture_disc(on, between(rng, 0.0, (double)on->width),
                        between(rng, 0.0, (double)on->height), between(rng, 1.0, 5.0),
                        jitter(rng, (ec_colour){170, 170, 170}, 40.0), 0.5);
}

static void draw_body(ec_image *on, const thing *t, const place *at) {
    double x[MAX_PARTS], y[MAX_PARTS], cx, cy;
    locate(&cx, &cy, at, 0.0, 0.0);
    for (unsigned k = 0; k < t->n_parts; k++) {
        locate(&x[k], &y[k], at, t->parts[k].x, t->parts[k].y);
        ec_picture_line(on, cx, cy, x[k], y[k], 0.12 * at->scale, t->body, 1.0);
    }
    ec_picture_disc(on, cx, cy, 0.4 * at->scale, t->body, 1.0);
}

/* Draws the parts that are not hidden (bits of `hidden`). */
static void draw_parts(ec_image *on, ec_rng *rng, const thing *t, const place *at,
                       unsigned hidden) {
    for (unsigned k = 0; k < t->n_parts; k++) {
        if (hidden >> k & 1) continue;
        double x, y;
        locate(&x, &y, at, t->parts[k].x, t->parts[k].y);
        ec_picture_disc(on, x, y, t->parts[k].radius * at->scale,
                        jitter(rng, t->parts[k].colour, 18.0), 1.0);
    }
}

static ec_status new_picture(ec_image *out, ec_rng *rng, ec_error *err) {
    static const size_t SIZES[4][2] = {{160, 120}, {120, 160}, {144, 144}, {192, 120}};
    const size_t *size = SIZES[ec_rng_below(rng, 4)];
    const ec_colour ground = jitter(rng, (ec_colour){225, 222, 210}, 20.0);
    const ec_status status = ec_picture_new(out, size[0], size[1], ground, err);
    if (status == EC_OK) draw_ground(out, rng);
    return status;
}

static ec_status save(const char *folder, const char *name, ec_image *image, ec_error *err) {
    char path[4096];
    snprintf(path, sizeof path, "%s/images/%s.png", folder, name);
    const ec_status status = ec_picture_save(path, image, NULL, NULL, err);
    ec_image_release(image);
    return status;
}

/* ---- keypoints ------------------------------------------------------------------------------ */

/* The entry of one drawing: its points, and the box around the whole thing. */
static void write_points(ec_text *json, const char *name, const ec_image *image, const thing *t,
                         const place *at, unsigned hidden) {
    double box[4] = {1e9, 1e9, -1e9, -1e9};
    bool first = true;
    ec_text_format(json,
                   "    {\"id\": \"%s\", \"file\": \"images/%s.png\", \"width\": %zu, "
                   "\"height\": %zu,\n     \"points\": {",
                   name, name, image->width, image->height);
    for (unsigned k = 0; k < t->n_parts; k++) {
        double x, y;
        const double radius = t->parts[k].radius * at->scale;
        locate(&x, &y, at, t->parts[k].x, t->parts[k].y);
        box[0] = fmin(box[0], x - radius);
        box[1] = fmin(box[1], y - radius);
        box[2] = fmax(box[2], x + radius);
        box[3] = fmax(box[3], y + radius);
        if (hidden >> k & 1) continue;
        ec_text_format(json, "%s\"%u\": [%.2f, %.2f]", first ? "" : ", ", k, x, y);
        first = false;
    }
    ec_text_format(json, "},\n     \"box\": [%.2f, %.2f, %.2f, %.2f]}", box[0], box[1], box[2],
                   box[3]);
}

static ec_status draw_thing(const char *folder, ec_text *json, unsigned kind, unsigned i,
                            ec_error *err) {
    const thing *t = &THINGS[kind];
    ec_rng rng;
    ec_rng_init(&rng, SEED, STREAM_PICTURES + 100 * kind + i);
    ec_image image;
    ec_status status = new_picture(&image, &rng, err);
    if (status != EC_OK) return status;
    const place at = draw_place(&rng, (double)image.width, (double)image.height, 0.32);
    const unsigned hidden = i % 3 == 2 ? 1u << ec_rng_below(&rng, t->n_parts) : 0;
    draw_body(&image, t, &at);
    draw_parts(&image, &rng, t, &at, hidden);
    char name[32];
    snprintf(name, sizeof name, "%s-%02u", t->name, i);
    if (kind + i > 0) ec_text_add(json, ",\n");
    write_points(json, name, &image, t, &at, hidden);
    return save(folder, name, &image, err);
}

/* Each with three others of its kind, at growing distance. */
static void write_pairs(ec_text *json, unsigned kind) {
    for (unsigned i = 0; i < N_OF_A_KIND; i++)
        for (unsigned step = 1; step <= 5; step += 2)
            ec_text_format(json,
                           "%s    {\"id\": \"%s-%02u-%u\", \"source\": \"%s-%02u\", \"target\": "
                           "\"%s-%02u\", \"category\": \"%s\"}",
                           kind + i + step > 1 ? ",\n" : "", THINGS[kind].name, i, step,
                           THINGS[kind].name, i, THINGS[kind].name, (i + step) % N_OF_A_KIND,
                           THINGS[kind].name);
}

static ec_status make_keypoints(const char *folder, ec_error *err) {
    ec_text json = {0};
    ec_status status = EC_OK;
    ec_text_add(&json, "{\n  \"images\": [\n");
    for (unsigned kind = 0; kind < 2; kind++)
        for (unsigned i = 0; status == EC_OK && i < N_OF_A_KIND; i++)
            status = draw_thing(folder, &json, kind, i, err);
    ec_text_add(&json, "\n  ],\n  \"pairs\": [\n");
    for (unsigned kind = 0; kind < 2; kind++) write_pairs(&json, kind);
    ec_text_add(&json, "\n  ]\n}\n");
    if (status == EC_OK) return toys_write(folder, "keypoints.json", &json, false, err);
    ec_text_release(&json);
    return status;
}

/* ---- benchmarks ----------------------------------------------------------------------------- */

/* Several things in one picture. */
static ec_status draw_scene(const char *folder, unsigned i, ec_error *err) {
    ec_rng rng;
    ec_rng_init(&rng, SEED, STREAM_PICTURES + 1000 + i);
    ec_image image;
    ec_status status = new_picture(&image, &rng, err);
    if (status != EC_OK) return status;
    for (unsigned k = 0; k < 2 + i % 3; k++) {
        const thing *t = &THINGS[ec_rng_below(&rng, 2)];
        const place at = draw_place(&rng, (double)image.width, (double)image.height, 0.2);
        draw_body(&image, t, &at);
        draw_parts(&image, &rng, t, &at, 0);
    }
    char name[32];
    snprintf(name, sizeof name, "scene-%02u", i);
    return save(folder, name, &image, err);
}

static ec_status make_lists(const char *folder, ec_error *err) {
    ec_text colours = {0}, shapes = {0};
    for (unsigned i = 0; i < N_SCENES; i++) {
        ec_text_format(&colours,
                       "{\"image\": \"images/scene-%02u.png\", \"prompt\": \"Which colours has the "
                       "%s thing?\"}\n",
                       i, i % 2 ? "largest" : "leftmost");
        ec_text_format(&shapes,
                       "{\"image\": \"images/scene-%02u.png\", \"prompt\": \"How many %s are "
                       "there?\"}\n",
                       i, i % 2 ? "kites" : "beetles");
    }
    for (unsigned i = 0; i < N_OF_A_KIND; i++) {
        ec_text_format(&colours,
                       "{\"image\": \"images/beetle-%02u.png\", \"prompt\": \"What colour is its "
                       "head?\"}\n",
                       i);
        ec_text_format(&shapes,
                       "{\"image\": \"images/kite-%02u.png\", \"prompt\": \"Is this a kite or a "
                       "beetle?\"}\n",
                       i);
    }
    ec_status status = toys_write(folder, "colours.jsonl", &colours, false, err);
    if (status == EC_OK) return toys_write(folder, "shapes.jsonl", &shapes, false, err);
    ec_text_release(&shapes);
    return status;
}

ec_status toys_make_pictures(const char *folder, ec_error *err) {
    ec_status status = toys_make_folder(folder, "images", err);
    if (status == EC_OK) status = make_keypoints(folder, err);
    for (unsigned i = 0; status == EC_OK && i < N_SCENES; i++) status = draw_scene(folder, i, err);
    return status == EC_OK ? make_lists(folder, err) : status;
}
