/* prepare.c - from an image to the input of an encoder
 *
 *     turn -> pad -> resize -> centre crop -> x * rescale -> (x - mean) / std -> [3][height][width]
 *
 * Source: image_transforms.py of transformers 4.38.2 and newer, on Pillow images ("slow"
 * processors). Up to the crop pixels are bytes, so each channel has only 256 different results,
 * computed once, in the reference's precision: the product in double, the rest in float.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image/resample.h"

ec_preparation ec_preparation_square(size_t size) {
    return (ec_preparation){.resize = EC_RESIZE_SQUASH,
                            .resize_width = size,
                            .resize_height = size,
                            .filter = EC_FILTER_BICUBIC,
                            .rescale = 1.0 / 255.0,
                            .normalise = true,
                            .mean = {0.5, 0.5, 0.5},
                            .std = {0.5, 0.5, 0.5}};
}

ec_preparation ec_preparation_pad(const ec_preparation *like) {
    ec_preparation p = *like;
    p.pad = true;
    for (int c = 0; c < 3; c++) {
        const double colour = trunc(p.mean[c] * 255.0);
        p.pad_colour[c] = colour < 0.0 ? 0 : colour > 255.0 ? 255 : (uint8_t)colour;
    }
    return p;
}

ec_preparation ec_preparation_letterbox(size_t size, const ec_preparation *like) {
    ec_preparation p = *like;
    p.resize = EC_RESIZE_LONGEST_EDGE;
    p.longest_edge = p.crop_width = p.crop_height = size;
    return p;
}

ec_status ec_preparation_size(size_t *width, size_t *height, const ec_preparation *preparation,
                              ec_error *err) {
    const ec_preparation *p = preparation;
    if (p->crop_width > 0 && p->crop_height > 0) {
        *width = p->crop_width;
        *height = p->crop_height;
    } else if (p->resize == EC_RESIZE_SQUASH) {
        *width = p->resize_width;
        *height = p->resize_height;
    } else {
        return ec_fail(err, EC_ERR_ARG,
                       "the prepared size depends on the image: set a crop, or resize to a fixed "
                       "width and height");
    }
    return EC_OK;
}

/* transformers' get_size_with_aspect_ratio(): where the long edge would pass its limit, the short
 * edge follows from that, rounded, and the long one from the short one before it was rounded. */
static void limit_edges(size_t *edge, size_t *other, size_t small, size_t large, size_t limit) {
    const double min = (double)small, max = (double)large;
    if (max / min * (double)*edge <= (double)limit) return;
    const double exact = (double)limit * min / max;
    *edge = exact < 1.0 ? 1 : (size_t)nearbyint(exact); /* half to even */
    *other = *edge == small ? large : (size_t)(exact * max / min);
    if (*other == 0) *other = 1;
}

/* The size of the whole resized image; comes with the size of the image. */
static void resized_size(size_t *width, size_t *height, const ec_preparation *p) {
    const bool is_upright = *width <= *height;
    const size_t small = is_upright ? *width : *height;
    const size_t large = is_upright ? *height : *width;
    if (p->resize == EC_RESIZE_SQUASH) {
        *width = p->resize_width;
        *height = p->resize_height;
    } else if (p->resize == EC_RESIZE_LONGEST_EDGE) {
        const double exact = (double)(p->longest_edge * small) / (double)large;
        const size_t other = exact < 1.0 ? 1 : (size_t)nearbyint(exact); /* half to even */
        *width = is_upright ? other : p->longest_edge;
        *height = is_upright ? p->longest_edge : other;
    } else if (p->resize == EC_RESIZE_SHORTEST_EDGE) {
        /* Python's int(edge * long / short): exact product, one rounding, cut. */
        size_t edge = p->shortest_edge;
        size_t other = (size_t)((double)(edge * large) / (double)small);
        if (p->longest_edge > 0) limit_edges(&edge, &other, small, large, p->longest_edge);
        *width = is_upright ? edge : other;
        *height = is_upright ? other : edge;
    }
}

/* One axis of a centre crop: where the kept pixels begin in the resized image and in the output,
 * and how many there are. */
typedef struct {
    size_t from, to, n;
} crop;

/* top = floor((have - want) / 2), which is rounded up in size where it is negative; padding of our
 * own rounds down. */
static crop crop_axis(size_t have, size_t want, const ec_preparation *p) {
    if (have >= want) return (crop){(have - want) / 2, 0, want};
    return (crop){0, (want - have + (p->resize != EC_RESIZE_LONGEST_EDGE)) / 2, have};
}

/* Everything between an image and the output but the pixels. */
typedef struct {
    size_t resized_width, resized_height, width, height;
    crop across, down;
} layout;

static ec_status lay_out(layout *out, const ec_preparation *p, size_t image_width,
                         size_t image_height, ec_error *err) {
    const ec_status status = ec_preparation_size(&out->width, &out->height, p, err);
    if (status != EC_OK) return status;
    if (image_width == 0 || image_height == 0)
        return ec_fail(err, EC_ERR_ARG, "there is no image to prepare");
    if (p->shortest_edge > UINT32_MAX || p->longest_edge > UINT32_MAX)
        return ec_fail(err, EC_ERR_ARG, "cannot resize to an edge of %zu pixels",
                       p->shortest_edge > p->longest_edge ? p->shortest_edge : p->longest_edge);
    out->resized_width = image_width;
    out->resized_height = image_height;
    resized_size(&out->resized_width, &out->resized_height, p);
    out->across = crop_axis(out->resized_width, out->width, p);
    out->down = crop_axis(out->resized_height, out->height, p);
    return EC_OK;
}

/* LLaVA's padding: the side of the square, and what is before the image. */
static size_t square_of(size_t *left, size_t *top, size_t width, size_t height) {
    const size_t side = width > height ? width : height;
    *left = (side - width) / 2;
    *top = (side - height) / 2;
    return side;
}

ec_status ec_preparation_frame(ec_frame *out, const ec_preparation *preparation, size_t image_width,
                               size_t image_height, ec_error *err) {
    layout l;
    size_t width = image_width, height = image_height, left = 0, top = 0;
    if (preparation->pad) width = height = square_of(&left, &top, image_width, image_height);
    const ec_status status = lay_out(&l, preparation, width, height, err);
    if (status != EC_OK) return status;
    const double scale_x = (double)l.resized_width / (double)width;
    const double scale_y = (double)l.resized_height / (double)height;
    *out =
        (ec_frame){.scale_x = scale_x,
                   .scale_y = scale_y,
                   .offset_x = (double)l.across.to - (double)l.across.from + scale_x * (double)left,
                   .offset_y = (double)l.down.to - (double)l.down.from + scale_y * (double)top};
    return EC_OK;
}

static void fill_values(float value[3][256], const ec_preparation *p) {
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++) {
            const float x = (float)(v * p->rescale);
            value[c][v] = p->normalise ? (x - (float)p->mean[c]) / (float)p->std[c] : x;
        }
}

/* Writes the pixels from (x, y) on of `kept` into planes of width x height; around them is zero,
 * before it is rescaled and normalised. */
static void write_planes(float *out, size_t width, size_t height, const ec_image *kept, size_t kx,
                         size_t ky, const crop *across, const crop *down, float value[3][256]) {
    for (size_t c = 0; c < 3; c++) {
        float *plane = out + c * width * height;
        if (across->n < width || down->n < height)
            for (size_t i = 0; i < width * height; i++) plane[i] = value[c][0];
        for (size_t y = 0; y < down->n; y++) {
            const uint8_t *rgb = kept->rgb + ((ky + y) * kept->width + kx) * 3 + c;
            float *row = plane + (down->to + y) * width + across->to;
            for (size_t x = 0; x < across->n; x++) row[x] = value[c][rgb[3 * x]];
        }
    }
}

/* The image in the middle of a square of one colour: expand2square(). */
static ec_status pad(ec_image *out, const ec_image *image, const uint8_t colour[3], ec_error *err) {
    size_t left, top;
    const size_t side = square_of(&left, &top, image->width, image->height);
    *out = (ec_image){0};
    if (side > EC_IMAGE_MAX_PIXELS / side)
        return ec_fail(err, EC_ERR_ARG,
                       "%zu x %zu pixels padded to a square are more than the limit of %d",
                       image->width, image->height, EC_IMAGE_MAX_PIXELS);
    *out = (ec_image){.width = side, .height = side, .rgb = malloc(side * side * 3)};
    if (out->rgb == NULL)
        return ec_fail(err, EC_ERR_NOMEM, "out of memory for %zu x %zu pixels", side, side);
    for (size_t i = 0; i < side * side; i++) memcpy(out->rgb + 3 * i, colour, 3);
    for (size_t y = 0; y < image->height; y++)
        memcpy(out->rgb + ((top + y) * side + left) * 3, image->rgb + y * image->width * 3,
               image->width * 3);
    return EC_OK;
}

/* What of the preparation is done to the image as it is: gives it, or another that is in `own`. */
static ec_status turn_and_pad(const ec_image **out, ec_image own[2], const ec_image *image,
                              const ec_preparation *p, ec_error *err) {
    ec_status status = EC_OK;
    *out = image;
    if (p->exif_transpose && image->orientation > 1) {
        status = ec_image_turn(&own[0], image, image->orientation, err);
        *out = &own[0];
    }
    if (status == EC_OK && p->pad && (*out)->width != (*out)->height && (*out)->width > 0 &&
        (*out)->height > 0) {
        status = pad(&own[1], *out, p->pad_colour, err);
        *out = &own[1];
    }
    return status;
}

static ec_status prepare(float *out, const ec_image *image, const ec_preparation *p,
                         ec_error *err) {
    layout l;
    ec_status status = lay_out(&l, p, image->width, image->height, err);
    if (status != EC_OK) return status;

    float value[3][256];
    fill_values(value, p);
    if (p->resize == EC_RESIZE_NONE) {
        write_planes(out, l.width, l.height, image, l.across.from, l.down.from, &l.across, &l.down,
                     value);
        return EC_OK;
    }
    const ec_resample_plan plan = {l.resized_width,
                                   l.resized_height,
                                   p->filter,
                                   p->horizontal_first,
                                   {l.across.from, l.down.from, l.across.n, l.down.n}};
    ec_image kept;
    status = ec_image_resample(&kept, image, &plan, ec_resample_best(), err);
    if (status != EC_OK) return status;
    write_planes(out, l.width, l.height, &kept, 0, 0, &l.across, &l.down, value);
    ec_image_release(&kept);
    return EC_OK;
}

ec_status ec_prepare(float *out, const ec_image *image, const ec_preparation *preparation,
                     ec_error *err) {
    ec_image own[2] = {{0}, {0}};
    ec_status status = turn_and_pad(&image, own, image, preparation, err);
    if (status == EC_OK) status = prepare(out, image, preparation, err);
    ec_image_release(&own[0]);
    ec_image_release(&own[1]);
    return status;
}
