/* decode_pnm.c - PBM, PGM and PPM, plain (P1 P2 P3) and raw (P4 P5 P6), a parser of our own
 *
 * libnetpbm ends the process on a bad file. Samples become 8 bits as in Pillow's
 * PpmImagePlugin.py: scaled by 255 / maxval and rounded half to even; but greys of more than 8 bits
 * are scaled to 16 bits and then clipped at 255 (Pillow's mode I). 1 is black in a bitmap.
 */
#include <math.h>
#include <stdlib.h>

#include "image/decode.h"

enum { MAX_TOKEN = 10, MAX_SAMPLE = 65535 };

typedef struct {
    const uint8_t *at, *end;
    const ec_image_file *file;
} cursor;

static ec_status damaged(const cursor *c, const char *what, ec_error *err) {
    return ec_decode_damaged(c->file, "PPM", what, err);
}

static bool is_space(uint8_t c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next character that is not in a comment, or -1 at the end. A comment lasts to the end of its
 * line, which it includes. */
static int next_char(cursor *c) {
    while (c->at < c->end && *c->at == '#') {
        while (c->at < c->end && *c->at != '\n' && *c->at != '\r') c->at++;
        if (c->at < c->end) c->at++;
    }
    return c->at < c->end ? *c->at++ : -1;
}

/* A decimal number and the one white space behind it. */
static ec_status read_number(uint32_t *out, cursor *c, ec_error *err) {
    int ch;
    do ch = next_char(c);
    while (ch >= 0 && is_space((uint8_t)ch));
    if (ch < 0) return damaged(c, "it is truncated", err);

    uint64_t value = 0;
    for (int length = 0; ch >= 0 && !is_space((uint8_t)ch); ch = next_char(c)) {
        if (ch < '0' || ch > '9' || ++length > MAX_TOKEN)
            return damaged(c, "there should be a decimal number where there is none", err);
        value = value * 10 + (uint64_t)(ch - '0');
    }
    *out = value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
    return EC_OK;
}

static ec_status read_bitmap(ec_image *image, cursor *c, bool is_plain, ec_error *err) {
    for (size_t y = 0; y < image->height; y++) {
        uint8_t *rgb = image->rgb + y * image->width * 3;
        for (size_t x = 0; x < image->width; x++) {
            int bit;
            if (is_plain) {
                do bit = next_char(c);
                while (bit >= 0 && is_space((uint8_t)bit));
                if (bit < 0) return damaged(c, "it is truncated", err);
                if (bit != '0' && bit != '1') return damaged(c, "a bit is neither 0 nor 1", err);
            } else {
                if (x / 8 >= (size_t)(c->end - c->at)) return damaged(c, "it is truncated", err);
                bit = c->at[x / 8] >> (7 - x % 8);
            }
            rgb[3 * x] = rgb[3 * x + 1] = rgb[3 * x + 2] = (bit & 1) != 0 ? 0 : 255;
        }
        if (!is_plain) c->at += (image->width + 7) / 8;
    }
    return EC_OK;
}

/* What each sample value becomes. */
static void fill_scale(uint8_t *scale, uint32_t maxval, bool is_colour) {
    const double largest = maxval > 255 && !is_colour ? 65535.0 : 255.0;
    for (uint32_t v = 0; v <= (maxval > 255 ? MAX_SAMPLE : 255u); v++) {
        const double scaled = nearbyint((double)v / maxval * largest);
        scale[v] = (uint8_t)(scaled < 255.0 ? scaled : 255.0);
    }
}

static ec_status read_samples(ec_image *image, cursor *c, bool is_plain, bool is_colour,
                              uint32_t maxval, const uint8_t *scale, ec_error *err) {
    const size_t copies = is_colour ? 1 : 3, sample_bytes = maxval > 255 ? 2 : 1;
    const size_t n = image->width * image->height * (is_colour ? 3 : 1);
    if (!is_plain && n * sample_bytes > (size_t)(c->end - c->at))
        return damaged(c, "it is truncated", err);
    uint8_t *rgb = image->rgb;
    for (size_t i = 0; i < n; i++) {
        uint32_t v;
        if (is_plain) {
            const ec_status status = read_number(&v, c, err);
            if (status != EC_OK) return status;
            if (v > maxval) return damaged(c, "a sample is above the maximum", err);
        } else {
            v = *c->at++;
            if (sample_bytes == 2) v = v << 8 | *c->at++;
        }
        for (size_t k = 0; k < copies; k++) *rgb++ = scale[v];
    }
    return EC_OK;
}

static ec_status read_pixels(ec_image *image, cursor *c, int kind, ec_error *err) {
    uint32_t width, height, maxval = 1;
    ec_status status = read_number(&width, c, err);
    if (status == EC_OK) status = read_number(&height, c, err);
    const bool is_plain = kind <= 3, is_bitmap = kind == 1 || kind == 4;
    if (status == EC_OK && !is_bitmap) status = read_number(&maxval, c, err);
    if (status != EC_OK) return status;
    if (maxval < 1 || maxval > MAX_SAMPLE)
        return damaged(c, "its maximum is not between 1 and 65535", err);

    status = ec_image_allocate(image, width, height, c->file, err);
    if (status != EC_OK || is_bitmap)
        return status != EC_OK ? status : read_bitmap(image, c, is_plain, err);

    const bool is_colour = kind == 3 || kind == 6;
    uint8_t *scale = malloc(MAX_SAMPLE + 1);
    if (scale == NULL) return ec_fail(err, EC_ERR_NOMEM, "%s: out of memory", c->file->name);
    fill_scale(scale, maxval, is_colour);
    status = read_samples(image, c, is_plain, is_colour, maxval, scale, err);
    free(scale);
    return status;
}

ec_status ec_decode_pnm(ec_image *out, const ec_image_file *file, ec_error *err) {
    cursor c = {file->bytes + 2, file->bytes + file->size_bytes, file};
    if (c.at >= c.end || !is_space(*c.at))
        return damaged(&c, "no white space behind its magic number", err);
    ec_image image = {0};
    const ec_status status = read_pixels(&image, &c, file->bytes[1] - '0', err);
    if (status == EC_OK)
        *out = image;
    else
        ec_image_release(&image);
    return status;
}
